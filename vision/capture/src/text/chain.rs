//! Strokes chained into lines, and lines into blocks.

use std::collections::BTreeMap;

use opencv::core::Rect;

/// Greatest height of letters, pixels of the frame.
pub(super) const LETTER_MOST: i32 = 110;

/// A line of print in the upright picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Middle, pixels of the upright picture.
    pub(super) middle: [f64; 2],
    pub(super) width: f64,
    /// Height of capitals.
    pub(super) height: f64,
    /// Rise per pixel of width.
    pub(super) slope: f64,
    /// Number of the block that it belongs to, from 1, top to bottom.
    pub(super) block: u32,
    /// Lines in its block.
    pub(super) of_block: usize,
}

impl Line {
    /// About how many letters it has.
    pub(super) fn letters(&self) -> f64 {
        self.width / self.height
    }
}

/// Chains strokes into lines: neighbors of similar size at the same height.
pub(super) fn chained(strokes: &[Rect]) -> Vec<Line> {
    let mut group: Vec<usize> = (0..strokes.len()).collect();
    for (i, one) in strokes.iter().enumerate() {
        let reach = one.x + one.width + LETTER_MOST * 3 / 2;
        let later = strokes.iter().enumerate().skip(i + 1);
        for (j, other) in later.take_while(|(_, other)| other.x <= reach) {
            if follows(one, other) {
                join(&mut group, i, j);
            }
        }
    }
    let mut members: BTreeMap<usize, Vec<Rect>> = BTreeMap::new();
    for (i, stroke) in strokes.iter().enumerate() {
        members.entry(root(&group, i)).or_default().push(*stroke);
    }
    members
        .values()
        .filter_map(|strokes| line(strokes))
        .collect()
}

/// Whether the second stroke stands on the first one's line, a word's gap away at most.
fn follows(one: &Rect, other: &Rect) -> bool {
    let (low, high) = (one.height.min(other.height), one.height.max(other.height));
    let gap = other.x - (one.x + one.width);
    let top = one.y.max(other.y);
    let overlap = (one.y + one.height).min(other.y + other.height) - top;
    gap * 10 <= high * 13 && overlap * 2 >= low && high <= low * 3
}

fn root(group: &[usize], mut at: usize) -> usize {
    // Links always go to smaller places, so that this ends.
    while let Some(next) = group.get(at).copied().filter(|next| *next < at) {
        at = next;
    }
    at
}

fn join(group: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(group, one), root(group, other));
    let (low, high) = (one.min(other), one.max(other));
    if let Some(link) = group.get_mut(high) {
        *link = low;
    }
}

/// The line that strokes make, where they make one.
fn line(strokes: &[Rect]) -> Option<Line> {
    if strokes.len() < 2 {
        return None;
    }
    let mut heights: Vec<i32> = strokes.iter().map(|stroke| stroke.height).collect();
    heights.sort_unstable();
    let capital = *heights.get(heights.len() * 4 / 5)?;
    let left = strokes.iter().map(|stroke| stroke.x).min()?;
    let right = strokes.iter().map(|stroke| stroke.x + stroke.width).max()?;
    let (width, height) = (f64::from(right - left), f64::from(capital));
    if width < 1.5 * height {
        return None;
    }
    // The middles of the tall strokes show the slope.
    let tall = strokes
        .iter()
        .filter(|stroke| stroke.height * 5 >= capital * 3);
    let middles: Vec<[f64; 2]> = tall
        .map(|s| {
            [
                f64::from(2 * s.x + s.width) / 2.0,
                f64::from(2 * s.y + s.height) / 2.0,
            ]
        })
        .collect();
    let count = f64::from(u32::try_from(middles.len()).ok()?);
    let mean = [0, 1].map(|axis| middles.iter().filter_map(|m| m.get(axis)).sum::<f64>() / count);
    let spread: f64 = middles.iter().map(|[x, _]| (x - mean[0]).powi(2)).sum();
    let joint: f64 = middles
        .iter()
        .map(|[x, y]| (x - mean[0]) * (y - mean[1]))
        .sum();
    let slope = if width > 4.0 * height && spread > 0.0 {
        joint / spread
    } else {
        0.0
    };
    let x = f64::from(left + right) / 2.0;
    (slope.abs() < 0.25).then_some(Line {
        middle: [x, mean[1] + slope * (x - mean[0])],
        width,
        height,
        slope,
        block: 0,
        of_block: 1,
    })
}

/// Numbers the blocks: lines of similar size below each other.
pub(super) fn blocks(lines: &mut [Line]) {
    lines.sort_by(|a, b| a.middle[1].total_cmp(&b.middle[1]));
    let mut group: Vec<usize> = (0..lines.len()).collect();
    for (i, upper) in lines.iter().enumerate() {
        for (j, lower) in lines.iter().enumerate().skip(i + 1) {
            if below(upper, lower) {
                join(&mut group, i, j);
            }
        }
    }
    let roots: Vec<usize> = (0..lines.len()).map(|i| root(&group, i)).collect();
    for (i, line) in lines.iter_mut().enumerate() {
        let own = roots.get(i).copied().unwrap_or(i);
        line.block = u32::try_from(own).map_or(u32::MAX, |own| own + 1);
        line.of_block = roots.iter().filter(|root| **root == own).count();
    }
}

/// Whether the second line stands directly below the first, or continues it after a wide gap.
fn below(upper: &Line, lower: &Line) -> bool {
    let height = upper.height.max(lower.height);
    let similar = height <= 2.0 * upper.height.min(lower.height);
    let slope = f64::midpoint(upper.slope, lower.slope);
    let level = upper.middle[1] + slope * (lower.middle[0] - upper.middle[0]);
    let apart = lower.middle[1] - level;
    let overlap =
        f64::midpoint(upper.width, lower.width) - (upper.middle[0] - lower.middle[0]).abs();
    similar && apart.abs() <= 2.6 * height && overlap >= 0.2 * upper.width.min(lower.width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(left: i32, top: i32, letters: i32) -> Vec<Rect> {
        (0..letters)
            .map(|i| Rect::new(left + i * 14, top + i % 2, 10, 20))
            .collect()
    }

    #[test]
    fn strokes_become_lines_and_blocks() {
        let mut strokes = word(10, 10, 8);
        strokes.extend(word(140, 10, 5));
        strokes.extend(word(10, 45, 9));
        strokes.extend(word(10, 300, 6));
        strokes.push(Rect::new(400, 400, 10, 20));
        strokes.sort_by_key(|stroke| stroke.x);
        let mut lines = chained(&strokes);
        blocks(&mut lines);
        let shown: Vec<_> = lines
            .iter()
            .map(|l| (l.width, l.block, l.of_block))
            .collect();
        assert_eq!(shown, [(196.0, 1, 2), (122.0, 1, 2), (80.0, 3, 1)]);
        assert!(lines.iter().all(|line| line.slope.abs() < 0.02));
    }

    #[test]
    fn a_sloping_line_is_one() {
        let strokes: Vec<Rect> = (0..20).map(|i| Rect::new(i * 14, i * 2, 10, 20)).collect();
        let lines = chained(&strokes);
        assert_eq!(lines.len(), 1);
        assert!((lines[0].slope - 2.0 / 14.0).abs() < 0.01);
    }
}

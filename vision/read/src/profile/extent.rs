//! Where the bars of a profile lie, and how dark each place is.

use super::sum::Sums;

/// Window in which a swing is looked for, pixels to each side.
const REACH_PX: f32 = 7.5;

/// Samples this near are averaged before ends are looked for, pixels to each side.
const SMOOTH_PX: f32 = 0.6;

/// Shares of the usual greatest swing from which a place is within the bars, and gaps that are
/// bridged in reaches: as bars mostly stand, with glare over a part of them, and with other print
/// close to their ends.
const LOOKS: [(f32, f32); 3] = [(0.45, 2.0), (0.2, 2.0), (0.3, 1.0)];

/// Ends that differ by less than this many pixels are the same.
const SAME_PX: f32 = 0.8;

/// Grey levels added to a brightness before a share of it is taken.
const DARKEST: f32 = 40.0;

/// Least width of the bars, pixels.
const WIDTH_MIN_PX: f32 = 40.0;

/// The envelope of the brightness is taken over this share of the bars' width to each side: a few
/// characters, so that it follows light and glare but not single wide bars.
const ENVELOPE_SHARE: f32 = 0.085;

/// First and last place of the bars in samples, by swing of the brightness: longest run of places
/// whose surroundings swing, its ends moved to the outermost dark places. The likeliest first.
pub(super) fn bars(profile: &[f32], per_px: f32) -> Vec<[f32; 2]> {
    let reach = ((REACH_PX * per_px) as usize).max(1);
    let width_min = WIDTH_MIN_PX * per_px;
    if (profile.len() as f32) < width_min || profile.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    // Noise of single samples moves the ends, so it is smoothed a little.
    let profile = smooth(profile, (SMOOTH_PX * per_px) as usize);
    let (low, high) = envelope(&profile, reach);
    // As a share of the brightness, so that uneven light does not hide the darker end.
    let relative = |(low, high): (&f32, &f32)| (high - low) / (high.abs() + DARKEST);
    let swing: Vec<f32> = low.iter().zip(&high).map(relative).collect();
    let usual = percentile(&swing, 0.9);
    let mut found: Vec<[f32; 2]> = Vec::new();
    for (share, gap) in LOOKS {
        let gap = (gap * reach as f32) as usize;
        let Some(run) = longest_run(&swing, share * usual, gap).filter(|_| usual > 0.0) else {
            continue;
        };
        let middle = |at: usize| f32::midpoint(low[at], high[at]);
        let dark = |at: &usize| profile[*at] < middle(*at) && swing[*at] > share * usual;
        let [first, last] = run;
        let (Some(first), Some(last)) =
            ((first..=last).find(dark), (first..=last).rev().find(dark))
        else {
            continue;
        };
        let ends = [
            edge(&profile, first, first.checked_sub(1), middle(first)),
            edge(&profile, last, Some(last + 1), middle(last)),
        ];
        let known = |other: &[f32; 2]| {
            let off = (ends[0] - other[0]).abs().max((ends[1] - other[1]).abs());
            off < SAME_PX * per_px
        };
        if ends[1] - ends[0] >= width_min && !found.iter().any(known) {
            found.push(ends);
        }
    }
    found
}

/// Where the brightness crosses the middle between a dark sample and its bright neighbor.
fn edge(profile: &[f32], inside: usize, outside: Option<usize>, middle: f32) -> f32 {
    let Some(outside) = outside.filter(|at| *at < profile.len()) else {
        return inside as f32;
    };
    let (a, b) = (profile[inside] - middle, profile[outside] - middle);
    let part = if b > a {
        (-a / (b - a)).clamp(0.0, 1.0)
    } else {
        0.5
    };
    inside as f32 + part * (outside as f32 - inside as f32)
}

/// The longest run of places above the threshold, gaps of at most `gap` allowed.
fn longest_run(swing: &[f32], threshold: f32, gap: usize) -> Option<[usize; 2]> {
    let mut best: Option<[usize; 2]> = None;
    let mut run: Option<[usize; 2]> = None;
    for at in (0..swing.len()).filter(|at| swing[*at] > threshold) {
        run = match run {
            Some([first, last]) if at - last <= gap => Some([first, at]),
            _ => Some([at, at]),
        };
        let length = |run: Option<[usize; 2]>| run.map(|[first, last]| last - first);
        if length(run) > length(best) {
            best = run;
        }
    }
    best
}

/// Darkness of every sample from −0.5 (paper) to 0.5 (ink) between the bars' ends, by the envelope
/// of the brightness around it.
pub(super) fn darkness(profile: &[f32], [from, to]: [f32; 2], out: &mut Vec<f32>) {
    let first = (from.max(0.0) as usize).min(profile.len() - 1);
    let last = (to.max(0.0) as usize).clamp(first, profile.len() - 1);
    let inside = &profile[first..=last];
    let reach = ((inside.len() as f32 * ENVELOPE_SHARE) as usize).max(2);
    let (low, high) = envelope(inside, reach);
    let (low, high) = (smooth(&low, reach), smooth(&high, reach));
    let floor = 0.25 * (percentile(&high, 0.5) - percentile(&low, 0.5)).max(1.0);
    out.clear();
    out.extend(profile.iter().enumerate().map(|(at, value)| {
        let near = at.clamp(first, last) - first;
        let (low, high) = (low[near], high[near]);
        let middle = f32::midpoint(low, high);
        ((middle - value) / (high - low).max(floor)).clamp(-0.8, 0.8)
    }));
}

/// Least and greatest value within `reach` of every place.
pub(super) fn envelope(values: &[f32], reach: usize) -> (Vec<f32>, Vec<f32>) {
    let extreme = |better: fn(f32, f32) -> f32| -> Vec<f32> {
        // Van Herk: extremes from both ends of blocks as wide as the window.
        let (count, block) = (values.len(), 2 * reach + 1);
        let mut ahead = values.to_vec();
        let mut behind = values.to_vec();
        for at in 1..count {
            if at % block != 0 {
                ahead[at] = better(ahead[at], ahead[at - 1]);
            }
            let back = count - 1 - at;
            if (back + 1) % block != 0 {
                behind[back] = better(behind[back], behind[back + 1]);
            }
        }
        let range = |at: usize| (at.saturating_sub(reach), (at + reach).min(count - 1));
        (0..count)
            .map(|at| {
                let (from, to) = range(at);
                if to - from + 1 < block {
                    // At the ends the window is cut: fewer than a block, scanned as it is.
                    let part = values[from..=to].iter().copied();
                    part.fold(values[at], better)
                } else {
                    better(behind[from], ahead[to])
                }
            })
            .collect()
    };
    if values.is_empty() {
        return (Vec::new(), Vec::new());
    }
    (extreme(f32::min), extreme(f32::max))
}

/// Mean within `reach` of every place.
fn smooth(values: &[f32], reach: usize) -> Vec<f32> {
    let sums = Sums::of(values);
    (0..values.len())
        .map(|at| {
            let from = at.saturating_sub(reach);
            let to = (at + reach + 1).min(values.len());
            sums.mean(from as f32, to as f32)
        })
        .collect()
}

/// The value below which a share of all values lies.
pub(super) fn percentile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0.0;
    }
    let at = ((sorted.len() - 1) as f32 * share) as usize;
    *sorted.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_that_of_a_plain_scan() {
        let values: Vec<f32> = (0..97).map(|i| ((i * 7919) % 101) as f32).collect();
        for reach in [1, 3, 8, 40, 200] {
            let (low, high) = envelope(&values, reach);
            for at in 0..values.len() {
                let part = &values[at.saturating_sub(reach)..(at + reach + 1).min(values.len())];
                let least = part.iter().copied().fold(f32::MAX, f32::min);
                let most = part.iter().copied().fold(f32::MIN, f32::max);
                assert!((low[at] - least).abs() + (high[at] - most).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn bars_end_where_the_ink_ends() {
        let mut profile = vec![200.0; 400];
        for bar in (60..300).step_by(12) {
            profile[bar..bar + 6].fill(40.0);
        }
        let [from, to] = bars(&profile, 1.0)[0];
        assert!(
            (from - 59.5).abs() < 1.0 && (to - 293.5).abs() < 1.5,
            "{from} {to}"
        );
        assert!(bars(&[100.0; 500], 1.0).is_empty());
        assert!(bars(&[], 1.0).is_empty());
        assert!(bars(&[f32::NAN; 500], 1.0).is_empty());
    }
}

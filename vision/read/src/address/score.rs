//! How much the evidence for a country and postcode weighs, and how often it is right.

use super::mention::Certainty;
use crate::places::Fit;

/// What speaks for and against one country and postcode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clues {
    /// How the country is named.
    pub(super) certainty: Certainty,
    /// Recognizer's confidence of the country's line.
    pub(super) named: f32,
    /// Recognizer's least confidence of the postcode's words.
    pub(super) code: f32,
    /// Letters in the postcode: few texts have a form with letters.
    pub(super) letters: usize,
    /// Characters taken for others.
    pub(super) repaired: usize,
    /// Whether the postcode stands where the country has it.
    pub(super) in_place: bool,
    /// How the town goes with the postcode.
    pub(super) town: Fit,
    /// Lines from the postcode down to the country; negative when it stands below.
    pub(super) distance: isize,
    /// Whether a heading says that it is the recipient's.
    pub(super) headed: bool,
}

/// Sum of the evidence, as natural logarithm of odds before calibration.
pub(super) fn weight(clues: &Clues) -> f32 {
    let certainty = match clues.certainty {
        Certainty::Line => 2.5,
        Certainty::End => 2.0,
        Certainty::Prefix => 1.8,
        Certainty::Nearly => 1.2,
        Certainty::Code => 0.3,
        Certainty::Town => 0.0,
        Certainty::Home => -0.5,
    };
    let town = match clues.town {
        Fit::Confirmed => 2.5,
        Fit::Unknown => 0.0,
        Fit::Contradicted => -2.5,
    };
    let distance = match clues.distance {
        0 | 1 => 0.5,
        2 => -0.5,
        _ => -1.5,
    };
    let repaired = match clues.repaired {
        0 => 0.0,
        1 => -2.0,
        _ => -4.0,
    };
    let flag = |is: bool, yes: f32, no: f32| if is { yes } else { no };
    certainty
        + town
        + distance
        + repaired
        + flag(clues.letters > 0, 1.0, 0.0)
        + flag(clues.in_place, 0.7, -1.5)
        + flag(clues.headed, 0.5, 0.0)
        + read(clues.code) * 1.5
        + read(clues.named) * 0.5
}

/// Evidence of a country without a postcode.
pub(super) fn country_only(certainty: Certainty, named: f32, has_none: bool) -> f32 {
    let certainty = match certainty {
        Certainty::Line => 1.5,
        Certainty::Nearly => -0.5,
        Certainty::End | Certainty::Prefix | Certainty::Code => -1.0,
        Certainty::Town | Certainty::Home => -3.0,
    };
    certainty + read(named) + if has_none { 1.5 } else { -1.0 }
}

/// Weight of a recognizer's confidence: 0 at 0.8, 1 from 0.95 on, −2 at 0.2 and below.
fn read(confidence: f32) -> f32 {
    ((confidence - 0.8) / if confidence > 0.8 { 0.15 } else { 0.3 }).clamp(-2.0, 1.0)
}

/// Share of readings with at least this weight that were right; see `reliability.txt` for how they
/// were measured. Between two rows it rises in a straight line.
pub(super) fn confidence(weight: f32) -> f32 {
    let rows = RELIABILITY.lines().filter_map(|line| {
        let (weight, share) = line.split_once(' ')?;
        Some((
            weight.parse::<f32>().ok()?,
            share.trim().parse::<f32>().ok()?,
        ))
    });
    let mut below = (f32::MIN, 0.0);
    for row in rows {
        if weight < row.0 {
            let span = row.0 - below.0;
            let part = if span.is_finite() {
                (weight - below.0) / span
            } else {
                0.0
            };
            return below.1 + (row.1 - below.1) * part;
        }
        below = row;
    }
    below.1
}

/// Weight and share, rising in both.
const RELIABILITY: &str = include_str!("reliability.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_rises_with_weight() {
        let found: Vec<f32> = (-100_i16..100)
            .map(|tenths| confidence(f32::from(tenths) / 10.0))
            .collect();
        assert!(found.is_sorted());
        assert!(found.iter().all(|share| (0.0..1.0).contains(share)));
        assert!(found.last().unwrap() >= &0.99);
    }
}

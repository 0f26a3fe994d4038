//! The weather of simulated weeks.

use serde::Serialize;

use crate::generator::Draw;
use crate::network::{Kind, Node};
use crate::time::Minute;

/// Forecasts that are wrong, in thousandths.
const WRONG_PERMILLE: usize = 150;

/// The weather of the weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sky {
    /// Seldom bad, anywhere.
    Mild,
    /// The same, and storms over the places that most routes use.
    Adversarial,
}

impl Sky {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mild => "mild",
            Self::Adversarial => "adversarial",
        }
    }
}

/// Weather over a place for a while.
#[derive(Clone, Copy)]
pub(super) struct Spell {
    pub(super) place: Node,
    pub(super) from: Minute,
    pub(super) to: Minute,
    /// What it is, and what is forecast.
    pub(super) level: usize,
    pub(super) forecast: usize,
}

/// Weather is told of places where many vehicles come and go.
pub(super) const fn stands_out(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::Hub | Kind::Airport | Kind::Port))
}

/// Weather of a level, forecast as one less now and then.
pub(super) fn spell(place: Node, from: Minute, hours: i32, level: usize, draw: &mut Draw) -> Spell {
    let wrong = draw.below(1_000) < WRONG_PERMILLE;
    Spell {
        place,
        from,
        to: from.after(hours * 60),
        level,
        forecast: if wrong { level - 1 } else { level },
    }
}

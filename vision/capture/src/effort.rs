//! How far the reading ladder climbs: what a site may trade between symbols read and time.

use std::fmt;
use std::str::FromStr;

/// One thing that can be turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Knob {
    /// Bands of bars whose profile is sharpened.
    Sharpened,
    /// Patches that are enlarged.
    Enlarged,
    /// Patches that are enlarged as rows of a PDF417, with their surroundings.
    Rows,
    /// Patches that are looked at for a `MaxiCode`.
    Hexagons,
    /// Bands that are read by maximum likelihood.
    Likelihoods,
    /// Whether bars are located at full resolution when none were read: 0 or 1.
    Fine,
    /// Whether the whole frame is tried when nothing was read: 0 or 1.
    Whole,
}

impl Knob {
    /// All of them, in the order of the ladder.
    pub const ALL: [Self; 7] = [
        Self::Sharpened,
        Self::Enlarged,
        Self::Rows,
        Self::Hexagons,
        Self::Likelihoods,
        Self::Fine,
        Self::Whole,
    ];

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sharpened => "sharpened",
            Self::Enlarged => "enlarged",
            Self::Rows => "rows",
            Self::Hexagons => "hexagons",
            Self::Likelihoods => "likelihoods",
            Self::Fine => "fine",
            Self::Whole => "whole",
        }
    }

    /// Its greatest value: as many candidates as a frame has, or 1 for yes.
    pub const fn most(self) -> u8 {
        match self {
            Self::Sharpened | Self::Likelihoods => 12,
            Self::Enlarged | Self::Rows | Self::Hexagons => 16,
            Self::Fine | Self::Whole => 1,
        }
    }
}

/// A setting of all [`Knob`]s. As text: `sharpened=12,enlarged=4`, knobs that are left out as they
/// are by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort([u8; Knob::ALL.len()]);

impl Default for Effort {
    /// What brings most symbols per time on drawn frames of all tiers.
    fn default() -> Self {
        Self([12, 4, 1, 4, 5, 1, 1])
    }
}

impl Effort {
    /// The value of a knob.
    pub fn of(self, knob: Knob) -> u8 {
        let at = Knob::ALL.iter().position(|other| *other == knob);
        at.and_then(|at| self.0.get(at)).copied().unwrap_or(0)
    }

    /// The same with one knob at another value, at most its greatest.
    #[must_use]
    pub fn with(mut self, knob: Knob, value: u8) -> Self {
        let values = Knob::ALL.iter().zip(&mut self.0);
        for (_, known) in values.filter(|(other, _)| **other == knob) {
            *known = value.min(knob.most());
        }
        self
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, knob) in Knob::ALL.into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", knob.name(), self.of(knob))?;
        }
        Ok(())
    }
}

impl FromStr for Effort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut effort = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let Some(knob) = Knob::ALL
                .into_iter()
                .find(|knob| knob.name() == name.trim())
            else {
                let known = Knob::ALL.map(Knob::name).join(", ");
                return Err(format!("`{}` is none of {known}", name.trim()));
            };
            let value: Option<u8> = value.trim().parse().ok();
            let Some(value) = value.filter(|value| *value <= knob.most()) else {
                let (name, most) = (knob.name(), knob.most());
                return Err(format!("`{name}` takes a number from 0 to {most}"));
            };
            effort = effort.with(knob, value);
        }
        Ok(effort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_are_written_as_they_are_read() {
        for text in [
            "",
            "rows=3",
            "sharpened=0, whole=0",
            "likelihoods=12,fine=0",
        ] {
            let effort: Effort = text.parse().unwrap();
            assert_eq!(effort.to_string().parse(), Ok(effort), "{text}");
        }
        let effort: Effort = "enlarged=9,fine=0".parse().unwrap();
        assert_eq!((effort.of(Knob::Enlarged), effort.of(Knob::Fine)), (9, 0));
        assert_eq!(effort.of(Knob::Rows), Effort::default().of(Knob::Rows));
    }

    #[test]
    fn wrong_settings_say_what_is_allowed() {
        for (text, error) in [
            (
                "row=1",
                "`row` is none of sharpened, enlarged, rows, hexagons, likelihoods, fine, whole",
            ),
            ("rows", "`rows` takes a number from 0 to 16"),
            ("fine=2", "`fine` takes a number from 0 to 1"),
        ] {
            assert_eq!(text.parse::<Effort>(), Err(error.to_owned()));
        }
        let most = Effort::default().with(Knob::Whole, 200);
        assert_eq!(most.of(Knob::Whole), 1);
    }
}

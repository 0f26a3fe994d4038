//! What each rung of the reading ladder costs and brings.

use std::time::Duration;

/// A step of the ladder, in the order in which a frame climbs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Structure tensor on cells, candidates.
    Locate,
    /// Profiles across the bars of a candidate, as they are.
    Bars,
    /// The same, sharpened.
    BarsSharpened,
    /// Turned crops of patches that change in all directions.
    Matrices,
    /// The same, enlarged and sharpened.
    MatricesAgain,
    /// Bullseyes and the hexagons around them.
    MaxiCode,
    /// Profiles that no edge decoder reads, by maximum likelihood.
    Likelihood,
    /// A second location at full resolution, when no bars were read.
    Fine,
    /// The whole frame.
    Whole,
    /// The whole of a small frame, turned as its candidates stand.
    Turned,
}

impl Rung {
    /// All rungs in order.
    pub const ALL: [Self; 10] = [
        Self::Locate,
        Self::Bars,
        Self::BarsSharpened,
        Self::Matrices,
        Self::MatricesAgain,
        Self::MaxiCode,
        Self::Likelihood,
        Self::Fine,
        Self::Whole,
        Self::Turned,
    ];

    /// Name as it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Locate => "locate",
            Self::Bars => "bars",
            Self::BarsSharpened => "bars_sharpened",
            Self::Matrices => "matrices",
            Self::MatricesAgain => "matrices_again",
            Self::MaxiCode => "maxicode",
            Self::Likelihood => "likelihood",
            Self::Fine => "fine",
            Self::Whole => "whole",
            Self::Turned => "turned",
        }
    }
}

/// What a rung has done since its reader was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RungStats {
    /// The rung.
    pub rung: Rung,
    /// Candidates (or frames) it worked on.
    pub runs: u64,
    /// Symbols that no rung before it had read.
    pub symbols: u64,
    /// Candidates (or frames) left out for want of time.
    pub skipped: u64,
    /// Processor time it took.
    pub cpu: Duration,
}

/// Counters of all rungs.
#[cfg(feature = "opencv")]
#[derive(Clone, Debug)]
pub(crate) struct Tally([RungStats; Rung::ALL.len()]);

#[cfg(feature = "opencv")]
impl Default for Tally {
    fn default() -> Self {
        Self(Rung::ALL.map(|rung| RungStats {
            rung,
            runs: 0,
            symbols: 0,
            skipped: 0,
            cpu: Duration::ZERO,
        }))
    }
}

#[cfg(feature = "opencv")]
impl Tally {
    pub(crate) fn all(&self) -> &[RungStats] {
        &self.0
    }

    /// One run of a rung.
    pub(crate) fn add(&mut self, rung: Rung, symbols: usize, cpu: Duration) {
        if let Some(stats) = self.of(rung) {
            stats.runs += 1;
            stats.symbols += u64::try_from(symbols).unwrap_or(u64::MAX);
            stats.cpu += cpu;
        }
    }

    pub(crate) fn skip(&mut self, rung: Rung) {
        if let Some(stats) = self.of(rung) {
            stats.skipped += 1;
        }
    }

    fn of(&mut self, rung: Rung) -> Option<&mut RungStats> {
        self.0.iter_mut().find(|stats| stats.rung == rung)
    }
}

#[cfg(all(test, feature = "opencv"))]
mod tests {
    use super::*;

    #[test]
    fn rungs_are_counted_apart() {
        let mut tally = Tally::default();
        tally.add(Rung::Bars, 2, Duration::from_millis(3));
        tally.add(Rung::Bars, 0, Duration::from_millis(4));
        tally.skip(Rung::Whole);
        let of = |rung| *tally.all().iter().find(|stats| stats.rung == rung).unwrap();
        let bars = of(Rung::Bars);
        assert_eq!(
            (bars.runs, bars.symbols, bars.cpu),
            (2, 2, Duration::from_millis(7))
        );
        assert_eq!((of(Rung::Whole).runs, of(Rung::Whole).skipped), (0, 1));
        let names: std::collections::BTreeSet<_> = Rung::ALL.map(Rung::name).into();
        assert_eq!(names.len(), Rung::ALL.len());
    }
}

//! The result of a bench, section by section; [`super::table()`] shows it to people.

use std::collections::BTreeMap;

use serde::Serialize;
use sortline_capture::RungStats;
use sortline_sim::render::{Factor, Tier};

use super::score::{Expected, Found, Tally};
use super::search::Reached;

/// Frames that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Section {
    /// Frames of a graded tier.
    Tier {
        /// The tier.
        tier: Tier,
    },
    /// One factor at one level.
    Factor {
        /// The knob.
        factor: Factor,
        /// The level's place in [`Factor::levels`]: the easiest comes first.
        rank: usize,
        /// The level as people write it.
        level: String,
    },
    /// Frames without symbols.
    Negatives,
    /// Bursts of a tier, all frames of a parcel together.
    Burst {
        /// The tier.
        tier: Tier,
    },
    /// Photographs.
    Photos {
        /// By how many degrees they are turned, as people write it.
        turn: String,
        /// Their folder; all folders together when empty.
        group: String,
    },
}

impl Section {
    /// The section of one level of a factor.
    pub fn factor(factor: Factor, rank: usize, level: f32) -> Self {
        Self::Factor {
            factor,
            rank,
            level: level.to_string(),
        }
    }

    /// The sections of a photograph: all of one turn, and those of its folder.
    pub fn photos(group: &str, turn: f64) -> [Self; 2] {
        ["", group].map(|group| Self::Photos {
            turn: turn.to_string(),
            group: group.to_owned(),
        })
    }

    /// Its name in tables.
    pub fn title(&self) -> String {
        match self {
            Self::Tier { tier } => format!("{tier:?}"),
            Self::Factor { factor, level, .. } => format!("{factor:?} {level}").to_lowercase(),
            Self::Negatives => "without symbols".to_owned(),
            Self::Burst { tier } => format!("bursts {tier:?}"),
            Self::Photos { turn, group } if group.is_empty() => format!("photos {turn}°"),
            Self::Photos { turn, group } => format!("photos {turn}° {group}"),
        }
    }
}

/// Everything counted in one run.
#[derive(Clone, Debug)]
pub struct Report {
    names: Vec<&'static str>,
    sections: BTreeMap<Section, Vec<Tally>>,
    /// What the rungs of each contender's ladder have cost and brought over the whole run.
    rungs: Vec<Vec<RungStats>>,
}

/// One contender's part of a section.
#[derive(Serialize)]
struct Line<'a> {
    reader: &'static str,
    #[serde(flatten)]
    tally: &'a Tally,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_error: Option<f64>,
}

/// One section.
#[derive(Serialize)]
struct Part<'a> {
    #[serde(flatten)]
    section: &'a Section,
    readers: Vec<Line<'a>>,
}

impl Report {
    /// An empty report of the contenders with these names.
    pub const fn new(names: Vec<&'static str>) -> Self {
        Self {
            names,
            sections: BTreeMap::new(),
            rungs: Vec::new(),
        }
    }

    /// Counts what contender number `reader` found in a frame of `pixels` pixels.
    pub fn add(
        &mut self,
        section: &Section,
        reader: usize,
        (expected, pixels): (&Expected, u64),
        found: &Found,
    ) {
        let tallies = self
            .sections
            .entry(section.clone())
            .or_insert_with(|| vec![Tally::default(); self.names.len()]);
        if let Some(tally) = tallies.get_mut(reader) {
            tally.add(expected, found, pixels);
        }
    }

    /// The sections with what each contender reached, in the order of the contenders.
    pub const fn sections(&self) -> &BTreeMap<Section, Vec<Tally>> {
        &self.sections
    }

    /// Notes what the rungs of contender number `reader` have done.
    pub fn set_rungs(&mut self, reader: usize, rungs: &[RungStats]) {
        self.rungs.resize(self.names.len(), Vec::new());
        if let Some(known) = self.rungs.get_mut(reader) {
            *known = rungs.to_vec();
        }
    }

    /// The rungs of each contender that has a ladder, with its name.
    pub fn rungs(&self) -> impl Iterator<Item = (&'static str, &[RungStats])> {
        let pairs = self.names.iter().zip(&self.rungs);
        pairs.map(|(name, rungs)| (*name, rungs.as_slice()))
    }

    /// What contender number `reader` reached in all sections.
    pub fn total(&self, reader: usize) -> Reached {
        let mut total = Reached {
            read: 0,
            of: 0,
            wrong: 0,
            cpu_ms: 0.0,
        };
        // Photographs are counted in two sections each: with all, and with their folder.
        let twice = |section: &Section| matches!(section, Section::Photos { group, .. } if !group.is_empty());
        for (section, tallies) in &self.sections {
            let Some(tally) = tallies.get(reader).filter(|_| !twice(section)) else {
                continue;
            };
            total.read += tally.symbols.read;
            total.of += tally.symbols.of;
            total.wrong += tally.wrong_total();
            let times = tally.times_us.values().flatten();
            total.cpu_ms += times.map(|us| f64::from(*us) / 1_000.0).sum::<f64>();
        }
        total
    }

    /// Names of the contenders.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Sections with their contenders, for machines.
    ///
    /// # Errors
    /// None that this data can cause.
    pub fn json(&self) -> serde_json::Result<String> {
        let parts: Vec<Part<'_>> = self
            .sections
            .iter()
            .map(|(section, tallies)| Part {
                section,
                readers: self.lines(tallies),
            })
            .collect();
        serde_json::to_string(&parts)
    }

    fn lines<'a>(&self, tallies: &'a [Tally]) -> Vec<Line<'a>> {
        let pairs = self.names.iter().zip(tallies);
        pairs
            .map(|(reader, tally)| Line {
                reader,
                tally,
                trust_error: tally.trust_error(),
            })
            .collect()
    }
}

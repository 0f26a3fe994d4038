//! What print says over all frames of a parcel.

use std::collections::BTreeMap;

use super::{Evidence, Policy};
use crate::address::{self, Line};
use crate::country::Country;
use crate::result::{Destination, Source, TextLine};

/// Weight of each further frame that agrees: frames of one label err alike, so they count half.
const AGREEING: f32 = 0.5;

/// Nothing read from print is surer than this.
const CONFIDENCE_MAX: f32 = 0.999;

/// Most candidates handed on.
const CANDIDATES_MAX: usize = 5;

/// What print says.
#[derive(Debug, Default)]
pub(super) struct Printed {
    best: Option<Destination>,
    headed: bool,
    others: Vec<Destination>,
    lines: Vec<TextLine>,
}

/// One address over all frames.
#[derive(Default)]
struct Tally {
    frames: u32,
    headed: bool,
    confidences: Vec<f32>,
}

impl Tally {
    /// All frames together: the surest, and the others with less weight, as odds.
    fn confidence(&self) -> f32 {
        let mut sorted = self.confidences.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let mut weights = sorted.into_iter().map(|confidence| {
            let kept = confidence.clamp(0.01, CONFIDENCE_MAX);
            (kept / (1.0 - kept)).ln()
        });
        let Some(best) = weights.next() else {
            return 0.0;
        };
        let sum = weights.fold(best, |sum, weight| sum + AGREEING * weight.max(0.0));
        (1.0 / (1.0 + (-sum).exp())).min(CONFIDENCE_MAX)
    }
}

impl Printed {
    /// Reads the lines of all frames.
    pub(super) fn of(frames: &[Evidence], policy: Policy) -> Self {
        let mut tallies: BTreeMap<(Country, Option<String>), Tally> = BTreeMap::new();
        let mut possible: BTreeMap<(Country, Option<String>), f32> = BTreeMap::new();
        for frame in frames {
            let found = address::read(&lines(&frame.text), policy.country);
            for other in found.candidates {
                let known = possible
                    .entry((other.country, other.postcode))
                    .or_insert(0.0);
                *known = known.max(other.confidence);
            }
            if let Some(best) = found.best {
                let tally = tallies.entry((best.country, best.postcode)).or_default();
                tally.frames += 1;
                tally.headed |= best.headed;
                tally.confidences.push(best.confidence);
            }
        }
        Self::decided(tallies, possible).with_lines(frames)
    }

    /// The address that most frames read. Where as many read another, there is none.
    fn decided(
        tallies: BTreeMap<(Country, Option<String>), Tally>,
        possible: BTreeMap<(Country, Option<String>), f32>,
    ) -> Self {
        let mut full: Vec<_> = tallies.into_iter().collect();
        full.sort_by(|((_, a), one), ((_, b), other)| {
            let whole = b.is_some().cmp(&a.is_some());
            let confidence = other.confidence().total_cmp(&one.confidence());
            whole.then(other.frames.cmp(&one.frames)).then(confidence)
        });
        let mut out = Self::default();
        let mut full = full.into_iter();
        if let Some(((country, code), best)) = full.next() {
            let mut destination = ocr(country, code, best.confidence());
            let mut clear = true;
            for ((country, code), rival) in full {
                let agrees = Some(country) == destination.country && code.is_none();
                if agrees {
                    continue;
                }
                // A rival takes away as much as it would give.
                destination.confidence *= 1.0 - rival.confidence() / 2.0;
                clear &= best.frames > rival.frames;
                out.others.push(ocr(country, code, rival.confidence()));
            }
            out.headed = best.headed;
            if clear {
                out.best = Some(destination);
            } else {
                out.others.insert(0, destination);
            }
        }
        for ((country, code), confidence) in possible {
            let other = ocr(country, code, confidence);
            let same = |known: &Destination| {
                known.country == other.country && known.postcode == other.postcode
            };
            if !out.best.iter().chain(&out.others).any(same) {
                out.others.push(other);
            }
        }
        out
    }

    /// The lines of the frame that shows most of them.
    fn with_lines(mut self, frames: &[Evidence]) -> Self {
        let key = |frame: &&Evidence| {
            let lines = frame.text.iter();
            let lines =
                lines.map(|line| (line.line.clone(), line.confidence.to_bits(), line.corners));
            (frame.text.len(), lines.collect::<Vec<_>>())
        };
        let most = frames.iter().max_by_key(key);
        self.lines = most.map(|frame| frame.text.clone()).unwrap_or_default();
        self
    }

    /// The one address, however sure.
    pub(super) fn best(&self) -> Option<&Destination> {
        self.best.as_ref()
    }

    /// Whether a heading such as "Ship to" stands above it.
    pub(super) fn headed(&self) -> bool {
        self.headed
    }

    /// All addresses, surest first.
    pub(super) fn candidates(&self) -> Vec<Destination> {
        let mut all: Vec<Destination> = self.best.iter().chain(&self.others).cloned().collect();
        all.sort_by(|a, b| {
            let confidence = b.confidence.total_cmp(&a.confidence);
            confidence.then_with(|| (a.country, &a.postcode).cmp(&(b.country, &b.postcode)))
        });
        all.truncate(CANDIDATES_MAX);
        all
    }

    pub(super) fn lines(self) -> Vec<TextLine> {
        self.lines
    }
}

/// The destination that printed lines name, however sure, with the weight of its evidence: what
/// confidence is calibrated on. `home` is the country of the site.
pub fn text_evidence(text: &[TextLine], home: Option<Country>) -> Option<(Destination, f32)> {
    let best = address::read(&lines(text), home).best?;
    let weight = best.weight();
    Some((ocr(best.country, best.postcode, best.confidence), weight))
}

fn ocr(country: Country, postcode: Option<String>, confidence: f32) -> Destination {
    Destination {
        country: Some(country),
        postcode,
        source: Source::Ocr,
        confidence,
    }
}

fn lines(text: &[TextLine]) -> Vec<Line<'_>> {
    text.iter()
        .map(|line| Line {
            text: &line.line,
            confidence: line.confidence,
            words: &line.words,
            block: line.block,
            height: line.height(),
        })
        .collect()
}

//! What was found against what is true, added up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// A text with the symbology that it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundText {
    /// Symbology in the decoder's words.
    pub format: String,
    /// Content.
    pub text: String,
}

/// What a contender says about one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Symbols.
    pub symbols: Vec<FoundText>,
    /// Identifiers that name the parcel, with their confidence.
    pub identifiers: Vec<(String, f32)>,
    /// Country, postcode and confidence of the destination.
    pub destination: Option<(String, String, f32)>,
    /// The same by the printed text of one frame alone.
    pub printed: Option<(String, String, f32)>,
    /// Time that it took.
    pub time: Duration,
}

/// A symbol that is in a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedSymbol {
    /// Symbology, as tables name it.
    pub format: String,
    /// Content in the form of [`comparable`].
    pub text: String,
    /// Angle of a Code 128 to the nearest axis of the frame, degrees, 0 to 45.
    pub angle: Option<f32>,
}

/// What is true about a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Its symbols.
    pub symbols: Vec<ExpectedSymbol>,
    /// Country and postcode of the parcel, where known.
    pub destination: Option<(String, String)>,
    /// Whether the symbols listed are all there are; otherwise an unknown text is not held wrong.
    pub complete: bool,
}

/// A text in the form in which contenders are compared.
pub(super) fn comparable(text: &str) -> String {
    let kept = text.trim().chars();
    kept.filter(|c| !c.is_control() && !matches!(c, '(' | ')'))
        .collect()
}

/// Identifiers are given without the blanks that are in their symbol.
fn without_blanks(text: &str) -> String {
    let kept = comparable(text);
    kept.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Read and present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many were read.
    pub read: u64,
    /// How many there are.
    pub of: u64,
}

impl Share {
    fn add(&mut self, read: bool) {
        self.read += u64::from(read);
        self.of += 1;
    }

    /// Percent; `None` where there is none.
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| 100.0 * as_f64(self.read) / as_f64(self.of))
    }
}

/// Readings of about one confidence: whether they keep their word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Trust {
    /// How many.
    pub count: u64,
    /// How many of them were right.
    pub right: u64,
    /// Sum of their confidences.
    pub promised: f64,
}

/// Wrong reads of a section that are kept word by word.
const WRONG_TEXTS_MAX: usize = 20;
/// Width of a bin of angles, degrees.
const BIN_DEGREES: f32 = 5.0;
/// Bins from 0° to 45°.
pub(super) const BINS: usize = 9;
/// Lower ends of the bins of confidence.
pub(super) const TRUST_FROM: [f32; 6] = [0.0, 0.5, 0.7, 0.9, 0.95, 0.99];

/// What one contender reached on some frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Parcels (frames, or bursts of frames) with at least one right symbol, of those that have any.
    pub parcels: Share,
    /// Frames with a right symbol, or else the right country and postcode.
    pub identified: Share,
    /// Symbols read.
    pub symbols: Share,
    /// Symbols read, `MaxiCode` left out.
    pub without_maxicode: Share,
    /// Symbols read, by symbology.
    pub formats: BTreeMap<String, Share>,
    /// Code 128 read, by angle to the nearest axis in bins of 5°.
    pub angles: [Share; BINS],
    /// Texts that are on nothing in their frame, by the symbology they were read from.
    pub wrong: BTreeMap<String, u64>,
    /// The first of these, with their symbology, and of the wrong destinations, with the right ones.
    pub wrong_texts: Vec<String>,
    /// Country and postcode both right, of the frames where they are known.
    pub destinations: Share,
    /// Destinations of which country or postcode is wrong.
    pub destinations_wrong: u64,
    /// Country and postcode both right by the printed text alone.
    pub printed: Share,
    /// Destinations by the printed text alone of which country or postcode is wrong.
    pub printed_wrong: u64,
    /// Confidence kept, by bins of [`TRUST_FROM`].
    pub trust: [Trust; TRUST_FROM.len()],
    /// Time of each frame, microseconds, by its number of pixels.
    #[serde(serialize_with = "times")]
    pub times_us: BTreeMap<u64, Vec<u32>>,
}

/// Frames, mean and 95th percentile in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Times {
    /// How many frames.
    pub frames: usize,
    /// Mean, ms.
    pub mean_ms: f64,
    /// 95th percentile, ms.
    pub p95_ms: f64,
}

fn times<S: serde::Serializer>(
    all: &BTreeMap<u64, Vec<u32>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        all.iter()
            .map(|(pixels, values)| (pixels, Times::of(values))),
    )
}

impl Times {
    /// Sums up times in microseconds.
    pub(super) fn of(values: &[u32]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let sum: u64 = sorted.iter().copied().map(u64::from).sum();
        let rank = sorted
            .len()
            .saturating_mul(95)
            .div_ceil(100)
            .saturating_sub(1);
        Some(Self {
            frames: sorted.len(),
            mean_ms: as_f64(sum) / as_f64(u64::try_from(sorted.len()).ok()?) / 1_000.0,
            p95_ms: f64::from(*sorted.get(rank)?) / 1_000.0,
        })
    }
}

/// What a destination is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Country and postcode are right.
    Right,
    /// One is right, the other not given, or neither is given.
    Open,
    /// One is wrong.
    Wrong,
}

impl Verdict {
    fn of(found: Option<&(String, String, f32)>, (country, postcode): &(String, String)) -> Self {
        let plain = |text: &str| {
            let kept = text.chars().filter(|c| c.is_alphanumeric());
            kept.collect::<String>().to_uppercase()
        };
        let Some((c, p, _)) = found else {
            return Self::Open;
        };
        let same = [c == country, plain(p) == plain(postcode)];
        let given = [!c.is_empty(), !p.is_empty()];
        if given.iter().zip(same).any(|(given, same)| *given && !same) {
            return Self::Wrong;
        }
        if given == [true; 2] {
            Self::Right
        } else {
            Self::Open
        }
    }
}

impl Tally {
    /// Counts one frame of `pixels` pixels.
    pub fn add(&mut self, expected: &Expected, found: &Found, pixels: u64) {
        let texts: Vec<String> = found.symbols.iter().map(|s| comparable(&s.text)).collect();
        let mut any = false;
        for symbol in &expected.symbols {
            let read = texts.contains(&symbol.text);
            any |= read;
            self.symbols.add(read);
            if symbol.format != "MaxiCode" {
                self.without_maxicode.add(read);
            }
            self.formats
                .entry(symbol.format.clone())
                .or_default()
                .add(read);
            if let Some(angle) = symbol.angle {
                let bin = (0..BINS)
                    .rev()
                    .find(|&bin| angle >= BIN_DEGREES * as_f32(bin));
                if let Some(share) = bin.and_then(|bin| self.angles.get_mut(bin)) {
                    share.add(read);
                }
            }
        }
        if expected.complete {
            for (symbol, text) in found.symbols.iter().zip(&texts) {
                if !expected.symbols.iter().any(|truth| truth.text == *text) {
                    *self.wrong.entry(symbol.format.clone()).or_default() += 1;
                    self.note(|| format!("{} {text:?}", symbol.format));
                }
            }
        }
        let destination = self.add_destination(expected, found);
        if !expected.symbols.is_empty() {
            self.parcels.add(any);
            self.identified.add(any || destination);
        }
        self.add_identifiers(expected, found);
        let time = u32::try_from(found.time.as_micros()).unwrap_or(u32::MAX);
        self.times_us.entry(pixels).or_default().push(time);
    }

    fn add_destination(&mut self, expected: &Expected, found: &Found) -> bool {
        let Some(truth) = &expected.destination else {
            // A destination where nothing is addressed is made up.
            let made_up = |place: &Option<_>| u64::from(expected.complete && place.is_some());
            self.destinations_wrong += made_up(&found.destination);
            self.printed_wrong += made_up(&found.printed);
            return false;
        };
        let printed = Verdict::of(found.printed.as_ref(), truth);
        self.printed.add(printed == Verdict::Right);
        self.printed_wrong += u64::from(printed == Verdict::Wrong);
        let verdict = Verdict::of(found.destination.as_ref(), truth);
        self.destinations.add(verdict == Verdict::Right);
        let wrong = verdict == Verdict::Wrong;
        self.destinations_wrong += u64::from(wrong);
        if let Some((c, p, confidence)) = &found.destination {
            self.keep_word(*confidence, !wrong);
            if wrong {
                let (country, postcode) = truth;
                self.note(|| {
                    format!(
                        "destination {c} {p} at {confidence:.3} instead of {country} {postcode}"
                    )
                });
            }
        }
        verdict == Verdict::Right
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.wrong_texts.len() < WRONG_TEXTS_MAX {
            self.wrong_texts.push(text());
        }
    }

    fn add_identifiers(&mut self, expected: &Expected, found: &Found) {
        if !expected.complete {
            return;
        }
        for (value, confidence) in &found.identifiers {
            let value = without_blanks(value);
            let right = expected
                .symbols
                .iter()
                .any(|truth| without_blanks(&truth.text).contains(&value));
            self.keep_word(*confidence, right);
        }
    }

    fn keep_word(&mut self, confidence: f32, right: bool) {
        let bin = TRUST_FROM
            .iter()
            .rposition(|&from| confidence >= from)
            .unwrap_or(0);
        if let Some(trust) = self.trust.get_mut(bin) {
            trust.count += 1;
            trust.right += u64::from(right);
            trust.promised += f64::from(confidence);
        }
    }

    /// Wrong reads of all symbologies.
    pub fn wrong_total(&self) -> u64 {
        self.wrong.values().sum()
    }

    /// Mean gap between promised and kept confidence, weighted by count (expected calibration
    /// error: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017); `None`
    /// without readings.
    pub fn trust_error(&self) -> Option<f64> {
        let count: u64 = self.trust.iter().map(|trust| trust.count).sum();
        let gaps = self
            .trust
            .iter()
            .map(|t| (t.promised - as_f64(t.right)).abs());
        (count > 0).then(|| gaps.sum::<f64>() / as_f64(count))
    }
}

/// Counts of a bench are far below 2^32.
pub(super) fn as_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

fn as_f32(bin: usize) -> f32 {
    u8::try_from(bin).map_or(0.0, f32::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(texts: &[(&str, &str)]) -> Expected {
        Expected {
            symbols: texts
                .iter()
                .map(|(format, text)| ExpectedSymbol {
                    format: (*format).to_owned(),
                    text: comparable(text),
                    angle: Some(12.0),
                })
                .collect(),
            destination: Some(("PL".to_owned(), "00-950".to_owned())),
            complete: true,
        }
    }

    fn found(texts: &[(&str, &str)]) -> Found {
        let symbols = texts.iter().map(|(format, text)| FoundText {
            format: (*format).to_owned(),
            text: (*text).to_owned(),
        });
        Found {
            symbols: symbols.collect(),
            time: Duration::from_micros(1_500),
            ..Found::default()
        }
    }

    #[test]
    fn right_wrong_and_missing_are_told_apart() {
        let truth = expected(&[("GS1-128", "(00)340123450000000017"), ("QRCode", "x y")]);
        let mut tally = Tally::default();
        tally.add(
            &truth,
            &found(&[("Code128", "00340123450000000017\u{1d}")]),
            100,
        );
        tally.add(&truth, &found(&[("ITF", "1234567890")]), 100);
        assert_eq!(tally.parcels, Share { read: 1, of: 2 });
        assert_eq!(tally.symbols, Share { read: 1, of: 4 });
        assert_eq!(tally.angles[2], Share { read: 1, of: 4 });
        assert_eq!(tally.wrong, BTreeMap::from([("ITF".to_owned(), 1)]));
        assert_eq!(tally.wrong_texts, ["ITF \"1234567890\""]);
        assert_eq!(
            tally.formats.get("GS1-128"),
            Some(&Share { read: 1, of: 2 })
        );
        let times = Times::of(tally.times_us.get(&100).unwrap()).unwrap();
        assert_eq!((times.frames, times.mean_ms), (2, 1.5));
    }

    #[test]
    fn a_destination_must_be_wholly_right_and_keep_its_word() {
        let truth = expected(&[("QRCode", "x")]);
        let mut tally = Tally::default();
        let answers = [
            ("PL", "00950", 0.9),
            ("PL", "00-951", 0.9),
            ("PL", "", 0.6),
            ("DE", "00-950", 0.5),
        ];
        for (country, postcode, confidence) in answers {
            let destination = Some((country.to_owned(), postcode.to_owned(), confidence));
            let found = Found {
                printed: destination.clone(),
                destination,
                ..Found::default()
            };
            tally.add(&truth, &found, 1);
        }
        assert_eq!(tally.destinations, Share { read: 1, of: 4 });
        assert_eq!(tally.destinations_wrong, 2);
        let printed = (tally.printed, tally.printed_wrong);
        assert_eq!(printed, (Share { read: 1, of: 4 }, 2));
        let first = "destination PL 00-951 at 0.900 instead of PL 00-950";
        assert_eq!(tally.wrong_texts.first().map(String::as_str), Some(first));
        assert_eq!(tally.identified, Share { read: 1, of: 4 });
        let at_90 = tally.trust[3];
        assert_eq!((at_90.count, at_90.right), (2, 1));
        // Promised 1.8 and kept 1; promised 1.1 and kept 1.
        let error = tally.trust_error().unwrap();
        assert!((error - 0.225).abs() < 1e-6, "{error}");
    }

    #[test]
    fn what_is_found_where_nothing_is_counts_as_wrong() {
        let nothing = Expected {
            complete: true,
            ..Expected::default()
        };
        let mut tally = Tally::default();
        let mut made_up = found(&[("ITF", "123456")]);
        made_up.destination = Some(("DE".to_owned(), "10115".to_owned(), 0.9));
        tally.add(&nothing, &made_up, 1);
        assert_eq!((tally.wrong_total(), tally.destinations_wrong), (1, 1));
        assert_eq!(tally.parcels.of, 0);
        // Of a photograph whose other symbols are not listed nothing is held wrong.
        let unlisted = Expected::default();
        let mut tally = Tally::default();
        tally.add(&unlisted, &made_up, 1);
        assert_eq!((tally.wrong_total(), tally.destinations_wrong), (0, 0));
    }
}

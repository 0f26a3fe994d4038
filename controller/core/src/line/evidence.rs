//! What all frames of one parcel say together.

use crate::{CameraId, Code, Destination, DestinationSource, NoRead, Reading, TriggerId};

/// One camera's look at a parcel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shot {
    camera: CameraId,
    trigger: TriggerId,
    answered: bool,
}

/// What a frame added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// Nothing that helps.
    Nothing,
    /// First evidence, or an identifier that was not known: look it up.
    News,
    /// It contradicts what was known.
    Contradiction,
}

/// All frames of one parcel, fused.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    shots: Vec<Shot>,
    reading: Reading,
    conflict: bool,
    /// A frame of this lap agrees with what was known.
    fresh: bool,
}

impl Evidence {
    /// Frames that are to come.
    pub(super) fn expect(&mut self, camera: CameraId, trigger: TriggerId) {
        self.shots.push(Shot {
            camera,
            trigger,
            answered: false,
        });
    }

    /// A new lap: new frames are to come; what was read stays known and must be confirmed.
    pub(super) fn next_lap(&mut self) {
        self.shots.clear();
        self.reading.no_read = None;
        self.fresh = false;
    }

    /// True when this trigger of this camera was for this parcel.
    pub(super) fn owns(&self, camera: CameraId, trigger: TriggerId) -> bool {
        self.shots
            .iter()
            .any(|shot| shot.trigger == trigger && shot.camera == camera)
    }

    /// Every frame has come; a camera that is not well is not waited for.
    pub(super) fn complete(&self, well: impl Fn(CameraId) -> bool) -> bool {
        self.shots
            .iter()
            .all(|shot| shot.answered || !well(shot.camera))
    }

    /// A camera takes more than one frame of it, so that one alone does not show all of it.
    pub(super) fn in_parts(&self) -> bool {
        let first = self.shots.first().map(|shot| shot.camera);
        let mut others = self.shots.iter().skip(1);
        others.any(|shot| Some(shot.camera) == first)
    }

    pub(super) const fn reading(&self) -> &Reading {
        &self.reading
    }

    pub(super) const fn conflict(&self) -> bool {
        self.conflict
    }

    /// A frame of this lap gave evidence.
    pub(super) const fn fresh(&self) -> bool {
        self.fresh
    }

    /// There is something to look up.
    pub(super) fn usable(&self) -> bool {
        !self.reading.codes.is_empty() || self.reading.destination.is_some()
    }

    /// The reason nearest to a reading.
    pub(super) fn no_read(&self) -> NoRead {
        let silent = if self.shots.iter().any(|shot| shot.answered) {
            NoRead::Deadline
        } else {
            NoRead::NoFrame
        };
        self.reading.no_read.unwrap_or(silent)
    }

    /// Takes in one frame's reading.
    pub(super) fn add(&mut self, camera: CameraId, trigger: TriggerId, frame: &Reading) -> Added {
        for shot in &mut self.shots {
            if shot.trigger == trigger && shot.camera == camera {
                if shot.answered {
                    return Added::Nothing;
                }
                shot.answered = true;
            }
        }
        if frame.codes.is_empty() && frame.destination.is_none() {
            let reason = frame.no_read.unwrap_or(NoRead::NothingFound);
            self.reading.no_read = Some(nearest(self.reading.no_read, reason));
            if reason == NoRead::Conflict {
                self.conflict = true;
                return Added::Contradiction;
            }
            return Added::Nothing;
        }
        if self.contradicts(frame) {
            self.conflict = true;
            return Added::Contradiction;
        }
        self.merge(frame)
    }

    fn contradicts(&self, frame: &Reading) -> bool {
        let known = &self.reading.codes;
        let other = |code: &Code, all: &[Code]| {
            all.iter()
                .any(|one| one.kind == code.kind && one.value != code.value)
        };
        let codes = frame
            .codes
            .iter()
            .any(|code| other(code, known) || other(code, &frame.codes));
        let places = match (&self.reading.destination, &frame.destination) {
            (Some(known), Some(new)) => !agree(known, new),
            _ => false,
        };
        codes || places
    }

    fn merge(&mut self, frame: &Reading) -> Added {
        let known = &mut self.reading;
        let lookup = known.codes.is_empty();
        let same_code = frame.codes.iter().any(|code| known.codes.contains(code));
        let nothing = known.codes.is_empty() && known.destination.is_none();
        // Both places agree, or the frame would contradict.
        let same_place = known.destination.is_some() && frame.destination.is_some();
        self.fresh |= nothing || same_code || same_place;
        let mut news = nothing;
        for code in frame.codes.iter().filter(|_| self.fresh) {
            // What another parcel may have shown proves nothing, now or in the next lap.
            if known.codes.len() < CODES_MAX && !known.codes.contains(code) {
                known.codes.push(code.clone());
                news |= lookup;
            }
        }
        if let Some(place) = frame.destination.as_ref().filter(|_| self.fresh) {
            let better = known
                .destination
                .as_ref()
                .is_none_or(|old| rank(place) < rank(old));
            if better {
                news |= known.destination.is_none() && known.codes.is_empty();
                known.destination = Some(place.clone());
            }
        }
        if news { Added::News } else { Added::Nothing }
    }
}

/// Identifiers kept per parcel; a label carries two or three.
const CODES_MAX: usize = 8;

/// Printed text is weaker than any symbol.
fn rank(place: &Destination) -> (bool, bool) {
    (
        place.source == DestinationSource::Ocr,
        place.postcode.is_none(),
    )
}

/// True when both can be the same place: same country, and one postcode continues the other.
/// Printed text that differs from a symbol in the postcode alone is a misprint of reading, not
/// of the label, so the symbol stands.
fn agree(one: &Destination, two: &Destination) -> bool {
    if one.country != two.country {
        return false;
    }
    let text = |place: &Destination| place.source == DestinationSource::Ocr;
    match (&one.postcode, &two.postcode) {
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a) || text(one) != text(two),
        _ => true,
    }
}

/// The reason that came nearest to a reading.
fn nearest(old: Option<NoRead>, new: NoRead) -> NoRead {
    let rank = |reason: NoRead| match reason {
        NoRead::Conflict => 0,
        NoRead::NoIdentifier => 1,
        NoRead::NothingFound => 2,
        NoRead::Deadline => 3,
        NoRead::BadImage => 4,
        NoRead::Undecodable => 5,
        NoRead::NoFrame => 6,
    };
    old.map_or(new, |old| if rank(old) <= rank(new) { old } else { new })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Permille;

    const TOP: CameraId = CameraId(0);
    const SIDE: CameraId = CameraId(1);
    const ONE: TriggerId = TriggerId(1);
    const TWO: TriggerId = TriggerId(2);

    fn code(kind: &str, value: &str) -> Code {
        Code {
            kind: kind.into(),
            value: value.into(),
        }
    }

    fn codes(list: &[(&str, &str)]) -> Reading {
        let codes = list.iter().map(|(kind, value)| code(kind, value)).collect();
        Reading {
            codes,
            ..Reading::default()
        }
    }

    fn place(country: &str, postcode: Option<&str>, source: DestinationSource) -> Reading {
        let destination = Destination {
            country: country.into(),
            postcode: postcode.map(Into::into),
            source,
            confidence: Permille::ONE,
        };
        Reading {
            destination: Some(destination),
            ..Reading::default()
        }
    }

    fn two(first: &Reading, second: &Reading) -> (Added, Added, bool) {
        let mut evidence = Evidence::default();
        evidence.expect(TOP, ONE);
        evidence.expect(SIDE, TWO);
        let a = evidence.add(TOP, ONE, first);
        let b = evidence.add(SIDE, TWO, second);
        assert!(evidence.complete(|_| true));
        (a, b, evidence.conflict())
    }

    #[test]
    fn frames_are_fused() {
        use DestinationSource::{Gs1421, Ocr};
        let a = codes(&[("s10", "RR1")]);
        let empty = Reading::default();
        let news = (Added::News, Added::Nothing, false);
        let clash = (Added::News, Added::Contradiction, true);
        assert_eq!(two(&a, &a), news);
        assert_eq!(two(&a, &codes(&[("s10", "RR2")])), clash);
        assert_eq!(two(&a, &codes(&[("sscc", "00")])), news);
        assert_eq!(two(&empty, &a), (Added::Nothing, Added::News, false));
        let berlin = place("DE", Some("10115"), Gs1421);
        assert_eq!(two(&berlin, &a), (Added::News, Added::News, false));
        assert_eq!(two(&berlin, &place("FR", None, Ocr)), clash);
        assert_eq!(two(&berlin, &place("DE", Some("10119"), Ocr)), news);
        assert_eq!(two(&berlin, &place("DE", Some("10119"), Gs1421)), clash);
        assert_eq!(two(&berlin, &place("DE", Some("101"), Gs1421)), news);
        let both = codes(&[("s10", "RR1"), ("s10", "RR2")]);
        assert_eq!(
            two(&both, &empty),
            (Added::Contradiction, Added::Nothing, true)
        );
    }

    #[test]
    fn a_lap_needs_fresh_evidence() {
        let mut evidence = Evidence::default();
        evidence.expect(TOP, ONE);
        evidence.add(TOP, ONE, &codes(&[("s10", "RR1")]));
        assert!(evidence.fresh());
        evidence.next_lap();
        assert!(!evidence.fresh() && evidence.usable() && !evidence.owns(TOP, ONE));
        evidence.expect(TOP, TWO);
        assert!(!evidence.complete(|_| true) && evidence.complete(|_| false));
        evidence.add(TOP, TWO, &codes(&[("sscc", "00")]));
        assert!(!evidence.fresh(), "another kind proves nothing");
        evidence.add(TOP, TWO, &codes(&[("s10", "RR1")]));
        assert!(
            !evidence.fresh(),
            "a second answer to one trigger is not used"
        );
        evidence.next_lap();
        evidence.expect(TOP, ONE);
        evidence.add(TOP, ONE, &codes(&[("sscc", "00")]));
        assert!(!evidence.fresh(), "what proved nothing is not known since");
        evidence.next_lap();
        evidence.expect(TOP, ONE);
        evidence.add(TOP, ONE, &place("DE", None, DestinationSource::Gs1421));
        assert!(!evidence.fresh(), "no place was known to agree with");
        evidence.expect(SIDE, TWO);
        evidence.add(SIDE, TWO, &codes(&[("s10", "RR1"), ("sscc", "00")]));
        assert!(evidence.fresh());
        evidence.next_lap();
        evidence.expect(TOP, ONE);
        evidence.add(TOP, ONE, &codes(&[("sscc", "00")]));
        assert!(evidence.fresh(), "seen beside what is known");
    }

    #[test]
    fn reasons_are_ranked() {
        let mut evidence = Evidence::default();
        assert_eq!(evidence.no_read(), NoRead::NoFrame);
        evidence.expect(TOP, ONE);
        evidence.expect(SIDE, TWO);
        let reason = |no_read| Reading {
            no_read: Some(no_read),
            ..Reading::default()
        };
        evidence.add(TOP, ONE, &reason(NoRead::NoIdentifier));
        evidence.add(SIDE, TWO, &reason(NoRead::BadImage));
        assert_eq!(evidence.no_read(), NoRead::NoIdentifier);
    }
}

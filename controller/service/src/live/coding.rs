//! Parcels that wait for a person to key in where they go.
//!
//! A parcel is offered while it is on the line, was photographed, and has no destination; and, as
//! a sample, one of those that the cameras did read, so that their errors are known. One coder at
//! a time holds a parcel.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sortline_core::topology::LineConfig;
use sortline_core::{Destination, NoRead, ParcelId};

/// A coder who says nothing for this long holds a parcel no more.
const CLAIM: SignedDuration = SignedDuration::from_secs(20);
/// Of the parcels read, one in so many is a sample.
const SAMPLE_EVERY: u64 = 50;
/// Parcels that wait at most; the oldest goes. Their pictures, of some 100 kB, wait with them.
const ITEMS_MAX: usize = 64;
/// Samples among them at most, and how long one waits for two coders.
const SAMPLES_MAX: usize = 4;
const SAMPLE_AGE: SignedDuration = SignedDuration::from_mins(10);
/// Coders who key one sample, so that it is known how far they agree.
const CODERS: usize = 2;
/// Candidates of one parcel, over all its frames.
const CANDIDATES_MAX: usize = 5;
/// Pictures of one parcel.
const IMAGES_MAX: usize = 6;

/// What a frame tells the person who keys it in, beside the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Destinations that its print may say, best first, none of them sure enough.
    pub candidates: Vec<Destination>,
    /// How the picture is to be shown.
    pub pose: Pose,
}

/// How a picture is shown so that its label stands upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pose {
    /// Degrees to turn it, clockwise.
    pub turn_deg: i16,
    /// Where the label lies: left, top, right, bottom in thousandths of the picture's width and
    /// height; absent when nothing was found on it.
    pub crop: Option<[u16; 4]>,
}

/// One parcel.
#[derive(Clone, Debug)]
struct Item {
    since: Timestamp,
    reason: Option<NoRead>,
    images: Vec<(u64, Pose)>,
    candidates: Vec<Destination>,
    /// For a sample: what the machine read.
    read: Option<Destination>,
    /// For a sample: who keyed what so far.
    keyed: Vec<(String, Destination)>,
    claim: Option<(String, Timestamp)>,
}

impl Item {
    fn look(&mut self, image: u64, hints: &Hints) {
        self.images.push((image, hints.pose));
        if self.images.len() > IMAGES_MAX {
            self.images.remove(0);
        }
        for found in &hints.candidates {
            let known = |candidate: &Destination| {
                (&candidate.country, &candidate.postcode) == (&found.country, &found.postcode)
            };
            if !self.candidates.iter().any(known) {
                self.candidates.push(found.clone());
            }
        }
        // Stable, so that of equally sure ones the first seen stays first.
        self.candidates
            .sort_by_key(|candidate| std::cmp::Reverse(candidate.confidence));
        self.candidates.truncate(CANDIDATES_MAX);
    }
}

/// A sample as it stands: what the machine read, and what others keyed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The machine.
    pub read: Destination,
    /// Other coders.
    pub others: Vec<Destination>,
}

/// What is shown of one parcel to the coder who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Pictures with the way to show them.
    pub images: Vec<Image>,
    /// What print on it may say, best first.
    pub candidates: Vec<Destination>,
}

/// One picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// How to show it.
    #[serde(flatten)]
    pub pose: Pose,
}

/// One parcel as sent. A sample looks like any other, without hurry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wire {
    parcel: ParcelId,
    since: String,
    reason: Option<NoRead>,
    images: Vec<String>,
    sample: bool,
    /// Who holds it.
    by: Option<String>,
    /// Who keyed this sample before: it waits for somebody else.
    keyed_by: Vec<String>,
}

/// What became of a coder's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is theirs.
    Yours,
    /// It may be keyed, or was; a sample as it stood before.
    Keyed(Option<Sample>),
    /// It is shown.
    Shown(Look),
    /// Somebody else holds it.
    Held(String),
    /// It is gone: past the last position, or keyed.
    Gone,
}

/// What a coder wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To see it.
    Look,
    /// To hold it, or to hold it on.
    Claim,
    /// To give it back.
    Release,
    /// To know whether it may be keyed, without effect.
    Ask,
    /// It was keyed.
    Done(Destination),
}

/// Leading edges from which on a parcel can no longer be diverted, millimetres from induction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Limits {
    /// Into the first chute of the line.
    first_mm: i64,
    /// Into the last.
    last_mm: i64,
}

impl Limits {
    /// After the diverter's own time, the time of a command, and half of its mechanism; on the
    /// safe side by half a parcel.
    pub(super) fn new(line: &LineConfig) -> Self {
        let speed = i64::from(line.belt.speed_mm_per_s);
        let limit = |diverter: &sortline_core::topology::Diverter| {
            let ms = i64::from(diverter.extend_ms) + i64::from(line.tracking.command_ms);
            i64::from(diverter.position_mm) - i64::from(diverter.body_mm) / 2 - ms * speed / 1_000
        };
        let sorts = line.diverters.iter().filter(|diverter| {
            let mut chutes = line.chutes.iter();
            let kind = sortline_core::topology::ChuteKind::Sort;
            chutes.any(|chute| chute.id == diverter.chute && chute.kind == kind)
        });
        let limits: Vec<i64> = sorts.map(limit).collect();
        Self {
            first_mm: limits.iter().copied().min().unwrap_or_default(),
            last_mm: limits.iter().copied().max().unwrap_or_default(),
        }
    }
}

/// All parcels that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: BTreeMap<ParcelId, Item>,
}

impl Queue {
    /// A frame of a parcel was read, or not; `known`: something has told where it goes. `image`
    /// numbers its picture.
    pub(super) fn frame(
        &mut self,
        (parcel, known): (ParcelId, bool),
        (image, hints): (u64, &Hints),
        reading: &sortline_core::Reading,
        at: Timestamp,
    ) {
        if let Some(item) = self.items.get_mut(&parcel) {
            item.look(image, hints);
            return;
        }
        let samples = || {
            self.items
                .values()
                .filter(|item| item.read.is_some())
                .count()
        };
        let sampled = parcel.0.is_multiple_of(SAMPLE_EVERY) && samples() < SAMPLES_MAX;
        let read = reading.destination.clone().filter(|_| sampled);
        // A side without a label is no trouble of a parcel that another camera has read.
        let unread = reading.no_read.is_some() && !known;
        if !unread && read.is_none() {
            return;
        }
        if self.items.len() >= ITEMS_MAX {
            self.items.pop_first();
        }
        let mut item = Item {
            since: at,
            reason: reading.no_read,
            images: Vec::new(),
            candidates: Vec::new(),
            read,
            keyed: Vec::new(),
            claim: None,
        };
        item.look(image, hints);
        self.items.insert(parcel, item);
    }

    /// Something told where it goes, or it left the line. A sample waits on: it is not urgent.
    pub(super) fn settled(&mut self, parcel: ParcelId) {
        if self
            .items
            .get(&parcel)
            .is_some_and(|item| item.read.is_none())
        {
            self.items.remove(&parcel);
        }
    }

    pub(super) fn tick(&mut self, at: Timestamp) {
        self.items
            .retain(|_, item| item.read.is_none() || at.duration_since(item.since) <= SAMPLE_AGE);
        for item in self.items.values_mut() {
            if item.claim.as_ref().is_some_and(|(_, until)| *until <= at) {
                item.claim = None;
            }
        }
    }

    pub(super) fn answer(
        &mut self,
        parcel: ParcelId,
        person: &str,
        wish: Wish,
        at: Timestamp,
    ) -> Answer {
        let Some(item) = self.items.get_mut(&parcel) else {
            return Answer::Gone;
        };
        // Whoever keyed a sample does not agree with themselves.
        if item.keyed.iter().any(|(known, _)| known == person) {
            return Answer::Gone;
        }
        match &item.claim {
            Some((other, until)) if other != person && *until > at && wish != Wish::Look => {
                return Answer::Held(other.clone());
            }
            _ => {}
        }
        match wish {
            Wish::Look => Answer::Shown(Look {
                images: item.images.iter().map(image).collect(),
                candidates: item.candidates.clone(),
            }),
            Wish::Claim => {
                let until = at.checked_add(CLAIM).unwrap_or(at);
                item.claim = Some((person.to_owned(), until));
                Answer::Yours
            }
            Wish::Release => {
                item.claim = None;
                Answer::Yours
            }
            Wish::Ask => Answer::Keyed(sample(item)),
            Wish::Done(destination) => {
                let sample = sample(item);
                item.claim = None;
                item.keyed.push((person.to_owned(), destination));
                if item.read.is_none() || item.keyed.len() >= CODERS {
                    self.items.remove(&parcel);
                }
                Answer::Keyed(sample)
            }
        }
    }

    /// Pictures that are kept although they are old: those of all that wait. A parcel that goes round
    /// once more is looked at then, and by that time newer pictures would have pushed its own out.
    pub(super) fn kept(&self) -> impl Iterator<Item = u64> {
        let shown = self.items.values().flat_map(|item| &item.images);
        shown.map(|(id, _)| *id)
    }

    pub(super) fn wire(&self) -> Vec<Wire> {
        let wires = self.items.iter().map(|(parcel, item)| Wire {
            parcel: *parcel,
            since: format!("{:.3}", item.since),
            reason: item.reason,
            images: item.images.iter().map(|shown| image(shown).url).collect(),
            sample: item.read.is_some(),
            by: item.claim.as_ref().map(|(person, _)| person.clone()),
            keyed_by: item
                .keyed
                .iter()
                .map(|(person, _)| person.clone())
                .collect(),
        });
        wires.collect()
    }
}

fn image((id, pose): &(u64, Pose)) -> Image {
    Image {
        url: format!("/api/v1/frames/{id}.jpg"),
        pose: *pose,
    }
}

fn sample(item: &Item) -> Option<Sample> {
    item.read.clone().map(|read| Sample {
        read,
        others: item.keyed.iter().map(|(_, to)| to.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::Reading;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn to(country: &str, postcode: Option<&str>) -> Destination {
        Destination {
            country: country.to_owned(),
            postcode: postcode.map(str::to_owned),
            source: sortline_core::DestinationSource::Ocr,
            confidence: sortline_core::Permille::ONE,
        }
    }

    fn unread() -> Reading {
        Reading {
            no_read: Some(NoRead::NothingFound),
            ..Reading::default()
        }
    }

    #[test]
    fn one_coder_at_a_time_holds_a_parcel() {
        let mut queue = Queue::default();
        let parcel = ParcelId(7);
        queue.frame((parcel, false), (1, &Hints::default()), &unread(), at(0));
        queue.frame((parcel, false), (2, &Hints::default()), &unread(), at(0));
        assert_eq!(queue.wire()[0].images.len(), 2);
        assert_eq!(queue.kept().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(queue.answer(parcel, "a", Wish::Claim, at(1)), Answer::Yours);
        let held = Answer::Held("a".to_owned());
        assert_eq!(queue.answer(parcel, "b", Wish::Claim, at(2)), held);
        assert_eq!(queue.answer(parcel, "b", Wish::Ask, at(2)), held);
        queue.tick(at(21));
        assert_eq!(queue.wire()[0].by, None, "silence gives it back");
        assert_eq!(
            queue.answer(parcel, "b", Wish::Claim, at(22)),
            Answer::Yours
        );
        let done = || Wish::Done(to("FR", None));
        assert_eq!(
            queue.answer(parcel, "b", done(), at(23)),
            Answer::Keyed(None)
        );
        assert_eq!(queue.answer(parcel, "b", done(), at(23)), Answer::Gone);
    }

    #[test]
    fn what_is_known_by_other_means_is_not_asked() {
        let mut queue = Queue::default();
        queue.frame(
            (ParcelId(7), false),
            (1, &Hints::default()),
            &unread(),
            at(0),
        );
        queue.settled(ParcelId(7));
        assert!(queue.wire().is_empty());
        queue.frame(
            (ParcelId(8), false),
            (2, &Hints::default()),
            &Reading::default(),
            at(0),
        );
        assert!(queue.wire().is_empty(), "read, and no sample");
        queue.frame(
            (ParcelId(9), true),
            (3, &Hints::default()),
            &unread(),
            at(0),
        );
        assert!(queue.wire().is_empty(), "another camera has read it");
    }

    #[test]
    fn a_sample_waits_for_two_coders_and_no_longer_than_its_time() {
        let mut queue = Queue::default();
        let reading = Reading {
            destination: Some(to("FR", Some("69001"))),
            ..Reading::default()
        };
        let hints = Hints::default();
        let parcel = ParcelId(SAMPLE_EVERY);
        queue.frame((parcel, false), (1, &hints), &reading, at(0));
        queue.settled(parcel);
        assert!(queue.wire()[0].sample);
        assert_eq!(queue.kept().collect::<Vec<_>>(), [1]);
        let done = |country| Wish::Done(to(country, None));
        let sample = |others: &[Destination]| {
            let (read, others) = (to("FR", Some("69001")), others.to_vec());
            Answer::Keyed(Some(Sample { read, others }))
        };
        assert_eq!(queue.answer(parcel, "a", done("FR"), at(1)), sample(&[]));
        assert_eq!(queue.answer(parcel, "a", Wish::Claim, at(2)), Answer::Gone);
        assert_eq!(queue.wire()[0].keyed_by, ["a"]);
        let second = sample(&[to("FR", None)]);
        assert_eq!(queue.answer(parcel, "b", Wish::Ask, at(3)), second);
        assert_eq!(queue.answer(parcel, "b", done("DE"), at(3)), second);
        assert!(queue.wire().is_empty(), "two have keyed it");

        queue.frame((parcel, false), (2, &hints), &reading, at(10));
        queue.tick(at(610));
        assert!(!queue.wire().is_empty());
        queue.tick(at(611));
        assert!(queue.wire().is_empty(), "nobody came");
    }

    #[test]
    fn candidates_of_all_frames_are_shown_best_first() {
        let mut queue = Queue::default();
        let sure = |country: &str, permille| Destination {
            confidence: sortline_core::Permille::new(permille).unwrap(),
            ..to(country, Some("10115"))
        };
        let frame = |candidates: Vec<Destination>, turn_deg| Hints {
            candidates,
            pose: Pose {
                turn_deg,
                crop: Some([100, 200, 300, 400]),
            },
        };
        let first = frame(vec![sure("DE", 400)], 90);
        let second = frame(vec![sure("DE", 300), sure("FR", 800)], -3);
        queue.frame((ParcelId(7), false), (1, &first), &unread(), at(0));
        queue.frame((ParcelId(7), false), (2, &second), &unread(), at(0));
        let Answer::Shown(look) = queue.answer(ParcelId(7), "a", Wish::Look, at(1)) else {
            panic!("it waits");
        };
        assert_eq!(look.candidates, [sure("FR", 800), sure("DE", 400)]);
        assert_eq!(look.images[0].pose.turn_deg, 90);
        assert_eq!(look.images[1].url, "/api/v1/frames/2.jpg");
    }

    #[test]
    fn limits_lie_before_the_diverters() {
        let line: LineConfig =
            toml::from_str(include_str!("../../../../config/demo/line.toml")).unwrap();
        let limits = Limits::new(&line);
        let positions = line.diverters.iter().map(|d| i64::from(d.position_mm));
        let (first, last) = (positions.clone().min().unwrap(), positions.max().unwrap());
        assert!(limits.first_mm < first && limits.last_mm < last);
        assert!(limits.first_mm > 0, "{limits:?}");
    }
}

//! What happened in each quarter of an hour, for reports. Built from the journal, so that a
//! restart loses nothing.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::counts::{cause_name, to_f64};
use sortline_core::{ChuteId, Outcome};

/// Length of a bucket, seconds.
const BUCKET_S: i64 = 900;
/// Buckets kept: five weeks.
const BUCKETS_MAX: usize = 4 * 24 * 35;
/// Between two signs of life at most this much is counted as the state before; more means that
/// the controller was off.
const SILENCE: SignedDuration = SignedDuration::from_secs(15);

/// What the line does, in the words of `PackML` (ISA-TR88.00.02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum State {
    /// Diverting.
    Execute,
    /// Ready, belt stands.
    Idle,
    /// An own cause: the belt stands while a photo-eye reports a jam.
    Held,
    /// An outside cause: the field node is away, or the belt stands while a chute is full.
    Suspended,
    /// Stopped by the stop circuit.
    Aborted,
}

impl State {
    /// As sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Execute => "Execute",
            Self::Idle => "Idle",
            Self::Held => "Held",
            Self::Suspended => "Suspended",
            Self::Aborted => "Aborted",
        }
    }
}

/// Sums over a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sums {
    /// Parcels inducted for the first time.
    pub inducted: u64,
    /// Outcomes.
    pub sorted: u64,
    /// Outcomes.
    pub rejected: u64,
    /// Outcomes.
    pub lost: u64,
    /// Outcomes.
    pub missort: u64,
    /// Ended without a reading.
    pub no_read: u64,
    /// Laps.
    pub recirculations: u64,
    /// Alarms that called a person.
    pub alarms: u64,
    /// Rejected by cause.
    pub causes: BTreeMap<String, u64>,
    /// Sorted by chute.
    pub chutes: BTreeMap<u16, u64>,
    /// Seconds in each state.
    pub seconds: BTreeMap<&'static str, f64>,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.inducted += other.inducted;
        self.sorted += other.sorted;
        self.rejected += other.rejected;
        self.lost += other.lost;
        self.missort += other.missort;
        self.no_read += other.no_read;
        self.recirculations += other.recirculations;
        self.alarms += other.alarms;
        for (cause, count) in &other.causes {
            *self.causes.entry(cause.clone()).or_default() += count;
        }
        for (chute, count) in &other.chutes {
            *self.chutes.entry(*chute).or_default() += count;
        }
        for (state, seconds) in &other.seconds {
            *self.seconds.entry(state).or_default() += seconds;
        }
    }

    /// Parcels with an outcome.
    pub fn ended(&self) -> u64 {
        self.sorted + self.rejected + self.lost + self.missort
    }
}

/// A report over a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// From here on.
    pub from: String,
    /// Up to here.
    pub to: String,
    /// Sums over all of it.
    pub total: Sums,
    /// The same for each part, oldest first.
    pub parts: Vec<Part>,
    /// Availability, performance and quality, and their product; absent without operation.
    pub oee: Option<Oee>,
    /// Parcels an hour that the belt could carry, that its system could, that people expect.
    pub capacity: Capacity,
}

/// A part of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// Its beginning.
    pub from: String,
    /// Sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Overall equipment effectiveness: availability × performance × quality (ISO 22400-2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Oee {
    /// Time diverting of all time on record.
    pub availability: f64,
    /// Parcels an hour of diverting, of the machine's capacity.
    pub performance: f64,
    /// Sorted of all ended.
    pub quality: f64,
    /// Their product.
    #[serde(rename = "oee")]
    pub product: f64,
}

/// Capacities in parcels an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capacity {
    /// Belt speed over the mean parcel and the least gap.
    pub machine: u32,
    /// 85 % of it.
    pub system: u32,
    /// 85 % of that.
    pub operational: u32,
    /// As the site set it; 0: none.
    pub target: u32,
}

/// The buckets.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Those that are full, oldest first.
    full: VecDeque<(i64, Sums)>,
    start: i64,
    newest: Sums,
    alive: Option<Timestamp>,
}

impl Reports {
    pub(super) fn at(&mut self, at: Timestamp) -> &mut Sums {
        let start = at.as_second().div_euclid(BUCKET_S).saturating_mul(BUCKET_S);
        // Wall time that goes back is a label that lies: its events stay in the newest bucket.
        if start > self.start {
            let full = std::mem::take(&mut self.newest);
            self.full
                .push_back((std::mem::replace(&mut self.start, start), full));
            if self.full.len() > BUCKETS_MAX {
                self.full.pop_front();
            }
        }
        &mut self.newest
    }

    pub(super) fn ended(&mut self, at: Timestamp, outcome: Outcome, read: bool) {
        let sums = self.at(at);
        sums.no_read += u64::from(!read);
        match outcome {
            Outcome::Sorted {
                chute: ChuteId(chute),
            } => {
                sums.sorted += 1;
                *sums.chutes.entry(chute).or_default() += 1;
            }
            Outcome::Rejected { cause } => {
                sums.rejected += 1;
                *sums.causes.entry(cause_name(cause)).or_default() += 1;
            }
            Outcome::Missort { .. } => sums.missort += 1,
            Outcome::Lost { .. } => sums.lost += 1,
        }
    }

    /// The line was in `state` until now.
    pub(super) fn alive(&mut self, at: Timestamp, state: State) {
        let since = self.alive.replace(at);
        let Some(passed) = since.map(|since| at.duration_since(since)) else {
            return;
        };
        if passed > SignedDuration::ZERO && passed <= SILENCE {
            *self.at(at).seconds.entry(state.name()).or_default() += passed.as_secs_f64();
        }
    }

    /// A report in parts of `part` quarters of an hour.
    pub(super) fn report(
        &self,
        (from, to): (Timestamp, Timestamp),
        part: u32,
        capacity: Capacity,
    ) -> Report {
        let (first, end) = (from.as_second(), to.as_second());
        let length = BUCKET_S.saturating_mul(i64::from(part.max(1)));
        let mut parts: BTreeMap<i64, Sums> = BTreeMap::new();
        let mut total = Sums::default();
        let newest = (self.start, self.newest.clone());
        for (start, sums) in self.full.iter().chain([&newest]) {
            if *start < first || *start >= end {
                continue;
            }
            total.add(sums);
            let index = start.saturating_sub(first).div_euclid(length);
            parts.entry(index).or_default().add(sums);
        }
        let begin = |index: i64| first.saturating_add(index.saturating_mul(length));
        let time = |second| Timestamp::from_second(second).unwrap_or(from);
        let parts = parts.into_iter().map(|(index, sums)| Part {
            from: format!("{:.0}", time(begin(index))),
            sums,
        });
        Report {
            from: format!("{from:.0}"),
            to: format!("{to:.0}"),
            oee: oee(&total, capacity),
            parts: parts.collect(),
            total,
            capacity,
        }
    }
}

fn oee(total: &Sums, capacity: Capacity) -> Option<Oee> {
    let all: f64 = total.seconds.values().sum();
    let running = total.seconds.get(State::Execute.name()).copied()?;
    let ended = to_f64(total.ended());
    if all <= 0.0 || running <= 0.0 || ended <= 0.0 || capacity.machine == 0 {
        return None;
    }
    let availability = running / all;
    let per_hour = to_f64(total.inducted) * 3_600.0 / running;
    let performance = (per_hour / f64::from(capacity.machine)).min(1.0);
    let quality = to_f64(total.sorted) / ended;
    Some(Oee {
        availability,
        performance,
        quality,
        product: availability * performance * quality,
    })
}

impl Capacity {
    pub(super) fn new(line: &sortline_core::topology::LineConfig, target: u32) -> Self {
        let limits = &line.parcel;
        let mean = (limits.length_mm_min.saturating_add(limits.length_mm_max)) / 2;
        let pitch = mean.saturating_add(limits.gap_mm_min).max(1);
        let machine = line.belt.speed_mm_per_s.saturating_mul(3_600) / pitch;
        let part = |of: u32| of.saturating_mul(85) / 100;
        Self {
            machine,
            system: part(machine),
            operational: part(part(machine)),
            target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::RejectCause;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    const CAPACITY: Capacity = Capacity {
        machine: 7_200,
        system: 6_120,
        operational: 5_202,
        target: 0,
    };

    #[test]
    fn a_report_adds_up_and_knows_its_parts() {
        let mut reports = Reports::default();
        for second in 0..1_800 {
            reports.alive(at(second), State::Execute);
            reports.at(at(second)).inducted += 1;
            let sorted = Outcome::Sorted { chute: ChuteId(4) };
            let cause = RejectCause::Gap;
            let outcome = if second % 10 == 0 {
                Outcome::Rejected { cause }
            } else {
                sorted
            };
            reports.ended(at(second), outcome, second % 10 != 0);
        }
        let report = reports.report((at(0), at(3_600)), 1, CAPACITY);
        assert_eq!(report.parts.len(), 2);
        assert_eq!(report.total.inducted, 1_800);
        assert_eq!(report.parts[0].sums.sorted, 810);
        assert_eq!(report.total.causes["gap"], 180);
        assert_eq!(report.total.chutes[&4], 1_620);
        let oee = report.oee.unwrap();
        assert!((oee.availability - 1.0).abs() < 1e-9);
        assert!((oee.quality - 0.9).abs() < 1e-9);
        assert!((oee.performance - 0.5).abs() < 0.01, "{}", oee.performance);
        let none = reports.report((at(7_200), at(9_000)), 1, CAPACITY);
        assert_eq!((none.parts.len(), none.oee), (0, None));
    }

    #[test]
    fn time_in_which_the_controller_was_off_is_no_state() {
        let mut reports = Reports::default();
        reports.alive(at(0), State::Idle);
        reports.alive(at(5), State::Idle);
        reports.alive(at(5_000), State::Idle);
        let report = reports.report((at(-900), at(9_000)), 96, CAPACITY);
        let idle = report.total.seconds["Idle"];
        assert!((idle - 5.0).abs() < 1e-9, "{idle}");
    }
}

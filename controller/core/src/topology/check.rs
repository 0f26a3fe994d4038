//! Every rule a line must keep, each with the key, what was found and what is allowed.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::{ChuteKind, Diverter, DiverterKind, EyeRole, LineConfig, TopologyError, geometry};
use crate::ChuteId;

mod cameras;
mod carriers;
mod eyes;

/// Inputs of sixteen field nodes.
const EYE_ID_MAX: u16 = 1_023;
/// Diverter outputs of sixteen field nodes.
const DIVERTER_ID_MAX: u16 = 511;
/// Trigger outputs of a field node.
const CAMERA_ID_MAX: u8 = 7;
/// Longest belt and longest recirculation: positions stay far below half the encoder's range.
const BELT_MM_MAX: u32 = 1_000_000;

/// Collects problems under their keys.
#[derive(Default)]
struct Report(Vec<TopologyError>);

impl Report {
    fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(TopologyError {
            key: key.into(),
            problem: problem.into(),
        });
    }

    fn range<T: Copy + PartialOrd + Display>(&mut self, key: &str, found: T, least: T, most: T) {
        if found < least || found > most {
            self.add(key, format!("found {found}, allowed is {least} to {most}"));
        }
    }

    fn unique<T: Ord + Display>(&mut self, table: &str, ids: impl Iterator<Item = T>) {
        let mut seen = BTreeMap::new();
        for (at, id) in ids.enumerate() {
            if let Some(first) = seen.get(&id) {
                self.add(
                    format!("{table}[{at}].id"),
                    format!("found {id}, which {table}[{first}] has: each id is allowed once"),
                );
            } else {
                seen.insert(id, at);
            }
        }
    }
}

/// Every problem of a line, in the order of the file.
pub(super) fn problems(config: &LineConfig) -> Vec<TopologyError> {
    let mut report = Report::default();
    name(config, &mut report);
    belt(config, &mut report);
    parcel(config, &mut report);
    tracking(config, &mut report);
    eyes::eyes(config, &mut report);
    eyes::chutes(config, &mut report);
    carriers::carriers(config, &mut report);
    cameras::cameras(config, &mut report);
    diverters(config, &mut report);
    pairs(config, &mut report);
    chutes(config, &mut report);
    strokes(config, &mut report);
    report.0
}

fn name(config: &LineConfig, report: &mut Report) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let id = &config.id;
    if id.is_empty() || id.len() > 32 || !id.chars().all(fits) {
        report.add(
            "id",
            format!("found `{id}`, allowed are 1 to 32 lower-case letters, digits and dashes"),
        );
    }
}

fn belt(config: &LineConfig, report: &mut Report) {
    let belt = &config.belt;
    report.range("belt.speed_mm_per_s", belt.speed_mm_per_s, 100, 4_000);
    report.range("belt.um_per_tick", belt.um_per_tick, 100, 10_000);
    report.range("belt.length_mm", belt.length_mm, 500, BELT_MM_MAX);
    report.range(
        "belt.recirculation_mm",
        belt.recirculation_mm,
        0,
        BELT_MM_MAX,
    );
    let loops = config
        .chutes
        .iter()
        .any(|chute| chute.kind == ChuteKind::Recirculation);
    if loops && belt.recirculation_mm == 0 {
        report.add(
            "belt.recirculation_mm",
            "found 0, but a chute of kind recirculation leads somewhere: allowed is 1 or more",
        );
    }
}

fn parcel(config: &LineConfig, report: &mut Report) {
    let parcel = &config.parcel;
    report.range("parcel.length_mm_min", parcel.length_mm_min, 30, 2_000);
    report.range("parcel.length_mm_max", parcel.length_mm_max, 50, 5_000);
    report.range("parcel.in_flight_max", parcel.in_flight_max, 0, 1_000);
    if parcel.length_mm_max <= parcel.length_mm_min {
        report.add(
            "parcel.length_mm_max",
            format!(
                "found {}, allowed is more than parcel.length_mm_min, {}",
                parcel.length_mm_max, parcel.length_mm_min
            ),
        );
    }
    report.range("parcel.gap_mm_min", parcel.gap_mm_min, 20, 10_000);
    report.range("parcel.laps_max", parcel.laps_max, 0, 20);
}

fn tracking(config: &LineConfig, report: &mut Report) {
    let tracking = &config.tracking;
    report.range("tracking.window_mm", tracking.window_mm, 5, 1_000);
    report.range("tracking.command_ms", tracking.command_ms, 20, 2_000);
    report.range("tracking.jam_ms", tracking.jam_ms, 500, 65_000);
    report.range(
        "tracking.failed_strokes_max",
        tracking.failed_strokes_max,
        1,
        100,
    );
    report.range(
        "tracking.doubt_ppb_max",
        tracking.doubt_ppb_max,
        1,
        100_000_000,
    );
    report.range("tracking.stray_ppm", tracking.stray_ppm, 1, 100_000);
    let pitch = config
        .parcel
        .gap_mm_min
        .saturating_add(config.parcel.length_mm_min);
    if tracking.window_mm.saturating_mul(2) > pitch {
        report.add(
            "tracking.window_mm",
            format!(
                "found {}, allowed is at most {}: half of the smallest gap and shortest parcel, \
                 or two parcels share one window",
                tracking.window_mm,
                pitch / 2
            ),
        );
    }
}

/// Belt travel in a time at nominal speed, in millimetres, rounded up.
fn travel_mm(config: &LineConfig, ms: u32) -> u32 {
    let um = u64::from(config.belt.speed_mm_per_s).saturating_mul(u64::from(ms));
    u32::try_from(um.div_ceil(1_000)).unwrap_or(u32::MAX)
}

fn diverters(config: &LineConfig, report: &mut Report) {
    report.unique(
        "diverter",
        config.diverters.iter().map(|diverter| diverter.id),
    );
    let mut before = 0;
    for (at, diverter) in config.diverters.iter().enumerate() {
        let key = |name: &str| format!("diverter[{at}].{name}");
        report.range(&key("id"), diverter.id.0, 0, DIVERTER_ID_MAX);
        report.range(&key("body_mm"), diverter.body_mm, 1, 5_000);
        report.range(&key("extend_ms"), diverter.extend_ms, 1, 2_000);
        report.range(&key("retract_ms"), diverter.retract_ms, 1, 2_000);
        report.range(&key("hold_ms_max"), diverter.hold_ms_max, 50, 10_000);
        if diverter.position_mm < before {
            report.add(
                key("position_mm"),
                format!(
                    "found {}, allowed is {before} or more: diverters stand in the order in \
                     which parcels reach them",
                    diverter.position_mm
                ),
            );
        }
        before = before.max(diverter.position_mm);
        position(config, diverter, &key("position_mm"), report);
    }
}

fn position(config: &LineConfig, diverter: &Diverter, key: &str, report: &mut Report) {
    let lead = travel_mm(
        config,
        diverter
            .extend_ms
            .saturating_add(config.tracking.command_ms),
    );
    let least = config
        .parcel
        .length_mm_max
        .saturating_add(diverter.body_mm / 2)
        .saturating_add(lead)
        .saturating_add(config.tracking.window_mm)
        .saturating_add(eyes::last_induction(config));
    let most = config.belt.length_mm.saturating_sub(diverter.body_mm / 2);
    if diverter.position_mm < least || diverter.position_mm > most {
        report.add(
            key,
            format!(
                "found {}, allowed is {least} (the last induction, longest parcel, half the body, \
                 window, and the travel in extend_ms and command_ms) to {most} (on the belt)",
                diverter.position_mm
            ),
        );
    }
}

fn pairs(config: &LineConfig, report: &mut Report) {
    for (at, diverter) in config.diverters.iter().enumerate() {
        let key = format!("diverter[{at}].opposite");
        let twin = diverter
            .opposite
            .and_then(|id| config.diverters.iter().find(|other| other.id == id));
        match (diverter.opposite, twin) {
            (None, _) => shared_place(config, at, diverter, report),
            (Some(id), None) => {
                report.add(
                    key,
                    format!("found {id}, allowed are the diverters of this line"),
                );
            }
            (Some(id), Some(other)) => {
                let wrong = if other.id == diverter.id {
                    "is itself"
                } else if other.opposite != Some(diverter.id) {
                    "does not name it in return"
                } else if other.position_mm != diverter.position_mm {
                    "stands at another position"
                } else if other.side == diverter.side {
                    "is on the same side"
                } else {
                    continue;
                };
                report.add(
                    key,
                    format!(
                        "found {id}, which {wrong}: allowed is the other side of the same machine"
                    ),
                );
            }
        }
    }
}

/// Two machines cannot stand in one place: one would strike what the other holds.
fn shared_place(config: &LineConfig, at: usize, diverter: &Diverter, report: &mut Report) {
    let other = config.diverters.iter().take(at).find(|other| {
        let apart = (other.body_mm / 2).saturating_add(diverter.body_mm / 2);
        other.position_mm.abs_diff(diverter.position_mm) < apart
    });
    if let Some(other) = other {
        report.add(
            format!("diverter[{at}].position_mm"),
            format!(
                "found {}, where diverter {} stands: allowed is free belt between bodies unless the two are \
                 each other's opposite",
                diverter.position_mm, other.id
            ),
        );
    }
}

fn chutes(config: &LineConfig, report: &mut Report) {
    report.unique("chute", config.chutes.iter().map(|chute| chute.id));
    for (at, diverter) in config.diverters.iter().enumerate() {
        if !config.chutes.iter().any(|chute| chute.id == diverter.chute) {
            let problem = format!(
                "found {}, allowed are the chutes of this line",
                diverter.chute
            );
            report.add(format!("diverter[{at}].chute"), problem);
        }
    }
    for kind in [ChuteKind::Reject, ChuteKind::Recirculation] {
        let found = config
            .chutes
            .iter()
            .filter(|chute| chute.kind == kind)
            .count();
        let (word, least) = match kind {
            ChuteKind::Reject => ("reject, allowed is exactly one", 1),
            ChuteKind::Recirculation | ChuteKind::Sort => {
                ("recirculation, allowed is at most one", 0)
            }
        };
        if found > 1 || found < least {
            report.add("chute", format!("found {found} of kind {word}"));
        }
    }
    for (at, chute) in config.chutes.iter().enumerate() {
        let key = |name: &str| format!("chute[{at}].{name}");
        report.range(&key("id"), chute.id, ChuteId(1), ChuteId(999));
        report.range(&key("confirm_ms_max"), chute.confirm_ms_max, 1, 60_000);
        if chute.confirm_ms_min > chute.confirm_ms_max {
            report.add(
                key("confirm_ms_min"),
                format!(
                    "found {}, allowed is at most confirm_ms_max, {}",
                    chute.confirm_ms_min, chute.confirm_ms_max
                ),
            );
        }
        reached(config, at, report);
        let seen = |eye: &&super::Eye| eye.role == EyeRole::Confirm && eye.chute == Some(chute.id);
        let is_loop = config.carriers.is_some() && chute.kind == ChuteKind::Recirculation;
        if !is_loop && !config.eyes.iter().any(|eye| seen(&eye)) {
            report.add(
                key("id"),
                format!(
                    "chute {} has no photo-eye of role confirm, allowed is one",
                    chute.id
                ),
            );
        }
    }
}

fn reached(config: &LineConfig, at: usize, report: &mut Report) {
    let Some(chute) = config.chutes.get(at) else {
        return;
    };
    let found = config
        .diverters
        .iter()
        .filter(|diverter| diverter.chute == chute.id)
        .count();
    let (allowed, rule) = match (chute.kind, config.carriers.is_some()) {
        (ChuteKind::Reject, false) => (
            0,
            "allowed is none, the reject chute is the end of the belt",
        ),
        (ChuteKind::Recirculation, true) => (0, "allowed is none, it is the loop itself"),
        (ChuteKind::Sort | ChuteKind::Recirculation | ChuteKind::Reject, _) => {
            (1, "allowed is exactly one")
        }
    };
    if found != allowed {
        report.add(
            format!("chute[{at}].id"),
            format!("chute {} is named by {found} diverters: {rule}", chute.id),
        );
    }
}

/// The longest parcel fits into the longest hold, and a stroke into the smallest gap.
fn strokes(config: &LineConfig, report: &mut Report) {
    let speed = u64::from(config.belt.speed_mm_per_s.max(1));
    for (at, diverter) in config.diverters.iter().enumerate() {
        let travel = config.parcel.length_mm_max.saturating_add(diverter.body_mm);
        let transit = u64::from(travel)
            .saturating_mul(1_000)
            .checked_div(speed)
            .unwrap_or(0);
        let least = transit.saturating_add(u64::from(diverter.extend_ms));
        let found = u64::from(diverter.hold_ms_max);
        if found < least {
            report.add(
                format!("diverter[{at}].hold_ms_max"),
                format!(
                    "found {found}, allowed is {least} or more: extend_ms and the longest \
                     parcel's way over the body"
                ),
            );
        }
        let moves = diverter.extend_ms.max(diverter.retract_ms);
        let reach = (diverter.body_mm / 2).saturating_add(travel_mm(config, moves));
        if config.carriers.is_none() && config.parcel.gap_mm_min < reach {
            report.add(
                "parcel.gap_mm_min",
                format!(
                    "found {}, allowed is {reach} or more: half the body of diverter {} and the \
                     travel while it moves",
                    config.parcel.gap_mm_min, diverter.id
                ),
            );
        }
    }
    let ticks = geometry::ticks(config.parcel.length_mm_max, config.belt.um_per_tick);
    if u16::try_from(ticks.saturating_mul(3)).is_err() {
        report.add(
            "belt.um_per_tick",
            format!(
                "found {}: the longest parcel has {ticks} ticks, allowed are 21,845, a third of \
                 what a stroke can hold",
                config.belt.um_per_tick
            ),
        );
    }
}

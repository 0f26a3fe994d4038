//! Checks of loops.

use super::{DiverterKind, LineConfig, Report, travel_mm};
use crate::topology::{Carriers, ChuteKind, EyeRole};

/// Belt kept free on either side of a parcel on its carrier.
const EDGE_MM: u32 = 20;

pub(super) fn carriers(config: &LineConfig, report: &mut Report) {
    let of = |role| config.eyes.iter().filter(|eye| eye.role == role).count();
    let origins = of(EyeRole::Origin);
    if let Some(carriers) = config.carriers {
        sizes(config, carriers, report);
        if origins != 1 {
            report.add(
                "eye",
                format!("found {origins} of role origin, allowed is exactly one on a loop"),
            );
        }
        let itself = |chute: &&crate::topology::Chute| chute.kind == ChuteKind::Recirculation;
        if config.chutes.iter().filter(itself).count() != 1 {
            report.add(
                "chute",
                "found none of kind recirculation, allowed is one on a loop: the loop itself",
            );
        }
    } else if origins > 0 {
        report.add(
            "eye",
            "found one of role origin, allowed is none without carriers",
        );
    }
    kinds(config, report);
}

fn sizes(config: &LineConfig, carriers: Carriers, report: &mut Report) {
    report.range("carriers.pitch_mm", carriers.pitch_mm, 200, 3_000);
    report.range("carriers.count", carriers.count, 10, 5_000);
    let um = carriers.pitch_mm.saturating_mul(1_000);
    if um.checked_rem(config.belt.um_per_tick) != Some(0) {
        report.add(
            "carriers.pitch_mm",
            format!(
                "found {}, allowed is a whole number of ticks of {} micrometres",
                carriers.pitch_mm, config.belt.um_per_tick
            ),
        );
    }
    let last = config.diverters.iter().map(|d| d.position_mm).max();
    let behind = |eye: &crate::topology::Eye| {
        eye.role == EyeRole::Track && last.is_some_and(|last| eye.position_mm > last)
    };
    if !config.eyes.iter().any(behind) {
        report.add(
            "eye",
            "found none of role track behind the last diverter, allowed is one on a loop: it tells \
             what was not discharged",
        );
    }
    let way = config.tracking.window_mm.saturating_mul(2);
    let way = way.saturating_add(travel_mm(config, config.tracking.command_ms));
    if config.belt.recirculation_mm < way {
        report.add(
            "belt.recirculation_mm",
            format!(
                "found {}, allowed is {way} or more: two windows and the travel in command_ms",
                config.belt.recirculation_mm
            ),
        );
    }
    let round = carriers.pitch_mm.saturating_mul(carriers.count);
    let belt = config
        .belt
        .length_mm
        .saturating_add(config.belt.recirculation_mm);
    if round != belt {
        report.add(
            "carriers.count",
            format!(
                "found {}, which makes a loop of {round} mm: allowed is as long as belt and way \
                 back, {belt}",
                carriers.count
            ),
        );
    }
    let room = carriers.pitch_mm.saturating_sub(EDGE_MM.saturating_mul(2));
    if config.parcel.length_mm_max > room {
        report.add(
            "parcel.length_mm_max",
            format!(
                "found {}, allowed is at most {room}: a parcel lies on one carrier",
                config.parcel.length_mm_max
            ),
        );
    }
}

fn kinds(config: &LineConfig, report: &mut Report) {
    for (at, diverter) in config.diverters.iter().enumerate() {
        let carries = diverter.kind == DiverterKind::Carrier;
        if carries != config.carriers.is_some() {
            let rule = if carries {
                "found carrier, allowed on loops only"
            } else {
                "allowed is carrier: on a loop that is what is acted on"
            };
            report.add(format!("diverter[{at}].kind"), rule);
        }
        let Some(carriers) = config.carriers else {
            continue;
        };
        let moves = diverter.extend_ms.max(diverter.retract_ms);
        let reach = (diverter.body_mm / 2)
            .saturating_add(travel_mm(config, moves))
            .saturating_add(EDGE_MM.saturating_mul(2));
        if carriers.pitch_mm / 2 < reach {
            report.add(
                format!("diverter[{at}].extend_ms"),
                format!(
                    "half the body and the travel while it moves take {reach} mm, allowed is half \
                     a carrier, {}",
                    carriers.pitch_mm / 2
                ),
            );
        }
    }
}

//! Checks of photo-eyes.

use super::{EYE_ID_MAX, LineConfig, Report, travel_mm};
use crate::EyeId;
use crate::topology::{Eye, EyeRole};

/// Where the last induction is: at 0, or where one merges.
pub(super) fn last_induction(config: &LineConfig) -> u32 {
    let inducts = config.eyes.iter();
    let inducts = inducts.filter(|eye| eye.role == EyeRole::Induct);
    inducts.map(|eye| eye.position_mm).max().unwrap_or(0)
}

pub(super) fn eyes(config: &LineConfig, report: &mut Report) {
    report.unique("eye", config.eyes.iter().map(|eye| eye.id));
    let mut places: Vec<(u32, EyeId)> = Vec::new();
    for (at, eye) in config.eyes.iter().enumerate() {
        report.range(&format!("eye[{at}].id"), eye.id.0, 0, EYE_ID_MAX);
        let key = format!("eye[{at}].position_mm");
        match eye.role {
            EyeRole::Induct if eye.position_mm == 0 => {}
            EyeRole::Induct => {
                // Parcels from the head of the belt are known before one merges.
                let least = config.parcel.length_mm_max.saturating_mul(2);
                report.range(&key, eye.position_mm, least, config.belt.length_mm);
                behind_merge(config, eye, report);
                continue;
            }
            EyeRole::Origin => {
                report.range(&key, eye.position_mm, 0, config.belt.length_mm);
                continue;
            }
            EyeRole::Track => {
                report.range(&key, eye.position_mm, 1, config.belt.length_mm);
                let least = config.tracking.window_mm.saturating_mul(2);
                for (other, id) in &places {
                    if eye.position_mm.abs_diff(*other) < least {
                        let found = eye.position_mm;
                        report.add(
                            &key,
                            format!(
                                "found {found}, {other} has photo-eye {id}: allowed is a distance \
                                 of two windows, {least}, or more"
                            ),
                        );
                    }
                }
            }
            EyeRole::Confirm | EyeRole::Full => continue,
        }
        places.push((eye.position_mm, eye.id));
    }
    let first = |eye: &&Eye| eye.role == EyeRole::Induct && eye.position_mm == 0;
    let inducts = config.eyes.iter().filter(first).count();
    if inducts != 1 {
        report.add(
            "eye",
            format!("found {inducts} of role induct at position 0, allowed is exactly one"),
        );
    }
}

/// A parcel that merges is known when its trailing edge has passed; no photo-eye on the belt may see
/// it before.
fn behind_merge(config: &LineConfig, merge: &Eye, report: &mut Report) {
    let from = merge.position_mm;
    let reach = config.parcel.length_mm_max;
    let to = from
        .saturating_add(reach)
        .saturating_add(config.tracking.window_mm)
        .saturating_add(travel_mm(config, config.tracking.command_ms));
    for (at, eye) in config.eyes.iter().enumerate() {
        let near = eye.position_mm > from && eye.position_mm < to;
        if eye.role == EyeRole::Track && near {
            report.add(
                format!("eye[{at}].position_mm"),
                format!(
                    "found {}, behind the induction at {from}: allowed is {to} or more",
                    eye.position_mm
                ),
            );
        }
    }
}

pub(super) fn chutes(config: &LineConfig, report: &mut Report) {
    for (at, eye) in config.eyes.iter().enumerate() {
        let key = format!("eye[{at}].chute");
        let watches = matches!(eye.role, EyeRole::Confirm | EyeRole::Full);
        match (watches, eye.chute) {
            (true, None) => report.add(
                key,
                "missing: allowed is the chute that a photo-eye of this role watches",
            ),
            (false, Some(chute)) => {
                report.add(
                    key,
                    format!(
                        "found {chute}, allowed is none: a photo-eye on the belt watches no chute"
                    ),
                );
            }
            (true, Some(chute)) => {
                if !config.chutes.iter().any(|known| known.id == chute) {
                    report.add(
                        key,
                        format!("found {chute}, allowed are the chutes of this line"),
                    );
                }
                let twin = config
                    .eyes
                    .iter()
                    .take(at)
                    .find(|other| other.role == eye.role && other.chute == eye.chute);
                if let Some(twin) = twin {
                    let key = format!("eye[{at}].chute");
                    report.add(
                        key,
                        format!("found {chute}, which photo-eye {} watches: allowed is one of a role for each", twin.id),
                    );
                }
            }
            (false, None) => {}
        }
    }
}

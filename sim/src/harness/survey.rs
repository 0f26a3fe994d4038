//! A survey of the simulated line: calibration parcels, one at a time, and what is learnt of them.

use sortline_core::commission::{Calibration, Survey};
use sortline_core::topology::Topology;
use sortline_core::{CameraId, Code, Event, LineTime, Reading, TriggerId};
use sortline_logic::{Node, TriggerPulse};

use super::Scenario;
use super::link::{Link, Passage};
use super::run::full_eyes;
use crate::plant::config::FeederConfig;
use crate::plant::{Driven, Plant, drive, node_limits};

/// Length of the calibration parcel.
const LENGTH_MM: u32 = 300;
/// Time from a camera's trigger to its reading.
const READ_US: u64 = 60_000;
/// Belt that a camera sees to either side of its middle.
const HALF_VIEW_UM: i64 = 150_000;

/// Surveys the scenario's line with what `written` says of it; `parcels` passes at most.
#[must_use]
pub fn survey(scenario: &Scenario, written: Topology, seed: u64, parcels: u64) -> Calibration {
    let line = scenario.topology.config();
    let mut config = scenario.plant.clone();
    let way = u64::from(line.belt.length_mm) * 2;
    let rate = u64::from(line.belt.speed_mm_per_s) * 3_600 / way.max(1);
    config.feeder = FeederConfig {
        // Never two at once.
        gap_mm_min: line.belt.length_mm + 3_000,
        parcels_per_hour: u32::try_from(rate).unwrap_or(1).max(1),
        length_mm_min: LENGTH_MM,
        length_mm_mean: LENGTH_MM,
        length_mm_max: LENGTH_MM,
        ..config.feeder
    };
    let poll_ms = scenario.config.shell.poll_ms;
    let mut plant = Plant::new(line, config, seed, parcels);
    let mut node = Node::new(node_limits(line), 1);
    let (mut link, mut survey) = (
        Link::new(poll_ms, full_eyes(line)),
        Survey::new(written, LENGTH_MM),
    );
    let (mut now, mut events, mut frames) = (0, Vec::new(), Vec::new());
    let poll_us = u64::from(poll_ms) * 1_000;
    while !plant.is_done() && survey.passes_left() > 0 {
        now += poll_us;
        drive(&mut plant, &mut node, now, &mut |plant, at, driven| {
            if let Driven::Trigger(pulse) = driven {
                frames.push((at + READ_US, frame(plant, line, pulse)));
            }
        });
        link.poll(now, &mut node, &mut events);
        let ready = |(at, _): &mut (u64, Event)| *at <= now;
        events.extend(frames.extract_if(.., ready).map(|(_, event)| event));
        for event in std::mem::take(&mut events) {
            survey.handle_event(LineTime(now), &event);
        }
        while let Some(command) = survey.poll_command() {
            let passage = (Passage::Clean, &mut events);
            link.send(now, &mut node, &command, passage);
        }
    }
    survey.calibration()
}

/// What a camera sees: the parcel's code, when its middle is in view.
fn frame(plant: &Plant, line: &sortline_core::topology::LineConfig, pulse: TriggerPulse) -> Event {
    let camera = CameraId(pulse.camera);
    let known = line.cameras.iter().find(|known| known.id == camera);
    let place = known.map_or(0, |known| i64::from(known.position_mm) * 1_000);
    let mut near = plant.under(place, HALF_VIEW_UM);
    let seen = near.any(|(_, offset)| offset.abs() <= HALF_VIEW_UM);
    let code = Code {
        kind: "calibration".to_owned(),
        value: "1".to_owned(),
    };
    Event::Read {
        camera,
        trigger: TriggerId(pulse.number),
        reading: Reading {
            codes: seen.then_some(code).into_iter().collect(),
            ..Reading::default()
        },
    }
}

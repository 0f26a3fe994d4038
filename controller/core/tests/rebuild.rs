//! A line that goes on as another one: what ends, what goes on.
#![cfg(test)]

mod demo;

use demo::{demo, plan, topology};
use sortline_core::topology::Topology;
use sortline_core::{
    Action, ChuteId, ChuteState, DiverterId, Edge, Epoch, Event, EyeId, Line, LineTime,
    OperatorCommand, Outcome, ParcelId, Step, Ticks,
};

struct Rig {
    line: Line,
    now_ms: u64,
    at: u32,
}

impl Rig {
    fn new() -> Self {
        let topology = topology();
        let plan = plan(topology.config());
        let mut rig = Self {
            line: Line::new(topology, plan),
            now_ms: 0,
            at: 1_000,
        };
        rig.up();
        rig
    }

    fn happens(&mut self, event: &Event) -> Vec<Action> {
        self.now_ms += 10;
        let now = LineTime::default().after_ms(self.now_ms);
        self.line.handle_event(now, event);
        std::iter::from_fn(|| self.line.poll_action()).collect()
    }

    fn up(&mut self) -> Vec<Action> {
        let (epoch, at) = (Epoch(7), Ticks(self.at));
        let gap = false;
        self.happens(&Event::NodeUp { epoch, at, gap })
    }

    /// The belt runs on.
    fn run(&mut self, travel: u32) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..travel / 10 {
            self.at += 10;
            let at = Ticks(self.at);
            actions.extend(self.happens(&Event::Belt { at }));
        }
        actions
    }

    /// A parcel is inducted: its number.
    fn inducts(&mut self) -> ParcelId {
        let eye = EyeId(0);
        let mut actions = Vec::new();
        for (edge, travel) in [(Edge::Blocked, 400), (Edge::Clear, 300)] {
            self.run(travel);
            let at = Ticks(self.at);
            actions.extend(self.happens(&Event::Eye { eye, edge, at }));
        }
        actions.extend(self.run(100));
        let found = actions.iter().find_map(|action| {
            if let Action::Parcel {
                parcel,
                step: Step::Inducted { .. },
            } = action
            {
                Some(*parcel)
            } else {
                None
            }
        });
        found.expect("inducted")
    }
}

#[test]
fn parcels_end_and_numbers_and_chutes_go_on() {
    let mut rig = Rig::new();
    let first = rig.inducts();
    let chute = ChuteId(3);
    let command = OperatorCommand::EnableChute {
        chute,
        enabled: false,
    };
    rig.happens(&Event::Operator { command });
    rig.happens(&Event::Stop { active: true });

    let mut config = demo();
    config.name = "Rebuilt".to_owned();
    for diverter in &mut config.diverters {
        diverter.position_mm += 50;
        diverter.opposite = diverter.opposite.filter(|other| *other != DiverterId(11));
    }
    config.chutes.retain(|chute| chute.id != ChuteId(12));
    config
        .diverters
        .retain(|diverter| diverter.chute != ChuteId(12));
    config.eyes.retain(|eye| eye.chute != Some(ChuteId(12)));
    assert_eq!(Topology::new(config.clone()).map(drop), Ok(()));
    let line = Box::new(config.clone());
    let actions = rig.happens(&Event::Rebuilt { line });

    let outcome = Outcome::Lost { last: EyeId(0) };
    let ended = Action::Parcel {
        parcel: first,
        step: Step::Ended { outcome },
    };
    assert_eq!(
        actions.iter().filter(|action| **action == ended).count(),
        1,
        "{actions:?}"
    );
    assert_eq!(rig.line.topology().config(), &config);
    assert_eq!(rig.line.chute_state(chute), ChuteState::Disabled);
    assert_eq!(rig.line.chutes().len(), config.chutes.len());
    assert_eq!(rig.line.parcels(Ticks(rig.at)), []);
    assert_eq!(rig.line.counters().lost, 1);

    // A person must still reset the line, and it takes parcels again.
    rig.happens(&Event::Stop { active: false });
    rig.up();
    assert_eq!(rig.line.status(), sortline_core::Status::Stopped);
    let command = OperatorCommand::Reset;
    rig.happens(&Event::Operator { command });
    assert!(rig.inducts() > first, "no number is given twice");
}

#[test]
fn what_is_no_line_changes_nothing() {
    let mut rig = Rig::new();
    rig.inducts();
    let mut config = demo();
    config.chutes.clear();
    let line = Box::new(config);
    assert_eq!(rig.happens(&Event::Rebuilt { line }), []);
    assert_eq!(rig.line.topology().config(), &demo());
    assert_eq!(rig.line.parcels(Ticks(rig.at)).len(), 1);
}

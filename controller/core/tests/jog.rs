//! A diverter moved by hand: when it is, when it is not, and what is told of it.
#![cfg(test)]

mod demo;

use demo::{plan, topology};
use sortline_core::{
    Action, Command, DiverterId, Edge, Epoch, Event, EyeId, JogRefusal, JogState, Line, LineTime,
    NodeFault, OperatorCommand, Refusal, Seq, StrokeResult, Ticks,
};

const DIVERTER: DiverterId = DiverterId(2);

/// A line whose belt stands at 10,000 for as long as nobody moves it.
struct Rig {
    line: Line,
    now_ms: u64,
    count: u32,
}

impl Rig {
    fn new() -> Self {
        let topology = topology();
        let plan = plan(topology.config());
        let mut rig = Self {
            line: Line::new(topology, plan),
            now_ms: 0,
            count: 10_000,
        };
        rig.happens(&Event::NodeUp {
            epoch: Epoch(7),
            at: Ticks(rig.count),
            gap: false,
        });
        rig.waits(1_000);
        rig
    }

    fn happens(&mut self, event: &Event) -> Vec<Action> {
        let now = LineTime::default().after_ms(self.now_ms);
        self.line.handle_event(now, event);
        std::iter::from_fn(|| self.line.poll_action()).collect()
    }

    /// The belt stands for a while.
    fn waits(&mut self, ms: u64) {
        self.runs(ms, 0);
    }

    /// The belt runs at so many ticks in 10 ms.
    fn runs(&mut self, ms: u64, ticks: u32) {
        for _ in 0..ms / 10 {
            self.now_ms += 10;
            self.count += ticks;
            self.happens(&Event::Belt {
                at: Ticks(self.count),
            });
        }
    }

    /// The belt runs to a count at its nominal speed, and brakes with 5 m/s² before it.
    fn runs_to(&mut self, count: u32) {
        while self.count < count {
            self.runs(10, (count - self.count).isqrt().min(15));
        }
    }

    /// The belt runs for a while, and comes to a stand.
    fn ran(&mut self, ms: u64) {
        self.runs(ms, 15);
        self.runs_to(self.count + 225);
    }

    fn jogs(&mut self, diverter: DiverterId) -> Vec<Action> {
        let command = OperatorCommand::Jog { diverter };
        self.happens(&Event::Operator { command })
    }

    /// Jogs, and gives the command's number.
    fn sends(&mut self) -> Seq {
        let actions = self.jogs(DIVERTER);
        let [
            Action::Send {
                command:
                    Command::Jog {
                        seq,
                        epoch: Epoch(7),
                        diverter: DIVERTER,
                        at,
                        hold_ms_max: 400,
                    },
            },
        ] = actions[..]
        else {
            panic!("{actions:?}");
        };
        assert_eq!(at, Ticks(self.count));
        seq
    }

    fn result(&mut self, seq: Seq, result: StrokeResult) -> Vec<Action> {
        self.happens(&Event::Stroke { seq, result })
    }

    fn fired(&mut self, seq: Seq) -> Vec<Action> {
        let at = Ticks(self.count);
        self.result(seq, StrokeResult::Fired { at })
    }

    fn done(&mut self, seq: Seq) -> Vec<Action> {
        let at = Ticks(self.count);
        self.result(seq, StrokeResult::Done { at })
    }
}

fn told(jog: JogState) -> Vec<Action> {
    let diverter = DIVERTER;
    vec![Action::Jog { diverter, jog }]
}

fn check_refused(mut rig: Rig, why: JogRefusal) {
    assert_eq!(rig.jogs(DIVERTER), told(JogState::Refused { why }));
}

#[test]
fn one_press_is_told_on_and_off() {
    let mut rig = Rig::new();
    let seq = rig.sends();
    assert_eq!(rig.fired(seq), told(JogState::On));
    assert_eq!(rig.done(seq), told(JogState::Off));
    assert_eq!(rig.done(seq), vec![]);
}

#[test]
fn a_button_held_is_on_once_and_no_longer_than_the_diverter_may_be() {
    let mut rig = Rig::new();
    let mut last = rig.sends();
    assert_eq!(rig.fired(last), told(JogState::On));
    // 1,200 ms are allowed, the last 400 of them by the last command.
    for _ in 0..4 {
        rig.waits(200);
        let next = rig.sends();
        // The node ends the one that is taken over.
        assert_eq!(rig.done(last), vec![]);
        assert_eq!(rig.fired(next), vec![]);
        last = next;
    }
    let why = JogRefusal::HeldTooLong;
    for _ in 0..20 {
        rig.waits(200);
        assert_eq!(rig.jogs(DIVERTER), told(JogState::Refused { why }));
    }
    assert_eq!(rig.done(last), told(JogState::Off));
    // Let go, and press again.
    rig.waits(400);
    rig.sends();
}

#[test]
fn the_nodes_refusal_is_told() {
    let mut rig = Rig::new();
    let seq = rig.sends();
    let refusal = Refusal::Late;
    let why = JogRefusal::Node { refusal };
    let told = told(JogState::Refused { why });
    assert_eq!(rig.result(seq, StrokeResult::Refused { refusal }), told);
}

#[test]
fn not_while_the_belt_moves_or_just_did() {
    let mut rig = Rig::new();
    rig.runs(200, 15);
    check_refused(rig, JogRefusal::BeltMoves);
    let mut rig = Rig::new();
    rig.ran(200);
    rig.waits(400);
    check_refused(rig, JogRefusal::BeltMoves);
    let mut rig = Rig::new();
    rig.ran(200);
    rig.waits(500);
    rig.sends();
}

#[test]
fn not_while_stopped_or_without_node() {
    let mut rig = Rig::new();
    rig.happens(&Event::Stop { active: true });
    check_refused(rig, JogRefusal::Stopped);
    let mut rig = Rig::new();
    rig.happens(&Event::NodeDown {
        fault: NodeFault::Unreachable,
    });
    check_refused(rig, JogRefusal::NodeDown);
    let mut rig = Rig::new();
    let unknown = rig.jogs(DiverterId(99));
    let [
        Action::Jog {
            diverter: DiverterId(99),
            jog: JogState::Refused {
                why: JogRefusal::Unknown,
            },
        },
    ] = unknown[..]
    else {
        panic!("{unknown:?}");
    };
}

#[test]
fn what_takes_the_node_away_ends_it() {
    for event in [
        Event::Stop { active: true },
        Event::Restarted,
        Event::NodeDown {
            fault: NodeFault::Unreachable,
        },
    ] {
        let mut rig = Rig::new();
        let seq = rig.sends();
        rig.fired(seq);
        let actions = rig.happens(&event);
        assert!(actions.contains(&told(JogState::Off)[0]), "{actions:?}");
    }
}

/// A parcel of 300 mm is inducted, the belt runs past its photo-eyes until the leading edge is
/// `ahead` ticks before the diverter, and stands. One tick of the demonstration line is 1 mm.
fn with_parcel(ahead: u32) -> Rig {
    let mut rig = Rig::new();
    let config = rig.line.topology().config().clone();
    let diverters = &config.diverters;
    let diverter = diverters.iter().find(|spec| spec.id == DIVERTER).unwrap();
    let start = rig.count;
    let travel = diverter.position_mm - ahead;
    let belt = config.eyes.iter().filter(|eye| eye.chute.is_none());
    let mut edges: Vec<(u32, EyeId, Edge)> = belt
        .flat_map(|eye| {
            let leading = eye.position_mm;
            [
                (leading, eye.id, Edge::Blocked),
                (leading + 300, eye.id, Edge::Clear),
            ]
        })
        .filter(|(place, ..)| *place <= travel)
        .collect();
    edges.sort_by_key(|(place, ..)| *place);
    for (place, eye, edge) in edges {
        rig.runs_to(start + place);
        rig.happens(&Event::Eye {
            eye,
            edge,
            at: Ticks(start + place),
        });
    }
    rig.runs_to(start + travel);
    rig.waits(1_000);
    rig
}

#[test]
fn not_while_a_parcel_lies_in_the_way() {
    let rig = with_parcel(0);
    let parcel = rig.line.parcels(Ticks(rig.count))[0].parcel;
    check_refused(rig, JogRefusal::Parcel { parcel });
    // Upstream, but the diverter would not be back before it comes.
    let rig = with_parcel(150);
    check_refused(rig, JogRefusal::Parcel { parcel });
    // Far enough away.
    let mut rig = with_parcel(2_000);
    rig.sends();
}

//! The session against slaves that misbehave, in virtual time: nothing wrong is taken for data,
//! nothing hangs, and the node is in use again within a second of its cure.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{Health, Slave, Vice, wire};
use sortline_core::{Command, DiverterId, Epoch, Event, NodeFault, Seq, StrokeResult, Ticks};
use sortline_fieldbus::{Delivery, Framing, Needs, Settings, Watch, run};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How long a slave stays sick: several tries at the longest pause.
const SICK: Duration = Duration::from_millis(2_700);
/// A watchdog time and what is left of a call.
const NOTICED: Duration = Duration::from_millis(210);
/// Reliability, section 9: an IO link is in use again within this.
const RECOVERY: Duration = Duration::from_secs(1);

struct Rig {
    health: Health,
    strokes: Arc<AtomicU32>,
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Delivery>,
    session: JoinHandle<()>,
    slave: JoinHandle<()>,
}

fn start(vice: Vice, framing: Framing, health: Health) -> Rig {
    let strokes = Arc::new(AtomicU32::new(0));
    let (dialer, connections) = wire(vice, framing, &health);
    let slave = Slave::new(vice, framing, health.clone(), Arc::clone(&strokes));
    let slave = tokio::spawn(slave.serve(connections));
    let settings = Settings {
        needs: Needs {
            eyes: 4,
            diverters: 2,
            cameras: 1,
        },
        ..Settings::default()
    };
    let (commands, inbox) = mpsc::channel(4);
    let (outbox, events) = mpsc::channel(64);
    let session = tokio::spawn(run(dialer, settings, inbox, outbox, Watch::default()));
    Rig {
        health,
        strokes,
        commands,
        events,
        session,
        slave,
    }
}

impl Rig {
    async fn next(&mut self) -> Event {
        let next = timeout(Duration::from_secs(20), self.events.recv()).await;
        next.expect("an event within 20 s")
            .expect("session runs")
            .event
    }

    async fn up(&mut self) -> Epoch {
        loop {
            if let Event::NodeUp { epoch, .. } = self.next().await {
                return epoch;
            }
        }
    }

    /// Ends the session; it must not hang.
    async fn end(self) {
        drop(self.commands);
        drop(self.events);
        timeout(Duration::from_secs(5), self.session)
            .await
            .expect("the session ends")
            .unwrap();
        self.slave.abort();
    }
}

/// What a session may tell while its slave lies: the belt's count as it is, coming and going.
fn check_told(vice: Vice, event: &Event, now: Instant, born: Instant) {
    if let Event::Belt { at } = event {
        let now = u32::try_from((now - born).as_millis()).unwrap();
        assert!(
            at.0 <= now && now - at.0 <= 200,
            "{vice:?}: count {} at {now}",
            at.0
        );
        return;
    }
    let of_the_node = matches!(event, Event::NodeUp { .. } | Event::NodeDown { .. });
    assert!(of_the_node, "{vice:?}: {event:?}");
}

/// Falls sick in use, stays sick, is healed: how long until it is in use again.
async fn outage(vice: Vice, framing: Framing, sick_for: Duration) -> Duration {
    let mut rig = start(vice, framing, Health::default());
    let born = Instant::now();
    rig.up().await;
    rig.health.sick.store(true, Ordering::SeqCst);
    let sick = Instant::now();
    let mut down = false;
    while let Ok(event) = tokio::time::timeout_at(sick + sick_for, rig.next()).await {
        check_told(vice, &event, Instant::now(), born);
        assert!(
            !matches!(event, Event::NodeUp { .. }),
            "{vice:?}: used while it is sick"
        );
        if let Event::NodeDown { .. } = event {
            let noticed = sick.elapsed();
            assert!(
                down || noticed <= NOTICED,
                "{vice:?}: noticed after {noticed:?}"
            );
            down = true;
        }
    }
    assert_eq!(down, !vice.is_harmless(), "{vice:?}");
    rig.health.sick.store(false, Ordering::SeqCst);
    let healed = Instant::now();
    if down {
        rig.up().await;
    }
    let took = healed.elapsed();
    rig.end().await;
    took
}

#[tokio::test(start_paused = true)]
async fn sick_slaves_are_not_used_and_healed_ones_are_within_a_second() {
    let vices = Vice::all();
    assert!(vices.len() >= 60, "{} behaviors", vices.len());
    for vice in vices {
        for phase_ms in [0, 130, 260, 390] {
            let took = outage(vice, Framing::Tcp, SICK + Duration::from_millis(phase_ms)).await;
            assert!(took <= RECOVERY, "{vice:?}: in use after {took:?}");
        }
    }
}

/// On a serial line a late reply outlives the opening of the port.
#[tokio::test(start_paused = true)]
async fn serial_lines_are_found_in_step_again() {
    for vice in Vice::of_a_serial_line() {
        for phase_ms in [0, 130, 260, 390] {
            let took = outage(vice, Framing::Rtu, SICK + Duration::from_millis(phase_ms)).await;
            assert!(took <= RECOVERY, "{vice:?}: in use after {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_reply_anywhere_is_survived() {
    for vice in Vice::all().into_iter().filter(|vice| vice.is_of_a_reply()) {
        // Identity, limits, first state, poll state, arming, its read-back, heartbeat, later ones.
        for nth in [1, 2, 3, 4, 5, 6, 7, 30, 31] {
            let health = Health::default();
            health.nth.store(nth, Ordering::SeqCst);
            let mut rig = start(vice, Framing::Tcp, health);
            let born = Instant::now();
            let mut fault = None;
            // Up before the bad reply or after it; and to the end of every pause thereafter.
            while born.elapsed() < Duration::from_millis(1_500) {
                let event = rig.next().await;
                check_told(vice, &event, Instant::now(), born);
                if let Event::NodeDown { fault: found } = event {
                    fault = Some(found);
                } else if fault.is_some() && matches!(event, Event::NodeUp { .. }) {
                    break;
                }
            }
            let allowed = [NodeFault::Unreachable, NodeFault::Protocol];
            match fault {
                Some(fault) => assert!(
                    allowed.contains(&fault) && !vice.is_harmless(),
                    "{vice:?} in reply {nth}: {fault:?}"
                ),
                None => assert!(vice.is_harmless(), "{vice:?} in reply {nth}"),
            }
            rig.end().await;
        }
    }
}

/// A stroke whose write or answer meets a vice is told once, and never done twice.
#[tokio::test(start_paused = true)]
async fn no_stroke_is_done_twice_or_told_wrongly() {
    let mut fired_all = 0;
    for vice in Vice::all().into_iter().filter(|vice| vice.is_of_a_reply()) {
        // The write of the command, and the reading of its answer; a poll lies between at times.
        for after in 1..=4 {
            let mut rig = start(vice, Framing::Tcp, Health::default());
            let epoch = rig.up().await;
            let mut at = Ticks(0);
            for _ in 0..3 {
                if let Event::Belt { at: found } = rig.next().await {
                    at = found;
                }
            }
            rig.health.count_from_here(after);
            for seq in 1..=2 {
                let stroke = Command::Stroke {
                    seq: Seq(seq),
                    epoch,
                    diverter: DiverterId(0),
                    fire_at: at.offset(60 + 80 * i32::from(seq)),
                    hold: 20,
                    hold_ms_max: 400,
                };
                rig.commands.send(stroke).await.unwrap();
            }
            let fired = judge_strokes(vice, &mut rig).await;
            let strokes = rig.strokes.load(Ordering::SeqCst);
            assert!(
                fired <= strokes && strokes <= 2,
                "{vice:?} {after}: {fired} {strokes}"
            );
            fired_all += fired;
            rig.end().await;
        }
    }
    assert!(fired_all > 0, "some strokes are done");
}

/// Reads what is told of the strokes for a second: how many were told as fired.
async fn judge_strokes(vice: Vice, rig: &mut Rig) -> u32 {
    let (mut answered, mut fired) = (BTreeSet::new(), BTreeSet::new());
    let end = Instant::now() + Duration::from_secs(1);
    while let Ok(event) = tokio::time::timeout_at(end, rig.next()).await {
        let Event::Stroke { seq, result } = event else {
            continue;
        };
        match result {
            StrokeResult::Accepted | StrokeResult::Unknown => {
                assert!(answered.insert(seq), "{vice:?}: {seq:?} answered twice");
            }
            StrokeResult::Fired { .. } => {
                assert!(fired.insert(seq), "{vice:?}: {seq:?} fired twice");
            }
            StrokeResult::Refused { .. } | StrokeResult::Done { .. } | StrokeResult::Withdrawn => {}
        }
    }
    u32::try_from(fired.len()).unwrap()
}

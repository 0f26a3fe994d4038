//! A line whose field node is made of bought devices: photo-eyes and encoder on an ADAM-6052,
//! diverters and the camera's trigger on a WAGO coupler, both simulated with their limits and
//! watchdogs behind real sockets. The physics judges.
#![cfg(test)]

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sortline_core::topology::{LineConfig, Topology};
use sortline_core::{
    Action, CameraId, Code, Command, Destination, DestinationSource, Event, Line as Sorter,
    LineTime, Permille, Reading, Resolution, SortPlan, TriggerId,
};
use sortline_fieldbus::address::{Address, Dialer};
use sortline_fieldbus::device::profile::Profile;
use sortline_fieldbus::{Delivery, Needs, Settings, Watch, run};
use sortline_sim::devices::{Kind, Line, Twin, serve};
use sortline_sim::plant::{Breach, Fate, Plant, PlantConfig, Signal};
use sortline_softnode::{SoftNode, Wiring, WiringFile};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, interval, timeout_at};

const PARCELS: u64 = 10;
/// The stop circuit's contact, on the input behind the photo-eyes.
const STOP: u8 = 6;
/// The camera's trigger, on the output behind the diverters.
const CAMERA: u32 = 2;

fn config(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The plant, and what the devices saw of it.
struct World {
    plant: Plant,
    outputs: u32,
    /// Parcels under the camera at each of its pulses.
    seen: VecDeque<Vec<u32>>,
    wrong: Vec<String>,
    sorted: u64,
    rejected: u64,
}

impl World {
    fn advance(&mut self, twins: &mut [Twin], now_us: u64) {
        let (eyes, pushers) = twins.split_first_mut().unwrap();
        let pushers = &mut pushers[0];
        let outputs = pushers.outputs();
        if outputs >> CAMERA & 1 == 1 && self.outputs >> CAMERA & 1 == 0 {
            let under = self.plant.under(500_000, 250_000);
            self.seen
                .push_back(under.map(|(parcel, _)| parcel.serial).collect());
        }
        self.outputs = outputs;
        loop {
            let next = self.plant.next_us().map_or(now_us, |next| next.min(now_us));
            self.plant.advance(next.max(self.plant.now_us()));
            if self.plant.outputs() != outputs & 3 {
                self.plant.set_outputs(outputs & 3);
            }
            while let Some(signal) = self.plant.take_signal() {
                match signal {
                    Signal::Eye { eye, blocked } => {
                        eyes.input(u8::try_from(eye).unwrap(), blocked);
                    }
                    Signal::Stop { active } => eyes.input(STOP, !active),
                    Signal::ResetPressed => {}
                }
            }
            if next >= now_us {
                break;
            }
        }
        eyes.count(7, self.plant.count());
        self.judge();
    }

    fn judge(&mut self) {
        for ended in self.plant.take_ended().collect::<Vec<_>>() {
            let serial = ended.parcel.serial;
            let own = if serial.is_multiple_of(2) { 1 } else { 2 };
            match ended.fate {
                Fate::Chute(chute) if chute.0 == own => self.sorted += 1,
                Fate::Chute(chute) if chute.0 == 99 => self.rejected += 1,
                fate @ (Fate::Chute(_) | Fate::Removed) => {
                    self.wrong.push(format!("parcel {serial}: {fate:?}"));
                }
            }
        }
        let breaches: Vec<Breach> = self.plant.take_breaches().collect();
        self.wrong
            .extend(breaches.iter().map(|breach| format!("{breach:?}")));
    }
}

fn world(line: &LineConfig) -> Arc<Mutex<World>> {
    let plant = config("bench/plant.toml").replace("= 900", "= 3600");
    let plant = PlantConfig::from_toml("plant.toml", &plant).unwrap();
    let mut plant = Plant::new(line, plant, 3, PARCELS);
    plant.stand();
    Arc::new(Mutex::new(World {
        plant,
        outputs: 0,
        seen: VecDeque::new(),
        wrong: Vec::new(),
        sorted: 0,
        rejected: 0,
    }))
}

fn wiring(addresses: [String; 2], line: &LineConfig) -> Wiring {
    let [io, push] = addresses;
    let mut text = format!(
        "[[bus]]\nid = \"io\"\naddress = \"{io}\"\ncall_ms = 500\n\
         [[bus]]\nid = \"push\"\naddress = \"{push}\"\ncall_ms = 500\n\
         [[device]]\nid = \"eyes\"\nbus = \"io\"\nprofile = \"adam-6052\"\n\
         [[device]]\nid = \"pushers\"\nbus = \"push\"\nprofile = \"wago-750\"\n\
         [encoder]\npoint = \"eyes.counter7\"\n[stop]\npoint = \"eyes.di{STOP}\"\n\
         [[camera]]\nid = 0\npoint = \"pushers.do{CAMERA}\"\n"
    );
    for eye in &line.eyes {
        text.extend([format!(
            "[[eye]]\nid = {0}\npoint = \"eyes.di{0}\"\n",
            eye.id.0
        )]);
    }
    for diverter in &line.diverters {
        text.extend([format!(
            "[[diverter]]\nid = {0}\npoint = \"pushers.do{0}\"\n",
            diverter.id.0
        )]);
    }
    let file: WiringFile = toml::from_str(&text).unwrap();
    let profiles = ["adam-6052", "wago-750"].map(|name| {
        let text = config(&format!("hardware/{name}.toml"));
        let profile = Profile::new(toml::from_str(&text).unwrap()).unwrap();
        (name.to_owned(), Arc::new(profile))
    });
    let wiring = Wiring::new(&file, &BTreeMap::from(profiles), line).unwrap();
    assert!(!wiring.warnings.is_empty(), "what is not confirmed is told");
    wiring
}

/// Serves both devices with the plant on their pins; their addresses.
async fn devices(world: Arc<Mutex<World>>) -> ([String; 2], oneshot::Sender<()>) {
    let (lines, incoming) = mpsc::channel(4);
    let mut addresses = Vec::new();
    for twin in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap().to_string());
        tokio::spawn(Line::accept(listener, twin, lines.clone()));
    }
    let (stop, stopped) = oneshot::channel();
    let mut twins = vec![Twin::new(Kind::Adam6052), Twin::new(Kind::Wago750)];
    twins[0].input(STOP, true);
    let bench = move |twins: &mut [Twin], now: u64| world.lock().unwrap().advance(twins, now);
    tokio::spawn(serve(twins, bench, incoming, stopped));
    (addresses.try_into().unwrap(), stop)
}

/// What surrounds the line: every parcel is read as its serial number, and looked up by it.
struct Shell {
    sorter: Sorter,
    begun: Instant,
    commands: mpsc::Sender<Command>,
    triggered: VecDeque<(CameraId, TriggerId)>,
}

impl Shell {
    fn now(&self) -> LineTime {
        LineTime(u64::try_from(self.begun.elapsed().as_micros()).unwrap())
    }

    fn take(&mut self, event: &Event) {
        if let Event::Triggered {
            camera, trigger, ..
        } = event
        {
            self.triggered.push_back((*camera, *trigger));
        }
        self.sorter.handle_event(self.now(), event);
        self.act();
    }

    fn tick(&mut self, world: &Mutex<World>) {
        let seen = if self.triggered.is_empty() {
            None
        } else {
            world.lock().unwrap().seen.pop_front()
        };
        if let Some(serials) = seen
            && let Some((camera, trigger)) = self.triggered.pop_front()
        {
            let code = |serial: u32| Code {
                kind: "sscc".to_owned(),
                value: serial.to_string(),
            };
            let codes = serials.into_iter().map(code).collect();
            let reading = Reading {
                codes,
                destination: None,
                no_read: None,
            };
            self.take(&Event::Read {
                camera,
                trigger,
                reading,
            });
        }
        while self
            .sorter
            .poll_timeout()
            .is_some_and(|(at, _)| at <= self.now())
        {
            self.sorter.handle_timeout(self.now());
            self.act();
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.sorter.poll_action() {
            match action {
                Action::Send { command } => self.commands.try_send(command).unwrap(),
                Action::Resolve { parcel, reading } => {
                    let resolution = match reading.codes.as_slice() {
                        [code] => look_up(code),
                        _ => Resolution::Unknown,
                    };
                    self.take(&Event::Resolved { parcel, resolution });
                }
                Action::Parcel { .. }
                | Action::Chute { .. }
                | Action::BagClosed { .. }
                | Action::Induction { .. }
                | Action::Jog { .. }
                | Action::Alarm { .. } => {}
            }
        }
    }
}

fn look_up(code: &Code) -> Resolution {
    let serial: u32 = code.value.parse().unwrap();
    let country = if serial.is_multiple_of(2) { "DE" } else { "FR" };
    Resolution::Sort {
        destination: Destination {
            country: country.to_owned(),
            postcode: None,
            source: DestinationSource::Manifest,
            confidence: Permille::ONE,
        },
        hop: None,
        why: "manifest".to_owned(),
        sequence: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bought_devices_sort_a_belt() {
    let faster = |text: String| text.replace("speed_mm_per_s = 500", "speed_mm_per_s = 800");
    let line: LineConfig = toml::from_str(&faster(config("bench/line.toml"))).unwrap();
    let plan: SortPlan = toml::from_str(&config("bench/plan.toml")).unwrap();
    let world = world(&line);
    let (addresses, _stop) = devices(Arc::clone(&world)).await;
    let wiring = wiring(addresses, &line);
    let telegrams = broadcast::Sender::new(16);
    let node = SoftNode::new(&line, &wiring, (None, &telegrams), 7).unwrap();
    let (address, _tasks) = Box::pin(node.start()).await.unwrap();
    let dialer = Dialer::to(&Address::Tcp(address.to_string()), None);
    // A busy machine runs this beside other tests: only the watchdogs that are meant may trip.
    let settings = Settings {
        call_ms: 500,
        watchdog_ms: 800,
        needs: Needs {
            eyes: 6,
            diverters: 2,
            cameras: 1,
        },
        ..Settings::default()
    };
    let (commands, inbox) = mpsc::channel(64);
    let (outbox, mut events) = mpsc::channel(64);
    tokio::spawn(run(dialer, settings, inbox, outbox, Watch::default()));
    let sorter = Sorter::new(Topology::new(line).unwrap(), plan);
    let mut shell = Shell {
        sorter,
        begun: Instant::now(),
        commands,
        triggered: VecDeque::new(),
    };
    let mut ticks = interval(Duration::from_millis(5));
    let end = Instant::now() + Duration::from_mins(1);
    let mut started = false;
    loop {
        tokio::select! {
            event = timeout_at(end, events.recv()) => {
                let Delivery { event, .. } = event.expect("done within a minute").unwrap();
                if !started && matches!(event, Event::NodeUp { .. }) {
                    started = true;
                    world.lock().unwrap().plant.start();
                }
                shell.take(&event);
            }
            _ = ticks.tick() => shell.tick(&world),
        }
        let world = world.lock().unwrap();
        if world.sorted + world.rejected >= PARCELS || !world.wrong.is_empty() {
            break;
        }
    }
    let world = world.lock().unwrap();
    assert_eq!(world.wrong, Vec::<String>::new());
    assert!(
        world.sorted >= PARCELS * 7 / 10,
        "{} sorted, {} rejected",
        world.sorted,
        world.rejected
    );
}

//! Every device profile against the twin of its device: points, limits, watchdog, read-back.
#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sortline_fieldbus::Framing;
use sortline_fieldbus::address::{Dialer, Stream};
use sortline_fieldbus::device::driver::{
    BusSettings, BusView, DeviceFault, DeviceSettings, Driver, Output, Wanted,
};
use sortline_fieldbus::device::profile::{Profile, Protocol};
use sortline_fieldbus::device::wheel::{Sides, Wheel};
use sortline_fieldbus::tap::Tap;
use sortline_sim::devices::{Kind, Line, Stop, Twin, WheelTwin, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// A device that proves its watchdog is up after that long.
const UP: Duration = Duration::from_secs(4);
/// Some polls.
const SOON: Duration = Duration::from_millis(120);

fn profile(name: &str) -> Arc<Profile> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config/hardware")
        .join(name);
    let text = std::fs::read_to_string(path.with_extension("toml")).unwrap();
    let file = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Arc::new(Profile::new(file).unwrap_or_else(|problems| panic!("{name}: {problems:?}")))
}

/// What a test does to the device's pins, and sees of them.
#[derive(Default)]
struct Pins {
    inputs: u32,
    counts: [u32; 12],
    force: Option<(u8, bool)>,
    outputs: u32,
    refusals: u64,
    outputs_off_at: Option<Instant>,
}

struct Rig {
    pins: Arc<Mutex<Pins>>,
    wanted: watch::Sender<Wanted>,
    views: watch::Receiver<BusView>,
    driver: JoinHandle<()>,
    _stop: Stop,
}

fn start(twin: Twin, device: DeviceSettings) -> Rig {
    let pins = Arc::new(Mutex::new(Pins::default()));
    let (lines, incoming) = mpsc::channel(4);
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&pins);
    let bench = move |twins: &mut [Twin], _now: u64| {
        let (twin, mut pins) = (&mut twins[0], shared.lock().unwrap());
        for n in 0..32 {
            twin.input(n, pins.inputs >> n & 1 == 1);
        }
        for (n, count) in pins.counts.iter().enumerate() {
            twin.count(n, *count);
        }
        if let Some((n, on)) = pins.force.take() {
            twin.force_output(n, on);
        }
        if twin.outputs() != pins.outputs {
            pins.outputs = twin.outputs();
            pins.outputs_off_at = (pins.outputs == 0).then(Instant::now);
        }
        pins.refusals = twin.refusals();
    };
    tokio::spawn(serve(vec![twin], bench, incoming, stopped));
    let dialer = Dialer::with(Framing::Tcp, move || {
        let lines = lines.clone();
        Box::pin(async move {
            let (near, far) = duplex(4_096);
            drop(
                lines
                    .send(Line {
                        twin: 0,
                        stream: Box::new(far),
                    })
                    .await,
            );
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    });
    let settings = BusSettings {
        poll_ms: 10,
        call_ms: 50,
        devices: vec![device],
    };
    let driver = Driver::new(dialer, settings, Tap::default()).unwrap();
    let (wanted, wants) = watch::channel(Wanted::new());
    let (sender, views) = watch::channel(driver.view());
    let driver = tokio::spawn(driver.run(wants, sender));
    Rig {
        pins,
        wanted,
        views,
        driver,
        _stop: stop,
    }
}

impl Rig {
    /// Waits until the device is as wanted.
    async fn until(
        &mut self,
        within: Duration,
        mut is: impl FnMut(&BusView, &Pins) -> bool,
    ) -> bool {
        let end = Instant::now() + within;
        loop {
            if is(&self.views.borrow_and_update(), &self.pins.lock().unwrap()) {
                return true;
            }
            if tokio::time::timeout_at(end, self.views.changed())
                .await
                .is_err()
            {
                return false;
            }
        }
    }

    async fn up(&mut self) -> bool {
        self.until(UP, |view, _| view.devices[0].fault.is_none())
            .await
    }

    async fn falls(&mut self, fault: DeviceFault) -> bool {
        self.until(SOON, |view, _| view.devices[0].fault == Some(fault))
            .await
    }

    fn want(&self, values: Vec<u16>) {
        self.wanted.send_replace(vec![values]);
    }

    fn pins<T>(&self, act: impl FnOnce(&mut Pins) -> T) -> T {
        act(&mut self.pins.lock().unwrap())
    }
}

/// Pin of each point of a profile that is a pin, in the order of the names.
fn pins_of(profile: &Profile, write: bool) -> Vec<(String, u32)> {
    let named: BTreeMap<&str, u32> = [
        ("left_sensor", 0),
        ("right_sensor", 1),
        ("left_output", 0),
        ("right_output", 1),
        ("left_run", 2),
        ("upstream_accumulate", 0),
        ("upstream_arrived", 1),
        ("downstream_accumulate", 2),
        ("downstream_arrived", 3),
    ]
    .into();
    let pin = |name: &str| {
        let number = name.strip_prefix("di").or_else(|| name.strip_prefix("do"));
        number
            .and_then(|n| n.parse().ok())
            .or_else(|| named.get(name).copied())
    };
    let points = profile
        .points
        .iter()
        .filter(|(_, point)| point.write == write);
    points
        .filter_map(|(name, _)| Some((name.clone(), pin(name)?)))
        .collect()
}

fn device(profile: &Arc<Profile>) -> DeviceSettings {
    let names = |write| pins_of(profile, write).into_iter().map(|(name, _)| name);
    DeviceSettings {
        unit: 1,
        profile: Arc::clone(profile),
        inputs: names(false).collect(),
        outputs: names(true)
            .map(|point| Output {
                point,
                pulse_ms: None,
            })
            .collect(),
        without_watchdog: true,
    }
}

#[tokio::test(start_paused = true)]
async fn every_point_is_the_pin_that_it_names() {
    for (name, kind) in Kind::ALL {
        let profile = profile(name);
        let mut rig = start(Twin::new(kind), device(&profile));
        assert!(
            rig.up().await,
            "{name}: {:?}",
            rig.views.borrow().devices[0].fault
        );
        for (place, (point, pin)) in pins_of(&profile, false).iter().enumerate() {
            rig.pins(|pins| pins.inputs = 1 << pin);
            let alone = |view: &BusView, _: &Pins| {
                let inputs = view.devices[0].inputs.iter().enumerate();
                inputs
                    .clone()
                    .all(|(n, value)| *value == Some(i64::from(n == place)))
            };
            assert!(
                rig.until(SOON, alone).await,
                "{name} {point}: {:?}",
                rig.views.borrow()
            );
        }
        let outputs = pins_of(&profile, true);
        for (place, (point, pin)) in outputs.iter().enumerate() {
            let mut values = vec![0; outputs.len()];
            values[place] = 1;
            rig.want(values);
            let alone = |view: &BusView, pins: &Pins| {
                let read = view.devices[0].outputs.iter().enumerate();
                pins.outputs == 1 << pin
                    && read
                        .clone()
                        .all(|(n, value)| *value == Some(i64::from(n == place)))
            };
            assert!(
                rig.until(SOON, alone).await,
                "{name} {point}: {:?}",
                rig.views.borrow()
            );
        }
        let (refusals, errors) = (
            rig.pins(|pins| pins.refusals),
            rig.views.borrow().statistics.errors,
        );
        assert_eq!(
            (refusals, errors),
            (0, 0),
            "{name} was asked what it does not know"
        );
        // Nobody wants anything any more: off at once, not by the watchdog.
        drop(rig.wanted);
        timeout(SOON, rig.driver).await.unwrap().unwrap();
        assert_eq!(rig.pins.lock().unwrap().outputs, 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_go_off_when_the_controller_dies() {
    let mut shown = 0;
    for (name, kind) in Kind::ALL {
        let profile = profile(name);
        let outputs = pins_of(&profile, true).len();
        let guarded = profile
            .points
            .values()
            .any(|p| p.write && profile.ends_by_itself(p));
        let settings = DeviceSettings {
            without_watchdog: false,
            ..device(&profile)
        };
        let mut rig = start(Twin::new(kind), settings);
        if outputs > 0 && !guarded {
            // No watchdog, no use.
            assert!(!rig.up().await, "{name}");
            assert_eq!(
                rig.views.borrow().devices[0].fault,
                Some(DeviceFault::Watchdog),
                "{name}"
            );
            continue;
        }
        assert!(
            rig.up().await,
            "{name}: {:?}",
            rig.views.borrow().devices[0].fault
        );
        if outputs == 0 {
            continue;
        }
        rig.want(vec![1; outputs]);
        assert!(
            rig.until(SOON, |_, pins| pins.outputs.count_ones() > 0)
                .await,
            "{name}"
        );
        // On for as long as it is wanted, watchdog or not.
        sleep_until(Instant::now() + Duration::from_secs(3)).await;
        assert!(rig.pins(|pins| pins.outputs > 0), "{name}");
        rig.driver.abort();
        let dead = Instant::now();
        sleep_until(Instant::now() + Duration::from_millis(1_100)).await;
        let off = rig.pins(|pins| pins.outputs_off_at);
        let took = off.map(|off| off - dead);
        let time_ms = profile
            .watchdog
            .as_ref()
            .map_or(60, |watchdog| watchdog.time_ms);
        let bound = Duration::from_millis(u64::from(time_ms) + 20);
        assert!(
            took.is_some_and(|took| took <= bound),
            "{name}: off after {took:?}"
        );
        shown += 1;
    }
    assert!(shown >= 6, "{shown} devices switched off by themselves");
}

#[tokio::test(start_paused = true)]
async fn a_watchdog_that_does_not_work_is_noticed() {
    for (name, kind) in Kind::ALL {
        let profile = profile(name);
        if profile.watchdog.is_none() {
            continue;
        }
        let mut rig = start(Twin::new(kind).with_broken_watchdog(), device(&profile));
        assert!(!rig.up().await, "{name}");
        assert_eq!(
            rig.views.borrow().devices[0].fault,
            Some(DeviceFault::Watchdog),
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn another_master_and_a_dead_output_are_noticed() {
    for (name, kind) in Kind::ALL {
        let profile = profile(name);
        let outputs = pins_of(&profile, true);
        let timed = profile.points.values().any(|point| point.pulse.is_some());
        let Some((_, pin)) = outputs.first().filter(|_| !timed) else {
            continue;
        };
        // A read-back that changes by itself shows where nothing is rewritten at every poll.
        let rewritten = profile
            .watchdog
            .as_ref()
            .is_some_and(|watchdog| watchdog.feed.is_none());
        let mut rig = start(Twin::new(kind), device(&profile));
        assert!(rig.up().await, "{name}");
        sleep_until(Instant::now() + SOON).await;
        let pin = u8::try_from(*pin).unwrap();
        rig.pins(|pins| pins.force = Some((pin, true)));
        if !rewritten {
            assert!(rig.falls(DeviceFault::SecondMaster).await, "{name}");
            assert!(rig.up().await, "{name} is used again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_counts_have_the_order_of_their_maker() {
    for (name, kind) in [
        ("adam-6050", Kind::Adam6050),
        ("moxa-e1214", Kind::MoxaE1214),
    ] {
        let profile = profile(name);
        let settings = DeviceSettings {
            inputs: vec!["counter0".to_owned(), "counter3".to_owned()],
            outputs: Vec::new(),
            ..device(&profile)
        };
        let mut rig = start(Twin::new(kind), settings);
        assert!(rig.up().await, "{name}");
        rig.pins(|pins| (pins.counts[0], pins.counts[3]) = (0x0001_0002, 0xFFFF_0000));
        let read = |view: &BusView, _: &Pins| {
            view.devices[0].inputs == [Some(0x0001_0002), Some(0xFFFF_0000)]
        };
        assert!(
            rig.until(SOON, read).await,
            "{name}: {:?}",
            rig.views.borrow().devices
        );
    }
}

#[test]
fn every_profile_has_a_twin_and_says_what_is_not_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/hardware");
    let mut profiles = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let profile = profile(&name);
        assert_eq!(profile.id, name);
        let has_twin = Kind::of_profile(&name).is_some() || profile.protocol == Protocol::Shudiniao;
        assert!(has_twin, "{name}");
        assert!(
            !profile.confirm.is_empty(),
            "{name}: no device was tried yet"
        );
        profiles += 1;
    }
    assert_eq!(profiles, Kind::ALL.len() + 1);
}

/// Serves a wheel diverter, and tells where its wheels point.
async fn turn_wheels(mut incoming: mpsc::Receiver<DuplexStream>, seen: Arc<Mutex<u8>>) {
    let start = Instant::now();
    let now = || u64::try_from(start.elapsed().as_millis()).unwrap();
    while let Some(mut stream) = incoming.recv().await {
        let (mut twin, mut buffer) = (WheelTwin::default(), [0; 64]);
        stream.write_all(&WheelTwin::RUNNING).await.unwrap();
        loop {
            let read = timeout(Duration::from_millis(1), stream.read(&mut buffer)).await;
            match read {
                Ok(Ok(count @ 1..)) => twin.push(&buffer[..count], now()),
                Ok(_) => break,
                Err(_quiet) => {}
            }
            stream.write_all(&twin.due(now())).await.unwrap();
            *seen.lock().unwrap() = twin.position();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wheels_turn_and_say_so() {
    let (lines, incoming) = mpsc::channel(1);
    let dialer = Dialer::with(Framing::Tcp, move || {
        let lines = lines.clone();
        Box::pin(async move {
            let (near, far) = duplex(256);
            drop(lines.send(far).await);
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    });
    let positions = Arc::new(Mutex::new(1));
    let seen = Arc::clone(&positions);
    tokio::spawn(turn_wheels(incoming, seen));
    let wheel = Wheel {
        dialer,
        device: 0x51,
        call_ms: 50,
        turn_ms: 200,
        tap: Tap::default(),
    };
    let (wanted, wants) = watch::channel(Wanted::new());
    let (sender, mut views) = watch::channel(BusView::default());
    let sides = Sides {
        left: Some(0),
        right: Some(1),
    };
    tokio::spawn(wheel.run(sides, wants, sender));
    for (values, position) in [
        ([0, 0], 1),
        ([1, 0], 0),
        ([0, 0], 1),
        ([0, 1], 2),
        ([1, 1], 1),
    ] {
        wanted.send_replace(vec![values.to_vec()]);
        let turned = |view: &BusView| {
            let expected = vec![
                Some(i64::from(position == 0)),
                Some(i64::from(position == 2)),
            ];
            view.devices
                .first()
                .is_some_and(|d| d.fault.is_none() && d.outputs == expected)
        };
        timeout(Duration::from_secs(1), views.wait_for(turned))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(*positions.lock().unwrap(), position, "{values:?}");
    }
}

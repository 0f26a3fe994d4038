//! The unmodified `sortline serve` sorts a simulated belt through the emulated microcontroller:
//! the plant's encoder and photo-eyes drive the board's pins, the board's outputs move the plant's
//! diverters, the controller talks Modbus TCP to the board, and the camera learns the number of a
//! pulse from the board's events over Modbus RTU.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sortline_core::ChuteId;
use sortline_core::topology::LineConfig;
use sortline_regmap as map;
use sortline_regmap::{Event, EventKind, Flags};
use sortline_sim::plant::{Driven, Plant, PlantConfig};
use sortline_sim::render::Shipment;
use sortline_sim::serve::plant::{Options, Truth, Wires, plant_around};

use crate::clock;
use crate::image::Image;
use crate::machine::{Machine, Pace};
use crate::master::Master;
use crate::pins::CAMERA;

/// Belt travel of a count: coarse enough for pins that are driven one by one, fine enough for
/// diverters.
const UM_PER_TICK: u32 = 2_000;
/// A run that takes longer has failed; a parcel comes every second.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks whether a controller has armed the board.
const LOOK: Duration = Duration::from_millis(100);

/// What the parcels are: code, country, postcode, city, and the chute that is right.
const PARCELS: [(&str, &str, &str, &str, u16); 2] = [
    ("RR100000015DE", "DE", "10115", "Berlin", 1),
    ("RR100000029DE", "FR", "75001", "Paris", 2),
];

/// Sorts parcels with the controller given.
pub(crate) fn run(image: &Image, sortline: &Path, parcels: u64) -> Result<String> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let truth = runtime.block_on(sort(image, sortline, parcels))?;
    let violations = &truth.violations;
    ensure!(violations.is_empty(), "{violations:?}");
    ensure!(truth.missort == 0, "{} missorts", truth.missort);
    let out = truth.sorted + truth.rejected + truth.removed;
    ensure!(
        truth.inducted == parcels && out == parcels,
        "{out} of {parcels} parcels came out"
    );
    // The rest, if any, could not be read and went straight on.
    ensure!(
        truth.sorted * 10 >= parcels * 9,
        "{} of {parcels} sorted, {} rejected",
        truth.sorted,
        truth.rejected
    );
    Ok(format!(
        "sortline serve sorted {} of {parcels} parcels through the emulated board, {} went \
         straight on, 0 missorts, 0 violations of the physics",
        truth.sorted, truth.rejected
    ))
}

async fn sort(image: &Image, sortline: &Path, parcels: u64) -> Result<Truth> {
    let site = Site::new()?;
    let machine = Machine::start(image, Pace::Live)?;
    let modbus = machine.modbus;
    let options = options(modbus, parcels)?;
    let handle = plant_around(options, Board::new(machine)?).await?;
    let cameras = handle.cameras().context("no cameras")?;
    site.write(modbus, cameras)?;
    let mut controller = Controller(
        Command::new(sortline)
            .args(["serve", "--http", "127.0.0.1:0", "--config"])
            .arg(&site.0)
            .arg("--data")
            .arg(site.0.join("data"))
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", sortline.display()))?,
    );
    let finished = tokio::time::timeout(PATIENCE, handle.finished()).await;
    let ended = controller
        .0
        .try_wait()
        .context("asking for the controller")?;
    let truth = handle.stop().await?;
    ensure!(ended.is_none(), "the controller ended by itself: {ended:?}");
    ensure!(
        finished.is_ok(),
        "not through in {} s: {} inducted, {} sorted, {} rejected",
        PATIENCE.as_secs(),
        truth.inducted,
        truth.sorted,
        truth.rejected
    );
    Ok(truth)
}

fn options(modbus: SocketAddr, parcels: u64) -> Result<Options> {
    let mut line: LineConfig = toml::from_str(LINE).context("the bench's line")?;
    line.belt.um_per_tick = UM_PER_TICK;
    let mut plant = PlantConfig::from_toml("plant.toml", &plant_text())?;
    // The board counts from 0.
    plant.motion.encoder_start = Some(0);
    let shipment = |row: &(&str, &str, &str, &str, u16)| Shipment {
        code: row.0.to_owned(),
        country: row.1.to_owned(),
        postcode: row.2.to_owned(),
        city: row.3.to_owned(),
        service: "standard".to_owned(),
    };
    Ok(Options {
        line,
        plant,
        manifest: PARCELS.iter().map(shipment).collect(),
        right: PARCELS
            .iter()
            .map(|row| BTreeSet::from([ChuteId(row.4)]))
            .collect(),
        modbus,
        cameras: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        seed: 5,
        parcels: Some(parcels),
    })
}

const LINE: &str = include_str!("../../../config/bench/line.toml");

/// The bench with a parcel every second.
fn plant_text() -> String {
    include_str!("../../../config/bench/plant.toml").replace("= 900", "= 3600")
}

/// The controller, ended when dropped.
struct Controller(Child);

impl Drop for Controller {
    fn drop(&mut self) {
        // An error means that it is gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The bench's site with the addresses of this run, removed when dropped.
struct Site(PathBuf);

impl Site {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("sortline-belt-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    fn write(&self, modbus: SocketAddr, cameras: SocketAddr) -> Result<()> {
        let site = include_str!("../../../config/bench/site.toml")
            .replace("127.0.0.1:5021", &modbus.to_string())
            .replace("127.0.0.1:5081", &cameras.to_string());
        let mut manifest =
            "code,country,postcode,city,service,weight_g,value,currency,goods,hs_code\n".to_owned();
        for (code, country, postcode, city, _) in PARCELS {
            let row = [code, country, postcode, city].join(",");
            manifest.push_str(&row);
            manifest.push_str(",standard,300,10,EUR,mug,691200\n");
        }
        let line = LINE.replace("um_per_tick = 500", &format!("um_per_tick = {UM_PER_TICK}"));
        let plan = include_str!("../../../config/bench/plan.toml").to_owned();
        for (file, text) in [
            ("line.toml", line),
            ("plan.toml", plan),
            ("plant.toml", plant_text()),
            ("site.toml", site),
            ("manifest.csv", manifest),
        ] {
            std::fs::write(self.0.join(file), text).with_context(|| format!("writing {file}"))?;
        }
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A leftover in the temporary directory is no failure.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The board with its wires.
struct Board {
    machine: Machine,
    /// What the camera hears.
    events: Master,
    /// When a look was taken last, and whether the board was armed then.
    looked: Option<(Instant, bool)>,
}

impl Board {
    fn new(mut machine: Machine) -> Result<Self> {
        machine.pins.stop_circuit(true)?;
        let events = machine.rtu()?;
        Ok(Self {
            machine,
            events,
            looked: None,
        })
    }

    fn wire(
        &mut self,
        plant: &mut Plant,
        now_us: u64,
        watch: &mut dyn FnMut(&Plant, u64, Driven),
    ) -> Result<()> {
        loop {
            let count = plant.count().wrapping_add(1);
            let next = [plant.time_of_count(count), plant.next_us()];
            let at = next.into_iter().flatten().fold(now_us, u64::min);
            plant.advance(at);
            while self.machine.pins.count() != plant.count() {
                let ahead = plant.count().wrapping_sub(self.machine.pins.count());
                if ahead.cast_signed() > 0 {
                    self.machine.pins.forward()?;
                } else {
                    self.machine.pins.backward()?;
                }
                self.pass_on(plant, at, watch)?;
            }
            while let Some(signal) = plant.take_signal() {
                match signal {
                    sortline_sim::plant::Signal::Eye { eye, blocked } => {
                        self.machine.pins.eye(u8::try_from(eye)?, blocked)?;
                    }
                    sortline_sim::plant::Signal::Stop { active } => {
                        self.machine.pins.stop_circuit(!active)?;
                    }
                    // A person's button at the machine: the controller's matter.
                    sortline_sim::plant::Signal::ResetPressed => {}
                }
            }
            if at >= now_us {
                // Also what the board did without a count: a hold that ran out, a watchdog.
                self.machine.pins.driven()?;
                return self.pass_on(plant, at, watch);
            }
        }
    }

    /// Gives the plant the board's outputs, and the camera its pulse.
    fn pass_on(
        &mut self,
        plant: &mut Plant,
        at: u64,
        watch: &mut dyn FnMut(&Plant, u64, Driven),
    ) -> Result<()> {
        let outputs = self.machine.pins.diverters();
        if outputs != plant.outputs() {
            plant.set_outputs(outputs);
        }
        if self.machine.pins.take_risen() & CAMERA != 0 {
            let count = self.machine.pins.count();
            let number = self.number_of_pulse(count)?;
            let pulse = sortline_sim::plant::TriggerPulse {
                camera: 0,
                number,
                at: count,
            };
            watch(plant, at, Driven::Trigger(pulse));
        }
        Ok(())
    }

    /// The number that the board gave to the pulse at this count.
    fn number_of_pulse(&mut self, count: u32) -> Result<u32> {
        let rings = self.events.status()?.rings;
        let pending = u32::from(rings.held.min(map::EVENTS_PER_READ));
        let mut seq = rings.next.wrapping_sub(pending);
        while let Some((address, events)) = map::event_page(seq, rings.next.wrapping_sub(seq)) {
            for words in self.events.read(address, events * 8)?.chunks_exact(8) {
                let event = Event::decode(words.try_into().context("length of an event")?);
                if event.code == EventKind::Triggered.code() && event.at == count {
                    return Ok(event.value);
                }
            }
            seq = seq.wrapping_add(u32::from(events));
        }
        anyhow::bail!("the board pulsed the camera at count {count} and does not tell")
    }
}

impl Wires for Board {
    fn drive(
        &mut self,
        plant: &mut Plant,
        now_us: u64,
        watch: &mut dyn FnMut(&Plant, u64, Driven),
    ) -> io::Result<()> {
        self.wire(plant, now_us, watch).map_err(|error| {
            let console = self.machine.console().unwrap_or_default();
            io::Error::other(format!("{error:#}; the console says {console:?}"))
        })
    }

    fn is_armed(&mut self) -> bool {
        match self.looked {
            Some((looked, is_armed)) if looked.elapsed() < LOOK => is_armed,
            _ => {
                let status = self.events.status();
                let is_armed = status.is_ok_and(|s| s.health.flags.has(Flags::ARMED));
                self.looked = Some((clock::now(), is_armed));
                is_armed
            }
        }
    }
}

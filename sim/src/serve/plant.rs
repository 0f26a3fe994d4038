//! The plant in real time: the field node behind Modbus TCP or MQTT, its pins wired to the physics, and
//! the cameras behind HTTP. A controller connects to it as to hardware.
//!
//! The belt stands until a controller has armed the node: then, after a moment, the simulated
//! person at the machine starts it. The physics is the same as in virtual time; only the clock
//! is the node's.

mod photograph;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use sortline_core::topology::{ChuteKind, LineConfig};
use sortline_core::{CameraId, ChuteId};
use sortline_logic::TriggerPulse;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::apart;
pub use super::apart::Wires;
use super::cameras::{CameraError, CameraFault, Cameras, Options as CameraOptions, serve_cameras};
use super::identity::Identities;
pub use super::truth::{End, Truth};
use super::ways::{Ways, plant_on};
use crate::plant::{Breach, Driven, Fate, Parcel, Plant, PlantConfig};
use crate::render::{Scene, Shipment, Tier, View};

/// Time from the first arming of the node until the belt is started, microseconds: cameras and
/// readers have connected by then.
const START_AFTER_US: u64 = 2_000_000;
/// Time between two looks at the truth, microseconds.
const TELL_EVERY_US: u64 = 200_000;
/// Scenes on their way to the cameras: two cameras, and a burst.
const SCENES_MAX: usize = 16;
/// Ends of parcels remembered, latest last.
const ENDS_MAX: usize = 20_000;
/// Belt a camera sees beyond its middle, micrometres; a parcel that reaches into it is drawn.
const HALF_VIEW_UM: i64 = 500_000;
/// Stream of random numbers for how parcels lie on the belt.
const LIE: u64 = 202;

/// What the plant is built from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The line; must have passed the topology's checks.
    pub line: LineConfig,
    /// The plant.
    pub plant: PlantConfig,
    /// Rows of the manifest, in order. Without any, parcels have no label.
    pub manifest: Vec<Shipment>,
    /// For each row the chutes that are right for it, so that missorts can be told. Empty: the
    /// truth counts none.
    pub right: Vec<BTreeSet<ChuteId>>,
    /// Address for Modbus TCP; port 0 takes any.
    pub modbus: SocketAddr,
    /// Address for the cameras; absent: none are served.
    pub cameras: Option<SocketAddr>,
    /// Seed of everything random.
    pub seed: u64,
    /// New parcels, then the feeder stops; absent: it never does.
    pub parcels: Option<u64>,
}

/// Why the plant cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PlantError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {what}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What for.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cameras failed.
    #[error(transparent)]
    Cameras(#[from] CameraError),
    /// The node's task failed.
    #[error("the simulated field node failed")]
    Node(#[source] std::io::Error),
    /// The node's task is gone.
    #[error("the task of the simulated field node ended early")]
    Task(#[source] tokio::task::JoinError),
}

/// The running plant.
#[derive(Debug)]
pub struct PlantHandle {
    modbus: SocketAddr,
    cameras: Option<Cameras>,
    truth: watch::Receiver<Truth>,
    stop: oneshot::Sender<()>,
    node: JoinHandle<std::io::Result<PlantField>>,
    teller: JoinHandle<()>,
}

impl PlantHandle {
    /// Where the node listens.
    pub const fn modbus(&self) -> SocketAddr {
        self.modbus
    }

    /// Where the cameras listen.
    pub fn cameras(&self) -> Option<SocketAddr> {
        self.cameras.as_ref().map(Cameras::address)
    }

    /// What the physics knows, five times a second. The ends of parcels are told by
    /// [`PlantHandle::stop`] alone.
    pub fn truth(&self) -> watch::Receiver<Truth> {
        self.truth.clone()
    }

    /// Waits until the limit of parcels is reached and the line is empty. Never without a limit.
    pub async fn finished(&self) {
        let mut truth = self.truth.clone();
        // An error means that the node's task is gone: nothing will ever come again.
        drop(truth.wait_for(|truth| truth.done).await);
    }

    /// Stops node and cameras, and tells the truth with the ends of parcels.
    ///
    /// # Errors
    /// [`PlantError`] when one of them had failed before.
    pub async fn stop(self) -> Result<Truth, PlantError> {
        drop(self.stop);
        let field = self
            .node
            .await
            .map_err(PlantError::Task)?
            .map_err(PlantError::Node)?;
        let truth = field.truth(true);
        drop(field);
        if let Some(cameras) = self.cameras {
            cameras.stop().await?;
        }
        self.teller.await.map_err(PlantError::Task)?;
        Ok(truth)
    }
}

/// Starts the plant.
///
/// # Errors
/// [`PlantError::Listen`] when an address is taken or not allowed, [`PlantError::Cameras`] when
/// the renderer cannot start.
pub async fn plant(options: Options) -> Result<PlantHandle, PlantError> {
    plant_on(options, Ways::default()).await
}

/// Starts the plant around a node that is not simulated here and serves Modbus by itself at
/// `options.modbus`: `wires` connects its pins.
///
/// # Errors
/// As [`plant`].
pub async fn plant_around(
    options: Options,
    wires: impl Wires + Send + 'static,
) -> Result<PlantHandle, PlantError> {
    let modbus = options.modbus;
    begin(options, modbus, |field, stopped| {
        apart::wire(field, wires, stopped)
    })
    .await
}

/// Starts cameras and plant; `node` runs the field until it is stopped, in a thread of its own.
pub(super) async fn begin(
    options: Options,
    modbus: SocketAddr,
    node: impl FnOnce(PlantField, oneshot::Receiver<()>) -> std::io::Result<PlantField> + Send + 'static,
) -> Result<PlantHandle, PlantError> {
    let (scene_sender, scenes) = mpsc::channel(SCENES_MAX);
    let (tell, truth) = watch::channel(Truth::default());
    let (press, belt) = watch::channel(true);
    let (cameras, teller) = serve_eyes(&options, scenes, truth.clone(), press).await?;
    let field = PlantField::new(options, scene_sender, tell, belt);
    let (stop, stopped) = oneshot::channel::<()>();
    let node = tokio::task::spawn_blocking(move || node(field, stopped));
    Ok(PlantHandle {
        modbus,
        cameras,
        truth,
        stop,
        node,
        teller,
    })
}

pub(super) async fn listen(
    address: SocketAddr,
    what: &'static str,
) -> Result<TcpListener, PlantError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| PlantError::Listen {
        address,
        what,
        source,
    })
}

/// Serves the cameras, and tells them the truth as JSON.
async fn serve_eyes(
    options: &Options,
    mut scenes: mpsc::Receiver<Scene>,
    mut truth: watch::Receiver<Truth>,
    belt: watch::Sender<bool>,
) -> Result<(Option<Cameras>, JoinHandle<()>), PlantError> {
    let Some(address) = options.cameras else {
        // Without cameras the pulses still have to go somewhere.
        return Ok((
            None,
            tokio::spawn(async move { while scenes.recv().await.is_some() {} }),
        ));
    };
    let listener = listen(address, "the cameras").await?;
    let (show, shown) = watch::channel(String::from("{}"));
    let (keep_faults, faults) = watch::channel(BTreeMap::<CameraId, CameraFault>::new());
    let camera_options = CameraOptions {
        cameras: options
            .line
            .cameras
            .iter()
            .map(|camera| camera.id)
            .collect(),
        view: View::DEMO,
        tier: Tier::T1,
        seed: options.seed,
        faults,
        belt,
    };
    let cameras = serve_cameras(listener, scenes, camera_options, shown).await?;
    let teller = tokio::spawn(async move {
        let _keep_faults = keep_faults;
        while truth.changed().await.is_ok() {
            let text = serde_json::to_string(&*truth.borrow_and_update());
            show.send_replace(text.unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")));
        }
    });
    Ok((Some(cameras), teller))
}

/// The physics around the node.
#[derive(Debug)]
pub(crate) struct PlantField {
    plant: Plant,
    cameras: BTreeMap<u8, i64>,
    identities: Identities,
    right: Vec<BTreeSet<ChuteId>>,
    reject: Option<ChuteId>,
    seed: u64,
    scenes: mpsc::Sender<Scene>,
    tell: watch::Sender<Truth>,
    told_us: u64,
    armed_us: Option<u64>,
    started_us: Option<u64>,
    counts: Truth,
    ends: VecDeque<End>,
    pulses: Vec<(TriggerPulse, Vec<(Parcel, i64)>)>,
    /// What the belt's buttons say.
    belt: watch::Receiver<bool>,
}

impl PlantField {
    fn new(
        options: Options,
        scenes: mpsc::Sender<Scene>,
        tell: watch::Sender<Truth>,
        belt: watch::Receiver<bool>,
    ) -> Self {
        let Options {
            line,
            plant,
            manifest,
            right,
            seed,
            parcels,
            ..
        } = options;
        let labels = plant.labels.clone();
        let reject = line
            .chutes
            .iter()
            .find(|c| c.kind == ChuteKind::Reject)
            .map(|c| c.id);
        let camera =
            |c: &sortline_core::topology::Camera| (c.id.0, i64::from(c.position_mm) * 1_000);
        let mut plant = Plant::new(&line, plant, seed, parcels.unwrap_or(u64::MAX));
        plant.stand();
        Self {
            plant,
            cameras: line.cameras.iter().map(camera).collect(),
            identities: Identities::new(manifest, labels, seed),
            right,
            reject,
            seed,
            scenes,
            tell,
            told_us: 0,
            armed_us: None,
            started_us: None,
            counts: Truth {
                seed,
                ..Truth::default()
            },
            ends: VecDeque::new(),
            pulses: Vec::new(),
            belt,
        }
    }

    /// Starts the belt some time after a controller has armed the node; then its buttons rule.
    fn start_when_armed(&mut self, is_armed: bool, now_us: u64) {
        let runs = *self.belt.borrow();
        if self.started_us.is_some() {
            if self.belt.has_changed().unwrap_or(false) {
                self.belt.mark_unchanged();
                self.press(runs);
            }
            return;
        }
        if !is_armed || !runs {
            self.armed_us = None;
            return;
        }
        let since = *self.armed_us.get_or_insert(now_us);
        if now_us.saturating_sub(since) >= START_AFTER_US {
            self.started_us = Some(now_us);
            self.plant.start();
        }
    }

    /// The person at the machine lets the belt run, or stops it.
    fn press(&mut self, runs: bool) {
        if runs {
            self.plant.start();
        } else {
            self.plant.stop();
        }
    }

    fn count_ends(&mut self) {
        for ended in self.plant.take_ended() {
            let identity = self.identities.of(ended.parcel.serial);
            let chute = match ended.fate {
                Fate::Chute(chute) => Some(chute),
                Fate::Removed => None,
            };
            if chute.is_none() {
                self.counts.removed += 1;
            } else if chute == self.reject {
                self.counts.rejected += 1;
            } else if is_wrong(&self.right, identity.as_ref().map(|i| i.row), chute) {
                self.counts.missort += 1;
            } else {
                self.counts.sorted += 1;
            }
            if self.ends.len() >= ENDS_MAX {
                self.ends.pop_front();
            }
            self.ends.push_back(End {
                code: identity.map(|i| i.shipment.code),
                chute,
            });
        }
        for breach in self.plant.take_breaches() {
            let what = match breach {
                Breach::Struck {
                    diverter, serial, ..
                } => {
                    format!("diverter {diverter} moved against parcel {serial}")
                }
                Breach::BothOut { diverter } => format!("diverter {diverter} and its opposite out"),
                Breach::HeldTooLong { diverter, ms } => format!("diverter {diverter} on {ms} ms"),
            };
            tracing::warn!(what, "the physics saw what must never happen");
            if self.counts.violations.len() < 50 {
                self.counts.violations.push(what);
            }
        }
    }

    /// What is known now.
    fn truth(&self, with_ends: bool) -> Truth {
        let totals = self.plant.totals();
        let now = self.plant.now_us();
        let running = self.started_us.map_or(0, |start| now.saturating_sub(start));
        let hourly = totals
            .inducted
            .saturating_mul(3_600_000_000)
            .checked_div(running);
        Truth {
            inducted: totals.inducted,
            on_belt: totals.on_belt,
            recirculations: totals.recirculations,
            spilled: totals.spilled,
            faults_fired: self.plant.faults_fired(),
            running_s: Duration::from_micros(running).as_secs_f64(),
            parcels_per_hour: hourly.unwrap_or(0),
            in_chute: totals
                .in_chute
                .into_iter()
                .map(|(chute, n)| (chute.0, n))
                .collect(),
            done: self.plant.is_done(),
            ends: if with_ends {
                self.ends.iter().cloned().collect()
            } else {
                Vec::new()
            },
            ..self.counts.clone()
        }
    }
}

impl PlantField {
    /// Brings everything to `now_us`; `drive` runs plant and node together until then.
    pub(super) fn step(
        &mut self,
        now_us: u64,
        is_armed: bool,
        drive: impl FnOnce(&mut Plant, &mut dyn FnMut(&Plant, u64, Driven)),
    ) {
        self.start_when_armed(is_armed, now_us);
        let Self {
            plant,
            pulses,
            cameras,
            ..
        } = self;
        drive(plant, &mut |plant, _, driven| {
            if let Driven::Trigger(pulse) = driven
                && let Some(position) = cameras.get(&pulse.camera)
            {
                pulses.push((pulse, plant.under(*position, HALF_VIEW_UM).collect()));
            }
        });
        for (pulse, in_view) in std::mem::take(&mut self.pulses) {
            self.photograph(pulse, &in_view);
        }
        self.count_ends();
        if now_us >= self.told_us {
            self.told_us = now_us + TELL_EVERY_US;
            self.tell.send_replace(self.truth(false));
        }
    }
}

/// True when it is known that a parcel of this row is wrong in this chute.
fn is_wrong(right: &[BTreeSet<ChuteId>], row: Option<usize>, chute: Option<ChuteId>) -> bool {
    let Some(right) = row.and_then(|row| right.get(row)) else {
        return false;
    };
    chute.is_some_and(|chute| !right.contains(&chute))
}

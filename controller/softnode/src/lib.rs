//! A field node made of bought devices.
//!
//! Where a line has no controller board, the firmware's own logic runs here, as a process part
//! beside the controller, and the points of remote IO, diverters and counters are its pins. The
//! controller speaks to it over Modbus TCP as to a board: same register contract, same watchdog,
//! same refusals. What is lost is time: edges are stamped when a poll sees them and strokes leave
//! with the next poll, so that a parcel's place is known only to the way of some polls.
//!
//! Outputs are safe on two levels: the logic switches them off when the controller falls silent,
//! the devices' own watchdogs when this process does. While any device is not in use, the outputs
//! count as not read back, and the controller takes the node out of use.

mod encoder;
mod field;
mod limits;
mod raw;
mod wiring;

use std::net::{Ipv4Addr, SocketAddr};

use sortline_core::topology::LineConfig;
use sortline_fieldbus::address::Dialer;
use sortline_fieldbus::device::driver::{BusView, Driver, Wanted};
use sortline_fieldbus::device::plan::PlanError;
use sortline_fieldbus::device::profile::Protocol;
use sortline_fieldbus::device::wheel::{Sides, Wheel};
use sortline_fieldbus::tap::{Tap, Telegram};
use sortline_fieldbus::tls::Tls;
use sortline_logic::Node;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

pub use field::DeviceField;
pub use limits::node_limits;
pub use raw::{
    BusFile, CameraFile, DeviceFile, DiverterFile, EncoderFile, EyeFile, StopFile, WiringFile,
};
pub use wiring::{WiredBus, Wiring, WiringError};

/// Time that a wheel diverter has for turning, milliseconds.
const TURN_MS: u16 = 500;

/// A node that is planned and not running yet.
#[derive(Debug)]
pub struct SoftNode {
    node: Node,
    field: DeviceField,
    parts: Vec<Part>,
    /// Its buses, as they were at their last poll.
    pub buses: Vec<(WiredBus, watch::Receiver<BusView>)>,
}

/// What speaks to one bus.
#[derive(Debug)]
struct Part {
    talker: Talker,
    wanted: watch::Receiver<Wanted>,
    views: watch::Sender<BusView>,
}

#[derive(Debug)]
enum Talker {
    Modbus(Box<Driver>),
    Wheel(Wheel, Sides),
}

impl SoftNode {
    /// Plans a node for a line on its devices. A controller recognizes a restarted node by another
    /// `epoch`.
    ///
    /// # Errors
    /// [`PlanError`] when a device cannot serve a point.
    pub fn new(
        line: &LineConfig,
        wiring: &Wiring,
        (tls, telegrams): (Option<&Tls>, &broadcast::Sender<Telegram>),
        epoch: u16,
    ) -> Result<Self, PlanError> {
        let (mut parts, mut buses) = (Vec::new(), Vec::new());
        let (mut wants, mut seen) = (Vec::new(), Vec::new());
        for bus in &wiring.buses {
            let tap = Tap::new(&bus.id, telegrams.clone());
            let talker = talker(bus, Dialer::to(&bus.address, tls.cloned()), tap)?;
            let (want, wanted) = watch::channel(Wanted::new());
            let (views, view) = watch::channel(talker.view());
            parts.push(Part {
                talker,
                wanted,
                views,
            });
            buses.push((bus.clone(), view.clone()));
            wants.push(want);
            seen.push(view);
        }
        let node = Node::new(node_limits(line), epoch);
        let field = DeviceField::new(wiring.clone(), line, (seen, wants), epoch);
        Ok(Self {
            node,
            field,
            parts,
            buses,
        })
    }

    /// Starts it on a free port of this machine, in the runtime that polls its devices: one of its
    /// own, so that no other work delays them. Dropping the tasks ends it, and the devices'
    /// watchdogs switch off.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(self) -> std::io::Result<(SocketAddr, JoinSet<()>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        for Part {
            talker,
            wanted,
            views,
        } in self.parts
        {
            match talker {
                Talker::Modbus(driver) => tasks.spawn(driver.run(wanted, views)),
                Talker::Wheel(wheel, sides) => tasks.spawn(wheel.run(sides, wanted, views)),
            };
        }
        let node = sortline_node::serve(listener, self.node, self.field, std::future::pending());
        tasks.spawn(async move {
            // It ends by itself only by a panic in it.
            if let Err(error) = node.await {
                tracing::error!(%error, "the field node on devices ended");
            }
        });
        Ok((address, tasks))
    }
}

impl Talker {
    fn view(&self) -> BusView {
        match self {
            Self::Modbus(driver) => driver.view(),
            Self::Wheel(..) => BusView::default(),
        }
    }
}

fn talker(bus: &WiredBus, dialer: Dialer, tap: Tap) -> Result<Talker, PlanError> {
    let wheel = bus.settings.devices.first();
    let wheel = wheel.filter(|device| device.profile.protocol == Protocol::Shudiniao);
    let Some(device) = wheel else {
        return Ok(Talker::Modbus(Box::new(Driver::new(
            dialer,
            bus.settings.clone(),
            tap,
        )?)));
    };
    let place = |name: &str| {
        device
            .outputs
            .iter()
            .position(|output| output.point == name)
    };
    let sides = Sides {
        left: place("left"),
        right: place("right"),
    };
    let wheel = Wheel {
        dialer,
        device: device.unit,
        call_ms: bus.settings.call_ms,
        turn_ms: TURN_MS,
        tap,
    };
    Ok(Talker::Wheel(wheel, sides))
}

//! The pins of the node: points of devices, as their buses saw them at the last poll.

use sortline_core::topology::LineConfig;
use sortline_fieldbus::device::driver::{BusView, Wanted};
use sortline_logic::Node;
use sortline_node::Field;
use tokio::sync::watch;

use crate::encoder::Encoder;
use crate::limits::node_limits;
use crate::wiring::{At, Wiring};

/// How long an output that triggers a camera is on, microseconds: some polls.
const TRIGGER_US: u64 = 30_000;
/// Belts run faster than their nominal speed by this, in percent, at most.
const FAST_PERCENT: u64 = 150;

/// What surrounds a node made of devices.
#[derive(Debug)]
pub struct DeviceField {
    wiring: Wiring,
    line: LineConfig,
    views: Vec<watch::Receiver<BusView>>,
    wants: Vec<watch::Sender<Wanted>>,
    encoder: Encoder,
    epoch: u16,
    /// When the output of each camera goes off.
    triggers: Vec<u64>,
    usable: bool,
}

impl DeviceField {
    /// The field of a line, between the views of its buses and what is wanted of them.
    pub fn new(
        wiring: Wiring,
        line: &LineConfig,
        (views, wants): (Vec<watch::Receiver<BusView>>, Vec<watch::Sender<Wanted>>),
        epoch: u16,
    ) -> Self {
        let um_per_tick = u64::from(line.belt.um_per_tick.max(1));
        let speed = u64::from(line.belt.speed_mm_per_s) * FAST_PERCENT / 100;
        let bits = wiring.encoder_bits;
        let encoder = Encoder::new(wiring.counts_and_ticks, bits, speed * 1_000 / um_per_tick);
        for (want, bus) in wants.iter().zip(&wiring.buses) {
            let off = bus
                .settings
                .devices
                .iter()
                .map(|device| vec![0; device.outputs.len()]);
            want.send_replace(off.collect());
        }
        let triggers = vec![0; wiring.cameras.len()];
        Self {
            line: line.clone(),
            views,
            wants,
            encoder,
            epoch,
            triggers,
            usable: false,
            wiring,
        }
    }

    /// The value of an input, and its age in microseconds.
    fn input(&self, at: At) -> Option<(i64, u64)> {
        let view = self.views.get(at.bus)?.borrow();
        let device = view.devices.get(at.device)?;
        let value = device.inputs.get(at.number).copied().flatten()?;
        let age = device.polled?.elapsed().as_micros();
        Some((value, u64::try_from(age).unwrap_or(u64::MAX)))
    }

    /// Whether every device that has anything to do for the line is in use.
    fn all_usable(&self) -> bool {
        let buses = self.views.iter().zip(&self.wiring.buses);
        buses.clone().all(|(view, bus)| {
            let view = view.borrow();
            let used = bus.settings.devices.iter().enumerate();
            let mut used = used.filter(|(_, d)| !d.inputs.is_empty() || !d.outputs.is_empty());
            used.all(|(n, _)| {
                view.devices
                    .get(n)
                    .is_some_and(|device| device.fault.is_none())
            })
        })
    }

    fn travel(&mut self, node: &mut Node, now_us: u64) {
        if let Some((count, age_us)) = self.input(self.wiring.encoder)
            && let Ok(count) = u64::try_from(count)
            && self
                .encoder
                .sample(count, now_us.saturating_sub(age_us))
                .is_err()
        {
            // The belt's travel is lost, and with it where every parcel is: a new life begins.
            tracing::warn!("the encoder's counter was set back or jumped");
            self.epoch = self.epoch.wrapping_add(0x0101);
            *node = Node::new(node_limits(&self.line), self.epoch);
            node.millis(milliseconds(now_us));
        }
        node.travel(self.encoder.ticks(now_us));
    }

    fn inputs(&self, node: &mut Node) {
        for (id, at, inverted) in &self.wiring.eyes {
            if let Some((value, _)) = self.input(*at) {
                node.eye(*id, (value != 0) != *inverted);
            }
        }
        if let Some(at) = self.wiring.stop
            && let Some((closed, _)) = self.input(at)
        {
            node.stop(closed == 0);
        }
    }

    fn outputs(&mut self, node: &mut Node, now_us: u64) {
        while let Some(pulse) = node.take_trigger() {
            let mut cameras = self.wiring.cameras.iter().zip(&mut self.triggers);
            if let Some((_, off)) = cameras.find(|((id, _), _)| *id == pulse.camera) {
                *off = now_us.saturating_add(TRIGGER_US);
            }
        }
        let bits = node.outputs();
        let diverters = self.wiring.diverters.iter();
        let diverters = diverters.map(|(id, at)| (*at, bits >> id & 1 == 1));
        let cameras = self.wiring.cameras.iter().zip(&self.triggers);
        let cameras = cameras.map(|((_, at), off)| (*at, now_us < *off));
        for (at, on) in diverters.chain(cameras) {
            let Some(want) = self.wants.get(at.bus) else {
                continue;
            };
            want.send_if_modified(|wanted| {
                let value = wanted
                    .get_mut(at.device)
                    .and_then(|values| values.get_mut(at.number));
                value.is_some_and(|value| std::mem::replace(value, on.into()) != u16::from(on))
            });
        }
    }

    /// The drivers compare what is written with what is read back and take a device out of use
    /// that differs. An output of a device that is not in use may be anything: it is told as the
    /// opposite of what is wanted, and the controller does without the node.
    fn read_back(&mut self, node: &mut Node) {
        let usable = self.all_usable();
        if usable != self.usable {
            self.usable = usable;
            tracing::info!(usable, "devices of the field node");
        }
        let bits = node.outputs();
        let all = self
            .wiring
            .diverters
            .iter()
            .fold(0, |all, (id, _)| all | 1_u32 << id);
        node.read_back(if usable { bits } else { !bits & all.max(1) });
    }
}

impl Field for DeviceField {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        node.millis(milliseconds(now_us));
        self.travel(node, now_us);
        self.inputs(node);
        self.outputs(node, now_us);
        self.read_back(node);
    }
}

/// The node's millisecond timer; wraps.
fn milliseconds(now_us: u64) -> u32 {
    u32::try_from(now_us / 1_000 % (1 << 32)).unwrap_or(0)
}

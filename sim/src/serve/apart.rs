//! The node apart from the cameras: in this process, or outside it with its pins wired here.

use std::io;
use std::time::Duration;

use sortline_logic::Node;
use sortline_node::{Field, serve_on};
use sortline_regmap::Flags;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use super::plant::PlantField;
use super::ways::Opened;
use crate::plant::{Driven, Plant, drive};

/// The step of a node outside: that of one inside.
const STEP: Duration = Duration::from_millis(1);

/// The wires to a node that is not simulated: its encoder, photo-eyes and outputs.
pub trait Wires {
    /// Runs the plant until `now_us`, microseconds since the start: gives the node every count and
    /// edge, and the plant the node's outputs. `watch` is told of camera pulses, while the plant
    /// stands at that moment.
    ///
    /// # Errors
    /// When the node is gone.
    fn drive(
        &mut self,
        plant: &mut Plant,
        now_us: u64,
        watch: &mut dyn FnMut(&Plant, u64, Driven),
    ) -> io::Result<()>;

    /// True when a controller has armed the node.
    fn is_armed(&mut self) -> bool;
}

impl Field for PlantField {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        let is_armed = node.status().health.flags.has(Flags::ARMED);
        self.step(now_us, is_armed, |plant, watch| {
            drive(plant, node, now_us, watch);
        });
    }
}

/// Runs the node in a thread and a runtime of its own: a real node has its own processor, and
/// drawing frames must not make its watchdog trip.
pub(super) fn serve(
    opened: Opened,
    node: Node,
    field: PlantField,
    stopped: oneshot::Receiver<()>,
) -> io::Result<PlantField> {
    step_forward();
    runtime()?.block_on(async move {
        let served = serve_on(opened.ways()?, node, field, async move {
            // Told to stop, or forgotten: both end the node.
            drop(stopped.await);
        });
        // The plant is large.
        Box::pin(served).await
    })
}

/// Runs the plant against a node outside, a millisecond at a time, until it is stopped.
pub(super) fn wire(
    mut field: PlantField,
    mut wires: impl Wires,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<PlantField> {
    step_forward();
    runtime()?.block_on(async move {
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let start = ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => return Ok(field),
                _ = ticks.tick() => {}
            }
            let now_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            let mut driven = Ok(());
            let is_armed = wires.is_armed();
            field.step(now_us, is_armed, |plant, watch| {
                driven = wires.drive(plant, now_us, watch);
            });
            driven?;
        }
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Only a privileged process may step forward; without it the node competes like any other.
fn step_forward() {
    if let Err(error) = rustix::process::nice(-10) {
        tracing::debug!(%error, "the thread keeps its priority");
    }
}

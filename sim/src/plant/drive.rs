//! Plant and field node together: the node's pins are wired to the plant.

use sortline_logic::Node;
pub use sortline_logic::TriggerPulse;
pub use sortline_softnode::node_limits;

use super::{Plant, Signal};

/// What happened at the pins while plant and node were driven, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// A photo-eye edge reached the node.
    Eye {
        /// Input number.
        eye: u16,
        /// Blocked or clear.
        blocked: bool,
        /// Encoder count.
        count: u32,
    },
    /// The node changed its diverter outputs.
    Outputs {
        /// One bit for each diverter.
        outputs: u32,
        /// Encoder count.
        count: u32,
    },
    /// The node pulsed a camera.
    Trigger(TriggerPulse),
    /// The stop circuit opened or closed.
    Stop {
        /// Open.
        active: bool,
    },
    /// A person at the machine pressed reset.
    ResetPressed,
}

/// Runs plant and node until `until_us`, from event to event of either. `watch` is told what
/// happened at the pins, with the time in microseconds, while the plant stands at that moment.
pub fn drive(
    plant: &mut Plant,
    node: &mut Node,
    until_us: u64,
    watch: &mut dyn FnMut(&Plant, u64, Driven),
) {
    while drive_once(plant, node, until_us, watch) < until_us {}
}

/// Runs plant and node to the next event of either, at most until `until_us`; gives the time
/// reached. `watch` is as for [`drive`].
pub fn drive_once(
    plant: &mut Plant,
    node: &mut Node,
    until_us: u64,
    watch: &mut dyn FnMut(&Plant, u64, Driven),
) -> u64 {
    let now = next_us(plant, node).map_or(until_us, |next| next.min(until_us));
    plant.advance(now);
    node.millis(millis(now));
    let count = plant.count();
    node.encoder(count);
    wire_inputs(plant, node, (now, count), watch);
    wire_outputs(plant, node, (now, count), watch);
    now
}

/// When plant or node do something by themselves next, microseconds; `None` when neither ever
/// will.
#[must_use]
pub fn next_us(plant: &Plant, node: &Node) -> Option<u64> {
    match (plant.next_us(), next_of_node(plant, node)) {
        (Some(plant), Some(node)) => Some(plant.min(node)),
        (plant, node) => plant.or(node),
    }
}

/// The node's millisecond timer at this time; wraps.
pub(crate) fn millis(now_us: u64) -> u32 {
    u32::try_from(now_us / 1_000 % (1 << 32)).unwrap_or(0)
}

/// The nearest time at which the node does something by itself.
fn next_of_node(plant: &Plant, node: &Node) -> Option<u64> {
    let now = plant.now_us();
    let by_count = node
        .next_count()
        .and_then(|count| plant.time_of_count(count));
    let by_time = node.next_millis().map(|ms| {
        let ahead = ms
            .wrapping_sub(millis(now))
            .cast_signed()
            .max(0)
            .cast_unsigned();
        (now / 1_000 + u64::from(ahead)) * 1_000
    });
    // An event that is due is one the node has had its chance at: the next step is a
    // microsecond on at least, so that time always moves.
    let later = |at: u64| at.max(now + 1);
    match (by_count.map(later), by_time.map(later)) {
        (Some(count), Some(time)) => Some(count.min(time)),
        (count, time) => count.or(time),
    }
}

fn wire_inputs(
    plant: &mut Plant,
    node: &mut Node,
    at: (u64, u32),
    watch: &mut dyn FnMut(&Plant, u64, Driven),
) {
    let (now, count) = at;
    while let Some(signal) = plant.take_signal() {
        let driven = match signal {
            Signal::Eye { eye, blocked } => {
                node.eye(u8::try_from(eye).unwrap_or(u8::MAX), blocked);
                Driven::Eye {
                    eye,
                    blocked,
                    count,
                }
            }
            Signal::Stop { active } => {
                node.stop(active);
                Driven::Stop { active }
            }
            Signal::ResetPressed => Driven::ResetPressed,
        };
        watch(plant, now, driven);
    }
}

fn wire_outputs(
    plant: &mut Plant,
    node: &mut Node,
    at: (u64, u32),
    watch: &mut dyn FnMut(&Plant, u64, Driven),
) {
    let (now, count) = at;
    while let Some(pulse) = node.take_trigger() {
        watch(plant, now, Driven::Trigger(pulse));
    }
    let outputs = node.outputs();
    if outputs != plant.outputs() {
        plant.set_outputs(outputs);
        watch(plant, now, Driven::Outputs { outputs, count });
    }
}

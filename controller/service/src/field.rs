//! The field node, as the service reaches it.

use anyhow::Context as _;
use sortline_core::Command;
use sortline_core::topology::{EyeRole, LineConfig};
use sortline_fieldbus::{Delivery, Needs, Settings};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::NodeConfig;

/// Commands for the field node that may wait; a poll writes several.
const COMMANDS: usize = 256;
/// Events of the field node that may wait; its ring holds more.
const EVENTS: usize = 512;

/// Starts the session with the field node, in a thread and a runtime of its own: a burst of work
/// elsewhere must not delay the heartbeat, or the node's watchdog sends parcels to the reject chute.
pub fn start(
    node: &NodeConfig,
    line: &LineConfig,
    cursor: Option<u32>,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> (mpsc::Sender<Command>, mpsc::Receiver<Delivery>) {
    let (commands, wanted) = mpsc::channel(COMMANDS);
    let (events, happened) = mpsc::channel(EVENTS);
    let settings = settings(node, line, cursor);
    tasks.spawn_blocking(move || {
        // Only a privileged process may step forward; without it the session competes like others.
        if let Err(error) = rustix::process::nice(-10) {
            tracing::debug!(%error, "the thread keeps its priority");
        }
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("the runtime of the field node's session")?;
        runtime.block_on(sortline_fieldbus::run(settings, wanted, events));
        Ok(())
    });
    (commands, happened)
}

fn settings(node: &NodeConfig, line: &LineConfig, cursor: Option<u32>) -> Settings {
    let full = line.eyes.iter().filter(|eye| eye.role == EyeRole::Full);
    let count = |ids: &mut dyn Iterator<Item = u8>| ids.max().map_or(0, |id| u16::from(id) + 1);
    let needs = Needs {
        eyes: count(&mut line.eyes.iter().map(|eye| eye.id.0)),
        diverters: count(&mut line.diverters.iter().map(|diverter| diverter.id.0)),
        cameras: count(&mut line.cameras.iter().map(|camera| camera.id.0)),
    };
    Settings {
        unit: node.unit,
        poll_ms: node.poll_ms,
        call_ms: node.call_ms,
        watchdog_ms: node.watchdog_ms,
        cursor,
        needs,
        level_eyes: full.map(|eye| eye.id.0).collect(),
        ..Settings::new(&node.address)
    }
}

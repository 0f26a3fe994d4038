//! Feeding a journal to the core again: for a restart, and to check that the same events give the
//! same actions.

use sortline_core::topology::Topology;
use sortline_core::{Line, LineTime};

use super::{Cause, Entry, JournalError, Reader, link};

/// Where a replay first differed from what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Row of the event.
    pub seq: i64,
    /// Actions recorded, as JSON.
    pub recorded: Vec<String>,
    /// Actions wanted by this version of the core, as JSON.
    pub replayed: Vec<String>,
}

/// A line as it was when the journal ended.
#[derive(Debug)]
pub struct Replayed {
    /// The line; absent for an empty journal.
    pub line: Option<Line>,
    /// Line time of the last step.
    pub at: LineTime,
    /// Last position in the field node's event ring.
    pub cursor: Option<u32>,
    /// Steps fed.
    pub steps: u64,
    /// Actions compared.
    pub actions: u64,
    /// SHA-256 over all actions wanted, as 64 hexadecimal digits.
    pub hash: String,
    /// First difference; `None` when the replay is equal.
    pub difference: Option<Difference>,
}

/// Feeds a journal to a fresh core. `each` sees every step with the actions as recorded.
///
/// # Errors
/// Damaged, or SQLite refuses.
pub fn replay(reader: &Reader, mut each: impl FnMut(&Entry)) -> Result<Replayed, JournalError> {
    let runs = reader.runs()?;
    let line = match runs.first() {
        None => None,
        Some(run) => {
            let topology = Topology::new(run.line.clone()).map_err(|errors| {
                let what = errors.first().map(ToString::to_string).unwrap_or_default();
                reader.refused("run", run.id, what)
            })?;
            Some(Line::new(topology, run.plan.clone()))
        }
    };
    let mut replayed = Replayed {
        line,
        at: LineTime::default(),
        cursor: None,
        steps: 0,
        actions: 0,
        hash: String::new(),
        difference: None,
    };
    let mut chain = super::FIRST_LINK;
    reader.walk(|entry| {
        let wanted = replayed.feed(&entry);
        for action in &wanted {
            chain = link(&chain, 0, "", action);
        }
        if replayed.difference.is_none() && wanted != entry.actions {
            let recorded = entry.actions.clone();
            replayed.difference = Some(Difference {
                seq: entry.seq,
                recorded,
                replayed: wanted,
            });
        }
        each(&entry);
        true
    })?;
    replayed.hash = super::hex(&chain);
    Ok(replayed)
}

impl Replayed {
    fn feed(&mut self, entry: &Entry) -> Vec<String> {
        self.at = entry.at;
        self.cursor = entry.cursor.or(self.cursor);
        self.steps = self.steps.saturating_add(1);
        let Some(line) = &mut self.line else {
            return Vec::new();
        };
        match &entry.cause {
            Cause::Event { event } => line.handle_event(entry.at, event),
            Cause::Timeout => line.handle_timeout(entry.at),
        }
        let mut wanted = Vec::new();
        while let Some(action) = line.poll_action() {
            // An action that cannot be written as JSON differs from whatever was recorded.
            wanted.push(serde_json::to_string(&action).unwrap_or_default());
        }
        self.actions = self.actions.saturating_add(wanted.len() as u64);
        wanted
    }
}

//! Which trigger a telegram answers.
//!
//! A device that repeats the trigger's number says so itself. Of others only the time is known,
//! and time deceives: a telegram is given to a trigger only when it is the one trigger that it can
//! answer. Where two could be meant, neither gets it, and both parcels are no-reads.

use std::collections::VecDeque;

/// Triggers that may wait for their telegrams; more are forgotten, oldest first.
const WAITING_MAX: usize = 64;

/// Triggers that wait for their telegrams.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Milliseconds from the trigger to its telegram, at least and at most.
    window_ms: (u32, u32),
    waiting: VecDeque<(u32, u64)>,
    /// Telegrams that belong to no trigger for certain.
    pub unmatched: u64,
}

impl Matcher {
    /// A matcher for a device that answers between so many milliseconds after its trigger.
    pub const fn new(window_ms: (u32, u32)) -> Self {
        Self {
            window_ms,
            waiting: VecDeque::new(),
            unmatched: 0,
        }
    }

    /// Forgets all triggers: what comes now answers none of them.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// The device was triggered. Time in milliseconds from any moment, never back.
    pub fn triggered(&mut self, trigger: u32, now_ms: u64) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((trigger, now_ms));
    }

    /// A telegram came, perhaps with the number of its trigger: the trigger that it answers.
    pub fn telegram(&mut self, named: Option<u32>, now_ms: u64) -> Option<u32> {
        let (least, most) = (u64::from(self.window_ms.0), u64::from(self.window_ms.1));
        self.waiting
            .retain(|(_, at)| now_ms.saturating_sub(*at) <= most);
        let due = |at: u64| now_ms.saturating_sub(at) >= least;
        let found = if let Some(named) = named {
            let mut waiting = self.waiting.iter();
            waiting.find(|(number, _)| *number == named).copied()
        } else {
            let mut due = self.waiting.iter().filter(|(_, at)| due(*at));
            let first = due.next().copied();
            let alone = due.next().is_none();
            if !alone {
                // Either could be meant, and the next telegram would be as doubtful.
                self.waiting.clear();
            }
            first.filter(|_| alone)
        };
        let Some((number, _)) = found else {
            self.unmatched += 1;
            return None;
        };
        self.waiting.retain(|(waiting, _)| *waiting != number);
        Some(number)
    }
}

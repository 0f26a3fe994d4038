//! The event ring: a slow or restarted controller catches up from its own cursor.

use sortline_regmap::{EVENT_WORDS, EVENTS_MAX, Event, event_slot};

const EVENTS: usize = 256;
const _: () = assert!(EVENTS_MAX == 256);

#[derive(Debug)]
pub(crate) struct Ring {
    slots: [Event; EVENTS],
    next: u32,
    held: u16,
}

impl Ring {
    pub(crate) const fn new(first: u32) -> Self {
        const EMPTY: Event = Event {
            seq: 0,
            code: 0,
            device: 0,
            detail: 0,
            at: 0,
            value: 0,
        };
        Self {
            slots: [EMPTY; EVENTS],
            next: first,
            held: 0,
        }
    }

    /// Appends an event under the next number; the oldest gives way.
    pub(crate) fn push(&mut self, event: Event) {
        if let Some(slot) = self.slots.get_mut(usize::from(event_slot(self.next))) {
            *slot = Event {
                seq: self.next,
                ..event
            };
        }
        self.next = self.next.wrapping_add(1);
        self.held = self.held.saturating_add(1).min(EVENTS_MAX);
    }

    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    pub(crate) const fn held(&self) -> u16 {
        self.held
    }

    /// The ring's registers from `offset` on.
    pub(crate) fn words(&self, offset: usize) -> impl Iterator<Item = u16> {
        let first = offset.wrapping_div(EVENT_WORDS);
        let skipped = offset.wrapping_rem(EVENT_WORDS);
        self.slots
            .iter()
            .skip(first)
            .flat_map(Event::encode)
            .skip(skipped)
    }
}

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

    /// Empties it; the next event gets the number `first`.
    pub(crate) const fn begin_at(&mut self, first: u32) {
        *self = Self::new(first);
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

    /// Copies the ring's registers from `offset` on.
    pub(crate) fn copy(&self, offset: usize, out: &mut [u16]) {
        let slots = self.slots.iter().skip(offset.wrapping_div(EVENT_WORDS));
        copy_slots(slots, Event::encode, offset.wrapping_rem(EVENT_WORDS), out);
    }
}

/// Copies registers of slots that are encoded one by one, without the first `skipped` ones.
pub(crate) fn copy_slots<'a, T: 'a, const N: usize>(
    slots: impl Iterator<Item = &'a T>,
    encode: impl Fn(&T) -> [u16; N],
    skipped: usize,
    out: &mut [u16],
) {
    let mut skipped = skipped;
    let mut rest = out;
    for slot in slots {
        if rest.is_empty() {
            break;
        }
        let words = encode(slot);
        let words = words.get(skipped..).unwrap_or_default();
        skipped = 0;
        let (head, tail) = rest.split_at_mut(words.len().min(rest.len()));
        for (place, word) in head.iter_mut().zip(words) {
            *place = *word;
        }
        rest = tail;
    }
}

//! The trace hash: 64-bit FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo; RFC 9923) over every event and
//! action with its virtual time. Two runs with the same hash did the same.

use std::fmt::{self, Write};

use sortline_core::{Action, Edge, Event};

/// A running hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace(u64);

impl Trace {
    pub(crate) const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    /// The hash so far.
    pub(crate) const fn hash(self) -> u64 {
        self.0
    }

    /// One event the core was fed.
    pub(crate) fn event(&mut self, now_us: u64, event: &Event) {
        self.number(now_us);
        // The most frequent ones by their numbers, which is many times faster.
        if let Event::Belt { at } = event {
            self.number(1 << 40 | u64::from(at.0));
        } else if let Event::Eye { eye, edge, at } = event {
            let edge = u64::from(*edge == Edge::Blocked);
            self.number(2 << 40 | edge << 39 | u64::from(at.0));
            self.number(eye.0.into());
        } else {
            self.debug(event);
        }
    }

    /// One action the core wanted.
    pub(crate) fn action(&mut self, now_us: u64, action: &Action) {
        self.number(now_us);
        self.debug(action);
    }

    /// A number, eight bytes at once: FNV-1a's step over a wider word.
    const fn number(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01B3);
        // A multiplication only carries upwards; the shift brings the high bits down.
        self.0 = mixed ^ (mixed >> 29);
    }

    fn debug(&mut self, value: &dyn fmt::Debug) {
        // Writing into a hash never fails.
        let written = write!(self, "{value:?}");
        debug_assert!(written.is_ok());
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sortline_core::{EyeId, Ticks};

    use super::*;

    #[test]
    fn text_is_hashed_as_published() {
        let hash = |text: &str| {
            let mut trace = Trace::new();
            trace.write_str(text).unwrap();
            trace.hash()
        };
        assert_eq!(hash(""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(hash("a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(hash("foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn time_and_every_member_count() {
        let eye = |eye, edge, at| Event::Eye {
            eye: EyeId(eye),
            edge,
            at: Ticks(at),
        };
        let cases = [
            (1, eye(1, Edge::Blocked, 5)),
            (2, eye(1, Edge::Blocked, 5)),
            (1, eye(2, Edge::Blocked, 5)),
            (1, eye(1, Edge::Clear, 5)),
            (1, eye(1, Edge::Blocked, 6)),
            (1, Event::Belt { at: Ticks(5) }),
            (1, Event::Stop { active: true }),
        ];
        let mut hashes: Vec<u64> = cases
            .iter()
            .map(|(now, event)| {
                let mut trace = Trace::new();
                trace.event(*now, event);
                trace.hash()
            })
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), cases.len());
    }
}

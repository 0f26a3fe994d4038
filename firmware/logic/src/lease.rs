//! Who holds the node, and whether it still lives.

/// The lease: begun by `Arm`, kept by heartbeats that advance.
#[derive(Debug)]
pub(crate) struct Lease {
    armed: bool,
    tripped: bool,
    owner: u32,
    watchdog_ms: u16,
    heartbeat: u16,
    beat_ms: u32,
    pub(crate) control: sortline_regmap::ControlResult,
}

impl Lease {
    pub(crate) const fn new() -> Self {
        Self {
            armed: false,
            tripped: false,
            owner: 0,
            watchdog_ms: 0,
            heartbeat: 0,
            beat_ms: 0,
            control: sortline_regmap::ControlResult::None,
        }
    }

    /// Begins anew; the counter is expected to go on from 0.
    pub(crate) const fn begin(&mut self, owner: u32, watchdog_ms: u16, now: u32) {
        self.armed = true;
        self.tripped = false;
        self.owner = owner;
        self.watchdog_ms = watchdog_ms;
        self.heartbeat = 0;
        self.beat_ms = now;
    }

    pub(crate) const fn end(&mut self) {
        self.armed = false;
        self.owner = 0;
        self.watchdog_ms = 0;
    }

    /// Notes that the watchdog tripped; stands until the next `Arm`.
    pub(crate) const fn trip(&mut self) {
        self.tripped = true;
    }

    pub(crate) const fn is_tripped(&self) -> bool {
        self.tripped
    }

    pub(crate) const fn is_armed(&self) -> bool {
        self.armed
    }

    /// True when the node is held by someone other than `owner`.
    pub(crate) const fn is_held_against(&self, owner: u32) -> bool {
        self.armed && self.owner != owner
    }

    /// A heartbeat counts when it comes from the owner and the counter is ahead of the last one:
    /// a frozen counter, or one that toggles from a stale buffer, does not.
    pub(crate) fn beat(&mut self, owner: u32, counter: u16, now: u32) {
        let advance = counter.wrapping_sub(self.heartbeat);
        let beats = (1..=0x7FFF).contains(&advance) || crate::planted::is(50);
        if self.armed && owner == self.owner && beats {
            self.heartbeat = counter;
            self.beat_ms = now;
        }
    }

    pub(crate) fn is_expired(&self, now: u32) -> bool {
        self.armed && now.wrapping_sub(self.beat_ms) >= u32::from(self.watchdog_ms)
    }

    pub(crate) fn expires(&self) -> Option<u32> {
        self.armed
            .then(|| self.beat_ms.wrapping_add(u32::from(self.watchdog_ms)))
    }

    pub(crate) const fn owner(&self) -> u32 {
        self.owner
    }

    pub(crate) const fn watchdog_ms(&self) -> u16 {
        self.watchdog_ms
    }

    pub(crate) const fn heartbeat(&self) -> u16 {
        self.heartbeat
    }
}

//! Bugs on purpose, to prove that the simulation finds them. Only with feature `planted`, which no
//! product is built with; without it [`is`] is false and costs nothing.

#[cfg(feature = "planted")]
static ACTIVE: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

/// Plants the bug with this number, for the whole process; 0 plants none.
#[cfg(feature = "planted")]
pub fn plant(bug: u8) {
    ACTIVE.store(bug, core::sync::atomic::Ordering::Relaxed);
}

/// True while the bug with this number is planted.
#[cfg(feature = "planted")]
#[must_use]
pub fn is(bug: u8) -> bool {
    ACTIVE.load(core::sync::atomic::Ordering::Relaxed) == bug
}

/// False: nothing is planted in this build.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is(_bug: u8) -> bool {
    false
}

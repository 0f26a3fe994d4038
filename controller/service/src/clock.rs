//! The one place that reads clocks.
//!
//! [`Clock`] gives [`LineTime`], which is monotonic over restarts on one journal, and wall time,
//! which is only a label: nothing is decided by it but the deadlines that people send.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is where clocks are read"
)]

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use sortline_core::LineTime;

/// Line time and wall time of one run of the service.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    offset: LineTime,
}

impl Clock {
    /// A clock that goes on from `offset`: the last time in the journal, or 0.
    pub fn starting_at(offset: LineTime) -> Self {
        Self {
            started: monotonic(),
            offset,
        }
    }

    /// Line time, from now on never smaller.
    pub fn now(&self) -> LineTime {
        let elapsed = monotonic().saturating_duration_since(self.started);
        let elapsed = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        LineTime(self.offset.0.saturating_add(elapsed))
    }

    /// When `at` is in terms of the runtime's timers.
    pub fn instant(&self, at: LineTime) -> tokio::time::Instant {
        let ahead = Duration::from_micros(at.since(self.offset));
        tokio::time::Instant::from_std(self.started.checked_add(ahead).unwrap_or(self.started))
    }
}

/// Wall time as a label.
pub fn wall() -> Timestamp {
    Timestamp::try_from(system()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Time since an arbitrary moment that is the same for all threads; never goes back. For measuring
/// and for the budget of one frame.
pub fn since_start_of_machine() -> Duration {
    reading(ClockId::Monotonic)
}

/// Processor time of the calling thread, for measuring.
pub fn thread_cpu() -> Duration {
    reading(ClockId::ThreadCPUTime)
}

fn reading(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn monotonic() -> Instant {
    Instant::now()
}

fn system() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_time_goes_on_from_the_offset() {
        let clock = Clock::starting_at(LineTime(5_000));
        let (first, second) = (clock.now(), clock.now());
        assert!(first >= LineTime(5_000) && second >= first);
        assert_eq!(clock.instant(LineTime(5_000)), clock.instant(LineTime(0)));
    }
}

//! One frame in, one [`FrameResult`] out, within a budget of time.

use std::time::Duration;

use sortline_read::{Evidence, FrameResult, NoRead, Policy, fuse};

use crate::geometry::round_ms;
use crate::ladder::{Climbed, Ladder};
use crate::stats::RungStats;
use crate::text::Recognizer;
use crate::{CaptureError, Clock, Frame, Options};

/// Reads frames. It belongs to the thread that made it and keeps its engines between frames.
#[derive(Debug)]
pub struct Reader {
    options: Options,
    clock: Clock,
    ladder: Ladder,
    recognizer: Recognizer,
}

impl Reader {
    /// A reader. The text engine is loaded at the first frame that needs it.
    ///
    /// # Errors
    /// None with feature `opencv`; [`CaptureError::NotBuilt`] without.
    pub fn new(options: Options, clock: Clock) -> Result<Self, CaptureError> {
        // Measured per thread, and several readers share the processor: no threads inside.
        opencv::core::set_num_threads(1)?;
        let recognizer = Recognizer::new(&options.languages);
        let effort = options.effort;
        Ok(Self {
            options,
            clock,
            ladder: Ladder::new(effort),
            recognizer,
        })
    }

    /// What each rung of the ladder has cost and brought since the reader was made.
    pub fn rungs(&self) -> &[RungStats] {
        self.ladder.tally.all()
    }

    /// Reads one frame. Whatever the frame holds, the answer is a result: a frame that the
    /// libraries refuse is a no-read.
    pub fn read(&mut self, frame: &Frame) -> FrameResult {
        let (start, cpu) = ((self.clock.monotonic)(), (self.clock.thread_cpu)());
        let mut result = self.evidence(frame, start);
        result.file.clone_from(&frame.file);
        result.frame = frame.index;
        result.elapsed_ms = round_ms((self.clock.monotonic)().saturating_sub(start));
        result.cpu_ms = round_ms((self.clock.thread_cpu)().saturating_sub(cpu));
        result
    }

    fn evidence(&mut self, frame: &Frame, start: Duration) -> FrameResult {
        let grey = &frame.pixels;
        if grey.is_blank() {
            return FrameResult {
                no_read: Some(NoRead::BadImage),
                ..FrameResult::default()
            };
        }
        let (clock, budget) = (self.clock, self.options.budget);
        let left = || match budget {
            Some(budget) => budget.saturating_sub((clock.monotonic)().saturating_sub(start)),
            None => Duration::MAX,
        };
        let policy = Policy {
            country: self.options.country,
            text_confidence_min: self.options.text_confidence_min,
        };
        let found = |symbols: &[_]| {
            let evidence = Evidence {
                symbols: symbols.to_vec(),
                ..Evidence::default()
            };
            fuse(evidence, policy)
        };
        let Ok(climbed) = self.ladder.climb(grey, clock, &left) else {
            return FrameResult {
                no_read: Some(NoRead::Undecodable),
                ..FrameResult::default()
            };
        };
        let Climbed {
            symbols,
            unread,
            late,
        } = climbed;
        let by_symbols = found(&symbols);
        let wanted = budget.is_none() || by_symbols.destination.is_none();
        let wanted = wanted && self.options.text && by_symbols.no_read != Some(NoRead::Conflict);
        let mut result = if wanted && !left().is_zero() {
            let text = self
                .recognizer
                .lines(grey, &symbols, &left)
                .unwrap_or_default();
            let evidence = Evidence {
                symbols,
                text,
                ..Evidence::default()
            };
            fuse(evidence, policy)
        } else {
            by_symbols
        };
        result.unread = unread;
        if late && result.no_read == Some(NoRead::NothingFound) {
            result.no_read = Some(NoRead::Deadline);
        }
        result
    }
}

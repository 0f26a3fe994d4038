//! Outcomes read from the journal for the broker, and the mark of what it has, on disk.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use sortline_core::Step;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ledger::Ledger;
use super::outbox::parcel_step;
use super::{Publication, Topics};
use crate::journal::{JournalError, Reader};

/// Name of the mark in the data directory.
const FILE: &str = "uplink.told";

/// Rows of the journal in one batch.
const BATCH: u32 = 128;

/// The mark is written at most so often: what is told between two writes is told again after a
/// crash.
const WRITE: Duration = Duration::from_secs(1);

/// Pause after which what the broker refused is told again, and what could not be read is read.
const DOUBT: Duration = Duration::from_secs(30);

/// Outcomes of one batch, and whether there are more.
type Batch = Result<(Vec<Publication>, i64, bool), JournalError>;

/// The journal as the outbox of outcomes.
#[derive(Debug)]
pub struct Spool {
    pub(super) ledger: Ledger,
    journal: PathBuf,
    mark: PathBuf,
    written: (i64, Instant),
    doubted: Instant,
    /// The journal could not be read: not before then again.
    paused: Instant,
    reading: Option<JoinHandle<Batch>>,
}

impl Spool {
    /// Goes on behind the mark beside the journal. Without a mark nothing that happened
    /// before is told.
    ///
    /// # Errors
    /// The journal cannot be read, or the mark cannot be written.
    pub fn open(journal: &Path) -> anyhow::Result<Self> {
        let last = Reader::open(journal)?.last_outcome()?;
        let mark = journal.with_file_name(FILE);
        let told = std::fs::read_to_string(&mark).ok();
        let told = told.and_then(|text| text.trim().parse().ok());
        let told = told.map_or(last, |told: i64| told.clamp(0, last));
        write(&mark, told).with_context(|| format!("{} cannot be written", mark.display()))?;
        let now = Instant::now();
        Ok(Self {
            ledger: Ledger::resume(told, last),
            journal: journal.to_owned(),
            mark,
            written: (told, now),
            doubted: now,
            paused: now,
            reading: None,
        })
    }

    /// Whether outcomes are to be read now.
    pub(super) fn wants(&self) -> bool {
        let may = self.reading.is_none() && Instant::now() >= self.paused;
        may && self.ledger.wants().is_some()
    }

    /// Begins to read the next outcomes; [`Spool::batch`] gives them.
    pub(super) fn fetch(&mut self, topics: &Topics) {
        let Some(behind) = self.ledger.wants() else {
            return;
        };
        let (journal, topics) = (self.journal.clone(), topics.clone());
        let read = move || {
            let rows = Reader::open(&journal)?.outcomes_behind(behind, BATCH)?;
            let last = rows.last().map_or(behind, |(row, _)| *row);
            let more = rows.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
            let tell = |(row, ended): (i64, crate::journal::OutcomeRow)| {
                let step = Step::Ended {
                    outcome: ended.outcome,
                };
                parcel_step(&topics, ended.parcel, &step, (ended.wall, row))
            };
            Ok((rows.into_iter().map(tell).collect(), last, more))
        };
        self.reading = Some(tokio::task::spawn_blocking(read));
    }

    /// The outcomes that were read, when they are there; never ready while none are read.
    pub(super) async fn batch(&mut self) -> Option<Vec<Publication>> {
        let Some(reading) = &mut self.reading else {
            return std::future::pending().await;
        };
        let read = reading.await;
        self.reading = None;
        self.paused = Instant::now() + DOUBT;
        match read {
            Ok(Ok((batch, last, more))) => {
                self.paused = Instant::now();
                self.ledger.read(last, more);
                Some(batch)
            }
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "outcomes cannot be read for the broker");
                None
            }
            Err(error) => {
                tracing::error!(%error, "reading outcomes for the broker failed");
                None
            }
        }
    }

    /// Time passes: the mark is written, and what was refused told again.
    pub(super) fn tick(&mut self) {
        let (now, told) = (Instant::now(), self.ledger.told());
        if self.written.0 != told && now >= self.written.1 + WRITE {
            self.write_mark(now);
        }
        if now >= self.doubted + DOUBT {
            self.doubted = now;
            self.ledger.settle_doubt();
        }
    }

    /// The last mark is written.
    pub(super) fn close(&mut self) {
        self.write_mark(Instant::now());
    }

    fn write_mark(&mut self, now: Instant) {
        let told = self.ledger.told();
        // What cannot be written is told twice after a restart.
        match write(&self.mark, told) {
            Ok(()) => self.written = (told, now),
            Err(error) => {
                self.written.1 = now;
                tracing::warn!(%error, "the mark of what the broker has cannot be written");
            }
        }
    }
}

fn write(mark: &Path, told: i64) -> std::io::Result<()> {
    let new = mark.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    writeln!(file, "{told}")?;
    file.sync_all()?;
    std::fs::rename(&new, mark)
}

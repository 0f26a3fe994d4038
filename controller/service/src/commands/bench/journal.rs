//! `sortline bench journal`: commits and reading back, beside the disk's own speed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use sortline_core::{
    Action, ChuteId, Edge, Event, EyeId, LineTime, Outcome, ParcelId, Step, Ticks,
};

use super::super::print;
use super::super::scratch::Scratch;
use crate::cli::FINE;
use crate::clock::Clock;
use crate::config::{self, Configuration, Files};
use crate::journal::{Cause, FILE, Journal, Reader, Record};

/// Records made durable together in the throughput run, as the writer does under load.
const BATCH: u64 = 1_024;

/// Single commits and single synchronised writes of the latency run.
const SINGLE: u64 = 300;

/// Bytes of a synchronised write beside a commit: one page of SQLite.
const PAGE: [u8; 4_096] = [0; 4_096];

/// Arguments of `sortline bench journal`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline bench journal --records 1000000\n\nThe peer is the disk: one page \
                  appended to a file and synchronised. The directory decides which disk that is."
)]
pub struct Args {
    /// Records of the throughput run.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    records: u64,
    /// Where to write; the journal made there is removed. Default: the directory for temporary
    /// files.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
///
/// # Errors
/// The directory cannot be written, or holds a journal.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scratch = Scratch::new("bench", args.data.as_deref())?;
    anyhow::ensure!(
        !scratch.path().join(FILE).exists(),
        "{} holds a journal; needed is a directory without one",
        scratch.path().display()
    );
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {eta} left");
    let bar = ProgressBar::new(args.records);
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let report = measure(scratch.path(), args.records, &|count| bar.inc(count))?;
    bar.finish_and_clear();
    if args.json {
        print(&(serde_json::to_string(&report)? + "\n"))?;
    } else {
        print(&in_words(&report))?;
    }
    Ok(FINE.into())
}

fn in_words(report: &Report) -> String {
    let Report {
        records,
        records_per_s,
        read_per_s,
        commit_ms,
        disk_ms,
        ratio_p50,
        bytes_per_record,
    } = report;
    let spread = |Spread { p50, p99, max }: &Spread| {
        format!("p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms")
    };
    format!(
        "{records} records of {bytes_per_record} bytes: {records_per_s:.0}/s made durable in \
         batches, {read_per_s:.0}/s read back and verified\none record made durable: {}\none page \
         synchronised:  {}\na commit takes {ratio_p50:.2} times the disk's own time\n",
        spread(commit_ms),
        spread(disk_ms)
    )
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    /// Records written.
    records: u64,
    /// Records a second, in batches of 1,024 with one commit each.
    records_per_s: f64,
    /// Records a second read back with their chain of hashes verified.
    read_per_s: f64,
    /// One record made durable, milliseconds.
    commit_ms: Spread,
    /// One page written to a file and synchronised (`fdatasync`), milliseconds: the peer.
    disk_ms: Spread,
    /// Median of a commit by median of the disk.
    ratio_p50: f64,
    /// Bytes of the journal for each record.
    bytes_per_record: u64,
}

/// Percentiles in milliseconds.
#[derive(Debug, Serialize)]
struct Spread {
    /// Half are faster.
    p50: f64,
    /// All but one of a hundred are faster.
    p99: f64,
    /// The slowest.
    max: f64,
}

/// Measures in a directory without a journal, and leaves it so.
fn measure(directory: &Path, records: u64, tick: &dyn Fn(u64)) -> anyhow::Result<Report> {
    let clock = Clock::starting_at(LineTime::default());
    let (disk_ms, commit_ms) = (disk(directory, &clock)?, commits(directory, &clock)?);
    let mut journal = open(directory)?;
    let begun = clock.now();
    let mut written = 0;
    while written < records {
        let end = records.min(written.saturating_add(BATCH));
        journal.commit((written..end).map(record).collect())?;
        tick(end - written);
        written = end;
    }
    let wrote = seconds(&clock, begun);
    let path = journal.path().to_owned();
    drop(journal);
    let begun = clock.now();
    let mut read = 0_u64;
    Reader::open(&path)?.walk(|_entry| {
        read += 1;
        true
    })?;
    let walked = seconds(&clock, begun);
    anyhow::ensure!(
        read == records,
        "{read} of {records} records were read back"
    );
    let bytes = std::fs::metadata(&path)?.len();
    forget(directory)?;
    Ok(Report {
        records,
        records_per_s: float(records) / wrote,
        read_per_s: float(records) / walked,
        ratio_p50: commit_ms.p50 / disk_ms.p50,
        commit_ms,
        disk_ms,
        bytes_per_record: bytes.checked_div(records).unwrap_or_default(),
    })
}

fn open(directory: &Path) -> anyhow::Result<Journal> {
    let mut journal = Journal::open(directory)?;
    let Configuration { topology, plan, .. } = config::load(Files::Demo)?;
    journal.begin_run(Timestamp::UNIX_EPOCH, topology.config(), &plan)?;
    Ok(journal)
}

/// A step as often as any: an edge of a photo-eye, and for every tenth the end of a parcel.
fn record(number: u64) -> Record {
    let ended = Action::Parcel {
        parcel: ParcelId(number),
        step: Step::Ended {
            outcome: Outcome::Sorted { chute: ChuteId(3) },
        },
    };
    let low = u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default();
    let event = Event::Eye {
        eye: EyeId(1),
        edge: Edge::Blocked,
        at: Ticks(low),
    };
    Record {
        at: LineTime(number),
        wall: Timestamp::UNIX_EPOCH,
        cursor: Some(low),
        cause: Cause::Event { event },
        actions: if number.is_multiple_of(10) {
            vec![ended]
        } else {
            Vec::new()
        },
        origin: None,
    }
}

fn commits(directory: &Path, clock: &Clock) -> anyhow::Result<Spread> {
    let mut journal = open(directory)?;
    let mut times = Vec::new();
    for number in 0..SINGLE {
        let begun = clock.now();
        journal.commit(vec![record(number)])?;
        times.push(clock.now().since(begun));
    }
    drop(journal);
    forget(directory)?;
    Ok(spread(times))
}

fn disk(directory: &Path, clock: &Clock) -> anyhow::Result<Spread> {
    let path = directory.join("disk");
    let mut file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    let mut times = Vec::new();
    for _ in 0..SINGLE {
        let begun = clock.now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(clock.now().since(begun));
    }
    std::fs::remove_file(path)?;
    Ok(spread(times))
}

fn forget(directory: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("journal.") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn spread(mut micros: Vec<u64>) -> Spread {
    micros.sort_unstable();
    let last = micros.len().saturating_sub(1);
    let at = |percent: usize| float(micros.get(last * percent / 100).copied().unwrap_or(0)) / 1e3;
    Spread {
        p50: at(50),
        p99: at(99),
        max: at(100),
    }
}

fn seconds(clock: &Clock, begun: LineTime) -> f64 {
    Duration::from_micros(clock.now().since(begun)).as_secs_f64()
}

/// Records and their milliseconds here are below 2^32.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

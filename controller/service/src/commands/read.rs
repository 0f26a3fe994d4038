//! `sortline read`: labels in pictures, folders, videos and camera streams.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sortline_capture::{CaptureError, Clock, Effort, Frame, Missed, Options, Reader, Source};
use sortline_read::{
    Country, Evidence, FrameResult, NoRead, Policy, TEXT_CONFIDENCE_MIN, fuse_frames,
};

use crate::cli::{FAILED, FINE};
use crate::clock;
use crate::config::ConfigError;

/// Arguments of `sortline read`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline read --json --budget-ms 80 label.png photos/\n\nPictures: PNG, \
                  JPEG, WebP, TIFF, BMP; folders are read recursively in the order of names. \
                  Cameras: http (Motion JPEG or one picture), https, rtsp, /dev/videoN. Exit code \
                  1: a file or camera could not be read at all; 2: a path does not exist."
)]
pub struct Args {
    /// Pictures, folders, videos or camera addresses.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    shown: Shown,
    /// Time for reading one frame, in milliseconds; without it everything is tried.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    budget_ms: Option<u64>,
    /// Do not read printed text.
    #[arg(long)]
    no_text: bool,
    /// Languages of printed text, as Tesseract names them, joined by +, most frequent first.
    #[arg(long, value_name = "LIST", default_value = "eng+chi_sim")]
    languages: String,
    /// Least confidence from which printed text alone is a destination, 0 to 1; below it, it is a
    /// candidate.
    #[arg(long, value_name = "SHARE", default_value_t = TEXT_CONFIDENCE_MIN, value_parser = share)]
    text_confidence_min: f32,
    /// Country of a postcode that stands alone (GS1 420), two letters.
    #[arg(long, value_name = "CC", value_parser = country)]
    country: Option<Country>,
    /// How far to climb for what is still unread, such as enlarged=8,fine=0; the rest as by default.
    #[arg(long, value_name = "LIST", default_value = "")]
    effort: Effort,
    /// Frames read at the same time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// A camera that gives no frame for this long, in milliseconds, counts as stalled.
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    stall_ms: u64,
}

/// What is printed.
#[derive(Debug, clap::Args)]
struct Shown {
    /// Print one JSON object a line for each frame.
    #[arg(long)]
    json: bool,
    /// All frames show one parcel: print one more result, of all of them together.
    #[arg(long)]
    fuse: bool,
}

/// Frames that wait for one reading thread: the next is decoded while one is read.
const WAITING: usize = 1;

/// After this many stalls in a row a camera is given up; a service would try for ever.
const STALLS_MAX: u32 = 5;

/// Longest text shown in the table, characters.
const SHOWN_MAX: usize = 60;

fn country(text: &str) -> Result<Country, String> {
    let code = text.to_ascii_uppercase();
    Country::from_alpha2(&code)
        .ok_or_else(|| format!("`{text}` is no ISO 3166-1 code of two letters, such as DE"))
}

fn share(text: &str) -> Result<f32, String> {
    let share: Option<f32> = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is no number from 0 to 1"))
}

/// A frame, or why there is none.
type Job = Result<Frame, Missed>;

/// What became of a frame: its result where it counts as one, and a problem for stderr.
struct Done {
    result: Option<FrameResult>,
    problem: Option<String>,
    failed: bool,
}

/// Reads all frames of all paths and prints what they say, in order.
///
/// # Errors
/// [`ConfigError`] when a path does not exist or holds nothing to read, or an address is of no
/// known kind.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let clock = Clock {
        monotonic: clock::since_start_of_machine,
        thread_cpu: clock::thread_cpu,
    };
    let stall = Duration::from_millis(args.stall_ms);
    let sources = args.paths.iter().map(|path| {
        let source = Source::open(path, stall, clock).map_err(|error| unusable(path, error))?;
        if source.waiting() == Some(0) {
            let text = "holds no picture and no video";
            return Err(ConfigError::whole(Path::new(path), text).into());
        }
        Ok(source)
    });
    let sources = sources.collect::<anyhow::Result<Vec<Source>>>()?;
    let options = Options {
        budget: args.budget_ms.map(Duration::from_millis),
        text: !args.no_text,
        languages: args.languages.clone(),
        text_confidence_min: args.text_confidence_min,
        country: args.country,
        effort: args.effort,
    };
    let files = sources.iter().filter_map(Source::waiting).sum::<usize>();
    let mut report = Report::new(args.shown.json, files);
    report.together = args.shown.fuse.then(Vec::new);
    thread::scope(|scope| -> anyhow::Result<()> {
        let (mut jobs, mut done) = (Vec::new(), Vec::new());
        for _ in 0..args.threads {
            let options = options.clone();
            let (job, jobs_of_thread) = mpsc::sync_channel(WAITING);
            let (out, done_of_thread) = mpsc::sync_channel(WAITING);
            scope.spawn(move || read_all(options, clock, &jobs_of_thread, &out));
            jobs.push(job);
            done.push(done_of_thread);
        }
        scope.spawn(move || distribute(sources, &jobs));
        // Thread k reads the frames k, k + n, …, so taking turns keeps the order.
        for one in done.iter().cycle() {
            let Ok(one) = one.recv() else {
                break;
            };
            report.add(one)?;
        }
        Ok(())
    })?;
    let policy = Policy {
        country: args.country,
        text_confidence_min: args.text_confidence_min,
    };
    report.fused(policy)?;
    report.finish()
}

/// A path that is wrong is wrong usage; anything else is a failure.
fn unusable(path: &str, error: CaptureError) -> anyhow::Error {
    let usage = |text: &str| ConfigError::whole(Path::new(path), text).into();
    if let CaptureError::Open { source, .. } = &error
        && source.kind() == std::io::ErrorKind::NotFound
    {
        return usage("does not exist; needed is a picture, folder, video or camera address");
    }
    if let CaptureError::Address { .. } = error {
        return usage("is no file, folder, /dev/videoN, or http, https, rtsp or gige address");
    }
    error.into()
}

/// Gives frames to the threads in turn, until all sources end or the printing side is gone.
fn distribute(sources: Vec<Source>, threads: &[SyncSender<Job>]) {
    let mut turn = threads.iter().cycle();
    for source in sources {
        for job in source {
            let given_up = matches!(
                &job,
                Err(Missed { error: CaptureError::Stalled { times, .. }, .. })
                    if *times >= STALLS_MAX
            );
            let sent = turn.next().is_some_and(|thread| thread.send(job).is_ok());
            if !sent {
                return;
            }
            if given_up {
                break;
            }
        }
    }
}

/// Reads the frames of one thread. The engines belong to the thread, so they are made here.
fn read_all(options: Options, clock: Clock, jobs: &Receiver<Job>, out: &SyncSender<Done>) {
    let mut reader = Reader::new(options, clock).map_err(|error| error.to_string());
    for job in jobs {
        let done = match (job, &mut reader) {
            (Ok(frame), Ok(reader)) => {
                let result = Some(reader.read(&frame));
                Done {
                    result,
                    problem: None,
                    failed: false,
                }
            }
            (Ok(_), Err(error)) => Done {
                result: None,
                problem: Some(error.clone()),
                failed: true,
            },
            (Err(missed), _) => missing(missed),
        };
        if out.send(done).is_err() {
            return;
        }
    }
}

/// A file that cannot be read is a no-read; a stall of a camera is only told.
fn missing(missed: Missed) -> Done {
    let Missed { file, index, error } = missed;
    let mut problem = format!("{file}: {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        write!(problem, ": {inner}").unwrap_or_default();
        cause = inner.source();
    }
    let stalled = matches!(error, CaptureError::Stalled { .. });
    let result = FrameResult {
        file,
        frame: index,
        no_read: Some(NoRead::Undecodable),
        ..FrameResult::default()
    };
    let given_up = !matches!(error, CaptureError::Stalled { times, .. } if times < STALLS_MAX);
    Done {
        result: (!stalled).then_some(result),
        problem: Some(problem),
        failed: given_up,
    }
}

/// Prints results, and counts what the exit code and the last line of the table say.
struct Report {
    json: bool,
    bar: ProgressBar,
    failed: bool,
    frames: u64,
    with_symbol: u64,
    usable: u64,
    /// What all frames show, when they show one parcel.
    together: Option<Vec<Evidence>>,
}

/// Most frames that are put together.
const TOGETHER_MAX: usize = 30;

impl Report {
    fn new(json: bool, files: usize) -> Self {
        // Results on the same terminal would tear the bar apart.
        let bar = if std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} frames, {eta} left");
            let bar = ProgressBar::new(u64::try_from(files).unwrap_or(u64::MAX));
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        };
        Self {
            json,
            bar,
            failed: false,
            frames: 0,
            with_symbol: 0,
            usable: 0,
            together: None,
        }
    }

    fn add(&mut self, done: Done) -> anyhow::Result<()> {
        self.failed |= done.failed;
        self.bar.inc(1);
        if let Some(problem) = done.problem {
            self.bar
                .suspend(|| super::print_error(&format!("error: {problem}\n")))?;
        }
        let Some(result) = done.result else {
            return Ok(());
        };
        self.frames += 1;
        self.with_symbol += u64::from(!result.symbols.is_empty());
        self.usable += u64::from(result.no_read.is_none());
        if let Some(together) = self
            .together
            .as_mut()
            .filter(|all| all.len() < TOGETHER_MAX)
        {
            together.push(result.clone().into());
        }
        self.show(&result)
    }

    fn show(&self, result: &FrameResult) -> anyhow::Result<()> {
        if self.json {
            super::print(&(serde_json::to_string(result)? + "\n"))
        } else {
            super::print(&readable(result))
        }
    }

    /// The result of all frames together, where it was asked for.
    fn fused(&mut self, policy: Policy) -> anyhow::Result<()> {
        let Some(frames) = self.together.take() else {
            return Ok(());
        };
        let mut result = fuse_frames(&frames, policy);
        "fused".clone_into(&mut result.file);
        result.frame = self.frames;
        self.show(&result)
    }

    fn finish(self) -> anyhow::Result<ExitCode> {
        self.bar.finish_and_clear();
        if !self.json {
            let Self {
                frames,
                with_symbol,
                usable,
                ..
            } = self;
            super::print(&format!(
                "{frames} frames, {with_symbol} with a symbol, {usable} with a parcel identifier or \
                 destination\n"
            ))?;
        }
        Ok(if self.failed { FAILED } else { FINE }.into())
    }
}

/// A few lines for a person. Content is shown with its control characters escaped.
fn readable(result: &FrameResult) -> String {
    let mut text = format!(
        "{} #{}  {:.1} ms\n",
        result.file, result.frame, result.elapsed_ms
    );
    let mut row = |name: &str, value: &str| {
        writeln!(text, "  {name:<12} {value}").unwrap_or_default();
    };
    for symbol in &result.symbols {
        row(&format!("{:?}", symbol.format), &shown(&symbol.text));
    }
    for line in &result.text {
        row("text", &shown(&line.line));
    }
    for id in &result.identifiers {
        let doubt = if id.valid { "" } else { " (not valid)" };
        row(id.kind, &format!("{}{doubt}", shown(&id.value)));
    }
    if let Some(to) = &result.destination {
        let country = to.country.map_or("??", Country::alpha2);
        let postcode = to.postcode.as_deref().unwrap_or("");
        row(
            "destination",
            &format!("{country} {postcode}  {:.2}", to.confidence),
        );
    }
    for other in &result.candidates {
        let country = other.country.map_or("??", Country::alpha2);
        let postcode = other.postcode.as_deref().unwrap_or("");
        row(
            "candidate",
            &format!("{country} {postcode}  {:.2}", other.confidence),
        );
    }
    if let Some(no_read) = result.no_read {
        row("no read", &format!("{no_read:?}"));
    }
    text
}

fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_cannot_write_to_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), SHOWN_MAX + 1);
    }

    #[test]
    fn a_broken_file_is_a_no_read_and_a_stall_is_not() {
        let missed = |error| Missed {
            file: "a".to_owned(),
            index: 0,
            error,
        };
        let broken = missing(missed(CaptureError::Undecodable("torn".to_owned())));
        assert_eq!(
            broken.result.map(|result| result.no_read),
            Some(Some(NoRead::Undecodable))
        );
        assert!(broken.failed);
        let stall = |times| CaptureError::Stalled {
            reason: "silence".to_owned(),
            times,
            answered: true,
        };
        let once = missing(missed(stall(1)));
        assert!(once.result.is_none() && !once.failed && once.problem.is_some());
        assert!(missing(missed(stall(STALLS_MAX))).failed);
    }
}

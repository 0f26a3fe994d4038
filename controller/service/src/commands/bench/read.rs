//! `sortline bench read`: the label reader beside other decoders.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sortline_capture::{Clock, Effort, Options};
use sortline_sim::render::{Design, Factor, Tier};

use super::super::print;
use crate::bench::{Part, Plan, Set, Size, Who, contenders, run as measure, search, table};
use crate::cli::FINE;
use crate::clock;
use crate::config::ConfigError;

/// Arguments of `sortline bench read`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline bench read --tier T1,T2 --frames 50\nExample: sortline bench \
                  read --set photos --turn 0,17,33,45 --json\nExample: sortline bench read --set keyed-in --search\n\nEvery decoder sees the same frames \
                  in turn, on one thread; times are processor time. Beside the reader stand \
                  zxing-cpp with its default options, restricted to the symbologies of parcels, \
                  and at its fastest, and the program zbarimg where it is installed (elapsed \
                  time, start of the program included). OpenCV's own QR detector is not built in. \
                  Frames are drawn from the seed; design b is held out: the reader was not tuned \
                  on it."
)]
pub struct Args {
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// A folder of pictures to read instead of drawn frames; NAME.txt, NAME.bin or NAME.json beside
    /// a picture says what it shows.
    #[arg(long, value_name = "DIR")]
    set: Option<PathBuf>,
    /// Degrees by which the pictures of the set are turned.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0")]
    turn: Vec<f64>,
    /// Tiers of difficulty.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "T1,T2,T3,T4,T5"
    )]
    tier: Vec<Tier>,
    /// Factors of the part `factors`, which `--parts` must name; without it all.
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "parts")]
    factor: Vec<Factor>,
    /// Frames of each tier; a level of a factor takes a tenth.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: u32,
    /// Seed of the drawn frames.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Make of labels and parcels, a or b.
    #[arg(long, default_value = "b")]
    design: Design,
    /// Size of the drawn frames.
    #[arg(long, value_enum, default_value = "both")]
    size: Size,
    /// Parts to run.
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        default_value = "tiers,negatives,bursts"
    )]
    parts: Vec<Part>,
    /// Who is measured: this reader by symbols alone, with printed text, and other decoders.
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        default_value = "symbols,peers"
    )]
    readers: Vec<Who>,
    /// Languages of printed text, as Tesseract names them.
    #[arg(long, value_name = "LIST", default_value = "eng+chi_sim")]
    languages: String,
    /// Time for reading one frame, in milliseconds; without it everything is tried.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    budget_ms: Option<u64>,
    /// How far the reader climbs, such as enlarged=8,fine=0; the rest as by default.
    #[arg(long, value_name = "LIST", default_value = "")]
    effort: Effort,
    /// Look for a better effort: compare on half of the frames, measure the gain on the other half.
    #[arg(long)]
    search: bool,
    /// Processor time that one symbol more is worth to the search, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    price_ms: u32,
}

/// Measures and prints.
///
/// # Errors
/// The set does not exist, a font is missing, or this build has no reader.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let time = Clock {
        monotonic: clock::since_start_of_machine,
        thread_cpu: clock::thread_cpu,
    };
    let plan = plan(args)?;
    let options = Options {
        budget: args.budget_ms.map(Duration::from_millis),
        languages: args.languages.clone(),
        effort: args.effort,
        ..Options::default()
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    if args.search {
        return propose(args, plan, &options, (&path, time));
    }
    let mut contenders = contenders(&args.readers, &options, &path, time)?;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} frames, {eta} left");
    let bar = ProgressBar::new(u64::try_from(plan.total()).unwrap_or(u64::MAX));
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let report = measure(&plan, &mut contenders, &|| bar.inc(1))?;
    bar.finish_and_clear();
    if args.json {
        print(&(report.json()? + "\n"))?;
    } else {
        print(&table(&report))?;
        if args.readers.contains(&Who::Peers) && contenders.iter().all(|c| c.name != "zbar") {
            print("zbar: not measured, its program zbarimg is not installed\n")?;
        }
    }
    Ok(FINE.into())
}

/// Searches for a better setting and prints what it found.
fn propose(
    args: &Args,
    plan: Plan,
    options: &Options,
    machine: (&OsStr, Clock),
) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    let proposal = search(
        &plan.halves(),
        options,
        machine,
        args.price_ms.into(),
        &|| bar.tick(),
    )?;
    bar.finish_and_clear();
    if args.json {
        print(&(serde_json::to_string(&proposal)? + "\n"))?;
    } else {
        print(&proposal.table())?;
    }
    Ok(FINE.into())
}

fn plan(args: &Args) -> anyhow::Result<Plan> {
    let photos = match &args.set {
        Some(folder) if !folder.is_dir() => {
            let text = "is no folder; needed is a folder of pictures";
            return Err(ConfigError::whole(folder, text).into());
        }
        Some(folder) => Some((Set::open(folder)?, args.turn.clone())),
        None => None,
    };
    Ok(Plan {
        parts: if photos.is_some() {
            Vec::new()
        } else {
            args.parts.clone()
        },
        tiers: args.tier.clone(),
        factors: if args.factor.is_empty() {
            Factor::ALL.to_vec()
        } else {
            args.factor.clone()
        },
        frames: usize::try_from(args.frames)?,
        size: args.size,
        design: args.design,
        seed: args.seed,
        photos,
    })
}

//! `sortline calibrate`: the printed target, what a camera measures with it, and a survey of a line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use sortline_capture::{Clock, Frame, Options, Reader, Source, quality};
use sortline_read::calibration::{Calibration, calibrate, mark_text};
use sortline_sim::render::{SymbolKind, modules};

use crate::cli::{FAILED, FINE};
use crate::clock;
use crate::config::ConfigError;

/// Arguments of `sortline calibrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sortline calibrate target --out target.svg")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is to be done.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write the target as an SVG file to print at 100 percent.
    Target(TargetArgs),
    /// Measure a camera from one frame that shows the target.
    Camera(CameraArgs),
    /// Measure encoder, photo-eyes and diverters of a line with a calibration parcel.
    Line(super::survey::Args),
}

/// Arguments of `sortline calibrate target`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline calibrate target --out target.svg\n\nPrint it without scaling, \
                  lay it flat on the belt with its arrow along the travel, at the height of the \
                  parcels' upper faces, then run `sortline calibrate camera`."
)]
struct TargetArgs {
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Width of the sheet in millimetres.
    #[arg(long, value_name = "MM", default_value_t = 210, value_parser = clap::value_parser!(u32).range(100..=2_000))]
    width_mm: u32,
    /// Height of the sheet in millimetres.
    #[arg(long, value_name = "MM", default_value_t = 297, value_parser = clap::value_parser!(u32).range(100..=2_000))]
    height_mm: u32,
    /// Width of one mark in millimetres.
    #[arg(long, value_name = "MM", default_value_t = 20, value_parser = clap::value_parser!(u32).range(8..=100))]
    mark_mm: u32,
}

/// Arguments of `sortline calibrate camera`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline calibrate camera --ticks-per-mm 1.0 http://10.0.0.5/frames\n\n\
                  Exit code 1: the target was not read."
)]
struct CameraArgs {
    /// Picture or camera address; its first frame is taken.
    #[arg(value_name = "PATH")]
    source: String,
    /// Encoder counts per millimetre of belt, to give the scale in ticks, too.
    #[arg(long, value_name = "N")]
    ticks_per_mm: Option<f64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Paper left free at the edges, millimetres: no printer reaches farther.
const MARGIN_MM: u32 = 12;
/// Longest wait for a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes the target, or measures.
///
/// # Errors
/// The file cannot be written, or the frame cannot be had.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Target(args) => {
            let text = target(args)?;
            std::fs::write(&args.out, text)
                .with_context(|| format!("writing the target to {}", args.out.display()))?;
            super::print(&format!(
                "{}: print at 100 percent; each mark must measure {} mm\n",
                args.out.display(),
                args.mark_mm
            ))?;
            Ok(FINE.into())
        }
        What::Camera(args) => camera(args),
        What::Line(args) => super::survey::run(args),
    }
}

/// The target: marks in rows, a quiet zone of half a mark around each, and an arrow.
fn target(args: &TargetArgs) -> anyhow::Result<String> {
    let TargetArgs {
        width_mm,
        height_mm,
        mark_mm,
        ..
    } = *args;
    let step = mark_mm + mark_mm / 2;
    let places = |length: u32| {
        let room = length.saturating_sub(2 * MARGIN_MM + mark_mm);
        (0..=room / step).map(move |i| MARGIN_MM + i * step)
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width_mm}mm\" height=\"{height_mm}mm\" \
         viewBox=\"0 0 {width_mm} {height_mm}\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    for y in places(height_mm) {
        for x in places(width_mm) {
            mark(&mut out, [x, y], mark_mm)?;
        }
    }
    let (middle, top) = (width_mm / 2, 7);
    writeln!(
        out,
        "<path d=\"M{} {top}h40m-4 -3l4 3l-4 3\" fill=\"none\" stroke=\"black\"/>\n<text x=\"{}\" \
         y=\"{top}\" font-size=\"4\">travel</text>\n</svg>",
        middle - 20,
        middle + 24
    )?;
    Ok(out)
}

/// One mark: its dark modules as one path.
fn mark(out: &mut String, [x, y]: [u32; 2], side: u32) -> anyhow::Result<()> {
    let symbol = modules(SymbolKind::QrCode, &mark_text(x, y, side))?;
    let count = symbol.len();
    let scale = f64::from(side) / f64::from(u32::try_from(count)?.max(1));
    write!(
        out,
        "<path transform=\"translate({x} {y}) scale({scale})\" d=\""
    )?;
    for (row, dark) in symbol.iter().enumerate() {
        for (column, _) in dark.iter().enumerate().filter(|(_, dark)| **dark) {
            write!(out, "M{column} {row}h1v1h-1z")?;
        }
    }
    out.push_str("\"/>\n");
    Ok(())
}

fn camera(args: &CameraArgs) -> anyhow::Result<ExitCode> {
    let time = Clock {
        monotonic: clock::since_start_of_machine,
        thread_cpu: clock::thread_cpu,
    };
    let frame = first_frame(&args.source, time)?;
    let options = Options {
        text: false,
        ..Options::default()
    };
    let symbols = Reader::new(options, time)?.read(&frame).symbols;
    let size = [frame.pixels.width(), frame.pixels.height()];
    match calibrate(&symbols, size) {
        Ok(found) if args.json => super::print(&(serde_json::to_string(&found)? + "\n"))?,
        Ok(found) => super::print(&readable(&found, args.ticks_per_mm))?,
        Err(error) => {
            let seen = quality(&frame.pixels);
            let edge = seen
                .edge_y_px
                .map_or_else(|| "none".to_owned(), |px| format!("{px:.1} px"));
            super::print_error(&format!(
                "error: {error}\n  the frame: white {}, black {}, noise {:.1}, edges {edge}\n",
                seen.white, seen.black, seen.noise
            ))?;
            return Ok(FAILED.into());
        }
    }
    Ok(FINE.into())
}

fn first_frame(source: &str, time: Clock) -> anyhow::Result<Frame> {
    let mut frames = Source::open(source, PATIENCE, time)
        .map_err(|error| ConfigError::whole(Path::new(source), error.to_string()))?;
    let first = frames.next().context("the source ended without a frame")?;
    first.map_err(|missed| anyhow::Error::new(missed.error).context(format!("reading {source}")))
}

fn readable(found: &Calibration, ticks_per_mm: Option<f64>) -> String {
    let Calibration {
        px_per_mm,
        perspective,
        turn_deg,
        lens,
        residual_px,
        points,
        ..
    } = found;
    let mut out = format!(
        "scale        {px_per_mm:.4} pixels per mm in the middle\nturn         {turn_deg:.2}° \
         against the target's x axis\nperspective  {perspective:.3} largest over smallest \
         scale\nlens         {lens:.4}\nleft over    {residual_px:.2} pixels (root mean square of \
         {points} corners)\n"
    );
    if let Some(ticks) = ticks_per_mm {
        let scale = px_per_mm / ticks;
        writeln!(out, "travel       {scale:.4} pixels per encoder count").unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheet_is_full_of_marks_that_say_where_they_are() {
        let args = TargetArgs {
            out: PathBuf::new(),
            width_mm: 210,
            height_mm: 297,
            mark_mm: 20,
        };
        let text = target(&args).unwrap();
        assert_eq!(text.matches("<path transform").count(), 6 * 9);
        assert!(text.contains("translate(12 12) scale("));
        assert!(text.ends_with("</svg>\n"));
    }
}

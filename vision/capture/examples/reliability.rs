//! How often printed text is read right, and how sure the reader may be of it, on frames whose truth
//! stands beside them:
//!
//! ```text
//! cargo run --release -p sortline-sim --example frames -- --tier T2 --count 200 --out /tmp/t2
//! cargo run --release -p sortline-capture --example reliability -- /tmp/t2
//! ```
//!
//! With `--lines` the lines of every frame that is read wrong are shown: rendered labels hold no
//! personal data. Prints shares by script, wrong readings at the usual bar, a table of confidence against what was
//! right, and the table that `vision/read/src/address/reliability.txt` holds: weight of the evidence
//! and share that was right there, never falling, with one wrong reading added to every row so that few
//! frames claim little.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use sortline_capture::{Clock, Frame, Options, Reader, decode};
use sortline_read::{Country, TEXT_CONFIDENCE_MIN, text_evidence};

/// One frame's outcome.
struct Row {
    chinese: bool,
    /// Confidence, weight, and whether country and postcode are right.
    read: Option<(f32, f32, bool)>,
    named: String,
    lines: Vec<String>,
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let mut rows = Vec::new();
    let (options, folders): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let lines = options.iter().any(|option| option == "--lines");
    if folders.is_empty() {
        writeln!(out, "usage: reliability [--lines] FOLDER…").unwrap_or_default();
        return ExitCode::from(2);
    }
    let Ok(mut reader) = Reader::new(Options::default(), clock()) else {
        return ExitCode::FAILURE;
    };
    for folder in &folders {
        rows.extend(
            frames(Path::new(folder))
                .iter()
                .filter_map(|path| row(path, &mut reader)),
        );
    }
    for (name, chinese) in [("Latin", false), ("Chinese", true)] {
        let of: Vec<&Row> = rows.iter().filter(|row| row.chinese == chinese).collect();
        let count = |is: &dyn Fn(f32, bool) -> bool| {
            of.iter()
                .filter(|row| {
                    row.read
                        .is_some_and(|(confidence, _, right)| is(confidence, right))
                })
                .count()
        };
        let right = count(&|_, right| right);
        let wrong = count(&|_, right| !right);
        let sure = count(&|confidence, right| right && confidence >= TEXT_CONFIDENCE_MIN);
        let fatal = count(&|confidence, right| !right && confidence >= TEXT_CONFIDENCE_MIN);
        writeln!(
            out,
            "{name}: {} frames, {right} right, {wrong} wrong; at the bar {sure} right, {fatal} wrong",
            of.len()
        )
        .unwrap_or_default();
    }
    for row in rows
        .iter()
        .filter(|row| row.read.is_none_or(|(_, _, right)| !right))
    {
        let sure = row.read.map_or(0.0, |read| read.0);
        writeln!(out, "  {} {sure:.3}", row.named).unwrap_or_default();
        for line in row.lines.iter().filter(|_| lines) {
            writeln!(out, "    {line}").unwrap_or_default();
        }
    }
    tables(&rows, &mut out);
    ExitCode::SUCCESS
}

/// Nothing is timed here, and without a budget the reader needs no time.
fn clock() -> Clock {
    Clock {
        monotonic: || Duration::ZERO,
        thread_cpu: || Duration::ZERO,
    }
}

/// Pictures of a folder that have a truth beside them, by name.
fn frames(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension().is_some_and(|e| e == "png") && path.with_extension("json").exists()
        })
        .collect();
    found.sort();
    found
}

fn row(path: &Path, reader: &mut Reader) -> Option<Row> {
    let truth: Value = serde_json::from_slice(&fs::read(path.with_extension("json")).ok()?).ok()?;
    let label = truth.get("labels")?.get(0)?;
    let text = |name: &str| {
        label
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let (country, postcode) = (text("country"), text("postcode"));
    let frame = Frame::of(decode(&fs::read(path).ok()?).ok()?, "");
    let result = reader.read(&frame);
    let plain = |code: &str| {
        code.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
    };
    let read = text_evidence(&result.text, None).map(|(to, weight)| {
        let found = to.postcode.as_deref().map_or(String::new(), plain);
        let right =
            to.country.map(Country::alpha2) == Some(country.as_str()) && found == plain(&postcode);
        (to.confidence, weight, right)
    });
    Some(Row {
        chinese: country == "CN",
        read,
        lines: result
            .text
            .iter()
            .map(|line| format!("{} {:.2} {}", line.block, line.confidence, line.line))
            .collect(),
        named: path
            .file_stem()
            .map_or(String::new(), |name| name.to_string_lossy().into_owned()),
    })
}

fn tables(rows: &[Row], out: &mut impl std::io::Write) {
    let mut read: Vec<(f32, f32, bool)> = rows.iter().filter_map(|row| row.read).collect();
    let number = |count: usize| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
    writeln!(out, "confidence from, readings, right").unwrap_or_default();
    for (low, high) in [
        (0.0, 0.5),
        (0.5, 0.8),
        (0.8, 0.9),
        (0.9, 0.97),
        (0.97, 0.99),
        (0.99, 1.1),
    ] {
        let of = || {
            read.iter()
                .filter(|(confidence, _, _)| (low..high).contains(confidence))
        };
        let right = number(of().filter(|read| read.2).count()) / number(of().count()).max(1.0);
        writeln!(out, "{low:.2} {} {right:.4}", of().count()).unwrap_or_default();
    }
    writeln!(out, "weight and share").unwrap_or_default();
    read.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (weight, count, right) in pooled(&read) {
        let share = number(right) / (number(count) + 1.0);
        writeln!(out, "{weight:.1} {share:.4} # {count}").unwrap_or_default();
    }
}

/// Readings by weight, in ranges of one, neighbors put together until the share that is right rises
/// (pool adjacent violators: Ayer and others, 1955): least weight, readings, right ones.
fn pooled(read: &[(f32, f32, bool)]) -> Vec<(f32, usize, usize)> {
    let mut pools: Vec<(f32, usize, usize)> = Vec::new();
    for (_, weight, right) in read {
        let least = weight.floor();
        match pools.last_mut() {
            Some(last) if last.0.total_cmp(&least).is_eq() => {
                *last = (last.0, last.1 + 1, last.2 + usize::from(*right));
            }
            _ => pools.push((least, 1, usize::from(*right))),
        }
    }
    let mut out: Vec<(f32, usize, usize)> = Vec::new();
    for pool in pools {
        out.push(pool);
        while let [.., before, last] = out.as_slice() {
            // As fractions: before.2 / before.1 ≥ last.2 / last.1.
            if before.2 * last.1 < last.2 * before.1 {
                break;
            }
            let both = (before.0, before.1 + last.1, before.2 + last.2);
            out.truncate(out.len() - 2);
            out.push(both);
        }
    }
    out
}

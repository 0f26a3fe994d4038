//! A report as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::report::{Report, Section};
use super::score::{BINS, Share, TRUST_FROM, Tally, Times, Trust, as_f64};

/// Symbologies in the order of the columns.
const FORMATS: [&str; 8] = [
    "Code128",
    "GS1-128",
    "ITF",
    "QRCode",
    "DataMatrix",
    "PDF417",
    "Aztec",
    "MaxiCode",
];

/// Width of the column of names.
const NAME: usize = 16;

/// The tables, one below the other.
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    for (section, tallies) in report.sections() {
        match section {
            Section::Tier { .. } | Section::Negatives | Section::Burst { .. } => {
                frames(&mut out, report, section, tallies);
            }
            Section::Factor { .. } | Section::Photos { .. } => {}
        }
    }
    angles(&mut out, report);
    factors(&mut out, report);
    photos(&mut out, report);
    printed(&mut out, report);
    wrong(&mut out, report);
    trust(&mut out, report);
    rungs(&mut out, report);
    out
}

fn percent(share: Share) -> String {
    share
        .percent()
        .map_or_else(|| "-".to_owned(), |p| format!("{p:.1}"))
}

/// Writing into a text cannot fail.
fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn frames(out: &mut String, report: &Report, section: &Section, tallies: &[Tally]) {
    let count: usize = tallies
        .first()
        .map_or(0, |t| t.times_us.values().map(Vec::len).sum());
    let mut head = format!("{:<NAME$} parcels +address symbols noMaxi", section.title());
    for format in FORMATS {
        write!(head, " {format:>7.7}").unwrap_or_default();
    }
    head.push_str("  wrong  address wrong");
    let sizes: Vec<u64> = tallies
        .first()
        .map_or_else(Vec::new, |t| t.times_us.keys().copied().collect());
    for size in &sizes {
        let megapixels = (size + 50_000) / 100_000;
        write!(
            head,
            "  {:>2}.{} MP ms  p95",
            megapixels / 10,
            megapixels % 10
        )
        .unwrap_or_default();
    }
    write!(head, "  ({count})").unwrap_or_default();
    line(out, &head);
    for (name, tally) in report.names().iter().zip(tallies) {
        let mut row = format!(
            "{name:<NAME$} {:>7} {:>8} {:>7} {:>6}",
            percent(tally.parcels),
            percent(tally.identified),
            percent(tally.symbols),
            percent(tally.without_maxicode)
        );
        for format in FORMATS {
            let share = tally.formats.get(format).copied().unwrap_or_default();
            write!(row, " {:>7}", percent(share)).unwrap_or_default();
        }
        write!(
            row,
            "  {:>5}  {:>7} {:>5}",
            tally.wrong_total(),
            percent(tally.destinations),
            tally.destinations_wrong
        )
        .unwrap_or_default();
        for size in &sizes {
            if let Some(times) = tally.times_us.get(size).and_then(|t| Times::of(t)) {
                write!(row, "  {:>9.1} {:>4.0}", times.mean_ms, times.p95_ms).unwrap_or_default();
            }
        }
        line(out, &row);
    }
    out.push('\n');
}

/// Code 128 by angle, over all tiers of the run.
fn angles(out: &mut String, report: &Report) {
    let mut sums = vec![[Share::default(); BINS]; report.names().len()];
    let mut any = false;
    for (section, tallies) in report.sections() {
        let Section::Tier { tier } = section else {
            continue;
        };
        if *tier > sortline_sim::render::Tier::T2 {
            continue;
        }
        for (sum, tally) in sums.iter_mut().zip(tallies) {
            for (sum, share) in sum.iter_mut().zip(&tally.angles) {
                sum.read += share.read;
                sum.of += share.of;
                any |= share.of > 0;
            }
        }
    }
    if !any {
        return;
    }
    let mut head = format!("{:<NAME$}", "Code 128, T1+T2");
    for bin in 0..BINS {
        write!(head, " {:>2}-{:>2}°", bin * 5, bin * 5 + 5).unwrap_or_default();
    }
    line(out, &head);
    for (name, sum) in report.names().iter().zip(&sums) {
        let mut row = format!("{name:<NAME$}");
        for share in sum {
            write!(row, " {:>6}", percent(*share)).unwrap_or_default();
        }
        line(out, &row);
    }
    out.push('\n');
}

/// One factor at a time: Code 128, QR, DataMatrix and parcels of each contender.
fn factors(out: &mut String, report: &Report) {
    let is_factor = |section: &&Section| matches!(section, Section::Factor { .. });
    if !report.sections().keys().any(|section| is_factor(&section)) {
        return;
    }
    let mut head = format!("{:<NAME$}", "1D/QR/DM/parcels");
    for name in report.names() {
        write!(head, " {name:>19.19}").unwrap_or_default();
    }
    line(out, &head);
    let whole = |share: Share| {
        share
            .percent()
            .map_or_else(|| "-".to_owned(), |p| format!("{p:.0}"))
    };
    for (section, tallies) in report.sections().iter().filter(|(s, _)| is_factor(s)) {
        let mut row = format!("{:<NAME$}", section.title());
        for tally in tallies {
            let of = |formats: &[&str]| {
                let shares = formats
                    .iter()
                    .filter_map(|format| tally.formats.get(*format));
                shares.fold(Share::default(), |sum, share| Share {
                    read: sum.read + share.read,
                    of: sum.of + share.of,
                })
            };
            let parts = [
                whole(of(&["Code128", "GS1-128"])),
                whole(of(&["QRCode"])),
                whole(of(&["DataMatrix"])),
                whole(tally.parcels),
            ];
            write!(row, " {:>19}", parts.join("/")).unwrap_or_default();
        }
        line(out, &row);
    }
    out.push('\n');
}

fn photos(out: &mut String, report: &Report) {
    let is_photos = |section: &&Section| matches!(section, Section::Photos { .. });
    if !report.sections().keys().any(|section| is_photos(&section)) {
        return;
    }
    let mut head = format!("{:<32}", "photographs read, wrong, ms");
    for name in report.names() {
        write!(head, " {name:>20.20}").unwrap_or_default();
    }
    line(out, &head);
    for (section, tallies) in report.sections().iter().filter(|(s, _)| is_photos(s)) {
        let mut row = format!("{:<32}", section.title());
        for tally in tallies {
            let Share { read, of } = tally.symbols;
            let times: Vec<u32> = tally.times_us.values().flatten().copied().collect();
            let mean = Times::of(&times).map_or(0.0, |times| times.mean_ms);
            let wrong = tally.wrong_total();
            write!(row, " {:>20}", format!("{read}/{of} {wrong} {mean:.1}")).unwrap_or_default();
        }
        line(out, &row);
    }
    out.push('\n');
}

/// What each rung of the ladder costs, and what it brings that no rung before it did.
fn rungs(out: &mut String, report: &Report) {
    for (name, rungs) in report.rungs() {
        let used = rungs.iter().filter(|stats| stats.runs + stats.skipped > 0);
        let rows: Vec<String> = used
            .map(|stats| {
                let ms = stats.cpu.as_secs_f64() * 1_000.0;
                format!(
                    "{:<NAME$} {:>8} {:>8} {:>8} {ms:>10.1} {:>12.1}",
                    stats.rung.name(),
                    stats.runs,
                    stats.symbols,
                    stats.skipped,
                    1_000.0 * as_f64(stats.symbols) / ms.max(1e-3),
                )
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        line(out, &format!("{name}: rungs of the ladder"));
        line(
            out,
            &format!(
                "{:<NAME$} {:>8} {:>8} {:>8} {:>10} {:>12}",
                "rung", "runs", "symbols", "skipped", "ms", "symbols/s"
            ),
        );
        for row in rows {
            line(out, &row);
        }
        out.push('\n');
    }
}

/// Country and postcode by the printed text alone, where text was read.
fn printed(out: &mut String, report: &Report) {
    let mut any = false;
    for (section, tallies) in report.sections() {
        for (name, tally) in report.names().iter().zip(tallies) {
            if tally.printed.read + tally.printed_wrong > 0 {
                any = true;
                let (right, wrong) = (percent(tally.printed), tally.printed_wrong);
                let of = tally.printed.of;
                let text = format!("by print alone: {right} % of {of} right, {wrong} wrong");
                line(out, &format!("{:<NAME$} {name} {text}", section.title()));
            }
        }
    }
    if any {
        out.push('\n');
    }
}

/// What was read wrong, word by word.
fn wrong(out: &mut String, report: &Report) {
    let mut any = false;
    for (section, tallies) in report.sections() {
        for (name, tally) in report.names().iter().zip(tallies) {
            for text in &tally.wrong_texts {
                any = true;
                line(out, &format!("wrong: {} {name} {text}", section.title()));
            }
        }
    }
    if any {
        out.push('\n');
    }
}

/// Whether readings keep the confidence that they carry, over the whole run.
fn trust(out: &mut String, report: &Report) {
    let mut sums: BTreeMap<&str, [Trust; TRUST_FROM.len()]> = BTreeMap::new();
    for tallies in report.sections().values() {
        for (name, tally) in report.names().iter().zip(tallies) {
            let sum = sums.entry(name).or_default();
            for (sum, trust) in sum.iter_mut().zip(&tally.trust) {
                sum.count += trust.count;
                sum.right += trust.right;
                sum.promised += trust.promised;
            }
        }
    }
    sums.retain(|_, sum| sum.iter().any(|trust| trust.count > 0));
    for (name, sum) in sums {
        line(out, &format!("{name}: readings by confidence, right/count"));
        let mut row = String::new();
        for (from, trust) in TRUST_FROM.iter().zip(sum) {
            write!(row, "  from {from}: {}/{}", trust.right, trust.count).unwrap_or_default();
        }
        line(out, &row);
    }
}

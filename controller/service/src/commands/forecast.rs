//! `sortline plan forecast`: volumes to come by rule and wave, from the journal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use sortline_core::{Outcome, ParcelId, Step};
use sortline_route::forecast::{Expected, Volume, expect};

use crate::cli::FINE;
use crate::config::{self, ConfigError};
use crate::journal::{FILE, JournalError, Reader};

/// Arguments of `sortline plan forecast`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline plan forecast --config config/demo --data sortline-data --day \
                  2026-11-24 --quantile 0.9 > volumes.csv\n\nParcels sorted by each rule of the \
                  sort plan, by wave of the day; the output is what `plan optimise --volumes` \
                  reads. Same weekdays count when there are four of them, else all days."
)]
pub struct Args {
    /// The site directory.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// A journal, or the data directory that holds it.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The day to expect, `YYYY-MM-DD`.
    #[arg(long, value_name = "DAY")]
    day: String,
    /// Share of days that have at most so many parcels.
    #[arg(long, value_name = "SHARE", default_value = "0.9", value_parser = share)]
    quantile: f64,
    /// Hours of the day at which waves begin; the first must be 0.
    #[arg(
        long,
        value_name = "HOURS",
        value_delimiter = ',',
        default_value = "0,8,16"
    )]
    #[arg(value_parser = clap::value_parser!(u8).range(0..24))]
    waves: Vec<u8>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok();
    let value = value.filter(|share| (0.5..=0.999).contains(share));
    value.ok_or_else(|| "allowed: 0.5 to 0.999".to_owned())
}

#[derive(Serialize)]
struct Row<'a> {
    rule: &'a str,
    wave: usize,
    parcels: u32,
    mean: f64,
    days: usize,
}

/// Expects volumes and prints them.
///
/// # Errors
/// [`ConfigError`] when the site or an argument cannot be used; the journal cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = super::site_directory(&args.config)?;
    let (plan, _) = config::load_plan_and_line(&files)?;
    let site = config::load_site(&files).map_err(|problems| ConfigError { problems })?;
    let refuse = |what: &str, text: &str| ConfigError::whole(what.as_ref(), text);
    let rising = args.waves.windows(2).all(|pair| pair.first() < pair.last());
    if args.waves.first() != Some(&0) || !rising {
        return Err(refuse(
            "--waves",
            "allowed: hours from 0 on, each later than the one before",
        )
        .into());
    }
    let day: Date = args
        .day
        .parse()
        .map_err(|_error| refuse("--day", "allowed: a day YYYY-MM-DD"))?;
    let zone = TimeZone::get(&site.config.time_zone)
        .map_err(|_error| refuse("site.toml", "time_zone is no IANA time zone"))?;
    let path = if args.data.is_dir() {
        args.data.join(FILE)
    } else {
        args.data.clone()
    };
    let reader = Reader::open(&path)?;
    let history = history(&reader, &zone, (&args.waves, DECISIONS_MAX))?;
    let known = |lane: &str| plan.rules.iter().any(|rule| rule.name == lane);
    let expected = expect(&history, day_number(day), args.quantile);
    let rows = expected.iter().filter(|row| known(&row.lane));
    super::print(&text(args, rows)?)?;
    Ok(FINE.into())
}

fn text<'a>(args: &Args, rows: impl Iterator<Item = &'a Expected>) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["rule", "wave", "parcels", "last_wave"])?;
    for row in rows {
        if args.json {
            text.push_str(&serde_json::to_string(&Row {
                rule: &row.lane,
                wave: row.wave + 1,
                parcels: row.quantile,
                mean: (row.mean * 100.0).round() / 100.0,
                days: row.days,
            })?);
            text.push('\n');
        } else {
            let (wave, parcels) = ((row.wave + 1).to_string(), row.quantile.to_string());
            writer.write_record([&row.lane, &wave, &parcels, ""])?;
        }
    }
    if args.json {
        Ok(text)
    } else {
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

/// Days since 1970-01-01.
pub(crate) fn day_number(day: Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    day.since(epoch).map_or(0, |span| span.get_days())
}

/// Newest decisions that are looked at: some weeks of a busy line.
const DECISIONS_MAX: u32 = 2_000_000;

/// Parcels sorted, by rule, day and wave; of the newest decisions of the journal.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn history(
    reader: &Reader,
    zone: &TimeZone,
    (waves, limit): (&[u8], u32),
) -> Result<Vec<Volume>, JournalError> {
    let mut rules: BTreeMap<ParcelId, String> = BTreeMap::new();
    let mut counts: BTreeMap<(String, i32, usize), u32> = BTreeMap::new();
    for (parcel, row) in reader.decisions(limit)? {
        if let Step::Decided { reason, .. } = row.step {
            rules.insert(parcel, reason);
        } else if let Step::Ended { outcome } = row.step {
            let local = zone.to_datetime(row.wall);
            let rule = rules.remove(&parcel);
            let sorted = matches!(outcome, Outcome::Sorted { .. });
            if let Some(rule) = rule.filter(|_| sorted) {
                let key = (rule, day_number(local.date()), wave_of(waves, local.hour()));
                *counts.entry(key).or_default() += 1;
            }
        }
    }
    let volume = |((lane, day, wave), parcels)| Volume {
        lane,
        day,
        wave,
        parcels,
    };
    Ok(counts.into_iter().map(volume).collect())
}

/// The wave of an hour, from 0.
fn wave_of(waves: &[u8], hour: i8) -> usize {
    let hour = u8::try_from(hour).unwrap_or(0);
    let begun = waves.partition_point(|from| *from <= hour);
    begun.saturating_sub(1)
}

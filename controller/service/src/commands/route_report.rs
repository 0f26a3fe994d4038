//! `sortline route report`: a day in simulation, by Sortline's routes and by simpler ways, and weeks
//! predicted against how they turn out.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use sortline_route::day::{Day, Fared, Way, simulate};
use sortline_route::weeks::{self, HeldOut, Sky, Weeks};
use sortline_route::{DAY_MIN, Network};

use super::route::{local_minute, open, place};
use crate::cli::FINE;
use crate::config::ConfigError;

/// Arguments of `sortline route report`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline route report --network config/demo/network --from DE-FRA --day \
                  2026-11-23 --html day.html\n\nParcels, disruptions and delays are drawn from the \
                  seed; every way meets the same parcels and disruptions. Delays follow the \
                  distributions that the network assumes, so the report compares ways to choose \
                  routes; it does not predict."
)]
pub struct Args {
    /// Folder of the network, or the site directory around it.
    #[arg(long, value_name = "DIR")]
    network: PathBuf,
    /// Id of the site.
    #[arg(long, value_name = "ID")]
    from: String,
    /// The day, `YYYY-MM-DD`.
    #[arg(long, value_name = "DAY")]
    day: String,
    /// Parcels of the day.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    parcels: u32,
    /// Disruptions that begin on the day and in the following night.
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000))]
    disruptions: u32,
    /// Weeks that are predicted from eight weeks before them, in mild and in adversarial weather; 0:
    /// only the day.
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=52))]
    weeks: u8,
    /// Seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object a line for each way, then one for the weeks of each weather.
    #[arg(long)]
    json: bool,
    /// Also write a page with charts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Wire {
    way: &'static str,
    parcels: usize,
    on_time_share: f64,
    missed_cut_offs: usize,
    never_arrived: usize,
    mean_hours: f64,
    mean_cost: String,
    currency: String,
    replanned: usize,
}

/// Simulates and prints.
///
/// # Errors
/// [`ConfigError`] when the network, the place or the day cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let time = format!("{}T00:00", args.day);
    let mut network = open(&args.network, ("--day", &time), "")?;
    network.set_conditions(&[])?;
    let origin = place(&network, &args.from)?;
    let day = Day {
        origin,
        from: local_minute(&network, origin, &time, "--day")?,
        parcels: usize::try_from(args.parcels)?,
        disruptions: usize::try_from(args.disruptions)?,
        seed: args.seed,
    };
    let results = simulate(&mut network, &day)?;
    let rows: Vec<Wire> = results
        .iter()
        .map(|result| wire(&network, result))
        .collect();
    let short = network.window().to.since(day.from) < 15 * DAY_MIN;
    if short {
        super::print_error(
            "the network's horizon is shorter than 15 days: late parcels count as never\n",
        )?;
    }
    let held = held_out(args, &mut network, &day)?;
    if let Some(file) = &args.html {
        std::fs::write(file, page(args, &rows, &held))
            .map_err(|error| ConfigError::whole(file, format!("cannot be written: {error}")))?;
    }
    let mut text = String::new();
    if args.json {
        for row in &rows {
            text.push_str(&(serde_json::to_string(row)? + "\n"));
        }
        for weeks in &held {
            text.push_str(&(serde_json::to_string(weeks)? + "\n"));
        }
    } else {
        text = table(&rows)? + &weeks_table(&held)?;
    }
    super::print(&text)?;
    Ok(FINE.into())
}

/// Weeks whose runs are learnt from, and parcels of each week predicted.
const LEARNT: usize = 8;
const PARCELS: usize = 3_000;
/// They are promised so many hours after their earliest arrival by timetable.
const GRACE_H: u8 = 36;

fn held_out(args: &Args, network: &mut Network, day: &Day) -> anyhow::Result<Vec<HeldOut>> {
    if args.weeks == 0 {
        return Ok(Vec::new());
    }
    let of = |sky| Weeks {
        origin: day.origin,
        from: day.from,
        learnt: LEARNT,
        held_out: usize::from(args.weeks),
        parcels: PARCELS,
        grace_h: GRACE_H,
        sky,
        seed: args.seed,
    };
    let mut all = Vec::new();
    for sky in [Sky::Mild, Sky::Adversarial] {
        all.push(weeks::simulate(network, &of(sky))?);
    }
    Ok(all)
}

/// What was predicted and what happened, by weather.
fn predicted(held: &HeldOut) -> [(&'static str, f64, f64, &'static str); 4] {
    let sortline = &held.sortline;
    [
        (
            "on time",
            held.predicted_on_time * 100.0,
            sortline.on_time_share * 100.0,
            "%",
        ),
        (
            "hours to arrival",
            sortline.predicted_hours,
            sortline.mean_hours,
            "h",
        ),
        (
            "runs over an hour late",
            held.model.late_predicted * 100.0,
            held.model.late_observed * 100.0,
            "%",
        ),
        (
            "runs within their 90 % quantile",
            90.0,
            held.model.within_90 * 100.0,
            "%",
        ),
    ]
}

fn weeks_table(held: &[HeldOut]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for weeks in held {
        writeln!(
            text,
            "\n{} weather: {} parcels of {} weeks held out, delays learnt from {} runs",
            weeks.sky.name(),
            weeks.parcels,
            weeks.weeks,
            weeks.runs
        )?;
        writeln!(text, "  {:<34}{:>10}{:>10}", "", "predicted", "actual")?;
        for (what, before, after, unit) in predicted(weeks) {
            writeln!(text, "  {what:<34}{before:>10.2}{after:>10.2} {unit}")?;
        }
        writeln!(
            text,
            "  calibration error {:.4}, 90 % intervals hold {:.1} %, Brier {:.4} (share alone {:.4})",
            weeks.calibration_error,
            weeks.within_90 * 100.0,
            weeks.brier,
            weeks.brier_climatology
        )?;
        writeln!(
            text,
            "  late by the fastest route {:.2} %, by Sortline's {:.2} %: {:.0} % fewer, {:+.1} % cost",
            (1.0 - weeks.fastest.on_time_share) * 100.0,
            (1.0 - weeks.sortline.on_time_share) * 100.0,
            weeks.fewer_late * 100.0,
            weeks.dearer * 100.0
        )?;
        writeln!(
            text,
            "  delays: mean pinball loss {:.2} min learnt, {:.2} min by the settings; volumes off by {:.0} %",
            weeks.model.loss_min,
            weeks.settings.loss_min,
            weeks.volume_error * 100.0
        )?;
    }
    Ok(text)
}

fn wire(network: &Network, (way, fared): &(Way, Fared)) -> Wire {
    Wire {
        way: way.name(),
        parcels: fared.parcels,
        on_time_share: (fared.on_time_share() * 10_000.0).round() / 10_000.0,
        missed_cut_offs: fared.missed_cut_offs,
        never_arrived: fared.never,
        mean_hours: (fared.mean_hours() * 10.0).round() / 10.0,
        mean_cost: fared.mean_cost().to_string(),
        currency: network.base_currency().to_owned(),
        replanned: fared.replanned,
    }
}

fn table(rows: &[Wire]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "{:<22}{:>9}{:>12}{:>10}{:>10}{:>9}{:>11}  on time",
        "", "on time", "missed", "never", "hours", "cost", "replanned"
    )?;
    for row in rows {
        let bar: String = (0..20u8)
            .map(|tenth| {
                if row.on_time_share * 20.0 > f64::from(tenth) {
                    '#'
                } else {
                    '.'
                }
            })
            .collect();
        writeln!(
            text,
            "{:<22}{:>8.2}%{:>12}{:>10}{:>10.1}{:>9}{:>11}  {bar}",
            row.way,
            row.on_time_share * 100.0,
            row.missed_cut_offs,
            row.never_arrived,
            row.mean_hours,
            row.mean_cost,
            row.replanned,
        )?;
    }
    Ok(text)
}

/// A page that needs nothing else: a table of bars for each figure.
fn page(args: &Args, rows: &[Wire], held: &[HeldOut]) -> String {
    let chart = |title: &str, value: fn(&Wire) -> f64, unit: &str| {
        let most = rows.iter().map(value).fold(1e-9, f64::max);
        let bars = rows.iter().map(|row| {
            let value = value(row);
            format!(
                "<tr><td>{}</td><td><svg width=\"400\" height=\"18\" role=\"img\" \
                 aria-label=\"{value:.2} {unit}\"><rect width=\"{:.0}\" height=\"18\" \
                 fill=\"#2b6cb0\"/></svg></td><td>{value:.2} {unit}</td></tr>\n",
                row.way,
                value / most * 400.0,
            )
        });
        let bars = bars.collect::<Vec<String>>().concat();
        format!("<h2>{title}</h2>\n<table>\n{bars}</table>\n")
    };
    let currency = rows.first().map_or("", |row| row.currency.as_str());
    let charts = [
        chart("Kept their promise", |row| row.on_time_share * 100.0, "%"),
        chart("Missed cut-offs per 1,000 parcels", per_thousand, ""),
        chart("Mean time from ready to arrival", |row| row.mean_hours, "h"),
        chart(
            "Mean price",
            |row| row.mean_cost.parse().unwrap_or(0.0),
            currency,
        ),
    ];
    let weeks: String = held.iter().map(weeks_chart).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>A day of parcels</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}td{{padding:2px 8px}}</style>\n\
         <h1>{} parcels on {}, {} disruptions, seed {}</h1>\n{}{weeks}</html>\n",
        args.parcels,
        args.day,
        args.disruptions,
        args.seed,
        charts.concat(),
    )
}

/// Two bars for each figure: predicted and actual.
fn weeks_chart(held: &HeldOut) -> String {
    let bar = |value: f64, most: f64, color: &str, what: &str, unit: &str| {
        format!(
            "<tr><td>{what}</td><td><svg width=\"400\" height=\"14\" role=\"img\" aria-label=\"\
             {value:.2} {unit}\"><rect width=\"{:.0}\" height=\"14\" fill=\"{color}\"/></svg></td>\
             <td>{value:.2} {unit}</td></tr>\n",
            value / most.max(1e-9) * 400.0
        )
    };
    let bars = predicted(held).map(|(what, before, after, unit)| {
        let most = before.max(after);
        bar(before, most, "#a0aec0", &format!("{what}, predicted"), unit)
            + &bar(after, most, "#2b6cb0", "actual", unit)
    });
    let late = [
        (&held.fastest, "late by the fastest route"),
        (&held.sortline, "late by Sortline's"),
    ];
    let shares = late.map(|(way, what)| ((1.0 - way.on_time_share) * 100.0, what));
    let most = shares.iter().map(|(share, _)| *share).fold(0.0, f64::max);
    let late = shares.map(|(share, what)| bar(share, most, "#c05621", what, "%"));
    format!(
        "<h2>{} weeks held out, {} weather</h2>\n<table>\n{}{}</table>\n<p>Calibration error {:.4}; 90 % \
         intervals hold {:.1} % of arrivals; {:.0} % fewer late for {:+.1} % cost.</p>\n",
        held.weeks,
        held.sky.name(),
        bars.concat(),
        late.concat(),
        held.calibration_error,
        held.within_90 * 100.0,
        held.fewer_late * 100.0,
        held.dearer * 100.0,
    )
}

fn per_thousand(row: &Wire) -> f64 {
    let number = |value: usize| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    number(row.missed_cut_offs) / number(row.parcels.max(1)) * 1_000.0
}

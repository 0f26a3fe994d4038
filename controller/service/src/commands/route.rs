//! `sortline route`: transport routes from a place to a place or a postcode.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;
use sortline_route::{Level, Micros, Minute, Network, Node, Query, RouteOption};

use crate::cli::{FAILED, FINE};
use crate::config::ConfigError;
use crate::network::{self, Source};

/// Arguments of `sortline route`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: sortline route --network config/demo/network --from DE-FRA --to \
                  'US 90012' --ready 2026-11-23T18:00+01:00\n\nThe first option is the one to take: \
                  the least cost with lateness reckoned in, a late parcel at twice the cheapest route, \
                  or an earlier one within 0.5 %; for express the earliest that keeps the promise \
                  with at least 90 %. Exit code 1: no route within \
                  the horizon."
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    search: Option<Search>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// A day in simulation beside simpler ways, and weeks predicted against how they turn out.
    Report(super::route_report::Args),
    /// Learn delays from runs that arrived, and say whether that predicts better.
    Learn(super::route_learn::Args),
}

/// Arguments of a search.
#[derive(Debug, clap::Args)]
struct Search {
    /// Folder with places.csv, services.csv, customs.csv, zones.csv and network.toml, or the site
    /// directory around it.
    #[arg(long, value_name = "DIR")]
    network: PathBuf,
    /// Id of the place where the parcel is.
    #[arg(long, value_name = "ID")]
    from: String,
    /// Id of a place or zone, or a country and postcode such as `DE-10115` or `GB EC1A 1BB`.
    #[arg(long, value_name = "DEST")]
    to: String,
    /// When the parcel is ready to leave: RFC 3339, or local time of `--from` without an offset.
    #[arg(long, value_name = "TIME")]
    ready: String,
    /// Most alternatives shown.
    #[arg(long, value_name = "K", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=20))]
    options: u8,
    /// Service level: express, standard or economy.
    #[arg(long, value_name = "LEVEL", default_value = "standard")]
    #[arg(value_parser = ["express", "standard", "economy"])]
    service: String,
    /// Weight of the parcel in grams.
    #[arg(long, value_name = "G", default_value_t = 500)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    weight_g: u32,
    /// HS code of the goods, or its first digits: customs may take longer for them.
    #[arg(
        long,
        value_name = "CODE",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(value_parser = hs_code)]
    hs_code: String,
    /// Promised arrival; without it the zone's delivery days for the service level, or to a place
    /// twelve hours after the earliest arrival.
    #[arg(long, value_name = "TIME")]
    promise: Option<String>,
    /// Print one JSON object a line for each option.
    #[arg(long)]
    json: bool,
}

fn hs_code(text: &str) -> Result<String, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (text.is_empty() || (2..=10).contains(&text.len())) {
        Ok(text.to_owned())
    } else {
        Err("allowed: 2 to 10 digits".to_owned())
    }
}

/// Finds routes and prints them.
///
/// # Errors
/// [`ConfigError`] when the network, a place or a time cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match (&args.command, &args.search) {
        (Some(Command::Report(report)), _) => super::route_report::run(report),
        (Some(Command::Learn(learn)), _) => super::route_learn::run(learn),
        (None, Some(search)) => find(search),
        (None, None) => Err(refuse("route", "nothing", "--network, --from, --to, --ready").into()),
    }
}

fn find(args: &Search) -> anyhow::Result<ExitCode> {
    let (network, query) = prepare(args)?;
    let options = network.options(&query);
    if options.is_empty() {
        let (from, to) = (network.id(query.from), network.id(query.to));
        let text = format!("no route from {from} to {to} within the network's horizon\n");
        super::print_error(&text)?;
        return Ok(FAILED.into());
    }
    let text = if args.json {
        let lines = options
            .iter()
            .map(|option| serde_json::to_string(&wire(&network, option)));
        let lines: Result<Vec<String>, serde_json::Error> = lines.collect();
        lines?.join("\n") + "\n"
    } else {
        options
            .iter()
            .map(|option| readable(&network, option))
            .collect::<Vec<_>>()
            .join("\n")
    };
    super::print(&text)?;
    Ok(FINE.into())
}

/// The network in a folder or in the site directory around it, for parcels that are ready about
/// `ready`.
pub(super) fn open(
    folder: &Path,
    (argument, ready): (&str, &str),
    hs_code: &str,
) -> Result<Network, ConfigError> {
    let files = super::directory(folder, "a folder with places.csv and services.csv")?;
    let inner = !files.has("places.csv") && files.has("network/places.csv");
    let source = Source {
        files: &files,
        folder: if inner { "network" } else { "" },
    };
    // A time without an offset is local time of a place that is not known before the network is
    // read; taken as UTC it is at most a day wrong, which the network's window allows for.
    let mut network = network::load_for(&source, read_time(ready, argument, as_utc)?, hs_code)?;
    let file = source.name("conditions.toml");
    let filed = network::load_conditions(&files, &file)?.counted();
    let refuse = |text: String| ConfigError::whole(&files.path(&file), text);
    let applied = network.set_conditions(&filed.map_err(refuse)?);
    applied.map_err(|bad| refuse(bad.to_string()))?;
    Ok(network)
}

fn prepare(args: &Search) -> Result<(Network, Query), ConfigError> {
    let network = open(&args.network, ("--ready", &args.ready), &args.hs_code)?;
    let from = place(&network, &args.from)?;
    let to = destination(&network, &args.to)?;
    let query = Query {
        from,
        to,
        ready: local_minute(&network, from, &args.ready, "--ready")?,
        weight_g: args.weight_g,
        level: Level::parse(&args.service).unwrap_or_default(),
        promise: match &args.promise {
            Some(promise) => Some(local_minute(&network, to, promise, "--promise")?),
            None => None,
        },
        options: usize::from(args.options),
    };
    Ok((network, query))
}

fn refuse(argument: &str, found: &str, allowed: &str) -> ConfigError {
    ConfigError::whole(
        Path::new(argument),
        format!("found `{found}`, allowed: {allowed}"),
    )
}

/// RFC 3339, or a date and time without an offset, which `local` makes a time of.
fn read_time(
    text: &str,
    argument: &str,
    local: impl Fn(DateTime) -> Option<Timestamp>,
) -> Result<Timestamp, ConfigError> {
    let read = text.parse::<Timestamp>().ok();
    read.or_else(|| local(text.parse::<DateTime>().ok()?))
        .ok_or_else(|| {
            refuse(
                argument,
                text,
                "a time such as 2026-11-23T18:00+01:00 or 2026-11-23T18:00",
            )
        })
}

fn as_utc(local: DateTime) -> Option<Timestamp> {
    jiff::tz::Offset::UTC.to_timestamp(local).ok()
}

/// A time; without an offset it is local time of `place`.
pub(super) fn local_minute(
    network: &Network,
    place: Node,
    text: &str,
    argument: &str,
) -> Result<Minute, ConfigError> {
    let time = read_time(text, argument, |local| {
        let shown = network::minute(as_utc(local)?)?;
        let minute = network.clock(place)?.utc(shown.0);
        network::timestamp(minute)
    })?;
    network::minute(time).ok_or_else(|| refuse(argument, text, "a time of the years 1970 to 5000"))
}

pub(super) fn place(network: &Network, id: &str) -> Result<Node, ConfigError> {
    let found = network
        .find(id)
        .or_else(|| network.find(&id.to_uppercase()));
    found.ok_or_else(|| {
        let near = network.near(id);
        let near = if near.is_empty() {
            String::new()
        } else {
            format!("; similar: {}", near.join(", "))
        };
        refuse("--from", id, &format!("an id of places.csv{near}"))
    })
}

/// A place or zone by id, else a country and postcode.
pub(crate) fn destination(network: &Network, text: &str) -> Result<Node, ConfigError> {
    let upper = text.trim().to_uppercase();
    if let Some(node) = network.find(&upper) {
        return Ok(node);
    }
    let country = upper.get(..2).unwrap_or_default();
    let postcode = upper.get(2..).unwrap_or_default();
    let separate = postcode.is_empty() || postcode.starts_with(['-', ' ']);
    // A text like a place's id is more likely one with a slip than a postcode without digits.
    let digits = postcode.bytes().any(|byte| byte.is_ascii_digit());
    if separate
        && (digits || postcode.is_empty())
        && let Some(zone) = network.zone(country, postcode)
    {
        return Ok(zone);
    }
    let near = network.near(text);
    let near = if near.is_empty() {
        String::new()
    } else {
        format!("; similar: {}", near.join(", "))
    };
    let allowed = format!(
        "an id of places.csv or zones.csv, or a country and postcode that a zone serves, such \
         as DE-10115{near}"
    );
    Err(refuse("--to", text, &allowed))
}

/// A route as one JSON object.
#[derive(Debug, Serialize)]
pub(crate) struct Wire {
    rank: usize,
    legs: Vec<WireLeg>,
    depart_by: Option<String>,
    arrive: Option<String>,
    arrive_p50: Option<String>,
    arrive_p90: Option<String>,
    promise: Option<String>,
    on_time_probability: f64,
    cost: Cost,
    co2_kg: serde_json::Number,
    customs: Vec<WireCustoms>,
    why: Vec<String>,
}

#[derive(Debug, Serialize)]
struct WireLeg {
    mode: &'static str,
    from: String,
    to: String,
    depart: Option<String>,
    arrive: Option<String>,
    carrier: String,
    service: String,
    cut_off: Option<String>,
}

#[derive(Debug, Serialize)]
struct WireCustoms {
    from: String,
    to: String,
    place: String,
    p50_min: i32,
    p90_min: i32,
}

#[derive(Debug, Serialize)]
struct Cost {
    amount: serde_json::Number,
    currency: String,
}

pub(crate) fn wire(network: &Network, option: &RouteOption) -> Wire {
    let end = option.legs.last().map(|leg| leg.to);
    let start = option.legs.first().map(|leg| leg.from);
    let at = |place: Option<Node>, at: Option<Minute>| network::rfc3339(network, place?, at?);
    Wire {
        rank: option.rank,
        legs: option
            .legs
            .iter()
            .map(|leg| wire_leg(network, leg))
            .collect(),
        depart_by: at(start, option.board_by()),
        arrive: at(end, Some(option.arrive)),
        arrive_p50: at(end, option.arrive_p50),
        arrive_p90: at(end, option.arrive_p90),
        promise: at(end, Some(option.promise)),
        on_time_probability: (option.on_time_probability * 10_000.0).round() / 10_000.0,
        cost: Cost {
            amount: number(&option.cost.to_string()),
            currency: network.base_currency().to_owned(),
        },
        co2_kg: number(&kilograms(option.co2_g)),
        customs: option
            .customs
            .iter()
            .map(|step| WireCustoms {
                from: step.from.clone(),
                to: step.to.clone(),
                place: network.id(step.place).to_owned(),
                p50_min: step.p50_min,
                p90_min: step.p90_min,
            })
            .collect(),
        why: option.why.clone(),
    }
}

fn wire_leg(network: &Network, leg: &sortline_route::Hop) -> WireLeg {
    WireLeg {
        mode: leg.mode.name(),
        from: network.id(leg.from).to_owned(),
        to: network.id(leg.to).to_owned(),
        depart: network::rfc3339(network, leg.from, leg.depart),
        arrive: network::rfc3339(network, leg.to, leg.arrive),
        carrier: leg.carrier.clone(),
        service: leg.service.clone(),
        cut_off: network::rfc3339(network, leg.from, leg.board_by),
    }
}

/// A decimal as a JSON number.
fn number(decimal: &str) -> serde_json::Number {
    decimal.parse().unwrap_or_else(|_| 0.into())
}

/// Grams as kilograms with three decimals.
fn kilograms(grams: Micros) -> String {
    let milli = (grams.0 + 500_000) / 1_000_000;
    format!("{}.{:03}", milli / 1_000, milli % 1_000)
}

fn readable(network: &Network, option: &RouteOption) -> String {
    let end = option.legs.last().map(|leg| leg.to);
    let clock = |place: Option<Node>, at: Option<Minute>| {
        at.and_then(|at| short(network, place?, at))
            .unwrap_or_else(|| "never".to_owned())
    };
    let mut text = format!(
        "{}. arrives {} (half by {}, nine of ten by {}), on time {:.0} %, {} {}, {} kg CO2\n",
        option.rank,
        clock(end, Some(option.arrive)),
        clock(end, option.arrive_p50),
        clock(end, option.arrive_p90),
        option.on_time_probability * 100.0,
        option.cost,
        network.base_currency(),
        kilograms(option.co2_g),
    );
    for leg in &option.legs {
        let line = format!(
            "     {:<5} {:<10} {:<12} {}  ->  {:<12} {}  {}",
            leg.mode.name(),
            leg.service,
            network.id(leg.from),
            clock(Some(leg.from), Some(leg.depart)),
            network.id(leg.to),
            clock(Some(leg.to), Some(leg.arrive)),
            leg.carrier,
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for reason in &option.why {
        text.extend(["     - ", reason, "\n"]);
    }
    text
}

/// `2026-11-24 06:30`, local time of the place.
fn short(network: &Network, place: Node, at: Minute) -> Option<String> {
    let text = network::rfc3339(network, place, at)?;
    Some(text.get(..16)?.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const SITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo");

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn search(more: &[&str]) -> Search {
        let mut words = vec!["route", "--network", SITE, "--from", "DE-FRA"];
        words.extend(more);
        Cli::try_parse_from(words).unwrap().args.search.unwrap()
    }

    fn routes(more: &[&str]) -> Vec<serde_json::Value> {
        let (network, query) = prepare(&search(more)).unwrap_or_else(|e| panic!("{e}"));
        let options = network.options(&query);
        options
            .iter()
            .map(|option| serde_json::to_value(wire(&network, option)).unwrap())
            .collect()
    }

    #[test]
    fn a_domestic_parcel_leaves_by_the_evening_truck() {
        let all = routes(&["--to", "DE-10115", "--ready", "2026-11-23T18:00+01:00"]);
        let first = &all[0];
        assert_eq!(first["rank"], 1);
        assert_eq!(first["legs"][0]["from"], "DE-FRA");
        let last = first["legs"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["mode"], &last["to"]),
            (&"van".into(), &"DE-1".into())
        );
        assert!(first["on_time_probability"].as_f64().unwrap() > 0.9);
        assert_eq!(first["cost"]["currency"], "EUR");
        assert!(first["arrive"].as_str().unwrap().ends_with("+01:00"));
    }

    #[test]
    fn options_are_ranked_and_no_two_are_alike() {
        let all = routes(&[
            "--to",
            "US 90012",
            "--ready",
            "2026-11-23T18:00",
            "--options",
            "5",
        ]);
        assert!(all.len() >= 3, "{}", all.len());
        for (index, option) in all.iter().enumerate() {
            assert_eq!(option["rank"], index + 1);
            assert!(!option["why"].as_array().unwrap().is_empty());
            assert_eq!(option["customs"][0]["to"], "US");
            for other in &all[..index] {
                assert_ne!(other["legs"], option["legs"]);
            }
        }
    }

    #[test]
    fn express_is_never_later_and_economy_never_dearer() {
        let to = |level| {
            routes(&[
                "--to",
                "ES-28013",
                "--ready",
                "2026-11-23T18:00",
                "--service",
                level,
                "--options",
                "1",
            ])[0]
                .clone()
        };
        let (express, standard, economy) = (to("express"), to("standard"), to("economy"));
        let amount = |option: &serde_json::Value| option["cost"]["amount"].as_f64().unwrap();
        let arrive = |option: &serde_json::Value| -> Timestamp {
            option["arrive"].as_str().unwrap().parse().unwrap()
        };
        assert!(arrive(&express) <= arrive(&standard));
        assert!(amount(&economy) <= amount(&standard));
    }

    #[test]
    fn local_and_absolute_times_mean_the_same() {
        let local = routes(&["--to", "DE-BER", "--ready", "2026-11-23T18:00"]);
        let absolute = routes(&["--to", "DE-BER", "--ready", "2026-11-23T17:00Z"]);
        assert_eq!(local, absolute);
    }

    #[test]
    fn wrong_places_and_times_are_explained() {
        let ready = ["--ready", "2026-11-23T18:00"];
        for (more, expected) in [
            (
                ["--to", "DE-BRE"],
                "--to: found `DE-BRE`, allowed: an id of places.csv or zones.csv, or a country and postcode that a zone serves, such as DE-10115; similar: DE-BER",
            ),
            (["--to", "XX-1234"], "--to: found `XX-1234`"),
            (["--to", ""], "--to: found ``"),
        ] {
            let error = prepare(&search(&[&more[..], &ready[..]].concat()))
                .map(|_| ())
                .unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        let error = prepare(&search(&["--to", "DE-BER", "--ready", "tonight"]))
            .map(|_| ())
            .unwrap_err();
        assert!(
            error.to_string().starts_with("--ready: found `tonight`"),
            "{error}"
        );
    }

    #[test]
    fn kilograms_have_three_decimals() {
        assert_eq!(kilograms(Micros(1_234_567_000)), "1.235");
        assert_eq!(kilograms(Micros(0)), "0.000");
    }
}

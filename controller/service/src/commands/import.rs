//! `sortline import`: public and company data as tables of a transport network, or as a manifest.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;
use sortline_core::SortPlan;
use sortline_route::{Network, TableName};

use crate::cli::{FAILED, FINE};
use crate::clock;
use crate::config::{self, ConfigError, Files, Manifest};
use crate::import::{Brought, Mapping, company, gtfs, openflights, rules_of};
use crate::network::{self, Source};

/// Arguments of `sortline import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline import openflights shared/openflights --out network\n\
                  Example: sortline import gtfs feed.zip --country DE --out network\n\
                  Example: sortline import csv lines.csv --table services --map map.toml --out network\n\n\
                  Rows are added to the tables in the folder of --out; a record whose id is there \
                  already is refused, and then nothing is changed. The network is checked \
                  afterwards. Exit code 1: it is written, but not sound yet; what is wrong is told \
                  with file and line."
)]
pub struct Args {
    /// What the source is.
    #[arg(value_name = "FORMAT")]
    format: Format,
    /// A folder, a file or a ZIP archive, by format.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Folder of the network, made when it is not there; for a manifest the site directory.
    #[arg(long, value_name = "DIR", default_value = "network")]
    out: PathBuf,
    /// For gtfs: country of the stops, ISO 3166-1 alpha-2.
    #[arg(long, value_name = "CC", value_parser = country, required_if_eq("format", "gtfs"))]
    country: Option<String>,
    /// For csv: which table it is.
    #[arg(long, value_name = "TABLE", required_if_eq("format", "csv"))]
    table: Option<Table>,
    /// For csv: TOML that says which of its columns is which of ours, and what its words mean.
    #[arg(long, value_name = "TOML")]
    map: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// GTFS Schedule feed: folder or ZIP archive.
    Gtfs,
    /// Airports and routes of OpenFlights: folder with airports.dat, routes.dat, airlines.dat.
    Openflights,
    /// A company's table.
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Table {
    /// Hubs, airports, ports, terminals, depots: locations.
    Places,
    /// Timetable.
    Services,
    /// Customs times.
    Customs,
    /// Last-mile zones.
    Zones,
    /// Holidays.
    Calendars,
    /// Parcels announced.
    Manifest,
    /// Rules of a sort plan: name, hop, country, `postcode_prefix`, chutes, spread.
    Plan,
}

/// A country as an argument.
fn country(text: &str) -> Result<String, String> {
    let found = sortline_read::Country::from_alpha2(text);
    let found = found.map(|country| country.alpha2().to_owned());
    found.ok_or_else(|| "allowed: two capital letters of ISO 3166-1, such as DE".to_owned())
}

/// Brings the data in and checks the network.
///
/// # Errors
/// [`ConfigError`] when the source or a table that is there cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mapping = match &args.map {
        Some(map) => Mapping::read(map)?,
        None => Mapping::default(),
    };
    let brought = match (args.format, args.table) {
        (Format::Gtfs, _) => gtfs(&args.path, args.country.as_deref().unwrap_or_default())?,
        (Format::Openflights, _) => openflights(&args.path)?,
        (Format::Csv, Some(Table::Manifest)) => return manifest(args, &mapping),
        (Format::Csv, Some(Table::Plan)) => return plan(args, &mapping),
        (Format::Csv, table) => company(&args.path, name(table), &mapping)?,
    };
    let written = brought.write(&args.out)?;
    let checked = check(&args.out, clock::wall());
    let text = if args.json {
        as_json(&brought, &written, &checked)
    } else {
        in_words(&brought, &written, &checked)
    };
    super::print(&text)?;
    Ok(match checked {
        Ok(_) => FINE.into(),
        Err(problems) => {
            let lines = problems
                .problems
                .iter()
                .map(|problem| format!("{problem}\n"));
            super::print_error(&lines.collect::<String>())?;
            FAILED.into()
        }
    })
}

fn name(table: Option<Table>) -> TableName {
    match table {
        Some(Table::Services) => TableName::Services,
        Some(Table::Customs) => TableName::Customs,
        Some(Table::Zones) => TableName::Zones,
        Some(Table::Calendars) => TableName::Calendars,
        Some(Table::Places | Table::Manifest | Table::Plan) | None => TableName::Places,
    }
}

fn check(folder: &Path, now: Timestamp) -> Result<Network, ConfigError> {
    let files = Files::Directory(folder.to_owned());
    let source = Source {
        files: &files,
        folder: "",
    };
    network::load(&source, now)
}

/// A manifest in our columns beside the site's other files.
fn manifest(args: &Args, columns: &Mapping) -> anyhow::Result<ExitCode> {
    let path = fresh(args, "manifest.csv")?;
    let text = columns.rewritten(&args.path)?;
    let parcels =
        Manifest::parse(&args.path, &text).map_err(|problems| ConfigError { problems })?;
    std::fs::create_dir_all(&args.out)?;
    std::fs::write(&path, text)?;
    let parcels = parcels.len();
    super::print(&if args.json {
        json!({ "written": [path], "parcels": parcels }).to_string() + "\n"
    } else {
        format!("{}: {parcels} parcels\n", path.display())
    })?;
    Ok(FINE.into())
}

/// A sort plan beside the site's other files, checked against its line where there is one.
fn plan(args: &Args, columns: &Mapping) -> anyhow::Result<ExitCode> {
    let path = fresh(args, "plan.toml")?;
    let refuse = |text: String| ConfigError::whole(&args.path, text);
    let rules = rules_of(&columns.rewritten(&args.path)?).map_err(refuse)?;
    let version = args.path.file_stem().unwrap_or_default();
    let plan = SortPlan {
        version: version.to_string_lossy().into_owned(),
        rules,
        ..SortPlan::default()
    };
    let site = Files::Directory(args.out.clone());
    if site.has("line.toml") {
        let line = config::load_line(&site).map_err(|problems| ConfigError { problems })?;
        plan.verify(&line).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            refuse(lines.join("; "))
        })?;
    }
    std::fs::create_dir_all(&args.out)?;
    std::fs::write(&path, toml::to_string(&plan)?)?;
    let rules = plan.rules.len();
    super::print(&if args.json {
        json!({ "written": [path], "rules": rules }).to_string() + "\n"
    } else {
        format!("{}: {rules} rules\n", path.display())
    })?;
    Ok(FINE.into())
}

/// The path of a file of the site that is not there yet.
fn fresh(args: &Args, name: &str) -> Result<PathBuf, ConfigError> {
    let path = args.out.join(name);
    if path.exists() {
        let text = "is there already; allowed: a site directory without one";
        return Err(ConfigError::whole(&path, text));
    }
    Ok(path)
}

fn as_json(
    brought: &Brought,
    written: &[PathBuf],
    checked: &Result<Network, ConfigError>,
) -> String {
    let problems = checked.as_ref().err().map(|error| {
        let all = error.problems.iter();
        all.map(ToString::to_string).collect::<Vec<String>>()
    });
    let counts = json!({
        "places": brought.places.len(),
        "services": brought.services.len(),
        "customs": brought.customs.len(),
        "zones": brought.zones.len(),
        "calendars": brought.calendars.len(),
    });
    let all = json!({
        "added": counts,
        "left_out": brought.left_out,
        "assumed": brought.assumed,
        "written": written,
        "problems": problems.unwrap_or_default(),
    });
    all.to_string() + "\n"
}

fn in_words(
    brought: &Brought,
    written: &[PathBuf],
    checked: &Result<Network, ConfigError>,
) -> String {
    let mut lines = vec![format!(
        "added: {} places, {} services, {} customs rows, {} zones, {} rows of calendars\n",
        brought.places.len(),
        brought.services.len(),
        brought.customs.len(),
        brought.zones.len(),
        brought.calendars.len(),
    )];
    let left_out = brought.left_out.iter();
    lines.extend(left_out.map(|(why, number)| format!("left out: {number} times {why}\n")));
    let assumed = brought.assumed.iter();
    lines.extend(assumed.map(|assumed| format!("assumed: {assumed}\n")));
    let paths = written.iter();
    lines.extend(paths.map(|path| format!("written: {}\n", path.display())));
    lines.push(match checked {
        Ok(network) => {
            let size = network.size();
            format!(
                "the network is sound: {} places, {} zones, {} services, {} legs, {} departures\n",
                size.places, size.zones, size.services, size.legs, size.departures
            )
        }
        Err(error) => format!("not sound yet: {} problems\n", error.problems.len()),
    });
    lines.concat()
}

//! A site directory: `site.toml`, `line.toml`, `plan.toml`, `manifest.csv`, `devices.toml`,
//! `network/`.
//!
//! Files are read as written (raw) and checked in one step; nothing half checked leaves this
//! module. [`load`] reports every problem of every file at once.

mod bags;
mod devices;
mod files;
mod manifest;
mod mqtt;
mod problem;
mod scanner;
mod site;

pub use bags::BagsConfig;
pub use files::Files;
pub use manifest::{Manifest, ManifestEntry};
pub use mqtt::{Broker, BrokerTlsConfig, MqttConfig, access};
pub use problem::{ConfigError, Document, Problem};
pub use scanner::{ScannerConfig, ScannerKind, ScannerPlace};
pub use site::{
    CameraConfig, HttpConfig, JournalConfig, Login, NeighborConfig, NodeConfig, PeopleConfig, Site,
    SiteConfig, TlsConfig, VisionConfig, exposed,
};

use std::collections::BTreeSet;
use std::path::Path;

use crate::clock;
use crate::network;
use crate::routing::Routes;
use sortline_core::topology::{LineConfig, Topology, TopologyError};
use sortline_core::{CameraId, PlanError, SortPlan};
use sortline_fieldbus::{CAMERAS_MAX, DIVERTERS_MAX, EYES_MAX};
use sortline_route::compliance::Rules;
use sortline_softnode::Wiring;

/// A site as configured, checked as a whole.
#[derive(Debug)]
pub struct Configuration {
    /// Where it came from.
    pub files: Files,
    /// `site.toml`.
    pub site: Site,
    /// `line.toml`.
    pub topology: Topology,
    /// `plan.toml`.
    pub plan: SortPlan,
    /// `manifest.csv`.
    pub manifest: Manifest,
    /// `compliance.toml`, where the site has one.
    pub rules: Option<Rules>,
    /// `network/`, where the site has one, and the routes of parcels read now.
    pub routes: Option<Routes>,
    /// `devices.toml`, where the field node is made of devices.
    pub wiring: Option<Wiring>,
}

/// Loads and checks a site.
///
/// # Errors
/// Every problem found in all files.
pub fn load(files: Files) -> Result<Configuration, ConfigError> {
    let mut problems = Vec::new();
    let site = keep(load_site(&files), &mut problems);
    let topology = keep(load_line(&files), &mut problems);
    let plan = keep(load_plan(&files, topology.as_ref()), &mut problems);
    let manifest = keep(Manifest::load(&files), &mut problems);
    if let (Some(site), Some(topology)) = (&site, &topology) {
        problems.extend(check_cameras(&files, site, topology));
    }
    if let Some(topology) = &topology {
        problems.extend(check_points(&files, topology));
    }
    let wiring = topology.as_ref().zip(site.as_ref());
    let wiring = wiring.map(|(topology, site)| devices::load(&files, topology.config(), site));
    let wiring = wiring
        .and_then(|wiring| keep(wiring, &mut problems))
        .flatten();
    let listed = |error: ConfigError| error.problems;
    let rules = keep(network::load_rules(&files).map_err(listed), &mut problems);
    let origin = site.as_ref().map(|site| site.config.origin.as_str());
    let routes = origin.map(|origin| Routes::load(&files, origin, clock::wall()).map_err(listed));
    let routes = routes.and_then(|routes| keep(routes, &mut problems));
    let (rules, routes) = (rules.flatten(), routes.flatten());
    match (site, topology, plan, manifest) {
        (Some(site), Some(topology), Some(plan), Some(manifest)) if problems.is_empty() => {
            Ok(Configuration {
                files,
                site,
                topology,
                plan,
                manifest,
                rules,
                routes,
                wiring,
            })
        }
        _ => Err(ConfigError { problems }),
    }
}

fn keep<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

/// Loads and checks `site.toml` alone.
///
/// # Errors
/// Every problem found in it.
pub fn load_site(files: &Files) -> Result<Site, Vec<Problem>> {
    let text = files.text("site.toml").map_err(one)?;
    let path = files.path("site.toml");
    let document = Document::new(&path, &text);
    let config: SiteConfig = document.read().map_err(one)?;
    Site::new(config, &document)
}

/// Loads and checks `line.toml` alone.
///
/// # Errors
/// Every problem found in it.
pub fn load_line(files: &Files) -> Result<Topology, Vec<Problem>> {
    let text = files.text("line.toml").map_err(one)?;
    let path = files.path("line.toml");
    let document = Document::new(&path, &text);
    let config: LineConfig = document.read().map_err(one)?;
    let refused = |errors: Vec<TopologyError>| {
        errors
            .into_iter()
            .map(|error| document.problem(&error.key, error.problem))
            .collect()
    };
    Topology::new(config).map_err(refused)
}

/// Loads and checks `line.toml` and `plan.toml`.
///
/// # Errors
/// Every problem found in both.
pub fn load_plan_and_line(files: &Files) -> Result<(SortPlan, Topology), ConfigError> {
    let mut problems = Vec::new();
    let topology = keep(load_line(files), &mut problems);
    let plan = keep(load_plan(files, topology.as_ref()), &mut problems);
    match (plan, topology) {
        (Some(plan), Some(topology)) if problems.is_empty() => Ok((plan, topology)),
        _ => Err(ConfigError { problems }),
    }
}

/// A sort plan from a file of its own, checked against a line.
///
/// # Errors
/// The file cannot be read, or every problem found in it.
pub fn load_plan_file(path: &Path, topology: &Topology) -> Result<SortPlan, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::whole(path, format!("cannot be read: {error}")))?;
    parse_plan(path, &text, Some(topology)).map_err(|problems| ConfigError { problems })
}

fn load_plan(files: &Files, topology: Option<&Topology>) -> Result<SortPlan, Vec<Problem>> {
    let text = files.text("plan.toml").map_err(one)?;
    parse_plan(&files.path("plan.toml"), &text, topology)
}

fn parse_plan(
    path: &Path,
    text: &str,
    topology: Option<&Topology>,
) -> Result<SortPlan, Vec<Problem>> {
    let document = Document::new(path, text);
    let plan: SortPlan = document.read().map_err(one)?;
    let problems = topology.map(|topology| check_plan(&plan, topology, &document));
    match problems {
        Some(problems) if !problems.is_empty() => Err(problems),
        _ => Ok(plan),
    }
}

fn check_plan(plan: &SortPlan, topology: &Topology, document: &Document<'_>) -> Vec<Problem> {
    let key = |error: &PlanError| match error {
        PlanError::UnknownChute { place, .. } if place == "overflow" || place == "hold" => {
            place.clone()
        }
        PlanError::UnknownChute { place: rule, .. }
        | PlanError::NoChute { rule }
        | PlanError::DuplicateRule { rule }
        | PlanError::Unreachable { rule, .. } => {
            let index = plan.rules.iter().rposition(|known| known.name == *rule);
            format!("rule[{}]", index.unwrap_or_default())
        }
    };
    let errors = plan.verify(topology).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| document.problem(&key(error), error.to_string()))
        .collect()
}

fn check_cameras(files: &Files, site: &Site, topology: &Topology) -> Vec<Problem> {
    let known = &topology.config().cameras;
    let Ok(text) = files.text("site.toml") else {
        return Vec::new();
    };
    let path = files.path("site.toml");
    let document = Document::new(&path, &text);
    let cameras = site.config.cameras.iter().map(|camera| camera.id);
    let cameras = cameras
        .enumerate()
        .map(|(n, id)| (format!("camera[{n}].id"), id));
    let scanners = site.config.scanners.iter().map(|scanner| scanner.camera);
    let scanners = scanners
        .enumerate()
        .map(|(n, id)| (format!("scanner[{n}].camera"), id));
    let named = cameras.chain(scanners);
    let mut seen = BTreeSet::new();
    let problem = |(key, id): (String, CameraId)| {
        let text = if !known.iter().any(|other| other.id == id) {
            format!("found {id}, allowed are the cameras of line.toml")
        } else if !seen.insert(id) {
            format!("camera {id} is there twice")
        } else {
            return None;
        };
        Some(document.problem(&key, text))
    };
    named.filter_map(problem).collect()
}

/// One field node serves the line: what has a greater id than it has points is never heard of.
fn check_points(files: &Files, topology: &Topology) -> Vec<Problem> {
    let line = topology.config();
    let eyes = line.eyes.iter().map(|eye| usize::from(eye.id.0));
    let diverters = line.diverters.iter();
    let diverters = diverters.map(|diverter| usize::from(diverter.id.0));
    let cameras = line.cameras.iter().map(|camera| usize::from(camera.id.0));
    let points = [
        ("eye", eyes.collect::<Vec<usize>>(), EYES_MAX),
        ("diverter", diverters.collect(), DIVERTERS_MAX),
        ("camera", cameras.collect(), CAMERAS_MAX),
    ];
    let text = files.text("line.toml").unwrap_or_default();
    let path = files.path("line.toml");
    let document = Document::new(&path, &text);
    let all = points.iter().flat_map(|(name, ids, points)| {
        let places = ids.iter().enumerate();
        let beyond = places.filter(|(_, id)| **id >= *points);
        let most = points.saturating_sub(1);
        let text =
            move |id| format!("found {id}, allowed is 0 to {most}: a field node has no more");
        beyond.map(move |(at, id)| (format!("{name}[{at}].id"), text(*id)))
    });
    all.map(|(key, text)| document.problem(&key, text))
        .collect()
}

fn one(problem: Problem) -> Vec<Problem> {
    vec![problem]
}

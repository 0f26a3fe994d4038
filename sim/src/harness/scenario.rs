//! Scenarios: which line, which parcels, what goes wrong.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sortline_core::topology::{LineConfig, Topology, TopologyError, TrackerRule};
use sortline_core::{PlanError, SortPlan};

use crate::plant::config::{parse, range_error};
use crate::plant::{ConfigError, Fault, FaultRates, PlantConfig, Rng};

/// A scenario file as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScenarioConfig {
    /// Name in reports.
    pub name: String,
    /// Directory of the site whose `line.toml`, `plan.toml` and `plant.toml` are used, relative
    /// to the scenario file.
    pub site: PathBuf,
    /// New parcels the feeder brings, 1 to 100,000,000, unless the command line says otherwise;
    /// default 2,000.
    #[serde(default = "two_thousand")]
    pub parcels: u64,
    /// Lines of this kind beside each other in one service, 1 to 64; default 1. Parcels are spread
    /// over them.
    #[serde(default = "one")]
    pub lines: u32,
    /// The plant, instead of the site's `plant.toml`.
    #[serde(default)]
    pub plant: Option<PlantConfig>,
    /// The controller's surroundings.
    #[serde(default)]
    pub shell: ShellConfig,
    /// Every seed draws which faults are on, and how often they come. Absent: all as given.
    #[serde(default)]
    pub swarm: Option<SwarmConfig>,
    /// Parcels after which nothing goes wrong any more; from a minute later at least 99 % of the
    /// parcels must be sorted. Absent: faults stay.
    #[serde(default)]
    pub heal_after: Option<u64>,
    /// Where parcels go, with shares. At least one.
    #[serde(rename = "destination")]
    pub destinations: Vec<Share>,
}

/// What a seed draws.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SwarmConfig {
    /// Share of the faults that are on in one run, 0 to 1,000 permille; default 250. A fault that
    /// is on comes at its rate in `faults_ppm`, or up to thirty times less often.
    pub on_permille: u32,
    /// Largest standard deviation of the slip, 0 to 500 mm; default 20. Each run draws one between
    /// 0 and this.
    pub slip_mm_sigma_max: u32,
    /// Least and largest rate of the feeder, 1 to 60,000 parcels an hour.
    pub parcels_per_hour: [u32; 2],
    /// Shortest and longest time between two polls, 1 to 50 ms.
    pub poll_ms: [u32; 2],
    /// Faults were given by name: they are taken as they are.
    #[serde(skip)]
    keeps_faults: bool,
}

impl Default for SwarmConfig {
    fn default() -> Self {
        Self {
            on_permille: 250,
            slip_mm_sigma_max: 20,
            parcels_per_hour: [3_000, 5_500],
            poll_ms: [5, 20],
            keeps_faults: false,
        }
    }
}

const fn two_thousand() -> u64 {
    2_000
}

/// Times of fieldbus, cameras and look-ups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ShellConfig {
    /// Time between two polls of the field node, 1 to 50 ms; default 10.
    pub poll_ms: u32,
    /// Longest time until a command is written, 0 to 100 ms; default 8. Each takes a time between
    /// 0 and this.
    pub write_ms_max: u32,
    /// Mean time from a camera's trigger to its reading, 0 to 5,000 ms; default 60.
    pub read_ms_mean: u32,
    /// Its standard deviation, 0 to 1,000 ms; default 15.
    pub read_ms_sigma: u32,
    /// Longest look-up of a parcel, 0 to 5,000 ms; default 10.
    pub resolve_ms_max: u32,
    /// Belt that a camera sees, 50 to 5,000 mm; default 700.
    pub view_mm: u32,
}

impl Default for ShellConfig {
    fn default() -> Self {
        Self {
            poll_ms: 10,
            write_ms_max: 8,
            read_ms_mean: 60,
            read_ms_sigma: 15,
            resolve_ms_max: 10,
            view_mm: 700,
        }
    }
}

/// A destination and its share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// ISO 3166-1 alpha-2 country.
    pub country: String,
    /// Postcode; absent: none is known.
    #[serde(default)]
    pub postcode: Option<String>,
    /// First hop of its route; absent: the sort plan's rules for countries decide.
    #[serde(default)]
    pub hop: Option<String>,
    /// Its share, relative to the others, 1 to 1,000,000; default 1.
    #[serde(default = "one")]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A file cannot be read.
    #[error("{file} cannot be read")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it must be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The line has problems.
    #[error("{file}: {first}{more}", more = more(*.count))]
    Line {
        /// Its file.
        file: PathBuf,
        /// The first problem.
        first: TopologyError,
        /// How many there are.
        count: usize,
    },
    /// The sort plan does not fit the line.
    #[error("{file}: {first}{more}", more = more(*.count))]
    Plan {
        /// Its file.
        file: PathBuf,
        /// The first problem.
        first: PlanError,
        /// How many there are.
        count: usize,
    },
}

fn more(count: usize) -> String {
    if count > 1 {
        format!(" (and {} more)", count - 1)
    } else {
        String::new()
    }
}

/// A scenario, ready to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file as written.
    pub config: ScenarioConfig,
    /// The line.
    pub topology: Topology,
    /// The sort plan.
    pub plan: SortPlan,
    /// The plant.
    pub plant: PlantConfig,
}

impl ScenarioConfig {
    /// Reads and checks the text of a scenario file; `name` is what errors call it.
    ///
    /// # Errors
    /// [`ScenarioError`], naming the key and what is allowed.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let config: Self = parse(name, text)?;
        check(&config, name, text)?;
        if let Some(plant) = &config.plant {
            plant.check(name, text, "plant.")?;
        }
        Ok(config)
    }
}

impl Scenario {
    /// Loads a scenario file and the site it names.
    ///
    /// # Errors
    /// [`ScenarioError`], naming the file, the key and what is allowed.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = read(path)?;
        let name = path.display().to_string();
        let config = ScenarioConfig::from_toml(&name, &text)?;
        let site = path.parent().unwrap_or(Path::new("")).join(&config.site);
        let line_file = site.join("line.toml");
        let line: LineConfig = parse(&line_file.display().to_string(), &read(&line_file)?)?;
        let topology = Topology::new(line).map_err(|problems| {
            let count = problems.len();
            let none = TopologyError {
                key: "line".to_owned(),
                problem: "refused".to_owned(),
            };
            let first = problems.into_iter().next().unwrap_or(none);
            ScenarioError::Line {
                file: line_file,
                first,
                count,
            }
        })?;
        let plan_file = site.join("plan.toml");
        let plan: SortPlan = parse(&plan_file.display().to_string(), &read(&plan_file)?)?;
        let plant = if let Some(plant) = &config.plant {
            plant.clone()
        } else {
            let file = site.join("plant.toml");
            PlantConfig::from_toml(&file.display().to_string(), &read(&file)?)?
        };
        Ok(Self {
            config,
            topology,
            plan,
            plant,
        })
    }
}

/// Stream of random numbers for what a swarm draws.
const SWARM: u64 = 110;
/// A fault that is on comes up to this many times less often than it may.
const RATE_STEPS: u64 = 5;

impl Scenario {
    /// The same scenario with parcels tracked by another rule.
    #[must_use]
    pub fn with_tracker(mut self, rule: TrackerRule) -> Self {
        self.topology = self.topology.with_rule(rule);
        self
    }

    /// The same scenario with these faults only, as `name=rate,name=rate` in events per million
    /// chances, or `none`.
    ///
    /// # Errors
    /// What is no name of a fault, or no rate.
    pub fn with_faults(mut self, text: &str) -> Result<Self, String> {
        let mut rates = FaultRates::default();
        for part in text.split(',').filter(|_| text != "none") {
            let (name, rate) = part.split_once('=').unwrap_or((part, ""));
            let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
            let rate = rate.parse().ok().filter(|rate| *rate <= 1_000_000);
            let (Some(fault), Some(rate)) = (fault, rate) else {
                let names = Fault::ALL.map(Fault::name).join(", ");
                return Err(format!(
                    "`{part}` is no fault with a rate; allowed: NAME=0 to 1000000, names: {names}"
                ));
            };
            *rates.rate_mut(fault) = rate;
        }
        self.plant.faults_ppm = rates;
        // What a swarm draws beside its faults stays.
        if let Some(swarm) = &mut self.config.swarm {
            swarm.keeps_faults = true;
        }
        Ok(self)
    }

    /// The same scenario with every fault so many times as often, always at most.
    #[must_use]
    pub fn with_faults_times(mut self, times: u32) -> Self {
        for fault in Fault::ALL {
            let rate = self.plant.faults_ppm.rate_mut(fault);
            *rate = rate.saturating_mul(times).min(1_000_000);
        }
        self
    }

    /// The scenario as this seed runs it: itself, unless it is a swarm.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Self {
        let mut drawn = self.clone();
        let Some(swarm) = &self.config.swarm else {
            return drawn;
        };
        let mut rng = Rng::new(seed, SWARM);
        for fault in Fault::ALL {
            let rate = drawn.plant.faults_ppm.rate_mut(fault);
            let on = rng.chance(swarm.on_permille.saturating_mul(1_000));
            // Halved up to five times, so that rare and frequent are drawn alike.
            let halved = *rate >> rng.below(RATE_STEPS + 1);
            if !swarm.keeps_faults {
                *rate = if on {
                    halved.max(u32::from(*rate > 0))
                } else {
                    0
                };
            }
        }
        let mut between = |[least, most]: [u32; 2]| {
            let drawn = rng.range(i64::from(least), i64::from(most));
            u32::try_from(drawn).unwrap_or(least)
        };
        drawn.plant.motion.slip_mm_sigma = between([0, swarm.slip_mm_sigma_max]);
        drawn.plant.feeder.parcels_per_hour = between(swarm.parcels_per_hour);
        drawn.config.shell.poll_ms = between(swarm.poll_ms);
        drawn
    }
}

fn read(path: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(path).map_err(|source| ScenarioError::File {
        file: path.to_owned(),
        source,
    })
}

fn check(config: &ScenarioConfig, file: &str, text: &str) -> Result<(), ConfigError> {
    let s = &config.shell;
    let checks = [
        ("parcels", config.parcels, 1, 100_000_000),
        ("lines", config.lines.into(), 1, 64),
        ("shell.poll_ms", s.poll_ms.into(), 1, 50),
        ("shell.write_ms_max", s.write_ms_max.into(), 0, 100),
        ("shell.read_ms_mean", s.read_ms_mean.into(), 0, 5_000),
        ("shell.read_ms_sigma", s.read_ms_sigma.into(), 0, 1_000),
        ("shell.resolve_ms_max", s.resolve_ms_max.into(), 0, 5_000),
        ("shell.view_mm", s.view_mm.into(), 50, 5_000),
        (
            "destination",
            u64::try_from(config.destinations.len()).unwrap_or(0),
            1,
            65_535,
        ),
    ];
    let w = config.swarm.clone().unwrap_or_default();
    let ranges = [
        ("swarm.on_permille", w.on_permille, 0_u32, 1_000),
        ("swarm.slip_mm_sigma_max", w.slip_mm_sigma_max, 0, 500),
        (
            "swarm.parcels_per_hour",
            w.parcels_per_hour[0],
            1,
            w.parcels_per_hour[1],
        ),
        ("swarm.parcels_per_hour", w.parcels_per_hour[1], 1, 60_000),
        ("swarm.poll_ms", w.poll_ms[0], 1, w.poll_ms[1]),
        ("swarm.poll_ms", w.poll_ms[1], 1, 50),
    ];
    let ranges = ranges.map(|(key, found, least, most)| {
        (key, u64::from(found), u64::from(least), u64::from(most))
    });
    // Reports are files of this name.
    let plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
    if config.name.is_empty() || config.name.starts_with('.') || !config.name.chars().all(plain) {
        let allowed = "letters, digits, blanks and -_., no point first".to_owned();
        let found = format!("`{}`", config.name.escape_default());
        return Err(range_error(file, text, "name".to_owned(), (found, allowed)));
    }
    let checks = checks.into_iter().chain(ranges);
    let shares = config.destinations.iter();
    let shares = shares.map(|d| ("destination.weight", u64::from(d.weight), 1, 1_000_000));
    for (key, found, least, greatest) in checks.chain(shares) {
        if !(least..=greatest).contains(&found) {
            let allowed = format!("{least} to {greatest}");
            return Err(range_error(
                file,
                text,
                key.to_owned(),
                (found.to_string(), allowed),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_out_of_range_is_refused_with_its_line() {
        let text = "name = \"x\"\nsite = \"s\"\n[shell]\npoll_ms = 0\n[[destination]]\n\
                    country = \"DE\"\n";
        let config: ScenarioConfig = parse("x.toml", text).unwrap();
        let found = check(&config, "x.toml", text).unwrap_err().to_string();
        assert_eq!(
            found,
            "x.toml, line 4: `shell.poll_ms` is 0; allowed: 1 to 50"
        );
    }

    #[test]
    fn a_name_that_is_no_file_name_is_refused() {
        for name in ["", "../x", "a/b", ".x", "a\\nb"] {
            let text =
                format!("name = \"{name}\"\nsite = \"s\"\n[[destination]]\ncountry = \"DE\"\n");
            let found = ScenarioConfig::from_toml("x.toml", &text).unwrap_err();
            assert!(found.to_string().contains("`name`"), "{name}: {found}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Scenario::load(Path::new("/nowhere/x.toml")).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/x.toml cannot be read");
    }
}

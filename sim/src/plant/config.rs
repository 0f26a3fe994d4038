//! `plant.toml`: what the simulated line does beyond what `line.toml` says of the real one.

use serde::Deserialize;

use super::FaultRates;

/// `plant.toml` as written. Every key takes effect when the plant is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PlantConfig {
    /// How parcels come onto the belt.
    pub feeder: FeederConfig,
    /// Inductions that merge further on. They share the feeder's parcels.
    pub merging: Vec<MergingConfig>,
    /// How parcels move on the belt.
    pub motion: MotionConfig,
    /// What happens in chutes.
    pub chutes: ChuteConfig,
    /// What is on the labels. Used by the plant on real sockets only.
    pub labels: LabelConfig,
    /// What goes wrong, and how often, in events per million chances.
    pub faults_ppm: FaultRates,
}

/// Induction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FeederConfig {
    /// New parcels per hour of belt travel at nominal speed, 1 to 60,000; default 4,500. Fewer
    /// come while parcels come back on the recirculation conveyor, and when length and least gap
    /// leave no room.
    pub parcels_per_hour: u32,
    /// Least gap the feeder leaves to the parcel in front, 0 to 5,000 mm; default 450.
    pub gap_mm_min: u32,
    /// Shortest parcel along the belt, 10 to 2,000 mm; default 150.
    pub length_mm_min: u32,
    /// Mean length, between the shortest and the longest; default 320.
    pub length_mm_mean: u32,
    /// Longest parcel along the belt, 10 to 2,000 mm; default 600.
    pub length_mm_max: u32,
    /// Lightest parcel, 1 to 100,000 g; default 100.
    pub mass_g_min: u32,
    /// Heaviest parcel, 1 to 100,000 g; default 15,000.
    pub mass_g_max: u32,
}

impl Default for FeederConfig {
    fn default() -> Self {
        Self {
            parcels_per_hour: 4_500,
            gap_mm_min: 450,
            length_mm_min: 150,
            length_mm_mean: 320,
            length_mm_max: 600,
            mass_g_min: 100,
            mass_g_max: 15_000,
        }
    }
}

/// An induction that merges.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MergingConfig {
    /// Number of its photo-eye, of role `induct` and not at position 0.
    pub eye: u16,
    /// Parcels per hour of belt travel at nominal speed, 1 to 60,000. Fewer come while the belt has
    /// no room for them.
    pub parcels_per_hour: u32,
    /// Least gap it leaves to parcels on the belt, 0 to 5,000 mm; default 450.
    #[serde(default = "gap")]
    pub gap_mm_min: u32,
}

const fn gap() -> u32 {
    450
}

/// Motion on the belt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MotionConfig {
    /// Mean slip of a parcel against the encoder per tracking zone, -500 to 500 mm; forward is
    /// positive; default 0. A zone is the belt between two photo-eyes.
    pub slip_mm_mean: i32,
    /// Standard deviation of the slip per tracking zone, 0 to 500 mm; default 8.
    pub slip_mm_sigma: u32,
    /// Part of what a parcel has slipped that it makes good in the next zone, 0 to 1,000 permille;
    /// default 0: slip adds up. At 1,000 a parcel wavers around its place, as one that rolls or
    /// turns does.
    pub slip_back_permille: u32,
    /// Belt over which parcels slip by that much, and make good that part, 0 to 10,000 mm; a shorter
    /// zone has less, by the square root of its length. Default 0: every zone has it all.
    pub slip_over_mm: u32,
    /// Standard deviation of the travel on the recirculation conveyor, 0 to 1,000 mm; default 15.
    pub return_mm_sigma: u32,
    /// Time of the belt from full speed to a stop and back, 10 to 10,000 ms; default 600.
    pub ramp_ms: u32,
    /// First encoder count, 0 to 4,294,967,295. Absent: drawn from the seed.
    pub encoder_start: Option<u32>,
}

impl MotionConfig {
    /// Standard deviation in micrometres in a zone of this length, and the part that is made good
    /// there, permille.
    pub(crate) fn slip_in(&self, zone_um: i64) -> (i64, i64) {
        let sigma = i64::from(self.slip_mm_sigma) * 1_000;
        let back = i64::from(self.slip_back_permille);
        let share = (zone_um.max(0)).checked_div(i64::from(self.slip_over_mm));
        // Permille of the belt for which sigma is given.
        let Some(share) = share else {
            return (sigma, back);
        };
        let sigma = (sigma * sigma / 1_000 * share).isqrt();
        (sigma, (back * share / 1_000).min(1_000))
    }
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            slip_mm_mean: 0,
            slip_mm_sigma: 8,
            slip_back_permille: 0,
            slip_over_mm: 0,
            return_mm_sigma: 15,
            ramp_ms: 600,
            encoder_start: None,
        }
    }
}

/// Chutes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChuteConfig {
    /// Mean time from leaving the belt to the confirmation photo-eye, 0 to 10,000 ms; default 450.
    pub slide_ms_mean: u32,
    /// Its standard deviation, 0 to 2,000 ms; default 50. The time always stays within the
    /// chute's `confirm_ms_min` and `confirm_ms_max`.
    pub slide_ms_sigma: u32,
    /// Parcels in the bag from which the full photo-eye is blocked, 1 to 100,000; default 60.
    pub full_parcels: u32,
    /// Parcels the bag holds; more spill, which is counted. At least `full_parcels`; default 90.
    pub bag_parcels: u32,
    /// Shortest time until someone has changed a full bag, 1 to 3,600 s; default 20.
    pub change_s_min: u32,
    /// Longest time until someone has changed a full bag, 1 to 3,600 s; default 60.
    pub change_s_max: u32,
}

impl Default for ChuteConfig {
    fn default() -> Self {
        Self {
            slide_ms_mean: 450,
            slide_ms_sigma: 50,
            full_parcels: 60,
            bag_parcels: 90,
            change_s_min: 20,
            change_s_max: 60,
        }
    }
}

/// Labels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LabelConfig {
    /// Parcels per thousand that are not in the manifest, so that only the label says where they
    /// go, 0 to 1,000; default 60.
    pub unlisted_permille: u16,
    /// Parcels per thousand without a usable label, 0 to 1,000; default 5.
    pub unreadable_permille: u16,
}

impl Default for LabelConfig {
    fn default() -> Self {
        Self {
            unlisted_permille: 60,
            unreadable_permille: 5,
        }
    }
}

/// Why a configuration file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of the wrong type; the message names line and column.
    #[error("{file}: {message}")]
    Syntax {
        /// File.
        file: String,
        /// What the parser says, with the line.
        message: String,
    },
    /// A value out of its range.
    #[error("{file}, line {line}: `{key}` is {found}; allowed: {allowed}")]
    Range {
        /// File.
        file: String,
        /// Line of the key, from 1; of the section when the key is absent.
        line: usize,
        /// Key with its section.
        key: String,
        /// Value found.
        found: String,
        /// What is allowed.
        allowed: String,
    },
}

/// One value to check: key with its section, value, least and greatest.
type Check = (&'static str, i64, i64, i64);

impl PlantConfig {
    /// Reads and checks `plant.toml`. `file` is its name for messages.
    ///
    /// # Errors
    /// [`ConfigError`], naming file, line, key, what was found and what is allowed.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(file, text)?;
        config.check(file, text, "")?;
        Ok(config)
    }

    /// Checks every range. `prefix` is the section the plant stands in, with a dot, or empty.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for the first value out of range.
    pub fn check(&self, file: &str, text: &str, prefix: &str) -> Result<(), ConfigError> {
        let merging = self.merging.iter().flat_map(|m| {
            let rate = i64::from(m.parcels_per_hour);
            let gap = i64::from(m.gap_mm_min);
            [
                ("merging.parcels_per_hour", rate, 1, 60_000),
                ("merging.gap_mm_min", gap, 0, 5_000),
            ]
        });
        let all = self.feeder_checks().into_iter().chain(self.other_checks());
        let all = all.chain(merging);
        for (key, found, least, greatest) in all {
            if !(least..=greatest).contains(&found) {
                let key = format!("{prefix}{key}");
                let allowed = format!("{least} to {greatest}");
                return Err(range_error(file, text, key, (found.to_string(), allowed)));
            }
        }
        for fault in super::Fault::ALL {
            let found = self.faults_ppm.of(fault);
            if found > 1_000_000 {
                let key = format!("{prefix}faults_ppm.{}", fault.name());
                let allowed = "0 to 1000000".to_owned();
                return Err(range_error(file, text, key, (found.to_string(), allowed)));
            }
        }
        Ok(())
    }

    fn feeder_checks(&self) -> [Check; 7] {
        let f = &self.feeder;
        let (shortest, longest) = (i64::from(f.length_mm_min), i64::from(f.length_mm_max));
        [
            (
                "feeder.parcels_per_hour",
                i64::from(f.parcels_per_hour),
                1,
                60_000,
            ),
            ("feeder.gap_mm_min", i64::from(f.gap_mm_min), 0, 5_000),
            ("feeder.length_mm_min", shortest, 10, 2_000),
            ("feeder.length_mm_max", longest, shortest, 2_000),
            (
                "feeder.length_mm_mean",
                i64::from(f.length_mm_mean),
                shortest,
                longest,
            ),
            ("feeder.mass_g_min", i64::from(f.mass_g_min), 1, 100_000),
            (
                "feeder.mass_g_max",
                i64::from(f.mass_g_max),
                i64::from(f.mass_g_min),
                100_000,
            ),
        ]
    }

    fn other_checks(&self) -> [Check; 14] {
        let (m, c, l) = (&self.motion, &self.chutes, &self.labels);
        [
            ("motion.slip_mm_mean", i64::from(m.slip_mm_mean), -500, 500),
            ("motion.slip_mm_sigma", i64::from(m.slip_mm_sigma), 0, 500),
            (
                "motion.slip_back_permille",
                i64::from(m.slip_back_permille),
                0,
                1_000,
            ),
            ("motion.slip_over_mm", i64::from(m.slip_over_mm), 0, 10_000),
            (
                "motion.return_mm_sigma",
                i64::from(m.return_mm_sigma),
                0,
                1_000,
            ),
            ("motion.ramp_ms", i64::from(m.ramp_ms), 10, 10_000),
            (
                "chutes.slide_ms_mean",
                i64::from(c.slide_ms_mean),
                0,
                10_000,
            ),
            (
                "chutes.slide_ms_sigma",
                i64::from(c.slide_ms_sigma),
                0,
                2_000,
            ),
            ("chutes.full_parcels", i64::from(c.full_parcels), 1, 100_000),
            (
                "chutes.bag_parcels",
                i64::from(c.bag_parcels),
                i64::from(c.full_parcels),
                1_000_000,
            ),
            ("chutes.change_s_min", i64::from(c.change_s_min), 1, 3_600),
            (
                "chutes.change_s_max",
                i64::from(c.change_s_max),
                i64::from(c.change_s_min),
                3_600,
            ),
            (
                "labels.unlisted_permille",
                i64::from(l.unlisted_permille),
                0,
                1_000,
            ),
            (
                "labels.unreadable_permille",
                i64::from(l.unreadable_permille),
                0,
                1_000,
            ),
        ]
    }
}

/// Reads TOML, without ranges.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    file: &str,
    text: &str,
) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })
}

/// A range error with the line at which the key stands. `found_allowed` are found and allowed.
pub(crate) fn range_error(
    file: &str,
    text: &str,
    key: String,
    found_allowed: (String, String),
) -> ConfigError {
    let line = line_of(text, &key);
    let (found, allowed) = found_allowed;
    ConfigError::Range {
        file: file.to_owned(),
        line,
        key,
        found,
        allowed,
    }
}

/// The line at which `section.key` is set, else the section's line, else 1.
fn line_of(text: &str, key: &str) -> usize {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = String::new();
    let mut best = 1;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            header
                .trim_matches(['[', ']'])
                .trim()
                .clone_into(&mut current);
            if current == section {
                best = index + 1;
            }
        } else if current == section
            && line
                .split('=')
                .next()
                .is_some_and(|left| left.trim() == name)
        {
            return index + 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        PlantConfig::from_toml("plant.toml", text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_empty_file_is_the_default_and_valid() {
        assert_eq!(
            PlantConfig::from_toml("plant.toml", "").unwrap(),
            PlantConfig::default()
        );
    }

    #[test]
    fn a_value_out_of_range_names_file_line_key_and_range() {
        let text = "[feeder]\nparcels_per_hour = 0\n";
        let expected = "plant.toml, line 2: `feeder.parcels_per_hour` is 0; allowed: 1 to 60000";
        assert_eq!(message(text), expected);
        let text = "\n[chutes]\nfull_parcels = 50\nbag_parcels = 49\n";
        let expected = "plant.toml, line 4: `chutes.bag_parcels` is 49; allowed: 50 to 1000000";
        assert_eq!(message(text), expected);
        let text = "[faults_ppm]\nremoved = 1000001";
        let expected = "plant.toml, line 2: `faults_ppm.removed` is 1000001; allowed: 0 to 1000000";
        assert_eq!(message(text), expected);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let found = message("[motion]\nslip = 3\n");
        assert!(
            found.contains("line 2") && found.contains("unknown field `slip`"),
            "{found}"
        );
    }
}

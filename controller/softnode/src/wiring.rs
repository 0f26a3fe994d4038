//! `devices.toml`: which points of which devices are the photo-eyes, the encoder and the diverters
//! of the line, after every check; [`WiringFile`] is the file as written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sortline_core::topology::LineConfig;
use sortline_fieldbus::address::Address;
use sortline_fieldbus::device::driver::{BusSettings, DeviceSettings, Output};
use sortline_fieldbus::device::plan::Plan;
use sortline_fieldbus::device::profile::{Form, Profile, Protocol};

use crate::raw::WiringFile;

/// What is wrong with a wiring: the key, and the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {text}")]
pub struct WiringError {
    /// Key in the file.
    pub key: String,
    /// What was found, and what is allowed.
    pub text: String,
}

/// Place of an input or output: bus, device on it, number among its inputs or outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) bus: usize,
    pub(crate) device: usize,
    pub(crate) number: usize,
}

/// A bus with its devices and the points of them that are used.
#[derive(Clone, Debug)]
pub struct WiredBus {
    /// Name.
    pub id: String,
    /// Where it is.
    pub address: Address,
    /// Names of its devices, in the order of the settings.
    pub devices: Vec<String>,
    /// Devices and times.
    pub settings: BusSettings,
}

/// A checked wiring.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Buses.
    pub buses: Vec<WiredBus>,
    /// What a person should know before the line runs: facts of profiles that nobody has
    /// confirmed, and outputs without a watchdog.
    pub warnings: Vec<String>,
    pub(crate) eyes: Vec<(u8, At, bool)>,
    pub(crate) diverters: Vec<(u8, At)>,
    pub(crate) cameras: Vec<(u8, At)>,
    pub(crate) stop: Option<At>,
    pub(crate) encoder: At,
    pub(crate) encoder_bits: u32,
    pub(crate) counts_and_ticks: (u32, u32),
}

impl Wiring {
    /// Checks a wiring against its line and the profiles that it names.
    ///
    /// # Errors
    /// Every problem found.
    pub fn new(
        file: &WiringFile,
        profiles: &BTreeMap<String, Arc<Profile>>,
        line: &LineConfig,
    ) -> Result<Self, Vec<WiringError>> {
        let mut check = Check::default();
        check.buses(file);
        check.devices(file, profiles);
        check.ids(
            "eye",
            &mut file.eyes.iter().map(|eye| eye.id.into()),
            &ids(line.eyes.iter().map(|e| e.id.0)),
        );
        let wanted = ids(line.diverters.iter().map(|diverter| diverter.id.0));
        check.ids(
            "diverter",
            &mut file.diverters.iter().map(|diverter| diverter.id.into()),
            &wanted,
        );
        let wanted = ids(line.cameras.iter().map(|camera| camera.id.0.into()));
        check.some_ids(
            "camera",
            &mut file.cameras.iter().map(|camera| camera.id.into()),
            &wanted,
        );
        let eyes = check.eyes(file);
        let diverters = check.diverters(file);
        let cameras = check.cameras(file);
        let stop = file.stop.as_ref();
        let stop = stop.and_then(|stop| check.input("stop.point", &stop.point, true));
        let encoder = check.encoder(&file.encoder.point);
        check.plans();
        match encoder {
            Some((encoder, encoder_bits)) if check.problems.is_empty() => Ok(Self {
                buses: check.buses,
                warnings: check.warnings,
                eyes,
                diverters,
                cameras,
                stop,
                encoder,
                encoder_bits,
                counts_and_ticks: (file.encoder.counts, file.encoder.ticks),
            }),
            Some(_) | None => Err(check.problems),
        }
    }
}

fn ids(ids: impl Iterator<Item = u16>) -> BTreeSet<u16> {
    ids.collect()
}

/// Problems and buses as they are found.
#[derive(Default)]
struct Check {
    buses: Vec<WiredBus>,
    /// Bus and place on it, by the device's name.
    places: BTreeMap<String, (usize, usize)>,
    problems: Vec<WiringError>,
    warnings: Vec<String>,
}

impl Check {
    fn refuse(&mut self, key: &str, text: String) {
        self.problems.push(WiringError {
            key: key.to_owned(),
            text,
        });
    }

    fn buses(&mut self, file: &WiringFile) {
        for (n, bus) in file.buses.iter().enumerate() {
            let key = |name: &str| format!("bus[{n}].{name}");
            if file.buses.iter().take(n).any(|other| other.id == bus.id) {
                self.refuse(&key("id"), format!("bus `{}` is there twice", bus.id));
            }
            for (name, found, least, most) in [
                ("poll_ms", bus.poll_ms, 2, 1_000),
                ("call_ms", bus.call_ms, 5, 2_000),
            ] {
                if !(least..=most).contains(&found) {
                    let text = format!("found {found}, allowed is {least} to {most}");
                    self.refuse(&key(name), text);
                }
            }
            let address = bus.address.parse::<Address>().unwrap_or_else(|error| {
                self.refuse(&key("address"), format!("{error}"));
                Address::Tcp(String::new())
            });
            let (poll_ms, call_ms) = (bus.poll_ms, bus.call_ms);
            self.buses.push(WiredBus {
                id: bus.id.clone(),
                address,
                devices: Vec::new(),
                settings: BusSettings {
                    poll_ms,
                    call_ms,
                    devices: Vec::new(),
                },
            });
        }
    }

    fn devices(&mut self, file: &WiringFile, profiles: &BTreeMap<String, Arc<Profile>>) {
        for (n, device) in file.devices.iter().enumerate() {
            let key = |name: &str| format!("device[{n}].{name}");
            let Some(profile) = profiles.get(&device.profile) else {
                self.refuse(
                    &key("profile"),
                    format!("there is no profile `{}`", device.profile),
                );
                continue;
            };
            let Some(number) = self.buses.iter().position(|bus| bus.id == device.bus) else {
                self.refuse(&key("bus"), format!("there is no bus `{}`", device.bus));
                continue;
            };
            let Some(bus) = self.buses.get_mut(number) else {
                continue;
            };
            let wheel = |profile: &Profile| profile.protocol == Protocol::Shudiniao;
            let mixed = bus
                .settings
                .devices
                .iter()
                .any(|other| wheel(&other.profile) || wheel(profile));
            self.warnings.extend(profile.confirm.iter().map(|fact| {
                format!(
                    "device {}: to be confirmed in the manual of {}: {fact}",
                    device.id, profile.name
                )
            }));
            if let Some(reason) = &device.without_watchdog {
                let text = "its outputs stay on when the controller is gone";
                self.warnings
                    .push(format!("device {}: {text} ({reason})", device.id));
            }
            let place = (number, bus.settings.devices.len());
            bus.devices.push(device.id.clone());
            bus.settings.devices.push(DeviceSettings {
                unit: device.unit,
                profile: Arc::clone(profile),
                inputs: Vec::new(),
                outputs: Vec::new(),
                without_watchdog: device.without_watchdog.is_some(),
            });
            if mixed {
                let text = "a wheel diverter has its bus for itself".to_owned();
                self.refuse(&key("bus"), text);
            }
            if self.places.insert(device.id.clone(), place).is_some() {
                self.refuse(&key("id"), format!("device `{}` is there twice", device.id));
            }
        }
    }

    fn some_ids(
        &mut self,
        what: &str,
        found: &mut dyn Iterator<Item = u16>,
        wanted: &BTreeSet<u16>,
    ) {
        let mut seen = BTreeSet::new();
        for (n, id) in found.enumerate() {
            if !wanted.contains(&id) {
                self.refuse(
                    &format!("{what}[{n}].id"),
                    format!("line.toml has no {what} {id}"),
                );
            }
            if !seen.insert(id) {
                self.refuse(
                    &format!("{what}[{n}].id"),
                    format!("{what} {id} is there twice"),
                );
            }
        }
    }

    fn ids(&mut self, what: &str, found: &mut dyn Iterator<Item = u16>, wanted: &BTreeSet<u16>) {
        let found: Vec<u16> = found.collect();
        self.some_ids(what, &mut found.iter().copied(), wanted);
        for id in wanted.iter().filter(|id| !found.contains(id)) {
            self.refuse(
                what,
                format!("{what} {id} of line.toml is connected to nothing"),
            );
        }
    }

    /// Device settings and profile point of `device.point`.
    fn find(&mut self, key: &str, text: &str) -> Option<((usize, usize), String, Form, bool)> {
        let (device, point) = text.split_once('.').unwrap_or((text, ""));
        let Some(&place) = self.places.get(device) else {
            self.refuse(
                key,
                format!("found `{text}`, there is no device `{device}`"),
            );
            return None;
        };
        let settings = self.buses.get(place.0)?.settings.devices.get(place.1)?;
        let Some(known) = settings.profile.points.get(point) else {
            let text = format!(
                "found `{text}`, {} has no point `{point}`",
                settings.profile.id
            );
            self.refuse(key, text);
            return None;
        };
        Some((place, point.to_owned(), known.form, known.write))
    }

    fn input(&mut self, key: &str, text: &str, bit: bool) -> Option<At> {
        let ((bus, device), point, form, _) = self.find(key, text)?;
        if matches!(form, Form::Bit(_)) != bit {
            let kind = if bit {
                "an input that is on or off"
            } else {
                "a counter"
            };
            self.refuse(key, format!("found `{text}`, needed is {kind}"));
            return None;
        }
        let inputs = &mut self.device(bus, device)?.inputs;
        let number = inputs
            .iter()
            .position(|known| *known == point)
            .unwrap_or(inputs.len());
        if number == inputs.len() {
            inputs.push(point);
        }
        Some(At {
            bus,
            device,
            number,
        })
    }

    fn output(&mut self, key: &str, text: &str, pulse_ms: Option<u32>) -> Option<At> {
        let ((bus, device), point, form, write) = self.find(key, text)?;
        let settings = self.device(bus, device)?;
        let taken = settings.outputs.iter().any(|output| output.point == point);
        let known = settings.profile.points.get(&point);
        let timed = known.is_some_and(|point| point.pulse.is_some());
        let safe = known.is_some_and(|point| settings.profile.ends_by_itself(point));
        let safe = safe || settings.without_watchdog;
        let number = settings.outputs.len();
        settings.outputs.push(Output { point, pulse_ms });
        if !write || !matches!(form, Form::Bit(_)) {
            self.refuse(
                key,
                format!("found `{text}`, needed is an output that is on or off"),
            );
        } else if taken {
            self.refuse(key, format!("`{text}` is used twice"));
        } else if !safe {
            let what = "nothing switches it off when the controller is gone; `without_watchdog` of \
                        the device says why that may be";
            self.refuse(key, format!("`{text}`: {what}"));
        } else if pulse_ms.is_some_and(|ms| !timed || !(10..=60_000).contains(&ms)) {
            let what = "`pulse_ms` is 10 to 60000, for outputs that the device times";
            self.refuse(key, format!("`{text}`: {what}"));
        }
        Some(At {
            bus,
            device,
            number,
        })
    }

    fn device(&mut self, bus: usize, device: usize) -> Option<&mut DeviceSettings> {
        self.buses.get_mut(bus)?.settings.devices.get_mut(device)
    }

    fn eyes(&mut self, file: &WiringFile) -> Vec<(u8, At, bool)> {
        let mut eyes = Vec::new();
        for (n, eye) in file.eyes.iter().enumerate() {
            let at = self.input(&format!("eye[{n}].point"), &eye.point, true);
            eyes.extend(at.map(|at| (eye.id, at, eye.inverted)));
        }
        eyes
    }

    fn diverters(&mut self, file: &WiringFile) -> Vec<(u8, At)> {
        let mut diverters = Vec::new();
        for (n, diverter) in file.diverters.iter().enumerate() {
            let key = format!("diverter[{n}].point");
            let at = self.output(&key, &diverter.point, diverter.pulse_ms);
            diverters.extend(at.map(|at| (diverter.id, at)));
        }
        diverters
    }

    fn cameras(&mut self, file: &WiringFile) -> Vec<(u8, At)> {
        let mut cameras = Vec::new();
        for (n, camera) in file.cameras.iter().enumerate() {
            let at = self.output(&format!("camera[{n}].point"), &camera.point, None);
            cameras.extend(at.map(|at| (camera.id, at)));
        }
        cameras
    }

    /// The encoder's counter, and its bits.
    fn encoder(&mut self, text: &str) -> Option<(At, u32)> {
        let at = self.input("encoder.point", text, false)?;
        let (_, _, form, _) = self.find("encoder.point", text)?;
        let bits = if matches!(form, Form::Long { .. }) {
            32
        } else {
            16
        };
        Some((at, bits))
    }

    /// Every device must be able to serve what is used of it.
    fn plans(&mut self) {
        let mut refused = Vec::new();
        // What is wrong by itself need not be told twice.
        let buses = if self.problems.is_empty() {
            self.buses.as_slice()
        } else {
            &[]
        };
        for bus in buses {
            for (name, device) in bus.devices.iter().zip(&bus.settings.devices) {
                let outputs: Vec<String> = device
                    .outputs
                    .iter()
                    .map(|output| output.point.clone())
                    .collect();
                let modbus = device.profile.protocol == Protocol::Modbus;
                if modbus && let Err(error) = Plan::new(&device.profile, &device.inputs, &outputs) {
                    refused.push(format!("device {name}: {error}"));
                }
            }
        }
        for text in refused {
            self.refuse("device", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const BENCH: &str = include_str!("../../../config/bench/line.toml");
    const GOOD: &str = r#"
[[bus]]
id = "io"
address = "10.0.0.5:502"
[[device]]
id = "eyes"
bus = "io"
profile = "adam-6052"
[[device]]
id = "push"
bus = "io"
profile = "wago-750"
unit = 2
[encoder]
point = "eyes.counter7"
[[eye]]
id = 0
point = "eyes.di0"
[[eye]]
id = 1
point = "eyes.di1"
[[eye]]
id = 2
point = "eyes.di2"
[[eye]]
id = 3
point = "eyes.di3"
[[eye]]
id = 4
point = "eyes.di4"
[[eye]]
id = 5
point = "eyes.di5"
[[diverter]]
id = 0
point = "push.do0"
[[diverter]]
id = 1
point = "push.do1"
"#;

    fn parts(text: &str) -> (WiringFile, BTreeMap<String, Arc<Profile>>, LineConfig) {
        let names = ["adam-6052", "wago-750"];
        let profile = |name: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/hardware");
            let text = std::fs::read_to_string(folder.join(name).with_extension("toml")).unwrap();
            Arc::new(Profile::new(toml::from_str(&text).unwrap()).unwrap())
        };
        let profiles = names.map(|name| (name.to_owned(), profile(name)));
        let line: LineConfig = toml::from_str(BENCH).unwrap();
        (
            toml::from_str(text).unwrap(),
            BTreeMap::from(profiles),
            line,
        )
    }

    fn wire(text: &str) -> Result<Wiring, Vec<WiringError>> {
        let (file, profiles, line) = parts(text);
        Wiring::new(&file, &profiles, &line)
    }

    #[test]
    fn a_wiring_is_read_with_what_is_to_be_confirmed() {
        let wiring = wire(GOOD).unwrap();
        assert_eq!(wiring.eyes.len(), 6);
        assert_eq!(wiring.encoder_bits, 32);
        assert_eq!(
            wiring.encoder,
            At {
                bus: 0,
                device: 0,
                number: 6
            }
        );
        assert!(
            wiring.warnings.iter().any(|text| text.contains("0x0200")),
            "{:?}",
            wiring.warnings
        );
    }

    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "{from}");
        let problems = wire(&GOOD.replace(from, to)).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, [expected], "{to}");
    }

    #[test]
    fn wirings_that_cannot_be_used_are_refused() {
        check(
            "502\"",
            "502\"\npoll_ms = 1",
            "bus[0].poll_ms: found 1, allowed is 2 to 1000",
        );
        check(
            "\"eyes.di5\"",
            "\"eyes.di8\"",
            "eye[5].point: found `eyes.di8`, adam-6052 has no point `di8`",
        );
        check(
            "\"eyes.di5\"",
            "\"eye.di5\"",
            "eye[5].point: found `eye.di5`, there is no device `eye`",
        );
        check(
            "\"eyes.di5\"",
            "\"eyes.counter5\"",
            "eye[5].point: found `eyes.counter5`, needed is an input that is on or off",
        );
        check(
            "\"eyes.counter7\"",
            "\"eyes.di7\"",
            "encoder.point: found `eyes.di7`, needed is a counter",
        );
        check(
            "[[diverter]]\nid = 1\npoint = \"push.do1\"",
            "",
            "diverter: diverter 1 of line.toml is connected to nothing",
        );
        check(
            "\"push.do1\"",
            "\"push.do0\"",
            "diverter[1].point: `push.do0` is used twice",
        );
        check(
            "\"push.do1\"",
            "\"push.di1\"",
            "diverter[1].point: found `push.di1`, needed is an output that is on or off",
        );
        check(
            "\"push.do1\"",
            "\"eyes.do1\"",
            "diverter[1].point: `eyes.do1`: nothing switches it off when the controller is gone; \
             `without_watchdog` of the device says why that may be",
        );
        check(
            "\"push.do1\"",
            "\"push.do1\"\npulse_ms = 100",
            "diverter[1].point: `push.do1`: `pulse_ms` is 10 to 60000, for outputs that the device \
             times",
        );
    }
}

//! Looks at a device by its profile, without a line: all inputs and, where it says so, outputs.
//!
//! ```text
//! cargo run -p sortline-fieldbus --example look -- config/hardware/generic.toml 127.0.0.1:5020 do3
//! ```

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sortline_fieldbus::address::{Address, Dialer};
use sortline_fieldbus::device::driver::{
    BusSettings, BusView, DeviceSettings, Driver, Output, Wanted,
};
use sortline_fieldbus::device::profile::Profile;
use sortline_fieldbus::tap::Tap;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long the device is looked at.
const LOOK: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(profile), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: look PROFILE.toml ADDRESS [OUTPUT-TO-SWITCH-ON]".into());
    };
    let on = arguments.next();
    let profile = Profile::new(toml::from_str(&std::fs::read_to_string(profile)?)?)
        .map_err(|problems| format!("{problems:?}"))?;
    let named = |write: bool| {
        let points = profile
            .points
            .iter()
            .filter(move |(_, point)| point.write == write);
        points.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let (inputs, outputs) = (named(false), named(true));
    let device = DeviceSettings {
        unit: 1,
        profile: Arc::new(profile.clone()),
        inputs: inputs.clone(),
        outputs: outputs
            .iter()
            .map(|point| Output {
                point: point.clone(),
                pulse_ms: None,
            })
            .collect(),
        without_watchdog: true,
    };
    let settings = BusSettings {
        poll_ms: 20,
        call_ms: 200,
        devices: vec![device],
    };
    let address: Address = address.parse()?;
    let driver = Driver::new(Dialer::to(&address, None), settings, Tap::default())?;
    let wants = outputs
        .iter()
        .map(|name| u16::from(Some(name) == on.as_ref()))
        .collect();
    let (want, wanted) = watch::channel::<Wanted>(vec![wants]);
    let (sender, views) = watch::channel(driver.view());
    Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let driver = tokio::spawn(driver.run(wanted, sender));
            sleep_until(Instant::now() + LOOK).await;
            let view = views.borrow().clone();
            drop(want);
            drop(driver.await);
            print(&view, &[inputs, outputs].concat())
        })
}

/// What was seen: names in the order of the values.
fn print(view: &BusView, names: &[String]) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for device in &view.devices {
        match device.fault {
            Some(fault) => writeln!(out, "not in use: {fault}")?,
            None => writeln!(out, "in use")?,
        }
        let values = device.inputs.iter().chain(&device.outputs);
        for (name, value) in names.iter().zip(values) {
            let value = value.map_or_else(|| "-".to_owned(), |value| value.to_string());
            writeln!(out, "{name} {value}")?;
        }
    }
    let statistics = view.statistics;
    writeln!(
        out,
        "{} calls, {} errors, {} exceptions, half of them within {} us",
        statistics.calls,
        statistics.errors,
        statistics.exceptions,
        statistics.times.within_us(500)
    )?;
    Ok(())
}

//! `devices.toml` and the profiles of the devices in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sortline_core::topology::LineConfig;
use sortline_fieldbus::address::Address;
use sortline_fieldbus::device::profile::{Profile, ProfileFile};
use sortline_softnode::{Wiring, WiringFile};

use super::files::Files;
use super::problem::{Document, Problem};
use super::site::Site;

/// The profiles that come with the product.
#[derive(rust_embed::RustEmbed)]
#[folder = "../../config/hardware"]
struct Shipped;

const FILE: &str = "devices.toml";

/// Loads and checks the wiring of a site, if it has one.
///
/// # Errors
/// Every problem found in `devices.toml` and the profiles that it names; neither a node's address
/// nor a wiring, or both.
pub(super) fn load(
    files: &Files,
    line: &LineConfig,
    site: &Site,
) -> Result<Option<Wiring>, Vec<Problem>> {
    let node = &site.config.node;
    let both = |text: &str| {
        let path = files.path("site.toml");
        let site = files.text("site.toml").unwrap_or_default();
        vec![Document::new(&path, &site).problem("node.address", text.to_owned())]
    };
    if !files.has(FILE) {
        return match node.address.as_str() {
            "" => Err(both(
                "is missing; needed is where the field node is, or a devices.toml",
            )),
            _ => Ok(None),
        };
    }
    if !node.address.is_empty() {
        return Err(both(
            "found beside a devices.toml; allowed is only one of them",
        ));
    }
    let text = files.text(FILE).map_err(|problem| vec![problem])?;
    let path = files.path(FILE);
    let document = Document::new(&path, &text);
    let wiring: WiringFile = document.read().map_err(|problem| vec![problem])?;
    let profiles = profiles(files, &wiring)?;
    let wiring = Wiring::new(&wiring, &profiles, line).map_err(|errors| {
        let problem =
            |error: sortline_softnode::WiringError| document.problem(&error.key, error.text);
        errors.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    let plain = |address: &Address| !matches!(address, Address::Tls(_));
    if node.tls.is_none() && !wiring.buses.iter().all(|bus| plain(&bus.address)) {
        let text = "has a `tls://` address, needed are certificates in `node.tls` of site.toml";
        return Err(vec![document.problem("bus", text.to_owned())]);
    }
    Ok(Some(wiring))
}

/// The profiles that a wiring names: those of the site first. One that is nowhere is left out.
fn profiles(
    files: &Files,
    wiring: &WiringFile,
) -> Result<BTreeMap<String, Arc<Profile>>, Vec<Problem>> {
    let mut profiles = BTreeMap::new();
    let mut problems = Vec::new();
    for name in wiring.devices.iter().map(|device| &device.profile) {
        let file = format!("hardware/{name}.toml");
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let own = is_name && files.has(&file);
        let shipped = Shipped::get(&format!("{name}.toml")).filter(|_| is_name && !own);
        let text = match shipped {
            Some(shipped) => String::from_utf8_lossy(&shipped.data).into_owned(),
            None if own => match files.text(&file) {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            },
            None => continue,
        };
        let path = files.path(&file);
        let document = Document::new(&path, &text);
        let read: Result<ProfileFile, Problem> = document.read();
        match read.map(Profile::new) {
            Ok(Ok(profile)) => drop(profiles.insert(name.clone(), Arc::new(profile))),
            Ok(Err(errors)) => {
                problems.extend(errors.into_iter().map(|e| document.problem(&e.key, e.text)));
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(profiles)
    } else {
        Err(problems)
    }
}

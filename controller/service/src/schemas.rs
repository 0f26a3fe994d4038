//! JSON Schemas of every configuration file, made from the structs that read them.
//!
//! A TOML file names its schema in its first line, so that an editor checks it while it is
//! written. The schema of a CSV file describes one row as an object, column by column.

use schemars::{JsonSchema, Schema, schema_for};
use sortline_core::SortPlan;
use sortline_core::topology::LineConfig;
use sortline_fieldbus::device::profile::ProfileFile;
use sortline_route::compliance::Rules;
use sortline_route::{CalendarRow, CustomsRow, PlaceRow, ServiceRow, Settings, ZoneRow};
use sortline_sim::harness::ScenarioConfig;
use sortline_sim::plant::PlantConfig;
use sortline_softnode::WiringFile;

use crate::config::{ManifestEntry, SiteConfig};

/// File name and text of every schema, as kept in `config/schema`.
///
/// # Errors
/// Never in practice: when a schema cannot be written as JSON.
pub fn all() -> Result<Vec<(&'static str, String)>, serde_json::Error> {
    Ok(vec![
        ("site.schema.json", text::<SiteConfig>()?),
        ("line.schema.json", text::<LineConfig>()?),
        ("devices.schema.json", text::<WiringFile>()?),
        ("profile.schema.json", text::<ProfileFile>()?),
        ("plan.schema.json", text::<SortPlan>()?),
        ("manifest-row.schema.json", text::<ManifestEntry>()?),
        ("compliance.schema.json", text::<Rules>()?),
        ("network.schema.json", text::<Settings>()?),
        ("places-row.schema.json", text::<PlaceRow>()?),
        ("services-row.schema.json", text::<ServiceRow>()?),
        ("customs-row.schema.json", text::<CustomsRow>()?),
        ("zones-row.schema.json", text::<ZoneRow>()?),
        ("calendars-row.schema.json", text::<CalendarRow>()?),
        ("plant.schema.json", text::<PlantConfig>()?),
        ("scenario.schema.json", text::<ScenarioConfig>()?),
    ])
}

fn text<T: JsonSchema>() -> Result<String, serde_json::Error> {
    let schema: Schema = schema_for!(T);
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}

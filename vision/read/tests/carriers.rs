//! The public collection of carriers' numbers: every valid one fits its format, every invalid one is
//! refused by it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use sortline_read::{carrier, identify, upu};

/// Format of ours for a format of the collection, by carrier file and name.
const NAMED: &[(&str, &str)] = &[
    ("UPS Waybill", "ups_waybill"),
    ("LaserShip 1LS7 (18)", "lasership_1ls7_18"),
    ("Old Dominion", "old_dominion"),
    (
        "Old Dominion Guaranteed Shipment",
        "old_dominion_guaranteed",
    ),
];

fn accepts(id: &str, text: &str) -> bool {
    let Some(number) = carrier::normal(text) else {
        return false;
    };
    match carrier::format(id) {
        Some(format) => carrier::fits(format, &number),
        None => id == "s10" && upu::is_s10(&number),
    }
}

fn strings(value: &Value) -> Vec<String> {
    let texts = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[test]
fn the_public_collection() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/tracking_number_data/couriers"
    );
    let Ok(entries) = fs::read_dir(folder) else {
        writeln!(std::io::stdout(), "skipped: {folder} is not there").unwrap();
        return;
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let (mut formats, mut valid, mut invalid, mut wrong) = (0, 0, 0, Vec::new());
    for file in files {
        let carrier: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for format in carrier["tracking_numbers"].as_array().unwrap() {
            let name = format["name"].as_str().unwrap();
            let named = NAMED.iter().find(|row| row.0 == name).map(|row| row.1);
            let id = format["id"].as_str().or(named).unwrap();
            formats += 1;
            for number in strings(&format["test_numbers"]["valid"]) {
                valid += 1;
                let known = carrier::normal(&number).and_then(|number| identify(&number));
                if !accepts(id, &number) || !known.is_some_and(|known| known.valid) {
                    wrong.push(format!("{id} refuses {number}"));
                }
            }
            for number in strings(&format["test_numbers"]["invalid"]) {
                invalid += 1;
                if accepts(id, &number) {
                    wrong.push(format!("{id} accepts {number}"));
                }
            }
        }
    }
    writeln!(
        std::io::stdout(),
        "{formats} formats, {valid} valid, {invalid} invalid numbers"
    )
    .unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(formats >= 39 && valid >= 192 && invalid >= 88);
}

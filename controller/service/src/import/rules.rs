//! Sort plans as tables: one rule a row.

use serde::Deserialize;
use sortline_core::{ChuteId, Rule};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    #[serde(default)]
    hop: Option<String>,
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    postcode_prefix: Option<String>,
    chutes: String,
    #[serde(default)]
    spread: bool,
}

/// Rules from a table with the columns name, hop, country, `postcode_prefix`, chutes and spread, of
/// which name and chutes are needed; the first rule that matches wins.
///
/// # Errors
/// What is wrong, and in which line.
pub fn rules_of(text: &str) -> Result<Vec<Rule>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut rules = Vec::new();
    for record in reader.deserialize::<Record>() {
        let record = record.map_err(|error| error.to_string())?;
        let line = rules.len().saturating_add(2);
        let chutes = record
            .chutes
            .split([' ', ',', ';'])
            .filter(|part| !part.is_empty());
        let chutes = chutes.map(|part| part.parse().map(ChuteId));
        let chutes: Result<Vec<ChuteId>, _> = chutes.collect();
        let wrong = |_no_number| {
            let found = &record.chutes;
            format!("line {line}: chutes are numbers with blanks between them, found `{found}`")
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        rules.push(Rule {
            chutes: chutes.map_err(wrong)?,
            name: record.name,
            hop: filled(record.hop),
            country: filled(record.country),
            postcode_prefix: filled(record.postcode_prefix),
            spread: record.spread,
            ..Rule::default()
        });
    }
    if rules.is_empty() {
        return Err("there is no rule in it: a row for each is needed".to_owned());
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_rules_in_their_order() {
        let text = "name,country,chutes,spread\nNorth, NO ,3 4,true\nRest,,9,false\n";
        let rules = rules_of(text).unwrap();
        assert_eq!(rules[0].country.as_deref(), Some("NO"));
        assert_eq!(rules[0].chutes, [ChuteId(3), ChuteId(4)]);
        assert!(rules[0].spread && rules[1].country.is_none());
        for wrong in [
            "name,chutes\nA,x\n",
            "name\nA\n",
            "",
            "a,b\n",
            "name,chutes,color\nA,1,red\n",
        ] {
            assert!(rules_of(wrong).is_err(), "{wrong}");
        }
    }
}

//! The demonstration line with a sort plan of its own.

use sortline_core::topology::{LineConfig, Topology};
use sortline_core::{Rule, SortPlan};

pub(crate) fn demo() -> LineConfig {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo/line.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A plan with one rule per sort chute: postcode `01` goes to chute 1.
pub(crate) fn plan(config: &LineConfig) -> SortPlan {
    let sort = config.chutes.iter().filter(|chute| chute.id.0 < 90);
    let rules = sort.map(|chute| Rule {
        name: format!("rule {}", chute.id),
        postcode_prefix: Some(format!("{:02}", chute.id.0)),
        chutes: vec![chute.id],
        ..Rule::default()
    });
    SortPlan {
        version: "v1".into(),
        rules: rules.collect(),
        ..SortPlan::default()
    }
}

pub(crate) fn topology() -> Topology {
    Topology::new(demo()).unwrap()
}

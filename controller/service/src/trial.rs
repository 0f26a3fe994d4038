//! A sort plan tried on parcels of the past: where they would have gone.

use std::collections::BTreeMap;

use serde::Serialize;
use sortline_core::{Destination, PlanMatch, SortPlan, Step};

/// Parcels of a dry run when nothing is asked for.
pub const PARCELS: u32 = 2_000;
/// Parcels of a dry run at most.
pub const PARCELS_MAX: u32 = 20_000;
/// Examples of parcels that move.
const EXAMPLES_MAX: usize = 20;

/// What a plan would do.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Parcels tried: with a destination, held, or unknown.
    pub parcels: usize,
    /// Parcels by chute; `0` for those that no rule takes.
    pub before: BTreeMap<u16, u64>,
    /// The same with the plan tried.
    pub after: BTreeMap<u16, u64>,
    /// Parcels that go elsewhere.
    pub moved: u64,
    /// Some of them: country, postcode's first two characters, from, to.
    pub examples: Vec<(String, String, u16, u16)>,
}

/// Compares the chutes of `base` with those of `plan` for parcels whose answer was recorded; steps
/// of other kinds do not count.
pub fn compare(steps: &[Step], base: &SortPlan, plan: &SortPlan) -> Moves {
    let mut outcome = Moves::default();
    let (mut old, mut new) = (Turns::default(), Turns::default());
    for step in steps {
        let Step::Resolved {
            destination, hop, ..
        } = step
        else {
            continue;
        };
        let (from, to) = (
            old.chute(base, destination.as_ref(), hop.as_deref()),
            new.chute(plan, destination.as_ref(), hop.as_deref()),
        );
        outcome.parcels += 1;
        *outcome.before.entry(from).or_default() += 1;
        *outcome.after.entry(to).or_default() += 1;
        if from == to {
            continue;
        }
        outcome.moved += 1;
        if let Some(destination) = destination
            && outcome.examples.len() < EXAMPLES_MAX
        {
            let postcode = destination.postcode.as_deref().unwrap_or_default();
            let start = postcode.chars().take(2).collect();
            outcome
                .examples
                .push((destination.country.clone(), start, from, to));
        }
    }
    outcome
}

/// Turns of rules that spread.
#[derive(Default)]
struct Turns(BTreeMap<String, usize>);

impl Turns {
    fn chute(&mut self, plan: &SortPlan, to: Option<&Destination>, hop: Option<&str>) -> u16 {
        let Some(destination) = to else {
            return plan.hold.map_or(0, |chute| chute.0);
        };
        let Some(rule) = plan.lookup(&PlanMatch { destination, hop }) else {
            return 0;
        };
        let mut turn = 0;
        if rule.spread {
            let next = self.0.entry(rule.name.clone()).or_default();
            turn = *next % rule.chutes.len().max(1);
            *next = next.wrapping_add(1);
        }
        rule.chutes.get(turn).map_or(0, |chute| chute.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::{ChuteId, DestinationSource, Permille, Rule};

    fn step(country: &str) -> Step {
        Step::Resolved {
            destination: Some(Destination {
                country: country.to_owned(),
                postcode: Some("93200".to_owned()),
                source: DestinationSource::Manifest,
                confidence: Permille::ONE,
            }),
            hop: None,
            why: String::new(),
            late: false,
        }
    }

    fn rule(country: Option<&str>, chutes: &[u16]) -> Rule {
        Rule {
            name: country.unwrap_or("all").to_owned(),
            country: country.map(str::to_owned),
            chutes: chutes.iter().copied().map(ChuteId).collect(),
            spread: chutes.len() > 1,
            ..Rule::default()
        }
    }

    fn plan(rules: Vec<Rule>) -> SortPlan {
        SortPlan {
            version: "x".to_owned(),
            rules,
            ..SortPlan::default()
        }
    }

    #[test]
    fn a_dry_run_says_what_moves() {
        let steps = [step("FR"), step("FR"), step("DE"), step("US")];
        let old = plan(vec![rule(Some("FR"), &[3]), rule(Some("DE"), &[4])]);
        let new = plan(vec![rule(None, &[5, 6])]);
        let outcome = compare(&steps, &old, &new);
        assert_eq!(outcome.before, BTreeMap::from([(0, 1), (3, 2), (4, 1)]));
        assert_eq!(outcome.after, BTreeMap::from([(5, 2), (6, 2)]));
        assert_eq!(outcome.moved, 4);
        assert_eq!(
            outcome.examples[0],
            ("FR".to_owned(), "93".to_owned(), 3, 5)
        );
    }
}

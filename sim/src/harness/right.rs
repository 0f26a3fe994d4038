//! Which chutes are right for a parcel: the reference that the core's decisions are judged by.

use std::collections::BTreeSet;

use sortline_core::{ChuteId, Destination, DestinationSource, Permille, SortPlan};

use super::scenario::Share;

/// What is right by one sort plan.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    version: String,
    hold: Option<ChuteId>,
    /// Chutes for each destination.
    allowed: Vec<BTreeSet<ChuteId>>,
}

impl Right {
    pub(crate) fn new(plan: &SortPlan, shares: &[Share]) -> Self {
        Self {
            version: plan.version.clone(),
            hold: plan.hold,
            allowed: shares.iter().map(|share| allowed(plan, share)).collect(),
        }
    }

    /// The plan's version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// True when the plan sends a parcel for the destination with this index there; `held`: or
    /// has it held.
    pub(crate) fn sends(&self, destination: usize, held: bool, chute: ChuteId) -> bool {
        let sorts = self.allowed.get(destination);
        sorts.is_some_and(|allowed| allowed.contains(&chute)) || (held && self.hold == Some(chute))
    }
}

/// Chutes in which a parcel of this destination is right: those of the plan's rule for it, and the
/// plan's overflow.
fn allowed(plan: &SortPlan, share: &Share) -> BTreeSet<ChuteId> {
    let rule = plan.rules.iter().find(|rule| {
        let postcode = share.postcode.as_deref();
        rule.hop
            .as_deref()
            .is_none_or(|hop| share.hop.as_deref() == Some(hop))
            && rule.country.as_deref().is_none_or(|c| c == share.country)
            && rule
                .postcode_prefix
                .as_deref()
                .is_none_or(|prefix| postcode.is_some_and(|p| p.starts_with(prefix)))
    });
    let chutes = rule.map(|rule| rule.chutes.clone()).unwrap_or_default();
    chutes.into_iter().chain(plan.overflow).collect()
}

/// The destination of a share, as a manifest gives it.
pub(crate) fn destination_of(share: &Share) -> Destination {
    Destination {
        country: share.country.clone(),
        postcode: share.postcode.clone(),
        source: DestinationSource::Manifest,
        confidence: Permille::ONE,
    }
}

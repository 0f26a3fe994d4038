//! Loops: parcels on carriers, which come round for ever and do not slip.
//!
//! A flag on the first carrier passes the origin photo-eye once a lap and tells where all of them
//! are. A diverter acts on the carrier that passes, so a stroke keeps clear of carriers, not of
//! parcels. When flag or parcels are not where the encoder has them, nothing is discharged until
//! the flag has come again: a wrong map of the loop would send every parcel astray.

use super::Line;
use super::parcel::Parcel;
use super::schedule::Body;
use crate::topology::CarrierSpec;
use crate::{AlarmKind, Edge, RejectCause, Ticks};

/// What is known of where the carriers are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    /// Count at which the first carrier's leading edge was at the origin photo-eye.
    flag: Option<Ticks>,
    /// Flag and parcels came where the encoder had them.
    agrees: bool,
}

impl Round {
    /// True when carriers may be discharged.
    pub(super) const fn known(&self) -> bool {
        self.flag.is_some() && self.agrees
    }

    /// Encoder counts from before say nothing any more.
    pub(super) const fn forget(&mut self) {
        self.flag = None;
        self.agrees = false;
    }

    /// The flag came at `at`; false when it came elsewhere than whole laps after the last one.
    fn take(&mut self, at: Ticks, spec: CarrierSpec) -> bool {
        let before = self.flag.replace(at);
        let travel = before.map_or(spec.round, |before| at.signed_since(before));
        let off = travel
            .saturating_add(spec.tolerance)
            .checked_rem_euclid(spec.round);
        let whole = travel > spec.round / 2;
        let right = off.is_some_and(|off| off <= spec.tolerance.saturating_mul(2));
        self.agrees = whole && right;
        self.agrees
    }
}

impl Line {
    /// The origin photo-eye saw the flag of the first carrier.
    pub(super) fn origin_seen(&mut self, edge: Edge, at: Ticks) {
        let Some(spec) = self.geometry().carriers.filter(|_| edge == Edge::Blocked) else {
            return;
        };
        let agreed = self.round.take(at, spec);
        if !agreed {
            self.unprove_all(RejectCause::Uncertain, spec.pitch / 2);
        }
        self.tell_encoder();
        self.wake();
    }

    /// A parcel was seen `error` from where its carrier should be.
    pub(super) fn carrier_seen(&mut self, error: i32) {
        let beyond = |spec: CarrierSpec| error.saturating_abs() > spec.tolerance;
        if self.round.flag.is_some() && self.geometry().carriers.is_some_and(beyond) {
            self.round.forget();
            self.tell_encoder();
        }
    }

    /// The alarm of an encoder that is not believed.
    pub(super) fn tell_encoder(&mut self) {
        let astray = self.geometry().carriers.is_some() && !self.round.known();
        let first = astray && self.round.flag.is_none() && self.counters.inducted == 0;
        self.alarm(
            AlarmKind::Encoder,
            self.encoder.suspect() || (astray && !first),
        );
    }

    /// Nothing stands against discharging carriers; on a belt, ever.
    pub(super) fn carriers_known(&self) -> bool {
        self.geometry().carriers.is_none() || self.round.known()
    }

    /// The carriers that a parcel lies on, as a stroke at `position` sees them. `None` on a belt, and
    /// while nobody knows where the carriers are.
    pub(super) fn carrier_body(&self, parcel: &Parcel, position: i32) -> Option<Body> {
        let spec = self.geometry().carriers?;
        let flag = self.round.flag?;
        let length = parcel.length.unwrap_or(self.geometry().length_max);
        let leading = self.predict(parcel, position);
        let origin = flag.offset(position.saturating_sub(spec.origin));
        let since = leading.signed_since(origin);
        let into = since.checked_rem_euclid(spec.pitch)?;
        let reach = into.saturating_add(length).saturating_sub(spec.tolerance);
        let carriers = reach.saturating_sub(1).max(0).checked_div(spec.pitch)?;
        let length = spec.pitch.saturating_mul(carriers.saturating_add(1));
        Some(Body {
            leading: leading.offset(into.saturating_neg()),
            length,
            grip: (spec.pitch / 2, length.saturating_sub(spec.pitch / 2)),
            tolerance: spec
                .tolerance
                .saturating_add(parcel.track.slack / super::tracking::SIGMAS),
        })
    }

    /// True when two parcels lie on one carrier and are to leave it together.
    pub(super) fn rides_with(&self, one: &Parcel, other: &Parcel, position: i32) -> bool {
        let chute = |parcel: &Parcel| parcel.choice.map(|choice| choice.chute);
        chute(one) == chute(other) && self.share_a_carrier(one, other, position)
    }

    pub(super) fn share_a_carrier(&self, one: &Parcel, other: &Parcel, position: i32) -> bool {
        let bodies = (
            self.carrier_body(one, position),
            self.carrier_body(other, position),
        );
        let (Some(one), Some(other)) = bodies else {
            return false;
        };
        let ends = |body: Body| body.leading.offset(body.length);
        one.leading.is_before(ends(other)) && other.leading.is_before(ends(one))
    }

    /// True when what is not discharged comes round by itself, and has not left.
    pub(super) fn on_loop(&self, index: usize) -> bool {
        let gone = |parcel: &Parcel| parcel.track.gone;
        self.geometry().carriers.is_some() && !self.belt.get(index).is_some_and(gone)
    }

    /// A parcel on a loop has passed the last diverter: it takes another lap.
    pub(super) fn come_round(&mut self, index: usize) {
        let Some(round) = self.geometry().carriers.map(|spec| spec.round) else {
            return;
        };
        if let Some(parcel) = self.remove(index) {
            if let Some(stroke) = &parcel.stroke {
                self.chutes.give_up(stroke);
            }
            let comes = parcel.track.origin.offset(round);
            self.send_round(parcel, comes, None);
        }
    }

    /// True when a parcel on a loop is better not discharged, not even to the reject chute: nobody
    /// knows for sure what lies where, and the next lap will tell.
    pub(super) fn waits_a_lap(&self, parcel: &Parcel) -> bool {
        let open = matches!(
            parcel.doubt,
            Some(RejectCause::Uncertain | RejectCause::NodeDown | RejectCause::Stop)
        );
        parcel.unproven.is_some() || (open && parcel.lap < self.topology.config().parcel.laps_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_after_whole_laps_or_nothing_is_believed() {
        let spec = CarrierSpec {
            pitch: 600,
            round: 60_000,
            origin: 0,
            tolerance: 12,
        };
        let table = [
            (&[500_u32][..], true),
            (&[500, 60_500], true),
            (&[500, 60_512], true),
            (&[500, 60_488], true),
            (&[500, 120_500], true),
            (&[500, 60_513], false),
            (&[500, 60_487], false),
            (&[500, 510], false),
            (&[500, 30_500], false),
            (&[500, 59_000, 119_000], true),
            (&[u32::MAX, 59_999], true),
        ];
        for (flags, expected) in table {
            let mut round = Round::default();
            for at in flags {
                round.take(Ticks(*at), spec);
            }
            assert_eq!(round.known(), expected, "{flags:?}");
        }
    }
}

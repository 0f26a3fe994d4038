//! What becomes of a parcel on a route, drawn by lot: the model of the risk figures without their
//! bins. For checks of these figures and for comparing ways to choose routes.

use crate::generator::Draw;
use crate::learn::usual_factor;
use crate::network::{Leg, Network};
use crate::options::RouteOption;
use crate::replan::Plan;
use crate::search::Step;
use crate::tables::DelayRow;
use crate::time::Minute;

/// Ninth decile of the standard normal distribution.
const Z90: f64 = 1.281_551_565_5;
/// Longest delay that is drawn, in minutes: 60 days.
const LATE_MAX: f64 = 86_400.0;

impl Draw {
    /// Standard normal (Box and Muller: A note on the generation of random normal deviates, Annals
    /// of Mathematical Statistics 29, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.part()).ln()).sqrt();
        radius * (core::f64::consts::TAU * self.part()).cos()
    }

    /// Lognormal minutes with this median and ninth decile; a median of 0 is always 0.
    pub(crate) fn minutes(&mut self, p50: u32, p90: u32) -> f64 {
        if p50 == 0 {
            return 0.0;
        }
        let spread = (f64::from(p90.max(p50)) / f64::from(p50)).ln() / Z90;
        (f64::from(p50) * (spread * self.normal()).exp()).min(LATE_MAX)
    }
}

/// Minutes after an even one, upwards: a parcel is never ready too early.
pub(crate) fn up(minutes: f64) -> i32 {
    let whole = minutes.ceil().clamp(0.0, LATE_MAX);
    // Binary search: there is no conversion without a cast.
    let (mut low, mut high) = (0i32, 86_401i32);
    while low < high {
        let middle = low.midpoint(high);
        if f64::from(middle) < whole {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl Network {
    /// When a parcel that is ready at `ready` arrives by the legs of a route, each with the next
    /// departure that it can still take; `None` beyond the window.
    #[must_use]
    pub fn drawn(&self, route: &RouteOption, ready: Minute, draw: &mut Draw) -> Option<Minute> {
        self.drawn_steps(&route.steps, ready, draw)
    }

    /// The same for a plan.
    #[must_use]
    pub fn drawn_plan(&self, plan: &Plan, draw: &mut Draw) -> Option<Minute> {
        self.drawn_steps(plan.steps(), plan.ready(), draw)
    }

    fn drawn_steps(&self, steps: &[Step], ready: Minute, draw: &mut Draw) -> Option<Minute> {
        steps.iter().try_fold(ready, |now, step| {
            let leg = self.leg(step.leg)?;
            let run = self.next_run(step.leg, now)?;
            let late = self.late(leg, step.departs, draw);
            self.end_of(leg, Minute(run.arrive), late, draw)
        })
    }

    /// Arrival by lot, and how many departures that were planned are missed.
    pub(crate) fn drawn_counted(
        &self,
        steps: &[Step],
        ready: Minute,
        draw: &mut Draw,
    ) -> (Option<Minute>, usize) {
        let mut missed = 0;
        let arrive = steps.iter().try_fold(ready, |now, step| {
            let leg = self.leg(step.leg)?;
            let run = self.next_run(step.leg, now)?;
            missed += usize::from(run.board > step.departs.after(-leg.cutoff).0);
            let late = self.late(leg, step.departs, draw);
            self.end_of(leg, Minute(run.arrive), late, draw)
        });
        (arrive, missed)
    }

    /// How late a vehicle of a leg arrives, in minutes.
    fn late(&self, leg: &Leg, departs: Minute, draw: &mut Draw) -> f64 {
        if self.model.is_some() {
            let share = draw.part();
            return self
                .delay(leg, departs)
                .map_or(0.0, |delay| delay.quantile(share));
        }
        let mode = self.service(leg).map(|service| service.mode.index());
        let row = mode.and_then(|mode| self.usual.get(mode).copied());
        let row: DelayRow = row.unwrap_or_default();
        draw.minutes(row.p50_min, row.p90_min) * usual_factor(self.weather_on(leg, departs))
    }

    pub(crate) fn end_of(
        &self,
        leg: &Leg,
        arrive: Minute,
        late: f64,
        draw: &mut Draw,
    ) -> Option<Minute> {
        let mut at = arrive.after(up(late));
        if let Some(clearance) = self.clearance(leg) {
            let presented = self.hours.get(clearance.hours)?.next(at)?;
            let (p50, p90) = (clearance.p50.unsigned_abs(), clearance.p90.unsigned_abs());
            at = presented.after(up(draw.minutes(p50, p90)));
        }
        self.handled(leg, at)
    }
}

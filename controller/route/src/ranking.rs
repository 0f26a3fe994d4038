//! Which of several routes is the one to take, and which are alternatives at all.

use crate::micros::Micros;
use crate::network::Level;
use crate::options::RouteOption;
use crate::time::Minute;

/// A route counts as keeping its promise from this probability on.
pub(crate) const SURE: f64 = 0.9;
/// Two routes closer than this in arrival and cost are one alternative.
const ALIKE_MIN: i32 = 60;
/// Share of the cost, in thousandths.
const ALIKE_PERMILLE: i64 = 20;
/// A promise kept with less than this probability is nearly lost: then only lateness counts.
pub(crate) const LIKELY: f64 = 0.1;
/// What a late parcel costs, as a multiple of the cheapest route: a judgement, made on simulated
/// weeks of another network than those that are reported.
const LATE_TIMES: i64 = 2;
/// A route that costs more by at most this share, in thousandths, hardly costs more.
const HARDLY_PERMILLE: i64 = 5;

/// Drops what another route beats in arrival, cost and probability.
pub(crate) fn keep_useful(options: &mut Vec<RouteOption>) {
    const SAME: f64 = 0.002;
    let key = |option: &RouteOption| (option.arrive, option.cost, option.on_time_probability);
    let keys: Vec<(Minute, Micros, f64)> = options.iter().map(key).collect();
    let beaten = |own: &(Minute, Micros, f64)| {
        keys.iter().any(|other| {
            let no_worse = other.0 <= own.0 && other.1 <= own.1 && other.2 + SAME >= own.2;
            no_worse && (other.0, other.1) != (own.0, own.1)
        })
    };
    let useful: Vec<bool> = keys.iter().map(|own| !beaten(own)).collect();
    let mut useful = useful.into_iter();
    options.retain(|_| useful.next().unwrap_or(true));
}

/// Probability of being late in thousandths, rounded to the nearest.
fn permille_late(on_time: f64) -> i64 {
    let late = (1.0 - on_time) * 1_000.0 + 0.5;
    (1..=1_000i64)
        .take_while(|permille| real_of(*permille) <= late)
        .count()
        .try_into()
        .unwrap_or(0)
}

fn real_of(permille: i64) -> f64 {
    f64::from(i32::try_from(permille).unwrap_or(i32::MAX))
}

/// Puts the one to take first, then by arrival: the one that costs least with its expected lateness
/// reckoned in, or an earlier one that hardly costs more; for express the earliest that is sure to
/// keep the promise. When there is none, the one most likely to keep it.
pub(crate) fn order(options: &mut [RouteOption], level: Level) {
    options.sort_by_key(|option| (option.arrive, option.cost));
    let best = {
        let all = || options.iter().enumerate();
        let from =
            |least: f64| all().filter(move |(_, option)| option.on_time_probability >= least);
        let pick = match level {
            Level::Express => from(SURE).min_by_key(|(_, option)| (option.arrive, option.cost)),
            Level::Standard | Level::Economy => {
                let likely = || from(LIKELY);
                let cheapest = likely().map(|(_, option)| option.cost).min();
                let late = cheapest.unwrap_or_default().share(LATE_TIMES, 1);
                let expected = |option: &RouteOption| {
                    let permille = permille_late(option.on_time_probability);
                    option.cost.plus(late.share(permille, 1_000))
                };
                let least = likely().map(|(_, option)| expected(option)).min();
                let least = least.unwrap_or_default();
                let most = least.plus(least.share(HARDLY_PERMILLE, 1_000));
                let cheap = likely().filter(|(_, option)| expected(option) <= most);
                cheap.min_by_key(|(_, option)| (option.arrive, option.cost))
            }
        };
        // Of equal probabilities `max_by` takes the last: look from the latest arrival on.
        pick.or_else(|| {
            all().rev().max_by(|left, right| {
                left.1
                    .on_time_probability
                    .total_cmp(&right.1.on_time_probability)
            })
        })
        .map(|(index, _)| index)
    };
    if let Some(first) = best.and_then(|index| options.get_mut(..=index)) {
        first.rotate_right(1);
    }
}

/// The first `limit` options that differ from all before them.
pub(crate) fn distinct(all: Vec<RouteOption>, limit: usize) -> Vec<RouteOption> {
    let mut chosen: Vec<RouteOption> = Vec::new();
    for option in all {
        if chosen.len() >= limit.max(1) {
            break;
        }
        if chosen.iter().all(|other| differs(&option, other)) {
            chosen.push(option);
        }
    }
    chosen
}

/// Two options differ when they use other services, and differ in time or in cost by more than
/// anyone would care about.
pub(crate) fn differs(option: &RouteOption, other: &RouteOption) -> bool {
    let services = |option: &RouteOption| -> Vec<String> {
        option.legs.iter().map(|leg| leg.service.clone()).collect()
    };
    let apart = option.arrive.since(other.arrive).abs() >= ALIKE_MIN
        || (option.cost.0 - other.cost.0).abs() * 1_000 > other.cost.0 * ALIKE_PERMILLE;
    apart && services(option) != services(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(hours: i32, cost: i64, on_time_probability: f64) -> RouteOption {
        RouteOption {
            rank: 0,
            legs: Vec::new(),
            arrive: Minute(hours * 60),
            arrive_p50: None,
            arrive_p90: None,
            promise: Minute(0),
            on_time_probability,
            cost: Micros(cost),
            co2_g: Micros::ZERO,
            customs: Vec::new(),
            why: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn chosen(mut all: Vec<RouteOption>, level: Level) -> i32 {
        order(&mut all, level);
        all[0].arrive.0 / 60
    }

    #[test]
    fn lateness_is_reckoned_into_the_cost() {
        let with = |cost| vec![option(30, 1_000, 0.85), option(20, cost, 0.99)];
        // 1,000 + 300 against 1,200 + 20, and against 1,400 + 20.
        assert_eq!(chosen(with(1_200), Level::Standard), 20);
        assert_eq!(chosen(with(1_400), Level::Standard), 30);
        assert_eq!(chosen(with(1_400), Level::Express), 20);
    }

    #[test]
    fn of_routes_that_hardly_differ_in_cost_the_earlier_is_taken() {
        let with = |cost| vec![option(30, 1_000, 1.0), option(20, cost, 1.0)];
        assert_eq!(chosen(with(1_005), Level::Standard), 20);
        assert_eq!(chosen(with(1_006), Level::Standard), 30);
    }

    #[test]
    fn a_promise_that_is_nearly_lost_is_kept_if_anything_can() {
        let all = vec![option(30, 1_000, 0.0), option(20, 9_000, 0.06)];
        assert_eq!(chosen(all, Level::Standard), 20);
        let lost = vec![option(30, 1_000, 0.0), option(20, 9_000, 0.0)];
        assert_eq!(chosen(lost, Level::Standard), 20);
    }
}

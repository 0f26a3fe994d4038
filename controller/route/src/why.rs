//! The reasons for a route, as sentences.

use crate::network::{Level, Network};
use crate::options::{Query, RouteOption};
use crate::ranking::{LIKELY, SURE};
use crate::risk::chance;
use crate::time::{DAY_MIN, Minute, span};

/// Below this probability nobody would call a promise kept.
pub(crate) const HOPELESS: f64 = 0.005;

/// Ranks the options and writes the reasons of each.
pub(crate) fn explain(network: &Network, query: &Query, options: &mut [RouteOption]) {
    let all = options.to_vec();
    for (index, option) in options.iter_mut().enumerate() {
        option.rank = index + 1;
        option.why = if index == 0 {
            first(network, query, option, &all)
        } else {
            let against = all.first().map(|best| compare(network, option, best, 1));
            against.into_iter().collect()
        };
        option.why.extend(boarding(network, query.ready, option));
        option.why.extend(waiting(network, query.ready, option));
        option.why.extend(tightest(network, option));
        option.why.extend(factor(network, query.ready, option));
        option.why.extend(borders(network, option));
    }
}

/// Why this one: the rule by which it was chosen, and what the others would cost or lose.
fn first(
    network: &Network,
    query: &Query,
    option: &RouteOption,
    all: &[RouteOption],
) -> Vec<String> {
    let mut why = vec![verdict(network, query, option)];
    for (index, other) in all.iter().enumerate().skip(1).take(2) {
        why.push(compare(network, option, other, index + 1));
    }
    why
}

fn verdict(network: &Network, query: &Query, option: &RouteOption) -> String {
    let clock = |at: Minute| network.text_clock_from(query.to, at, query.ready);
    let promise = clock(option.promise);
    let chance = percent(option.on_time_probability);
    if option.arrive > option.promise && option.on_time_probability < HOPELESS {
        return format!(
            "no route keeps the promise {promise}: this one arrives {}, {} after it",
            clock(option.arrive),
            span(option.arrive.since(option.promise)),
        );
    }
    let enough = match query.level {
        Level::Express => SURE,
        Level::Standard | Level::Economy => LIKELY,
    };
    if option.on_time_probability < enough {
        return format!("most likely to arrive by the promise {promise}: {chance}");
    }
    match query.level {
        Level::Express => {
            format!("of the routes sure to arrive by the promise {promise} ({chance}) the earliest")
        }
        Level::Standard | Level::Economy => format!(
            "the least cost with lateness reckoned in, or earlier within 0.5 % of it: by the promise \
             {promise} with {chance}"
        ),
    }
}

/// How an option stands against another: arrival, cost, probability.
fn compare(network: &Network, option: &RouteOption, other: &RouteOption, rank: usize) -> String {
    let minutes = option.arrive.since(other.arrive);
    let time = match minutes {
        0 => "as early as".to_owned(),
        1.. => format!("{} later than", span(minutes)),
        _ => format!("{} earlier than", span(-minutes)),
    };
    let cost = crate::Micros((option.cost.0 - other.cost.0).abs());
    let base = network.base_currency();
    let price = match option.cost.cmp(&other.cost) {
        core::cmp::Ordering::Less => format!("{cost} {base} cheaper"),
        core::cmp::Ordering::Equal => "at the same price".to_owned(),
        core::cmp::Ordering::Greater => format!("{cost} {base} dearer"),
    };
    let odds = (
        percent(option.on_time_probability),
        percent(other.on_time_probability),
    );
    let odds = if odds.0 == odds.1 {
        String::new()
    } else {
        format!(", on time with {} against {}", odds.0, odds.1)
    };
    format!("{time} option {rank}, {price}{odds}")
}

/// The first cut-off: what it is, and how far away.
fn boarding(network: &Network, ready: Minute, option: &RouteOption) -> Option<String> {
    let leg = option.legs.first()?;
    Some(format!(
        "cut-off at {} is {}, {} after it is ready, for {} to {} at {}",
        network.id(leg.from),
        network.text_clock_from(leg.from, leg.board_by, ready),
        span(leg.board_by.since(ready)),
        leg.service,
        network.id(leg.to),
        network.text_clock_from(leg.from, leg.depart, ready),
    ))
}

/// That the parcel stays where it is for a day or longer, and what keeps it there.
pub(crate) fn waiting(network: &Network, ready: Minute, option: &RouteOption) -> Option<String> {
    let (leg, step) = option.legs.first().zip(option.steps.first())?;
    let waits = leg.board_by.since(ready);
    if waits < DAY_MIN {
        return None;
    }
    let reasons = network.held_up(step.leg, (ready, leg.depart));
    let reasons = if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    };
    Some(format!(
        "waits {} at {}, until the departure of {} {}{reasons}",
        span(waits),
        network.id(leg.from),
        leg.service,
        network.text_clock_from(leg.from, leg.depart, ready),
    ))
}

impl Network {
    /// Reasons of the conditions that touch a leg in a stretch of time.
    fn held_up(&self, leg: u32, (from, to): (Minute, Minute)) -> Vec<&str> {
        let leg = self.leg(leg);
        let holds = self.conditions.iter().filter(|one| {
            let then = one.from <= to && from < one.to;
            then && leg.is_some_and(|leg| one.change.subject().touches(self, leg))
        });
        holds.map(|one| one.reason.as_str()).collect()
    }
}

/// The leg or border whose delays cost most of the probability, when there is something to gain.
fn factor(network: &Network, ready: Minute, option: &RouteOption) -> Option<String> {
    const WORTH: f64 = 0.01;
    let factors = (0..option.steps.len()).map(|index| {
        let times = (ready, option.promise);
        (chance(network, times, &option.steps, Some(index)), index)
    });
    let (best, index) = factors.max_by(|left, right| left.0.total_cmp(&right.0))?;
    let leg = option.legs.get(index)?;
    (best - option.on_time_probability >= WORTH).then(|| {
        format!(
            "most of the risk comes from {} to {}: were it punctual, {} would arrive by the promise",
            leg.service,
            network.id(leg.to),
            percent(best),
        )
    })
}

/// The connection with the least time to spare before its cut-off.
fn tightest(network: &Network, option: &RouteOption) -> Option<String> {
    let pairs = option.legs.iter().zip(option.legs.iter().skip(1));
    let (before, after) = pairs.min_by_key(|(before, after)| after.board_by.since(before.ready))?;
    Some(format!(
        "tightest connection: {} to spare at {} before the cut-off of {}",
        span(after.board_by.since(before.ready)),
        network.id(before.to),
        after.service,
    ))
}

fn borders(network: &Network, option: &RouteOption) -> Vec<String> {
    let steps = option.customs.iter();
    let text = steps.map(|step| {
        format!(
            "customs {} to {} at {}: half are cleared within {}, nine of ten within {}",
            step.from,
            step.to,
            network.id(step.place),
            span(step.p50_min),
            span(step.p90_min),
        )
    });
    text.collect()
}

/// Whole percent; 100 % only when it is certain to the printed digits.
pub(crate) fn percent(probability: f64) -> String {
    match probability {
        sure if sure >= 0.9995 => "> 99.9 %".to_owned(),
        high if high >= 0.99 => format!("{:.1} %", high * 100.0),
        other => format!("{:.0} %", other * 100.0),
    }
}

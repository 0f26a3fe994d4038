//! The reasons for a route, as sentences.

use crate::network::{Level, Network};
use crate::options::{Query, RouteOption, SURE};
use crate::time::{Minute, span};

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
        option.why.extend(tightest(network, option));
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
    let promise = network.text_clock(query.to, option.promise);
    let chance = percent(option.on_time_probability);
    if option.on_time_probability < SURE {
        return format!("most likely to arrive by the promise {promise}: {chance}");
    }
    let quality = match query.level {
        Level::Express => "the earliest",
        Level::Standard | Level::Economy => "the earliest within 2 % of the cheapest",
    };
    format!("of the routes sure to arrive by the promise {promise} ({chance}) {quality}")
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
        network.text_clock(leg.from, leg.board_by),
        span(leg.board_by.since(ready)),
        leg.service,
        network.id(leg.to),
        network.text_clock(leg.from, leg.depart),
    ))
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

//! The report as a table for people.

use sortline_route::Minute;

use super::{Difference, Disruption, Report, Times};

/// Queries that are named of those answered differently; JSON has all.
const NAMED_MAX: usize = 20;

/// The table.
pub fn table(report: &Report) -> String {
    let rows: String = rows(report)
        .iter()
        .map(|(name, times)| row(name, times))
        .collect();
    let head = format!(
        "{:<44}{:>9}{:>12}{:>12}{:>12}\n",
        "", "queries", "mean us", "p50 us", "p99 us"
    );
    [
        about(report),
        head,
        rows,
        figures(report),
        differing(&report.point_to_point.differences),
        weeks(report),
        learnt(report),
    ]
    .concat()
}

fn about(report: &Report) -> String {
    let about = &report.network;
    format!(
        "{} places, {} zones, {} services, {} legs, {} departures of legs a week; seed {}; checked \
         and compiled in {:.1} s\n\n",
        about.places,
        about.zones,
        about.services,
        about.legs,
        about.departures_per_week,
        about.seed,
        about.build_s,
    )
}

fn rows(report: &Report) -> [(&'static str, &Times); 13] {
    let point = &report.point_to_point;
    let (all, pareto) = (&report.one_to_all, &report.pareto);
    [
        ("point to point", &point.sortline),
        ("  lower bounds of a destination", &point.bounds),
        (
            "  petgraph Dijkstra, time-expanded",
            &point.petgraph_time_expanded,
        ),
        ("  vulture RAPTOR", &point.vulture),
        ("one to all", &all.sortline),
        ("  petgraph Dijkstra, without times", &all.petgraph_static),
        ("arrival, cost, CO2 within a tolerance", &pareto.sortline),
        ("  lower bounds of a destination", &pareto.bounds),
        ("  the same exactly", &pareto.exact),
        (
            "  vulture McRAPTOR on the same criteria",
            &pareto.vulture_co2,
        ),
        (
            "  vulture McRAPTOR on arrival and cost alone",
            &pareto.vulture,
        ),
        ("probability of keeping the promise", &report.risk.sortline),
        (
            "sort plan, 300 destinations, 40 chutes",
            &report.sort_plan.sortline,
        ),
    ]
}

fn differing(all: &[Difference]) -> String {
    let lines = all.iter().take(NAMED_MAX).map(|one| {
        let or_none = |at: Option<Minute>| at.map_or_else(|| "no route".to_owned(), written);
        format!(
            "answers differ: {} to {}, ready {}: Sortline {}, petgraph {}, vulture {}\n",
            one.from,
            one.to,
            written(one.ready),
            or_none(one.sortline),
            or_none(one.petgraph),
            or_none(one.vulture),
        )
    });
    let more = all.len().saturating_sub(NAMED_MAX);
    let rest = (more > 0).then(|| format!("and {more} more; --json has all\n"));
    lines.chain(rest).collect::<Vec<String>>().concat()
}

/// In UTC to the minute.
fn written(at: Minute) -> String {
    let time = jiff::Timestamp::from_second(i64::from(at.0) * 60);
    time.map_or_else(
        |_| at.0.to_string(),
        |time| time.strftime("%Y-%m-%dT%H:%MZ").to_string(),
    )
}

fn weeks(report: &Report) -> String {
    let percent = |share: f64| share * 100.0;
    let lines = report.weeks.iter().map(|site| {
        let held = &site.held_out;
        format!(
            "weeks held out from {}, {} weather, {} parcels: late {:.2} % by the fastest route, \
             {:.2} % by risk: {:.0} % fewer, {:+.1} % cost; calibration error {:.4}, 90 % intervals \
             hold {:.1} %\n",
            site.place,
            held.sky.name(),
            held.parcels,
            percent(1.0 - held.fastest.on_time_share),
            percent(1.0 - held.sortline.on_time_share),
            percent(held.fewer_late),
            percent(held.dearer),
            held.calibration_error,
            percent(held.within_90),
        )
    });
    lines.collect::<Vec<String>>().concat()
}

fn learnt(report: &Report) -> String {
    let lines = report.flights.iter().map(|flights| {
        format!(
            "flights, {} predicted: Brier {:.4} for more than 15 min (mean alone {:.4}), \
             calibration error {:.4}, CRPS {:.2} min (quantiles of all {:.2}), learnt in {:.2} s\n",
            flights.split,
            flights.brier,
            flights.brier_climatology,
            flights.calibration_error,
            flights.crps_min,
            flights.crps_climatology_min,
            flights.learn_s,
        )
    });
    lines.collect::<Vec<String>>().concat()
}

fn row(name: &str, times: &Times) -> String {
    format!(
        "{name:<44}{:>9}{:>12.1}{:>12.1}{:>12.1}\n",
        times.queries, times.mean_us, times.p50_us, times.p99_us
    )
}

fn figures(report: &Report) -> String {
    let Report {
        point_to_point: point,
        one_to_all: all,
        pareto,
        ignoring_the_timetable: ignoring,
        risk,
        sort_plan,
        ..
    } = report;
    format!(
        "\npoint to point: {:.0} queries a second, {:.0} x petgraph, {:.0} x vulture; {} of {} answers \
         differ\n\
         one to all: {:.2} x petgraph without times; full table of a site {:.2} s, look-up {:.0} ns\n\
         Pareto sets: {:.1} points ({:.1} exactly), {:.2} % of exact points within 5 %, {:.0} x \
         vulture's McRAPTOR on the same three criteria and limits ({} of {} sets differ), {:.0} x if \
         it leaves out CO2\n\
         ignoring the timetable: {:+.1} % mean, {:+.1} % median, {:+.1} % p90, {:+.1} % p99, {:.0} % \
         optimal\n\
         {}{}\
         risk: at most {:.4} from {} samples on {} routes, {:.4} in the mean\n\
         sort plan: at most {:.2} % above the bound that Sortline proves, {:.2} % above the fullest wave \
         over all chutes, where the bound of HiGHS begins (plan optimise --exact)\n",
        point.per_second,
        point.times_petgraph,
        point.times_vulture,
        point.mismatches,
        point.compared,
        all.of_petgraph,
        all.table_s,
        all.look_up_ns,
        pareto.points,
        pareto.exact_points,
        pareto.covered * 100.0,
        pareto.times_vulture_co2,
        pareto.mismatches,
        pareto.compared,
        pareto.times_vulture,
        ignoring.mean_percent,
        ignoring.p50_percent,
        ignoring.p90_percent,
        ignoring.p99_percent,
        ignoring.optimal_percent,
        disrupted("a hub closed", &report.disruption),
        disrupted(
            "a strait closed, for parcels that may not fly",
            &report.strait
        ),
        risk.worst,
        risk.samples,
        risk.routes,
        risk.mean,
        sort_plan.gap_percent,
        sort_plan.gap_to_share_percent,
    )
}

fn disrupted(what: &str, found: &Disruption) -> String {
    format!(
        "{what}: {} of {} parcels touched, applied in {:.2} ms, {:.0} planned anew a second, {:.1} h \
         later instead of {:.1} h ({:.0} %; {:.1} h, {:.0} %, had it been known before they left)\n",
        found.touched,
        found.parcels,
        found.apply_ms,
        found.replanned_per_s,
        found.replanned_h,
        found.kept_h,
        found.share * 100.0,
        found.known_h,
        found.share_known * 100.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_answered_differently_are_named_up_to_a_number() {
        let one = Difference {
            from: "D0404".to_owned(),
            to: "D1808".to_owned(),
            ready: Minute(29_807_895),
            sortline: Some(Minute(29_814_797)),
            petgraph: Some(Minute(29_815_629)),
            vulture: None,
        };
        let line = "answers differ: D0404 to D1808, ready 2026-09-03T22:15Z: Sortline \
                    2026-09-08T17:17Z, petgraph 2026-09-09T07:09Z, vulture no route\n";
        assert_eq!(differing(&[]), "");
        assert_eq!(differing(&[one.clone(), one.clone()]), line.repeat(2));
        let many = differing(&vec![one; NAMED_MAX + 3]);
        assert_eq!(
            many,
            line.repeat(NAMED_MAX) + "and 3 more; --json has all\n"
        );
    }
}

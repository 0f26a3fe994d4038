//! A run as one HTML file with pictures that opens without a network.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::report::{Report, Spot};
use super::scenario::Scenario;

/// Size of the belt diagram, pixels.
const WIDTH: i64 = 1_000;
const HEIGHT: i64 = 420;
/// Room for the axis labels.
const LEFT: i64 = 70;
const BOTTOM: i64 = 30;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;\
    padding:0 1em;color:#1b2430;background:#fff}h1{font-size:1.5em}h2{font-size:1.1em;\
    margin-top:2em}svg{width:100%;height:auto;background:#f6f8fa;border-radius:6px}\
    td,th{padding:.15em 1em .15em 0;text-align:left}text{fill:#51606f;font-size:12px}\
    .way{fill:none;stroke:#1769aa;stroke-width:1.2;opacity:.7}.way.rejected{stroke:#c77700;\
    stroke-width:2}.way.missort{stroke:#b3261e;stroke-width:3}.way.removed{stroke:#8a949e;\
    stroke-dasharray:4 3}.axis{stroke:#c5ced6}\
    rect{fill:#1769aa}.bad{color:#b3261e;font-weight:600}\
    @media(prefers-color-scheme:dark){body{color:#dde5ec;background:#11161b}\
    svg{background:#1a2128}text{fill:#9fb0be}.way{stroke:#6bb6f0}rect{fill:#6bb6f0}\
    .axis{stroke:#37434d}.bad{color:#ff8a80}}";

/// The report of one seed as one HTML file.
#[must_use]
pub fn write_html(report: &Report, scenario: &Scenario) -> String {
    let mut page = String::new();
    // Writing into a string never fails.
    let written = write_page(&mut page, report, scenario);
    debug_assert!(written.is_ok());
    page
}

fn write_page(page: &mut String, r: &Report, scenario: &Scenario) -> std::fmt::Result {
    let name = escape(&r.scenario);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{name}, seed {seed}\
         </title><style>{STYLE}</style><h1>{name}, seed {seed}</h1><p>{inducted} parcels in \
         {time:.0} s of virtual time, {rate} an hour. Trace <code>{hash}</code>.</p>",
        seed = r.seed,
        inducted = r.inducted,
        time = r.simulated_s,
        rate = r.parcels_per_hour,
        hash = r.trace_hash,
    )?;
    write_violations(page, r)?;
    write!(page, "<h2>The first parcels on the belt</h2>")?;
    write!(
        page,
        "<p>One line for each parcel and lap, from induction to where it left the belt: blue in its \
         chute or to another lap, amber rejected, red in a wrong chute, dashed taken off by \
         hand.</p>"
    )?;
    write_belt(page, r, scenario)?;
    let outcomes = [
        ("sorted", r.sorted),
        ("rejected", r.rejected),
        ("missort", r.missort),
        ("lost", r.lost),
        ("removed", r.removed),
        ("on belt", r.on_belt),
        ("recirculations", r.recirculations),
    ];
    let named = |(name, count): (&str, u64)| (name.to_owned(), count);
    write_bars(page, "Where parcels ended", outcomes.into_iter().map(named))?;
    let chutes = r
        .in_chute
        .iter()
        .map(|(chute, count)| (format!("chute {chute}"), *count));
    write_bars(page, "Chutes", chutes)?;
    let causes = r
        .reject_causes
        .iter()
        .map(|(cause, count)| (cause.clone(), *count));
    write_bars(page, "Why parcels were rejected", causes)?;
    let differences = r
        .disagreements
        .iter()
        .map(|(what, count)| (what.clone(), *count));
    write_bars(
        page,
        "Told otherwise than it was (told/physics)",
        differences,
    )?;
    let faults = r
        .faults_fired
        .iter()
        .map(|(fault, count)| ((*fault).to_owned(), *count));
    write_bars(page, "Faults that took effect", faults)?;
    write!(page, "</html>")
}

fn write_violations(page: &mut String, r: &Report) -> std::fmt::Result {
    if r.violations_total == 0 {
        return write!(page, "<p>Every invariant held.</p>");
    }
    write!(
        page,
        "<p class=\"bad\">{} violations</p><table>",
        r.violations_total
    )?;
    write!(page, "<tr><th>rule<th>time, µs<th>what")?;
    for v in &r.violations {
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}",
            v.rule,
            v.at_us,
            escape(&v.what)
        )?;
    }
    write!(page, "</table>")
}

/// Time to the right, position along the belt upwards; one line for each lap of a parcel.
fn write_belt(page: &mut String, r: &Report, scenario: &Scenario) -> std::fmt::Result {
    let ways: &BTreeMap<u32, Vec<Spot>> = &r.ways;
    let line = scenario.topology.config();
    let last_us = ways
        .values()
        .flatten()
        .map(|s| s.at_us)
        .max()
        .unwrap_or(1)
        .max(1);
    let end_um = (i64::from(line.belt.length_mm) * 1_000).max(1);
    let x = |at_us: u64| {
        LEFT + i64::try_from(at_us * 900 / last_us)
            .unwrap_or(0)
            .clamp(0, WIDTH - LEFT)
    };
    let y = |um: i64| HEIGHT - BOTTOM - um.clamp(0, end_um) * (HEIGHT - 2 * BOTTOM) / end_um;
    write!(page, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">")?;
    for diverter in &line.diverters {
        let at = y(i64::from(diverter.position_mm) * 1_000);
        write!(
            page,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at}\" y2=\"{at}\"/>\
             <text x=\"4\" y=\"{}\">{}</text>",
            at + 4,
            escape(&diverter.name)
        )?;
    }
    for (serial, way) in ways {
        let end = r.odd_ends.get(serial).copied().unwrap_or_default();
        let mut before: Option<Spot> = None;
        for spot in way {
            let same_lap = before.is_some_and(|b| b.lead_um <= spot.lead_um);
            match (same_lap, before.is_some()) {
                (true, _) => write!(page, " {},{}", x(spot.at_us), y(spot.lead_um))?,
                (false, open) => {
                    let close = if open { "\"/>" } else { "" };
                    let (x, y) = (x(spot.at_us), y(spot.lead_um));
                    write!(
                        page,
                        "{close}<polyline class=\"way {end}\" points=\"{x},{y}"
                    )?;
                }
            }
            before = Some(*spot);
        }
        if before.is_some() {
            write!(page, "\"/>")?;
        }
    }
    let seconds = last_us / 1_000_000;
    let at = HEIGHT - 8;
    write!(page, "<text x=\"{LEFT}\" y=\"{at}\">0 s</text>")?;
    write!(page, "<text x=\"930\" y=\"{at}\">{seconds} s</text></svg>")
}

fn write_bars(
    page: &mut String,
    title: &str,
    bars: impl Iterator<Item = (String, u64)>,
) -> std::fmt::Result {
    let bars: Vec<_> = bars.collect();
    if bars.is_empty() {
        return Ok(());
    }
    let most = bars.iter().map(|(_, n)| *n).max().unwrap_or(1).max(1);
    write!(
        page,
        "<h2>{title}</h2><svg viewBox=\"0 0 {WIDTH} {}\">",
        bars.len() * 22 + 8
    )?;
    for (index, (name, count)) in bars.iter().enumerate() {
        let top = index * 22 + 6;
        write!(
            page,
            "<text x=\"4\" y=\"{}\">{}</text><rect x=\"160\" y=\"{top}\" width=\"{}\" \
             height=\"16\"/><text x=\"{}\" y=\"{}\">{count}</text>",
            top + 13,
            escape(name),
            count * 740 / most,
            168 + count * 740 / most,
            top + 13,
        )?;
    }
    write!(page, "</svg>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_harmless() {
        assert_eq!(
            escape("<a href=\"x\">&"),
            "&lt;a href=&quot;x&quot;&gt;&amp;"
        );
    }

    #[test]
    fn bars_are_scaled_to_the_longest() {
        let mut page = String::new();
        let bars = [("a".to_owned(), 5), ("b".to_owned(), 10)];
        write_bars(&mut page, "T", bars.into_iter()).unwrap();
        assert!(
            page.contains("width=\"370\"") && page.contains("width=\"740\""),
            "{page}"
        );
    }
}

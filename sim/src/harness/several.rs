//! Several lines in one service: one report of all.

use super::report::Report;

/// Chutes of the second line are numbered from here on, those of the third from twice that.
const CHUTES: u16 = 1_000;

/// The seed of one of several lines; the first has that of the run.
pub(super) const fn seed_of(seed: u64, line: u64) -> u64 {
    // 2^64 divided by the golden ratio: seeds of lines meet those of no other run.
    seed.wrapping_add(line.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// What all lines did together.
pub(super) fn together(reports: Vec<Report>, seed: u64) -> Report {
    let mut all = reports.into_iter();
    let mut sum = all.next().unwrap_or_default();
    sum.seed = seed;
    for (line, report) in (1_u16..).zip(all) {
        add(&mut sum, report, line);
    }
    sum
}

fn add(sum: &mut Report, report: Report, line: u16) {
    for (total, part) in [
        (&mut sum.inducted, report.inducted),
        (&mut sum.sorted, report.sorted),
        (&mut sum.rejected, report.rejected),
        (&mut sum.lost, report.lost),
        (&mut sum.missort, report.missort),
        (&mut sum.unseen, report.unseen),
        (&mut sum.removed, report.removed),
        (&mut sum.on_belt, report.on_belt),
        (&mut sum.recirculations, report.recirculations),
        (&mut sum.spilled, report.spilled),
        (&mut sum.on_belt_at_kill, report.on_belt_at_kill),
        (&mut sum.readopted, report.readopted),
        (&mut sum.violations_total, report.violations_total),
        (&mut sum.parcels_per_hour, report.parcels_per_hour),
    ] {
        *total += part;
    }
    for (total, part) in [
        (&mut sum.reject_causes, report.reject_causes),
        (&mut sum.disagreements, report.disagreements),
        (&mut sum.refusals, report.refusals),
    ] {
        for (name, count) in part {
            *total.entry(name).or_default() += count;
        }
    }
    for (total, part) in [
        (&mut sum.told, report.told),
        (&mut sum.faults_fired, report.faults_fired),
    ] {
        for (name, count) in part {
            *total.entry(name).or_default() += count;
        }
    }
    sum.simulated_s = sum.simulated_s.max(report.simulated_s);
    sum.violations.extend(report.violations);
    sum.trace_hash = mixed(&sum.trace_hash, &report.trace_hash);
    let chutes = report.in_chute.into_iter();
    let from = line.saturating_mul(CHUTES);
    let numbered = chutes.map(|(chute, count)| (chute.saturating_add(from), count));
    sum.in_chute.extend(numbered);
}

/// One hash of two, in their order.
fn mixed(first: &str, second: &str) -> String {
    let number = |hash| u64::from_str_radix(hash, 16).unwrap_or(0);
    format!("{:016x}", number(first).rotate_left(7) ^ number(second))
}

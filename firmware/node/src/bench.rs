//! The bench: a belt that runs by itself, inputs typed by a person, outputs printed.

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use sortline_logic::Node;
use sortline_node::Field;

/// Lines typed ahead; a script that writes faster waits.
const LINES_MAX: usize = 64;

/// The field of a bench node.
#[derive(Debug)]
pub(crate) struct Bench {
    lines: Receiver<String>,
    speed_mm_per_s: u32,
    um_per_tick: u32,
    now_us: u64,
    /// Belt travel in nanometres that has not made a whole tick yet.
    rest_nm: u64,
    outputs: u32,
}

impl Bench {
    pub(crate) fn new(speed_mm_per_s: u32, um_per_tick: u32) -> Self {
        let (sender, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            // Ends with standard input, or with the bench.
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            lines,
            speed_mm_per_s,
            um_per_tick,
            now_us: 0,
            rest_nm: 0,
            outputs: 0,
        }
    }

    /// Whole ticks of travel in the time since the last call.
    fn ticks(&mut self, now_us: u64) -> u32 {
        let elapsed = now_us.saturating_sub(self.now_us);
        self.now_us = now_us;
        // One mm/s is one nm/us.
        let travelled = elapsed.saturating_mul(u64::from(self.speed_mm_per_s));
        let total = self.rest_nm.saturating_add(travelled);
        let tick_nm = u64::from(self.um_per_tick.max(1)) * 1_000;
        self.rest_nm = total % tick_nm;
        u32::try_from(total / tick_nm).unwrap_or(u32::MAX)
    }

    fn obey(&mut self, node: &mut Node, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            ["eye", eye, level] => match (eye.parse::<u8>(), on_or_off(level)) {
                (Ok(eye), Some(blocked)) if eye < node.limits().eyes => node.eye(eye, blocked),
                _ => say(&format!("expected: eye 0..{} on|off", node.limits().eyes)),
            },
            ["stop", level] => match on_or_off(level) {
                Some(active) => node.stop(active),
                None => say("expected: stop on|off"),
            },
            ["speed", speed] => match speed.parse::<u32>().ok().filter(|speed| *speed <= 4_000) {
                Some(speed) => self.speed_mm_per_s = speed,
                None => say("expected: speed 0..4000"),
            },
            ["state"] => say(&format!("{:?}", node.status())),
            [] => {}
            _ => say("expected: eye N on|off, stop on|off, speed MM_PER_S, or state"),
        }
    }
}

impl Field for Bench {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        // Wraps after 49 days, as the node expects.
        let millis = u32::try_from(now_us / 1_000 % (1 << 32)).unwrap_or(0);
        node.millis(millis);
        while let Ok(line) = self.lines.try_recv() {
            self.obey(node, &line);
        }
        let ticks = self.ticks(now_us);
        node.travel(node.count().wrapping_add(ticks));
        while let Some(pulse) = node.take_trigger() {
            say(&format!(
                "count {}: camera {} pulse {}",
                pulse.at, pulse.camera, pulse.number
            ));
        }
        if node.outputs() != self.outputs {
            self.outputs = node.outputs();
            say(&format!(
                "count {}: outputs {:032b}",
                node.count(),
                self.outputs
            ));
        }
    }
}

fn on_or_off(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn say(text: &str) {
    // A bench whose output is closed goes on working.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

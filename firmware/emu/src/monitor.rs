//! QEMU's monitor: what the machine is made of, and whether its time runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Events that may come before an answer.
const EVENTS_MAX: u32 = 100;

/// The monitor of a running board.
#[derive(Debug)]
pub(crate) struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Greets it; it has `patience` for each answer.
    pub(crate) fn new(stream: UnixStream, patience: Duration) -> Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        let mut monitor = Self {
            stream: BufReader::new(stream),
        };
        monitor.tell("qmp_capabilities")?;
        Ok(monitor)
    }

    /// QEMU's names of the GPIO ports: they are numbered in order, but from a number that differs
    /// from version to version.
    pub(crate) fn ports(&mut self) -> Result<Vec<String>> {
        let list = json!({"execute": "qom-list", "arguments": {"path": "/machine/unattached"}});
        let listed = self.ask(&list)?;
        let mut numbers: Vec<u32> = listed
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| text(entry, "type").is_some_and(|t| t.contains("pl061_luminary")))
            .filter_map(|entry| {
                let number = text(entry, "name")?.strip_prefix("device[")?;
                number.strip_suffix(']')?.parse().ok()
            })
            .collect();
        numbers.sort_unstable();
        let path = |number: u32| format!("/machine/unattached/device[{number}]");
        Ok(numbers.into_iter().map(path).collect())
    }

    /// The device file of the fieldbus UART, if it is one.
    pub(crate) fn terminal(&mut self) -> Result<Option<String>> {
        let devices = self.ask(&json!({"execute": "query-chardev"}))?;
        Ok(devices.as_array().into_iter().flatten().find_map(|entry| {
            let file = text(entry, "filename")?.strip_prefix("pty:")?;
            Some(file.to_owned())
        }))
    }

    /// A command that has no answer but that it was done.
    pub(crate) fn tell(&mut self, command: &str) -> Result<()> {
        self.ask(&json!({"execute": command})).map(drop)
    }

    fn ask(&mut self, question: &Value) -> Result<Value> {
        writeln!(self.stream.get_mut(), "{question}").context("asking QEMU")?;
        // Greeting and events may come first.
        for _ in 0..EVENTS_MAX {
            let mut line = String::new();
            self.stream.read_line(&mut line).context("hearing QEMU")?;
            let answer: Value = serde_json::from_str(&line).context("QEMU's answer")?;
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
            if let Some(error) = answer.get("error") {
                bail!("QEMU says {error}");
            }
        }
        bail!("QEMU does not answer {question}")
    }
}

fn text<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key)?.as_str()
}

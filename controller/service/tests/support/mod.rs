//! Processes that a test starts, and what they print.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Everything a test waits for is there long before; a slower machine fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A process that is killed when the test ends, and the lines it prints.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut read = stdout.lines().map_while(Result::ok);
            read.try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Starts `sortline` with these arguments.
    pub(crate) fn sortline(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sortline"));
        Self::start(command.args(["--log", "warn,rumqttd=off"]).args(args))
    }

    /// What follows `start` in a line still to come.
    pub(crate) fn told(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect(start);
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    /// Ends it orderly and gives its exit code.
    pub(crate) fn end(&mut self) -> i32 {
        let pid = self.child.id().to_string();
        let signal = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(signal.success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

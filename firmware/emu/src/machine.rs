//! One emulated board: QEMU with its sockets, ended when dropped.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::clock;
use crate::image::Image;
use crate::master::Master;
use crate::pins::Pins;

/// Longest time from the start of QEMU until it can be talked to.
const START: Duration = Duration::from_secs(20);
/// Between two looks for something to appear.
const LOOK: Duration = Duration::from_millis(10);

/// How virtual time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// With the host's clock.
    Free,
    /// By the instructions executed, 64 ns each; in idle with the host's clock.
    Counted,
}

/// What the fieldbus UART is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serial {
    Socket,
    Terminal,
}

/// A running board.
#[derive(Debug)]
pub(crate) struct Machine {
    child: Child,
    directory: PathBuf,
    /// Device file of the fieldbus UART, if it is one.
    pub(crate) terminal: Option<String>,
    pub(crate) pins: Pins,
    pub(crate) modbus: SocketAddr,
}

impl Machine {
    /// Starts a board and waits until it says that it is ready.
    pub(crate) fn start(image: &Image, pace: Pace) -> Result<Self> {
        Self::start_with(image, pace, Serial::Socket)
    }

    /// The same with a device file as the fieldbus UART, for programs that want one.
    pub(crate) fn start_on_terminal(image: &Image) -> Result<Self> {
        Self::start_with(image, Pace::Free, Serial::Terminal)
    }

    fn start_with(image: &Image, pace: Pace, serial: Serial) -> Result<Self> {
        let directory = directory()?;
        let started = Self::boot(image, (pace, serial), &directory);
        if started.is_err() {
            // The reason is worth more than what is left behind.
            drop(std::fs::remove_dir_all(&directory));
        }
        started
    }

    fn boot(image: &Image, how: (Pace, Serial), directory: &Path) -> Result<Self> {
        let modbus = free_port()?;
        let messages = File::create(directory.join("messages")).context("a file for messages")?;
        let mut child = command(image, how, directory, modbus)
            .stderr(messages)
            .spawn()
            .context("starting qemu-system-arm; `cargo xtask setup` installs it")?;
        let ready: Result<_> = (|| {
            let (ports, terminal) = survey(&connect(&directory.join("qmp"))?)?;
            let pins = Pins::new(connect(&directory.join("qtest"))?, ports, image.handled)?;
            wait_for(&directory.join("console"), "sortline field node", 1)?;
            Ok((pins, terminal))
        })();
        match ready {
            Ok((pins, terminal)) => Ok(Self {
                child,
                directory: directory.to_owned(),
                terminal,
                pins,
                modbus,
            }),
            Err(error) => {
                end(&mut child);
                let said = std::fs::read_to_string(directory.join("messages"));
                Err(error.context(said.unwrap_or_default()))
            }
        }
    }

    /// What the board has printed.
    pub(crate) fn console(&self) -> Result<String> {
        std::fs::read_to_string(self.directory.join("console")).context("reading the console")
    }

    /// Waits until the board has started `times` times.
    pub(crate) fn wait_for_start(&self, times: usize) -> Result<()> {
        wait_for(
            &self.directory.join("console"),
            "sortline field node",
            times,
        )
    }

    /// The fieldbus UART's other end.
    pub(crate) fn serial(&self) -> Result<UnixStream> {
        connect(&self.directory.join("serial"))
    }

    /// A master on the serial line; one at a time.
    pub(crate) fn rtu(&self) -> Result<Master> {
        Master::rtu(self.serial()?)
    }

    /// A master on the network.
    pub(crate) fn tcp(&self) -> Result<Master> {
        Master::tcp(self.modbus)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        end(&mut self.child);
        // Nothing depends on it; a leftover in the temporary directory is no failure.
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn end(child: &mut Child) {
    // An error means that it is gone already.
    drop(child.kill());
    drop(child.wait());
}

fn command(
    image: &Image,
    (pace, serial): (Pace, Serial),
    directory: &Path,
    modbus: SocketAddr,
) -> Command {
    let socket = |name: &str| format!("unix:{},server=on,wait=off", directory.join(name).display());
    // A board has its processor for itself. Where that is not allowed, `nice` says so and goes on.
    let mut command = Command::new("nice");
    command
        .args(["-n", "-10", "qemu-system-arm"])
        .args(["-M", "lm3s6965evb", "-accel", "tcg", "-display", "none"])
        .args(["-monitor", "none", "-qtest-log", "/dev/null"])
        .arg("-serial")
        .arg(format!("file:{}", directory.join("console").display()))
        .arg("-serial")
        .arg(match serial {
            Serial::Socket => socket("serial"),
            Serial::Terminal => "pty".to_owned(),
        })
        .args(["-qtest", &socket("qtest"), "-qmp", &socket("qmp")])
        .arg("-nic")
        .arg(format!(
            "user,model=stellaris,restrict=on,hostfwd=tcp:{modbus}-10.0.2.15:502"
        ))
        .arg("-kernel")
        .arg(&image.path)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if pace == Pace::Counted {
        command.args(["-icount", "shift=6"]);
    }
    command
}

/// A directory of one's own for sockets and the console.
fn directory() -> Result<PathBuf> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("sortline-emu-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("making {}", directory.display()))?;
    Ok(directory)
}

/// A port that was free a moment ago.
fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    listener.local_addr().context("looking for a free port")
}

fn connect(path: &Path) -> Result<UnixStream> {
    let begun = clock::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) if begun.elapsed() > START => {
                return Err(error).with_context(|| format!("connecting to {}", path.display()));
            }
            Err(_not_yet) => std::thread::sleep(LOOK),
        }
    }
}

/// Waits until a text stands in a file a number of times.
fn wait_for(path: &Path, text: &str, times: usize) -> Result<()> {
    let begun: Instant = clock::now();
    loop {
        let content = std::fs::read_to_string(path).unwrap_or_default();
        // The whole line, or what comes behind the text could be missing.
        let lines = content.lines().filter(|line| line.contains(text)).count();
        if lines >= times && content.ends_with('\n') {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < START,
            "the board does not start; its console says {content:?}"
        );
        std::thread::sleep(LOOK);
    }
}

/// QEMU's names of the GPIO ports: they are numbered in order, but from a number that differs
/// from version to version. And the device file of the fieldbus UART, if it is one.
fn survey(stream: &UnixStream) -> Result<(Vec<String>, Option<String>)> {
    stream.set_read_timeout(Some(START))?;
    let mut lines = BufReader::new(stream);
    ask(stream, &mut lines, &json!({"execute": "qmp_capabilities"}))?;
    let list = json!({"execute": "qom-list", "arguments": {"path": "/machine/unattached"}});
    let listed = ask(stream, &mut lines, &list)?;
    let text = |entry: &Value, key: &str| Some(entry.get(key)?.as_str()?.to_owned());
    let mut numbers: Vec<u32> = listed
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| text(entry, "type").is_some_and(|t| t.contains("pl061_luminary")))
        .filter_map(|entry| {
            let name = text(entry, "name")?;
            name.strip_prefix("device[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .collect();
    numbers.sort_unstable();
    let path = |number: u32| format!("/machine/unattached/device[{number}]");
    let devices = ask(stream, &mut lines, &json!({"execute": "query-chardev"}))?;
    let terminal = devices.as_array().into_iter().flatten().find_map(|entry| {
        let file = text(entry, "filename")?;
        Some(file.strip_prefix("pty:")?.to_owned())
    });
    Ok((numbers.into_iter().map(path).collect(), terminal))
}

fn ask(
    mut stream: &UnixStream,
    lines: &mut BufReader<&UnixStream>,
    question: &Value,
) -> Result<Value> {
    writeln!(stream, "{question}").context("asking QEMU")?;
    // Greeting and events may come first.
    for _ in 0..100 {
        let mut line = String::new();
        lines.read_line(&mut line).context("hearing QEMU")?;
        let answer: Value = serde_json::from_str(&line).context("QEMU's answer")?;
        if let Some(value) = answer.get("return") {
            return Ok(value.clone());
        }
        if let Some(error) = answer.get("error") {
            bail!("QEMU refuses {question}: {error}");
        }
    }
    bail!("QEMU does not answer {question}")
}

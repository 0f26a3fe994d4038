//! One emulated board: QEMU with its sockets, ended when dropped.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sortline_regmap as map;

use crate::clock;
use crate::image::Image;
use crate::master::Master;
use crate::monitor::Monitor;
use crate::pins::Pins;

/// Longest time from the start of QEMU until it can be talked to.
const START: Duration = Duration::from_secs(20);
/// Between two looks at the board's clock.
pub(crate) const GLANCE: Duration = Duration::from_micros(500);
/// Between two looks for something to appear.
const LOOK: Duration = Duration::from_millis(10);

/// How virtual time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// With the host's clock.
    Free,
    /// By the instructions executed, and with the host's clock while the processor sleeps: fast,
    /// and for a controller that lives by that clock. A host that is slow makes time jump.
    Live,
    /// By the instructions executed and by nothing else: the processor never sleeps, so that a
    /// host that is slow makes everything slower alike.
    Counted,
}

impl Pace {
    /// Nanoseconds that an instruction takes, a power of 2; `None` where they are not counted.
    ///
    /// Counted time runs little faster than the host's then, so that a controller beside it is not
    /// left behind.
    pub(crate) const fn instruction_ns(self) -> Option<u32> {
        match self {
            Self::Free => None,
            Self::Live => Some(64),
            Self::Counted => Some(1),
        }
    }
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
    monitor: Monitor,
    /// Address of the board's clock.
    millis: u32,
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
            let mut monitor = Monitor::new(connect(&directory.join("qmp"))?, START)?;
            let (ports, terminal) = (monitor.ports()?, monitor.terminal()?);
            let pins = Pins::new(connect(&directory.join("qtest"))?, ports, image.handled)?;
            wait_for(&directory.join("console"), "sortline field node", 1)?;
            Ok((pins, terminal, monitor))
        })();
        match ready {
            Ok((pins, terminal, monitor)) => Ok(Self {
                child,
                directory: directory.to_owned(),
                terminal,
                pins,
                modbus,
                monitor,
                millis: image.millis,
            }),
            Err(error) => {
                end(&mut child);
                let said = std::fs::read_to_string(directory.join("messages"));
                Err(error.context(said.unwrap_or_default()))
            }
        }
    }

    /// The board's clock, in milliseconds.
    pub(crate) fn now_ms(&mut self) -> Result<u32> {
        self.pins.read(self.millis)
    }

    /// Waits until the board's clock has gone on by `ms` milliseconds.
    pub(crate) fn pass(&mut self, ms: u32) -> Result<()> {
        let (begun, host) = (self.now_ms()?, clock::now());
        while self.now_ms()?.wrapping_sub(begun) < ms {
            ensure!(host.elapsed() < START, "the board's clock stands still");
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Lets virtual time stand still.
    pub(crate) fn pause(&mut self) -> Result<()> {
        self.monitor.tell("stop")
    }

    /// Lets virtual time go on.
    pub(crate) fn resume(&mut self) -> Result<()> {
        self.monitor.tell("cont")
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
    // A board in the host's time has its processor for itself, as far as that is allowed (`nice`
    // says so and goes on); one in its own time must not outrun whoever talks to it.
    let niceness = if pace == Pace::Counted { "5" } else { "-10" };
    let mut command = Command::new("nice");
    command
        .args(["-n", niceness, "qemu-system-arm"])
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
    if let Some(ns) = pace.instruction_ns() {
        command.args(["-icount", &format!("shift={}", ns.ilog2())]);
    }
    if pace == Pace::Counted {
        let (word, magic) = (image.awake, map::MAGIC);
        let awake = format!("loader,addr={word:#x},data={magic:#x},data-len=4");
        command.args(["-device", &awake]);
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

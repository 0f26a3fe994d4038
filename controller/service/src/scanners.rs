//! Barcode readers that send text: their telegrams become readings of the parcels that they were
//! triggered for.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use sortline_core::{CameraId, Event, NoRead, Reading, TriggerId};
use sortline_fieldbus::address::{Dialer, Stream, keep_alive};
use sortline_fieldbus::scanner::{Decoder, Matcher, Measured, Telegram};
use sortline_read::{Country, Evidence, Policy, Symbol, SymbolFormat, fuse};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::clock;
use crate::config::{ScannerConfig, ScannerPlace};
use crate::service::stopped;
use crate::triggers::{self, Given, LAG, LAG_MS, Triggers, ms};
use crate::vision::reading_of;

/// Telegrams that may wait for their triggers.
const TELEGRAMS: usize = 64;
/// Pause before a connection is made anew.
const AGAIN: Duration = Duration::from_millis(400);
/// A device does not pause for so long inside a telegram.
const PAUSE: Duration = Duration::from_millis(100);
/// Stands for "never" among times.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// Starts the scanners of a site; readings go to `events`.
///
/// # Errors
/// An address that cannot be listened on.
pub fn start(
    scanners: &[ScannerConfig],
    country: &str,
    (events, stop): (&mpsc::Sender<Event>, &watch::Receiver<bool>),
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<Vec<Triggers>> {
    let policy = Policy {
        country: Country::from_alpha2(country),
        ..Policy::default()
    };
    let mut ways = Vec::new();
    for scanner in scanners {
        let wrong =
            |(key, text)| anyhow::anyhow!("scanner of camera {}: {key}: {text}", scanner.camera);
        let door = match scanner.place().map_err(wrong)? {
            ScannerPlace::At(address) => Door::To(Dialer::to(&address, None)),
            ScannerPlace::Listen(address) => {
                let what = || format!("listening on {address} for a scanner");
                let listener = std::net::TcpListener::bind(address).with_context(what)?;
                listener.set_nonblocking(true).with_context(what)?;
                Door::At(TcpListener::from_std(listener).with_context(what)?)
            }
        };
        let (way, receiver) = triggers::of(scanner.camera);
        ways.push(way);
        let [least, most] = scanner.answer_ms;
        let session = Session {
            camera: scanner.camera,
            policy,
            matcher: Matcher::new((least, most.saturating_add(LAG_MS))),
            unmatched: VecDeque::new(),
            triggers: receiver,
            events: events.clone(),
            idle: match scanner.idle_s {
                0 => NEVER,
                seconds => Duration::from_secs(seconds.into()),
            },
            healthy: true,
        };
        let decoder = Decoder::new(scanner.sends().map_err(wrong)?);
        let mut stop = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = session.run(door, decoder) => {}
                () = stopped(&mut stop) => {}
            }
            Ok(())
        });
    }
    Ok(ways)
}

/// How a connection comes about.
enum Door {
    To(Dialer),
    At(TcpListener),
}

impl Door {
    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::To(dialer) => dialer.open().await,
            Self::At(listener) => {
                let (stream, _) = listener.accept().await?;
                keep_alive(&stream)?;
                Ok(Box::new(stream))
            }
        }
    }

    /// A device that connects once more has lost its first connection without a word.
    async fn newer(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::To(_) => std::future::pending().await,
            Self::At(_) => self.open().await,
        }
    }
}

/// How a connection ended.
enum Ended {
    Lost,
    Replaced(Box<dyn Stream>),
}

struct Session {
    camera: CameraId,
    policy: Policy,
    matcher: Matcher,
    /// Telegrams that wait until every trigger they can answer is known, and until when.
    unmatched: VecDeque<(Instant, Measured)>,
    triggers: mpsc::Receiver<Given>,
    events: mpsc::Sender<Event>,
    idle: Duration,
    healthy: bool,
}

impl Session {
    /// Connects and reads until the line is gone.
    async fn run(mut self, door: Door, decoder: Decoder) {
        let mut newer = None;
        loop {
            let opened = match newer.take() {
                Some(stream) => Ok(stream),
                None => door.open().await,
            };
            match opened {
                Ok(stream) => {
                    tracing::info!(camera = %self.camera, "scanner connected");
                    match self.read(stream, &door, decoder.clone()).await {
                        Some(Ended::Replaced(stream)) => {
                            newer = Some(stream);
                            continue;
                        }
                        Some(Ended::Lost) => {}
                        None => return,
                    }
                    tracing::warn!(camera = %self.camera, "scanner lost");
                }
                Err(error) => tracing::debug!(camera = %self.camera, %error, "no scanner"),
            }
            if self.tell_health(false).await.is_none() {
                return;
            }
            sleep_until(Instant::now() + AGAIN).await;
        }
    }

    /// Reads one connection to its end (`Some`), or until the line is gone (`None`).
    async fn read(
        &mut self,
        mut stream: Box<dyn Stream>,
        door: &Door,
        mut decoder: Decoder,
    ) -> Option<Ended> {
        let mut buffer = [0; 2_048];
        let mut heard = Instant::now();
        let mut telegram_at = heard;
        // What was triggered while the device was away, it will not answer.
        while self.triggers.try_recv().is_ok() {}
        self.matcher.forget();
        self.unmatched.clear();
        self.tell_health(true).await?;
        loop {
            let due = self
                .unmatched
                .front()
                .map_or(heard + NEVER, |(due, _)| *due);
            tokio::select! {
                biased;
                given = self.triggers.recv() => {
                    let given = given?;
                    self.matcher.triggered(given.trigger.0, ms(given.told));
                }
                () = sleep_until(due) => self.take().await?,
                read = stream.read(&mut buffer) => {
                    let Ok(count @ 1..) = read else {
                        return Some(Ended::Lost);
                    };
                    heard = Instant::now();
                    for telegram in decoder.push(buffer.get(..count).unwrap_or_default()) {
                        telegram_at = heard;
                        self.tell_health(true).await?;
                        self.keep(telegram, heard);
                    }
                }
                Ok(newer) = door.newer() => return Some(Ended::Replaced(newer)),
                () = sleep_until(heard + PAUSE) => {
                    decoder.pause();
                    heard += NEVER;
                }
                // A device that lost power leaves its connection open for ever.
                () = sleep_until(telegram_at + self.idle) => return Some(Ended::Lost),
            }
        }
    }

    /// Keeps a telegram until its trigger must be known: the node's events come a poll behind, and an
    /// older trigger that was never answered would be taken for it.
    fn keep(&mut self, telegram: Telegram, now: Instant) {
        match telegram {
            Telegram::Read(measured) => {
                if self.unmatched.len() < TELEGRAMS {
                    self.unmatched.push_back((now + LAG, measured));
                }
            }
            Telegram::Heartbeat | Telegram::Answer { .. } => {}
            Telegram::Unknown => {
                tracing::debug!(camera = %self.camera, "a telegram of another form");
            }
        }
    }

    /// Gives the oldest telegram to its trigger.
    async fn take(&mut self) -> Option<()> {
        let Some((_, measured)) = self.unmatched.pop_front() else {
            return Some(());
        };
        let now = ms(clock::since_start_of_machine());
        let Some(trigger) = self.matcher.telegram(measured.tracking, now) else {
            tracing::debug!(camera = %self.camera, "a telegram that belongs to no trigger for certain");
            return Some(());
        };
        let reading = reading(&measured, self.policy);
        let (camera, trigger) = (self.camera, TriggerId(trigger));
        self.events
            .send(Event::Read {
                camera,
                trigger,
                reading,
            })
            .await
            .ok()
    }

    /// Tells the line when the reader falls ill or is well again.
    async fn tell_health(&mut self, healthy: bool) -> Option<()> {
        if std::mem::replace(&mut self.healthy, healthy) == healthy {
            return Some(());
        }
        let camera = self.camera;
        self.events
            .send(Event::Camera { camera, healthy })
            .await
            .ok()
    }
}

/// What the codes of a telegram say of the parcel.
fn reading(measured: &Measured, policy: Policy) -> Reading {
    if measured.codes.is_empty() {
        return Reading {
            no_read: Some(NoRead::NothingFound),
            ..Reading::default()
        };
    }
    let symbols = measured.codes.iter().map(|code| symbol(code)).collect();
    reading_of(&fuse(
        Evidence {
            symbols,
            ..Evidence::default()
        },
        policy,
    ))
}

/// A code as its reader sent it. Readers that are set to send the symbology put its AIM identifier
/// (ISO/IEC 15424) in front; without it a code is taken for one without GS1 element strings.
fn symbol(code: &str) -> Symbol {
    let known = [
        ("]C1", SymbolFormat::Code128, true),
        ("]C0", SymbolFormat::Code128, false),
        ("]d2", SymbolFormat::DataMatrix, true),
        ("]d1", SymbolFormat::DataMatrix, false),
        ("]Q3", SymbolFormat::QRCode, true),
        ("]Q1", SymbolFormat::QRCode, false),
        ("]I0", SymbolFormat::Itf, false),
        ("]A0", SymbolFormat::Code39, false),
        ("]E0", SymbolFormat::EAN13, false),
    ];
    let mut known = known.iter();
    let found = known.find_map(|(prefix, format, gs1)| {
        code.strip_prefix(prefix).map(|text| (*format, *gs1, text))
    });
    let (format, gs1, text) = found.unwrap_or((SymbolFormat::Code128, false, code));
    Symbol {
        format,
        text: sortline_read::bounded(text),
        gs1,
        corners: [[0; 2]; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    use sortline_fieldbus::scanner::{Format, FormatFile};
    use tokio::io::AsyncWriteExt as _;

    #[test]
    fn codes_say_what_a_symbol_would() {
        let codes = vec!["]C100340434161094042557".to_owned()];
        let read = reading(
            &Measured {
                codes,
                ..Measured::default()
            },
            Policy::default(),
        );
        assert_eq!(
            read.codes.first().map(|code| code.kind.as_str()),
            Some("sscc"),
            "{read:?}"
        );
        let none = reading(&Measured::default(), Policy::default());
        assert_eq!(none.no_read, Some(NoRead::NothingFound));
    }

    /// A session that listens, its ends, and the scanner's address.
    struct Rig {
        address: SocketAddr,
        triggers: mpsc::Sender<Given>,
        events: mpsc::Receiver<Event>,
        _tasks: JoinSet<()>,
    }

    impl Rig {
        async fn start(idle: Duration) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (triggers, taken) = mpsc::channel(4);
            let (sender, events) = mpsc::channel(4);
            let session = Session {
                camera: CameraId(2),
                policy: Policy::default(),
                matcher: Matcher::new((0, 5_000)),
                unmatched: VecDeque::new(),
                triggers: taken,
                events: sender,
                idle,
                healthy: false,
            };
            let decoder = Decoder::new(Format::new(FormatFile::sick()).unwrap());
            let mut tasks = JoinSet::new();
            tasks.spawn(session.run(Door::At(listener), decoder));
            Self {
                address,
                triggers,
                events,
                _tasks: tasks,
            }
        }

        async fn connect(&mut self) -> tokio::net::TcpStream {
            tokio::net::TcpStream::connect(self.address).await.unwrap()
        }

        async fn health(&mut self) -> bool {
            let event = self.events.recv().await.unwrap();
            let Event::Camera { healthy, .. } = event else {
                panic!("{event:?}")
            };
            healthy
        }

        async fn trigger(&self, number: u32) {
            let (trigger, told) = (TriggerId(number), clock::since_start_of_machine());
            self.triggers.send(Given { trigger, told }).await.unwrap();
            while self.triggers.capacity() < self.triggers.max_capacity() {
                tokio::task::yield_now().await;
            }
        }

        async fn read(&mut self) -> (TriggerId, usize) {
            let event = self.events.recv().await.unwrap();
            let Event::Read {
                camera,
                trigger,
                reading,
            } = event
            else {
                panic!("{event:?}")
            };
            assert_eq!(camera, CameraId(2));
            (trigger, reading.codes.len())
        }
    }

    #[tokio::test]
    async fn telegrams_become_readings_of_their_triggers() {
        let mut rig = Rig::start(NEVER).await;
        let mut scanner = rig.connect().await;
        assert!(rig.health().await);
        rig.trigger(7).await;
        scanner.write_all(b"\x02]C10034043416").await.unwrap();
        scanner.write_all(b"1094042557\x03").await.unwrap();
        assert_eq!(rig.read().await, (TriggerId(7), 1));
        drop(scanner);
        assert!(!rig.health().await);
    }

    #[tokio::test]
    async fn a_telegram_ahead_of_its_trigger_is_not_given_to_an_older_one() {
        let mut rig = Rig::start(NEVER).await;
        let mut scanner = rig.connect().await;
        assert!(rig.health().await);
        // The first parcel is never answered; the second one's telegram is faster than the node.
        rig.trigger(1).await;
        scanner.write_all(b"\x02]C1A2\x03").await.unwrap();
        sleep_until(Instant::now() + Duration::from_millis(10)).await;
        rig.trigger(2).await;
        sleep_until(Instant::now() + Duration::from_millis(4 * u64::from(LAG_MS))).await;
        // Whose it was is not certain; the next one is told again.
        rig.trigger(3).await;
        scanner.write_all(b"\x02]C1A3\x03").await.unwrap();
        assert_eq!(rig.read().await.0, TriggerId(3));
    }

    #[tokio::test]
    async fn a_device_that_comes_again_is_heard_and_owes_nothing() {
        let mut rig = Rig::start(NEVER).await;
        // It lost power: its first connection says nothing any more, and never ends.
        let _dead = rig.connect().await;
        assert!(rig.health().await);
        rig.trigger(1).await;
        let mut scanner = rig.connect().await;
        sleep_until(Instant::now() + Duration::from_millis(50)).await;
        scanner.write_all(b"\x02]C1A1\x03").await.unwrap();
        sleep_until(Instant::now() + Duration::from_millis(4 * u64::from(LAG_MS))).await;
        rig.trigger(2).await;
        scanner.write_all(b"\x02]C1A2\x03").await.unwrap();
        assert_eq!(
            rig.read().await.0,
            TriggerId(2),
            "the first trigger was forgotten"
        );
    }

    #[tokio::test]
    async fn a_device_without_a_heartbeat_is_ill_and_asked_again() {
        let mut rig = Rig::start(Duration::from_millis(150)).await;
        let _silent = rig.connect().await;
        assert!(rig.health().await);
        assert!(!rig.health().await);
        let _again = rig.connect().await;
        assert!(rig.health().await);
    }
}

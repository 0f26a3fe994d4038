//! Barcode readers that send text: their telegrams become readings of the parcels that they were
//! triggered for.

use std::io;
use std::time::Duration;

use anyhow::Context as _;
use sortline_core::{CameraId, Event, NoRead, Reading, TriggerId};
use sortline_fieldbus::address::{Dialer, Stream};
use sortline_fieldbus::scanner::{Decoder, Matcher, Measured, Telegram};
use sortline_read::{Country, Evidence, Policy, Symbol, SymbolFormat, fuse};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::config::{ScannerConfig, ScannerPlace};
use crate::service::stopped;
use crate::vision::reading_of;

/// Triggers that may wait to be taken note of.
const TRIGGERS: usize = 64;
/// Pause before a connection is made anew.
const AGAIN: Duration = Duration::from_millis(400);
/// A device does not pause for so long inside a telegram.
const PAUSE: Duration = Duration::from_millis(100);
/// Stands for "never" among times.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// Where the triggers of a camera go.
pub type Triggers = (CameraId, mpsc::Sender<TriggerId>);

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
    let mut triggers = Vec::new();
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
        let (sender, receiver) = mpsc::channel(TRIGGERS);
        triggers.push((scanner.camera, sender));
        let [least, most] = scanner.answer_ms;
        let session = Session {
            camera: scanner.camera,
            policy,
            begun: Instant::now(),
            matcher: Matcher::new((least, most)),
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
    Ok(triggers)
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
                Ok(Box::new(stream))
            }
        }
    }
}

struct Session {
    camera: CameraId,
    policy: Policy,
    begun: Instant,
    matcher: Matcher,
    triggers: mpsc::Receiver<TriggerId>,
    events: mpsc::Sender<Event>,
    idle: Duration,
    healthy: bool,
}

impl Session {
    /// Connects and reads until the line is gone.
    async fn run(mut self, door: Door, decoder: Decoder) {
        loop {
            match door.open().await {
                Ok(stream) => {
                    tracing::info!(camera = %self.camera, "scanner connected");
                    if self.read(stream, decoder.clone()).await.is_none() {
                        return;
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
    async fn read(&mut self, mut stream: Box<dyn Stream>, mut decoder: Decoder) -> Option<()> {
        let mut buffer = [0; 2_048];
        let mut heard = Instant::now();
        let mut telegram_at = heard;
        self.tell_health(true).await?;
        loop {
            let idle = telegram_at + self.idle;
            let idle = if self.healthy { idle } else { heard + NEVER };
            tokio::select! {
                biased;
                trigger = self.triggers.recv() => {
                    let now = self.now();
                    self.matcher.triggered(trigger?.0, now);
                }
                read = stream.read(&mut buffer) => {
                    let Ok(count @ 1..) = read else {
                        return Some(());
                    };
                    heard = Instant::now();
                    for telegram in decoder.push(buffer.get(..count).unwrap_or_default()) {
                        telegram_at = heard;
                        self.tell_health(true).await?;
                        self.take(telegram).await?;
                    }
                }
                () = sleep_until(heard + PAUSE) => {
                    decoder.pause();
                    heard += NEVER;
                }
                () = sleep_until(idle) => self.tell_health(false).await?,
            }
        }
    }

    async fn take(&mut self, telegram: Telegram) -> Option<()> {
        let measured = match telegram {
            Telegram::Read(measured) => measured,
            Telegram::Heartbeat | Telegram::Answer { .. } => return Some(()),
            Telegram::Unknown => {
                tracing::debug!(camera = %self.camera, "a telegram of another form");
                return Some(());
            }
        };
        let now = self.now();
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

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
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

    #[tokio::test]
    async fn telegrams_become_readings_of_their_triggers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, triggers) = mpsc::channel(4);
        let (events, mut happened) = mpsc::channel(4);
        let session = Session {
            camera: CameraId(2),
            policy: Policy::default(),
            begun: Instant::now(),
            matcher: Matcher::new((0, 5_000)),
            triggers,
            events,
            idle: NEVER,
            healthy: true,
        };
        let decoder = Decoder::new(Format::new(FormatFile::sick()).unwrap());
        let session = tokio::spawn(session.run(Door::At(listener), decoder));
        let mut scanner = tokio::net::TcpStream::connect(address).await.unwrap();
        sender.send(TriggerId(7)).await.unwrap();
        while sender.capacity() < sender.max_capacity() {
            tokio::task::yield_now().await;
        }
        scanner.write_all(b"\x02]C10034043416").await.unwrap();
        scanner.write_all(b"1094042557\x03").await.unwrap();
        let event = happened.recv().await.unwrap();
        let Event::Read {
            camera,
            trigger,
            reading,
        } = event
        else {
            panic!("{event:?}")
        };
        assert_eq!((camera, trigger), (CameraId(2), TriggerId(7)));
        assert_eq!(reading.codes.len(), 1);
        drop(scanner);
        let ill = Event::Camera {
            camera: CameraId(2),
            healthy: false,
        };
        assert_eq!(happened.recv().await.unwrap(), ill);
        session.abort();
    }
}

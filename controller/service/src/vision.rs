//! Cameras: one thread that receives and one that reads for each.
//!
//! Between them is a short queue that forgets its oldest frame, so that a slow reading costs that
//! frame and not those behind it. A frame belongs to a parcel by the trigger number that it carries,
//! or by the one trigger that can have taken it. Cameras that freeze, go black or cannot be reached
//! are reported as not healthy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sortline_capture::{Frame, Options, Reader, Source, encode, parcels, quality};
use sortline_core::{
    CameraId, Code, Destination, DestinationSource, Event, NoRead, Permille, Reading,
};
use sortline_read::health::{Arrival, CameraHealth, Fault, Limits};
use sortline_read::{Country, FrameResult};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use crate::clock;
use crate::config::{CameraConfig, VisionConfig};
use crate::live::{Hints, Shot};
use crate::pose::pose;
use crate::triggers::{self, Triggers};

mod unnumbered;

use unnumbered::Unnumbered;

/// A camera that gives no frame for this long is connected anew. That alone is no fault: without
/// parcels there are no triggers.
const SILENCE: Duration = Duration::from_secs(30);

/// Bad frames in a row after which a camera is not healthy.
const BAD_MAX: u32 = 3;

/// Where results go.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// Readings and health, for the line.
    pub events: mpsc::Sender<Event>,
    /// Pictures, for screens.
    pub shots: mpsc::Sender<Shot>,
}

/// Starts the threads of all cameras. They end with the process, or when the line is gone. Gives the
/// ways on which the cameras' triggers are to be told.
///
/// # Errors
/// A source is of no known kind, the engine for reading cannot start, or this build has none.
pub fn start(
    cameras: &[CameraConfig],
    vision: &VisionConfig,
    country: &str,
    outputs: &Outputs,
) -> anyhow::Result<Vec<Triggers>> {
    let mut ways = Vec::new();
    let time = sortline_capture::Clock {
        monotonic: clock::since_start_of_machine,
        thread_cpu: clock::thread_cpu,
    };
    let options = options(vision, country)?;
    for camera in cameras {
        let what = || format!("camera {} at {}", camera.id, camera.source);
        let source = Source::open(&camera.source, SILENCE, time).with_context(what)?;
        let (frames, queue) = broadcast::channel(vision.queue_frames.into());
        let (way, triggers) = triggers::of(camera.id);
        ways.push(way);
        let health = Health::new(camera.id, outputs.events.clone());
        let receiver = Receiver {
            source,
            frames,
            health: health.clone(),
        };
        let worker = Worker {
            camera: camera.id,
            queue,
            unnumbered: Unnumbered::new(triggers, camera.answer_ms),
            health,
            outputs: outputs.clone(),
            lasting: BTreeMap::new(),
        };
        let options = options.clone();
        let mut unread = worker.health.clone();
        let [reads, receives] = [unread.clone(), unread.clone()].map(Watched);
        // The engine for reading cannot move between threads, so it is made in its own.
        let read = move || {
            let _watched = reads;
            // Under load frames are given up first, never the line.
            if let Err(error) = rustix::process::nice(5) {
                tracing::debug!(%error, "the thread keeps its priority");
            }
            match Reader::new(options, time) {
                Ok(reader) => worker.run(reader),
                Err(error) => unread.end(&format!("its frames cannot be read: {error}")),
            }
        };
        let spawn = |name: String| std::thread::Builder::new().name(name);
        spawn(format!("camera-{}", camera.id))
            .spawn(move || {
                let _watched = receives;
                receiver.run();
            })
            .with_context(what)?;
        spawn(format!("read-{}", camera.id))
            .spawn(read)
            .with_context(what)?;
    }
    Ok(ways)
}

/// How the site wants frames to be read.
fn options(vision: &VisionConfig, country: &str) -> anyhow::Result<Options> {
    Ok(Options {
        budget: Some(Duration::from_millis(vision.budget_ms.into())),
        text: vision.text,
        text_confidence_min: f32::from(vision.text_confidence_permille_min) / 1_000.0,
        languages: vision.languages.clone(),
        country: Country::from_alpha2(country),
        effort: vision
            .effort
            .parse()
            .map_err(|error| anyhow::anyhow!("vision.effort: {error}"))?,
    })
}

/// Tells the line when the thread that holds it panics.
struct Watched(Health);

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end("its thread panicked");
        }
    }
}

/// Tells changes of a camera's health to the line.
#[derive(Clone, Debug)]
struct Health {
    camera: CameraId,
    events: mpsc::Sender<Event>,
    bad: u32,
}

impl Health {
    const fn new(camera: CameraId, events: mpsc::Sender<Event>) -> Self {
        Self {
            camera,
            events,
            bad: 0,
        }
    }

    /// The camera will give nothing any more.
    fn end(&mut self, why: &str) {
        tracing::error!(camera = %self.camera, why, "a camera has ended");
        self.bad = self.bad.max(BAD_MAX.saturating_sub(1));
        if !self.sign(false) {
            tracing::debug!("the line ended first");
        }
    }

    /// One more good or bad sign. False when the line is gone.
    fn sign(&mut self, good: bool) -> bool {
        let before = self.bad >= BAD_MAX;
        self.bad = if good { 0 } else { self.bad.saturating_add(1) };
        let now = self.bad >= BAD_MAX;
        if before == now {
            return !self.events.is_closed();
        }
        tracing::warn!(camera = %self.camera, healthy = !now, "a camera's health changed");
        let event = Event::Camera {
            camera: self.camera,
            healthy: !now,
        };
        self.events.blocking_send(event).is_ok()
    }
}

struct Receiver {
    source: Source,
    /// With the time of their arrival, since the machine's start.
    frames: broadcast::Sender<(Arc<Frame>, Duration)>,
    health: Health,
}

impl Receiver {
    fn run(mut self) {
        loop {
            let since = clock::since_start_of_machine();
            let Some(taken) = self.source.next() else {
                self.health.end("its source has no more pictures");
                return;
            };
            let goes_on = match taken {
                Ok(frame) => {
                    if frame.lost > 0 {
                        let (camera, count) = (self.health.camera, frame.lost);
                        tracing::warn!(%camera, count, "frames of a camera were lost on the way");
                    }
                    let arrived = clock::since_start_of_machine();
                    let heard = self.frames.send((Arc::new(frame), arrived)).is_ok();
                    heard && self.health.sign(true)
                }
                Err(missed) => {
                    let waited = clock::since_start_of_machine().saturating_sub(since);
                    // A camera that answers and shows nothing has seen no parcel.
                    let idle = waited >= SILENCE && missed.error.answered();
                    tracing::debug!(error = %missed.error, idle, "a camera gave no frame");
                    idle || self.health.sign(false)
                }
            };
            if !goes_on {
                return;
            }
        }
    }
}

struct Worker {
    camera: CameraId,
    queue: broadcast::Receiver<(Arc<Frame>, Duration)>,
    unnumbered: Unnumbered,
    health: Health,
    outputs: Outputs,
    /// Frames in a row that show a fault.
    lasting: BTreeMap<Fault, u32>,
}

impl Worker {
    fn run(mut self, mut reader: Reader) {
        let mut seen = CameraHealth::new(Limits::DEFAULT);
        loop {
            let (frame, arrived) = match self.queue.blocking_recv() {
                Ok(taken) => taken,
                Err(RecvError::Lagged(count)) => {
                    tracing::warn!(camera = %self.camera, count, "frames were forgotten unread");
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            let Some(trigger) = self.unnumbered.trigger(&frame, arrived) else {
                tracing::debug!(camera = %self.camera, "a frame that belongs to no trigger for certain");
                continue;
            };
            let arrival = Arrival {
                trigger: Some(trigger.0),
                delay_ticks: None,
            };
            let faults = seen.add(&quality(&frame.pixels), arrival);
            if faults.contains(&Fault::Frozen) && faults.contains(&Fault::Duplicate) {
                // The same picture of the same trigger was told of before.
                continue;
            }
            let begun = clock::since_start_of_machine();
            let result = reader.read(&frame);
            let taken = clock::since_start_of_machine().saturating_sub(begun);
            let mut reading = reading_of(&result);
            if faults.iter().any(|fault| fault.voids_frame()) {
                // A picture that was shown before says nothing about the parcel below.
                reading = no_read(NoRead::BadImage);
            }
            let good = reading.no_read != Some(NoRead::BadImage);
            self.warn(&faults);
            let shot = Shot {
                camera: self.camera,
                trigger,
                jpeg: picture(&frame, &reading),
                read_us: u64::try_from(taken.as_micros()).unwrap_or(u64::MAX),
                health: seen.report(),
                hints: hints(&frame, &result, &reading),
            };
            if !self.health.sign(good) || !self.tell(shot, reading) {
                return;
            }
        }
    }

    /// Tells of faults that a person must see to, when they have lasted for some frames and when they
    /// have gone.
    fn warn(&mut self, faults: &[Fault]) {
        for fault in [
            Fault::Underexposed,
            Fault::Overexposed,
            Fault::OutOfFocus,
            Fault::MotionBlur,
            Fault::LowContrast,
            Fault::Late,
        ] {
            let times = self.lasting.entry(fault).or_default();
            let before = *times >= BAD_MAX;
            *times = if faults.contains(&fault) {
                times.saturating_add(1)
            } else {
                0
            };
            let now = *times >= BAD_MAX;
            if before != now {
                let (camera, fault) = (self.camera, fault.name());
                tracing::warn!(%camera, fault, lasts = now, "a camera's picture changed");
            }
        }
    }

    /// Hands a reading over. False when the line is gone.
    fn tell(&self, shot: Shot, reading: Reading) -> bool {
        let trigger = shot.trigger;
        if self.outputs.shots.try_send(shot).is_err() {
            tracing::debug!("a picture was not kept for screens");
        }
        let event = Event::Read {
            camera: self.camera,
            trigger,
            reading,
        };
        self.outputs.events.blocking_send(event).is_ok()
    }
}

/// The picture for screens. Cameras that send no JPEG get one where a person has to look: it costs
/// some 15 milliseconds at 5 megapixels.
fn picture(frame: &Frame, reading: &Reading) -> Option<Arc<[u8]>> {
    if let Some(jpeg) = frame.jpeg.as_deref() {
        return Some(jpeg.into());
    }
    let looked_at = reading.codes.is_empty();
    looked_at
        .then(|| encode(&frame.pixels).ok().map(Into::into))
        .flatten()
}

/// What helps a person who keys this parcel in. Edges of the parcel are looked for only where
/// nothing was read: it costs a few milliseconds.
fn hints(frame: &Frame, result: &FrameResult, reading: &Reading) -> Hints {
    let unread = reading.no_read.is_some() && result.symbols.is_empty() && result.text.is_empty();
    let views = if unread {
        parcels(&frame.pixels, None).unwrap_or_default()
    } else {
        Vec::new()
    };
    let size = (frame.pixels.width(), frame.pixels.height());
    let doubtful = result.candidates.iter().chain(&result.destination);
    Hints {
        candidates: doubtful.filter_map(destination_of).collect(),
        pose: pose(result, size, &views),
    }
}

fn no_read(reason: NoRead) -> Reading {
    Reading {
        no_read: Some(reason),
        ..Reading::default()
    }
}

/// A frame's result reduced to what sorting needs.
pub fn reading_of(result: &FrameResult) -> Reading {
    if let Some(reason) = result.no_read {
        return no_read(match reason {
            sortline_read::NoRead::NothingFound => NoRead::NothingFound,
            // What print may say is for the person who keys it in.
            sortline_read::NoRead::NoIdentifier | sortline_read::NoRead::Doubtful => {
                NoRead::NoIdentifier
            }
            sortline_read::NoRead::BadImage => NoRead::BadImage,
            sortline_read::NoRead::Undecodable => NoRead::Undecodable,
            sortline_read::NoRead::Deadline => NoRead::Deadline,
            sortline_read::NoRead::Conflict => NoRead::Conflict,
        });
    }
    let named = result
        .identifiers
        .iter()
        .filter(|identifier| identifier.names_parcel());
    let code = |identifier: &sortline_read::Identifier| Code {
        kind: identifier.kind.to_owned(),
        value: identifier.value.clone(),
    };
    let codes: Vec<Code> = named.map(code).collect();
    let destination = result.destination.as_ref().and_then(destination_of);
    let nothing = codes.is_empty() && destination.is_none();
    Reading {
        codes,
        destination,
        no_read: nothing.then_some(NoRead::NoIdentifier),
    }
}

fn destination_of(found: &sortline_read::Destination) -> Option<Destination> {
    use sortline_read::Source;
    Some(Destination {
        country: found.country?.alpha2().to_owned(),
        postcode: found.postcode.clone(),
        source: match found.source {
            Source::Gs1421 => DestinationSource::Gs1421,
            Source::Gs143xx => DestinationSource::Gs143xx,
            Source::Gs1420 => DestinationSource::Gs1420,
            Source::Carrier => DestinationSource::Carrier,
            Source::Symbol => DestinationSource::Symbol,
            Source::Gs1403 => DestinationSource::Gs1403,
            Source::Ocr => DestinationSource::Ocr,
        },
        confidence: permille(found.confidence),
    })
}

/// A confidence from 0 to 1 in thousandths, rounded down.
fn permille(confidence: f32) -> Permille {
    let reached = |permille: u16| f32::from(permille) / 1_000.0 <= confidence;
    let above = (0..1_000)
        .collect::<Vec<u16>>()
        .partition_point(|&permille| reached(permille + 1));
    u16::try_from(above)
        .ok()
        .and_then(Permille::new)
        .unwrap_or_default()
}

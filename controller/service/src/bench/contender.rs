//! Who is measured: the reader of this program and other decoders.

use std::ffi::OsStr;
use std::time::Duration;

use clap::ValueEnum;
use sortline_capture::{CaptureError, Clock, Frame, Options, Peer, Reader, RungStats};
use sortline_read::{Country, Evidence, FrameResult, Policy, fuse, fuse_frames};

use super::score::{Found, FoundText};

/// A decoder under test.
#[derive(Debug)]
pub struct Contender {
    /// Its name in tables.
    pub name: &'static str,
    engine: Engine,
    policy: Policy,
    clock: Clock,
}

#[derive(Debug)]
enum Engine {
    Ours(Box<Reader>),
    Peer(Peer),
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// This program's reader, symbols only.
    Symbols,
    /// This program's reader with printed text.
    Text,
    /// Other decoders.
    Peers,
}

/// The contenders in the order of `who`. `path` is where programs are looked for.
///
/// # Errors
/// This build has no reader.
pub fn contenders(
    who: &[Who],
    options: &Options,
    path: &OsStr,
    clock: Clock,
) -> Result<Vec<Contender>, CaptureError> {
    let mut all = Vec::new();
    let policy = Policy {
        country: options.country,
        text_confidence_min: options.text_confidence_min,
    };
    let ours = |name, text| -> Result<Contender, CaptureError> {
        let options = Options {
            text,
            ..options.clone()
        };
        Ok(Contender {
            name,
            engine: Engine::Ours(Box::new(Reader::new(options, clock)?)),
            policy,
            clock,
        })
    };
    for who in who {
        match who {
            Who::Symbols => all.push(ours("sortline", false)?),
            Who::Text => all.push(ours("sortline+text", true)?),
            Who::Peers => all.extend(Peer::all(path).into_iter().map(|peer| Contender {
                name: peer.name(),
                engine: Engine::Peer(peer),
                policy,
                clock,
            })),
        }
    }
    Ok(all)
}

impl Contender {
    /// Whether it is the reader of this program.
    pub const fn is_ours(&self) -> bool {
        matches!(self.engine, Engine::Ours(_))
    }

    /// What the rungs of its ladder have cost and brought; empty for other decoders.
    pub fn rungs(&self) -> &[RungStats] {
        match &self.engine {
            Engine::Ours(reader) => reader.rungs(),
            Engine::Peer(_) => &[],
        }
    }

    /// Reads one frame and says how long that took: processor time of this thread, or elapsed time
    /// for a program of its own.
    pub fn read(&mut self, frame: &Frame) -> Found {
        let mut text = Vec::new();
        let mut found = self.timed(|engine, _| match engine {
            Engine::Ours(reader) => {
                let mut result = reader.read(frame);
                text = std::mem::take(&mut result.text);
                ours(&result)
            }
            Engine::Peer(peer) => theirs(peer, frame),
        });
        let print = Evidence {
            text,
            ..Evidence::default()
        };
        found.printed = destination(&fuse(print, self.policy));
        found
    }

    /// Reads frames of one parcel: this program's reader puts them together, of other decoders
    /// everything counts that they find in any.
    pub fn read_parcel(&mut self, frames: &[Frame]) -> Found {
        self.timed(|engine, policy| match engine {
            Engine::Ours(reader) => {
                let evidence = frames.iter().map(|frame| reader.read(frame).into());
                let evidence: Vec<Evidence> = evidence.collect();
                ours(&fuse_frames(&evidence, policy))
            }
            Engine::Peer(peer) => {
                let mut found = Found::default();
                for frame in frames {
                    found.symbols.extend(theirs(peer, frame).symbols);
                }
                found
            }
        })
    }

    fn timed(&mut self, work: impl FnOnce(&mut Engine, Policy) -> Found) -> Found {
        let now = match &self.engine {
            Engine::Peer(peer) if peer.is_program() => self.clock.monotonic,
            Engine::Peer(_) | Engine::Ours(_) => self.clock.thread_cpu,
        };
        let begun = now();
        let mut found = work(&mut self.engine, self.policy);
        found.time = now().saturating_sub(begun);
        found
    }
}

fn ours(result: &FrameResult) -> Found {
    let symbols = result.symbols.iter().map(|symbol| FoundText {
        format: format!("{:?}", symbol.format),
        text: symbol.text.clone(),
    });
    let named = result.identifiers.iter().filter(|i| i.names_parcel());
    Found {
        symbols: symbols.collect(),
        identifiers: named.map(|i| (i.value.clone(), i.confidence)).collect(),
        destination: destination(result),
        printed: None,
        time: Duration::ZERO,
    }
}

/// Country, postcode and confidence.
fn destination(result: &FrameResult) -> Option<(String, String, f32)> {
    let to = result.destination.as_ref()?;
    let country = to.country.map(Country::alpha2).unwrap_or_default();
    let postcode = to.postcode.clone().unwrap_or_default();
    Some((country.to_owned(), postcode, to.confidence))
}

/// A frame that a peer refuses is a frame in which it found nothing.
fn theirs(peer: &Peer, frame: &Frame) -> Found {
    let symbols = peer.read(&frame.pixels).unwrap_or_default();
    Found {
        symbols: symbols
            .into_iter()
            .map(|read| FoundText {
                format: read.format,
                text: read.text,
            })
            .collect(),
        ..Found::default()
    }
}

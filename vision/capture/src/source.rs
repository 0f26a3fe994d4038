//! Where frames come from: pictures, folders, videos, cameras.

use std::collections::VecDeque;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opencv::core::{Mat, MatTraitConst as _, Vector};
use opencv::videoio::{self, VideoCapture, VideoCaptureTrait as _, VideoCaptureTraitConst as _};

use crate::folder::files;
use crate::gige::Gige;
use crate::http::{Address, Connection, Received, back_off, stalled};
use crate::multipart::Part;
use crate::{CaptureError, Clock, Frame, PIXELS_MAX, geometry, image};

/// What the address of a GigE Vision camera begins with.
const GIGE: &str = "gige://";

/// A moment until which something must have happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    clock: Clock,
    at: Duration,
}

impl Deadline {
    fn after(clock: Clock, time: Duration) -> Self {
        Self {
            clock,
            at: (clock.monotonic)().saturating_add(time),
        }
    }

    /// Time left; a stall when there is none.
    pub(crate) fn left(self) -> Result<Duration, CaptureError> {
        let left = self.at.saturating_sub((self.clock.monotonic)());
        if left.is_zero() {
            Err(stalled("no frame within the deadline"))
        } else {
            Ok(left)
        }
    }
}

/// A frame that could not be had.
#[derive(Debug)]
pub struct Missed {
    /// File or address.
    pub file: String,
    /// Number that the frame would have had.
    pub index: u64,
    /// Why.
    pub error: CaptureError,
}

/// Yields frames in order. A file that cannot be read is a [`Missed`], and the next file follows; a
/// camera that stalls is one, and is opened again at the next call, after a back-off.
#[derive(Debug)]
pub struct Source {
    name: String,
    clock: Clock,
    deadline: Duration,
    index: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Files still to be read, in order, and the video that is being read.
    Files {
        waiting: VecDeque<PathBuf>,
        video: Option<(PathBuf, VideoCapture)>,
    },
    /// A camera behind HTTP.
    Http {
        address: Address,
        open: Option<Connection>,
        stalls: u32,
    },
    /// A camera or stream behind OpenCV.
    Stream {
        open: Option<VideoCapture>,
        stalls: u32,
    },
    /// A camera of the GenICam family.
    Gige { open: Option<Gige>, stalls: u32 },
    /// Nothing more comes.
    Done,
}

impl Source {
    /// Opens a file, a folder (recursively, pictures and videos in the order of their names),
    /// `/dev/videoN`, an `http`, `https` or `rtsp` address, or `gige://` and a camera's IP address,
    /// serial number or name. A camera is connected at the first frame; when it gives none for
    /// `deadline`, it counts as stalled.
    ///
    /// # Errors
    /// [`CaptureError::Open`] when a file or folder cannot be opened, [`CaptureError::Address`] for
    /// an address of another kind.
    pub fn open(name: &str, deadline: Duration, clock: Clock) -> Result<Self, CaptureError> {
        let unknown = || CaptureError::Address {
            found: name.to_owned(),
        };
        let kind = match name.split_once("://") {
            Some(("http", _)) => {
                let address = Address::parse(name).ok_or_else(unknown)?;
                Kind::Http {
                    address,
                    open: None,
                    stalls: 0,
                }
            }
            Some(("https" | "rtsp" | "rtsps", _)) => Kind::Stream {
                open: None,
                stalls: 0,
            },
            Some(("gige", camera)) if !camera.is_empty() => Kind::Gige {
                open: None,
                stalls: 0,
            },
            Some(_) => return Err(unknown()),
            None if device(name).is_some() => Kind::Stream {
                open: None,
                stalls: 0,
            },
            None => Kind::Files {
                waiting: files(Path::new(name))?,
                video: None,
            },
        };
        Ok(Self {
            name: name.to_owned(),
            clock,
            deadline,
            index: 0,
            kind,
        })
    }

    /// How many files wait; `None` for a camera or while their number is open.
    pub fn waiting(&self) -> Option<usize> {
        match &self.kind {
            Kind::Files { waiting, .. } => Some(waiting.len()),
            Kind::Http { .. } | Kind::Stream { .. } | Kind::Gige { .. } => None,
            Kind::Done => Some(0),
        }
    }

    fn missed(&self, error: CaptureError) -> Missed {
        Missed {
            file: self.name.clone(),
            index: self.index,
            error,
        }
    }

    fn number(&mut self) -> u64 {
        let index = self.index;
        self.index += 1;
        index
    }

    /// Counts a stall of a camera.
    fn stall(&mut self, error: CaptureError) -> Missed {
        let error = match (error, &mut self.kind) {
            (
                CaptureError::Stalled {
                    reason, answered, ..
                },
                Kind::Http { stalls, .. } | Kind::Stream { stalls, .. } | Kind::Gige { stalls, .. },
            ) => {
                *stalls = stalls.saturating_add(1);
                CaptureError::Stalled {
                    reason,
                    times: *stalls,
                    answered,
                }
            }
            (error, _) => error,
        };
        self.missed(error)
    }
}

impl Iterator for Source {
    type Item = Result<Frame, Missed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.kind {
            Kind::Files { .. } => self.next_of_files(),
            Kind::Http { .. } => {
                let taken = self.next_of_http();
                Some(taken.map_err(|error| self.stall(error)))
            }
            Kind::Stream { .. } => {
                let taken = self.next_of_stream();
                Some(taken.map_err(|error| self.stall(error)))
            }
            Kind::Gige { .. } => {
                let taken = self.next_of_gige();
                Some(taken.map_err(|error| self.stall(error)))
            }
            Kind::Done => None,
        }
    }
}

impl Source {
    fn next_of_files(&mut self) -> Option<Result<Frame, Missed>> {
        let Kind::Files { waiting, video } = &mut self.kind else {
            return None;
        };
        loop {
            if let Some((path, capture)) = video {
                let file = path.display().to_string();
                match grab(capture) {
                    Ok(Some(mat)) => {
                        let index = self.index;
                        self.index += 1;
                        let frame = frame_of(mat, &file, index);
                        return Some(frame.map_err(|error| Missed { file, index, error }));
                    }
                    // The end of the video, or what follows is broken.
                    Ok(None) | Err(_) => *video = None,
                }
            }
            let path = waiting.pop_front()?;
            let file = path.display().to_string();
            self.index = 0;
            let missed = |error| {
                Some(Err(Missed {
                    file: file.clone(),
                    index: 0,
                    error,
                }))
            };
            match still_or_video(&path) {
                Ok(Opened::Still(frame)) => return Some(Ok(frame)),
                Ok(Opened::Video(capture)) => *video = Some((path, capture)),
                Err(error) => return missed(error),
            }
        }
    }

    fn next_of_http(&mut self) -> Result<Frame, CaptureError> {
        let Kind::Http {
            address,
            open,
            stalls,
        } = &mut self.kind
        else {
            return Err(CaptureError::Address {
                found: self.name.clone(),
            });
        };
        if *stalls > 0 && open.is_none() {
            std::thread::sleep(back_off(*stalls));
        }
        let deadline = Deadline::after(self.clock, self.deadline);
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => Connection::open(address, deadline)?,
        };
        // On an error the connection is dropped, and opened again at the next call.
        let received = connection
            .next(deadline)
            .map_err(CaptureError::after_answer)?;
        let part = match received {
            Received::Picture(part) => {
                (*open, *stalls) = (Some(connection), 0);
                part
            }
            Received::Last(part) => {
                self.kind = Kind::Done;
                part
            }
        };
        let index = self.number();
        frame_of_part(part, &self.name, index)
    }

    fn next_of_stream(&mut self) -> Result<Frame, CaptureError> {
        let deadline = self.deadline;
        let Kind::Stream { open, stalls } = &mut self.kind else {
            return Err(CaptureError::Address {
                found: self.name.clone(),
            });
        };
        if *stalls > 0 && open.is_none() {
            std::thread::sleep(back_off(*stalls));
        }
        let mut capture = match open.take() {
            Some(capture) => capture,
            None => stream(&self.name, deadline)?,
        };
        let frame = grab(&mut capture)?;
        let mat = frame.ok_or_else(|| stalled("the stream gave no frame").after_answer())?;
        let exposed = device(&self.name).and_then(|_number| exposed(&capture));
        (*open, *stalls) = (Some(capture), 0);
        let index = self.number();
        Ok(Frame {
            exposed,
            ..frame_of(mat, &self.name, index)?
        })
    }

    fn next_of_gige(&mut self) -> Result<Frame, CaptureError> {
        let Kind::Gige { open, stalls } = &mut self.kind else {
            return Err(CaptureError::Address {
                found: self.name.clone(),
            });
        };
        if *stalls > 0 && open.is_none() {
            std::thread::sleep(back_off(*stalls));
        }
        let mut camera = match open.take() {
            Some(camera) => camera,
            None => Gige::open(self.name.trim_start_matches(GIGE))?,
        };
        let taken = camera.next(Deadline::after(self.clock, self.deadline));
        if camera.is_there() {
            *open = Some(camera);
        }
        let taken = taken.map_err(CaptureError::after_answer)?;
        *stalls = 0;
        let index = self.number();
        Ok(Frame {
            exposed: taken.exposed,
            counter: Some(taken.counter),
            lost: taken.lost,
            index,
            ..Frame::of(taken.pixels, self.name.clone())
        })
    }
}

/// When the device took the frame that was had last, by the system's clock that never goes back.
fn exposed(capture: &VideoCapture) -> Option<Duration> {
    let ms = capture.get(videoio::CAP_PROP_POS_MSEC).ok()?;
    Duration::try_from_secs_f64(ms / 1_000.0)
        .ok()
        .filter(|time| !time.is_zero())
}

/// Number of a `/dev/videoN` device.
fn device(name: &str) -> Option<i32> {
    name.strip_prefix("/dev/video")?.parse().ok()
}

enum Opened {
    Still(Frame),
    Video(VideoCapture),
}

/// Opens one file by what its first bytes say.
fn still_or_video(path: &Path) -> Result<Opened, CaptureError> {
    let mut first = [0; 16];
    let open = |source| CaptureError::Open {
        path: path.to_owned(),
        source,
    };
    let mut file = fs::File::open(path).map_err(open)?;
    let count = file.read(&mut first).map_err(open)?;
    drop(file);
    if is_video(first.get(..count).unwrap_or(&[])) {
        return video(path).map(Opened::Video);
    }
    let grey = image::decode(&image::bytes_of(path)?)?;
    Ok(Opened::Still(Frame::of(grey, path.display().to_string())))
}

/// MP4 and its relatives, Matroska, AVI, MPEG program and transport stream.
fn is_video(first: &[u8]) -> bool {
    matches!(
        first,
        [_, _, _, _, b'f', b't', b'y', b'p', ..]
            | [0x1A, 0x45, 0xDF, 0xA3, ..]
            | [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..]
            | [0, 0, 1, 0xB3 | 0xBA, ..]
            | [0x47, 0x40, ..]
    )
}

fn video(path: &Path) -> Result<VideoCapture, CaptureError> {
    let capture = VideoCapture::from_file(path, videoio::CAP_FFMPEG)?;
    if !capture.is_opened()? {
        return Err(CaptureError::Undecodable(
            "a broken video, or of an unknown kind".to_owned(),
        ));
    }
    let side = |property| capture.get(property).map(|side: f64| side.max(0.0));
    let (width, height) = (
        side(videoio::CAP_PROP_FRAME_WIDTH)?,
        side(videoio::CAP_PROP_FRAME_HEIGHT)?,
    );
    let found = geometry::whole(width * height);
    if found > PIXELS_MAX {
        return Err(CaptureError::TooLarge {
            what: "pixel count",
            found,
            limit: PIXELS_MAX,
        });
    }
    Ok(capture)
}

/// Opens a device or stream with deadlines for opening and for each frame.
fn stream(name: &str, deadline: Duration) -> Result<VideoCapture, CaptureError> {
    let capture = if let Some(number) = device(name) {
        VideoCapture::new(number, videoio::CAP_V4L2)?
    } else {
        let ms = i32::try_from(deadline.as_millis()).unwrap_or(i32::MAX);
        let timeouts = [
            [videoio::CAP_PROP_OPEN_TIMEOUT_MSEC, ms],
            [videoio::CAP_PROP_READ_TIMEOUT_MSEC, ms],
        ];
        let parameters = Vector::from_slice(timeouts.as_flattened());
        VideoCapture::from_file_with_params(name, videoio::CAP_FFMPEG, &parameters)?
    };
    if capture.is_opened()? {
        Ok(capture)
    } else {
        Err(stalled("it cannot be opened"))
    }
}

/// The next picture of a video or stream; `None` at its end.
fn grab(capture: &mut VideoCapture) -> Result<Option<Mat>, CaptureError> {
    let mut mat = Mat::default();
    Ok((capture.read(&mut mat)? && !mat.empty()).then_some(mat))
}

fn frame_of(mat: Mat, file: &str, index: u64) -> Result<Frame, CaptureError> {
    let pixels = geometry::grey_of(&image::to_grey(mat)?)?;
    Ok(Frame {
        index,
        ..Frame::of(pixels, file)
    })
}

/// A frame of a camera's part, with what its headers say.
fn frame_of_part(part: Part, file: &str, index: u64) -> Result<Frame, CaptureError> {
    let number = |name| part.header(name).and_then(|text| text.parse::<u32>().ok());
    // A trigger is never 0: the number ties the frame to its parcel.
    let trigger = number("x-sortline-trigger").filter(|trigger| *trigger > 0);
    let camera = number("x-sortline-camera").and_then(|camera| u8::try_from(camera).ok());
    let ticks = number("x-sortline-ticks");
    let pixels = image::decode(&part.body)?;
    Ok(Frame {
        jpeg: Some(part.body),
        trigger,
        camera,
        ticks,
        index,
        ..Frame::of(pixels, file)
    })
}

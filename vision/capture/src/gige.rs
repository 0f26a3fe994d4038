//! GigE Vision and USB3 Vision cameras, by Aravis.
//!
//! A camera is taken as its maker's program has set it up: trigger, exposure and region are not
//! touched. Only its pixels are set to 8 bits of grey, and its packets to what the network lets
//! through.

use std::time::Duration;

use aravis::glib::object::Cast as _;
use aravis::prelude::*;
use aravis::{
    AcquisitionMode, Buffer, BufferStatus, Camera, GvDevice, GvStream, GvStreamOption,
    GvStreamSocketBuffer, PixelFormat, Stream,
};

use crate::http::stalled;
use crate::{CaptureError, Deadline, Grey, PIXELS_MAX};

/// Frames that the network may be ahead of the reader; a frame that finds no room is lost.
const BUFFERS: usize = 8;
/// How often a camera that gives no frames is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// An open camera that gives frames.
#[derive(Debug)]
pub(crate) struct Gige {
    // Ends before the camera that it belongs to.
    stream: Stream,
    camera: Camera,
    counter: Option<u64>,
}

/// A frame with what the camera says of it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) pixels: Grey,
    /// The camera's own number of the frame.
    pub(crate) counter: u64,
    /// Frames that it has counted since the one before, and that did not come.
    pub(crate) lost: u64,
    /// Time of the exposure by the camera's clock; `None` of a camera without one.
    pub(crate) exposed: Option<Duration>,
}

impl Gige {
    /// Opens the camera of this address, serial number or name, and starts it.
    ///
    /// # Errors
    /// [`CaptureError::Stalled`] when there is none, it is another's, or it gives no 8-bit grey;
    /// [`CaptureError::TooLarge`] of a picture beyond [`PIXELS_MAX`].
    pub(crate) fn open(name: &str) -> Result<Self, CaptureError> {
        let camera = Camera::new(Some(name)).map_err(stalled)?;
        if !is_ours(&camera) {
            return Err(stalled("another program holds the camera"));
        }
        camera
            .set_pixel_format(PixelFormat::MONO_8)
            .map_err(|error| {
                stalled(format!(
                    "the pixel format Mono8, which is needed, is refused: {error}"
                ))
            })?;
        if camera.is_gv_device() {
            // A packet socket needs a right that a service does not have.
            camera.gv_set_stream_options(GvStreamOption::PACKET_SOCKET_DISABLED);
            camera.gv_auto_packet_size().map_err(stalled)?;
        }
        camera
            .set_acquisition_mode(AcquisitionMode::Continuous)
            .map_err(stalled)?;
        let payload = camera.payload().map_err(stalled)?;
        if u64::from(payload) > PIXELS_MAX {
            return Err(CaptureError::TooLarge {
                what: "pixel count",
                found: payload.into(),
                limit: PIXELS_MAX,
            });
        }
        let stream = camera.create_stream().map_err(stalled)?;
        if let Some(network) = stream.downcast_ref::<GvStream>() {
            // As large as a frame, as far as the system lets it: with the usual one, most frames come
            // with holes.
            network.set_socket_buffer(GvStreamSocketBuffer::Auto);
            network.set_socket_buffer_size(0);
        }
        for _ in 0..BUFFERS {
            let size = usize::try_from(payload).map_err(stalled)?;
            stream.push_buffer(Buffer::new_allocate(size));
        }
        camera.start_acquisition().map_err(stalled)?;
        Ok(Self {
            stream,
            camera,
            counter: None,
        })
    }

    /// The next frame before the deadline.
    ///
    /// # Errors
    /// [`CaptureError::Stalled`] when there was none, or the camera is gone;
    /// [`CaptureError::Undecodable`] of a frame that came incomplete.
    pub(crate) fn next(&mut self, deadline: Deadline) -> Result<Taken, CaptureError> {
        loop {
            let wait = deadline.left()?.min(LOOK);
            let wait_us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
            if let Some(buffer) = self.stream.timeout_pop_buffer(wait_us) {
                let taken = self.take(&buffer);
                self.stream.push_buffer(buffer);
                return taken;
            }
            if !self.is_there() {
                return Err(stalled("the camera does not answer any more"));
            }
        }
    }

    /// Frames that the camera has counted between the last two that came: they were lost on the way.
    fn lost(&mut self, counter: u64) -> u64 {
        let before = self.counter.replace(counter);
        // The counter of GigE Vision 1 has 16 bits and leaves out 0; after a wrap nothing is said.
        before.map_or(0, |before| counter.saturating_sub(before).saturating_sub(1))
    }

    fn take(&mut self, buffer: &Buffer) -> Result<Taken, CaptureError> {
        let counter = buffer.frame_id();
        let status = buffer.status();
        let lost = self.lost(counter);
        if status != BufferStatus::Success {
            let text = format!("frame {counter} of the camera came incomplete: {status:?}");
            return Err(CaptureError::Undecodable(text));
        }
        let format = buffer.image_pixel_format();
        if format != PixelFormat::MONO_8 {
            let text = format!("found pixel format {format:?}, needed is Mono8");
            return Err(CaptureError::Undecodable(text));
        }
        Ok(Taken {
            pixels: pixels(buffer)?,
            counter,
            lost,
            exposed: Some(Duration::from_nanos(buffer.timestamp())).filter(|time| !time.is_zero()),
        })
    }

    /// Whether the camera still answers, and is ours.
    pub(crate) fn is_there(&self) -> bool {
        is_ours(&self.camera)
    }
}

impl Drop for Gige {
    fn drop(&mut self) {
        // It may be gone.
        drop(self.camera.stop_acquisition());
    }
}

/// Whether a network camera is under our control; one at a USB port has no second master.
fn is_ours(camera: &Camera) -> bool {
    let device = camera.device();
    let network = device.and_then(|device| device.downcast::<GvDevice>().ok());
    network.is_none_or(|device| device.is_controller())
}

/// The picture, without what fills up its rows.
fn pixels(buffer: &Buffer) -> Result<Grey, CaptureError> {
    let broken = || CaptureError::Undecodable("the frame has another size than it says".to_owned());
    let side = |side: i32| u32::try_from(side).map_err(|_negative| broken());
    let (width, height) = (side(buffer.image_width())?, side(buffer.image_height())?);
    let padding = side(buffer.image_padding().0)?;
    let mut data = buffer.image_data();
    if padding > 0 {
        let length = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
        let (row, stride) = (length(width), length(width.saturating_add(padding)));
        let rows = data.chunks(stride).filter_map(|chunk| chunk.get(..row));
        data = rows.flatten().copied().collect();
    }
    let count = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(usize::MAX);
    data.truncate(count);
    Grey::new(width, height, data).ok_or_else(broken)
}

//! Reference frames: one parcel with one label at any angle, graded, with one factor alone, as a
//! burst of one passing parcel, or without any symbol.

use sortline_core::CameraId;

use super::backdrop;
use super::degradation::{Degradation, MODULE_MM, Tier};
use super::frame::{Moment, Picture, Renderer, View, rectangle};
use super::geometry::{Homography, Point, Pose};
use super::look::{self, Negative};
use super::optics::Light;
use super::rng::Rng;
use super::scene::{Design, LabelData, LabelSize, ParcelLook, StuckLabel, Template, Wrapping};
use super::{RenderError, address};

/// Frames of one passing parcel.
pub const BURST: usize = 5;

/// Space between a label and the frame's border, pixels.
const BORDER: f32 = 8.0;

/// A series of reference frames, told apart by their numbers. Numbers 0 to 4 hold one label of each
/// [`Template`], and so on in turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    /// Size and greatest scale of the frames.
    pub view: View,
    /// What labels and parcels are made of.
    pub design: Design,
    /// The same seed draws the same frames.
    pub seed: u64,
}

/// One reference frame to draw.
struct Order<'a> {
    series: Series,
    knobs: Degradation,
    name: &'a str,
    number: usize,
    /// Place in a burst, 0 to [`BURST`] − 1; `None` for a frame that stands alone.
    step: Option<usize>,
}

impl Series {
    /// The knobs of a frame of `tier`, within the view's scale, and the seed of all the rest.
    fn draw(self, tier: Tier, name: &str) -> (Degradation, u64) {
        let mut rng = Rng::named(self.seed, name);
        let drawn = tier.draw(&mut rng);
        let ppm = drawn.ppm.min(self.view.px_per_mm * MODULE_MM);
        (Degradation { ppm, ..drawn }, rng.bits())
    }
}

impl Renderer {
    /// A frame of design A. `name` ends in its number, which chooses the template in turn, so that
    /// numbers 0 to 4 hold one of each.
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn reference(
        &self,
        tier: Tier,
        view: View,
        seed: u64,
        name: &str,
    ) -> Result<Picture, RenderError> {
        let design = Design::A;
        let (knobs, seed) = Series { view, design, seed }.draw(tier, name);
        self.reference_with(knobs, view, seed, name)
    }

    /// As [`Renderer::reference`], with every knob set by the caller.
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn reference_with(
        &self,
        knobs: Degradation,
        view: View,
        seed: u64,
        name: &str,
    ) -> Result<Picture, RenderError> {
        let design = Design::A;
        let number = number_of(name);
        self.draw(&Order {
            series: Series { view, design, seed },
            knobs,
            name,
            number,
            step: None,
        })
    }

    /// Frame `number` of a tier.
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn graded(
        &self,
        series: Series,
        tier: Tier,
        number: usize,
    ) -> Result<Picture, RenderError> {
        let name = format!("{tier:?}/{number:05}");
        let (knobs, seed) = series.draw(tier, &name);
        self.draw(&Order {
            series: Series { seed, ..series },
            knobs,
            name: &name,
            number,
            step: None,
        })
    }

    /// Frame `number` with every knob set by the caller, usually by
    /// [`Factor::alone`](super::Factor::alone).
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn single(
        &self,
        series: Series,
        knobs: Degradation,
        number: usize,
    ) -> Result<Picture, RenderError> {
        let name = format!("single/{number:05}");
        self.draw(&Order {
            series,
            knobs,
            name: &name,
            number,
            step: None,
        })
    }

    /// Frame `step`, 0 to [`BURST`] − 1, of the passing parcel `number`: it crosses the frame from
    /// left to right, focus and glare change a little, noise is fresh, all the rest stays.
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn burst(
        &self,
        series: Series,
        tier: Tier,
        number: usize,
        step: usize,
    ) -> Result<Picture, RenderError> {
        let name = format!("burst/{tier:?}/{number:05}");
        let (mut knobs, seed) = series.draw(tier, &name);
        knobs.defocus *= 1.0 + 0.15 * (2.1 * step as f32).sin();
        self.draw(&Order {
            series: Series { seed, ..series },
            knobs,
            name: &name,
            number,
            step: Some(step),
        })
    }

    /// A frame without any symbol, in the state of `tier`: in turn a parcel full of stripes and
    /// patterns that look like symbols, one full of other prints, and a bare one.
    ///
    /// # Errors
    /// None at present; kept alike to the other frames.
    pub fn negative(
        &self,
        series: Series,
        tier: Tier,
        number: usize,
    ) -> Result<Picture, RenderError> {
        let (knobs, seed) = series.draw(tier, &format!("negative/{tier:?}/{number:05}"));
        let mut rng = Rng::new(seed);
        let view = series.view;
        let mut canvas = self.canvas(view, knobs);
        let (shift, grey) = belt(&mut rng);
        backdrop::belt(&mut canvas.plane, grey, shift, &self.textures);
        let size = [rng.uniform(150.0, 420.0), rng.uniform(190.0, 420.0)];
        let kinds = [Negative::Stripes, Negative::Prints, Negative::Bare];
        let look = look::negative(kinds[number % kinds.len()], size, &mut rng);
        let pose = Pose {
            origin: [view.width as f32 / 2.0, view.height as f32 / 2.0],
            px_per_mm: knobs.ppm / MODULE_MM,
            rotation_deg: rng.uniform(0.0, 360.0),
            tilt_deg: knobs.tilt_deg,
            tilt_axis_deg: rng.uniform(0.0, 360.0),
        };
        canvas.face(&pose.homography(), &look, size, CameraId(0), &mut rng)?;
        let light = light(&knobs, &mut rng);
        Ok(canvas.finish(light, Moment::default(), &mut rng))
    }

    fn draw(&self, order: &Order<'_>) -> Result<Picture, RenderError> {
        let Order { series, knobs, .. } = order;
        let mut rng = Rng::named(series.seed, order.name);
        let mut canvas = self.canvas(series.view, *knobs);
        let (shift, grey) = belt(&mut rng);
        backdrop::belt(&mut canvas.plane, grey, shift, &self.textures);
        let template = Template::ALL[order.number % Template::ALL.len()];
        let (look, size) = parcel(*series, template, &mut rng);
        let pose = pose(&look, knobs, series.view, order.step, &mut rng);
        // The pose is that of the label; the face lies around it.
        let off = look
            .labels
            .first()
            .map_or([0.0, 0.0], |label| label.middle_mm);
        let face = pose
            .homography()
            .after(&Homography::placement([-off[0], -off[1]], 0.0));
        canvas.face(&face, &look, size, CameraId(0), &mut rng)?;
        let light = light(knobs, &mut rng);
        let moment = order.step.map_or_else(Moment::default, |step| Moment {
            glare_drift: 0.35 * (step as f32 - 2.0),
            noise: step as u64,
        });
        Ok(canvas.finish(light, moment, &mut rng))
    }
}

/// The number at the end of a frame's name.
fn number_of(name: &str) -> usize {
    let start = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name.get(start..).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Shift of the belt's texture in pixels, and its grey.
fn belt(rng: &mut Rng) -> (Point, f32) {
    let shift = [rng.uniform(0.0, 1_024.0), rng.uniform(0.0, 1_024.0)];
    (shift, rng.uniform(18.0, 60.0))
}

fn light(knobs: &Degradation, rng: &mut Rng) -> Light {
    Light {
        change: knobs.light,
        direction_deg: rng.uniform(0.0, 360.0),
    }
}

fn parcel(series: Series, template: Template, rng: &mut Rng) -> (ParcelLook, Point) {
    let label_size = if series.view.width >= View::LARGE.width {
        LabelSize::Large
    } else {
        LabelSize::Small
    };
    let [label_width, label_height] = label_size.millimetres();
    let margin = 10.0;
    let size = [
        rng.uniform(150.0, 420.0).max(label_width + margin),
        rng.uniform(190.0, 420.0).max(label_height + margin),
    ];
    let room = [
        (size[0] - label_width - margin) / 2.0,
        (size[1] - label_height - margin) / 2.0,
    ];
    let shipment = address::random_shipment(rng);
    let middle_mm = room.map(|r| rng.uniform(-r, r));
    let data = LabelData {
        design: series.design,
        ..LabelData::new(&shipment, template, label_size, rng.bits())
    };
    let label = StuckLabel {
        camera: CameraId(0),
        middle_mm,
        rotation_deg: 0.0,
        data,
    };
    let look = match series.design {
        Design::A => {
            let mut look = look::bare(Wrapping::Cardboard, size, vec![label], rng);
            look.grey = rng.uniform(95.0, 165.0);
            look
        }
        Design::B => look::held_out(size, vec![label], rng),
    };
    (look, size)
}

/// Any rotation; the whole label inside of the frame where it fits: anywhere, or for a burst on
/// its way from left to right.
fn pose(
    look: &ParcelLook,
    knobs: &Degradation,
    view: View,
    step: Option<usize>,
    rng: &mut Rng,
) -> Pose {
    let size = look
        .labels
        .first()
        .map_or([100.0, 100.0], |l| l.data.size.millimetres());
    let centered = Pose {
        origin: [view.width as f32 / 2.0, view.height as f32 / 2.0],
        px_per_mm: knobs.ppm / MODULE_MM,
        rotation_deg: rng.uniform(0.0, 360.0),
        tilt_deg: knobs.tilt_deg,
        tilt_axis_deg: rng.uniform(0.0, 360.0),
    };
    let map = centered.homography();
    let corners = rectangle(size).map(|p| map.apply(p));
    let shift = |axis: usize, extent: f32, share: f32| {
        let values = || corners.iter().map(|corner| corner[axis]);
        let low = values().fold(f32::INFINITY, f32::min);
        let high = values().fold(f32::NEG_INFINITY, f32::max);
        let (first, last) = (BORDER - low, extent - BORDER - high);
        if first < last {
            first + (last - first) * share
        } else {
            extent / 2.0 - f32::midpoint(low, high)
        }
    };
    let (across, down) = (rng.unit(), rng.unit());
    let along = step.map_or(across, |step| step as f32 / (BURST - 1) as f32);
    Pose {
        origin: [
            centered.origin[0] + shift(0, view.width as f32, along),
            centered.origin[1] + shift(1, view.height as f32, down),
        ],
        ..centered
    }
}

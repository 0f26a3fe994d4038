//! Whole frames: a scene on the belt, or a reference frame of a graded tier.

use super::backdrop;
use super::degradation::{Degradation, MODULE_MM, Tier};
use super::fonts::Fonts;
use super::geometry::{Homography, Point, Pose};
use super::label::{self, DOTS_PER_MM, Label};
use super::look;
use super::optics::{self, Light};
use super::raster::{Gray, Plane};
use super::rng::Rng;
use super::scene::{
    LabelData, LabelSize, ParcelLook, PlacedParcel, Scene, StuckLabel, Template, TrueLabel,
    TrueLine, TrueSymbol, Truth, Wrapping,
};
use super::surface;
use super::texture::Textures;
use super::warp::{self, Wrinkle};
use super::{RenderError, address};
use sortline_core::CameraId;

/// Size and scale of a camera's frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Width of a frame, pixels; along the belt's travel.
    pub width: usize,
    /// Height of a frame, pixels.
    pub height: usize,
    /// Pixels per mm at the parcels' faces.
    pub px_per_mm: f32,
}

impl View {
    /// 1280 x 1024 pixels over 291 x 233 mm of belt: the demonstration's cameras.
    pub const DEMO: Self = Self {
        width: 1_280,
        height: 1_024,
        px_per_mm: 4.4,
    };
    /// The small reference frame; its scale is at most 2.6 pixels per module.
    pub const SMALL: Self = Self {
        width: 1_280,
        height: 1_024,
        px_per_mm: 2.6 / MODULE_MM,
    };
    /// The large reference frame, 5 megapixels.
    pub const LARGE: Self = Self {
        width: 2_448,
        height: 2_048,
        px_per_mm: 4.0 / MODULE_MM,
    };
}

/// A frame and what is true about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What the camera delivers.
    pub frame: Gray,
    /// What was before it.
    pub truth: Truth,
}

/// Draws frames. Holds what does not change between them: fonts and textures.
#[derive(Debug)]
pub struct Renderer {
    fonts: Fonts,
    textures: Textures,
}

/// A frame in the making.
struct Canvas<'a> {
    renderer: &'a Renderer,
    plane: Plane,
    degradation: Degradation,
    truth: Truth,
}

impl Renderer {
    /// Loads the fonts and draws the textures: some tens of milliseconds and 5 MB.
    ///
    /// # Errors
    /// [`RenderError::FontMissing`] names the Debian package to install.
    pub fn new() -> Result<Self, RenderError> {
        Ok(Self {
            fonts: Fonts::load()?,
            textures: Textures::new(),
        })
    }

    /// The frame that a camera takes of a scene, in the state of `tier` but at the view's scale.
    /// Belt, light and lens belong to the camera, noise and blur to the trigger.
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn scene(
        &self,
        scene: &Scene,
        view: View,
        tier: Tier,
        seed: u64,
    ) -> Result<Picture, RenderError> {
        let mut camera = Rng::named(seed, &format!("camera {}", scene.camera));
        let mut rng = Rng::named(seed, &format!("frame {}/{}", scene.camera, scene.trigger));
        let ppm = view.px_per_mm * MODULE_MM;
        let mut canvas = self.canvas(
            view,
            Degradation {
                ppm,
                ..tier.draw(&mut rng)
            },
        );
        let belt_grey = camera.uniform(24.0, 50.0);
        let light = Light {
            change: camera.uniform(0.05, 0.25),
            direction_deg: camera.uniform(0.0, 360.0),
        };
        // The belt has moved by one millimetre per tick; its texture repeats.
        let travel = (scene.ticks.0 % 100_000) as f32 * view.px_per_mm;
        backdrop::belt(&mut canvas.plane, belt_grey, [travel, 0.0], &self.textures);
        for parcel in &scene.parcels {
            canvas.parcel(parcel, scene.camera, view, &mut rng)?;
        }
        Ok(canvas.finish(light, &mut rng))
    }

    /// A reference frame: one parcel with one label at any angle. `name` ends in its number, which
    /// chooses the template in turn, so that numbers 0 to 4 hold one of each.
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
        let mut rng = Rng::named(seed, name);
        let drawn = tier.draw(&mut rng);
        let ppm = drawn.ppm.min(view.px_per_mm * MODULE_MM);
        self.reference_with(Degradation { ppm, ..drawn }, view, rng.bits(), name)
    }

    /// As [`Renderer::reference`], with every knob set by the caller.
    ///
    /// # Errors
    /// [`RenderError::Symbol`] when a label's content cannot be encoded.
    pub fn reference_with(
        &self,
        degradation: Degradation,
        view: View,
        seed: u64,
        name: &str,
    ) -> Result<Picture, RenderError> {
        let mut rng = Rng::named(seed, name);
        let mut canvas = self.canvas(view, degradation);
        let shift = [rng.uniform(0.0, 1_024.0), rng.uniform(0.0, 1_024.0)];
        let grey = rng.uniform(18.0, 60.0);
        backdrop::belt(&mut canvas.plane, grey, shift, &self.textures);
        let (look, size) = reference_parcel(view, template_of(name), &mut rng);
        let pose = reference_pose(&look, &degradation, view, &mut rng);
        // The pose is that of the label; the face lies around it.
        let off = look
            .labels
            .first()
            .map_or([0.0, 0.0], |label| label.middle_mm);
        let face = pose
            .homography()
            .after(&Homography::placement([-off[0], -off[1]], 0.0));
        canvas.face(&face, &look, size, CameraId(0), &mut rng)?;
        let light = Light {
            change: degradation.light,
            direction_deg: rng.uniform(0.0, 360.0),
        };
        Ok(canvas.finish(light, &mut rng))
    }

    fn canvas(&self, view: View, degradation: Degradation) -> Canvas<'_> {
        Canvas {
            renderer: self,
            plane: Plane::filled(view.width, view.height, 0.0),
            degradation,
            truth: Truth::default(),
        }
    }
}

/// The template whose turn it is, by the number at the end of a frame's name.
fn template_of(name: &str) -> Template {
    let digits: String = name
        .chars()
        .rev()
        .take_while(char::is_ascii_digit)
        .collect::<Vec<_>>()
        .iter()
        .rev()
        .collect();
    let number: usize = digits.parse().unwrap_or(0);
    Template::ALL[number % Template::ALL.len()]
}

fn reference_parcel(view: View, template: Template, rng: &mut Rng) -> (ParcelLook, Point) {
    let label_size = if view.width >= View::LARGE.width {
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
    let label = StuckLabel {
        camera: CameraId(0),
        middle_mm: room.map(|r| rng.uniform(-r, r)),
        rotation_deg: 0.0,
        data: LabelData::new(&shipment, template, label_size, rng.bits()),
    };
    let mut look = look::bare(Wrapping::Cardboard, size, vec![label], rng);
    look.grey = rng.uniform(95.0, 165.0);
    (look, size)
}

/// Any rotation; a random place where the whole label is at least 8 pixels inside of the frame.
fn reference_pose(look: &ParcelLook, knobs: &Degradation, view: View, rng: &mut Rng) -> Pose {
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
    let place = |axis: usize, extent: f32, rng: &mut Rng| {
        let low = corners
            .iter()
            .map(|c| c[axis])
            .fold(f32::INFINITY, f32::min);
        let high = corners
            .iter()
            .map(|c| c[axis])
            .fold(f32::NEG_INFINITY, f32::max);
        let (first, last) = (8.0 - low, extent - 8.0 - high);
        if first < last {
            rng.uniform(first, last)
        } else {
            extent / 2.0 - f32::midpoint(low, high)
        }
    };
    let dx = place(0, view.width as f32, rng);
    let dy = place(1, view.height as f32, rng);
    Pose {
        origin: [centered.origin[0] + dx, centered.origin[1] + dy],
        ..centered
    }
}

/// Corners of a rectangle about the origin.
fn rectangle([width, height]: Point) -> [Point; 4] {
    [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
        .map(|[x, y]: Point| [x * width / 2.0, y * height / 2.0])
}

impl Canvas<'_> {
    fn parcel(
        &mut self,
        parcel: &PlacedParcel,
        camera: CameraId,
        view: View,
        rng: &mut Rng,
    ) -> Result<(), RenderError> {
        let pose = Pose {
            origin: [
                view.width as f32 / 2.0 + parcel.offset_mm * view.px_per_mm,
                view.height as f32 / 2.0 + parcel.lateral_mm * view.px_per_mm,
            ],
            px_per_mm: view.px_per_mm,
            rotation_deg: parcel.rotation_deg,
            tilt_deg: self.degradation.tilt_deg,
            tilt_axis_deg: rng.uniform(0.0, 360.0),
        };
        let size = [parcel.length_mm, parcel.width_mm];
        self.face(&pose.homography(), &parcel.look, size, camera, rng)
    }

    /// Draws a face with the labels that this camera sees.
    fn face(
        &mut self,
        face: &Homography,
        look: &ParcelLook,
        size: Point,
        camera: CameraId,
        rng: &mut Rng,
    ) -> Result<(), RenderError> {
        let renderer = self.renderer;
        backdrop::face(
            &mut self.plane,
            face,
            look,
            size,
            (&renderer.textures, &renderer.fonts),
        );
        for stuck in look.labels.iter().filter(|label| label.camera == camera) {
            let paper = stuck.data.size.millimetres();
            let corner = [-paper[0] / 2.0, -paper[1] / 2.0];
            let map = face
                .after(&Homography::placement(stuck.middle_mm, stuck.rotation_deg))
                .after(&Homography::scaling(1.0 / DOTS_PER_MM, corner));
            if !self.sees(&map, paper) {
                continue;
            }
            let print = label::print(&stuck.data, &renderer.fonts)?;
            let surface = surface::reflectance(&print, &self.degradation, &renderer.textures, rng);
            let depth = self.wrinkle_of(look, rng);
            let wrinkle = (depth > 0.0).then(|| Wrinkle::new(depth, rng));
            warp::label(&mut self.plane, &map, &surface, wrinkle.as_ref());
            let truth = self.truth_of(&stuck.data, &print, &map);
            self.truth.labels.push(truth);
        }
        Ok(())
    }

    /// Labels on bags are never quite flat.
    fn wrinkle_of(&self, look: &ParcelLook, rng: &mut Rng) -> f32 {
        match look.wrapping {
            Wrapping::PolyBag => self.degradation.wrinkle_mm.max(rng.uniform(0.0, 0.2)),
            Wrapping::Cardboard | Wrapping::WhiteBoard => self.degradation.wrinkle_mm,
        }
    }

    /// True when any part of a label of `paper` mm can be in the frame.
    fn sees(&self, map: &Homography, paper: Point) -> bool {
        let corners = rectangle(paper).map(|[x, y]| {
            map.apply([
                (x + paper[0] / 2.0) * DOTS_PER_MM,
                (y + paper[1] / 2.0) * DOTS_PER_MM,
            ])
        });
        let (width, height) = (self.plane.width as f32, self.plane.height as f32);
        corners.iter().any(|c| c[0] > 0.0)
            && corners.iter().any(|c| c[0] < width)
            && corners.iter().any(|c| c[1] > 0.0)
            && corners.iter().any(|c| c[1] < height)
    }

    fn truth_of(&self, data: &LabelData, print: &Label, map: &Homography) -> TrueLabel {
        let (width, height) = (self.plane.width as f32, self.plane.height as f32);
        let inside = |p: &Point| (0.0..width).contains(&p[0]) && (0.0..height).contains(&p[1]);
        let symbols = print
            .symbols
            .iter()
            .map(|printed| {
                let quad = printed.area.corners().map(|p| map.apply(p));
                let corners = printed.area.corners();
                let middle = [
                    f32::midpoint(corners[0][0], corners[2][0]),
                    f32::midpoint(corners[0][1], corners[2][1]),
                ];
                TrueSymbol {
                    kind: printed.symbol.kind,
                    text: printed.symbol.text.clone(),
                    px_per_module: printed.module_dots * map.scale_at(middle),
                    in_view: quad.iter().all(inside),
                    quad,
                }
            })
            .collect();
        let lines = print
            .lines
            .iter()
            .map(|line| TrueLine {
                text: line.text.clone(),
                quad: line.area.corners().map(|p| map.apply(p)),
            })
            .collect();
        let (right, bottom) = (print.paper.width as f32, print.paper.height as f32);
        TrueLabel {
            country: data.country.clone(),
            postcode: data.postcode.clone(),
            quad: [[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]].map(|p| map.apply(p)),
            dots_to_frame: map.0,
            symbols,
            lines,
        }
    }

    fn finish(mut self, light: Light, rng: &mut Rng) -> Picture {
        optics::lens(&mut self.plane, &self.degradation, rng);
        let targets: Vec<(Point, f32)> = self
            .truth
            .symbols()
            .map(|symbol| {
                let [a, _, c, _] = symbol.quad;
                let middle = [f32::midpoint(a[0], c[0]), f32::midpoint(a[1], c[1])];
                (middle, (c[0] - a[0]).hypot(c[1] - a[1]))
            })
            .collect();
        let textures = &self.renderer.textures;
        let frame = optics::sensor(
            &self.plane,
            &self.degradation,
            light,
            &targets,
            textures,
            rng,
        );
        Picture {
            frame,
            truth: self.truth,
        }
    }
}

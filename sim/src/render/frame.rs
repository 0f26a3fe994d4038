//! Whole frames: a scene on the belt, and the parts that all frames are made of.

use super::RenderError;
use super::backdrop;
use super::degradation::{Degradation, MODULE_MM, Tier};
use super::fonts::Fonts;
use super::geometry::{Homography, Point, Pose};
use super::label::{self, DOTS_PER_MM, Label};
use super::optics::{self, Light};
use super::raster::{Gray, Plane};
use super::rng::Rng;
use super::scene::{
    LabelData, ParcelLook, PlacedParcel, Scene, TrueLabel, TrueLine, TrueParcel, TrueSymbol, Truth,
    Wrapping,
};
use super::surface;
use super::texture::Textures;
use super::warp::{self, Wrinkle};
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
    pub(super) textures: Textures,
}

/// What differs between the frames of one burst.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// Shift of the glare along the frame, in radii of its spot.
    pub glare_drift: f32,
    /// Changes the sensor's noise.
    pub noise: u64,
}

/// A frame in the making.
pub(super) struct Canvas<'a> {
    renderer: &'a Renderer,
    pub(super) plane: Plane,
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
        Ok(canvas.finish(light, Moment::default(), &mut rng))
    }

    pub(super) fn canvas(&self, view: View, degradation: Degradation) -> Canvas<'_> {
        Canvas {
            renderer: self,
            plane: Plane::filled(view.width, view.height, 0.0),
            degradation,
            truth: Truth::default(),
        }
    }
}

/// Corners of a rectangle about the origin.
pub(super) fn rectangle([width, height]: Point) -> [Point; 4] {
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
    pub(super) fn face(
        &mut self,
        face: &Homography,
        look: &ParcelLook,
        size: Point,
        camera: CameraId,
        rng: &mut Rng,
    ) -> Result<(), RenderError> {
        let renderer = self.renderer;
        self.truth.parcels.push(TrueParcel {
            size_mm: size,
            quad: rectangle(size).map(|p| face.apply(p)),
        });
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

    /// Lens, light and sensor. `moment` is the frame's place in a burst: glare wanders with the
    /// parcel and the noise is its own; zero for a frame that stands alone.
    pub(super) fn finish(mut self, light: Light, moment: Moment, rng: &mut Rng) -> Picture {
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
        let glare = optics::spots(&self.degradation, &targets, moment.glare_drift, rng);
        let mut noise = Rng::new(rng.bits() ^ moment.noise);
        let textures = &self.renderer.textures;
        let frame = optics::sensor(
            &self.plane,
            &self.degradation,
            light,
            &glare,
            textures,
            &mut noise,
        );
        Picture {
            frame,
            truth: self.truth,
        }
    }
}

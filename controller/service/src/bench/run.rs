//! The parts of a bench: which frames, in which order, shown to whom.

use clap::ValueEnum;
use sortline_capture::{Frame, Grey, turned};
use sortline_sim::render::{
    BURST, Degradation, Design, Factor, Picture, Renderer, Series, SymbolKind, Tier, Truth, View,
};

use super::contender::Contender;
use super::report::{Report, Section};
use super::score::{Expected, ExpectedSymbol, comparable};
use super::set::Set;

/// Parts of the bench on drawn frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Frames of the graded tiers.
    Tiers,
    /// One factor at a time from clean frames of 2.5 pixels per module.
    Factors,
    /// Frames with stripes, prints and bare parcels, without any symbol.
    Negatives,
    /// Five frames of each passing parcel.
    Bursts,
}

/// Sizes of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// 2448 × 2048 pixels.
    Large,
    /// 1280 × 1024 pixels.
    Small,
    /// Five of the one, then five of the other.
    Both,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Parts on drawn frames.
    pub parts: Vec<Part>,
    /// Tiers of the graded frames, negatives and bursts.
    pub tiers: Vec<Tier>,
    /// Factors that are turned alone.
    pub factors: Vec<Factor>,
    /// Frames of each tier and of the negatives; a factor's level takes a tenth, at least 8.
    pub frames: usize,
    /// Size of the frames.
    pub size: Size,
    /// Make of labels and parcels.
    pub design: Design,
    /// The same seed draws the same frames.
    pub seed: u64,
    /// Photographs, and the angles in degrees by which they are turned.
    pub photos: Option<(Set, Vec<f64>)>,
}

/// Least frames of a level of a factor.
const LEVEL_FRAMES_MIN: usize = 8;

impl Plan {
    /// Two plans of different pictures: every second one of a set, or frames of two seeds.
    pub fn halves(self) -> [Self; 2] {
        let mut other = self.clone();
        other.seed = other.seed.wrapping_add(1);
        let mut one = self;
        if let Some((set, turns)) = one.photos.take() {
            let [first, second] = set.halves();
            one.photos = Some((first, turns.clone()));
            other.photos = Some((second, turns));
        }
        [one, other]
    }

    fn series(&self, number: usize) -> Series {
        let large = match self.size {
            Size::Large => true,
            Size::Small => false,
            Size::Both => (number / 5).is_multiple_of(2),
        };
        Series {
            view: if large { View::LARGE } else { View::SMALL },
            design: self.design,
            seed: self.seed,
        }
    }

    fn level_frames(&self) -> usize {
        (self.frames / 10).max(LEVEL_FRAMES_MIN)
    }

    /// Frames in all, for showing progress.
    pub fn total(&self) -> usize {
        let levels: usize = (self.factors.iter())
            .map(|factor| factor.levels().len())
            .sum();
        let drawn = self.parts.iter().map(|part| match part {
            Part::Tiers => self.tiers.len() * self.frames,
            Part::Factors => levels * self.level_frames(),
            Part::Negatives => self.frames,
            Part::Bursts => self.bursts() * self.tiers.len() * BURST,
        });
        let photos = self.photos.as_ref();
        drawn.sum::<usize>() + photos.map_or(0, |(set, turns)| set.len() * turns.len())
    }

    fn bursts(&self) -> usize {
        (self.frames / BURST).max(1)
    }
}

/// The run in progress.
struct Bench<'a> {
    contenders: &'a mut [Contender],
    report: Report,
    progress: &'a dyn Fn(),
}

/// Runs a plan. `progress` is told each frame.
///
/// # Errors
/// A font is missing, a frame cannot be drawn, or a photograph cannot be loaded.
pub fn run(
    plan: &Plan,
    contenders: &mut [Contender],
    progress: &dyn Fn(),
) -> anyhow::Result<Report> {
    let names = contenders.iter().map(|contender| contender.name).collect();
    let mut bench = Bench {
        contenders,
        report: Report::new(names),
        progress,
    };
    if !plan.parts.is_empty() {
        let renderer = Renderer::new()?;
        // Engines and tables are made at the first frame, which is not measured.
        let warm = renderer.graded(plan.series(0), Tier::T1, 0)?;
        let (frame, _) = prepared(warm)?;
        for contender in bench.contenders.iter_mut() {
            contender.read(&frame);
        }
        for part in &plan.parts {
            match part {
                Part::Tiers => bench.tiers(plan, &renderer)?,
                Part::Factors => bench.factors(plan, &renderer)?,
                Part::Negatives => bench.negatives(plan, &renderer)?,
                Part::Bursts => bench.bursts(plan, &renderer)?,
            }
        }
    }
    if let Some((set, turns)) = &plan.photos {
        bench.photos(set, turns)?;
    }
    for (i, contender) in bench.contenders.iter().enumerate() {
        bench.report.set_rungs(i, contender.rungs());
    }
    Ok(bench.report)
}

impl Bench<'_> {
    fn show(&mut self, section: &Section, frame: &Frame, expected: &Expected) {
        let pixels = pixels(frame);
        for (i, contender) in self.contenders.iter_mut().enumerate() {
            let found = contender.read(frame);
            self.report.add(section, i, (expected, pixels), &found);
        }
        (self.progress)();
    }

    fn tiers(&mut self, plan: &Plan, renderer: &Renderer) -> anyhow::Result<()> {
        for tier in &plan.tiers {
            for number in 0..plan.frames {
                let picture = renderer.graded(plan.series(number), *tier, number)?;
                let (frame, expected) = prepared(picture)?;
                self.show(&Section::Tier { tier: *tier }, &frame, &expected);
            }
        }
        Ok(())
    }

    fn factors(&mut self, plan: &Plan, renderer: &Renderer) -> anyhow::Result<()> {
        // The ladders of the frame model are of large frames.
        let series = Series {
            view: View::LARGE,
            ..plan.series(0)
        };
        for factor in plan.factors.iter().copied() {
            for (rank, level) in factor.levels().iter().enumerate() {
                let knobs: Degradation = factor.alone(*level);
                for number in 0..plan.level_frames() {
                    let picture = renderer.single(series, knobs, number)?;
                    let (frame, expected) = prepared(picture)?;
                    let section = Section::factor(factor, rank, *level);
                    self.show(&section, &frame, &expected);
                }
            }
        }
        Ok(())
    }

    fn negatives(&mut self, plan: &Plan, renderer: &Renderer) -> anyhow::Result<()> {
        for number in 0..plan.frames {
            let tier = plan.tiers.get(number % plan.tiers.len().max(1));
            let tier = tier.copied().unwrap_or(Tier::T2);
            let picture = renderer.negative(plan.series(number), tier, number)?;
            let (frame, expected) = prepared(picture)?;
            self.show(&Section::Negatives, &frame, &expected);
        }
        Ok(())
    }

    fn bursts(&mut self, plan: &Plan, renderer: &Renderer) -> anyhow::Result<()> {
        let series = Series {
            view: View::LARGE,
            ..plan.series(0)
        };
        for tier in &plan.tiers {
            for number in 0..plan.bursts() {
                let mut frames = Vec::with_capacity(BURST);
                let mut expected = Expected::default();
                for step in 0..BURST {
                    let picture = renderer.burst(series, *tier, number, step)?;
                    let (frame, truth) = prepared(picture)?;
                    frames.push(frame);
                    expected = truth;
                }
                let pixels = frames.first().map_or(0, pixels);
                for (i, contender) in self.contenders.iter_mut().enumerate() {
                    let found = contender.read_parcel(&frames);
                    let section = Section::Burst { tier: *tier };
                    self.report.add(&section, i, (&expected, pixels), &found);
                }
                for _ in &frames {
                    (self.progress)();
                }
            }
        }
        Ok(())
    }

    fn photos(&mut self, set: &Set, turns: &[f64]) -> anyhow::Result<()> {
        for number in 0..set.len() {
            let Some((group, frame, expected)) = set.load(number)? else {
                continue;
            };
            for turn in turns {
                let view = if turn.abs() < 0.01 {
                    frame.clone()
                } else {
                    Frame::of(turned(&frame.pixels, *turn)?, frame.file.clone())
                };
                for (i, contender) in self.contenders.iter_mut().enumerate() {
                    let found = contender.read(&view);
                    for section in Section::photos(&group, *turn) {
                        // Sizes differ from picture to picture: their times are put together.
                        self.report.add(&section, i, (&expected, 0), &found);
                    }
                }
                (self.progress)();
            }
        }
        Ok(())
    }
}

fn pixels(frame: &Frame) -> u64 {
    u64::from(frame.pixels.width()) * u64::from(frame.pixels.height())
}

/// A drawn picture as the reader takes it, with its truth as the score takes it.
fn prepared(picture: Picture) -> anyhow::Result<(Frame, Expected)> {
    let Picture { frame, truth } = picture;
    let side = |n: usize| u32::try_from(n).unwrap_or(0);
    let grey = Grey::new(side(frame.width), side(frame.height), frame.pixels);
    let grey = grey.ok_or_else(|| anyhow::anyhow!("a drawn frame has no pixels"))?;
    Ok((Frame::of(grey, "drawn"), expected(&truth)))
}

fn expected(truth: &Truth) -> Expected {
    let symbols = truth.symbols().filter(|symbol| symbol.in_view);
    let label = truth.labels.first();
    Expected {
        symbols: symbols
            .map(|symbol| ExpectedSymbol {
                format: if symbol.kind == SymbolKind::Gs1128 {
                    "GS1-128".to_owned()
                } else {
                    symbol.kind.format_name().to_owned()
                },
                text: comparable(&symbol.text),
                angle: is_code128(symbol.kind).then(|| angle(&symbol.quad)),
            })
            .collect(),
        destination: label.map(|label| (label.country.clone(), label.postcode.clone())),
        complete: true,
    }
}

const fn is_code128(kind: SymbolKind) -> bool {
    matches!(kind, SymbolKind::Code128 | SymbolKind::Gs1128)
}

/// Angle of the upper edge to the nearest axis, degrees, 0 to 45.
fn angle(quad: &[[f32; 2]; 4]) -> f32 {
    let [[x0, y0], [x1, y1], ..] = quad;
    let turn = (y1 - y0).atan2(x1 - x0).to_degrees().rem_euclid(90.0);
    turn.min(90.0 - turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_to_the_nearest_axis() {
        for (end, wanted) in [
            ([10.0, 0.0], 0.0),
            ([0.0, -10.0], 0.0),
            ([10.0, 10.0], 45.0),
            ([-17.32, 10.0], 30.0),
            ([-10.0, 17.32], 30.0),
        ] {
            let found = angle(&[[0.0, 0.0], end, end, [0.0, 0.0]]);
            assert!((found - wanted).abs() < 0.01, "{end:?}: {found}");
        }
    }
}

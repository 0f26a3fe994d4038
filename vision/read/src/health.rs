//! Health of a camera from the statistics of its frames: what is wrong, how it drifts, what to do.
//!
//! The pixels are measured elsewhere, in [`FrameQuality`]; here are only numbers, so that every rule
//! can be tested without a picture. Terms: *white* is the brightness of label paper, the 99th
//! percentile of a frame that shows a parcel; an *edge* is the distance over which a sharp printed
//! edge rises from 10 to 90 percent, along the belt (x) or across it (y).

use serde::Serialize;

/// What one frame shows, measured over a sample of its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FrameQuality {
    /// Grey below which one percent of the pixels lie, 0 to 255.
    pub black: u8,
    /// Grey below which half of the pixels lie.
    pub median: u8,
    /// Grey below which 99 percent of the pixels lie.
    pub white: u8,
    /// Pixels at the upper end of the scale, thousandths.
    pub clipped_permille: u16,
    /// Width of the sharpest edges along the belt, pixels; `None` where there are too few.
    pub edge_x_px: Option<f32>,
    /// The same across the belt.
    pub edge_y_px: Option<f32>,
    /// Standard deviation of the noise, grey levels.
    pub noise: f32,
    /// Brightness of the darkest quarter of the frame over that of the brightest, by their whites;
    /// 1 is even light. Of a frame without a parcel it says nothing.
    pub evenness: f32,
    /// Digest of the sampled pixels. Sensor noise makes it differ even between two pictures of the
    /// same thing.
    pub digest: u64,
}

/// What is known about the arrival of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Trigger number that the frame carries.
    pub trigger: Option<u32>,
    /// Encoder counts from its trigger to its arrival, where known.
    pub delay_ticks: Option<u32>,
}

/// Something wrong with one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing but darkness: a cap on the lens, no light.
    Black,
    /// The same pixels as the frame before: the camera repeats itself.
    Frozen,
    /// A trigger number that was there before, with other pixels.
    Duplicate,
    /// A trigger number behind one that was there before, or more delay than allowed.
    Late,
    /// White is near the noise.
    Underexposed,
    /// White runs into the end of the scale.
    Overexposed,
    /// Edges are wide in both directions.
    OutOfFocus,
    /// Edges are wide along the belt only.
    MotionBlur,
    /// White and black are close together although the exposure is right.
    LowContrast,
}

impl Fault {
    /// All faults, the gravest first.
    pub const ALL: [Self; 9] = [
        Self::Black,
        Self::Frozen,
        Self::Duplicate,
        Self::Late,
        Self::Underexposed,
        Self::Overexposed,
        Self::OutOfFocus,
        Self::MotionBlur,
        Self::LowContrast,
    ];

    /// Its name, as JSON and metrics give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::Frozen => "frozen",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Underexposed => "underexposed",
            Self::Overexposed => "overexposed",
            Self::OutOfFocus => "out_of_focus",
            Self::MotionBlur => "motion_blur",
            Self::LowContrast => "low_contrast",
        }
    }

    /// Whether the frame says nothing about the parcel below, so that no reading of it counts.
    pub const fn voids_frame(self) -> bool {
        matches!(self, Self::Black | Self::Frozen)
    }
}

/// What a camera is compared with. The defaults hold for labels on belts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// White below this is black.
    pub black_max: u8,
    /// White below this is underexposed: 30 levels of contrast at a noise of 3 are left.
    pub white_min: u8,
    /// White that exposure should reach: well below the end of the scale, since glare comes on top.
    pub white_goal: u8,
    /// Clipped pixels above this share are overexposed, thousandths.
    pub clipped_permille_max: u16,
    /// Edges wider than this are blurred, pixels. At 2 pixels a module, bars run into each other.
    pub edge_px_max: f32,
    /// Edges along the belt wider than this many times those across it are motion blur.
    pub motion_ratio: f32,
    /// Least difference between white and black of a frame that shows a label.
    pub contrast_min: u8,
    /// Evenness below this asks for better light.
    pub evenness_min: f32,
    /// Most delay of a frame, encoder counts.
    pub delay_ticks_max: u32,
}

impl Limits {
    /// What the demonstration line needs.
    pub const DEFAULT: Self = Self {
        black_max: 12,
        white_min: 60,
        white_goal: 200,
        clipped_permille_max: 30,
        edge_px_max: 4.5,
        motion_ratio: 1.5,
        contrast_min: 40,
        evenness_min: 0.6,
        delay_ticks_max: 400,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A mean over the last frames and one over many, so that a drift shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Trend {
    /// Mean over about [`RECENT`] frames.
    pub recent: f32,
    /// Mean over about [`LONG`] frames.
    pub long: f32,
    /// Frames counted.
    pub count: u32,
}

/// Frames in the short mean.
pub const RECENT: f32 = 16.0;
/// Frames in the long mean: some minutes of a busy line.
pub const LONG: f32 = 1_000.0;
/// Frames before a trend says anything.
const SETTLED: u32 = 32;

impl Trend {
    fn add(&mut self, value: f32) {
        self.count = self.count.saturating_add(1);
        let count = u16::try_from(self.count).map_or(f32::MAX, f32::from);
        // Plain means at first, exponential ones from then on.
        self.recent += (value - self.recent) / count.min(RECENT);
        self.long += (value - self.long) / count.min(LONG);
    }

    /// Change of the short mean against the long one as a share of the long one; `None` before
    /// enough frames were seen.
    pub fn drift(&self) -> Option<f32> {
        (self.count >= SETTLED && self.long > 0.0).then(|| self.recent / self.long - 1.0)
    }
}

/// What should be changed at a camera.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Proposal {
    /// Multiply the exposure time by this.
    Exposure {
        /// Below 1: shorter.
        factor: f32,
    },
    /// Multiply the gain by this, since the exposure time is bound by the motion.
    Gain {
        /// Above 1: more gain, and more noise.
        factor: f32,
    },
    /// Add light by this factor: gain would drown the print in noise.
    Light {
        /// Above 1: brighter.
        factor: f32,
    },
    /// Set the focus anew: edges are this wide, pixels.
    Focus {
        /// Mean edge of the last frames.
        edge_px: f32,
    },
    /// Light the corners: the darkest quarter has this share of the brightest.
    Evenness {
        /// 0 to 1.
        share: f32,
    },
}

/// Noise above which more gain does harm, grey levels.
const NOISE_MAX: f32 = 6.0;
/// Exposure within this share of its goal is left alone.
const EXPOSURE_BAND: f32 = 0.25;
/// Trigger numbers remembered.
const TRIGGERS: usize = 32;

/// The state of one camera.
#[derive(Clone, Debug)]
pub struct CameraHealth {
    limits: Limits,
    digest: Option<u64>,
    triggers: [Option<u32>; TRIGGERS],
    next: usize,
    newest: Option<u32>,
    counts: [u64; Fault::ALL.len()],
    frames: u64,
    /// Brightness of label paper.
    white: Trend,
    clipped: Trend,
    edge_x: Trend,
    edge_y: Trend,
    noise: Trend,
    evenness: Trend,
}

/// Health of a camera as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealthReport {
    /// Frames seen.
    pub frames: u64,
    /// Frames with each fault, in the order of [`Fault::ALL`]; without those that did not occur.
    pub faults: Vec<(&'static str, u64)>,
    /// Brightness of label paper.
    pub white: Trend,
    /// Width of edges along the belt, pixels.
    pub edge_x_px: Trend,
    /// Width of edges across the belt, pixels.
    pub edge_y_px: Trend,
    /// Noise, grey levels.
    pub noise: Trend,
    /// What to change.
    pub proposals: Vec<Proposal>,
}

impl CameraHealth {
    /// A camera of which nothing is known.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            digest: None,
            triggers: [None; TRIGGERS],
            next: 0,
            newest: None,
            counts: [0; Fault::ALL.len()],
            frames: 0,
            white: Trend::default(),
            clipped: Trend::default(),
            edge_x: Trend::default(),
            edge_y: Trend::default(),
            noise: Trend::default(),
            evenness: Trend::default(),
        }
    }

    /// Takes one frame and says what is wrong with it, the gravest first.
    pub fn add(&mut self, quality: &FrameQuality, arrival: Arrival) -> Vec<Fault> {
        self.frames = self.frames.saturating_add(1);
        let mut faults = self.of_arrival(quality, arrival);
        self.of_picture(quality, &mut faults);
        faults.sort_unstable();
        for (fault, count) in Fault::ALL.iter().zip(&mut self.counts) {
            *count = count.saturating_add(u64::from(faults.contains(fault)));
        }
        if !faults.iter().any(|fault| fault.voids_frame()) {
            self.learn(quality);
        }
        faults
    }

    fn of_arrival(&mut self, quality: &FrameQuality, arrival: Arrival) -> Vec<Fault> {
        let mut faults = Vec::new();
        let black = quality.white <= self.limits.black_max;
        // A black picture has hardly any noise, and two of them may be equal.
        if self.digest == Some(quality.digest) && !black {
            faults.push(Fault::Frozen);
        }
        self.digest = Some(quality.digest);
        let mut late = arrival
            .delay_ticks
            .is_some_and(|delay| delay > self.limits.delay_ticks_max);
        if let Some(trigger) = arrival.trigger {
            if self.triggers.contains(&Some(trigger)) {
                faults.push(Fault::Duplicate);
            } else if self.newest.is_some_and(|newest| is_before(trigger, newest)) {
                late = true;
            } else {
                self.newest = Some(trigger);
            }
            if let Some(place) = self.triggers.get_mut(self.next) {
                *place = Some(trigger);
            }
            self.next = (self.next + 1) % TRIGGERS;
        }
        if late {
            faults.push(Fault::Late);
        }
        faults
    }

    fn of_picture(&self, quality: &FrameQuality, faults: &mut Vec<Fault>) {
        let limits = &self.limits;
        if quality.white <= limits.black_max {
            faults.push(Fault::Black);
            return;
        }
        if quality.clipped_permille > limits.clipped_permille_max {
            faults.push(Fault::Overexposed);
        }
        let (Some(x), Some(y)) = (quality.edge_x_px, quality.edge_y_px) else {
            // No print in view: an empty belt may be as dark as it likes.
            return;
        };
        if quality.white < limits.white_min {
            faults.push(Fault::Underexposed);
        } else if quality.white.saturating_sub(quality.black) < limits.contrast_min {
            faults.push(Fault::LowContrast);
        }
        if y > limits.edge_px_max {
            faults.push(Fault::OutOfFocus);
        } else if x > limits.edge_px_max && x > limits.motion_ratio * y {
            faults.push(Fault::MotionBlur);
        }
    }

    fn learn(&mut self, quality: &FrameQuality) {
        self.noise.add(quality.noise);
        self.clipped.add(f32::from(quality.clipped_permille));
        let (Some(x), Some(y)) = (quality.edge_x_px, quality.edge_y_px) else {
            return;
        };
        self.white.add(f32::from(quality.white));
        self.evenness.add(quality.evenness);
        self.edge_x.add(x);
        self.edge_y.add(y);
    }

    /// Counts, trends and proposals.
    pub fn report(&self) -> HealthReport {
        let faults = Fault::ALL.iter().zip(self.counts);
        HealthReport {
            frames: self.frames,
            faults: faults
                .filter(|(_, count)| *count > 0)
                .map(|(fault, count)| (fault.name(), count))
                .collect(),
            white: self.white,
            edge_x_px: self.edge_x,
            edge_y_px: self.edge_y,
            noise: self.noise,
            proposals: self.proposals(),
        }
    }

    /// Frames with a fault so far.
    pub fn count(&self, fault: Fault) -> u64 {
        let found = Fault::ALL
            .iter()
            .zip(self.counts)
            .find(|(f, _)| **f == fault);
        found.map_or(0, |(_, count)| count)
    }

    /// What to change, by the last frames; empty before enough were seen. Light bound to motion comes
    /// before exposure time: a longer exposure would smear the bars.
    pub fn proposals(&self) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        if self.white.count < SETTLED {
            return proposals;
        }
        let limits = &self.limits;
        let (x, y) = (self.edge_x.recent, self.edge_y.recent);
        let smeared = x > limits.edge_px_max && x > limits.motion_ratio * y;
        if self.clipped.recent > f32::from(limits.clipped_permille_max) {
            // By how much white exceeds the scale cannot be seen: halve, and look again.
            proposals.push(Proposal::Exposure { factor: 0.5 });
        } else {
            let factor = f32::from(limits.white_goal) / self.white.recent.max(1.0);
            if smeared {
                // Shorter by the smear, and the lost light from elsewhere.
                let shorter = (limits.edge_px_max / x).clamp(0.1, 1.0);
                proposals.push(Proposal::Exposure { factor: shorter });
                proposals.push(self.brighter(factor / shorter));
            } else if factor > 1.0 + EXPOSURE_BAND {
                let room = (limits.edge_px_max / x.max(0.5)).max(1.0);
                let by_time = factor.min(room);
                proposals.push(Proposal::Exposure { factor: by_time });
                if factor / by_time > 1.0 + EXPOSURE_BAND {
                    proposals.push(self.brighter(factor / by_time));
                }
            } else if factor < 1.0 - EXPOSURE_BAND {
                proposals.push(Proposal::Exposure { factor });
            }
        }
        if y > limits.edge_px_max {
            proposals.push(Proposal::Focus { edge_px: y });
        }
        if self.evenness.recent < limits.evenness_min {
            let share = self.evenness.recent;
            proposals.push(Proposal::Evenness { share });
        }
        proposals
    }

    fn brighter(&self, factor: f32) -> Proposal {
        if self.noise.recent * factor > NOISE_MAX {
            Proposal::Light { factor }
        } else {
            Proposal::Gain { factor }
        }
    }
}

/// Trigger numbers wrap at 32 bits: earlier by less than half of the circle.
const fn is_before(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(digest: u64) -> FrameQuality {
        FrameQuality {
            black: 30,
            median: 90,
            white: 205,
            clipped_permille: 2,
            edge_x_px: Some(2.4),
            edge_y_px: Some(2.2),
            noise: 2.5,
            evenness: 0.9,
            digest,
        }
    }

    fn by(trigger: u32) -> Arrival {
        Arrival {
            trigger: Some(trigger),
            delay_ticks: Some(40),
        }
    }

    #[test]
    fn one_fault_at_a_time_is_named() {
        let g = good(7);
        let table: [(FrameQuality, &[Fault]); 9] = [
            (g, &[]),
            (
                FrameQuality {
                    white: 6,
                    black: 2,
                    ..g
                },
                &[Fault::Black],
            ),
            (FrameQuality { white: 50, ..g }, &[Fault::Underexposed]),
            (
                FrameQuality {
                    clipped_permille: 90,
                    white: 255,
                    ..g
                },
                &[Fault::Overexposed],
            ),
            (
                FrameQuality {
                    edge_x_px: Some(6.0),
                    edge_y_px: Some(5.5),
                    ..g
                },
                &[Fault::OutOfFocus],
            ),
            (
                FrameQuality {
                    edge_x_px: Some(7.0),
                    ..g
                },
                &[Fault::MotionBlur],
            ),
            // A label at 45°: wide along both axes alike, but within the limit.
            (
                FrameQuality {
                    edge_x_px: Some(3.5),
                    edge_y_px: Some(3.4),
                    ..g
                },
                &[],
            ),
            (FrameQuality { black: 180, ..g }, &[Fault::LowContrast]),
            // An empty, dark belt.
            (
                FrameQuality {
                    white: 40,
                    edge_x_px: None,
                    edge_y_px: None,
                    ..g
                },
                &[],
            ),
        ];
        for (quality, expected) in table {
            let mut health = CameraHealth::new(Limits::DEFAULT);
            assert_eq!(health.add(&quality, by(1)), expected, "{quality:?}");
        }
    }

    #[test]
    fn frozen_duplicate_and_late_frames_are_told_apart() {
        let mut health = CameraHealth::new(Limits::DEFAULT);
        let mut add = |digest, arrival| health.add(&good(digest), arrival);
        assert_eq!(add(1, by(10)), []);
        assert_eq!(add(1, by(11)), [Fault::Frozen]);
        assert_eq!(add(2, by(11)), [Fault::Duplicate]);
        assert_eq!(add(3, by(14)), []);
        assert_eq!(add(4, by(13)), [Fault::Late]);
        let slow = Arrival {
            delay_ticks: Some(900),
            ..by(15)
        };
        assert_eq!(add(5, slow), [Fault::Late]);
        // Numbers wrap.
        assert_eq!(add(6, by(u32::MAX)), [Fault::Late]);
        let mut health = CameraHealth::new(Limits::DEFAULT);
        assert_eq!(health.add(&good(1), by(u32::MAX)), []);
        assert_eq!(health.add(&good(2), by(0)), []);
        assert_eq!(health.count(Fault::Late), 0);
        // Without a trigger only the pixels speak, and black frames may be equal.
        let dark = FrameQuality {
            white: 3,
            black: 0,
            ..good(9)
        };
        health.add(&dark, Arrival::default());
        assert_eq!(health.add(&dark, Arrival::default()), [Fault::Black]);
    }

    fn after(quality: impl Fn(u64) -> FrameQuality, frames: u64) -> CameraHealth {
        let mut health = CameraHealth::new(Limits::DEFAULT);
        for i in 0..frames {
            health.add(&quality(i), Arrival::default());
        }
        health
    }

    #[test]
    fn proposals_lead_towards_the_goal() {
        assert_eq!(after(good, 200).proposals(), []);
        assert_eq!(
            after(
                |i| FrameQuality {
                    white: 60,
                    ..good(i)
                },
                8
            )
            .proposals(),
            [],
            "too few"
        );
        // Half as bright as wanted, sharp, little noise: expose longer as far as motion allows.
        let dark = after(
            |i| FrameQuality {
                white: 100,
                ..good(i)
            },
            200,
        )
        .proposals();
        assert!(
            matches!(dark[..], [Proposal::Exposure { factor }] if (1.7..2.1).contains(&factor)),
            "{dark:?}"
        );
        // Smeared and dark: shorter, and light from elsewhere.
        let smeared = |i| FrameQuality {
            edge_x_px: Some(9.0),
            white: 100,
            ..good(i)
        };
        let smeared = after(smeared, 200).proposals();
        assert!(
            matches!(smeared[..], [Proposal::Exposure { factor: e }, Proposal::Light { factor: l }] if e < 0.6 && l > 3.0),
            "{smeared:?}"
        );
    }

    #[test]
    fn proposals_name_what_is_wrong() {
        let clipped = after(
            |i| FrameQuality {
                clipped_permille: 200,
                white: 255,
                ..good(i)
            },
            200,
        );
        assert_eq!(clipped.proposals(), [Proposal::Exposure { factor: 0.5 }]);
        let soft = |i| FrameQuality {
            edge_x_px: Some(6.0),
            edge_y_px: Some(6.0),
            ..good(i)
        };
        assert!(matches!(
            after(soft, 200).proposals()[..],
            [Proposal::Focus { .. }]
        ));
        let uneven = after(
            |i| FrameQuality {
                evenness: 0.3,
                ..good(i)
            },
            200,
        )
        .proposals();
        assert!(matches!(uneven[..], [Proposal::Evenness { .. }]));
    }

    #[test]
    fn a_slow_loss_of_focus_is_a_drift() {
        let mut health = after(good, 600);
        let drift = health.report().edge_y_px.drift().unwrap();
        assert!(drift.abs() < 0.01, "{drift}");
        for i in 0..100_u16 {
            let soft = 2.2 + 0.012 * f32::from(i);
            let frame = FrameQuality {
                edge_y_px: Some(soft),
                ..good(1_000 + u64::from(i))
            };
            // Still readable: no frame is at fault.
            assert_eq!(health.add(&frame, Arrival::default()), []);
        }
        let drift = health.report().edge_y_px.drift().unwrap();
        assert!((0.25..0.6).contains(&drift), "{drift}");
    }
}

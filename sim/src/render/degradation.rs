//! What stands between a label and a good picture of it: every knob, and five graded tiers.

use serde::{Deserialize, Serialize};

use super::rng::Rng;

/// Width of one module of the tracking symbol, mm: three dots at 203 dpi.
pub const MODULE_MM: f32 = 0.375;

/// The state of print, surface, light, optics and sensor of one frame. A *module* is that of the
/// tracking symbol, 0.375 mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Degradation {
    /// Pixels per module.
    pub ppm: f32,
    /// Angle between label and image plane, degrees, 0 to 60.
    pub tilt_deg: f32,
    /// Length of the motion blur along the belt's travel, modules.
    pub motion: f32,
    /// Standard deviation of the Gaussian defocus, modules.
    pub defocus: f32,
    /// Contrast of the print, 0 to 1.
    pub contrast: f32,
    /// Standard deviation of the sensor's noise in the dark, grey levels.
    pub noise: f32,
    /// Strength of glare, 0 to 1; 0 is none.
    pub glare: f32,
    /// Share of a symbol's area that dirt or a pen hides, 0 to 1; 0 is none.
    pub occlusion: f32,
    /// Number of creases through the label.
    pub creases: usize,
    /// Depth of the wrinkles of a poly bag, mm; 0 is none.
    pub wrinkle_mm: f32,
    /// Wear of the print head, 0 to 1; 0 is none.
    pub print_defect: f32,
    /// Exposure factor; 1 is right.
    pub exposure: f32,
    /// Change of the light from the middle to half the frame's width, 0 to 1.
    pub light: f32,
}

impl Degradation {
    /// A perfect frame at `ppm` pixels per module, apart from the light noise and gradient of the
    /// reference ladders.
    pub const fn clean(ppm: f32) -> Self {
        Self {
            ppm,
            tilt_deg: 0.0,
            motion: 0.0,
            defocus: 0.0,
            contrast: 1.0,
            noise: 2.0,
            glare: 0.0,
            occlusion: 0.0,
            creases: 0,
            wrinkle_mm: 0.0,
            print_defect: 0.0,
            exposure: 1.0,
            light: 0.1,
        }
    }
}

/// One knob of [`Degradation`], turned alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Pixels per module.
    Ppm,
    /// Motion blur, modules.
    Motion,
    /// Defocus, modules.
    Defocus,
    /// Contrast of the print.
    Contrast,
    /// Noise, grey levels.
    Noise,
    /// Tilt, degrees.
    Tilt,
    /// Occluded share of a symbol.
    Occlusion,
    /// Strength of glare.
    Glare,
    /// Depth of wrinkles, mm.
    Wrinkle,
    /// Number of creases.
    Creases,
    /// Wear of the print head.
    Print,
    /// Exposure factor.
    Exposure,
    /// Unevenness of the light.
    Light,
}

impl Factor {
    /// All factors.
    pub const ALL: [Self; 13] = [
        Self::Ppm,
        Self::Motion,
        Self::Defocus,
        Self::Contrast,
        Self::Noise,
        Self::Tilt,
        Self::Occlusion,
        Self::Glare,
        Self::Wrinkle,
        Self::Creases,
        Self::Print,
        Self::Exposure,
        Self::Light,
    ];

    /// Levels of a sweep, the easiest first.
    pub const fn levels(self) -> &'static [f32] {
        match self {
            Self::Ppm => &[4.0, 3.0, 2.5, 2.0, 1.6, 1.4, 1.2, 1.0],
            Self::Motion => &[0.5, 1.0, 1.5, 2.0, 2.5, 3.0],
            Self::Defocus => &[0.2, 0.4, 0.6, 0.8, 1.0],
            Self::Contrast => &[0.5, 0.3, 0.2, 0.1, 0.06],
            Self::Noise => &[5.0, 10.0, 20.0, 30.0],
            Self::Tilt => &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
            Self::Occlusion => &[0.05, 0.1, 0.15, 0.2, 0.3],
            Self::Glare => &[0.3, 0.6, 0.9],
            Self::Wrinkle => &[0.25, 0.5, 1.0, 1.5],
            Self::Creases => &[1.0, 2.0, 4.0],
            Self::Print => &[0.3, 0.6, 1.0],
            Self::Exposure => &[1.3, 0.6, 0.3, 0.15],
            Self::Light => &[0.2, 0.4, 0.7],
        }
    }

    /// A clean frame at 2.5 pixels per module, 3 for tilt, with this factor at `level`.
    pub fn alone(self, level: f32) -> Degradation {
        let mut knobs = Degradation::clean(if self == Self::Tilt { 3.0 } else { 2.5 });
        match self {
            Self::Ppm => knobs.ppm = level,
            Self::Motion => knobs.motion = level,
            Self::Defocus => knobs.defocus = level,
            Self::Contrast => knobs.contrast = level,
            Self::Noise => knobs.noise = level,
            Self::Tilt => knobs.tilt_deg = level,
            Self::Occlusion => knobs.occlusion = level,
            Self::Glare => knobs.glare = level,
            Self::Wrinkle => knobs.wrinkle_mm = level,
            Self::Creases => knobs.creases = level.max(0.0) as usize,
            Self::Print => knobs.print_defect = level,
            Self::Exposure => knobs.exposure = level,
            Self::Light => knobs.light = level,
        }
        knobs
    }
}

/// A graded difficulty, from a well kept tunnel to frames at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// A well kept line: near, sharp, clean print.
    T1,
    /// An ordinary line.
    T2,
    /// A line that needs service.
    T3,
    /// Labels at the edge of what is readable.
    T4,
    /// Mostly beyond it.
    T5,
}

/// Ranges of a tier; all values uniform. The pairs of `glare`, `occlusion` and `wrinkle` are the
/// chance that it is there and its greatest value.
struct Ranges {
    ppm: [f32; 2],
    tilt: [f32; 2],
    motion: [f32; 2],
    defocus: [f32; 2],
    contrast: [f32; 2],
    noise: [f32; 2],
    glare: [f32; 2],
    occlusion: [f32; 2],
    creases: usize,
    wrinkle: [f32; 2],
    print_defect: f32,
    exposure: [f32; 2],
}

/// The ranges in the order of [`Tier`].
const RANGES: [Ranges; 5] = [
    Ranges {
        ppm: [2.8, 4.0],
        tilt: [0.0, 10.0],
        motion: [0.0, 0.3],
        defocus: [0.0, 0.2],
        contrast: [0.85, 1.0],
        noise: [1.5, 3.0],
        glare: [0.0, 0.0],
        occlusion: [0.0, 0.0],
        creases: 0,
        wrinkle: [0.0, 0.0],
        print_defect: 0.2,
        exposure: [0.8, 1.1],
    },
    Ranges {
        ppm: [2.0, 3.0],
        tilt: [0.0, 20.0],
        motion: [0.0, 0.8],
        defocus: [0.0, 0.35],
        contrast: [0.6, 1.0],
        noise: [2.0, 4.0],
        glare: [0.3, 0.5],
        occlusion: [0.2, 0.06],
        creases: 1,
        wrinkle: [0.2, 0.3],
        print_defect: 0.4,
        exposure: [0.6, 1.1],
    },
    Ranges {
        ppm: [1.6, 2.4],
        tilt: [0.0, 30.0],
        motion: [0.3, 1.3],
        defocus: [0.1, 0.45],
        contrast: [0.4, 0.9],
        noise: [2.0, 5.0],
        glare: [0.4, 0.7],
        occlusion: [0.4, 0.1],
        creases: 2,
        wrinkle: [0.3, 0.5],
        print_defect: 0.6,
        exposure: [0.5, 1.1],
    },
    Ranges {
        ppm: [1.4, 2.0],
        tilt: [10.0, 40.0],
        motion: [0.5, 2.0],
        defocus: [0.2, 0.6],
        contrast: [0.25, 0.7],
        noise: [3.0, 6.0],
        glare: [0.5, 0.9],
        occlusion: [0.5, 0.18],
        creases: 3,
        wrinkle: [0.4, 0.8],
        print_defect: 0.8,
        exposure: [0.4, 1.0],
    },
    Ranges {
        ppm: [1.2, 1.7],
        tilt: [15.0, 40.0],
        motion: [1.0, 3.0],
        defocus: [0.3, 0.8],
        contrast: [0.15, 0.5],
        noise: [3.0, 8.0],
        glare: [0.6, 1.0],
        occlusion: [0.6, 0.3],
        creases: 4,
        wrinkle: [0.5, 1.2],
        print_defect: 1.0,
        exposure: [0.3, 0.9],
    },
];

/// Least glare, occlusion and wrinkle where there is any.
const GLARE_MIN: f32 = 0.2;
const OCCLUSION_MIN: f32 = 0.02;
const WRINKLE_MM_MIN: f32 = 0.1;
/// Unevenness of the light in all tiers.
const LIGHT: [f32; 2] = [0.05, 0.35];

impl Tier {
    /// All tiers, the easiest first.
    pub const ALL: [Self; 5] = [Self::T1, Self::T2, Self::T3, Self::T4, Self::T5];

    /// Draws the state of one frame of this tier.
    pub fn draw(self, rng: &mut Rng) -> Degradation {
        let ranges = self.ranges();
        let between = |rng: &mut Rng, [low, high]: [f32; 2]| rng.uniform(low, high);
        let maybe = |rng: &mut Rng, [p, high]: [f32; 2], low: f32| {
            if rng.chance(p) {
                rng.uniform(low, high)
            } else {
                0.0
            }
        };
        Degradation {
            ppm: between(rng, ranges.ppm),
            tilt_deg: between(rng, ranges.tilt),
            motion: between(rng, ranges.motion),
            defocus: between(rng, ranges.defocus),
            contrast: between(rng, ranges.contrast),
            noise: between(rng, ranges.noise),
            glare: maybe(rng, ranges.glare, GLARE_MIN),
            occlusion: maybe(rng, ranges.occlusion, OCCLUSION_MIN),
            creases: rng.between(0, ranges.creases),
            wrinkle_mm: maybe(rng, ranges.wrinkle, WRINKLE_MM_MIN),
            print_defect: rng.uniform(0.0, ranges.print_defect),
            exposure: between(rng, ranges.exposure),
            light: between(rng, LIGHT),
        }
    }

    const fn ranges(self) -> &'static Ranges {
        &RANGES[self as usize]
    }
}

impl std::str::FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = |factor: &Self| format!("{factor:?}").to_lowercase();
        Self::ALL
            .into_iter()
            .find(|factor| name(factor) == text.to_lowercase())
            .ok_or_else(|| {
                let known = Self::ALL.each_ref().map(name).join(", ");
                format!("unknown factor {text:?}; one of {known}")
            })
    }
}

impl std::str::FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| format!("{tier:?}").eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("unknown tier {text:?}; one of T1, T2, T3, T4, T5"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_named_as_they_are_printed() {
        for factor in Factor::ALL {
            assert_eq!(format!("{factor:?}").parse(), Ok(factor));
        }
        let unknown = "blur".parse::<Factor>().unwrap_err();
        assert!(unknown.contains("one of ppm, motion, defocus"), "{unknown}");
    }

    #[test]
    fn draws_stay_in_the_range_of_their_tier() {
        for tier in Tier::ALL {
            let ranges = tier.ranges();
            for seed in 0..300 {
                let d = tier.draw(&mut Rng::new(seed));
                assert!(
                    (ranges.ppm[0]..=ranges.ppm[1]).contains(&d.ppm),
                    "{tier:?} {d:?}"
                );
                assert!((ranges.exposure[0]..=ranges.exposure[1]).contains(&d.exposure));
                assert!(d.glare <= ranges.glare[1] && (d.glare == 0.0 || d.glare >= GLARE_MIN));
                assert!(d.wrinkle_mm <= ranges.wrinkle[1] && d.creases <= ranges.creases);
            }
        }
    }

    #[test]
    fn a_factor_changes_nothing_else() {
        for factor in Factor::ALL {
            let clean = Degradation::clean(if factor == Factor::Tilt { 3.0 } else { 2.5 });
            let differs = |level: f32| {
                let (a, b) = (
                    serde_json::to_value(factor.alone(level)).unwrap(),
                    serde_json::to_value(clean).unwrap(),
                );
                let (a, b) = (a.as_object().unwrap(), b.as_object().unwrap());
                a.iter()
                    .filter(|(key, value)| b.get(*key) != Some(value))
                    .count()
            };
            let most = factor.levels().iter().map(|&level| differs(level)).max();
            assert_eq!(most, Some(1), "{factor:?}");
        }
    }

    #[test]
    fn tiers_are_named_by_people() {
        assert_eq!("t3".parse(), Ok(Tier::T3));
        assert_eq!(
            "T9".parse::<Tier>(),
            Err("unknown tier \"T9\"; one of T1, T2, T3, T4, T5".to_owned())
        );
    }
}

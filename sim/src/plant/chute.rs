//! Chutes: the slide to the confirmation photo-eye, the bag, and the person who changes it.

use std::collections::VecDeque;

use sortline_core::ChuteId;
use sortline_core::topology::{Chute as ChuteLine, ChuteKind};

use super::Rng;
use super::config::ChuteConfig;
use super::parcel::Parcel;

/// Least time between two parcels at a confirmation photo-eye: they do not overtake in a chute.
const APART_US: i64 = 30_000;

/// How one parcel gets from the belt past the confirmation photo-eye.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slide {
    pub(crate) speed_mm_per_s: i64,
    /// How long it stays at the photo-eye beyond its passage.
    pub(crate) sticks_us: i64,
    /// The photo-eye does not see it.
    pub(crate) unseen: bool,
}

/// One chute, the recirculation conveyor's head, or the end of the belt.
#[derive(Clone, Debug)]
pub(crate) struct Chute {
    pub(crate) id: ChuteId,
    pub(crate) kind: ChuteKind,
    /// Index of its confirmation photo-eye.
    pub(crate) confirm: Option<usize>,
    /// Index of its full photo-eye.
    pub(crate) full: Option<usize>,
    /// Parcels that came in.
    pub(crate) taken: u64,
    in_bag: u32,
    changing: bool,
    slide_us: (i64, i64),
    /// Parcels on the slide, and whether each will stay at the photo-eye.
    sliding: VecDeque<(Parcel, bool)>,
    /// The first of them stays at the photo-eye of the recirculation conveyor.
    stays: bool,
    /// Whether the photo-eye sees each of the edges to come.
    edges: VecDeque<bool>,
    /// When the confirmation photo-eye is free again.
    free_us: i64,
}

/// What a parcel in the bag leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bagged {
    /// The bag has become full: someone has to come.
    pub(crate) now_full: bool,
    /// The bag holds no more: the parcel lies beside it.
    pub(crate) spilled: bool,
}

impl Chute {
    /// An empty chute with its photo-eyes' indices.
    pub(crate) fn new(line: &ChuteLine, confirm: Option<usize>, full: Option<usize>) -> Self {
        let (least, most) = (line.confirm_ms_min, line.confirm_ms_max);
        Self {
            id: line.id,
            kind: line.kind,
            confirm,
            full,
            taken: 0,
            in_bag: 0,
            changing: false,
            slide_us: (i64::from(least) * 1_000, i64::from(most) * 1_000),
            sliding: VecDeque::new(),
            stays: false,
            edges: VecDeque::new(),
            free_us: 0,
        }
    }

    /// A parcel leaves the belt. Returns when the confirmation photo-eye is blocked and when it
    /// is clear again.
    pub(crate) fn enter(
        &mut self,
        parcel: Parcel,
        now_us: i64,
        way: &Slide,
        slide: (&ChuteConfig, &mut Rng),
    ) -> (i64, i64) {
        let (config, rng) = slide;
        // A transfer onto the recirculation conveyor is guided: it scatters less than a fall.
        let part = if self.kind == ChuteKind::Recirculation {
            4
        } else {
            1
        };
        let sigma = i64::from(config.slide_ms_sigma) * 1_000 / part;
        let (least, most) = self.slide_us;
        // A tenth of the span on either side keeps the physics within the limits declared.
        let margin = (most - least).max(0) / 10;
        let drawn = i64::from(config.slide_ms_mean) * 1_000 + rng.normal(sigma);
        let slide = drawn.clamp(least + margin, (most - margin).max(least + margin));
        let blocked = (now_us + slide).max(self.free_us + APART_US);
        let passage = parcel.length_um * 1_000 / way.speed_mm_per_s.max(1);
        let clear = blocked + passage + way.sticks_us;
        self.edges.extend([!way.unseen; 2]);
        self.free_us = clear;
        self.taken += 1;
        self.sliding.push_back((parcel, way.sticks_us > 0));
        (blocked, clear)
    }

    /// A parcel's edge is at the confirmation photo-eye; true when that sees it. Edges come in the
    /// order in which parcels entered.
    pub(crate) fn seen(&mut self) -> bool {
        self.edges.pop_front().unwrap_or(true)
    }

    /// The first parcel on the slide comes to the confirmation photo-eye of a recirculation conveyor,
    /// or leaves it, and is on its way back; one that stays there only when it leaves.
    pub(crate) fn hand_over(&mut self, comes: bool) -> Option<Parcel> {
        let (_, sticks) = self.sliding.front()?;
        let goes = if comes {
            self.stays = *sticks && self.kind == ChuteKind::Recirculation;
            !self.stays
        } else {
            std::mem::take(&mut self.stays)
        };
        (goes && self.kind == ChuteKind::Recirculation)
            .then(|| self.sliding.pop_front().map(|(parcel, _)| parcel))
            .flatten()
    }

    /// Parcels between the belt and the bag.
    pub(crate) fn sliding(&self) -> usize {
        self.sliding.len()
    }

    /// The first parcel on the slide has passed the confirmation photo-eye.
    pub(crate) fn land(&mut self, config: &ChuteConfig) -> Bagged {
        match self.kind {
            ChuteKind::Recirculation => return Bagged::default(),
            ChuteKind::Reject => {
                self.sliding.pop_front();
                return Bagged::default();
            }
            ChuteKind::Sort => self.sliding.pop_front(),
        };
        self.in_bag += 1;
        let now_full = self.in_bag >= config.full_parcels && !self.changing;
        self.changing |= now_full;
        Bagged {
            now_full,
            spilled: self.in_bag > config.bag_parcels,
        }
    }

    /// Someone has put in an empty bag.
    pub(crate) const fn change_bag(&mut self) {
        self.in_bag = 0;
        self.changing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Slide = Slide {
        speed_mm_per_s: 1_500,
        sticks_us: 0,
        unseen: false,
    };

    fn chute() -> Chute {
        let line = ChuteLine {
            id: ChuteId(1),
            name: "1".to_owned(),
            kind: ChuteKind::Sort,
            capacity_parcels: 0,
            capacity_mm: 0,
            confirm_ms_min: 150,
            confirm_ms_max: 1_200,
        };
        Chute::new(&line, Some(0), Some(1))
    }

    fn parcel(serial: u32) -> Parcel {
        Parcel {
            serial,
            length_um: 300_000,
            width_mm: 200,
            mass_g: 500,
            lap: 0,
        }
    }

    #[test]
    fn the_slide_stays_within_the_limits_and_keeps_the_order() {
        let config = ChuteConfig {
            slide_ms_sigma: 2_000,
            ..ChuteConfig::default()
        };
        let (mut chute, mut rng) = (chute(), Rng::new(1, 1));
        let mut last = 0;
        for i in 0..200 {
            let now = i64::from(i) * 2_000_000;
            let (blocked, clear) = chute.enter(parcel(i), now, &WAY, (&config, &mut rng));
            assert!(
                (150_000..=1_200_000).contains(&(blocked - now)),
                "{}",
                blocked - now
            );
            assert!(blocked > last);
            assert_eq!(clear - blocked, 200_000);
            last = clear;
        }
        let together = chute.enter(parcel(200), 0, &WAY, (&config, &mut rng));
        assert_eq!(together.0, last + APART_US, "no overtaking");
    }

    #[test]
    fn what_stays_on_the_recirculation_conveyor_goes_on_when_it_leaves() {
        let mut chute = chute();
        chute.kind = ChuteKind::Recirculation;
        let (config, mut rng) = (ChuteConfig::default(), Rng::new(1, 1));
        for (serial, sticks_us) in [(1, 0), (2, 5_000_000), (3, 0)] {
            let way = Slide { sticks_us, ..WAY };
            chute.enter(parcel(serial), 0, &way, (&config, &mut rng));
        }
        let mut passage = || [true, false].map(|comes| chute.hand_over(comes).map(|p| p.serial));
        assert_eq!(passage(), [Some(1), None]);
        assert_eq!(passage(), [None, Some(2)]);
        assert_eq!(passage(), [Some(3), None]);
    }

    #[test]
    fn a_bag_gets_full_and_then_spills_until_it_is_changed() {
        let config = ChuteConfig {
            full_parcels: 2,
            bag_parcels: 3,
            ..ChuteConfig::default()
        };
        let mut chute = chute();
        let landed: Vec<_> = (0..4)
            .map(|_| {
                let bagged = chute.land(&config);
                (bagged.now_full, bagged.spilled)
            })
            .collect();
        assert_eq!(
            landed,
            [(false, false), (true, false), (false, false), (false, true)]
        );
        chute.change_bag();
        assert_eq!(chute.land(&config), Bagged::default());
    }
}

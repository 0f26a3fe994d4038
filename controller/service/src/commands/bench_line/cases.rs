//! The cases: what goes wrong, how often, and how much must be sorted all the same.

use sortline_sim::plant::{Fault, PlantConfig};

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    /// Number of the edge case.
    pub(super) number: &'static str,
    /// What happens.
    pub(super) name: &'static str,
    /// Faults with their rates, per million chances.
    faults: &'static [(Fault, u32)],
    /// Least gap of the feeder in mm, where it matters.
    gap_mm_min: Option<u32>,
    /// Parcels of a thousand that must be sorted: a controller that rejects everything makes no
    /// missort either. Well below what parcels without a fault allow.
    pub(super) sorted_permille: u64,
}

impl Case {
    /// The plant of a site with this case's faults and no others.
    pub(super) fn on(&self, site: &PlantConfig) -> PlantConfig {
        let mut plant = site.clone();
        plant.faults_ppm = sortline_sim::plant::FaultRates::default();
        for (fault, ppm) in self.faults {
            *plant.faults_ppm.rate_mut(*fault) = *ppm;
        }
        if let Some(gap) = self.gap_mm_min {
            plant.feeder.gap_mm_min = gap;
        }
        plant
    }
}

const fn case(
    number: &'static str,
    name: &'static str,
    faults: &'static [(Fault, u32)],
    sorted_permille: u64,
) -> Case {
    Case {
        number,
        name,
        faults,
        gap_mm_min: None,
        sorted_permille,
    }
}

/// All cases, by number. Those that no physics of a line shows to a black box are not among them:
/// multi-reads, late and early answers of a host, clocks, the fieldbus, pinned versions, identities,
/// addresses, statistics.
pub(super) const CASES: &[Case] = &[
    case(
        "E1",
        "slip between photo-eyes",
        &[(Fault::ParcelSlip, 100_000)],
        600,
    ),
    Case {
        gap_mm_min: Some(120),
        ..case("E2", "parcels close under the cameras", &[], 300)
    },
    case("E3", "gaps too small", &[(Fault::ShortGap, 200_000)], 400),
    case("E4", "touching parcels", &[(Fault::Touching, 200_000)], 400),
    case(
        "E6",
        "photo-eyes that bounce, miss parcels and stay blocked",
        &[
            (Fault::EyeChatter, 100_000),
            (Fault::EyeMissed, 20_000),
            (Fault::EyeStuckOn, 10_000),
        ],
        400,
    ),
    case(
        "E7",
        "parcels taken off by hand",
        &[(Fault::Removed, 150_000)],
        600,
    ),
    case(
        "E8",
        "parcels put on by hand",
        &[(Fault::Added, 150_000)],
        600,
    ),
    case(
        "E9",
        "diverts without effect, and slow ones",
        &[
            (Fault::FailedDivert, 100_000),
            (Fault::DiverterSlow, 50_000),
        ],
        400,
    ),
    case("E10", "full chutes", &[(Fault::ChuteFull, 1_000_000)], 500),
    case(
        "E12",
        "frames that never come, and frames without a label",
        &[(Fault::FrameLost, 150_000), (Fault::NoRead, 150_000)],
        300,
    ),
    case(
        "E14",
        "a belt that stops and slows down",
        &[(Fault::BeltStop, 80_000), (Fault::BeltSlow, 80_000)],
        500,
    ),
    case("E15", "the stop circuit", &[(Fault::Stop, 50_000)], 200),
    Case {
        gap_mm_min: Some(300),
        ..case("E16", "strokes in quick succession", &[], 500)
    },
    case(
        "E17",
        "an encoder that stalls, jumps and is noisy",
        &[
            (Fault::EncoderStall, 20_000),
            (Fault::EncoderJump, 20_000),
            (Fault::EncoderNoise, 20_000),
            (Fault::EncoderRollover, 1_000_000),
        ],
        200,
    ),
    case("E18", "jams in chutes", &[(Fault::ChuteJam, 60_000)], 400),
    case(
        "E19",
        "chute photo-eyes that see ghosts and miss parcels",
        &[
            (Fault::ConfirmGhost, 100_000),
            (Fault::ConfirmMissed, 50_000),
        ],
        500,
    ),
    case(
        "E20",
        "full chutes and failing diverts that send parcels round",
        &[
            (Fault::ChuteFull, 1_000_000),
            (Fault::FailedDivert, 300_000),
        ],
        200,
    ),
];

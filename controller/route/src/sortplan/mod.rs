//! Which destination is sorted to which chute: a proposal for a sort plan.
//!
//! The peak, the largest load of a chute in any wave, decides first: it is what a packer has to
//! keep up with. Then, in parcels: those that miss their cut-off, those that take another lap, and
//! the price of changing chutes and of walking. A destination with more parcels than a fair share
//! may get several chutes.
//!
//! Method: longest processing time first, then moves and exchanges away from the peak until none
//! helps, then, while the peak is more than 1 % above a fair share, trades of two parts each way
//! between two chutes, then moves and exchanges that lower the other costs and keep the peak (Graham:
//! Bounds on multiprocessing timing anomalies, SIAM J. Appl. Math. 17, 1969, for the first step).
//! The bound is of every assignment, and tells where a fair share is out of reach.

mod bound;
mod improve;
mod score;

use crate::generator::real;
use bound::bound;
use improve::Search;
pub(crate) use score::Loads;

/// Most destinations.
pub const DESTINATIONS_MAX: usize = 5_000;
/// Most chutes.
pub const CHUTES_MAX: usize = 1_000;
/// Most waves.
pub const WAVES_MAX: usize = 24;
/// Most parcels of a destination in a wave.
pub const PARCELS_MAX: u32 = 1_000_000;

/// What is to be sorted to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Name, such as a hop.
    pub destination: String,
    /// Forecast parcels by wave.
    pub parcels: Vec<u32>,
    /// Last wave, counted from 0, after which its vehicle leaves.
    pub last_wave: usize,
    /// Chute it has, as an index; absent: none.
    pub chute: Option<usize>,
}

/// A chute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chute {
    /// Name.
    pub name: String,
    /// Parcels it can take in a wave; what is more takes another lap.
    pub parcels_max: u32,
    /// Destinations it can have.
    pub destinations_max: usize,
    /// Way from the chute to the dock, in metres.
    pub walk_m: u32,
}

/// What things cost, in parcels handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// A parcel that misses its cut-off.
    pub missed: i64,
    /// A parcel that takes another lap.
    pub lap: i64,
    /// A destination that changes its chute.
    pub change: i64,
    /// Walking a kilometre.
    pub walk_km: i64,
}

impl Default for Weights {
    /// A missed cut-off counts as fifty parcels handled, a lap as one, a change of chute as
    /// twenty, a kilometre as ten: judgements, to be set by the operator.
    fn default() -> Self {
        Self {
            missed: 50,
            lap: 1,
            change: 20,
            walk_km: 10,
        }
    }
}

/// What a proposal is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Destinations, all with as many waves.
    pub demands: Vec<Demand>,
    /// Chutes.
    pub chutes: Vec<Chute>,
    /// Costs.
    pub weights: Weights,
    /// Most destinations that may change their chute; absent: any number. With a limit every
    /// destination needs a chute.
    pub changes_max: Option<usize>,
}

/// Why no proposal can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: found `{found}`, allowed: {allowed}")]
pub struct BadTask {
    /// Which part of the task.
    pub what: String,
    /// What is there.
    pub found: String,
    /// What would be allowed.
    pub allowed: String,
}

/// What an assignment comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Figures {
    /// Largest load of a chute in any wave, in parcels.
    pub peak: i64,
    /// Parcels that miss their cut-off.
    pub missed: i64,
    /// Parcels that take another lap.
    pub laps: i64,
    /// Destinations that change their chute.
    pub changes: i64,
    /// Walking, in metres times handling units of a wave.
    pub walk_m: i64,
}

/// One destination that gets another chute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Destination.
    pub destination: String,
    /// Chute it has; absent: none.
    pub from: Option<usize>,
    /// Chute it gets.
    pub to: usize,
    /// The figures if this move alone were taken back.
    pub without: Figures,
    /// One sentence.
    pub why: String,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// By destination: its chutes, the one with most of its parcels first.
    pub chutes: Vec<Vec<usize>>,
    /// What it comes to.
    pub figures: Figures,
    /// What the present assignment comes to; absent when a destination has no chute.
    pub before: Option<Figures>,
    /// No assignment has a smaller peak.
    pub bound: i64,
    /// Moves from the present assignment.
    pub moves: Vec<Move>,
}

impl Proposal {
    /// How far the peak is above the bound, as a share of it.
    #[must_use]
    pub fn gap(&self) -> f64 {
        let number = |value: i64| real(usize::try_from(value).unwrap_or(0));
        (number(self.figures.peak) - number(self.bound)) / number(self.bound.max(1))
    }
}

/// A destination, or a part of one that is split over several chutes.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) demand: usize,
    pub(crate) parcels: Vec<i64>,
    pub(crate) last_wave: usize,
    pub(crate) now: Option<usize>,
}

/// Makes a proposal.
///
/// # Errors
/// Numbers beyond the limits of this module, waves that differ, chutes that do not exist, fewer
/// places in chutes than destinations.
pub fn optimise(task: &Task) -> Result<Proposal, BadTask> {
    check(task)?;
    let parts = split(task);
    let mut search = Search::new(task, &parts);
    search.begin();
    search.flatten();
    search.polish();
    let place = search.place();
    Ok(proposal(task, &parts, place))
}

/// What the present assignment comes to; `None` when a destination has no chute.
#[must_use]
pub fn present(task: &Task) -> Option<Figures> {
    let parts: Vec<Part> = task
        .demands
        .iter()
        .enumerate()
        .map(|(index, demand)| part(index, demand, 1, 0))
        .collect();
    let place: Option<Vec<usize>> = task.demands.iter().map(|demand| demand.chute).collect();
    Some(Loads::new(task, &parts, &place?).figures(task))
}

fn check(task: &Task) -> Result<(), BadTask> {
    let (demands, chutes) = (task.demands.len(), task.chutes.len());
    if !(1..=DESTINATIONS_MAX).contains(&demands) {
        return bad(
            "destinations",
            demands.to_string(),
            format!("1 to {DESTINATIONS_MAX}"),
        );
    }
    if !(1..=CHUTES_MAX).contains(&chutes) {
        return bad("chutes", chutes.to_string(), format!("1 to {CHUTES_MAX}"));
    }
    let waves = task
        .demands
        .first()
        .map_or(0, |demand| demand.parcels.len());
    if !(1..=WAVES_MAX).contains(&waves) {
        return bad("waves", waves.to_string(), format!("1 to {WAVES_MAX}"));
    }
    task.demands
        .iter()
        .try_for_each(|demand| check_demand(task, demand, waves))?;
    let places = places(task);
    if places < demands {
        return bad(
            "chutes",
            format!("places for {places}"),
            format!("at least {demands}"),
        );
    }
    Ok(())
}

fn bad(what: &str, found: String, allowed: String) -> Result<(), BadTask> {
    Err(BadTask {
        what: what.to_owned(),
        found,
        allowed,
    })
}

/// Destinations that all chutes together can have.
fn places(task: &Task) -> usize {
    task.chutes.iter().map(|chute| chute.destinations_max).sum()
}

fn check_demand(task: &Task, demand: &Demand, waves: usize) -> Result<(), BadTask> {
    let chutes = task.chutes.len();
    let name = &demand.destination;
    if demand.parcels.len() != waves {
        return bad(
            name,
            format!("{} waves", demand.parcels.len()),
            format!("{waves}"),
        );
    }
    if let Some(parcels) = demand
        .parcels
        .iter()
        .find(|parcels| **parcels > PARCELS_MAX)
    {
        return bad(
            name,
            format!("{parcels} parcels"),
            format!("0 to {PARCELS_MAX}"),
        );
    }
    if demand.chute.is_some_and(|chute| chute >= chutes) {
        return bad(
            name,
            "an unknown chute".to_owned(),
            format!("one of {chutes} chutes"),
        );
    }
    if demand.chute.is_none() && task.changes_max.is_some() {
        let allowed = "a chute, when the number of changes is limited";
        return bad(name, "no chute".to_owned(), allowed.to_owned());
    }
    Ok(())
}

/// Splits destinations that are larger than a fair share of any wave; never when only a few
/// destinations may move.
fn split(task: &Task) -> Vec<Part> {
    let chutes = task.chutes.len();
    let mut spare = places(task).saturating_sub(task.demands.len());
    let fair: Vec<usize> = (0..task
        .demands
        .first()
        .map_or(0, |demand| demand.parcels.len()))
        .map(|wave| {
            let all = task
                .demands
                .iter()
                .filter_map(|demand| demand.parcels.get(wave));
            let sum: usize = all.map(|parcels| *parcels as usize).sum();
            sum.div_ceil(chutes).max(1)
        })
        .collect();
    let mut parts = Vec::new();
    for (index, demand) in task.demands.iter().enumerate() {
        let shares = demand.parcels.iter().zip(&fair);
        let wanted = shares
            .map(|(parcels, fair)| (*parcels as usize).div_ceil(*fair))
            .max();
        let number = match task.changes_max {
            Some(_) => 1,
            None => wanted.unwrap_or(1).clamp(1, chutes).min(1 + spare),
        };
        spare -= number - 1;
        parts.extend((0..number).map(|share| part(index, demand, number, share)));
    }
    parts
}

fn part(index: usize, demand: &Demand, number: usize, share: usize) -> Part {
    let of = |parcels: u32| {
        let whole = usize::try_from(parcels).unwrap_or(0);
        let most = whole / number + usize::from(share < whole % number);
        i64::try_from(most).unwrap_or(0)
    };
    Part {
        demand: index,
        parcels: demand.parcels.iter().map(|parcels| of(*parcels)).collect(),
        last_wave: demand.last_wave,
        now: if share == 0 { demand.chute } else { None },
    }
}

fn proposal(task: &Task, parts: &[Part], place: &[usize]) -> Proposal {
    let loads = Loads::new(task, parts, place);
    let figures = loads.figures(task);
    let mut chutes = vec![Vec::new(); task.demands.len()];
    for (part, chute) in parts.iter().zip(place) {
        if let Some(all) = chutes.get_mut(part.demand)
            && !all.contains(chute)
        {
            all.push(*chute);
        }
    }
    let mut moves = Vec::new();
    for (index, (part, chute)) in parts.iter().zip(place).enumerate() {
        if part.now == Some(*chute) {
            continue;
        }
        let Some(demand) = task.demands.get(part.demand) else {
            continue;
        };
        let without = part.now.map_or(figures, |now| {
            let mut other = place.to_vec();
            if let Some(cell) = other.get_mut(index) {
                *cell = now;
            }
            Loads::new(task, parts, &other).figures(task)
        });
        moves.push(Move {
            destination: demand.destination.clone(),
            from: part.now,
            to: *chute,
            without,
            why: reason(task, part, *chute, figures, without),
        });
    }
    Proposal {
        chutes,
        figures,
        before: present(task),
        bound: bound(parts, task.chutes.len()),
        moves,
    }
}

fn reason(task: &Task, part: &Part, to: usize, with: Figures, without: Figures) -> String {
    let name = |chute: usize| {
        task.chutes
            .get(chute)
            .map_or("", |chute| chute.name.as_str())
    };
    let parcels: i64 = part.parcels.iter().sum();
    let Some(from) = part.now else {
        return format!("{parcels} parcels to {}, which has room for them", name(to));
    };
    let mut gains = Vec::new();
    for (what, before, after) in [
        ("peak", without.peak, with.peak),
        ("missed cut-offs", without.missed, with.missed),
        ("laps", without.laps, with.laps),
        ("metres of walking", without.walk_m, with.walk_m),
    ] {
        if before > after {
            gains.push(format!("{what} {after} instead of {before}"));
        }
    }
    if gains.is_empty() {
        gains.push("makes room for another move".to_owned());
    }
    format!(
        "{parcels} parcels from {} to {}: {}",
        name(from),
        name(to),
        gains.join(", ")
    )
}

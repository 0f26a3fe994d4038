//! Where places are, and which airports a flight number joins.

use std::collections::BTreeSet;

use super::{Draw, Scale, real};

/// Time zones by their winter offset in minutes.
pub(super) const TIME_ZONES: &[(&str, i32)] = &[
    ("Pacific/Honolulu", -600),
    ("America/Los_Angeles", -480),
    ("America/Denver", -420),
    ("America/Chicago", -360),
    ("America/New_York", -300),
    ("America/Sao_Paulo", -180),
    ("Atlantic/Azores", -60),
    ("Europe/London", 0),
    ("Europe/Berlin", 60),
    ("Europe/Athens", 120),
    ("Asia/Riyadh", 180),
    ("Asia/Dubai", 240),
    ("Asia/Karachi", 300),
    ("Asia/Kolkata", 330),
    ("Asia/Bangkok", 420),
    ("Asia/Shanghai", 480),
    ("Asia/Tokyo", 540),
    ("Australia/Sydney", 600),
    ("Pacific/Auckland", 720),
];

/// Parts of the world: latitude and longitude of their corners, and share of the places.
const CONTINENTS: &[(f64, f64, f64, f64, f64)] = &[
    (36.0, 64.0, -10.0, 60.0, 0.30),
    (8.0, 52.0, 60.0, 142.0, 0.28),
    (16.0, 58.0, -125.0, -62.0, 0.24),
    (-40.0, 10.0, -80.0, -38.0, 0.08),
    (-32.0, 32.0, -14.0, 46.0, 0.06),
    (-42.0, -8.0, 114.0, 178.0, 0.04),
];

/// A place.
#[derive(Clone, Debug)]
pub struct Site {
    /// Unique id.
    pub id: String,
    /// ISO 3166-1 alpha-2, or an invented pair of letters.
    pub country: String,
    /// Customs territory.
    pub territory: String,
    /// Places are neighbours only within one part of the world.
    pub continent: usize,
    /// Degrees north and east.
    pub position: (f64, f64),
    /// IANA time zone.
    pub time_zone: String,
}

/// Airports with the most flight numbers first, the flight numbers as pairs of airports, ports,
/// and rail terminals.
#[derive(Clone, Debug, Default)]
pub struct Geography {
    /// Airports.
    pub airports: Vec<Site>,
    /// One entry for each flight number.
    pub flights: Vec<(usize, usize)>,
    /// Sea ports.
    pub ports: Vec<Site>,
    /// Rail terminals.
    pub rail: Vec<Site>,
}

struct Country {
    code: String,
    territory: String,
    continent: usize,
    position: (f64, f64),
}

/// The time zone of [`super::time_zones`] whose winter offset is nearest to the sun's.
#[must_use]
pub fn zone_at(longitude: f64) -> String {
    let sun = longitude * 4.0;
    let near = TIME_ZONES
        .iter()
        .min_by(|left, right| {
            let apart = |minutes: i32| (f64::from(minutes) - sun).abs();
            apart(left.1).total_cmp(&apart(right.1))
        })
        .map_or("Europe/London", |zone| zone.0);
    near.to_owned()
}

fn countries(draw: &mut Draw) -> Vec<Country> {
    const NUMBER: usize = 230;
    const UNION: usize = 27;
    let letter = |index: usize| char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    let mut all = Vec::new();
    let mut union = 0;
    for index in 0..NUMBER {
        let mut pick = draw.part();
        let continent = CONTINENTS.iter().position(|part| {
            pick -= part.4;
            pick < 0.0
        });
        let continent = continent.unwrap_or(0);
        let (south, north, west, east, _) = CONTINENTS.get(continent).copied().unwrap_or_default();
        let code = format!("{}{}", letter(index / 26), letter(index));
        // One customs union, in the first part of the world.
        let joined = continent == 0 && union < UNION;
        union += usize::from(joined);
        all.push(Country {
            territory: if joined {
                "EU".to_owned()
            } else {
                code.clone()
            },
            code,
            continent,
            position: (draw.real(south, north), draw.real(west, east)),
        });
    }
    all
}

fn beside(position: (f64, f64), degrees: f64, draw: &mut Draw) -> (f64, f64) {
    let lat = (position.0 + draw.real(-degrees, degrees)).clamp(-70.0, 70.0);
    let lon = (position.1 + draw.real(-degrees, degrees) * 1.4).clamp(-179.0, 179.0);
    (lat, lon)
}

impl Geography {
    /// Invented.
    #[must_use]
    pub fn invented(scale: Scale, draw: &mut Draw) -> Self {
        let countries = countries(draw);
        let site = |name: &str, index: usize, draw: &mut Draw| {
            // A few countries have most of the places.
            let pick = draw.part() * draw.part();
            let rank = (0..countries.len())
                .find(|rank| pick * real(countries.len()) < real(rank + 1))
                .unwrap_or(0);
            let country = countries.get(rank)?;
            let position = beside(country.position, 6.0, draw);
            Some(Site {
                id: format!("{name}{index:04}"),
                country: country.code.clone(),
                territory: country.territory.clone(),
                continent: country.continent,
                position,
                time_zone: zone_at(position.1),
            })
        };
        let sites = |name: &str, number: usize, draw: &mut Draw| -> Vec<Site> {
            (0..number)
                .filter_map(|index| site(name, index, draw))
                .collect()
        };
        let airports = sites("A", scale.of(3_257).max(12), draw);
        let ports = sites("P", scale.of(803).max(6), draw);
        let rail = sites("R", scale.of(1_332).max(6), draw);
        let flights = flights(&airports, scale.of(66_922), draw);
        Self {
            airports,
            flights,
            ports,
            rail,
        }
    }
}

/// Flight numbers: airports of a low number have most of them, and most are short.
fn flights(airports: &[Site], number: usize, draw: &mut Draw) -> Vec<(usize, usize)> {
    const TRIES: usize = 6;
    let mut all = Vec::with_capacity(number);
    let mut served = BTreeSet::new();
    let big = |draw: &mut Draw| {
        let pick = draw.part();
        let pick = pick * pick * pick;
        (0..=20)
            .map(|power| 1usize << power)
            .take_while(|step| *step <= airports.len())
            .last()
            .map_or(0, |step| {
                let fine = step * 4;
                let cell = (0..20).fold((0usize, fine), |(low, high), _| {
                    let middle = low.midpoint(high);
                    if real(middle) <= pick * real(fine) {
                        (middle, high)
                    } else {
                        (low, middle)
                    }
                });
                cell.0 * airports.len() / fine
            })
    };
    while all.len() < number {
        let from = if served.len() < airports.len() {
            served.len()
        } else {
            big(draw)
        };
        served.insert(from);
        let Some(here) = airports.get(from) else {
            break;
        };
        let mut best: Option<(f64, usize)> = None;
        for _ in 0..TRIES {
            let to = big(draw);
            let Some(there) = airports.get(to).filter(|_| to != from) else {
                continue;
            };
            let far = kilometres(here.position, there.position) * draw.part();
            if best.is_none_or(|(least, _)| far < least) {
                best = Some((far, to));
            }
        }
        let Some((_, to)) = best else { continue };
        all.push((from, to));
        // Aircraft come back.
        if all.len() < number {
            all.push((to, from));
        }
    }
    all
}

/// Great-circle distance (haversine formula, mean radius of the Earth 6,371 km).
pub(crate) fn kilometres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let across = from.0.to_radians().cos() * to.0.to_radians().cos() * half(to.1 - from.1);
    2.0 * 6_371.0 * (half(to.0 - from.0) + across).sqrt().min(1.0).asin()
}

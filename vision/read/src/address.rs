//! Country and postcode from lines of an address.
//!
//! A country is a name in one of many languages, a code, or what the town tells; the postcode must
//! have that country's form and stand near it. Each pair of the two is a hypothesis whose evidence is
//! added up (see [`score`]). Lines under a heading such as "From" are the sender's and never a
//! destination; lines under "Ship to" come before all others. Two hypotheses of nearly equal right are
//! no destination: it is not guessed, and both are handed on as candidates.

mod heading;
mod mention;
mod score;

use crate::country::{Country, folded};
use crate::places::{self, Fit};
use crate::postcode::{self, Place};
use mention::Certainty;
use score::Clues;

/// A line with the confidence of whoever read it, 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) confidence: f32,
    /// Confidence of each blank-separated word; may be shorter than the line has words.
    pub(crate) words: &'a [f32],
    /// Block of the layout; 0 for all when there is none.
    pub(crate) block: u32,
    /// Height of the print; 0 when it is not known.
    pub(crate) height: f32,
}

impl<'a> Line<'a> {
    /// A line of which nothing is known but its text.
    pub(crate) fn plain(text: &'a str, confidence: f32) -> Self {
        Self {
            text,
            confidence,
            words: &[],
            block: 0,
            height: 0.0,
        }
    }

    /// Least confidence of the words from the first to the last.
    fn of_words(&self, (first, last): (usize, usize)) -> f32 {
        let words = self.words.get(first..=last).unwrap_or(&[]);
        words
            .iter()
            .copied()
            .reduce(f32::min)
            .unwrap_or(self.confidence)
    }
}

/// What an address says.
#[derive(Clone, PartialEq)]
pub(crate) struct Address {
    pub(crate) country: Country,
    pub(crate) postcode: Option<String>,
    /// Share of such readings that are right, 0 to 1.
    pub(crate) confidence: f32,
    /// Whether it stands under a heading such as "Ship to".
    pub(crate) headed: bool,
    /// Sum of the evidence.
    weight: f32,
    block: u32,
    height: f32,
}

impl Address {
    /// Sum of the evidence for it.
    pub(crate) fn weight(&self) -> f32 {
        self.weight
    }
}

/// All that the lines say of where a parcel goes.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// The one address, where there is one.
    pub(crate) best: Option<Address>,
    /// Addresses that it may be, best first, without the best.
    pub(crate) candidates: Vec<Address>,
}

/// Most lines looked at.
const LINES_MAX: usize = 200;

/// Longest line looked at, characters.
const LINE_MAX: usize = 200;

/// Most candidates handed on.
const CANDIDATES_MAX: usize = 5;

/// How many lines above the country its postcode may stand, and how many below.
const ABOVE: usize = 3;
const BELOW: usize = 1;

/// Difference of evidence under which two hypotheses have equal right.
const MARGIN: f32 = 1.5;

/// Print that is larger by this factor than that of another address is the recipient's.
const LARGER: f32 = 1.3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    To,
    Unknown,
    From,
}

/// A line made ready: folded, without its heading, with the role it has.
struct Ready<'a> {
    line: Line<'a>,
    text: String,
    role: Role,
    /// Whether numbers of another kind stand here.
    barred: bool,
}

/// The destination that the lines name. `home` is the country of the site.
pub(crate) fn read(lines: &[Line<'_>], home: Option<Country>) -> Found {
    let lines = ready(lines);
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.role == Role::From || line.barred {
            continue;
        }
        if let Some((country, certainty)) = mention::country(&line.text, line.line.text) {
            with_country(&lines, at, (country, certainty), &mut all);
        }
        without_country(line, home, &mut all);
    }
    decide(all)
}

/// Gives each line its role: a heading holds to the next one, or to the end of its block where it
/// stands in it.
fn ready<'a>(lines: &[Line<'a>]) -> Vec<Ready<'a>> {
    let (mut role, mut block, mut fresh) = (Role::Unknown, None, false);
    let mut out: Vec<Ready<'a>> = Vec::new();
    for line in lines.iter().take(LINES_MAX) {
        let line = &Line {
            text: shortened(line.text),
            ..*line
        };
        let text = folded(line.text);
        let heading = heading::heading(&text, line.text);
        if block != Some(line.block) && !fresh {
            role = Role::Unknown;
        }
        block = Some(line.block);
        let rest = match heading {
            Some((given, length)) => {
                role = given;
                text.get(length..).unwrap_or("").trim_start().to_owned()
            }
            None => text,
        };
        // A heading alone goes for the block below it.
        fresh = heading.is_some() && rest.is_empty();
        let number = crate::carrier::normal(line.text).and_then(|number| crate::identify(&number));
        let barred = heading::is_no_address(&rest) || number.is_some_and(|id| id.names_parcel());
        out.push(Ready {
            line: *line,
            text: rest,
            role,
            barred,
        });
    }
    out
}

/// The first characters of a line, as many as a line of print may have: the work on a line grows with
/// the square of its length.
fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(LINE_MAX)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// Hypotheses of a country that line `at` names, with each postcode near it, and without.
fn with_country(
    lines: &[Ready<'_>],
    at: usize,
    (country, certainty): (Country, Certainty),
    all: &mut Vec<Address>,
) {
    let Some(named) = lines.get(at) else { return };
    let before = all.len();
    let near = at.saturating_sub(ABOVE)..=at + BELOW;
    for (other, line) in lines.iter().enumerate() {
        let same = line.line.block == named.line.block && line.role == named.role;
        if !near.contains(&other) || !same || line.barred {
            continue;
        }
        for found in postcode::find_all(country, line.line.text, true) {
            let clues = Clues {
                certainty,
                named: named.line.confidence,
                code: line.line.of_words(found.words),
                letters: letters(&found.code),
                repaired: found.repaired,
                in_place: in_place(country, line, &found),
                town: town(country, lines, other, &found.code),
                distance: at.cast_signed() - other.cast_signed(),
                headed: named.role == Role::To,
            };
            all.push(hypothesis(country, Some(found.code), &clues, named));
        }
    }
    // "Made in China" and a code of two letters are believed only beside a fitting postcode.
    let known = matches!(certainty, Certainty::Line | Certainty::Nearly);
    if all.len() == before && (known || postcode::has_none(country)) {
        let weight = score::country_only(
            certainty,
            named.line.confidence,
            postcode::has_none(country),
        );
        all.push(address(country, None, weight, named));
    }
}

/// Hypotheses of a line that names no country: its town tells it, or it is that of the site.
fn without_country(line: &Ready<'_>, home: Option<Country>, all: &mut Vec<Address>) {
    let towns = places::countries(&line.text);
    let countries = towns.into_iter().chain(home);
    for country in countries {
        for found in postcode::find_all(country, line.line.text, false) {
            let words = mention::without_codes(line.line.text, &found.code);
            let town = places::fit(country, &words, &found.code);
            let certainty = if home == Some(country) {
                Certainty::Home
            } else {
                Certainty::Town
            };
            if town != Fit::Confirmed && certainty == Certainty::Town {
                continue;
            }
            let clues = Clues {
                certainty,
                named: line.line.confidence,
                code: line.line.of_words(found.words),
                letters: letters(&found.code),
                repaired: found.repaired,
                in_place: in_place(country, line, &found),
                town,
                distance: 0,
                headed: line.role == Role::To,
            };
            all.push(hypothesis(country, Some(found.code), &clues, line));
        }
    }
}

fn hypothesis(
    country: Country,
    postcode: Option<String>,
    clues: &Clues,
    line: &Ready<'_>,
) -> Address {
    address(country, postcode, score::weight(clues), line)
}

fn address(country: Country, postcode: Option<String>, weight: f32, line: &Ready<'_>) -> Address {
    Address {
        country,
        postcode,
        confidence: score::confidence(weight),
        headed: line.role == Role::To,
        weight,
        block: line.line.block,
        height: line.line.height,
    }
}

fn letters(code: &str) -> usize {
    code.bytes().filter(u8::is_ascii_alphabetic).count()
}

/// Whether the postcode stands where the country's addresses have it.
fn in_place(country: Country, line: &Ready<'_>, found: &postcode::Found) -> bool {
    let words = postcode::words(line.line.text);
    let letters = |word: &&str| word.chars().any(char::is_alphabetic);
    let (first, last) = found.words;
    let before = words.get(..first).unwrap_or(&[]).iter().any(letters);
    let after = words.get(last + 1..).unwrap_or(&[]).iter().any(letters);
    match postcode::place(country) {
        Some(Place::Before) => !before,
        Some(Place::After) => !after || mention::country(&line.text, "").is_some(),
        Some(Place::Either) | None => !(before && after),
    }
}

/// How the town goes with the postcode: on its line, or on the line above or below.
fn town(country: Country, lines: &[Ready<'_>], at: usize, code: &str) -> Fit {
    let fit = |at: usize| {
        let line = lines.get(at)?;
        let words = mention::without_codes(line.line.text, code);
        Some(places::fit(country, &words, code))
    };
    let near = [Some(at), at.checked_sub(1), Some(at + 1)];
    let fits: Vec<Fit> = near.into_iter().flatten().filter_map(fit).collect();
    if fits.contains(&Fit::Confirmed) {
        return Fit::Confirmed;
    }
    // A street may bear another town's name; only the postcode's own line contradicts it.
    fits.first().copied().unwrap_or(Fit::Unknown)
}

/// Whether both may be the same: nothing that both name differs.
fn agrees(one: &Address, other: &Address) -> bool {
    let codes = one.postcode.as_ref().zip(other.postcode.as_ref());
    one.country == other.country && codes.is_none_or(|(a, b)| a == b)
}

/// The one address, preferring headed ones; none when two have nearly equal right.
fn decide(mut all: Vec<Address>) -> Found {
    if all
        .iter()
        .any(|address| address.headed && address.postcode.is_some())
    {
        all.retain(|address| address.headed);
    }
    prefer_large_print(&mut all);
    all.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| order(a).cmp(&order(b)))
    });
    // One hypothesis for each country and postcode: the best one.
    let mut distinct: Vec<Address> = Vec::new();
    for address in all {
        let same = |known: &Address| order(known) == order(&address);
        if !distinct.iter().any(same) {
            distinct.push(address);
        }
    }
    let mut rest = distinct.into_iter();
    let Some(first) = rest.next() else {
        return Found::default();
    };
    let rest: Vec<Address> = rest.collect();
    let rival = rest.iter().find(|other| !agrees(&first, other));
    let clear =
        rival.is_none_or(|rival| first.weight - rival.weight >= MARGIN && tells(&first, rival));
    let mut candidates: Vec<Address> = rest;
    let best = if clear {
        // What names only the country is completed by what agrees with it.
        let fuller = candidates
            .iter()
            .position(|other| first.postcode.is_none() && agrees(&first, other));
        match fuller {
            Some(at) => Some(candidates.swap_remove(at)),
            None => Some(first),
        }
    } else {
        candidates.insert(0, first);
        None
    };
    candidates.retain(|other| best.as_ref().is_none_or(|best| !agrees(best, other)));
    candidates.truncate(CANDIDATES_MAX);
    Found { best, candidates }
}

fn order(address: &Address) -> (Country, Option<&str>) {
    (address.country, address.postcode.as_deref())
}

/// Whether the better of two complete addresses in different blocks says why it is the recipient's:
/// a label with two addresses and nothing to tell them apart names no destination.
fn tells(best: &Address, rival: &Address) -> bool {
    let both = best.postcode.is_some() && rival.postcode.is_some();
    let apart = best.block != rival.block && best.country != rival.country;
    let larger = rival.height > 0.0 && best.height >= rival.height * LARGER;
    !(both && apart) || best.headed || larger || rival.weight < 0.0
}

/// Adds weight to addresses in the largest print.
fn prefer_large_print(all: &mut [Address]) {
    let full = all.iter().filter(|address| address.postcode.is_some());
    let largest = full.map(|address| address.height).fold(0.0, f32::max);
    for address in all.iter_mut().filter(|_| largest > 0.0) {
        if address.height > 0.0 && address.height * LARGER <= largest {
            address.weight -= MARGIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Found) -> String {
        let one = |a: &Address| {
            let code = a.postcode.as_deref().unwrap_or("");
            format!("{} {code}", a.country).trim_end().to_owned()
        };
        if let Some(best) = &found.best {
            return one(best);
        }
        let all: Vec<String> = found.candidates.iter().map(one).collect();
        format!("?{}", all.join("|"))
    }

    fn check(lines: &[&str], expected: &str) {
        let lines: Vec<Line<'_>> = lines.iter().map(|text| Line::plain(text, 0.9)).collect();
        assert_eq!(shown(&read(&lines, None)), expected);
    }

    #[test]
    fn addresses_of_many_countries() {
        for (lines, expected) in [
            (
                &["Erika Muster", "Musterstr. 1", "10115 Berlin", "GERMANY"][..],
                "DE 10115",
            ),
            (&["Jean Dupont", "75001 Paris", "FRANCE"], "FR 75001"),
            (
                &[
                    "Jane Roe",
                    "10 Downing St",
                    "London SW1A 2AA",
                    "United Kingdom",
                ],
                "GB SW1A 2AA",
            ),
            (&["Jane Roe", "London", "SW1A 2AA", "UK"], "GB SW1A 2AA"),
            (&["1012 LG Amsterdam, Netherlands"], "NL 1012 LG"),
            (&["Springfield IL 62701 US"], "US 62701"),
            (
                &["John Doe", "1 Main St", "Springfield, IL 62701-1234", "USA"],
                "US 62701-1234",
            ),
            (&["张三", "北京市朝阳区", "100020", "中 国"], "CN 100020"),
            (
                &["王小明 收", "建国路12号", "100022 北京市", "中国 CHINA"],
                "CN 100022",
            ),
            (&["Ul. Długa 5", "00-950 WARSZAWA", "POLAND"], "PL 00-950"),
            (
                &["Rua Augusta 10", "1100-048 LISBOA", "PORTUGAL"],
                "PT 1100-048",
            ),
            (&["Storgatan 1", "114 55 STOCKHOLM", "SVERIGE"], "SE 114 55"),
            (&["D-10115 Berlin"], "DE 10115"),
            (&["CH-8001 Zürich"], "CH 8001"),
            (&["SE-114 55 Stockholm"], "SE 114 55"),
            (&["〒100-0001 東京都千代田区", "日本"], "JP 100-0001"),
            (&["서울특별시 종로구 03187", "대한민국"], "KR 03187"),
            (&["ул. Тверская 1", "125009 Москва", "РОССИЯ"], "RU 125009"),
            (&["10115 Berlin", "ALLEMAGNE"], "DE 10115"),
            (&["Kowloon", "Hong Kong"], "HK"),
            (&["10115 Berlin"], "DE 10115"),
            (&["10115 Kleinkleckersdorf"], "?"),
            (&["1O115 Berlin", "GERMANV"], "DE 10115"),
            (&["Made in China"], "?"),
            (&["Visit us"], "?"),
            (&["", " ", "?"], "?"),
        ] {
            check(lines, expected);
        }
    }

    #[test]
    fn whose_address_it_is() {
        let berlin = ["10115 Berlin", "Germany"];
        let beijing = ["100020 Beijing", "China"];
        let heading =
            |one: &'static str, a: [&'static str; 2], other: &'static str, b: [&'static str; 2]| {
                [one, a[0], a[1], other, b[0], b[1]]
            };
        for (to, from) in [
            ("Ship to:", "From:"),
            ("DESTINATION", "SENDER"),
            ("收件人", "寄件人"),
            ("目的地:", "发件人:"),
            ("Empfänger", "Absender"),
            ("À:", "De:"),
            ("Destinataire", "Expéditeur"),
            ("Odbiorca", "Nadawca"),
            ("Получатель", "Отправитель"),
            ("お届け先", "ご依頼主"),
        ] {
            check(&heading(to, berlin, from, beijing), "DE 10115");
            check(&heading(from, beijing, to, berlin), "DE 10115");
        }
        check(
            &[
                "From: Shop",
                "100020 Beijing",
                "China",
                "To: Erika",
                "10115 Berlin",
                "Germany",
            ],
            "DE 10115",
        );
        check(
            &["100020 Beijing", "China", "10115 Berlin", "Germany"],
            "?CN 100020|DE 10115",
        );
        check(
            &["To Erika", "To: X", "75001 Paris", "10115 Berlin"],
            "?DE 10115|FR 75001",
        );
    }

    #[test]
    fn numbers_that_are_no_postcodes() {
        for (lines, expected) in [
            (&["Tel 10115", "80331 München", "Germany"][..], "DE 80331"),
            (&["Order 10115", "80331 München", "Germany"], "DE 80331"),
            (&["RR473124829CN", "10115 Berlin", "Germany"], "DE 10115"),
            (
                &["Made in China", "100020", "10115 Berlin", "Germany"],
                "DE 10115",
            ),
            (
                &["Musterstr. 10115", "80331 München", "Germany"],
                "DE 80331",
            ),
        ] {
            check(lines, expected);
        }
    }

    #[test]
    fn blocks_and_print_sizes() {
        let line = |text, block, height| Line {
            block,
            height,
            ..Line::plain(text, 0.95)
        };
        let small_sender = [
            line("100020 Beijing", 1, 12.0),
            line("China", 1, 12.0),
            line("10115 Berlin", 2, 24.0),
            line("Germany", 2, 24.0),
        ];
        assert_eq!(shown(&read(&small_sender, None)), "DE 10115");
        // A heading alone goes for the block below it, and no further.
        let headed = [
            line("SHIP TO", 1, 12.0),
            line("10115 Berlin", 2, 12.0),
            line("Germany", 2, 12.0),
            line("100020 Beijing", 3, 12.0),
            line("China", 3, 12.0),
        ];
        assert_eq!(shown(&read(&headed, None)), "DE 10115");
    }

    #[test]
    fn the_sites_own_country_is_assumed_last() {
        let home = Country::from_alpha2("DE");
        let lines = [Line::plain("99999 Nirgendwo", 0.95)];
        let found = read(&lines, home);
        assert_eq!(shown(&found), "DE 99999");
        assert!(found.best.unwrap().confidence < 0.9);
        let lines = [
            Line::plain("75001 Paris", 0.95),
            Line::plain("France", 0.95),
        ];
        assert_eq!(shown(&read(&lines, home)), "FR 75001");
    }
}

//! Generated GS1 element strings, half of them broken, with what this crate makes of them: input for a
//! comparison with another parser.
//!
//! ```text
//! cargo run --release -p sortline-read --example gs1_strings -- 100000 7 > strings.jsonl
//! ```
//!
//! One JSON object a line: `text`, `elements` as `[identifier, data]` or null, `error`, `faults` between
//! the elements, and `broken`, what was done to the text.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;
use sortline_read::check;
use sortline_read::gs1::{self, Element};

/// Characters of sets 82, 39 and base64url.
const SET_82: &str =
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const SET_39: &str = "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE_64: &str = "-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

/// `SplitMix64` (Steele, Lea and Flood, 2014): the same seed gives the same strings everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let at = self.below(texts.len());
        texts.get(at).copied().unwrap_or("")
    }

    fn text(&mut self, set: &str, length: usize) -> String {
        let characters: Vec<char> = set.chars().collect();
        (0..length)
            .filter_map(|_| characters.get(self.below(characters.len())).copied())
            .collect()
    }
}

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let [count, seed] = numbers.as_slice() else {
        writeln!(std::io::stderr(), "usage: gs1_strings COUNT SEED").unwrap_or_default();
        return ExitCode::from(2);
    };
    let mut random = Random(*seed);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for _ in 0..*count {
        let (text, broken) = generated(&mut random);
        let parsed = gs1::parse(&text);
        let elements = parsed.as_ref().ok().map(|all| {
            all.iter()
                .map(|element| [element.ai.clone(), element.value.clone()])
                .collect::<Vec<_>>()
        });
        let faults = parsed
            .as_ref()
            .map_or_else(|_| vec![], |all| gs1::faults(all));
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let error = parsed.as_ref().err().map(ToString::to_string);
        let row = json!({"text": text, "elements": elements, "error": error, "faults": faults,
            "broken": broken});
        if writeln!(out, "{row}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A text, and what was done to it.
fn generated(random: &mut Random) -> (String, &'static str) {
    let rows: Vec<_> = gs1::identifiers().collect();
    let elements: Vec<Element> = (0..=random.below(5))
        .filter_map(|_| {
            let (first, last, form, _) = rows.get(random.below(rows.len())).copied()?;
            let ai = between(first, last, random);
            let value = form.split(' ').map(|part| data(part, random)).collect();
            Some(Element { ai, value })
        })
        .collect();
    let text = gs1::format(&elements);
    if random.below(2) == 0 {
        return (text, "nothing");
    }
    broken(&text, random)
}

fn between(first: &str, last: &str, random: &mut Random) -> String {
    let (low, high): (usize, usize) = (first.parse().unwrap_or(0), last.parse().unwrap_or(0));
    format!(
        "{:0width$}",
        low + random.below(high - low + 1),
        width = first.len()
    )
}

/// Data of one part that keeps the form, and its rules where that is simple.
fn data(part: &str, random: &mut Random) -> String {
    let (shape, rules) = part.split_once(',').unwrap_or((part, ""));
    let optional = shape.starts_with('[');
    if optional && random.below(2) == 0 {
        return String::new();
    }
    let shape = shape.trim_matches(['[', ']']);
    let most = shape
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap_or(1);
    let length = if shape.contains("..") {
        1 + random.below(most)
    } else {
        most
    };
    let set = match shape.bytes().next() {
        Some(b'N') => DIGITS,
        Some(b'Y') => SET_39,
        Some(b'Z') => BASE_64,
        _ => SET_82,
    };
    let two = |least: usize, most: usize, random: &mut Random| {
        format!("{:02}", least + random.below(most - least + 1))
    };
    match rules.split(',').next().unwrap_or("") {
        "check" => {
            let body = random.text(DIGITS, length - 1);
            let digit = check::gs1_digit(body.as_bytes()).unwrap_or(0);
            format!("{body}{digit}")
        }
        "prefix" => random.text(DIGITS, 4) + &random.text(set, length.saturating_sub(4).max(1)),
        "padded" => random.text(set, length).replace('=', "x"),
        "importer" => random.text(BASE_64, 1).replace('=', "x"),
        "nozero" => "1".to_owned() + &random.text(set, length - 1),
        "date" => two(0, 99, random) + &two(1, 12, random) + &two(1, 31, random),
        "date0" => two(0, 99, random) + &two(1, 12, random) + &two(0, 31, random),
        "date8" => {
            "20".to_owned() + &two(0, 99, random) + &two(1, 12, random) + &two(1, 28, random)
        }
        "time" => two(0, 23, random) + &two(0, 59, random),
        "hour" => two(0, 23, random),
        "sixty" => two(0, 59, random),
        "country" | "country999" => random.of(&["276", "840", "156", "250"]).to_owned(),
        "alpha2" => random.of(&["DE", "US", "CN", "FR"]).to_owned(),
        "currency" => random.of(&["978", "840", "156"]).to_owned(),
        "sex" | "yesno" | "winding" => random.of(&["0", "1"]).to_owned(),
        "hyphen" => "-".to_owned(),
        "zero" => "0".repeat(length),
        "piece" => "0102".to_owned(),
        "latitude" | "longitude" => format!("0{}", random.text(DIGITS, 9)),
        "medium" => two(1, 10, random),
        "percent" => random.text(set, length).replace('%', "x"),
        "iban" => "DE89370400440532013000".to_owned(),
        "pair" => "1987654Ad4X4bL5ttr2310c2K".to_owned(),
        "sequence" => "1/2".to_owned(),
        _ => random.text(set, length),
    }
}

/// The text with one thing broken.
fn broken(text: &str, random: &mut Random) -> (String, &'static str) {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len());
    let any = random.text(SET_82, 1).chars().next().unwrap_or('0');
    let digit = random.text(DIGITS, 1).chars().next().unwrap_or('0');
    let what = match random.below(7) {
        0 => {
            characters.remove(at);
            "character left out"
        }
        1 => {
            characters.insert(at, any);
            "character put in"
        }
        2 => {
            characters.splice(at..=at, [any]);
            "character changed"
        }
        3 => {
            characters.splice(at..=at, [digit]);
            "digit changed"
        }
        4 => {
            characters.retain(|c| *c != gs1::SEPARATOR);
            "separators left out"
        }
        5 => {
            characters.insert(at, gs1::SEPARATOR);
            "separator put in"
        }
        _ => {
            characters.truncate(at);
            "cut off"
        }
    };
    (characters.into_iter().collect(), what)
}

//! Carriers' number formats: recognition, rank among the formats that fit, embedded destination.
//!
//! Source of formats and check digits, where a row does not name another: the public collection
//! `jkeen/tracking_number_data` (MIT), which cites the carriers' own guides. Ambiguity is inherent:
//! twelve digits may be two carriers' numbers at once, so the answer is a ranked list.

mod table;

use crate::check;
use crate::country::Country;
use crate::postcode;

/// Longest number of any format after removing blanks.
pub const NUMBER_MAX: usize = 40;

/// One number format of one carrier.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name of the format, unique: `fedex_34`.
    pub id: &'static str,
    /// Kind of identifier, in most cases the carrier: `fedex`.
    pub kind: &'static str,
    /// Form of the number; see [`matches()`].
    pattern: &'static str,
    /// How sure it is that a number that fits is of this format, in percent. It falls with the share
    /// of random numbers of the same form that would pass.
    confidence: u8,
    /// Why.
    pub why: &'static str,
    check: fn(&str) -> bool,
    destination: fn(&str) -> Option<(Country, String)>,
}

impl Format {
    /// Whether only digits and their count speak for it: no letters in front, no check digit. Any
    /// number of that length fits, so that it says nothing where a symbol may be torn.
    pub fn is_weak(&self) -> bool {
        self.why == table::LENGTH || self.why == table::DIGITS
    }
}

/// A format that a number fits.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    /// The format.
    pub format: &'static Format,
    /// How sure it is, 0 to 1.
    pub confidence: f32,
}

/// The number in normal form: capitals without blanks. `None` when it is empty, too long or holds
/// anything but letters, digits and hyphens.
pub fn normal(text: &str) -> Option<String> {
    let mut out = String::with_capacity(NUMBER_MAX);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        if out.len() == NUMBER_MAX || !(c.is_ascii_alphanumeric() || c == '-') {
            return None;
        }
        out.push(c.to_ascii_uppercase());
    }
    (!out.is_empty()).then_some(out)
}

/// All formats that a number in normal form fits, likeliest first.
pub fn recognize(number: &str) -> Vec<Match> {
    let fitting = table::FORMATS.iter().filter(|format| fits(format, number));
    let mut found: Vec<Match> = fitting
        .map(|format| Match {
            format,
            confidence: f32::from(format.confidence) / 100.0,
        })
        .collect();
    // A stable sort keeps the order of the table among equals.
    found.sort_by_key(|found| core::cmp::Reverse(found.format.confidence));
    found
}

/// The format with this name.
pub fn format(id: &str) -> Option<&'static Format> {
    table::FORMATS.iter().find(|format| format.id == id)
}

/// Whether a number in normal form has the format's form and check digits.
pub fn fits(format: &Format, number: &str) -> bool {
    matches(format.pattern, number.as_bytes()) && (format.check)(number)
}

/// Country and postcode that the number holds, for a number that fits the format.
pub fn destination(format: &Format, number: &str) -> Option<(Country, String)> {
    (format.destination)(number)
}

/// Whether `text` has the form `pattern`: `#` a digit, `@` a letter, `*` either, `[…]` one of a set,
/// any other character itself; `{n}` or `{n,m}` repeats what stands before it, as often as it can.
/// Alternatives are separated by `|`.
fn matches(pattern: &str, text: &[u8]) -> bool {
    pattern
        .split('|')
        .any(|alternative| matches_one(alternative.as_bytes(), text))
}

fn matches_one(mut pattern: &[u8], mut text: &[u8]) -> bool {
    while let Some((set, rest)) = next_set(pattern) {
        let (least, most, rest) = repetition(rest);
        let run = text
            .iter()
            .take(most)
            .take_while(|byte| is_in(set, **byte))
            .count();
        if run < least {
            return false;
        }
        text = text.get(run..).unwrap_or(&[]);
        pattern = rest;
    }
    text.is_empty()
}

/// The set with which a pattern begins, and what follows.
fn next_set(pattern: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = pattern.first()?;
    let end = match first {
        b'[' => pattern.iter().position(|byte| *byte == b']')? + 1,
        _ => 1,
    };
    pattern.split_at_checked(end)
}

fn is_in(set: &[u8], byte: u8) -> bool {
    match set {
        b"#" => byte.is_ascii_digit(),
        b"@" => byte.is_ascii_uppercase(),
        b"*" => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        [b'[', inner @ .., b']'] => inner.contains(&byte),
        other => other.first() == Some(&byte),
    }
}

/// Least and greatest number of repetitions, and what follows them.
fn repetition(pattern: &[u8]) -> (usize, usize, &[u8]) {
    let once = (1, 1, pattern);
    let Some([b'{', rest @ ..]) = Some(pattern) else {
        return once;
    };
    let Some(end) = rest.iter().position(|byte| *byte == b'}') else {
        return once;
    };
    let number = |part: &[u8]| {
        part.iter().fold(0, |sum: usize, byte| {
            sum * 10 + usize::from(byte.saturating_sub(b'0'))
        })
    };
    let (inside, after) = rest.split_at(end);
    let after = after.get(1..).unwrap_or(&[]);
    match inside.iter().position(|byte| *byte == b',') {
        Some(comma) => {
            let (low, high) = inside.split_at(comma);
            (number(low), number(high.get(1..).unwrap_or(&[])), after)
        }
        None => (number(inside), number(inside), after),
    }
}

/// No check digit.
fn any(_: &str) -> bool {
    true
}

/// No destination.
fn nowhere(_: &str) -> Option<(Country, String)> {
    None
}

/// The bytes from `from` to the end, less `off` at the end.
fn tail(number: &str, from: usize, off: usize) -> &[u8] {
    let end = number.len().saturating_sub(off);
    number.as_bytes().get(from..end).unwrap_or(&[])
}

/// Check of `fedex` Express numbers over the last `length` digits.
fn fedex(number: &str, length: usize, weights: &[u32], off: usize) -> bool {
    let digits = tail(number, 0, off);
    let from = digits.len().saturating_sub(length);
    check::eleven_ten(digits.get(from..).unwrap_or(&[]), weights)
}

/// The carrier `ontrac` puts a digit in front for the check: 4 for C, 5 for D, unless it is there.
fn ontrac(number: &str, lead: u8) -> bool {
    let digits = tail(number, 1, 0);
    let mut with_lead = Vec::with_capacity(16);
    if digits.first() != Some(&lead) {
        with_lead.push(lead);
    }
    with_lead.extend_from_slice(digits);
    check::alternating(&with_lead, [1, 2])
}

/// Ways to split a USPS number into the routing (`420` and a ZIP of 5 or 9 digits) and the rest;
/// `lengths` are those that the rest may have.
fn usps<'a>(
    number: &'a str,
    lengths: &'static [usize],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let split = move |routing: usize| {
        let (routing, rest) = number.split_at_checked(routing)?;
        let fits = routing.is_empty() || routing.starts_with("420");
        (digits && fits && lengths.contains(&rest.len())).then_some((routing, rest))
    };
    [8, 12, 0].into_iter().filter_map(split)
}

/// USPS Intelligent Mail package barcode, USPS Publication 199: the mailer number has nine digits
/// when it begins with 9, else six; what follows has a length of its own.
fn impb(number: &str, kinds: &[&str], longest: usize) -> bool {
    usps(number, &[22, 26, 30]).any(|(routing, rest)| {
        let nine = rest.get(5..6) == Some("9");
        let kind = rest.get(..2).unwrap_or("");
        let mailer = match kind {
            "92" => nine,
            "93" => !nine,
            _ => true,
        };
        let length = match rest.len() {
            22 => true,
            26 => routing.len() != 12,
            _ => nine && routing.is_empty(),
        };
        kinds.contains(&kind)
            && mailer
            && length
            && rest.len() <= longest
            && check::gs1(rest.as_bytes())
    })
}

/// USPS delivery confirmation: `91` stands in front for the check, whether it is printed or not.
fn usps_legacy(number: &str) -> bool {
    usps(number, &[20, 22]).any(|(_, rest)| {
        let body = match rest.strip_prefix("91") {
            Some(body) if rest.len() == 22 => body,
            _ => rest,
        };
        body.len() == 20 && check::gs1(format!("91{body}").as_bytes())
    })
}

/// The ZIP of a USPS routing prefix.
fn usps_zip(number: &str) -> Option<(Country, String)> {
    let valid = |rest: &str| impb(rest, &["92", "93", "94", "95"], 30) || usps_legacy(rest);
    let (routing, _) = usps(number, &[20, 22, 26]).find(|(_, rest)| valid(rest))?;
    let digits = routing.get(3..)?;
    // Four zeros stand for a ZIP without its further digits.
    zip(digits
        .strip_suffix("0000")
        .filter(|five| five.len() == 5)
        .unwrap_or(digits))
}

fn zip(digits: &str) -> Option<(Country, String)> {
    let us = Country::from_alpha2("US")?;
    let real = digits.bytes().any(|b| b != b'0');
    real.then(|| postcode::normal(us, digits))?
        .map(|code| (us, code))
}

/// DPD: seven characters of postcode, filled with zeros in front, and the numeric country.
fn dpd_destination(number: &str) -> Option<(Country, String)> {
    let country = Country::from_numeric(number.get(24..27)?)?;
    let padded = number.get(..7)?;
    let fits = (0..=padded.bytes().take_while(|b| *b == b'0').count())
        .filter_map(|zeros| postcode::normal(country, padded.get(zeros..)?));
    fits.max_by_key(|code| core::cmp::Reverse(code.len()))
        .map(|code| (country, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("1Z*{15}#", "1Z5R89390357567127", true),
            ("1Z*{15}#", "1Z5R8939035756712", false),
            ("1Z*{16}", "1Z5R89390357567127", true),
            ("T B", "TB", false),
            ("L[AI]#{2,3}", "LA12", true),
            ("L[AI]#{2,3}", "LI1234", false),
            ("L[AI]#{2,3}", "LX12", false),
            ("#{3}|@{3}", "ABC", true),
            ("#{3}|@{3}", "AB3", false),
            ("", "", true),
            ("[", "[", false),
            ("#{", "1{", true),
        ] {
            assert_eq!(
                matches(pattern, text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn what_every_carrier_is_called_by() {
        for (number, expected) in [
            ("SF1234567890123", "sf_express"),
            ("123456789013", "sf_express_12"),
            ("YT1234567890123", "yto"),
            ("YT2212345678901234", "yunexpress"),
            ("75812345678901", "zto_14"),
            ("STO1234567890", "sto"),
            ("773012345678901", "sto_15"),
            ("312345678901234", "yunda_15"),
            ("1312345678901", "yunda_13"),
            ("JDVA12345678901", "jd_logistics"),
            ("JDVA12345678901-1-1-", "jd_logistics"),
            ("JD0012345678901", "jd_logistics"),
            ("9812345678901", "ems_cn"),
            ("JT1234567890123", "jt_express"),
            ("AD01234567890", "best_express"),
            ("DPK123456789012", "deppon"),
            ("4PX3000123456789CN", "fourpx"),
            ("UF123456789YP", "yanwen"),
            ("LP00123456789012", "cainiao"),
            ("00340434161094022115", "dhl_paket"),
            ("3SABCD1234567", "postnl_3s"),
        ] {
            let format = format(expected).unwrap();
            assert!(fits(format, number), "{expected} refuses {number}");
            let ranked = recognize(number);
            assert!(ranked.iter().any(|found| found.format.id == expected));
        }
        // A check digit outranks a length.
        let ranked = recognize("986578788855");
        assert_eq!(ranked.first().unwrap().format.id, "fedex_12");
        assert!(ranked.iter().any(|found| found.format.kind == "sf_express"));
    }

    #[test]
    fn names_are_unique_and_ranks_are_shares() {
        let mut ids: Vec<_> = table::FORMATS.iter().map(|format| format.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), table::FORMATS.len());
        assert!(
            table::FORMATS
                .iter()
                .all(|format| (1..=99).contains(&format.confidence))
        );
    }

    #[test]
    fn embedded_destinations() {
        let found = |number: &str| {
            let number = normal(number).unwrap();
            let found = recognize(&number);
            destination(found.first()?.format, &number).map(|(c, code)| format!("{c} {code}"))
        };
        let expect = |text: &str| Some(text.to_owned());
        assert_eq!(found("420787459400111206206406260787"), expect("US 78745"));
        assert_eq!(
            found("4201028200009261290113185417468510"),
            expect("US 10282")
        );
        assert_eq!(
            found("0081827 0998 0000 0200 33 350 276 C"),
            expect("DE 81827")
        );
        assert_eq!(
            found("1001921334250001000300779017972697"),
            expect("US 10003")
        );
        assert_eq!(found("RB123456785GB"), None);
    }
}

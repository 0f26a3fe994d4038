//! What the data of an identifier must keep beyond length and characters.
//!
//! Sources: GS1 General Specifications, sections 3 (each identifier) and 7.9 (check digits and check
//! character pairs); ISO 3166-1, ISO 4217, ISO 13616-1 (IBAN), ISO/IEC 5218. Coupon data (8110, 8112)
//! and package types (7041) are not looked into: they never say where a parcel goes.

use crate::check;
use crate::country::Country;

/// Numeric codes of ISO 4217, funds and those withdrawn in this century included.
#[rustfmt::skip]
const CURRENCIES: &[u16] = &[
    8, 12, 32, 36, 44, 48, 50, 51, 52, 60, 64, 68, 72, 84, 90, 96, 104, 108, 116, 124, 132, 136, 144,
    152, 156, 170, 174, 188, 191, 192, 203, 208, 214, 222, 230, 232, 238, 242, 262, 270, 292, 320, 324,
    328, 332, 340, 344, 348, 352, 356, 360, 364, 368, 376, 388, 392, 398, 400, 404, 408, 410, 414, 417,
    418, 422, 426, 430, 434, 446, 454, 458, 462, 480, 484, 496, 498, 504, 512, 516, 524, 532, 533, 548,
    554, 558, 566, 578, 586, 590, 598, 600, 604, 608, 634, 643, 646, 654, 682, 690, 694, 702, 704, 706,
    710, 728, 748, 752, 756, 760, 764, 776, 780, 784, 788, 800, 807, 818, 826, 834, 840, 858, 860, 882,
    886, 901, 924, 925, 926, 927, 928, 929, 930, 931, 932, 933, 934, 936, 938, 940, 941, 943, 944, 946,
    947, 948, 949, 950, 951, 952, 953, 955, 956, 957, 958, 959, 960, 961, 962, 963, 964, 965, 967, 968,
    969, 970, 971, 972, 973, 975, 976, 977, 978, 979, 980, 981, 984, 985, 986, 990, 994, 997, 999,
];

/// Weights of the check character pair, from the right.
const PRIMES: [u32; 23] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
];

/// Characters of a check character pair.
const PAIR: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Whether `data` keeps the rule with this name; unknown names are kept by everything.
pub(super) fn holds(rule: &str, data: &str) -> bool {
    let bytes = data.as_bytes();
    match rule {
        "check" => check::gs1(bytes),
        "pair" => check_pair(bytes),
        // A company prefix of at least four digits, and a reference of at least one character.
        "prefix" => bytes.len() > 4 && bytes.iter().take(4).all(u8::is_ascii_digit),
        // Padding of base64 stands at the end.
        "padded" => !data.trim_end_matches('=').contains('='),
        "date" | "date0" | "date8" => date(rule, data),
        "time" => number(data, 0, 2) < Some(24) && within(data, 2, 4, 0, 59),
        "hour" => within(data, 0, 2, 0, 23),
        "sixty" => within(data, 0, 2, 0, 59),
        "country" => Country::from_numeric(data).is_some(),
        "country999" => data == "999" || Country::from_numeric(data).is_some(),
        "alpha2" => Country::from_alpha2(data).is_some(),
        "currency" => data
            .parse()
            .is_ok_and(|code: u16| CURRENCIES.binary_search(&code).is_ok()),
        "sex" => matches!(data, "0" | "1" | "2" | "9"),
        "percent" => percent(bytes),
        "latitude" => within(data, 0, 10, 0, 1_800_000_000),
        "longitude" => within(data, 0, 10, 0, 3_600_000_000),
        "yesno" => matches!(data, "0" | "1"),
        "hyphen" => data == "-",
        "zero" => bytes.iter().all(|byte| *byte == b'0'),
        "nonzero" => bytes.iter().any(|byte| *byte != b'0'),
        "nozero" => data == "0" || !data.starts_with('0'),
        "winding" => matches!(data, "0" | "1" | "9"),
        "piece" => {
            let (piece, total) = (number(data, 0, 2), number(data, 2, 4));
            piece > Some(0) && piece <= total
        }
        "iban" => iban(bytes),
        "nondigit" => !bytes.iter().all(u8::is_ascii_digit),
        "importer" => bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)),
        "medium" => within(data, 0, 2, 1, 10) || within(data, 0, 2, 80, 99),
        "sequence" => match bytes {
            [piece @ b'1'..=b'9', b'/', total @ b'1'..=b'9'] => piece <= total,
            _ => false,
        },
        _ => true,
    }
}

/// Position of a character in GS1 character set 82; `None` for any other.
pub(super) fn place_in_set_82(byte: u8) -> Option<u32> {
    let place = match byte {
        b'!' | b'"' => byte - b'!',
        b'%'..=b'/' => byte - b'%' + 2,
        b'0'..=b'?' => byte - b'0' + 13,
        b'A'..=b'Z' => byte - b'A' + 29,
        b'_' => 55,
        b'a'..=b'z' => byte - b'a' + 56,
        _ => return None,
    };
    Some(place.into())
}

/// The two last characters check the others: each character's place in set 82 times a prime, from
/// the right, modulo 1021, in base 32. GS1 General Specifications, section 7.9.5.
fn check_pair(data: &[u8]) -> bool {
    let Some((body, pair)) = data.split_last_chunk::<2>() else {
        return false;
    };
    if body.is_empty() || body.len() > PRIMES.len() {
        return false;
    }
    let products = body.iter().rev().zip(PRIMES);
    let sum: Option<u32> = products
        .map(|(byte, prime)| Some(place_in_set_82(*byte)? * prime))
        .sum();
    let wanted = sum.map(|sum| sum % 1021).and_then(|sum| {
        let at = |value| PAIR.get(usize::try_from(value).ok()?).copied();
        Some([at(sum / 32)?, at(sum % 32)?])
    });
    wanted == Some(*pair)
}

/// A date of six or, with century, eight digits; `date0` may have day 00, which stands for the last
/// of the month.
fn date(rule: &str, data: &str) -> bool {
    let century = if rule == "date8" { 2 } else { 0 };
    let year = number(data, 0, century + 2);
    let month = number(data, century + 2, century + 4);
    let day = number(data, century + 4, century + 6);
    let (Some(year), Some(month), Some(day)) = (year, month, day) else {
        return false;
    };
    let leap = year % 4 == 0 && (century == 0 || year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let least = u64::from(rule != "date0");
    days > 0 && (least..=days).contains(&day)
}

fn number(data: &str, from: usize, to: usize) -> Option<u64> {
    data.get(from..to)?.parse().ok()
}

fn within(data: &str, from: usize, to: usize, least: u64, most: u64) -> bool {
    number(data, from, to).is_some_and(|number| (least..=most).contains(&number))
}

/// Every per cent sign begins an escape of two hexadecimal digits: RFC 3986, section 2.1.
fn percent(data: &[u8]) -> bool {
    data.iter().enumerate().all(|(at, byte)| {
        let escape = || data.get(at + 1..at + 3);
        *byte != b'%' || escape().is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    })
}

/// ISO 13616-1: country, two check digits, account; remainder 1 modulo 97 with the first four
/// characters last and letters as two digits.
fn iban(data: &[u8]) -> bool {
    let Some((head, account)) = data.split_at_checked(4) else {
        return false;
    };
    let country = core::str::from_utf8(head.get(..2).unwrap_or(&[]));
    let known = country.is_ok_and(|code| Country::from_alpha2(code).is_some());
    let rest = account.iter().chain(head).try_fold(0_u32, |rest, byte| {
        let digit = char::from(*byte).to_digit(36)?;
        (!byte.is_ascii_lowercase()).then_some(())?;
        let shifted = rest * if digit > 9 { 100 } else { 10 };
        Some((shifted + digit) % 97)
    });
    known && !account.is_empty() && rest == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_sorted() {
        assert!(CURRENCIES.is_sorted());
    }

    #[test]
    fn set_82_has_82_places() {
        let places: Vec<u32> = (0..=u8::MAX).filter_map(place_in_set_82).collect();
        assert_eq!(places, (0..82).collect::<Vec<u32>>());
    }

    #[test]
    fn each_rule_accepts_and_refuses() {
        for (rule, right, wrong) in [
            ("check", "395011010000000019", "395011010000000018"),
            // The example of the General Specifications.
            (
                "pair",
                "1987654Ad4X4bL5ttr2310c2K",
                "1987654Ad4X4bL5ttr2310c2J",
            ),
            ("pair", "1987654Ad4X4bL5ttr2310c2K", "2K"),
            ("prefix", "1234AB", "123AB"),
            ("prefix", "12345", "1234"),
            ("padded", "Ab-_=", "A=b"),
            ("date", "240229", "230229"),
            ("date", "241231", "241232"),
            ("date", "241231", "241200"),
            ("date0", "240200", "241300"),
            ("date8", "20000229", "19000229"),
            ("time", "2359", "2400"),
            ("time", "0000", "0060"),
            ("hour", "23", "24"),
            ("sixty", "59", "60"),
            ("country", "276", "277"),
            ("country999", "999", "998"),
            ("alpha2", "DE", "D2"),
            ("currency", "978", "977000"),
            ("currency", "840", "841"),
            ("sex", "9", "3"),
            ("percent", "A%20B", "A%2"),
            ("percent", "%41", "%4G"),
            ("latitude", "1800000000", "1800000001"),
            ("longitude", "3600000000", "3600000001"),
            ("yesno", "1", "2"),
            ("hyphen", "-", "+"),
            ("zero", "0", "1"),
            ("nonzero", "001", "000"),
            ("nozero", "12", "012"),
            ("winding", "9", "2"),
            ("piece", "0102", "0302"),
            ("piece", "0202", "0002"),
            ("iban", "DE89370400440532013000", "DE88370400440532013000"),
            ("iban", "GB82WEST12345698765432", "XX82WEST12345698765432"),
            ("nondigit", "12A", "123"),
            ("importer", "-", "!"),
            ("medium", "10", "11"),
            ("sequence", "1/3", "3/1"),
        ] {
            assert!(holds(rule, right), "{rule} refuses {right}");
            assert!(!holds(rule, wrong), "{rule} accepts {wrong}");
        }
    }
}

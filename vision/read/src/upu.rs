//! Identifiers of the Universal Postal Union: S10 items, S8 despatches, S9 receptacles.
//!
//! Sources: UPU standards S10, S8 and S9; Wikipedia, "S10 (UPU standard)". The suffix of an S10
//! number is the country of *origin*, so it says nothing of the destination.

use crate::check;
use crate::country::Country;

/// Whether `text` has the shape of an S10 number: two letters, nine digits, two letters.
pub fn is_s10_shaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    let class =
        |from, to, is: fn(&u8) -> bool| bytes.get(from..to).is_some_and(|part| part.iter().all(is));
    bytes.len() == 13
        && class(0, 2, u8::is_ascii_uppercase)
        && class(2, 11, u8::is_ascii_digit)
        && class(11, 13, u8::is_ascii_uppercase)
}

/// Whether `text` is a valid S10 number: shape, check digit, a country as suffix, and a service
/// letter that is not reserved (J, K, S, T and W are).
pub fn is_s10(text: &str) -> bool {
    is_s10_shaped(text)
        && text
            .get(2..11)
            .is_some_and(|digits| check::s10(digits.as_bytes()))
        && text.get(11..).and_then(Country::from_alpha2).is_some()
        && !text.starts_with(['J', 'K', 'S', 'T', 'W'])
}

/// Whether `text` is a despatch: origin and destination office of exchange (country, four
/// characters), mail category A to D, two letters of subclass, last digit of the year, number.
pub fn is_s8(text: &str) -> bool {
    let part = |from, to| text.get(from..to).unwrap_or("");
    let office = |code: &str| code.get(..2).and_then(Country::from_alpha2).is_some();
    let upper = |code: &str| {
        code.bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    text.len() == 20
        && text.is_ascii()
        && upper(text)
        && office(part(0, 6))
        && office(part(6, 12))
        && matches!(part(12, 13), "A" | "B" | "C" | "D")
        && part(13, 14).bytes().all(|b| b.is_ascii_uppercase())
        && part(15, 20).bytes().all(|b| b.is_ascii_digit())
}

/// Whether `text` is a receptacle: a despatch, serial number, two flags and the weight in 0.1 kg.
pub fn is_s9(text: &str) -> bool {
    text.len() == 29
        && text.get(..20).is_some_and(is_s8)
        && text
            .get(20..)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_numbers() {
        for (text, valid) in [
            ("RB123456785GB", true),
            ("LX473124829CN", true),
            ("RB123456786GB", false),
            ("RB123456785XX", false),
            ("SB123456785GB", false),
            ("RB12345678GB", false),
            ("rb123456785gb", false),
            ("RÄ12345678GB", false),
        ] {
            assert_eq!(is_s10(text), valid, "{text}");
        }
    }

    #[test]
    fn despatches_and_receptacles() {
        assert!(is_s8("CNPEKADEFRAAAUN60012"));
        assert!(!is_s8("XXPEKADEFRAAAUN60012"));
        assert!(!is_s8("CNPEKADEFRAAZUN60012"));
        assert!(is_s9("CNPEKADEFRAAAUN60012001100123"));
        assert!(!is_s9("CNPEKADEFRAAAUN6001200110012X"));
    }
}

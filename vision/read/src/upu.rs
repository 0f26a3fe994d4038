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

/// What an S10 number says: UPU standard S10, service indicators by their first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// E: express mail service.
    Ems,
    /// C: parcel.
    Parcel,
    /// R: registered.
    Registered,
    /// V: insured.
    Insured,
    /// L: tracked letter.
    Tracked,
    /// U: other letter post with a customs form.
    Letter,
    /// H: e-commerce parcel.
    ECommerce,
    /// M: bag of printed papers.
    MBag,
    /// Q: international business reply.
    Reply,
    /// A, B, D, F, G, I, N, O, P, X, Y and Z: domestic, bilateral, or not assigned.
    Agreed,
}

/// Service and country of origin of a valid S10 number: shape, check digit, a country as suffix,
/// and a service letter that is not reserved (J, K, S, T and W are).
pub fn s10(text: &str) -> Option<(Service, Country)> {
    let digits = text.get(2..11).filter(|_| is_s10_shaped(text))?;
    let origin = Country::from_alpha2(text.get(11..)?)?;
    let service = match text.bytes().next()? {
        b'E' => Service::Ems,
        b'C' => Service::Parcel,
        b'R' => Service::Registered,
        b'V' => Service::Insured,
        b'L' => Service::Tracked,
        b'U' => Service::Letter,
        b'H' => Service::ECommerce,
        b'M' => Service::MBag,
        b'Q' => Service::Reply,
        b'J' | b'K' | b'S' | b'T' | b'W' => return None,
        _ => Service::Agreed,
    };
    check::s10(digits.as_bytes()).then_some((service, origin))
}

/// Whether `text` is a valid S10 number; see [`s10`].
pub fn is_s10(text: &str) -> bool {
    s10(text).is_some()
}

/// What a despatch number says: UPU standard S8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Despatch<'a> {
    /// Office of exchange that sends, a code of six characters.
    pub origin: &'a str,
    /// Office of exchange that receives.
    pub destination: &'a str,
    /// Country of the office that receives.
    pub country: Country,
    /// Mail category of code list 115, A to D: air, surface air lifted, surface, priority.
    pub category: char,
    /// Mail subclass of code list 117, two characters.
    pub subclass: &'a str,
    /// Last digit of the year, and serial number of the despatch in it.
    pub number: &'a str,
}

/// Takes a despatch number apart; see [`is_s8`].
pub fn despatch(text: &str) -> Option<Despatch<'_>> {
    let part = |from, to| text.get(from..to).unwrap_or("");
    let destination = part(6, 12);
    is_s8(text).then_some(Despatch {
        origin: part(0, 6),
        destination,
        country: Country::from_alpha2(destination.get(..2)?)?,
        category: text.chars().nth(12)?,
        subclass: part(13, 15),
        number: part(15, 20),
    })
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
    fn what_a_number_says() {
        let found = |text| s10(text).map(|(service, origin)| (service, origin.alpha2()));
        assert_eq!(found("RB123456785GB"), Some((Service::Registered, "GB")));
        assert_eq!(found("EE473124829CN"), Some((Service::Ems, "CN")));
        assert_eq!(found("ZA473124829CN"), Some((Service::Agreed, "CN")));
        assert_eq!(found("TA473124829CN"), None);
        let despatch = despatch("CNPEKADEFRAAAUN60012").unwrap();
        assert_eq!(despatch.country.alpha2(), "DE");
        assert_eq!((despatch.category, despatch.subclass), ('A', "UN"));
        assert_eq!(despatch.number, "60012");
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

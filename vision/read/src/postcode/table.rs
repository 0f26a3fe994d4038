//! Postcodes of the world: form, and where in the address they stand.
//!
//! Source: UPU, "Postal addressing systems" and S42, the page of each country.

/// Where the postcode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In front of the city, on its line: `10115 Berlin`.
    Before,
    /// Behind the city or province, or on the line below: `Springfield IL 62701`.
    After,
    /// Either, or a line of its own.
    Either,
}

use Place::{After, Before, Either};

/// Country, place, and forms, the canonical one first: `9` a digit, `A` a letter, anything else
/// itself.
pub(super) type Row = (&'static str, Place, &'static [&'static str]);

/// All countries with known postcodes, by code.
#[rustfmt::skip]
pub(super) const FORMS: &[Row] = &[
    ("AD", Before, &["AD999"]), ("AF", Either, &["9999"]), ("AL", Before, &["9999"]),
    ("AM", Before, &["9999", "999999"]), ("AR", Before, &["A9999AAA", "9999"]),
    ("AT", Before, &["9999"]), ("AU", After, &["9999"]), ("AZ", Before, &["AZ9999", "AZ 9999"]),
    ("BA", Before, &["99999"]), ("BD", After, &["9999"]), ("BE", Before, &["9999"]),
    ("BG", Before, &["9999"]), ("BH", After, &["9999", "999"]), ("BN", After, &["AA9999"]),
    ("BR", Either, &["99999-999"]), ("BY", Before, &["999999"]), ("CA", After, &["A9A 9A9"]),
    ("CH", Before, &["9999"]), ("CL", Before, &["9999999", "999-9999"]), ("CN", Either, &["999999"]),
    ("CO", Either, &["999999"]), ("CR", Before, &["99999"]), ("CU", Before, &["99999"]),
    ("CY", Before, &["9999"]), ("CZ", Before, &["999 99"]), ("DE", Before, &["99999"]),
    ("DK", Before, &["9999"]), ("DO", Before, &["99999"]), ("DZ", Before, &["99999"]),
    ("EC", Either, &["999999"]), ("EE", Before, &["99999"]), ("EG", Either, &["99999"]),
    ("ES", Before, &["99999"]), ("ET", Before, &["9999"]), ("FI", Before, &["99999"]),
    ("FO", Before, &["999"]), ("FR", Before, &["99999"]),
    ("GB", After, &["A9 9AA", "A99 9AA", "A9A 9AA", "AA9 9AA", "AA99 9AA", "AA9A 9AA"]),
    ("GE", Before, &["9999"]), ("GF", Before, &["99999"]), ("GP", Before, &["99999"]),
    ("GR", Before, &["999 99"]), ("GT", Before, &["99999"]), ("HN", Either, &["99999"]),
    ("HR", Before, &["99999"]), ("HU", Before, &["9999"]), ("ID", After, &["99999"]),
    ("IE", After, &["A99 A999", "A99 A9A9", "A99 AA99", "A99 AA9A", "A99 AAA9", "A99 AAAA",
        "A99 A99A", "A99 A9AA", "A9A A999", "A9A AA99", "A9A A9A9", "A9A AAAA"]),
    ("IL", Either, &["9999999"]), ("IN", After, &["999999", "999 999"]), ("IQ", Either, &["99999"]),
    ("IR", Either, &["99999-99999"]), ("IS", Before, &["999"]), ("IT", Before, &["99999"]),
    ("JO", After, &["99999"]), ("JP", Either, &["999-9999"]), ("KE", Before, &["99999"]),
    ("KG", Before, &["999999"]), ("KH", After, &["999999", "99999"]), ("KR", Either, &["99999"]),
    ("KW", Before, &["99999"]), ("KZ", Either, &["999999"]), ("LA", Before, &["99999"]),
    ("LB", After, &["9999 9999", "9999"]), ("LI", Before, &["9999"]), ("LK", After, &["99999"]),
    ("LT", Before, &["99999"]), ("LU", Before, &["9999"]), ("LV", Either, &["9999"]),
    ("MA", Before, &["99999"]), ("MC", Before, &["99999"]), ("MD", Before, &["9999"]),
    ("ME", Before, &["99999"]), ("MK", Before, &["9999"]), ("MM", After, &["99999"]),
    ("MN", After, &["99999"]), ("MQ", Before, &["99999"]), ("MT", After, &["AAA 9999"]),
    ("MU", After, &["99999"]), ("MX", Before, &["99999"]), ("MY", Before, &["99999"]),
    ("NC", Before, &["99999"]), ("NG", After, &["999999"]), ("NI", Either, &["99999"]),
    ("NL", Before, &["9999 AA"]), ("NO", Before, &["9999"]), ("NP", After, &["99999"]),
    ("NZ", After, &["9999"]), ("OM", Either, &["999"]), ("PE", Either, &["99999"]),
    ("PF", Before, &["99999"]), ("PH", Before, &["9999"]), ("PK", After, &["99999"]),
    ("PL", Before, &["99-999"]), ("PR", After, &["99999", "99999-9999"]),
    ("PT", Before, &["9999-999"]), ("PY", Before, &["9999", "999999"]), ("RE", Before, &["99999"]),
    ("RO", Before, &["999999"]), ("RS", Before, &["99999"]), ("RU", Either, &["999999"]),
    ("SA", After, &["99999", "99999-9999"]), ("SE", Before, &["999 99"]), ("SG", After, &["999999"]),
    ("SI", Before, &["9999"]), ("SK", Before, &["999 99"]), ("SM", Before, &["99999"]),
    ("SN", Before, &["99999"]), ("SV", Either, &["9999"]), ("TH", After, &["99999"]),
    ("TN", Before, &["9999"]), ("TR", Before, &["99999"]), ("TW", Either, &["999", "99999", "999999"]),
    ("UA", Either, &["99999"]), ("US", After, &["99999", "99999-9999"]), ("UY", Before, &["99999"]),
    ("UZ", Either, &["999999"]), ("VA", Before, &["99999"]), ("VE", After, &["9999"]),
    ("VN", After, &["99999", "999999"]), ("YT", Before, &["99999"]), ("ZA", After, &["9999"]),
];

/// Countries and territories without postcodes that parcels go to.
pub(super) const WITHOUT: &[&str] = &[
    "AE", "AG", "AO", "BO", "BS", "BZ", "CI", "CM", "FJ", "GH", "HK", "JM", "MO", "QA", "SC", "TT",
    "TZ", "UG", "YE", "ZW",
];

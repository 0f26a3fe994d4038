//! Which identifiers must, and which must not, stand on one item.
//!
//! Source: GS1 General Specifications, section 4.13 ("Data relationships": invalid pairs and mandatory
//! associations), the same facts as `req` and `ex` of the GS1 Barcode Syntax Dictionary. They are
//! meant for all symbols of one item taken together.

use super::{Element, Gs1Error};

/// Identifiers, and what one of them needs beside it: alternatives separated by blanks, `+` joins
/// those that are needed together; `n` stands for any digit.
#[rustfmt::skip]
const REQUIRES: &[(&str, &str)] = &[
    ("02", "37"),
    ("10 11 13 15 16 20 240 241 422", "01 02 03 8006 8026"),
    ("12 3900 3901 3902 3903 3904 3905 3906 3907 3908 3909", "8020 255"),
    ("17", "01 02 03 255 8006 8026"),
    ("21 7021", "01 03 8006"),
    ("22 235 337n 71n 8001 8014 8200", "01"),
    ("242 7001", "01 02 8006 8026"),
    ("243", "01 03"),
    ("250", "01+21 03+21 8006+21"),
    ("251 8012", "01 03 8006"),
    ("254", "414"),
    ("30 31nn 32nn 350n 351n 352n 356n 357n 360n 361n 364n 365n 366n 7002 7005 7006 7007 7008 7009 \
      703n 8005", "01 02"),
    ("330n 331n 332n 333n 334n 335n 336n 340n 341n 342n 343n 344n 345n 346n 347n 348n 349n 353n \
      354n 355n 362n 363n 367n 368n 369n", "00 01"),
    ("37", "00+02 00+8026"),
    ("391n", "8020"),
    ("392n", "01+30 01+31nn 01+32nn 01+35nn 01+36nn"),
    ("393n 395n", "30 31nn 32nn 35nn 36nn"),
    ("394n 8111", "255"),
    ("403 4300 4301 4302 4304 4305 4306 4307 4308 4309 4310 4311 4312 4314 4315 4316 4317 4318 \
      4319 432n 433n 7041", "00"),
    ("415", "8020"),
    ("423 424 425 426 7003 7010 7011 8008", "01 02 03"),
    ("427", "01+422 02+422 03+422"),
    ("4303", "4302"),
    ("4313", "4312"),
    ("7004", "01+10 03+10"),
    ("7020", "01+416 03+416 8006+416"),
    ("7022", "01+7021 03+7021 8006+7021"),
    ("723n", "01 8004"),
    ("7240", "01 8006"),
    ("7241 7242 7253 7254 7255 7256 8019", "8017 8018"),
    ("7250 7251 7252 7257 7259", "8018"),
    ("7258", "8018+7259"),
    ("8007 8020", "415"),
    ("8009", "00 01 03"),
    ("8011", "8010"),
    ("8026", "37"),
    ("8030", "00 01+21 03+21 253 255 8003 8004 8006+21 8010+8011 8017 8018"),
    ("8040", "01+21"),
    ("8041 8042 8043", "01+21+8040"),
];

/// Identifiers, and those that must not stand beside one of them.
#[rustfmt::skip]
const EXCLUDES: &[(&str, &str)] = &[
    ("01", "255 37"),
    ("02", "01 03"),
    ("03", "01 02 37 235"),
    ("21", "235"),
    ("255", "01 02 415 8006 8020 8026"),
    ("390n", "391n 394n 8111"),
    ("392n", "393n"),
    ("394n", "8111"),
    ("395n", "392n 393n 8005"),
    ("420", "421"),
    ("421", "4307"),
    ("422 423 424 425", "426"),
    ("4330", "4331"),
    ("4332", "4333"),
    ("7240", "03"),
    ("7250", "7251"),
    ("7253 7254 7255", "7256 7259"),
    ("7256", "7259"),
    ("8006", "01 03 37"),
    ("8017", "8018"),
    ("8026", "02 03 8006"),
];

/// Everything that the elements of one item break between them; empty when they go together.
///
/// Whoever only wants to know where a parcel goes need not care: a label that breaks a rule still
/// says it. Each fault is reported once.
pub fn faults(elements: &[Element]) -> Vec<Gs1Error> {
    let mut found: Vec<Gs1Error> = Vec::new();
    let mut add = |fault: Gs1Error| {
        if !found.contains(&fault) {
            found.push(fault);
        }
    };
    for (at, element) in elements.iter().enumerate() {
        let ai = element.ai.as_str();
        for other in elements.iter().skip(at + 1) {
            if other.ai == element.ai && other.value != element.value {
                add(Gs1Error::Repeated { ai: ai.to_owned() });
            } else if other.ai != element.ai && excluded(ai, &other.ai) {
                add(Gs1Error::Excludes {
                    ai: ai.to_owned(),
                    other: other.ai.clone(),
                });
            }
        }
        if let Some(needs) = requirement(ai)
            && !needs.split(' ').any(|group| is_there(group, ai, elements))
        {
            add(Gs1Error::Requires {
                ai: ai.to_owned(),
                needs,
            });
        }
    }
    found
}

/// What this identifier needs beside it.
fn requirement(ai: &str) -> Option<&'static str> {
    // The due date belongs to a payment slip only; amounts also to coupons.
    if ai == "12" {
        return Some("8020");
    }
    let row = REQUIRES
        .iter()
        .find(|row| row.0.split(' ').any(|pattern| fits(pattern, ai)));
    row.map(|row| row.1)
}

fn is_there(group: &str, ai: &str, elements: &[Element]) -> bool {
    group.split('+').all(|pattern| {
        elements
            .iter()
            .any(|other| other.ai != ai && fits(pattern, &other.ai))
    })
}

/// Whether two different identifiers must not stand together, in either order.
fn excluded(one: &str, other: &str) -> bool {
    let row = |one: &str, other: &str| {
        EXCLUDES.iter().any(|row| {
            row.0.split(' ').any(|pattern| fits(pattern, one))
                && row.1.split(' ').any(|pattern| fits(pattern, other))
        })
    };
    // One measure or amount in two units of its last digit: 3102 and 3103.
    let decimals = || {
        let scaled = one.starts_with('3') && one.len() == 4;
        scaled && one.get(..3) == other.get(..3)
    };
    row(one, other) || row(other, one) || decimals()
}

/// Whether an identifier fits a pattern, where `n` is any digit.
fn fits(pattern: &str, ai: &str) -> bool {
    let same = |(p, c): (u8, u8)| p == c || p == b'n';
    pattern.len() == ai.len() && pattern.bytes().zip(ai.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ais: &str) -> String {
        let elements: Vec<Element> = ais
            .split(' ')
            .enumerate()
            .map(|(at, ai)| Element {
                ai: ai.to_owned(),
                value: at.to_string(),
            })
            .collect();
        let found = faults(&elements);
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn what_goes_together() {
        for (ais, expected) in [
            ("00 420 403", ""),
            ("00 421", ""),
            ("00 4307 420", ""),
            ("00 02 37", ""),
            ("01 21 10 17", ""),
            ("01 3103", ""),
            ("415 8020 3902", ""),
            ("01 3103 3922", ""),
            ("403", "(403) needs one of 00 beside it"),
            ("420 421", "(420) and (421) exclude each other"),
            ("00 4307 421", "(4307) and (421) exclude each other"),
            ("01 3102 3103", "(3102) and (3103) exclude each other"),
            ("00 00", "(00) stands there twice with different data"),
            ("00 4303", "(4303) needs one of 4302 beside it"),
            ("00 4330 4331", "(4330) and (4331) exclude each other"),
            ("12 255", "(12) needs one of 8020 beside it"),
            ("00 02", "(02) needs one of 37 beside it"),
            (
                "01 37",
                "(01) and (37) exclude each other; \
                (37) needs one of 00+02 00+8026 beside it",
            ),
        ] {
            assert_eq!(shown(ais), expected, "{ais}");
        }
    }
}

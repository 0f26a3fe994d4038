//! Form of an identifier's data: parts with their lengths and character sets.

use super::{Gs1Error, SEPARATOR, rules};

/// One part of a form.
struct Part {
    set: u8,
    least: usize,
    most: usize,
    rules: &'static str,
}

/// Parts of a form of the table.
fn parts(form: &'static str) -> impl Iterator<Item = Part> {
    form.split(' ').map(|part| {
        let (shape, rules) = part.split_once(',').unwrap_or((part, ""));
        let optional = shape.starts_with('[');
        let inner = shape.trim_start_matches('[').trim_end_matches(']');
        let variable = inner.contains("..");
        let digits = inner.trim_start_matches(|c: char| !c.is_ascii_digit());
        let most = digits.parse().unwrap_or(0);
        let least = match (optional, variable) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => most,
        };
        Part {
            set: inner.bytes().next().unwrap_or(b'X'),
            least,
            most,
            rules,
        }
    })
}

/// Least and greatest length of data of this form.
pub(super) fn lengths(form: &'static str) -> (usize, usize) {
    parts(form).fold((0, 0), |(least, most), part| {
        (least + part.least, most + part.most)
    })
}

/// Bytes of `data` that belong to the form: up to the separator, or as many as it always has.
pub(super) fn extent(form: &'static str, data: &str) -> usize {
    let (least, most) = lengths(form);
    if least == most {
        return most;
    }
    data.find(SEPARATOR).unwrap_or(data.len())
}

/// Checks data against its form and rules.
pub(super) fn validate(ai: &str, form: &'static str, value: &str) -> Result<(), Gs1Error> {
    let error = || Gs1Error::Form {
        ai: ai.to_owned(),
        form,
    };
    let mut rest = value;
    for part in parts(form) {
        let length = rest.len().min(part.most);
        let (data, tail) = rest.split_at_checked(length).ok_or_else(error)?;
        if data.is_empty() && part.least == 0 {
            continue;
        }
        // A part that may be left out is there wholly or not at all, unless its length varies.
        let optional_fixed = part.least == 0 && !form.contains("..");
        if length < part.least
            || optional_fixed && length < part.most
            || !data.bytes().all(|byte| allowed(part.set, byte))
        {
            return Err(error());
        }
        let mut rules = part.rules.split(',').filter(|rule| !rule.is_empty());
        if let Some(rule) = rules.find(|rule| !rules::holds(rule, data)) {
            return Err(Gs1Error::Rule {
                ai: ai.to_owned(),
                rule,
            });
        }
        rest = tail;
    }
    if rest.is_empty() && !value.is_empty() {
        Ok(())
    } else {
        Err(error())
    }
}

/// Character sets: GS1 General Specifications, section 7.11.
fn allowed(set: u8, byte: u8) -> bool {
    match set {
        b'N' => byte.is_ascii_digit(),
        b'Y' => byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"#-/".contains(&byte),
        b'Z' => byte.is_ascii_alphanumeric() || b"-_=".contains(&byte),
        _ => rules::place_in_set_82(byte).is_some(),
    }
}

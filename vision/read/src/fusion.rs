//! From the symbols and lines of one frame to identifiers and one destination.
//!
//! Symbols are believed before print. Two symbols that name different destinations, or two
//! different parcel numbers of one kind, are a conflict: the destination stays open and the reason
//! says so.

use crate::address::{self, Line};
use crate::country::Country;
use crate::postcode;
use crate::result::{Destination, FrameResult, Identifier, NoRead, Source, Symbol, TextLine};
use crate::symbol::{Findings, identify};

/// What was seen in one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Symbols.
    pub symbols: Vec<Symbol>,
    /// Printed lines, top to bottom.
    pub text: Vec<TextLine>,
}

/// What the site knows before any label is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Country of a postcode that stands alone (GS1 420); `None` leaves the country open.
    pub country: Option<Country>,
}

/// Confidence from which a headed printed address may contradict a symbol.
const PRINT_STRONG: f32 = 0.9;

/// Confidence of a line below which its numbers are not looked at.
const LINE_LEAST: f32 = 0.6;

/// Puts everything together. Times, file and frame number are left at their defaults.
pub fn fuse(evidence: Evidence, policy: Policy) -> FrameResult {
    let Evidence { symbols, text } = evidence;
    let mut all = Findings::default();
    for symbol in &symbols {
        let findings = Findings::of(symbol, policy);
        for identifier in findings.identifiers {
            all.add(identifier);
        }
        all.destinations.extend(findings.destinations);
    }
    let printed = printed(&text);
    if !all.identifiers.iter().any(Identifier::names_parcel) {
        for identifier in printed_numbers(&text) {
            all.add(identifier);
        }
    }
    let Findings {
        mut identifiers,
        destinations,
    } = all;
    identifiers.sort_by(|a, b| {
        let rank = |id: &Identifier| (id.names_parcel(), id.valid);
        rank(b)
            .cmp(&rank(a))
            .then(b.confidence.total_cmp(&a.confidence))
    });
    let settled = if several_parcels(&identifiers) {
        Err(Conflict)
    } else {
        settle(destinations, printed)
    };
    let (destination, conflict) = match settled {
        Ok(destination) => (destination, false),
        Err(Conflict) => (None, true),
    };
    let parcel = identifiers.iter().any(Identifier::names_parcel);
    let no_read = match (
        conflict,
        parcel || destination.is_some(),
        symbols.is_empty(),
    ) {
        (true, _, _) => Some(NoRead::Conflict),
        (false, true, _) => None,
        (false, false, false) => Some(NoRead::NoIdentifier),
        (false, false, true) => Some(NoRead::NothingFound),
    };
    FrameResult {
        symbols,
        text,
        identifiers,
        destination,
        no_read,
        ..FrameResult::default()
    }
}

/// Two different valid numbers of a kind of which a parcel has one: two parcels in view, or an old
/// label.
fn several_parcels(identifiers: &[Identifier]) -> bool {
    ["sscc", "s10", "ups_1z"].into_iter().any(|kind| {
        let of_kind = |id: &&Identifier| id.kind == kind && id.names_parcel();
        identifiers.iter().filter(of_kind).count() > 1
    })
}

/// Evidence contradicts itself.
struct Conflict;

/// The one destination, where there is one.
fn settle(
    mut found: Vec<Destination>,
    printed: Option<Printed>,
) -> Result<Option<Destination>, Conflict> {
    found.sort_by(|a, b| {
        a.source
            .cmp(&b.source)
            .then(b.confidence.total_cmp(&a.confidence))
    });
    for (i, one) in found.iter().enumerate() {
        if !found.iter().skip(i + 1).all(|other| compatible(one, other)) {
            return Err(Conflict);
        }
    }
    let Some(best) = found.first().cloned() else {
        return Ok(printed.map(|printed| printed.destination));
    };
    let mut best = found.iter().skip(1).fold(best, complete);
    if let Some(printed) = printed {
        let agrees = compatible(&best, &printed.destination);
        if !agrees && printed.headed && printed.destination.confidence >= PRINT_STRONG {
            return Err(Conflict);
        }
        if agrees {
            best = complete(best, &printed.destination);
        }
    }
    Ok(Some(best))
}

/// Whether two destinations may both be true: nothing that both name differs. A postcode that
/// refines the other (US ZIP+4) does not differ.
fn compatible(one: &Destination, other: &Destination) -> bool {
    let countries = one.country.zip(other.country).is_none_or(|(a, b)| a == b);
    let codes = one.postcode.as_deref().zip(other.postcode.as_deref());
    countries
        && codes.is_none_or(|(a, b)| {
            let (a, b) = (postcode::key(a), postcode::key(b));
            let refines = |short: &str, long: &str| short.len() >= 5 && long.starts_with(short);
            a == b || refines(&a, &b) || refines(&b, &a)
        })
}

/// Fills in what the better evidence leaves open. A country for a lone postcode is taken only from
/// evidence that names the same postcode or none.
fn complete(mut best: Destination, other: &Destination) -> Destination {
    if best.country.is_none() && other.country.is_some() {
        best.country = other.country;
        best.confidence = best.confidence.max(other.confidence);
    }
    if best.postcode.is_none() {
        best.postcode.clone_from(&other.postcode);
    }
    best
}

/// A destination read from print.
struct Printed {
    destination: Destination,
    headed: bool,
}

fn printed(text: &[TextLine]) -> Option<Printed> {
    let lines: Vec<Line<'_>> = text
        .iter()
        .map(|line| Line {
            text: &line.line,
            confidence: line.confidence,
        })
        .collect();
    let found = address::read(&lines)?;
    let destination = Destination {
        country: Some(found.country),
        postcode: found.postcode,
        source: Source::Ocr,
        confidence: found.confidence,
    };
    Some(Printed {
        destination,
        headed: found.headed,
    })
}

/// Numbers in print whose check digit leaves no doubt, for a label whose symbols cannot be read.
fn printed_numbers(text: &[TextLine]) -> Vec<Identifier> {
    let lines = text.iter().filter(|line| line.confidence >= LINE_LEAST);
    let found = lines.filter_map(|line| {
        let number = crate::carrier::normal(&line.line)?;
        let mut identifier = identify(&number)?;
        let certain = matches!(identifier.kind, "s10" | "ups_1z" | "sscc") && identifier.valid;
        identifier.confidence *= line.confidence;
        identifier.why.push("printed text");
        certain.then_some(identifier)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::SymbolFormat;

    fn symbol(format: SymbolFormat, text: &str, gs1: bool) -> Symbol {
        Symbol {
            format,
            text: text.to_owned(),
            gs1,
            corners: [[0; 2]; 4],
        }
    }

    fn fused(symbols: Vec<Symbol>, lines: &[&str]) -> FrameResult {
        let text = lines
            .iter()
            .map(|line| TextLine {
                line: (*line).to_owned(),
                confidence: 0.96,
                corners: [[0; 2]; 4],
            })
            .collect();
        fuse(Evidence { symbols, text }, Policy::default())
    }

    fn shown(result: &FrameResult) -> String {
        let ids = result
            .identifiers
            .iter()
            .map(|id| format!("{}={}", id.kind, id.value));
        let to = result.destination.as_ref().map(|to| {
            let country = to.country.map_or("?", Country::alpha2);
            format!(
                "{country} {} {:?}",
                to.postcode.as_deref().unwrap_or("-"),
                to.source
            )
        });
        format!(
            "{} -> {} {:?}",
            ids.collect::<Vec<_>>().join(" "),
            to.unwrap_or_default(),
            result.no_read
        )
    }

    const SSCC: &str = "00395011010000000019";

    #[test]
    fn one_label() {
        let code = |text| symbol(SymbolFormat::Code128, text, false);
        let gs1 = |text: &str| symbol(SymbolFormat::Code128, text, true);
        let qr = |text| symbol(SymbolFormat::QRCode, text, false);
        let json = r#"{"tracking":"RB123456785GB","postcode":"10115","country":"DE"}"#;
        for (symbols, expected) in [
            (vec![], " ->  Some(NothingFound)"),
            (vec![qr(json)], "s10=RB123456785GB -> DE 10115 Symbol None"),
            (
                vec![code("RB123456785GB"), qr(json)],
                "s10=RB123456785GB -> DE 10115 Symbol None",
            ),
            (
                vec![gs1(&format!("{SSCC}42127610115"))],
                "sscc=395011010000000019 -> DE 10115 Gs1421 None",
            ),
            (
                vec![gs1(&format!("{SSCC}42010115"))],
                "sscc=395011010000000019 -> ? 10115 Gs1420 None",
            ),
            (
                vec![gs1(&format!("{SSCC}42010115")), qr(json)],
                "sscc=395011010000000019 s10=RB123456785GB -> DE 10115 Gs1420 None",
            ),
            (
                vec![gs1(&format!("{SSCC}42075404")), qr(json)],
                "sscc=395011010000000019 s10=RB123456785GB ->  Some(Conflict)",
            ),
            (
                vec![code("RB123456785GB"), code("RB473124829GB")],
                "s10=RB123456785GB s10=RB473124829GB ->  Some(Conflict)",
            ),
            (
                vec![code("RB123456785GB"), code("RB123456785GB")],
                "s10=RB123456785GB ->  None",
            ),
            (
                vec![symbol(SymbolFormat::EAN13, "4006381333931", false)],
                "gtin=04006381333931 ->  Some(NoIdentifier)",
            ),
            (
                vec![gs1("42078745\u{1d}9400111206206406260787")],
                "usps=420787459400111206206406260787 -> US 78745 Gs1420 None",
            ),
            (
                vec![qr("<script>alert(1)</script>'; DROP TABLE parcels;--")],
                " ->  Some(NoIdentifier)",
            ),
        ] {
            let texts: Vec<_> = symbols.iter().map(|s| s.text.clone()).collect();
            assert_eq!(shown(&fused(symbols, &[])), expected, "{texts:?}");
        }
    }

    #[test]
    fn print_completes_or_contradicts() {
        let lines = ["Ship to", "Erika Muster", "10115 Berlin", "Germany"];
        let s10 = || symbol(SymbolFormat::Code128, "RB123456785GB", false);
        assert_eq!(
            shown(&fused(vec![s10()], &lines)),
            "s10=RB123456785GB -> DE 10115 Ocr None"
        );
        let gs1 = |to: &str| symbol(SymbolFormat::Code128, &format!("{SSCC}{to}"), true);
        let found = shown(&fused(vec![gs1("42010115")], &lines));
        assert_eq!(found, "sscc=395011010000000019 -> DE 10115 Gs1420 None");
        let found = shown(&fused(vec![gs1("42125075001")], &lines));
        assert_eq!(found, "sscc=395011010000000019 ->  Some(Conflict)");
        let found = shown(&fused(vec![gs1("42125075001")], &["Germany"]));
        assert_eq!(found, "sscc=395011010000000019 -> FR 75001 Gs1421 None");
        let found = shown(&fused(vec![], &["RB 123 456 785 GB"]));
        assert_eq!(found, "s10=RB123456785GB ->  None");
    }
}

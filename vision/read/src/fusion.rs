//! From the symbols and lines of all frames of a parcel to identifiers and one destination.
//!
//! The rules, in this order:
//!
//! 1. Two different numbers of a kind of which a parcel has one (SSCC, S10, UPS 1Z), both with their
//!    check digit, are two parcels or an old label: a conflict, however many frames show each.
//! 2. Symbols are believed before print, and among symbols what names more exactly comes first
//!    ([`Source`] is in that order). Two that name different places are a conflict, unless one of them
//!    stands in a single frame against at least [`OVERRULING`] that agree.
//! 3. Print that is sure enough and says another place than the symbols is a conflict as well. Print
//!    that agrees completes them.
//! 4. Print alone is a destination from the confidence that the site wants on
//!    ([`Policy::text_confidence_min`]); below it, or where frames differ, it gives candidates for the
//!    person who keys it in.
//!
//! Bars that no frame shows well enough are laid on each other and read together.
//!
//! A conflict leaves the destination open, and the reason says so. The order of frames, symbols and
//! lines of different blocks makes no difference, and one frame never outvotes two that agree.

mod printed;

pub use printed::text_evidence;

use std::collections::BTreeMap;
use std::fmt;

use crate::country::Country;
use crate::gs1::{self, Element};
use crate::postcode;
use crate::private::Redacted;
use crate::profile::{Likelihood, UnreadBars};
use crate::result::{Destination, FrameResult, Identifier, NoRead, Source, Symbol, TextLine};
use crate::symbol::{Findings, identify};
use crate::vote::{self, SoftText};
use printed::Printed;

/// What was seen in one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Symbols.
    pub symbols: Vec<Symbol>,
    /// Printed lines, block by block, top to bottom in each.
    pub text: Vec<TextLine>,
    /// Damaged symbols of which each character has candidates; voted on over all frames.
    pub soft: Vec<SoftText>,
    /// Bars that were seen and not read.
    pub unread: Vec<UnreadBars>,
}

impl From<FrameResult> for Evidence {
    /// What a frame's result rests on, to be put together with that of other frames.
    fn from(result: FrameResult) -> Self {
        Self {
            symbols: result.symbols,
            text: result.text,
            soft: Vec::new(),
            unread: result.unread,
        }
    }
}

/// What the site knows and wants before any label is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Country of a postcode that stands alone (GS1 420); `None` leaves the country open.
    pub country: Option<Country>,
    /// Least confidence from which printed text alone says where a parcel goes, 0 to 1.
    pub text_confidence_min: f32,
}

/// What [`Policy::text_confidence_min`] is where a site says nothing.
pub const TEXT_CONFIDENCE_MIN: f32 = 0.97;

impl Default for Policy {
    fn default() -> Self {
        Self {
            country: None,
            text_confidence_min: TEXT_CONFIDENCE_MIN,
        }
    }
}

/// Confidence from which a headed printed address may contradict a symbol.
const PRINT_STRONG: f32 = 0.9;

/// Confidence of a line below which its numbers are not looked at.
const LINE_LEAST: f32 = 0.6;

/// Frames that must agree for a single one to be overruled.
const OVERRULING: u32 = 3;

/// Most frames of one parcel that are looked at: six cameras with five frames each.
const FRAMES_MAX: usize = 30;

/// Puts everything of one frame together. Times, file and frame number are left at their defaults.
pub fn fuse(evidence: Evidence, policy: Policy) -> FrameResult {
    let mut result = fuse_frames(std::slice::from_ref(&evidence), policy);
    result.symbols = evidence.symbols;
    result.text = evidence.text;
    result.unread = evidence.unread;
    result
}

/// Puts all frames of one parcel together, from one or several cameras. Symbols and lines that
/// several frames show stand there once.
pub fn fuse_frames(frames: &[Evidence], policy: Policy) -> FrameResult {
    let frames = frames.get(..frames.len().min(FRAMES_MAX)).unwrap_or(frames);
    let mut all = Gathered::default();
    for frame in frames {
        all.frame(frame, policy);
    }
    let joined = joined(frames);
    for symbol in &joined {
        all.findings(Findings::of(symbol, policy), 1);
    }
    all.damaged(frames, policy);
    let printed = Printed::of(frames, policy);
    if !all.names_parcel() {
        all.printed_numbers(frames);
    }
    let symbols = distinct_symbols(frames, &joined);
    let gs1_faults = all.gs1_faults();
    let identifiers = all.identifiers();
    let settled = if several_parcels(&identifiers) {
        Err(Conflict)
    } else {
        settle(all.destinations(), &printed, policy)
    };
    let (destination, conflict) = match settled {
        Ok(destination) => (destination, false),
        Err(Conflict) => (None, true),
    };
    let candidates = match (&destination, conflict) {
        (None, _) => printed.candidates(),
        (Some(_), _) => Vec::new(),
    };
    let parcel = identifiers.iter().any(Identifier::names_parcel);
    let no_read = match (conflict, parcel || destination.is_some()) {
        (true, _) => Some(NoRead::Conflict),
        (false, true) => None,
        (false, false) if !candidates.is_empty() => Some(NoRead::Doubtful),
        (false, false) if symbols.is_empty() => Some(NoRead::NothingFound),
        (false, false) => Some(NoRead::NoIdentifier),
    };
    FrameResult {
        symbols,
        text: printed.lines(),
        identifiers,
        destination,
        candidates,
        gs1_faults,
        no_read,
        ..FrameResult::default()
    }
}

/// Evidence contradicts itself.
#[derive(Debug)]
struct Conflict;

/// What a destination is told apart by.
type Place = (Source, Option<Country>, Option<String>);

/// Findings of all frames with the number of frames that show each.
#[derive(Default)]
struct Gathered {
    identifiers: BTreeMap<(&'static str, String), (Identifier, u32)>,
    destinations: BTreeMap<Place, (Destination, u32)>,
    elements: Vec<Element>,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gathered").field(&Redacted).finish()
    }
}

impl Gathered {
    /// Adds what the symbols of one frame say.
    fn frame(&mut self, frame: &Evidence, policy: Policy) {
        let mut of_frame = Findings::default();
        for symbol in &frame.symbols {
            of_frame.join(Findings::of(symbol, policy));
        }
        self.findings(of_frame, 1);
    }

    /// Adds findings that stand in this many frames.
    fn findings(&mut self, found: Findings, frames: u32) {
        for identifier in found.identifiers {
            let key = (identifier.kind, identifier.value.clone());
            let known = self
                .identifiers
                .entry(key)
                .or_insert_with(|| (identifier.clone(), 0));
            known.1 = known.1.saturating_add(frames);
            if surer(&identifier, &known.0) {
                known.0 = identifier;
            }
        }
        let mut seen: Vec<Place> = Vec::new();
        for destination in found.destinations {
            let place = (
                destination.source,
                destination.country,
                destination.postcode.clone(),
            );
            let first = !seen.contains(&place);
            let known = self
                .destinations
                .entry(place.clone())
                .or_insert_with(|| (destination.clone(), 0));
            known.1 = known.1.saturating_add(if first { frames } else { 0 });
            known.0.confidence = known.0.confidence.max(destination.confidence);
            seen.push(place);
        }
        for element in found.elements {
            if !self.elements.contains(&element) {
                self.elements.push(element);
            }
        }
    }

    /// Votes on symbols that no frame shows whole. A text is believed only with a check digit of its
    /// own, beside that of the symbology.
    fn damaged(&mut self, frames: &[Evidence], policy: Policy) {
        let mut groups: BTreeMap<(crate::SymbolFormat, bool, usize), Vec<&SoftText>> =
            BTreeMap::new();
        for text in frames.iter().flat_map(|frame| &frame.soft) {
            let key = (text.format, text.gs1, text.places.len());
            groups.entry(key).or_default().push(text);
        }
        for ((format, gs1, _), texts) in groups {
            let looks: Vec<&[Vec<(char, f32)>]> =
                texts.iter().map(|text| text.places.as_slice()).collect();
            let found_in = |text: &str| {
                let symbol = Symbol {
                    format,
                    text: text.to_owned(),
                    gs1,
                    corners: [[0; 2]; 4],
                };
                Findings::of(&symbol, policy)
            };
            let passes = |text: &str| found_in(text).identifiers.iter().any(has_check);
            if let Some(elected) = vote::elect(&looks, &passes) {
                let mut found = found_in(&elected.text);
                found.identifiers.retain(has_check);
                for identifier in &mut found.identifiers {
                    identifier.confidence *= elected.share;
                    identifier.why.push("voted over characters");
                }
                // Only the check digit's own number is sure; what else the text says is not.
                found.destinations.clear();
                found.elements.clear();
                self.findings(found, u32::try_from(texts.len()).unwrap_or(1));
            }
        }
    }

    fn names_parcel(&self) -> bool {
        self.identifiers
            .values()
            .any(|(identifier, _)| identifier.names_parcel())
    }

    /// Numbers in print whose check digit leaves no doubt, for a label whose symbols cannot be read.
    fn printed_numbers(&mut self, frames: &[Evidence]) {
        for frame in frames {
            let mut found = Findings::default();
            let lines = frame
                .text
                .iter()
                .filter(|line| line.confidence >= LINE_LEAST);
            for line in lines {
                let number = crate::carrier::normal(&line.line);
                let Some(mut identifier) = number.and_then(|number| identify(&number)) else {
                    continue;
                };
                identifier.confidence *= line.confidence;
                identifier.why.push("printed text");
                if has_check(&identifier) {
                    found.add(identifier);
                }
            }
            self.findings(found, 1);
        }
    }

    /// Best first. What several frames show is surer.
    fn identifiers(&self) -> Vec<Identifier> {
        let surer = |(identifier, frames): &(Identifier, u32)| {
            let mut identifier = identifier.clone();
            let doubt =
                (1..(*frames).min(8)).fold(1.0 - identifier.confidence, |doubt, _| doubt / 2.0);
            identifier.confidence = 1.0 - doubt;
            identifier
        };
        let mut all: Vec<Identifier> = self.identifiers.values().map(surer).collect();
        all.sort_by(|a, b| {
            let rank = |id: &Identifier| (id.names_parcel(), id.valid);
            rank(b)
                .cmp(&rank(a))
                .then(b.confidence.total_cmp(&a.confidence))
                .then_with(|| (a.kind, &a.value).cmp(&(b.kind, &b.value)))
        });
        all
    }

    fn destinations(&self) -> Vec<(Destination, u32)> {
        self.destinations.values().cloned().collect()
    }

    fn gs1_faults(&self) -> Vec<String> {
        let mut elements = self.elements.clone();
        elements.sort_by(|a, b| (&a.ai, &a.value).cmp(&(&b.ai, &b.value)));
        gs1::faults(&elements)
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

/// Whether the first of two findings of one number comes first, in any order of the frames.
fn surer(one: &Identifier, other: &Identifier) -> bool {
    let confidence = one.confidence.total_cmp(&other.confidence);
    let rest = || (one.valid, &one.why).cmp(&(other.valid, &other.why));
    confidence.then_with(rest).is_gt()
}

/// Whether the number holds a check digit that leaves no doubt of what it is.
fn has_check(identifier: &Identifier) -> bool {
    identifier.valid && matches!(identifier.kind, "s10" | "ups_1z" | "sscc")
}

/// Symbols that the frames show only together.
fn joined(frames: &[Evidence]) -> Vec<Symbol> {
    let unread: Vec<&[UnreadBars]> = frames
        .iter()
        .map(|frame| frame.unread.as_slice())
        .filter(|bars| !bars.is_empty())
        .collect();
    if unread.len() < 2 {
        return Vec::new();
    }
    Likelihood::default().of_parcel(&unread)
}

/// Symbols of all frames and those read from several together, each content once.
fn distinct_symbols(frames: &[Evidence], joined: &[Symbol]) -> Vec<Symbol> {
    let mut found: BTreeMap<(crate::SymbolFormat, &str), &Symbol> = BTreeMap::new();
    let single = frames.iter().flat_map(|frame| &frame.symbols);
    for symbol in single.chain(joined) {
        let known = found
            .entry((symbol.format, symbol.text.as_str()))
            .or_insert(symbol);
        // Any order of the frames gives the same one.
        if (symbol.corners, symbol.gs1) < (known.corners, known.gs1) {
            *known = symbol;
        }
    }
    found.into_values().cloned().collect()
}

/// Two different valid numbers of a kind of which a parcel has one: two parcels in view, or an old
/// label.
fn several_parcels(identifiers: &[Identifier]) -> bool {
    ["sscc", "s10", "ups_1z"].into_iter().any(|kind| {
        let of_kind = |id: &&Identifier| id.kind == kind && id.names_parcel();
        identifiers.iter().filter(of_kind).count() > 1
    })
}

/// The one destination, where there is one. `found` is in the order of trust.
fn settle(
    mut found: Vec<(Destination, u32)>,
    printed: &Printed,
    policy: Policy,
) -> Result<Option<Destination>, Conflict> {
    overrule(&mut found);
    for (i, (one, _)) in found.iter().enumerate() {
        if !found
            .iter()
            .skip(i + 1)
            .all(|(other, _)| compatible(one, other))
        {
            return Err(Conflict);
        }
    }
    found.sort_by(|(a, _), (b, _)| {
        let confidence = b.confidence.total_cmp(&a.confidence);
        a.source.cmp(&b.source).then(confidence)
    });
    let mut found = found.into_iter().map(|(destination, _)| destination);
    let sure = |print: &Destination| print.confidence >= policy.text_confidence_min;
    let Some(best) = found.next() else {
        return Ok(printed.best().cloned().filter(sure));
    };
    let mut best = found.fold(best, |best, other| complete(best, &other));
    if let Some(print) = printed.best() {
        let agrees = compatible(&best, print);
        let strong = printed.headed() && print.confidence >= PRINT_STRONG || sure(print);
        if !agrees && strong && print.postcode.is_some() {
            return Err(Conflict);
        }
        // The same postcode in a symbol and in print leaves no doubt of its country.
        let same = best.postcode.is_some() && best.postcode == print.postcode;
        if agrees && (same || sure(print)) {
            best = complete(best, print);
        }
    }
    Ok(Some(best))
}

/// Drops what a single frame says against several that agree.
fn overrule(found: &mut Vec<(Destination, u32)>) {
    let against = |one: &Destination| {
        found
            .iter()
            .filter(|(other, _)| !compatible(one, other))
            .map(|(_, frames)| *frames)
            .min()
    };
    let kept: Vec<bool> = found
        .iter()
        .map(|(one, frames)| *frames > 1 || against(one).is_none_or(|least| least < OVERRULING))
        .collect();
    let mut kept = kept.into_iter();
    found.retain(|_| kept.next().unwrap_or(true));
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
                ..TextLine::default()
            })
            .collect();
        let evidence = Evidence {
            symbols,
            text,
            ..Evidence::default()
        };
        fuse(evidence, Policy::default())
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

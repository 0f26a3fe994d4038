//! What one symbol says: its identifiers and the destinations it names.

use crate::carrier;
use crate::country::Country;
use crate::gs1::{self, Element, value};
use crate::payload::{self, Payload};
use crate::plate::{self, Record, Transport};
use crate::result::{Destination, Identifier, Source, Symbol, SymbolFormat};
use crate::{Policy, address, check, postcode, upu};

/// Application identifiers whose content has a check digit: SSCC and GTIN.
const CHECKED: [&str; 2] = ["00", "01"];

/// Whether the content of a Code 128, element strings where `gs1`, has a check digit of its own that
/// holds: an SSCC or GTIN, or a number of the postal union.
pub fn has_check_digit(text: &str, gs1: bool) -> bool {
    if gs1 {
        return gs1::parse(text).is_ok_and(|elements| {
            let checked = |element: &Element| CHECKED.contains(&element.ai.as_str());
            elements.iter().any(checked)
        });
    }
    upu::is_s10(text)
}

/// Findings of one symbol, or of all of a frame.
#[derive(Clone, Default)]
pub(crate) struct Findings {
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) destinations: Vec<Destination>,
    /// GS1 elements, for the rules between those of different symbols.
    pub(crate) elements: Vec<Element>,
}

/// Shortest text that is kept as an identifier of an unknown kind.
const UNKNOWN_MIN: usize = 6;

impl Findings {
    /// Everything that a symbol says.
    pub(crate) fn of(symbol: &Symbol, policy: Policy) -> Self {
        let mut findings = Self::default();
        let text = symbol.text.as_str();
        if symbol.format.is_retail() {
            findings.retail(text);
        } else if let Some(records) = plate::envelope(text) {
            findings.records(records, policy);
        } else if let Some(message) = carrier_message(symbol) {
            findings.transport(message);
        } else if let Some(elements) = elements(symbol) {
            findings.elements(&elements, policy);
            findings.elements = elements;
        } else if symbol.format.is_matrix() {
            findings.payload(&payload::read(text));
            findings.lines(text);
        } else {
            findings.number(text, true);
            findings.doubt(symbol.format);
        }
        findings
    }

    /// Adds findings of another symbol of the same frame.
    pub(crate) fn join(&mut self, other: Self) {
        for identifier in other.identifiers {
            self.add(identifier);
        }
        self.destinations.extend(other.destinations);
        self.elements.extend(other.elements);
    }

    /// Digits and their count say nothing in a symbology that a torn symbol still decodes in.
    fn doubt(&mut self, format: SymbolFormat) {
        let unchecked = matches!(
            format,
            SymbolFormat::Itf | SymbolFormat::Codabar | SymbolFormat::Code39
        );
        for identifier in self.identifiers.iter_mut().filter(|_| unchecked) {
            if carrier::format(identifier.format).is_some_and(carrier::Format::is_weak) {
                identifier.valid = false;
                identifier.confidence *= 0.5;
                identifier.why.push("symbology without check digit");
            }
        }
    }

    /// A product's number.
    fn retail(&mut self, text: &str) {
        // DataBar holds element strings; the others bare digits.
        let digits = text
            .strip_prefix("01")
            .filter(|rest| rest.len() == 14)
            .unwrap_or(text);
        if check::gs1(digits.as_bytes()) && digits.len() >= 8 {
            self.known(
                "gtin",
                format!("{digits:0>14}"),
                0.95,
                "retail symbol and check digit",
            );
        }
    }

    /// GS1 element strings.
    fn elements(&mut self, elements: &[Element], policy: Policy) {
        for (ai, kind) in [
            ("00", "sscc"),
            ("402", "gsin"),
            ("401", "ginc"),
            ("01", "gtin"),
        ] {
            if let Some(value) = value(elements, ai) {
                self.known(kind, value.to_owned(), 0.99, "GS1 application identifier");
            }
        }
        self.postal_barcode(elements);
        let country = |ai| value(elements, ai).and_then(Country::from_alpha2);
        let in_form = |country: Country, code: &str| {
            postcode::normal(country, code).unwrap_or_else(|| code.to_owned())
        };
        if let Some((numeric, code)) = value(elements, "421").and_then(|v| v.split_at_checked(3))
            && let Some(country) = Country::from_numeric(numeric)
        {
            self.destination(
                Some(country),
                Some(in_form(country, code)),
                Source::Gs1421,
                0.99,
            );
        }
        match (country("4307"), value(elements, "420")) {
            (Some(country), code) => {
                let code = code.map(|code| in_form(country, code));
                self.destination(Some(country), code, Source::Gs143xx, 0.98);
            }
            (None, Some(code)) => self.lone_postcode(code, policy),
            (None, None) => {}
        }
        // Routing codes are the carrier's own; only those that say country and postcode are read.
        if let Some((code, rest)) = value(elements, "403").and_then(|v| v.split_at_checked(2))
            && let Some(country) = Country::from_alpha2(code)
            && let Some(code) = postcode::normal(country, rest)
        {
            self.destination(Some(country), Some(code), Source::Gs1403, 0.8);
        }
    }

    /// Numbers of USPS and `fedex` Ground, which begin with an internal identifier (91 to 99), after the
    /// postcode of 420 where there is one.
    fn postal_barcode(&mut self, elements: &[Element]) {
        let internal = |element: &&Element| element.ai.starts_with('9') && element.ai.len() == 2;
        if let Some(element) = elements.iter().find(internal) {
            let number = format!("{}{}", element.ai, element.value);
            let routed = value(elements, "420").map(|zip| format!("420{zip}{number}"));
            let routed = routed.filter(|routed| !carrier::recognize(routed).is_empty());
            self.number(&routed.unwrap_or(number), false);
        }
    }

    /// Records of an ISO/IEC 15434 envelope.
    fn records(&mut self, records: Vec<Record>, policy: Policy) {
        for record in records {
            match record {
                Record::Gs1(elements) => self.elements(&elements, policy),
                Record::Transport(transport) => self.transport(transport),
                Record::Identified(fields) => self.fields(fields, policy),
            }
        }
    }

    /// A structured carrier message.
    fn transport(&mut self, transport: Transport) {
        if let Some(tracking) = transport.tracking {
            self.number(&tracking, true);
        }
        if let Some(country) = transport.country {
            self.destination(Some(country), transport.postcode, Source::Carrier, 0.97);
        }
    }

    /// Data identifiers of MH10.8.2: licence plates, and 52L, the postcode that the parcel goes to.
    fn fields(&mut self, fields: Vec<(String, String)>, policy: Policy) {
        for (identifier, data) in fields {
            if identifier == "52L" {
                self.lone_postcode(&data, policy);
                continue;
            }
            let plate = format!("{identifier}{data}");
            if plate::is_plate(&plate) {
                self.known("license_plate", plate, 0.9, "data identifier in envelope");
            }
        }
    }

    /// A postcode without its country is that of the site's own country.
    fn lone_postcode(&mut self, code: &str, policy: Policy) {
        let home = policy.country;
        let normal = home.and_then(|home| postcode::normal(home, code));
        let confidence = if home.is_some() { 0.9 } else { 0.6 };
        let code = normal.unwrap_or_else(|| code.to_owned());
        self.destination(home, Some(code), Source::Gs1420, confidence);
    }

    /// Plain content of a two-dimensional symbol.
    fn payload(&mut self, payload: &Payload) {
        let before = self.identifiers.len();
        for number in &payload.numbers {
            self.number(number, payload.named);
        }
        if !payload.named {
            // Values without a name are numbers only where their form leaves no doubt.
            let certain = |id: &Identifier| id.names_parcel() && id.confidence > 0.65;
            let mut at = 0;
            self.identifiers.retain(|id| {
                at += 1;
                at <= before || certain(id) || payload.numbers.len() == 1
            });
        }
        if let Some(country) = payload.country.as_deref().and_then(Country::from_any) {
            let code = payload.postcode.as_deref();
            let normal = code.and_then(|code| postcode::normal(country, code));
            let odd = code.is_some() && normal.is_none() && postcode::is_known(country);
            let confidence = if odd { 0.6 } else { 0.97 };
            let code = normal.or_else(|| code.filter(|_| !odd).map(str::to_owned));
            self.destination(Some(country), code, Source::Symbol, confidence);
        }
    }

    /// An address in lines, as PDF417 on letters and parcels often holds.
    fn lines(&mut self, text: &str) {
        let lines: Vec<address::Line<'_>> = text
            .split(['\n', '\r', '|', ';'])
            .map(|text| address::Line::plain(text, 1.0))
            .collect();
        if self.destinations.is_empty()
            && lines.len() > 1
            && let Some(found) = address::read(&lines, None).best
        {
            let confidence = found.confidence;
            self.destination(
                Some(found.country),
                found.postcode,
                Source::Symbol,
                confidence,
            );
        }
    }

    /// A bare number. `unknown` says whether it is kept when it is of no known kind.
    pub(crate) fn number(&mut self, text: &str, unknown: bool) {
        if let Ok(elements) = gs1::parse_printed(text)
            && let Some(sscc) = value(&elements, "00")
        {
            self.known(
                "sscc",
                sscc.to_owned(),
                0.97,
                "application identifier in print",
            );
            return;
        }
        if let Some((country, code)) = plate::sort_code(text) {
            self.destination(Some(country), Some(code), Source::Carrier, 0.95);
            return;
        }
        let Some(number) = carrier::normal(text) else {
            return;
        };
        if let Some(identifier) = identify(&number) {
            if identifier.valid
                && let Some(format) = carrier::format(identifier.format)
                && let Some((country, code)) = carrier::destination(format, &number)
            {
                let confidence = 0.95 * identifier.confidence;
                self.destination(Some(country), Some(code), Source::Carrier, confidence);
            }
            self.add(identifier);
        } else if unknown && number.len() >= UNKNOWN_MIN {
            self.add(Identifier {
                valid: false,
                ..plain("unknown", number, 0.2, "fits no known form")
            });
        }
    }

    fn known(&mut self, kind: &'static str, value: String, confidence: f32, why: &'static str) {
        self.add(plain(kind, value, confidence, why));
    }

    /// Adds an identifier, or strengthens the one already there.
    pub(crate) fn add(&mut self, identifier: Identifier) {
        let same = |other: &&mut Identifier| {
            other.kind == identifier.kind && other.value == identifier.value
        };
        match self.identifiers.iter_mut().find(same) {
            Some(known) => known.confidence = known.confidence.max(identifier.confidence),
            None => self.identifiers.push(identifier),
        }
    }

    fn destination(
        &mut self,
        country: Option<Country>,
        postcode: Option<String>,
        source: Source,
        confidence: f32,
    ) {
        self.destinations.push(Destination {
            country,
            postcode,
            source,
            confidence,
        });
    }
}

fn plain(kind: &'static str, value: String, confidence: f32, why: &'static str) -> Identifier {
    let why = vec![why];
    Identifier {
        kind,
        value,
        valid: true,
        format: kind,
        confidence,
        why,
        alternatives: vec![],
    }
}

/// The message of a `MaxiCode` in modes 2 and 3.
fn carrier_message(symbol: &Symbol) -> Option<Transport> {
    let maxicode = symbol.format == SymbolFormat::MaxiCode;
    maxicode.then(|| plate::carrier_message(&symbol.text))?
}

/// GS1 elements of a symbol that says it holds them, or whose content is a Digital Link.
fn elements(symbol: &Symbol) -> Option<Vec<Element>> {
    let text = symbol.text.as_str();
    if symbol.gs1 || text.starts_with(gs1::SEPARATOR) {
        return gs1::parse(text).ok();
    }
    if symbol.format.is_matrix() {
        return gs1::digital_link(text)?.ok();
    }
    // An SSCC behind its identifier, printed without the GS1 mark.
    let bare = symbol.format == SymbolFormat::Code128 && text.len() == 20 && text.starts_with("00");
    bare.then(|| gs1::parse(text).ok())?
}

/// What a number in normal form is: the likeliest kind with reasons, and the others that fit.
/// Numbers that have the shape of S10 or UPS 1Z but break their check digit come back as not valid.
pub fn identify(number: &str) -> Option<Identifier> {
    let mut candidates = postal(number);
    candidates.extend(transport_units(number));
    for found in carrier::recognize(number) {
        let (format, value) = (found.format, number.to_owned());
        let identifier = plain(format.kind, value, found.confidence, format.why);
        candidates.push(Identifier {
            format: format.id,
            ..identifier
        });
    }
    if number.len() == 18 && number.starts_with("1Z") && candidates.is_empty() {
        let wrong = plain(
            "ups_1z",
            number.to_owned(),
            0.3,
            "UPS 1Z with wrong check digit",
        );
        candidates.push(Identifier {
            valid: false,
            ..wrong
        });
    }
    candidates.sort_by(|a, b| {
        b.valid
            .cmp(&a.valid)
            .then(b.confidence.total_cmp(&a.confidence))
    });
    let mut candidates = candidates.into_iter();
    let mut best = candidates.next()?;
    for other in candidates.filter(|other| other.valid) {
        if other.kind != best.kind && !best.alternatives.contains(&other.kind) {
            best.alternatives.push(other.kind);
        }
    }
    Some(best)
}

/// Numbers of the Universal Postal Union.
fn postal(number: &str) -> Vec<Identifier> {
    let mut found = Vec::new();
    if upu::is_s10_shaped(number) {
        let valid = upu::is_s10(number);
        let (confidence, why) = if valid {
            (0.98, "UPU S10 with check digit")
        } else {
            (0.3, "UPU S10 with wrong check digit or suffix")
        };
        found.push(Identifier {
            valid,
            ..plain("s10", number.to_owned(), confidence, why)
        });
    }
    if upu::is_s9(number) {
        found.push(plain("s9", number.to_owned(), 0.95, "UPU receptacle"));
    }
    if upu::is_s8(number) {
        found.push(plain("s8", number.to_owned(), 0.9, "UPU despatch"));
    }
    found
}

/// Numbers under the rules of GS1 and ISO/IEC 15459 that stand without an identifier.
fn transport_units(number: &str) -> Vec<Identifier> {
    let mut found = Vec::new();
    let checked = check::gs1(number.as_bytes());
    if number.len() == 18 && checked {
        found.push(plain(
            "sscc",
            number.to_owned(),
            0.7,
            "18 digits with GS1 check digit",
        ));
    }
    if number.len() == 14 && checked {
        found.push(plain(
            "gtin",
            number.to_owned(),
            0.75,
            "14 digits with GS1 check digit",
        ));
    }
    if plate::is_plate(number) {
        let (confidence, why) = match plate::agency(number) {
            Some(_) => (0.8, "data identifier J and known issuing agency"),
            None => (0.6, "data identifier J"),
        };
        found.push(plain("license_plate", number.to_owned(), confidence, why));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_alternatives() {
        for (number, kind, valid) in [
            ("RB123456785GB", "s10", true),
            ("LX473124829CN", "s10", true),
            ("RB123456786GB", "s10", false),
            ("395011010000000019", "sscc", true),
            ("1Z5R89390357567127", "ups_1z", true),
            ("1Z5R89390357567128", "ups_1z", false),
            ("986578788855", "fedex", true),
            ("TBA502887274000", "amazon", true),
            ("LP00123456789012", "cainiao", true),
        ] {
            let found = identify(number).unwrap();
            assert_eq!((found.kind, found.valid), (kind, valid), "{number}");
        }
        assert!(
            identify("LX473124829CN")
                .unwrap()
                .alternatives
                .contains(&"dhl")
        );
        assert_eq!(identify("HELLO"), None);
        assert_eq!(identify(""), None);
    }
}

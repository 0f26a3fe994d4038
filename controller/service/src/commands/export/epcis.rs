//! Parcels as events of EPCIS 2.0 (GS1), for host systems that follow shipments.
//!
//! The Core Business Vocabulary has no step for sorting, so decision and failures to sort use a
//! vocabulary of this site; everything else uses the standard's own words. Text of labels other
//! than identifiers does not appear.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use sortline_core::{ChuteId, Code, EyeId, Outcome, ParcelId, RejectCause, Step};

use crate::clock;
use crate::journal::{Reader, StepRow};

/// The context that gives the standard's words their meaning (EPCIS 2.0.0, section 10).
const CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";

/// Arguments of `sortline export epcis`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The document goes to standard output. A parcel is named by its SSCC, else by \
                  another identifier that was read, else by its number.\n\nExample: sortline \
                  export epcis sortline-data --gln 4012345000009 > events.json"
)]
pub(super) struct Args {
    /// A journal, or the data directory that holds it.
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// The site's Global Location Number; read points are then GS1 Digital Links.
    #[arg(long, value_name = "GLN", value_parser = gln)]
    gln: Option<String>,
    /// Begin of the site's own names: a URI without its last part.
    #[arg(long, value_name = "URI", default_value = "urn:sortline", value_parser = base)]
    base: String,
}

/// How things of the site are called in events.
#[derive(Debug)]
struct Names<'a> {
    base: &'a str,
    gln: Option<&'a str>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let reader = Reader::open(&args.journal)?;
    let names = Names {
        base: &args.base,
        gln: args.gln.as_deref(),
    };
    // Events go out one by one: a journal of a year does not fit into memory as a document.
    crate::commands::print(&head(&names, clock::wall())?)?;
    let mut separator = "\n";
    for row in super::outcomes(&reader)? {
        for event in events(row.parcel, &reader.steps(row.parcel)?, &names) {
            crate::commands::print(&format!("{separator}{event}"))?;
            separator = ",\n";
        }
    }
    crate::commands::print("\n]}}\n")
}

/// The document up to its first event.
fn head(names: &Names<'_>, created: Timestamp) -> anyhow::Result<String> {
    let context = json!([CONTEXT, { "sortline": names.of("term") + ":" }]);
    Ok(format!(
        r#"{{"@context":{},"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"{created:.3}","epcisBody":{{"eventList":["#,
        serde_json::to_string(&context)?
    ))
}

/// The events of one parcel in order: arrival, the last sort decision before its end, its end.
fn events(parcel: ParcelId, steps: &[StepRow], names: &Names<'_>) -> Vec<Value> {
    let epc = names.parcel(parcel, steps);
    let mut events = Vec::new();
    let mut decided = None;
    for StepRow { wall, step } in steps {
        if let Step::Inducted { lap: 0, .. } = step {
            let what = json!({
                "bizStep": "arriving",
                "disposition": "in_progress",
                "readPoint": { "id": names.place("induction", 0) },
            });
            events.push(observed(&epc, *wall, what));
        } else if let Step::Decided {
            chute,
            reason,
            plan,
            ..
        } = step
        {
            let what = json!({
                "bizStep": names.of("bizstep:sorting"),
                "disposition": "in_progress",
                "sortline:chute": chute.to_string(),
                "sortline:reason": reason,
                "sortline:plan": plan,
            });
            decided = Some(observed(&epc, *wall, what));
        } else if let Step::Ended { outcome } = step {
            events.extend(decided.take());
            events.push(observed(&epc, *wall, end(*outcome, names)));
        }
    }
    events
}

/// An event with the properties of `what`.
fn observed(epc: &str, at: Timestamp, what: Value) -> Value {
    let mut event = json!({
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": format!("{at:.3}"),
        "eventTimeZoneOffset": "+00:00",
        "epcList": [epc],
    });
    if let (Value::Object(event), Value::Object(what)) = (&mut event, what) {
        event.extend(what);
    }
    event
}

/// What the end of a parcel's life on the line is in the standard's words.
fn end(outcome: Outcome, names: &Names<'_>) -> Value {
    let sorting = names.of("bizstep:sorting");
    match outcome {
        Outcome::Sorted { chute } => json!({
            "bizStep": "staging_outbound",
            "disposition": "in_progress",
            "readPoint": { "id": names.chute(chute) },
        }),
        Outcome::Rejected { cause } => {
            let held = cause == RejectCause::Hold;
            json!({
                "bizStep": if held { "holding" } else { &sorting },
                "disposition": if held { "non_conformant" } else { "in_progress" },
                "readPoint": { "id": names.place("reject", 0) },
                "sortline:cause": cause,
            })
        }
        Outcome::Missort { decided, seen } => json!({
            "bizStep": sorting,
            "disposition": "mismatch_instance",
            "readPoint": { "id": names.chute(seen) },
            "sortline:decided": decided.to_string(),
        }),
        Outcome::Lost { last } => json!({
            "bizStep": sorting,
            "disposition": "unknown",
            "readPoint": { "id": names.eye(last) },
        }),
    }
}

impl Names<'_> {
    /// A name of the site's own.
    fn of(&self, name: &str) -> String {
        let link = if self.base.starts_with("urn:") {
            ':'
        } else {
            '/'
        };
        let name = name.replace(':', link.encode_utf8(&mut [0; 4]));
        format!("{}{link}{name}", self.base)
    }

    fn place(&self, kind: &str, number: u16) -> String {
        match self.gln {
            // AI 254: an extension of the location number, up to 20 characters.
            Some(gln) => format!("https://id.gs1.org/414/{gln}/254/{kind}-{number}"),
            None => self.of(&format!("{kind}:{number}")),
        }
    }

    fn chute(&self, chute: ChuteId) -> String {
        self.place("chute", chute.0)
    }

    fn eye(&self, eye: EyeId) -> String {
        self.place("eye", eye.0)
    }

    /// The parcel's name: SSCC, else another identifier, else its number.
    fn parcel(&self, parcel: ParcelId, steps: &[StepRow]) -> String {
        let codes = steps.iter().filter_map(|row| {
            let Step::Read { reading, late, .. } = &row.step else {
                return None;
            };
            (!late).then_some(&reading.codes)
        });
        let codes: Vec<&Code> = codes.flatten().collect();
        let sscc = codes.iter().find(|code| code.kind == "sscc");
        match sscc.or(codes.first()) {
            Some(code) if code.kind == "sscc" => format!("https://id.gs1.org/00/{}", code.value),
            Some(code) => self.of(&format!("{}:{}", escaped(&code.kind), escaped(&code.value))),
            None => self.of(&format!("parcel:{parcel}")),
        }
    }
}

/// Percent-encoding of all but unreserved characters (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

/// A location number of 13 digits whose check digit fits.
fn gln(text: &str) -> Result<String, String> {
    let fits = text.len() == 13 && sortline_read::check::gs1(text.as_bytes());
    let said = || format!("found `{text}`, allowed are 13 digits with a check digit that fits");
    fits.then(|| text.to_owned()).ok_or_else(said)
}

/// A URI to which a part can be added.
fn base(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches(['/', ':']);
    let known = ["urn:", "https://", "http://"];
    let begins = known
        .iter()
        .any(|begin| text.len() > begin.len() && text.starts_with(begin));
    let plain = text
        .chars()
        .all(|sign| sign.is_ascii_graphic() && !r#"<>"{}|\^`%"#.contains(sign));
    if begins && plain {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "found `{text}`, allowed is a URI that begins with {}",
            known.join(" or ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::{CameraId, Reading, Ticks, TriggerId};

    const AT: Timestamp = Timestamp::constant(1_795_000_000, 123_000_000);

    fn names<'a>(base: &'a str, gln: Option<&'a str>) -> Names<'a> {
        Names { base, gln }
    }

    fn life(code: Option<(&str, &str)>, outcome: Outcome) -> Vec<StepRow> {
        let codes = code.map(|(kind, value)| Code {
            kind: kind.to_owned(),
            value: value.to_owned(),
        });
        let reading = Reading {
            codes: codes.into_iter().collect(),
            ..Reading::default()
        };
        let steps = [
            Step::Inducted {
                eye: EyeId(0),
                at: Ticks(100),
                lap: 0,
            },
            Step::Read {
                camera: CameraId(0),
                trigger: TriggerId(1),
                reading,
                late: false,
            },
            Step::Decided {
                chute: ChuteId(4),
                reason: "rule `DE 1*`".to_owned(),
                plan: "7".to_owned(),
                alternatives: Vec::new(),
            },
            Step::Ended { outcome },
        ];
        steps
            .into_iter()
            .map(|step| StepRow { wall: AT, step })
            .collect()
    }

    fn document(names: &Names<'_>, lives: &[Vec<StepRow>]) -> Value {
        let number = |index: usize| ParcelId(u64::try_from(index).unwrap());
        let events = lives
            .iter()
            .enumerate()
            .flat_map(|(index, steps)| events(number(index), steps, names))
            .map(|event| event.to_string());
        let events: Vec<String> = events.collect();
        let text = head(names, AT).unwrap() + &events.join(",") + "]}}";
        serde_json::from_str(&text).unwrap()
    }

    fn lives() -> Vec<Vec<StepRow>> {
        let sscc = Some(("sscc", "340123450000000000"));
        let hold = RejectCause::Hold;
        vec![
            life(sscc, Outcome::Sorted { chute: ChuteId(4) }),
            life(
                Some(("ups_1z", "1Z 5/%")),
                Outcome::Rejected { cause: hold },
            ),
            life(
                None,
                Outcome::Rejected {
                    cause: RejectCause::Gap,
                },
            ),
            life(None, Outcome::Lost { last: EyeId(3) }),
            life(
                sscc,
                Outcome::Missort {
                    decided: ChuteId(4),
                    seen: ChuteId(5),
                },
            ),
        ]
    }

    #[test]
    fn a_parcel_arrives_is_decided_and_ends() {
        let document = document(&names("https://id.example.com/fra", None), &lives());
        let events = document["epcisBody"]["eventList"].as_array().unwrap();
        assert_eq!(events.len(), 15);
        let check = |event: usize, pointer: &str, expected: &str| {
            let found = events[event].pointer(pointer);
            assert_eq!(
                found.and_then(Value::as_str),
                Some(expected),
                "{event}{pointer}"
            );
        };
        check(0, "/bizStep", "arriving");
        check(0, "/epcList/0", "https://id.gs1.org/00/340123450000000000");
        check(1, "/bizStep", "https://id.example.com/fra/bizstep/sorting");
        check(1, "/sortline:reason", "rule `DE 1*`");
        check(2, "/bizStep", "staging_outbound");
        check(2, "/readPoint/id", "https://id.example.com/fra/chute/4");
        check(2, "/eventTime", "2026-11-18T11:06:40.123Z");
        check(
            3,
            "/epcList/0",
            "https://id.example.com/fra/ups_1z/1Z%205%2F%25",
        );
        check(5, "/bizStep", "holding");
        check(6, "/epcList/0", "https://id.example.com/fra/parcel/2");
        check(8, "/sortline:cause", "gap");
        check(11, "/disposition", "unknown");
        check(14, "/sortline:decided", "4");
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(gln("4012345000009").unwrap(), "4012345000009");
        assert!(gln("4012345000008").is_err() && gln("401234500000").is_err());
        assert_eq!(base("urn:acme:").unwrap(), "urn:acme");
        assert!(base("acme").is_err() && base("https://a b").is_err() && base("urn:").is_err());
    }

    /// The standard's own schema accepts every document, formats checked.
    #[test]
    fn documents_obey_the_schema_of_the_standard() {
        let folder = std::path::Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/data/epcis/JSON-Schema"
        ));
        if !folder.exists() {
            crate::commands::print_error("skipped: no copy of the schema of EPCIS\n").unwrap();
            return;
        }
        let root = Standard(folder)
            .read("EPCIS-JSON-Schema-root.json")
            .unwrap();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_retriever(Standard(folder))
            .build(&root)
            .unwrap();
        let gln = Some("4012345000009");
        for names in [
            names("urn:sortline", None),
            names("https://id.example.com", gln),
        ] {
            let document = document(&names, &lives());
            let errors: Vec<String> = validator
                .iter_errors(&document)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
        let mut bare = document(&names("urn:sortline", None), &lives());
        bare["epcisBody"]["eventList"][1]["bizStep"] = json!("sorting");
        assert!(
            !validator.is_valid(&bare),
            "the vocabulary has no such step"
        );
    }

    /// The schema's parts from a folder instead of the network.
    struct Standard(&'static std::path::Path);

    impl Standard {
        fn read(&self, name: &str) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
            Ok(serde_json::from_str(&std::fs::read_to_string(
                self.0.join(name),
            )?)?)
        }
    }

    impl jsonschema::Retrieve for Standard {
        fn retrieve(
            &self,
            uri: &jsonschema::Uri<String>,
        ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
            let begin = "https://gs1.github.io/EPCIS/JSON-Schema/";
            self.read(
                uri.as_str()
                    .strip_prefix(begin)
                    .ok_or("not of the standard")?,
            )
        }
    }
}

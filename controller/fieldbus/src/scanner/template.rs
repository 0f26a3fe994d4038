//! What stands in a telegram: fields between fixed texts, or keys of a JSON object.

use std::fmt;

/// A value in a telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Codes.
    Code,
    /// Kind of code.
    Symbology,
    /// Weight.
    Weight,
    /// Length.
    Length,
    /// Width.
    Width,
    /// Height.
    Height,
    /// Volume; not used, it follows from the rest.
    Volume,
    /// The device's clock; a label at best.
    Timestamp,
    /// The device's name.
    Device,
    /// Number of the parcel or trigger.
    Tracking,
    /// The device's state.
    Status,
    /// The scale's state.
    ScaleError,
}

impl Field {
    const ALL: [(&'static str, Self); 12] = [
        ("Code", Self::Code),
        ("Symbology", Self::Symbology),
        ("Weight", Self::Weight),
        ("Length", Self::Length),
        ("Width", Self::Width),
        ("Height", Self::Height),
        ("Volume", Self::Volume),
        ("Timestamp", Self::Timestamp),
        ("Device", Self::Device),
        ("Tracking", Self::Tracking),
        ("Status", Self::Status),
        ("ScaleError", Self::ScaleError),
    ];

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, field)| *field)
    }
}

/// Fields between fixed texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Text before the first field.
    head: String,
    /// Each field, and the text behind it.
    fields: Vec<(Field, String)>,
}

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// There is no such field.
    Field(String),
    /// A brace is open at the end.
    Brace,
    /// Two fields have nothing between them: where does the first end?
    Touching(String),
    /// A field is there twice.
    Twice(String),
    /// There is no `{Code}`.
    NoCode,
}

impl std::error::Error for TemplateError {}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => {
                write!(out, "found {{{name}}}, allowed are")?;
                Field::ALL
                    .iter()
                    .try_for_each(|(name, _)| write!(out, " {{{name}}}"))
            }
            Self::Brace => write!(out, "a brace is not closed"),
            Self::Touching(name) => write!(out, "nothing stands between {{{name}}} and the next"),
            Self::Twice(name) => write!(out, "{{{name}}} is there twice"),
            Self::NoCode => write!(out, "{{Code}} is missing"),
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let (head, mut rest) = text.split_once('{').ok_or(TemplateError::NoCode)?;
        let mut fields: Vec<(Field, String)> = Vec::new();
        loop {
            let (name, behind) = rest.split_once('}').ok_or(TemplateError::Brace)?;
            let field = Field::named(name).ok_or_else(|| TemplateError::Field(name.to_owned()))?;
            if fields.iter().any(|(known, _)| *known == field) {
                return Err(TemplateError::Twice(name.to_owned()));
            }
            let Some((between, next)) = behind.split_once('{') else {
                fields.push((field, behind.to_owned()));
                break;
            };
            if between.is_empty() {
                return Err(TemplateError::Touching(name.to_owned()));
            }
            fields.push((field, between.to_owned()));
            rest = next;
        }
        if !fields.iter().any(|(field, _)| *field == Field::Code) {
            return Err(TemplateError::NoCode);
        }
        Ok(Self {
            head: head.to_owned(),
            fields,
        })
    }

    /// Splits a text by it; `None` when it is of another form. A field ends where the text behind
    /// it comes first, so that one with another number of separators does not fit.
    pub fn read<'a>(&self, text: &'a str) -> Option<Vec<(Field, &'a str)>> {
        let mut rest = text.strip_prefix(self.head.as_str())?;
        let mut found = Vec::with_capacity(self.fields.len());
        let last = self.fields.len().saturating_sub(1);
        for (number, (field, behind)) in self.fields.iter().enumerate() {
            let (value, next) = if number < last {
                rest.split_once(behind.as_str())?
            } else {
                (rest.strip_suffix(behind.as_str())?, "")
            };
            found.push((*field, value));
            rest = next;
        }
        // The last field must not hold what separates the others: then there are too many.
        let separators = self
            .fields
            .iter()
            .take(last)
            .map(|(_, behind)| behind.as_str());
        let (_, value) = found.last()?;
        let too_many = separators
            .clone()
            .any(|separator| value.contains(separator));
        (!too_many).then_some(found)
    }
}

/// The values of a flat JSON object, as text; `None` for anything else. Keys that are no fields
/// say nothing.
pub(super) fn read_json(text: &str) -> Option<Vec<(Field, &str)>> {
    let object: std::collections::BTreeMap<&str, &serde_json::value::RawValue> =
        serde_json::from_str(text).ok()?;
    let mut found = Vec::new();
    for (key, value) in object {
        let Some(field) = Field::named(key) else {
            continue;
        };
        let raw = value.get();
        let text = match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            // What would have to be unescaped is in no code.
            Some(text) if !text.contains('\\') => text,
            Some(_) => return None,
            None if raw == "null" => "",
            None if raw.starts_with(['{', '[', 't', 'f']) => return None,
            None => raw,
        };
        if found.iter().any(|(known, _)| *known == field) {
            return None;
        }
        found.push((field, text));
    }
    found
        .iter()
        .any(|(field, _)| *field == Field::Code)
        .then_some(found)
}

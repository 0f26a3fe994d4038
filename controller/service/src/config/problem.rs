//! What is wrong with a configuration, and where: file, line, key, found, allowed.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// One problem in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File, as the person named it.
    pub file: PathBuf,
    /// Line, from 1; absent when the file as a whole is meant.
    pub line: Option<usize>,
    /// Key, such as `diverter[3].position_mm`.
    pub key: Option<String>,
    /// What was found and what is allowed.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": ")?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}", self.text)
    }
}

/// A configuration that cannot be used. The command ends with exit code 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Every problem found, by file and line.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// An error of one problem that concerns a whole file or folder. A text that begins with the
    /// file's own name, as those of the simulator do, loses it: the file is named once.
    pub fn whole(file: &Path, text: impl Into<String>) -> Self {
        let text = text.into();
        let name = file.file_name().map(|name| name.to_string_lossy());
        let names = [Some(file.to_string_lossy()), name];
        let text = names
            .iter()
            .flatten()
            .find_map(|name| text.strip_prefix(name.as_ref())?.strip_prefix([':', ' ']))
            .map_or(text.as_str(), str::trim_start)
            .to_owned();
        Self {
            problems: vec![Problem {
                file: file.to_owned(),
                line: None,
                key: None,
                text,
            }],
        }
    }
}

/// A TOML document with the place of every key, so that problems found after parsing can still
/// name their line.
#[derive(Debug)]
pub struct Document<'a> {
    file: PathBuf,
    text: &'a str,
    /// Key path and the span from the key's first to the value's last byte, outer before inner.
    places: Vec<(String, Range<usize>)>,
}

impl<'a> Document<'a> {
    /// Indexes `text`. Text that is no TOML has no places; reading it reports that.
    pub fn new(file: &Path, text: &'a str) -> Self {
        let mut places = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            index_table("", table.get_ref(), &mut places);
        }
        Self {
            file: file.to_owned(),
            text,
            places,
        }
    }

    /// Reads the document into `T`.
    ///
    /// # Errors
    /// What the TOML reader or the type says, with line and key.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        toml::from_str(self.text).map_err(|error| self.reading_problem(&error))
    }

    /// A problem of the value at `key`, in the notation `diverter[3].position_mm`. An unknown key
    /// gets the line of the nearest one around it.
    pub fn problem(&self, key: &str, text: impl Into<String>) -> Problem {
        let line = self.line_of_key(key);
        Problem {
            file: self.file.clone(),
            line,
            key: Some(key.to_owned()),
            text: text.into(),
        }
    }

    fn reading_problem(&self, error: &toml::de::Error) -> Problem {
        let start = error.span().map(|span| span.start);
        let key = start.and_then(|start| {
            let mut around = self.places.iter().filter(|(_, span)| span.contains(&start));
            around.next_back().map(|(key, _)| key.clone())
        });
        Problem {
            file: self.file.clone(),
            line: start.map(|start| self.line_of(start)),
            key,
            text: one_line(error.message()),
        }
    }

    fn line_of_key(&self, key: &str) -> Option<usize> {
        let mut path = key;
        loop {
            if let Some((_, span)) = self.places.iter().find(|(place, _)| place == path) {
                return Some(self.line_of(span.start));
            }
            path = path.get(..path.rfind(['.', '['])?)?;
        }
    }

    fn line_of(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|&b| b == b'\n').count() + 1
    }
}

fn one_line(message: &str) -> String {
    message
        .split('\n')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

fn index_table(prefix: &str, table: &DeTable<'_>, places: &mut Vec<(String, Range<usize>)>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if prefix.is_empty() {
            name.to_string()
        } else {
            format!("{prefix}.{name}")
        };
        let span = key.span().start..value.span().end.max(key.span().end);
        places.push((path.clone(), span));
        index_value(&path, value.get_ref(), places);
    }
}

fn index_value(path: &str, value: &DeValue<'_>, places: &mut Vec<(String, Range<usize>)>) {
    if let Some(table) = value.as_table() {
        index_table(path, table, places);
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}[{index}]");
        places.push((path.clone(), element.span()));
        index_value(&path, element.get_ref(), places);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        eye: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        id: u8,
    }

    fn check(text: &str, expected: &str) {
        let problem = Document::new(Path::new("a.toml"), text)
            .read::<Sample>()
            .unwrap_err();
        assert_eq!(problem.to_string(), expected, "for {text:?}");
    }

    #[test]
    fn a_right_document_is_read() {
        let document = Document::new(Path::new("a.toml"), "[[eye]]\nid = 7\n");
        assert_eq!(document.read::<Sample>().unwrap().eye[0].id, 7);
    }

    #[test]
    fn reading_problems_name_line_and_key() {
        check(
            "[[eye]]\nid = 1\n[[eye]]\nid = \"x\"\n",
            "a.toml:4: eye[1].id: invalid type: string \"x\", expected u8",
        );
        check(
            "[[eye]]\nid = 300\n",
            "a.toml:2: eye[0].id: invalid value: integer `300`, expected u8",
        );
        check(
            "[[eye]]\nid = 1\nname = 2\n",
            "a.toml:3: eye[0].name: unknown field `name`, expected `id`",
        );
        check("[[eye]\n", "a.toml:1: unclosed array table, expected `]`");
    }

    #[test]
    fn a_key_that_is_not_there_has_the_line_of_the_one_around_it() {
        let text = "a = 1\n\n[[eye]]\nid = 1\n\n[[eye]]\nid = 2\n";
        let document = Document::new(Path::new("a.toml"), text);
        let lines = ["eye[1].id", "eye[1].chute", "eye[0].id", "gone"]
            .map(|key| document.problem(key, "").line);
        assert_eq!(lines, [Some(7), Some(6), Some(4), None]);
    }

    #[test]
    fn a_whole_file_is_named_once() {
        let told = |text: &str| ConfigError::whole(Path::new("site/plant.toml"), text).to_string();
        for text in [
            "empty",
            "site/plant.toml: empty",
            "plant.toml: empty",
            "plant.toml empty",
        ] {
            assert_eq!(told(text), "site/plant.toml: empty", "{text}");
        }
        assert_eq!(told("plant is empty"), "site/plant.toml: plant is empty");
    }
}

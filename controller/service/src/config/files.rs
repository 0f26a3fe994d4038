//! Where configuration files come from: a directory, or the demonstration site inside the binary.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::problem::Problem;

/// The demonstration site, part of the binary so that `sortline demo` needs nothing else.
#[derive(rust_embed::RustEmbed)]
#[folder = "../../config/demo"]
struct Demo;

/// A site's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// In this directory.
    Directory(PathBuf),
    /// The demonstration site.
    Demo,
}

impl Files {
    /// The path of `name` as people know it.
    pub fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Directory(directory) => directory.join(name),
            Self::Demo => Path::new("demo").join(name),
        }
    }

    /// The content of `name`.
    ///
    /// # Errors
    /// The file is not there, cannot be read, or is no UTF-8.
    pub fn text(&self, name: &str) -> Result<String, Problem> {
        let problem = |text: String| Problem {
            file: self.path(name),
            line: None,
            key: None,
            text,
        };
        let bytes = match self {
            Self::Directory(_) => {
                let read = std::fs::read(self.path(name));
                read.map_err(|error| problem(format!("cannot be read: {error}")))?
            }
            Self::Demo => {
                let file = Demo::get(name).map(|file| Cow::into_owned(file.data));
                file.ok_or_else(|| problem("is not part of the demonstration site".to_owned()))?
            }
        };
        String::from_utf8(bytes).map_err(|error| {
            problem(format!(
                "is no UTF-8 text: byte {}",
                error.utf8_error().valid_up_to()
            ))
        })
    }

    /// Whether `name` is there.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Directory(_) => self.path(name).exists(),
            Self::Demo => Demo::get(name).is_some() || Self::demo_names().any(|n| within(&n, name)),
        }
    }

    /// Names of all files of the demonstration site.
    pub fn demo_names() -> impl Iterator<Item = Cow<'static, str>> {
        Demo::iter()
    }
}

fn within(file: &str, folder: &str) -> bool {
    Path::new(file).starts_with(folder)
}

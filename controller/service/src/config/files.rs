//! Where configuration files come from: a directory, or the demonstration site inside the binary.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::problem::Problem;

/// Files of a site at most; more is no site but something else.
const NAMES_MAX: usize = 10_000;

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
    /// Another's, with one text in the place of a file's: to check it before it is written.
    Edited {
        /// The others.
        base: Box<Files>,
        /// The file.
        name: String,
        /// Its text.
        text: String,
    },
}

impl Files {
    /// The path of `name` as people know it.
    pub fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Directory(directory) => directory.join(name),
            Self::Demo => Path::new("demo").join(name),
            Self::Edited { base, .. } => base.path(name),
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
                let path = self.path(name);
                // A pipe or a device might never end.
                if std::fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
                    return Err(problem("is no file".to_owned()));
                }
                let read = std::fs::read(path);
                read.map_err(|error| problem(format!("cannot be read: {error}")))?
            }
            Self::Demo => {
                let file = Demo::get(name).map(|file| Cow::into_owned(file.data));
                file.ok_or_else(|| problem("is not part of the demonstration site".to_owned()))?
            }
            Self::Edited { name: of, text, .. } if of == name => return Ok(text.clone()),
            Self::Edited { base, .. } => return base.text(name),
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
            Self::Edited { name: of, .. } if of == name => true,
            Self::Edited { base, .. } => base.has(name),
        }
    }

    /// Puts a text in the place of a file's, wholly or not at all.
    ///
    /// # Errors
    /// The file cannot be written, or is part of the program.
    pub fn replace(&self, name: &str, text: &str) -> std::io::Result<()> {
        let Self::Directory(directory) = self else {
            return Err(std::io::Error::other("these files are part of the program"));
        };
        let new = directory.join(format!(".{name}.new"));
        let mut file = std::fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, directory.join(name))?;
        std::fs::File::open(directory)?.sync_all()
    }

    /// Names of all files, in order, those in folders with `/` between; what is hidden is left out.
    ///
    /// # Errors
    /// A folder cannot be read, a name is no UTF-8, or there are too many.
    pub fn names(&self) -> std::io::Result<Vec<String>> {
        match self {
            Self::Directory(directory) => {
                let mut names = Vec::new();
                list(directory, "", &mut names)?;
                names.sort();
                Ok(names)
            }
            Self::Demo => Ok(Self::demo_names().map(Cow::into_owned).collect()),
            Self::Edited { base, .. } => base.names(),
        }
    }

    /// The bytes of one of [`Self::names`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn bytes(&self, name: &str) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Directory(directory) => std::fs::read(directory.join(name)),
            Self::Demo => {
                let missing = || std::io::Error::other(format!("there is no file {name}"));
                let file = Demo::get(name).ok_or_else(missing)?;
                Ok(file.data.into_owned())
            }
            Self::Edited { name: of, text, .. } if of == name => Ok(text.clone().into_bytes()),
            Self::Edited { base, .. } => base.bytes(name),
        }
    }

    /// Names of all files of the demonstration site.
    pub fn demo_names() -> impl Iterator<Item = Cow<'static, str>> {
        Demo::iter()
    }
}

fn list(directory: &Path, before: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory.join(before))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| {
            std::io::Error::other(format!("the name {} is no UTF-8", name.display()))
        })?;
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{before}{name}");
        // A link to a folder could lead round in a ring: it is left out.
        if entry.file_type()?.is_dir() {
            list(directory, &format!("{name}/"), names)?;
        } else if entry.path().is_file() {
            names.push(name);
        }
        if names.len() > NAMES_MAX {
            let text = format!("{} has more than {NAMES_MAX} files", directory.display());
            return Err(std::io::Error::other(text));
        }
    }
    Ok(())
}

fn within(file: &str, folder: &str) -> bool {
    Path::new(file).starts_with(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_file_stands_before_the_one_on_disk() {
        let edited = Files::Edited {
            base: Box::new(Files::Demo),
            name: "plan.toml".to_owned(),
            text: "overflow = 4242".to_owned(),
        };
        assert_eq!(edited.text("plan.toml").unwrap(), "overflow = 4242");
        assert_eq!(edited.text("line.toml"), Files::Demo.text("line.toml"));
        assert!(edited.has("plan.toml") && edited.has("network") && !edited.has("none.toml"));
        assert!(edited.replace("plan.toml", "").is_err());
        assert!(
            crate::config::load(edited).is_err(),
            "a chute that the line does not have"
        );
    }
}

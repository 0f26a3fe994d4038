//! Files of a source: in a folder or a ZIP archive, of bounded size, in the usual encodings.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::config::ConfigError;

/// Bytes of a file, unpacked, beyond which it is refused.
const BYTES_MAX: u64 = 512 << 20;

/// Where a source's files are.
pub(super) enum Source {
    Folder(PathBuf),
    Archive(PathBuf, Box<ZipArchive<BufReader<File>>>),
}

impl Source {
    /// A folder, or a file that is a ZIP archive.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn open(path: &Path) -> Result<Self, ConfigError> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let refuse = |text: String| ConfigError::whole(path, text);
        if !path.is_file() {
            let text = if path.exists() {
                "is neither a folder nor a file"
            } else {
                "does not exist"
            };
            return Err(refuse(text.to_owned()));
        }
        let file = File::open(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            refuse(format!(
                "is no folder and no ZIP archive that can be read: {error}"
            ))
        })?;
        Ok(Self::Archive(path.to_owned(), Box::new(archive)))
    }

    /// Its path, or that of one of its files, for messages.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(path) | Self::Archive(path, _) => path.join(name),
        }
    }

    /// The text of a file; `None` when it has no such file.
    ///
    /// # Errors
    /// The file cannot be read or is too large.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ConfigError> {
        let shown = self.path(name);
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                if path.is_file() {
                    text_of(&path).map(Some)
                } else {
                    Ok(None)
                }
            }
            Self::Archive(_, archive) => {
                // Some archives hold the files in a folder of their own.
                let within = archive
                    .file_names()
                    .find(|file| file.rsplit('/').next() == Some(name))
                    .map(str::to_owned);
                let Some(within) = within else {
                    return Ok(None);
                };
                let refuse = |text: String| ConfigError::whole(&shown, text);
                let file = archive.by_name(&within);
                let file = file.map_err(|error| refuse(format!("cannot be unpacked: {error}")))?;
                limited(file, &shown).map(Some)
            }
        }
    }

    /// The text of a file that must be there.
    ///
    /// # Errors
    /// As [`Source::text`], and that it is not there.
    pub(super) fn needed(&mut self, name: &str) -> Result<String, ConfigError> {
        let path = self.path(name);
        let text = self.text(name)?;
        text.ok_or_else(|| ConfigError::whole(&path, "is not there, but needed"))
    }
}

/// The text of a file; bytes that are no UTF-8 are taken as Latin letters (ISO 8859-1).
///
/// # Errors
/// It cannot be read or is too large.
pub(super) fn text_of(path: &Path) -> Result<String, ConfigError> {
    let refuse = |text: String| ConfigError::whole(path, text);
    let about = std::fs::metadata(path);
    let about = about.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if !about.is_file() {
        return Err(refuse("is no file".to_owned()));
    }
    let file = File::open(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    limited(file, path)
}

fn limited(file: impl Read, path: &Path) -> Result<String, ConfigError> {
    let refuse = |text: String| ConfigError::whole(path, text);
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(refuse(format!(
            "has more than {BYTES_MAX} bytes, which are allowed"
        )));
    }
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|wrong| wrong.as_bytes().iter().copied().map(char::from).collect()))
}

//! A directory for the time of a command.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A directory that goes away at the end, unless a person named it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    temporary: bool,
}

impl Scratch {
    /// The named directory, or one of its own that is told apart by `purpose`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(purpose: &str, named: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = named {
            return Ok(Self {
                path: path.to_owned(),
                temporary: false,
            });
        }
        let name = format!("sortline-{purpose}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let what = || format!("the directory {} cannot be made", path.display());
        std::fs::create_dir_all(&path).with_context(what)?;
        Ok(Self {
            path,
            temporary: true,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a directory is left behind");
        }
    }
}

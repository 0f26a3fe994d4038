//! The pictures and videos of a folder.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use crate::CaptureError;

/// Deepest level of folders that is walked, so that links in a circle end.
const DEPTH_MAX: usize = 32;

/// The files to read: one, or those of a folder with a known ending.
pub(crate) fn files(path: &Path) -> Result<VecDeque<PathBuf>, CaptureError> {
    let open = |source| CaptureError::Open {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(open)?.is_dir() {
        return Ok(VecDeque::from([path.to_owned()]));
    }
    let mut found = Vec::new();
    walk(path, 0, &mut found)?;
    found.sort();
    Ok(found.into())
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CaptureError> {
    let open = |source| CaptureError::Open {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(open)? {
        let entry = entry.map_err(open)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(open)?);
        // A link to a folder may lead back to where it lies, and a pipe has no end.
        if kind.is_dir() {
            if depth < DEPTH_MAX {
                walk(&path, depth + 1, found)?;
            }
        } else if has_known_ending(&path) && fs::metadata(&path).is_ok_and(|file| file.is_file()) {
            found.push(path);
        }
    }
    Ok(())
}

fn has_known_ending(path: &Path) -> bool {
    const ENDINGS: &[&str] = &[
        "png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp", "mp4", "m4v", "mov", "mkv", "webm",
        "avi", "mpg", "mpeg", "ts",
    ];
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .map(str::to_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

//! The dashboard: built by npm, embedded in the binary.

use std::path::PathBuf;

use anyhow::Result;

use crate::steps;

fn directory() -> PathBuf {
    steps::root().join("controller").join("dashboard")
}

/// Installs the locked tools when they are not there yet, and builds `dist/`.
pub(crate) fn build() -> Result<()> {
    let directory = directory();
    if newer(
        &directory.join("package-lock.json"),
        &directory.join("node_modules"),
    ) {
        steps::run_in(&directory, "npm", &["ci", "--no-audit", "--no-fund"])?;
    }
    steps::run_in(&directory, "npm", &["run", "build", "--silent"])
}

/// Types and unit tests.
pub(crate) fn test() -> Result<()> {
    steps::run_in(&directory(), "npm", &["run", "check", "--silent"])?;
    steps::run_in(&directory(), "npm", &["test", "--silent"])
}

/// The built page in Chromium: on the mock with every fault, then on the service that the tests
/// built, with its simulated line.
pub(crate) fn browser_test() -> Result<()> {
    steps::run_in(&directory(), "npm", &["run", "e2e", "--silent"])?;
    let binary = steps::target_dir()?.join("debug").join("sortline");
    let binary = binary.to_string_lossy().into_owned();
    let arguments = ["run", "e2e:service", "--silent", "--", "--binary", &binary];
    steps::run_in(&directory(), "npm", &arguments)
}

/// True when `source` changed after `result` was made, or `result` is missing.
fn newer(source: &std::path::Path, result: &std::path::Path) -> bool {
    let modified = |path: &std::path::Path| path.metadata().and_then(|meta| meta.modified()).ok();
    match (modified(source), modified(result)) {
        (Some(source), Some(result)) => source > result,
        (_, None) | (None, _) => true,
    }
}

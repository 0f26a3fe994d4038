//! Writes the generated files of the repository: JSON schemas and the register manual.
//!
//! ```text
//! cargo xtask docs
//! ```

use std::fs;
use std::path::Path;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("config/schema");
    for (name, text) in sortline_service::schemas::all()? {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

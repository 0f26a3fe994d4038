//! Prints the manual page of the register map.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let mut page = String::new();
    sortline_regmap::write_manual(&mut page).map_err(std::io::Error::other)?;
    std::io::stdout().lock().write_all(page.as_bytes())
}

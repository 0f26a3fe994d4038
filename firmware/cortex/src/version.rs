//! The version of a program.

/// Major, minor and patch of a crate's version, from what cargo tells of it; 0 for what is no
/// number.
pub const fn version(major: &str, minor: &str, patch: &str) -> [u16; 3] {
    [number(major), number(minor), number(patch)]
}

const fn number(text: &str) -> u16 {
    match u16::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

//! Set-up, checks and generated files.

fn main() {}

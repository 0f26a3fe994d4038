//! The `sortline` command.

fn main() {}

//! The `sortline` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    sortline_service::cli::main()
}

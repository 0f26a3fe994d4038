//! The `sortline` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    one_thread_for_text();
    sortline_service::cli::main()
}

/// Starts this program anew with one OpenMP thread, in place of itself, unless that is settled.
///
/// The text engine otherwise starts a thread per core that spins while it waits: four times the
/// processor time for the same lines, taken from the control loop. OpenMP reads its environment
/// before `main`, so that it cannot be set from inside.
#[cfg(unix)]
fn one_thread_for_text() {
    use std::os::unix::process::CommandExt as _;
    const LIMIT: &str = "OMP_THREAD_LIMIT";
    if std::env::var_os(LIMIT).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut again = std::process::Command::new(program);
        again.args(std::env::args_os().skip(1)).env(LIMIT, "1");
        // Only an error comes back; then text costs more time, and nothing else changes.
        drop(again.exec());
    }
}

/// Elsewhere nothing is known to be needed.
#[cfg(not(unix))]
const fn one_thread_for_text() {}

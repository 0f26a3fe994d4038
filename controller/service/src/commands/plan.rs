//! `sortline plan`: verify, propose and try sort plans.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::FINE;
use crate::config;

/// Arguments of `sortline plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Verify a site's sort plan against its line.
    #[command(after_help = "Example: sortline plan check --config config/demo")]
    Check {
        /// The site directory.
        #[arg(long, value_name = "DIR")]
        config: PathBuf,
    },
    /// Propose chutes for a forecast, and say what each move gains.
    Optimise(super::optimise::Args),
    /// Expect volumes by rule and wave, from the journal.
    Forecast(super::forecast::Args),
    /// Try a sort plan on recorded parcels: which would have gone elsewhere.
    DryRun(super::dry_run::Args),
}

/// Verifies a sort plan.
///
/// # Errors
/// [`config::ConfigError`] with every problem found.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = match &args.command {
        Command::Check { config } => config,
        Command::Optimise(args) => return super::optimise::run(args),
        Command::Forecast(args) => return super::forecast::run(args),
        Command::DryRun(args) => return super::dry_run::run(args),
    };
    let files = super::site_directory(config)?;
    let (plan, topology) = config::load_plan_and_line(&files)?;
    let chutes = topology.config().chutes.len();
    let rules = plan.rules.len();
    super::print(&format!(
        "sort plan {}: {rules} rules for {chutes} chutes\n",
        plan.version
    ))?;
    Ok(FINE.into())
}

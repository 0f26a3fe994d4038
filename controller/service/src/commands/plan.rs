//! `sortline plan`: verify, propose and try sort plans.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::FINE;
use crate::config;

/// Arguments of `sortline plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sortline plan check --config config/demo")]
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
        /// Print the summary as JSON.
        #[arg(long)]
        json: bool,
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
    let (config, json) = match &args.command {
        Command::Check { config, json } => (config, *json),
        Command::Optimise(args) => return super::optimise::run(args),
        Command::Forecast(args) => return super::forecast::run(args),
        Command::DryRun(args) => return super::dry_run::run(args),
    };
    let files = super::site_directory(config)?;
    let (plan, topology) = config::load_plan_and_line(&files)?;
    let chutes = topology.config().chutes.len();
    let rules = plan.rules.len();
    let version = &plan.version;
    super::print(&if json {
        json!({ "plan": version, "rules": rules, "chutes": chutes }).to_string() + "\n"
    } else {
        format!("sort plan {version}: {rules} rules for {chutes} chutes\n")
    })?;
    Ok(FINE.into())
}

//! `sortline check`: validate a site directory, start nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::FINE;
use crate::config::{self, Configuration};

/// Arguments of `sortline check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sortline check --config config/demo")]
pub struct Args {
    /// The site directory.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    site: &'a str,
    line: &'a str,
    eyes: usize,
    cameras: usize,
    diverters: usize,
    chutes: usize,
    plan: &'a str,
    rules: usize,
    manifest: usize,
    /// What a person should know before the line runs.
    warnings: &'a [String],
}

/// Checks a site and prints what it holds.
///
/// # Errors
/// [`config::ConfigError`] with every problem found.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let configuration = config::load(super::site_directory(&args.config)?)?;
    // Secrets are not kept: only whether they can be read counts here.
    config::access(&configuration.site.config.mqtt, &configuration.files)?;
    let summary = summary(&configuration);
    let text = if args.json {
        serde_json::to_string(&summary)? + "\n"
    } else {
        in_words(&summary)
    };
    super::print(&text)?;
    Ok(FINE.into())
}

fn summary(configuration: &Configuration) -> Summary<'_> {
    let line = configuration.topology.config();
    Summary {
        site: &configuration.site.config.id,
        line: &line.id,
        eyes: line.eyes.len(),
        cameras: line.cameras.len(),
        diverters: line.diverters.len(),
        chutes: line.chutes.len(),
        plan: &configuration.plan.version,
        rules: configuration.plan.rules.len(),
        manifest: configuration.manifest.len(),
        warnings: configuration
            .wiring
            .as_ref()
            .map_or(&[], |wiring| &wiring.warnings),
    }
}

fn in_words(summary: &Summary<'_>) -> String {
    let Summary {
        site,
        line,
        eyes,
        cameras,
        diverters,
        chutes,
        plan,
        rules,
        manifest,
        warnings,
    } = summary;
    let warnings: Vec<String> = warnings
        .iter()
        .map(|text| format!("warning: {text}\n"))
        .collect();
    let warnings = warnings.concat();
    format!(
        "site {site}\nline {line}: {eyes} photo-eyes, {cameras} cameras, {diverters} diverters, \
         {chutes} chutes\nsort plan {plan}: {rules} rules\nmanifest: {manifest} parcels\n\
         {warnings}no problem found\n"
    )
}

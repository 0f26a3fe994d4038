//! `sortline serve`: the controller service for one line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::FINE;
use crate::config;
use crate::service;

/// Arguments of `sortline serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends orderly on SIGINT and SIGTERM. Started again on the same data \
                        directory it goes on from its journal.\n\nExample: sortline serve --config \
                        config/demo --data /var/lib/sortline"
)]
pub struct Args {
    /// The site directory.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Where the journal is kept; made when it is not there.
    #[arg(long, value_name = "DIR", default_value = "sortline-data")]
    data: PathBuf,
    /// Listen for browsers here instead of at `http.bind` of site.toml.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
}

/// Serves until a signal ends it.
///
/// # Errors
/// The configuration is wrong, an address is taken, or the journal cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut configuration = config::load(super::site_directory(&args.config)?)?;
    if let Some(http) = args.http {
        configuration.site.http = http;
    }
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(async {
        let service = service::start(configuration, &args.data).await?;
        super::announce(&format!("dashboard at http://{}\n", service.http))?;
        if let Some(mqtt) = service.mqtt {
            super::announce(&format!("MQTT 5 broker at {mqtt}\n"))?;
        }
        super::announce(&enrolment(&service))?;
        service.run(signals()?).await?;
        Ok(FINE.into())
    });
    // A simulation or a search that somebody asked for may still be at it.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

/// What the first administrator has to know, while there is none.
pub fn enrolment(service: &service::Service) -> String {
    let say = |code| {
        format!(
            "nobody can sign in yet: enrol the first administrator there with the code {code}\n"
        )
    };
    service.enrolment.as_ref().map(say).unwrap_or_default()
}

/// Ready when the process is asked to end.
///
/// # Errors
/// The system gives no signals.
pub fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

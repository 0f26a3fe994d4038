//! `sortline serve`: the controller service for one line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::FINE;
use crate::config::{self, ConfigError, Configuration, Files};
use crate::http::{self, Front, SafeMode, SiteInfo};
use crate::office::Office;
use crate::service;

/// Where safe mode listens when the site does not say.
const SAFE_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);

/// Arguments of `sortline serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends orderly on SIGINT and SIGTERM. Started again on the same data \
                        directory it goes on from its journal.\n\nExample: sortline serve --config \
                        config/demo --data /var/lib/sortline --safe-mode"
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
    /// With a configuration that cannot be used, serve its files in the browser until they are
    /// mended, instead of ending with exit code 2. Nothing is connected and nothing moves then.
    #[arg(long)]
    safe_mode: bool,
}

/// Serves until a signal ends it.
///
/// # Errors
/// The configuration is wrong, an address is taken, or the journal cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let mut configuration = usable(args, &runtime)?;
    if let Some(http) = args.http {
        configuration.site.http = http;
    }
    let outcome = runtime.block_on(async {
        // Whoever reads that it is there may ask it to end the next moment.
        let signals = super::signals()?;
        let service = service::start(configuration, &args.data).await?;
        super::announce(&format!("dashboard at http://{}\n", service.http))?;
        if let Some(mqtt) = service.mqtt {
            super::announce(&format!("MQTT 5 broker at {mqtt}\n"))?;
        }
        super::announce(&enrolment(service.enrolment.as_deref()))?;
        service.run(signals).await?;
        Ok(FINE.into())
    });
    // A simulation or a search that somebody asked for may still be at it.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

/// The site's configuration; in safe mode as soon as it can be used.
fn usable(args: &Args, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Configuration> {
    loop {
        let files = super::site_directory(&args.config)?;
        match config::load(files.clone()) {
            Err(wrong) if args.safe_mode => runtime.block_on(mend(args, files, wrong))?,
            loaded => return Ok(loaded?),
        }
    }
}

/// Serves the site's files until they can be used and somebody starts the line.
async fn mend(args: &Args, files: Files, wrong: ConfigError) -> anyhow::Result<()> {
    let site = config::load_site(&files).ok();
    let http = args.http.or(site.as_ref().map(|site| site.http));
    let http = http.unwrap_or(SAFE_HTTP);
    let mut info = site.as_ref().map_or_else(SiteInfo::unknown, SiteInfo::of);
    info.open &= http.ip().is_loopback();
    std::fs::create_dir_all(&args.data)
        .with_context(|| format!("the data directory {} cannot be made", args.data.display()))?;
    let office = Office::open(&args.data)?;
    let code = service::enrolment(info.open, &office)?;
    let signals = super::signals()?;
    let listener = http::listen(http).await?;
    let address = listener.local_addr()?;
    let text =
        format!("{wrong}\nsafe mode: nothing runs; mend the configuration at http://{address}\n");
    super::announce(&text)?;
    super::announce(&enrolment(code.as_deref()))?;
    let safe = SafeMode::new(Front::new(info, files, office, code));
    http::serve_safe_mode(listener, safe, signals, wrong).await
}

/// What the first administrator has to know, while there is none.
pub fn enrolment(code: Option<&str>) -> String {
    let say = |code: &str| {
        format!(
            "nobody can sign in yet: enrol the first administrator there with the code {code}\n"
        )
    };
    code.map(say).unwrap_or_default()
}

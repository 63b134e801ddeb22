//! `salesforce-simulator`: a Salesforce org in a box, from the command line.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use salesforce_simulator::{Config, Credentials, Simulator, Tls, schema::Features};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A Salesforce org in a box: REST, Bulk 2.0 and OAuth over loopback, with faults on demand
#[derive(Debug, Parser)]
#[command(version)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Arguments {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8380)]
    port: u16,
    /// Address to listen on; the org asks nobody for more than its well-known credentials
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Seed of the sample records; the same seed makes the same records
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size of the sample; 1 is about eight thousand records
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Folder of describe answers to use in place of the sample objects
    #[arg(long, value_name = "DIR")]
    schema: Option<PathBuf>,
    /// Files of records, each named after its object
    #[arg(long, value_name = "FILE", num_args = 1..)]
    csv: Vec<PathBuf>,
    /// Rows that are computed on the fly and take no memory, such as Account=10000000; repeatable
    #[arg(long, value_name = "OBJECT=COUNT", value_parser = object_and_count)]
    synthetic: Vec<(String, u64)>,
    /// Start without sample records
    #[arg(long)]
    empty: bool,
    /// Milliseconds that a Bulk job takes
    #[arg(long, value_name = "MILLIS", default_value_t = 100)]
    bulk_delay: u64,
    /// Seconds that a session lives after its last use
    #[arg(long, value_name = "SECONDS", default_value_t = 7_200)]
    session_lifetime: u64,
    /// API requests before the org answers 403
    #[arg(long, value_name = "REQUESTS", default_value_t = 100_000)]
    daily_limit: u64,
    /// Speak TLS on the same port, and answer https URLs
    #[arg(long)]
    tls: bool,
    /// File for the certificate to trust [default: one among the temporary files]
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_ca: Option<PathBuf>,
    /// Names the server answers to besides localhost, such as login.salesforce.com
    #[arg(long, value_name = "NAME", num_args = 1.., requires = "tls")]
    tls_name: Vec<String>,
    /// Objects whose changes are told as events, such as Account,Contact
    #[arg(long, value_name = "OBJECTS", value_delimiter = ',')]
    cdc: Vec<String>,
    /// Show records on the page at `/` although others than this machine can reach it
    #[arg(long)]
    open_page: bool,
    /// Several currencies: amounts come with a currency code
    #[arg(long)]
    multi_currency: bool,
    /// Accounts may be persons
    #[arg(long)]
    person_accounts: bool,
    /// Print URL and credentials as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    /// The file with the certificate to trust, where the org speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'a Path>,
    #[serde(flatten)]
    credentials: &'a Credentials,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_error(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let is_json = arguments.json;
    let config = Config::from(arguments);
    let ca_file = config.tls.as_ref().and_then(|tls| tls.ca_file.clone());
    let simulator = Simulator::start(config).await?;
    announce(&simulator, ca_file.as_deref(), is_json)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}

/// Reads `Account=10000000`.
fn object_and_count(text: &str) -> Result<(String, u64), String> {
    let (object, count) = text.split_once('=').ok_or("it has the form OBJECT=COUNT")?;
    let count = count.replace('_', "").parse().map_err(|_| "COUNT is a whole number")?;
    Ok((object.trim().to_owned(), count))
}

impl From<Arguments> for Config {
    fn from(arguments: Arguments) -> Self {
        let tls = arguments.tls.then(|| Tls {
            names: arguments.tls_name,
            ca_file: Some(arguments.tls_ca.unwrap_or_else(temporary_ca_file)),
        });
        Self {
            tls,
            host: arguments.host,
            port: arguments.port,
            seed: arguments.seed,
            scale: arguments.scale,
            empty: arguments.empty,
            schema_dir: arguments.schema,
            csv: arguments.csv,
            synthetic: arguments.synthetic,
            bulk_delay: Duration::from_millis(arguments.bulk_delay),
            session_lifetime: Duration::from_secs(arguments.session_lifetime),
            daily_limit: arguments.daily_limit,
            open_page: arguments.open_page,
            features: Features {
                multi_currency: arguments.multi_currency,
                person_accounts: arguments.person_accounts,
            },
            cdc: arguments.cdc,
            ..Self::default()
        }
    }
}

/// A file that no other running org writes to.
fn temporary_ca_file() -> PathBuf {
    std::env::temp_dir().join(format!("salesforce-simulator-{}-ca.pem", std::process::id()))
}

fn announce(
    simulator: &Simulator,
    ca_file: Option<&Path>,
    is_json: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let (url, credentials) = (simulator.url(), simulator.credentials());
    let mut out = std::io::stdout().lock();
    if is_json {
        serde_json::to_writer(&mut out, &Ready { url: &url, ca_file, credentials: &credentials })?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "a Salesforce org is ready at {url}\n")?;
    writeln!(out, "  username       {}", credentials.username)?;
    writeln!(out, "  password       {}", credentials.password)?;
    writeln!(out, "  client id      {}", credentials.client_id)?;
    writeln!(out, "  client secret  {}", credentials.client_secret)?;
    writeln!(out, "  access token   {}", credentials.access_token)?;
    if let Some(path) = ca_file {
        writeln!(out, "  CA file        {}", path.display())?;
    }
    let trust = ca_file.map_or_else(String::new, |path| format!("--cacert {} ", path.display()));
    writeln!(out, "\ntry: curl {trust}-H 'Authorization: Bearer {}' \\", credentials.access_token)?;
    writeln!(out, "  '{url}/services/data/v66.0/query?q=SELECT+Id,Name+FROM+Account+LIMIT+3'")?;
    Ok(())
}

/// Says what went wrong and why, cause by cause.
fn tell_error(error: &(dyn std::error::Error + 'static)) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    // Nobody is left to tell if this fails.
    let _unheard = writeln!(std::io::stderr(), "{text}");
}

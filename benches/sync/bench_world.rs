//! What the scenarios run in: a Postgres, an org, and the program as a process whose memory can be read.

use lockstep::model::SalesforceId;
use lockstep::postgres::Console;
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use lockstep::salesforce::{self, Auth, Client};
use salesforce_simulator::{Config, Simulator};
use secrecy::SecretString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ACCOUNT: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = "all_readable"
"#;

/// The accounts' fields that have values; the mapping has all that can be read.
const HEADER: &str = "Name,External_Id__c,Industry,AnnualRevenue,NumberOfEmployees,Phone,Website,BillingStreet,\
    BillingCity,BillingCountry,BillingPostalCode,Description,Tier__c,Discount__c,Contract_Start__c,Last_Review__c,Active__c";

/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct BenchWorld {
    org: Simulator,
    postgres: EphemeralPostgres,
    folder: TempDir,
    application: Console,
    user: Client,
}

impl BenchWorld {
    /// An org of this many accounts and nothing else, an empty database, and a mapping of Account with these lines
    /// beside the usual ones.
    pub(crate) async fn with_accounts(accounts: usize, lines: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let csv = folder.path().join("Account.csv");
        write_accounts(&csv, accounts);
        let config =
            Config { empty: true, csv: vec![csv], daily_limit: 100_000_000, ..Config::default() };
        let org = Simulator::start(config).await.unwrap();
        let search = Search {
            pg_bin_dir: std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            base: None,
        };
        let postgres = EphemeralPostgres::start(&search).unwrap();
        let application = Console::connect(&postgres.url()).await.unwrap();
        std::fs::create_dir(folder.path().join("mappings")).unwrap();
        let mapping = format!("{ACCOUNT}{lines}\n");
        std::fs::write(folder.path().join("mappings/account.toml"), mapping).unwrap();
        let user = user(&org);
        Self { org, postgres, folder, application, user }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let credentials = self.org.credentials();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DATABASE_URL", self.postgres.url())
            .env("SALESFORCE_LOGIN_URL", self.org.url())
            .env("SALESFORCE_CLIENT_ID", &credentials.client_id)
            .env("SALESFORCE_USERNAME", &credentials.username)
            .env("SALESFORCE_PRIVATE_KEY", &credentials.private_key_pem)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs a command to its end and answers its peak memory in megabytes.
    pub(crate) fn run_to_end(&self, arguments: &[&str]) -> f64 {
        let mut process = Process { child: self.command(arguments).spawn().unwrap() };
        let mut peak = 0.0;
        loop {
            // The system forgets the figure with the process, so the last one read counts.
            peak = process.peak_memory_mb().unwrap_or(peak);
            if let Some(status) = process.child.try_wait().unwrap() {
                assert!(status.success(), "{arguments:?} ended with {status}");
                return peak;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Copies a table's rows into an equal, empty table by `\copy` of a CSV file; answers the seconds, or nothing
    /// where there is no `psql`.
    pub(crate) async fn seconds_of_psql_copy(&self, table: &str) -> Option<f64> {
        let file = self.folder.path().join("rows.csv");
        let psql = |sql: String| {
            let status = Command::new("psql")
                .args([&self.postgres.url(), "-q", "-c", &sql])
                .stdout(Stdio::null())
                .status();
            status.ok().filter(std::process::ExitStatus::success)
        };
        psql(format!("\\copy (select * from {table}) to '{}' csv", file.display()))?;
        self.execute(&format!("create table copied (like {table} including all)")).await;
        let began = Instant::now();
        psql(format!("\\copy copied from '{}' csv", file.display()))?;
        Some(began.elapsed().as_secs_f64())
    }

    pub(crate) fn worker(&self) -> Process {
        Process { child: self.command(&["worker"]).spawn().unwrap() }
    }

    /// Waits until the first load is done.
    pub(crate) async fn loaded(&self) {
        let began = Instant::now();
        let sql = "select count(*) from lockstep.checkpoint where loaded";
        while self.application.rows(sql).await.ok().and_then(first_cell).as_deref() != Some("1") {
            assert!(began.elapsed() < Duration::from_mins(1), "the load did not end");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.application.run(sql).await.unwrap();
    }

    pub(crate) async fn number(&self, sql: &str) -> f64 {
        first_cell(self.application.rows(sql).await.unwrap()).unwrap().parse().unwrap()
    }

    /// The first cell, as soon as there is one.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(cell) = first_cell(self.application.rows(sql).await.unwrap()) {
                return cell;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "nothing came of: {sql}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the statement finds no row. It runs often, so it should stop at the first row.
    pub(crate) async fn until_none(&self, sql: &str, deadline: Duration) {
        let began = Instant::now();
        while !self.application.rows(sql).await.unwrap().is_empty() {
            assert!(began.elapsed() < deadline, "there is still a row in time: {sql}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// API requests that the org has counted.
    pub(crate) async fn calls(&self) -> f64 {
        let used = self.org.control().unwrap().limits().await.unwrap().used;
        float(usize::try_from(used).unwrap())
    }

    /// A Salesforce user changes an account's phone.
    pub(crate) async fn edit_as_user(&self, sfid: &str, phone: &str) {
        let body = serde_json::Map::from_iter([("Phone".to_owned(), phone.into())]);
        let id = SalesforceId::parse(sfid).unwrap();
        let results = self.user.update("Account", vec![(id, body)]).await.unwrap();
        assert!(results.iter().all(Result::is_ok));
    }
}

fn user(org: &Simulator) -> Client {
    let credentials = org.credentials();
    Client::new(salesforce::Config {
        login_url: org.url().parse().unwrap(),
        auth: Auth::JwtBearer {
            client_id: credentials.client_id,
            username: credentials.user_username,
            private_key: SecretString::from(credentials.private_key_pem),
            audience: None,
        },
        api_version: salesforce::DEFAULT_API_VERSION.to_owned(),
        timeout: Duration::from_secs(30),
    })
    .unwrap()
}

/// Accounts of about 250 bytes each as CSV.
fn write_accounts(path: &Path, accounts: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "{HEADER}").unwrap();
    for n in 1..=accounts {
        writeln!(
            file,
            "Northern Lights Trading {n},ACC-{n:08},Manufacturing,{},{},+49 30 {n:07},https://example.com/{n},\
             Main Street {},Berlin,Germany,10{:03},\"Met at the fair, wants an offer, call again\",Gold,{}.25,\
             2024-02-{:02},2025-03-{:02}T08:30:00Z,true",
            n * 10, n % 9_000, n % 200, n % 1_000, n % 90, n % 28 + 1, n % 28 + 1,
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// A process of the program; killed when dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// The most memory that it ever had resident, in megabytes, where the system tells.
    pub(crate) fn peak_memory_mb(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kilobytes: u32 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(f64::from(kilobytes) / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn first_cell(rows: Vec<Vec<Option<String>>>) -> Option<String> {
    rows.into_iter().next()?.into_iter().next()?
}

/// A count as a figure.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// A variable of the environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::vars().find(|(variable, _)| variable == name).map(|(_, value)| value)
}

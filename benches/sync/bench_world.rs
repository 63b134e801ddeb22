//! What the scenarios run in: a Postgres, an org, and the program as a process whose memory can be read.

use lockstep::model::SalesforceId;
use lockstep::postgres::Console;
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use lockstep::salesforce::{self, Auth, Client};
use salesforce_simulator::{Config, Simulator};
use secrecy::SecretString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ACCOUNT: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = "all_readable"
poll = { every = "1s" }
"#;

/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct BenchWorld {
    org: Simulator,
    postgres: EphemeralPostgres,
    folder: TempDir,
    application: Console,
}

impl BenchWorld {
    /// An org of this many generated accounts and an empty database.
    pub(crate) async fn with_accounts(accounts: usize) -> Self {
        let config = Config {
            empty: accounts == 0,
            scale: float(accounts) / 1_000.0,
            daily_limit: 100_000_000,
            ..Config::default()
        };
        let org = Simulator::start(config).await.unwrap();
        let search = Search {
            pg_bin_dir: std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            base: None,
        };
        let postgres = EphemeralPostgres::start(&search).unwrap();
        let application = Console::connect(&postgres.url()).await.unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("mappings")).unwrap();
        std::fs::write(folder.path().join("mappings/account.toml"), ACCOUNT).unwrap();
        Self { org, postgres, folder, application }
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
        let mut peak: f64 = 0.0;
        loop {
            peak = peak.max(process.memory_mb());
            if let Some(status) = process.child.try_wait().unwrap() {
                assert!(status.success(), "{arguments:?} ended with {status}");
                return peak;
            }
            std::thread::sleep(LOOK);
        }
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

    pub(crate) async fn until_zero(&self, sql: &str, deadline: Duration) {
        let began = Instant::now();
        while self.number(sql).await > 0.0 {
            assert!(began.elapsed() < deadline, "not zero in time: {sql}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// API requests that the org has counted.
    pub(crate) async fn calls(&self) -> f64 {
        let url = format!("{}/__org/limits", self.org.url());
        let answer =
            reqwest::Client::new().post(url).json(&serde_json::json!({})).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()["used"].as_f64().unwrap()
    }

    /// A Salesforce user changes an account's phone.
    pub(crate) async fn edit_as_user(&self, sfid: &str, phone: &str) {
        let credentials = self.org.credentials();
        let user = Client::new(salesforce::Config {
            login_url: self.org.url().parse().unwrap(),
            auth: Auth::JwtBearer {
                client_id: credentials.client_id,
                username: credentials.user_username,
                private_key: SecretString::from(credentials.private_key_pem),
                audience: None,
            },
            api_version: salesforce::DEFAULT_API_VERSION.to_owned(),
            timeout: Duration::from_secs(30),
        })
        .unwrap();
        let body = serde_json::Map::from_iter([("Phone".to_owned(), phone.into())]);
        let results =
            user.update("Account", vec![(SalesforceId::parse(sfid).unwrap(), body)]).await.unwrap();
        assert!(results.iter().all(Result::is_ok));
    }
}

/// A process of the program; killed when dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Its resident memory in megabytes, where the system tells.
    pub(crate) fn memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u32>().ok());
        f64::from(kilobytes.unwrap_or(0)) / 1024.0
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

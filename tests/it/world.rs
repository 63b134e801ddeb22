//! A world of its own per test: a real Postgres, a real org over HTTP, and the real program as a process.

use lockstep::mapping::{self, Mapping, Org};
use lockstep::model::{RemoteRecord, Value, parse_postgres};
use lockstep::postgres::Console;
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use lockstep::salesforce::{self, Auth, Client, Scope, Shape};
use salesforce_simulator::{Config, Control, Simulator};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The mapping of the sample org's accounts that most tests use.
pub(crate) const ACCOUNT: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = ["Name", "Phone", "Industry", "AnnualRevenue", "NumberOfEmployees", "Description", "External_Id__c"]
poll = { every = "1s" }
deletes = { hold_above = 10000 }
"#;

/// The mapping of the sample org's contacts that most tests use.
pub(crate) const CONTACT: &str = r#"
object = "Contact"
direction = "both"
key = { external_id = "External_Id__c" }
poll = { every = "1s" }
deletes = { hold_above = 10000 }

[fields]
FirstName = {}
LastName = {}
Email = {}
Phone = {}
Birthdate = {}
External_Id__c = {}
AccountId = { ref = { mapping = "Account", match = "external_id__c", column = "account_external_id" } }
"#;

/// Everything one test needs; all of it is gone when it is dropped.
pub(crate) struct World {
    pub(crate) org: Simulator,
    pub(crate) postgres: EphemeralPostgres,
    pub(crate) folder: TempDir,
}

impl World {
    /// An org and a database, with these mapping files.
    pub(crate) async fn start(org: Config, mappings: &[(&str, &str)]) -> Self {
        let org = Simulator::start(org).await.expect("the org starts");
        let postgres = tokio::task::spawn_blocking(|| EphemeralPostgres::start(&search()))
            .await
            .unwrap()
            .expect("postgres starts");
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("mappings")).unwrap();
        for (name, text) in mappings {
            std::fs::write(folder.path().join("mappings").join(name), text).unwrap();
        }
        Self { org, postgres, folder }
    }

    /// The program, set up for this world by its environment alone.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let credentials = self.org.credentials();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", self.postgres.url())
            .env("SALESFORCE_LOGIN_URL", self.org.url())
            .env("SALESFORCE_CLIENT_ID", &credentials.client_id)
            .env("SALESFORCE_USERNAME", &credentials.username)
            .env("SALESFORCE_PRIVATE_KEY", &credentials.private_key_pem)
            .env("LOCKSTEP__WORKER__LEASE_TTL", "4s")
            .stdin(Stdio::null());
        command
    }

    /// Starts a worker whose log goes to a file in the world's folder.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_named("worker")
    }

    /// Starts a worker that is known by this name in leases, with a log of its own.
    pub(crate) fn worker_named(&self, name: &str) -> Worker {
        self.worker_at(name, &self.postgres.url())
    }

    /// Starts a worker that finds the database at this address.
    pub(crate) fn worker_at(&self, name: &str, url: &str) -> Worker {
        let path = self.folder.path().join(format!("{name}.log"));
        let log = std::fs::File::options().create(true).append(true).open(&path).unwrap();
        let process = self
            .command(&["worker"])
            .env("LOCKSTEP__WORKER__NAME", name)
            .env("DATABASE_URL", url)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the worker starts");
        Worker { process, log: path }
    }

    /// Runs a command to its end and answers its exit status, standard output and standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// A session of the application.
    pub(crate) async fn application(&self) -> Console {
        Console::connect(&self.postgres.url()).await.expect("the application connects")
    }

    /// A Salesforce user who is not the integration user.
    pub(crate) fn user(&self) -> Client {
        let credentials = self.org.credentials();
        Client::new(salesforce::Config {
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
        .unwrap()
    }

    /// The org's control routes.
    pub(crate) fn control(&self) -> Control {
        self.org.control().unwrap()
    }

    /// So many new accounts that nothing refers to, by a user; their ids.
    pub(crate) async fn create_accounts(&self, count: usize) -> Vec<String> {
        let control = self.control();
        let mut ids = Vec::with_capacity(count);
        for number in 0..count {
            let fields = serde_json::json!({ "Name": format!("Created {number}") });
            ids.push(control.create("Account", &fields).await.unwrap());
        }
        ids
    }

    /// Deletes accounts for good: no bin and no poll tells of them.
    pub(crate) async fn purge_accounts(&self, ids: &[String]) {
        let control = self.control();
        for id in ids {
            control.delete("Account", id).await.unwrap();
        }
        control.empty_bin().await.unwrap();
    }

    /// The world's mappings as the engine sees them.
    pub(crate) async fn mappings(&self) -> Vec<Mapping> {
        let files = mapping::load(&self.folder.path().join("mappings"))
            .into_files()
            .expect("the files load");
        let user = self.user();
        let mut org = Org::default();
        for file in &files {
            org.objects.push(user.describe(file.object()).await.unwrap());
        }
        mapping::bind(&files, &org).expect("the files fit the org")
    }

    /// One cell.
    pub(crate) async fn cell(&self, sql: &str) -> Option<String> {
        self.application().await.rows(sql).await.unwrap().into_iter().next()?.into_iter().next()?
    }

    /// One cell, or nothing while the table does not exist yet.
    pub(crate) async fn cell_if_any(&self, sql: &str) -> Option<String> {
        let rows = self.application().await.rows(sql).await.ok()?;
        rows.into_iter().next()?.into_iter().next()?
    }

    /// A mapping's records as Salesforce holds them: id → one value per field.
    pub(crate) async fn records(&self, mapping: &Mapping) -> BTreeMap<String, Vec<Value>> {
        let shape = Shape::of(mapping);
        let user = self.user();
        let soql = format!("SELECT {} FROM {}", shape.select_list(), mapping.object);
        let mut page = user.query(&soql, Scope::Live, &shape).await.unwrap();
        let mut records: Vec<RemoteRecord> = std::mem::take(&mut page.records);
        while let Some(next) = page.next {
            page = user.query_more(&next, &shape).await.unwrap();
            records.append(&mut page.records);
        }
        records.into_iter().map(|record| (record.id.to_string(), record.values)).collect()
    }

    /// A mapping's rows as Postgres holds them: sfid → one value per field. A row without sfid is its own key.
    pub(crate) async fn rows(&self, mapping: &Mapping) -> BTreeMap<String, Vec<Value>> {
        let columns: Vec<&str> = mapping.fields.iter().map(|field| field.column.as_str()).collect();
        let sql = format!(
            "select coalesce(sfid, 'row ' || id), {} from salesforce.{}",
            columns.join(", "),
            mapping.table
        );
        let rows = self.application().await.rows(&sql).await.unwrap();
        rows.into_iter()
            .map(|mut row| {
                let key = row.remove(0).unwrap();
                let values = row
                    .iter()
                    .zip(&mapping.fields)
                    .map(|(cell, field)| {
                        parse_postgres(field.column_type, cell.as_deref()).unwrap()
                    })
                    .collect();
                (key, values)
            })
            .collect()
    }

    /// Where the two sides differ, at most a few places, in words; empty when they are equal.
    pub(crate) async fn differences(&self, mapping: &Mapping) -> Vec<String> {
        let (records, rows) = (self.records(mapping).await, self.rows(mapping).await);
        let mut found = Vec::new();
        for (id, record) in &records {
            match rows.get(id) {
                None => found.push(format!("{} {id} has no row", mapping.object)),
                Some(row) if row != record => {
                    let fields: Vec<String> = mapping
                        .fields
                        .iter()
                        .zip(row.iter().zip(record))
                        .filter(|(_, (row, record))| row != record)
                        .map(|(field, (row, record))| {
                            format!("{}: row {row:?}, record {record:?}", field.name)
                        })
                        .collect();
                    found.push(format!("{} {id}: {}", mapping.object, fields.join(", ")));
                }
                Some(_) => {}
            }
        }
        let orphans = rows.keys().filter(|id| !records.contains_key(*id));
        found.extend(orphans.map(|id| format!("{} {id} has no record", mapping.object)));
        found.truncate(10);
        found
    }

    /// Changes that are captured and wait to be sent.
    pub(crate) async fn waiting(&self) -> i64 {
        let sql = "select count(*) from salesforce._trigger_log where state in ('NEW', 'PENDING')";
        self.cell(sql).await.unwrap().parse().unwrap()
    }

    /// Changes that Salesforce refused, in words.
    pub(crate) async fn parked(&self) -> Vec<String> {
        let sql = "select action || ' ' || table_name || ' ' || record_id || ': ' || sf_message || ' ' || \
                   coalesce(\"values\", '') from salesforce._trigger_log where state = 'FAILED' order by id limit 20";
        let rows = self.application().await.rows(sql).await.unwrap();
        rows.into_iter().flatten().flatten().collect()
    }

    /// Changes that are captured and not yet settled, parked ones included.
    pub(crate) async fn unsettled(&self) -> i64 {
        let sql = "select count(*) from salesforce._trigger_log where state in ('NEW', 'PENDING', 'FAILED')";
        self.cell(sql).await.unwrap().parse().unwrap()
    }
}

/// Where tests look for Postgres' programs.
pub(crate) fn search() -> Search {
    Search {
        pg_bin_dir: std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
        path: std::env::var_os("PATH"),
        ..Search::default()
    }
}

/// A worker process; killed when dropped.
pub(crate) struct Worker {
    process: Child,
    log: PathBuf,
}

impl Worker {
    /// SIGKILL, at once.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.process.wait().unwrap().code()
    }

    /// Any other signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A worker that ended by itself cannot be killed.
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the worker's last words:");
            for line in tail.iter().rev() {
                eprintln!("  {line}");
            }
        }
    }
}

//! What the scenarios run in: a Postgres, an org, and the program, each as processes of their own.

use crate::org::OrgProcess;
use crate::process::{Ended, Process, cpu_of_line, cpu_of_tree};
use lockstep::model::SalesforceId;
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use lockstep::postgres::{Config, Console, Database};
use lockstep::salesforce::{self, Auth, Client};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// All of the sample org's account.
pub(crate) const ACCOUNT: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = "all_readable"
"#;

/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

/// The longest pause between two looks, at what takes long.
const SELDOM: Duration = Duration::from_millis(100);

pub(crate) struct BenchWorld {
    org: OrgProcess,
    postgres: EphemeralPostgres,
    folder: TempDir,
    application: Console,
    user: Client,
    /// How many objects are mapped.
    mappings: usize,
}

/// What a run of the program took, of all who took part in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) engine: Ended,
    /// CPU seconds of the org.
    pub(crate) simulator_cpu: f64,
    /// CPU seconds of the database, all its processes together.
    pub(crate) postgres_cpu: f64,
    /// API requests, as the org counts them.
    pub(crate) calls: f64,
}

/// What `\copy` of a CSV file took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied {
    pub(crate) seconds: f64,
    /// CPU seconds of the one backend that copied.
    pub(crate) backend_cpu: f64,
    /// CPU seconds of the whole database meanwhile.
    pub(crate) postgres_cpu: f64,
}

impl BenchWorld {
    /// An org of this many accounts and nothing else, an empty database, and a mapping of Account with these lines
    /// beside the usual ones.
    pub(crate) async fn with_accounts(accounts: usize, lines: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let csv = folder.path().join("Account.csv");
        crate::accounts::write(&csv, accounts);
        let org = OrgProcess::start(&["--csv", csv.to_str().unwrap()]);
        Self::around(org, folder, &[("account", &format!("{ACCOUNT}{lines}\n"))]).await
    }

    /// As [`Self::with_accounts`], with this mapping file in place of the usual one.
    pub(crate) async fn with_accounts_mapped(accounts: usize, mapping: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let csv = folder.path().join("Account.csv");
        crate::accounts::write(&csv, accounts);
        let org = OrgProcess::start(&["--csv", csv.to_str().unwrap()]);
        Self::around(org, folder, &[("account", mapping)]).await
    }

    /// An org of this many accounts that it makes up as it goes and that take no memory, with this mapping file.
    pub(crate) async fn with_synthetic_accounts(accounts: usize, mapping: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let org = OrgProcess::start(&["--synthetic", &format!("Account={accounts}")]);
        Self::around(org, folder, &[("account", mapping)]).await
    }

    /// An empty org and this mapping file, and a database that commits to the disk of temporary files and keeps its promises.
    pub(crate) async fn durable(mapping: &str) -> Self {
        let settings = [
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
            "shared_buffers=256MB",
            "max_wal_size=4GB",
        ];
        let search = Search {
            base: Some(std::env::temp_dir()),
            settings: settings.map(str::to_owned).to_vec(),
            ..Search::default()
        };
        Self::on(search, OrgProcess::start(&[]), TempDir::new().unwrap(), &[("account", mapping)])
            .await
    }

    /// An org without records, with these mapping files, each a name and its text.
    pub(crate) async fn with_mappings(mappings: &[(&str, &str)]) -> Self {
        Self::around(OrgProcess::start(&[]), TempDir::new().unwrap(), mappings).await
    }

    async fn around(org: OrgProcess, folder: TempDir, mappings: &[(&str, &str)]) -> Self {
        Self::on(Search::default(), org, folder, mappings).await
    }

    async fn on(
        search: Search,
        org: OrgProcess,
        folder: TempDir,
        mappings: &[(&str, &str)],
    ) -> Self {
        let search = Search {
            pg_bin_dir: std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            ..search
        };
        let postgres = EphemeralPostgres::start(&search).unwrap();
        let application = Console::connect(&postgres.url()).await.unwrap();
        std::fs::create_dir(folder.path().join("mappings")).unwrap();
        for (name, mapping) in mappings {
            let file = folder.path().join(format!("mappings/{name}.toml"));
            std::fs::write(file, mapping).unwrap();
        }
        let user = user(&org);
        Self { org, postgres, folder, application, user, mappings: mappings.len() }
    }

    /// The database's address.
    pub(crate) fn url(&self) -> String {
        self.postgres.url()
    }

    /// The database as the program connects to it.
    pub(crate) async fn database(&self) -> Database {
        let config = Config {
            url: SecretString::from(self.url()),
            schema: "salesforce".to_owned(),
            max_connections: 4,
            root_cert: None,
        };
        Database::connect(&config).await.unwrap()
    }

    /// Another session of the application.
    pub(crate) async fn session(&self) -> Console {
        Console::connect(&self.url()).await.unwrap()
    }

    /// A session that listens on these channels and does not look at what it hears.
    pub(crate) async fn listening(&self, channels: &[&str]) -> Console {
        let session = self.session().await;
        for channel in channels {
            session.run(&format!("listen \"{channel}\"")).await.unwrap();
        }
        session
    }

    /// The CSV file of the org's records, where it was made from one.
    pub(crate) fn csv(&self) -> PathBuf {
        self.folder.path().join("Account.csv")
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
            .stdout(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run_to_end(&self, arguments: &[&str]) -> Cost {
        let postgres = self.postmaster().await;
        let (database, org) = (cpu_of_tree(postgres), self.simulator_cpu());
        let calls = self.calls().await;
        let process = Process::start(self.command(arguments));
        let engine = tokio::task::spawn_blocking(|| process.ended()).await.unwrap();
        Cost {
            engine,
            simulator_cpu: self.simulator_cpu() - org,
            postgres_cpu: cpu_of_tree(postgres) - database,
            calls: self.calls().await - calls,
        }
    }

    /// CPU seconds of the database so far, all its processes together.
    pub(crate) async fn postgres_cpu(&self) -> f64 {
        cpu_of_tree(self.postmaster().await)
    }

    /// CPU seconds of the org so far.
    pub(crate) fn simulator_cpu(&self) -> f64 {
        cpu_of_tree(self.org.id())
    }

    async fn postmaster(&self) -> u32 {
        let folder = self.text("show data_directory").await;
        let file = std::fs::read_to_string(Path::new(&folder).join("postmaster.pid")).unwrap();
        file.lines().next().unwrap().trim().parse().unwrap()
    }

    /// Copies a CSV file with a header into a table by `\copy`; nothing where there is no `psql`.
    pub(crate) async fn copy(&self, file: &Path, table: &str, columns: &str) -> Option<Copied> {
        let before = self.postgres_cpu().await;
        let began = Instant::now();
        let copy = format!("\\copy {table} ({columns}) from '{}' csv header", file.display());
        let own = "select pg_read_file('/proc/self/stat', 0, 4096)";
        let lines = self.psql(&[own, &copy, own])?;
        let seconds = began.elapsed().as_secs_f64();
        let postgres_cpu = self.postgres_cpu().await - before;
        let mut lines = lines.lines().filter(|line| line.contains(')')).map(cpu_of_line);
        let (first, last) = (lines.next().unwrap(), lines.next().unwrap());
        Some(Copied { seconds, backend_cpu: last - first, postgres_cpu })
    }

    /// Writes columns of a table to a CSV file with a header; nothing where there is no `psql`.
    pub(crate) fn export(&self, table: &str, columns: &str, file: &Path) -> Option<()> {
        let sql = format!(
            "\\copy (select {columns} from {table} order by id) to '{}' csv header",
            file.display()
        );
        self.psql(&[&sql]).map(|_| ())
    }

    fn psql(&self, statements: &[&str]) -> Option<String> {
        let mut command = Command::new("psql");
        command.args([&self.postgres.url(), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]);
        for statement in statements {
            command.args(["-c", statement]);
        }
        let output = command.output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    }

    /// A file in a folder that goes with the world.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn worker(&self) -> Process {
        Process::start(self.command(&["worker"]))
    }

    /// A worker whose log goes to this file.
    pub(crate) fn worker_logging_to(&self, log: &Path) -> Process {
        let mut command = self.command(&["worker"]);
        command.stdout(std::fs::File::create(log).unwrap());
        Process::start(command)
    }

    /// Waits until the first load of everything is done.
    pub(crate) async fn loaded(&self) {
        let began = Instant::now();
        let sql = "select count(*) from lockstep.checkpoint where loaded";
        let all = self.mappings.to_string();
        while self.application.rows(sql).await.ok().and_then(first_cell).as_ref() != Some(&all) {
            assert!(began.elapsed() < Duration::from_mins(10), "the load did not end");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tells another's client where everything is, and gives it a session of the integration user.
    pub(crate) fn tell_client(&self, command: &mut Command) {
        command
            .env("DATABASE_URL", self.postgres.url())
            .env("SALESFORCE_URL", self.org.url())
            .env("SALESFORCE_SESSION", &self.org.credentials().access_token);
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

    /// The first cell of every row.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.application.rows(sql).await.unwrap();
        rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
    }

    /// Waits until the statement finds no row. It runs often, so it should stop at the first row.
    pub(crate) async fn until_none(&self, sql: &str, deadline: Duration) {
        let began = Instant::now();
        while !self.application.rows(sql).await.unwrap().is_empty() {
            assert!(began.elapsed() < deadline, "there is still a row in time: {sql}");
            // So seldom that looking costs little, beside what is waited for.
            let pause = began.elapsed() / 100;
            tokio::time::sleep(pause.clamp(LOOK, SELDOM)).await;
        }
    }

    /// The org's control routes.
    pub(crate) fn control(&self) -> salesforce_simulator::Control {
        self.org.control()
    }

    /// API requests that the org has counted.
    pub(crate) async fn calls(&self) -> f64 {
        let used = self.control().limits().await.unwrap().used;
        float(usize::try_from(used).unwrap())
    }

    /// Requests of the log that only ask how far a Bulk job is.
    pub(crate) async fn questions_about_jobs(&self) -> f64 {
        let is_question = |path: &str| {
            let job = path.split_once("/jobs/ingest/").or_else(|| path.split_once("/jobs/query/"));
            job.is_some_and(|(_, job)| !job.contains('/'))
        };
        let requests = self.control().requests().await.unwrap();
        let questions =
            requests.iter().filter(|request| request.method == "GET" && is_question(&request.path));
        float(questions.count())
    }

    /// A Salesforce user changes an account's phone.
    pub(crate) async fn edit_as_user(&self, sfid: &str, phone: &str) {
        self.edit_all_as_user(&[sfid.to_owned()], phone).await;
    }

    /// A Salesforce user changes the phones of accounts, as many at once as the API takes.
    pub(crate) async fn edit_all_as_user(&self, sfids: &[String], phone: &str) {
        let body = serde_json::Map::from_iter([("Phone".to_owned(), phone.into())]);
        for sfids in sfids.chunks(salesforce::COLLECTION_MAX) {
            let ids = sfids.iter().map(|sfid| SalesforceId::parse(sfid).unwrap());
            let rows = ids.map(|id| (id, body.clone())).collect();
            let results = self.user.update("Account", rows).await.unwrap();
            assert!(results.iter().all(Result::is_ok));
        }
    }
}

fn user(org: &OrgProcess) -> Client {
    let credentials = org.credentials();
    Client::new(salesforce::Config {
        login_url: org.url().parse().unwrap(),
        auth: Auth::JwtBearer {
            client_id: credentials.client_id.clone(),
            username: credentials.user_username.clone(),
            private_key: SecretString::from(credentials.private_key_pem.clone()),
            audience: None,
        },
        api_version: salesforce::DEFAULT_API_VERSION.to_owned(),
        timeout: Duration::from_secs(30),
    })
    .unwrap()
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

/// The one in the middle.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

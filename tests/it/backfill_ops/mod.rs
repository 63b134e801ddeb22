//! Loads as their operator knows them: paused, cancelled, killed, cut off, asked for in parts, watched.

mod control;
mod failures;
mod input;
mod outage;
mod parts;
mod shown;

use crate::wait::{wait_for, wait_until};
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use std::process::{Child, Command};
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// The sample org's accounts in the worlds of these tests; five pages by REST.
const ACCOUNTS: u64 = 10_000;

/// A load that takes a few seconds: a page of 2,000 rows a second.
const SLOW: [&str; 4] = ["backfill", "Account", "--rate", "2000"];

/// A world of accounts that are loaded by REST.
async fn world() -> World {
    world_of(ACCOUNT).await
}

async fn world_of(mapping: &str) -> World {
    let org = Config { scale: 10.0, ..Config::default() };
    World::start(org, &[("account.toml", mapping)]).await
}

/// A world of few accounts.
async fn small_world() -> World {
    let org = Config { scale: 0.05, ..Config::default() };
    World::start(org, &[("account.toml", ACCOUNT)]).await
}

/// A process that loads; killed when dropped.
struct Load {
    process: Child,
    folder: tempfile::TempDir,
}

impl Load {
    fn start(world: &World, args: &[&str]) -> Self {
        Self::spawn(world.command(args))
    }

    fn spawn(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| std::fs::File::create(folder.path().join(name)).unwrap();
        let process = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        Self { process, folder }
    }

    /// What it printed so far, data and talk.
    fn said(&self) -> (String, String) {
        let read = |name| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        (read("out"), read("err"))
    }

    fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
    }

    /// Its exit status, data and talk, once it has ended by itself.
    async fn ended(mut self) -> (i32, String, String) {
        let status =
            wait_for("the load ends", PATIENCE, async || self.process.try_wait().unwrap()).await;
        let (out, err) = self.said();
        (status.code().unwrap_or(-1), out, err)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // One that ended by itself cannot be killed.
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            let (out, err) = self.said();
            eprintln!("the load said:\n{out}{err}");
        }
    }
}

/// Rows that the load under way has reached.
async fn reached(world: &World) -> u64 {
    let sql = "select backfill_rows from lockstep.checkpoint where object = 'Account'";
    world.cell_if_any(sql).await.and_then(|cell| cell.parse().ok()).unwrap_or(0)
}

/// Waits until the load has reached so many rows.
async fn reaches(world: &World, rows: u64) {
    wait_until("the load gets on", PATIENCE, async || reached(world).await >= rows).await;
}

async fn rows(world: &World) -> u64 {
    world.cell("select count(*) from salesforce.account").await.unwrap().parse().unwrap()
}

async fn is_loaded(world: &World) -> bool {
    let sql = "select loaded from lockstep.checkpoint where object = 'Account'";
    world.cell_if_any(sql).await.as_deref() == Some("t")
}

/// Records that the org has sent by query since its log was forgotten.
async fn records_read(world: &World) -> u64 {
    let requests = world.control().requests().await.unwrap();
    let read =
        requests.iter().filter(|request| request.api == "query" || request.api == "bulk_query");
    read.map(|request| request.records).sum()
}

/// Fails unless table and org are equal.
async fn is_equal(world: &World) {
    let mappings = world.mappings().await;
    assert_eq!(world.differences(&mappings[0]).await, Vec::<String>::new());
}

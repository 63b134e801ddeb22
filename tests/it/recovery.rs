//! A database that went back in time: restored to an older state under a running worker, or from a dump elsewhere.

use crate::steps::{loaded, run};
use crate::wait::wait_until;
use crate::world::{Worker, World, search};
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use salesforce_simulator::Config;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

const PATIENCE: Duration = Duration::from_mins(2);

/// Accounts without an external id: nothing but reading keeps an insert from being made twice.
const KEYLESS: &str = r#"
object = "Account"
direction = "both"
fields = ["Name", "Phone", "Industry"]
poll = { every = "1s" }
"#;

/// An address that leads to whichever server is behind it, as a provider's does.
struct Gate {
    port: u16,
    behind: Arc<AtomicU16>,
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Gate {
    async fn to(postgres: &EphemeralPostgres) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Self {
            port: listener.local_addr().unwrap().port(),
            behind: Arc::new(AtomicU16::new(port_of(postgres))),
            open: Arc::default(),
        };
        let (behind, open) = (Arc::clone(&gate.behind), Arc::clone(&gate.open));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let port = behind.load(Ordering::SeqCst);
                let task = tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
                });
                open.lock().unwrap().push(task.abort_handle());
            }
        });
        gate
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// From now on another server is behind it; whoever was connected is cut off.
    fn turn_to(&self, postgres: &EphemeralPostgres) {
        self.behind.store(port_of(postgres), Ordering::SeqCst);
        self.open.lock().unwrap().drain(..).for_each(|task| task.abort());
    }
}

fn port_of(postgres: &EphemeralPostgres) -> u16 {
    let url = postgres.url();
    url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap()
}

/// The folder that holds Postgres' client programs.
pub(crate) fn programs() -> PathBuf {
    let named = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    let on_path =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let installed = installed.flatten().map(|version| version.path().join("bin"));
    let mut places = named.into_iter().chain(on_path).chain(installed);
    places.find(|place| place.join("pg_dump").exists()).expect("pg_dump is installed")
}

/// The files of a running server at one instant, as a snapshot of its disk would hold them.
async fn snapshot(world: &World, to: &Path) {
    world.application().await.run("checkpoint").await.unwrap();
    let folder = world.cell("select current_setting('data_directory')").await.unwrap();
    let script = format!(
        "pid=$(head -1 {folder}/postmaster.pid); group=$(ps -o pgid= -p $pid | tr -d ' '); \
         kill -STOP -- -$group; cp -r {folder} {to}; kill -CONT -- -$group; \
         rm -f {to}/postmaster.pid {to}/.s.PGSQL*",
        to = to.display()
    );
    // Copying sockets fails, and they are not needed.
    Command::new("sh").args(["-c", &script]).stderr(std::process::Stdio::null()).status().unwrap();
    assert!(to.join("PG_VERSION").exists());
}

async fn arrives(world: &World, name: &str) {
    let sql = format!("select sfid from salesforce.account where name = '{name}'");
    wait_until("the record", PATIENCE, async || world.cell_if_any(&sql).await.is_some()).await;
}

async fn records_named(world: &World, name: &str) -> usize {
    let mapping = &world.mappings().await[0];
    let records = world.records(mapping).await;
    records.values().filter(|values| values[0].as_text() == Some(name)).count()
}

/// Both sides equal and nothing on its way.
async fn settles(world: &World) {
    let mapping = &world.mappings().await[0];
    wait_until("both sides are equal", PATIENCE, async || {
        world.cell_if_any("select 1 from lockstep.sweep where is_first").await.is_none()
            && world.waiting().await == 0
            && world.differences(mapping).await.is_empty()
    })
    .await;
}

/// A keyless world whose state is taken, by `take`, when one insert and one update are captured and unsent; then they are
/// sent and confirmed, and more happens.
async fn moved_on(world: &World, worker: &Worker, take: impl AsyncFnOnce()) {
    loaded(world).await;
    run(world, "insert into salesforce.account (name) values ('before')").await;
    arrives(world, "before").await;
    settles(world).await;
    worker.signal("STOP");
    run(
        world,
        "insert into salesforce.account (name, phone) values ('between', '1'); \
         update salesforce.account set phone = 'mine' where name = 'before'",
    )
    .await;
    take().await;
    worker.signal("CONT");
    arrives(world, "between").await;
    settles(world).await;
    run(world, "insert into salesforce.account (name) values ('after')").await;
    arrives(world, "after").await;
    // Somebody changes, knowing of ours, what the older state will offer again.
    let id = world.cell("select sfid from salesforce.account where name = 'before'").await.unwrap();
    let theirs = serde_json::json!({ "Phone": "theirs" });
    world.control().update("Account", &id, &theirs).await.unwrap();
    settles(world).await;
}

async fn nothing_was_lost_or_doubled(world: &World) {
    settles(world).await;
    for name in ["before", "between", "after"] {
        assert_eq!(records_named(world, name).await, 1, "{name}");
        let rows = format!("select count(*) from salesforce.account where name = '{name}'");
        assert_eq!(world.cell(&rows).await.unwrap(), "1", "{name}");
    }
    let phone = "select phone from salesforce.account where name = 'before'";
    assert_eq!(world.cell(phone).await.unwrap(), "theirs", "their edit came after ours");
    let told = "select count(*) from lockstep.event where kind = 'went back'";
    assert_ne!(world.cell(told).await.unwrap(), "0");
    run(world, "insert into salesforce.account (name) values ('later')").await;
    arrives(world, "later").await;
    settles(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_under_a_running_worker_loses_nothing_and_sends_nothing_twice() {
    // given a snapshot that the worker has moved on from
    let org = Config { scale: 0.1, ..Config::default() };
    let mut world = World::start(org, &[("account.toml", KEYLESS)]).await;
    let gate = Gate::to(&world.postgres).await;
    let worker = world.worker_at("worker", &gate.url());
    let image = world.folder.path().join("image");
    let mut beat = String::new();
    moved_on(&world, &worker, async || {
        beat = world.cell("select beat::text from lockstep.marker").await.unwrap();
        snapshot(&world, &image).await;
    })
    .await;
    wait_until("the worker has looked since", PATIENCE, async || {
        let since = format!("select beat > {beat} from lockstep.marker");
        world.cell(&since).await.as_deref() == Some("t")
    })
    .await;

    // when the server is replaced by one with the snapshot's files
    let restored = EphemeralPostgres::start_from(&search(), Some(&image)).unwrap();
    gate.turn_to(&restored);
    world.postgres = restored;

    // then
    nothing_was_lost_or_doubled(&world).await;
    assert!(worker.log().contains("starting anew"), "{}", worker.log());
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restored_into_a_new_cluster_is_recognised_at_the_start_and_sends_nothing_twice() {
    // given a dump that the worker has moved on from
    let org = Config { scale: 0.1, ..Config::default() };
    let mut world = World::start(org, &[("account.toml", KEYLESS)]).await;
    let worker = world.worker();
    let dump = world.folder.path().join("dump.sql");
    moved_on(&world, &worker, async || {
        let mut command = Command::new(programs().join("pg_dump"));
        command.arg("--file").arg(&dump).arg(world.postgres.url());
        assert!(command.status().unwrap().success());
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));

    // when it is restored into a new cluster, and a worker starts there
    let restored = EphemeralPostgres::start(&search()).unwrap();
    let mut command = Command::new(programs().join("psql"));
    command.args(["--quiet", "-v", "ON_ERROR_STOP=1", "--file"]).arg(&dump).arg(restored.url());
    assert!(command.stdout(std::process::Stdio::null()).status().unwrap().success());
    world.postgres = restored;
    let worker = world.worker_named("restored");

    // then
    nothing_was_lost_or_doubled(&world).await;
    assert!(worker.log().contains("restored from a dump"), "{}", worker.log());
    assert_eq!(worker.terminate(), Some(0));
}

/// Makes the files those of a server that is recovered as far as its log goes, and continues on another timeline: what
/// a promoted standby and a recovery to a point in time leave.
fn to_be_recovered(image: &Path) {
    std::fs::write(image.join("recovery.signal"), "").unwrap();
    let mut settings = std::fs::read_to_string(image.join("postgresql.auto.conf")).unwrap();
    settings.push_str("restore_command = '/bin/false'\n");
    std::fs::write(image.join("postgresql.auto.conf"), settings).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_an_older_state_is_recognised_at_the_start_by_its_timeline() {
    // given a snapshot that the worker has moved on from, and no worker any more
    let org = Config { scale: 0.1, ..Config::default() };
    let mut world = World::start(org, &[("account.toml", KEYLESS)]).await;
    let replicating = Search { settings: vec!["wal_level=replica".to_owned()], ..search() };
    world.postgres = EphemeralPostgres::start(&replicating).unwrap();
    let worker = world.worker();
    let image = world.folder.path().join("image");
    moved_on(&world, &worker, async || snapshot(&world, &image).await).await;
    assert_eq!(worker.terminate(), Some(0));

    // when the server that takes over has the older state, and a worker starts on it
    to_be_recovered(&image);
    world.postgres = EphemeralPostgres::start_from(&replicating, Some(&image)).unwrap();
    wait_until("the server has taken over", PATIENCE, async || {
        world.cell_if_any("select pg_is_in_recovery()").await.as_deref() == Some("f")
    })
    .await;
    let worker = world.worker_named("after the failover");

    // then
    nothing_was_lost_or_doubled(&world).await;
    assert!(worker.log().contains("another timeline"), "{}", worker.log());
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_files_put_back_while_no_worker_ran_are_recovered_when_the_operator_says_so() {
    // given a snapshot that the worker has moved on from, and no worker any more
    let org = Config { scale: 0.1, ..Config::default() };
    let mut world = World::start(org, &[("account.toml", KEYLESS)]).await;
    let worker = world.worker();
    let image = world.folder.path().join("image");
    moved_on(&world, &worker, async || snapshot(&world, &image).await).await;
    assert_eq!(worker.terminate(), Some(0));

    // when the files are put back, and the operator says so, before a worker starts
    world.postgres = EphemeralPostgres::start_from(&search(), Some(&image)).unwrap();
    run(&world, "update lockstep.marker set system_identifier = 'put back'").await;
    let worker = world.worker_named("put back");

    // then
    nothing_was_lost_or_doubled(&world).await;
    assert_eq!(worker.terminate(), Some(0));
}

//! The worker as its operator knows it: stopped, doubled, cut off, asked how it is.

use crate::steps::loaded;
use crate::wait::{wait_for, wait_until};
use crate::world::{ACCOUNT, World};
use salesforce_simulator::{Config, Simulator};
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

async fn world() -> World {
    World::start(Config { scale: 0.05, ..Config::default() }, &[("account.toml", ACCOUNT)]).await
}

async fn insert(world: &World, name: &str) {
    let sql = format!("insert into salesforce.account (name) values ('{name}')");
    world.application().await.run(&sql).await.unwrap();
}

async fn arrives(world: &World, name: &str) {
    let sql = format!("select sfid from salesforce.account where name = '{name}'");
    wait_until("the record", PATIENCE, async || world.cell(&sql).await.is_some()).await;
}

/// Who holds the lease of the only group.
async fn holder(world: &World) -> Option<String> {
    let sql = "select split_part(holder, '#', 1) from lockstep.lease \
               where name = 'group:account' and expires_at > now()";
    world.cell_if_any(sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_org_is_refused_by_a_guard() {
    // given a schema that holds another org's records
    let world =
        World::start(Config { scale: 0.05, ..Config::default() }, &[("account.toml", ACCOUNT)])
            .await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let other = "update lockstep.connection set organization_id = '00D000000000002EAA'";
    world.application().await.run(other).await.unwrap();

    // when something is to be read into it
    let (status, _, talk) = world.run(&["backfill"]);

    // then nothing is, and the operator learns why
    assert_eq!(status, 7, "{talk}");
    assert!(talk.contains("belongs to the org"), "{talk}");
    assert!(talk.contains("next:"), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_anything_is_provisioned_every_question_has_an_answer_with_a_next_step() {
    let world = world().await;
    let questions: [&[&str]; 5] = [
        &["status"],
        &["status", "--json"],
        &["errors", "list"],
        &["errors", "show", "1"],
        &["errors", "retry", "--all"],
    ];
    for question in questions {
        let (status, out, talk) = world.run(question);
        assert_eq!(status, 1, "{question:?}: {out}{talk}");
        assert!(talk.contains("next: make what is missing: lockstep provision"), "{talk}");
        assert!(!talk.contains("42P01"), "{talk}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_connections_are_all_cut_goes_on_by_itself() {
    // given a worker at work
    let world = world().await;
    let worker = world.worker();
    loaded(&world).await;

    // when the server ends every connection, as it does when it restarts
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where pid <> pg_backend_pid() and backend_type = 'client backend'";
    world.application().await.run(cut).await.unwrap();
    insert(&world, "After the cut").await;

    // then the next change goes out, and the worker still ends as it should
    arrives(&world, "After the cut").await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_worker_ends_with_status_0_when_told_to_and_the_next_one_sends_the_rest() {
    // given a worker with much to send
    let world = world().await;
    let worker = world.worker();
    loaded(&world).await;
    let many =
        "insert into salesforce.account (name) select 'Many ' || n from generate_series(1, 2000) n";
    world.application().await.run(many).await.unwrap();
    let begun = "select count(*) from salesforce._trigger_log where state <> 'NEW'";
    wait_until("work in flight", PATIENCE, async || {
        world.cell(begun).await.as_deref() != Some("0") || world.waiting().await == 0
    })
    .await;

    // when it is told to stop
    assert_eq!(worker.terminate(), Some(0));

    // then its lease is free at once, and a new worker finishes the work
    assert_eq!(holder(&world).await, None);
    let _worker = world.worker();
    wait_until("all is sent", PATIENCE, async || world.unsettled().await == 0).await;
    let mappings = world.mappings().await;
    wait_until("both sides are equal", PATIENCE, async || {
        world.differences(&mappings[0]).await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_worker_takes_over_from_the_first_one_that_was_killed() {
    // given two workers, of which one holds the group
    let world = world().await;
    let first = world.worker_named("first");
    loaded(&world).await;
    let _second = world.worker_named("second");
    assert_eq!(holder(&world).await.as_deref(), Some("first"));

    // when that one is killed, with a change to send
    first.kill();
    insert(&world, "Left behind").await;

    // then the other sends it
    arrives(&world, "Left behind").await;
    assert_eq!(holder(&world).await.as_deref(), Some("second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_and_no_secret_is_ever_logged() {
    // given values that go both ways, one of them refused
    let world = world().await;
    let worker = world.worker();
    loaded(&world).await;
    insert(&world, "Canary one").await;
    let refused = "insert into salesforce.account (name, annualrevenue) values ('Canary two', -1)";
    world.application().await.run(refused).await.unwrap();
    arrives(&world, "Canary one").await;
    wait_until("the refusal", PATIENCE, async || world.parked().await.len() == 1).await;

    // when the log is read
    let log = worker.log();

    // then it tells of the work, and not of its contents
    assert!(log.contains("pushed"), "{log}");
    assert!(!log.contains("Canary"), "{log}");
    assert!(!log.contains(&world.org.credentials().access_token), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_load_gives_its_lease_back_so_that_the_next_one_goes_on_at_once() {
    // given a load that waits for a slow job
    let org = Config { scale: 3.0, bulk_delay: Duration::from_secs(20), ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT)]).await;
    let load = world.command(&["backfill"]).stderr(Stdio::piped()).spawn().unwrap();
    let held = "select count(*) from lockstep.lease where name = 'backfill:Account' and expires_at > now()";
    wait_until("the load has its lease", PATIENCE, async || {
        world.cell_if_any(held).await.as_deref() == Some("1")
    })
    .await;

    // when it is interrupted
    let pid = load.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let output = load.wait_with_output().unwrap();

    // then it says how to go on, and the lease is free
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{talk}");
    assert!(talk.contains("run the same command again"), "{talk}");
    assert_eq!(world.cell(held).await.as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_early_is_no_failure() {
    let world = world().await;
    let mut schema =
        world.command(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(schema.stdout.take());
    let mut talk = String::new();
    schema.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert_eq!(schema.wait().unwrap().code(), Some(0), "{talk}");
    assert_eq!(talk, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_trigger_is_told_by_check_and_by_provision() {
    // given a provisioned table whose trigger somebody disabled
    let world = world().await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let disable = "alter table salesforce.account disable trigger hc_account_logtrigger";
    world.application().await.run(disable).await.unwrap();

    // then neither keeps quiet
    let (status, out, talk) = world.run(&["check"]);
    assert_eq!(status, 5, "{out}{talk}");
    let (status, out, talk) = world.run(&["provision"]);
    assert_eq!(status, 3, "{out}{talk}");
    assert!(talk.contains("enable always trigger hc_account_logtrigger"), "{talk}");

    // and a dropped one is a warning until provisioning puts it back
    let drop = "drop trigger hc_account_logtrigger on salesforce.account";
    world.application().await.run(drop).await.unwrap();
    let (status, out, _) = world.run(&["check"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("hc_account_logtrigger of account does not exist"), "{out}");
    assert_eq!(world.run(&["provision"]).0, 0);
    let (_, out, _) = world.run(&["check"]);
    assert!(out.contains("0 errors, 0 warnings"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_of_a_group_that_fails() {
    // given a worker that answers for its health
    let mut world = world().await;
    let port = free_port();
    let mut command = world.command(&["worker"]);
    command.env("PORT", port.to_string()).env("LOCKSTEP__HEALTH__BIND", "127.0.0.1");
    let mut worker = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ready = async || {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz")).await.ok()?;
        Some(answer.status().as_u16())
    };
    wait_for("ready", PATIENCE, async || ready().await.filter(|status| *status == 200)).await;

    // when the org is gone
    let gone = Simulator::start(Config { empty: true, ..Config::default() }).await.unwrap();
    std::mem::replace(&mut world.org, gone).stop().await;

    // then it is alive, and not ready
    wait_for("not ready", PATIENCE, async || ready().await.filter(|status| *status == 503)).await;
    let live = reqwest::get(format!("http://127.0.0.1:{port}/livez")).await.unwrap();
    assert_eq!(live.status().as_u16(), 200);
    worker.kill().unwrap();
    worker.wait().unwrap();
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_whose_bulk_job_was_aborted_starts_anew_by_itself() {
    // given a load that waits for its Bulk job
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 1 }}\n");
    let org = Config { scale: 0.05, bulk_delay: Duration::from_secs(3), ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let load = world.command(&["backfill"]).stderr(Stdio::piped()).spawn().unwrap();
    let job = wait_for("the load begins", Duration::from_mins(1), async || {
        world.cell_if_any("select backfill_job from lockstep.checkpoint").await
    })
    .await;

    // when somebody aborts the job in Salesforce
    let url = format!("{}/services/data/v66.0/jobs/query/{job}", world.org.url());
    let answer = reqwest::Client::new()
        .patch(url)
        .bearer_auth(world.org.credentials().user_token)
        .json(&serde_json::json!({ "state": "Aborted" }))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());

    // then the load does not hang on to the dead job
    let output = tokio::task::spawn_blocking(|| load.wait_with_output()).await.unwrap().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{talk}");
    let rows = world.cell("select count(*) from salesforce.account").await;
    assert_eq!(rows.as_deref(), Some("50"));
}

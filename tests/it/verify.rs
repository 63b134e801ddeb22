//! `lockstep verify`: what differs is found and named, nothing is written without being told to.

use crate::uncaptured::uncaptured;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use serde_json::Value as Json;

/// A world of a thousand accounts that are loaded; the worker does not run.
async fn loaded(mapping: &str) -> World {
    let org = Config { scale: 1.0, ..Config::default() };
    let world = World::start(org, &[("account.toml", mapping)]).await;
    // What was saved in the second of the load, or after it, is the next poll's and would not be judged.
    world.control().advance_clock(60).await.unwrap();
    let (status, _, talk) = world.run(&["backfill", "Account"]);
    assert_eq!(status, 0, "{talk}");
    world
}

/// Changes rows behind everybody's back, as a restored dump or a disabled trigger would.
async fn drift(world: &World, sql: &str) {
    world.application().await.run(&uncaptured(sql)).await.unwrap();
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// How many of a kind, as `--json` tells.
fn count(report: &Json, kind: &str) -> u64 {
    report["mappings"][0]["counts"][kind].as_u64().unwrap()
}

/// Everything that is in the database, as texts, and which transaction wrote each row.
async fn contents(world: &World) -> Vec<String> {
    let application = world.application().await;
    let tables = application
        .rows(
            "select format('%I.%I', schemaname, tablename) from pg_tables \
             where schemaname in ('salesforce', 'lockstep') order by 1",
        )
        .await
        .unwrap();
    let mut contents = Vec::new();
    for table in tables.into_iter().flatten().flatten() {
        let sql = format!(
            "select md5(string_agg(each.xmin || each::text, '' order by each::text)) from {table} as each"
        );
        let rows = application.rows(&sql).await.unwrap();
        contents.push(format!("{table} {rows:?}"));
    }
    contents
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_sides_verify_with_exit_status_zero_and_without_a_write() {
    // given
    let world = loaded(ACCOUNT).await;
    let before = contents(&world).await;

    // when
    let (status, out, talk) = world.run(&["verify", "--full", "--json"]);

    // then
    assert_eq!(status, 0, "{out} {talk}");
    let report = json(&out);
    assert_eq!(report["mappings"][0]["equal"], true);
    assert!(report["mappings"][0]["records"].as_u64().unwrap() > 100, "{report}");
    assert_eq!(contents(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_named_down_to_the_field_and_nothing_is_written_without_repair() {
    // given one row of each kind of difference
    let world = loaded(ACCOUNT).await;
    drift(&world, "delete from salesforce.account where id = 1").await;
    drift(
        &world,
        "insert into salesforce.account (sfid, name, systemmodstamp, _hc_lastop) \
         values ('001000000009999AAA', 'ghost', '2020-01-01', 'SYNCED')",
    )
    .await;
    drift(
        &world,
        "update salesforce.account set phone = 'old', systemmodstamp = systemmodstamp - interval '1 day' where id = 2",
    )
    .await;
    drift(&world, "update salesforce.account set name = 'secret', industry = null where id = 3")
        .await;
    drift(&world, "insert into salesforce.account (name) values ('nobody sends me')").await;
    let before = contents(&world).await;

    // when
    let (status, out, talk) = world.run(&["verify", "Account", "--full", "--json"]);

    // then
    assert_eq!(status, 3, "{out} {talk}");
    let report = json(&out);
    let kinds = ["missing", "extra", "stale", "differing", "unlinked", "waiting"];
    let counts: Vec<u64> = kinds.iter().map(|kind| count(&report, kind)).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 0], "{report:#}");
    let differences = report["mappings"][0]["differences"].as_array().unwrap();
    let of = |kind: &str| differences.iter().find(|found| found["kind"] == kind).unwrap();
    let fields =
        |kind: &str| of(kind)["fields"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields("stale"), ["Phone"]);
    assert_eq!(of("differing")["id"], 3);
    assert!(fields("differing").contains(&"Name".to_owned()), "{differences:?}");
    assert!(!out.contains("secret"), "values are not shown unless asked for");
    assert_eq!(contents(&world).await, before);
    let (_, shown, _) = world.run(&["verify", "Account", "--full", "--values"]);
    assert!(shown.contains("Name: here \"secret\""), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_puts_everything_right_and_then_both_sides_are_equal() {
    // given
    let world = loaded(ACCOUNT).await;
    let mapping = &world.mappings().await[0];
    drift(&world, "delete from salesforce.account where id in (1, 5, 6)").await;
    drift(
        &world,
        "insert into salesforce.account (sfid, name) values ('001000000009999AAA', 'ghost')",
    )
    .await;
    drift(
        &world,
        "update salesforce.account set name = 'other', systemmodstamp = '2019-01-01' where id = 2",
    )
    .await;
    drift(&world, "update salesforce.account set name = 'ahead', systemmodstamp = now() - interval '1 minute' where id = 4").await;
    drift(&world, "update salesforce.account set name = 'by value' where id = 3").await;

    // when
    let (status, out, talk) = world.run(&["verify", "Account", "--full", "--repair", "--json"]);

    // then
    assert_eq!(status, 0, "{out} {talk}");
    let report = json(&out);
    let repaired = &report["mappings"][0]["repaired"];
    assert_eq!(repaired["inserted"], 3, "{report:#}");
    assert_eq!(repaired["removed"], 1);
    assert_eq!(world.differences(mapping).await, Vec::<String>::new());
    assert_eq!(world.run(&["verify", "Account", "--full"]).0, 0);
    assert_eq!(
        world.unsettled().await,
        0,
        "repairs are not captured as changes of the application"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_takes_turns_until_every_row_was_compared_by_value() {
    // given a row with its record's stamp and another value
    let world = loaded(ACCOUNT).await;
    let rows: u64 =
        world.cell("select count(*) from salesforce.account").await.unwrap().parse().unwrap();
    let last = "update salesforce.account set name = 'spoilt' \
                where sfid = (select max(sfid) from salesforce.account)";
    drift(&world, last).await;

    // when samples of a third of the table each are repaired
    let size = rows.div_ceil(3).to_string();
    let mut found = Vec::new();
    for _ in 0..4 {
        let (_, out, _) =
            world.run(&["verify", "Account", "--sample", &size, "--repair", "--json"]);
        found.push(count(&json(&out), "differing"));
    }

    // then the third one comes to it, and the fourth begins anew
    assert_eq!(found, [0, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_to_be_sent_are_listed_as_waiting_and_left_alone() {
    // given unsent changes of every kind
    let world = loaded(ACCOUNT).await;
    world
        .application()
        .await
        .run(
            "update salesforce.account set name = 'mine' where id = 1; \
             insert into salesforce.account (name) values ('new'); \
             delete from salesforce.account where id = 2",
        )
        .await
        .unwrap();

    // when
    let (status, out, talk) = world.run(&["verify", "Account", "--full", "--repair", "--json"]);

    // then
    assert_eq!(status, 0, "{out} {talk}");
    let report = json(&out);
    assert_eq!(count(&report, "waiting"), 3, "{report:#}");
    assert_eq!(count(&report, "missing") + count(&report, "differing"), 0, "{report:#}");
    assert_eq!(
        world.cell("select name from salesforce.account where id = 1").await.unwrap(),
        "mine"
    );
    assert_eq!(
        world.cell("select count(*) from salesforce.account where id = 2").await.unwrap(),
        "0"
    );
    assert_eq!(world.waiting().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_delete_needs_an_explicit_allowance() {
    // given an org that lost more records for good than the guard allows
    let mapping = ACCOUNT.replace("hold_above = 10000", "hold_above = 20");
    let org = Config { scale: 0.2, ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let ids = world.create_accounts(30).await;
    world.control().advance_clock(60).await.unwrap();
    assert_eq!(world.run(&["backfill", "Account"]).0, 0);
    world.purge_accounts(&ids).await;
    let rows = || world.cell("select count(*) from salesforce.account");
    let before = rows().await;

    // when
    let (refused, out, _) = world.run(&["verify", "Account", "--repair"]);
    let kept = rows().await;
    let (allowed, _, talk) = world.run(&["verify", "Account", "--repair", "--allow-deletes", "30"]);

    // then
    assert_eq!(refused, 7, "{out}");
    assert!(out.contains("--allow-deletes"), "{out}");
    assert_eq!(kept, before);
    assert_eq!(allowed, 0, "{talk}");
    let mapping = &world.mappings().await[0];
    assert_eq!(world.differences(mapping).await, Vec::<String>::new());
    assert_eq!(world.cell("select count(*) from lockstep.tombstone").await.unwrap(), "30");
    assert_eq!(world.unsettled().await, 0, "removals are not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_is_not_loaded_has_nothing_to_compare() {
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT)]).await;
    assert_eq!(world.run(&["provision"]).0, 0);

    let (status, _, talk) = world.run(&["verify"]);

    assert_eq!(status, 1, "{talk}");
    assert!(talk.contains("lockstep backfill Account"), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_system_modstamp_is_compared_by_every_value() {
    // given the history of accounts, which has no stamp but that of its creation
    let mapping = "object = \"AccountHistory\"\nfields = [\"AccountId\", \"Field\", \"DataType\"]\n\
                   deletes = { hold_above = 100 }\n";
    let org = Config { scale: 0.2, ..Config::default() };
    let world = World::start(org, &[("history.toml", mapping)]).await;
    let ids = world.create_accounts(6).await;
    for id in &ids {
        let change = serde_json::json!({ "Industry": "Energy" });
        world.control().update("Account", id, &change).await.unwrap();
    }
    world.control().advance_clock(60).await.unwrap();
    assert_eq!(world.run(&["backfill", "AccountHistory"]).0, 0);
    let rows = world.cell("select count(*) from salesforce.accounthistory").await;
    drift(&world, "delete from salesforce.accounthistory where id = 1").await;
    drift(&world, "update salesforce.accounthistory set field = 'spoilt' where id = 2").await;
    drift(
        &world,
        "insert into salesforce.accounthistory (sfid, field) values ('017000000009999AAA', 'ghost')",
    )
    .await;

    // when
    let (status, out, talk) = world.run(&["verify", "AccountHistory", "--repair", "--json"]);

    // then
    assert_eq!(status, 0, "{out} {talk}");
    let report = json(&out);
    let found = ["missing", "differing", "extra"].map(|kind| count(&report, kind));
    assert_eq!(found, [1, 1, 1], "{report:#}");
    assert_eq!(world.cell("select count(*) from salesforce.accounthistory").await, rows);
    let spoilt =
        "select count(*) from salesforce.accounthistory where field in ('spoilt', 'ghost')";
    assert_eq!(world.cell(spoilt).await.as_deref(), Some("0"));
    assert_eq!(world.run(&["verify", "AccountHistory"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_next_poll_brings_is_no_difference() {
    // given records that changed and came after the load, while no worker polls
    let world = loaded(ACCOUNT).await;
    let id = world.cell("select max(sfid) from salesforce.account").await.unwrap();
    let change = serde_json::json!({ "Phone": "later" });
    world.control().update("Account", &id, &change).await.unwrap();
    world.create_accounts(2).await;
    world.control().advance_clock(5).await.unwrap();

    // when
    let (status, out, talk) = world.run(&["verify", "--full", "--json"]);

    // then
    assert_eq!(status, 0, "{out} {talk}");
    assert_eq!(count(&json(&out), "waiting"), 0, "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_leaves_the_sample_whose_turn_it_is_where_it_was() {
    // given a row among the first of the table that differs by value
    let world = loaded(ACCOUNT).await;
    let first = "update salesforce.account set name = 'spoilt' \
                 where sfid = (select min(sfid) from salesforce.account)";
    drift(&world, first).await;

    // when the sample of ten is looked at twice, and then repaired twice
    let mut found = Vec::new();
    for repair in [false, false, true, true] {
        let mut args = vec!["verify", "Account", "--sample", "10", "--json"];
        args.extend(repair.then_some("--repair"));
        found.push(count(&json(&world.run(&args).1), "differing"));
    }

    // then
    assert_eq!(found, [1, 1, 1, 0]);
    let turn = "select sample_after is not null from lockstep.sweep";
    assert_eq!(world.cell(turn).await.as_deref(), Some("t"), "repairing moved on");
}

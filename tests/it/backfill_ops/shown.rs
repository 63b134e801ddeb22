//! What a load shows: lines, events for programs, and several mappings side by side in their order.

use super::{ACCOUNTS, Load, SLOW, reaches, small_world, world};
use crate::world::{ACCOUNT, CONTACT, World};
use salesforce_simulator::Config;
use serde_json::Value;

fn events(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_json_a_load_is_lines_with_stable_keys_that_end_with_a_summary() {
    let world = world().await;
    let (status, out, talk) = world.run(&[&SLOW[..], &["--json"]].concat());
    assert_eq!((status, talk.as_str()), (0, ""));
    let events = events(&out);
    assert!(events.iter().all(|event| event["schema_version"] == 1), "{out}");
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        (kinds[0], kinds[kinds.len() - 2], kinds[kinds.len() - 1]),
        ("begin", "end", "summary")
    );
    assert_eq!(
        (&events[0]["mapping"], &events[0]["expected_rows"]),
        (&"Account".into(), &ACCOUNTS.into())
    );

    let progress = events.iter().find(|event| event["event"] == "progress").unwrap();
    for key in [
        "mapping",
        "rows",
        "expected_rows",
        "rows_written",
        "rows_per_second",
        "eta_seconds",
        "api_calls",
        "seconds",
    ] {
        assert!(progress.get(key).is_some(), "{key}: {progress}");
    }
    let end = &events[events.len() - 2];
    assert_eq!((&end["outcome"], &end["rows"]), (&"loaded".into(), &ACCOUNTS.into()));
    assert!(end["api_calls"].as_u64().unwrap() >= 5, "{end}");
    let summary = &events[events.len() - 1];
    assert_eq!(
        (&summary["exit_status"], &summary["mappings"][0]["outcome"]),
        (&0.into(), &"loaded".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn piped_a_load_is_quiet_and_says_where_it_is_now_and_then() {
    let world = world().await;
    let (status, out, talk) = world.run(&["backfill", "Account", "--rate", "1000"]);
    assert_eq!((status, out.as_str()), (0, ""), "{talk}");
    let lines: Vec<&str> = talk.lines().collect();
    assert!(lines[0].starts_with("Account: loading about 10,000 rows"), "{talk}");
    assert!(
        lines.iter().any(|line| line.contains("of about 10,000 rows") && line.contains("left")),
        "{talk}"
    );
    assert!(
        lines[lines.len() - 1].starts_with("Account: 10,000 rows read, 10,000 written"),
        "{talk}"
    );
    assert!(lines.len() <= 5, "a line every five seconds: {talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_loads_is_told_as_it_stands() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // then it is told, for people and programs
    let (status, out, _) = world.run(&["backfill", "status", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["schema_version"]), (0, &1.into()));
    let own = &told["loads"][0];
    assert_eq!(
        (&own["mapping"], &own["state"], &own["rate"]),
        (&"Account".into(), &"loading".into(), &2_000.into())
    );
    assert!(own["rows"].as_u64().unwrap() >= 2_000 && own["expected_rows"] == ACCOUNTS, "{own}");
    assert!(own["holder"].as_str().unwrap().starts_with("lockstep#"), "{own}");

    // and what it took when it has ended
    assert_eq!(load.ended().await.0, 0);
    let (_, out, _) = world.run(&["backfill", "status"]);
    assert!(out.contains("loaded") && out.contains("10,000 rows in"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_are_loaded_before_the_tables_that_refer_to_them_and_others_meanwhile() {
    // given contacts with a foreign key to accounts, and mappings that sort the other way
    let org = Config { scale: 0.2, ..Config::default() };
    let account =
        ACCOUNT.replace("object = \"Account\"", "object = \"Account\"\ntable = \"z_account\"");
    let opportunity =
        "object = \"Opportunity\"\ndirection = \"from_salesforce\"\nfields = [\"Name\"]\n";
    let files = [("a.toml", CONTACT), ("b.toml", opportunity), ("z.toml", account.as_str())];
    let world = World::start(org, &files).await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let key = "alter table salesforce.contact add foreign key (accountid) references salesforce.z_account (sfid)";
    world.application().await.run(key).await.unwrap();

    // when all are loaded, two at a time
    let (status, out, talk) = world.run(&["backfill", "--parallel", "2", "--json"]);

    // then contacts begin when accounts have ended, and opportunities do not wait
    assert_eq!(status, 0, "{out}{talk}");
    let events = events(&out);
    let place = |event: &str, mapping: &str| {
        events.iter().position(|e| e["event"] == event && e["mapping"] == mapping).unwrap()
    };
    assert!(place("end", "Account") < place("begin", "Contact"), "{out}");
    assert!(place("begin", "Opportunity") < place("begin", "Contact"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_refer_to_each_other_in_a_circle_are_loaded_and_told() {
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("a.toml", ACCOUNT), ("c.toml", CONTACT)]).await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let keys = "alter table salesforce.contact add foreign key (accountid) references salesforce.account (sfid); \
                alter table salesforce.account add column contact int references salesforce.contact (id)";
    world.application().await.run(keys).await.unwrap();
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");
    assert!(
        talk.contains("the tables of Account, Contact refer to each other in a circle"),
        "{talk}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_load_keeps_only_its_children_from_being_loaded() {
    // given accounts that cannot be read, and contacts with and without a foreign key to them
    for has_key in [false, true] {
        let org = Config { scale: 0.05, ..Config::default() };
        let world = World::start(org, &[("a.toml", ACCOUNT), ("c.toml", CONTACT)]).await;
        assert_eq!(world.run(&["provision"]).0, 0);
        if has_key {
            let key = "alter table salesforce.contact add foreign key (accountid) references salesforce.account (sfid)";
            world.application().await.run(key).await.unwrap();
        }
        let fault = serde_json::json!({
            "operation": "query", "object": "Account", "times": null, "kind": "error", "code": "INVALID_FIELD"
        });
        let fault: salesforce_simulator::Fault = serde_json::from_value(fault).unwrap();
        world.control().arm(fault).await.unwrap();

        // when both are loaded
        let (status, _, talk) = world.run(&["backfill"]);

        // then contacts are, unless they would need accounts
        assert_eq!(status, 1, "{talk}");
        let count = world.cell("select count(*) from salesforce.contact").await.unwrap();
        assert_eq!(count == "0", has_key, "{talk}");
        assert_eq!(
            talk.contains("Contact: not loaded, for a table it refers to is not"),
            has_key,
            "{talk}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_anything_is_provisioned_the_status_of_loads_has_a_next_step() {
    let world = small_world().await;
    for command in [&["backfill", "status"][..], &["backfill", "pause"]] {
        let (status, out, talk) = world.run(command);
        assert_eq!(status, 1, "{out}{talk}");
        assert!(talk.contains("next: make what is missing: lockstep provision"), "{talk}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_a_load_would_take_and_changes_nothing_anywhere() {
    // given nothing but the mapping
    let world = small_world().await;

    // when it is asked what a load would take
    let (status, out, talk) = world.run(&["backfill", "--dry-run"]);

    // then that is told, and neither side was written to
    assert_eq!(status, 0, "{talk}");
    assert!(out.contains("REST, direct") && out.contains("Nothing was changed."), "{out}");
    assert!(out.contains("5,000 rows a second are assumed"), "{out}");
    assert!(out.contains("API requests that the org has left"), "{out}");
    let schemas = "select count(*) from pg_namespace where nspname in ('lockstep', 'salesforce')";
    assert_eq!(world.cell(schemas).await.as_deref(), Some("0"));

    // and as JSON, after a load, with what was measured
    assert_eq!(world.run(&["backfill"]).0, 0);
    let state = "select row(checkpoint.*, backfill.*)::text from lockstep.checkpoint \
                 join lockstep.backfill using (object)";
    let before = world.cell(state).await;
    let (_, out, _) = world.run(&["backfill", "Account", "--dry-run", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    let own = &told["loads"][0];
    assert_eq!(
        (&own["rows"], &own["road"], &own["api"]),
        (&50.into(), &"merge".into(), &"rest".into())
    );
    assert_eq!((&own["is_measured"], &told["schema_version"]), (&true.into(), &1.into()));
    assert!(
        own["bytes"].as_u64().unwrap() > 50 * 40 && told["org_api_calls"]["left"].is_u64(),
        "{out}"
    );
    assert_eq!(world.cell(state).await, before);
}

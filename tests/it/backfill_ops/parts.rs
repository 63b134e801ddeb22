//! Loads of a part: since a moment, some fields, what the mapping's filter selects; and at a rate.

use super::{ACCOUNTS, is_equal, is_loaded, records_read, rows, small_world, world, world_of};
use crate::world::{ACCOUNT, World};
use serde_json::json;
use std::time::Instant;

/// The ids of some records.
async fn some_ids(world: &World, count: usize) -> Vec<String> {
    let sql = format!("select sfid from salesforce.account order by id limit {count}");
    let ids = world.application().await.rows(&sql).await.unwrap();
    ids.into_iter().flatten().flatten().collect()
}

async fn spoil(world: &World) {
    // Written as a worker would, so that nothing is captured and sent.
    let spoil = "alter table salesforce.account disable trigger user; \
                 update salesforce.account set name = 'spoilt', phone = 'spoilt'; \
                 alter table salesforce.account enable trigger user";
    world.application().await.run(spoil).await.unwrap();
}

async fn spoilt(world: &World, column: &str) -> u64 {
    let sql = format!("select count(*) from salesforce.account where {column} = 'spoilt'");
    world.cell(&sql).await.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn since_a_moment_only_the_records_stamped_since_then_are_read() {
    // given loaded accounts of which three were touched two hours later
    let world = world().await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let control = world.control();
    control.advance_clock(7_200).await.unwrap();
    let ids = some_ids(&world, 3).await;
    control.touch("Account", Some(&ids)).await.unwrap();
    spoil(&world).await;
    control.forget_requests().await.unwrap();

    // when the last hour is loaded
    let (status, _, talk) = world.run(&["backfill", "Account", "--since", "1h"]);

    // then those three are as in Salesforce again, and no others were read
    assert_eq!(status, 0, "{talk}");
    assert_eq!(records_read(&world).await, 3);
    assert_eq!(spoilt(&world, "name").await, ACCOUNTS - 3);
    assert!(is_loaded(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_fields_are_read_and_the_others_are_not_touched() {
    // given loaded accounts, one of them removed here, one new in Salesforce
    let world = small_world().await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    spoil(&world).await;
    world.control().create("Account", &json!({ "Name": "New" })).await.unwrap();
    let stamps =
        "select md5(string_agg(systemmodstamp::text, ',' order by id)) from salesforce.account";
    let before = (rows(&world).await, world.cell(stamps).await);

    // when one field is loaded
    let (status, _, talk) = world.run(&["backfill", "account", "--fields", "name"]);

    // then it is as in Salesforce in the rows that are there, and nothing else moved
    assert_eq!(status, 0, "{talk}");
    assert_eq!(spoilt(&world, "name").await, 0);
    assert_eq!(spoilt(&world, "phone").await, before.0);
    assert_eq!((rows(&world).await, world.cell(stamps).await), before);
    assert!(is_loaded(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_does_not_make_an_unloaded_mapping_loaded() {
    let world = small_world().await;
    for part in [&["--since", "2020-01-01"][..], &["--fields", "Name,Phone"]] {
        let command: Vec<&str> = ["backfill", "Account"].iter().chain(part).copied().collect();
        let (status, _, talk) = world.run(&command);
        assert_eq!(status, 0, "{part:?}: {talk}");
        assert!(!is_loaded(&world).await, "{part:?}");
        let watermark = world.cell("select watermark from lockstep.checkpoint").await;
        assert_eq!(watermark, None, "{part:?}");
    }

    // and a load of everything still does
    assert_eq!(world.run(&["backfill"]).0, 0);
    assert!(is_loaded(&world).await);
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_load_of_the_mapping_under_way_is_neither_mixed_up_nor_thrown_away() {
    // given a load of everything that was interrupted
    let world = world().await;
    let load = super::Load::start(&world, &super::SLOW);
    super::reaches(&world, 2_000).await;
    load.signal("-INT");
    assert_eq!(load.ended().await.0, 130);

    // when a part is asked for
    let (status, _, talk) = world.run(&["backfill", "Account", "--since", "1h"]);

    // then a guard says what is under way, and how to end that
    assert_eq!(status, 7, "{talk}");
    assert!(talk.contains("the load of everything is under way"), "{talk}");
    assert!(talk.contains("lockstep backfill cancel Account"), "{talk}");
    assert!(super::reached(&world).await >= 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mappings_filter_applies_to_loads() {
    // given a mapping of some industries, and a record outside of them
    let mapping = format!("{ACCOUNT}where = \"Industry = 'Energy'\"\n");
    let world = world_of(&mapping).await;
    let outside = json!({ "Name": "Outside", "Industry": "Banking" });
    world.control().create("Account", &outside).await.unwrap();

    // when it is loaded
    let (status, _, talk) = world.run(&["backfill"]);

    // then only those are read
    assert_eq!(status, 0, "{talk}");
    let others = "select count(*) from salesforce.account where industry is distinct from 'Energy'";
    assert_eq!(world.cell(others).await.as_deref(), Some("0"));
    let loaded = rows(&world).await;
    assert!(loaded > 0 && loaded == records_read(&world).await, "{loaded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_to() {
    let world = world().await;
    let began = Instant::now();
    let (status, _, talk) = world.run(&["backfill", "--rate", "2000"]);
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(status, 0, "{talk}");
    // All but the last page and the first second's worth takes its time.
    assert!(seconds >= 3.0, "{ACCOUNTS} rows in {seconds} s");
}

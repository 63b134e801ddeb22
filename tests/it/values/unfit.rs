//! What one of the two sides cannot hold: the record is put aside with a clear word, and all others go on.

use super::{BY_BULK, BY_REST, DEADLINE, read_back, worker, world};
use crate::wait::wait_until;
use crate::world::World;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::json;
use std::collections::BTreeMap;

/// Lets the org answer half a surrogate pair (by JSON) and a byte that is no UTF-8 (by CSV) for certain texts.
async fn answer_what_is_no_text(world: &World) {
    let replaced = |instead: &str| FaultKind::Edit {
        headers: BTreeMap::new(),
        json: BTreeMap::new(),
        replace: [("HALF".to_owned(), instead.to_owned())].into(),
    };
    let control = world.control();
    let json = Fault::new(replaced("\\ud800")).route("*.0/query*").forever();
    control.arm(json).await.unwrap();
    let batch = Fault::new(replaced("\\ud800")).route("*/composite*").forever();
    control.arm(batch).await.unwrap();
    let csv = Fault::new(replaced("\u{ed}\u{a0}\u{80}")).route("*/results*").forever();
    control.arm(csv).await.unwrap();
}

async fn names(world: &World) -> Option<String> {
    world.cell("select string_agg(name, ' ' order by name) from salesforce.value__c").await
}

async fn postgres_cannot_hold(settings: &str) {
    // given records of which some have what Postgres cannot hold
    let world = world(settings).await;
    answer_what_is_no_text(&world).await;
    let control = world.control();
    let mut ids = Vec::new();
    for (name, text) in
        [("a", "fine"), ("b", "nul\0canary"), ("c", "HALF a pair"), ("d", "fine too")]
    {
        let fields = json!({ "Name": name, "Text__c": text, "Key__c": name });
        ids.push(control.create("Value__c", &fields).await.unwrap());
    }

    // when they are loaded
    let worker = worker(&world).await;

    // then the others have rows
    assert_eq!(names(&world).await.as_deref(), Some("a d"));

    // and people are told of those, with the field, the reason and the next step
    for command in [&["errors", "list"][..], &["status"]] {
        let (status, out, _) = world.run(command);
        assert_eq!(status, if command.len() == 2 { 3 } else { 0 }, "{out}");
        assert!(out.contains("2 records are left out"), "{out}");
        for (id, why) in [(&ids[1], "null character"), (&ids[2], "bytes that are no text")] {
            let line = out.lines().find(|line| line.contains(id.as_str())).unwrap_or_default();
            assert!(line.contains("Text__c") && line.contains(why), "{out}");
            assert!(line.contains("lockstep verify Value__c --repair"), "{out}");
        }
        assert!(!out.contains("canary") && !out.contains("a pair"), "{out}");
    }
    let (status, out, _) = world.run(&["errors", "list", "Value__c", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &document["unreadable"]["records"]), (3, &json!(2)), "{out}");

    // when one with a row becomes so too, while others are edited
    let broken = json!({ "Text__c": "\0 in the middle \0 of it" });
    control.update("Value__c", &ids[0], &broken).await.unwrap();
    control.update("Value__c", &ids[3], &json!({ "Text__c": "edited" })).await.unwrap();
    wait_until("the edit", DEADLINE, async || {
        let text = "select text__c from salesforce.value__c where name = 'd'";
        world.cell(text).await.as_deref() == Some("edited")
    })
    .await;

    // then its row stays as it was
    let text = world.cell("select text__c from salesforce.value__c where name = 'a'").await;
    assert_eq!(text.as_deref(), Some("fine"));
    assert!(world.run(&["status"]).1.contains("3 records are left out"));

    // when they are corrected, then they come, and nobody has to know any more
    for id in &ids[..3] {
        control.update("Value__c", id, &json!({ "Text__c": "well" })).await.unwrap();
    }
    wait_until("all rows", DEADLINE, async || {
        let well = "select count(*) from salesforce.value__c where text__c = 'well'";
        world.cell(well).await.as_deref() == Some("3")
    })
    .await;
    let (status, out, _) = world.run(&["errors", "list"]);
    assert_eq!((status, out.as_str()), (0, "no change is parked\n"));
    assert!(!world.run(&["status"]).1.contains("left out"));
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_cannot_hold_is_put_aside_and_shown_and_the_others_arrive_by_rest() {
    postgres_cannot_hold(BY_REST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_cannot_hold_is_put_aside_and_shown_and_the_others_arrive_by_bulk() {
    postgres_cannot_hold(BY_BULK).await;
}

/// Column, value in SQL, a word of the message. Dates of Salesforce lie between the years 1700 and 4000.
const UNFIT: [(&str, &str, &str); 10] = [
    ("day__c", "'infinity'", "not finite"),
    ("day__c", "'0044-03-15 BC'", "year"),
    ("day__c", "'10000-01-01'", "year"),
    ("day__c", "'0001-01-01'", "0001-01-01"),
    ("day__c", "'9999-12-31'", "9999-12-31"),
    ("moment__c", "'-infinity'", "not finite"),
    ("moment__c", "'0001-01-01 00:00:00'", "0001-01-01"),
    ("moment__c", "'9999-12-31 23:59:59'", "9999-12-31"),
    ("amount__c", "'NaN'", "not finite"),
    // 200 characters for Postgres, 400 for Salesforce.
    ("text__c", "repeat(U&'\\+01F600', 200)", "too large"),
];

async fn salesforce_cannot_hold(settings: &str) {
    // given a worker that is in step
    let world = world(settings).await;
    let worker = worker(&world).await;

    // when the application writes rows of which some have what Salesforce cannot hold
    let application = world.application().await;
    for (number, (column, value, _)) in UNFIT.iter().enumerate() {
        let insert = format!(
            "insert into salesforce.value__c (name, key__c, {column}) values ('bad {number}', 'k{number}', {value}); \
             insert into salesforce.value__c (name) values ('good {number}')"
        );
        application.run(&insert).await.unwrap();
    }

    // then these are parked, each for its own reason, and the others have their records
    wait_until("everything is decided", DEADLINE, async || world.waiting().await == 0).await;
    let parked = "select name || ': ' || log.sf_message from salesforce._trigger_log as log \
                  join salesforce.value__c as row on row.id = log.record_id where log.state = 'FAILED'";
    let rows = application.rows(parked).await.unwrap();
    let lines: Vec<String> = rows.into_iter().flatten().flatten().collect();
    assert_eq!(lines.len(), UNFIT.len(), "{lines:#?}");
    for (number, (_, _, why)) in UNFIT.iter().enumerate() {
        let line = lines.iter().find(|line| line.starts_with(&format!("bad {number}:"))).unwrap();
        assert!(line.contains(why), "{line}");
    }
    let without =
        "select count(*) from salesforce.value__c where sfid is null and name like 'good%'";
    assert_eq!(world.cell(without).await.as_deref(), Some("0"));

    // when they are corrected, then they are sent by themselves
    let correct = "update salesforce.value__c set day__c = null, moment__c = null, amount__c = null, text__c = 'short' \
                   where name like 'bad%'";
    application.run(correct).await.unwrap();
    read_back(&world).await;
    assert_eq!(world.parked().await, Vec::<String>::new());
    let mappings = world.mappings().await;
    assert_eq!(world.differences(&mappings[0]).await, Vec::<String>::new());
    assert_eq!(world.records(&mappings[0]).await.len(), 2 * UNFIT.len());
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_cannot_hold_is_parked_and_the_others_arrive_by_collections() {
    salesforce_cannot_hold(BY_REST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_cannot_hold_is_parked_and_the_others_arrive_by_bulk() {
    salesforce_cannot_hold(BY_BULK).await;
}

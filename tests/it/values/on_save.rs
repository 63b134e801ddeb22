//! Salesforce changes a value while it saves it: the row takes what was made of it, and nobody writes a second time.
//! Where the application insists on its own, the field is frozen before that goes on for ever.

use super::{BY_BULK, BY_REST, DEADLINE, assert_quiet, read_back, remote_writes, worker, world};
use crate::wait::wait_until;
use crate::world::World;
use salesforce_simulator::org::{RuleSpec, TriggerEvent};
use std::time::Duration;

/// So often the application's value is sent before its field is frozen.
const WRITES_MAX: u64 = 10;

/// Lets Salesforce write texts in capitals, and choose where nothing was chosen.
async fn shout(world: &World) {
    let script = "if row.Text__c != () { row.Text__c = row.Text__c.to_upper(); }
                  if row.Pick__c == () { row.Pick__c = \"Hot\"; }";
    let rule = RuleSpec::Trigger {
        object: "Value__c".to_owned(),
        name: "Shout".to_owned(),
        events: vec![TriggerEvent::BeforeInsert, TriggerEvent::BeforeUpdate],
        script: script.to_owned(),
    };
    world.control().define_rule(&rule).await.unwrap();
}

async fn row(world: &World) -> Option<String> {
    let columns = "concat_ws('|', text__c, long__c, amount__c::numeric(18, 3), pick__c)";
    world.cell(&format!("select {columns} from salesforce.value__c")).await
}

async fn writes(world: &World) -> (u64, u64) {
    let writes = remote_writes(world).await;
    let count = |what: &str| writes.get(what).copied().unwrap_or_default();
    (count("created"), count("updated"))
}

/// A record that was read within the second of its stamp is read once more, and by then for good.
async fn its_second_is_over(world: &World) {
    world.control().advance_clock(5).await.unwrap();
    read_back(world).await;
    read_back(world).await;
}

async fn is_adopted(settings: &str) {
    // given a worker that is in step, and an org whose automation changes what is saved
    let world = world(settings).await;
    shout(&world).await;
    let worker = worker(&world).await;

    // when the application inserts a row with blanks and too many digits
    let insert = "insert into salesforce.value__c (name, key__c, text__c, long__c, amount__c) \
                  values ('one', 'k', ' quiet ', E'a\\r\\nb  ', 1.005)";
    world.application().await.run(insert).await.unwrap();
    read_back(&world).await;

    // then the row has what Salesforce made of it, after one write
    assert_eq!(row(&world).await.as_deref(), Some("QUIET|a\nb|1.010|Hot"));
    assert_eq!(writes(&world).await, (1, 0));
    assert_quiet(&world).await;

    // and so it is with an update
    let update = "update salesforce.value__c set text__c = 'louder', amount__c = 2.345";
    world.application().await.run(update).await.unwrap();
    read_back(&world).await;
    assert_eq!(row(&world).await.as_deref(), Some("LOUDER|a\nb|2.350|Hot"));
    assert_eq!(writes(&world).await, (1, 1));
    assert_quiet(&world).await;
    assert_eq!(world.parked().await, Vec::<String>::new());
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_makes_of_a_value_is_adopted_without_a_second_write_by_collections() {
    is_adopted(BY_REST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_makes_of_a_value_is_adopted_without_a_second_write_by_bulk() {
    is_adopted(BY_BULK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_comes_back_with_the_same_stamp_is_adopted_again() {
    // given a row that has what Salesforce made of it, within one second of Salesforce's
    let world = world(BY_REST).await;
    shout(&world).await;
    world.control().freeze_clock().await.unwrap();
    let worker = worker(&world).await;
    let application = world.application().await;
    let insert =
        "insert into salesforce.value__c (name, key__c, text__c) values ('one', 'k', 'word')";
    application.run(insert).await.unwrap();
    let is_adopted = async || {
        world.cell("select text__c from salesforce.value__c").await.as_deref() == Some("WORD")
    };
    wait_until("the first one is adopted", DEADLINE, is_adopted).await;

    // when the application writes its own once more, of which Salesforce makes the same
    application.run("update salesforce.value__c set text__c = 'word'").await.unwrap();
    wait_until("it is sent", DEADLINE, async || writes(&world).await == (1, 1)).await;

    // then the row has it again
    wait_until("the second one is adopted", DEADLINE, is_adopted).await;
    drop(worker);
}

/// The application's own trigger, which writes texts in small letters.
const WHISPER: &str = "
    create function whisper() returns trigger language plpgsql as $$
    begin
        update salesforce.value__c set text__c = lower(text__c)
        where id = new.id and text__c <> lower(text__c);
        return null;
    end $$;
    create trigger whisper after insert or update on salesforce.value__c
    for each row execute function whisper()";

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_both_sides_keep_undoing_is_frozen_and_reported_and_the_others_go_on() {
    // given automation on either side that undoes the other's
    let world = world(BY_REST).await;
    shout(&world).await;
    let worker = worker(&world).await;
    let application = world.application().await;
    application.run(WHISPER).await.unwrap();

    // when the application inserts a row
    let insert =
        "insert into salesforce.value__c (name, key__c, text__c) values ('one', 'k', 'word')";
    application.run(insert).await.unwrap();

    // then the field is frozen before long, and a person is told
    let frozen = "select count(*) from lockstep.conflict where winner = 'neither'";
    wait_until("the field is frozen", Duration::from_mins(2), async || {
        world.cell(frozen).await.as_deref() != Some("0")
    })
    .await;
    read_back(&world).await;
    assert_eq!(writes(&world).await, (1, WRITES_MAX - 1));
    let (status, out, _) = world.run(&["errors", "list"]);
    assert_eq!(status, 3, "{out}");
    for out in [out, world.run(&["status"]).1] {
        assert!(out.contains("1 field is left alone"), "{out}");
        assert!(out.contains("Value__c, row 1 of value__c, Text__c"), "{out}");
        assert!(!out.contains("word") && !out.contains("WORD"), "{out}");
    }
    its_second_is_over(&world).await;
    assert_quiet(&world).await;

    // when another field is changed, then it is sent, and the frozen one is not
    application.run("update salesforce.value__c set phone__c = '555'").await.unwrap();
    wait_until("the other field", DEADLINE, async || {
        let phone = "select \"values\"::text from lockstep.journal where outcome = 'accepted' order by id desc limit 1";
        world.cell(phone).await.as_deref() == Some("{\"Phone__c\": \"555\"}")
    })
    .await;
    read_back(&world).await;
    assert_eq!(writes(&world).await, (1, WRITES_MAX));
    its_second_is_over(&world).await;
    assert_quiet(&world).await;

    // when Salesforce's automation is gone and another value is written, then it is sent and all is well
    world.control().remove_rules().await.unwrap();
    application.run("update salesforce.value__c set text__c = 'another'").await.unwrap();
    read_back(&world).await;
    let mappings = world.mappings().await;
    assert_eq!(world.differences(&mappings[0]).await, Vec::<String>::new());
    let (status, out, _) = world.run(&["errors", "list"]);
    assert_eq!(status, 0, "{out}");
    drop(worker);
}

//! The org's clock, its stamps, and transactions that stay open.

use chrono::{DateTime, TimeDelta, Utc};
use salesforce_simulator::{ControlError, FaultKind};
use serde_json::{Value, json};

use crate::support::Sandbox;

const FORMAT: &str = "%Y-%m-%dT%H:%M:%S.000+0000";

fn shown(time: DateTime<Utc>) -> Value {
    json!(time.format(FORMAT).to_string())
}

async fn stamps(sandbox: &Sandbox) -> Vec<Value> {
    let rows = sandbox.query("SELECT SystemModstamp FROM Account ORDER BY Name").await;
    rows["records"].as_array().unwrap().iter().map(|row| row["SystemModstamp"].clone()).collect()
}

#[tokio::test]
async fn a_frozen_clock_gives_all_rows_one_stamp() {
    let sandbox = Sandbox::empty().await;
    let now = sandbox.steer().freeze_clock().await.unwrap().now;
    sandbox.accounts(3).await;

    assert_eq!(stamps(&sandbox).await, vec![shown(now); 3]);

    let later = sandbox.steer().advance_clock(60).await.unwrap();
    assert_eq!(later, now + TimeDelta::seconds(60));
    assert!(sandbox.steer().clock().await.unwrap().frozen);
    assert!(!sandbox.steer().thaw_clock().await.unwrap().frozen);
}

#[tokio::test]
async fn the_clock_can_be_set_to_any_time() {
    let sandbox = Sandbox::empty().await;
    let to = DateTime::from_timestamp(1_900_000_000, 0).unwrap();

    let clock = sandbox.steer().set_clock(to).await.unwrap();
    let id = sandbox.steer().create("Account", &json!({ "Name": "x" })).await.unwrap();
    let row = sandbox.steer().read("Account", &id).await.unwrap();

    assert!((TimeDelta::zero()..TimeDelta::seconds(60)).contains(&(clock.now - to)));
    let stamp = row["CreatedDate"].as_str().unwrap();
    let stamp = DateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap().to_utc();
    assert!((0..60).contains(&(stamp - to).num_seconds()), "{stamp}");
    assert_eq!(sandbox.get("limits").await.status, 401, "sessions age by the same clock");
    let too_far = json!({ "advance_seconds": i64::MAX });
    assert_eq!(sandbox.control("clock", &too_far).await.status, 400);
}

#[tokio::test]
async fn the_date_header_tells_when_the_answer_was_given() {
    let sandbox = Sandbox::empty().await;
    let asked = sandbox.steer().clock().await.unwrap().now;
    let slow = FaultKind::Latency { millis: 0, after_millis: 2_000 };
    sandbox.steer().arm(slow).await.unwrap();

    let date = sandbox.get("limits").await.header("date").to_owned();

    let date = DateTime::parse_from_rfc2822(&date).unwrap().to_utc();
    assert!(date - asked > TimeDelta::seconds(1), "{date} {asked}");
}

#[tokio::test]
async fn the_date_header_can_be_wrong_while_the_stamps_are_right() {
    let sandbox = Sandbox::empty().await;
    let now = sandbox.steer().freeze_clock().await.unwrap().now;
    sandbox.steer().skew_date(-300).await.unwrap();

    sandbox.account("x").await;
    let date = sandbox.get("limits").await.header("date").to_owned();

    let said = DateTime::parse_from_rfc2822(&date).unwrap().to_utc();
    assert_eq!((now - said).num_seconds(), 300);
    assert_eq!(stamps(&sandbox).await, [shown(now)]);
}

#[tokio::test]
async fn rows_can_be_touched_without_a_change() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let before = control.freeze_clock().await.unwrap().now;
    let ids = sandbox.accounts(3).await;
    let after = control.advance_clock(600).await.unwrap();

    assert_eq!(control.touch("Account", Some(&ids[1..2])).await.unwrap(), 1);
    assert_eq!(stamps(&sandbox).await, [shown(before), shown(after), shown(before)]);
    assert_eq!(control.touch("Account", None).await.unwrap(), 3);

    assert_eq!(stamps(&sandbox).await, vec![shown(after); 3]);
    let row = sandbox.query("SELECT LastModifiedDate FROM Account LIMIT 1").await;
    assert_eq!(row["records"][0]["LastModifiedDate"], shown(before), "nobody modified it");
}

#[tokio::test]
async fn an_open_transaction_is_invisible_and_shows_its_old_stamps_when_it_commits() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let start = control.freeze_clock().await.unwrap().now;
    let changed = sandbox.account("changed").await;
    let deleted = sandbox.account("deleted").await;
    let written = control.advance_clock(10).await.unwrap();
    let transaction = control.open_transaction().await.unwrap();
    let created =
        control.create_inside(transaction, "Account", &json!({ "Name": "created" })).await.unwrap();
    let row = ("Account", changed.as_str());
    control.update_inside(transaction, row, &json!({ "Phone": "1" })).await.unwrap();
    control
        .update_inside(transaction, ("Account", &created), &json!({ "Phone": "2" }))
        .await
        .unwrap();
    control.delete_inside(transaction, ("Account", &deleted)).await.unwrap();
    control.advance_clock(300).await.unwrap();

    let soql = "SELECT Name, Phone, SystemModstamp FROM Account ORDER BY Name";
    let rows = |answer: Value| -> Vec<(String, Value, Value)> {
        let text = |row: &Value| row["Name"].as_str().unwrap().to_owned();
        let list = answer["records"].as_array().unwrap().clone();
        list.iter()
            .map(|row| (text(row), row["Phone"].clone(), row["SystemModstamp"].clone()))
            .collect()
    };
    let unseen = rows(sandbox.query(soql).await);
    control.commit(transaction).await.unwrap();
    let seen = rows(sandbox.query(soql).await);

    let at = |name: &str, phone: Value, time| (name.to_owned(), phone, shown(time));
    assert_eq!(unseen, [at("changed", Value::Null, start), at("deleted", Value::Null, start)]);
    assert_eq!(seen, [at("changed", json!("1"), written), at("created", json!("2"), written)]);
}

#[tokio::test]
async fn get_updated_covers_nothing_that_is_still_open() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let start = control.freeze_clock().await.unwrap().now;
    let transaction = control.open_transaction().await.unwrap();
    control.create_inside(transaction, "Account", &json!({ "Name": "late" })).await.unwrap();
    let now = control.advance_clock(1_200).await.unwrap();
    let path = |kind: &str| {
        let from = (start - TimeDelta::minutes(10)).format("%Y-%m-%dT%H:%M:%SZ");
        let to = (now + TimeDelta::minutes(10)).format("%Y-%m-%dT%H:%M:%SZ");
        format!("sobjects/Account/{kind}?start={from}&end={to}")
    };

    for kind in ["updated", "deleted"] {
        let answer = sandbox.get(&path(kind)).await;
        let covered = answer.json()["latestDateCovered"].as_str().unwrap().to_owned();
        let covered = DateTime::parse_from_str(&covered, "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap();
        assert!(covered.to_utc() < start, "{kind}: {covered} is not before {start}");
    }
    control.commit(transaction).await.unwrap();
    let answer = sandbox.get(&path("updated")).await.json();

    assert_eq!(answer["ids"].as_array().unwrap().len(), 1, "{answer}");
    let covered = answer["latestDateCovered"].as_str().unwrap().to_owned();
    let covered = DateTime::parse_from_str(&covered, "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap();
    assert!(covered.to_utc() > start, "{answer}");
}

#[tokio::test]
async fn a_unique_value_goes_to_whoever_commits_first() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let fields = |name: &str| json!({ "Name": name, "External_Id__c": "k" });
    let transaction = control.open_transaction().await.unwrap();
    control.create_inside(transaction, "Account", &fields("slow")).await.unwrap();
    control.create("Account", &fields("fast")).await.unwrap();

    let refused = control.commit(transaction).await.unwrap_err();

    assert!(
        matches!(&refused, ControlError::Refused { status: 400, body } if body.contains("DUPLICATE_VALUE")),
        "{refused}"
    );
    let names = sandbox.query("SELECT Name FROM Account").await;
    assert_eq!((&names["totalSize"], &names["records"][0]["Name"]), (&json!(1), &json!("fast")));
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_leaves_nothing() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let transaction = control.open_transaction().await.unwrap();
    control.create_inside(transaction, "Account", &json!({ "Name": "x" })).await.unwrap();
    let open = sandbox.steer().call(reqwest::Method::GET, "transactions", None).await.unwrap();

    control.roll_back(transaction).await.unwrap();

    assert_eq!((&open[0]["transaction"], &open[0]["rows"]), (&json!(transaction), &json!(1)));
    assert!(control.commit(transaction).await.is_err(), "it is gone");
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
}

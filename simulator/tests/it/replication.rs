//! getUpdated and getDeleted: their windows, what they cover, and objects that have neither.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use salesforce_simulator::org::Action;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

/// An org whose clock stands at 12 seconds past a minute.
async fn standing() -> (Sandbox, DateTime<Utc>) {
    let sandbox = Sandbox::empty().await;
    let now = sandbox.steer().freeze_clock().await.unwrap().now;
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap();
    let now = minute + TimeDelta::seconds(72);
    let clock = sandbox.steer().set_clock(now).await.unwrap();
    assert_eq!((clock.now, clock.frozen), (now, true));
    (sandbox, now)
}

fn read(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap().to_utc()
}

impl Sandbox {
    async fn changes(
        &self,
        (object, kind): (&str, &str),
        (start, end): (DateTime<Utc>, DateTime<Utc>),
    ) -> Answer {
        let path = format!("sobjects/{object}/{kind}/");
        let window = [("start", start.to_rfc3339()), ("end", end.to_rfc3339())];
        let request = self.request(Method::GET, &path).query(&window);
        Answer::of(request.send().await.unwrap()).await
    }
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const BOTH: [&str; 2] = ["updated", "deleted"];

#[tokio::test]
async fn seconds_of_the_window_do_not_count() {
    let (sandbox, now) = standing().await;
    let id = sandbox.account("a").await;
    let full = now - TimeDelta::seconds(12);

    let late_start = (now + TimeDelta::seconds(30), now + MINUTE * 5);
    let from_later_in_the_minute = sandbox.changes(("Account", "updated"), late_start).await.json();
    let until = (now - MINUTE * 5, now + TimeDelta::seconds(40));
    let until_later_in_the_minute = sandbox.changes(("Account", "updated"), until).await.json();

    assert_eq!(from_later_in_the_minute["ids"], json!([id]), "the start is cut to the minute");
    assert_eq!(until_later_in_the_minute["ids"], json!([]), "and so is the end");
    assert_eq!(read(&until_later_in_the_minute["latestDateCovered"]), full);
}

#[tokio::test]
async fn both_ends_of_the_window_belong_to_it() {
    let (sandbox, _) = standing().await;
    let now = sandbox.steer().advance_clock(48).await.unwrap();
    let id = sandbox.account("a").await;
    sandbox.steer().advance_clock(600).await.unwrap();

    for window in [(now - MINUTE * 5, now), (now, now + MINUTE * 5)] {
        let answer = sandbox.changes(("Account", "updated"), window).await.json();
        assert_eq!(answer["ids"], json!([id]), "{window:?}");
    }
    sandbox.delete(&format!("sobjects/Account/{id}")).await;
    let then = now + MINUTE * 10;
    for window in [(then - MINUTE * 5, then), (then, then + MINUTE * 5)] {
        let answer = sandbox.changes(("Account", "deleted"), window).await.json();
        assert_eq!(answer["deletedRecords"][0]["id"], id, "{window:?}: {answer}");
        assert_eq!(read(&answer["deletedRecords"][0]["deletedDate"]), then);
    }
    let answer = sandbox.changes(("Account", "updated"), (now - MINUTE, then)).await.json();
    assert_eq!(answer["ids"], json!([]), "what is deleted is not updated");
}

#[tokio::test]
async fn windows_that_are_short_backwards_or_too_old_are_refused() {
    let (sandbox, now) = standing().await;
    let day = TimeDelta::days(1);
    #[rustfmt::skip]
    let table = [
        ("updated", now - MINUTE,               now,            false),
        ("updated", now - MINUTE * 2,           now,            true),
        ("updated", now,                        now - MINUTE,   false),
        ("updated", now - day * 30,             now,            true),
        ("updated", now - day * 30 - MINUTE,    now,            false),
        ("deleted", now - MINUTE,               now,            false),
        ("deleted", now - day * 15,             now,            true),
        ("deleted", now - day * 15 - MINUTE,    now,            false),
    ];

    for (kind, start, end, is_fine) in table {
        let answer = sandbox.changes(("Account", kind), (start, end)).await;
        if is_fine {
            assert_eq!(answer.status, 200, "{kind} {start} {end}: {}", answer.text);
        } else {
            assert_refused(&answer, StatusCode::BAD_REQUEST, "INVALID_REPLICATION_DATE");
        }
    }
    for query in ["", "?start=2026-01-01T00:00:00Z", "?start=soon&end=later"] {
        let answer = sandbox.get(&format!("sobjects/Account/updated/{query}")).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, "INVALID_REPLICATION_DATE");
    }
}

#[tokio::test]
async fn what_is_covered_ends_with_the_window_or_with_now() {
    let (sandbox, now) = standing().await;

    for kind in BOTH {
        let past = (now - MINUTE * 30, now - MINUTE * 10);
        let answer = sandbox.changes(("Account", kind), past).await.json();
        assert_eq!(
            read(&answer["latestDateCovered"]),
            past.1.duration_trunc(MINUTE).unwrap(),
            "{kind}"
        );
        let future = (now - MINUTE * 30, now + MINUTE * 10);
        let answer = sandbox.changes(("Account", kind), future).await.json();
        assert!(read(&answer["latestDateCovered"]) <= now, "{kind}: {answer}");
    }
    let deleted = (now - MINUTE * 30, now);
    let answer = sandbox.changes(("Account", "deleted"), deleted).await.json();
    assert!(read(&answer["earliestDateAvailable"]) <= now, "{answer}");
    let updated = sandbox.changes(("Account", "updated"), deleted).await.json();
    assert_eq!(updated.get("earliestDateAvailable"), None);
}

#[tokio::test]
async fn changes_are_told_in_the_order_of_their_time() {
    let (sandbox, start) = standing().await;
    let control = sandbox.steer();
    let ids = sandbox.accounts(3).await;
    for at in [2, 0, 1] {
        control.advance_clock(60).await.unwrap();
        let path = format!("sobjects/Account/{}", ids[at]);
        assert_eq!(sandbox.patch(&path, &json!({ "Phone": "1" })).await.status, 204);
    }
    let expected = [&ids[2], &ids[0], &ids[1]];
    let now = control.advance_clock(60).await.unwrap();

    let updated = sandbox.changes(("Account", "updated"), (start - MINUTE, now)).await.json();
    for at in [2, 0, 1] {
        control.advance_clock(60).await.unwrap();
        sandbox.delete(&format!("sobjects/Account/{}", ids[at])).await;
    }
    let now = control.advance_clock(60).await.unwrap();
    let deleted = sandbox.changes(("Account", "deleted"), (start - MINUTE, now)).await.json();

    assert_eq!(updated["ids"], json!(expected));
    let told: Vec<&Value> =
        deleted["deletedRecords"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(told, expected);
    sandbox.steer().undelete(&[ids[0].as_str()]).await.unwrap();
    let deleted = sandbox.changes(("Account", "deleted"), (start - MINUTE, now)).await.json();
    assert_eq!(deleted["deletedRecords"].as_array().map(Vec::len), Some(2), "one is back");
}

#[tokio::test]
async fn objects_that_are_unknown_or_not_replicateable_have_no_changes() {
    let (sandbox, now) = standing().await;
    let window = (now - MINUTE * 10, now);

    for kind in BOTH {
        let unknown = sandbox.changes(("Nope", kind), window).await;
        assert_refused(&unknown, StatusCode::NOT_FOUND, "NOT_FOUND");
        let organization = sandbox.changes(("Organization", kind), window).await;
        assert_refused(&organization, StatusCode::BAD_REQUEST, "INVALID_TYPE");
    }
}

#[tokio::test]
async fn a_dropped_object_and_one_hidden_from_everybody_have_no_changes_any_more() {
    let (sandbox, now) = standing().await;
    let window = (now - MINUTE * 10, now);
    let ship = json!({ "name": "Ship__c", "fields": [{ "name": "Name", "nameField": true }] });
    sandbox.steer().create_object(&ship).await.unwrap();
    assert_eq!(sandbox.changes(("Ship__c", "updated"), window).await.status, 200);

    sandbox.steer().drop_object("Ship__c").await.unwrap();
    sandbox.steer().allow(None, "Lead", Action::Read, false).await.unwrap();

    for object in ["Ship__c", "Lead"] {
        for kind in BOTH {
            let answer = sandbox.changes((object, kind), window).await;
            assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
        }
        let described = sandbox.get(&format!("sobjects/{object}/describe")).await;
        assert_refused(&described, StatusCode::NOT_FOUND, "NOT_FOUND");
        let query = sandbox.get(&format!("query?q=SELECT+Id+FROM+{object}")).await;
        assert_refused(&query, StatusCode::BAD_REQUEST, "INVALID_TYPE");
        let global = sandbox.get("sobjects").await.json();
        let mut objects = global["sobjects"].as_array().unwrap().iter();
        assert!(objects.all(|listed| listed["name"] != object), "{object}");
    }
    let task = sandbox.get("sobjects/Task/describe").await.json();
    let who = task["fields"].as_array().unwrap().iter().find(|field| field["name"] == "WhoId");
    assert_eq!(who.unwrap()["referenceTo"], json!(["Contact"]), "no way leads there");
}

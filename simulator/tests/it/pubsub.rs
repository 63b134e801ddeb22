//! The Pub/Sub API: gRPC, Avro, flow control and replay.

use std::time::Duration;

use salesforce_simulator::Config;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    eventbus::{EventBus, Fetch, error_code},
    support::Sandbox,
};

const ACCOUNTS: &str = "/data/AccountChangeEvent";
const LATEST: i32 = 0;
const EARLIEST: i32 = 1;
const CUSTOM: i32 = 2;

async fn sandbox() -> (Sandbox, EventBus) {
    let config = Config {
        empty: true,
        cdc: vec!["Account".to_owned(), "Contact".to_owned()],
        session_lifetime: Duration::from_hours(200),
        ..Config::default()
    };
    let sandbox = Sandbox::of(config).await;
    let bus = EventBus::of(&sandbox).await;
    (sandbox, bus)
}

fn fetch(topic: &str, preset: i32, count: i32) -> Fetch {
    Fetch {
        topic_name: topic.to_owned(),
        replay_preset: preset,
        num_requested: count,
        ..Fetch::default()
    }
}

/// The names of the fields that a bitmap stands for, parts as `Outer.Part`.
fn fields(schema: &Value, bitmap: &Value) -> Vec<String> {
    let mut names = Vec::new();
    let bits = |text: &str| -> Vec<usize> {
        let bits = u128::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap();
        (0..128).filter(|bit| bits >> bit & 1 == 1).collect()
    };
    for element in bitmap.as_array().unwrap() {
        match element.as_str().unwrap().split_once('-') {
            None => {
                for bit in bits(element.as_str().unwrap()) {
                    names.push(schema["fields"][bit]["name"].as_str().unwrap().to_owned());
                }
            }
            Some((outer, parts)) => {
                let outer = &schema["fields"][outer.parse::<usize>().unwrap()];
                for bit in bits(parts) {
                    let part = &outer["type"][1]["fields"][bit]["name"];
                    names.push(format!("{}.{}", outer["name"], part).replace('"', ""));
                }
            }
        }
    }
    names
}

#[tokio::test]
async fn a_topic_names_the_schema_of_its_events() {
    let (_sandbox, bus) = sandbox().await;

    let topic = bus.topic(ACCOUNTS).await.unwrap();
    let schema = bus.schema(&topic.schema_id).await.unwrap();

    assert_eq!(topic.topic_name, ACCOUNTS);
    assert!(topic.can_subscribe && !topic.can_publish);
    assert_eq!(topic.tenant_guid, bus.metadata["tenantid"].clone() + &topic.tenant_guid[15..]);
    assert!(!topic.rpc_id.is_empty());
    let json: Value = serde_json::from_str(&schema.schema_json).unwrap();
    assert_eq!(json["name"], "AccountChangeEvent");
    assert_eq!(json["fields"][0]["name"], "ChangeEventHeader");
    assert_eq!(bus.topic("/data/ChangeEvents").await.unwrap().schema_id, "");
}

#[tokio::test]
async fn events_are_avro_with_bitmaps_of_what_changed() {
    let (sandbox, bus) = sandbox().await;
    let mut subscription = bus.subscribe(fetch(ACCOUNTS, EARLIEST, 100)).await.unwrap();
    let body = json!({
        "Name": "Ada",
        "Phone": "1",
        "BillingCity": "Paris",
        "Active__c": true,
        "NumberOfEmployees": -7,
        "Score__c": 1.5,
        "Contract_Start__c": "2024-02-29",
        "Opening_Time__c": "08:30:00.000Z",
    });
    let id = sandbox.post("sobjects/Account", &body).await.json()["id"].clone();
    sandbox.control("clock", &json!({ "advance_seconds": 5 })).await;
    let change = json!({ "Phone": null, "BillingCity": "Rome", "Name": "Eve" });
    sandbox.patch(&format!("sobjects/Account/{}", id.as_str().unwrap()), &change).await;

    let events = subscription.events(2).await;
    let (created, updated) = (bus.read(&events[0]).await, bus.read(&events[1]).await);

    let header = &created["ChangeEventHeader"];
    assert_eq!((&header["changeType"], &header["recordIds"]), (&json!("CREATE"), &json!([id])));
    assert_eq!(header["changedFields"], json!([]));
    assert_eq!(created["Name"], "Ada");
    assert_eq!(created["BillingAddress"]["City"], "Paris");
    assert_eq!(created["BillingAddress"]["Street"], Value::Null);
    assert_eq!(created["ShippingAddress"], Value::Null);
    assert_eq!((&created["Active__c"], &created["Score__c"]), (&json!(true), &json!(1.5)));
    assert_eq!(created["NumberOfEmployees"], -7);
    assert_eq!(created["Contract_Start__c"], 1_709_164_800_000_i64, "midnight of that day");
    assert_eq!(created["Opening_Time__c"], 30_600_000);
    let header = &updated["ChangeEventHeader"];
    let schema_id = &events[1].event.as_ref().unwrap().schema_id;
    let schema = bus.schema(schema_id).await.unwrap();
    let schema: Value = serde_json::from_str(&schema.schema_json).unwrap();
    assert_eq!(
        fields(&schema, &header["changedFields"]),
        ["Name", "Phone", "LastModifiedDate", "BillingAddress.City"]
    );
    assert_eq!(fields(&schema, &header["nulledFields"]), ["Phone"]);
    assert_eq!(header["diffFields"], json!([]));
    assert_eq!((&updated["Name"], &updated["Score__c"]), (&json!("Eve"), &Value::Null));
    assert_eq!(header["changeOrigin"], "com/salesforce/api/rest/66.0");
    assert_eq!(header["sequenceNumber"], 1);
}

#[tokio::test]
async fn a_schema_has_its_id_for_ever_and_other_fields_have_another() {
    let (sandbox, bus) = sandbox().await;
    let mut subscription = bus.subscribe(fetch(ACCOUNTS, EARLIEST, 3)).await.unwrap();
    sandbox.account("before").await;
    let old = bus.topic(ACCOUNTS).await.unwrap().schema_id;

    let field = json!({ "name": "Size__c", "type": "double", "precision": 8, "scale": 2 });
    let answer = sandbox.control("schema/Account/fields", &field).await;
    assert!(answer.status < 300, "{}", answer.text);
    let body = json!({ "Name": "after", "Size__c": 2.5 });
    sandbox.post("sobjects/Account", &body).await;
    let drop = sandbox.bare(reqwest::Method::DELETE, "/__org/v1/schema/Account/fields/Fax");
    assert!(drop.send().await.unwrap().status().is_success());
    sandbox.account("without").await;

    let events = subscription.events(3).await;
    let (one, two, three) =
        (bus.read(&events[0]).await, bus.read(&events[1]).await, bus.read(&events[2]).await);
    assert_eq!(events[0].event.as_ref().unwrap().schema_id, old, "it is still there");
    assert_ne!(events[1].event.as_ref().unwrap().schema_id, old);
    assert_eq!((one.get("Size__c"), &two["Size__c"]), (None, &json!(2.5)));
    assert_eq!((two.get("Fax"), three.get("Fax")), (Some(&Value::Null), None));
}

#[tokio::test]
async fn persons_have_their_names_nested() {
    let (sandbox, bus) = sandbox().await;
    let mut subscription =
        bus.subscribe(fetch("/data/ContactChangeEvent", EARLIEST, 1)).await.unwrap();
    let body = json!({ "FirstName": "Ada", "LastName": "Lovelace" });
    sandbox.post("sobjects/Contact", &body).await;

    let event = bus.read(&subscription.events(1).await[0]).await;

    assert_eq!(event["Name"]["FirstName"], "Ada");
    assert_eq!(event["Name"]["LastName"], "Lovelace");
    assert_eq!(event.get("LastName"), None);
}

#[tokio::test]
async fn no_more_events_come_than_were_asked_for() {
    let (sandbox, bus) = sandbox().await;
    sandbox.accounts(150).await;
    let mut subscription = bus.subscribe(fetch(ACCOUNTS, EARLIEST, 2)).await.unwrap();

    let answer = subscription.next().await;
    assert_eq!((answer.events.len(), answer.pending_num_requested), (2, 0));
    assert_eq!(answer.latest_replay_id, answer.events[1].replay_id);

    subscription.ask(fetch(ACCOUNTS, LATEST, 1_000));
    let answer = subscription.next().await;
    assert_eq!((answer.events.len(), answer.pending_num_requested), (100, 0), "capped");

    subscription.ask(fetch("", LATEST, 60));
    let answer = subscription.next().await;
    assert_eq!((answer.events.len(), answer.pending_num_requested), (48, 12));
    sandbox.account("one more").await;
    let answer = subscription.next().await;
    assert_eq!((answer.events.len(), answer.pending_num_requested), (1, 11));
}

#[tokio::test]
async fn a_stream_goes_on_after_any_event_that_is_kept() {
    let (sandbox, bus) = sandbox().await;
    for name in ["a", "b", "c"] {
        sandbox.account(name).await;
    }
    let mut first = bus.subscribe(fetch(ACCOUNTS, EARLIEST, 3)).await.unwrap();
    let events = first.events(3).await;

    let after =
        Fetch { replay_id: events[0].replay_id.clone(), ..fetch("/data/ChangeEvents", CUSTOM, 5) };
    let mut second = bus.subscribe(after.clone()).await.unwrap();
    let again = second.events(2).await;

    assert_eq!(again, events[1..], "the same events, with the same ids");
    let mut latest = bus.subscribe(fetch(ACCOUNTS, LATEST, 5)).await.unwrap();
    sandbox.account("d").await;
    assert_eq!(bus.read(&latest.events(1).await[0]).await["Name"], "d");

    let refused = async |replay_id: Vec<u8>| {
        let status = bus.refusal(Fetch { replay_id, ..fetch(ACCOUNTS, CUSTOM, 1) }).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        error_code(&status).to_owned()
    };
    assert_eq!(refused(vec![1, 2, 3]).await, "subscription.fetch.replayid.corrupted");
    assert_eq!(refused(vec![0xff; 8]).await, "subscription.fetch.replayid.corrupted");
    assert_eq!(refused(Vec::new()).await, "subscription.fetch.replayid.validation.failed");
    sandbox.control("clock", &json!({ "advance_seconds": 73 * 3600 })).await;
    assert_eq!(refused(after.replay_id).await, "subscription.fetch.replayid.corrupted");
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_with_a_code() {
    let (sandbox, bus) = sandbox().await;
    let status = bus.schema("nothing").await.unwrap_err();
    assert_eq!((status.code(), error_code(&status)), (Code::NotFound, "schema.not.found"));
    let status = bus.topic("/data/NothingChangeEvent").await.unwrap_err();
    assert_eq!((status.code(), error_code(&status)), (Code::NotFound, "topic.not.found"));
    let status = bus.unknown().await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let status = bus.refusal(fetch(ACCOUNTS, LATEST, 0)).await;
    assert_eq!(error_code(&status), "subscription.fetch.requested.events.invalid");
    let status = bus.refusal(fetch("", LATEST, 1)).await;
    assert_eq!(status.code(), Code::InvalidArgument);

    let mut subscription = bus.subscribe(fetch(ACCOUNTS, LATEST, 1)).await.unwrap();
    subscription.ask(fetch("/data/ContactChangeEvent", LATEST, 1));
    assert_eq!(subscription.end().await.code(), Code::InvalidArgument, "another topic");

    sandbox.control("events/settings", &json!({ "allocation": 0 })).await;
    let status = bus.refusal(fetch(ACCOUNTS, LATEST, 1)).await;
    assert_eq!(
        (status.code(), error_code(&status)),
        (Code::ResourceExhausted, "subscription.limit.exceeded")
    );
}

#[tokio::test]
async fn every_call_says_who_calls() {
    let (_sandbox, mut bus) = sandbox().await;
    let mut refused = async |key: &'static str, value: &str| {
        let right = bus.metadata.insert(key, value.to_owned()).unwrap();
        let unary = bus.topic(ACCOUNTS).await.unwrap_err();
        let stream = bus.refusal(fetch(ACCOUNTS, LATEST, 1)).await;
        bus.metadata.insert(key, right);
        assert_eq!(unary.code(), Code::Unauthenticated);
        assert_eq!(error_code(&unary), error_code(&stream));
        error_code(&unary).to_owned()
    };

    assert_eq!(refused("accesstoken", "nonsense").await, "service.auth.error");
    assert_eq!(refused("tenantid", "00D000000000000AAA").await, "service.auth.error");
    assert_eq!(refused("tenantid", "").await, "service.auth.headers.invalid");
    assert_eq!(refused("instanceurl", "nowhere").await, "service.auth.headers.invalid");
}

#[tokio::test]
async fn a_stream_ends_with_its_session_unless_it_is_refreshed() {
    let (sandbox, bus) = sandbox().await;
    let mut refreshed = bus.subscribe(fetch(ACCOUNTS, LATEST, 5)).await.unwrap();
    let username = sandbox.credentials.username.clone();
    let mut ended = bus.subscribe(fetch(ACCOUNTS, LATEST, 5)).await.unwrap();
    sandbox.account("both").await;
    refreshed.events(1).await;
    ended.events(1).await;
    let revoke = |token: String| {
        sandbox.bare(reqwest::Method::POST, "/services/oauth2/revoke").form(&[("token", token)])
    };

    let session = sandbox.control(&format!("as/{username}"), &json!({})).await.json();
    let token = session["access_token"].as_str().unwrap().to_owned();
    refreshed.ask(Fetch { auth_refresh: token.clone(), ..fetch(ACCOUNTS, LATEST, 1) });
    sandbox.account("asked for").await;
    refreshed.events(1).await;
    revoke(sandbox.credentials.access_token.clone()).send().await.unwrap();

    let status = ended.end().await;
    assert_eq!((status.code(), error_code(&status)), (Code::Unauthenticated, "service.auth.error"));
    sandbox.control("records/Account", &json!({ "Name": "afterwards" })).await;
    assert_eq!(refreshed.events(1).await.len(), 1, "it has a session of its own");
    revoke(token).send().await.unwrap();
    assert_eq!(refreshed.end().await.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_idle_stream_tells_where_to_go_on_from() {
    let (sandbox, bus) = sandbox().await;
    sandbox.control("events/settings", &json!({ "keepalive_millis": 20 })).await;
    let mut subscription = bus.subscribe(fetch(ACCOUNTS, EARLIEST, 5)).await.unwrap();
    sandbox.post("sobjects/Contact", &json!({ "LastName": "of another topic" })).await;

    let keepalive = loop {
        let answer = subscription.next().await;
        assert!(answer.events.is_empty());
        if answer.latest_replay_id != [0; 8] {
            break answer;
        }
    };

    assert_eq!(keepalive.pending_num_requested, 5);
    let after = Fetch { replay_id: keepalive.latest_replay_id, ..fetch(ACCOUNTS, CUSTOM, 5) };
    let mut resumed = bus.subscribe(after).await.unwrap();
    sandbox.account("new").await;
    assert_eq!(bus.read(&resumed.events(1).await[0]).await["Name"], "new");
}

#[tokio::test]
async fn streams_can_be_cut_and_calls_made_to_fail() {
    let (sandbox, bus) = sandbox().await;
    let mut subscription = bus.subscribe(fetch(ACCOUNTS, LATEST, 5)).await.unwrap();
    sandbox.account("before").await;
    subscription.events(1).await;

    sandbox.simulator.control().unwrap().cut_streams().await.unwrap();
    let status = subscription.end().await;
    assert_eq!((status.code(), error_code(&status)), (Code::Unavailable, "service.unavailable"));

    let fault = json!({ "kind": "status", "status": 503, "operation": "pubsub" });
    assert_eq!(sandbox.control("faults", &fault).await.status, 201);
    assert_eq!(bus.topic(ACCOUNTS).await.unwrap_err().code(), Code::Unavailable);
    assert!(bus.topic(ACCOUNTS).await.is_ok());
}

//! CometD: Bayeux over long polling, with replay.

use std::time::{Duration, Instant};

use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::{bayeux::Bayeux, support::Sandbox};

const ACCOUNTS: &str = "/data/AccountChangeEvent";

async fn sandbox(hold: Duration) -> Sandbox {
    let cdc = vec!["Account".to_owned(), "Contact".to_owned(), "Invoice__c".to_owned()];
    let session_lifetime = Duration::from_hours(200);
    let config = Config { empty: true, cdc, session_lifetime, ..Config::default() };
    Sandbox::of(Config { connect_timeout: hold, ..config }).await
}

async fn shaken_hands(sandbox: &Sandbox) -> Bayeux {
    let mut bayeux = Bayeux::new(sandbox);
    let reply = bayeux.handshake().await;
    assert_eq!(reply["successful"], json!(true), "{reply}");
    bayeux
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["data"]["payload"]["Name"].as_str().unwrap()).collect()
}

fn replay_id(event: &Value) -> i64 {
    event["data"]["event"]["replayId"].as_i64().unwrap()
}

#[tokio::test]
async fn a_handshake_offers_replay_and_long_polling() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let mut bayeux = Bayeux::new(&sandbox);

    let reply = bayeux.handshake().await;

    assert_eq!(reply["ext"], json!({ "replay": true, "payload.format": true }));
    assert_eq!(reply["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!((&reply["version"], &reply["id"]), (&json!("1.0"), &json!("1")));
    assert!(bayeux.cookie.starts_with("BAYEUX_BROWSER="));
    let reply = bayeux.connect().await;
    assert_eq!(
        reply["advice"],
        json!({ "interval": 0, "timeout": 50, "reconnect": "retry" }),
        "the first connect is answered at once"
    );
}

#[tokio::test]
async fn a_connect_is_held_until_there_is_an_event() {
    let sandbox = sandbox(Duration::from_mins(1)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -1).await;
    bayeux.connect().await;

    let begun = Instant::now();
    let (events, _) = tokio::join!(bayeux.events(1), sandbox.account("awaited"));

    assert_eq!(names(&events), ["awaited"]);
    assert_eq!(events[0]["channel"], ACCOUNTS);
    assert!(events[0]["data"]["schema"].is_string());
    assert!(begun.elapsed() < Duration::from_secs(30), "it did not wait for the time to pass");
}

#[tokio::test]
async fn a_connect_without_events_is_answered_when_its_time_is_over() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -1).await;
    bayeux.connect().await;

    let reply = bayeux.connect().await;

    assert_eq!(reply["successful"], json!(true));
    assert_eq!(bayeux.events(0).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_subscription_starts_anew_with_everything_or_after_an_event() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    for name in ["a", "b", "c"] {
        sandbox.account(name).await;
    }
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -2).await;
    let all = bayeux.events(3).await;
    assert_eq!(names(&all), ["a", "b", "c"]);
    assert!(replay_id(&all[0]) < replay_id(&all[1]));

    let mut later = shaken_hands(&sandbox).await;
    later.subscribe(ACCOUNTS, replay_id(&all[0])).await;
    assert_eq!(names(&later.events(2).await), ["b", "c"]);

    let mut new = shaken_hands(&sandbox).await;
    new.subscribe(ACCOUNTS, -1).await;
    sandbox.account("d").await;
    assert_eq!(names(&new.events(1).await), ["d"]);
}

#[tokio::test]
async fn a_replay_id_that_is_unknown_lost_or_too_old_is_refused() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    for name in ["a", "b", "c"] {
        sandbox.account(name).await;
    }
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -2).await;
    let ids: Vec<i64> = bayeux.events(3).await.iter().map(replay_id).collect();
    let refused = async |bayeux: &mut Bayeux, id: i64| {
        let reply = bayeux.subscribe(ACCOUNTS, id).await;
        assert_eq!(reply["successful"], json!(false), "{reply}");
        let error = reply["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("400::The replayId {"), "{error}");
        assert!(error.contains(&format!("{{{id}}} you provided was invalid")), "{error}");
    };

    refused(&mut bayeux, ids[2] + 1).await;
    refused(&mut bayeux, -3).await;
    sandbox.control("events/lose", &json!({ "through": ids[0] })).await;
    refused(&mut bayeux, ids[0]).await;
    sandbox.control("clock", &json!({ "advance_seconds": 72 * 3600 })).await;
    bayeux = shaken_hands(&sandbox).await;
    refused(&mut bayeux, ids[1]).await;
    bayeux.subscribe(ACCOUNTS, -2).await;
    assert_eq!(bayeux.events(0).await.len(), 0, "events are kept for three days");
}

#[tokio::test]
async fn each_object_has_its_channel_and_all_have_one() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    for channel in ["/data/ContactChangeEvent", "/data/Invoice__ChangeEvent", "/data/ChangeEvents"]
    {
        let reply = bayeux.subscribe(channel, -1).await;
        assert_eq!(reply["successful"], json!(true), "{reply}");
        assert_eq!(reply["subscription"], channel);
    }
    let account = sandbox.account("a").await;
    sandbox.post("sobjects/Contact", &json!({ "LastName": "c" })).await;
    sandbox.post("sobjects/Invoice__c", &json!({ "Account__c": account })).await;

    let events = bayeux.events(5).await;

    let mut channels: Vec<&str> =
        events.iter().map(|event| event["channel"].as_str().unwrap()).collect();
    channels.sort_unstable();
    assert_eq!(
        channels,
        [
            "/data/ChangeEvents",
            "/data/ChangeEvents",
            "/data/ChangeEvents",
            "/data/ContactChangeEvent",
            "/data/Invoice__ChangeEvent"
        ]
    );
    let reply = bayeux.subscribe("/data/NothingChangeEvent", -1).await;
    assert_eq!(reply["successful"], json!(false), "{reply}");
}

#[tokio::test]
async fn an_unsubscribed_channel_is_silent() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -1).await;
    let leave = json!({ "channel": "/meta/unsubscribe", "subscription": ACCOUNTS });
    assert_eq!(bayeux.send(leave).await["successful"], json!(true));
    sandbox.account("unheard").await;

    bayeux.connect().await;

    assert_eq!(bayeux.events(0).await.len(), 0);
}

#[tokio::test]
async fn an_unknown_client_is_told_to_shake_hands() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let assert_unknown = |reply: &Value| {
        assert_eq!(reply["error"], "403::Unknown client", "{reply}");
        assert_eq!(reply["advice"]["reconnect"], "handshake");
    };

    let mut gone = shaken_hands(&sandbox).await;
    gone.send(json!({ "channel": "/meta/disconnect" })).await;
    assert_unknown(&gone.connect().await);

    let mut without_cookie = shaken_hands(&sandbox).await;
    without_cookie.cookie.clear();
    assert_unknown(&without_cookie.connect().await);

    let mut away = shaken_hands(&sandbox).await;
    sandbox.control("clock", &json!({ "advance_seconds": 39 })).await;
    assert_eq!(away.connect().await["successful"], json!(true));
    sandbox.control("clock", &json!({ "advance_seconds": 41 })).await;
    assert_unknown(&away.connect().await);

    let mut forgotten = shaken_hands(&sandbox).await;
    sandbox.control("events/forget-clients", &json!({})).await;
    assert_unknown(&forgotten.subscribe(ACCOUNTS, -1).await);
}

#[tokio::test]
async fn without_a_session_nothing_is_told() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    sandbox.control("expire-sessions", &json!({})).await;

    let reply = bayeux.connect().await;
    assert_eq!(reply["error"], "401::Authentication invalid", "{reply}");
    assert_eq!(reply["advice"]["reconnect"], "none");

    let reply = bayeux.handshake().await;
    assert_eq!(reply["error"], "403::Handshake denied", "{reply}");
    assert_eq!(reply["ext"]["sfdc"]["failureReason"], "401::Authentication invalid");

    bayeux.token.clear();
    let answer = bayeux.post(&json!([{ "channel": "/meta/handshake", "id": "1" }])).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()[0]["error"], "401::Request requires authentication");
}

#[tokio::test]
async fn messages_come_in_batches_and_are_answered_in_order() {
    let sandbox = sandbox(Duration::from_mins(1)).await;
    let bayeux = shaken_hands(&sandbox).await;
    let with_client = |channel: &str, more: Value| {
        let mut message =
            json!({ "channel": channel, "clientId": bayeux.client_id, "id": channel });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };

    let answer = bayeux
        .post(&json!([
            with_client("/meta/subscribe", json!({ "subscription": ACCOUNTS })),
            with_client("/meta/connect", json!({ "connectionType": "long-polling" })),
            with_client("/data/AccountChangeEvent", json!({ "data": {} })),
        ]))
        .await;

    let replies = answer.json();
    let ids: Vec<&Value> = replies.as_array().unwrap().iter().map(|reply| &reply["id"]).collect();
    assert_eq!(ids, ["/meta/subscribe", "/meta/connect", ACCOUNTS]);
    assert_eq!(replies[2]["successful"], json!(false), "nobody publishes here");
    let large = json!([{ "channel": "/meta/handshake", "padding": "x".repeat(32_768) }]);
    assert_eq!(bayeux.post(&large).await.status, 413);
    assert_eq!(bayeux.post(&json!("nonsense")).await.status, 400);
}

#[tokio::test]
async fn a_newer_connect_takes_the_place_of_an_older_one() {
    let sandbox = sandbox(Duration::from_mins(1)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -1).await;
    bayeux.connect().await;
    let connect = json!([{
        "channel": "/meta/connect",
        "clientId": bayeux.client_id,
        "connectionType": "long-polling",
    }]);

    let twice = async {
        let one = bayeux.post(&connect);
        let other = bayeux.post(&connect);
        futures_util::future::select(Box::pin(one), Box::pin(other)).await.factor_first().0
    };
    let first = tokio::time::timeout(Duration::from_secs(20), twice).await.unwrap();

    assert_eq!(first.json().as_array().unwrap().len(), 1, "{}", first.text);
}

#[tokio::test]
async fn a_spent_allocation_stops_delivery_until_there_is_more() {
    let sandbox = sandbox(Duration::from_millis(50)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -1).await;
    sandbox.control("events/settings", &json!({ "allocation": 2, "delivered": 0 })).await;
    for name in ["a", "b", "c"] {
        sandbox.account(name).await;
    }
    assert_eq!(names(&bayeux.events(2).await), ["a", "b"]);

    let reply = bayeux.connect().await;
    assert_eq!(reply["error"], "403::Organization total events daily limit exceeded", "{reply}");

    sandbox.control("events/settings", &json!({ "delivered": 0 })).await;
    assert_eq!(names(&bayeux.events(1).await), ["c"], "it stayed on the bus");
}

#[tokio::test]
async fn a_cut_stream_breaks_its_connection_and_loses_nothing() {
    let sandbox = sandbox(Duration::from_mins(1)).await;
    let mut bayeux = shaken_hands(&sandbox).await;
    bayeux.subscribe(ACCOUNTS, -1).await;
    bayeux.connect().await;
    let held = reqwest::Client::builder().no_proxy().build().unwrap();
    let connect = json!([{
        "channel": "/meta/connect",
        "clientId": bayeux.client_id,
        "connectionType": "long-polling",
    }]);
    let request = held
        .post(format!("{}/cometd/66.0", sandbox.simulator.url()))
        .bearer_auth(&bayeux.token)
        .header("Cookie", &bayeux.cookie)
        .json(&connect);

    let cutting = async {
        loop {
            sandbox.control("events/cut", &json!({})).await;
        }
    };
    let outcome = tokio::select! {
        outcome = request.send() => outcome,
        () = cutting => unreachable!(),
    };

    assert!(outcome.is_err(), "{outcome:?}");
    sandbox.account("afterwards").await;
    assert_eq!(names(&bayeux.events(1).await), ["afterwards"]);
}

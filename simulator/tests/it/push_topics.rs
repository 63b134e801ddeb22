//! Push topics: statements whose rows are told of when they change.

use std::time::Duration;

use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::{bayeux::Bayeux, support::Sandbox};

async fn subscribed(topic: Value) -> (Sandbox, Bayeux) {
    let connect_timeout = Duration::from_millis(50);
    let sandbox = Sandbox::of(Config { empty: true, connect_timeout, ..Config::default() }).await;
    let answer = sandbox.post("sobjects/PushTopic", &topic).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let mut bayeux = Bayeux::new(&sandbox);
    bayeux.handshake().await;
    let channel = format!("/topic/{}", topic["Name"].as_str().unwrap());
    let reply = bayeux.subscribe(&channel, -1).await;
    assert_eq!(reply["successful"], json!(true), "{reply}");
    (sandbox, bayeux)
}

fn told(events: &[Value]) -> Vec<(&str, &Value)> {
    events
        .iter()
        .map(|event| &event["data"])
        .map(|data| (data["event"]["type"].as_str().unwrap(), &data["sobject"]))
        .collect()
}

#[tokio::test]
async fn a_topic_tells_of_the_rows_of_its_statement() {
    let (sandbox, mut bayeux) = subscribed(json!({
        "Name": "Big",
        "Query": "SELECT Id, Name FROM Account WHERE NumberOfEmployees > 10",
        "ApiVersion": 66.0,
    }))
    .await;
    let create = async |name: &str, size: i64| {
        let body = json!({ "Name": name, "NumberOfEmployees": size });
        sandbox.post("sobjects/Account", &body).await.json()["id"].as_str().unwrap().to_owned()
    };
    create("small", 1).await;
    let id = create("big", 100).await;
    let path = format!("sobjects/Account/{id}");
    sandbox.patch(&path, &json!({ "Phone": "of no interest" })).await;
    sandbox.patch(&path, &json!({ "Name": "bigger" })).await;
    sandbox.patch(&path, &json!({ "NumberOfEmployees": 5 })).await;
    sandbox.patch(&path, &json!({ "NumberOfEmployees": 50 })).await;
    sandbox.delete(&path).await;

    let events = bayeux.events(4).await;

    assert_eq!(
        told(&events),
        [
            ("created", &json!({ "Id": id, "Name": "big" })),
            ("updated", &json!({ "Id": id, "Name": "bigger" })),
            ("updated", &json!({ "Id": id, "Name": "bigger" })),
            ("deleted", &json!({ "Id": id })),
        ]
    );
    assert_eq!(events[0]["channel"], "/topic/Big");
    assert!(events[0]["data"]["event"]["replayId"].is_u64());
    assert!(events[0]["data"]["event"]["createdDate"].is_string());
}

#[tokio::test]
async fn a_topic_tells_only_what_it_was_asked_to() {
    let (sandbox, mut bayeux) = subscribed(json!({
        "Name": "New",
        "Query": "SELECT Id FROM Account",
        "NotifyForOperationUpdate": false,
        "NotifyForOperationDelete": false,
    }))
    .await;
    let id = sandbox.account("a").await;
    sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Name": "b" })).await;
    sandbox.delete(&format!("sobjects/Account/{id}")).await;
    sandbox.account("c").await;

    let events = bayeux.events(2).await;

    assert!(told(&events).iter().all(|(kind, _)| *kind == "created"));
    let reply = bayeux.subscribe("/topic/Nothing", -1).await;
    assert_eq!(reply["successful"], json!(false), "{reply}");
}

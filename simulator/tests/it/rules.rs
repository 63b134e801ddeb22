//! Rules set up while the org runs: validation rules, duplicate rules and triggers, and which calls
//! they concern.

use reqwest::{Method, StatusCode};
use salesforce_simulator::org::{DuplicateAction, RuleSpec, TriggerEvent};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

fn trigger(events: &[TriggerEvent], script: &str) -> RuleSpec {
    RuleSpec::Trigger {
        object: "Account".to_owned(),
        name: "Trig".to_owned(),
        events: events.to_vec(),
        script: script.to_owned(),
    }
}

fn same_phone(action: DuplicateAction) -> RuleSpec {
    RuleSpec::Duplicate {
        object: "Account".to_owned(),
        name: "Same_Phone".to_owned(),
        fields: vec!["Phone".to_owned()],
        action,
    }
}

#[tokio::test]
async fn rules_are_defined_listed_and_removed() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let rule = RuleSpec::Validation {
        object: "Account".to_owned(),
        formula: "LEN(Name) < 3".to_owned(),
        message: "Too short".to_owned(),
        field: Some("Name".to_owned()),
    };

    let defined = control.define_rule(&rule).await.unwrap();
    assert_eq!(control.rules().await.unwrap(), std::slice::from_ref(&defined));
    let refused = sandbox.post("sobjects/Account", &json!({ "Name": "x" })).await;
    assert_refused(&refused, StatusCode::BAD_REQUEST, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!(
        refused.json()[0],
        json!({ "message": "Too short", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Name"] })
    );

    control.remove_rule(defined.id).await.unwrap();
    assert!(control.remove_rule(defined.id).await.is_err(), "it is gone");
    sandbox.account("x").await;
    let broken = sandbox
        .control(
            "rules",
            &json!({ "kind": "validation", "object": "Account", "formula": "(", "message": "x" }),
        )
        .await;
    assert_refused(&broken, StatusCode::BAD_REQUEST, "INVALID_RULE");
}

#[tokio::test]
async fn what_a_trigger_stored_is_not_what_was_sent() {
    let sandbox = Sandbox::empty().await;
    let script = "row.Name = row.Name.to_upper();";
    let events = [TriggerEvent::BeforeInsert, TriggerEvent::BeforeUpdate];
    sandbox.steer().define_rule(&trigger(&events, script)).await.unwrap();

    let id = sandbox.account("ada").await;
    let path = format!("sobjects/Account/{id}");
    assert_eq!(sandbox.get(&path).await.json()["Name"], "ADA");
    assert_eq!(sandbox.patch(&path, &json!({ "Name": "eve" })).await.status, 204);
    assert_eq!(sandbox.get(&path).await.json()["Name"], "EVE");
}

#[tokio::test]
async fn a_trigger_refuses_one_row_of_a_collection() {
    let sandbox = Sandbox::empty().await;
    let script = r#"if row.Name == "bad" { throw "no luck"; }"#;
    sandbox.steer().define_rule(&trigger(&[TriggerEvent::AfterInsert], script)).await.unwrap();
    let record = |name: &str| json!({ "attributes": { "type": "Account" }, "Name": name });

    let body = json!({ "records": [record("good"), record("bad")] });
    let results = sandbox.post("composite/sobjects", &body).await.json();

    assert_eq!(results[0]["success"], true);
    let error = &results[1]["errors"][0];
    assert_eq!(error["statusCode"], "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Trig: execution of AfterInsert\n\ncaused by: no luck"));
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 1);
}

#[tokio::test]
async fn an_alert_for_duplicates_yields_to_the_header_in_every_call_that_has_one() {
    let sandbox = Sandbox::empty().await;
    let account = json!({ "Name": "x", "Phone": "1" });
    sandbox.post("sobjects/Account", &account).await;
    sandbox.steer().define_rule(&same_phone(DuplicateAction::Alert)).await.unwrap();
    let row = json!({ "attributes": { "type": "Account" }, "Name": "x", "Phone": "1" });
    let collection = json!({ "records": [row] });
    let composite = |header: &str| {
        json!({ "compositeRequest": [{
            "method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": "a",
            "body": account, "httpHeaders": { "Sforce-Duplicate-Rule-Header": header },
        }]})
    };
    let send = async |path: &str, body: &Value, header: &str| {
        let request = sandbox.request(Method::POST, path).json(body);
        let request = request.header("Sforce-Duplicate-Rule-Header", header);
        Answer::of(request.send().await.unwrap()).await
    };

    let single = send("sobjects/Account", &account, "allowSave=false").await;
    let many = send("composite/sobjects", &collection, "allowSave=false").await.json();
    let inner = send("composite", &composite("allowSave=false"), "").await.json();
    assert_refused(&single, StatusCode::BAD_REQUEST, "DUPLICATES_DETECTED");
    assert_eq!(single.json()[0]["duplicateResult"]["duplicateRule"], "Same_Phone");
    assert_eq!(single.json()[0].get("fields"), None);
    assert_eq!(many[0]["errors"][0]["statusCode"], "DUPLICATES_DETECTED");
    assert_eq!(inner["compositeResponse"][0]["body"][0]["errorCode"], "DUPLICATES_DETECTED");

    let header = "allowSave=true; includeRecordDetails=true; runAsCurrentUser=true";
    assert_eq!(send("sobjects/Account", &account, header).await.status, 201);
    assert_eq!(send("composite/sobjects", &collection, header).await.json()[0]["success"], true);
    let inner = send("composite", &composite(header), "").await.json();
    assert_eq!(inner["compositeResponse"][0]["httpStatusCode"], 201, "{inner}");
}

#[tokio::test]
async fn a_block_for_duplicates_yields_to_nothing() {
    let sandbox = Sandbox::empty().await;
    let account = json!({ "Name": "x", "Phone": "1" });
    sandbox.post("sobjects/Account", &account).await;
    sandbox.steer().define_rule(&same_phone(DuplicateAction::Block)).await.unwrap();

    let request = sandbox.request(Method::POST, "sobjects/Account").json(&account);
    let request = request.header("Sforce-Duplicate-Rule-Header", "allowSave=true");
    let answer = Answer::of(request.send().await.unwrap()).await;

    assert_refused(&answer, StatusCode::BAD_REQUEST, "DUPLICATES_DETECTED");
}

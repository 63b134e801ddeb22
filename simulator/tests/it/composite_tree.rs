//! `/composite/tree/X`: new rows with their children below them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

fn record(object: &str, id: &str, fields: &Value) -> Value {
    let mut record = json!({ "attributes": { "type": object, "referenceId": id } });
    for (name, value) in fields.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

async fn tree(sandbox: &Sandbox, object: &str, records: Vec<Value>) -> Answer {
    sandbox.post(&format!("composite/tree/{object}"), &json!({ "records": records })).await
}

#[tokio::test]
async fn children_are_made_below_their_parents_and_told_level_by_level() {
    let sandbox = Sandbox::empty().await;
    let contacts = json!({ "records": [
        record("Contact", "ada", &json!({ "LastName": "Ada" })),
        record("Contact", "bob", &json!({ "LastName": "Bob" })),
    ] });
    let records = vec![
        record("Account", "acme", &json!({ "Name": "Acme", "Contacts": contacts })),
        record("Account", "other", &json!({ "Name": "Other" })),
    ];

    let answer = tree(&sandbox, "Account", records).await;

    assert_eq!(answer.status, 201, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["hasErrors"], false);
    let ids: Vec<&Value> =
        answer["results"].as_array().unwrap().iter().map(|r| &r["referenceId"]).collect();
    assert_eq!(ids, ["acme", "other", "ada", "bob"]);
    let acme = answer["results"][0]["id"].as_str().unwrap();
    let soql = format!("SELECT COUNT() FROM Contact WHERE AccountId = '{acme}'");
    assert_eq!(sandbox.query(&soql).await["totalSize"], 2);
}

#[tokio::test]
async fn one_bad_row_takes_everything_back_and_is_told_in_its_own_shape() {
    let sandbox = Sandbox::empty().await;
    let contacts = json!({ "records": [
        record("Contact", "good", &json!({ "LastName": "Ada" })),
        record("Contact", "nameless", &json!({})),
        record("Contact", "email", &json!({ "LastName": "Bob", "Email": "no" })),
    ] });
    let records = vec![record("Account", "acme", &json!({ "Name": "Acme", "Contacts": contacts }))];

    let answer = tree(&sandbox, "Account", records).await;

    assert_eq!(answer.status, 400);
    let answer = answer.json();
    assert_eq!(answer["hasErrors"], true);
    let told: Vec<(&Value, &Value)> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (&result["referenceId"], &result["errors"][0]["statusCode"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("nameless"), &json!("REQUIRED_FIELD_MISSING")),
            (&json!("email"), &json!("INVALID_EMAIL_ADDRESS"))
        ]
    );
    assert_eq!(answer["results"][0]["errors"][0]["fields"], json!(["LastName"]));
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
    assert_eq!(sandbox.query("SELECT COUNT() FROM Contact").await["totalSize"], 0);
}

#[tokio::test]
async fn trees_that_cannot_be_meant_are_refused() {
    let sandbox = Sandbox::empty().await;
    let name = json!({ "Name": "x" });
    let many: Vec<Value> = (0..201).map(|n| record("Account", &format!("r{n}"), &name)).collect();
    let deep = (0..6).rev().fold(Value::Null, |below, n| {
        let mut fields = name.clone();
        if !below.is_null() {
            fields["ChildAccounts"] = json!({ "records": [below] });
        }
        record("Account", &format!("r{n}"), &fields)
    });
    let mut nameless = record("Account", "x", &name);
    nameless["attributes"].as_object_mut().unwrap().remove("referenceId");
    #[rustfmt::skip]
    let table = [
        (many,                                                                       "records"),
        (vec![deep],                                                                 "levels"),
        (vec![record("Account", "a", &name), record("Account", "a", &name)],         "Duplicate ReferenceId provided in the request."),
        (vec![record("Account", "a b", &name)],                                      "must start with a letter or a number"),
        (vec![record("Contact", "a", &json!({ "LastName": "x" }))],                  "type Contact"),
        (vec![record("Account", "a", &json!({ "Name": "x", "Nope": { "records": [] } }))], "No such child relationship"),
        (vec![nameless],                                                             "reference ID"),
        (vec![json!(1)],                                                             "no object"),
    ];
    for (records, message) in table {
        let answer = tree(&sandbox, "Account", records).await;

        assert_eq!(answer.status, 400, "{message}");
        let error = answer.json()["results"][0]["errors"][0].clone();
        assert_eq!(error["statusCode"], "INVALID_INPUT", "{error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
    let unknown = tree(&sandbox, "Nope__c", vec![]).await;
    assert_refused(&unknown, StatusCode::NOT_FOUND, "NOT_FOUND");
    let shapeless = sandbox.post("composite/tree/Account", &json!([])).await;
    assert_refused(&shapeless, StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR");
    let verb = sandbox.send(Method::PUT, "composite/tree/Account", &json!({})).await;
    assert_refused(&verb, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
}

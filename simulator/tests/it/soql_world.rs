//! A few records that the tests of SOQL ask for, and answers short enough for tables.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

/// Three accounts with two contacts, three opportunities and a case; the clock stands still
/// between them but for one second.
pub(crate) async fn world() -> Sandbox {
    let sandbox = Sandbox::empty().await;
    let acme = create(&sandbox, "Account", json!({"Name": "Acme", "Industry": "Energy", "AnnualRevenue": 1000, "NumberOfEmployees": 10, "Tier__c": "Gold", "Regions__c": "Europe;Asia", "Contract_Start__c": "2024-02-29", "Last_Review__c": "2024-02-29T23:30:00Z", "Headquarters__Latitude__s": 45.76, "Headquarters__Longitude__s": 4.84, "BillingCity": "Lyon"})).await;
    let bolt = create(&sandbox, "Account", json!({"Name": "bolt_100%", "Industry": "Energy", "AnnualRevenue": 3000, "NumberOfEmployees": 25, "Tier__c": "Gold", "ParentId": acme, "Contract_Start__c": "2025-07-01", "Last_Review__c": "2025-01-01T00:00:00Z", "Headquarters__Latitude__s": 48.86, "Headquarters__Longitude__s": 2.35})).await;
    let neill = create(&sandbox, "Account", json!({"Name": "O'Neill", "AnnualRevenue": 2000, "Tier__c": "Silver", "Regions__c": "Europe", "ParentId": bolt})).await;
    create(&sandbox, "Contact", json!({"LastName": "Lovelace", "FirstName": "Ada", "AccountId": acme, "Email": "ada@example.com"})).await;
    create(
        &sandbox,
        "Contact",
        json!({"LastName": "Babbage", "FirstName": "Charles", "AccountId": acme}),
    )
    .await;
    create(&sandbox, "Contact", json!({"LastName": "Nobody"})).await;
    for (name, account, stage, amount) in [
        ("small", &acme, "Prospecting", json!(0.1)),
        ("large", &acme, "Closed Won", json!(0.2)),
        ("open", &neill, "Prospecting", Value::Null),
    ] {
        create(&sandbox, "Opportunity", json!({"Name": name, "AccountId": account, "StageName": stage, "Amount": amount, "CloseDate": "2024-05-01", "Probability": 50})).await;
    }
    create(&sandbox, "Case", json!({"Subject": "smoke", "AccountId": bolt})).await;
    sandbox
}

pub(crate) async fn create(sandbox: &Sandbox, object: &str, body: Value) -> String {
    let answer = sandbox.post(&format!("sobjects/{object}"), &body).await;
    assert_eq!(answer.status, 201, "{object} {body}: {}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// The answer to a statement, whatever it is.
pub(crate) async fn ask(sandbox: &Sandbox, soql: &str) -> Answer {
    let request = sandbox.request(Method::GET, "query").query(&[("q", soql)]);
    Answer::of(request.send().await.unwrap()).await
}

/// The records of a statement without their attributes, as compact JSON without its outer
/// brackets.
pub(crate) async fn found(sandbox: &Sandbox, soql: &str) -> String {
    let answer = ask(sandbox, soql).await;
    assert_eq!(answer.status, 200, "{soql}: {}", answer.text);
    let mut records = answer.json()["records"].clone();
    strip(&mut records);
    let text = records.to_string();
    text[1..text.len() - 1].to_owned()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("attributes");
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The first column of every record, as text between commas.
pub(crate) async fn column(sandbox: &Sandbox, soql: &str) -> String {
    let answer = ask(sandbox, soql).await;
    assert_eq!(answer.status, 200, "{soql}: {}", answer.text);
    let first = |record: &Value| {
        let members = record.as_object().unwrap();
        let value = members.iter().find(|(name, _)| *name != "attributes").unwrap().1;
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let json = answer.json();
    json["records"].as_array().unwrap().iter().map(first).collect::<Vec<_>>().join(",")
}

/// Asserts that a statement is refused with this code and words at the end of the message.
#[track_caller]
pub(crate) fn assert_says(soql: &str, answer: &Answer, code: &str, words: &str) {
    assert_refused(answer, StatusCode::BAD_REQUEST, code);
    let message = answer.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with(words), "{soql}: {message}");
}

//! Which requests a fault strikes.

use reqwest::Method;
use salesforce_simulator::{ControlError, Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::Sandbox;

/// A refusal that nothing else in these tests causes.
fn struck() -> Fault {
    Fault::new(FaultKind::status(418))
}

async fn statuses(sandbox: &Sandbox, path: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(sandbox.get(path).await.status);
    }
    statuses
}

#[tokio::test]
async fn every_so_many_requests_are_struck_after_some_have_passed() {
    let sandbox = Sandbox::empty().await;
    let armed = sandbox.steer().arm(struck().route("*/limits").after(1).nth(2)).await.unwrap();

    let seen = statuses(&sandbox, "limits", 6).await;

    assert_eq!(seen, [200, 200, 418, 200, 418, 200]);
    let listed = sandbox.steer().faults().await.unwrap();
    assert_eq!((listed[0].id, listed[0].seen, listed[0].struck), (armed.id, 6, 2));
    let history = sandbox.steer().struck().await.unwrap();
    let places: Vec<_> =
        history.iter().map(|struck| (struck.fault, struck.path.as_str())).collect();
    assert_eq!(places, [(armed.id, "/services/data/v66.0/limits"); 2]);
}

#[tokio::test]
async fn dice_of_the_same_seed_strike_the_same_requests() {
    let sandbox = Sandbox::empty().await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let armed = sandbox.steer().arm(struck().probability(0.5, 42)).await.unwrap();
        runs.push(statuses(&sandbox, "limits", 20).await);
        sandbox.steer().disarm(armed.id).await.unwrap();
    }

    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&418), "{runs:?}");
}

#[tokio::test]
async fn a_fault_can_wait_for_an_object_however_the_request_names_it() {
    let sandbox = Sandbox::empty().await;
    let contact = json!({ "attributes": { "type": "Contact" }, "LastName": "x" });
    let account = json!({ "attributes": { "type": "Account" }, "Name": "x" });
    let soql = |object: &str| format!("query?q=SELECT+Id+FROM+{object}");
    let job = |object: &str| json!({ "object": object, "operation": "insert" });
    let query_job =
        |object: &str| json!({ "operation": "query", "query": format!("SELECT Id FROM {object}") });
    #[rustfmt::skip]
    let table: [(Method, [String; 2], [Value; 2]); 5] = [
        (Method::GET,  [soql("Contact"), soql("Account")],                                       [json!(null), json!(null)]),
        (Method::GET,  ["sobjects/contact/describe".into(), "sobjects/Account/describe".into()], [json!(null), json!(null)]),
        (Method::POST, ["composite/sobjects".into(), "composite/sobjects".into()],               [json!({ "records": [contact] }), json!({ "records": [account] })]),
        (Method::POST, ["jobs/ingest".into(), "jobs/ingest".into()],                             [job("Contact"), job("Account")]),
        (Method::POST, ["jobs/query".into(), "jobs/query".into()],                               [query_job("Contact"), query_job("Account")]),
    ];
    sandbox.steer().arm(struck().object("Contact").forever()).await.unwrap();

    for (method, [meant, other], [meant_body, other_body]) in table {
        let hit = sandbox.send(method.clone(), &meant, &meant_body).await;
        let passed = sandbox.send(method, &other, &other_body).await;

        assert_eq!(hit.status, 418, "{meant}");
        assert_eq!(passed.status, 200, "{other}: {}", passed.text);
    }
}

#[tokio::test]
async fn a_fault_can_wait_for_a_user_or_for_many_rows() {
    let sandbox = Sandbox::empty().await;
    let record = json!({ "attributes": { "type": "Account" }, "Name": "x" });
    let records = |count| json!({ "records": vec![record.clone(); count] });
    let human = sandbox.credentials.user_username.clone();
    sandbox.steer().arm(struck().user(human).forever()).await.unwrap();
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits");
    let as_human = limits.bearer_auth(&sandbox.credentials.user_token).send().await.unwrap();
    assert_eq!((as_human.status().as_u16(), sandbox.get("limits").await.status), (418, 200));
    sandbox.steer().disarm_all().await.unwrap();

    sandbox.steer().arm(struck().min_rows(3).forever()).await.unwrap();
    let few = sandbox.post("composite/sobjects", &records(2)).await;
    let many = sandbox.post("composite/sobjects", &records(3)).await;

    assert_eq!((few.status, many.status), (200, 418));
}

#[tokio::test]
async fn a_misspelt_rule_is_refused() {
    let sandbox = Sandbox::empty().await;

    let answer = sandbox.control("faults", &json!({ "kind": "cut_after", "rout": "*" })).await;

    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("unknown field `rout`"), "{}", answer.text);
    assert!(answer.text.contains("`route`, `method`, `operation`"), "{}", answer.text);
    let nothing = sandbox.steer().release(77).await.unwrap();
    assert_eq!(nothing, 0);
    let refused = sandbox.steer().call(Method::DELETE, "faults/x", None).await.unwrap_err();
    assert!(matches!(refused, ControlError::Refused { status: 404, .. }), "{refused}");
}

//! The routes by which an org is steered.

use reqwest::Method;
use salesforce_simulator::Config;
use serde_json::json;

use crate::support::{Answer, Sandbox};

#[tokio::test]
async fn the_log_tells_what_was_asked_and_the_counters_what_was_done() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(3).await;
    sandbox.get("sobjects/Nothing").await;

    let log =
        Answer::of(sandbox.bare(Method::GET, "/__org/requests").send().await.unwrap()).await.json();
    let counters =
        Answer::of(sandbox.bare(Method::GET, "/__org/counters").send().await.unwrap()).await.json();

    assert_eq!(log.as_array().unwrap().len(), 2, "control requests are not logged");
    assert_eq!(log[0]["method"], "POST");
    assert_eq!(log[0]["path"], "/services/data/v66.0/composite/sobjects");
    assert_eq!(
        (&log[0]["api"], &log[0]["status"], &log[0]["records"]),
        (&json!("collection"), &json!(200), &json!(3))
    );
    assert_eq!(log[0]["username"], json!(sandbox.credentials.username));
    assert_eq!(log[1]["status"], 404);
    assert_eq!(counters["rows"], json!({ "created": 3 }));
    assert_eq!(counters["requests"]["collection"], 1);

    sandbox.bare(Method::DELETE, "/__org/requests").send().await.unwrap();
    let log =
        Answer::of(sandbox.bare(Method::GET, "/__org/requests").send().await.unwrap()).await.json();
    assert_eq!(log, json!([]));
}

#[tokio::test]
async fn another_user_can_be_acted_as() {
    let sandbox = Sandbox::empty().await;
    let human = sandbox.control("records/Account", &json!({ "Name": "by hand" })).await.json();
    let machine = sandbox.account("by machine").await;

    let rows = sandbox.query("SELECT Id, CreatedById FROM Account ORDER BY Name").await;
    let creators = [&rows["records"][0]["CreatedById"], &rows["records"][1]["CreatedById"]];
    assert_ne!(creators[0], creators[1], "{human} and {machine}");

    let answer =
        sandbox.control(&format!("as/{}", sandbox.credentials.username), &json!({})).await.json();
    let token = answer["access_token"].as_str().unwrap();
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits").bearer_auth(token);
    assert_eq!(limits.send().await.unwrap().status(), 200);
    assert_eq!(sandbox.control("as/nobody", &json!({})).await.status, 404);
}

#[tokio::test]
async fn sessions_can_be_ended_all_at_once() {
    let sandbox = Sandbox::empty().await;

    let ended = sandbox.control("expire-sessions", &json!({})).await.json();

    assert_eq!(ended["expired"], 2);
    assert_eq!(sandbox.get("limits").await.status, 401);
}

#[tokio::test]
async fn rows_come_back_from_the_recycle_bin_or_go_for_good() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(2).await;
    for id in &ids {
        sandbox.delete(&format!("sobjects/Account/{id}")).await;
    }

    let back = sandbox.control("undelete", &json!({ "ids": [ids[0]] })).await.json();
    let gone = sandbox.control("purge", &json!({ "ids": [ids[1]] })).await.json();

    assert_eq!(
        (&back[0]["success"], &gone[0]["success"]),
        (&json!(true), &json!(true)),
        "{back} {gone}"
    );
    let all = sandbox.get("queryAll?q=SELECT+Id,IsDeleted+FROM+Account").await.json();
    assert_eq!(all["totalSize"], 1);
    assert_eq!(all["records"][0]["IsDeleted"], json!(false));
}

#[tokio::test]
async fn a_reset_brings_the_sample_back_and_keeps_the_sessions() {
    let sandbox = Sandbox::of(Config { scale: 0.05, ..Config::default() }).await;
    let before = sandbox.query("SELECT Id, Name FROM Account ORDER BY Id").await;
    assert!(before["totalSize"].as_u64().unwrap() > 0);
    sandbox.account("another").await;

    assert_eq!(sandbox.control("reset", &json!({})).await.status, 204);

    let after = sandbox.query("SELECT Id, Name FROM Account ORDER BY Id").await;
    assert_eq!(before["records"], after["records"], "the same seed makes the same records");
}

#[tokio::test]
async fn a_stopped_org_answers_no_more() {
    let sandbox = Sandbox::empty().await;
    let url = sandbox.simulator.url();
    sandbox.get("limits").await;

    sandbox.simulator.stop().await;

    assert!(sandbox.http.get(url).send().await.is_err());
}

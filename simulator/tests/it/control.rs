//! The routes by which an org is steered.

use reqwest::{Method, StatusCode};
use salesforce_simulator::{Config, ControlError};
use serde_json::json;

use crate::support::{Answer, Sandbox, assert_refused};

#[tokio::test]
async fn the_index_lists_every_route_and_the_documentation_explains_it() {
    let sandbox = Sandbox::empty().await;

    let index = Answer::of(sandbox.bare(Method::GET, "/__org").send().await.unwrap()).await.json();

    assert_eq!(index["versions"], json!(["v1"]));
    let guide = include_str!("../../CONTROL.md");
    for route in index["routes"].as_array().unwrap() {
        let path = route["path"].as_str().unwrap();
        let heading = format!("`{} {path}`", route["method"].as_str().unwrap());
        assert!(guide.contains(&heading), "CONTROL.md does not explain {heading}");
        assert!(route["does"].as_str().unwrap().ends_with('.'), "{route}");
    }
}

#[tokio::test]
async fn unknown_routes_verbs_and_members_are_refused_with_the_known_ones_named() {
    let sandbox = Sandbox::empty().await;

    let unversioned = sandbox.bare(Method::POST, "/__org/reset").send().await.unwrap();
    let unknown = sandbox.control("nothing", &json!({})).await;
    let verb =
        Answer::of(sandbox.bare(Method::PUT, "/__org/v1/faults").send().await.unwrap()).await;
    let member = sandbox.control("limits", &json!({ "usd": 3 })).await;

    assert_eq!(unversioned.status(), 404);
    assert_refused(&unknown, StatusCode::NOT_FOUND, "NOT_FOUND");
    assert_refused(&verb, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
    assert_eq!(verb.header("allow"), "GET, POST, DELETE");
    assert_refused(&member, StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR");
    let expected = "unknown field `usd`, expected one of `used`, `limit`";
    assert!(member.text.contains(expected), "{}", member.text);
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_the_counters_what_was_done() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(3).await;
    let nothing = sandbox.request(Method::GET, "sobjects/Nothing");
    nothing.header("Sforce-Call-Options", "client=a").send().await.unwrap();

    let log = sandbox.steer().requests().await.unwrap();
    let counters = sandbox.steer().counters().await.unwrap();

    assert_eq!(log.len(), 2, "control requests are not logged");
    assert_eq!((log[0].method.as_str(), log[0].api.as_str()), ("POST", "collection"));
    assert_eq!(log[0].path, "/services/data/v66.0/composite/sobjects");
    assert_eq!((log[0].status, log[0].records), (Some(200), 3));
    assert_eq!(log[0].username.as_ref(), Some(&sandbox.credentials.username));
    assert_eq!(log[1].status, Some(404));
    let told = ("sforce-call-options".to_owned(), "client=a".to_owned());
    assert_eq!((log[0].options.len(), &log[1].options), (0, &[told].into()));
    assert_eq!(counters.rows, [("created".to_owned(), 3)].into());
    assert_eq!(counters.requests["collection"], 1);

    sandbox.steer().forget_requests().await.unwrap();
    assert_eq!(sandbox.steer().requests().await.unwrap(), []);
}

#[tokio::test]
async fn another_user_can_be_acted_as() {
    let sandbox = Sandbox::empty().await;
    let human = sandbox.steer().create("Account", &json!({ "Name": "by hand" })).await.unwrap();
    let machine = sandbox.account("by machine").await;

    let rows = sandbox.query("SELECT Id, CreatedById FROM Account ORDER BY Name").await;
    let creators = [&rows["records"][0]["CreatedById"], &rows["records"][1]["CreatedById"]];
    assert_ne!(creators[0], creators[1], "{human} and {machine}");

    let session = sandbox.steer().act_as(&sandbox.credentials.username).await.unwrap();
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits");
    let limits = limits.bearer_auth(session.access_token);
    assert_eq!(limits.send().await.unwrap().status(), 200);
    let nobody = sandbox.steer().act_as("nobody").await.unwrap_err();
    assert!(matches!(nobody, ControlError::Refused { status: 404, .. }), "{nobody}");
}

#[tokio::test]
async fn sessions_can_be_ended_all_at_once() {
    let sandbox = Sandbox::empty().await;

    let ended = sandbox.steer().expire_sessions().await.unwrap();

    assert_eq!(ended, 2);
    assert_eq!(sandbox.get("limits").await.status, 401);
}

#[tokio::test]
async fn rows_come_back_from_the_recycle_bin_or_go_for_good() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(2).await;
    for id in &ids {
        sandbox.delete(&format!("sobjects/Account/{id}")).await;
    }

    let back = sandbox.steer().undelete(&ids[..1]).await.unwrap();
    let gone = sandbox.steer().purge(&ids[1..]).await.unwrap();

    assert!(back[0].success && gone[0].success, "{back:?} {gone:?}");
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

    sandbox.steer().reset().await.unwrap();

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

//! Queries, page by page.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Sandbox, assert_refused};

#[tokio::test]
async fn a_record_starts_with_its_attributes_and_keeps_the_order_of_the_select() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("Ada").await;

    let answer = sandbox.get("query?q=SELECT+Name,Id,Website+FROM+Account").await;

    let url = format!("/services/data/v66.0/sobjects/Account/{id}");
    assert_eq!(
        answer.text,
        format!(
            "{{\"totalSize\":1,\"done\":true,\"records\":[{{\"attributes\":{{\"type\":\"Account\",\
             \"url\":\"{url}\"}},\"Name\":\"Ada\",\"Id\":\"{id}\",\"Website\":null}}]}}"
        )
    );
}

#[tokio::test]
async fn large_results_come_in_pages() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(450).await;

    let request = sandbox
        .request(Method::GET, "query")
        .query(&[("q", "SELECT Id FROM Account ORDER BY Id")])
        .header("Sforce-Query-Options", "batchSize=200");
    let mut page = Answer::of(request.send().await.unwrap()).await.json();

    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let records = page["records"].as_array().unwrap();
        sizes.push(records.len());
        seen.extend(records.iter().map(|record| record["Id"].as_str().unwrap().to_owned()));
        assert_eq!(page["totalSize"], 450);
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        assert!(next.starts_with("/services/data/v66.0/query/01g"), "{next}");
        let next = next.trim_start_matches("/services/data/v66.0/");
        page = sandbox.get(next).await.json();
    }
    assert_eq!(sizes, [200, 200, 50]);
    assert_eq!(page["done"], json!(true));
    assert!(seen.is_sorted() && seen.len() == 450);
}

#[tokio::test]
async fn a_locator_can_be_unknown_or_too_old() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(201).await;
    let request = sandbox
        .request(Method::GET, "query?q=SELECT+Id+FROM+Account")
        .header("Sforce-Query-Options", "batchSize=1");
    let page = Answer::of(request.send().await.unwrap()).await.json();
    let next = page["nextRecordsUrl"]
        .as_str()
        .unwrap()
        .trim_start_matches("/services/data/v66.0/")
        .to_owned();
    assert!(next.ends_with("-200"), "sizes below 200 are raised to it: {next}");

    assert_eq!(sandbox.get(&next).await.status, 200);
    assert_eq!(sandbox.get(&next.replace("query/", "queryAll/")).await.status, 200);
    sandbox.control("expire-cursors", &json!({})).await;

    for locator in [next.as_str(), "query/01g000000000000AAA-2000", "query/x"] {
        let answer = sandbox.get(locator).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, "INVALID_QUERY_LOCATOR");
    }
}

#[tokio::test]
async fn only_query_all_sees_the_recycle_bin() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("gone").await;
    sandbox.delete(&format!("sobjects/Account/{id}")).await;

    let live = sandbox.query("SELECT Id FROM Account").await;
    let all = sandbox.get("queryAll?q=SELECT+Id,IsDeleted+FROM+Account").await.json();

    assert_eq!(live["totalSize"], 0);
    assert_eq!(all["records"][0]["IsDeleted"], json!(true));
}

#[tokio::test]
async fn counting_answers_no_records() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(3).await;

    let answer = sandbox.query("SELECT COUNT() FROM Account").await;

    assert_eq!(answer, json!({ "totalSize": 3, "done": true, "records": [] }));
}

#[tokio::test]
async fn bad_statements_are_refused() {
    let sandbox = Sandbox::empty().await;

    #[rustfmt::skip]
    let table = [
        ("SELEC Id FROM Account",        "MALFORMED_QUERY"),
        ("SELECT Nope FROM Account",     "INVALID_FIELD"),
        ("SELECT Id FROM Nope",          "INVALID_TYPE"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ];
    for (soql, code) in table {
        let request = sandbox.request(Method::GET, "query").query(&[("q", soql)]);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, code);
        assert!(answer.json()[0].get("fields").is_none());
    }
    assert_refused(&sandbox.get("query").await, StatusCode::BAD_REQUEST, "MALFORMED_QUERY");
}

//! What holds for every request: versions, verbs, sizes, headers, compression.

use std::io::{Read, Write};

use reqwest::{Method, StatusCode};
use salesforce_simulator::Config;
use serde_json::json;

use crate::support::{Answer, Sandbox, assert_refused};

#[tokio::test]
async fn the_list_of_versions_needs_no_session_and_is_not_counted() {
    let sandbox = Sandbox::empty().await;

    let response = sandbox.bare(Method::GET, "/services/data/").send().await.unwrap();
    let answer = Answer::of(response).await;

    assert_eq!(answer.header("sforce-limit-info"), "");
    let versions = answer.json();
    let last = versions.as_array().unwrap().last().unwrap();
    assert_eq!(last["url"], "/services/data/v68.0");
}

#[tokio::test]
async fn versions_are_served_gone_or_unknown() {
    let sandbox = Sandbox::empty().await;

    for (version, status) in
        [("v50.0", 200), ("v68.0", 200), ("v30.0", 410), ("v1.0", 404), ("v99.0", 404)]
    {
        let request = sandbox
            .bare(Method::GET, &format!("/services/data/{version}/limits"))
            .bearer_auth(&sandbox.credentials.access_token);
        assert_eq!(request.send().await.unwrap().status(), status, "{version}");
    }
}

#[tokio::test]
async fn every_counted_answer_tells_the_usage_and_the_date_in_whole_seconds() {
    let sandbox = Sandbox::empty().await;

    let first = sandbox.get("limits").await;
    let refused = sandbox.get("sobjects/Nothing").await;

    assert_eq!(first.header("sforce-limit-info"), "api-usage=1/100000");
    assert_eq!(refused.header("sforce-limit-info"), "api-usage=2/100000");
    assert_eq!(first.json()["DailyApiRequests"], json!({ "Max": 100_000, "Remaining": 99_999 }));
    assert!(first.header("date").ends_with(" GMT"));
    assert_eq!(first.header("content-type"), "application/json;charset=UTF-8");
}

#[tokio::test]
async fn once_the_daily_limit_is_spent_everything_is_refused() {
    let sandbox = Sandbox::of(Config { empty: true, daily_limit: 1, ..Config::default() }).await;
    sandbox.get("limits").await;

    let answer = sandbox.get("limits").await;

    assert_refused(&answer, StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(answer.json()[0]["message"], "TotalRequests Limit exceeded.");
}

#[tokio::test]
async fn trailing_slashes_and_the_case_of_objects_do_not_matter() {
    let sandbox = Sandbox::empty().await;

    assert_eq!(sandbox.get("query/?q=SELECT+Id+FROM+Account").await.status, 200);
    assert_eq!(sandbox.get("sobjects/aCCOUNT/describe/").await.json()["name"], "Account");
    assert_eq!(sandbox.get("").await.json()["query"], "/services/data/v66.0/query");
}

#[tokio::test]
async fn wrong_verbs_paths_and_types_each_have_their_refusal() {
    let sandbox = Sandbox::empty().await;

    let put = sandbox.send(Method::PUT, "sobjects/Account", &json!({})).await;
    assert_refused(&put, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
    assert_eq!(
        put.json()[0]["message"],
        "HTTP Method 'PUT' not allowed. Allowed are HEAD,GET,POST"
    );
    let nothing = sandbox.get("nothing").await;
    assert_refused(&nothing, StatusCode::NOT_FOUND, "NOT_FOUND");
    let unknown = sandbox.send(Method::PUT, "sobjects/Nothing__c", &json!({})).await;
    assert_refused(&unknown, StatusCode::NOT_FOUND, "NOT_FOUND");
    let text = sandbox.request(Method::POST, "sobjects/Account").body("Name=x");
    let text = Answer::of(text.header("content-type", "text/plain").send().await.unwrap()).await;
    assert_refused(&text, StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE");
    let broken = sandbox.request(Method::POST, "sobjects/Account").body("{\"Name\":");
    let broken = broken.header("content-type", "application/json").send().await.unwrap();
    let broken = Answer::of(broken).await;
    assert_refused(&broken, StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR");
    assert!(broken.text.contains("at [line:1, column:8]"), "{}", broken.text);
    assert!(broken.json()[0].get("fields").is_none());
}

#[tokio::test]
async fn a_long_uri_is_refused_and_so_are_long_headers() {
    let sandbox = Sandbox::empty().await;
    let long = "x".repeat(16_384);

    let uri = sandbox.get(&format!("query?q={long}")).await;
    assert_refused(&uri, StatusCode::URI_TOO_LONG, "URI_TOO_LONG");

    let headers = sandbox.request(Method::GET, "limits").header("x-long", &long).send().await;
    assert_eq!(headers.unwrap().status(), 431);
}

#[tokio::test]
async fn a_post_may_stand_for_a_patch() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("before").await;

    let path = format!("sobjects/Account/{id}?_HttpMethod=PATCH");
    let answer = sandbox.post(&path, &json!({ "Name": "after" })).await;

    assert_eq!(answer.status, 204, "{}", answer.text);
    let row = sandbox.get(&format!("sobjects/Account/{id}?fields=Name")).await.json();
    assert_eq!(row["Name"], "after");
}

#[tokio::test]
async fn bodies_may_be_compressed_in_both_directions() {
    let sandbox = Sandbox::empty().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(br#"{"Name":"packed"}"#).unwrap();

    let created = sandbox
        .request(Method::POST, "sobjects/Account")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(packed.finish().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);

    let plain = reqwest::Client::builder().no_proxy().gzip(false).build().unwrap();
    let url = format!("{}/services/data/v66.0/sobjects/Account/describe", sandbox.simulator.url());
    let describe = plain
        .get(url)
        .bearer_auth(&sandbox.credentials.access_token)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(describe.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    let bytes = describe.bytes().await.unwrap();
    flate2::read::GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).unwrap();
    assert!(text.starts_with('{'));
}

#[tokio::test]
async fn answers_are_indented_when_asked() {
    let sandbox = Sandbox::empty().await;

    let request = sandbox.request(Method::GET, "limits").header("X-PrettyPrint", "1");
    let answer = Answer::of(request.send().await.unwrap()).await;

    assert!(answer.text.starts_with("{\n  \""), "{}", answer.text);
    assert!(answer.json()["DailyApiRequests"].is_object());
}

#[tokio::test]
async fn a_describe_that_did_not_change_is_not_sent_again() {
    let sandbox = Sandbox::empty().await;
    let first = sandbox.get("sobjects/Account/describe").await;

    for path in ["sobjects/Account/describe", "sobjects"] {
        let request = sandbox
            .request(Method::GET, path)
            .header("if-modified-since", first.header("last-modified"));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{path}");
    }
    assert_eq!(sandbox.get("sobjects").await.json()["maxBatchSize"], 200);
}

#[tokio::test]
async fn no_input_makes_the_org_answer_500() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("x").await;
    let paths = [
        "sobjects/Account".to_owned(),
        format!("sobjects/Account/{id}"),
        "sobjects/Account/%00/%ff".to_owned(),
        "composite/sobjects".to_owned(),
        "composite/sobjects/Account".to_owned(),
        "composite/sobjects/Account/External_Id__c".to_owned(),
        "jobs/query".to_owned(),
        "jobs/ingest".to_owned(),
        "query?q=%27%22%5C%00".to_owned(),
        "query/01g-99999999999999999999".to_owned(),
        "sobjects/Account/updated?start=x&end=y".to_owned(),
    ];
    let bodies = [
        "",
        "null",
        "[]",
        "{}",
        "\"x\"",
        "{\"records\":[1]}",
        "{\"records\":[{}]}",
        "{\"Name\":{\"a\":[]}}",
        "[[[[",
        "{\"ids\":[],\"fields\":[]}",
    ];
    for path in &paths {
        for body in bodies {
            for method in [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
                let request = sandbox
                    .request(method.clone(), path)
                    .header("content-type", "application/json")
                    .body(body);
                let status = request.send().await.unwrap().status();
                assert!(!status.is_server_error(), "{method} {path} {body} answered {status}");
            }
        }
    }
}

#[tokio::test]
async fn an_app_with_a_cap_of_its_own_is_told_how_much_is_left() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    control.set_limits(24, 5_000).await.unwrap();
    control.cap_app("sample-app", 248, 250).await.unwrap();

    let mut told = Vec::new();
    for _ in 0..3 {
        let answer = sandbox.get("limits").await;
        told.push((answer.status, answer.header("sforce-limit-info").to_owned()));
    }

    #[rustfmt::skip]
    let expected = [
        (200, "api-usage=25/5000; per-app-api-usage=249/250(appName=sample-app)".to_owned()),
        (200, "api-usage=26/5000; per-app-api-usage=250/250(appName=sample-app)".to_owned()),
        (403, "api-usage=26/5000; per-app-api-usage=250/250(appName=sample-app)".to_owned()),
    ];
    assert_eq!(told, expected);
    let listed = sandbox.control("limits", &serde_json::json!({ "apps": [] })).await;
    assert_eq!(listed.json()["apps"], serde_json::json!([]));
    assert_eq!(sandbox.get("limits").await.header("sforce-limit-info"), "api-usage=27/5000");
}

//! Requests that depend on whether something changed.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Sandbox};

impl Sandbox {
    async fn ask(&self, method: &str, path: &str, (name, value): (&str, &str)) -> Answer {
        let request = self.request(method.parse().unwrap(), path).header(name, value);
        let request =
            if method == "PATCH" { request.json(&json!({ "Phone": "1" })) } else { request };
        Answer::of(request.send().await.unwrap()).await
    }
}

const OLD: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
const FUTURE: &str = "Wed, 01 Jan 2098 00:00:00 GMT";

#[tokio::test]
async fn rows_are_read_and_changed_on_conditions_of_time() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    let row = format!("sobjects/Account/{id}");
    #[rustfmt::skip]
    let table = [
        ("GET",   "if-modified-since",   OLD,     200),
        ("GET",   "if-modified-since",   FUTURE,  304),
        ("GET",   "if-modified-since",   "today", 200),
        ("GET",   "if-unmodified-since", OLD,     412),
        ("GET",   "if-unmodified-since", FUTURE,  200),
        ("PATCH", "if-unmodified-since", OLD,     412),
        ("PATCH", "if-unmodified-since", FUTURE,  204),
        ("PATCH", "if-unmodified-since", "today", 400),
        ("PATCH", "if-modified-since",   "today", 400),
        ("PATCH", "if-modified-since",   FUTURE,  412),
        ("PATCH", "if-modified-since",   OLD,     204),
    ];

    for (method, name, value, status) in table {
        let answer = sandbox.ask(method, &row, (name, value)).await;
        assert_eq!(answer.status, status, "{method} {name}: {value}: {}", answer.text);
        if status == 412 && method == "PATCH" {
            assert_eq!(answer.code(), "PRECONDITION_FAILED");
        }
    }
    let delete = sandbox.ask("DELETE", &row, ("if-unmodified-since", OLD)).await;
    assert_eq!(delete.status, 204, "a DELETE knows no conditions");
}

#[tokio::test]
async fn accounts_alone_have_tags() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    let row = format!("sobjects/Account/{id}");
    let plain = sandbox.ask("GET", &row, ("accept-encoding", "identity")).await;
    let packed = sandbox.ask("GET", &row, ("accept-encoding", "gzip")).await;
    let tag = plain.header("etag").to_owned();
    let contact = sandbox.post("sobjects/Contact", &json!({ "LastName": "b" })).await.json();
    let contact = format!("sobjects/Contact/{}", contact["id"].as_str().unwrap());

    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert!(packed.header("etag").ends_with("-gzip\""), "{:?}", packed.headers);
    assert_eq!(sandbox.get(&contact).await.header("etag"), "");
    assert_eq!(sandbox.ask("PATCH", &contact, ("if-match", "\"other\"")).await.status, 204);

    assert_eq!(sandbox.ask("GET", &row, ("if-none-match", &tag)).await.status, 304);
    assert_eq!(sandbox.ask("PATCH", &row, ("if-match", "\"other\"")).await.status, 412);
    assert_eq!(sandbox.ask("PATCH", &row, ("if-match", packed.header("etag"))).await.status, 204);
    assert_eq!(sandbox.ask("PATCH", &row, ("if-match", &tag)).await.status, 412, "it has changed");
    assert_eq!(sandbox.ask("GET", &row, ("if-none-match", &tag)).await.status, 200);
}

#[tokio::test]
async fn resources_about_pages_are_well_formed_and_empty() {
    let sandbox = Sandbox::empty().await;
    #[rustfmt::skip]
    let table = [
        ("sobjects/Account/describe/layouts",         "/layouts",          json!([])),
        ("sobjects/Account/describe/layouts",         "/recordTypeMappings/0/name", json!("Master")),
        ("sobjects/Account/describe/approvalLayouts", "/approvalLayouts",  json!([])),
        ("sobjects/Account/describe/compactLayouts",  "/compactLayouts",   json!([])),
        ("compactLayouts?q=account,Lead",             "/Account/compactLayouts", json!([])),
        ("sobjects/account/listviews",                "/sobjectType",      json!("Account")),
        ("sobjects/Account/quickActions",             "",                  json!([])),
        ("quickActions",                              "",                  json!([])),
        ("tabs",                                      "",                  json!([])),
        ("theme",                                     "/themeItems",       json!([])),
        ("recent",                                    "",                  json!([])),
    ];

    for (path, at, expected) in table {
        let answer = sandbox.get(path).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
        assert_eq!(answer.json().pointer(at), Some(&expected), "{path}");
    }
    assert_eq!(sandbox.get("sobjects/Nothing/describe/layouts").await.status, 404);
    assert_eq!(sandbox.send(Method::POST, "tabs", &json!({})).await.status, 405);
}

#[tokio::test]
async fn the_resource_map_names_what_clients_look_up_and_limits_count_the_storage() {
    let sandbox = Sandbox::empty().await;

    let map = sandbox.get("").await.json();
    let before = sandbox.get("limits").await.json();
    sandbox.accounts(1_000).await;
    let after = sandbox.get("limits").await.json();

    for name in [
        "sobjects",
        "query",
        "queryAll",
        "search",
        "limits",
        "composite",
        "tooling",
        "jobs",
        "recent",
    ] {
        assert_eq!(map[name], format!("/services/data/v66.0/{name}"));
    }
    assert!(map["identity"].as_str().unwrap().contains("/id/00D"));
    let remaining =
        |limits: &serde_json::Value, name: &str| limits[name]["Remaining"].as_i64().unwrap();
    assert_eq!(remaining(&before, "DataStorageMB") - remaining(&after, "DataStorageMB"), 1);
    assert!(remaining(&after, "DailyApiRequests") < remaining(&before, "DailyApiRequests"));
    for name in
        ["DailyBulkApiBatches", "DailyBulkV2QueryJobs", "MonthlyPlatformEvents", "SingleEmail"]
    {
        assert!(after[name]["Max"].is_u64(), "{name}");
    }
}

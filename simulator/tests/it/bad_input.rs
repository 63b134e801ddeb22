//! Bodies, headers and parameters that nobody should send: a documented error, never a 500.

use std::io::Write;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

/// Resources that read a body, with the verb.
const READERS: [(Method, &str); 12] = [
    (Method::POST, "sobjects/Account"),
    (Method::POST, "sobjects/Account/Id"),
    (Method::PATCH, "sobjects/Account/001000000000001AAA"),
    (Method::PATCH, "sobjects/Account/External_Id__c/x"),
    (Method::POST, "composite"),
    (Method::POST, "composite/batch"),
    (Method::POST, "composite/graph"),
    (Method::POST, "composite/tree/Account"),
    (Method::POST, "composite/sobjects"),
    (Method::PATCH, "composite/sobjects"),
    (Method::PATCH, "composite/sobjects/Account/External_Id__c"),
    (Method::POST, "composite/sobjects/Account"),
];

async fn raw(sandbox: &Sandbox, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = sandbox.request(method, path).header("Content-Type", "application/json");
    Answer::of(request.body(body.into()).send().await.unwrap()).await
}

#[tokio::test]
async fn a_body_that_is_no_such_json_is_a_parser_error_everywhere() {
    let sandbox = Sandbox::empty().await;
    let deep = format!("{{\"Name\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let bodies: [(&str, Vec<u8>); 9] = [
        ("nothing", Vec::new()),
        ("cut off", b"{\"Name\":".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a number", b"7".to_vec()),
        ("null", b"null".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("no UTF-8", b"{\"Name\":\"\xff\xfe\"}".to_vec()),
        ("too deep", deep.into_bytes()),
        ("XML under another name", b"<Account/>".to_vec()),
    ];
    for (method, path) in READERS {
        for (what, body) in &bodies {
            let answer = raw(&sandbox, method.clone(), path, body.clone()).await;

            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "JSON_PARSER_ERROR"),
                "{method} {path}: {what}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn no_value_is_too_strange_to_be_answered() {
    let sandbox = Sandbox::empty().await;
    let values = [
        json!({}),
        json!({ "records": {} }),
        json!({ "records": [null] }),
        json!({ "records": [{ "attributes": null }] }),
        json!({ "records": [{ "attributes": { "type": 7 } }] }),
        json!({ "records": [{ "attributes": { "type": "Nope", "referenceId": "a" } }] }),
        json!({ "ids": "x", "fields": null }),
        json!({ "ids": ["\u{0}"], "fields": ["", "Name,Id", "@{x}"] }),
        json!({ "compositeRequest": [{}] }),
        json!({ "compositeRequest": [{ "method": "", "url": "", "referenceId": "a" }] }),
        json!({ "compositeRequest": [{ "method": "GET", "url": "@{a.b", "referenceId": "a", "body": "@{}" }] }),
        json!({ "batchRequests": [{ "method": "GET", "url": "//%zz?%%=&&" }] }),
        json!({ "graphs": [{ "graphId": "g", "compositeRequest": [{ "method": "POST", "url": "x", "referenceId": "a" }] }] }),
        json!({ "Name": { "a": [1, { "b": null }] } }),
        json!({ "Name": "\u{0}\u{1}\u{ffff}", "AnnualRevenue": 1e308 }),
        json!({ "": "", "attributes": 7, "Owner": { "": 1 }, "ParentId": -1 }),
    ];
    for (method, path) in READERS {
        for value in &values {
            let answer = sandbox.send(method.clone(), path, value).await;

            assert!(answer.status < 500, "{method} {path} {value}: {}", answer.text);
            assert!(!answer.text.contains("UNKNOWN_EXCEPTION"), "{method} {path} {value}");
        }
    }
}

#[tokio::test]
async fn of_members_that_are_there_twice_the_last_one_counts() {
    let sandbox = Sandbox::empty().await;

    let row = raw(
        &sandbox,
        Method::POST,
        "sobjects/Account",
        "\u{feff}{\"Name\":\"first\",\"Name\":\"last\"}",
    )
    .await;
    assert_eq!(row.status, 201, "{}", row.text);
    let id = row.json()["id"].as_str().unwrap().to_owned();
    let rows = raw(
        &sandbox,
        Method::POST,
        "composite/sobjects/Account",
        format!("{{\"ids\":[],\"ids\":[\"{id}\"],\"fields\":[\"Name\"]}}"),
    )
    .await;

    assert_eq!(rows.json()[0]["Name"], "last");
}

#[tokio::test]
async fn bodies_of_other_types_and_broken_compression_are_refused() {
    let sandbox = Sandbox::empty().await;
    let body = br#"{"Name":"x"}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body).unwrap();
    let gzip = gzip.finish().unwrap();
    let cut = gzip[..gzip.len() / 2].to_vec();
    #[rustfmt::skip]
    let table: [(&str, &str, Vec<u8>, u16, &str); 9] = [
        ("Content-Type",     "text/plain",                        body.to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("Content-Type",     "application/x-www-form-urlencoded", body.to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("Content-Type",     "application/JSON; charset=UTF-8",   body.to_vec(), 201, ""),
        ("X-None",           "no content type",                   body.to_vec(), 201, ""),
        ("Content-Encoding", "gzip",                              gzip,          201, ""),
        ("Content-Encoding", "gzip",                              cut,           400, "BAD_REQUEST"),
        ("Content-Encoding", "gzip",                              body.to_vec(), 400, "BAD_REQUEST"),
        ("Content-Encoding", "br",                                body.to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("Content-Type",     "multipart/form-data",               body.to_vec(), 400, "INVALID_MULTIPART_REQUEST"),
    ];
    for (name, value, body, status, code) in table {
        let request = sandbox.request(Method::POST, "sobjects/Account").header(name, value);
        let answer = Answer::of(request.body(body).send().await.unwrap()).await;

        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}: {value}");
    }
    let request = sandbox.request(Method::GET, "limits").header("Content-Encoding", "gzip");
    assert_eq!(request.send().await.unwrap().status(), 200, "no body needs no decompression");
}

#[tokio::test]
async fn unknown_parameters_are_ignored_and_suffixes_name_the_format() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("Acme").await;
    for path in [
        format!("sobjects/Account/{id}?nonsense=1&fields=Name&=&%00"),
        format!("sobjects/Account/{id}.json?fields=Name"),
        format!("sobjects/Account/{id}?fields="),
    ] {
        let answer = sandbox.get(&path).await;
        assert_eq!((answer.status, &answer.json()["Name"]), (200, &json!("Acme")), "{path}");
    }
    let overridden = sandbox
        .post(&format!("sobjects/Account/{id}?_HttpMethod=PATCH"), &json!({ "Name": "new" }))
        .await;
    assert_eq!(overridden.status, 204);
    let misspelt =
        sandbox.post(&format!("sobjects/Account/{id}?_httpmethod=PATCH"), &json!({})).await;
    assert_refused(&misspelt, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
    assert_eq!(misspelt.header("allow"), "HEAD, GET, PATCH, DELETE");
}

#[tokio::test]
async fn what_the_org_does_not_have_is_refused_as_elsewhere() {
    let sandbox = Sandbox::empty().await;
    #[rustfmt::skip]
    let table = [
        ("chatter/users/me",                        403, "FUNCTIONALITY_NOT_ENABLED"),
        ("connect/organization",                    403, "FUNCTIONALITY_NOT_ENABLED"),
        ("analytics/reports",                       403, "FUNCTIONALITY_NOT_ENABLED"),
        ("actions/standard",                        404, "NOT_FOUND"),
        ("process/rules",                           404, "NOT_FOUND"),
        ("tooling/nothing",                         404, "NOT_FOUND"),
        ("tooling/sobjects/Nope/describe",          404, "NOT_FOUND"),
        ("tooling/query?q=SELECT+Id+FROM+Account",  400, "INVALID_TYPE"),
        ("tooling/query?q=SELECT",                  400, "MALFORMED_QUERY"),
        ("tooling/query",                           400, "MALFORMED_QUERY"),
        ("tooling/executeAnonymous",                400, "MISSING_ARGUMENT"),
    ];
    for (path, status, code) in table {
        let answer = sandbox.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    let query = sandbox.post("query", &json!({ "q": "SELECT Id FROM Account" })).await;
    assert_refused(&query, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
    let own = sandbox.bare(Method::POST, "/services/apexrest/my/own");
    let with_session = own.try_clone().unwrap().bearer_auth(&sandbox.credentials.access_token);
    let with_session = Answer::of(with_session.send().await.unwrap()).await;
    assert_refused(&with_session, StatusCode::NOT_FOUND, "NOT_FOUND");
    assert_eq!(with_session.json()[0]["message"], "Could not find a match for URL");
    let without = Answer::of(own.send().await.unwrap()).await;
    assert_refused(&without, StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID");

    let classes = sandbox.get("tooling/query?q=SELECT+Id,Name+FROM+ApexClass").await.json();
    assert_eq!((&classes["totalSize"], &classes["records"]), (&json!(0), &json!([])));
    let global = sandbox.get("tooling/sobjects").await.json();
    assert!(
        global["sobjects"].as_array().unwrap().iter().any(|object| object["name"] == "ApexClass")
    );
    let described = sandbox.get("tooling/sobjects/apexclass/describe").await.json();
    assert_eq!(
        (&described["name"], &described["fields"][0]["name"]),
        (&json!("ApexClass"), &json!("Id"))
    );
    let run = sandbox.get("tooling/executeAnonymous?anonymousBody=x").await.json();
    assert_eq!(run["success"], Value::Bool(false));
}

//! The org over TLS: its own authority, https URLs, and faults that work as without.

use reqwest::{Certificate, Client, Method};
use salesforce_simulator::{Config, Fault, FaultKind, Simulator, Tls};
use serde_json::{Value, json};

/// An org that speaks TLS, and a client that trusts its authority and nobody else.
async fn start(names: &[&str]) -> (Simulator, Client) {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let tls = Some(Tls { names, ca_file: None });
    let org = Simulator::start(Config { empty: true, tls, ..Config::default() }).await.unwrap();
    let authority = Certificate::from_pem(org.ca_pem().unwrap().as_bytes()).unwrap();
    let http = Client::builder().no_proxy().tls_certs_only([authority]);
    (org, http.build().unwrap())
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_logs_in_and_works_over_https() {
    let (org, http) = start(&[]).await;
    let c = org.credentials();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &*c.client_id),
        ("client_secret", &*c.client_secret),
    ];

    let token = http.post(format!("{}/services/oauth2/token", org.url())).form(&form);
    let token: Value = token.send().await.unwrap().json().await.unwrap();
    let instance = token["instance_url"].as_str().unwrap();
    let limits = http.get(format!("{instance}/services/data/v66.0/limits"));
    let limits = limits.bearer_auth(token["access_token"].as_str().unwrap()).send().await.unwrap();

    assert!(org.url().starts_with("https://127.0.0.1:"), "{}", org.url());
    assert_eq!(instance, org.url());
    assert!(token["id"].as_str().unwrap().starts_with("https://"));
    assert_eq!(limits.status(), 200);
}

#[tokio::test]
async fn the_certificate_is_for_localhost_the_address_and_the_names_asked_for() {
    let (org, _) = start(&["login.salesforce.com"]).await;
    let address = org.url().trim_start_matches("https://").parse().unwrap();
    let authority = || Certificate::from_pem(org.ca_pem().unwrap().as_bytes()).unwrap();
    let ask = async |name: &str| {
        let http = Client::builder().no_proxy().tls_certs_only([authority()]);
        let http = http.resolve(name, address).build().unwrap();
        let port = org.url().rsplit(':').next().unwrap().to_owned();
        http.get(format!("https://{name}:{port}/services/data")).send().await
    };

    assert_eq!(ask("localhost").await.unwrap().status(), 200);
    assert_eq!(ask("login.salesforce.com").await.unwrap().status(), 200);
    assert!(ask("test.salesforce.com").await.is_err());
}

#[tokio::test]
async fn who_does_not_trust_the_authority_does_not_connect_and_hinders_nobody() {
    let (org, http) = start(&[]).await;
    let stranger = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    // A handshake that never ends must not keep others from connecting.
    let address = org.url().trim_start_matches("https://").to_owned();
    let silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    silent.writable().await.unwrap();
    silent.try_write(&[0x16, 3, 1]).unwrap();

    let refused = stranger.get(format!("{}/services/data", org.url())).send().await;
    let served = http.get(format!("{}/services/data", org.url())).send().await.unwrap();

    assert!(refused.unwrap_err().is_connect());
    assert_eq!(served.status(), 200);
}

#[tokio::test]
async fn a_cut_connection_loses_the_answer_and_not_the_write() {
    let (org, http) = start(&[]).await;
    let control = org.control().unwrap();
    let token = org.credentials().access_token;
    let url = format!("{}/services/data/v66.0/sobjects/Account", org.url());
    let create = async || {
        let request = http.request(Method::POST, &url).bearer_auth(&token);
        request.json(&json!({ "Name": "x" })).send().await
    };
    let warm = create().await.unwrap();
    let before = control.call(Method::GET, "records/Account", None).await.unwrap();

    control.arm(Fault::new(FaultKind::CutAfter {}).method("POST")).await.unwrap();
    let lost = create().await;
    let after = control.call(Method::GET, "records/Account", None).await.unwrap();
    let next = create().await.unwrap();

    assert_eq!(
        (warm.status(), next.status()),
        (reqwest::StatusCode::CREATED, reqwest::StatusCode::CREATED)
    );
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!((&before["count"], &after["count"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_under_tls_too() {
    let (org, http) = start(&[]).await;
    let fault = Fault::new(FaultKind::Truncate { bytes: 10 });
    org.control().unwrap().arm(fault).await.unwrap();

    let request = http.get(format!("{}/services/data/v66.0/limits", org.url()));
    let answer = request.bearer_auth(org.credentials().access_token).send().await.unwrap();

    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn the_authority_is_written_to_the_file_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let tls = Some(Tls { names: Vec::new(), ca_file: Some(file.clone()) });

    let org = Simulator::start(Config { empty: true, tls, ..Config::default() }).await.unwrap();

    assert_eq!(std::fs::read_to_string(file).unwrap(), org.ca_pem().unwrap());
}

#[tokio::test]
async fn places_are_told_as_paths_whatever_the_scheme() {
    let (org, http) = start(&[]).await;
    let token = &org.credentials().access_token;
    let data = "/services/data/v66.0";
    let ask = async |method: Method, path: &str, body: Value| {
        let request = http.request(method, format!("{}{path}", org.url()));
        let request = request.bearer_auth(token).header("sforce-query-options", "batchSize=200");
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.unwrap()
    };
    let record = json!({ "attributes": { "type": "Account" }, "Name": "a" });
    let records = json!({ "records": vec![record; 200] });
    let collection = format!("{data}/composite/sobjects");
    ask(Method::POST, &collection, records).await;

    let created =
        ask(Method::POST, &format!("{data}/sobjects/Account"), json!({ "Name": "b" })).await;
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let row: Value = ask(Method::GET, &location, Value::Null).await.json().await.unwrap();
    let path = format!("{data}/query?q=SELECT+Id+FROM+Account");
    let page: Value = ask(Method::GET, &path, Value::Null).await.json().await.unwrap();
    let next = page["nextRecordsUrl"].as_str().unwrap();
    let last: Value = ask(Method::GET, next, Value::Null).await.json().await.unwrap();
    let order = json!({ "operation": "query", "query": "SELECT Id FROM Account" });
    let job = ask(Method::POST, &format!("{data}/jobs/query"), order).await;
    let job: Value = job.json().await.unwrap();
    let job = format!("{data}/jobs/query/{}", job["id"].as_str().unwrap());
    let begun = std::time::Instant::now();
    loop {
        let report = ask(Method::GET, &job, Value::Null).await;
        let report: Value = report.json().await.unwrap();
        if report["state"] == "JobComplete" {
            break;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{report}");
    }
    let pages = ask(Method::GET, &format!("{job}/resultPages"), Value::Null).await;
    let pages: Value = pages.json().await.unwrap();
    let result = pages["resultPages"][0]["resultUrl"].as_str().unwrap();

    assert!(location.starts_with(&format!("{data}/sobjects/Account/001")), "{location}");
    assert_eq!(row["attributes"]["url"], json!(location));
    assert!(next.starts_with(&format!("{data}/query/01g")), "{next}");
    assert_eq!((last["done"].clone(), last["records"].as_array().unwrap().len()), (json!(true), 1));
    assert!(result.starts_with(&format!("{job}/results")), "{result}");
    let csv = ask(Method::GET, result, Value::Null).await.text().await.unwrap();
    assert_eq!(csv.lines().count(), 202);
}

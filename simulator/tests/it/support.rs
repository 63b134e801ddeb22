//! A running org and a client that is logged in.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use salesforce_simulator::{Config, Control, Credentials, Simulator};
use serde_json::{Value, json};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

/// An org without records, and a session of its integration user.
pub(crate) struct Sandbox {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
    pub(crate) credentials: Credentials,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The first error's code, in the array form of the REST API.
    pub(crate) fn code(&self) -> String {
        self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned()
    }
}

impl Sandbox {
    pub(crate) async fn empty() -> Self {
        Self::of(Config { empty: true, bulk_delay: Duration::ZERO, ..Config::default() }).await
    }

    pub(crate) async fn of(config: Config) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let credentials = simulator.credentials();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { simulator, http, credentials }
    }

    /// A request to any path of the org, without a session.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.simulator.url()))
    }

    /// A request below the API version, with the integration user's session.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, &format!("/services/data/v66.0/{path}"))
            .bearer_auth(&self.credentials.access_token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(method, path).json(body).send().await.unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body).await
    }

    /// The control routes, by the library's client.
    pub(crate) fn steer(&self) -> Control {
        self.simulator.control().unwrap()
    }

    /// A control request with a body, as curl would send it.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> Answer {
        let request = self.bare(Method::POST, &format!("/__org/v1/{path}")).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Creates an account and answers its id.
    pub(crate) async fn account(&self, name: &str) -> String {
        let answer = self.post("sobjects/Account", &json!({ "Name": name })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Creates accounts named `a0`, `a1` and so on.
    pub(crate) async fn accounts(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        let names: Vec<usize> = (0..count).collect();
        for names in names.chunks(200) {
            let records: Vec<Value> = names
                .iter()
                .map(|n| json!({ "attributes": { "type": "Account" }, "Name": format!("a{n}") }))
                .collect();
            let answer = self.post("composite/sobjects", &json!({ "records": records })).await;
            for result in answer.json().as_array().unwrap() {
                ids.push(result["id"].as_str().expect("saved").to_owned());
            }
        }
        ids
    }

    pub(crate) async fn query(&self, soql: &str) -> Value {
        let response = self.request(Method::GET, "query").query(&[("q", soql)]).send().await;
        let answer = Answer::of(response.unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Polls a job until it has ended.
    pub(crate) async fn ended(&self, job: &str) -> Value {
        let begun = Instant::now();
        loop {
            let report = self.get(job).await.json();
            let state = report["state"].as_str().unwrap_or_else(|| panic!("{report}"));
            if !matches!(state, "UploadComplete" | "InProgress") {
                return report;
            }
            assert!(begun.elapsed() < PATIENCE, "the job does not end: {report}");
            tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>())
                .await
                .unwrap_err();
        }
    }
}

/// Asserts a refusal in the array form.
#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status.as_u16(), code), "{}", answer.text);
}

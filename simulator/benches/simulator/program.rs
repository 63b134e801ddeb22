//! The simulator as a process of its own, whose processor time and memory the system tells.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// A running simulator. Dropping it ends it.
pub(crate) struct Program {
    child: Child,
    url: String,
    token: String,
    client: Client,
    /// From the start of the process to its first line of output.
    pub(crate) ready_after: Duration,
}

/// What a stretch of work took.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// Processor seconds of the simulator alone.
    pub(crate) processor: f64,
    /// Seconds that passed, with the client's own work.
    pub(crate) wall: f64,
}

impl Program {
    /// Starts an org without sample records, with these further arguments.
    pub(crate) fn start(arguments: &[String]) -> Self {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_salesforce-simulator"))
            .args(["--port", "0", "--json", "--empty", "--bulk-delay", "0"])
            .args(["--daily-limit", "100000000"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready_after = began.elapsed();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| ready[key].as_str().unwrap().to_owned();
        let client = Client::builder().no_gzip().no_proxy().build().unwrap();
        Self { child, url: text("url"), token: text("access_token"), client, ready_after }
    }

    /// A request below the newest version's path.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/services/data/v66.0/{path}", self.url);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// The answer to a GET.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap().error_for_status().unwrap()
    }

    /// The answer to a query.
    pub(crate) async fn query(&self, soql: &str) -> Value {
        let request = self.request(Method::GET, "query").query(&[("q", soql)]);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Does work and says what it took.
    pub(crate) async fn measure<T>(&self, work: impl Future<Output = T>) -> (T, Spent) {
        let (before, began) = (self.processor_seconds(), Instant::now());
        let done = work.await;
        let wall = began.elapsed().as_secs_f64();
        (done, Spent { processor: self.processor_seconds() - before, wall })
    }

    /// Processor seconds of the process since its start, in user and system mode.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name of the program, in parentheses, may contain spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        // Fields 14 and 15 of proc(5), in hundredths of a second on Linux.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory in MiB, now (`VmRSS`) or at its peak (`VmHWM`).
    pub(crate) fn memory(&self, line: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        let kibibytes: f64 = found.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap();
        kibibytes / 1024.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

//! The program, from its command line.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-simulator");

#[tokio::test]
async fn the_program_tells_where_it_is_and_ends_on_a_signal() {
    let mut program = Command::new(PROGRAM)
        .args(["--port", "0", "--empty", "--json"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();

    let ready: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let (url, token) = (ready["url"].as_str().unwrap(), ready["access_token"].as_str().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let limits = http.get(format!("{url}/services/data/v66.0/limits")).bearer_auth(token);
    assert_eq!(limits.send().await.unwrap().status(), 200);

    let id = program.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    assert!(program.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_program_that_cannot_start_says_why() {
    let ended = Command::new(PROGRAM).args(["--schema", "/does/not/exist"]).output().await.unwrap();

    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.starts_with("error: cannot read /does/not/exist: "), "{said}");
}

//! Clients that send too much, too slowly or not at all.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use salesforce_simulator::Config;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Answer, Sandbox, assert_refused};

async fn impatient() -> Sandbox {
    let client_silence = Duration::from_millis(200);
    Sandbox::of(Config { empty: true, client_silence, ..Config::default() }).await
}

/// What the org answers to these bytes until it closes the connection.
async fn answered(sandbox: &Sandbox, sent: &str) -> String {
    let address = sandbox.simulator.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    let ended = tokio::time::timeout(Duration::from_secs(20), read).await;
    // A connection that is reset is closed, too.
    drop(ended.expect("the org closes the connection"));
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut_off() {
    let sandbox = impatient().await;

    for started in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let text = answered(&sandbox, started).await;

        assert!(!text.contains("200 OK"), "{text}");
    }
    assert_eq!(sandbox.get("limits").await.status, 200, "others are served");
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_body_is_told_so() {
    let sandbox = impatient().await;
    let head = "POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";

    let text = answered(&sandbox, head).await;

    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
}

#[tokio::test]
async fn heads_and_bodies_have_a_limit() {
    let sandbox = Sandbox::empty().await;
    let long = "x".repeat(17_000);
    let limits = || sandbox.request(Method::GET, "limits");

    let uri = Answer::of(limits().query(&[("q", &long)]).send().await.unwrap()).await;
    let head = Answer::of(limits().header("x-long", &long).send().await.unwrap()).await;
    let body =
        sandbox.request(Method::POST, "composite/sobjects").body(vec![b' '; 50 * 1024 * 1024 + 1]);
    let body = Answer::of(body.send().await.unwrap()).await;

    assert_eq!((uri.status, head.status), (414, 431));
    assert_refused(&body, StatusCode::BAD_REQUEST, "EXCEEDED_MAX_SIZE_REQUEST");
}

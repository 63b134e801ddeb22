//! The page at `/`.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::Method;
use salesforce_simulator::{Config, Fault, FaultKind};
use serde_json::json;

use crate::support::{Answer, Sandbox};

async fn page(sandbox: &Sandbox, path: &str) -> Answer {
    let request = sandbox.bare(Method::GET, path).header("accept", "text/html,*/*;q=0.8");
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_browser_gets_a_page_and_others_get_a_short_text() {
    let sandbox = Sandbox::empty().await;

    let text = Answer::of(sandbox.bare(Method::GET, "/").send().await.unwrap()).await;
    let html = page(&sandbox, "/").await;

    assert!(text.header("content-type").starts_with("text/plain"));
    assert!(text.text.contains("/services/oauth2/token") && text.text.lines().count() < 12);
    assert!(html.header("content-type").starts_with("text/html"));
    assert!(html.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(html.text.starts_with("<!DOCTYPE html>") && !html.text.contains("<script"));
}

#[tokio::test]
async fn the_page_shows_objects_requests_faults_jobs_and_usage() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(3).await;
    let order = json!({ "object": "Contact", "operation": "insert" });
    sandbox.post("jobs/ingest", &order).await;
    sandbox.steer().arm(Fault::new(FaultKind::CutAfter {}).route("*/nowhere")).await.unwrap();

    let html = page(&sandbox, "/").await.text;

    for shown in [
        "<a href=\"/?object=Account\">Account</a></td><td class=\"n\">3</td>",
        "<td>/services/data/v66.0/composite/sobjects</td>",
        "*/nowhere",
        "<td>insert</td><td>Contact</td><td>Open</td>",
        "<td>2 of 100000</td>",
        "<th>Sessions</th><td>2</td>",
    ] {
        assert!(html.contains(shown), "{shown} is not in {html}");
    }
}

#[tokio::test]
async fn records_are_paged_and_whatever_they_hold_is_escaped() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(50).await;
    let id = sandbox.account("<script>alert('x')</script>").await;

    let first = page(&sandbox, "/?object=Account").await.text;
    let next = first.split("&amp;after=").nth(1).unwrap().split('"').next().unwrap();
    let second = page(&sandbox, &format!("/?object=Account&after={next}")).await.text;
    let record = page(&sandbox, &format!("/?record={id}")).await.text;
    let nothing = page(&sandbox, "/?object=%3Cb%3E").await.text;

    assert_eq!(first.matches("/?record=").count(), 50);
    assert_eq!(second.matches("/?record=").count(), 1);
    for html in [&second, &record] {
        assert!(html.contains("&lt;script&gt;alert('x')&lt;/script&gt;"), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }
    assert!(record.contains("<th>Name</th>"), "{record}");
    assert!(nothing.contains("There is no such object.") && !nothing.contains("<b>"), "{nothing}");
}

#[tokio::test]
async fn an_org_that_others_can_reach_shows_its_records_only_when_told_to() {
    for (open_page, shows) in [(false, false), (true, true)] {
        let host = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let sandbox =
            Sandbox::of(Config { host, open_page, empty: true, ..Config::default() }).await;

        let html = page(&sandbox, "/").await;

        assert_eq!((html.status, html.text.contains("?object=")), (200, shows));
    }
}

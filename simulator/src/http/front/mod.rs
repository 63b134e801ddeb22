//! What stands at `/`: a page for people who want to look into the org, and a short text for others.
//!
//! The page needs no session, so it shows records only where the org listens on loopback, unless it
//! was started to show them to everybody. It has no scripts; everything shown is escaped.

mod page;
mod view;

use axum::http::{HeaderName, StatusCode, header::ACCEPT};

use crate::http::{call::Call, reply::Reply, world::World};

const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");

/// `GET /`: the page for a browser, where everything is for others.
pub(crate) fn front(world: &World, call: &Call) -> Reply {
    let wants_html = call
        .headers
        .get_all(ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    if !wants_html {
        return Reply::text(StatusCode::OK, "text/plain; charset=utf-8", places(world));
    }
    let config = world.config();
    let html = if config.host.is_loopback() || config.open_page {
        page::page(world, call)
    } else {
        page::closed()
    };
    Reply::text(StatusCode::OK, "text/html; charset=utf-8", html.into_string())
        .with(CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")
}

fn places(world: &World) -> String {
    format!(
        "A simulated Salesforce org.\n\n\
         token endpoint  {url}/services/oauth2/token\n\
         resources       {url}/services/data\n\
         credentials     {url}/__org/v1/credentials\n\
         requests seen   {url}/__org/v1/requests\n\
         control routes  {url}/__org\n\n\
         A browser gets a page here.\n",
        url = world.url(),
    )
}

//! Who writes, as change events tell it.

use axum::http::HeaderName;

use crate::{
    http::{call::Call, org_lock::OrgGuard, world::World},
    org::events::Author,
};

/// Marks a request whose writes a person made in the user interface: their `changeOrigin` is empty.
pub(crate) const BY_HAND: HeaderName = HeaderName::from_static("x-simulator-by-hand");

impl World {
    /// The org, to be written by whoever sent this call.
    pub(crate) fn org_for(&self, call: &Call) -> OrgGuard<'_> {
        let mut org = self.org();
        org.write_as(author(call));
        org
    }
}

/// The author of what a call of the REST API writes.
fn author(call: &Call) -> Author {
    let origin =
        if call.headers.contains_key(BY_HAND) { String::new() } else { origin("rest", call) };
    Author { origin, user: Some(call.user()) }
}

/// The origin of what a Bulk job writes that was created by this call.
pub(crate) fn bulk_origin(call: &Call) -> String {
    origin("bulk", call)
}

/// `com/salesforce/api/rest/66.0;client=MySync`, the client as `Sforce-Call-Options` names it.
fn origin(api: &str, call: &Call) -> String {
    let base = format!("com/salesforce/api/{api}/{}", call.version_digits());
    let options = call.header("sforce-call-options").unwrap_or_default();
    let client = options
        .split(',')
        .filter_map(|option| option.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("client"))
        .map(|(_, value)| value.trim())
        .filter(|client| !client.is_empty());
    match client {
        Some(client) => format!("{base};client={client}"),
        None => base,
    }
}

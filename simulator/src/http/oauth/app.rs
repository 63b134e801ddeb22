//! Connected apps: which clients the org knows, and what each of them may.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::http::{
    oauth::{ALL_SCOPES, CLIENT_ID, CLIENT_SECRET, PUBLIC_KEY},
    refusal::Refusal,
};

/// Every scope that an app can be given.
const SCOPES: [&str; 17] = [
    "api",
    "refresh_token",
    "offline_access",
    "openid",
    "id",
    "profile",
    "email",
    "address",
    "phone",
    "web",
    "full",
    "visualforce",
    "content",
    "lightning",
    "chatter_api",
    "custom_permissions",
    "cdp_query_api",
];

/// A connected app, as the control routes list and take it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the setup")]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// Where a browser may be sent back to; a `*` at the end stands for anything.
    pub(crate) redirect_uris: Vec<String>,
    /// What its tokens may at most be used for.
    pub(crate) scopes: Vec<String>,
    /// Who client credentials stand for; nobody unless said.
    pub(crate) run_as: Option<String>,
    /// The public key that signs its assertions, as PEM.
    pub(crate) public_key_pem: String,
    /// Who may use it without having been asked; everybody unless said.
    pub(crate) approved_users: Option<Vec<String>>,
    /// Whether others can approve it themselves, in a browser.
    pub(crate) admin_approved_only: bool,
    /// Whether it is an External Client App, which knows no sandbox login host.
    pub(crate) is_external: bool,
    /// Whether a code is only exchanged with the secret.
    pub(crate) secret_for_web_server_flow: bool,
    /// Whether a refresh token is only taken with the secret.
    pub(crate) secret_for_refresh: bool,
    /// Whether a code needs a PKCE challenge.
    pub(crate) pkce_required: bool,
    /// Whether every refresh gives out a new refresh token.
    pub(crate) rotate_refresh_tokens: bool,
    /// Whether access tokens are JWTs.
    pub(crate) jwt_access_tokens: bool,
}

impl Default for App {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            redirect_uris: owned(&[
                "http://localhost:*",
                "http://127.0.0.1:*",
                "https://localhost:*",
                "https://127.0.0.1:*",
                "https://login.salesforce.com/services/oauth2/success",
            ]),
            scopes: ALL_SCOPES.split(' ').map(str::to_owned).collect(),
            run_as: None,
            public_key_pem: PUBLIC_KEY.to_owned(),
            approved_users: None,
            admin_approved_only: false,
            is_external: false,
            secret_for_web_server_flow: true,
            secret_for_refresh: false,
            pkce_required: false,
            rotate_refresh_tokens: false,
            jwt_access_tokens: false,
        }
    }
}

impl App {
    /// Whether a browser may be sent to this place.
    pub(crate) fn takes_redirect(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|known| match known.strip_suffix('*') {
            // Nothing may turn what stands before the star into a user name of another host.
            Some(start) => uri.strip_prefix(start).is_some_and(|rest| !rest.contains(['@', '\\'])),
            None => uri == known,
        })
    }

    /// The scopes of a request, or all that the app has when it names none.
    ///
    /// # Errors
    /// `invalid_scope` for one that is unknown or that the app does not have.
    pub(crate) fn grantable(&self, asked: &str) -> Result<String, Refusal> {
        let is_allowed = |scope: &str| {
            // The two names of one right.
            let scope = if scope == "offline_access" { "refresh_token" } else { scope };
            SCOPES.contains(&scope) && self.scopes.iter().any(|own| own == scope || own == "full")
        };
        if !asked.split_whitespace().all(is_allowed) {
            let text = "the requested scope is not allowed";
            return Err(Refusal::oauth("invalid_scope", text));
        }
        let asked: Vec<&str> = asked.split_whitespace().collect();
        if asked.is_empty() {
            return Ok(self.scopes.join(" "));
        }
        Ok(asked.join(" "))
    }

    /// Whether this user may use the app without being asked.
    pub(crate) fn is_approved_for(&self, username: &str) -> bool {
        self.approved_users
            .as_ref()
            .is_none_or(|users| users.iter().any(|user| user.eq_ignore_ascii_case(username)))
    }
}

/// The connected apps of the org.
#[derive(Debug)]
pub(crate) struct Apps(BTreeMap<String, App>);

impl Default for Apps {
    /// The one app that everybody knows, running as the integration user.
    fn default() -> Self {
        let app =
            App { run_as: Some(crate::org::INTEGRATION_USERNAME.to_owned()), ..App::default() };
        Self(BTreeMap::from([(app.client_id.clone(), app)]))
    }
}

impl Apps {
    /// The app with this consumer key.
    ///
    /// # Errors
    /// `invalid_client_id` when there is none.
    pub(crate) fn find(&self, client_id: &str) -> Result<App, Refusal> {
        let found = self.0.get(client_id).cloned();
        found.ok_or_else(|| Refusal::oauth("invalid_client_id", "client identifier invalid"))
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &App> {
        self.0.values()
    }

    /// Takes an app in, in place of one with the same key.
    pub(crate) fn put(&mut self, app: App) {
        self.0.insert(app.client_id.clone(), app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_must_be_one_of_the_list() {
        let app = App {
            redirect_uris: vec!["https://a/cb".to_owned(), "http://localhost:*".to_owned()],
            ..App::default()
        };
        #[rustfmt::skip]
        let table = [
            ("https://a/cb", true), ("https://a/cb/", false), ("https://a/cb?x", false), ("https://b/cb", false),
            ("http://localhost:1717/OauthRedirect", true), ("http://localhost/", false), ("http://localhost:x@evil/", false), ("", false),
        ];
        for (uri, expected) in table {
            assert_eq!(app.takes_redirect(uri), expected, "{uri}");
        }
    }

    #[test]
    fn scopes_are_those_asked_for_as_far_as_the_app_has_them() {
        let app =
            App { scopes: vec!["api".to_owned(), "refresh_token".to_owned()], ..App::default() };

        assert_eq!(app.grantable("").unwrap(), "api refresh_token");
        assert_eq!(app.grantable("api  offline_access").unwrap(), "api offline_access");
        assert!(app.grantable("api web").is_err());
        assert!(app.grantable("anything").is_err());
    }
}

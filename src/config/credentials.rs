//! Puts the parts of a login together.

use super::{AuthMethod, SalesforceSettings, Settings};
use crate::mapping::{Code, Diagnostic};
use crate::salesforce::Auth;

/// Hosts that every org shares; the client-credentials flow is not answered there.
const SHARED_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];

impl Settings {
    /// The login, by the given method or the one that the given secrets allow.
    ///
    /// # Errors
    /// Everything that is missing for it.
    pub fn credentials(&self) -> Result<Auth, Vec<Diagnostic>> {
        let settings = &self.salesforce;
        let mut missing = Vec::new();
        let credentials = match method(settings)? {
            AuthMethod::Jwt => jwt(settings, &mut missing),
            AuthMethod::ClientCredentials => client_credentials(settings, &mut missing),
            AuthMethod::RefreshToken => refresh_token(settings, &mut missing),
        };
        credentials.filter(|_| missing.is_empty()).ok_or(missing)
    }
}

/// A private key says more than a token, a token more than the app's own secret.
fn method(settings: &SalesforceSettings) -> Result<AuthMethod, Vec<Diagnostic>> {
    let guessed = if settings.private_key.is_some() {
        Some(AuthMethod::Jwt)
    } else if settings.refresh_token.is_some() {
        Some(AuthMethod::RefreshToken)
    } else {
        settings.client_secret.as_ref().map(|_| AuthMethod::ClientCredentials)
    };
    settings.auth.or(guessed).ok_or_else(|| {
        vec![Diagnostic::error(Code::MissingSetting, "no login to Salesforce is given").with_help(
            "set SALESFORCE_CLIENT_ID and one of SALESFORCE_PRIVATE_KEY with \
                     SALESFORCE_USERNAME, SALESFORCE_CLIENT_SECRET, SALESFORCE_REFRESH_TOKEN",
        )]
    })
}

fn jwt(settings: &SalesforceSettings, missing: &mut Vec<Diagnostic>) -> Option<Auth> {
    let client_id = need(settings.client_id.as_ref(), "client_id", missing);
    let username = need(settings.username.as_ref(), "username", missing);
    let private_key = need(settings.private_key.as_ref(), "private_key", missing);
    Some(Auth::JwtBearer {
        client_id: client_id?,
        username: username?,
        private_key: private_key?,
        audience: settings.audience.clone(),
    })
}

fn client_credentials(
    settings: &SalesforceSettings,
    missing: &mut Vec<Diagnostic>,
) -> Option<Auth> {
    let host = settings.login_url.host_str().unwrap_or_default();
    if SHARED_HOSTS.contains(&host) {
        let message = format!("`{host}` does not answer the client-credentials flow");
        missing.push(
            Diagnostic::error(Code::Contradiction, message).with_help(
                "set SALESFORCE_LOGIN_URL to the org's own `https://….my.salesforce.com`",
            ),
        );
    }
    let client_id = need(settings.client_id.as_ref(), "client_id", missing);
    let client_secret = need(settings.client_secret.as_ref(), "client_secret", missing);
    Some(Auth::ClientCredentials { client_id: client_id?, client_secret: client_secret? })
}

fn refresh_token(settings: &SalesforceSettings, missing: &mut Vec<Diagnostic>) -> Option<Auth> {
    let client_id = need(settings.client_id.as_ref(), "client_id", missing);
    let refresh_token = need(settings.refresh_token.as_ref(), "refresh_token", missing);
    Some(Auth::RefreshToken {
        client_id: client_id?,
        client_secret: settings.client_secret.clone(),
        refresh_token: refresh_token?,
    })
}

fn need<T: Clone>(value: Option<&T>, name: &str, missing: &mut Vec<Diagnostic>) -> Option<T> {
    if value.is_none() {
        let variable = format!("SALESFORCE_{}", name.to_ascii_uppercase());
        missing.push(
            Diagnostic::error(Code::MissingSetting, format!("`salesforce.{name}` is not given"))
                .with_help(format!("set {variable}, or `{name}` under `[salesforce]`")),
        );
    }
    value.cloned()
}

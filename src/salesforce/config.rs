//! How to reach one org: settings as given, nothing derived.

use super::Error;
use super::host;
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// The API version that is spoken unless the settings say otherwise.
pub const DEFAULT_API_VERSION: &str = "66.0";

/// The connection to one org.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to log in: best the org's own My Domain address. `http` only for a loopback address.
    pub login_url: Url,
    /// As whom.
    pub auth: Auth,
    /// The version of the API, as in `66.0`.
    pub api_version: String,
    /// How long one answer may take, and how long a download may stand still.
    pub timeout: Duration,
}

/// How to obtain a session without a person.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A signed assertion: nothing secret is stored but the key. The best choice for a service.
    JwtBearer {
        /// The consumer key of the app.
        client_id: String,
        /// The username of the integration user, which is not its email address.
        username: String,
        /// The private key of the app's certificate, in PEM form.
        private_key: SecretString,
        /// The audience, where it is not the login address.
        audience: Option<String>,
    },
    /// The app's own id and secret; the app names the user it runs as. Only at a My Domain address.
    ClientCredentials {
        /// The consumer key of the app.
        client_id: String,
        /// The consumer secret of the app.
        client_secret: SecretString,
    },
    /// A token that a person once obtained by logging in.
    RefreshToken {
        /// The consumer key of the app.
        client_id: String,
        /// The consumer secret, where the app demands it.
        client_secret: Option<SecretString>,
        /// The token.
        refresh_token: SecretString,
    },
}

impl Config {
    /// Refuses what could never work, before anything is sent.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !host::is_trustworthy(&self.login_url) {
            return Err(Error::Settings("the login address is neither https nor loopback".into()));
        }
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match self.api_version.split_once('.') {
            Some((major, minor)) if is_number(major) && is_number(minor) => Ok(()),
            _ => Err(Error::Settings("the API version is no number such as 66.0".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Auth, Config, DEFAULT_API_VERSION};
    use std::time::Duration;

    fn config(login_url: &str, api_version: &str) -> Config {
        Config {
            login_url: login_url.parse().unwrap(),
            auth: Auth::ClientCredentials {
                client_id: "app".into(),
                client_secret: "canary".to_owned().into(),
            },
            api_version: api_version.into(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn settings_that_could_never_work_are_refused() {
        #[rustfmt::skip]
        let table = [
            ("https://acme.my.salesforce.com", DEFAULT_API_VERSION, true),
            ("http://127.0.0.1:4000",          DEFAULT_API_VERSION, true),
            ("http://acme.my.salesforce.com",  DEFAULT_API_VERSION, false),
            ("https://user@acme.example",      DEFAULT_API_VERSION, false),
            ("https://acme.my.salesforce.com", "66",                false),
            ("https://acme.my.salesforce.com", "66.0/../",          false),
        ];
        for (login_url, api_version, accepted) in table {
            let outcome = config(login_url, api_version).check();
            assert_eq!(outcome.is_ok(), accepted, "{login_url} {api_version}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?}", config("https://acme.my.salesforce.com", "66.0"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}

//! Why a login fails, and what to do about it.

use crate::runtime::Retry;
use serde::Deserialize;

/// Login errors that pass by themselves.
const PASSING_ERRORS: [&str; 3] =
    ["server_error", "temporarily_unavailable", "rate_limit_exceeded"];

/// Why no session could be obtained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginFailure {
    /// Salesforce refused the login.
    #[error("salesforce refuses the login: {code} ({description})")]
    Refused {
        /// The OAuth error code.
        code: String,
        /// Salesforce's explanation.
        description: String,
    },
    /// The private key cannot be used.
    #[error("the private key is no RSA key in PEM form")]
    Key,
    /// The login answer sends us to a host that must not receive a token.
    #[error("the login answer names a host that is not trusted: {host}")]
    UntrustedHost {
        /// The host.
        host: String,
    },
    /// The login address is not available.
    #[error("the login address answers with HTTP {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// The login address could not be reached.
    #[error("the login address cannot be reached")]
    Unreachable,
    /// The answer is not what the login promises.
    #[error("the login answer cannot be read")]
    Malformed,
}

impl LoginFailure {
    /// What the engine does.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Refused { code, .. } if PASSING_ERRORS.contains(&code.as_str()) => Retry::Later,
            Self::Refused { .. } | Self::Key | Self::UntrustedHost { .. } => Retry::Never,
            Self::Unavailable { .. } | Self::Unreachable | Self::Malformed => Retry::Soon,
        }
    }

    /// What the operator does; `None` if the engine copes alone.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::Refused { code, .. } => match code.as_str() {
                code if PASSING_ERRORS.contains(&code) => return None,
                "invalid_client" | "invalid_client_id" | "app_not_found" => {
                    "check the consumer key and secret, and that the login address is the org's My Domain"
                }
                "invalid_app_access" => {
                    "pre-authorise the integration user for the app: a permission set under the app's policies"
                }
                "inactive_user" | "inactive_org" => "activate the integration user or the org",
                _ => {
                    "check username, certificate and audience, and that the integration user is pre-authorised \
                     for the app; a refresh token that was revoked or replaced has to be obtained anew"
                }
            },
            Self::Key => "give the private key as PEM (BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY)",
            Self::UntrustedHost { .. } => {
                "check the login address; if the org is reached through a proxy, use the proxy's address for the login"
            }
            Self::Unavailable { .. } | Self::Unreachable | Self::Malformed => return None,
        };
        Some(remedy.to_owned())
    }

    /// The meaning of a login answer that is no success.
    pub(super) fn of_answer(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<WireFailure>(body) {
            Ok(wire) => Self::Refused { code: wire.error, description: wire.error_description },
            Err(_) => Self::Unavailable { status },
        }
    }
}

#[derive(Deserialize)]
struct WireFailure {
    error: String,
    #[serde(default)]
    error_description: String,
}

#[cfg(test)]
mod tests {
    use super::LoginFailure;
    use crate::runtime::Retry;

    #[test]
    fn a_refused_login_needs_a_person_and_an_outage_does_not() {
        #[rustfmt::skip]
        let table = [
            (400, r#"{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}"#, Retry::Never),
            (400, r#"{"error":"invalid_client"}"#,          Retry::Never),
            (400, r#"{"error":"rate_limit_exceeded"}"#,     Retry::Later),
            (503, r#"{"error":"temporarily_unavailable"}"#, Retry::Later),
            (503, "<html>maintenance</html>",               Retry::Soon),
            (302, "",                                       Retry::Soon),
        ];
        for (status, body, retry) in table {
            let failure = LoginFailure::of_answer(status, body.as_bytes());
            assert_eq!(failure.retry(), retry, "{failure}");
            assert_eq!(failure.remedy().is_some(), retry == Retry::Never, "{failure}");
        }
        assert!(LoginFailure::Key.remedy().is_some());
    }
}

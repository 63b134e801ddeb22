//! The signed assertion of the JWT bearer grant.

use super::LoginFailure;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Salesforce refuses assertions that would be valid for longer than about three minutes.
const LIFETIME: TimeDelta = TimeDelta::seconds(120);

/// A difference between the clocks that could make Salesforce refuse an assertion.
const TOLERATED_SKEW: TimeDelta = TimeDelta::seconds(30);

/// Whom an assertion speaks of.
pub(super) struct Claims<'a> {
    client_id: &'a str,
    username: &'a str,
    audience: &'a str,
}

#[derive(Serialize)]
struct WireClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

impl<'a> Claims<'a> {
    pub(super) fn new(client_id: &'a str, username: &'a str, audience: &'a str) -> Self {
        Self { client_id, username, audience }
    }

    /// An assertion that is valid from now on, when Salesforce's clock is `skew` ahead of ours.
    pub(super) fn sign(
        &self,
        skew: TimeDelta,
        private_key: &SecretString,
    ) -> Result<SecretString, LoginFailure> {
        let key = EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes())
            .map_err(|_| LoginFailure::Key)?;
        let claims = self.wire(clock() + skew);
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key)
            .map(SecretString::from)
            .map_err(|_| LoginFailure::Key)
    }

    fn wire(&self, now: DateTime<Utc>) -> WireClaims<'a> {
        WireClaims {
            iss: self.client_id,
            sub: self.username,
            aud: self.audience,
            exp: (now + LIFETIME).timestamp(),
        }
    }
}

/// How far Salesforce's clock is ahead of ours, if that can explain a refusal.
pub(super) fn skew(theirs: DateTime<Utc>) -> Option<TimeDelta> {
    let skew = theirs - clock();
    (skew.abs() > TOLERATED_SKEW).then_some(skew)
}

#[expect(clippy::disallowed_methods, reason = "an assertion expires by the clock of the world")]
fn clock() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::Claims;
    use crate::salesforce::LoginFailure;
    use chrono::{TimeZone, Utc};

    #[test]
    fn an_assertion_names_the_app_the_user_and_a_short_time() {
        let claims =
            Claims::new("consumer key", "integration@acme.example", "https://acme.example");
        let now = Utc.timestamp_opt(1_000, 0).unwrap();
        assert_eq!(
            serde_json::to_value(claims.wire(now)).unwrap(),
            serde_json::json!({
                "iss": "consumer key",
                "sub": "integration@acme.example",
                "aud": "https://acme.example",
                "exp": 1_120,
            })
        );
    }

    #[test]
    fn what_is_no_key_is_an_error_that_does_not_show_it() {
        let claims = Claims::new("consumer key", "user", "https://acme.example");
        let key = "canary".to_owned().into();
        let failure = claims.sign(chrono::TimeDelta::zero(), &key).unwrap_err();
        assert_eq!(failure, LoginFailure::Key);
    }
}

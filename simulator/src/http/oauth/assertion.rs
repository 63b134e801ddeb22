//! Signed assertions, really checked: of a user in the JWT bearer flow, and of a client that proves
//! itself without a secret.

use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, dangerous::insecure_decode, decode, decode_header,
};
use serde::Deserialize;
use serde_json::Value;

use crate::http::{oauth::app::App, refusal::Refusal};

/// Audiences that stand for any org.
const LOGIN_HOST: &str = "https://login.salesforce.com";
const SANDBOX_HOST: &str = "https://test.salesforce.com";

/// How far ahead `exp` may lie, in seconds: three minutes by the documents, five in practice.
const EXPIRY_AHEAD: i64 = 300;

/// What an assertion is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// It names a user to log in.
    User,
    /// It names the client; the token endpoint is an audience too.
    Client,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Value>,
    exp: Option<Value>,
}

/// Who says that it made an assertion; nothing of it is checked yet.
pub(crate) fn issuer(assertion: &str) -> Option<String> {
    insecure_decode::<Claims>(assertion).ok()?.claims.iss
}

/// The subject that a valid assertion of this app names.
///
/// # Errors
/// The pair of error and description that Salesforce answers for the first thing found wrong.
pub(crate) fn check(
    assertion: &str,
    app: &App,
    url: &str,
    now: DateTime<Utc>,
    purpose: Purpose,
) -> Result<String, Refusal> {
    let claims = verified(assertion, app).ok_or_else(|| invalid("invalid assertion"))?;
    let Some(audience) = claims.aud else { return Err(invalid("audience is invalid")) };
    if app.is_external && is_one_of(&audience, &|audience| audience == SANDBOX_HOST) {
        let text = "External client app is not installed in this org";
        return Err(Refusal::oauth("app_not_found", text));
    }
    if !is_one_of(&audience, &|audience| is_audience(audience, url, purpose)) {
        return Err(invalid("audience is invalid"));
    }
    let expiry = claims.exp.as_ref().and_then(seconds);
    let ahead = expiry.ok_or_else(|| invalid("invalid assertion"))?.saturating_sub(now.timestamp());
    if ahead <= 0 {
        return Err(invalid("expired authorization code"));
    }
    if ahead > EXPIRY_AHEAD {
        return Err(invalid("invalid assertion"));
    }
    claims.sub.ok_or_else(|| invalid("invalid assertion"))
}

/// A moment in epoch seconds; some clients, simple-salesforce among them, write it as text.
fn seconds(claim: &Value) -> Option<i64> {
    let number = claim.as_f64().or_else(|| claim.as_str()?.parse().ok())?;
    #[expect(clippy::cast_possible_truncation, reason = "a saturated time is as far off as said")]
    Some(number as i64)
}

/// The claims of a token with the right signature; times and audience are checked by the caller,
/// against the org's clock and with answers of their own.
fn verified(assertion: &str, app: &App) -> Option<Claims> {
    if decode_header(assertion).ok()?.alg != Algorithm::RS256 {
        return None;
    }
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_rsa_pem(app.public_key_pem.as_bytes()).ok()?;
    let claims = decode::<Claims>(assertion, &key, &validation).ok()?.claims;
    (claims.iss.as_ref() == Some(&app.client_id)).then_some(claims)
}

fn is_one_of(audience: &Value, is_good: &dyn Fn(&str) -> bool) -> bool {
    match audience {
        Value::String(audience) => is_good(audience.trim_end_matches('/')),
        Value::Array(audiences) => audiences.iter().any(|audience| is_one_of(audience, is_good)),
        _ => false,
    }
}

fn is_audience(audience: &str, url: &str, purpose: Purpose) -> bool {
    let audience = match purpose {
        Purpose::User => audience,
        Purpose::Client => audience.strip_suffix("/services/oauth2/token").unwrap_or(audience),
    };
    audience == url
        || audience == url.replace("127.0.0.1", "localhost")
        || [LOGIN_HOST, SANDBOX_HOST].contains(&audience)
}

fn invalid(description: &str) -> Refusal {
    Refusal::oauth("invalid_grant", description)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::http::oauth::{CLIENT_ID, PRIVATE_KEY, PUBLIC_KEY};

    const URL: &str = "http://127.0.0.1:8080";
    const NOW: i64 = 1_800_000_000;

    fn check(claims: &Value) -> Result<String, String> {
        let key = EncodingKey::from_rsa_pem(PRIVATE_KEY.as_bytes()).unwrap();
        let token = encode(&Header::new(Algorithm::RS256), claims, &key).unwrap();
        judge(&token)
    }

    fn check_for(app: &App, token: &str, now: DateTime<Utc>) -> Result<String, Refusal> {
        super::check(token, app, URL, now, Purpose::User)
    }

    fn judge(token: &str) -> Result<String, String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        check_for(&App::default(), token, now).map_err(|refusal| match refusal {
            Refusal::OAuth { error, description } => format!("{error}: {description}"),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_good_assertion_names_its_user() {
        for audience in [URL, "http://127.0.0.1:8080/", "https://login.salesforce.com"] {
            let claims = json!({"iss": CLIENT_ID, "sub": "ada", "aud": audience, "exp": NOW + 180});

            assert_eq!(check(&claims).as_deref(), Ok("ada"), "{audience}");
        }
    }

    #[test]
    fn an_expiry_written_as_text_is_understood() {
        let claims =
            json!({"iss": CLIENT_ID, "sub": "ada", "aud": URL, "exp": (NOW + 180).to_string()});

        assert_eq!(check(&claims).as_deref(), Ok("ada"));
    }

    #[test]
    fn each_wrong_claim_has_its_own_answer() {
        let exp = NOW + 180;
        #[rustfmt::skip]
        let table = [
            (json!({"iss": "other", "sub": "ada", "aud": URL, "exp": exp}), "invalid_grant: invalid assertion"),
            (json!({"iss": CLIENT_ID, "sub": "ada", "aud": "https://evil", "exp": exp}), "invalid_grant: audience is invalid"),
            (json!({"iss": CLIENT_ID, "sub": "ada", "exp": exp}), "invalid_grant: audience is invalid"),
            (json!({"iss": CLIENT_ID, "sub": "ada", "aud": URL, "exp": NOW - 1}), "invalid_grant: expired authorization code"),
            (json!({"iss": CLIENT_ID, "sub": "ada", "aud": URL, "exp": NOW + 3600}), "invalid_grant: invalid assertion"),
            (json!({"iss": CLIENT_ID, "aud": URL, "exp": exp}), "invalid_grant: invalid assertion"),
            (json!([1]), "invalid_grant: invalid assertion"),
        ];
        for (claims, expected) in table {
            assert_eq!(check(&claims).unwrap_err(), expected, "{claims}");
        }
    }

    #[test]
    fn a_foreign_or_missing_signature_is_refused() {
        let claims = json!({"iss": CLIENT_ID, "sub": "ada", "aud": URL, "exp": NOW + 180});
        let shared = EncodingKey::from_secret(PUBLIC_KEY.as_bytes());
        let confused = encode(&Header::new(Algorithm::HS256), &claims, &shared).unwrap();

        assert_eq!(judge(&confused).unwrap_err(), "invalid_grant: invalid assertion");
        assert_eq!(judge("a.b.c").unwrap_err(), "invalid_grant: invalid assertion");
        assert_eq!(judge("").unwrap_err(), "invalid_grant: invalid assertion");
    }
}

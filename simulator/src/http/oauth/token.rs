//! The token endpoint: one function per flow.

use aws_lc_rs::digest;
use axum::http::{Method, header::HOST};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::http::{
    call::Call,
    oauth::{
        SECURITY_TOKEN,
        answer::{Flow, Login, answer, formatted},
        app::App,
        assertion::{self, Purpose},
        form::{Form, Proof},
    },
    refusal::Refusal,
    reply::Reply,
    world::{Person, World},
};

/// `POST /services/oauth2/token`, in the form that was asked for.
pub(crate) fn grant(world: &World, call: &Call) -> Reply {
    let form = Form::read(call);
    let outcome = grant_to(world, call, &form);
    formatted(call, &form, outcome)
}

fn grant_to(world: &World, call: &Call, form: &Form) -> Result<Value, Refusal> {
    if call.method != Method::POST {
        return Err(Refusal::oauth("invalid_request", "must use HTTP POST"));
    }
    if form.get("response_type") == "device_code" {
        let app = form.app(world)?;
        tracing::debug!(app.client_id, "the device flow was asked for");
        let text = "device flow is not enabled for this app";
        return Err(Refusal::oauth("unauthorized_client", text));
    }
    let login = match form.require("grant_type")? {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => jwt_bearer(world, call, form)?,
        "client_credentials" => client_credentials(world, call, form)?,
        "authorization_code" => authorization_code(world, call, form)?,
        "refresh_token" | "hybrid_refresh" => refresh_token(world, call, form)?,
        "password" => password(world, call, form)?,
        // The device flow, token exchange and SAML bearer are known to Salesforce but not to this org.
        _ => return Err(Refusal::oauth("unsupported_grant_type", "grant type not supported")),
    };
    if login.flow != Flow::RefreshToken {
        world.sessions().policy.let_in(&login.person.username, call.time)?;
    }
    Ok(answer(world, call.time, login))
}

fn jwt_bearer(world: &World, call: &Call, form: &Form) -> Result<Login, Refusal> {
    let text = form.get("assertion");
    let issuer = assertion::issuer(text)
        .ok_or_else(|| Refusal::oauth("invalid_grant", "invalid assertion"))?;
    let app = world.sessions().apps.find(&issuer)?;
    let username = assertion::check(text, &app, world.url(), call.time, Purpose::User)?;
    let person = user(world, &username, "user hasn't approved this consumer")?;
    if !app.is_approved_for(&person.username) {
        return Err(if app.admin_approved_only {
            let text = "user is not admin approved to access this app";
            Refusal::oauth("invalid_app_access", text)
        } else {
            Refusal::oauth("invalid_grant", "user hasn't approved this consumer")
        });
    }
    login(Flow::JwtBearer, app, person, form)
}

fn client_credentials(world: &World, call: &Call, form: &Form) -> Result<Login, Refusal> {
    let wrong = || Refusal::oauth("invalid_client", "invalid client credentials");
    let app = form.app(world).map_err(|_| wrong())?;
    form.prove(world, call, &app, Proof::Required)?;
    if is_login_host(call) {
        let text = "request not supported on this domain";
        return Err(Refusal::oauth("invalid_grant", text));
    }
    let Some(username) = app.run_as.clone() else {
        return Err(Refusal::oauth("invalid_grant", "no client credentials user enabled"));
    };
    let person = user(world, &username, "no client credentials user enabled")?;
    login(Flow::ClientCredentials, app, person, form)
}

/// Whether the request came to a host that stands for all orgs.
fn is_login_host(call: &Call) -> bool {
    let host = call.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    ["login.salesforce.com", "test.salesforce.com"].contains(&host)
}

fn authorization_code(world: &World, call: &Call, form: &Form) -> Result<Login, Refusal> {
    let app = form.app(world)?;
    let proof = if app.secret_for_web_server_flow { Proof::Required } else { Proof::Optional };
    form.prove(world, call, &app, proof)?;
    let (code, uri) = (form.require("code")?, form.get("redirect_uri"));
    if uri.is_empty() {
        return Err(Refusal::oauth("redirect_uri_missing", "redirect_uri not provided"));
    }
    let code = world.sessions().redeem(code, call.time);
    let code = code.filter(|code| code.client_id == app.client_id);
    let code = code.ok_or_else(|| Refusal::oauth("invalid_grant", "expired authorization code"))?;
    if code.redirect_uri != uri {
        let text = "redirect_uri must match configuration";
        return Err(Refusal::oauth("redirect_uri_mismatch", text));
    }
    check_verifier(code.challenge.as_deref(), form.get("code_verifier"))?;
    let person = user(world, &code.username, "expired authorization code")?;
    let may_refresh =
        code.scope.split(' ').any(|scope| ["refresh_token", "offline_access"].contains(&scope));
    let refresh_token = may_refresh
        .then(|| world.sessions().approve(&person.username, &app.client_id, &code.scope));
    Ok(Login {
        flow: Flow::AuthorizationCode,
        app,
        person,
        scope: code.scope,
        nonce: code.nonce,
        refresh_token,
    })
}

/// PKCE: the verifier must be what the challenge was made of. One without the other does not fit.
fn check_verifier(challenge: Option<&str>, verifier: &str) -> Result<(), Refusal> {
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    let is_right = match challenge {
        Some(challenge) => URL_SAFE_NO_PAD.encode(hash) == challenge,
        None => verifier.is_empty(),
    };
    if is_right { Ok(()) } else { Err(Refusal::oauth("invalid_grant", "invalid code verifier")) }
}

fn refresh_token(world: &World, call: &Call, form: &Form) -> Result<Login, Refusal> {
    let expired = "expired access/refresh token";
    let app = form.app(world)?;
    let proof = if app.secret_for_refresh { Proof::Required } else { Proof::Optional };
    form.prove(world, call, &app, proof)?;
    let token = form.require("refresh_token")?;
    let known = world.sessions().remembered(token);
    let known = known.filter(|known| known.client_id == app.client_id);
    let known = known.ok_or_else(|| Refusal::oauth("invalid_grant", expired))?;
    let scope = form.get("scope");
    if !scope.split_whitespace().all(|scope| known.scope.split(' ').any(|own| own == scope)) {
        let text = "the requested scope is not allowed";
        return Err(Refusal::oauth("invalid_scope", text));
    }
    let scope = if scope.is_empty() { known.scope } else { scope.to_owned() };
    let person = user(world, &known.username, expired)?;
    // Asked here, since a login that is refused must not use the token up.
    world.sessions().policy.let_in(&person.username, call.time)?;
    let refresh_token =
        if app.rotate_refresh_tokens { world.sessions().rotate(token) } else { None };
    Ok(Login { flow: Flow::RefreshToken, app, person, scope, nonce: None, refresh_token })
}

fn password(world: &World, call: &Call, form: &Form) -> Result<Login, Refusal> {
    let failed = "authentication failure";
    let app = form.app(world)?;
    form.prove(world, call, &app, Proof::Required)?;
    let (username, password) = (form.require("username")?, form.require("password")?);
    let rules = world.sessions().policy.rules.clone();
    if !rules.password_flow
        || !check_password(world, (username, password), rules.security_token_required)
    {
        return Err(Refusal::oauth("invalid_grant", failed));
    }
    let person = user(world, username, failed)?;
    login(Flow::Password, app, person, form)
}

/// Whether this is the user's password, perhaps followed by the security token.
pub(crate) fn check_password(
    world: &World,
    (username, password): (&str, &str),
    is_token_required: bool,
) -> bool {
    is_password(&world.password_of(username), password, is_token_required)
}

fn is_password(own: &str, password: &str, is_token_required: bool) -> bool {
    match password.strip_prefix(own) {
        Some("") => !is_token_required,
        Some(token) => token == SECURITY_TOKEN,
        None => false,
    }
}

/// The user with this name.
fn user(world: &World, username: &str, unknown: &str) -> Result<Person, Refusal> {
    if let Some(person) = world.person_named(username) {
        return Ok(person);
    }
    if world.org().is_inactive_user(username) {
        return Err(Refusal::oauth("inactive_user", "user is inactive"));
    }
    Err(Refusal::oauth("invalid_grant", unknown))
}

fn login(flow: Flow, app: App, person: Person, form: &Form) -> Result<Login, Refusal> {
    let scope = app.grantable(form.get("scope"))?;
    Ok(Login { flow, app, person, scope, nonce: None, refresh_token: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::oauth::PASSWORD;

    #[test]
    fn a_verifier_fits_its_challenge_and_nothing_else() {
        // From RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

        assert!(check_verifier(Some(challenge), verifier).is_ok());
        assert!(check_verifier(Some(challenge), "").is_err());
        assert!(check_verifier(Some(challenge), challenge).is_err(), "plain");
        assert!(check_verifier(None, verifier).is_err());
        assert!(check_verifier(None, "").is_ok());
    }

    #[test]
    fn a_password_may_be_followed_by_the_security_token() {
        let with_token = format!("{PASSWORD}{SECURITY_TOKEN}");

        let check = |password: &str, is_required| is_password(PASSWORD, password, is_required);
        assert!(check(PASSWORD, false) && check(&with_token, false));
        assert!(!check(PASSWORD, true) && check(&with_token, true));
        assert!(!check("", false) && !check("x", false));
        assert!(!check(&format!("{PASSWORD}x"), false));
    }
}

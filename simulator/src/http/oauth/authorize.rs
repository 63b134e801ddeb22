//! The browser flow up to its code: who asks, who answers, and where the browser goes next.
//!
//! A person gets a page. A test posts what the page would (`username`, `password`, `decision=allow`), or
//! has the control routes set `consent` to `allow` or `deny` and is redirected at once.

use axum::http::{Method, StatusCode, header::LOCATION};

use crate::http::{
    call::Call,
    oauth::{answer::escape, app::App, form::Form, page, policy::Consent, token::check_password},
    refusal::Refusal,
    reply::Reply,
    sessions::Code,
    world::World,
};

/// Length of an S256 challenge.
const CHALLENGE_LENGTH: usize = 43;

/// Where the browser goes when the flow ends.
struct Return<'a> {
    uri: &'a str,
    state: &'a str,
}

/// A question that may be asked: whom a code would be for, and what it would allow.
struct Question<'a> {
    app: &'a App,
    scope: &'a str,
    form: &'a Form,
    back: Return<'a>,
}

/// `GET` and `POST /services/oauth2/authorize`
pub(crate) fn authorize(world: &World, call: &Call) -> Reply {
    let form = Form::read(call);
    // Until the app and its address are known, nothing may be sent there.
    let app = match known_app(world, &form) {
        Ok(app) => app,
        Err(refusal) => return dead_end(&refusal),
    };
    let back = Return { uri: form.get("redirect_uri"), state: form.get("state") };
    let scope = match check(&app, &form) {
        Ok(scope) => scope,
        Err(refusal) => return back.refused(&refusal),
    };
    let question = Question { app: &app, scope: &scope, form: &form, back };
    let consent = world.sessions().policy.rules.consent;
    let is_answered = call.method == Method::POST && !form.get("decision").is_empty();
    match consent {
        Consent::Allow => {
            let hint = form.get("login_hint");
            let username =
                if hint.is_empty() { world.integration_username() } else { hint.to_owned() };
            question.allowed(world, call, &username)
        }
        Consent::Ask if !is_answered => question.ask(),
        Consent::Ask if form.get("decision") == "allow" => question.log_in(world, call),
        Consent::Ask | Consent::Deny => question.back.refused(&denied()),
    }
}

fn denied() -> Refusal {
    Refusal::oauth("access_denied", "end-user denied authorization")
}

fn known_app(world: &World, form: &Form) -> Result<App, Refusal> {
    let app = world.sessions().apps.find(form.get("client_id"))?;
    match form.get("redirect_uri") {
        "" => Err(Refusal::oauth("redirect_uri_missing", "redirect_uri not provided")),
        uri if app.takes_redirect(uri) => Ok(app),
        _ => {
            let text = "redirect_uri must match configuration";
            Err(Refusal::oauth("redirect_uri_mismatch", text))
        }
    }
}

/// Checks what the app asks for, and answers the scopes.
fn check(app: &App, form: &Form) -> Result<String, Refusal> {
    match form.get("response_type") {
        "code" => {}
        "" => {
            let text = "missing required parameter: response_type";
            return Err(Refusal::oauth("invalid_request", text));
        }
        _ => {
            let text = "response type not supported";
            return Err(Refusal::oauth("unsupported_response_type", text));
        }
    }
    let (challenge, method) = (form.get("code_challenge"), form.get("code_challenge_method"));
    if challenge.is_empty() && app.pkce_required {
        return Err(Refusal::oauth("invalid_request", "missing required code challenge"));
    }
    if !challenge.is_empty() && !matches!(method, "" | "S256") {
        return Err(Refusal::oauth("invalid_request", "invalid code challenge method"));
    }
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_hash = challenge.len() == CHALLENGE_LENGTH && challenge.bytes().all(is_base64url);
    if !challenge.is_empty() && !is_hash {
        return Err(Refusal::oauth("invalid_request", "invalid code challenge"));
    }
    app.grantable(form.get("scope"))
}

impl Question<'_> {
    fn ask(&self) -> Reply {
        if self.form.get("prompt") == "none" || self.form.get("immediate") == "true" {
            return self.back.refused(&Refusal::oauth("immediate_unsuccessful", ""));
        }
        html(StatusCode::OK, page::question(self.form, self.scope, None))
    }

    /// The page came back with a yes.
    fn log_in(&self, world: &World, call: &Call) -> Reply {
        let is_token_required = world.sessions().policy.rules.security_token_required;
        let username = self.form.get("username");
        let is_right =
            check_password(world, (username, self.form.get("password")), is_token_required)
                && world.person_named(username).is_some();
        if is_right {
            return self.allowed(world, call, username);
        }
        let problem = "Please check your username and password.";
        html(StatusCode::OK, page::question(self.form, self.scope, Some(problem)))
    }

    /// The user has said yes.
    fn allowed(&self, world: &World, call: &Call, username: &str) -> Reply {
        let Self { app, scope, form, back } = self;
        let Some(person) = world.person_named(username) else {
            return back.refused(&if world.org().is_inactive_user(username) {
                Refusal::oauth("inactive_user", "user is inactive")
            } else {
                denied()
            });
        };
        if app.admin_approved_only && !app.is_approved_for(&person.username) {
            // The browser is told under another name than the token endpoint's clients.
            let text = "user is not admin approved to access this app";
            return back.refused(&Refusal::oauth("OAUTH_APP_ACCESS_DENIED", text));
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let code = world.sessions().issue(Code {
            client_id: app.client_id.clone(),
            redirect_uri: back.uri.to_owned(),
            username: person.username,
            scope: (*scope).to_owned(),
            challenge: some(form.get("code_challenge")),
            nonce: some(form.get("nonce")),
            issued: call.time,
        });
        back.with(&[("code", &code)])
    }
}

impl Return<'_> {
    fn refused(&self, refusal: &Refusal) -> Reply {
        match refusal {
            Refusal::OAuth { error, description } => {
                self.with(&[("error", error), ("error_description", description)])
            }
            other => other.clone().into(),
        }
    }

    /// A redirection to the app with these parameters and the state it gave.
    fn with(&self, parameters: &[(&str, &str)]) -> Reply {
        let state = [("state", self.state)];
        let all = parameters.iter().chain(&state).filter(|(_, value)| !value.is_empty());
        let query: Vec<String> =
            all.map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let joint = if self.uri.contains('?') { '&' } else { '?' };
        let place = format!("{}{joint}{}", self.uri, query.join("&"));
        Reply::empty(StatusCode::FOUND).with(LOCATION, &place)
    }
}

fn dead_end(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::OAuth { error, description } => {
            html(StatusCode::BAD_REQUEST, page::dead_end(error, description))
        }
        other => other.clone().into(),
    }
}

fn html(status: StatusCode, page: String) -> Reply {
    Reply::text(status, "text/html; charset=UTF-8", page)
}

//! The page that asks a person to log in and to allow an app, and the page that says why it cannot.

use quick_xml::escape::escape;

use crate::http::oauth::form::Form;

/// What the page sends back unchanged.
const CARRIED: [&str; 10] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "display",
];

const HEAD: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>Login | Simulated Salesforce</title></head><body>";

/// The form to log in with and to say yes or no.
pub(crate) fn question(form: &Form, scope: &str, problem: Option<&str>) -> String {
    let hidden: Vec<String> = CARRIED
        .iter()
        .filter(|name| !form.get(name).is_empty())
        .map(|name| {
            let value = escape(form.get(name));
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        })
        .collect();
    let hidden = hidden.concat();
    let problem = problem.map_or_else(String::new, |text| format!("<p id=\"error\">{text}</p>"));
    let username = match form.get("username") {
        "" => form.get("login_hint"),
        username => username,
    };
    format!(
        "{HEAD}<h1>Allow Access?</h1>{problem}\
         <p>The app {client} asks for: {scope}</p>\
         <form method=\"post\" action=\"/services/oauth2/authorize\">{hidden}\
         <p><label>Username <input name=\"username\" id=\"username\" value=\"{username}\"></label></p>\
         <p><label>Password <input type=\"password\" name=\"password\" id=\"password\"></label></p>\
         <p><button name=\"decision\" value=\"allow\" id=\"oaapprove\">Allow</button>\
         <button name=\"decision\" value=\"deny\" id=\"oadeny\">Deny</button></p></form></body></html>",
        client = escape(form.get("client_id")),
        scope = escape(scope),
        username = escape(username),
    )
}

/// What a person sees when the browser cannot be sent back to the app.
pub(crate) fn dead_end(error: &str, description: &str) -> String {
    format!(
        "{HEAD}<h1>OAuth Error</h1><p>error={}&amp;error_description={}</p></body></html>",
        escape(error),
        escape(description),
    )
}

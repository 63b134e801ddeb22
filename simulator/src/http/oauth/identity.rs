//! Who a token belongs to: the identity URL and the user info of `OpenID` Connect.

use axum::http::{StatusCode, header::ACCEPT};
use serde_json::{Map, Value, json};

use crate::{
    Id,
    http::{
        call::Call,
        dispatch::bearer,
        oauth::answer::as_xml,
        refusal::Refusal,
        reply::Reply,
        versions,
        world::{Person, World},
    },
    org::Names,
};

/// The places of an org, by the name that the URLs are told under.
const PLACES: [(&str, &str); 14] = [
    ("enterprise", "/services/Soap/c/{version}/{org}"),
    ("metadata", "/services/Soap/m/{version}/{org}"),
    ("partner", "/services/Soap/u/{version}/{org}"),
    ("rest", "/services/data/v{version}/"),
    ("sobjects", "/services/data/v{version}/sobjects/"),
    ("search", "/services/data/v{version}/search/"),
    ("query", "/services/data/v{version}/query/"),
    ("recent", "/services/data/v{version}/recent/"),
    ("tooling_soap", "/services/Soap/T/{version}/{org}"),
    ("tooling_rest", "/services/data/v{version}/tooling/"),
    ("profile", "/{user}"),
    ("feeds", "/services/data/v{version}/chatter/feeds"),
    ("groups", "/services/data/v{version}/chatter/groups"),
    ("users", "/services/data/v{version}/chatter/users"),
];

/// `GET /id/{organization}/{user}`, as JSON or, by `format` or Accept, as XML.
///
/// # Errors
/// 403 in plain text, as for the user info; another org's id is refused too.
pub(crate) fn identity(
    world: &World,
    call: &mut Call,
    organization: &str,
    user: &str,
) -> Result<Reply, Refusal> {
    authenticate(world, call)?;
    let is_own = organization == world.organization_id()
        || world.organization_id().get(..15) == Some(organization);
    if !is_own {
        return Err(forbidden("Wrong_Org"));
    }
    let person = Id::from_text(user).and_then(|id| world.person(id));
    let person = person.ok_or_else(|| forbidden("Bad_Id"))?;
    let names = world.org().names(person.id);
    let changed = names.changed.unwrap_or(call.time);
    let body = json!({
        "id": world.identity_url(person.id),
        "asserted_user": person.id == call.user(),
        "user_id": person.id.to_string(),
        "organization_id": world.organization_id(),
        "username": person.username,
        "nick_name": person.username.split('@').next(),
        "display_name": names.display,
        "email": email(&names, &person),
        "email_verified": true,
        "first_name": names.first,
        "last_name": names.last,
        "timezone": "GMT",
        "photos": { "picture": null, "thumbnail": null },
        "addr_street": null,
        "addr_city": null,
        "addr_state": null,
        "addr_country": null,
        "addr_zip": null,
        "mobile_phone": null,
        "mobile_phone_verified": false,
        "is_lightning_login_user": false,
        "status": { "created_date": null, "body": null },
        "urls": urls(world, &person, call.parameter("version")),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "last_modified_date": changed.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        "is_app_installed": true,
    });
    let accept = call.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_xml = match call.parameter("format") {
        Some(format) => format == "xml",
        None => accept.is_some_and(|accept| accept.starts_with("application/xml")),
    };
    if is_xml {
        let text = as_xml("user", &body);
        return Ok(Reply::text(StatusCode::OK, "application/xml;charset=UTF-8", text));
    }
    Ok(Reply::ok(&body))
}

/// `GET /services/oauth2/userinfo`
///
/// # Errors
/// 403 in plain text for a missing or bad token.
pub(crate) fn user_info(world: &World, call: &mut Call) -> Result<Reply, Refusal> {
    authenticate(world, call)?;
    let person = world.person(call.user()).ok_or_else(|| forbidden("Bad_OAuth_Token"))?;
    let names = world.org().names(person.id);
    Ok(Reply::ok(&json!({
        "sub": world.identity_url(person.id),
        "user_id": person.id.to_string(),
        "organization_id": world.organization_id(),
        "preferred_username": person.username,
        "nickname": person.username.split('@').next(),
        "name": names.display,
        "email": email(&names, &person),
        "email_verified": true,
        "given_name": names.first,
        "family_name": names.last,
        "zoneinfo": "GMT",
        "photos": { "picture": null, "thumbnail": null },
        "profile": format!("{}/{}", world.url(), person.id),
        "picture": null,
        "address": {},
        "urls": urls(world, &person, None),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "updated_at": names.changed.unwrap_or(call.time).to_rfc3339(),
    })))
}

fn email<'a>(names: &'a Names, person: &'a Person) -> &'a str {
    names.email.as_deref().unwrap_or(&person.username)
}

/// Lets in whoever has a token, in the header or in the query.
fn authenticate(world: &World, call: &mut Call) -> Result<(), Refusal> {
    let token = match call.parameter("oauth_token") {
        Some(token) => token.to_owned(),
        None => bearer(call).map_err(|_| forbidden("Missing_OAuth_Token"))?,
    };
    let session = world.sessions().touch(&token, call.time);
    call.session = Some(session.ok_or_else(|| forbidden("Bad_OAuth_Token"))?);
    Ok(())
}

/// The places of the org; `{version}` is for the client to fill in, unless it says which it wants.
fn urls(world: &World, person: &Person, version: Option<&str>) -> Value {
    let latest = versions::latest();
    let version = match version {
        Some("latest") => latest.as_str(),
        Some(version) => version,
        None => "{version}",
    };
    let organization = world.organization_id();
    let mut urls: Map<String, Value> = PLACES
        .iter()
        .map(|(name, path)| {
            let path = path
                .replace("{version}", version)
                .replace("{org}", organization.get(..15).unwrap_or_default())
                .replace("{user}", &person.id.to_string());
            ((*name).to_owned(), json!(format!("{}{path}", world.url())))
        })
        .collect();
    let feed_items = format!("{}/services/data/v{version}/chatter/feed-items", world.url());
    urls.insert("feed_items".to_owned(), json!(feed_items));
    urls.insert("custom_domain".to_owned(), json!(world.url()));
    Value::Object(urls)
}

fn forbidden(text: &'static str) -> Refusal {
    Refusal::Text { status: StatusCode::FORBIDDEN, text }
}

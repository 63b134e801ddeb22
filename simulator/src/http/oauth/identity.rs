//! Who a token belongs to: the identity URL and the user info of `OpenID` Connect.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    Id,
    http::{
        call::Call,
        dispatch::bearer,
        refusal::Refusal,
        reply::Reply,
        world::{Person, World},
    },
};

/// `GET /id/{organization}/{user}`
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
    if organization != world.organization_id() {
        return Err(forbidden("Wrong_Org"));
    }
    let person = Id::from_text(user).and_then(|id| world.person(id));
    let person = person.ok_or_else(|| forbidden("Bad_Id"))?;
    Ok(Reply::ok(&json!({
        "id": world.identity_url(person.id),
        "asserted_user": person.id == call.user(),
        "user_id": person.id.to_string(),
        "organization_id": world.organization_id(),
        "username": person.username,
        "nick_name": person.username.split('@').next(),
        "display_name": person.username,
        "email": person.username,
        "email_verified": true,
        "timezone": "GMT",
        "photos": { "picture": null, "thumbnail": null },
        "status": { "created_date": null, "body": null },
        "urls": urls(world),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "last_modified_date": call.time.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        "is_app_installed": true,
    })))
}

/// `GET /services/oauth2/userinfo`
///
/// # Errors
/// 403 in plain text for a missing or bad token.
pub(crate) fn user_info(world: &World, call: &mut Call) -> Result<Reply, Refusal> {
    authenticate(world, call)?;
    let Person { id, username } =
        world.person(call.user()).ok_or_else(|| forbidden("Bad_OAuth_Token"))?;
    Ok(Reply::ok(&json!({
        "sub": world.identity_url(id),
        "user_id": id.to_string(),
        "organization_id": world.organization_id(),
        "preferred_username": username,
        "nickname": username.split('@').next(),
        "name": username,
        "email": username,
        "email_verified": true,
        "zoneinfo": "GMT",
        "urls": urls(world),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "updated_at": call.time.to_rfc3339(),
    })))
}

fn authenticate(world: &World, call: &mut Call) -> Result<(), Refusal> {
    let token = match call.parameter("oauth_token") {
        Some(token) => token.to_owned(),
        None => bearer(call).map_err(|_| forbidden("Missing_OAuth_Token"))?,
    };
    let session = world.sessions().touch(&token, call.time);
    call.session = Some(session.ok_or_else(|| forbidden("Bad_OAuth_Token"))?);
    Ok(())
}

/// The places of the org; `{version}` is for the client to fill in.
fn urls(world: &World) -> Value {
    let base = world.url();
    json!({
        "rest": format!("{base}/services/data/v{{version}}/"),
        "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
        "query": format!("{base}/services/data/v{{version}}/query/"),
        "custom_domain": base,
    })
}

fn forbidden(text: &'static str) -> Refusal {
    Refusal::Text { status: StatusCode::FORBIDDEN, text }
}

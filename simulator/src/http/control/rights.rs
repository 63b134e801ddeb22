//! What users may see and do, and which API versions are served.

use std::sync::Arc;

use serde::Deserialize;

use super::{Answer, Captured, Route, done, read};
use crate::{
    ApiError, Id, Org,
    http::{call::Call, refusal::Refusal, versions::VersionState, world::World},
    org::{Action, FieldRight, Permission},
};

pub(super) const ROUTES: &[Route] = &[
    Route::new(
        "POST",
        "rights/field",
        "Makes a field `hidden`, `read_only` or `full` for a user, or for everybody.",
        field,
    ),
    Route::new(
        "POST",
        "rights/object",
        "Lets a user, or everybody, create, read, update or delete rows of an object, or not.",
        object,
    ),
    Route::new(
        "POST",
        "rights/permission",
        "Gives a user, or everybody, a permission such as `api_enabled`, or takes it away.",
        permission,
    ),
    Route::new(
        "POST",
        "rights/sharing",
        "Makes the rows of an object visible to their owners alone, or to everybody.",
        sharing,
    ),
    Route::new(
        "POST",
        "versions/{version}",
        "Makes an API version `served`, `deprecated` or `retired`.",
        version,
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfField {
    user: Option<String>,
    object: String,
    field: String,
    right: FieldRight,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfObject {
    user: Option<String>,
    object: String,
    action: Action,
    allowed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: Option<String>,
    permission: Permission,
    given: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sharing {
    object: String,
    private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfVersion {
    state: VersionState,
}

fn field(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: OfField = read(call)?;
    let mut org = world.org();
    let user = user(&org, order.user.as_deref())?;
    let object = number(&org, &order.object)?;
    let described = org.schema().objects().get(object);
    let field = described.and_then(|object| object.number(&order.field));
    let field = field.ok_or_else(|| {
        let message =
            format!("No such column '{}' on sobject of type {}", order.field, order.object);
        ApiError::request("INVALID_FIELD", message)
    })?;
    org.set_field_right(user, object, field, order.right);
    drop(org);
    Ok(done())
}

fn object(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: OfObject = read(call)?;
    let mut org = world.org();
    let (user, object) = (user(&org, order.user.as_deref())?, number(&org, &order.object)?);
    org.allow(user, object, order.action, order.allowed);
    drop(org);
    Ok(done())
}

fn permission(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: OfUser = read(call)?;
    let mut org = world.org();
    let user = user(&org, order.user.as_deref())?;
    org.permit(user, order.permission, order.given);
    drop(org);
    Ok(done())
}

fn sharing(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: Sharing = read(call)?;
    let mut org = world.org();
    let object = number(&org, &order.object)?;
    org.set_private(object, order.private);
    drop(org);
    Ok(done())
}

fn version(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    let order: OfVersion = read(call)?;
    world.versions().set(path.word("version"), order.state)?;
    Ok(done())
}

/// The user named; `None`, which is everybody, when none is.
fn user(org: &Org, name: Option<&str>) -> Result<Option<Id>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    org.user(name).map(Some).ok_or_else(Refusal::not_found)
}

fn number(org: &Org, object: &str) -> Result<usize, Refusal> {
    org.schema().number(object).ok_or_else(Refusal::not_found)
}

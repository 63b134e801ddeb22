//! Objects and fields as an administrator changes them in Setup.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Captured, Route, done, read};
use crate::{
    http::{call::Call, reply::Reply, world::World},
    org::PicklistChange,
    value::JsonMap,
};

pub(super) const ROUTES: &[Route] = &[
    Route::new("POST", "schema", "Creates an object, described as in a describe.", create_object),
    Route::new("PATCH", "schema/{object}", "Sets attributes of an object.", alter_object),
    Route::new("DELETE", "schema/{object}", "Drops an object with its rows.", drop_object),
    Route::new("POST", "schema/{object}/fields", "Adds a field to an object.", add_field),
    Route::new(
        "PATCH",
        "schema/{object}/fields/{field}",
        "Renames a field, or sets its type or other attributes; stored values are converted.",
        alter_field,
    ),
    Route::new("DELETE", "schema/{object}/fields/{field}", "Drops a field.", drop_field),
    Route::new(
        "POST",
        "schema/{object}/fields/{field}/undelete",
        "Brings a dropped field back, with its values.",
        undelete_field,
    ),
    Route::new(
        "POST",
        "schema/{object}/fields/{field}/values",
        "Adds, activates, deactivates and replaces values of a picklist.",
        change_picklist,
    ),
];

fn create_object(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let described: JsonMap = read(call)?;
    let mut org = world.org();
    let number = org.create_object(described)?;
    let object = org.schema().objects().get(number);
    let answer = json!({
        "name": object.map(crate::schema::Object::name),
        "keyPrefix": object.map(crate::schema::Object::prefix),
    });
    drop(org);
    Ok(Reply::json(StatusCode::CREATED, &answer))
}

fn alter_object(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    world.org().alter_object(path.word("object"), &read(call)?)?;
    Ok(done())
}

fn drop_object(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    world.org().drop_object(path.word("object"))?;
    Ok(done())
}

fn add_field(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    let described: JsonMap = read(call)?;
    let name = described.get("name").cloned().unwrap_or(Value::Null);
    world.org().add_field(path.word("object"), described)?;
    Ok(Reply::json(StatusCode::CREATED, &json!({ "name": name })))
}

fn alter_field(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    world.org().alter_field(path.word("object"), path.word("field"), &read(call)?)?;
    Ok(done())
}

fn drop_field(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    world.org().drop_field(path.word("object"), path.word("field"))?;
    Ok(done())
}

fn undelete_field(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    world.org().undelete_field(path.word("object"), path.word("field"))?;
    Ok(done())
}

fn change_picklist(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    let change: PicklistChange = read(call)?;
    world.org().change_picklist(path.word("object"), path.word("field"), &change)?;
    Ok(done())
}

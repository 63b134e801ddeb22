//! What the page shows of the org, read in one go per part.

use serde_json::Value;

use crate::{Id, http::world::World, org::Scope, value::JsonMap};

/// The version in whose form records are shown.
const VERSION: &str = "66.0";

/// Records on one page.
pub(super) const PAGE: usize = 50;

/// An object and how many live rows it has.
pub(super) struct ObjectLine {
    pub(super) name: String,
    pub(super) rows: usize,
}

/// A page of an object's records.
pub(super) struct Records {
    pub(super) object: String,
    /// Id and name of each.
    pub(super) rows: Vec<(String, String)>,
    /// The last id, if there may be more.
    pub(super) next: Option<String>,
}

/// The objects, those with rows first.
pub(super) fn objects(world: &World) -> Vec<ObjectLine> {
    let org = world.org();
    let line = |object: &crate::schema::Object| ObjectLine {
        name: object.name().to_owned(),
        rows: org.record_count(object.name()).unwrap_or_default(),
    };
    let mut lines: Vec<ObjectLine> = org.schema().objects().iter().map(line).collect();
    lines.sort_by(|one, other| {
        (one.rows == 0, one.name.as_str()).cmp(&(other.rows == 0, other.name.as_str()))
    });
    lines
}

/// The records of an object after this id; `None` for an unknown object.
pub(super) fn records(world: &World, object: &str, after: Option<&str>) -> Option<Records> {
    let org = world.org();
    let described = org.schema().object(object)?;
    let name_field = described.fields().iter().find(|field| field.name_field);
    let name_field = name_field.map(|field| field.name.clone());
    let object = described.name().to_owned();
    let reader = org.integration_user();
    let from =
        after.and_then(Id::from_text).map_or_else(String::new, |id| format!("WHERE Id > '{id}' "));
    let soql = format!("SELECT Id FROM {object} {from}ORDER BY Id LIMIT {PAGE}");
    let found = org.query(reader, &soql, Scope::Live).ok()?;
    let fields: Vec<String> = std::iter::once("Id".to_owned()).chain(name_field.clone()).collect();
    let shape = org.shape(reader, &object, Some(&fields)).ok()?;
    let mut rows = Vec::new();
    for id in found.rows.iter() {
        let mut json = String::new();
        if !org.write_json(&shape, id, VERSION, &mut json) {
            continue;
        }
        let row: JsonMap = serde_json::from_str(&json).unwrap_or_default();
        let name = name_field.as_ref().and_then(|field| row.get(field)).map(text);
        rows.push((id.to_string(), name.unwrap_or_default()));
    }
    let next = rows.last().filter(|_| rows.len() == PAGE).map(|(id, _)| id.clone());
    Some(Records { object, rows, next })
}

/// A record's object, and its fields with their values; `None` for an unknown one.
pub(super) fn record(world: &World, id: &str) -> Option<(String, Vec<(String, String)>)> {
    let id = Id::from_text(id)?;
    let org = world.org();
    let number = org.schema().number_of_prefix(id.prefix())?;
    let object = org.schema().objects().get(number)?.name().to_owned();
    let shape = org.shape(org.integration_user(), &object, None).ok()?;
    let mut json = String::new();
    if !org.write_json(&shape, id, VERSION, &mut json) {
        return None;
    }
    let row: JsonMap = serde_json::from_str(&json).ok()?;
    let fields = row.iter().filter(|(name, _)| *name != "attributes");
    Some((object, fields.map(|(name, value)| (name.clone(), text(value))).collect()))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

//! The record types of an object, as its describe lists them.

use serde_json::{Value as Json, json};

use super::Object;
use crate::{Id, value::JsonMap};

/// A record type other than the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordType {
    /// Its id.
    pub id: Id,
    /// Its label.
    pub name: String,
    /// Its API name.
    pub developer_name: String,
    /// Whether rows may be given it.
    pub is_available: bool,
    /// Whether new rows get it unless they say otherwise.
    pub is_default: bool,
}

impl Object {
    /// The record types, without the master, which stands for having none.
    #[must_use]
    pub fn record_types(&self) -> Vec<RecordType> {
        let infos = self.described().get("recordTypeInfos").and_then(Json::as_array);
        infos.map(Vec::as_slice).unwrap_or_default().iter().filter_map(read).collect()
    }
}

fn read(info: &Json) -> Option<RecordType> {
    let text = |key: &str| info.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let flag = |key: &str| info.get(key).and_then(Json::as_bool).unwrap_or_default();
    if flag("master") {
        return None;
    }
    Some(RecordType {
        id: Id::from_text(&text("recordTypeId"))?,
        name: text("name"),
        developer_name: text("developerName"),
        is_available: flag("active") && flag("available"),
        is_default: flag("defaultRecordTypeMapping"),
    })
}

/// Completes the list of a describe, to which the master belongs.
pub(super) fn complete(object: &mut JsonMap, name: &str) {
    const MASTER: &str = "012000000000000AAA";
    let infos = object.entry("recordTypeInfos").or_insert_with(|| json!([]));
    let Json::Array(infos) = infos else { return };
    let is = |info: &Json, key: &str| info.get(key) == Some(&json!(true));
    if !infos.iter().any(|info| is(info, "master")) {
        let is_default = !infos.iter().any(|info| is(info, "defaultRecordTypeMapping"));
        infos.push(json!({
            "defaultRecordTypeMapping": is_default, "developerName": "Master", "master": true,
            "name": "Master", "recordTypeId": MASTER,
        }));
    }
    for info in infos {
        let id = info.get("recordTypeId").and_then(Json::as_str).unwrap_or(MASTER).to_owned();
        let Json::Object(info) = info else { continue };
        let layout = format!("/services/data/v0.0/sobjects/{name}/describe/layouts/{id}");
        for (key, value) in [
            ("active", json!(true)),
            ("available", json!(true)),
            ("defaultRecordTypeMapping", json!(false)),
            ("master", json!(false)),
            ("urls", json!({"layout": layout})),
        ] {
            info.entry(key).or_insert(value);
        }
    }
}

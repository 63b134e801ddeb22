//! A change event as the JSON that CometD delivers.

use serde_json::{Map, Value as Json, json};

use super::{
    event::{Change, ChangeType, Leaf},
    schema::EventField,
};
use crate::value::Value;

impl Change {
    /// The member `payload`: the header, and the values that `may_see` lets pass (by the name of the
    /// object's field).
    pub(crate) fn payload(&self, may_see: &dyn Fn(&str) -> bool) -> Json {
        let header = &self.header;
        let mut told = Map::new();
        let mut changed = Vec::new();
        for leaf in &self.leaves {
            let Some(field) = self.schema.field(leaf.place).filter(|field| may_see(&field.source))
            else {
                continue;
            };
            if header.change_type == ChangeType::Update {
                changed.push(self.schema.path(leaf.place));
            }
            self.insert(&mut told, leaf, field);
        }
        let header = json!({
            "entityName": header.entity,
            "recordIds": header.record_ids,
            "changeType": header.change_type.name(),
            "changeOrigin": header.origin,
            "transactionKey": header.transaction_key,
            "sequenceNumber": header.sequence,
            "commitTimestamp": header.committed.timestamp_millis(),
            "commitNumber": header.commit_number,
            "commitUser": header.user.to_string(),
            "changedFields": changed,
        });
        let mut payload = Map::new();
        payload.insert("ChangeEventHeader".to_owned(), header);
        payload.extend(told);
        Json::Object(payload)
    }

    fn insert(&self, told: &mut Map<String, Json>, leaf: &Leaf, field: &EventField) {
        let value = value_json(&leaf.value);
        let outer = super::event::Place { part: None, ..leaf.place };
        match (leaf.place.part, self.schema.field(outer)) {
            (Some(_), Some(record)) => {
                let nested = told.entry(record.name.clone()).or_insert_with(|| json!({}));
                if let Some(nested) = nested.as_object_mut() {
                    nested.insert(field.name.clone(), value);
                }
            }
            _ => {
                told.insert(field.name.clone(), value);
            }
        }
    }
}

/// A value as events write it: moments end in `Z`.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(number) => json!(number),
        Value::Number(_) | Value::Exact(_) => json!(value.as_number()),
        other => Json::String(other.to_cell()),
    }
}

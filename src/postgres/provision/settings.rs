//! A mapping as JSON, for people and for the record of what was applied.

use crate::mapping::{Field, Mapping};
use serde_json::{Value as Json, json};

/// The effective settings of a mapping.
pub(super) fn settings(mapping: &Mapping) -> Json {
    let mut settings = json!({
        "object": mapping.object,
        "table": mapping.table,
        "direction": mapping.direction,
        "key": mapping.key.as_ref().map(|key| &key.field),
        "fields": mapping.fields.iter().map(field).collect::<Vec<_>>(),
        "indexes": mapping.indexes,
        "poll": {
            "every_seconds": mapping.poll.every.as_secs(),
            "overlap_seconds": mapping.poll.overlap.as_secs(),
            "refresh_seconds": mapping.poll.refresh.map(|every| every.as_secs()),
        },
        "deletes": {
            "in_salesforce": mapping.deletes.in_salesforce,
            "in_postgres": mapping.deletes.in_postgres,
            "hold_above": mapping.deletes.hold_above,
        },
        "bulk": {
            "read_above": mapping.bulk.read_above,
            "write_above": mapping.bulk.write_above,
        },
        "types": mapping.types,
        "where": mapping.filter.as_ref().map(|filter| &filter.condition),
        "leave": mapping.filter.as_ref().map(|filter| filter.leave),
        "sweep": {
            "every_seconds": mapping.sweep.every.map(|every| every.as_secs()),
            "sample": mapping.sweep.sample,
        },
        "drift": {
            "new_field": mapping.drift.new_field,
            "wider_field": mapping.drift.wider_field,
            "removed_field": mapping.drift.removed_field,
        },
    });
    // The next start knows by them that the mapping's file had them.
    if let (false, Some(members)) = (mapping.held_columns.is_empty(), settings.as_object_mut()) {
        members.insert("held".to_owned(), json!(mapping.held_columns));
    }
    settings
}

/// The columns that hold ids of other records, as rows of `lockstep.lookup`.
pub(super) fn lookups(mapping: &Mapping) -> Json {
    let lookups = mapping.fields.iter().filter(|field| !field.reference_to.is_empty());
    lookups
        .map(|field| {
            // What is never read from Salesforce is the application's alone to fill.
            let reference = field.reference.as_ref().filter(|_| field.direction.pulls());
            json!({
                "column_name": field.column,
                "objects": field.reference_to,
                "ref_column": reference.map(|reference| &reference.column),
                "parent_table": reference.map(|reference| &reference.table),
                "match_column": reference.map(|reference| &reference.match_column),
            })
        })
        .collect()
}

fn field(field: &Field) -> Json {
    json!({
        "name": field.name,
        "column": field.column,
        "type": field.column_type.sql(),
        "salesforce_type": field.field_type.to_string(),
        "direction": field.direction,
        "conflict": field.conflict,
        "reference": field.reference.as_ref().map(|reference| json!({
            "object": reference.object,
            "match": reference.match_column,
            "column": reference.column,
        })),
    })
}

//! The shape of a mapping file, from which its JSON Schema is made.
//!
//! Editors complete and explain from the schema. Files are read by `file`, not by these types, since serde ends at
//! the first error; a test holds the two to the same keys.

use super::validated::{
    ColumnTypes, ConflictPolicy, DeleteRule, Direction, KeyDefault, LeaveRule, NewFieldRule,
    RemovedFieldRule, Switch, WiderFieldRule, WriteOrder,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use std::collections::BTreeMap;

/// One Salesforce object kept in step with one Postgres table.
#[derive(JsonSchema)]
#[schemars(rename = "Mapping", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawMapping {
    /// The version of this format.
    #[schemars(range(min = 1, max = 1))]
    version: Option<u64>,
    /// The object's API name, such as `Account` or `Invoice__c`.
    object: String,
    /// The table. Default: the object's name in lower case.
    #[schemars(length(min = 1, max = 63))]
    table: Option<String>,
    /// Which side may change the other. Default: `from_salesforce`, which never writes to Salesforce.
    direction: Option<Direction>,
    /// The fields to map: a list of names, a table with settings per field, or `"all_readable"`.
    fields: RawFields,
    /// With `fields = "all_readable"`: the fields to leave out.
    except: Option<Vec<String>>,
    /// The external id by which rows and records are matched. With it an insert can be repeated safely.
    key: Option<RawKey>,
    /// Columns to index, beside those of the system and the key.
    indexes: Option<Vec<String>>,
    /// When Salesforce is asked for changes.
    poll: Option<RawPoll>,
    /// What a deletion on one side does on the other.
    deletes: Option<RawDeletes>,
    /// Who wins when both sides changed the same field of the same record. Default: `salesforce_wins`.
    conflict: Option<RawConflict>,
    /// Whether updates are refused by Salesforce where the record has changed since it was looked at: `on` closes the
    /// moment between looking and sending in which a user's edit could be overwritten, and costs a request for each
    /// updated record. Fields under `postgres_wins` do not need it. Default: `off`.
    conditional: Option<Switch>,
    /// From how many records on the Bulk API is used.
    bulk: Option<RawBulk>,
    /// In which order changes reach Salesforce; one mapping's `ordered` holds for all that refer to each other.
    /// Default: `merged`.
    write: Option<WriteOrder>,
    /// The column types of fields without a `type` of their own. Default: `heroku`.
    types: Option<ColumnTypes>,
    /// Which records are mapped: a SOQL condition, as after `WHERE`. Default: all.
    #[schemars(rename = "where")]
    condition: Option<String>,
    /// What becomes of a row whose record `where` no longer selects. Default: `delete`.
    leave: Option<LeaveRule>,
    /// When the whole object is compared with the table.
    sweep: Option<RawSweep>,
    /// What is done when the object changes in Salesforce.
    drift: Option<RawDrift>,
    /// Whether rows are held against the object's description before they are sent: what Salesforce would refuse for
    /// certain is parked without a request. Default: `on`.
    rehearsal: Option<Switch>,
}

#[derive(JsonSchema)]
#[schemars(rename = "Fields", untagged)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
enum RawFields {
    /// Every field the user can read.
    All(AllReadable),
    /// Names; each field lives in the column of its lower-cased name.
    Names(#[schemars(length(min = 1))] Vec<String>),
    /// Settings by field name; an empty table takes every default.
    Table(BTreeMap<String, RawField>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
enum AllReadable {
    /// Every field the user can read.
    AllReadable,
}

/// One field.
#[derive(JsonSchema)]
#[schemars(rename = "Field", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawField {
    /// The column. Default: the field's name in lower case.
    #[schemars(length(min = 1, max = 63))]
    column: Option<String>,
    /// The column's type, where not the usual one: `varchar(n)`, `text`, `boolean`, `integer`, `double precision`,
    /// `date`, `timestamp` or `time`.
    #[schemars(rename = "type")]
    column_type: Option<String>,
    /// Which side may change the other, at most what the mapping allows.
    direction: Option<Direction>,
    /// Who wins when both sides changed this field. Default: what the mapping says.
    conflict: Option<RawConflict>,
    /// For a lookup: name the parent by a column of your own instead of its Salesforce id.
    #[schemars(rename = "ref")]
    reference: Option<RawReference>,
}

/// A parent named by a column of the application's own.
#[derive(JsonSchema)]
#[schemars(rename = "Ref", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawReference {
    /// The parent's object, which is mapped too.
    mapping: String,
    /// The column of the parent's key, or `id`, the row's own, as a foreign key has it. Default: the key's.
    #[schemars(rename = "match")]
    match_column: Option<String>,
    /// The column of this table that holds that value of the parent.
    #[schemars(length(min = 1, max = 63))]
    column: String,
}

/// The external id by which rows and records are matched.
#[derive(JsonSchema)]
#[schemars(rename = "Key", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawKey {
    /// A field that is marked External ID and unique in Salesforce.
    external_id: String,
    /// Its column. Default: the field's name in lower case.
    #[schemars(length(min = 1, max = 63))]
    column: Option<String>,
    /// What the database makes up for a row that comes without a key: `uuid`, or nothing with `off`. Where this is left
    /// out, `provision` makes new columns with it and proposes it for one that is there.
    default: Option<KeyDefault>,
}

/// When Salesforce is asked for changes.
#[derive(JsonSchema)]
#[schemars(rename = "Poll", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawPoll {
    /// Time between two polls, with its unit. Default: `60s`.
    every: Option<String>,
    /// How far each poll looks back behind the last one, for changes that became visible late. Default: `300s`.
    overlap: Option<String>,
    /// Time between two readings of the fields that move without a stamp, such as formulas, or `off`. Default: `24h`.
    refresh: Option<String>,
}

/// When the whole object is compared with the table.
#[derive(JsonSchema)]
#[schemars(rename = "Sweep", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawSweep {
    /// Time between two sweeps, or `off`. Default: `24h`.
    every: Option<String>,
    /// How many rows each sweep compares by value, in turn. Default: 10000.
    sample: Option<u64>,
}

/// What is done when the object changes in Salesforce.
#[derive(JsonSchema)]
#[schemars(rename = "Drift", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
#[expect(clippy::struct_field_names, reason = "the keys of the file")]
struct RawDrift {
    /// A field appears, in a mapping of all readable fields. Default: `add`.
    new_field: Option<NewFieldRule>,
    /// A field holds more than its column. Default: `widen`.
    wider_field: Option<WiderFieldRule>,
    /// A mapped field is gone, hidden, or of another kind. Default: `pause_mapping`.
    removed_field: Option<RemovedFieldRule>,
}

/// What a deletion on one side does on the other.
#[derive(JsonSchema)]
#[schemars(rename = "Deletes", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawDeletes {
    /// A record deleted in Salesforce. Default: `delete`, the row goes too; with `ignore` it stays, marked `isdeleted`.
    in_salesforce: Option<DeleteRule>,
    /// A row deleted in Postgres. Default: `delete`, the record goes too; with `ignore` the record stays, and gets a row
    /// again only when it is deleted and restored in Salesforce, or the mapping is loaded again.
    in_postgres: Option<DeleteRule>,
    /// More rows than this are never deleted at once; the mapping asks first. Default: 100 rows or 0.5 % of the
    /// table, whichever is more.
    hold_above: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(rename = "Conflict", untagged)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
enum RawConflict {
    /// The policy.
    Word(ConflictPolicy),
    /// The policy, as a table.
    Table(RawConflictTable),
}

/// Who wins when both sides changed the same field.
#[derive(JsonSchema)]
#[schemars(rename = "ConflictTable", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawConflictTable {
    /// The policy.
    policy: ConflictPolicy,
}

/// From how many records on the Bulk API is used.
#[derive(JsonSchema)]
#[schemars(rename = "Bulk", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; nothing is ever read into it")]
struct RawBulk {
    /// Reads of more records than this go through a Bulk query. Default: 10000.
    read_above: Option<u64>,
    /// Writes of more records than this, of one object and operation, go through Bulk ingest. Default: 2000.
    write_above: Option<u64>,
}

/// The JSON Schema (2020-12) of a mapping file.
#[must_use]
pub fn schema() -> Schema {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawMapping>();
    schema.insert("title".to_owned(), "Lockstep mapping".into());
    schema
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::schema;
    use serde_json::Value;

    #[test]
    fn the_schema_names_the_keys_that_files_are_read_by() {
        let schema = schema().to_value();
        #[rustfmt::skip]
        let table: [(&str, &[&str]); 10] = [
            ("/properties",                     &file::KEYS),
            ("/$defs/Field/properties",         &file::FIELD_KEYS),
            ("/$defs/Ref/properties",           &file::REFERENCE_KEYS),
            ("/$defs/Key/properties",           &file::KEY_KEYS),
            ("/$defs/Poll/properties",          &file::POLL_KEYS),
            ("/$defs/Deletes/properties",       &file::DELETES_KEYS),
            ("/$defs/ConflictTable/properties", &file::CONFLICT_KEYS),
            ("/$defs/Bulk/properties",          &file::BULK_KEYS),
            ("/$defs/Sweep/properties",         &file::SWEEP_KEYS),
            ("/$defs/Drift/properties",         &file::DRIFT_KEYS),
        ];
        for (pointer, keys) in table {
            let properties = schema.pointer(pointer).and_then(Value::as_object).unwrap();
            let mut expected: Vec<_> = keys.to_vec();
            expected.sort_unstable();
            let mut found: Vec<_> = properties.keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{pointer}");
        }
    }

    #[test]
    fn the_schema_beside_the_samples_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/mapping.schema.json");
        let kept = std::fs::read_to_string(path).unwrap();
        let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        assert_eq!(kept, current, "write it anew: lockstep schema > mappings/mapping.schema.json");
    }
}

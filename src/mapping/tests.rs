//! Every code once, with the words and marks that a user sees.

use super::{
    Colour, ConflictPolicy, Diagnostic, Direction, Mapping, Org, Source, bind_all, groups,
    load_sources, render, sort,
};
use crate::model::{ColumnType, ObjectDescribe};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};

/// A field that may be read and written, with further attributes.
fn field(name: &str, field_type: &str, more: &Value) -> Value {
    let mut field = json!({
        "name": name, "type": field_type, "nillable": true, "createable": true, "updateable": true,
    });
    let attributes = field.as_object_mut().unwrap();
    attributes.extend(more.as_object().unwrap().clone());
    field
}

fn object(name: &str, fields: &[Value]) -> ObjectDescribe {
    let read_only = json!({"createable": false, "updateable": false});
    let mut all = vec![
        field("Id", "id", &read_only),
        field("IsDeleted", "boolean", &read_only),
        field("SystemModstamp", "datetime", &read_only),
        field("CreatedDate", "datetime", &read_only),
        field(
            "External_Id__c",
            "string",
            &json!({"length": 36, "externalId": true, "idLookup": true, "unique": true}),
        ),
    ];
    all.extend_from_slice(fields);
    serde_json::from_value(json!({
        "name": name, "createable": true, "updateable": true, "deletable": true, "queryable": true, "fields": all,
    }))
    .unwrap()
}

#[expect(clippy::too_many_lines, reason = "a list of fields")]
fn org() -> Org {
    let read_only = json!({"createable": false, "updateable": false});
    let reference = |object: &str| json!({"length": 18, "referenceTo": [object]});
    let account = object(
        "Account",
        &[
            field("Name", "string", &json!({"length": 255, "nillable": false})),
            field("Phone", "phone", &json!({"length": 40})),
            field("AnnualRevenue", "currency", &json!({"precision": 18, "scale": 2})),
            field("ParentId", "reference", &reference("Account")),
            field("BillingAddress", "address", &read_only),
            field("BillingStreet", "textarea", &json!({"length": 255})),
            field("BillingCity", "string", &json!({"length": 40})),
            field(
                "Score__c",
                "double",
                &json!({"calculated": true, "createable": false, "updateable": false}),
            ),
            field(
                "Number__c",
                "string",
                &json!({"length": 30, "autoNumber": true, "createable": false, "updateable": false}),
            ),
            field(
                "Legacy__c",
                "string",
                &json!({"length": 20, "externalId": true, "idLookup": true}),
            ),
        ],
    );
    let contact = object(
        "Contact",
        &[
            field("LastName", "string", &json!({"length": 80, "nillable": false})),
            field("Email", "email", &json!({"length": 80})),
            field("AccountId", "reference", &reference("Account")),
        ],
    );
    let opportunity = object(
        "Opportunity",
        &[
            field("Name", "string", &json!({"length": 120, "nillable": false})),
            field("StageName", "picklist", &json!({"length": 255, "nillable": false})),
            field("Amount", "currency", &json!({"precision": 18, "scale": 2})),
            field("CloseDate", "date", &json!({"nillable": false})),
            field("AccountId", "reference", &reference("Account")),
        ],
    );
    let invoice = object(
        "Invoice__c",
        &[
            field(
                "Name",
                "string",
                &json!({"length": 80, "autoNumber": true, "createable": false, "updateable": false}),
            ),
            field("Status__c", "picklist", &json!({"length": 255})),
            field("Amount__c", "currency", &json!({"precision": 16, "scale": 2})),
            field("Issued__c", "date", &json!({})),
            field("Due__c", "date", &json!({})),
            field(
                "Account__c",
                "reference",
                &json!({"length": 18, "referenceTo": ["Account"], "updateable": false, "nillable": false}),
            ),
        ],
    );
    let attachment = object("Attachment", &[field("Body", "base64", &json!({}))]);
    let sealed = ObjectDescribe {
        createable: false,
        updateable: false,
        ..object("Sealed", &[field("Name", "string", &read_only)])
    };
    let objects = vec![account, contact, opportunity, invoice, attachment, sealed];
    Org { names: objects.iter().map(|object| object.name.clone()).collect(), objects }
}

/// Loads the texts as `mappings/a.toml`, `mappings/b.toml`, … and binds them.
fn bound(texts: &[&str]) -> (Vec<Mapping>, Vec<Diagnostic>) {
    let sources: Vec<_> = texts
        .iter()
        .zip('a'..)
        .map(|(text, name)| Source::new(format!("mappings/{name}.toml"), text.trim_start()))
        .collect();
    let loaded = load_sources(&sources);
    let bound = bind_all(&loaded.files, &org());
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(bound.diagnostics);
    sort(&mut diagnostics);
    (bound.mappings, diagnostics)
}

fn check(texts: &[&str], expected: &str) {
    let report = render(&bound(texts).1, Colour::Never);
    assert_eq!(report.trim_end(), expected.trim_matches('\n'), "\n{report}");
}

fn mappings(texts: &[&str]) -> Vec<Mapping> {
    let (mappings, diagnostics) = bound(texts);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics, Colour::Never));
    mappings
}

#[test]
fn a_text_that_is_no_toml_is_marked_where_it_breaks() {
    check(
        &[r#"
object = "Account"
fields = ["Name"
table = "x"
"#],
        r#"
error[SX1000]: the file does not parse
 --> mappings/a.toml:3:1
  |
3 | table = "x"
  | ^ missing comma between array elements, expected `,`
"#,
    );
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
directon = "from_salesforce"
poll = { evry = "60s", colour = 1 }
"#],
        r#"
error[SX1001]: unknown key `directon` in a mapping file
 --> mappings/a.toml:3:1
  |
3 | directon = "from_salesforce"
  | ^^^^^^^^
  |
  = help: did you mean `direction`?

error[SX1001]: unknown key `evry` in `poll`
 --> mappings/a.toml:4:10
  |
4 | poll = { evry = "60s", colour = 1 }
  |          ^^^^
  |
  = help: did you mean `every`?

error[SX1001]: unknown key `colour` in `poll`
 --> mappings/a.toml:4:24
  |
4 | poll = { evry = "60s", colour = 1 }
  |                        ^^^^^^
  |
  = help: the keys here are `every`, `overlap`
"#,
    );
}

#[test]
fn a_key_given_twice_shows_both_places() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
table = "a"
table = "b"
"#],
        r#"
error[SX1002]: key `table` is given twice
 --> mappings/a.toml:4:1
  |
3 | table = "a"
  | ----- first given here
4 | table = "b"
  | ^^^^^ here again
"#,
    );
}

#[test]
fn a_field_listed_twice_shows_both_places() {
    check(
        &[r#"
object = "Account"
fields = ["Name", "Phone", "name"]
"#],
        r#"
error[SX1002]: field `name` is given twice
 --> mappings/a.toml:2:28
  |
2 | fields = ["Name", "Phone", "name"]
  |           ------           ^^^^^^ here again
  |           |
  |           first given here
  |
  = help: remove one of them
"#,
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_it_is() {
    check(
        &[r#"
object = "Account"
fields = 3
table = true
deletes = { hold_above = "many", in_postgres = "keep" }
direction = "from_salesforc"
"#],
        r#"
error[SX1003]: `fields` is a number here, not a list of names
 --> mappings/a.toml:2:10
  |
2 | fields = 3
  |          ^

error[SX1003]: `table` is true or false here, not text
 --> mappings/a.toml:3:9
  |
3 | table = true
  |         ^^^^

error[SX1003]: `hold_above` is text here, not a whole number
 --> mappings/a.toml:4:26
  |
4 | deletes = { hold_above = "many", in_postgres = "keep" }
  |                          ^^^^^^

error[SX1003]: `in_postgres` cannot be `keep`
 --> mappings/a.toml:4:48
  |
4 | deletes = { hold_above = "many", in_postgres = "keep" }
  |                                                ^^^^^^
  |
  = help: it is one of `delete`, `ignore`

error[SX1003]: `direction` cannot be `from_salesforc`
 --> mappings/a.toml:5:13
  |
5 | direction = "from_salesforc"
  |             ^^^^^^^^^^^^^^^^
  |
  = help: did you mean `from_salesforce`?
"#,
    );
}

#[test]
fn a_duration_wants_its_unit() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
poll = { every = 30, overlap = "5 apples" }
"#],
        r#"
error[SX1005]: duration `30` has no unit
 --> mappings/a.toml:3:18
  |
3 | poll = { every = 30, overlap = "5 apples" }
  |                  ^^
  |
  = help: write `"30s"` for seconds, `"30m"` for minutes

error[SX1003]: `overlap` cannot be `5 apples`
 --> mappings/a.toml:3:32
  |
3 | poll = { every = 30, overlap = "5 apples" }
  |                                ^^^^^^^^^^
  |
  = help: a duration is a number and a unit: `"90s"`, `"5m"`, `"1h 30m"`
"#,
    );
}

#[test]
fn a_poll_without_pause_is_out_of_range() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
poll = { every = "0s" }
"#],
        r#"
error[SX1010]: `every` cannot be `0s`
 --> mappings/a.toml:3:18
  |
3 | poll = { every = "0s" }
  |                  ^^^^
  |
  = help: the least is `"1s"`
"#,
    );
}

#[test]
fn a_later_format_is_refused() {
    check(
        &[r#"
version = 2
object = "Account"
fields = ["Name"]
"#],
        r"
error[SX1007]: the file is of format version 2, this program knows 1
 --> mappings/a.toml:1:11
  |
1 | version = 2
  |           ^
  |
  = help: use a newer lockstep, or write the file in version 1
",
    );
}

#[test]
fn object_and_fields_must_be_given() {
    check(
        &[r#"
table = "account"
"#],
        r#"
error[SX1009]: the mapping has no `fields`
 --> mappings/a.toml:1:1
  |
1 | table = "account"
  | ^^^^^^^^^^^^^^^^^
  |
  = help: for instance `fields = ["Name", "Phone"]`

error[SX1009]: the mapping has no `object`
 --> mappings/a.toml:1:1
  |
1 | table = "account"
  | ^^^^^^^^^^^^^^^^^
  |
  = help: for instance `object = "Account"`
"#,
    );
}

#[test]
fn an_empty_file_asks_for_its_object() {
    check(
        &[r"
# nothing yet
"],
        r#"
error[SX1009]: the mapping has no `fields`
 --> mappings/a.toml:1:1
  |
1 | # nothing yet
  | ^^^^^^^^^^^^^
  |
  = help: for instance `fields = ["Name", "Phone"]`

error[SX1009]: the mapping has no `object`
 --> mappings/a.toml:1:1
  |
1 | # nothing yet
  | ^^^^^^^^^^^^^
  |
  = help: for instance `object = "Account"`
"#,
    );
}

#[test]
fn except_wants_all_readable() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
except = ["Phone"]
"#],
        r#"
error[SX1001]: `except` has nothing to except from
 --> mappings/a.toml:3:1
  |
3 | except = ["Phone"]
  | ^^^^^^
  |
  = help: it goes with `fields = "all_readable"`; leave the field out of the list
"#,
    );
}

#[test]
fn an_unknown_object_gets_a_suggestion() {
    check(
        &[r#"
object = "Acount"
fields = ["Name"]
"#],
        r#"
error[SX2101]: object `Acount` not found in the org
 --> mappings/a.toml:1:10
  |
1 | object = "Acount"
  |          ^^^^^^^^
  |
  = help: did you mean `Account`?
  = note: objects hidden by permissions look the same
"#,
    );
}

#[test]
fn an_unknown_field_gets_a_suggestion() {
    check(
        &[r#"
object = "Account"

[fields.AnualRevenue]
column = "revenue"
"#],
        r"
error[SX2104]: field `AnualRevenue` does not exist on Account
 --> mappings/a.toml:3:9
  |
3 | [fields.AnualRevenue]
  |         ^^^^^^^^^^^^ not in the org
  |
  = help: did you mean `AnnualRevenue`? (currency 18,2, writable)
  = note: fields hidden by permissions look the same
",
    );
}

#[test]
fn an_unknown_exception_is_found_too() {
    check(
        &[r#"
object = "Account"
fields = "all_readable"
except = ["Pone"]
"#],
        r#"
error[SX2104]: field `Pone` does not exist on Account
 --> mappings/a.toml:3:11
  |
3 | except = ["Pone"]
  |           ^^^^^^ not in the org
  |
  = help: did you mean `Phone`? (phone 40, writable)
  = note: fields hidden by permissions look the same
"#,
    );
}

#[test]
fn a_compound_field_names_its_parts() {
    check(
        &[r#"
object = "Account"
fields = ["BillingAddress"]
"#],
        r#"
error[SX2110]: `BillingAddress` cannot be mapped: address field
 --> mappings/a.toml:2:11
  |
2 | fields = ["BillingAddress"]
  |           ^^^^^^^^^^^^^^^^
  |
  = help: map its parts: `BillingStreet`, `BillingCity`
"#,
    );
}

#[test]
fn binary_content_is_refused() {
    check(
        &[r#"
object = "Attachment"
fields = ["Body"]
"#],
        r#"
error[SX2110]: `Body` cannot be mapped: base64 field
 --> mappings/a.toml:2:11
  |
2 | fields = ["Body"]
  |           ^^^^^^
  |
  = help: leave it out; binary content is not synced
"#,
    );
}

#[test]
fn two_fields_cannot_share_a_column() {
    check(
        &[r#"
object = "Account"

[fields.Name]

[fields.Phone]
column = "name"
"#],
        r#"
error[SX2201]: two fields write column `name`
 --> mappings/a.toml:6:10
  |
3 | [fields.Name]
  |         ---- `Name` here
...
6 | column = "name"
  |          ^^^^^^ `Phone` here
  |
  = help: give one of them another `column`
"#,
    );
}

#[test]
fn names_are_judged_as_postgres_would() {
    check(
        &[r#"
object = "Account"
table = "_trigger_log"

[fields.Name]
column = "sfid"

[fields.Phone]
column = "a_name_that_is_longer_than_the_sixty_three_bytes_which_postgres_keeps"

[fields.BillingCity]
column = "City"
"#],
        r#"
error[SX2202]: table name `_trigger_log` is taken by the system
 --> mappings/a.toml:2:9
  |
2 | table = "_trigger_log"
  |         ^^^^^^^^^^^^^^
  |
  = help: give another `table`

error[SX2202]: column name `sfid` is taken by the system
 --> mappings/a.toml:5:10
  |
5 | column = "sfid"
  |          ^^^^^^
  |
  = help: give another `column`

error[SX2202]: column name `a_name_that_is_longer_than_the_sixty_three_bytes_which_postgres_keeps` is 69 bytes long
 --> mappings/a.toml:8:10
  |
8 | column = "a_name_that_is_longer_than_the_sixty_three_bytes_which_postgres_keeps"
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: Postgres keeps 63 bytes of a name; give a shorter `column`

warning[SX2202]: column name `City` must be quoted in every statement
  --> mappings/a.toml:11:10
   |
11 | column = "City"
   |          ^^^^^^
   |
   = help: lower-case letters, digits and `_` need no quotes
"#,
    );
}

#[test]
fn a_type_must_hold_what_salesforce_sends() {
    check(
        &[r#"
object = "Account"

[fields.Name]
type = "varchar(10)"

[fields.AnnualRevenue]
type = "integer"

[fields.Phone]
type = "numeric(18,2)"
"#],
        r#"
error[SX2204]: column `name` is character varying(10), Salesforce allows 255 characters
 --> mappings/a.toml:4:8
  |
4 | type = "varchar(10)"
  |        ^^^^^^^^^^^^^
  |
  = help: leave `type` out for character varying(255)

error[SX2203]: type integer does not hold every currency of Salesforce
 --> mappings/a.toml:7:8
  |
7 | type = "integer"
  |        ^^^^^^^^^
  |
  = help: leave `type` out for double precision

error[SX1003]: `numeric(18,2)` is not a type a mapped column can have
  --> mappings/a.toml:10:8
   |
10 | type = "numeric(18,2)"
   |        ^^^^^^^^^^^^^^^
   |
   = help: the types are `varchar(n)`, `text`, `boolean`, `integer`, `double precision`, `date`, `timestamp`, `time`
"#,
    );
}

#[test]
fn what_is_always_mapped_needs_no_mention() {
    check(
        &[r#"
object = "Account"
fields = ["Id", "Name"]
"#],
        r#"
warning[SX2207]: `Id` is always mapped, to column `sfid`
 --> mappings/a.toml:2:11
  |
2 | fields = ["Id", "Name"]
  |           ^^^^
  |
  = help: leave it out of `fields`
"#,
    );
}

#[test]
fn an_index_wants_a_mapped_column() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
indexes = ["nam"]
"#],
        r#"
error[SX2208]: the index on `nam` has no column
 --> mappings/a.toml:3:12
  |
3 | indexes = ["nam"]
  |            ^^^^^
  |
  = help: did you mean `name`?
"#,
    );
}

#[test]
fn a_missing_required_field_is_a_warning() {
    check(
        &[r#"
object = "Contact"
direction = "both"
fields = ["Email"]
key = { external_id = "External_Id__c" }
"#],
        r#"
warning[SX2301]: required field `LastName` is not mapped, inserts will fail
 --> mappings/a.toml:1:10
  |
1 | object = "Contact"
  |          ^^^^^^^^^
  |
  = help: add `LastName` to `fields`
"#,
    );
}

#[test]
fn a_formula_that_is_asked_to_be_written_is_an_error() {
    check(
        &[r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }

[fields.Name]

[fields.Score__c]
direction = "both"
"#],
        r#"
error[SX2310]: `Score__c` cannot be written: formula field
 --> mappings/a.toml:7:9
  |
7 | [fields.Score__c]
  |         ^^^^^^^^ calculated by Salesforce
8 | direction = "both"
  |             ------ asks for writes
  |
  = help: add `direction = "from_salesforce"` to `[fields.Score__c]`
"#,
    );
}

#[test]
fn a_read_only_field_of_a_mapping_both_ways_is_a_warning() {
    check(
        &[r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = ["Name", "Number__c", "CreatedDate"]
"#],
        r#"
warning[SX2310]: `Number__c` cannot be written: auto-number field
 --> mappings/a.toml:4:19
  |
2 | direction = "both"
  |             ------ asks for writes
3 | key = { external_id = "External_Id__c" }
4 | fields = ["Name", "Number__c", "CreatedDate"]
  |                   ^^^^^^^^^^^ numbered by Salesforce
  |
  = help: add `direction = "from_salesforce"` to `[fields.Number__c]`
  = note: it is read only, whatever the mapping's direction
"#,
    );
}

#[test]
fn nothing_remains_of_a_read_only_field_that_is_only_written() {
    check(
        &[r#"
object = "Account"
direction = "to_salesforce"
key = { external_id = "External_Id__c" }
fields = ["Name", "Score__c"]
"#],
        r#"
error[SX2310]: `Score__c` cannot be written: formula field
 --> mappings/a.toml:4:19
  |
2 | direction = "to_salesforce"
  |             --------------- asks for writes
3 | key = { external_id = "External_Id__c" }
4 | fields = ["Name", "Score__c"]
  |                   ^^^^^^^^^^ calculated by Salesforce
  |
  = help: leave the field out
"#,
    );
}

#[test]
fn a_field_cannot_go_where_its_mapping_does_not() {
    check(
        &[r#"
object = "Account"

[fields.Name]
direction = "both"
"#],
        r#"
error[SX2310]: `Name` asks for `both`, its mapping is `from_salesforce`
 --> mappings/a.toml:4:13
  |
4 | direction = "both"
  |             ^^^^^^
  |
  = help: a field cannot go where its mapping does not; widen the mapping's `direction`
"#,
    );
}

#[test]
fn an_object_without_rights_cannot_be_written() {
    check(
        &[r#"
object = "Sealed"
direction = "both"
key = { external_id = "External_Id__c" }

[fields.Name]
direction = "from_salesforce"
"#],
        r#"
error[SX2310]: object `Sealed` cannot be written: no right to create or edit
 --> mappings/a.toml:1:10
  |
1 | object = "Sealed"
  |          ^^^^^^^^
2 | direction = "both"
  |             ------ asks for writes
  |
  = help: write `direction = "from_salesforce"`, or give the user the right
"#,
    );
}

#[test]
fn a_key_must_be_unique_and_an_external_id() {
    check(
        &[
            r#"
object = "Account"
fields = ["Name"]
key = { external_id = "Legacy__c" }
"#,
            r#"
object = "Contact"
fields = ["LastName"]
key = { external_id = "Email" }
"#,
        ],
        r#"
error[SX2320]: `Legacy__c` cannot be the key: it is not unique
 --> mappings/a.toml:3:23
  |
3 | key = { external_id = "Legacy__c" }
  |                       ^^^^^^^^^^^
  |
  = help: use `External_Id__c`

error[SX2320]: `Email` cannot be the key: it is not an External ID
 --> mappings/b.toml:3:23
  |
3 | key = { external_id = "Email" }
  |                       ^^^^^^^
  |
  = help: use `External_Id__c`
"#,
    );
}

#[test]
fn a_key_that_is_not_there_is_found_once() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
key = { external_id = "Extrenal_Id__c" }
"#],
        r#"
error[SX2104]: field `Extrenal_Id__c` does not exist on Account
 --> mappings/a.toml:3:23
  |
3 | key = { external_id = "Extrenal_Id__c" }
  |                       ^^^^^^^^^^^^^^^^ not in the org
  |
  = help: did you mean `External_Id__c`? (string 36, writable)
  = note: fields hidden by permissions look the same
"#,
    );
}

#[test]
fn writing_without_a_key_is_a_warning() {
    check(
        &[r#"
object = "Account"
direction = "both"
fields = ["Name"]
"#],
        r#"
warning[SX2321]: `Account` has no key: a lost answer could leave twins
 --> mappings/a.toml:2:13
  |
2 | direction = "both"
  |             ^^^^^^ asks for writes
  |
  = help: write `key = { external_id = "External_Id__c" }`
  = note: with a key an insert can be repeated safely
"#,
    );
}

#[test]
fn a_reference_must_lead_somewhere() {
    check(
        &[
            r#"
object = "Contact"

[fields.AccountId]
ref = { mapping = "Acount", column = "account_app_id" }
"#,
            r#"
object = "Account"
fields = ["Name"]
"#,
        ],
        r#"
error[SX2330]: the `ref` of `AccountId` points to `Acount`, which is not mapped
 --> mappings/a.toml:4:19
  |
4 | ref = { mapping = "Acount", column = "account_app_id" }
  |                   ^^^^^^^^
  |
  = help: did you mean `Account`?
"#,
    );
}

#[test]
fn a_reference_matches_by_the_parents_key() {
    check(
        &[
            r#"
object = "Contact"

[fields.LastName]
ref = { mapping = "Account", column = "x" }

[fields.AccountId]
ref = { mapping = "Account", match = "phone", column = "account_app_id" }
"#,
            r#"
object = "Account"
fields = ["Name", "Phone"]
key = { external_id = "External_Id__c", column = "app_id" }
"#,
        ],
        r#"
error[SX2330]: `LastName` is no lookup, so it cannot have a `ref`
 --> mappings/a.toml:3:9
  |
3 | [fields.LastName]
  |         ^^^^^^^^
  |
  = help: remove the `ref`

error[SX2330]: `phone` does not identify a row of `account`
 --> mappings/a.toml:7:38
  |
7 | ref = { mapping = "Account", match = "phone", column = "account_app_id" }
  |                                      ^^^^^^^
  |
  = help: the key of Account is `app_id`
"#,
    );
}

#[test]
fn a_reference_needs_a_parent_with_a_key() {
    check(
        &[
            r#"
object = "Contact"

[fields.AccountId]
ref = { mapping = "Account", column = "account_app_id" }
"#,
            r#"
object = "Account"
fields = ["Name"]
"#,
        ],
        r#"
error[SX2330]: Account has no key to be referred to by
 --> mappings/a.toml:4:19
  |
4 | ref = { mapping = "Account", column = "account_app_id" }
  |                   ^^^^^^^^^
  |
  = help: give the mapping of Account a `key`
"#,
    );
}

#[test]
fn a_reference_names_mapping_and_column() {
    check(
        &[
            r#"
object = "Contact"

[fields.AccountId]
ref = { mapping = "Account" }
"#,
            r#"
object = "Account"
fields = ["Name"]
"#,
        ],
        r#"
error[SX1009]: the `ref` of `AccountId` has no `column`
 --> mappings/a.toml:4:1
  |
4 | ref = { mapping = "Account" }
  | ^^^
  |
  = help: for instance `ref = { mapping = "Account", match = "app_id", column = "account_app_id" }`
"#,
    );
}

#[test]
fn objects_and_tables_belong_to_one_file() {
    check(
        &[
            r#"
object = "Account"
fields = ["Name"]
"#,
            r#"
object = "account"
fields = ["Name"]
"#,
            r#"
object = "Contact"
table = "account"
fields = ["LastName"]
"#,
        ],
        r#"
error[SX2702]: object `account` is mapped twice
 --> mappings/b.toml:1:10
  |
1 | object = "account"
  |          ^^^^^^^^^ here again
  |
 ::: mappings/a.toml:1:10
  |
1 | object = "Account"
  |          --------- first mapped here
  |
  = help: keep one file per object

error[SX2702]: two mappings claim the table `account`
 --> mappings/c.toml:2:9
  |
2 | table = "account"
  |         ^^^^^^^^^
  |
 ::: mappings/a.toml:1:10
  |
1 | object = "Account"
  |          --------- first claimed here
  |
  = help: give one of them another `table`
"#,
    );
}

#[test]
fn three_lines_are_a_mapping() {
    let text =
        "object = \"account\"\ndirection = \"from_salesforce\"\nfields = [\"name\", \"Phone\"]\n";

    let mappings = mappings(&[text]);

    let [mapping] = mappings.as_slice() else { panic!("{mappings:?}") };
    assert_eq!((mapping.object.as_str(), mapping.table.as_str()), ("Account", "account"));
    let columns: Vec<_> = mapping
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.column.as_str(), field.column_type))
        .collect();
    assert_eq!(
        columns,
        [("Name", "name", ColumnType::Varchar(255)), ("Phone", "phone", ColumnType::Varchar(40))]
    );
    assert_eq!(mapping.poll.every, Duration::from_mins(1));
    assert_eq!(mapping.poll.overlap, Duration::from_mins(5));
    assert_eq!((mapping.bulk.read_above, mapping.bulk.write_above), (10_000, 2_000));
    assert_eq!(mapping.deletes.hold_above, None);
    assert!(mapping.has_is_deleted && mapping.has_system_modstamp);
}

#[test]
fn nothing_is_written_to_salesforce_unless_the_file_says_so() {
    let mappings = mappings(&["object = \"Account\"\nfields = [\"Name\"]\n"]);
    assert_eq!(mappings[0].direction, Direction::FromSalesforce);
    assert_eq!(mappings[0].fields[0].direction, Direction::FromSalesforce);
}

#[test]
fn all_readable_leaves_out_what_cannot_be_mapped() {
    let text = r#"
object = "Account"
direction = "both"
fields = "all_readable"
except = ["Phone"]
key = { external_id = "External_Id__c", column = "app_id" }
conflict = { policy = "newest" }
"#;
    let mappings = mappings(&[text]);
    let directions: Vec<_> = mappings[0]
        .fields
        .iter()
        .map(|field| (field.column.as_str(), field.direction == Direction::Both))
        .collect();
    #[rustfmt::skip]
    assert_eq!(directions, [
        ("createddate",   false),
        ("app_id",        true),
        ("name",          true),
        ("annualrevenue", true),
        ("parentid",      true),
        ("billingstreet", true),
        ("billingcity",   true),
        ("score__c",      false),
        ("number__c",     false),
        ("legacy__c",     true),
    ]);
    assert!(mappings[0].fields.iter().all(|field| field.conflict == ConflictPolicy::Newest));
    assert_eq!(mappings[0].key.as_ref().unwrap().column, "app_id");
}

#[test]
fn a_reference_takes_the_parents_key_and_its_type() {
    let account =
        "object = \"Account\"\nfields = [\"Name\"]\nkey = { external_id = \"External_Id__c\" }\n";
    let contact = "object = \"Contact\"\nindexes = [\"account_key\"]\n[fields.AccountId]\n\
                   ref = { mapping = \"account\", column = \"account_key\" }\n";
    let mappings = mappings(&[contact, account]);
    let reference = mappings[0].fields[0].reference.as_ref().unwrap();
    assert_eq!(reference.table, "account");
    assert_eq!(reference.match_column, "external_id__c");
    assert_eq!(reference.column, "account_key");
    assert_eq!(reference.column_type, ColumnType::Varchar(36));
    assert_eq!(mappings[0].indexes, ["account_key"]);
}

#[test]
fn a_mapping_may_refer_to_itself() {
    let text = "object = \"Account\"\nkey = { external_id = \"External_Id__c\" }\n[fields.ParentId]\n\
                ref = { mapping = \"Account\", column = \"parent_key\" }\n";
    let mappings = mappings(&[text]);
    assert_eq!(mappings[0].fields[0].reference.as_ref().unwrap().object, "Account");
    assert_eq!(groups(&mappings).len(), 1);
}

#[test]
fn groups_follow_the_mapped_lookups_and_put_parents_first() {
    let account = "object = \"Account\"\ntable = \"z\"\nfields = [\"Name\"]\n";
    let contact = "object = \"Contact\"\nfields = [\"AccountId\"]\n";
    let invoice = "object = \"Invoice__c\"\nfields = [\"Account__c\"]\n";
    let opportunity = "object = \"Opportunity\"\nfields = [\"Name\"]\n";
    let names = |texts: &[&str]| -> Vec<(String, Vec<String>)> {
        let tables = |mappings: Vec<Mapping>| mappings.into_iter().map(|m| m.table).collect();
        groups(&mappings(texts)).into_iter().map(|g| (g.name, tables(g.mappings))).collect()
    };
    let expected = [
        ("contact".to_owned(), vec!["z".to_owned(), "contact".to_owned(), "invoice__c".to_owned()]),
        ("opportunity".to_owned(), vec!["opportunity".to_owned()]),
    ];
    assert_eq!(names(&[account, contact, invoice, opportunity]), expected);
    assert_eq!(names(&[opportunity, invoice, contact, account]), expected);
}

#[test]
fn all_problems_of_all_files_come_at_once_and_in_order() {
    let (_, diagnostics) = bound(&[
        "object = \"Acount\"\nfields = [\"Name\"]\ncolour = 1\n",
        "object = \"Contact\"\nfields = [\"Nmae\", \"LastNam\"]\npoll = { every = 3 }\n",
    ]);
    let found: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let label = diagnostic.label.as_ref().unwrap();
            (diagnostic.code.to_string(), label.source.path.clone(), label.position().line)
        })
        .collect();
    let at = |code: &str, file: &str, line| (code.to_owned(), Path::new(file).to_owned(), line);
    #[rustfmt::skip]
    assert_eq!(found, [
        at("SX2101", "mappings/a.toml", 1),
        at("SX1001", "mappings/a.toml", 3),
        at("SX2104", "mappings/b.toml", 2),
        at("SX2104", "mappings/b.toml", 2),
        at("SX1005", "mappings/b.toml", 3),
    ]);
}

#[test]
fn the_samples_hold_no_problem() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let loaded = super::load(&folder);
    assert_eq!(loaded.files.len(), 4);
    assert!(loaded.diagnostics.is_empty(), "{}", render(&loaded.diagnostics, Colour::Never));
}

#[test]
fn the_samples_bind_into_one_group_led_by_the_account() {
    let mut org = org();
    let extra = [
        ("Account", "Website", "url"),
        ("Account", "Industry", "picklist"),
        ("Account", "NumberOfEmployees", "int"),
        ("Account", "BillingCountry", "string"),
        ("Contact", "FirstName", "string"),
        ("Contact", "Phone", "phone"),
        ("Contact", "Title", "string"),
    ];
    for (object, name, field_type) in extra {
        let described = field(name, field_type, &json!({"length": 80}));
        let object = org.objects.iter_mut().find(|described| described.name == object).unwrap();
        object.fields.push(serde_json::from_value(described).unwrap());
    }
    let loaded = super::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings"));

    let bound = bind_all(&loaded.files, &org);

    assert!(bound.diagnostics.is_empty(), "{}", render(&bound.diagnostics, Colour::Never));
    let groups = groups(&bound.mappings);
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!(group.name, "account");
    let tables: Vec<_> = group.mappings.iter().map(|mapping| mapping.table.as_str()).collect();
    assert_eq!(tables, ["account", "contact", "invoice", "opportunity"]);
}

#[test]
fn a_folder_without_mappings_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(super::load(folder.path()).into_files().is_err());
    assert!(super::load(&folder.path().join("missing")).into_files().is_err());
}

#[test]
fn no_text_whatever_stops_the_reader() {
    for text in [
        "",
        "\u{feff}",
        "é",
        "[",
        "a = ",
        "fields = [[]]",
        "fields = {}",
        "[fields]\n",
        "fields = []",
        "object = 1",
        "key = 3",
        "[[fields]]",
        "object.x = 1",
        "poll = []",
        "conflict = {}",
        "version = -1",
        "bulk = { read_above = 99999999999999999999 }",
        "\"\" = 1",
        "object = \"\"",
        "[fields.Name]\n[fields.Name]\n",
    ] {
        let source: Arc<Source> = Source::new("a.toml", text);
        let (file, diagnostics) = super::MappingFile::parse(&source);
        assert!(file.is_some() || !diagnostics.is_empty(), "{text}");
        assert_eq!(render(&diagnostics, Colour::Never).is_empty(), diagnostics.is_empty());
    }
}

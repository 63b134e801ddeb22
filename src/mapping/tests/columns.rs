//! What a mapping takes from the org, and the columns it becomes: objects, fields, names, types and indexes.

use super::*;
use crate::mapping::Code;
use crate::model::{FieldDescribe, FieldType};

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
type = "money"
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

error[SX1003]: `money` is not a type a mapped column can have
  --> mappings/a.toml:10:8
   |
10 | type = "money"
   |        ^^^^^^^
   |
   = help: the types are `varchar(n)`, `text`, `boolean`, `integer`, `bigint`, `double precision`, `numeric(p,s)`, `numeric`, `date`, `timestamp`, `timestamptz`, `time`
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
fn more_columns_than_a_table_can_have_are_refused() {
    for (count, is_refused) in [(1_594, false), (1_595, true)] {
        let fields = (0..count).map(|number| FieldDescribe {
            name: format!("F{number}__c"),
            field_type: FieldType::Boolean,
            ..FieldDescribe::default()
        });
        let object = ObjectDescribe {
            name: "Wide__c".to_owned(),
            queryable: true,
            fields: fields.collect(),
            ..ObjectDescribe::default()
        };
        let org = Org { objects: vec![object], names: Vec::new() };
        let text = "object = \"Wide__c\"\nfields = \"all_readable\"\n";
        let bound = bind_all(&load_sources(&[Source::new("a.toml", text)]).files, &org);
        let too_wide: Vec<_> =
            bound.diagnostics.iter().filter(|problem| problem.code == Code::TooWide).collect();
        assert_eq!(!too_wide.is_empty(), is_refused, "{count}: {:?}", bound.diagnostics);
        assert!(too_wide.iter().all(|problem| problem.label.is_some()));
    }
}

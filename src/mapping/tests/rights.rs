//! What may be written, by the field's nature and the user's rights.

use super::*;
use crate::mapping::Code;
use crate::model::{FieldDescribe, FieldType, StampField};

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
fn an_object_without_the_usual_stamp_is_polled_by_the_next_best_and_that_is_said() {
    #[rustfmt::skip]
    let table: [(&[&str], StampField, &str); 4] = [
        (&["SystemModstamp", "LastModifiedDate"], StampField::SystemModstamp,   ""),
        (&["CreatedDate", "LastModifiedDate"],    StampField::LastModifiedDate, "polls go by `LastModifiedDate`"),
        (&["CreatedDate"],                        StampField::CreatedDate,      "polls go by `CreatedDate`"),
        (&[],                                     StampField::None,             "polls read the whole object"),
    ];
    for (stamps, expected, words) in table {
        let field = |name: &str, field_type| FieldDescribe {
            name: name.to_owned(),
            field_type,
            filterable: true,
            ..FieldDescribe::default()
        };
        let mut fields = vec![field("Id", FieldType::Id), field("Name", FieldType::String)];
        fields.extend(stamps.iter().map(|name| field(name, FieldType::Datetime)));
        let object = ObjectDescribe {
            name: "Thing".to_owned(),
            queryable: true,
            fields,
            ..ObjectDescribe::default()
        };
        let org = Org { objects: vec![object], names: Vec::new() };
        let source = Source::new("a.toml", "object = \"Thing\"\nfields = [\"Name\"]\n");
        let bound = bind_all(&load_sources(&[source]).files, &org);

        assert_eq!(bound.mappings[0].stamp, expected);
        let said: Vec<_> = bound.diagnostics.iter().map(|problem| &problem.message).collect();
        if words.is_empty() {
            assert_eq!(said, Vec::<&String>::new());
        } else {
            assert_eq!(bound.diagnostics[0].code, Code::NoStamp);
            assert!(said[0].contains(words), "{said:?}");
        }
    }
}

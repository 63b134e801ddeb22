//! How rows are recognised and refer to each other: keys and references.

use super::*;
use crate::mapping::KeyDefault;

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
  = help: the key of Account is `app_id`, and `match = "id"` names its rows by their `id`
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
  = help: give the mapping of Account a `key`, or name its rows by their `id` with `match = "id"`
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
fn a_slip_in_what_names_the_parent_is_pointed_out() {
    check(
        &[
            r#"
object = "Contact"

[fields.AccountId]
ref = { mapping = "Account", match = "idd", column = "account_id" }
"#,
            r#"
object = "Account"
fields = ["Name"]
key = { external_id = "External_Id__c", column = "app_key" }
"#,
        ],
        r#"
error[SX2330]: `idd` does not identify a row of `account`
 --> mappings/a.toml:4:38
  |
4 | ref = { mapping = "Account", match = "idd", column = "account_id" }
  |                                      ^^^^^
  |
  = help: did you mean `id`?
"#,
    );
}

#[test]
fn a_key_that_the_database_makes_up_has_to_fit_the_field() {
    let mappings = mappings(&["object = \"Account\"\ndirection = \"both\"\nfields = [\"Name\"]\n\
         key = { external_id = \"External_Id__c\", default = \"uuid\" }\n"]);
    assert_eq!(mappings[0].key.as_ref().unwrap().default, Some(KeyDefault::Uuid));
    check(
        &[
            r#"
object = "Account"
fields = ["Name"]
key = { external_id = "External_Id__c", default = "uuid" }
"#,
            r#"
object = "Contact"
direction = "both"
fields = ["LastName"]
key = { external_id = "External_Id__c", default = "uiud" }
"#,
            r#"
object = "Invoice__c"
direction = "both"
fields = ["Status__c", "Account__c"]
key = { external_id = "Code__c", default = "uuid" }
"#,
        ],
        r#"
error[SX2322]: no row is sent to Salesforce, so none needs a key
 --> mappings/a.toml:3:51
  |
3 | key = { external_id = "External_Id__c", default = "uuid" }
  |                                                   ^^^^^^
  |
  = help: leave `default` out

error[SX1003]: `default` cannot be `uiud`
 --> mappings/b.toml:4:51
  |
4 | key = { external_id = "External_Id__c", default = "uiud" }
  |                                                   ^^^^^^
  |
  = help: did you mean `uuid`?

error[SX2322]: `Code__c` cannot hold a generated key: that is a text of 36 characters
 --> mappings/c.toml:4:44
  |
4 | key = { external_id = "Code__c", default = "uuid" }
  |                                            ^^^^^^
  |
  = help: use a text field that is long enough, or leave `default` out and give every row its key
"#,
    );
}

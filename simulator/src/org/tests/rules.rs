//! Validation rules and duplicate rules that are set up at run time.

use super::*;

#[test]
fn a_validation_rule_refuses_with_its_words_and_its_field() {
    let mut sample = sample();
    let rule = sample.define(json!({
        "kind": "validation", "object": "account", "field": "Name", "message": "Too loud",
        "formula": "Name = UPPER(Name) && (ISNEW() || ISCHANGED(Name))",
    }));
    let loud = json!({"Name": "ADA"});

    let error = sample.try_create("Account", loud.clone()).unwrap_err();
    assert_eq!(error.to_string(), "FIELD_CUSTOM_VALIDATION_EXCEPTION: Too loud");
    assert_eq!(error.fields, Some(vec!["Name".to_owned()]));
    let id = sample.create("Account", json!({"Name": "Ada"}));
    assert!(sample.update(id, loud.clone()).is_err());

    assert!(sample.org.remove_rule(Some(rule.id)));
    sample.update(id, loud).unwrap();
    assert_eq!(sample.org.rules().count(), 0);
}

#[test]
fn a_rule_that_makes_no_sense_is_not_accepted() {
    let mut sample = sample();
    let table = [
        json!({"kind": "validation", "object": "Account", "formula": "NOPE(", "message": "x"}),
        json!({"kind": "validation", "object": "Account", "formula": "TRUE", "message": "x", "field": "Nope"}),
        json!({"kind": "duplicate", "object": "Account", "name": "d", "fields": [], "action": "block"}),
        json!({"kind": "duplicate", "object": "Account", "name": "d", "fields": ["Nope"], "action": "block"}),
    ];
    for rule in table {
        let spec = serde_json::from_value(rule.clone()).unwrap();
        assert_eq!(sample.org.define_rule(spec).unwrap_err().code, "INVALID_RULE", "{rule}");
    }
}

#[test]
fn an_alert_rule_blocks_a_duplicate_unless_the_writer_allows_it() {
    let mut sample = sample();
    sample.define(json!({
        "kind": "duplicate", "object": "Contact", "name": "Same_Person", "action": "alert",
        "fields": ["LastName", "Email"],
    }));
    let ada = json!({"LastName": "Lovelace", "Email": "ada@example.com"});
    let first = sample.create("Contact", ada.clone());
    sample.create("Contact", json!({"LastName": "Lovelace"}));
    sample.create("Contact", json!({"LastName": "Lovelace"}));

    let loud = json!({"LastName": "LOVELACE", "Email": "Ada@example.com"});
    let error = sample.try_create("Contact", loud).unwrap_err();
    assert_eq!(error.to_string(), "DUPLICATES_DETECTED: Use one of these records?");
    let result = &error.to_json()["duplicateResult"];
    assert_eq!(result["allowSave"], true);
    assert_eq!(result["duplicateRule"], "Same_Person");
    let record = &result["matchResults"][0]["matchRecords"][0]["record"];
    assert_eq!(record["Id"], first.to_string());
    assert_eq!(record.get("LastName"), None, "nobody asked for details");
    assert_eq!(error.to_row_json().get("duplicateResult"), None);

    let user = sample.org.integration_user();
    let curious = Writer { show_duplicates: true, ..Writer::from(user) };
    let error = sample.org.create(curious, "Contact", &map(ada.clone())).unwrap_err();
    let record = &error.to_row_json()["duplicateResult"]["matchResults"][0]["matchRecords"][0];
    assert_eq!(record["record"]["Email"], "ada@example.com");

    let willing = Writer { allow_duplicates: true, ..Writer::from(user) };
    sample.org.create(willing, "Contact", &map(ada)).unwrap();
    sample.update(first, json!({"FirstName": "Ada"})).unwrap();
}

#[test]
fn a_block_rule_blocks_even_those_who_would_save() {
    let mut sample = sample();
    sample.define(json!({
        "kind": "duplicate", "object": "Account", "name": "d", "action": "block", "fields": ["Phone"],
    }));
    let willing = Writer { allow_duplicates: true, ..Writer::from(sample.org.integration_user()) };
    sample.create("Account", json!({"Name": "one", "Phone": "1"}));
    let other = sample.create("Account", json!({"Name": "two", "Phone": "2"}));

    let created = sample.org.create(willing, "Account", &map(json!({"Name": "x", "Phone": "1"})));
    let changed = sample.update(other, json!({"Phone": "1"}));

    assert_eq!(created.unwrap_err().code, "DUPLICATES_DETECTED");
    assert_eq!(changed.unwrap_err().code, "DUPLICATES_DETECTED");
}

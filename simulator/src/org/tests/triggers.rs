//! Triggers: what scripts may do to rows, and what becomes of their errors.

use super::*;

impl Sample {
    fn trigger(&mut self, object: &str, events: &[&str], script: &str) {
        self.define(json!({
            "kind": "trigger", "object": object, "name": "Trig", "events": events, "script": script,
        }));
    }

    pub(super) fn define(&mut self, rule: Json) -> DefinedRule {
        self.org.define_rule(serde_json::from_value(rule).unwrap()).unwrap()
    }

    fn count(&self, object: &str) -> usize {
        self.org.record_count(object).unwrap()
    }
}

#[test]
fn a_before_trigger_changes_what_is_stored() {
    let mut sample = sample();
    sample.trigger(
        "Account",
        &["before insert", "before update"],
        r#"
            row.Name = row.Name.to_upper();
            row.NumberOfEmployees = 7;
            row.AnnualRevenue = 12.0;
            row.Last_Review__c = org.now();
            row.Contract_Start__c = org.today();
            if event == "before update" && old.Tier__c != row.Tier__c { row.Description = old.Tier__c; }
        "#,
    );

    let id = sample.create("Account", json!({"Name": "ada", "Tier__c": "Gold"}));
    assert_eq!(sample.get(id, "Name"), "ADA");
    assert_eq!(sample.get(id, "NumberOfEmployees"), 7);
    assert_eq!(sample.get(id, "AnnualRevenue"), 12.0);
    assert_eq!(sample.get(id, "Last_Review__c"), "2026-03-01T12:00:00.000+0000");
    assert_eq!(sample.get(id, "Contract_Start__c"), "2026-03-01");
    assert_eq!(sample.get(id, "Description"), Json::Null);

    sample.update(id, json!({"Tier__c": "Silver"})).unwrap();
    assert_eq!(sample.get(id, "Description"), "Gold");
}

#[test]
fn an_after_trigger_writes_other_rows_and_reads_the_org() {
    let mut sample = sample();
    sample.trigger(
        "Account",
        &["after insert"],
        r#"
            org.create("Contact", #{LastName: row.Name, AccountId: row.Id});
            let others = org.query("SELECT Id FROM Account WHERE Name = 'first'");
            for other in others {
                if other.Id != row.Id { org.update(other.Id, #{Description: "second came"}); }
            }
        "#,
    );
    sample.trigger(
        "Account",
        &["after delete"],
        r#"org.create("Lead", #{LastName: old.Name, Company: "gone"});"#,
    );

    let first = sample.create("Account", json!({"Name": "first"}));
    let second = sample.create("Account", json!({"Name": "second"}));
    assert_eq!(sample.count("Contact"), 2);
    assert_eq!(sample.get(first, "Description"), "second came");

    sample.delete(second).unwrap();
    assert_eq!(sample.count("Lead"), 1);
}

#[test]
fn a_trigger_that_throws_refuses_the_row_and_takes_back_what_it_wrote() {
    let mut sample = sample();
    sample.trigger(
        "Account",
        &["after insert"],
        r#"
            org.create("Lead", #{LastName: "x", Company: "y"});
            if row.Name == "bad" { throw "no luck"; }
            if row.Name == "wrong" { org.create("Contact", #{FirstName: "Ada"}); }
            if row.Name == "refused" { add_error("Name", "Choose another name"); }
            if row.Name == "endless" { loop { } }
        "#,
    );
    let refused = |sample: &mut Sample, name: &str| {
        sample.try_create("Account", json!({"Name": name})).unwrap_err()
    };

    let bad = refused(&mut sample, "bad");
    let wrong = refused(&mut sample, "wrong");
    let added = refused(&mut sample, "refused");
    let endless = refused(&mut sample, "endless");

    assert_eq!(bad.code, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    assert!(
        bad.message.starts_with(
            "Trig: execution of AfterInsert\n\ncaused by: no luck\n\nTrigger.Trig: line 3"
        ),
        "{}",
        bad.message
    );
    assert!(
        wrong.message.contains(
            "System.DmlException: Insert failed. First exception on row 0; first error: \
         REQUIRED_FIELD_MISSING, Required fields are missing: [LastName]: [LastName]"
        ),
        "{}",
        wrong.message
    );
    assert_eq!(added.to_string(), "FIELD_CUSTOM_VALIDATION_EXCEPTION: Choose another name");
    assert_eq!(added.fields, Some(vec!["Name".to_owned()]));
    assert!(endless.message.contains("LimitException"), "{}", endless.message);
    assert_eq!((sample.count("Account"), sample.count("Lead")), (0, 0));
}

#[test]
fn triggers_that_set_each_other_off_end_at_the_sixteenth() {
    let mut sample = sample();
    sample.trigger(
        "Account",
        &["after insert"],
        r#"org.create("Account", #{Name: "child of " + row.Name.sub_string(0, 20)});"#,
    );

    let error = sample.try_create("Account", json!({"Name": "root"})).unwrap_err();

    assert_eq!(error.code, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    assert!(error.message.contains("Trig: maximum trigger depth exceeded"), "{}", error.message);
    assert_eq!(sample.count("Account"), 0);
}

#[test]
fn triggers_run_before_a_delete_and_after_an_undelete() {
    let mut sample = sample();
    sample.trigger(
        "Account",
        &["before delete", "after undelete"],
        r#"
            if event == "before delete" && old.Tier__c == "Gold" { add_error("Gold stays"); }
            if event == "after undelete" { org.update(row.Id, #{Description: "back"}); }
        "#,
    );
    let gold = sample.create("Account", json!({"Name": "x", "Tier__c": "Gold"}));
    let other = sample.create("Account", json!({"Name": "y"}));

    assert_eq!(sample.delete(gold).unwrap_err().message, "Gold stays");
    sample.delete(other).unwrap();
    sample.undelete(other).unwrap();
    assert_eq!(sample.get(other, "Description"), "back");
}

#[test]
fn a_trigger_may_not_write_what_nobody_may() {
    let mut sample = sample();
    sample.trigger("Account", &["before insert"], "row.Label__c = \"x\";");
    let computed = sample.try_create("Account", json!({"Name": "x"})).unwrap_err();
    sample.org.remove_rule(None);
    sample.trigger("Account", &["before insert"], "row.Name = \"x\".to_upper(); row.Nope = 1;");
    let unknown = sample.try_create("Account", json!({"Name": "x"})).unwrap_err();

    assert_eq!(computed.message, "Field is not writeable: Account.Label__c");
    assert_eq!(unknown.message, "Invalid field: Account.Nope");
}

#[test]
fn a_script_that_cannot_be_read_is_refused_when_it_is_defined() {
    let mut sample = sample();
    let broken = json!({"kind": "trigger", "object": "Account", "name": "T",
        "events": ["after insert"], "script": "let = ;"});

    let error = sample.org.define_rule(serde_json::from_value(broken).unwrap()).unwrap_err();

    assert_eq!(error.code, "INVALID_RULE");
}

//! The feed of a whole org.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::*;
use crate::schema::Schema;

fn org(objects: &[&str]) -> Org {
    let now: DateTime<Utc> = "2026-03-01T10:00:00Z".parse().unwrap();
    let mut org = Org::new(Schema::sample(), Arc::new(move || now));
    let objects: Vec<String> = objects.iter().map(|name| (*name).to_owned()).collect();
    org.capture(&objects).unwrap();
    org
}

fn create(org: &mut Org, object: &str, body: &serde_json::Value) -> String {
    let user = org.integration_user();
    org.create(user, object, body.as_object().unwrap()).unwrap().to_string()
}

fn told(org: &mut Org) -> Vec<Arc<Change>> {
    org.settle();
    let events = org.events().log().after(0, org.now());
    let change = |event: &Arc<Event>| match &event.matter {
        Matter::Change(change) => Some(Arc::clone(change)),
        Matter::Message { .. } => None,
    };
    events.filter_map(change).collect()
}

#[test]
fn only_selected_objects_are_told_of() {
    let mut org = org(&["Account"]);
    create(&mut org, "Account", &json!({ "Name": "a" }));
    create(&mut org, "Contact", &json!({ "LastName": "c" }));

    let told = told(&mut org);

    assert_eq!(told.len(), 1);
    assert_eq!(told[0].header.entity, "Account");
    assert_eq!(org.captured(), ["Account"]);
    assert_eq!(org.capture(&["Nothing".to_owned()]).unwrap_err().code, "NOT_FOUND");
}

#[test]
fn what_was_rolled_back_is_not_told() {
    let mut org = org(&["Account"]);
    let user = org.integration_user();
    let id = create(&mut org, "Account", &json!({ "Name": "kept" }));
    org.settle();
    org.begin();
    create(&mut org, "Account", &json!({ "Name": "taken back" }));
    org.update(user, "Account", &id, json!({ "Name": "other" }).as_object().unwrap()).unwrap();
    org.delete(user, None, &id).unwrap();
    org.rollback();

    assert_eq!(told(&mut org).len(), 1);
}

#[test]
fn a_cascade_is_one_transaction_with_folded_deletions() {
    let mut org = org(&["Invoice__c", "Invoice_Line__c"]);
    let user = org.integration_user();
    let account = create(&mut org, "Account", &json!({ "Name": "a" }));
    let invoice = create(&mut org, "Invoice__c", &json!({ "Account__c": account }));
    for _ in 0..3 {
        let body = json!({ "Invoice__c": invoice, "Quantity__c": 1 });
        create(&mut org, "Invoice_Line__c", &body);
    }
    org.settle();
    let before = told(&mut org).len();
    org.delete(user, None, &invoice).unwrap();

    let told = told(&mut org).split_off(before);

    let summary: Vec<_> = told
        .iter()
        .map(|change| (change.header.entity.as_str(), change.header.record_ids.len()))
        .collect();
    assert_eq!(summary, [("Invoice__c", 1), ("Invoice_Line__c", 3)]);
    assert_eq!(told[0].header.transaction_key, told[1].header.transaction_key);
    assert_eq!((told[0].header.sequence, told[1].header.sequence), (1, 2));
    assert_eq!(told[0].header.commit_number, told[1].header.commit_number);
}

#[test]
fn too_large_a_transaction_overflows() {
    let mut org = org(&["Account"]);
    org.events_mut().set_most_changes(2);
    for _ in 0..5 {
        create(&mut org, "Account", &json!({ "Name": "a" }));
    }

    let told = told(&mut org);

    let kinds: Vec<_> = told.iter().map(|change| change.header.change_type).collect();
    assert_eq!(kinds, [ChangeType::Create, ChangeType::Create, ChangeType::GapOverflow]);
    assert_eq!(told[2].header.record_ids, [NO_RECORD]);
}

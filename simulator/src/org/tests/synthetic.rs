//! Rows that are computed from their number.

use serde_json::json;

use super::*;
use crate::{org::convert::from_text, schema::FieldType};

/// An org with computed accounts, contacts and users beside what is given.
fn synthetic(counts: &[(&str, u64)]) -> Sample {
    let mut sample = sample();
    let counts: Vec<_> = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    sample.org.add_synthetic(&counts).unwrap();
    sample
}

impl Sample {
    fn rows(&self, soql: &str) -> Vec<Id> {
        let reader = self.org.integration_user();
        self.org.query(reader, soql, Scope::Live).unwrap().rows.iter().collect()
    }

    fn total(&self, soql: &str) -> usize {
        self.org.query(self.org.integration_user(), soql, Scope::Live).unwrap().total
    }

    /// The cells of one row, found by its id.
    fn cells(&self, soql: &str, id: Id) -> Vec<String> {
        let result = self.org.query(self.org.integration_user(), soql, Scope::Live).unwrap();
        let mut cells = Vec::new();
        let shape = self.org.cells(&result.shape);
        assert!(self.org.each_cell(&shape, id, |value| cells.push(value.to_cell())));
        cells
    }
}

#[test]
fn every_computed_row_obeys_the_rules_that_a_client_has_to_obey() {
    let counts = ["Account", "Contact", "Opportunity", "Lead", "Case", "Product2", "Invoice__c"];
    let mut sample = synthetic(&counts.map(|name| (name, 50)));

    for name in counts {
        for id in sample.rows(&format!("SELECT Id FROM {name}")) {
            let (number, row) = sample.org.locate(id).unwrap();
            sample.org.check(number, Some(id), &row).unwrap();
            for (at, field) in sample.org.object(number).unwrap().fields().iter().enumerate() {
                let value = row.value(at);
                if let (Value::Id(target), true) = (value, field.kind == FieldType::Reference) {
                    assert!(sample.org.locate(*target).is_some(), "{}", field.name);
                }
                if field.createable && !value.is_null() {
                    assert_eq!(from_text(field, &value.to_cell()).as_ref(), Ok(value));
                }
            }
        }
        let first = sample.rows(&format!("SELECT Id FROM {name} LIMIT 1"))[0];
        sample.update(first, json!({})).unwrap();
    }
}

#[test]
fn every_writeable_field_has_values_and_some_of_them_are_null() {
    let sample = synthetic(&[("Account", 200)]);
    let (number, object) = sample.org.object_named("Account").unwrap();
    let ids = sample.rows("SELECT Id FROM Account");

    for (at, field) in object.fields().iter().enumerate() {
        if !field.createable || field.kind.is_compound() {
            continue;
        }
        let is_null = |id: &&Id| sample.org.row(number, **id).unwrap().value(at).is_null();
        let nulls = ids.iter().filter(is_null).count();
        assert!(nulls < ids.len(), "{} is always null", field.name);
        let may_be_null = field.nillable && !field.is_key() && field.kind != FieldType::Boolean;
        assert_eq!(nulls > 0, may_be_null, "{}: {nulls}", field.name);
    }
}

#[test]
fn a_row_is_the_same_whichever_way_it_is_found() {
    let sample = synthetic(&[("Account", 1000), ("Contact", 5000)]);
    let columns = "SELECT Id, LastName, Name, External_Id__c, Email, AccountId, Account.Name, \
                   SystemModstamp FROM Contact";
    let all = sample.rows(columns);
    let id = all[1234];
    let cells = sample.cells(columns, id);
    let (key, email, parent, stamp) = (&cells[3], &cells[4], &cells[5], &cells[7]);

    for condition in [
        format!("Id = '{id}'"),
        format!("External_Id__c = '{}'", key.to_uppercase()),
        format!("External_Id__c IN ('nobody', '{key}')"),
        format!("Email = '{email}'"),
        format!("AccountId = '{parent}' AND Id >= '{id}' AND Id <= '{id}'"),
        format!("SystemModstamp = {stamp} AND Id >= '{id}' AND Name != NULL"),
        format!("Name = '{}' AND External_Id__c LIKE '%{}'", cells[2], &key[key.len() - 4..]),
    ] {
        let found = sample.rows(&format!("{columns} WHERE {condition} LIMIT 1"));
        assert_eq!(found, [id], "{condition}");
    }
    assert_eq!(sample.cells(columns, id), cells);
    let by_key = Key { field: "External_Id__c".to_owned(), value: json!(key) };
    assert_eq!(
        sample.org.find_by_key(sample.org.integration_user(), "Contact", &by_key).unwrap(),
        [id]
    );
}

#[test]
fn indexes_and_scans_find_the_same_rows() {
    let mut sample = synthetic(&[("Account", 500), ("Contact", 700)]);
    let some = sample.rows("SELECT Id FROM Account");
    sample.update(some[7], json!({"ParentId": some[3].to_string()})).unwrap();
    sample.delete(some[40]).unwrap();
    let (parent, stamp) = (some[3], sample.cells("SELECT SystemModstamp FROM Account", some[250]));

    #[rustfmt::skip]
    let table = [
        ("Account", format!("ParentId = '{parent}'")),
        ("Contact", format!("AccountId = '{parent}'")),
        ("Account", format!("SystemModstamp > {}", stamp[0])),
        ("Account", format!("SystemModstamp <= {}", stamp[0])),
        ("Account", format!("Id > '{}'", some[123])),
        ("Account", format!("Id < '{}' AND SystemModstamp > {}", some[480], stamp[0])),
    ];
    for (object, condition) in table {
        let fast = sample.rows(&format!("SELECT Id FROM {object} WHERE {condition} ORDER BY Id"));
        let slow = format!("SELECT Id FROM {object} WHERE NOT (NOT ({condition})) ORDER BY Id");
        assert_eq!(fast, sample.rows(&slow), "{condition}");
        assert!(!fast.is_empty(), "{condition}");
    }
}

#[test]
fn stamps_grow_with_ids_and_paging_by_both_misses_nothing() {
    let mut sample = synthetic(&[("Account", 2_500)]);
    let all = sample.rows("SELECT Id FROM Account ORDER BY Id");
    sample.seconds.store(60, Ordering::SeqCst);
    sample.update(all[10], json!({"Name": "touched"})).unwrap();
    let new = sample.create("Account", json!({"Name": "new"}));

    let (mut seen, mut mark): (Vec<Id>, Option<(String, Id)>) = (Vec::new(), None);
    loop {
        let condition = mark.map_or_else(String::new, |(stamp, id)| {
            format!("WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{id}') ")
        });
        let soql = format!(
            "SELECT Id, SystemModstamp FROM Account {condition}ORDER BY SystemModstamp, Id LIMIT 400"
        );
        let page = sample.rows(&soql);
        let Some(last) = page.last().copied() else { break };
        mark = Some((sample.cells(&soql, last)[1].clone(), last));
        seen.extend(page);
    }

    let untouched = all.iter().copied().filter(|id| *id != all[10]);
    let expected: Vec<Id> = untouched.chain([all[10], new]).collect();
    assert_eq!(seen, expected);
    let backward = "SELECT Id FROM Account ORDER BY SystemModstamp DESC, Id DESC";
    let backward: Vec<Id> = sample.rows(backward).into_iter().rev().collect();
    assert_eq!(backward, expected);
}

#[test]
fn a_touched_row_wins_over_its_computed_form() {
    let mut sample = synthetic(&[("Account", 100)]);
    let all = sample.rows("SELECT Id FROM Account");
    let key = sample.cells("SELECT External_Id__c FROM Account", all[5])[0].clone();
    let by_key = format!("SELECT Id, Name FROM Account WHERE External_Id__c = '{key}'");

    let upserted =
        sample.upsert("Account", ("External_Id__c", json!(key)), json!({"Name": "mine"}));

    assert_eq!(upserted.unwrap(), Upserted { id: all[5], created: false });
    assert_eq!(sample.rows(&by_key), [all[5]]);
    assert_eq!(sample.rows("SELECT Id FROM Account WHERE Name = 'mine'"), [all[5]]);
    assert_eq!(sample.rows("SELECT Id FROM Account"), all);
    assert_eq!(sample.org.record_count("Account"), Some(100));

    sample.update(all[5], json!({"External_Id__c": "other"})).unwrap();
    assert_eq!(sample.rows(&by_key), []);
    let duplicate = sample.update(all[6], json!({"External_Id__c": "other"})).unwrap_err();
    assert_eq!(duplicate.code, "DUPLICATE_VALUE");
    let taken = sample.cells("SELECT External_Id__c FROM Account", all[7])[0].clone();
    let duplicate = sample.try_create("Account", json!({"Name": "x", "External_Id__c": taken}));
    assert_eq!(duplicate.unwrap_err().code, "DUPLICATE_VALUE");
}

#[test]
fn computed_rows_are_deleted_undeleted_and_purged_like_others() {
    let mut sample = synthetic(&[("Account", 100), ("Contact", 300)]);
    let all = sample.rows("SELECT Id FROM Account");
    let contacts = sample.rows(&format!("SELECT Id FROM Contact WHERE AccountId = '{}'", all[0]));
    let counts = |sample: &Sample| {
        let counts = ["Account", "Contact"].map(|name| {
            let total = sample.total(&format!("SELECT COUNT() FROM {name}"));
            assert_eq!(sample.org.record_count(name), Some(total));
            total
        });
        (counts[0], counts[1])
    };
    assert!(!contacts.is_empty() && counts(&sample) == (100, 300));

    let children = sample.rows(&format!("SELECT Id FROM Account WHERE ParentId = '{}'", all[0]));
    sample.delete(all[0]).unwrap();
    assert_eq!(counts(&sample), (99, 300 - contacts.len()), "the contacts go with their account");
    assert_eq!(sample.org.record_count_with_deleted("Account"), Some(100));
    sample.undelete(all[0]).unwrap();
    assert_eq!(counts(&sample), (100, 300));

    let reader = sample.org.integration_user();
    sample.org.purge(&all[99].to_string()).unwrap();
    assert_eq!(sample.org.record_count_with_deleted("Account"), Some(99));
    assert!(sample.org.find(reader, "Account", &all[99].to_string()).is_err());
    assert_eq!(sample.rows("SELECT Id FROM Account"), all[..99]);
    let now = sample.org.now();
    let window = (now - TimeDelta::minutes(5), now + TimeDelta::minutes(5));
    let deleted = sample.org.deleted(reader, "Account", window.0, window.1).unwrap();
    assert_eq!(deleted.records.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [all[99]]);
    let updated = sample.org.updated(reader, "Account", window.0, window.1).unwrap();
    let changed: Vec<Id> = [all[0]].into_iter().chain(children).collect();
    assert_eq!(updated.ids, changed, "undeleted a moment ago, and children linked again");
}

#[test]
fn what_a_transaction_did_to_computed_rows_can_be_taken_back() {
    let mut sample = synthetic(&[("Account", 10)]);
    let all = sample.rows("SELECT Id FROM Account");
    let columns = "SELECT Id, Name, SystemModstamp FROM Account";
    let before: Vec<_> = all.iter().map(|id| sample.cells(columns, *id)).collect();

    sample.org.begin();
    sample.update(all[1], json!({"Name": "x"})).unwrap();
    sample.delete(all[2]).unwrap();
    sample.org.purge(&all[3].to_string()).unwrap();
    sample.org.rollback();

    assert_eq!(sample.rows(columns), all);
    assert_eq!(all.iter().map(|id| sample.cells(columns, *id)).collect::<Vec<_>>(), before);
}

#[test]
fn new_ids_and_auto_numbers_follow_the_computed_ones() {
    let mut sample = synthetic(&[("Case", 1000)]);
    let number = "SELECT CaseNumber FROM Case";
    let last = *sample.rows("SELECT Id FROM Case ORDER BY Id").last().unwrap();

    let new = sample.create("Case", json!({"Subject": "new"}));

    assert_eq!(new, Id::generate("500", last.split().1 + 1));
    let value = |id| sample.cells(number, id)[0].parse::<u64>().unwrap();
    assert_eq!(value(new), value(last) + 1);
}

#[test]
fn ten_million_rows_are_there_at_once() {
    let sample = synthetic(&[("Account", 10_000_000), ("Contact", 10_000_000)]);

    assert_eq!(sample.total("SELECT COUNT() FROM Account"), 10_000_000);
    let last = sample.rows("SELECT Id FROM Account ORDER BY Id DESC LIMIT 1")[0];
    let contacts = format!("SELECT Id FROM Contact WHERE AccountId = '{last}'");
    assert!(sample.rows(&contacts).len() <= 1);
    let key = sample.cells("SELECT External_Id__c FROM Account LIMIT 1", last)[0].clone();
    let by_key = format!("SELECT Id FROM Account WHERE External_Id__c = '{key}'");
    assert_eq!(sample.rows(&by_key), [last]);
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let mut sample = synthetic(&[("Account", 1)]);
    let mut refused = |name: &str, count| {
        sample.org.add_synthetic(&[(name.to_owned(), count)]).unwrap_err().code.to_owned()
    };

    assert_eq!(refused("Nothing__c", 1), "NOT_FOUND");
    assert_eq!(refused("account", 1), "DUPLICATE_VALUE");
    assert_eq!(refused("Contact", u64::MAX), "LIMIT_EXCEEDED");
}

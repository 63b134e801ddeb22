//! The recycle bin and the delete log, merges, and what automation does to rows.

use chrono::Duration;

use super::*;

const DAY: i64 = 86_400;

impl Sample {
    fn deleted(&self, object: &str) -> Deleted {
        let (user, now) = (self.org.integration_user(), self.org.now());
        self.org
            .deleted(user, object, now - Duration::days(15), now + Duration::minutes(5))
            .unwrap()
    }

    fn merge(&mut self, master: Id, losers: &[Id], fields: Json) -> Result<Merged, ApiError> {
        let losers: Vec<String> = losers.iter().map(Id::to_string).collect();
        self.org.merge(self.org.human_user(), &master.to_string(), &losers, &map(fields))
    }
}

#[test]
fn after_fifteen_days_a_deleted_row_leaves_the_bin_query_all_and_the_delete_log() {
    let mut sample = sample();
    let old = sample.create("Account", json!({"Name": "old"}));
    let young = sample.create("Account", json!({"Name": "young"}));
    sample.delete(old).unwrap();
    sample.wait(10 * DAY);
    sample.delete(young).unwrap();
    sample.wait(5 * DAY + 1);

    sample.org.expire_bin();

    let left = sample.org.query(
        sample.org.integration_user(),
        "SELECT Id FROM Account",
        Scope::WithDeleted,
    );
    assert_eq!(left.unwrap().rows.iter().collect::<Vec<Id>>(), [young]);
    assert_eq!(sample.undelete(old).unwrap_err().code, "UNDELETE_FAILED");
    let ids: Vec<Id> = sample.deleted("Account").records.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [young]);
    sample.undelete(young).unwrap();
}

#[test]
fn an_emptied_bin_holds_nothing_but_the_delete_log_knows() {
    let mut sample = sample();
    let account = sample.create("Account", json!({"Name": "a"}));
    let kept = sample.create("Account", json!({"Name": "kept"}));
    sample.create("Invoice__c", json!({"Account__c": account.to_string()}));
    sample.delete(account).unwrap();

    assert_eq!(sample.org.empty_bin(), 2);

    assert_eq!(sample.org.record_count_with_deleted("Account"), Some(1));
    assert_eq!(sample.org.record_count_with_deleted("Invoice__c"), Some(0));
    assert_eq!(sample.deleted("Account").records[0].0, account);
    assert_eq!(sample.update(kept, json!({"Name": "b"})), Ok(kept));
}

#[test]
fn a_trimmed_delete_log_says_since_when_it_is_complete() {
    let mut sample = sample();
    let early = sample.create("Account", json!({"Name": "early"}));
    let late = sample.create("Account", json!({"Name": "late"}));
    assert_eq!(
        sample.deleted("Account").earliest_date_available,
        sample.org.now() - Duration::days(15)
    );
    sample.org.purge(&early.to_string()).unwrap();
    sample.wait(600);
    sample.org.purge(&late.to_string()).unwrap();
    let cut = sample.org.now() - Duration::seconds(60);

    assert!(sample.org.trim_delete_log("account", cut));

    let deleted = sample.deleted("Account");
    assert_eq!(deleted.earliest_date_available, cut);
    let ids: Vec<Id> = deleted.records.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [late]);
}

#[test]
fn a_merge_keeps_the_master_bins_the_losers_and_takes_over_their_children() {
    let mut sample = sample();
    let master = sample.create("Account", json!({"Name": "master", "Phone": "1"}));
    let one = sample.create("Account", json!({"Name": "one"}));
    let two = sample.create("Account", json!({"Name": "two", "ParentId": one.to_string()}));
    let contact = sample.create("Contact", json!({"LastName": "c", "AccountId": one.to_string()}));
    let invoice = sample.create("Invoice__c", json!({"Account__c": two.to_string()}));
    let before = sample.get(contact, "LastModifiedDate");
    sample.update(master, json!({"ParentId": two.to_string()})).unwrap();
    sample.wait(60);

    let merged = sample.merge(master, &[one, two], json!({"Name": "all", "Fax": "2"})).unwrap();

    assert_eq!(merged.merged, [one, two]);
    assert_eq!(merged.updated, [contact, invoice]);
    assert_eq!(
        (sample.get(master, "Name"), sample.get(master, "Phone")),
        (json!("all"), json!("1"))
    );
    assert_eq!(sample.get(master, "Fax"), "2");
    assert_eq!(sample.get(master, "ParentId"), Json::Null, "nothing is its own parent");
    for loser in [one, two] {
        assert_eq!(sample.get(loser, "IsDeleted"), true);
        assert_eq!(sample.get(loser, "MasterRecordId"), master.to_string());
    }
    assert_eq!(sample.get(contact, "AccountId"), master.to_string());
    assert_eq!(sample.get(invoice, "Account__c"), master.to_string());
    assert_ne!(sample.get(contact, "LastModifiedDate"), before);
    assert_eq!(sample.get(contact, "SystemModstamp"), sample.get(contact, "LastModifiedDate"));
    assert_eq!(sample.deleted("Account").records.len(), 2);

    sample.undelete(one).unwrap();
    assert_eq!(sample.get(one, "MasterRecordId"), Json::Null);
    assert_eq!(sample.get(contact, "AccountId"), master.to_string(), "children stay");
}

#[test]
fn a_merge_that_makes_no_sense_changes_nothing() {
    let mut sample = sample();
    let ids: Vec<Id> =
        ["a", "b", "c", "d"].map(|name| sample.create("Account", json!({"Name": name}))).into();
    let product = sample.create("Product2", json!({"Name": "p"}));
    let lead = sample.create("Lead", json!({"LastName": "l", "Company": "c"}));
    let mut code = |master: Id, losers: &[Id], fields: Json| {
        sample.merge(master, losers, fields).unwrap_err().code
    };

    assert_eq!(code(ids[0], &[], json!({})), "MERGE_FAILED");
    assert_eq!(code(ids[0], &ids[1..], json!({})), "MERGE_FAILED");
    assert_eq!(code(ids[0], &ids[..1], json!({})), "MERGE_FAILED");
    assert_eq!(code(ids[0], &[lead], json!({})), "MERGE_FAILED");
    assert_eq!(code(product, &[product], json!({})), "INVALID_TYPE_FOR_OPERATION");
    assert_eq!(code(ids[0], &[ids[1]], json!({"Name": null})), "REQUIRED_FIELD_MISSING");
    assert_eq!(sample.get(ids[1], "IsDeleted"), false);
    sample.delete(ids[1]).unwrap();
    let gone = sample.merge(ids[0], &[ids[1]], json!({})).unwrap_err();
    assert_eq!(gone.code, "ENTITY_IS_DELETED");
}

#[test]
fn automation_moves_the_system_stamp_alone() {
    let mut sample = sample();
    let id = sample.create("Account", json!({"Name": "a"}));
    let modified = sample.get(id, "LastModifiedDate");
    sample.wait(60);

    sample.org.touch("Account", Some(&[id.to_string()])).unwrap();

    assert_eq!(sample.get(id, "LastModifiedDate"), modified);
    assert_eq!(sample.get(id, "SystemModstamp"), "2026-03-01T12:01:00.000+0000");
}

#[test]
fn a_user_needs_but_a_name_and_one_who_left_owns_nothing_new() {
    let mut sample = sample();
    let user = |name: &str| map(json!({"Username": name}));
    let id = sample.org.set_up_user(&user("eve@example.com")).unwrap();
    assert_eq!(sample.org.user("eve@example.com"), Some(id));
    assert_eq!(sample.get(id, "Email"), "eve@example.com");
    assert_eq!(
        sample.org.set_up_user(&user("EVE@example.com")).unwrap_err().code,
        "DUPLICATE_VALUE"
    );
    let owned = json!({"Name": "a", "OwnerId": id.to_string()});
    sample.create("Account", owned.clone());

    sample.update(id, json!({"IsActive": false})).unwrap();

    let error = sample.try_create("Account", owned).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("INACTIVE_OWNER_OR_USER: operation performed with inactive user [{id}] as owner")
    );
}

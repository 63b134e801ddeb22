//! The rules of rows, one behaviour each.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use serde_json::{Value as Json, json};

use super::*;
use crate::value::JsonMap;

/// An org of the sample schema and the seconds by which its clock is ahead of a fixed moment.
struct Sample {
    org: Org,
    seconds: Arc<AtomicI64>,
}

fn sample() -> Sample {
    let seconds = Arc::new(AtomicI64::new(0));
    let ahead = Arc::clone(&seconds);
    let start: DateTime<Utc> = "2026-03-01T12:00:00.750Z".parse().unwrap();
    let clock: Clock = Arc::new(move || start + TimeDelta::seconds(ahead.load(Ordering::SeqCst)));
    Sample { org: Org::new(Schema::sample(), clock), seconds }
}

#[expect(clippy::needless_pass_by_value, reason = "so that calls read as json!({…})")]
fn map(json: Json) -> JsonMap {
    json.as_object().unwrap().clone()
}

impl Sample {
    fn create(&mut self, object: &str, body: Json) -> Id {
        self.try_create(object, body).unwrap()
    }

    fn try_create(&mut self, object: &str, body: Json) -> Result<Id, ApiError> {
        let user = self.org.integration_user();
        self.org.create(user, object, &map(body))
    }

    fn update(&mut self, id: Id, body: Json) -> Result<Id, ApiError> {
        let (number, _) = self.org.locate(id).unwrap();
        let object = self.org.object(number).unwrap().name().to_owned();
        let user = self.org.human_user();
        self.org.update(user, &object, &id.to_string(), &map(body))
    }

    fn delete(&mut self, id: Id) -> Result<Id, ApiError> {
        self.org.delete(self.org.human_user(), None, &id.to_string())
    }

    fn undelete(&mut self, id: Id) -> Result<Id, ApiError> {
        self.org.undelete(self.org.human_user(), &id.to_string())
    }

    fn upsert(
        &mut self,
        object: &str,
        key: (&str, Json),
        body: Json,
    ) -> Result<Upserted, UpsertError> {
        let key = Key { field: key.0.to_owned(), value: key.1 };
        self.org.upsert(self.org.integration_user(), object, &key, &map(body))
    }

    fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A field as JSON.
    fn get(&self, id: Id, field: &str) -> Json {
        let (number, _) = self.org.locate(id).unwrap();
        let object = self.org.object(number).unwrap().name().to_owned();
        let shape =
            self.org.shape(self.org.human_user(), &object, Some(&[field.to_owned()])).unwrap();
        let mut out = String::new();
        assert!(self.org.write_json(&shape, id, "66.0", &mut out));
        let row: Json = serde_json::from_str(&out).unwrap();
        row[field].clone()
    }
}

#[test]
fn a_created_row_has_its_system_fields_its_defaults_and_nothing_else() {
    let mut sample = sample();

    let id = sample.create("account", json!({"attributes": {"type": "Account"}, "nAME": " Acme "}));

    assert_eq!(id.prefix(), "001");
    assert_eq!(sample.get(id, "Name"), "Acme");
    assert_eq!(sample.get(id, "Id"), id.to_string());
    assert_eq!(sample.get(id, "IsDeleted"), false);
    assert_eq!(sample.get(id, "Active__c"), true);
    assert_eq!(sample.get(id, "CreatedDate"), "2026-03-01T12:00:00.000+0000");
    assert_eq!(sample.get(id, "SystemModstamp"), "2026-03-01T12:00:00.000+0000");
    assert_eq!(sample.get(id, "OwnerId"), sample.org.integration_user().to_string());
    assert_eq!(sample.get(id, "CreatedById"), sample.org.integration_user().to_string());
    assert_eq!(sample.get(id, "Industry"), Json::Null);
    assert_eq!(sample.get(id, "BillingAddress"), Json::Null);
}

#[test]
fn an_update_changes_the_given_fields_and_who_and_when() {
    let mut sample = sample();
    let id = sample.create("Account", json!({"Name": "Acme", "Industry": "Energy"}));
    sample.wait(5);

    sample.update(id, json!({"Industry": null, "BillingCity": "Łódź"})).unwrap();

    assert_eq!(sample.get(id, "Name"), "Acme");
    assert_eq!(sample.get(id, "Industry"), Json::Null);
    assert_eq!(sample.get(id, "BillingAddress")["city"], "Łódź");
    assert_eq!(sample.get(id, "LastModifiedById"), sample.org.human_user().to_string());
    assert_eq!(sample.get(id, "LastModifiedDate"), "2026-03-01T12:00:05.000+0000");
    assert_eq!(sample.get(id, "SystemModstamp"), "2026-03-01T12:00:05.000+0000");
    assert_eq!(sample.get(id, "CreatedDate"), "2026-03-01T12:00:00.000+0000");
}

#[test]
fn what_may_not_be_written_is_refused_in_salesforces_words() {
    let mut sample = sample();
    let contact = sample.create("Contact", json!({"LastName": "Lovelace"}));
    #[rustfmt::skip]
    let table = [
        ("Account", json!({}),                                        "REQUIRED_FIELD_MISSING: Required fields are missing: [Name]"),
        ("Contact", json!({"FirstName": "Ada"}),                      "REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]"),
        ("Invoice__c", json!({}),                                     "REQUIRED_FIELD_MISSING: Required fields are missing: [Account__c]"),
        ("Account", json!({"Name": "x", "foo": 1}),                   "INVALID_FIELD: No such column 'foo' on sobject of type Account"),
        ("Account", json!({"Name": "x", "Id": "001"}),                "INVALID_FIELD: The Id field should not be specified in the sobject data."),
        ("Account", json!({"Name": "x", "SystemModstamp": "2026-01-01T00:00:00Z", "Label__c": "x"}), "INVALID_FIELD_FOR_INSERT_UPDATE: Unable to create/update fields: Label__c, SystemModstamp. Please check"),
        ("Contact", json!({"LastName": "x", "Name": "y"}),            "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Account", json!({"Name": "x", "ParentId": "001000000000001AAA"}), "INVALID_CROSS_REFERENCE_KEY: invalid cross reference id"),
        ("Account", json!({"Name": "x", "ParentId": contact.to_string()}), "FIELD_INTEGRITY_EXCEPTION: Parent Account ID: id value of incorrect type: 003"),
        ("Account", json!({"Name": "x", "AnnualRevenue": -1}),        "FIELD_CUSTOM_VALIDATION_EXCEPTION: Annual revenue cannot be negative"),
        ("Contact", json!({"LastName": "x", "Account": {"External_Id__c": "no"}}), "INVALID_FIELD: Foreign key external ID: no not found for field External_Id__c in entity Account"),
        ("Contact", json!({"LastName": "x", "Account": {"Name": "no"}}), "INVALID_FIELD"),
    ];
    for (object, body, expected) in table {
        let error = sample.try_create(object, body.clone()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{body}: {error}");
    }
    assert_eq!(sample.try_create("Nothing", json!({})).unwrap_err().status, 404);
    assert_eq!(sample.org.record_count("Account"), Some(0));
}

#[test]
fn a_parent_may_be_named_by_its_key() {
    let mut sample = sample();
    let account = sample.create("Account", json!({"Name": "Acme", "External_Id__c": "A-1"}));

    let contact =
        sample.create("Contact", json!({"LastName": "x", "Account": {"External_Id__c": "a-1"}}));

    assert_eq!(sample.get(contact, "AccountId"), account.to_string());
}

#[test]
fn unique_keys_ignore_case_and_name_the_record_that_has_them() {
    let mut sample = sample();
    let first = sample.create("Account", json!({"Name": "a", "External_Id__c": "Key"}));
    let second = sample.create("Account", json!({"Name": "b"}));

    let error = sample.update(second, json!({"External_Id__c": "KEY"})).unwrap_err();

    assert_eq!(error.code, "DUPLICATE_VALUE");
    let expected = format!(
        "duplicate value found: External_Id__c duplicates value on record with id: {}",
        first.short()
    );
    assert_eq!(error.message, expected);
    sample.update(first, json!({"External_Id__c": "key"})).unwrap();
    sample.delete(first).unwrap();
    sample.update(second, json!({"External_Id__c": "key"})).unwrap();
    assert_eq!(sample.undelete(first).unwrap_err().code, "DUPLICATE_VALUE");
}

#[test]
fn an_upsert_inserts_once_and_then_updates() {
    let mut sample = sample();

    let first =
        sample.upsert("Account", ("External_Id__c", json!("k")), json!({"Name": "a"})).unwrap();
    let second =
        sample.upsert("Account", ("external_id__c", json!("K")), json!({"Name": "b"})).unwrap();

    assert!(first.created && !second.created);
    assert_eq!(first.id, second.id);
    assert_eq!(sample.get(first.id, "Name"), "b");
    assert_eq!(sample.get(first.id, "External_Id__c"), "k");
    let body = json!({"Name": "c", "External_Id__c": "k"});
    assert_eq!(
        ApiError::from(
            sample.upsert("Account", ("External_Id__c", json!("k")), body.clone()).unwrap_err()
        )
        .code,
        "INVALID_FIELD"
    );
    let user = sample.org.integration_user();
    assert_eq!(
        sample.org.upsert_keyed(user, "Account", "External_Id__c", map(body)).unwrap().id,
        first.id
    );
    let keyless =
        sample.org.upsert_keyed(user, "Account", "External_Id__c", map(json!({"Name": "x"})));
    assert_eq!(ApiError::from(keyless.unwrap_err()).code, "MISSING_ARGUMENT");
    let unknown = sample.upsert("Account", ("Namez", json!("k")), json!({}));
    let unknown = ApiError::from(unknown.unwrap_err());
    assert_eq!(
        unknown.message,
        "Provided external ID field does not exist or is not accessible: Namez"
    );
    assert_eq!(unknown.status, 404);
}

#[test]
fn an_upsert_by_a_key_that_several_rows_have_writes_nothing() {
    let mut sample = sample();
    let ids =
        [1, 2].map(|_| sample.create("Contact", json!({"LastName": "x", "Email": "a@b.example"})));

    let error = sample
        .upsert("Contact", ("Email", json!("a@b.example")), json!({"LastName": "y"}))
        .unwrap_err();

    assert_eq!(error, UpsertError::Several(ids.to_vec()));
    assert_eq!(ApiError::from(error).code, "DUPLICATE_EXTERNAL_ID");
}

#[test]
fn deleting_a_master_takes_its_details_along_and_undeleting_brings_all_back() {
    let mut sample = sample();
    let account = sample.create("Account", json!({"Name": "a"}));
    let child = sample.create("Account", json!({"Name": "child", "ParentId": account.to_string()}));
    let invoice = sample.create("Invoice__c", json!({"Account__c": account.to_string()}));
    let line = sample.create("Invoice_Line__c", json!({"Invoice__c": invoice.to_string()}));
    let earlier = sample.create("Invoice_Line__c", json!({"Invoice__c": invoice.to_string()}));
    sample.delete(earlier).unwrap();
    sample.wait(10);

    sample.delete(account).unwrap();

    assert_eq!(sample.get(line, "IsDeleted"), true);
    assert_eq!(sample.get(line, "SystemModstamp"), "2026-03-01T12:00:10.000+0000");
    assert_eq!(sample.get(child, "IsDeleted"), false);
    assert_eq!(sample.get(child, "ParentId"), Json::Null);
    let gone = sample.update(line, json!({"Position__c": 1})).unwrap_err();
    assert_eq!(
        (gone.code, gone.status, gone.message.as_str()),
        ("ENTITY_IS_DELETED", 404, "entity is deleted")
    );
    assert_eq!(sample.delete(account).unwrap_err().code, "ENTITY_IS_DELETED");
    assert_eq!(sample.undelete(line).unwrap_err().code, "UNDELETE_FAILED");

    sample.undelete(account).unwrap();

    assert_eq!(sample.get(line, "IsDeleted"), false);
    assert_eq!(sample.get(earlier, "IsDeleted"), true);
    assert_eq!(sample.get(child, "ParentId"), account.to_string());
}

#[test]
fn a_restricting_child_forbids_the_deletion() {
    let mut sample = sample();
    let account = sample.create("Account", json!({"Name": "a"}));
    let case = sample.create("Case", json!({"AccountId": account.to_string()}));

    assert_eq!(sample.delete(account).unwrap_err().code, "DELETE_FAILED");

    sample.delete(case).unwrap();
    sample.delete(account).unwrap();
}

#[test]
fn a_purged_row_is_gone_but_for_the_delete_log() {
    let mut sample = sample();
    let account = sample.create("Account", json!({"Name": "a"}));
    sample.create("Invoice__c", json!({"Account__c": account.to_string()}));
    sample.wait(120);

    sample.org.purge(&account.to_string()).unwrap();

    assert_eq!(sample.org.record_count_with_deleted("Account"), Some(0));
    assert_eq!(sample.org.record_count_with_deleted("Invoice__c"), Some(0));
    let now = sample.org.now();
    let deleted = sample
        .org
        .deleted(
            sample.org.human_user(),
            "Account",
            now - TimeDelta::minutes(1),
            now + TimeDelta::minutes(2),
        )
        .unwrap();
    assert_eq!(deleted.records, [(account, now)]);
}

#[test]
fn a_missing_row_is_told_from_a_malformed_id() {
    let mut sample = sample();
    let user = sample.org.integration_user();
    let missing =
        sample.org.update(user, "Account", "001000000000009", &JsonMap::new()).unwrap_err();
    assert_eq!((missing.code, missing.status), ("INVALID_CROSS_REFERENCE_KEY", 404));
    assert_eq!(
        sample.org.update(user, "Account", "123", &JsonMap::new()).unwrap_err().code,
        "MALFORMED_ID"
    );
    let found = sample.org.find(sample.org.human_user(), "Account", "123").unwrap_err();
    assert_eq!(
        found.message,
        "Provided external ID field does not exist or is not accessible: 123"
    );
    assert_eq!(
        sample.org.find(sample.org.human_user(), "Account", "001000000000009").unwrap_err().status,
        404
    );
}

#[test]
fn rolling_back_takes_everything_since_the_beginning_back() {
    let mut sample = sample();
    let kept = sample.create("Account", json!({"Name": "kept", "External_Id__c": "k"}));
    sample.org.begin();
    sample.update(kept, json!({"Name": "changed", "External_Id__c": null})).unwrap();
    sample.create("Account", json!({"Name": "new"}));
    sample.delete(kept).unwrap();

    sample.org.rollback();

    assert_eq!(sample.org.record_count("Account"), Some(1));
    assert_eq!(sample.get(kept, "Name"), "kept");
    let key = Key { field: "External_Id__c".to_owned(), value: json!("k") };
    assert_eq!(sample.org.find_by_key(sample.org.human_user(), "Account", &key).unwrap(), [kept]);
}

#[test]
fn names_numbers_and_sums_are_made_by_the_org() {
    let mut sample = sample();
    let contact = sample.create("Contact", json!({"LastName": "Lovelace", "FirstName": "Ada"}));
    let account = sample.create("Account", json!({"Name": "Acme", "Industry": "Energy"}));
    let invoice = sample.create("Invoice__c", json!({"Account__c": account.to_string()}));
    for (quantity, amount) in [(2, 10.1), (3, 20.2)] {
        sample.create("Invoice_Line__c", json!({
            "Invoice__c": invoice.to_string(), "Quantity__c": quantity, "Unit_Price__c": 1.5, "Amount__c": amount,
        }));
    }
    let line = sample.create("Invoice_Line__c", json!({"Invoice__c": invoice.to_string()}));

    assert_eq!(sample.get(contact, "Name"), "Ada Lovelace");
    assert_eq!(sample.get(account, "Label__c"), "Acme (Energy)");
    assert_eq!(sample.get(invoice, "Name"), "INV-000001");
    assert_eq!(sample.get(invoice, "Line_Count__c"), 3.0);
    assert_eq!(sample.get(invoice, "Line_Total__c"), 30.3);
    assert_eq!(sample.get(line, "Name"), line.short());
    assert_eq!(sample.get(line, "Invoice_Number__c"), "INV-000001");
    assert_eq!(sample.get(line, "Taxed__c"), true);
}

#[test]
fn a_master_detail_cannot_be_changed_and_a_required_field_not_be_cleared() {
    let mut sample = sample();
    let account = sample.create("Account", json!({"Name": "a"}));
    let invoice = sample.create("Invoice__c", json!({"Account__c": account.to_string()}));

    let error = sample.update(invoice, json!({"Account__c": account.to_string()})).unwrap_err();
    assert_eq!(error.code, "INVALID_FIELD_FOR_INSERT_UPDATE");
    assert_eq!(error.fields.unwrap(), ["Account__c"]);
    assert_eq!(
        sample.update(account, json!({"Name": ""})).unwrap_err().code,
        "REQUIRED_FIELD_MISSING"
    );
}

#[test]
fn windows_of_replication_are_minutes_within_limits() {
    let mut sample = sample();
    let kept = sample.create("Account", json!({"Name": "a"}));
    let deleted = sample.create("Account", json!({"Name": "b"}));
    sample.delete(deleted).unwrap();
    let now = sample.org.now();
    let minutes = |minutes: i64| now + TimeDelta::minutes(minutes);

    let updated =
        sample.org.updated(sample.org.human_user(), "Account", minutes(-5), minutes(5)).unwrap();
    assert_eq!(updated.ids, [kept]);
    assert_eq!(updated.latest_date_covered, now);
    let log =
        sample.org.deleted(sample.org.human_user(), "Account", minutes(-5), minutes(5)).unwrap();
    assert_eq!(log.records, [(deleted, now)]);
    for (start, end) in
        [(minutes(0), minutes(1)), (minutes(5), minutes(1)), (minutes(-60 * 24 * 31), minutes(1))]
    {
        assert_eq!(
            sample.org.updated(sample.org.human_user(), "Account", start, end).unwrap_err().code,
            "INVALID_REPLICATION_DATE"
        );
    }
    assert!(
        sample
            .org
            .updated(sample.org.human_user(), "Account", minutes(-60 * 24 * 20), minutes(1))
            .is_ok()
    );
    assert!(
        sample
            .org
            .deleted(sample.org.human_user(), "Account", minutes(-60 * 24 * 20), minutes(1))
            .is_err()
    );
}

#[test]
fn a_bulk_row_leaves_empty_cells_alone_and_clears_what_is_not_applicable() {
    let mut sample = sample();
    let user = sample.org.integration_user();
    sample.create("Account", json!({"Name": "Acme", "External_Id__c": "A"}));
    let header = ["External_Id__c", "LastName", "Email", "Account.External_Id__c", "DoNotCall"];
    let plan = sample
        .org
        .plan_ingest(user, "Contact", (Operation::Upsert, Some("External_Id__c")), &header)
        .unwrap();

    let first =
        sample.org.ingest(user, &plan, &["c1", "Lovelace", "a@b.example", "A", "yes"]).unwrap();
    let second = sample.org.ingest(user, &plan, &["c1", "", "#N/A", "", "0"]).unwrap();

    assert!(first.created && !second.created);
    assert_eq!(sample.get(first.id, "LastName"), "Lovelace");
    assert_eq!(sample.get(first.id, "Email"), Json::Null);
    assert_eq!(sample.get(first.id, "DoNotCall"), false);
    assert!(sample.get(first.id, "AccountId").is_string());
    let text = |failure: IngestFailure| failure.error.to_bulk_text();
    assert_eq!(
        sample.org.ingest(user, &plan, &["c2"]).map_err(text),
        Err("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --".to_owned())
    );
    assert!(sample.org.ingest(user, &plan, &["", "x"]).is_err());
    assert!(sample.org.ingest(user, &plan, &["c3", "x", "", "nobody"]).is_err());
}

#[test]
fn bulk_updates_and_deletes_go_by_id() {
    let mut sample = sample();
    let user = sample.org.integration_user();
    let id = sample.create("Account", json!({"Name": "Acme"}));
    let update = sample
        .org
        .plan_ingest(user, "Account", (Operation::Update, None), &["Id", "AnnualRevenue"])
        .unwrap();
    let delete =
        sample.org.plan_ingest(user, "Account", (Operation::Delete, None), &["Id"]).unwrap();

    sample.org.ingest(user, &update, &[id.short(), "12.4"]).unwrap();
    assert_eq!(sample.get(id, "AnnualRevenue"), 12.0);
    let failure = sample.org.ingest(user, &update, &[id.short(), "much"]).unwrap_err();
    assert_eq!((failure.id, failure.error.code), (Some(id), "INVALID_TYPE_ON_FIELD_IN_RECORD"));
    sample.org.ingest(user, &delete, &[id.short()]).unwrap();
    assert_eq!(
        sample.org.ingest(user, &delete, &[id.short()]).unwrap_err().error.code,
        "ENTITY_IS_DELETED"
    );

    let header = |object: &str, operation, header: &[&str]| {
        sample.org.plan_ingest(user, object, (operation, None), header).unwrap_err()
    };
    assert_eq!(
        header("Account", Operation::Insert, &["Foo"]).to_string(),
        "InvalidBatch: Field name not found : Foo"
    );
    assert_eq!(header("Account", Operation::Update, &["Name"]).code, "InvalidBatch");
    assert_eq!(header("Nothing", Operation::Insert, &["Name"]).code, "INVALIDENTITY");
}

#[test]
fn users_are_found_by_name_and_a_lookup_to_an_unknown_object_is_believed() {
    let sample = sample();
    assert_eq!(
        sample.org.user("INTEGRATION@lockstep.example"),
        Some(sample.org.integration_user())
    );
    assert_eq!(sample.org.username(sample.org.human_user()).as_deref(), Some(HUMAN_USERNAME));

    let text = r#"{"name": "T__c", "keyPrefix": "a09", "fields": [{"name": "Friend__c", "type": "reference", "referenceTo": ["Absent__c"]}]}"#;
    let schema = Schema::from_texts([("T".to_owned(), text.to_owned())]).unwrap();
    let mut org = Org::new(schema, Arc::clone(&sample.org.clock));
    let user = org.integration_user();
    assert!(org.create(user, "T__c", &map(json!({"Friend__c": "a0Z000000000001"}))).is_ok());
    assert!(org.create(user, "T__c", &map(json!({"Friend__c": "nonsense"}))).is_err());
}

mod bin;
mod computed;
mod currencies;
mod describe;
mod person;
mod record_types;
mod rules;
mod synthetic;
mod triggers;

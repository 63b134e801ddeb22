//! Person accounts.

use super::*;
use crate::schema::Features;

fn people() -> Sample {
    let features = Features { person_accounts: true, ..Features::default() };
    let mut sample = sample();
    let clock = Arc::clone(&sample.org.clock);
    sample.org = Org::new(Schema::sample_with(features), clock);
    sample
}

fn id_in(json: &Json) -> Id {
    Id::from_text(json.as_str().unwrap()).unwrap()
}

#[test]
fn an_account_with_a_last_name_is_a_person_with_a_contact_as_its_shadow() {
    let mut sample = people();

    let ada = sample.create(
        "Account",
        json!({
            "FirstName": "Ada", "LastName": "Lovelace", "PersonEmail": "ada@example.com",
        }),
    );

    assert_eq!(sample.get(ada, "IsPersonAccount"), true);
    assert_eq!(sample.get(ada, "Name"), "Ada Lovelace");
    let shadow = id_in(&sample.get(ada, "PersonContactId"));
    assert_eq!(sample.get(shadow, "Email"), "ada@example.com");
    assert_eq!(sample.get(shadow, "AccountId"), ada.to_string());
    assert_eq!(sample.get(shadow, "IsPersonAccount"), true);

    sample.wait(60);
    sample.update(ada, json!({"LastName": "King", "PersonEmail": null})).unwrap();
    assert_eq!(sample.get(ada, "Name"), "Ada King");
    assert_eq!(sample.get(shadow, "Name"), "Ada King");
    assert_eq!(sample.get(shadow, "Email"), Json::Null);
    assert_eq!(sample.get(shadow, "SystemModstamp"), sample.get(ada, "SystemModstamp"));
}

#[test]
fn a_person_and_its_shadow_are_deleted_and_come_back_together() {
    let mut sample = people();
    let ada = sample.create("Account", json!({"LastName": "Lovelace"}));
    let shadow = id_in(&sample.get(ada, "PersonContactId"));

    sample.delete(ada).unwrap();
    assert_eq!(sample.get(shadow, "IsDeleted"), true);
    sample.undelete(ada).unwrap();
    assert_eq!(sample.get(shadow, "IsDeleted"), false);
    assert_eq!(sample.get(shadow, "AccountId"), ada.to_string());
}

#[test]
fn a_company_has_no_person_fields_and_a_person_no_name_of_its_own() {
    let mut sample = people();
    let company = sample.create("Account", json!({"Name": "Acme"}));
    assert_eq!(sample.get(company, "IsPersonAccount"), false);
    assert_eq!(sample.get(company, "PersonContactId"), Json::Null);

    let both = sample.try_create("Account", json!({"Name": "x", "LastName": "y"})).unwrap_err();
    let email = sample.update(company, json!({"PersonEmail": "a@example.com"})).unwrap_err();

    assert_eq!(
        both.to_string(),
        "INVALID_FIELD_FOR_INSERT_UPDATE: Account: bad field names on insert/update call: Name"
    );
    assert_eq!(email.fields, Some(vec!["PersonEmail".to_owned()]));
}

//! Record types.

use super::*;

#[test]
fn a_new_row_has_the_default_record_type_and_may_have_another_of_its_object() {
    let mut sample = sample();
    let (support, complaint) = ("012bm0000000001AAA", "012bm0000000002AAA");
    let case = sample.create("Case", json!({"Subject": "a"}));
    assert_eq!(sample.get(case, "RecordTypeId"), support);

    let other = sample.create("Case", json!({"Subject": "b", "RecordTypeId": complaint}));
    assert_eq!(sample.get(other, "RecordTypeId"), complaint);
    sample.update(case, json!({"RecordTypeId": complaint})).unwrap();

    let error = sample.update(case, json!({"RecordTypeId": "012bm0000000009AAA"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "INVALID_CROSS_REFERENCE_KEY: Record Type ID: this ID value isn't valid for the user: \
         012bm0000000009AAA"
    );
    assert_eq!(error.fields, Some(vec!["RecordTypeId".to_owned()]));
    sample.update(case, json!({"Subject": "c"})).unwrap();
}

#[test]
fn record_types_are_described_and_queried() {
    let sample = sample();
    let described = sample.org.schema().object("Case").unwrap().described();
    let infos = described["recordTypeInfos"].as_array().unwrap();
    let names: Vec<&str> = infos.iter().map(|info| info["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Support", "Complaint", "Master"]);
    assert_eq!(infos[0]["defaultRecordTypeMapping"], true);
    assert_eq!(infos[2]["recordTypeId"], "012000000000000AAA");

    let soql =
        "SELECT Id FROM RecordType WHERE SobjectType = 'Case' AND DeveloperName = 'Complaint'";
    let found = sample.org.query(sample.org.integration_user(), soql, Scope::Live).unwrap();
    let found: Vec<Id> = found.rows.iter().collect();
    assert_eq!(found, [Id::from_text("012bm0000000002AAA").unwrap()]);
}

//! Describe answers: complete, and giving back what their files say.

use super::*;

#[test]
fn a_describe_is_completed_and_gives_back_what_it_was_given() {
    let text = r#"{
        "name": "Thing__c", "keyPrefix": "a0T", "futureAttribute": [1, 2],
        "urls": {"sobject": "/services/data/v53.0/sobjects/Thing__c"},
        "simulator": {"validationRules": []},
        "fields": [{"name": "Code__c", "length": 7, "novelty": "kept", "externalId": true}]
    }"#;

    let schema = Schema::from_texts([("Thing".to_owned(), text.to_owned())]).unwrap();
    let org = Org::new(schema, sample().org.clock);
    let described = org.describe(org.human_user(), "thing__C", "66.0").unwrap();

    assert_eq!(described["futureAttribute"], json!([1, 2]));
    assert_eq!(described["urls"]["sobject"], "/services/data/v66.0/sobjects/Thing__c");
    assert_eq!(described["simulator"], Json::Null);
    assert_eq!(described["undeletable"], true);
    let code = described["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["name"] == "Code__c")
        .unwrap();
    assert_eq!(code["novelty"], "kept");
    assert_eq!(code["byteLength"], 21);
    assert_eq!(code["idLookup"], true);
    assert_eq!(code["soapType"], "xsd:string");
    assert!(code.as_object().unwrap().contains_key("relationshipOrder"));
}

#[test]
fn describe_global_lists_objects_without_the_long_members() {
    let sample = sample();

    let global = sample.org.describe_global(sample.org.human_user(), "66.0");

    let account = &global["sobjects"][0];
    assert_eq!(account["name"], "Account");
    assert_eq!(account["urls"]["describe"], "/services/data/v66.0/sobjects/Account/describe");
    assert_eq!(account.get("recordTypeInfos"), None);
    assert_eq!(account["mergeable"], true);
}

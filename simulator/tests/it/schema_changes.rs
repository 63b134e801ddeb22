//! What an administrator changes in Setup while clients are at work.

use reqwest::Method;
use salesforce_simulator::{ControlError, VersionState, org::PicklistChange};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

impl Sandbox {
    /// A field of the describe of an object; null when it is not listed.
    async fn field(&self, object: &str, name: &str) -> Value {
        let described = self.get(&format!("sobjects/{object}/describe")).await.json();
        let fields = described["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).cloned().unwrap_or_default()
    }

    /// The value of a field in a row.
    async fn value(&self, id: &str, field: &str) -> Value {
        let row = self.get(&format!("sobjects/Account/{id}?fields={field}")).await;
        assert_eq!(row.status, 200, "{}", row.text);
        row.json()[field].clone()
    }

    async fn with(&self, body: Value) -> String {
        let answer = self.post("sobjects/Account", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

fn reason(refused: Result<(), ControlError>) -> String {
    refused.unwrap_err().to_string()
}

#[tokio::test]
async fn a_new_object_is_described_and_takes_rows() {
    let sandbox = Sandbox::empty().await;
    let ship = json!({ "name": "Ship__c", "fields": [
        { "name": "Name", "nameField": true },
        { "name": "Flag__c", "length": 2 },
        { "name": "Owner_Company__c", "type": "reference", "referenceTo": ["Account"] },
    ]});

    sandbox.steer().create_object(&ship).await.unwrap();
    let account = sandbox.account("Shipping Ltd").await;
    let row = json!({ "Name": "Beagle", "Flag__c": "GB", "Owner_Company__c": account });
    let created = sandbox.post("sobjects/Ship__c", &row).await;

    assert_eq!(created.status, 201, "{}", created.text);
    let rows = sandbox.query("SELECT Name, Owner_Company__r.Name FROM Ship__c").await;
    assert_eq!(rows["records"][0]["Owner_Company__r"]["Name"], "Shipping Ltd");
    let global = sandbox.get("sobjects").await.json();
    let names = global["sobjects"].as_array().unwrap().iter().map(|object| &object["name"]);
    assert!(names.into_iter().any(|name| name == "Ship__c"));
    let children = sandbox.get("sobjects/Account/describe").await.json();
    let children = children["childRelationships"].as_array().unwrap().clone();
    let ships = children.iter().find(|child| child["childSObject"] == "Ship__c").unwrap();
    assert_eq!(
        (&ships["field"], &ships["relationshipName"]),
        (&json!("Owner_Company__c"), &json!("Ships__r"))
    );
    let again = sandbox.steer().create_object(&ship).await;
    assert!(reason(again).contains("described twice"));
}

#[tokio::test]
async fn a_dropped_field_is_gone_from_describe_rows_and_queries_until_it_is_undeleted() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.with(json!({ "Name": "a", "Phone": "1" })).await;
    let stamp = sandbox.value(&id, "SystemModstamp").await;

    sandbox.steer().drop_field("Account", "Phone").await.unwrap();

    assert_eq!(sandbox.field("Account", "Phone").await, Value::Null);
    let row = sandbox.get(&format!("sobjects/Account/{id}")).await.json();
    assert_eq!(row.get("Phone"), None);
    let write = sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Phone": "2" })).await;
    assert_eq!((write.status, write.code().as_str()), (400, "INVALID_FIELD"));
    assert!(write.text.contains("No such column 'Phone' on sobject of type Account"));
    let query = sandbox.get("query?q=SELECT+Phone+FROM+Account").await;
    assert_eq!((query.status, query.code().as_str()), (400, "INVALID_FIELD"));

    sandbox.steer().undelete_field("Account", "Phone").await.unwrap();

    assert_eq!(sandbox.value(&id, "Phone").await, "1");
    assert_eq!(sandbox.value(&id, "SystemModstamp").await, stamp);
    let needed = sandbox.steer().drop_field("Account", "Name").await;
    assert!(reason(needed).contains("Name cannot be dropped"));
}

#[tokio::test]
async fn a_field_added_under_the_name_of_a_dropped_one_starts_empty() {
    let sandbox = Sandbox::empty().await;
    let old = sandbox.with(json!({ "Name": "a", "Phone": "1" })).await;
    sandbox.steer().drop_field("Account", "Phone").await.unwrap();

    let phone = json!({ "name": "Phone", "type": "string", "length": 5 });
    sandbox.steer().add_field("Account", &phone).await.unwrap();
    let flag = json!({ "name": "Flag__c", "type": "boolean", "defaultValue": true });
    sandbox.steer().add_field("Account", &flag).await.unwrap();
    let new = sandbox.with(json!({ "Name": "b", "Phone": "22", "Flag__c": false })).await;

    assert_eq!(sandbox.value(&old, "Phone").await, Value::Null);
    assert_eq!(sandbox.value(&old, "Flag__c").await, true, "rows get the default of a new field");
    assert_eq!(sandbox.value(&new, "Phone").await, "22");
    assert_eq!(sandbox.value(&new, "Flag__c").await, false);
    assert_eq!(sandbox.field("Account", "Phone").await["type"], "string");
    let taken = sandbox.steer().undelete_field("Account", "Phone").await;
    assert!(reason(taken).contains("There is already a field named Phone on Account"));
}

#[tokio::test]
async fn a_renamed_field_keeps_its_values_and_loses_its_old_name() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.with(json!({ "Name": "a", "External_Id__c": "k1" })).await;
    let changes = json!({ "name": "Key__c", "label": "Our key" });

    sandbox.steer().alter_field("Account", "External_Id__c", &changes).await.unwrap();

    assert_eq!(sandbox.value(&id, "Key__c").await, "k1");
    assert_eq!(sandbox.field("Account", "Key__c").await["label"], "Our key");
    let old = sandbox.get("query?q=SELECT+External_Id__c+FROM+Account").await;
    assert_eq!(old.code(), "INVALID_FIELD");
    let by_key = sandbox.patch("sobjects/Account/Key__c/k1", &json!({ "Name": "b" })).await;
    assert_eq!(by_key.json()["created"], false, "{}", by_key.text);
}

/// Stored values, the new type, and what becomes of them.
#[tokio::test]
async fn stored_values_are_converted_to_a_new_type_or_become_null() {
    let text = json!({ "type": "string", "length": 20 });
    #[rustfmt::skip]
    let table = [
        (json!({ "type": "string", "length": 10 }),  json!("42.5"),       json!({ "type": "double", "precision": 5, "scale": 1 }), json!(42.5)),
        (json!({ "type": "string", "length": 10 }),  json!("4x"),         json!({ "type": "double", "precision": 5, "scale": 1 }), Value::Null),
        (json!({ "type": "string", "length": 10 }),  json!("2026-02-03"), json!({ "type": "date" }),                 json!("2026-02-03")),
        (json!({ "type": "string", "length": 10 }),  json!("soon"),       json!({ "type": "date" }),                 Value::Null),
        (json!({ "type": "string", "length": 10 }),  json!("abcdefgh"),   json!({ "length": 3 }),                    json!("abc")),
        (json!({ "type": "double", "scale": 0 }),    json!(7),            text.clone(),                              json!("7")),
        (json!({ "type": "double", "scale": 2 }),    json!(7.5),          text.clone(),                              json!("7.50")),
        (json!({ "type": "double", "scale": 2 }),    json!(7.46),         json!({ "scale": 1 }),                     json!(7.5)),
        (json!({ "type": "double", "scale": 0 }),    json!(1234),         json!({ "precision": 3 }),                 Value::Null),
        (json!({ "type": "date" }),                  json!("2026-02-03"), json!({ "type": "datetime" }),             json!("2026-02-03T00:00:00.000+0000")),
        (json!({ "type": "datetime" }),              json!("2026-02-03T23:59:00Z"), json!({ "type": "date" }),       json!("2026-02-03")),
        (json!({ "type": "boolean" }),               json!(true),         text.clone(),                              Value::Null),
        (json!({ "type": "string", "length": 10 }),  json!("true"),       json!({ "type": "boolean" }),              json!(false)),
        (json!({ "type": "multipicklist", "picklistValues": ["a", "b"] }), json!("a;b"), json!({ "type": "picklist" }), Value::Null),
        (json!({ "type": "multipicklist", "picklistValues": ["a", "b"] }), json!("b"),   json!({ "type": "picklist" }), json!("b")),
        (json!({ "type": "email" }),                 json!("a@b.example"), text.clone(),                             json!("a@b.example")),
        (text,                                       json!("no address"), json!({ "type": "email" }),                Value::Null),
    ];
    let sandbox = Sandbox::empty().await;
    for (number, (mut before, stored, changes, expected)) in table.into_iter().enumerate() {
        let name = format!("F{number}__c");
        before["name"] = json!(name);
        sandbox.steer().add_field("Account", &before).await.unwrap();
        let id = sandbox.with(json!({ "Name": "a", &name: stored })).await;
        let stamp = sandbox.value(&id, "SystemModstamp").await;

        sandbox.steer().alter_field("Account", &name, &changes).await.unwrap();

        assert_eq!(sandbox.value(&id, &name).await, expected, "{before} {stored} {changes}");
        assert_eq!(sandbox.value(&id, "SystemModstamp").await, stamp, "no stamp is bumped");
        let described = sandbox.field("Account", &name).await;
        for (attribute, value) in changes.as_object().unwrap() {
            assert_eq!(&described[attribute], value, "{changes}");
        }
    }
}

#[tokio::test]
async fn attributes_of_a_field_take_effect_at_once() {
    let sandbox = Sandbox::empty().await;
    let steer = sandbox.steer();

    steer.alter_field("Account", "Phone", &json!({ "required": true })).await.unwrap();
    let missing = sandbox.post("sobjects/Account", &json!({ "Name": "a" })).await;
    assert_eq!(missing.code(), "REQUIRED_FIELD_MISSING");
    assert_eq!(sandbox.field("Account", "Phone").await["nillable"], false);

    steer.alter_field("Account", "Phone", &json!({ "defaultValue": "0" })).await.unwrap();
    let id = sandbox.with(json!({ "Name": "a" })).await;
    assert_eq!(sandbox.value(&id, "Phone").await, "0");
    assert_eq!(sandbox.field("Account", "Phone").await["defaultedOnCreate"], true);

    steer.alter_field("Account", "Phone", &json!({ "length": 3 })).await.unwrap();
    let long = sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Phone": "1234" })).await;
    assert_eq!(long.code(), "STRING_TOO_LONG");
    assert_eq!(sandbox.field("Account", "Phone").await["byteLength"], 9);

    let unknown = steer.alter_field("Account", "Phone", &json!({ "lenght": 3 })).await;
    assert!(reason(unknown).contains("fields have no attribute lenght"));
}

#[tokio::test]
async fn a_field_becomes_unique_only_when_its_values_are_and_is_then_found_by() {
    let sandbox = Sandbox::empty().await;
    let steer = sandbox.steer();
    let first = sandbox.with(json!({ "Name": "a", "Website": "X" })).await;
    let second = sandbox.with(json!({ "Name": "b", "Website": "x" })).await;
    let unique = json!({ "unique": true, "externalId": true });

    let refused = steer.alter_field("Account", "Website", &unique).await;
    assert!(reason(refused).contains("Duplicate value found when building unique index"));
    sandbox.delete(&format!("sobjects/Account/{second}")).await;
    let binned = steer.alter_field("Account", "Website", &unique).await;
    assert!(binned.is_err(), "the recycle bin counts too");
    steer.purge(&[&second]).await.unwrap();
    steer.alter_field("Account", "Website", &unique).await.unwrap();

    let found = sandbox.get("sobjects/Account/Website/x").await;
    assert_eq!(found.json()["Id"], json!(first), "{}", found.text);
    let twice = sandbox.post("sobjects/Account", &json!({ "Name": "c", "Website": "x" })).await;
    assert_eq!(twice.code(), "DUPLICATE_VALUE");
    let described = sandbox.field("Account", "Website").await;
    assert_eq!((&described["unique"], &described["idLookup"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn values_of_a_picklist_come_go_and_are_replaced_without_a_stamp() {
    let sandbox = Sandbox::empty().await;
    let steer = sandbox.steer();
    let tier = json!({ "name": "Level__c", "type": "picklist", "restrictedPicklist": true, "picklistValues": ["one", "two"] });
    steer.add_field("Account", &tier).await.unwrap();
    let id = sandbox.with(json!({ "Name": "a", "Level__c": "two" })).await;
    let stamp = sandbox.value(&id, "SystemModstamp").await;
    let change = PicklistChange {
        add: vec!["three".to_owned()],
        deactivate: vec!["one".to_owned()],
        replace: [("two".to_owned(), "three".to_owned())].into(),
        ..PicklistChange::default()
    };

    steer.change_picklist("Account", "Level__c", &change).await.unwrap();

    assert_eq!(sandbox.value(&id, "Level__c").await, "three");
    assert_eq!(sandbox.value(&id, "SystemModstamp").await, stamp);
    for gone in ["one", "two"] {
        let refused =
            sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Level__c": gone })).await;
        assert_eq!(refused.code(), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "{gone}");
    }
    let values = sandbox.field("Account", "Level__c").await["picklistValues"].clone();
    let shown: Vec<_> = values
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["value"].clone(), v["active"].clone()))
        .collect();
    assert_eq!(shown, [(json!("one"), json!(false)), (json!("three"), json!(true))]);
    let open = json!({ "restrictedPicklist": false });
    steer.alter_field("Account", "Level__c", &open).await.unwrap();
    let free =
        sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Level__c": "nine" })).await;
    assert_eq!(free.status, 204, "{}", free.text);
}

#[tokio::test]
async fn only_the_describes_concerned_move_their_last_modified() {
    let sandbox = Sandbox::empty().await;
    let last_modified =
        async |path: &str| sandbox.get(path).await.header("last-modified").to_owned();
    let ask = async |path: &str, since: &str| {
        let request = sandbox.request(Method::GET, path).header("if-modified-since", since);
        Answer::of(request.send().await.unwrap()).await.status
    };
    let account = last_modified("sobjects/Account/describe").await;
    let lead = last_modified("sobjects/Lead/describe").await;
    let global = last_modified("sobjects").await;

    let label = json!({ "label": "Telephone" });
    sandbox.steer().alter_field("Account", "Phone", &label).await.unwrap();

    assert_eq!(ask("sobjects/Account/describe", &account).await, 200);
    assert_eq!(ask("sobjects", &global).await, 200);
    assert_eq!(ask("sobjects/Lead/describe", &lead).await, 304);
    let moved = last_modified("sobjects/Account/describe").await;
    assert_eq!(ask("sobjects/Account/describe", &moved).await, 304);
}

#[tokio::test]
async fn a_retired_version_is_gone_and_a_deprecated_one_warns() {
    let sandbox = Sandbox::empty().await;
    let limits = async || sandbox.get("limits").await;

    sandbox.steer().set_version("v66.0", VersionState::Deprecated).await.unwrap();
    let deprecated = limits().await;
    sandbox.steer().set_version("v66.0", VersionState::Retired).await.unwrap();
    let retired = limits().await;
    let list = sandbox.bare(Method::GET, "/services/data").send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    sandbox.steer().set_version("v66.0", VersionState::Served).await.unwrap();
    let served = limits().await;

    assert_eq!(deprecated.status, 200);
    assert!(deprecated.header("warning").starts_with("299 - \""), "{:?}", deprecated.headers);
    assert_eq!((retired.status, retired.code().as_str()), (410, "UNSUPPORTED_API_VERSION"));
    assert!(list.as_array().unwrap().iter().all(|version| version["version"] != "66.0"));
    assert_eq!((served.status, served.header("warning")), (200, ""));
}

//! What users may not see or do, and how every interface keeps to it.

use reqwest::{Method, StatusCode};
use salesforce_simulator::org::{Action, FieldRight, Permission};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

impl Sandbox {
    fn me(&self) -> &str {
        &self.credentials.username
    }

    /// A request below the API version as the human user.
    async fn human(&self, method: Method, path: &str) -> Answer {
        let request = self.bare(method, &format!("/services/data/v66.0/{path}"));
        let request = request.bearer_auth(&self.credentials.user_token);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn hide(&self, field: &str, right: FieldRight) {
        self.steer().set_field_right(Some(self.me()), "Account", field, right).await.unwrap();
    }

    async fn deny(&self, action: Action) {
        self.steer().allow(Some(self.me()), "Account", action, false).await.unwrap();
    }
}

#[tokio::test]
async fn a_hidden_field_does_not_exist_for_its_user_in_any_interface() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    sandbox.hide("Phone", FieldRight::Hidden).await;
    let row = format!("sobjects/Account/{id}");
    let records =
        json!({ "records": [{ "attributes": { "type": "Account" }, "Name": "b", "Phone": "1" }] });

    let described = sandbox.get("sobjects/Account/describe").await.json();
    let names = |described: &Value| {
        let fields = described["fields"].as_array().unwrap().clone();
        fields.iter().any(|field| field["name"] == "Phone")
    };
    assert!(!names(&described));
    let others = sandbox.human(Method::GET, "sobjects/Account/describe").await.json();
    assert!(names(&others), "the other user still sees it");
    assert_eq!(sandbox.get(&row).await.json().get("Phone"), None);
    let no_column = "No such column 'Phone' on sobject of type Account";
    for answer in [
        sandbox.get(&format!("{row}?fields=Phone")).await,
        sandbox.patch(&row, &json!({ "Phone": "1" })).await,
        sandbox.post("sobjects/Account", &json!({ "Name": "b", "Phone": "1" })).await,
        sandbox.get(&format!("composite/sobjects/Account?ids={id}&fields=Phone")).await,
    ] {
        assert_refused(&answer, StatusCode::BAD_REQUEST, "INVALID_FIELD");
        assert!(answer.text.contains(no_column), "{}", answer.text);
    }
    let rows = sandbox.post("composite/sobjects", &records).await.json();
    assert_eq!(rows[0]["errors"][0]["statusCode"], "INVALID_FIELD");
}

#[tokio::test]
async fn a_hidden_key_is_no_key() {
    let sandbox = Sandbox::empty().await;
    sandbox.hide("External_Id__c", FieldRight::Hidden).await;

    let answer = sandbox.patch("sobjects/Account/External_Id__c/k", &json!({ "Name": "a" })).await;

    assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    assert!(answer.text.contains(
        "Provided external ID field does not exist or is not accessible: External_Id__c"
    ));
}

#[tokio::test]
async fn read_only_fields_are_shown_and_refused_all_at_once() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    sandbox.hide("Phone", FieldRight::ReadOnly).await;
    sandbox.hide("Website", FieldRight::ReadOnly).await;

    let body = json!({ "Phone": "1", "Website": "x", "Name": "b" });
    let answer = sandbox.patch(&format!("sobjects/Account/{id}"), &body).await;

    assert_refused(&answer, StatusCode::BAD_REQUEST, "INVALID_FIELD_FOR_INSERT_UPDATE");
    let error = &answer.json()[0];
    assert_eq!(error["fields"], json!(["Phone", "Website"]));
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("Unable to create/update fields: Phone, Website. ")
    );
    let described = sandbox.get("sobjects/Account/describe").await.json();
    let phone =
        described["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Phone");
    let phone = phone.unwrap();
    assert_eq!((&phone["createable"], &phone["updateable"]), (&json!(false), &json!(false)));
    assert_eq!(sandbox.get(&format!("sobjects/Account/{id}")).await.json()["Phone"], Value::Null);
}

#[tokio::test]
async fn each_action_on_rows_can_be_taken_away_from_a_user() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    let row = format!("sobjects/Account/{id}");
    let denied = (403, "INSUFFICIENT_ACCESS_OR_READONLY".to_owned());

    sandbox.deny(Action::Delete).await;
    let delete = sandbox.delete(&row).await;
    assert_eq!((delete.status, delete.code()), denied);
    sandbox.deny(Action::Update).await;
    let update = sandbox.patch(&row, &json!({ "Name": "b" })).await;
    assert_eq!((update.status, update.code()), denied);
    sandbox.deny(Action::Create).await;
    let create = sandbox.post("sobjects/Account", &json!({ "Name": "b" })).await;
    assert_eq!(
        (create.status, create.code().as_str()),
        (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
    );
    assert!(create.text.contains("entity type cannot be inserted: Account"));

    let described = sandbox.get("sobjects/Account/describe").await.json();
    for attribute in ["createable", "updateable", "deletable", "undeletable"] {
        assert_eq!(described[attribute], false, "{attribute}");
    }
    assert_eq!(described["queryable"], true);
    assert!(
        described["fields"].as_array().unwrap().iter().all(|field| field["updateable"] == false)
    );
    let gone = sandbox.human(Method::DELETE, &row).await;
    assert_eq!(gone.status, 204, "the other user may");
}

#[tokio::test]
async fn an_object_without_the_right_to_read_it_is_unknown_to_its_user() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    sandbox.deny(Action::Read).await;

    for answer in [
        sandbox.get("sobjects/Account/describe").await,
        sandbox.get("sobjects/Account").await,
        sandbox.get(&format!("sobjects/Account/{id}")).await,
        sandbox.post("sobjects/Account", &json!({ "Name": "b" })).await,
        sandbox
            .get("sobjects/Account/updated?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z")
            .await,
    ] {
        assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    }
    let records = json!({ "records": [{ "attributes": { "type": "Account" }, "Name": "b" }] });
    let rows = sandbox.post("composite/sobjects", &records).await.json();
    assert_eq!(rows[0]["errors"][0]["statusCode"], "INVALID_TYPE");
    let job = json!({ "object": "Account", "operation": "insert" });
    assert_refused(
        &sandbox.post("jobs/ingest", &job).await,
        StatusCode::BAD_REQUEST,
        "INVALIDENTITY",
    );
    let global = sandbox.get("sobjects").await.json();
    assert!(
        global["sobjects"].as_array().unwrap().iter().all(|object| object["name"] != "Account")
    );
    let contact = sandbox.get("sobjects/Contact/describe").await.json();
    let account =
        contact["fields"].as_array().unwrap().iter().find(|field| field["name"] == "AccountId");
    assert_eq!(account.unwrap()["referenceTo"], json!([]), "the reference leads nowhere");
    let user = sandbox.get("sobjects/User/describe").await.json();
    let children = user["childRelationships"].as_array().unwrap();
    assert!(children.iter().all(|child| child["childSObject"] != "Account"));
    assert!(children.iter().any(|child| child["childSObject"] == "Contact"));
}

#[tokio::test]
async fn private_rows_exist_for_their_owners_and_for_those_who_view_all_data() {
    let sandbox = Sandbox::empty().await;
    let own = sandbox.account("mine").await;
    let other = sandbox.steer().create("Account", &json!({ "Name": "theirs" })).await.unwrap();
    sandbox.steer().set_private("Account", true).await.unwrap();
    let row = format!("sobjects/Account/{other}");

    assert_eq!(sandbox.get(&row).await.status, 200, "View All Data is given at first");
    for permission in [Permission::ViewAllData, Permission::ModifyAllData] {
        sandbox.steer().permit(Some(sandbox.me()), permission, false).await.unwrap();
    }

    assert_refused(&sandbox.get(&row).await, StatusCode::NOT_FOUND, "NOT_FOUND");
    let update = sandbox.patch(&row, &json!({ "Name": "x" })).await;
    assert_refused(&update, StatusCode::FORBIDDEN, "INSUFFICIENT_ACCESS_OR_READONLY");
    assert_eq!(sandbox.get(&format!("sobjects/Account/{own}")).await.status, 200);
    let both = format!("composite/sobjects/Account?ids={own},{other}&fields=Name");
    let found = sandbox.get(&both).await.json();
    assert_eq!((&found[0]["Name"], &found[1]), (&json!("mine"), &Value::Null));
}

#[tokio::test]
async fn permissions_of_a_user_open_and_close_features() {
    let sandbox = Sandbox::empty().await;
    let steer = sandbox.steer();
    let job = json!({ "object": "Account", "operation": "hardDelete" });

    assert_eq!(sandbox.post("jobs/ingest", &job).await.status, 200);
    steer.permit(Some(sandbox.me()), Permission::BulkApiHardDelete, false).await.unwrap();
    let refused = sandbox.post("jobs/ingest", &job).await;
    assert_refused(&refused, StatusCode::BAD_REQUEST, "FEATURENOTENABLED");

    steer.permit(Some(sandbox.me()), Permission::ApiEnabled, false).await.unwrap();
    let refused = sandbox.get("sobjects").await;
    assert_refused(&refused, StatusCode::FORBIDDEN, "API_DISABLED_FOR_ORG");
    assert_eq!(sandbox.human(Method::GET, "sobjects").await.status, 200);
    steer.permit(Some(sandbox.me()), Permission::ApiEnabled, true).await.unwrap();
    assert_eq!(sandbox.get("sobjects").await.status, 200);
}

#[tokio::test]
async fn audit_fields_are_written_on_create_by_those_who_may() {
    let sandbox = Sandbox::empty().await;
    let old = json!({ "Name": "a", "CreatedDate": "2020-01-02T03:04:05Z" });
    let refused = sandbox.post("sobjects/Account", &old).await;
    assert_refused(&refused, StatusCode::BAD_REQUEST, "INVALID_FIELD_FOR_INSERT_UPDATE");

    sandbox.steer().permit(Some(sandbox.me()), Permission::SetAuditFields, true).await.unwrap();
    let created = sandbox.post("sobjects/Account", &old).await.json();

    let path = format!("sobjects/Account/{}", created["id"].as_str().unwrap());
    let row = sandbox.get(&path).await.json();
    assert_eq!(row["CreatedDate"], "2020-01-02T03:04:05.000+0000");
    assert_ne!(row["SystemModstamp"], row["CreatedDate"]);
    let update = sandbox.patch(&path, &json!({ "CreatedDate": "2021-01-01T00:00:00Z" })).await;
    assert_refused(&update, StatusCode::BAD_REQUEST, "INVALID_FIELD_FOR_INSERT_UPDATE");
}

//! Standard objects that clients look for: files, activities, history, and the rows of Setup.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

impl Sandbox {
    async fn created(&self, object: &str, body: Value) -> String {
        let answer = self.post(&format!("sobjects/{object}"), &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn bytes(&self, path: &str) -> Vec<u8> {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.unwrap().to_vec()
    }
}

#[tokio::test]
async fn an_attachment_is_written_as_base64_and_read_as_bytes() {
    let sandbox = Sandbox::empty().await;
    let account = sandbox.account("a").await;
    let first: Vec<u8> = (0..=255).collect();
    let body = json!({
        "ParentId": account, "Name": "all.bin", "ContentType": "application/octet-stream",
        "Body": STANDARD.encode(&first),
    });

    let id = sandbox.created("Attachment", body).await;

    let row = format!("sobjects/Attachment/{id}");
    let read = sandbox.get(&row).await.json();
    assert_eq!(read["BodyLength"], 256);
    assert_eq!(read["Body"], format!("/services/data/v66.0/{row}/Body"));
    assert_eq!(sandbox.bytes(&format!("{row}/Body")).await, first);
    let changed = sandbox.patch(&row, &json!({ "Body": "aGVs\nbG8=" })).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!(sandbox.bytes(&format!("{row}/Body")).await, b"hello");
    assert_eq!(sandbox.get(&row).await.json()["BodyLength"], 5);
}

#[tokio::test]
async fn an_attachment_needs_a_parent_that_can_have_one_and_goes_with_it() {
    let sandbox = Sandbox::empty().await;
    let contact = sandbox.created("Contact", json!({ "LastName": "c" })).await;
    let refused = [
        (json!({ "Name": "x", "Body": "eA==" }), "REQUIRED_FIELD_MISSING"),
        (json!({ "ParentId": contact, "Name": "x" }), "REQUIRED_FIELD_MISSING"),
        (json!({ "ParentId": contact, "Body": "eA==" }), "REQUIRED_FIELD_MISSING"),
        (
            json!({ "ParentId": "005000000000001AAA", "Name": "x", "Body": "eA==" }),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
    ];

    for (body, code) in refused {
        let answer = sandbox.post("sobjects/Attachment", &body).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, code);
    }
    let body = json!({ "ParentId": contact, "Name": "x", "Body": "eA==" });
    let id = sandbox.created("Attachment", body).await;
    let below =
        sandbox.query("SELECT Id, (SELECT Name, BodyLength FROM Attachments) FROM Contact").await;
    assert_eq!(below["records"][0]["Attachments"]["records"][0]["BodyLength"], 1, "{below}");
    let parent = sandbox.query("SELECT Parent.Name, Parent.Type FROM Attachment").await;
    assert_eq!(parent["records"][0]["Parent"]["Type"], "Contact", "{parent}");

    sandbox.delete(&format!("sobjects/Contact/{contact}")).await;

    assert_eq!(sandbox.get(&format!("sobjects/Attachment/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_version_of_a_file_makes_its_document_and_the_next_one_follows_it() {
    let sandbox = Sandbox::empty().await;
    let first = json!({ "PathOnClient": "in/report.final.pdf", "VersionData": "aGVsbG8=" });

    let first = sandbox.created("ContentVersion", first).await;

    let soql = "SELECT Id, Title, FileExtension, ContentSize, IsLatest, VersionNumber, \
                ContentDocumentId, ContentDocument.Title FROM ContentVersion ORDER BY VersionNumber";
    let rows = sandbox.query(soql).await;
    let row = &rows["records"][0];
    assert_eq!((&row["Title"], &row["FileExtension"]), (&json!("report.final"), &json!("pdf")));
    assert_eq!((&row["ContentSize"], &row["VersionNumber"]), (&json!(5), &json!("1")));
    assert_eq!(row["ContentDocument"]["Title"], "report.final");
    let document = row["ContentDocumentId"].as_str().unwrap().to_owned();
    let second = json!({
        "ContentDocumentId": document, "PathOnClient": "b.pdf", "Title": "B", "VersionData": "eA==",
    });
    let second = sandbox.created("ContentVersion", second).await;
    let rows = sandbox.query(soql).await;
    let latest: Vec<&Value> =
        rows["records"].as_array().unwrap().iter().map(|row| &row["IsLatest"]).collect();
    assert_eq!(latest, [false, true]);
    let read = sandbox.get(&format!("sobjects/ContentDocument/{document}")).await.json();
    assert_eq!(read["LatestPublishedVersionId"], second);
    assert_eq!((&read["Title"], &read["ContentSize"]), (&json!("B"), &json!(1)));
    let data = sandbox.bytes(&format!("sobjects/ContentVersion/{first}/VersionData")).await;
    assert_eq!(data, b"hello");
    sandbox.delete(&format!("sobjects/ContentDocument/{document}")).await;
    assert_eq!(sandbox.query("SELECT Id FROM ContentVersion").await["totalSize"], 0);
}

#[tokio::test]
async fn a_task_is_about_a_person_and_a_matter_of_several_objects() {
    let sandbox = Sandbox::empty().await;
    let account = sandbox.account("Acme").await;
    let lead = sandbox.created("Lead", json!({ "LastName": "l", "Company": "c" })).await;
    let contact = sandbox.created("Contact", json!({ "LastName": "c" })).await;
    sandbox.created("Task", json!({ "Subject": "Call", "WhoId": lead, "WhatId": account })).await;
    let done = json!({ "WhoId": contact, "Status": "Completed", "Priority": "High" });
    let done = sandbox.created("Task", done).await;

    let rows = sandbox
        .query(
            "SELECT Subject, Status, IsClosed, Who.Name, Who.Type, What.Name FROM Task ORDER BY Id",
        )
        .await;

    let (open, closed) = (&rows["records"][0], &rows["records"][1]);
    assert_eq!((&open["Status"], &open["IsClosed"]), (&json!("Not Started"), &json!(false)));
    assert_eq!((&open["Who"]["Type"], &open["What"]["Name"]), (&json!("Lead"), &json!("Acme")));
    assert_eq!((&closed["Who"]["Type"], &closed["What"]), (&json!("Contact"), &Value::Null));
    assert_eq!((&closed["Subject"], &closed["IsClosed"]), (&Value::Null, &json!(true)));
    let reopened =
        sandbox.patch(&format!("sobjects/Task/{done}"), &json!({ "Status": "Deferred" })).await;
    assert_eq!(reopened.status, 204);
    let row = sandbox.get(&format!("sobjects/Task/{done}")).await.json();
    assert_eq!((&row["IsClosed"], &row["IsHighPriority"]), (&json!(false), &json!(true)));
    let wrong = sandbox.post("sobjects/Task", &json!({ "WhoId": account })).await;
    assert_refused(&wrong, StatusCode::BAD_REQUEST, "FIELD_INTEGRITY_EXCEPTION");
    let below = sandbox.query("SELECT (SELECT Subject FROM Tasks) FROM Account").await;
    assert_eq!(below["records"][0]["Tasks"]["totalSize"], 1);
    let leads = sandbox.query("SELECT Id FROM Task WHERE Who.Type = 'Lead'").await;
    assert_eq!(leads["totalSize"], 1);
}

#[tokio::test]
async fn history_has_one_stamp_and_tells_each_change_of_a_tracked_field() {
    let sandbox = Sandbox::empty().await;
    let account = sandbox.account("a").await;
    let row = format!("sobjects/Account/{account}");

    sandbox.patch(&row, &json!({ "Industry": "Banking", "Phone": "1" })).await;
    sandbox.patch(&row, &json!({ "Industry": "Energy" })).await;
    sandbox.patch(&row, &json!({ "Industry": "Energy" })).await;

    let rows = sandbox
        .query("SELECT AccountId, Field, OldValue, NewValue, CreatedDate FROM AccountHistory ORDER BY Id")
        .await;
    let values: Vec<(&Value, &Value, &Value)> = rows["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["Field"], &row["OldValue"], &row["NewValue"]))
        .collect();
    let (industry, banking, energy) = (json!("Industry"), json!("Banking"), json!("Energy"));
    assert_eq!(values, [(&industry, &Value::Null, &banking), (&industry, &banking, &energy)]);
    let described = sandbox.get("sobjects/AccountHistory/describe").await.json();
    let has = |name: &str| {
        described["fields"].as_array().unwrap().iter().any(|field| field["name"] == name)
    };
    assert!(has("CreatedDate") && !has("SystemModstamp") && !has("LastModifiedDate"));
    let write = sandbox.post("sobjects/AccountHistory", &json!({ "Field": "Industry" })).await;
    assert!((400..=405).contains(&write.status), "{}", write.text);
    let now = sandbox.steer().advance_clock(300).await.unwrap();
    let window =
        [("start", (now - chrono::TimeDelta::minutes(30)).to_rfc3339()), ("end", now.to_rfc3339())];
    let request = sandbox.request(Method::GET, "sobjects/AccountHistory/updated").query(&window);
    let updated = Answer::of(request.send().await.unwrap()).await.json();
    assert_eq!(updated["ids"].as_array().map(Vec::len), Some(2), "{updated}");
}

#[tokio::test]
async fn the_org_and_its_setup_can_be_queried() {
    let sandbox = Sandbox::empty().await;

    let org = sandbox
        .query(
            "SELECT Id, Name, IsSandbox, OrganizationType, InstanceName, NamespacePrefix, \
             LanguageLocaleKey, TimeZoneSidKey, TrialExpirationDate FROM Organization",
        )
        .await;
    let users = sandbox.query("SELECT Username, Profile.Name FROM User ORDER BY Id").await;

    assert_eq!(org["totalSize"], 1);
    let id = org["records"][0]["Id"].as_str().unwrap();
    assert!(id.starts_with("00D"), "{id}");
    let info = sandbox.bare(Method::GET, "/services/oauth2/userinfo");
    let info = info.bearer_auth(&sandbox.credentials.access_token).send().await.unwrap();
    assert_eq!(Answer::of(info).await.json()["organization_id"], id, "the same everywhere");
    assert_eq!(org["records"][0]["IsSandbox"], false);
    assert_eq!(org["records"][0]["TrialExpirationDate"], Value::Null);
    assert_eq!(users["records"][0]["Profile"]["Name"], "System Administrator");
    for (object, rows) in [("Profile", 2), ("UserRole", 2), ("Group", 2), ("PermissionSet", 2)] {
        let found = sandbox.query(&format!("SELECT Id, Name FROM {object}")).await;
        assert_eq!(found["totalSize"], rows, "{object}");
    }
    let delete = sandbox.delete(&format!("sobjects/Organization/{id}")).await;
    assert!((400..=405).contains(&delete.status), "{}", delete.text);
}

#[tokio::test]
async fn a_password_that_is_set_is_the_one_to_log_in_with() {
    let sandbox = Sandbox::empty().await;
    let credentials = &sandbox.credentials;
    let users = sandbox.query("SELECT Id FROM User ORDER BY Id").await;
    let path = format!("sobjects/User/{}/password", users["records"][0]["Id"].as_str().unwrap());
    let log_in = async |password: &str| {
        let form = [
            ("grant_type", "password"),
            ("client_id", &credentials.client_id),
            ("client_secret", &credentials.client_secret),
            ("username", &credentials.username),
            ("password", password),
        ];
        let request = sandbox.bare(Method::POST, "/services/oauth2/token").form(&form);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(sandbox.get(&path).await.json(), json!({ "isExpired": false }));

    let set = sandbox.post(&path, &json!({ "NewPassword": "a-new-password" })).await;

    assert_eq!((set.status, set.text.as_str()), (204, ""));
    assert_eq!((log_in("a-new-password").await, log_in(&credentials.password).await), (200, 400));
    let made = sandbox.delete(&path).await.json();
    assert_eq!(log_in(made["NewPassword"].as_str().unwrap()).await, 200);
    let short = sandbox.post(&path, &json!({ "NewPassword": "x" })).await;
    assert_refused(&short, StatusCode::BAD_REQUEST, "INVALID_NEW_PASSWORD");
    let nobody = sandbox.get("sobjects/User/005000000000099AAA/password").await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn a_case_can_belong_to_a_queue() {
    let sandbox = Sandbox::empty().await;
    let queues = sandbox.query("SELECT Id FROM Group WHERE Type = 'Queue'").await;
    let queue = queues["records"][0]["Id"].as_str().unwrap();

    let case = sandbox.created("Case", json!({ "OwnerId": queue })).await;

    let rows = sandbox.query("SELECT Id, Owner.Name, Owner.Type FROM Case").await;
    let row = &rows["records"][0];
    assert_eq!((&row["Id"], &row["Owner"]["Name"]), (&json!(case), &json!("Support")));
    assert_eq!(row["Owner"]["Type"], "Group");
}

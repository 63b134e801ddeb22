//! `/sobjects/X/{id}/{relationship}`: rows by the way that leads to them.

use reqwest::{Method, StatusCode};
use salesforce_simulator::Config;
use serde_json::json;

use crate::support::{Answer, Sandbox, assert_refused};

/// An account and a contact of it, by their ids.
async fn pair(sandbox: &Sandbox) -> (String, String) {
    let account = sandbox.account("Acme").await;
    let body = json!({ "LastName": "Ada", "AccountId": account });
    let contact =
        sandbox.post("sobjects/Contact", &body).await.json()["id"].as_str().unwrap().to_owned();
    (account, contact)
}

#[tokio::test]
async fn a_to_one_relationship_stands_for_the_row_it_leads_to() {
    let sandbox = Sandbox::empty().await;
    let (account, contact) = pair(&sandbox).await;
    let path = format!("sobjects/Contact/{contact}/account");

    let read = sandbox.get(&format!("{path}?fields=Name")).await.json();
    assert_eq!((&read["Name"], &read["Id"]), (&json!("Acme"), &json!(account)));
    assert_eq!(
        read["attributes"]["url"],
        format!("/services/data/v66.0/sobjects/Account/{account}")
    );
    let owner = sandbox.get(&format!("{path}/Owner?fields=Username")).await.json();
    assert_eq!(owner["attributes"]["type"], "User");

    assert_eq!(sandbox.patch(&path, &json!({ "Name": "changed" })).await.status, 204);
    assert_eq!(sandbox.get(&path).await.json()["Name"], "changed");
    assert_eq!(sandbox.delete(&path).await.status, 204);
    assert_refused(&sandbox.get(&path).await, StatusCode::NOT_FOUND, "NOT_FOUND");
}

#[tokio::test]
async fn a_to_many_relationship_is_a_result_as_of_a_query() {
    let sandbox = Sandbox::empty().await;
    let (account, contact) = pair(&sandbox).await;
    let path = format!("sobjects/Account/{account}/Contacts");

    let all = sandbox.get(&path).await.json();
    assert_eq!((&all["totalSize"], &all["done"]), (&json!(1), &json!(true)));
    assert_eq!(all["records"][0]["Id"], contact);
    assert_eq!(all["records"][0]["LastName"], "Ada");
    let some = sandbox.get(&format!("{path}?fields=LastName")).await.json();
    assert!(some["records"][0].get("Email").is_none(), "{some}");

    let other = sandbox.account("lonely").await;
    let none = sandbox.get(&format!("sobjects/Account/{other}/Contacts")).await;
    assert_eq!((none.status, &none.json()["totalSize"]), (200, &json!(0)));
    let refused = sandbox.patch(&path, &json!({})).await;
    assert_refused(&refused, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_long_to_many_relationship_has_pages() {
    let sandbox = Sandbox::empty().await;
    let account = sandbox.account("Acme").await;
    for size in [200, 101] {
        let records: Vec<_> = (0..size)
            .map(|n| json!({ "attributes": { "type": "Contact" }, "LastName": format!("c{n}"), "AccountId": account }))
            .collect();
        sandbox.post("composite/sobjects", &json!({ "records": records })).await;
    }

    let path = format!("sobjects/Account/{account}/Contacts?fields=LastName");
    let request =
        sandbox.request(Method::GET, &path).header("Sforce-Query-Options", "batchSize=200");
    let first = Answer::of(request.send().await.unwrap()).await.json();

    assert_eq!((&first["totalSize"], &first["done"]), (&json!(301), &json!(false)));
    let next = first["nextRecordsUrl"]
        .as_str()
        .unwrap()
        .trim_start_matches("/services/data/v66.0/")
        .to_owned();
    let second = sandbox.get(&next).await.json();
    assert_eq!(second["records"].as_array().unwrap().len(), 101);
    assert!(second["records"][0]["LastName"].is_string(), "{second}");
}

#[tokio::test]
async fn a_way_that_leads_nowhere_is_not_found() {
    let sandbox = Sandbox::empty().await;
    let account = sandbox.account("Acme").await;
    for path in [
        format!("sobjects/Account/{account}/Parent"),
        format!("sobjects/Account/{account}/Parent/Owner"),
        format!("sobjects/Account/{account}/Nothing"),
        format!("sobjects/Account/{account}/Name"),
        format!("sobjects/Account/{account}/Contacts/Owner"),
        "sobjects/Account/001000000000000AAA/Owner".to_owned(),
    ] {
        assert_refused(&sandbox.get(&path).await, StatusCode::NOT_FOUND, "NOT_FOUND");
    }
    let field = sandbox.get(&format!("sobjects/Account/{account}/Contacts?fields=Nope")).await;
    assert_refused(&field, StatusCode::BAD_REQUEST, "INVALID_FIELD");
}

/// An org whose objects are those of the sample and one with a file.
async fn with_files() -> (Sandbox, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    for name in ["User.json", "Account.json"] {
        std::fs::copy(sample.join(name), folder.path().join(name)).unwrap();
    }
    let described = json!({ "name": "Attachment", "keyPrefix": "00P", "fields": [
        { "name": "ParentId", "label": "Parent", "type": "reference", "referenceTo": ["Account"], "nillable": false },
        { "name": "Name", "label": "File Name", "type": "string", "length": 255, "nameField": true },
        { "name": "Body", "label": "Body", "type": "base64" },
    ] });
    std::fs::write(folder.path().join("Attachment.json"), described.to_string()).unwrap();
    let config =
        Config { empty: true, schema_dir: Some(folder.path().to_owned()), ..Config::default() };
    (Sandbox::of(config).await, folder)
}

#[tokio::test]
async fn a_file_goes_in_as_base64_or_as_a_part_and_comes_out_as_bytes() {
    let (sandbox, _folder) = with_files().await;
    let account = sandbox.account("Acme").await;
    let bytes: Vec<u8> = (0..=255).collect();
    let mut form = format!(
        "--B\r\nContent-Disposition: form-data; name=\"entity_document\"\r\nContent-Type: application/json\r\n\r\n\
         {{\"Name\":\"b\",\"ParentId\":\"{account}\"}}\r\n\
         --B\r\nContent-Disposition: form-data; name=\"Body\"; filename=\"b.bin\"\r\nContent-Type: application/pdf\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(&bytes);
    form.extend_from_slice(b"\r\n--B--\r\n");

    let text = json!({ "Name": "a", "ParentId": account, "Body": "aGVsbG8=" });
    let as_text = sandbox.post("sobjects/Attachment", &text).await;
    let request = sandbox
        .request(Method::POST, "sobjects/Attachment")
        .header("Content-Type", "multipart/form-data; boundary=\"B\"");
    let as_part = Answer::of(request.body(form).send().await.unwrap()).await;

    let file = async |answer: &Answer| {
        assert_eq!(answer.status, 201, "{}", answer.text);
        let path = format!("sobjects/Attachment/{}", answer.json()["id"].as_str().unwrap());
        let row = sandbox.get(&path).await.json();
        assert_eq!(row["Body"], format!("/services/data/v66.0/{path}/Body"));
        let response = sandbox.request(Method::GET, &format!("{path}/Body")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap().to_vec()
    };
    assert_eq!(file(&as_text).await, b"hello");
    assert_eq!(file(&as_part).await, bytes);

    let none =
        sandbox.post("sobjects/Attachment", &json!({ "Name": "c", "ParentId": account })).await;
    let path = format!("sobjects/Attachment/{}/Body", none.json()["id"].as_str().unwrap());
    assert_refused(&sandbox.get(&path).await, StatusCode::NOT_FOUND, "NOT_FOUND");
}

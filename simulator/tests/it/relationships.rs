//! `/sobjects/X/{id}/{relationship}`: rows by the way that leads to them.

use reqwest::{Method, StatusCode};
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

//! `/search` with SOSL and `/parameterizedSearch`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

async fn org() -> Sandbox {
    let sandbox = Sandbox::empty().await;
    for (name, city) in [("Acme", "Berlin"), ("Acme Widgets", "Paris"), ("Other", "Acmeville")] {
        sandbox.post("sobjects/Account", &json!({ "Name": name, "BillingCity": city })).await;
    }
    let contact = json!({ "FirstName": "Ada", "LastName": "Acmeson", "Email": "ada@example.com", "Phone": "0815-4711" });
    sandbox.post("sobjects/Contact", &contact).await;
    sandbox
}

async fn search(sandbox: &Sandbox, sosl: &str) -> Answer {
    let request = sandbox.request(Method::GET, "search/").query(&[("q", sosl)]);
    Answer::of(request.send().await.unwrap()).await
}

/// What was found: the type and the name of each row.
fn found(answer: &Answer) -> Vec<String> {
    let told = |row: &Value| {
        format!(
            "{} {}",
            row["attributes"]["type"].as_str().unwrap(),
            row["Name"].as_str().unwrap_or("-")
        )
    };
    let json = answer.json();
    let rows = json["searchRecords"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    rows.iter().map(told).collect()
}

#[tokio::test]
async fn words_are_found_in_the_fields_and_objects_that_are_asked_for() {
    let sandbox = org().await;
    #[rustfmt::skip]
    let table: [(&str, &[&str]); 9] = [
        ("FIND {acme} IN ALL FIELDS RETURNING Account(Id, Name)",                             &["Account Acme", "Account Acme Widgets", "Account Other"]),
        ("FIND {acme} IN NAME FIELDS RETURNING Account(Name ORDER BY Name DESC)",             &["Account Acme Widgets", "Account Acme"]),
        ("FIND {acme} RETURNING Account(Name WHERE BillingCity = 'Paris'), Contact(Name)",    &["Account Acme Widgets", "Contact Ada Acmeson"]),
        ("FIND {acme} RETURNING Account(Name ORDER BY Name LIMIT 1 OFFSET 1), Contact(Name)", &["Account Acme Widgets", "Contact Ada Acmeson"]),
        ("FIND {acme} RETURNING Account(Name ORDER BY Name), Contact(Name) LIMIT 3",          &["Account Acme", "Account Acme Widgets", "Account Other"]),
        ("FIND {ada@example.com} IN EMAIL FIELDS RETURNING Contact(Name)",                    &["Contact Ada Acmeson"]),
        ("FIND {4711} IN PHONE FIELDS RETURNING Contact(Name)",                               &["Contact Ada Acmeson"]),
        ("FIND {widg* OR paris} RETURNING Account",                                           &["Account -"]),
        ("FIND {nobody} RETURNING Account(Name)",                                             &[]),
    ];
    for (sosl, expected) in table {
        let answer = search(&sandbox, sosl).await;

        assert_eq!(answer.status, 200, "{sosl}: {}", answer.text);
        assert_eq!(found(&answer), expected, "{sosl}");
    }
    let everywhere = search(&sandbox, "FIND {Acmeson}").await.json();
    let row = &everywhere["searchRecords"][0];
    assert_eq!(row["attributes"]["type"], "Contact");
    assert!(row["Id"].as_str().unwrap().starts_with("003"));
}

#[tokio::test]
async fn rows_in_the_recycle_bin_are_not_found() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("Acme").await;
    sandbox.delete(&format!("sobjects/Account/{id}")).await;

    let answer = search(&sandbox, "FIND {acme} RETURNING Account(Name)").await;

    assert_eq!(found(&answer), Vec::<String>::new());
}

#[tokio::test]
async fn parameters_do_without_sosl() {
    let sandbox = org().await;
    let by_url = sandbox
        .get("parameterizedSearch?q=acme&sobject=Account&sobject=Contact&Account.fields=Name&Account.limit=1&Contact.fields=Name&in=NAME")
        .await;
    let body = json!({
        "q": "acme", "in": "NAME FIELDS", "fields": ["Name"], "overallLimit": 10, "defaultLimit": "1",
        "sobjects": [{ "name": "Account", "limit": 5, "where": "BillingCity = 'Paris'" }, { "name": "Contact" }],
    });
    let by_body = sandbox.post("parameterizedSearch", &body).await;

    assert_eq!(found(&by_url), ["Account Acme", "Contact Ada Acmeson"]);
    assert_eq!(found(&by_body), ["Account Acme Widgets", "Contact Ada Acmeson"]);
    assert_eq!(
        sandbox.get("parameterizedSearch?q=acmeson").await.json()["searchRecords"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn searches_that_cannot_be_meant_are_refused() {
    let sandbox = Sandbox::empty().await;
    #[rustfmt::skip]
    let table = [
        ("SELECT Id FROM Account",                             "MALFORMED_SEARCH"),
        ("",                                                   "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Account(COUNT(Id))",           "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Account(Id WHERE Name)",       "MALFORMED_SEARCH"),
        ("FIND {a}",                                           "INVALID_SEARCH"),
        ("FIND {acme} RETURNING Nope(Id)",                     "INVALID_TYPE"),
        ("FIND {acme} RETURNING Account(Nope)",                "INVALID_FIELD"),
        ("FIND {acme} RETURNING Account(Id WHERE Nope = 1)",   "INVALID_FIELD"),
    ];
    for (sosl, code) in table {
        let answer = search(&sandbox, sosl).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, code);
    }
    let without = sandbox.get("parameterizedSearch?sobject=Account").await;
    assert_refused(&without, StatusCode::BAD_REQUEST, "MISSING_ARGUMENT");
    let verb = sandbox.post("search", &json!({})).await;
    assert_refused(&verb, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
}

//! Child sub-selects.

use crate::soql_world::{ask, assert_says, found, world};

#[tokio::test]
async fn a_sub_select_nests_a_result_in_every_parent() {
    let sandbox = world().await;
    let soql =
        "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account ORDER BY Name";

    let answer = ask(&sandbox, soql).await.json();

    let acme = &answer["records"][0];
    let contacts = &acme["Contacts"];
    assert_eq!((&contacts["totalSize"], &contacts["done"]), (&2.into(), &true.into()));
    assert_eq!(contacts["records"][0]["attributes"]["type"], "Contact");
    assert_eq!(contacts["records"][0]["LastName"], "Babbage");
    assert_eq!(contacts["records"][1]["LastName"], "Lovelace");
    assert!(contacts.get("nextRecordsUrl").is_none());
    assert!(answer["records"][1]["Contacts"].is_null(), "no children are null");
    assert_eq!(answer["totalSize"], 3);
}

#[tokio::test]
async fn a_sub_select_has_clauses_of_its_own_and_may_stand_in_another() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("SELECT Name, (SELECT LastName FROM Contacts WHERE FirstName = 'Ada') FROM Account WHERE Name = 'Acme'",
            r#"{"Name":"Acme","Contacts":{"totalSize":1,"done":true,"records":[{"LastName":"Lovelace"}]}}"#),
        ("SELECT (SELECT LastName FROM Account.Contacts ORDER BY LastName DESC LIMIT 1), Name FROM Account WHERE Name = 'Acme'",
            r#"{"Contacts":{"totalSize":1,"done":true,"records":[{"LastName":"Lovelace"}]},"Name":"Acme"}"#),
        ("SELECT (SELECT Name, Account.Name FROM a.Opportunities WHERE Amount > 0.1) FROM Account a WHERE Name = 'Acme'",
            r#"{"Opportunities":{"totalSize":1,"done":true,"records":[{"Name":"large","Account":{"Name":"Acme"}}]}}"#),
        ("SELECT Name, (SELECT Id FROM Contacts WHERE LastName = 'x'), (SELECT Name, (SELECT Subject FROM Cases) FROM ChildAccounts) FROM Account WHERE Name = 'Acme'",
            r#"{"Name":"Acme","Contacts":null,"ChildAccounts":{"totalSize":1,"done":true,"records":[{"Name":"bolt_100%","Cases":{"totalSize":1,"done":true,"records":[{"Subject":"smoke"}]}}]}}"#),
    ];
    for (soql, expected) in table {
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        let found: serde_json::Value = serde_json::from_str(&found(&sandbox, soql).await).unwrap();
        assert_eq!(found, expected, "{soql}");
    }
}

#[tokio::test]
async fn sub_selects_that_cannot_be_are_refused() {
    let sandbox = world().await;
    let many = "(SELECT Id FROM Contacts), ".repeat(21);
    let many = format!("SELECT {many}Id FROM Account");
    #[rustfmt::skip]
    let table = [
        ("SELECT (SELECT Id FROM Contact) FROM Account", "INVALID_TYPE", "describe call for the appropriate names."),
        ("SELECT (SELECT Id FROM Contacts), (SELECT Id FROM contacts) FROM Account", "MALFORMED_QUERY", "duplicate field selected: contacts"),
        ("SELECT (SELECT COUNT() FROM Contacts) FROM Account", "MALFORMED_QUERY", "aggregate functions are not supported in child sub-selects"),
        ("SELECT (SELECT Nope FROM Contacts) FROM Account", "INVALID_FIELD", "describe call for the appropriate names."),
        (many.as_str(), "MALFORMED_QUERY", "more than 20 sub-selects"),
    ];
    for (soql, code, words) in table {
        assert_says(soql, &ask(&sandbox, soql).await, code, words);
    }
}

//! What rows a statement finds, what it shows of them, and in which order.

use serde_json::json;

use crate::soql_world::{ask, assert_says, column, found, world};

/// What a condition leaves of three accounts.
#[tokio::test]
async fn conditions_choose_rows() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("Name LIKE 'A%'",                                          "Acme"),
        (r"Name LIKE '%\_100\%'",                                   "bolt_100%"),
        (r"Name LIKE 'o\'n_ill'",                                   "O'Neill"),
        ("Name LIKE 'Ac'",                                          ""),
        ("NOT Name LIKE '%e%'",                                     "bolt_100%"),
        ("Industry = null AND Regions__c != null",                  "O'Neill"),
        ("Industry NOT IN ('Retail', 'Energy')",                    "O'Neill"),
        ("Regions__c INCLUDES ('Asia;Europe', 'Africa')",           "Acme"),
        ("Regions__c EXCLUDES ('Asia')",                            "bolt_100%,O'Neill"),
        ("AnnualRevenue > 1000 AND (Tier__c = 'gold' OR Name = 'x')", "bolt_100%"),
        ("Parent.Parent.Name = 'ACME'",                             "O'Neill"),
        ("Account.Parent.Industry = 'Energy'",                      "bolt_100%,O'Neill"),
        ("toLabel(Tier__c) = 'Silver'",                             "O'Neill"),
        ("CALENDAR_YEAR(Contract_Start__c) = 2024",                 "Acme"),
        ("FISCAL_QUARTER(Contract_Start__c) IN (3, 4)",             "bolt_100%"),
        ("DAY_ONLY(Last_Review__c) = 2024-02-29",                   "Acme"),
        ("DAY_ONLY(convertTimezone(Last_Review__c)) = 2025-01-01",  "bolt_100%"),
        ("HOUR_IN_DAY(Last_Review__c) = 23",                        "Acme"),
        ("CreatedDate = TODAY",                                     "Acme,bolt_100%,O'Neill"),
        ("CreatedDate = LAST_N_DAYS:1 AND CreatedDate < TOMORROW",  "Acme,bolt_100%,O'Neill"),
        ("CreatedDate > THIS_YEAR OR CreatedDate < LAST_FISCAL_QUARTER", ""),
        ("Contract_Start__c IN (YESTERDAY, 2024-02-29)",            "Acme"),
        ("Contract_Start__c NOT IN (2024-02-29, 2025-07-01)",       "O'Neill"),
        ("Contract_Start__c > N_YEARS_AGO:900",                     "Acme,bolt_100%"),
        ("DISTANCE(Headquarters__c, GEOLOCATION(45.76, 4.84), 'km') < 10", "Acme"),
        ("DISTANCE(Headquarters__c, GEOLOCATION(45.76, 4.84), 'mi') > 200", "bolt_100%"),
    ];
    for (condition, expected) in table {
        let soql =
            format!("SELECT Name FROM Account WHERE {condition} ORDER BY AnnualRevenue, Name");
        let mut names: Vec<String> =
            column(&sandbox, &soql).await.split(',').map(str::to_owned).collect();
        names.sort_by_key(|name| name.to_lowercase());
        assert_eq!(names.join(","), expected, "{condition}");
    }
}

#[tokio::test]
async fn the_object_and_its_parents_may_have_other_names() {
    let sandbox = world().await;
    for soql in [
        "SELECT a.Name FROM Account a WHERE a.Parent.Name = 'Acme'",
        "SELECT Account.Name FROM Account WHERE Account.Parent.Name = 'Acme'",
        "SELECT a.Name FROM Account a, a.Parent p WHERE p.Name = 'Acme'",
        "select name from account using scope mine where parent.name = 'acme' with security_enforced",
        "SELECT Name FROM Account WHERE Parent.Name = 'Acme' FOR VIEW, REFERENCE UPDATE VIEWSTAT",
        "SELECT Name FROM Account WHERE Parent.Name = 'Acme' WITH USER_MODE LIMIT 5 FOR UPDATE",
    ] {
        assert_eq!(column(&sandbox, soql).await, "bolt_100%", "{soql}");
    }
}

#[tokio::test]
async fn rows_are_ordered_by_several_keys_with_nulls_first_unless_said() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("Name",                                               "Acme,bolt_100%,O'Neill"),
        ("Industry, Name DESC",                                "O'Neill,bolt_100%,Acme"),
        ("Industry DESC NULLS LAST, AnnualRevenue DESC",       "bolt_100%,Acme,O'Neill"),
        ("Contract_Start__c DESC NULLS FIRST",                 "O'Neill,bolt_100%,Acme"),
        ("Parent.Name NULLS LAST",                             "bolt_100%,O'Neill,Acme") ,
        ("Name LIMIT 2",                                       "Acme,bolt_100%"),
        ("Name LIMIT 2 OFFSET 1",                              "bolt_100%,O'Neill"),
        ("Name OFFSET 2000",                                   ""),
        ("DISTANCE(Headquarters__c, GEOLOCATION(48, 2), 'mi') DESC NULLS LAST", "Acme,bolt_100%,O'Neill"),
    ];
    for (order, expected) in table {
        let soql = format!("SELECT Name FROM Account ORDER BY {order}");
        assert_eq!(column(&sandbox, &soql).await, expected, "{order}");
    }
}

#[tokio::test]
async fn functions_show_values_in_other_ways() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("SELECT toLabel(Tier__c) FROM Account WHERE Name = 'Acme'",            r#"{"Tier__c":"Gold"}"#),
        ("SELECT toLabel(Tier__c) tier, Tier__c FROM Account WHERE Name = 'Acme'", r#"{"tier":"Gold","Tier__c":"Gold"}"#),
        ("SELECT FORMAT(AnnualRevenue) money, FORMAT(Last_Review__c) review, FORMAT(Contract_Start__c) FROM Account WHERE Name = 'Acme'",
            r#"{"money":"$1,000","review":"2/29/2024, 11:30 PM","Contract_Start__c":"2/29/2024"}"#),
        ("SELECT convertCurrency(AnnualRevenue) FROM Account WHERE Name = 'Acme'", r#"{"AnnualRevenue":1000.0}"#),
        ("SELECT Name, toLabel(Parent.Tier__c) FROM Account WHERE Name LIKE 'b%'", r#"{"Name":"bolt_100%","Parent":{"Tier__c":"Gold"}}"#),
        ("SELECT Headquarters__c FROM Account WHERE Name = 'Acme'",             r#"{"Headquarters__c":{"latitude":45.76,"longitude":4.84}}"#),
        ("SELECT Parent.Parent.Name, Parent.Name FROM Account WHERE Name LIKE 'O%'", r#"{"Parent":{"Parent":{"Name":"Acme"},"Name":"bolt_100%"}}"#),
    ];
    for (soql, expected) in table {
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        let found: serde_json::Value = serde_json::from_str(&found(&sandbox, soql).await).unwrap();
        assert_eq!(found, expected, "{soql}");
    }
    let soql = "SELECT DISTANCE(Headquarters__c, GEOLOCATION(45.76, 4.84), 'km') FROM Account \
                WHERE Name LIKE 'b%'";
    let distance = ask(&sandbox, soql).await.json()["records"][0]["expr0"].as_f64().unwrap();
    assert!((390.0..395.0).contains(&distance), "{distance}");
}

#[tokio::test]
async fn parents_of_several_kinds_show_a_name_or_what_typeof_says() {
    let sandbox = world().await;

    let named = ask(&sandbox, "SELECT Owner.Name, Owner.Type FROM Case").await.json();
    let typed = "SELECT TYPEOF Owner WHEN User THEN Username, Manager.Name ELSE Name END FROM Case";
    let typed = ask(&sandbox, typed).await.json();
    let of_user =
        "SELECT Id FROM Case WHERE Owner.Type = 'user' AND Owner.Name LIKE 'Integration%'";

    let owner = &named["records"][0]["Owner"];
    assert_eq!(owner["attributes"]["type"], "Name");
    assert_eq!((&owner["Name"], &owner["Type"]), (&json!("Integration User"), &json!("User")));
    let owner = &typed["records"][0]["Owner"];
    assert_eq!(owner["attributes"]["type"], "User");
    assert_eq!(owner["Username"], "integration@lockstep.example");
    assert_eq!(owner["Manager"], json!(null));
    assert_eq!(ask(&sandbox, of_user).await.json()["totalSize"], 1);
    #[rustfmt::skip]
    let table = [
        ("SELECT TYPEOF Account WHEN Account THEN Name END FROM Case", "'Account' is not one"),
        ("SELECT TYPEOF Owner WHEN Account THEN Name END FROM Case",   "'Account' is not a type that 'Owner' can refer to"),
        ("SELECT TYPEOF Owner WHEN User THEN Nope END FROM Case",      "Please reference your WSDL or the describe call for the appropriate names."),
    ];
    for (soql, words) in table {
        let answer = ask(&sandbox, soql).await;
        let message = answer.json()[0]["message"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && message.ends_with(words), "{soql}: {message}");
    }
}

#[tokio::test]
async fn fields_stands_for_groups_of_fields() {
    let sandbox = world().await;
    let columns = async |group: &str, limit: &str| {
        let soql = format!("SELECT FIELDS({group}) FROM Account {limit}");
        let answer = ask(&sandbox, &soql).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let record = answer.json()["records"][0].as_object().unwrap().clone();
        record.keys().filter(|key| *key != "attributes").cloned().collect::<Vec<_>>()
    };

    let standard = columns("STANDARD", "").await;
    let custom = columns("CUSTOM", "LIMIT 200").await;
    let all = columns("ALL", "LIMIT 1").await;

    let is_custom = |name: &String| name.ends_with("__c") || name.ends_with("__s");
    assert!(standard.contains(&"Name".to_owned()) && !standard.iter().any(is_custom));
    assert!(custom.contains(&"Tier__c".to_owned()) && custom.iter().all(is_custom));
    assert_eq!(all.len(), standard.len() + custom.len());
    for soql in ["SELECT FIELDS(ALL) FROM Account", "SELECT FIELDS(CUSTOM) FROM Account LIMIT 201"]
    {
        let words = "The SOQL FIELDS function must have a LIMIT of at most 200";
        assert_says(soql, &ask(&sandbox, soql).await, "MALFORMED_QUERY", words);
    }
}

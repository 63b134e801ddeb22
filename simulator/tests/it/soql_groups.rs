//! Aggregates and groups.

use serde_json::json;

use crate::soql_world::{ask, assert_says, found, world};

#[tokio::test]
async fn aggregates_have_names_of_their_own_or_numbers() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("SELECT COUNT(Id), COUNT(Amount) FROM Opportunity", r#"{"expr0":3,"expr1":2}"#),
        ("SELECT SUM(Amount) total, AVG(Amount), MIN(Name), MAX(Amount) FROM Opportunity", r#"{"total":0.3,"expr0":0.15,"expr1":"large","expr2":0.2}"#),
        ("SELECT SUM(NumberOfEmployees), COUNT_DISTINCT(Industry), MIN(Contract_Start__c), MAX(Last_Review__c) FROM Account", r#"{"expr0":35,"expr1":1,"expr2":"2024-02-29","expr3":"2025-01-01T00:00:00.000+0000"}"#),
        ("SELECT COUNT(Id), SUM(Amount) FROM Opportunity WHERE Name = 'none'", r#"{"expr0":0,"expr1":null}"#),
        ("SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry ORDER BY COUNT(Id) DESC", r#"{"Industry":"Energy","n":2},{"Industry":null,"n":1}"#),
        ("SELECT Industry i FROM Account GROUP BY Industry ORDER BY Industry NULLS LAST", r#"{"i":"Energy"},{"i":null}"#),
        ("SELECT Account.Name, SUM(Amount) FROM Opportunity GROUP BY Account.Name ORDER BY Account.Name LIMIT 1", r#"{"Name":"Acme","expr0":0.3}"#),
        ("SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1 AND StageName LIKE 'P%'", r#"{"StageName":"Prospecting","expr0":2}"#),
        ("SELECT CALENDAR_YEAR(Contract_Start__c) y, COUNT(Id) FROM Account GROUP BY CALENDAR_YEAR(Contract_Start__c) HAVING CALENDAR_YEAR(Contract_Start__c) != null ORDER BY CALENDAR_YEAR(Contract_Start__c) DESC", r#"{"y":2025,"expr0":1},{"y":2024,"expr0":1}"#),
        ("SELECT WEEK_IN_YEAR(CloseDate), DAY_IN_WEEK(CloseDate) FROM Opportunity GROUP BY WEEK_IN_YEAR(CloseDate), DAY_IN_WEEK(CloseDate)", r#"{"expr0":18,"expr1":4}"#),
        ("SELECT FORMAT(SUM(AnnualRevenue)) money FROM Account", r#"{"money":"$6,000"}"#),
        ("SELECT Tier__c, Industry FROM Account GROUP BY Tier__c, Industry ORDER BY MAX(AnnualRevenue)", r#"{"Tier__c":"Silver","Industry":null},{"Tier__c":"Gold","Industry":"Energy"}"#),
        ("SELECT Tier__c FROM Account GROUP BY Tier__c ORDER BY Tier__c LIMIT 1 OFFSET 1", r#"{"Tier__c":"Silver"}"#),
    ];
    for (soql, expected) in table {
        let array =
            |text: &str| serde_json::from_str::<serde_json::Value>(&format!("[{text}]")).unwrap();
        assert_eq!(array(&found(&sandbox, soql).await), array(expected), "{soql}");
    }
    let answer = ask(&sandbox, "SELECT MAX(Name) FROM Account").await.json();
    let attributes = json!({"type": "AggregateResult"});
    assert_eq!(
        (&answer["totalSize"], &answer["records"][0]["attributes"]),
        (&json!(1), &attributes)
    );
}

#[tokio::test]
async fn rollup_and_cube_add_subtotals() {
    let sandbox = world().await;
    let rows = async |totals: &str| {
        let soql = format!(
            "SELECT Tier__c, Industry, GROUPING(Tier__c) t, GROUPING(Industry) i, COUNT(Id) n \
             FROM Account WHERE Tier__c != null GROUP BY {totals}(Tier__c, Industry)"
        );
        let text = found(&sandbox, &soql).await;
        text.matches("\"n\"").count()
    };

    // Two groups, two tiers, everything; and two industries.
    assert_eq!(rows("ROLLUP").await, 5);
    assert_eq!(rows("CUBE").await, 7);
    let total = "SELECT Tier__c, GROUPING(Tier__c) g, SUM(AnnualRevenue) s FROM Account GROUP BY ROLLUP(Tier__c) HAVING GROUPING(Tier__c) = 1";
    let total: serde_json::Value = serde_json::from_str(&found(&sandbox, total).await).unwrap();
    assert_eq!(total, json!({"Tier__c": null, "g": 1, "s": 6000.0}));
}

#[tokio::test]
async fn groups_that_cannot_be_are_refused() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("SELECT Name, COUNT(Id) FROM Account", "Field must be grouped or aggregated: Name"),
        ("SELECT Name FROM Account GROUP BY Industry", "Field must be grouped or aggregated: Name"),
        ("SELECT Industry FROM Account GROUP BY Industry ORDER BY Name", "Ordered field must be grouped or aggregated: Name"),
        ("SELECT Industry FROM Account GROUP BY Industry HAVING Name = 'x'", "Field must be grouped or aggregated: Name"),
        ("SELECT CALENDAR_YEAR(CreatedDate) FROM Account", "Field must be grouped or aggregated: CreatedDate"),
        ("SELECT CreatedDate FROM Account GROUP BY CreatedDate", "field 'CreatedDate' can not be grouped in a query call"),
        ("SELECT AnnualRevenue FROM Account GROUP BY AnnualRevenue", "field 'AnnualRevenue' can not be grouped in a query call"),
        ("SELECT SUM(Name) FROM Account", "field Name does not support aggregate operator SUM"),
        ("SELECT MAX(Active__c) FROM Account", "field Active__c does not support aggregate operator MAX"),
        ("SELECT MAX(Name) FROM Account LIMIT 1", "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"),
        ("SELECT Name n FROM Account", "only aggregate expressions use field aliasing"),
        ("SELECT MAX(Name) n, MIN(Name) n FROM Account", "duplicate alias: n"),
        ("SELECT Id FROM Account WHERE COUNT(Id) > 1", "aggregate function COUNT is not allowed here"),
        ("SELECT GROUPING(Name) FROM Account GROUP BY Name", "GROUPING needs a field of ROLLUP or CUBE: Name"),
        ("SELECT CALENDAR_YEAR(Name) FROM Account GROUP BY CALENDAR_YEAR(Name)", "field Name does not support date function CALENDAR_YEAR"),
        ("SELECT COUNT() FROM Account GROUP BY Name", "Grouped query cannot use COUNT() without a field"),
    ];
    for (soql, words) in table {
        assert_says(soql, &ask(&sandbox, soql).await, "MALFORMED_QUERY", words);
    }
}

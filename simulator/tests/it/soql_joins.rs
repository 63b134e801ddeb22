//! Semi-joins and anti-joins.

use crate::soql_world::{ask, assert_says, column, world};

#[tokio::test]
async fn rows_are_chosen_by_what_other_rows_refer_to() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact) ORDER BY Name", "Acme"),
        ("SELECT Name FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact) ORDER BY Name", "bolt_100%,O'Neill"),
        ("SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE Amount = null) AND Name != 'x'", "O'Neill"),
        ("SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND Id IN (SELECT AccountId FROM Opportunity)", "Acme"),
        ("SELECT LastName FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Tier__c = 'Gold') ORDER BY LastName", "Babbage,Lovelace"),
        ("SELECT Name FROM Opportunity WHERE AccountId IN (SELECT AccountId FROM Contact WHERE Email != null) ORDER BY Name", "large,small"),
        ("SELECT Name FROM Account WHERE (Id IN (SELECT AccountId FROM Case))", "bolt_100%"),
        ("SELECT Name FROM Account WHERE ParentId NOT IN (SELECT AccountId FROM Case) ORDER BY Name", "Acme,bolt_100%"),
        ("SELECT COUNT(Id) FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", "1"),
    ];
    for (soql, expected) in table {
        assert_eq!(column(&sandbox, soql).await, expected, "{soql}");
    }
}

#[tokio::test]
async fn joins_have_salesforces_restrictions() {
    let sandbox = world().await;
    #[rustfmt::skip]
    let table = [
        ("Name = 'x' OR Id IN (SELECT AccountId FROM Contact)", "Semi join sub-selects are not allowed with the 'OR' operator"),
        ("NOT Id IN (SELECT AccountId FROM Contact)", "Semi join sub-selects are not allowed with the 'NOT' operator"),
        ("Name != 'y' AND (Name = 'x' OR Id IN (SELECT AccountId FROM Contact))", "only allowed at the top level WHERE expressions and not in nested WHERE expressions."),
        ("Name IN (SELECT AccountId FROM Contact)", "should be an id field, cannot use: 'Name'"),
        ("Id IN (SELECT LastName FROM Contact)", "Semi join sub-select can only query id fields, cannot use: 'LastName'"),
        ("Id IN (SELECT Id FROM Contact)", "should point to the same object type"),
        ("Id IN (SELECT ParentId FROM Account)", "The inner and outer selects should not be on the same object type"),
        ("Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT ContactId FROM Case))", "Nesting of semi join sub-selects is not supported"),
        ("Id IN (SELECT AccountId FROM Contact LIMIT 1)", "not allowed in semi join sub-selects"),
        ("Id IN (SELECT Id, AccountId FROM Contact)", "must select exactly one id field"),
        ("Id IN (SELECT AccountId FROM Contact) AND Id IN (SELECT AccountId FROM Opportunity) AND Id IN (SELECT AccountId FROM Case)", "Maximum 2 semi join sub-selects are allowed"),
    ];
    for (condition, words) in table {
        let soql = format!("SELECT Id FROM Account WHERE {condition}");
        assert_says(&soql, &ask(&sandbox, &soql).await, "MALFORMED_QUERY", words);
    }
    let soql = "SELECT Id FROM Account WHERE Id IN (SELECT Id FROM Nope)";
    assert_says(soql, &ask(&sandbox, soql).await, "INVALID_TYPE", "appropriate names.");
}

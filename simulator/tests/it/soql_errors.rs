//! How statements are refused that are no SOQL or ask for what is not there.

use crate::soql_world::{ask, assert_says, world};

#[tokio::test]
async fn an_error_shows_its_place_in_the_statement() {
    let sandbox = world().await;
    let long = "SELECT Id,\nName,\nIndustry,\n Nope FROM Account";
    let table = [
        (
            "SELECT Id, Foo FROM Account",
            "\nSELECT Id, Foo FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo' on \
             entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' \
             after the custom field name. Please reference your WSDL or the describe call for the \
             appropriate names.",
        ),
        ("SELECT Id FROM Account WHERE", "unexpected token: '<EOF>'"),
        (
            "SELECT Id FROM Account LIMIT 5 5",
            "\nSELECT Id FROM Account LIMIT 5 5\n                               ^\nERROR at \
             Row:1:Column:32\nunexpected token: '5'",
        ),
        (
            long,
            "\n Nope FROM Account\n ^\nERROR at Row:4:Column:2\nNo such column 'Nope' on entity \
             'Account'. If you are attempting to use a custom field, be sure to append the '__c' after \
             the custom field name. Please reference your WSDL or the describe call for the appropriate \
             names.",
        ),
    ];
    for (soql, expected) in table {
        let answer = ask(&sandbox, soql).await.json();
        assert_eq!(answer[0]["message"], expected, "{soql}");
        assert!(answer[0].get("fields").is_none());
    }
}

#[tokio::test]
async fn refusals_have_salesforces_codes_and_words() {
    let sandbox = world().await;
    let deep =
        format!("SELECT Id FROM Account WHERE {}Name = 'x'{}", "(".repeat(500), ")".repeat(500));
    let text = format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(4001));
    let hint = "Please reference your WSDL or the describe call for the appropriate names.";
    #[rustfmt::skip]
    let table = [
        ("SELEC Id FROM Account", "MALFORMED_QUERY", "unexpected token: 'SELEC'"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "mismatched character '<EOF>' expecting '''"),
        ("SELECT Id FROM Account WHERE Name = \"x\"", "MALFORMED_QUERY", "no viable alternative at character '\"'"),
        (r"SELECT Id FROM Account WHERE Name = 'x\q'", "MALFORMED_QUERY", r"Illegal character sequence '\q' in string literal."),
        ("SELECT Id FROM Account WHERE Name = :name", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM Account ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id, Id FROM Account", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT Id FROM Account WITH DATA CATEGORY A__c AT b__c", "MALFORMED_QUERY", "Data category filters are not supported by this org"),
        ("SELECT Id FROM Account USING SCOPE nobody", "INVALID_QUERY_SCOPE", "Unknown filter scope: nobody"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", hint),
        ("SELECT Foo.Name FROM Account", "INVALID_FIELD", hint),
        ("SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account", "MALFORMED_QUERY", "at most 5 relationships"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"),
        ("SELECT Id FROM Account ORDER BY Description", "MALFORMED_QUERY", "field 'Description' can not be sorted in a query call"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime and should not be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", "INVALID_FIELD", "must be of type double and should not be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE Name = TODAY", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE AnnualRevenue LIKE '5'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on currency field"),
        ("SELECT Id FROM Account WHERE Active__c > true", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on boolean field"),
        ("SELECT Id FROM Account WHERE Tier__c INCLUDES ('Gold')", "INVALID_QUERY_FILTER_OPERATOR", "only valid on multipicklist field: Tier__c"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT convertCurrency(Name) FROM Account", "MALFORMED_QUERY", "field 'Name' is not a currency field"),
        (deep.as_str(), "QUERY_TOO_COMPLICATED", "the query is nested too deeply"),
        (text.as_str(), "MALFORMED_QUERY", "the maximum is 4000 characters"),
    ];
    for (soql, code, words) in table {
        assert_says(soql, &ask(&sandbox, soql).await, code, words);
    }
}

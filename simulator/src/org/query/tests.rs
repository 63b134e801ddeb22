//! Queries over a few rows, and over many.

mod naive;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use super::super::{Org, Scope};
use crate::{
    org::{Action, FieldRight, Permission},
    schema::Schema,
    value::Value,
};

/// Four accounts, each a second after the other, and what hangs on them.
fn org() -> Org {
    let seconds = Arc::new(AtomicI64::new(0));
    let ahead = Arc::clone(&seconds);
    let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut org = Org::new(
        Schema::sample(),
        Arc::new(move || start + TimeDelta::seconds(ahead.load(Ordering::SeqCst))),
    );
    let user = org.integration_user();
    let mut create = |object: &str, body: Json| {
        seconds.fetch_add(1, Ordering::SeqCst);
        org.create(user, object, body.as_object().unwrap()).unwrap().to_string()
    };
    let acme = create(
        "Account",
        json!({"Name": "Acme", "Industry": "Energy", "AnnualRevenue": 10, "External_Id__c": "A1", "Regions__c": "Asia;Europe", "BillingCity": "Lyon"}),
    );
    create(
        "Account",
        json!({"Name": "bolt_100%", "AnnualRevenue": 30, "External_Id__c": "A2", "ParentId": acme}),
    );
    create(
        "Account",
        json!({"Name": "O'Neill", "AnnualRevenue": 20, "Contract_Start__c": "2026-03-01", "Regions__c": "Europe"}),
    );
    let gone = create("Account", json!({"Name": "Gone"}));
    create("Contact", json!({"LastName": "Lovelace", "FirstName": "Ada", "AccountId": acme}));
    create("Contact", json!({"LastName": "Nobody"}));
    create("Case", json!({"Subject": "x"}));
    seconds.fetch_add(1, Ordering::SeqCst);
    org.delete(user, None, &gone).unwrap();
    org
}

fn csv_row(org: &Org, shape: &super::Shape, id: crate::Id) -> Vec<String> {
    let mut cells = Vec::new();
    assert!(org.each_cell(&org.cells(shape), id, |value| cells.push(value.to_cell())));
    cells
}

fn names(soql: &str) -> Vec<String> {
    let org = org();
    let result = org
        .query(org.integration_user(), soql, Scope::Live)
        .unwrap_or_else(|error| panic!("{soql}: {error}"));
    let cells = result.rows.iter().map(|id| csv_row(&org, &result.shape, id));
    cells.map(|mut cells| cells.remove(0)).collect()
}

#[test]
fn conditions_choose_rows() {
    #[rustfmt::skip]
    let table: [(&str, &[&str]); 34] = [
        ("Name = 'ACME'",                                   &["Acme"]),
        ("Name != 'acme'",                                  &["bolt_100%", "O'Neill"]),
        ("Name = 'O\\'Neill'",                              &["O'Neill"]),
        ("Name LIKE 'b%'",                                  &["bolt_100%"]),
        ("Name LIKE '%\\_1__\\%'",                          &["bolt_100%"]),
        ("Name LIKE '%e%'",                                 &["Acme", "O'Neill"]),
        ("NOT Name LIKE '%e%'",                             &["bolt_100%"]),
        ("Name LIKE 'Acm'",                                 &[]),
        ("Industry = null",                                 &["bolt_100%", "O'Neill"]),
        ("Industry != null",                                &["Acme"]),
        ("Industry != 'Retail'",                            &["Acme", "bolt_100%", "O'Neill"]),
        ("Industry = ''",                                   &["bolt_100%", "O'Neill"]),
        ("AnnualRevenue > 10",                              &["bolt_100%", "O'Neill"]),
        ("AnnualRevenue >= 10 AND AnnualRevenue < 30.0",    &["Acme", "O'Neill"]),
        ("AnnualRevenue IN (10, 30)",                       &["Acme", "bolt_100%"]),
        ("AnnualRevenue NOT IN (10, 30)",                   &["O'Neill"]),
        ("Name IN ('acme', 'x') OR AnnualRevenue = 30",     &["Acme", "bolt_100%"]),
        ("(Name = 'acme' OR AnnualRevenue = 30) AND Industry = null", &["bolt_100%"]),
        ("External_Id__c = 'a1'",                           &["Acme"]),
        ("External_Id__c IN ('a1', 'A2', 'a3')",            &["Acme", "bolt_100%"]),
        ("External_Id__c = null",                           &["O'Neill"]),
        ("Parent.Name = 'Acme'",                            &["bolt_100%"]),
        ("Parent.Name = null",                              &["Acme", "O'Neill"]),
        ("Account.Owner.Username = 'integration@lockstep.example' AND Account.Name = 'acme'", &["Acme"]),
        ("Regions__c INCLUDES ('Asia;Europe', 'Africa')",   &["Acme"]),
        ("Regions__c EXCLUDES ('Asia')",                    &["bolt_100%", "O'Neill"]),
        ("Active__c = true AND IsDeleted = false",          &["Acme", "bolt_100%", "O'Neill"]),
        ("IsDeleted = true",                                &[]),
        ("SystemModstamp > 2026-03-01T12:00:02Z",           &["O'Neill"]),
        ("SystemModstamp >= 2026-03-01T13:00:02+01:00 AND SystemModstamp < 2026-03-01T12:00:03.000Z", &["bolt_100%"]),
        ("(SystemModstamp = 2026-03-01T12:00:01Z AND Id > '001000000000000') OR SystemModstamp > 2026-03-01T12:00:02Z", &["Acme", "O'Neill"]),
        ("Contract_Start__c = TODAY",                       &["O'Neill"]),
        ("CreatedDate = LAST_N_DAYS:2 AND Contract_Start__c > 2026-02-28", &["O'Neill"]),
        ("Id = '005000000000001AAA'",                       &[]),
    ];
    for (condition, expected) in table {
        assert_eq!(
            names(&format!("SELECT Name FROM Account WHERE {condition} ORDER BY CreatedDate")),
            expected,
            "{condition}"
        );
    }
}

#[test]
fn rows_are_ordered_with_nulls_first_unless_said() {
    #[rustfmt::skip]
    let table: [(&str, &[&str]); 7] = [
        ("ORDER BY Name",                             &["Acme", "bolt_100%", "O'Neill"]),
        ("ORDER BY AnnualRevenue DESC",               &["bolt_100%", "O'Neill", "Acme"]),
        ("ORDER BY Industry, Name DESC",              &["O'Neill", "bolt_100%", "Acme"]),
        ("ORDER BY Industry DESC NULLS LAST, Name",   &["Acme", "bolt_100%", "O'Neill"]),
        ("ORDER BY SystemModstamp, Id LIMIT 2",       &["Acme", "bolt_100%"]),
        ("ORDER BY SystemModstamp DESC LIMIT 1",      &["O'Neill"]),
        ("ORDER BY Id LIMIT 1 OFFSET 1",              &["bolt_100%"]),
    ];
    for (order, expected) in table {
        assert_eq!(names(&format!("SELECT Name FROM Account {order}")), expected, "{order}");
    }
}

#[test]
fn a_row_shows_its_columns_in_the_order_of_the_select_list() {
    let org = org();
    let soql = "select lastname, Account.billingaddress, Account.name, id, Account.Parent.Name FROM contact where Name = 'Ada Lovelace'";
    let result = org.query(org.integration_user(), soql, Scope::Live).unwrap();
    let (id, mut out) = (result.rows.first().unwrap(), String::new());

    assert!(org.write_json(&result.shape, id, "66.0", &mut out));

    let account = org
        .query(org.integration_user(), "SELECT Id FROM Account WHERE Name = 'Acme'", Scope::Live)
        .unwrap()
        .rows
        .first()
        .unwrap();
    assert_eq!(
        out,
        format!(
            r#"{{"attributes":{{"type":"Contact","url":"/services/data/v66.0/sobjects/Contact/{id}"}},"LastName":"Lovelace","Account":{{"attributes":{{"type":"Account","url":"/services/data/v66.0/sobjects/Account/{account}"}},"BillingAddress":{{"city":"Lyon","country":null,"geocodeAccuracy":null,"latitude":null,"longitude":null,"postalCode":null,"state":null,"street":null}},"Name":"Acme","Parent":null}},"Id":"{id}"}}"#
        )
    );
    let result = org
        .query(
            org.integration_user(),
            "SELECT AccountId, Account.Name FROM Contact WHERE LastName = 'Nobody'",
            Scope::Live,
        )
        .unwrap();
    out.clear();
    org.write_json(&result.shape, result.rows.first().unwrap(), "66.0", &mut out);
    assert!(out.ends_with(r#""AccountId":null,"Account":null}"#), "{out}");
    assert_eq!(org.csv_header(&result.shape), ["AccountId", "Account.Name"]);
    assert_eq!(csv_row(&org, &result.shape, result.rows.first().unwrap()), ["", ""]);
}

#[test]
fn a_polymorphic_parent_is_shown_as_a_name() {
    let org = org();
    let result =
        org.query(org.integration_user(), "SELECT Owner.Name FROM Case", Scope::Live).unwrap();
    let mut out = String::new();
    org.write_json(&result.shape, result.rows.first().unwrap(), "66.0", &mut out);

    let row: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(row["Owner"]["attributes"]["type"], "Name");
    assert_eq!(row["Owner"]["Name"], "Integration User");
}

#[test]
fn only_query_all_sees_the_recycle_bin() {
    let org = org();
    let count = |soql: &str, scope| org.query(org.integration_user(), soql, scope).unwrap().total;

    assert_eq!(count("SELECT COUNT() FROM Account", Scope::Live), 3);
    assert_eq!(count("SELECT COUNT() FROM Account", Scope::WithDeleted), 4);
    assert_eq!(
        count(
            "SELECT Id FROM Account WHERE IsDeleted = true AND SystemModstamp >= 2026-03-01T12:00:05Z",
            Scope::WithDeleted
        ),
        1
    );
    assert!(
        org.query(org.integration_user(), "SELECT COUNT() FROM Account", Scope::Live)
            .unwrap()
            .rows
            .is_empty()
    );
    assert!(
        org.query(org.integration_user(), "SELECT FIELDS(ALL) FROM Account LIMIT 200", Scope::Live)
            .is_ok()
    );
}

#[test]
fn what_cannot_be_looked_up_is_refused_in_salesforces_words() {
    let org = org();
    #[rustfmt::skip]
    let table = [
        ("SELECT Id, Foo FROM Account",                        "INVALID_FIELD: \nSELECT Id, Foo FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo' on entity 'Account'. If you are"),
        ("SELECT Id FROM Foo",                                 "INVALID_TYPE: \nSELECT Id FROM Foo\n               ^\nERROR at Row:1:Column:16\nsObject type 'Foo' is not supported."),
        ("SELECT Foo.Name FROM Account",                       "INVALID_FIELD: \nSELECT Foo.Name FROM Account\n       ^\nERROR at Row:1:Column:8\nDidn't understand relationship 'Foo' in field path."),
        ("SELECT Id, id FROM Account",                         "MALFORMED_QUERY: duplicate field selected: Id"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5",              "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'",     "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE BillingAddress = null", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'abc'",            "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE AnnualRevenue LIKE 'a'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account OFFSET 2001",                 "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT FIELDS(ALL) FROM Account",                    "MALFORMED_QUERY"),
    ];
    for (soql, expected) in table {
        let error = org.query(org.integration_user(), soql, Scope::Live).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{soql}: {error}");
        assert_eq!(error.fields, None);
    }
    for soql in [
        "SELECT COUNT() FROM Account",
        "SELECT BillingAddress FROM Account",
        "SELECT Id FROM Account OFFSET 1",
        "SELECT FIELDS(STANDARD) FROM Account",
        "SELECT MAX(Name) FROM Account",
        "SELECT Industry FROM Account GROUP BY Industry",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT TYPEOF Owner WHEN User THEN Name END FROM Case",
    ] {
        assert_eq!(
            org.bulk_query(org.integration_user(), soql, Scope::Live).unwrap_err().code,
            "FUNCTIONALITY_NOT_ENABLED",
            "{soql}"
        );
    }
    assert!(
        org.bulk_query(org.integration_user(), "SELECT Id, Parent.Name FROM Account", Scope::Live)
            .is_ok()
    );
}

/// Whatever way an index takes to the rows, they are those that a look at every row finds.
#[test]
fn indexes_find_what_a_full_look_finds() {
    let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut org = Org::new(Schema::sample(), Arc::new(move || now));
    crate::generate::fill(&mut org, 3, 0.1);
    let some = org
        .query(org.integration_user(), "SELECT Id FROM Account LIMIT 1 OFFSET 40", Scope::Live)
        .unwrap()
        .rows
        .first()
        .unwrap();
    for condition in [
        format!("Id > '{some}'"),
        format!("Id <= '{some}'"),
        format!("AccountId = '{some}'"),
        format!("AccountId = '{some}' OR AccountId = null"),
        "External_Id__c > 'CON-000300'".to_owned(),
        "SystemModstamp < 2026-03-01T12:00:00Z".to_owned(),
        "SystemModstamp >= 2026-03-01T12:00:00Z".to_owned(),
    ] {
        // Twice negated, no index applies.
        for order in ["", " ORDER BY SystemModstamp, Id", " ORDER BY Id"] {
            let fast = format!("SELECT Id FROM Contact WHERE {condition}{order}");
            let slow = format!("SELECT Id FROM Contact WHERE NOT (NOT ({condition})){order}");
            assert_eq!(
                org.query(org.integration_user(), &fast, Scope::Live).unwrap().rows,
                org.query(org.integration_user(), &slow, Scope::Live).unwrap().rows,
                "{fast}"
            );
        }
    }
}

#[test]
fn what_a_reader_may_not_see_is_not_there() {
    let mut org = org();
    let (reader, other) = (org.integration_user(), org.human_user());
    let account = org.schema().number("Account").unwrap();
    let industry = org.object(account).unwrap().number("Industry").unwrap();
    org.set_field_right(Some(reader), account, industry, FieldRight::Hidden);
    let contact = org.schema().number("Contact").unwrap();
    org.allow(Some(reader), contact, Action::Read, false);
    let code =
        |reader, soql: &str| org.query(reader, soql, Scope::Live).map_err(|error| error.code);

    for (soql, refused) in [
        ("SELECT Industry FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Industry = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Parent.Industry", "INVALID_FIELD"),
        ("SELECT COUNT(Industry) FROM Account", "INVALID_FIELD"),
        ("SELECT Industry FROM Account GROUP BY Industry", "INVALID_FIELD"),
        ("SELECT Id FROM Contact", "INVALID_TYPE"),
        ("SELECT (SELECT Id FROM Contacts) FROM Account", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", "INVALID_TYPE"),
        ("SELECT Contact.Name FROM Case", "INVALID_FIELD"),
    ] {
        assert_eq!(code(reader, soql).unwrap_err(), refused, "{soql}");
        assert!(code(other, soql).is_ok(), "{soql}");
    }
    let all = org.query(reader, "SELECT FIELDS(ALL) FROM Account LIMIT 1", Scope::Live).unwrap();
    assert!(!org.csv_header(&all.shape).contains(&"Industry".to_owned()));
    assert!(org.csv_header(&all.shape).contains(&"Name".to_owned()));
}

#[test]
fn sharing_hides_rows_from_every_kind_of_query() {
    let mut org = org();
    let (owner, other) = (org.integration_user(), org.human_user());
    let account = org.schema().number("Account").unwrap();
    org.set_private(account, true);
    org.permit(Some(other), Permission::ViewAllData, false);
    org.permit(Some(other), Permission::ModifyAllData, false);
    let count = |reader, soql: &str| {
        let result = org.query(reader, soql, Scope::Live).unwrap();
        result.groups.map_or(result.total, |groups| usize::from(groups.rows[0][0] != Value::Int(0)))
    };

    for soql in [
        "SELECT COUNT() FROM Account",
        "SELECT Id FROM Account WHERE Name LIKE '%e%'",
        "SELECT COUNT(Id) FROM Account",
        "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account)",
    ] {
        assert!(count(owner, soql) > 0, "{soql}");
        assert_eq!(count(other, soql), 0, "{soql}");
    }
}

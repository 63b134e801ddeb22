//! SOQL, read and printed; and what is refused.

mod grammar;

use proptest::prelude::*;

use super::*;

fn code(soql: &str) -> String {
    parse(soql).unwrap_err().to_string()
}

#[test]
fn a_statement_is_read_with_all_its_clauses() {
    let query = parse(
        "select Id, Account.Owner.Name FROM Contact where (Name like 'A\\_%' OR Age__c in (1, -2.5)) \
         and not Tags__c excludes ('a;b') AND CreatedDate >= 2024-01-31T10:00:00+02:00 \
         order by Name desc nulls last, Id limit 10 offset 5",
    )
    .unwrap();

    assert_eq!(
        query.to_string(),
        "SELECT Id, Account.Owner.Name FROM Contact WHERE (Name LIKE 'A\\_%' OR Age__c IN (1, -2.5)) \
         AND NOT Tags__c EXCLUDES ('a;b') AND CreatedDate >= 2024-01-31T08:00:00Z \
         ORDER BY Name DESC NULLS LAST, Id LIMIT 10 OFFSET 5"
    );
}

#[test]
fn what_is_not_understood_is_named_with_its_place() {
    // What follows the object might be an alias, so the error is at what follows that.
    assert_eq!(
        code("SELECT Id FROM Account WHRE Name = 'x'"),
        "MALFORMED_QUERY: \nSELECT Id FROM Account WHRE Name = 'x'\n                            ^\n\
         ERROR at Row:1:Column:29\nunexpected token: 'Name'"
    );
    assert!(code("SELECT Id\nFROM Account\nLIMIT x").contains("ERROR at Row:3:Column:7"));
    for soql in [
        "",
        "SELECT",
        "SELECT FROM Account",
        "SELECT Id, FROM Account",
        "SELECT Id FROM",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account WHERE Name = 'a' AND Id = 'b' OR Id = 'c'",
        "SELECT Id FROM Account WHERE Name = 'a",
        "SELECT Id FROM Account WHERE Name = 'a\\q'",
        "SELECT Id FROM Account GROUP BY",
        "SELECT FOO(Id) FROM Account",
        "SELECT COUNT(), Id FROM Account",
        "SELECT (SELECT Id FROM Contacts FROM Account",
        "SELECT Id FROM Account WHERE Id IN (SELECT)",
        "SELECT Id FROM Account WHERE Id = :id",
        "SELECT Id FROM Account HAVING Id = 'x'",
        "SELECT TYPEOF What THEN Id END FROM Event",
        "SELECT TYPEOF What WHEN Account THEN Id FROM Event",
        "SELECT Id FROM Account USING everything",
        "SELECT Id FROM Account WITH DATA CATEGORY Geography__c AT x__c",
        "SELECT Id FROM Account FOR",
        "SELECT Id FROM Account WHERE DISTANCE(A__c, GEOLOCATION(1), 'mi') < 1",
        "SELECT Id FROM Account WHERE DISTANCE(A__c, GEOLOCATION(1, 2), 'ft') < 1",
        "SELECT Id FROM Account WHERE D__c = LAST_N_WEEK:3",
        "SELECT Id FROM Account ALL ROWS",
        "SELECT Id FROM Account WHERE Name = \"a\"",
        "SELECT Id FROM Account WHERE Name IN ()",
        "SELECT a..b FROM c",
        "SELECT Id FROM Account WHERE D__c = 2024-13-01",
    ] {
        assert!(code(soql).starts_with("MALFORMED_QUERY"), "{soql}");
    }
}

#[test]
fn what_is_nested_too_deeply_or_too_long_is_refused() {
    for deep in [
        format!("SELECT Id FROM Account WHERE {}", "(".repeat(50_000)),
        format!("SELECT Id FROM Account WHERE {}", "NOT ".repeat(20_000)),
        "SELECT (".repeat(10_000),
        format!("SELECT {}Id FROM Account", "FORMAT(".repeat(10_000)),
        "SELECT Id FROM Account WHERE Id IN (".repeat(2_000),
    ] {
        assert!(code(&deep).starts_with("QUERY_TOO_COMPLICATED"), "{deep:.60}");
    }
    let long = format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(4_001));
    assert!(code(&long).contains("ERROR at Row:1:Column:37\nstring literal is too long"));
    assert!(code(&"x".repeat(100_001)).contains("longer than 100000 characters"));
}

#[test]
fn texts_know_salesforces_escapes() {
    let query = parse(r"SELECT Id FROM A WHERE B = '\'\\\n\u00e9\u0022\t' ").unwrap();

    let Some(Condition::Compare { literal: Literal::Text(text), .. }) = query.condition else {
        panic!()
    };
    assert_eq!(text, "'\\\né\"\t");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back_the_same(query in grammar::query()) {
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }

    /// Texts that are nearly statements: two halves of two.
    #[test]
    fn no_mixture_makes_the_parser_panic(
        one in grammar::query(), other in grammar::query(), cut in 0..1000_usize,
    ) {
        let half: String = one.to_string().chars().take(cut).collect();
        drop(parse(&half));
        drop(parse(&format!("{half}{}", other.to_string().chars().skip(cut).collect::<String>())));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), tail in ".{0,40}") {
        drop(parse(&text));
        drop(parse(&format!("SELECT Id FROM Account WHERE {tail}")));
        drop(parse(&format!("SELECT Id FROM Account WHERE Name = '{tail}")));
    }
}

//! SOQL, read and printed; and what is refused.

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
    assert_eq!(
        code("SELECT Id FROM Account WHRE Name = 'x'"),
        "MALFORMED_QUERY: \nSELECT Id FROM Account WHRE Name = 'x'\n                       ^\n\
         ERROR at Row:1:Column:24\nunexpected token: 'WHRE'"
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
        "SELECT Id FROM Account GROUP BY Id",
        "SELECT MAX(Id) FROM Account",
        "SELECT Id FROM Account ALL ROWS",
        "SELECT Id FROM Account WHERE Name = \"a\"",
        "SELECT Id FROM Account WHERE Name IN ()",
        "SELECT a..b FROM c",
        "SELECT Id FROM Account WHERE D__c = 2024-13-01",
    ] {
        assert!(code(soql).starts_with("MALFORMED_QUERY"), "{soql}");
    }
    let deep = format!("SELECT Id FROM Account WHERE {}", "(".repeat(5000));
    assert!(code(&deep).starts_with("QUERY_TOO_COMPLICATED"));
}

#[test]
fn texts_know_salesforces_escapes() {
    let query = parse(r"SELECT Id FROM A WHERE B = '\'\\\n\u00e9\u0022\t' ").unwrap();

    let Some(Condition::Compare { literal: Literal::Text(text), .. }) = query.condition else {
        panic!()
    };
    assert_eq!(text, "'\\\né\"\t");
}

fn path() -> impl Strategy<Value = Path> {
    let name = "[A-Z][a-z]{1,6}(__c)?".prop_filter("keywords", |name| {
        !["From", "Where", "Order", "Limit", "And", "Or", "Not", "Select", "Fields", "Count"]
            .contains(&name.as_str())
    });
    prop::collection::vec(name, 1..4).prop_map(|names| Path { names, at: At(0) })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        (-1e9..1e9).prop_map(Literal::Number),
        any::<String>().prop_map(Literal::Text),
        (0_i64..4_000_000_000)
            .prop_map(|at| Literal::Moment(DateTime::from_timestamp(at, 0).unwrap())),
        (0_i64..4_000_000_000)
            .prop_map(|at| Literal::Date(DateTime::from_timestamp(at, 0).unwrap().date_naive())),
        any::<u16>().prop_map(|days| Literal::Relative(Relative::LastNDays(days))),
    ]
}

fn pattern() -> impl Strategy<Value = Vec<Piece>> {
    let between = prop_oneof![Just(Piece::One), Just(Piece::Many)];
    prop::collection::vec(("[a-z%_'\\\\é]{1,4}", between), 0..4).prop_map(|parts| {
        parts.into_iter().flat_map(|(text, wildcard)| [Piece::Text(text), wildcard]).collect()
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let operator = prop_oneof![
        Just(Operator::Equal),
        Just(Operator::NotEqual),
        Just(Operator::Less),
        Just(Operator::LessOrEqual),
        Just(Operator::Greater),
        Just(Operator::GreaterOrEqual),
    ];
    let leaf = prop_oneof![
        (path(), operator, literal()).prop_map(|(path, operator, literal)| {
            Condition::Compare { path, operator, literal }
        }),
        (path(), any::<bool>(), prop::collection::vec(literal(), 1..4))
            .prop_map(|(path, negated, literals)| Condition::In { path, negated, literals }),
        (path(), pattern()).prop_map(|(path, pattern)| Condition::Like { path, pattern }),
        (path(), any::<bool>(), prop::collection::vec(any::<String>(), 1..3))
            .prop_map(|(path, negated, texts)| Condition::Includes { path, negated, texts }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn query() -> impl Strategy<Value = Query> {
    let items = prop::collection::vec(path().prop_map(Item::Path), 1..4).prop_map(Select::Items);
    let order = (path(), any::<bool>(), any::<bool>())
        .prop_map(|(path, descending, nulls_last)| Order { path, descending, nulls_last });
    (
        prop_oneof![Just(Select::Count), items],
        prop::option::of(condition()),
        prop::collection::vec(order, 0..3),
        prop::option::of(any::<u64>()),
        prop::option::of(any::<u64>()),
    )
        .prop_map(|(select, condition, order, limit, offset)| Query {
            select,
            from: "Account".to_owned(),
            from_at: At(0),
            condition,
            order,
            limit,
            offset,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back_the_same(query in query()) {
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), tail in ".{0,40}") {
        drop(parse(&text));
        drop(parse(&format!("SELECT Id FROM Account WHERE {tail}")));
        drop(parse(&format!("SELECT Id FROM Account WHERE Name = '{tail}")));
    }
}

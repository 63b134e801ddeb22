//! Searches as they are read, and the texts that they find.

use proptest::prelude::*;

use super::*;

fn matches(terms: &str, text: &str) -> bool {
    parse_terms(terms).unwrap().matches(&[words(text)])
}

#[test]
fn terms_find_the_beginnings_of_words() {
    #[rustfmt::skip]
    let table = [
        ("acme",                "Acme Corporation",   true),
        ("corp",                "Acme Corporation",   true),
        ("poration",            "Acme Corporation",   false),
        ("acme corp",           "Acme Corporation",   true),
        ("acme widget",         "Acme Corporation",   false),
        ("acme OR widget",      "Acme Corporation",   true),
        ("acme AND NOT corp",   "Acme Corporation",   false),
        ("acme and not widget", "Acme Corporation",   true),
        ("(a1 OR acme) corp",   "Acme Corporation",   true),
        ("\"acme corporation\"", "The Acme Corporation", true),
        ("\"acme corp\"",       "Acme Corporation",   false),
        ("\"and\"",             "this and that",      true),
        ("ac*e",                "Acme",               true),
        ("ac?e",                "Acme",               true),
        ("ac?",                 "Acme",               false),
        ("ac*",                 "Acme",               true),
        ("ada@example.com",     "ada@example.com",    true),
        ("O\\'Brien",           "Pat O'Brien",        true),
        ("ÉCOLE",               "école",              true),
    ];
    for (terms, text, expected) in table {
        assert_eq!(matches(terms, text), expected, "{terms} in {text}");
    }
}

#[test]
fn statements_have_their_clauses() {
    let read = parse(
        "find {Acme \\} Co} in name fields returning Account(Id, Name where Name = 'a)b' and (X = 1) \
         order by Name desc limit 5 offset 2), Contact , Lead(Id) with snippet (target_length=1) limit 7 update tracking",
    )
    .unwrap();

    assert_eq!(read.group, Group::Name);
    assert_eq!(read.limit, Some(7));
    assert_eq!(
        read.returning[0],
        Returning {
            object: "Account".into(),
            fields: vec!["Id".into(), "Name".into()],
            condition: Some("Name = 'a)b' and (X = 1)".into()),
            order: Some("Name desc".into()),
            limit: Some(5),
            offset: Some(2),
        }
    );
    assert_eq!(read.returning[1], Returning { object: "Contact".into(), ..Returning::default() });
    assert_eq!(read.returning[2].object, "Lead");
}

#[test]
fn what_is_no_search_is_refused_with_its_code() {
    #[rustfmt::skip]
    let table = [
        ("",                                    "MALFORMED_SEARCH"),
        ("SELECT Id FROM Account",              "MALFORMED_SEARCH"),
        ("FIND Acme",                           "MALFORMED_SEARCH"),
        ("FIND 'Acme'",                         "MALFORMED_SEARCH"),
        ("FIND {Acme",                          "MALFORMED_SEARCH"),
        ("FIND {Acme} IN SOME FIELDS",          "MALFORMED_SEARCH"),
        ("FIND {Acme} IN ALL",                  "MALFORMED_SEARCH"),
        ("FIND {Acme} RETURNING",               "MALFORMED_SEARCH"),
        ("FIND {Acme} RETURNING Account(",      "MALFORMED_SEARCH"),
        ("FIND {Acme} RETURNING Account()",     "MALFORMED_SEARCH"),
        ("FIND {Acme} RETURNING Account(Id WHERE)", "MALFORMED_SEARCH"),
        ("FIND {Acme} RETURNING Account(Id LIMIT x)", "MALFORMED_SEARCH"),
        ("FIND {Acme} LIMIT -1",                "MALFORMED_SEARCH"),
        ("FIND {Acme} nonsense",                "MALFORMED_SEARCH"),
        ("FIND {(Acme}",                        "MALFORMED_SEARCH"),
        ("FIND {Acme AND}",                     "MALFORMED_SEARCH"),
        ("FIND {OR Acme}",                      "MALFORMED_SEARCH"),
        ("FIND {\"Acme}",                       "MALFORMED_SEARCH"),
        ("FIND {*acme}",                        "MALFORMED_SEARCH"),
        ("FIND {a}",                            "INVALID_SEARCH"),
        ("FIND {}",                             "INVALID_SEARCH"),
        ("FIND { - }",                          "INVALID_SEARCH"),
    ];
    for (sosl, code) in table {
        assert_eq!(parse(sosl).unwrap_err().code, code, "{sosl}");
    }
    let deep = format!("FIND {{{}xx{}}}", "(".repeat(500), ")".repeat(500));
    assert_eq!(parse(&deep).unwrap_err().code, "MALFORMED_SEARCH");
}

fn term() -> impl Strategy<Value = Term> {
    let word = "[a-z]{2,8}";
    let leaf = prop_oneof![
        word.prop_map(Term::Word),
        "[a-z]{1,4}[*?][a-z]{0,3}".prop_map(Term::Word),
        prop::collection::vec(word, 2..4).prop_map(Term::Phrase),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Term::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Term::Or),
            (inner.clone(), inner).prop_map(|(a, b)| Term::AndNot(Box::new(a), Box::new(b))),
        ]
    })
}

fn returning() -> impl Strategy<Value = Returning> {
    let condition = prop_oneof![
        Just("Name = 'it\\'s ) WHERE LIMIT 3'".to_owned()),
        Just("Id IN ('a', 'b') AND (X__c > 3 OR Y__c = null)".to_owned()),
    ];
    (
        "X[a-z_]{0,5}",
        prop::collection::vec("F[a-z.]{0,5}", 1..4),
        prop::option::of(condition),
        prop::option::of(Just("Name DESC NULLS LAST, Id".to_owned())),
        prop::option::of(0..3000_u64),
        prop::option::of(0..100_u64),
    )
        .prop_map(|(object, fields, condition, order, limit, offset)| Returning {
            object,
            fields,
            condition,
            order,
            limit,
            offset,
        })
}

proptest! {
    #[test]
    fn a_printed_search_reads_as_itself(
        term in term(),
        group in prop_oneof![Just(Group::All), Just(Group::Name), Just(Group::Email), Just(Group::Phone), Just(Group::Sidebar)],
        returning in prop::collection::vec(returning(), 0..3),
        limit in prop::option::of(0..5000_u64),
    ) {
        let search = Search { term, group, returning, limit };

        prop_assert_eq!(parse(&search.to_string()), Ok(search));
    }

    #[test]
    fn no_text_is_too_strange_to_be_answered(text in "\\PC{0,60}", tail in "[A-Za-z(){}',* \\\\\"]{0,60}") {
        let _answered = parse(&text).is_ok();
        let _answered = parse(&format!("FIND {{{tail}")).is_ok();
        let _answered = parse(&format!("FIND {{xx}} RETURNING {tail}")).is_ok();
        let _answered = parse_terms(&text).map(|term| term.matches(&[words(&tail)]));
    }
}

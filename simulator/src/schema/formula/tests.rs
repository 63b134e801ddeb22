//! What formulas are worth, and which cannot be read.

use chrono::{DateTime, Utc};

use super::*;

/// A row with a few fields, changed from another name.
struct Row;

impl Surroundings for Row {
    fn field(&self, path: &[String]) -> Value {
        match path.join(".").as_str() {
            "Name" => Value::Text("Ada".into()),
            "Account.Name" => Value::Text("Acme".into()),
            "Price" => Value::Number(2.5),
            "Count" => Value::Int(4),
            "Active" => Value::Bool(true),
            "Stage" => Value::Text("Won".into()),
            "Regions" => Value::Text("Asia;Europe".into()),
            "Start" => Value::Date("2024-01-31".parse().unwrap()),
            "At" => Value::Moment("2024-02-29T10:00:00Z".parse().unwrap()),
            "Id" => Value::Id(Id::from_text("001000000000001").unwrap()),
            _ => Value::Null,
        }
    }

    fn prior(&self, path: &[String]) -> Option<Value> {
        Some(match path.join(".").as_str() {
            "Name" => Value::Text("Eve".into()),
            _ => self.field(path),
        })
    }

    fn now(&self) -> DateTime<Utc> {
        "2026-11-23T12:34:56Z".parse().unwrap()
    }
}

use crate::Id;

fn computed(formula: &str) -> String {
    let formula = Formula::understand(formula).unwrap_or_else(|error| panic!("{formula}: {error}"));
    super::evaluate::text(&formula.evaluate(&Row))
}

#[test]
fn operators_bind_as_in_salesforce() {
    #[rustfmt::skip]
    let table = [
        ("1 + 2 * 3",                    "7"),
        ("(1 + 2) * 3",                  "9"),
        ("10 - 4 - 3",                   "3"),
        ("2 ^ 3 * 2",                    "16"),
        ("-Price + 1",                   "-1.5"),
        ("1 / 0",                        ""),
        ("Price * Nothing",              ""),
        ("1 + 1 = 2 && !FALSE",          "true"),
        ("1 > 2 || 2 >= 2",              "true"),
        ("Name <> 'Ada'",                "false"),
        ("Name == \"Ada\"",              "true"),
        ("NULL = \"\"",                  "true"),
        ("Nothing < 1",                  "false"),
        ("Name & \" of \" & Account.Name", "Ada of Acme"),
        ("\"x\" + \"y\"",                "xy"),
        ("Id = '001000000000001'",       "true"),
        ("/* a note */ Count",           "4"),
        ("Start + 1.9",                  "2024-02-01"),
        ("DATE(2024, 3, 1) - Start",     "30"),
        ("At + 0.5",                     "2024-02-29 22:00:00Z"),
        ("NOW() - At > 1000",            "false"),
    ];
    for (formula, expected) in table {
        assert_eq!(computed(formula), expected, "{formula}");
    }
}

#[test]
fn functions_compute_what_their_names_say() {
    #[rustfmt::skip]
    let table = [
        ("IF(Active, 1, 1 / 0)",                       "1"),
        ("AND(Active, Count > 3)",                     "true"),
        ("or(FALSE, NOT(Active))",                     "false"),
        ("ISBLANK(Nothing) && NOT(ISBLANK(Name))",     "true"),
        ("BLANKVALUE(Nothing, \"-\")",                 "-"),
        ("NULLVALUE(Count, 0)",                        "4"),
        ("CASE(Stage, \"Lost\", 0, \"Won\", 1, 9)",    "1"),
        ("CASE(Stage, \"Lost\", 0, 9)",                "9"),
        ("ISPICKVAL(Stage, \"Won\")",                  "true"),
        ("ISPICKVAL(Nothing, \"\")",                   "true"),
        ("INCLUDES(Regions, \"Europe\")",              "true"),
        ("TEXT(Price) & TEXT(At)",                     "2.52024-02-29 10:00:00Z"),
        ("VALUE(\" 12.5 \") + 1",                      "13.5"),
        ("LEN(Name)",                                  "3"),
        ("LEFT(Name, 1) & RIGHT(Name, 1)",             "Aa"),
        ("MID(\"abcdef\", 2, 3)",                      "bcd"),
        ("UPPER(Name) & LOWER(Name) & TRIM(\" x \")",  "ADAadax"),
        ("CONTAINS(Name, \"d\")",                      "true"),
        ("BEGINS(Name, \"da\")",                       "false"),
        ("FIND(\"d\", Name) & FIND(\"x\", Name)",      "20"),
        ("SUBSTITUTE(Name, \"A\", \"I\")",             "Ida"),
        ("LPAD(Name, 5, \"*\") & RPAD(Name, 2)",       "**AdaAd"),
        ("ROUND(2.345, 2)",                            "2.35"),
        ("ROUND(-1234, -2)",                           "-1200"),
        ("ABS(-3) + MAX(1, 5, 3) + MIN(4, 2) + MOD(7, 4)", "13"),
        ("TODAY()",                                    "2026-11-23"),
        ("YEAR(TODAY()) * 100 + MONTH(TODAY())",       "202611"),
        ("DAY(DATEVALUE(At)) & WEEKDAY(Start)",        "294"),
        ("DATEVALUE(\"2024-02-30\")",                  ""),
        ("DATE(2023, 2, 29)",                          ""),
        ("ADDMONTHS(Start, 1)",                        "2024-02-29"),
        ("HYPERLINK(\"/x\", Name)",                    "<a href=\"/x\" target=\"_blank\">Ada</a>"),
        ("IMAGE(\"/i.png\", \"i\")",                   "<img src=\"/i.png\" alt=\"i\" border=\"0\"/>"),
        ("ISCHANGED(Name) && !ISCHANGED(Count)",       "true"),
        ("PRIORVALUE(Name)",                           "Eve"),
        ("ISNEW()",                                    "false"),
    ];
    for (formula, expected) in table {
        assert_eq!(computed(formula), expected, "{formula}");
    }
}

#[test]
fn what_is_no_formula_is_refused_with_a_reason() {
    let deep = format!("{}1{}", "(".repeat(60), ")".repeat(60));
    let long = vec!["1"; 600].join("+");
    let table = [
        ("", "ends too early"),
        ("1 +", "ends too early"),
        ("(1", ") is missing"),
        ("1 2", "unexpected 2"),
        ("NOPE(1)", "unknown function NOPE"),
        ("LEN()", "LEN does not take 0 arguments"),
        ("\"x", "does not end"),
        ("1 # 2", "unexpected #"),
        (deep.as_str(), "too deeply"),
        (long.as_str(), "too long"),
    ];
    for (formula, reason) in table {
        let error = Formula::understand(formula).unwrap_err();
        assert!(error.contains(reason), "{formula}: {error}");
    }
}

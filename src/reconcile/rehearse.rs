//! A write is held against what Salesforce is known to accept, before a request is spent on it.
//!
//! Only what is certain counts. What the org's own automation may still mend is told apart by the operator: a change that
//! is retried by hand is not rehearsed again.

use super::values::FieldValues;
use crate::mapping::{Mapping, Rehearsal, ValueLimit};
use crate::model::{Action, Value};

/// Why Salesforce would refuse a write, in the manner of its own refusals. Carries no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The code that Salesforce would answer with.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The fields that it is about.
    pub fields: Vec<String>,
}

/// What is known of the record that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// It is made.
    New,
    /// It is there, and keeps what is not written.
    Existing,
    /// It may be there or not: its external id was not looked for.
    Either,
    /// It is deleted.
    Gone,
}

/// What speaks against writing these values; `None` where nothing does for certain.
#[must_use]
pub fn rehearse(mapping: &Mapping, target: Target, values: &FieldValues) -> Option<Objection> {
    let rules = mapping.rehearsal.as_deref()?;
    if let Some(objection) = forbidden(mapping, rules, target) {
        return Some(objection);
    }
    let value_of = |name: &str| {
        let named = |(field, _): &&(usize, Value)| {
            mapping.fields.get(*field).is_some_and(|field| field.name == name)
        };
        values.iter().find(named).map(|(_, value)| value)
    };
    let is_missing = |name: &&String| match value_of(name) {
        Some(value) => value.is_null(),
        None => target == Target::New,
    };
    let missing: Vec<String> = rules.required.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        return Some(Objection {
            code: "REQUIRED_FIELD_MISSING",
            message: would(&format!("Required fields are missing: [{}]", missing.join(", "))),
            fields: missing,
        });
    }
    values.iter().find_map(|(field, value)| {
        let name = &mapping.fields.get(*field)?.name;
        let (code, what) = beyond(rules.limits.get(name)?, value)?;
        Some(Objection {
            code,
            message: would(&format!("{name}: {what}")),
            fields: vec![name.clone()],
        })
    })
}

/// The refusal of what the user may not do to any record of the object.
fn forbidden(mapping: &Mapping, rules: &Rehearsal, target: Target) -> Option<Objection> {
    let (action, verb) = match target {
        Target::New => (Action::Insert, "create"),
        Target::Existing => (Action::Update, "change"),
        Target::Gone => (Action::Delete, "delete"),
        Target::Either => return None,
    };
    rules.forbidden.contains(&action).then(|| Objection {
        code: "INSUFFICIENT_ACCESS_OR_READONLY",
        message: would(&format!("the integration user may not {verb} {} records", mapping.object)),
        fields: Vec::new(),
    })
}

fn would(words: &str) -> String {
    format!("would be refused: {words}")
}

/// The refusal of a value beyond its limit.
fn beyond(limit: &ValueLimit, value: &Value) -> Option<(&'static str, String)> {
    match (limit, value) {
        // Counted the shorter way: Salesforce may count some characters twice, never less than once.
        (ValueLimit::Length(length), Value::Text(text)) => {
            let most = usize::try_from(*length).unwrap_or(usize::MAX);
            (text.chars().count() > most)
                .then(|| ("STRING_TOO_LONG", format!("data value too large (max length={length})")))
        }
        (ValueLimit::WholeDigits(digits), number) => has_more_digits(number, *digits).then(|| {
            let what = "value outside of valid range on numeric field".to_owned();
            ("NUMBER_OUTSIDE_VALID_RANGE", what)
        }),
        (ValueLimit::Choices { is_list, values }, Value::Text(text)) => {
            let is_known = |part: &str| part.is_empty() || values.contains(&part.to_lowercase());
            let is_accepted = if *is_list {
                text.split(';').map(str::trim).all(is_known)
            } else {
                is_known(text)
            };
            (!is_accepted).then(|| {
                let what = "bad value for restricted picklist field".to_owned();
                ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", what)
            })
        }
        _ => None,
    }
}

fn has_more_digits(number: &Value, digits: u32) -> bool {
    match number {
        Value::Decimal(number) => number.whole_digits() > digits,
        Value::Double(number) => {
            number.abs() >= 10_f64.powi(i32::try_from(digits).unwrap_or(i32::MAX))
        }
        Value::Int(number) => {
            10_u64.checked_pow(digits).is_some_and(|least| number.unsigned_abs() >= least)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, rehearse};
    use crate::mapping::{Mapping, Rehearsal, ValueLimit};
    use crate::model::{Action, Decimal, Value};
    use crate::reconcile::samples::{contact, text};
    use std::sync::Arc;

    const LAST_NAME: usize = 0;
    const EMAIL: usize = 1;

    fn with(limit: Option<ValueLimit>) -> Mapping {
        let rehearsal = Rehearsal {
            required: ["LastName".to_owned()].into(),
            limits: limit.map(|limit| ("Email".to_owned(), limit)).into_iter().collect(),
            ..Rehearsal::default()
        };
        Mapping { rehearsal: Some(Arc::new(rehearsal)), ..contact() }
    }

    #[test]
    fn a_value_beyond_its_limit_is_foretold_and_any_other_is_not() {
        let choices = |is_list| ValueLimit::Choices {
            is_list,
            values: ["hot".to_owned(), "cold".to_owned()].into(),
        };
        let decimal = |text| Value::Decimal(Decimal::parse(text).unwrap());
        let (long, range, choice) = (
            "STRING_TOO_LONG",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        );
        #[rustfmt::skip]
        let table = [
            (ValueLimit::Length(4),      text("four"),           None),
            (ValueLimit::Length(4),      text("fives"),          Some(long)),
            (ValueLimit::Length(4),      text("ünïö"),           None),
            (ValueLimit::Length(4),      text("\u{1F600}\u{1F600}\u{1F600}\u{1F600}"), None),
            (ValueLimit::Length(4),      Value::Null,            None),
            (ValueLimit::WholeDigits(3), Value::Double(999.99),  None),
            (ValueLimit::WholeDigits(3), Value::Double(1000.0),  Some(range)),
            (ValueLimit::WholeDigits(3), Value::Double(-1e300),  Some(range)),
            (ValueLimit::WholeDigits(3), Value::Int(999),        None),
            (ValueLimit::WholeDigits(3), Value::Int(-1000),      Some(range)),
            (ValueLimit::WholeDigits(3), decimal("999.123456"),  None),
            (ValueLimit::WholeDigits(3), decimal("1000"),        Some(range)),
            (ValueLimit::WholeDigits(18), Value::Int(i64::MAX),  Some(range)),
            (choices(false),             text("Hot"),            None),
            (choices(false),             text("Hot;Cold"),       Some(choice)),
            (choices(false),             text("Warm"),           Some(choice)),
            (choices(false),             Value::Null,            None),
            (choices(true),              text("Cold; HOT"),      None),
            (choices(true),              text("Cold;Warm"),      Some(choice)),
        ];
        for (limit, value, expected) in table {
            let values = vec![(LAST_NAME, text("Byron")), (EMAIL, value.clone())];
            let mapping = with(Some(limit.clone()));

            let found = rehearse(&mapping, Target::New, &values);

            assert_eq!(
                found.as_ref().map(|objection| objection.code),
                expected,
                "{limit:?} {value:?}"
            );
            if let Some(objection) = found {
                assert_eq!(objection.fields, ["Email"]);
                assert!(
                    objection.message.starts_with("would be refused: Email: "),
                    "{objection:?}"
                );
            }
        }
    }

    #[test]
    fn what_the_user_may_not_do_is_foretold_where_it_is_certain_what_is_done() {
        let values = vec![(LAST_NAME, text("Byron"))];
        let targets = [Target::New, Target::Existing, Target::Gone, Target::Either];
        #[rustfmt::skip]
        let table = [
            (Action::Insert, [true,  false, false, false]),
            (Action::Update, [false, true,  false, false]),
            (Action::Delete, [false, false, true,  false]),
        ];
        for (action, refused) in table {
            let rehearsal = Rehearsal { forbidden: [action].into(), ..Rehearsal::default() };
            let mapping = Mapping { rehearsal: Some(Arc::new(rehearsal)), ..contact() };

            let found = targets.map(|target| rehearse(&mapping, target, &values).is_some());

            assert_eq!(found, refused, "{action}");
        }
    }

    #[test]
    fn a_required_field_may_be_left_out_of_a_record_that_is_there_but_never_emptied() {
        let left_out = vec![(EMAIL, text("e"))];
        let emptied = vec![(LAST_NAME, Value::Null)];
        let filled = vec![(LAST_NAME, text("Byron"))];
        #[rustfmt::skip]
        let table = [
            (Target::New,      &left_out, true),
            (Target::Existing, &left_out, false),
            (Target::Either,   &left_out, false),
            (Target::New,      &emptied,  true),
            (Target::Existing, &emptied,  true),
            (Target::Either,   &emptied,  true),
            (Target::New,      &filled,   false),
        ];
        for (target, values, is_refused) in table {
            let found = rehearse(&with(None), target, values);

            assert_eq!(found.is_some(), is_refused, "{target:?} {values:?}");
            if let Some(objection) = found {
                assert_eq!(
                    objection.message,
                    "would be refused: Required fields are missing: [LastName]"
                );
            }
        }
        assert_eq!(rehearse(&contact(), Target::New, &left_out), None, "switched off");
    }
}

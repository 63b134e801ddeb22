//! The functions of formulas.

use chrono::NaiveDate;

use super::{
    Formula, Surroundings,
    evaluate::{compare, evaluate, is_blank, is_equal, is_true, number, text},
    moments::{add_months, date_of, moment_of, part, whole},
};
use crate::value::Value;

const MANY: usize = 200;

/// Names, and the least and greatest number of arguments.
pub const FUNCTIONS: [(&str, usize, usize); 62] = [
    ("ABS", 1, 1),
    ("ADDMONTHS", 2, 2),
    ("AND", 1, MANY),
    ("BEGINS", 2, 2),
    ("BLANKVALUE", 2, 2),
    ("BR", 0, 0),
    ("CASE", 4, MANY),
    ("CASESAFEID", 1, 1),
    ("CEILING", 1, 1),
    ("CONTAINS", 2, 2),
    ("DATE", 3, 3),
    ("DATETIMEVALUE", 1, 1),
    ("DATEVALUE", 1, 1),
    ("DAY", 1, 1),
    ("EXP", 1, 1),
    ("FIND", 2, 3),
    ("FLOOR", 1, 1),
    ("HOUR", 1, 1),
    ("HYPERLINK", 2, 3),
    ("IF", 3, 3),
    ("IMAGE", 2, 4),
    ("INCLUDES", 2, 2),
    ("ISBLANK", 1, 1),
    ("ISCHANGED", 1, 1),
    ("ISNEW", 0, 0),
    ("ISNULL", 1, 1),
    ("ISNUMBER", 1, 1),
    ("ISPICKVAL", 2, 2),
    ("LEFT", 2, 2),
    ("LEN", 1, 1),
    ("LN", 1, 1),
    ("LOG", 1, 1),
    ("LOWER", 1, 2),
    ("LPAD", 2, 3),
    ("MAX", 1, MANY),
    ("MID", 3, 3),
    ("MIN", 1, MANY),
    ("MINUTE", 1, 1),
    ("MOD", 2, 2),
    ("MONTH", 1, 1),
    ("NOT", 1, 1),
    ("NOW", 0, 0),
    ("NULLVALUE", 2, 2),
    ("OR", 1, MANY),
    ("PRIORVALUE", 1, 1),
    ("RIGHT", 2, 2),
    ("ROUND", 2, 2),
    ("RPAD", 2, 3),
    ("SECOND", 1, 1),
    ("SQRT", 1, 1),
    ("SUBSTITUTE", 3, 3),
    ("TEXT", 1, 1),
    ("TODAY", 0, 0),
    ("TRIM", 1, 1),
    ("TRUNC", 1, 2),
    ("UPPER", 1, 2),
    ("VALUE", 1, 1),
    ("WEEKDAY", 1, 1),
    ("YEAR", 1, 1),
    ("REVERSE", 1, 1),
    ("DEGREES", 1, 1),
    ("RADIANS", 1, 1),
];

/// Calls a function. Those that choose evaluate only what they need.
pub(super) fn call(name: &str, arguments: &[Formula], around: &dyn Surroundings) -> Value {
    let value = |at: usize| arguments.get(at).map_or(Value::Null, |f| evaluate(f, around));
    match name {
        "IF" => value(if is_true(&value(0)) { 1 } else { 2 }),
        "AND" => Value::Bool((0..arguments.len()).all(|at| is_true(&value(at)))),
        "OR" => Value::Bool((0..arguments.len()).any(|at| is_true(&value(at)))),
        "NOT" => Value::Bool(!is_true(&value(0))),
        "CASE" => case(arguments.len(), value),
        "ISBLANK" | "ISNULL" => Value::Bool(is_blank(&value(0))),
        "BLANKVALUE" | "NULLVALUE" => {
            let first = value(0);
            if is_blank(&first) { value(1) } else { first }
        }
        "ISNEW" | "ISCHANGED" | "PRIORVALUE" => history(name, arguments.first(), around),
        "ISPICKVAL" => Value::Bool(is_equal(&value(0), &value(1))),
        "NOW" => Value::Moment(around.now()),
        "TODAY" => Value::Date(around.now().date_naive()),
        "MAX" | "MIN" => extreme(name, (0..arguments.len()).map(value)),
        _ => {
            let values: Vec<Value> = (0..arguments.len()).map(value).collect();
            let at = |at: usize| values.get(at).unwrap_or(&Value::Null);
            of_moments(name, [at(0), at(1), at(2)])
                .or_else(|| of_numbers(name, at(0), at(1)))
                .unwrap_or_else(|| of_texts(name, &values))
        }
    }
}

fn case(count: usize, value: impl Fn(usize) -> Value) -> Value {
    let wanted = value(0);
    let pairs = (1..count.saturating_sub(1)).step_by(2).filter(|at| at + 1 < count);
    for at in pairs {
        if is_equal(&value(at), &wanted) {
            return value(at + 1);
        }
    }
    // Without an `else` the number of arguments is odd.
    if count.is_multiple_of(2) { value(count - 1) } else { Value::Null }
}

/// What a field was before: only its own fields, not those of parents.
fn history(name: &str, field: Option<&Formula>, around: &dyn Surroundings) -> Value {
    let Some(Formula::Field(path)) = field else {
        // ISNEW: any path will do to learn whether there was a row before.
        return Value::Bool(around.prior(&[]).is_none());
    };
    let prior = around.prior(path);
    match (name, prior) {
        ("ISCHANGED", prior) => {
            Value::Bool(prior.is_some_and(|prior| !is_equal(&prior, &around.field(path))))
        }
        (_, Some(prior)) => prior,
        (_, None) => around.field(path),
    }
}

fn extreme(name: &str, values: impl Iterator<Item = Value>) -> Value {
    let wanted = if name == "MAX" { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less };
    let best = values.reduce(|best, next| match compare(&next, &best) {
        None => Value::Null,
        Some(order) if order == wanted => next,
        Some(_) => best,
    });
    best.unwrap_or(Value::Null)
}

fn of_moments(name: &str, [first, second, third]: [&Value; 3]) -> Option<Value> {
    let date = |date: Option<NaiveDate>| date.map_or(Value::Null, Value::Date);
    Some(match name {
        "YEAR" | "MONTH" | "DAY" | "WEEKDAY" | "HOUR" | "MINUTE" | "SECOND" => part(name, first),
        "DATEVALUE" => date(date_of(first)),
        "DATETIMEVALUE" => moment_of(first).map_or(Value::Null, Value::Moment),
        "ADDMONTHS" => match (first, second.as_number()) {
            (Value::Date(day), Some(months)) => date(add_months(*day, months)),
            _ => Value::Null,
        },
        "DATE" => {
            let whole = |value: &Value| value.as_number().and_then(whole);
            let unsigned = |value| whole(value).and_then(|number| u32::try_from(number).ok());
            date((|| NaiveDate::from_ymd_opt(whole(first)?, unsigned(second)?, unsigned(third)?))())
        }
        _ => return None,
    })
}

fn of_numbers(name: &str, first: &Value, second: &Value) -> Option<Value> {
    let value = first.as_number();
    let digits = second.as_number().unwrap_or_default().clamp(-18.0, 18.0);
    let scaled = |round: fn(f64) -> f64| {
        let factor = 10_f64.powi(whole(digits).unwrap_or_default());
        value.map(|value| round(value * factor) / factor)
    };
    Some(number(match name {
        "ABS" => value.map(f64::abs),
        // Away from zero, as Salesforce documents it for both.
        "CEILING" => value.map(f64::ceil),
        "FLOOR" => value.map(f64::floor),
        "ROUND" => scaled(|scaled| {
            let nudge = scaled.abs() * f64::EPSILON * 2.0;
            (scaled + nudge.copysign(scaled)).round()
        }),
        "TRUNC" => scaled(f64::trunc),
        "SQRT" => value.map(f64::sqrt),
        "EXP" => value.map(f64::exp),
        "LN" => value.map(f64::ln),
        "LOG" => value.map(f64::log10),
        "DEGREES" => value.map(f64::to_degrees),
        "RADIANS" => value.map(f64::to_radians),
        "MOD" => second.as_number().and_then(|second| value.map(|value| value % second)),
        "VALUE" => first.as_text().and_then(|text| text.trim().parse().ok()).or(value),
        _ => return None,
    }))
}

fn of_texts(name: &str, values: &[Value]) -> Value {
    let at = |at: usize| values.get(at).map(text).unwrap_or_default();
    let count = |at: usize| {
        let number = values.get(at).and_then(Value::as_number).and_then(whole);
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default().min(4_000)
    };
    let first = at(0);
    let result = match name {
        "LEN" => return length(&first),
        "CONTAINS" => return Value::Bool(first.contains(&at(1))),
        "BEGINS" => return Value::Bool(first.starts_with(&at(1))),
        "INCLUDES" => return Value::Bool(first.split(';').any(|part| part == at(1))),
        "ISNUMBER" => return Value::Bool(first.trim().parse::<f64>().is_ok()),
        "FIND" => return find(&at(0), &at(1), count(2)),
        "LEFT" => first.chars().take(count(1)).collect(),
        "RIGHT" => {
            let skip = first.chars().count().saturating_sub(count(1));
            first.chars().skip(skip).collect()
        }
        "MID" => first.chars().skip(count(1).saturating_sub(1)).take(count(2)).collect(),
        "UPPER" => first.to_uppercase(),
        "LOWER" => first.to_lowercase(),
        "TRIM" => first.trim().to_owned(),
        "REVERSE" => first.chars().rev().collect(),
        "LPAD" | "RPAD" => pad(name, &first, count(1), &at(2)),
        "SUBSTITUTE" if at(1).is_empty() => first,
        "SUBSTITUTE" => first.replace(&at(1), &at(2)),
        "BR" => "<br>".to_owned(),
        "HYPERLINK" => {
            let target = if values.len() > 2 { at(2) } else { "_blank".to_owned() };
            format!("<a href=\"{first}\" target=\"{target}\">{}</a>", at(1))
        }
        "IMAGE" => image(&first, &at(1), (values.len() > 2).then(|| (at(2), at(3)))),
        // TEXT and CASESAFEID: a value as text.
        _ => first,
    };
    Value::Text(result.into())
}

fn length(text: &str) -> Value {
    number(u32::try_from(text.chars().count()).ok().map(f64::from))
}

/// The place of `sought` in `text`, counted in characters from 1; 0 when it is not there.
fn find(sought: &str, text: &str, from: usize) -> Value {
    let skipped = from.saturating_sub(1);
    let start = text.char_indices().nth(skipped).map_or(text.len(), |(at, _)| at);
    let rest = text.get(start..).unwrap_or_default();
    let place = rest.find(sought).filter(|_| !sought.is_empty()).map(|at| {
        let before = rest.get(..at).unwrap_or_default().chars().count();
        skipped + before + 1
    });
    number(u32::try_from(place.unwrap_or_default()).ok().map(f64::from))
}

fn pad(name: &str, text: &str, length: usize, filler: &str) -> String {
    let filler = if filler.is_empty() { " " } else { filler };
    let missing = length.saturating_sub(text.chars().count());
    let padding: String = filler.chars().cycle().take(missing).collect();
    let kept: String = text.chars().take(length).collect();
    if name == "LPAD" { padding + &kept } else { kept + &padding }
}

fn image(url: &str, text: &str, size: Option<(String, String)>) -> String {
    let size = size
        .map_or(String::new(), |(height, width)| format!(" height=\"{height}\" width=\"{width}\""));
    format!("<img src=\"{url}\" alt=\"{text}\"{size} border=\"0\"/>")
}

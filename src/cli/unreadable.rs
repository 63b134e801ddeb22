//! What `lockstep status` and `lockstep errors list` say about records that could not be read into a row.

use crate::postgres::{LeftOut, UnreadableValue};
use serde_json::json;

/// Values that `lockstep status` names one by one.
pub(super) const LISTED: i64 = 5;
/// Values that `lockstep errors list` names one by one.
pub(super) const LISTED_AS_ERRORS: i64 = 200;

/// How many records were left out, a line for each of their values at fault, and what to do; empty where there are
/// none.
pub(super) fn text(left_out: &LeftOut) -> String {
    if left_out.records == 0 {
        return String::new();
    }
    let records = if left_out.records == 1 { "record is" } else { "records are" };
    let mut lines = vec![format!(
        "{} {records} left out, since a value cannot be held by its column:",
        left_out.records
    )];
    lines.extend(left_out.values.iter().map(line));
    let named: std::collections::BTreeSet<_> =
        left_out.values.iter().map(|value| (&value.object, &value.sfid)).collect();
    let unnamed = left_out.records.saturating_sub(named.len() as u64);
    if unnamed > 0 {
        lines.push(format!("  and {unnamed} more: lockstep errors list --json"));
    }
    lines.join("\n")
}

fn line(value: &UnreadableValue) -> String {
    let UnreadableValue { object, sfid, field, reason, .. } = value;
    format!("  {object} {sfid}, {field}: {reason}. Next: {}", next(object))
}

fn next(object: &str) -> String {
    format!(
        "correct it in Salesforce; or give the field a column that holds it, then: lockstep verify {object} --repair"
    )
}

/// The same for programs.
pub(super) fn as_json(left_out: &LeftOut) -> serde_json::Value {
    let values: Vec<_> = left_out
        .values
        .iter()
        .map(|value| {
            json!({
                "mapping": value.object,
                "sfid": value.sfid,
                "field": value.field,
                "reason": value.reason,
                "since": value.since,
                "next": next(&value.object),
            })
        })
        .collect();
    json!({ "records": left_out.records, "values": values })
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::postgres::{LeftOut, UnreadableValue};
    use chrono::DateTime;

    #[test]
    fn each_value_is_a_line_that_ends_with_what_to_do() {
        let value = UnreadableValue {
            object: "Contact".to_owned(),
            sfid: "003000000000001AAA".to_owned(),
            field: "Email".to_owned(),
            reason: "it has too many characters".to_owned(),
            since: DateTime::UNIX_EPOCH,
        };

        assert_eq!(text(&LeftOut::default()), "");
        assert_eq!(
            text(&LeftOut { records: 3, values: vec![value] }),
            "3 records are left out, since a value cannot be held by its column:\n  \
             Contact 003000000000001AAA, Email: it has too many characters. Next: correct it in Salesforce; or give \
             the field a column that holds it, then: lockstep verify Contact --repair\n  \
             and 2 more: lockstep errors list --json"
        );
    }
}

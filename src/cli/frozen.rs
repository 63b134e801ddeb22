//! What `lockstep status` and `lockstep errors list` say about fields that both sides keep undoing.

use crate::postgres::{Frozen, FrozenField};
use serde_json::json;

/// What a person does about it.
const NEXT: &str = "let one of them leave the field alone, or map it in one direction only; any other value is sent at once";

/// How many fields are left alone, a line for each, and what to do; empty where there are none.
pub(super) fn text(frozen: &Frozen) -> String {
    if frozen.count == 0 {
        return String::new();
    }
    let fields = if frozen.count == 1 { "field is" } else { "fields are" };
    let mut lines = vec![format!(
        "{} {fields} left alone, since the application and Salesforce kept undoing each other's value:",
        frozen.count
    )];
    lines.extend(frozen.fields.iter().map(line));
    let unnamed = frozen.count.saturating_sub(frozen.fields.len() as u64);
    if unnamed > 0 {
        lines.push(format!("  and {unnamed} more: lockstep errors list --json"));
    }
    lines.push(format!("  Next: {NEXT}"));
    lines.join("\n")
}

fn line(frozen: &FrozenField) -> String {
    let FrozenField { object, table, record_id, field, at } = frozen;
    let at = at.format("%Y-%m-%d %H:%M:%S UTC");
    format!("  {object}, row {record_id} of {table}, {field}: at {at} for the last time")
}

/// The same for programs.
pub(super) fn as_json(frozen: &Frozen) -> serde_json::Value {
    let fields: Vec<_> = frozen
        .fields
        .iter()
        .map(|frozen| {
            json!({
                "mapping": frozen.object,
                "table": frozen.table,
                "row": frozen.record_id,
                "field": frozen.field,
                "at": frozen.at,
                "next": NEXT,
            })
        })
        .collect();
    json!({ "count": frozen.count, "fields": fields })
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::postgres::{Frozen, FrozenField};
    use chrono::DateTime;

    #[test]
    fn each_field_is_a_line_and_the_next_step_comes_last() {
        let field = FrozenField {
            object: "Contact".to_owned(),
            table: "contact".to_owned(),
            record_id: 7,
            field: "Email".to_owned(),
            at: DateTime::UNIX_EPOCH,
        };

        assert_eq!(text(&Frozen::default()), "");
        assert_eq!(
            text(&Frozen { count: 3, fields: vec![field] }),
            "3 fields are left alone, since the application and Salesforce kept undoing each other's value:\n  \
             Contact, row 7 of contact, Email: at 1970-01-01 00:00:00 UTC for the last time\n  \
             and 2 more: lockstep errors list --json\n  \
             Next: let one of them leave the field alone, or map it in one direction only; any other value is sent at once"
        );
    }
}

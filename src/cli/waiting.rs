//! What `lockstep status` says about records that cannot come yet and rows that cannot go yet.

use crate::postgres::{Wait, Waiting};
use serde_json::json;

/// One sentence per mapping and reason.
pub(super) fn lines(waiting: &[Waiting]) -> Vec<String> {
    waiting.iter().map(line).collect()
}

fn line(waiting: &Waiting) -> String {
    let Waiting { object, count, what } = waiting;
    let is_one = *count == 1;
    let (records, rows) = if is_one { ("record", "row") } else { ("records", "rows") };
    let wait = if is_one { "waits" } else { "wait" };
    match what {
        Wait::ToCome { constraint, .. } if constraint.starts_with("the key ") => format!(
            "{count} {records} of {object} {wait} outside until another row gives {constraint} free: its own change \
             of it is not sent yet"
        ),
        Wait::ToBeTold { constraint } => format!(
            "{count} {records} of {object} {wait} outside, for it is not clear which row is theirs: {constraint} is \
             held by several rows, or by a row of another record; leave it to one row, without sfid or with that of \
             its record"
        ),
        Wait::ToCome { constraint, parent_table } => format!(
            "{count} {records} of {object} {wait} outside for a parent in {parent_table} that is not here: the \
             foreign key {constraint} wants it"
        ),
        Wait::ToGo { held_by } => {
            format!("{count} {rows} of {object} {wait} to be deleted, held by {held_by}")
        }
    }
}

/// The same for programs.
pub(super) fn as_json(waiting: &[Waiting]) -> serde_json::Value {
    waiting
        .iter()
        .map(|Waiting { object, count, what }| match what {
            Wait::ToCome { constraint, parent_table } => json!({
                "mapping": object, "records": count, "constraint": constraint, "parent_table": parent_table,
            }),
            Wait::ToBeTold { constraint } => {
                json!({ "mapping": object, "ambiguous_records": count, "constraint": constraint })
            }
            Wait::ToGo { held_by } => {
                json!({ "mapping": object, "rows_to_delete": count, "held_by": held_by })
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::postgres::{Wait, Waiting};

    #[test]
    fn each_reason_is_a_sentence() {
        let waiting = |count, what| Waiting { object: "Contact".to_owned(), count, what };
        let to_come = |constraint: &str| Wait::ToCome {
            constraint: constraint.to_owned(),
            parent_table: "account".to_owned(),
        };
        let held_by = "changes that are not sent yet".to_owned();
        let text = lines(&[
            waiting(2, to_come("of_account")),
            waiting(1, to_come("the key email")),
            waiting(3, Wait::ToBeTold { constraint: "the key email".to_owned() }),
            waiting(1, Wait::ToGo { held_by }),
        ]);
        assert_eq!(
            text,
            [
                "2 records of Contact wait outside for a parent in account that is not here: the foreign key \
                 of_account wants it",
                "1 record of Contact waits outside until another row gives the key email free: its own change of it \
                 is not sent yet",
                "3 records of Contact wait outside, for it is not clear which row is theirs: the key email is held by \
                 several rows, or by a row of another record; leave it to one row, without sfid or with that of its \
                 record",
                "1 row of Contact waits to be deleted, held by changes that are not sent yet",
            ]
        );
    }
}

//! What follows when the database went back in time: nothing that it says is unsent may be taken for unsent.
//!
//! A restored or failed-over database has forgotten what was sent after its moment. Its trigger log offers those changes
//! again, and the journal does not know of them. So everything unsent is written down as of unknown outcome, which the
//! push settles by reading before it sends: an insert is looked for among the records that our user made since, and a
//! value that somebody set after ours counts as newer. And every mapping is swept before anything more of it is pushed.

use crate::mapping::Mapping;
use crate::model::{Action, Change, to_json};
use crate::postgres::{self, Database, Intent};
use crate::reconcile::{Local, Operation, coalesce, wishes};
use crate::sync::Error;
use chrono::{DateTime, Utc};

/// Records whose unsent changes are read at once.
const RECORDS_AT_ONCE: i64 = 500;

/// States of one record that may have been sent: after its first change, after its second, and so on, up to so many.
const STATES_MAX: usize = 20;

/// Draws the consequences of a database that went back, and says so. Safe to repeat; complete when it returns.
///
/// # Errors
/// When the database cannot be asked.
pub async fn went_back(db: &Database, mappings: &[Mapping], reason: &str) -> Result<(), Error> {
    tracing::error!(
        %reason,
        next = "if this database is a copy, stop this worker: both would write to the same org",
        "the database is not where it was; everything is compared before anything more is sent"
    );
    let mut suspected = 0;
    for mapping in mappings {
        if mapping.direction.pushes() {
            suspected += suspect_unsent(db, mapping).await?;
        }
        if mapping.direction.pulls() {
            postgres::needs_sweep_first(db, &mapping.object, reason).await?;
        }
    }
    let message = format!(
        "{reason}; {suspected} records have changes that may have been sent already; every mapping is compared with \
         the org before anything more is sent. If this database is a copy, stop its worker"
    );
    postgres::log_event(db, "went back", None, &message).await?;
    postgres::settle_marker(db).await?;
    Ok(())
}

/// Writes down all unsent changes of the mapping as sent with unknown outcome. Answers how many records that were.
async fn suspect_unsent(db: &Database, mapping: &Mapping) -> Result<usize, Error> {
    let mut after = 0;
    let mut count = 0;
    loop {
        let changes = postgres::unsent(db, &mapping.table, after, RECORDS_AT_ONCE).await?;
        let Some(last) = changes.last() else { return Ok(count) };
        after = last.record_id;
        let mut intents = Vec::new();
        for record in changes.chunk_by(|one, other| one.record_id == other.record_id) {
            intents.extend(possible_intents(mapping, record));
            count += 1;
        }
        postgres::suspect(db, &intents).await?;
    }
}

/// What may have been sent for one record's unsent changes, each with the moment since when.
///
/// A worker sends whatever is there when it looks, so any number of the first changes may have travelled together.
/// Deletions are left out: sending one again does no harm.
fn possible_intents(mapping: &Mapping, changes: &[Change]) -> Vec<(Intent, DateTime<Utc>)> {
    let Some(since) = changes.first().map(|change| change.created_at) else { return Vec::new() };
    let states = (1..=changes.len()).rev().take(STATES_MAX);
    let intents = states.filter_map(|length| intent(mapping, changes.get(..length)?));
    intents.map(|intent| (intent, since)).collect()
}

fn intent(mapping: &Mapping, changes: &[Change]) -> Option<Intent> {
    let net = coalesce(changes.to_vec()).now.into_iter().next()?;
    let operation = match net.operation {
        Operation::Insert => Action::Insert,
        Operation::Update => Action::Update,
        Operation::Delete | Operation::Cancel => return None,
    };
    let wishes = wishes(&net, mapping).ok()?;
    let values = wishes.iter().filter_map(|wish| match &wish.local {
        Local::Value(value) => Some((mapping.fields.get(wish.field)?.name.clone(), to_json(value))),
        // Which parent was meant is looked up by whoever sends.
        Local::Parent(_) => None,
    });
    let key = mapping.key.as_ref().and_then(|key| {
        let mut cells = changes.iter().rev().filter_map(|change| change.values.as_ref());
        cells.find_map(|cells| cells.get(&key.column)?.clone())
    });
    Some(Intent {
        table: mapping.table.clone(),
        record_id: net.record_id,
        operation,
        sfid: net.sfid.clone(),
        key: key.filter(|_| operation == Action::Insert),
        values: values.collect(),
        log_ids: net.log_ids(),
        is_part: false,
    })
}

#[cfg(test)]
mod tests {
    use super::possible_intents;
    use crate::model::Action;
    use crate::reconcile::samples::{change, contact, fields};

    #[test]
    fn any_number_of_the_first_changes_may_have_been_sent_together() {
        let mut insert = change(1, Action::Insert);
        insert.values =
            Some(fields(&[("lastname", Some("Byron")), ("email", Some("a@example.com"))]));
        let mut update = change(2, Action::Update);
        update.old = Some(fields(&[("lastname", Some("Byron"))]));
        update.values = Some(fields(&[("lastname", Some("Lovelace"))]));

        let intents = possible_intents(&contact(), &[insert, update]);

        let sent: Vec<(Action, String, usize)> = intents
            .iter()
            .map(|(intent, _)| {
                (intent.operation, intent.values["LastName"].to_string(), intent.log_ids.len())
            })
            .collect();
        assert_eq!(
            sent,
            [
                (Action::Insert, "\"Lovelace\"".to_owned(), 2),
                (Action::Insert, "\"Byron\"".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn a_deletion_needs_no_suspicion() {
        let mut delete = change(1, Action::Delete);
        delete.old = Some(fields(&[("lastname", Some("Byron"))]));
        assert!(possible_intents(&contact(), &[delete]).is_empty());
    }
}

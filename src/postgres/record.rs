//! Records how a push ended: on the rows, in the trigger log and in the journal, all in one transaction.
//!
//! The rows are locked first. What the application changed in them since the claim is then visible in the log, and
//! neither its values nor its mark of waiting are overwritten.

use super::apply::hstore_schema;
use super::cell::text_form;
use super::identifier::{fill, literal, quote};
use super::lease::{Lease, begin_fenced};
use super::statistics::{LARGE, refresh_grown, refresh_queues};
use super::{Database, Error, twins};
use crate::mapping::{ConflictPolicy, Mapping};
use crate::model::{Action, ColumnType, RemoteRecord, SalesforceId, Value};
use crate::reconcile::cause;
use deadpool_postgres::Transaction;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};

/// Old installations have so many characters for the whole of `_hc_err`.
const ERROR_LENGTH: usize = 1_024;

/// Stands for the mark of a row that is gone for good, as the tombstones' statement knows it.
const KEPT_AWAY: &str = "KEPT_AWAY";

/// How the push of one record ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Salesforce has it.
    Accepted {
        /// The record, where the answer named it.
        sfid: Option<SalesforceId>,
        /// `INSERTED`, `UPDATED` or `DELETED`.
        lastop: &'static str,
    },
    /// Salesforce has created it without the references that are still to follow: the changes are not settled yet.
    Begun {
        /// The record.
        sfid: SalesforceId,
    },
    /// It needs a row that is not in Salesforce yet, and is left alone until that row is, or is gone, or the
    /// application changes this one again.
    WaitsFor {
        /// The row's table.
        table: String,
        /// The row's `id`.
        record_id: i32,
    },
    /// Salesforce refused it: the record is parked.
    Refused {
        /// Salesforce's error code.
        code: String,
        /// Salesforce's words.
        message: String,
    },
    /// To be tried again.
    Later {
        /// Not before this time from now.
        not_before_in: Duration,
        /// Why.
        reason: String,
        /// What became of this attempt: `refused` or `unknown`.
        outcome: &'static str,
    },
    /// There is nothing to send.
    Settled {
        /// Why.
        reason: String,
    },
    /// The application deleted the row, and the mapping does not send that: the record stays in Salesforce, and has
    /// no row until it is deleted and restored there, or a person has the mapping loaded again.
    KeptAway {
        /// The record.
        sfid: SalesforceId,
    },
}

impl Outcome {
    /// Whether the changes are through: what follows them may go.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Settled { .. } | Self::KeptAway { .. })
    }
}

/// What to write down for one record of a push.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The table; the mapping's.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
    /// The log rows that this settles.
    pub log_ids: Vec<i32>,
    /// The journal entry to close.
    pub journal: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Salesforce's values to write into the row, by column; a column that the application changed after `log_ids`
    /// is left alone.
    pub adopt: Vec<(String, Value)>,
    /// Conflicts to keep.
    pub conflicts: Vec<ConflictRow>,
    /// The record to put back under its old id, where the application's deletion was overruled.
    pub restore: Option<RemoteRecord>,
    /// What is known of a refusal beside its code and words.
    pub evidence: Evidence,
}

/// What is known of a refusal beside its code and words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The fields that it is about.
    pub fields: Vec<String>,
    /// What Salesforce was to do.
    pub operation: Option<Action>,
    /// What would have been sent, by field, where the rehearsal refused it before a request was made.
    pub rehearsed: Option<Map<String, Json>>,
    /// By field the `base`, `local` and `remote` value that a person is to choose from.
    pub conflicts: Option<Map<String, Json>>,
}

/// A conflict and its decision.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictRow {
    /// The field's API name.
    pub field: String,
    /// The value that both sides started from.
    pub base: Value,
    /// The application's value.
    pub local: Value,
    /// Salesforce's value.
    pub remote: Value,
    /// The policy that decided.
    pub policy: ConflictPolicy,
    /// `salesforce` or `postgres`.
    pub winner: &'static str,
}

/// Records outcomes of one mapping's records, all or nothing.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's; what was sent is then in the journal only.
pub async fn record(
    db: &Database,
    lease: &Lease,
    mapping: &Mapping,
    recorded: &[Recorded],
) -> Result<(), Error> {
    if recorded.is_empty() {
        return Ok(());
    }
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    let hstore = hstore_schema(&transaction).await?;
    if recorded.len() > LARGE {
        refresh_queues(&transaction, db.schema()).await?;
        refresh_grown(&transaction, &db.qualified(&mapping.table)).await?;
    }
    let is_refused = |recorded: &Recorded| matches!(recorded.outcome, Outcome::Refused { .. });
    let has_refusals = recorded.iter().any(is_refused);
    let recording = Recording { transaction: &transaction, db, mapping, hstore, has_refusals };
    recording.fill(recorded).await?;
    recording.write_rows(recorded).await?;
    recording.write_log().await?;
    recording.write_conflicts(recorded).await?;
    recording.notify().await?;
    transaction.commit().await?;
    Ok(())
}

struct Recording<'a> {
    transaction: &'a Transaction<'a>,
    db: &'a Database,
    mapping: &'a Mapping,
    hstore: String,
    has_refusals: bool,
}

impl Recording<'_> {
    async fn fill(&self, recorded: &[Recorded]) -> Result<(), Error> {
        self.transaction.batch_execute(include_str!("sql/record_create.sql")).await?;
        let rows: Vec<Json> =
            recorded.iter().map(|recorded| outcome_row(self.mapping, recorded)).collect();
        self.transaction
            .execute_typed(
                include_str!("sql/record_fill.sql"),
                &[(&Json::Array(rows), Type::JSONB)],
            )
            .await?;
        self.transaction.batch_execute("analyze pg_temp.lockstep_recorded (record_id)").await?;
        Ok(())
    }

    async fn write_rows(&self, recorded: &[Recorded]) -> Result<(), Error> {
        self.transaction
            .query_typed(&self.statement(include_str!("sql/record_lock.sql")), &[])
            .await?;
        let (schema, table) = (self.db.schema(), self.mapping.table.as_str());
        twins::repoint(self.transaction, schema, table, &self.hstore).await?;
        self.run(include_str!("sql/record_remove_twins.sql")).await?;
        // A utility statement takes no parameters.
        let newer = self
            .statement(include_str!("sql/record_newer.sql"))
            .replace("$1", &literal(&self.mapping.table));
        self.transaction.batch_execute(&newer).await?;
        let rows = self.statement(include_str!("sql/record_rows.sql"));
        self.transaction.execute_typed(&rows, &[]).await?;
        if recorded.iter().any(|recorded| !recorded.adopt.is_empty()) {
            let parts = [("assignments", adopt_assignments(self.mapping))];
            let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
            let adopt = fill(include_str!("sql/record_adopt.sql"), &parts);
            self.transaction.execute_typed(&self.statement(&adopt), &[]).await?;
        }
        if recorded.iter().any(|recorded| recorded.restore.is_some()) {
            let columns = restored_columns(self.mapping);
            let restored =
                columns.iter().map(|column| format!("record.{column}")).collect::<Vec<_>>();
            let parts = [("columns", columns.join(", ")), ("restored", restored.join(", "))];
            let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
            let restore = fill(include_str!("sql/record_restore.sql"), &parts);
            self.transaction.execute_typed(&self.statement(&restore), &[]).await?;
        }
        Ok(())
    }

    async fn write_log(&self) -> Result<(), Error> {
        self.run(include_str!("sql/record_hand_over_id.sql")).await?;
        self.run(include_str!("sql/record_tombstones.sql")).await?;
        for statement in
            [include_str!("sql/record_archive.sql"), include_str!("sql/record_park.sql")]
        {
            self.transaction.execute_typed(&self.statement(statement), &[]).await?;
        }
        if self.has_refusals {
            let (table, object) = (self.mapping.table.as_str(), self.mapping.object.as_str());
            let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                [(&table, Type::TEXT), (&object, Type::TEXT)];
            let refusals = include_str!("sql/record_refusals.sql");
            self.transaction.execute_typed(refusals, &parameters).await?;
        }
        self.run(include_str!("sql/record_forget_refusals.sql")).await?;
        self.run(include_str!("sql/record_wait.sql")).await?;
        self.run(include_str!("sql/record_forget_wait.sql")).await?;
        self.transaction.execute_typed(include_str!("sql/record_close_journal.sql"), &[]).await?;
        Ok(())
    }

    async fn notify(&self) -> Result<(), Error> {
        let channel = format!("{}.lockstep_outcome", self.db.schema());
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&channel, Type::TEXT)];
        let statement = include_str!("sql/record_notify.sql");
        self.transaction.execute_typed(statement, &parameters).await?;
        Ok(())
    }

    async fn write_conflicts(&self, recorded: &[Recorded]) -> Result<(), Error> {
        let rows: Vec<Json> = recorded
            .iter()
            .flat_map(|recorded| {
                recorded.conflicts.iter().map(move |row| (recorded.record_id, row))
            })
            .map(|(record_id, conflict)| conflict_row(self.mapping, record_id, conflict))
            .collect();
        if !rows.is_empty() {
            let rows = Json::Array(rows);
            self.transaction
                .execute_typed(include_str!("sql/record_conflicts.sql"), &[(&rows, Type::JSONB)])
                .await?;
        }
        Ok(())
    }

    fn statement(&self, template: &str) -> String {
        let (table, schema, hstore) =
            (self.db.qualified(&self.mapping.table), quote(self.db.schema()), quote(&self.hstore));
        fill(template, &[("table", &table), ("schema", &schema), ("hstore", &hstore)])
    }

    /// Runs a statement whose parameter is the table's name.
    async fn run(&self, template: &str) -> Result<u64, Error> {
        let table = self.mapping.table.as_str();
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&table, Type::TEXT)];
        Ok(self.transaction.execute_typed(&self.statement(template), &parameters).await?)
    }
}

fn outcome_row(mapping: &Mapping, recorded: &Recorded) -> Json {
    let mut row = json!({
        "record_id": recorded.record_id,
        "log_ids": recorded.log_ids,
        "journal": recorded.journal,
    });
    let outcome = match &recorded.outcome {
        Outcome::Accepted { sfid, lastop } => json!({
            "kind": "accepted",
            "journal_outcome": "accepted",
            "sfid": sfid.as_ref().map(SalesforceId::as_str),
            "lastop": lastop,
        }),
        Outcome::Begun { sfid } => json!({
            "kind": "begun",
            "journal_outcome": "accepted",
            "sfid": sfid.as_str(),
            "lastop": "INSERTED",
        }),
        Outcome::WaitsFor { table, record_id } => json!({
            "kind": "later",
            "journal_outcome": "refused",
            "parent_table": table,
            "parent_id": record_id,
            "message": format!("waits for row {record_id} of {table}"),
        }),
        Outcome::Refused { code, message } => refusal_row(recorded, code, message),
        Outcome::Later { not_before_in, reason, outcome } => json!({
            "kind": "later",
            "journal_outcome": outcome,
            "wait": not_before_in.as_secs_f64(),
            "message": reason,
        }),
        Outcome::Settled { reason } => json!({
            "kind": "settled",
            "journal_outcome": "refused",
            "lastop": "SYNCED",
            "message": reason,
        }),
        Outcome::KeptAway { sfid } => json!({
            "kind": "settled",
            "journal_outcome": "refused",
            "sfid": sfid.as_str(),
            "lastop": KEPT_AWAY,
            "message": "deletions in Postgres are not sent",
        }),
    };
    if let (Json::Object(row), Json::Object(outcome)) = (&mut row, outcome) {
        row.extend(outcome);
        if !recorded.adopt.is_empty() {
            let adopt: Map<String, Json> = recorded
                .adopt
                .iter()
                .map(|(column, value)| (column.clone(), json!(text_form(value))))
                .collect();
            row.insert("adopt".to_owned(), Json::Object(adopt));
        }
        if let Some(record) = &recorded.restore {
            row.insert("restore".to_owned(), restored_row(mapping, recorded.record_id, record));
        }
    }
    row
}

fn refusal_row(recorded: &Recorded, code: &str, message: &str) -> Json {
    let Evidence { fields, operation, rehearsed, conflicts } = &recorded.evidence;
    let origin = match (rehearsed, recorded.journal) {
        (Some(_), _) => "rehearsal",
        (None, Some(_)) => "salesforce",
        (None, None) => "lockstep",
    };
    let text = format!("{code}: {message}");
    let operation = operation.map(Action::as_str);
    json!({
        "kind": "refused",
        "journal_outcome": "refused",
        "lastop": "FAILED",
        "err": row_error(origin, code, operation, fields, &text),
        "message": text,
        "origin": origin,
        "code": code,
        "fields": fields,
        "cause": cause(code, fields, message),
        "operation": operation,
        "sent": rehearsed,
        "conflicts": conflicts,
    })
}

/// What `_hc_err` says: JSON with Heroku Connect's `op`, `src` and `msg`, and what else helps. The words are cut until the
/// whole has room in the column.
fn row_error(
    origin: &str,
    code: &str,
    operation: Option<&str>,
    fields: &[String],
    text: &str,
) -> String {
    let mut length = text.chars().count();
    let mut fields = fields;
    loop {
        let words: String = text.chars().take(length).collect();
        let mut error = json!({ "src": origin.to_uppercase(), "code": code, "msg": words });
        if let Json::Object(error) = &mut error {
            if let Some(operation) = operation {
                error.insert("op".to_owned(), json!(operation));
            }
            if !fields.is_empty() {
                error.insert("fields".to_owned(), json!(fields));
            }
        }
        let error = error.to_string();
        if error.chars().count() <= ERROR_LENGTH || (length == 0 && fields.is_empty()) {
            return error;
        }
        if length == 0 {
            fields = &[];
        }
        length /= 2;
    }
}

fn restored_row(mapping: &Mapping, record_id: i32, record: &RemoteRecord) -> Json {
    let mut row = Map::new();
    row.insert("id".to_owned(), json!(record_id));
    row.insert("sfid".to_owned(), json!(record.id.as_str()));
    row.insert("_hc_lastop".to_owned(), json!("SYNCED"));
    if mapping.has_is_deleted {
        row.insert("isdeleted".to_owned(), json!(false));
    }
    if let (true, Some(stamp)) = (mapping.has_system_modstamp(), record.system_modstamp) {
        row.insert("systemmodstamp".to_owned(), json!(text_form(&stamp.naive_utc().into())));
    }
    for (field, value) in mapping.fields.iter().zip(&record.values) {
        row.insert(field.column.clone(), json!(text_form(value)));
    }
    Json::Object(row)
}

fn restored_columns(mapping: &Mapping) -> Vec<String> {
    let mut names = vec!["id", "sfid", "_hc_lastop"];
    names.extend(mapping.has_is_deleted.then_some("isdeleted"));
    names.extend(mapping.has_system_modstamp().then_some("systemmodstamp"));
    names.extend(mapping.fields.iter().map(|field| field.column.as_str()));
    names.into_iter().map(quote).collect()
}

/// Each mapped or reference column takes the value given for it, if one is.
fn adopt_assignments(mapping: &Mapping) -> String {
    let mut columns: Vec<(&str, ColumnType)> = Vec::new();
    for field in &mapping.fields {
        columns.push((&field.column, field.column_type));
        if let Some(reference) = &field.reference {
            columns.push((&reference.column, reference.column_type));
        }
    }
    let assignments: Vec<String> = columns
        .into_iter()
        .map(|(name, column_type)| {
            let (column, key, sql_type) = (quote(name), literal(name), column_type.sql());
            format!(
                "{column} = case when outcome.adopt ? {key} \
                 and not coalesce({key} = any(newer.columns), false) \
                 then (outcome.adopt ->> {key})::{sql_type} else target.{column} end"
            )
        })
        .collect();
    assignments.join(", ")
}

fn conflict_row(mapping: &Mapping, record_id: i32, conflict: &ConflictRow) -> Json {
    json!({
        "object": mapping.object,
        "table_name": mapping.table,
        "record_id": record_id,
        "field": conflict.field,
        "base": text_form(&conflict.base),
        "local": text_form(&conflict.local),
        "remote": text_form(&conflict.remote),
        "policy": conflict.policy,
        "winner": conflict.winner,
    })
}

#[cfg(test)]
mod tests {
    use super::{ERROR_LENGTH, row_error};
    use serde_json::Value as Json;

    #[test]
    fn what_a_row_says_of_its_refusal_is_json_and_has_room_in_its_column() {
        let many: Vec<String> = (0..200).map(|n| format!("Field_{n}__c")).collect();
        let texts = ["short".to_owned(), "\"".repeat(5_000), "é\u{1}\u{1F600}".repeat(2_000)];
        for text in &texts {
            for fields in [&[][..], &many[..1], &many[..]] {
                let error = row_error("salesforce", "A_CODE", Some("INSERT"), fields, text);

                assert!(error.chars().count() <= ERROR_LENGTH, "{error}");
                let error: Json = serde_json::from_str(&error).unwrap();
                assert_eq!((&error["op"], &error["src"]), (&"INSERT".into(), &"SALESFORCE".into()));
                assert!(text.starts_with(error["msg"].as_str().unwrap()));
            }
        }
    }
}

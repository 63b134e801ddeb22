//! Parked changes as a person reads them: by cause, row by row, or one in full.
//!
//! What was sent holds the cells of the operator's own database: it is shown to whoever asks for one change at the
//! terminal, and goes nowhere else.

use crate::cli::connect;
use crate::cli::frozen;
use crate::cli::report::{self, Exit, Failure};
use crate::cli::unreadable::{self, LISTED_AS_ERRORS};
use crate::postgres::{self, Database, FailureGroup, Refusal};
use crate::reconcile::classify;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

/// How the words of a conflict begin that a person is to decide.
const CONFLICT: &str = "CONFLICT:";

/// Lists what is parked of one object or of all, records that could not be read into a row and fields that are left
/// alone.
pub(super) async fn list(
    db: &Database,
    object: Option<&str>,
    rows: bool,
    json: bool,
) -> Result<Exit, Failure> {
    let groups = postgres::failure_groups(db, object).await.map_err(connect::postgres_failure)?;
    let left_out = postgres::left_out(db, object, LISTED_AS_ERRORS)
        .await
        .map_err(connect::postgres_failure)?;
    let frozen_fields =
        postgres::frozen(db, object, LISTED_AS_ERRORS).await.map_err(connect::postgres_failure)?;
    let is_clean = groups.is_empty() && left_out.records == 0 && frozen_fields.count == 0;
    let exit = if is_clean { Exit::Ok } else { Exit::Findings };
    if json {
        let failures = postgres::failures(db, object).await.map_err(connect::postgres_failure)?;
        let groups: Vec<_> = groups.iter().map(group_json).collect();
        let errors: Vec<_> = failures.iter().map(as_json).collect();
        let document = json!({
            "schema_version": 1, "groups": groups, "errors": errors, "unreadable": unreadable::as_json(&left_out),
            "frozen": frozen::as_json(&frozen_fields),
        });
        report::say(format!("{document:#}"));
        return Ok(exit);
    }
    if groups.is_empty() {
        report::say("no change is parked");
    } else {
        if rows {
            let failures =
                postgres::failures(db, object).await.map_err(connect::postgres_failure)?;
            say_rows(&failures);
        } else {
            groups.iter().for_each(say_group);
        }
        report::say("the whole story of one: lockstep errors show ID");
    }
    if left_out.records > 0 {
        report::say(format!("\n{}", unreadable::text(&left_out)));
    }
    if frozen_fields.count > 0 {
        report::say(format!("\n{}", frozen::text(&frozen_fields)));
    }
    Ok(exit)
}

fn say_group(group: &FailureGroup) {
    let FailureGroup { object, count, first_at, last_at, log_ids, message } = group;
    let ids = log_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = usize::try_from(*count).unwrap_or(usize::MAX).saturating_sub(log_ids.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let changes = if *count == 1 { "change" } else { "changes" };
    report::say(one_line(message));
    report::say(format!("  {count} {changes} of {object}: {ids}{more}"));
    let first = moment(*first_at);
    if *count == 1 {
        report::say(format!("  refused  {first}"));
    } else {
        report::say(format!("  refused  {first} to {}", moment(*last_at)));
    }
    report::say(format!("  next     {}", remedy(message)));
    if let Some(id) = log_ids.first() {
        report::say(if message.starts_with(CONFLICT) {
            format!("           such as: lockstep errors decide salesforce {id} --alike\n")
        } else {
            format!("           then: lockstep errors retry {id} --alike\n")
        });
    }
}

fn say_rows(failures: &[postgres::Failure]) {
    let mut lines =
        vec![["ID", "MAPPING", "ROW", "CHANGE", "WHAT SALESFORCE SAYS"].map(str::to_owned)];
    lines.extend(failures.iter().map(|failure| {
        [
            failure.log_id.to_string(),
            failure.object.clone(),
            failure.record_id.to_string(),
            failure.action.to_string(),
            one_line(&failure.message),
        ]
    }));
    report::say(report::columns(&lines));
}

/// Shows one parked change in full.
pub(super) async fn one(db: &Database, id: i32, json: bool) -> Result<Exit, Failure> {
    let failure = postgres::failure(db, id).await.map_err(connect::postgres_failure)?;
    let failure = failure.ok_or_else(|| {
        Failure::new(Exit::Failed, format!("no parked change has the number {id}"))
            .next("see what there is: lockstep errors list")
    })?;
    if json {
        let mut document = as_json(&failure);
        if let Some(document) = document.as_object_mut() {
            document.insert("schema_version".to_owned(), json!(1));
            let sent = failure.refusal.as_ref().and_then(|refusal| refusal.sent.as_ref());
            document.insert("sent".to_owned(), json!(sent));
            let conflicts = failure.refusal.as_ref().and_then(|it| it.conflicts.as_ref());
            document.insert("conflicts".to_owned(), json!(conflicts));
        }
        report::say(format!("{document:#}"));
        return Ok(Exit::Ok);
    }
    report::say(format!(
        "{} of {} {} ({})",
        failure.action, failure.table, failure.record_id, failure.object
    ));
    match &failure.refusal {
        Some(refusal) => say_refusal(refusal, failure.at),
        None => report::say(format!("  refused   {}", moment(failure.at))),
    }
    report::say(format!("  says      {}", one_line(&failure.message)));
    if let Some(refusal) = &failure.refusal
        && let Some(sent) = &refusal.sent
    {
        say_sent(sent, refusal);
    }
    if let Some(conflicts) = failure.refusal.as_ref().and_then(|it| it.conflicts.as_ref()) {
        say_conflicts(conflicts, id);
        return Ok(Exit::Ok);
    }
    report::say(format!("  next      {}", remedy(&failure.message)));
    report::say(format!(
        "            mend the row with an ordinary UPDATE, or send it again as captured: lockstep errors retry {id}"
    ));
    report::say(format!(
        "            or with the row's present values: lockstep errors retry {id} --present"
    ));
    Ok(Exit::Ok)
}

fn say_refusal(refusal: &Refusal, last_at: DateTime<Utc>) {
    let by = match refusal.origin.as_str() {
        "salesforce" => "by Salesforce",
        "rehearsal" => "before it was sent, since Salesforce would",
        _ => "by lockstep",
    };
    report::say(format!("  refused   {by}, {}", moment(last_at)));
    if refusal.first_at < last_at {
        report::say(format!("  first     {}", moment(refusal.first_at)));
    }
    report::say(format!("  attempts  {}", refusal.attempts));
    if !refusal.fields.is_empty() {
        report::say(format!("  about     {}", refusal.fields.join(", ")));
    }
}

fn say_sent(sent: &Map<String, Json>, refusal: &Refusal) {
    let is_rehearsed = refusal.origin == "rehearsal";
    report::say(if is_rehearsed { "  not sent" } else { "  sent" });
    for (field, value) in sent {
        let is_meant = refusal.fields.iter().any(|named| named.eq_ignore_ascii_case(field));
        let mark = if is_meant { '>' } else { ' ' };
        report::say(format!("  {mark} {field}: {value}"));
    }
}

fn say_conflicts(conflicts: &Map<String, Json>, id: i32) {
    report::say("  conflict");
    for (field, values) in conflicts {
        let value = |side: &str| values.get(side).unwrap_or(&Json::Null);
        report::say(format!("  > {field}"));
        report::say(format!("      base        {}", value("base")));
        report::say(format!("      Postgres    {}", value("local")));
        report::say(format!("      Salesforce  {}", value("remote")));
    }
    report::say("  next      say whose values stay; until then neither side is overwritten:");
    report::say(format!("            lockstep errors decide postgres {id}"));
    report::say(format!("            lockstep errors decide salesforce {id}"));
}

fn group_json(group: &FailureGroup) -> Json {
    json!({
        "mapping": group.object,
        "count": group.count,
        "first_at": group.first_at,
        "last_at": group.last_at,
        "ids": group.log_ids,
        "message": group.message,
        "next": remedy(&group.message),
    })
}

fn as_json(failure: &postgres::Failure) -> Json {
    let refusal = failure.refusal.as_ref();
    json!({
        "id": failure.log_id,
        "mapping": failure.object,
        "table": failure.table,
        "row": failure.record_id,
        "sfid": failure.sfid.as_ref().map(ToString::to_string),
        "change": failure.action.as_str(),
        "message": failure.message,
        "next": remedy(&failure.message),
        "refused_at": failure.at,
        "refused_by": refusal.map(|refusal| &refusal.origin),
        "code": refusal.map(|refusal| &refusal.code),
        "fields": refusal.map(|refusal| &refusal.fields),
        "cause": refusal.map(|refusal| &refusal.cause),
        "attempts": refusal.map(|refusal| refusal.attempts),
        "first_refused_at": refusal.map(|refusal| refusal.first_at),
    })
}

/// What the operator does about a refusal that reads `CODE: words`.
fn remedy(message: &str) -> &'static str {
    let (code, words) = message.split_once(':').unwrap_or((message, ""));
    classify(code.trim(), words.trim()).remedy
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

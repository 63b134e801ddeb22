//! What `lockstep verify` found, as a table for people and as JSON for programs.

use super::Verified;
use crate::cli::report;
use crate::postgres::{Difference, FindingKind};
use crate::sync::SweepReport;
use serde_json::{Value as Json, json};

/// The fields of one difference that a line names, at most.
const FIELDS_PER_LINE: usize = 8;

pub(super) fn as_table(verified: &[Verified<'_>]) -> String {
    let header = [
        "MAPPING",
        "RECORDS",
        "BY VALUE",
        "MISSING",
        "EXTRA",
        "STALE",
        "DIFFERING",
        "UNLINKED",
        "WAITING",
    ];
    let mut lines = vec![header.map(str::to_owned)];
    for Verified { mapping, report } in verified {
        let count = |kind| report.counts.get(&kind).copied().unwrap_or_default().to_string();
        let by_value =
            if report.sampled > 0 { report.sampled.to_string() } else { "all".to_owned() };
        lines.push([
            mapping.object.clone(),
            report.scanned.to_string(),
            by_value,
            count(FindingKind::Missing),
            count(FindingKind::Extra),
            count(FindingKind::Stale),
            count(FindingKind::Differing),
            count(FindingKind::Unlinked),
            count(FindingKind::Waiting),
        ]);
    }
    let mut parts = vec![report::columns(&lines).trim_end().to_owned()];
    for Verified { mapping, report } in verified {
        parts.extend(listed(&mapping.object, report));
        parts.extend(outcome(&mapping.object, report));
    }
    parts.join("\n\n")
}

/// The differences themselves, as far as they are kept.
fn listed(object: &str, report: &SweepReport) -> Option<String> {
    if report.differences.is_empty() {
        return None;
    }
    let lines: Vec<String> =
        report.differences.iter().map(|difference| line(object, difference)).collect();
    Some(lines.join("\n"))
}

fn line(object: &str, difference: &Difference) -> String {
    let what = match difference.kind {
        FindingKind::Missing => "has no row",
        FindingKind::Extra => "is gone, or not visible; its row is here",
        FindingKind::Stale => "was changed later than its row",
        FindingKind::Differing => "differs from its row",
        FindingKind::Unlinked => "has no record, and nothing will send it",
        FindingKind::Waiting => "has changes that wait to be sent",
    };
    let row = difference.record_id.map_or(String::new(), |id| format!(" (row {id})"));
    let record = difference.sfid.as_deref().map_or(String::new(), |sfid| format!(" {sfid}"));
    format!("{object}{record}{row} {what}{}", fields(difference))
}

fn fields(difference: &Difference) -> String {
    if difference.fields.is_empty() {
        return String::new();
    }
    let shown = |(name, value): (&String, &Json)| match value.as_array().map(Vec::as_slice) {
        Some([here, there]) => format!("{name}: here {here}, in Salesforce {there}"),
        _ => name.clone(),
    };
    let mut shown: Vec<String> = difference.fields.iter().map(shown).collect();
    if shown.len() > FIELDS_PER_LINE {
        let more = shown.len() - FIELDS_PER_LINE;
        shown.truncate(FIELDS_PER_LINE);
        shown.push(format!("{more} more"));
    }
    format!(": {}", shown.join(", "))
}

/// How it stands now, with the command that helps.
fn outcome(object: &str, report: &SweepReport) -> Option<String> {
    let Some(repaired) = report.repaired else {
        return (!report.is_equal()).then(|| {
            format!("{object} differs. Put it right with: lockstep verify {object} --repair")
        });
    };
    if let Some((count, allowed)) = repaired.held {
        return Some(format!(
            "{object}: {} rows were added and {} updated. At least {count} rows have no visible record any more, and \
             {allowed} may go at once, so none was removed. Look into Salesforce; if they are really gone: \
             lockstep verify {object} --repair --allow-deletes {count}",
            repaired.inserted, repaired.updated
        ));
    }
    (repaired.rows() > 0 || !report.is_equal()).then(|| {
        format!(
            "{object}: {} rows were added, {} updated, {} removed; {} were right after all.",
            repaired.inserted, repaired.updated, repaired.removed, repaired.settled
        )
    })
}

pub(super) fn as_json(verified: &[Verified<'_>]) -> Json {
    let mappings: Vec<Json> = verified
        .iter()
        .map(|Verified { mapping, report }| {
            let counts: serde_json::Map<String, Json> = FindingKind::ALL
                .into_iter()
                .map(|kind| {
                    let count = report.counts.get(&kind).copied().unwrap_or_default();
                    (kind.as_str().to_owned(), json!(count))
                })
                .collect();
            let differences: Vec<Json> = report
                .differences
                .iter()
                .map(|difference| {
                    json!({
                        "kind": difference.kind.as_str(),
                        "sfid": difference.sfid,
                        "id": difference.record_id,
                        "fields": difference.fields,
                    })
                })
                .collect();
            json!({
                "mapping": mapping.object,
                "table": mapping.table,
                "equal": report.is_equal(),
                "records": report.scanned,
                "sampled": report.sampled,
                "counts": counts,
                "differences": differences,
                "repaired": report.repaired.map(|repaired| json!({
                    "inserted": repaired.inserted,
                    "updated": repaired.updated,
                    "removed": repaired.removed,
                    "right_after_all": repaired.settled,
                    "held_back": repaired.held.map(|(count, _)| count),
                    "allowed": repaired.held.map(|(_, allowed)| allowed),
                })),
                "calls": report.calls,
            })
        })
        .collect();
    json!({ "schema_version": 1, "mappings": mappings })
}

#[cfg(test)]
mod tests {
    use super::{line, outcome};
    use crate::postgres::{Difference, FindingKind};
    use crate::sync::{Repaired, SweepReport};
    use serde_json::{Map, json};

    fn difference(fields: &[(&str, serde_json::Value)]) -> Difference {
        let fields: Map<_, _> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Difference {
            kind: FindingKind::Differing,
            sfid: Some("001000000000001AAA".to_owned()),
            record_id: Some(7),
            fields,
        }
    }

    #[test]
    fn a_difference_names_its_fields_and_shows_values_only_where_they_were_asked_for() {
        let named = difference(&[("Name", json!(true)), ("Phone", json!(true))]);
        let said = line("Account", &named);
        assert_eq!(said, "Account 001000000000001AAA (row 7) differs from its row: Name, Phone");
        let shown = difference(&[("Name", json!(["a", "b"]))]);
        assert!(line("Account", &shown).ends_with("Name: here \"a\", in Salesforce \"b\""));
    }

    #[test]
    fn what_the_guard_holds_back_comes_with_the_command_that_lets_it_go() {
        let repaired = Repaired { held: Some((400, 100)), ..Repaired::default() };
        let report = SweepReport { repaired: Some(repaired), ..SweepReport::default() };
        let said = outcome("Account", &report).unwrap();
        assert!(said.ends_with("lockstep verify Account --repair --allow-deletes 400"), "{said}");
        assert_eq!(outcome("Account", &SweepReport::default()), None);
    }
}

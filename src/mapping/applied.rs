//! What a start makes of mappings that were applied before and that their objects do not fit now.
//!
//! A file that names what was never applied is in error, and nothing runs before it is mended. A file that was applied
//! as it is was sound once: whatever is wrong with it now is the org's doing. Then that mapping waits, or the field
//! alone where the mapping says so, and the others run.

use super::bind::{Org, bind_all};
use super::diagnostic::{Code, Diagnostic, has_errors};
use super::drift::{DriftKind, Drifted, NEXT_STEP, Rebound};
use super::file::{FieldEntry, FieldList, MappingFile};
use super::validated::{Mapping, RemovedFieldRule};
use crate::model::ObjectDescribe;
use std::collections::BTreeSet;

/// A mapping as it was last applied to the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The object, in Salesforce's own spelling.
    pub object: String,
    /// The columns of its fields, those of fields that were out then included.
    pub columns: BTreeSet<String>,
    /// The field of its key.
    pub key: Option<String>,
}

/// Binds the files to the org as a start does: one outcome per file, in their order. A mapping that is paused is bound
/// as far as possible, so that its place among the others is known, and is not to be run.
///
/// # Errors
/// All problems, warnings included, when one of them cannot be the org's doing.
pub fn bind_applied(
    files: &[MappingFile],
    org: &Org,
    applied: &[Applied],
) -> Result<Vec<Rebound>, Vec<Diagnostic>> {
    let bound = bind_all(files, org);
    let known = |file: &MappingFile| applied.iter().find(|applied| was_applied(file, applied));
    let is_drift = |problem: &Diagnostic| {
        files.iter().any(|file| is_of(problem, file) && known(file).is_some())
    };
    if has_errors(&bound.diagnostics)
        && !bound.diagnostics.iter().filter(|problem| problem.is_error()).all(is_drift)
    {
        return Err(bound.diagnostics);
    }
    let mut whole = org.clone();
    for file in files.iter().filter(|file| org.object(file.object()).is_none()) {
        let name = known(file).map_or(file.object(), |applied| &applied.object).to_owned();
        whole.objects.push(ObjectDescribe { name, ..ObjectDescribe::default() });
    }
    let drafts = bind_all(files, &whole).mappings;
    let judged = files.iter().zip(drafts).map(|(file, draft)| {
        let problems = bound.diagnostics.iter().filter(|problem| is_of(problem, file));
        judge(file, draft, &problems.collect::<Vec<_>>())
    });
    Ok(judged.collect())
}

/// Whether the file names nothing but what was applied.
fn was_applied(file: &MappingFile, applied: &Applied) -> bool {
    let key = file.key.as_ref().map(|key| key.field.get_ref());
    let is_same_key = match (key, &applied.key) {
        (Some(now), Some(then)) => now.eq_ignore_ascii_case(then),
        (None, None) => true,
        _ => false,
    };
    file.object().eq_ignore_ascii_case(&applied.object)
        && is_same_key
        && entries(file).iter().all(|entry| applied.columns.contains(entry.column.get_ref()))
}

fn is_of(problem: &Diagnostic, file: &MappingFile) -> bool {
    problem.label.as_ref().is_some_and(|label| label.source == file.source)
}

fn entries(file: &MappingFile) -> &[FieldEntry] {
    match &file.fields {
        FieldList::Named(entries) => entries,
        FieldList::AllReadable { .. } => &[],
    }
}

/// A field that is left out anyway may be gone.
fn is_left_out(problem: &Diagnostic, file: &MappingFile) -> bool {
    let FieldList::AllReadable { except } = &file.fields else { return false };
    let place = problem.label.as_ref().map(|label| &label.span);
    except.iter().any(|name| Some(&name.span()) == place)
}

fn judge(file: &MappingFile, draft: Mapping, problems: &[&Diagnostic]) -> Rebound {
    let mut judgement = Rebound {
        mapping: Mapping { held_columns: Vec::new(), ..draft },
        drifted: Vec::new(),
        pause: None,
    };
    let is_gone = |problem: &&Diagnostic| problem.code == Code::FieldNotFound;
    let has_gone = problems.iter().copied().any(|problem| is_gone(&problem));
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        // An index on a column whose field is gone is told with the field.
        let is_told = problem.code == Code::IndexNotMapped && has_gone;
        if !is_told && !is_left_out(problem, file) {
            take(&mut judgement, file, problem);
        }
    }
    for entry in entries(file) {
        let Some(wish) = &entry.reference else { continue };
        let is_lost = judgement.mapping.fields.iter().any(|field| {
            field.name.eq_ignore_ascii_case(entry.name.get_ref()) && field.reference.is_none()
        });
        if is_lost {
            let (name, parent) = (entry.name.get_ref(), wish.mapping.get_ref());
            let what = format!("{name} refers to the key of {parent}, whose mapping is paused");
            pause(&mut judgement, name, DriftKind::OtherType, what);
        }
    }
    judgement
}

fn take(judgement: &mut Rebound, file: &MappingFile, problem: &Diagnostic) {
    let place = problem.label.as_ref().map(|label| &label.span);
    let entry = entries(file).iter().find(|entry| Some(&entry.name.span()) == place);
    let field = entry.map_or(judgement.mapping.object.as_str(), |entry| entry.name.get_ref());
    let (field, object) = (field.to_owned(), judgement.mapping.object.clone());
    let gone =
        |what: &str| format!("{what} is gone from Salesforce, or hidden from the integration user");
    let (kind, what) = match problem.code {
        Code::ObjectNotFound => (DriftKind::RemovedObject, gone(&object)),
        Code::FieldNotFound => (DriftKind::RemovedField, gone(&field)),
        Code::NotWritable => (DriftKind::OtherRights, problem.message.clone()),
        _ => (DriftKind::OtherType, problem.message.clone()),
    };
    let is_key =
        file.key.as_ref().is_some_and(|key| key.field.get_ref().eq_ignore_ascii_case(&field));
    let goes_on = file.drift.removed_field == RemovedFieldRule::PauseField && !is_key;
    match entry {
        Some(entry) if goes_on && kind == DriftKind::RemovedField => {
            judgement.mapping.held_columns.push(entry.column.get_ref().clone());
            let detail = format!("{what}; the other fields go on, its column stays as it is");
            judgement.drifted.push(Drifted { field, kind, detail });
        }
        _ => pause(judgement, &field, kind, what),
    }
}

fn pause(judgement: &mut Rebound, field: &str, kind: DriftKind, what: String) {
    judgement.pause.get_or_insert_with(|| format!("{what}; {NEXT_STEP}"));
    if !judgement.drifted.iter().any(|known| known.field == field) {
        judgement.drifted.push(Drifted { field: field.to_owned(), kind, detail: what });
    }
}

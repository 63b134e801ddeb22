//! Duplicate rules: a row that is like another one is refused, or needs the writer's consent.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Org, Row, Writer, rules::Rule};
use crate::{ApiError, Id, error::DuplicateResult, value::Value};

/// The words that Salesforce puts beside duplicates.
const MESSAGE: &str = "Use one of these records?";

/// Most records that are named.
const NAMED_MAX: usize = 10;

/// What a duplicate rule does about a row that is like another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateAction {
    /// Refuses it.
    Block,
    /// Refuses it, unless the writer asks for `allowSave`.
    Alert,
    /// Lets it pass.
    Allow,
}

/// A rule, its fields looked up.
pub(super) struct DuplicateRule {
    pub(super) name: String,
    pub(super) fields: Vec<usize>,
    pub(super) action: DuplicateAction,
}

impl Org {
    /// Checks a row against the duplicate rules of its object; of a changed row only those whose
    /// fields changed.
    pub(super) fn check_duplicates(
        &self,
        writer: Writer,
        number: usize,
        id: Option<Id>,
        row: &Row,
    ) -> Result<(), ApiError> {
        for rule in self.rules.of(number) {
            let Rule::Duplicate(rule) = rule else { continue };
            let passes = match rule.action {
                DuplicateAction::Allow => true,
                DuplicateAction::Alert => writer.allow_duplicates,
                DuplicateAction::Block => false,
            };
            let before = id.and_then(|id| self.row(number, id));
            let is_same = |field: &usize| {
                before.as_deref().is_some_and(|before| before.value(*field) == row.value(*field))
            };
            if passes || rule.fields.iter().all(is_same) {
                continue;
            }
            let alike = self.alike(number, id, rule, row);
            if !alike.is_empty() {
                return Err(self.refuse_duplicate(writer, number, rule, &alike));
            }
        }
        Ok(())
    }

    /// The live rows that agree with a row in all fields of a rule.
    fn alike(&self, number: usize, id: Option<Id>, rule: &DuplicateRule, row: &Row) -> Vec<Id> {
        let Some(table) = self.table(number) else { return Vec::new() };
        let agrees = |other: &Row| {
            rule.fields.iter().all(|field| is_alike(row.value(*field), other.value(*field)))
        };
        let is_alike = |candidate: &Id| {
            Some(*candidate) != id
                && table.get(*candidate).is_some_and(|other| other.is_live() && agrees(&other))
        };
        let indexed = rule.fields.iter().find(|field| table.is_indexed(**field));
        let candidates: Box<dyn Iterator<Item = Id> + '_> = match indexed {
            Some(field) => Box::new(table.with_value(*field, row.value(*field))),
            None => Box::new(table.iter().map(|(id, _)| id)),
        };
        candidates.filter(is_alike).take(NAMED_MAX).collect()
    }

    fn refuse_duplicate(
        &self,
        writer: Writer,
        number: usize,
        rule: &DuplicateRule,
        alike: &[Id],
    ) -> ApiError {
        let Some(object) = self.object(number) else { return ApiError::unknown_object() };
        let records: Vec<Json> = alike
            .iter()
            .map(|id| {
                let mut record = json!({
                    "attributes": {
                        "type": object.name(),
                        "url": format!("/services/data/v66.0/sobjects/{}/{id}", object.name()),
                    },
                    "Id": id.to_string(),
                });
                if writer.show_duplicates {
                    self.tell_fields(number, *id, rule, &mut record);
                }
                json!({
                    "additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                    "record": record,
                })
            })
            .collect();
        let result = json!({
            "allowSave": rule.action == DuplicateAction::Alert,
            "duplicateRule": rule.name,
            "duplicateRuleEntityType": object.name(),
            "errorMessage": MESSAGE,
            "matchResults": [{
                "entityType": object.name(), "errors": [], "matchEngine": "ExactMatchEngine",
                "matchRecords": records, "rule": rule.name, "size": alike.len(), "success": true,
            }],
        });
        let mut error = ApiError::request("DUPLICATES_DETECTED", MESSAGE);
        let is_wanted = writer.show_duplicates;
        error.duplicates = Some(Box::new(DuplicateResult { result, is_wanted }));
        error
    }

    /// Adds the fields that were compared, and the name, to a record.
    fn tell_fields(&self, number: usize, id: Id, rule: &DuplicateRule, record: &mut Json) {
        let (Some(object), Some(row)) = (self.object(number), self.row(number, id)) else { return };
        for at in object.system().name.iter().chain(&rule.fields) {
            let Some(field) = object.field(*at) else { continue };
            let mut text = String::new();
            self.read(number, &row, *at).write_json(&mut text);
            if let Some(members) = record.as_object_mut() {
                members.insert(field.name.clone(), serde_json::from_str(&text).unwrap_or_default());
            }
        }
    }
}

/// Whether two values agree: text whatever its case, and never blanks.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Null, _) => false,
        (Value::Text(one), Value::Text(other)) => one.to_lowercase() == other.to_lowercase(),
        _ => one == other,
    }
}

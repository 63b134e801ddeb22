//! What an administrator sets up at run time: validation rules, duplicate rules, triggers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Org,
    duplicates::{DuplicateAction, DuplicateRule},
    triggers::{Trigger, TriggerEvent},
};
use crate::{
    ApiError,
    schema::{formula::Formula, object::ValidationRule},
};

/// A rule of an object, as it is given and listed.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleSpec {
    /// Refuses rows for which the formula is true, with `FIELD_CUSTOM_VALIDATION_EXCEPTION`.
    Validation {
        /// The object.
        object: String,
        /// The condition of a bad row, in the formula language.
        formula: String,
        /// What the refusal says.
        message: String,
        /// The field that the refusal blames.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// Refuses rows that are like another one, with `DUPLICATES_DETECTED`.
    Duplicate {
        /// The object.
        object: String,
        /// The rule's API name.
        name: String,
        /// Rows that agree in all of these fields, case aside, are alike; blanks agree with nothing.
        fields: Vec<String>,
        /// What happens to such a row.
        action: DuplicateAction,
    },
    /// Runs a script when rows change.
    Trigger {
        /// The object.
        object: String,
        /// Its name, for error messages.
        name: String,
        /// When it runs.
        events: Vec<TriggerEvent>,
        /// What it does, in Rhai; see [`crate::org`].
        script: String,
    },
}

/// A rule and the number by which it can be removed.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct DefinedRule {
    /// The number.
    pub id: u64,
    /// The rule.
    #[serde(flatten)]
    pub spec: RuleSpec,
}

/// A rule, understood.
pub(super) enum Rule {
    Validation(ValidationRule),
    Duplicate(DuplicateRule),
    Trigger(Arc<Trigger>),
}

/// The rules of all objects.
#[derive(Default)]
pub(super) struct Rules {
    last: u64,
    all: Vec<(usize, DefinedRule, Rule)>,
}

impl Rules {
    /// The rules of an object.
    pub(super) fn of(&self, object: usize) -> impl Iterator<Item = &Rule> {
        self.all.iter().filter(move |(number, ..)| *number == object).map(|(.., rule)| rule)
    }
}

impl Org {
    /// Adds a rule, which holds for writes from now on.
    ///
    /// # Errors
    /// 404 for an unknown object, 400 for unknown fields, formulas and scripts that cannot be read.
    pub fn define_rule(&mut self, spec: RuleSpec) -> Result<DefinedRule, ApiError> {
        let bad = |what: String| ApiError::request("INVALID_RULE", what);
        let object_name = match &spec {
            RuleSpec::Validation { object, .. }
            | RuleSpec::Duplicate { object, .. }
            | RuleSpec::Trigger { object, .. } => object,
        };
        let (number, object) = self.object_named(object_name)?;
        let field = |name: &String| {
            let unknown = || bad(format!("No such column '{name}' on {}", object.name()));
            object.number(name).ok_or_else(unknown)
        };
        let rule = match &spec {
            RuleSpec::Validation { formula, message, field: blamed, .. } => {
                blamed.as_ref().map(field).transpose()?;
                Rule::Validation(ValidationRule {
                    when: Vec::new(),
                    formula: Some(Formula::understand(formula).map_err(bad)?),
                    message: message.clone(),
                    field: blamed.clone(),
                })
            }
            RuleSpec::Duplicate { name, fields, action, .. } => {
                let fields = fields.iter().map(field).collect::<Result<Vec<_>, _>>()?;
                if fields.is_empty() {
                    return Err(bad("a duplicate rule needs fields to compare".to_owned()));
                }
                Rule::Duplicate(DuplicateRule { name: name.clone(), fields, action: *action })
            }
            RuleSpec::Trigger { name, events, script, .. } => {
                Rule::Trigger(Arc::new(Trigger::new(name, events, script).map_err(bad)?))
            }
        };
        self.rules.last += 1;
        let defined = DefinedRule { id: self.rules.last, spec };
        self.rules.all.push((number, defined.clone(), rule));
        Ok(defined)
    }

    /// The rules that were added.
    pub fn rules(&self) -> impl Iterator<Item = &DefinedRule> {
        self.rules.all.iter().map(|(_, defined, _)| defined)
    }

    /// Removes one rule, or all; answers whether there was one.
    pub fn remove_rule(&mut self, id: Option<u64>) -> bool {
        let before = self.rules.all.len();
        self.rules.all.retain(|(_, defined, _)| id.is_some_and(|id| id != defined.id));
        self.rules.all.len() < before
    }
}

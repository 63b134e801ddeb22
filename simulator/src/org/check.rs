//! The rules that a row as a whole must satisfy before it is stored.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::{Org, Row, convert::from_json, rules::Rule, write::invalid_cross_reference};
use crate::{
    ApiError, Id,
    schema::{Field, FieldType, Object, object::ValidationRule},
    value::Value,
};

impl Org {
    /// Checks a row that is about to replace the one with this id, or to become a new one.
    ///
    /// Only what differs from the stored row is checked for references and duplicates, so that a
    /// row whose parent was deleted meanwhile can still be changed elsewhere.
    pub(super) fn check(&self, number: usize, id: Option<Id>, row: &Row) -> Result<(), ApiError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        let before = id.and_then(|id| self.row(number, id));
        check_required(object, before.is_none(), row)?;
        for (at, field) in object.fields().iter().enumerate() {
            let value = row.value(at);
            if value.is_null() || before.as_deref().is_some_and(|before| before.value(at) == value)
            {
                continue;
            }
            if let (FieldType::Reference, Value::Id(target)) = (field.kind, value) {
                self.check_record_type(number, (at, value))?;
                self.check_reference(field, *target)?;
            }
            if field.unique {
                self.check_unique(number, id, (at, field), value)?;
            }
        }
        let added = self.rules.of(number).filter_map(|rule| match rule {
            Rule::Validation(rule) => Some(rule),
            _ => None,
        });
        let before = before.as_deref();
        object
            .rules()
            .iter()
            .chain(added)
            .try_for_each(|rule| self.check_rule((number, object), rule, before, row))
    }

    pub(super) fn check_rule(
        &self,
        (number, object): (usize, &Object),
        rule: &ValidationRule,
        before: Option<&Row>,
        row: &Row,
    ) -> Result<(), ApiError> {
        let is_met = match &rule.formula {
            Some(formula) => self.holds((number, row), before, formula),
            None => !rule.when.is_empty(),
        };
        if !is_met || !rule.when.iter().all(|condition| is_met_by(object, condition, row)) {
            return Ok(());
        }
        let fields: Vec<&str> = rule.field.as_deref().into_iter().collect();
        Err(ApiError::row("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.as_str(), &fields))
    }

    fn check_reference(&self, field: &Field, target: Id) -> Result<(), ApiError> {
        let wrong_type = || {
            let message = format!("{}: id value of incorrect type: {target}", field.label);
            Err(ApiError::row("FIELD_INTEGRITY_EXCEPTION", message, &[&field.name]))
        };
        let Some(object) =
            self.schema.number_of_prefix(target.prefix()).and_then(|number| self.object(number))
        else {
            let all_known =
                field.reference_to.iter().all(|name| self.schema.number(name).is_some());
            let is_free = field.reference_to.is_empty() || !all_known;
            return if is_free { Ok(()) } else { wrong_type() };
        };
        if !field.reference_to.is_empty()
            && !field.reference_to.iter().any(|name| name == object.name())
        {
            return wrong_type();
        }
        let Some((_, row)) = self.locate(target).filter(|(_, row)| row.is_live()) else {
            return Err(invalid_cross_reference());
        };
        let inactive =
            object.number("IsActive").map(|active| row.value(active)) == Some(&Value::Bool(false));
        if field.name == "OwnerId" && inactive {
            let message = format!("operation performed with inactive user [{target}] as owner");
            return Err(ApiError::row("INACTIVE_OWNER_OR_USER", message, &["OwnerId"]));
        }
        Ok(())
    }

    pub(super) fn check_unique(
        &self,
        number: usize,
        id: Option<Id>,
        (at, field): (usize, &Field),
        value: &Value,
    ) -> Result<(), ApiError> {
        match self.matches(number, at, value).into_iter().find(|other| Some(*other) != id) {
            None => Ok(()),
            Some(other) => {
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {}",
                    field.name,
                    other.short()
                );
                Err(ApiError::row("DUPLICATE_VALUE", message, &[]))
            }
        }
    }
}

fn check_required(object: &Object, is_new: bool, row: &Row) -> Result<(), ApiError> {
    let is_required = |field: &Field| {
        let is_filled = field.defaulted_on_create && (is_new || field.name_field);
        let is_asked_for = if is_new { field.createable } else { field.updateable };
        !field.nillable && is_asked_for && !is_filled && field.kind != FieldType::Boolean
    };
    let missing: Vec<&str> = object
        .fields()
        .iter()
        .enumerate()
        .filter(|(at, field)| is_required(field) && row.value(*at).is_null())
        .map(|(_, field)| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(ApiError::row("REQUIRED_FIELD_MISSING", message, &missing))
}

fn is_met_by(object: &Object, (name, operator, json): &(String, String, Json), row: &Row) -> bool {
    let found = object.number(name).and_then(|at| Some((row.value(at), object.field(at)?)));
    found.is_some_and(|(value, field)| {
        let wanted = from_json(field, json).unwrap_or(Value::Null);
        compare(value, operator, &wanted)
    })
}

fn compare(value: &Value, operator: &str, wanted: &Value) -> bool {
    let ordering = super::query::order(value, wanted);
    match operator {
        "=" => value == wanted,
        "!=" => value != wanted,
        "<" => ordering == Some(Ordering::Less),
        "<=" => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        ">" => ordering == Some(Ordering::Greater),
        ">=" => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}

//! What a mapping's fields must hold for Salesforce to take a record, as far as the describe tells it for certain.
//!
//! Only what a refusal can be foretold from is kept, and only of what the mapping sends: a picklist of a thousand values is
//! a set, everything else a number or nothing.

use super::rights::is_required;
use super::validated::Field;
use crate::model::{Action, FieldDescribe, FieldType, ObjectDescribe};
use std::collections::{BTreeMap, BTreeSet};

/// The rules of one object, by the API names of its mapped fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// What the integration user may not do to the object's records at all.
    pub forbidden: BTreeSet<Action>,
    /// Fields that are never empty, neither in a new record nor in a changed one.
    pub required: BTreeSet<String>,
    /// Limits to values; fields without any are absent.
    pub limits: BTreeMap<String, ValueLimit>,
}

/// The limit to one field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueLimit {
    /// At most so many characters.
    Length(u32),
    /// At most so many digits before the point.
    WholeDigits(u32),
    /// One of these values, in lower case; several of them in a field that holds a list.
    Choices {
        /// Whether the field holds several, joined by `;`.
        is_list: bool,
        /// The values.
        values: BTreeSet<String>,
    },
}

impl Rehearsal {
    /// What the describe says for certain about the fields that are sent.
    pub(super) fn of(object: &ObjectDescribe, fields: &[Field]) -> Self {
        let rights = [
            (Action::Insert, object.createable),
            (Action::Update, object.updateable),
            (Action::Delete, object.deletable),
        ];
        let forbidden = rights.into_iter().filter(|(_, is_given)| !is_given);
        let forbidden = forbidden.map(|(action, _)| action).collect();
        let mut rehearsal = Self { forbidden, ..Self::default() };
        // A person account is created by the person's name, and Salesforce makes the account's of it.
        let may_be_person = object.field("IsPersonAccount").is_some();
        let is_sent = |field: &&FieldDescribe| {
            fields.iter().any(|sent| sent.name == field.name && sent.direction.pushes())
        };
        for field in object.fields.iter().filter(is_sent) {
            if is_surely_required(field) && !(may_be_person && field.name == "Name") {
                rehearsal.required.insert(field.name.clone());
            }
            if let Some(limit) = limit_of(field) {
                rehearsal.limits.insert(field.name.clone(), limit);
            }
        }
        rehearsal
    }
}

/// Whether nothing else fills the field: neither Salesforce nor a default value.
fn is_surely_required(field: &FieldDescribe) -> bool {
    is_required(field) && field.default_value.is_none() && field.default_value_formula.is_none()
}

fn limit_of(field: &FieldDescribe) -> Option<ValueLimit> {
    use FieldType as F;
    match field.field_type {
        // Formatted text is cleaned before it is measured.
        F::String | F::Textarea | F::Email | F::Phone | F::Url
            if field.length > 0 && !field.html_formatted =>
        {
            Some(ValueLimit::Length(field.length))
        }
        F::Double | F::Currency | F::Percent if field.precision > 0 => {
            Some(ValueLimit::WholeDigits(field.precision.saturating_sub(field.scale)))
        }
        F::Picklist | F::Multipicklist if field.restricted_picklist => choices_of(field),
        _ => None,
    }
}

/// The values that are accepted, and their labels: an org may take those too.
fn choices_of(field: &FieldDescribe) -> Option<ValueLimit> {
    let active = field.picklist_values.iter().filter(|choice| choice.active);
    let values: BTreeSet<String> = active
        .flat_map(|choice| std::iter::once(&choice.value).chain(&choice.label))
        .map(|text| text.to_lowercase())
        .collect();
    let is_list = field.field_type == FieldType::Multipicklist;
    (!values.is_empty()).then_some(ValueLimit::Choices { is_list, values })
}

#[cfg(test)]
mod tests {
    use super::{Rehearsal, ValueLimit, is_surely_required, limit_of};
    use crate::model::{Action, FieldDescribe, FieldType as F, ObjectDescribe, PicklistValue};
    use serde_json::json;

    fn field(field_type: F) -> FieldDescribe {
        FieldDescribe { field_type, createable: true, ..FieldDescribe::default() }
    }

    #[test]
    fn what_the_user_may_not_do_is_forbidden() {
        let object = ObjectDescribe { createable: true, ..ObjectDescribe::default() };

        let rehearsal = Rehearsal::of(&object, &[]);

        assert_eq!(rehearsal.forbidden, [Action::Update, Action::Delete].into());
    }

    #[test]
    fn only_what_is_certain_is_a_limit() {
        let choice = |value: &str, active| PicklistValue {
            active,
            value: value.to_owned(),
            label: Some(format!("{value} label")),
        };
        let values = vec![choice("Hot", true), choice("Cold", false)];
        let listed = |field_type, restricted_picklist| FieldDescribe {
            restricted_picklist,
            picklist_values: values.clone(),
            length: 255,
            ..field(field_type)
        };
        let choices = |is_list| ValueLimit::Choices {
            is_list,
            values: ["hot".to_owned(), "hot label".to_owned()].into(),
        };
        #[rustfmt::skip]
        let table = [
            (FieldDescribe { length: 80, ..field(F::String) },                          Some(ValueLimit::Length(80))),
            (FieldDescribe { length: 80, html_formatted: true, ..field(F::Textarea) },  None),
            (FieldDescribe { length: 80, ..field(F::EncryptedString) },                 None),
            (FieldDescribe { length: 18, ..field(F::Reference) },                       None),
            (FieldDescribe { precision: 5, scale: 2, ..field(F::Double) },              Some(ValueLimit::WholeDigits(3))),
            (FieldDescribe { precision: 0, ..field(F::Int) },                           None),
            (listed(F::Picklist, false),                                                None),
            (listed(F::Picklist, true),                                                 Some(choices(false))),
            (listed(F::Multipicklist, true),                                            Some(choices(true))),
            (FieldDescribe { restricted_picklist: true, ..field(F::Picklist) },         None),
        ];
        for (field, expected) in table {
            assert_eq!(limit_of(&field), expected, "{field:?}");
        }
    }

    #[test]
    fn a_field_that_something_else_may_fill_is_not_required() {
        let required = field(F::String);
        assert!(is_surely_required(&required));
        for filled in [
            FieldDescribe { nillable: true, ..required.clone() },
            FieldDescribe { defaulted_on_create: true, ..required.clone() },
            FieldDescribe { createable: false, ..required.clone() },
            FieldDescribe { default_value: Some(json!("x")), ..required.clone() },
            FieldDescribe { default_value_formula: Some("NOW()".to_owned()), ..required.clone() },
            field(F::Boolean),
        ] {
            assert!(!is_surely_required(&filled), "{filled:?}");
        }
    }
}

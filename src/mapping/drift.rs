//! What becomes of a mapping when its object changes in Salesforce while it runs.
//!
//! The mapping as it was first bound is what is intended. A fresh binding shows what is possible now. Put side by
//! side they say what changed, and by the mapping's rules what is run from now on: with a column more or a wider
//! one, without a field that is gone, or not at all until somebody acts or the object is as it was.

use super::column_type::{Misfit, check_type, default_type};
use super::validated::{
    ColumnTypes, Field, Mapping, NewFieldRule, RemovedFieldRule, WiderFieldRule,
};
use crate::model::{ColumnType, FieldDescribe, ObjectDescribe};

/// What a person does about a field that keeps its mapping from being run.
pub(super) const NEXT_STEP: &str = "bring it back, and the mapping resumes by itself, or change the mapping file and start the worker again";

/// In what way an object differs from what its mapping was bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// A field has appeared, and the mapping takes all.
    NewField,
    /// A field holds more than its column did.
    WiderField,
    /// A field may be written no longer, or again.
    OtherRights,
    /// A field is gone, or hidden, which looks the same.
    RemovedField,
    /// A field's values are of another kind.
    OtherType,
    /// The object is gone, or hidden.
    RemovedObject,
}

impl DriftKind {
    /// The word for it in tables and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewField => "new_field",
            Self::WiderField => "wider_field",
            Self::OtherRights => "other_rights",
            Self::RemovedField => "removed_field",
            Self::OtherType => "other_type",
            Self::RemovedObject => "removed_object",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drifted {
    /// The field's API name; the object's where it concerns the whole object.
    pub field: String,
    /// What changed.
    pub kind: DriftKind,
    /// What changed and what is done about it, in words.
    pub detail: String,
}

/// What is run from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebound {
    /// The mapping. While it is paused, the intended one.
    pub mapping: Mapping,
    /// Every difference from what was intended.
    pub drifted: Vec<Drifted>,
    /// Why nothing of the mapping is run, and what the operator does.
    pub pause: Option<String>,
}

/// Whether a column still holds every value of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Same,
    Wider(ColumnType),
    Other,
}

fn fit(column_type: ColumnType, field: &FieldDescribe, types: ColumnTypes) -> Fit {
    use ColumnType::{Numeric, Text, Varchar};
    match (check_type(field, column_type), column_type, default_type(field, types)) {
        (Ok(()), _, _) => Fit::Same,
        (Err(Misfit::Short(_)), _, Some(wider @ (Varchar(_) | Text))) => Fit::Wider(wider),
        // More digits before the point are a change of the catalog; others would have every row written anew.
        (Err(Misfit::Digits(..)), Numeric(_, scale), Some(wider @ Numeric(_, now)))
            if scale == now =>
        {
            Fit::Wider(wider)
        }
        _ => Fit::Other,
    }
}

/// Decides what is run of a mapping, given how its object is described now.
///
/// `fresh` is the mapping as its file binds to the description; its diagnostics do not matter. Both are `None` where
/// the object is not there.
#[must_use]
pub fn rebind(
    intended: &Mapping,
    fresh: Option<&Mapping>,
    described: Option<&ObjectDescribe>,
) -> Rebound {
    let (Some(fresh), Some(described)) = (fresh, described) else {
        let detail = format!(
            "{} is gone from Salesforce, or hidden from the integration user",
            intended.object
        );
        let drifted = Drifted {
            field: intended.object.clone(),
            kind: DriftKind::RemovedObject,
            detail: detail.clone(),
        };
        return Rebound {
            mapping: intended.clone(),
            drifted: vec![drifted],
            pause: Some(format!(
                "{detail}; give the user the right to it, and the mapping resumes by itself"
            )),
        };
    };
    let mut draft =
        Draft { intended, fields: Vec::new(), held: Vec::new(), drifted: Vec::new(), pause: None };
    for field in &intended.fields {
        let now = fresh.fields.iter().find(|now| now.name.eq_ignore_ascii_case(&field.name));
        draft.known(field, now, described.field(&field.name));
    }
    let is_new = |field: &&Field| {
        !intended.fields.iter().any(|known| known.name.eq_ignore_ascii_case(&field.name))
    };
    if intended.drift.new_field == NewFieldRule::Add {
        for field in fresh.fields.iter().filter(is_new) {
            draft.added(field);
        }
    }
    if fresh.stamp != intended.stamp || fresh.has_is_deleted != intended.has_is_deleted {
        let what = "a system field such as SystemModstamp or IsDeleted";
        draft.broken(
            &intended.object,
            DriftKind::RemovedField,
            &format!("{what} came or went"),
            true,
        );
    }
    draft.rebound(fresh)
}

struct Draft<'a> {
    intended: &'a Mapping,
    fields: Vec<Field>,
    held: Vec<String>,
    drifted: Vec<Drifted>,
    pause: Option<String>,
}

impl Draft<'_> {
    /// A field that was bound, as it binds and is described now.
    fn known(&mut self, field: &Field, now: Option<&Field>, described: Option<&FieldDescribe>) {
        let name = &field.name;
        let Some(described) = described else {
            let what =
                format!("{name} is gone from Salesforce, or hidden from the integration user");
            return self.lost(field, DriftKind::RemovedField, &what);
        };
        let column_type = match fit(field.column_type, described, self.intended.types) {
            Fit::Same => field.column_type,
            Fit::Wider(wider) => {
                self.wider(field, wider);
                wider
            }
            Fit::Other => {
                let what = format!(
                    "{name} was {} and is {}, which {} does not hold",
                    field.field_type,
                    described.field_type,
                    field.column_type.sql()
                );
                return self.lost(field, DriftKind::OtherType, &what);
            }
        };
        let Some(now) = now else {
            let what = format!("{name} can no longer be written by the integration user");
            return self.lost(field, DriftKind::OtherRights, &what);
        };
        if now.direction != field.direction {
            let detail = if now.direction.pushes() {
                format!("{name} can be written now, and is")
            } else {
                format!("{name} can no longer be written by the integration user; it is only read")
            };
            self.note(name, DriftKind::OtherRights, detail);
        }
        self.fields.push(Field {
            column: field.column.clone(),
            column_type,
            reference: field.reference.clone(),
            ..now.clone()
        });
    }

    fn wider(&mut self, field: &Field, wider: ColumnType) {
        let (name, column) = (&field.name, &field.column);
        let (was, is) = (field.column_type.sql(), wider.sql());
        match self.intended.drift.wider_field {
            WiderFieldRule::Widen => {
                let detail = format!("{name} holds more: {column} was {was} and is {is}");
                self.note(name, DriftKind::WiderField, detail);
            }
            WiderFieldRule::PauseMapping => {
                let what = format!("{name} holds more than {column}, which is {was}");
                let remedy = format!("alter the column to {is} and start the worker again");
                self.pause.get_or_insert(format!("{what}; {remedy}"));
                self.note(name, DriftKind::WiderField, what);
            }
        }
    }

    fn lost(&mut self, field: &Field, kind: DriftKind, what: &str) {
        let is_key = self.intended.key.as_ref().is_some_and(|key| key.field == field.name);
        let pauses = is_key || self.intended.drift.removed_field == RemovedFieldRule::PauseMapping;
        if !pauses {
            self.held.push(field.column.clone());
        }
        self.broken(&field.name, kind, what, pauses);
    }

    fn broken(&mut self, field: &str, kind: DriftKind, what: &str, pauses: bool) {
        if pauses {
            self.pause.get_or_insert_with(|| format!("{what}; {NEXT_STEP}"));
            self.note(field, kind, what.to_owned());
        } else {
            self.note(
                field,
                kind,
                format!("{what}; the other fields go on, its column stays as it is"),
            );
        }
    }

    fn added(&mut self, field: &Field) {
        let detail = format!("{} is new; column {} is added and loaded", field.name, field.column);
        self.note(&field.name, DriftKind::NewField, detail);
        self.fields.push(field.clone());
    }

    fn note(&mut self, field: &str, kind: DriftKind, detail: String) {
        self.drifted.push(Drifted { field: field.to_owned(), kind, detail });
    }

    fn rebound(self, fresh: &Mapping) -> Rebound {
        let mapping = if self.pause.is_some() {
            self.intended.clone()
        } else {
            Mapping {
                fields: self.fields,
                held_columns: self.held,
                rehearsal: fresh.rehearsal.clone(),
                key: self.intended.key.clone(),
                has_master_record_id: fresh.has_master_record_id,
                is_replicateable: fresh.is_replicateable,
                ..self.intended.clone()
            }
        };
        Rebound { mapping, drifted: self.drifted, pause: self.pause }
    }
}

#[cfg(test)]
mod tests {
    use super::DriftKind::{
        NewField, OtherRights, OtherType, RemovedField, RemovedObject, WiderField,
    };
    use super::{DriftKind, Fit, Rebound, fit, rebind};
    use crate::mapping::MappingFile;
    use crate::mapping::{
        ColumnTypes, Direction, Mapping, NewFieldRule, Org, RemovedFieldRule, Source,
        WiderFieldRule, bind_all,
    };
    use crate::model::{ColumnType as C, FieldDescribe, FieldType as F, ObjectDescribe};
    use std::sync::Arc;

    /// A change of the object in Salesforce.
    type Change<'a> = &'a dyn Fn(&mut ObjectDescribe);

    fn field(name: &str, field_type: F, length: u32) -> FieldDescribe {
        FieldDescribe {
            name: name.to_owned(),
            field_type,
            length,
            createable: true,
            updateable: true,
            nillable: true,
            ..FieldDescribe::default()
        }
    }

    fn object() -> ObjectDescribe {
        let key = FieldDescribe {
            external_id: true,
            id_lookup: true,
            unique: true,
            ..field("Key__c", F::String, 20)
        };
        ObjectDescribe {
            name: "Thing__c".to_owned(),
            createable: true,
            updateable: true,
            queryable: true,
            fields: vec![
                field("Id", F::Id, 18),
                field("SystemModstamp", F::Datetime, 0),
                field("IsDeleted", F::Boolean, 0),
                key,
                field("Text__c", F::String, 80),
                field("Size__c", F::Double, 0),
            ],
            ..ObjectDescribe::default()
        }
    }

    fn file(text: &str) -> MappingFile {
        let source = Arc::new(Source { path: "thing.toml".into(), text: text.to_owned() });
        MappingFile::parse(&source).0.unwrap()
    }

    const FILE: &str = "object = \"Thing__c\"\ndirection = \"both\"\nfields = \"all_readable\"\n\
                        key = { external_id = \"Key__c\" }\n";

    fn bound(file: &MappingFile, object: Option<&ObjectDescribe>) -> Option<Mapping> {
        let org = Org { objects: object.cloned().into_iter().collect(), names: Vec::new() };
        bind_all(std::slice::from_ref(file), &org).mappings.pop()
    }

    /// What becomes of the mapping when `change` happens to its object.
    fn after(rules: &str, change: impl Fn(&mut ObjectDescribe)) -> Rebound {
        let file = file(&format!("{FILE}{rules}"));
        let intended = bound(&file, Some(&object())).unwrap();
        let mut described = object();
        change(&mut described);
        rebind(&intended, bound(&file, Some(&described)).as_ref(), Some(&described))
    }

    fn kinds(rebound: &Rebound) -> Vec<(&str, DriftKind)> {
        rebound.drifted.iter().map(|drifted| (drifted.field.as_str(), drifted.kind)).collect()
    }

    fn columns(rebound: &Rebound) -> Vec<&str> {
        rebound.mapping.fields.iter().map(|field| field.column.as_str()).collect()
    }

    #[test]
    fn a_column_fits_its_field_while_it_holds_every_value() {
        let whole = FieldDescribe { precision: 6, ..field("N__c", F::Double, 0) };
        #[rustfmt::skip]
        let table = [
            // column          field now                         verdict
            (C::Varchar(80),   field("T__c", F::String, 80),      Fit::Same),
            (C::Varchar(80),   field("T__c", F::String, 40),      Fit::Same),
            (C::Varchar(80),   field("T__c", F::String, 255),     Fit::Wider(C::Varchar(255))),
            (C::Varchar(80),   field("T__c", F::Email, 80),       Fit::Same),
            (C::Varchar(255),  field("T__c", F::Picklist, 255),   Fit::Same),
            (C::Varchar(255),  field("T__c", F::Textarea, 32_000),Fit::Wider(C::Text)),
            (C::Text,          field("T__c", F::String, 80),      Fit::Same),
            (C::Varchar(80),   field("T__c", F::Double, 0),       Fit::Other),
            (C::Varchar(80),   field("T__c", F::Address, 0),      Fit::Other),
            (C::Double,        field("T__c", F::Currency, 0),     Fit::Same),
            (C::Double,        field("T__c", F::Int, 0),          Fit::Same),
            (C::Double,        field("T__c", F::String, 80),      Fit::Other),
            (C::Integer,       whole.clone(),                     Fit::Same),
            (C::Date,          field("T__c", F::Datetime, 0),     Fit::Other),
            (C::Boolean,       field("T__c", F::Picklist, 40),    Fit::Other),
            (C::Numeric(5, 0), whole.clone(),                     Fit::Wider(C::Numeric(6, 0))),
            (C::Numeric(5, 2), whole.clone(),                     Fit::Other),
        ];
        for (column, now, expected) in table {
            assert_eq!(fit(column, &now, ColumnTypes::Exact), expected, "{column:?} {now:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_does_not_matter() {
        let rebound = after("", |object| {
            object.fields.iter_mut().for_each(|field| {
                field.nillable = false;
                field.picklist_values.push(crate::model::PicklistValue::default());
            });
            object.fields.swap(4, 5);
        });
        assert_eq!((kinds(&rebound), &rebound.pause), (vec![], &None));
        assert_eq!(columns(&rebound), ["key__c", "text__c", "size__c"]);
    }

    #[test]
    fn a_new_field_is_added_or_ignored() {
        let add = |object: &mut ObjectDescribe| object.fields.push(field("New__c", F::Date, 0));
        let added = after("", add);
        assert_eq!(kinds(&added), [("New__c", NewField)]);
        assert_eq!(columns(&added), ["key__c", "text__c", "size__c", "new__c"]);

        let ignored = after("drift = { new_field = \"ignore\" }", add);
        assert_eq!(ignored.mapping.drift.new_field, NewFieldRule::Ignore);
        assert_eq!((kinds(&ignored), columns(&ignored).len()), (vec![], 3));
    }

    #[test]
    fn a_field_that_holds_more_widens_its_column_or_pauses() {
        let grow = |object: &mut ObjectDescribe| object.fields[4].length = 200;
        let widened = after("", grow);
        assert_eq!((kinds(&widened), &widened.pause), (vec![("Text__c", WiderField)], &None));
        assert_eq!(widened.mapping.fields[1].column_type, C::Varchar(200));

        let paused = after("drift = { wider_field = \"pause_mapping\" }", grow);
        assert_eq!(paused.mapping.drift.wider_field, WiderFieldRule::PauseMapping);
        assert!(paused.pause.unwrap().contains(&C::Varchar(200).sql()));
    }

    #[test]
    fn a_field_that_is_cut_keeps_its_column() {
        let rebound = after("", |object| object.fields[4].length = 10);
        assert_eq!((kinds(&rebound), &rebound.pause), (vec![], &None));
        assert_eq!(rebound.mapping.fields[1].column_type, C::Varchar(80));
    }

    #[test]
    fn a_field_that_is_gone_or_of_another_kind_pauses_the_mapping_or_itself() {
        let gone = |object: &mut ObjectDescribe| {
            object.fields.remove(4);
        };
        let other = |object: &mut ObjectDescribe| object.fields[4].field_type = F::Date;
        let changes: [(Change<'_>, DriftKind); 2] = [(&gone, RemovedField), (&other, OtherType)];
        for (change, kind) in changes {
            let paused = after("", change);
            assert_eq!(kinds(&paused), [("Text__c", kind)]);
            assert!(paused.pause.is_some());
            assert_eq!(columns(&paused), ["key__c", "text__c", "size__c"], "what is intended");

            let without = after("drift = { removed_field = \"pause_field\" }", change);
            assert_eq!(without.mapping.drift.removed_field, RemovedFieldRule::PauseField);
            assert_eq!((kinds(&without), &without.pause), (vec![("Text__c", kind)], &None));
            assert_eq!(columns(&without), ["key__c", "size__c"]);
            assert_eq!(without.mapping.held_columns, ["text__c"]);
        }
    }

    #[test]
    fn without_its_key_no_mapping_goes_on() {
        let rebound = after("drift = { removed_field = \"pause_field\" }", |object| {
            object.fields.remove(3);
        });
        assert_eq!(kinds(&rebound), [("Key__c", RemovedField)]);
        assert!(rebound.pause.is_some());
    }

    #[test]
    fn a_right_that_is_lost_narrows_the_field() {
        let rebound = after("", |object| {
            object.fields[4].createable = false;
            object.fields[4].updateable = false;
        });
        assert_eq!((kinds(&rebound), &rebound.pause), (vec![("Text__c", OtherRights)], &None));
        assert_eq!(rebound.mapping.fields[1].direction, Direction::FromSalesforce);
    }

    #[test]
    fn an_object_that_is_gone_pauses_its_mapping() {
        let file = file(FILE);
        let intended = bound(&file, Some(&object())).unwrap();
        let rebound = rebind(&intended, bound(&file, None).as_ref(), None);
        assert_eq!(kinds(&rebound), [("Thing__c", RemovedObject)]);
        assert!(rebound.pause.is_some());
        assert_eq!(rebound.mapping, intended);
    }

    #[test]
    fn a_system_field_that_is_hidden_pauses_the_mapping() {
        let rebound = after("drift = { removed_field = \"pause_field\" }", |object| {
            object.fields.remove(1);
        });
        assert!(rebound.pause.is_some());
    }
}

//! Which fields a reading call asks for, and as what.

use crate::mapping::Mapping;
use crate::model::{ColumnType, StampField};

/// The fields of the records a reading call answers, beside `Id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The fields and their types, in the order of [`crate::model::RemoteRecord::values`]. A path such as
    /// `Account.Name` reads the parent's field.
    pub fields: Vec<(String, ColumnType)>,
    /// Whether the object has `IsDeleted`.
    pub has_is_deleted: bool,
    /// Whether the object has `MasterRecordId`.
    pub has_master_record_id: bool,
    /// The field that becomes the record's stamp.
    pub stamp: StampField,
}

impl Shape {
    /// All fields of a mapping.
    #[must_use]
    pub fn of(mapping: &Mapping) -> Self {
        Self {
            fields: mapping
                .fields
                .iter()
                .map(|field| (field.name.clone(), field.column_type))
                .collect(),
            has_is_deleted: mapping.has_is_deleted,
            has_master_record_id: mapping.has_master_record_id,
            stamp: mapping.stamp,
        }
    }

    /// Nothing but ids.
    #[must_use]
    pub const fn of_ids() -> Self {
        Self {
            fields: Vec::new(),
            has_is_deleted: false,
            has_master_record_id: false,
            stamp: StampField::None,
        }
    }

    /// What stands between `SELECT` and `FROM`.
    #[must_use]
    pub fn select_list(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// All names that are asked for, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let system = [
            Some("Id"),
            self.stamp.name(),
            self.has_is_deleted.then_some("IsDeleted"),
            self.has_master_record_id.then_some("MasterRecordId"),
        ];
        let system: Vec<&str> = system.into_iter().flatten().collect();
        let mapped = self.fields.iter().map(|(name, _)| name.as_str()).filter({
            let system = system.clone();
            move |name| !system.iter().any(|known| known.eq_ignore_ascii_case(name))
        });
        system.into_iter().chain(mapped)
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use crate::model::{ColumnType, StampField};

    #[test]
    fn nothing_is_asked_for_twice() {
        let shape = Shape {
            fields: vec![
                ("Name".into(), ColumnType::Text),
                ("SystemModstamp".into(), ColumnType::Timestamp),
                ("Account.Name".into(), ColumnType::Text),
            ],
            has_is_deleted: true,
            has_master_record_id: false,
            stamp: StampField::SystemModstamp,
        };
        assert_eq!(shape.select_list(), "Id, SystemModstamp, IsDeleted, Name, Account.Name");
    }

    #[test]
    fn an_object_without_system_fields_is_not_asked_for_them() {
        let shape = Shape {
            fields: vec![("Name".into(), ColumnType::Text)],
            has_is_deleted: false,
            has_master_record_id: false,
            stamp: StampField::None,
        };
        assert_eq!(shape.select_list(), "Id, Name");
    }
}

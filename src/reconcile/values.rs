//! From the text of captured rows to typed values of mapped fields.
//!
//! Only what the mapping may write comes out of here. A column that names a parent by the application's own
//! identifier comes out as a parent to be looked up, since only Postgres knows its Salesforce id.

use super::coalesce::Net;
use crate::mapping::{Field, Mapping, Reference};
use crate::model::{
    Action, ColumnType, Fields, InvalidValue, RemoteRecord, Value, parse_postgres, parse_salesforce,
};
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Values of fields, by the field's position in [`Mapping::fields`].
pub type FieldValues = Vec<(usize, Value)>;

/// A parent as the application names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParentKey {
    /// The parent's table.
    pub table: String,
    /// The parent's column that identifies it.
    pub match_column: String,
    /// That column's value, in Postgres' text form.
    pub value: String,
}

/// What the application wants in a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Local {
    /// This value.
    Value(Value),
    /// The Salesforce id of this parent.
    Parent(ParentKey),
}

/// What a field held before the application's unsent changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    /// This value.
    Value(Value),
    /// The Salesforce id of the parent that the row named. Its lookup column, which follows only when Salesforce is
    /// read the next time, held `column` still.
    Parent {
        /// The parent.
        key: ParentKey,
        /// The lookup column's value.
        column: Value,
    },
}

/// What the application wants one field to hold, and what the field held before it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish<L = Local, B = Base> {
    /// The field's position in [`Mapping::fields`].
    pub field: usize,
    /// The wanted value.
    pub local: L,
    /// What the row held before the earliest unsent change of this field; absent where the row was new, or where that
    /// is not known.
    pub base: Option<B>,
    /// When the application made the latest change of this field.
    pub changed_at: DateTime<Utc>,
}

/// A wish whose parent, if it names one, has been found.
pub type Resolved = Wish<Value, Value>;

impl Wish {
    /// The same wish with values in place of the parents: `local` in that of the wanted one, and the id of the former
    /// one, where it is known.
    #[must_use]
    pub fn resolved(&self, local: Value, former: Option<Value>) -> Resolved {
        let base = match &self.base {
            // The row came to name its parent while the lookup column held this id: it is not known what was sent.
            Some(Base::Value(value)) if self.is_by_name() && *value == local => None,
            Some(Base::Value(value)) => Some(value.clone()),
            Some(Base::Parent { column, .. }) => {
                former.or_else(|| Some(column.clone()).filter(|column| !column.is_null()))
            }
            None => None,
        };
        Wish { field: self.field, local, base, changed_at: self.changed_at }
    }

    /// The parent that the row named before.
    #[must_use]
    pub fn former_parent(&self) -> Option<&ParentKey> {
        match &self.base {
            Some(Base::Parent { key, .. }) => Some(key),
            _ => None,
        }
    }

    fn is_by_name(&self) -> bool {
        matches!(self.local, Local::Parent(_))
    }
}

/// A captured cell does not fit its column's type. Never carries the cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {source}")]
pub struct Unreadable {
    /// The column.
    pub column: String,
    /// What was expected.
    pub source: InvalidValue,
}

/// What a record's net insert or update asks for, field by field.
///
/// For an insert: every field that may be set on insert and is not null, so that Salesforce's defaults apply to
/// the rest. For an update: every changed field that may be updated, null included.
///
/// # Errors
/// When a captured cell cannot be read as its column's type.
pub fn wishes(net: &Net, mapping: &Mapping) -> Result<Vec<Wish>, Unreadable> {
    let is_insert = net.changes.first().is_some_and(|change| change.action == Action::Insert);
    let mut wishes = Vec::new();
    for (position, field) in mapping.fields.iter().enumerate() {
        if !is_writable(field, is_insert) {
            continue;
        }
        let Some(latest) = latest_touch(net, field) else { continue };
        let local = local_value(field, &latest)?;
        if is_insert && local == Local::Value(Value::Null) {
            continue;
        }
        let base = base_of(net, field)?;
        wishes.push(Wish { field: position, local, base, changed_at: latest.at });
    }
    Ok(wishes)
}

/// The wishes of a row inserted as it stands, for a record that Salesforce lost or never had.
///
/// # Errors
/// When a cell cannot be read as its column's type.
pub fn whole_row(
    mapping: &Mapping,
    row: &Fields,
    changed_at: DateTime<Utc>,
) -> Result<Vec<Wish>, Unreadable> {
    let mut wishes = Vec::new();
    for (position, field) in mapping.fields.iter().enumerate() {
        if !is_writable(field, true) {
            continue;
        }
        let local = local_value(field, &Touch::of(row, field, changed_at))?;
        if local != Local::Value(Value::Null) {
            wishes.push(Wish { field: position, local, base: None, changed_at });
        }
    }
    Ok(wishes)
}

/// A deleted row as it was before the record's unsent changes: what Salesforce should still hold.
///
/// Columns that cannot be read are left out. Keyed by column.
#[must_use]
pub fn row_before_delete(net: &Net, mapping: &Mapping) -> BTreeMap<String, Value> {
    let mut row = BTreeMap::new();
    for change in net.changes.iter().rev() {
        let Some(old) = &change.old else { continue };
        let touched = change.values.as_ref().filter(|_| change.action == Action::Update);
        for field in &mapping.fields {
            let is_touched = touched.is_none_or(|values| touches(values, field));
            let text = old.get(&field.column).filter(|_| is_touched);
            if let Some(Ok(value)) = text.map(|text| read(field, text.as_deref())) {
                row.insert(field.column.clone(), value);
            }
        }
    }
    row
}

/// Reads a journalled JSON value back. `None` where it is no scalar or does not fit the column's type.
#[must_use]
pub fn value_of_json(column_type: ColumnType, json: &Json) -> Option<Value> {
    let text = match json {
        Json::Null => return Some(Value::Null),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        Json::Array(_) | Json::Object(_) => return None,
    };
    parse_salesforce(column_type, Some(&text)).ok()
}

fn is_writable(field: &Field, is_insert: bool) -> bool {
    field.direction.pushes() && if is_insert { field.createable } else { field.updateable }
}

fn touches(values: &Fields, field: &Field) -> bool {
    values.contains_key(&field.column)
        || field.reference.as_ref().is_some_and(|reference| values.contains_key(&reference.column))
}

/// The columns behind a field as one change left them; an untouched column reads as null.
struct Touch<'a> {
    column: Option<&'a str>,
    reference: Option<&'a str>,
    at: DateTime<Utc>,
}

impl<'a> Touch<'a> {
    fn of(row: &'a Fields, field: &Field, at: DateTime<Utc>) -> Self {
        let cell = |column: &str| row.get(column).and_then(Option::as_deref);
        let reference = field.reference.as_ref().and_then(|reference| cell(&reference.column));
        Self { column: cell(&field.column), reference, at }
    }
}

/// The latest change that touched the field, by its own column or by the one that names the parent.
fn latest_touch<'a>(net: &'a Net, field: &Field) -> Option<Touch<'a>> {
    net.changes.iter().rev().find_map(|change| {
        let values = change.values.as_ref().filter(|values| touches(values, field))?;
        Some(Touch::of(values, field, change.created_at))
    })
}

fn local_value(field: &Field, touch: &Touch<'_>) -> Result<Local, Unreadable> {
    match (&field.reference, touch.reference) {
        (Some(reference), Some(value)) => Ok(Local::Parent(parent_key(reference, value))),
        _ => read(field, touch.column).map(Local::Value),
    }
}

fn parent_key(reference: &Reference, value: &str) -> ParentKey {
    ParentKey {
        table: reference.table.clone(),
        match_column: reference.match_column.clone(),
        value: value.to_owned(),
    }
}

fn base_of(net: &Net, field: &Field) -> Result<Option<Base>, Unreadable> {
    let earliest = net.changes.iter().find_map(|change| {
        let values = change.values.as_ref().filter(|values| touches(values, field))?;
        Some((values, change.old.as_ref()))
    });
    let Some((values, Some(old))) = earliest else { return Ok(None) };
    let cell = |column: &str| old.get(column).and_then(Option::as_deref);
    let column = read(field, cell(&field.column))?;
    let renamed = field.reference.as_ref().filter(|it| values.contains_key(&it.column));
    let former = renamed.and_then(|it| Some(parent_key(it, cell(&it.column)?)));
    Ok(Some(match former {
        Some(key) => Base::Parent { key, column },
        None => Base::Value(column),
    }))
}

fn read(field: &Field, text: Option<&str>) -> Result<Value, Unreadable> {
    let value = parse_postgres(field.column_type, text)
        .map_err(|source| Unreadable { column: field.column.clone(), source })?;
    Ok(field.normal(value))
}

/// The record with its values as they are compared.
#[must_use]
pub fn normal_record(mapping: &Mapping, mut record: RemoteRecord) -> RemoteRecord {
    for (field, value) in mapping.fields.iter().zip(&mut record.values) {
        *value = field.normal(std::mem::replace(value, Value::Null));
    }
    record
}

#[cfg(test)]
mod tests {
    use super::{Base, Local, ParentKey, row_before_delete, value_of_json, whole_row, wishes};
    use crate::model::{Action, ColumnType, Value, to_json};
    use crate::reconcile::coalesce;
    use crate::reconcile::samples::{change, contact, fields, moment, text};

    type Case = (&'static str, &'static [(&'static str, Option<&'static str>)], Local);

    const LAST_NAME: usize = 0;
    const ACCOUNT: usize = 2;

    fn net_of(changes: Vec<crate::model::Change>) -> crate::reconcile::Net {
        coalesce(changes).now.remove(0)
    }

    #[test]
    fn an_insert_leaves_nulls_unmapped_and_read_only_columns_out() {
        let mut insert = change(1, Action::Insert);
        insert.values = Some(fields(&[
            ("lastname", Some("Byron")),
            ("email", None),
            ("createddate", Some("2024-01-01 00:00:00")),
            ("note_of_ours", Some("x")),
        ]));
        let wishes = wishes(&net_of(vec![insert]), &contact()).unwrap();
        assert_eq!(wishes.len(), 1);
        assert_eq!(wishes[0].field, LAST_NAME);
        assert_eq!(wishes[0].local, Local::Value(text("Byron")));
        assert_eq!(wishes[0].base, None);
    }

    #[test]
    fn an_update_sends_null_and_keeps_the_earliest_base_and_the_latest_value() {
        let mut first = change(1, Action::Update);
        first.old = Some(fields(&[("lastname", Some("A")), ("email", Some("a@example.com"))]));
        first.values = Some(fields(&[("lastname", Some("B"))]));
        let mut second = change(2, Action::Update);
        second.old = Some(fields(&[("lastname", Some("B")), ("email", Some("a@example.com"))]));
        second.values = Some(fields(&[("lastname", Some("C")), ("email", None)]));
        let wishes = wishes(&net_of(vec![first, second]), &contact()).unwrap();
        assert_eq!(wishes.len(), 2);
        assert_eq!(wishes[0].local, Local::Value(text("C")));
        assert_eq!(wishes[0].base, Some(Base::Value(text("A"))));
        assert_eq!(wishes[1].local, Local::Value(Value::Null));
        assert_eq!(wishes[1].base, Some(Base::Value(text("a@example.com"))));
    }

    #[test]
    fn a_reference_column_becomes_a_parent_to_look_up() {
        let parent = |value: &str| {
            Local::Parent(ParentKey {
                table: "account".to_owned(),
                match_column: "external_id__c".to_owned(),
                value: value.to_owned(),
            })
        };
        #[rustfmt::skip]
        let table: [Case; 5] = [
            ("named",             &[("account_key", Some("k1"))],                                     parent("k1")),
            ("named and by id",   &[("account_key", Some("k1")), ("accountid", Some("001000000000001AAA"))], parent("k1")),
            ("by id only",        &[("accountid", Some("001000000000001AAA"))],                       Local::Value(text("001000000000001AAA"))),
            ("by a short id",     &[("accountid", Some("001000000000001"))],                          Local::Value(text("001000000000001AAA"))),
            ("no longer named",   &[("account_key", None)],                                           Local::Value(Value::Null)),
        ];
        for (case, values, expected) in table {
            let mut update = change(1, Action::Update);
            update.old = Some(fields(&[("accountid", Some("001000000000009AAA"))]));
            update.values = Some(fields(values));
            let wishes = wishes(&net_of(vec![update]), &contact()).unwrap();
            assert_eq!(wishes[0].field, ACCOUNT, "{case}");
            assert_eq!(wishes[0].local, expected, "{case}");
            assert_eq!(wishes[0].base, Some(Base::Value(text("001000000000009AAA"))), "{case}");
        }
    }

    #[test]
    fn a_row_that_named_its_parent_started_from_that_parent_whatever_its_lookup_column_says() {
        let (first, second) = (text("001000000000001AAA"), text("001000000000002AAA"));
        #[rustfmt::skip]
        let table = [
            // lookup column, name before and after, id of the former parent, ids wanted and started from
            (None,         Some("k1"), None,       Some(&first), Value::Null,    Some(first.clone())),
            (None,         Some("k1"), None,       None,         Value::Null,    None),
            (Some(&first), Some("k1"), None,       None,         Value::Null,    Some(first.clone())),
            (Some(&first), Some("k2"), Some("k1"), Some(&second), first.clone(), Some(second.clone())),
            (Some(&first), None,       Some("k1"), None,         first.clone(),  None),
            (Some(&first), None,       Some("k2"), None,         second.clone(), Some(first.clone())),
            (None,         None,       Some("k1"), None,         first.clone(),  Some(Value::Null)),
        ];
        for (column, before, after, former, local, base) in table {
            let case = format!("{column:?} {before:?} {after:?}");
            let mut update = change(1, Action::Update);
            let column = column.and_then(Value::as_text);
            update.old = Some(fields(&[("accountid", column), ("account_key", before)]));
            update.values = Some(fields(&[("account_key", after)]));

            let wish = wishes(&net_of(vec![update]), &contact()).unwrap().remove(0);

            assert_eq!(wish.former_parent().map(|key| key.value.as_str()), before, "{case}");
            assert_eq!(wish.resolved(local, former.cloned()).base, base, "{case}");
        }
    }

    #[test]
    fn a_cell_that_does_not_fit_names_the_column_and_hides_the_value() {
        let mut update = change(1, Action::Update);
        update.values = Some(fields(&[("birthdate", Some("secret"))]));
        let error = wishes(&net_of(vec![update]), &contact()).unwrap_err();
        assert!(error.to_string().contains("birthdate"));
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_row_sent_as_it_stands_has_no_base() {
        let row = fields(&[("lastname", Some("Byron")), ("email", None)]);
        let wishes = whole_row(&contact(), &row, moment(0)).unwrap();
        assert_eq!(wishes.len(), 1);
        assert_eq!(wishes[0].base, None);
    }

    #[test]
    fn the_row_before_a_delete_looks_behind_its_unsent_updates() {
        let mut update = change(1, Action::Update);
        update.old = Some(fields(&[("lastname", Some("A")), ("email", Some("stale"))]));
        update.values = Some(fields(&[("lastname", Some("B"))]));
        let mut delete = change(2, Action::Delete);
        delete.old = Some(fields(&[("lastname", Some("B")), ("email", Some("e"))]));
        let row = row_before_delete(&net_of(vec![update, delete]), &contact());
        assert_eq!(row.get("lastname"), Some(&text("A")));
        assert_eq!(row.get("email"), Some(&text("e")));
    }

    #[test]
    fn a_journalled_value_reads_back() {
        let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        for (column_type, value) in [
            (ColumnType::Text, text("x")),
            (ColumnType::Boolean, Value::Bool(true)),
            (ColumnType::Double, Value::Double(10.0)),
            (ColumnType::Integer, Value::Int(3)),
            (ColumnType::Date, Value::Date(day)),
            (ColumnType::Timestamp, Value::DateTime(day.and_hms_milli_opt(1, 2, 3, 4).unwrap())),
            (ColumnType::Text, Value::Null),
        ] {
            assert_eq!(value_of_json(column_type, &to_json(&value)), Some(value));
        }
    }
}

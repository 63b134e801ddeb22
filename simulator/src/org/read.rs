//! Reading a field of a row: what is stored, or what is computed from other fields.
//!
//! Names of people, formulas and roll-ups are computed when they are read, so they never bump a
//! stamp, as in Salesforce.

use std::borrow::Cow;

use super::{
    Org, Row, RowRef,
    computed::{fit, full_name},
};
use crate::{ApiError, Id, value::Value};

/// Formulas may refer to formulas; deeper than this reads as null.
const DEPTH_MAX: usize = 5;

impl Org {
    /// The value of a field that is no compound.
    pub(super) fn read<'a>(&'a self, number: usize, row: &'a Row, field: usize) -> Cow<'a, Value> {
        self.read_within(number, row, field, DEPTH_MAX)
    }

    pub(super) fn read_within<'a>(
        &'a self,
        number: usize,
        row: &'a Row,
        at: usize,
        depth: usize,
    ) -> Cow<'a, Value> {
        let null = Cow::Owned(Value::Null);
        let Some(object) = self.object(number) else { return null };
        let Some(field) = object.field(at) else { return null };
        if let Some(formula) = &field.formula {
            return Cow::Owned(self.formula((number, row), field, formula, depth));
        }
        if let Some(roll_up) = &field.roll_up {
            return Cow::Owned(fit(field, self.roll_up(object, row, roll_up, depth)));
        }
        if field.name_field && !field.createable && !field.auto_number {
            return full_name(object, row).map_or(Cow::Borrowed(row.value(at)), Cow::Owned);
        }
        Cow::Borrowed(row.value(at))
    }

    /// Whether a field reads as what is stored, whatever the rest of the row and of the org is.
    pub(super) fn is_stored(&self, number: usize, at: usize) -> bool {
        let field = self.object(number).and_then(|object| object.field(at));
        field.is_some_and(|field| {
            let is_computed = field.formula.is_some() || field.roll_up.is_some();
            let is_full_name = field.name_field && !field.createable && !field.auto_number;
            !is_computed && !is_full_name
        })
    }

    /// The row that a reference leads to, and its table.
    pub(super) fn follow(&self, row: &Row, field: usize) -> Option<(usize, Id, RowRef<'_>)> {
        let id = row.value(field).as_id()?;
        let (number, row) = self.locate(id)?;
        Some((number, id, row))
    }

    /// Finds a live row for a retrieve.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` in the two wordings of a malformed and of a missing id. An object or row
    /// that the reader may not see is missing.
    pub fn find(&self, reader: Id, object: &str, id: &str) -> Result<Id, ApiError> {
        let (number, _) = self.object_for(reader, object)?;
        let Some(parsed) = Id::from_text(id) else {
            let message =
                format!("Provided external ID field does not exist or is not accessible: {id}");
            return Err(ApiError::not_found(message));
        };
        let row = self.row(number, parsed).filter(|row| row.is_live());
        let row = row.filter(|_| self.can_see_row(reader, number, parsed));
        row.map(|_| parsed).ok_or_else(ApiError::unknown_object)
    }
}

//! What a Bulk query may not say.

use crate::{
    ApiError,
    org::{Org, Shape},
    schema::FieldType,
    soql::{Item, Operand, Query, Select},
};

fn refused(what: &str) -> ApiError {
    let message = format!("{what} not supported in Bulk Query");
    ApiError::request("FUNCTIONALITY_NOT_ENABLED", message)
}

/// Refuses clauses that only REST allows.
pub(super) fn check(query: &Query) -> Result<(), ApiError> {
    let Select::Items(items) = &query.select else {
        return Err(refused("Aggregate functions are"));
    };
    for item in items {
        match item {
            Item::Fields(..) => return Err(refused("The FIELDS function is")),
            Item::Children(_) => return Err(refused("Nested queries are")),
            Item::TypeOf(_) => return Err(refused("TYPEOF is")),
            Item::Value(operand, _) if operand.is_aggregate() => {
                return Err(refused("Aggregate functions are"));
            }
            Item::Value(Operand::Date(..), _) => return Err(refused("Date functions are")),
            Item::Value(..) => {}
        }
    }
    if query.group.is_some() {
        return Err(refused("GROUP BY is"));
    }
    if query.offset.is_some() {
        return Err(refused("OFFSET is"));
    }
    Ok(())
}

/// Refuses columns that have no place in a cell.
pub(super) fn check_columns(org: &Org, shape: &Shape) -> Result<(), ApiError> {
    let is_opaque = |(object, field): (usize, usize)| {
        let field = org.object(object).and_then(|object| object.field(field));
        field.is_some_and(|field| field.kind.is_compound() || field.kind == FieldType::Base64)
    };
    if shape.own_fields().any(is_opaque) {
        return Err(refused("Selecting compound data"));
    }
    Ok(())
}

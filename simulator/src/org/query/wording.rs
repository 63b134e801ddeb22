//! What is said of names that are not known and literals that do not fit.

use super::{expression::Target, resolve::Resolver};
use crate::{
    ApiError,
    schema::FieldType,
    soql::{At, error_at},
};

const HINT: &str = "Please reference your WSDL or the describe call for the appropriate names.";

impl Resolver<'_> {
    /// `MALFORMED_QUERY`, with its place.
    pub(super) fn malformed(&self, at: At, message: &str) -> ApiError {
        error_at(self.soql, at, "MALFORMED_QUERY", message)
    }

    /// `INVALID_QUERY_FILTER_OPERATOR`, with its place.
    pub(super) fn wrong_operator(&self, at: At, message: &str) -> ApiError {
        error_at(self.soql, at, "INVALID_QUERY_FILTER_OPERATOR", message)
    }

    pub(super) fn no_such_column(&self, at: At, column: &str, object: &str) -> ApiError {
        let message = format!(
            "No such column '{column}' on entity '{object}'. If you are attempting to use a custom \
             field, be sure to append the '__c' after the custom field name. {HINT}"
        );
        error_at(self.soql, at, "INVALID_FIELD", &message)
    }

    pub(super) fn no_such_relationship(&self, at: At, name: &str) -> ApiError {
        let message = format!(
            "Didn't understand relationship '{name}' in field path. If you are attempting to use a \
             custom relationship, be sure to append the '__r' after the custom relationship name. \
             {HINT}"
        );
        error_at(self.soql, at, "INVALID_FIELD", &message)
    }

    pub(super) fn no_such_children(&self, at: At, name: &str) -> ApiError {
        let message = format!(
            "Didn't understand relationship '{name}' in FROM part of query call. If you are \
             attempting to use a custom relationship, be sure to append the '__r' after the custom \
             relationship name. {HINT}"
        );
        error_at(self.soql, at, "INVALID_TYPE", &message)
    }

    pub(super) fn wrong_literal(&self, target: &Target, at: At) -> ApiError {
        let (kind, verb) = match target.kind {
            FieldType::Datetime => ("dateTime", "should not be enclosed"),
            FieldType::Int => ("int", "should not be enclosed"),
            FieldType::Number => ("double", "should not be enclosed"),
            FieldType::Date | FieldType::Time | FieldType::Boolean => {
                (target.type_name.as_str(), "should not be enclosed")
            }
            FieldType::Id | FieldType::Reference => ("ID", "should be enclosed"),
            _ => ("string", "should be enclosed"),
        };
        let message = format!(
            "value of filter criterion for field '{}' must be of type {kind} and {verb} in quotes",
            target.name
        );
        error_at(self.soql, at, "INVALID_FIELD", &message)
    }
}

/// `INVALID_TYPE` for an object that is not there, or not for this reader.
pub(super) fn no_such_object(soql: &str, at: At, name: &str) -> ApiError {
    let message = format!(
        "sObject type '{name}' is not supported. If you are attempting to use a custom object, be \
         sure to append the '__c' after the entity name. {HINT}"
    );
    error_at(soql, at, "INVALID_TYPE", &message)
}

//! SOQL: text to statement ([`parse`]) and back (`Display`).
//!
//! The whole language of queries is understood, but for data categories. Names are not looked up
//! here: that needs an org.

mod ast;
mod error;
mod function;
mod lexer;
mod parser;
mod print;
mod relative;
#[cfg(test)]
mod tests;

pub use ast::{
    At, Condition, FieldGroup, Group, Item, Literal, Mode, Operand, Operator, Order, Path, Piece,
    Place, Purpose, Query, Select, Totals, Track, TypeOf, Unit,
};
pub use error::error_at;
pub use function::{Aggregate, DateFunction};
pub use relative::{Relative, Span};

use crate::ApiError;

/// Understands a statement.
///
/// # Errors
/// `MALFORMED_QUERY` with the place and the token that was not expected.
pub fn parse(soql: &str) -> Result<Query, ApiError> {
    parser::parse(soql)
}

//! SOSL: text to search and back.
//!
//! What is understood: `FIND {…}` with words, phrases, wildcards, AND, OR, AND NOT and parentheses;
//! `IN … FIELDS`; RETURNING with fields, WHERE, ORDER BY, LIMIT and OFFSET for each object; LIMIT.
//! `WITH` and `UPDATE` clauses are read and have no effect. Names are not looked up here, and the
//! conditions of RETURNING are SOQL, kept as text for those who run them.

mod parser;
mod print;
mod terms;
#[cfg(test)]
mod tests;

use crate::ApiError;
pub use terms::{Term, words};

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What is looked for.
    pub term: Term,
    /// Where it is looked for.
    pub group: Group,
    /// The objects looked at; none means all that can be searched.
    pub returning: Vec<Returning>,
    /// Most rows of all objects together.
    pub limit: Option<u64>,
}

/// The fields that are searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOSL's words")]
pub enum Group {
    #[default]
    All,
    Name,
    Email,
    Phone,
    Sidebar,
}

/// An object of RETURNING.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Returning {
    /// The object.
    pub object: String,
    /// The fields to answer; none means `Id`.
    pub fields: Vec<String>,
    /// What follows WHERE, as SOQL.
    pub condition: Option<String>,
    /// What follows ORDER BY, as SOQL.
    pub order: Option<String>,
    /// Most rows of this object.
    pub limit: Option<u64>,
    /// Rows of this object to leave out.
    pub offset: Option<u64>,
}

impl Group {
    /// The group of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "ALL" => Self::All,
            "NAME" => Self::Name,
            "EMAIL" => Self::Email,
            "PHONE" => Self::Phone,
            "SIDEBAR" => Self::Sidebar,
            _ => return None,
        })
    }
}

/// Reads a statement.
///
/// # Errors
/// `MALFORMED_SEARCH` for what is no SOSL, `INVALID_SEARCH` for terms too short to search for.
pub fn parse(sosl: &str) -> Result<Search, ApiError> {
    parser::parse(sosl)
}

/// Reads search terms alone, as they stand between the braces of FIND.
///
/// # Errors
/// As [`parse`].
pub fn parse_terms(text: &str) -> Result<Term, ApiError> {
    terms::parse(text)
}

/// The error of a statement that is no SOSL.
fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::request("MALFORMED_SEARCH", message)
}

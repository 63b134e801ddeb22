//! SOQL: text to statement and back.
//!
//! What is understood: one object, parent paths, `COUNT()`, `FIELDS()`, conditions, ORDER BY,
//! LIMIT and OFFSET. Aggregates, GROUP BY, child sub-selects and TYPEOF are not, and are refused
//! as Salesforce refuses what it does not understand. Names are not looked up here.

mod lexer;
mod parser;
mod print;
#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::ApiError;

/// A place in the statement's text, in bytes. All places are equal, so that statements compare by
/// meaning.
#[derive(Debug, Clone, Copy, Default)]
pub struct At(pub usize);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are SOQL's clauses")]
pub struct Query {
    pub select: Select,
    pub from: String,
    pub from_at: At,
    pub condition: Option<Condition>,
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Select {
    /// `COUNT()`.
    Count,
    /// Fields, at least one.
    Items(Vec<Item>),
}

/// An element of the SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A field.
    Path(Path),
    /// `FIELDS(…)`.
    Fields(FieldGroup),
}

/// The argument of `FIELDS()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum FieldGroup {
    Standard,
    Custom,
    All,
}

/// A field, with the relationships that lead to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Names, the field's last. Never empty.
    pub names: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// A WHERE clause or a part of it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are SOQL's operators")]
pub enum Condition {
    /// At least two.
    And(Vec<Condition>),
    /// At least two.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        path: Path,
        operator: Operator,
        literal: Literal,
    },
    In {
        path: Path,
        negated: bool,
        literals: Vec<Literal>,
    },
    Like {
        path: Path,
        pattern: Vec<Piece>,
    },
    /// `INCLUDES` or, negated, `EXCLUDES`.
    Includes {
        path: Path,
        negated: bool,
        texts: Vec<String>,
    },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's operators")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A part of a LIKE pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These characters. Never empty, and never beside another text.
    Text(String),
    /// `_`: any one character.
    One,
    /// `%`: any characters.
    Many,
}

/// A literal value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are SOQL's kinds of literal")]
pub enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Date(NaiveDate),
    Time(NaiveTime),
    Moment(DateTime<Utc>),
    Relative(Relative),
}

/// A date that depends on today (in UTC, the time zone of our users).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Relative {
    Today,
    Yesterday,
    Tomorrow,
    ThisMonth,
    ThisYear,
    LastNDays(u16),
    NextNDays(u16),
}

/// An element of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The field.
    pub path: Path,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS LAST`; first is the default, whatever the direction.
    pub nulls_last: bool,
}

/// How much of a line an error shows on either side of its place, as the original does: long
/// statements would drown the message.
const WINDOW: usize = 40;

/// Understands a statement.
///
/// # Errors
/// `MALFORMED_QUERY` with the place and the token that was not expected.
pub fn parse(soql: &str) -> Result<Query, ApiError> {
    parser::parse(soql)
}

/// An error that shows its place in the statement, in Salesforce's form.
#[must_use]
pub fn error_at(soql: &str, at: At, code: &'static str, message: &str) -> ApiError {
    let before: Vec<&str> = soql.get(..at.0).unwrap_or(soql).split('\n').collect();
    let column = before.last().map_or(0, |line| line.chars().count()) + 1;
    let line = soql.split('\n').nth(before.len().saturating_sub(1)).unwrap_or_default();
    let start = column.saturating_sub(WINDOW + 1);
    let excerpt: String = line.chars().skip(start).take(2 * WINDOW).collect();
    let caret = " ".repeat(column - 1 - start);
    let row = before.len();
    let text = format!("\n{excerpt}\n{caret}^\nERROR at Row:{row}:Column:{column}\n{message}");
    ApiError::request(code, text)
}

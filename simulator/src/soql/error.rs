//! Errors that show their place in the statement.

use super::At;
use crate::ApiError;

/// How much of a line an error shows on either side of its place, as the original does: long
/// statements would drown the message.
const WINDOW: usize = 40;

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

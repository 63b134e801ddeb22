//! Salesforce's formula language, for calculated fields and validation rules: `parse` understands
//! it, `evaluate` computes it, `functions` are what can be called. Fields are read through
//! [`Surroundings`], so nothing here knows of rows.
//!
//! Understood are field paths, texts, numbers, `TRUE`, `FALSE`, `NULL`, the operators
//! `+ - * / ^ & && || ! = <> < <= > >=` and the functions of [`functions::FUNCTIONS`].

mod evaluate;
pub mod functions;
mod moments;
mod parse;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::value::Value;

/// A formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// `TRUE`, `FALSE`, `NULL`, a number or text.
    Constant(Value),
    /// A field, perhaps of a parent: `Account__r.Name`.
    Field(Vec<String>),
    /// `-x`
    Negative(Box<Formula>),
    /// `!x`
    Not(Box<Formula>),
    /// Two operands.
    Binary(Box<Formula>, Operator, Box<Formula>),
    /// A function by its name in capitals.
    Call(&'static str, Vec<Formula>),
}

/// What joins two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Join,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// What a formula is computed from.
pub trait Surroundings {
    /// The value of a field; null for one that is not there.
    fn field(&self, path: &[String]) -> Value;
    /// The value that a field had before the change in progress; `None` for a new row.
    fn prior(&self, path: &[String]) -> Option<Value>;
    /// The org's clock.
    fn now(&self) -> DateTime<Utc>;
}

impl<'de> serde::Deserialize<'de> for Formula {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::understand(&text).map_err(serde::de::Error::custom)
    }
}

impl Formula {
    /// Understands a formula, or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::understand(text).ok()
    }

    /// Understands a formula.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn understand(text: &str) -> Result<Self, String> {
        parse::parse(text)
    }

    /// Computes the formula. What has no value, such as a division by zero, is null.
    #[must_use]
    pub fn evaluate(&self, around: &dyn Surroundings) -> Value {
        evaluate::evaluate(self, around)
    }

    /// Whether a condition holds; null does not.
    #[must_use]
    pub fn holds(&self, around: &dyn Surroundings) -> bool {
        self.evaluate(around) == Value::Bool(true)
    }
}

//! Why a value cannot be held.

use super::ColumnType;

/// A text that cannot be read as a value of the column's type.
///
/// The offending text is not part of it: cells are never logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a value does not fit its column type {}: {unfit}", column.sql())]
pub struct InvalidValue {
    /// The type that was expected.
    pub column: ColumnType,
    /// What is wrong with the value.
    pub unfit: Unfit,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unfit {
    /// It is of another kind.
    #[error("it is of another kind")]
    Kind,
    /// Text with more characters than the column takes.
    #[error("it has too many characters")]
    TooLong,
    /// A number with more digits than the column takes.
    #[error("it has too many digits")]
    TooManyDigits,
    /// NaN or infinity, which only Postgres knows.
    #[error("it is not finite")]
    NotFinite,
    /// A date before the year 1 or after the year 9999.
    #[error("its year is not between 1 and 9999")]
    Year,
    /// Text with the null character, which Postgres refuses.
    #[error("it holds a null character")]
    NullCharacter,
    /// Text with half of a surrogate pair, or bytes that are no UTF-8.
    #[error("it holds bytes that are no text")]
    NotText,
}

//! Problems of the user's files: what is wrong, exactly where, and what to do about it.
//!
//! A diagnostic holds everything needed to show it, the source text included, so that it can travel to whoever
//! prints it. Printing is `render`'s part.

use serde::Serialize;
use std::{fmt, ops::Range, path::PathBuf, sync::Arc};

/// A file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user would name it.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Keeps a file's text for reporting.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Position { line: before.matches('\n').count() + 1, column }
    }
}

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A marked stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes.
    pub span: Range<usize>,
    /// What is said next to the mark; may be empty.
    pub text: String,
}

impl Label {
    /// Where the mark begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.source.position(self.span.start)
    }
}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing runs until this is fixed.
    Error,
    /// It runs, perhaps not as meant.
    Warning,
}

/// The stable number of a kind of problem; 1xxx is syntax, 2xxx is meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file is not TOML.
    Syntax = 1000,
    /// A key that nothing reads.
    UnknownKey = 1001,
    /// A key or name given twice.
    DuplicateKey = 1002,
    /// A value of the wrong type, or a word that is not among the choices.
    WrongValue = 1003,
    /// A duration without a unit.
    NoUnit = 1005,
    /// A variable or a secret file that is not there.
    MissingSecret = 1006,
    /// A format version this program does not know.
    UnknownVersion = 1007,
    /// A file or folder that cannot be read.
    Unreadable = 1008,
    /// A key that must be given.
    MissingKey = 1009,
    /// A number or duration outside its bounds.
    OutOfRange = 1010,
    /// The org has no such object.
    ObjectNotFound = 2101,
    /// The object has no such field.
    FieldNotFound = 2104,
    /// The object cannot be read as sync needs it.
    ObjectNotReadable = 2105,
    /// The object has no `SystemModstamp` to poll by.
    NoStamp = 2106,
    /// A compound or binary field.
    UnmappableField = 2110,
    /// Two fields in one column.
    ColumnClash = 2201,
    /// A name that cannot be a column's or table's.
    BadName = 2202,
    /// A column type that cannot hold the field's values.
    TypeMismatch = 2203,
    /// A column shorter than the field.
    TooShort = 2204,
    /// A field that is always mapped.
    AlwaysMapped = 2207,
    /// An index on a column that is not mapped.
    IndexNotMapped = 2208,
    /// A required field is missing, so inserts fail.
    RequiredNotMapped = 2301,
    /// Writing was asked for what cannot be written.
    NotWritable = 2310,
    /// The key cannot identify records.
    BadKey = 2320,
    /// Writing without a key.
    NoKey = 2321,
    /// A key that the database cannot make up.
    BadKeyDefault = 2322,
    /// A `ref` that leads nowhere.
    BadReference = 2330,
    /// A `ref` to a parent that is not sent.
    ParentNotSent = 2331,
    /// `newest` compares clocks that differ.
    ClockSkew = 2502,
    /// Polls need more API requests than there are.
    PollCost = 2601,
    /// Two files claim the same object or table.
    Claimed = 2702,
    /// A secret stands in the settings file as it is.
    PlainSecret = 2801,
    /// A setting that is needed and not given.
    MissingSetting = 2803,
    /// Settings that exclude each other.
    Contradiction = 2804,
    /// More columns than a table can have.
    TooWide = 2209,
    /// A condition that Salesforce does not take.
    BadCondition = 2340,
    /// What the check of the database found.
    Database = 2901,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SX{}", *self as u16)
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// One lowercase sentence that names what the user typed.
    pub message: String,
    /// Where; absent where no file is involved.
    pub label: Option<Label>,
    /// Other places that explain it.
    pub related: Vec<Label>,
    /// What to do.
    pub help: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            label: None,
            related: Vec::new(),
            help: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Marks where it is.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>, text: impl Into<String>) -> Self {
        self.label = Some(Label { source: Arc::clone(source), span, text: text.into() });
        self
    }

    /// Marks another place that belongs to it.
    #[must_use]
    pub fn with_related(
        mut self,
        source: &Arc<Source>,
        span: Range<usize>,
        text: impl Into<String>,
    ) -> Self {
        self.related.push(Label { source: Arc::clone(source), span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds background.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Whether it stops everything.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts by file, place and code; what has no place comes first.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_cached_key(|diagnostic| {
        let place =
            diagnostic.label.as_ref().map(|label| (label.source.path.clone(), label.span.start));
        (place, diagnostic.code, diagnostic.message.clone())
    });
}

/// Whether any of them is an error.
#[must_use]
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

#[cfg(test)]
mod tests {
    use super::{Code, Diagnostic, Position, Source, sort};

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("a.toml", "é = 1\nxé = 2\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(7), Position { line: 2, column: 1 });
        assert_eq!(source.position(10), Position { line: 2, column: 3 });
        assert_eq!(source.position(99), Position { line: 3, column: 1 });
    }

    #[test]
    fn problems_come_in_the_order_of_the_files() {
        let (a, b) = (Source::new("a.toml", "12345"), Source::new("b.toml", "12345"));
        let problem = |code| Diagnostic::error(code, "m");
        let mut all = vec![
            problem(Code::NoKey).at(&b, 0..1, ""),
            problem(Code::NoKey).at(&a, 3..4, ""),
            problem(Code::UnknownKey).at(&a, 1..2, ""),
            problem(Code::MissingSetting),
        ];
        sort(&mut all);
        let order: Vec<_> = all
            .iter()
            .map(|d| d.label.as_ref().map(|l| (l.source.path.clone(), l.span.start)))
            .collect();
        assert_eq!(
            order,
            [
                None,
                Some(("a.toml".into(), 1)),
                Some(("a.toml".into(), 3)),
                Some(("b.toml".into(), 0))
            ]
        );
    }
}

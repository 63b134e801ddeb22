//! What a statement is made of.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{
    function::{Aggregate, DateFunction},
    relative::Relative,
};

/// A place in the statement's text, in bytes. All places are equal, so that statements compare by
/// meaning.
#[derive(Debug, Clone, Copy, Default)]
pub struct At(pub usize);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A statement, or a sub-select of one.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are SOQL's clauses")]
pub struct Query {
    pub select: Select,
    /// The object's name; in a child sub-select the relationship's.
    pub from: String,
    pub from_at: At,
    /// Another name of the object, for the beginnings of paths.
    pub alias: Option<String>,
    /// Other names of parents: `FROM Contact c, c.Account a`.
    pub parents: Vec<(Path, String)>,
    /// `USING SCOPE`.
    pub scope: Option<(String, At)>,
    pub condition: Option<Condition>,
    /// `WITH SECURITY_ENFORCED` and its kin.
    pub mode: Option<Mode>,
    pub group: Option<Group>,
    pub having: Option<Condition>,
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
    /// `FOR`.
    pub purposes: Vec<Purpose>,
    /// `UPDATE`.
    pub tracks: Vec<Track>,
}

impl Query {
    /// A statement with these two clauses and no others.
    #[must_use]
    pub fn new(select: Select, from: &str, from_at: At) -> Self {
        Self {
            select,
            from: from.to_owned(),
            from_at,
            alias: None,
            parents: Vec::new(),
            scope: None,
            condition: None,
            mode: None,
            group: None,
            having: None,
            order: Vec::new(),
            limit: None,
            offset: None,
            purposes: Vec::new(),
            tracks: Vec::new(),
        }
    }
}

/// Whose rights a query keeps to, where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Mode {
    SecurityEnforced,
    UserMode,
    SystemMode,
}

/// Why rows are read, which Salesforce notes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Purpose {
    View,
    Reference,
    Update,
}

/// Statistics that reading brings up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Track {
    Tracking,
    ViewStat,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Select {
    /// `COUNT()`.
    Count,
    /// Anything else, at least one.
    Items(Vec<Item>),
}

/// An element of the SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A field or function, perhaps under a name of its own.
    Value(Operand, Option<String>),
    /// `FIELDS(…)`.
    Fields(FieldGroup, At),
    /// A child sub-select.
    Children(Box<Query>),
    /// `TYPEOF … END`.
    TypeOf(TypeOf),
}

/// The argument of `FIELDS()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum FieldGroup {
    Standard,
    Custom,
    All,
}

/// Fields that depend on the object that a polymorphic reference leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeOf {
    /// The relationship.
    pub path: Path,
    /// `WHEN` an object `THEN` these fields; at least one.
    pub branches: Vec<(Path, Vec<Path>)>,
    /// `ELSE` these.
    pub otherwise: Option<Vec<Path>>,
}

/// A field, with the relationships that lead to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Names, the field's last. Never empty.
    pub names: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// What has a value: a field, or a function of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A field.
    Path(Path),
    /// A part of a date; the flag is `convertTimezone` around the field.
    Date(DateFunction, Path, bool),
    /// `toLabel`.
    Label(Path),
    /// `convertCurrency`.
    Currency(Path),
    /// `FORMAT`.
    Format(Box<Operand>),
    /// A function over the rows of a group.
    Aggregate(Aggregate, Path),
    /// `GROUPING`.
    Grouping(Path),
    /// `DISTANCE`.
    Distance(Path, Place, Unit),
}

impl Operand {
    /// The field that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path)
            | Self::Date(_, path, _)
            | Self::Label(path)
            | Self::Currency(path)
            | Self::Aggregate(_, path)
            | Self::Grouping(path)
            | Self::Distance(path, ..) => path,
            Self::Format(inner) => inner.path(),
        }
    }

    /// Whether it has a value for a group of rows only.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        match self {
            Self::Aggregate(..) | Self::Grouping(_) => true,
            Self::Format(inner) => inner.is_aggregate(),
            _ => false,
        }
    }
}

/// The second argument of `DISTANCE`.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A location field.
    Field(Path),
    /// `GEOLOCATION(latitude, longitude)`.
    Point(f64, f64),
}

/// What distances are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they explain themselves")]
pub enum Unit {
    Miles,
    Kilometers,
}

/// `GROUP BY`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Which subtotals are wanted.
    pub totals: Totals,
    /// What rows of a group have in common; at least one.
    pub by: Vec<Operand>,
}

/// Subtotals beside the groups themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Totals {
    None,
    Rollup,
    Cube,
}

/// A WHERE or HAVING clause or a part of it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are SOQL's operators")]
pub enum Condition {
    /// At least two.
    And(Vec<Condition>),
    /// At least two.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        operand: Operand,
        operator: Operator,
        literal: Literal,
    },
    In {
        operand: Operand,
        negated: bool,
        literals: Vec<Literal>,
    },
    /// A semi-join or, negated, an anti-join.
    Join {
        operand: Operand,
        negated: bool,
        query: Box<Query>,
    },
    Like {
        operand: Operand,
        pattern: Vec<Piece>,
    },
    /// `INCLUDES` or, negated, `EXCLUDES`.
    Includes {
        operand: Operand,
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

/// An element of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// What is compared.
    pub operand: Operand,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS LAST`; first is the default, whatever the direction.
    pub nulls_last: bool,
}

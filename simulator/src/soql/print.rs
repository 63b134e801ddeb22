//! Statement to text: what [`super::parse`] reads back as the same statement.

use std::fmt::{Display, Formatter, Result};

use super::{
    Condition, FieldGroup, Item, Literal, Operator, Order, Path, Piece, Query, Relative, Select,
};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("SELECT ")?;
        match &self.select {
            Select::Count => f.write_str("COUNT()")?,
            Select::Items(items) => separated(f, items, ", ")?,
        }
        write!(f, " FROM {}", self.from)?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.order.is_empty() {
            f.write_str(" ORDER BY ")?;
            separated(f, &self.order, ", ")?;
        }
        if let Some(limit) = self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        match self.offset {
            Some(offset) => write!(f, " OFFSET {offset}"),
            None => Ok(()),
        }
    }
}

fn separated(f: &mut Formatter<'_>, items: &[impl Display], separator: &str) -> Result {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Fields(FieldGroup::Standard) => f.write_str("FIELDS(STANDARD)"),
            Self::Fields(FieldGroup::Custom) => f.write_str("FIELDS(CUSTOM)"),
            Self::Fields(FieldGroup::All) => f.write_str("FIELDS(ALL)"),
        }
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.names.join("."))
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.path.fmt(f)?;
        f.write_str(if self.descending { " DESC" } else { "" })?;
        f.write_str(if self.nulls_last { " NULLS LAST" } else { "" })
    }
}

/// A part of a condition, in parentheses where it joins others.
struct Nested<'a>(&'a Condition);

impl Display for Nested<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Condition::And(_) | Condition::Or(_) => write!(f, "({})", self.0),
            condition => condition.fmt(f),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let nested = |parts: &[Condition], f: &mut Formatter<'_>, joint| {
            separated(f, &parts.iter().map(Nested).collect::<Vec<_>>(), joint)
        };
        match self {
            Self::And(parts) => nested(parts, f, " AND "),
            Self::Or(parts) => nested(parts, f, " OR "),
            Self::Not(part) => write!(f, "NOT {}", Nested(part)),
            Self::Compare { path, operator, literal } => write!(f, "{path} {operator} {literal}"),
            Self::In { path, negated, literals } => {
                write!(f, "{path} {}(", if *negated { "NOT IN " } else { "IN " })?;
                separated(f, literals, ", ")?;
                f.write_str(")")
            }
            Self::Like { path, pattern } => {
                write!(f, "{path} LIKE '")?;
                pattern.iter().try_for_each(|piece| piece.fmt(f))?;
                f.write_str("'")
            }
            Self::Includes { path, negated, texts } => {
                write!(f, "{path} {}(", if *negated { "EXCLUDES " } else { "INCLUDES " })?;
                separated(f, &texts.iter().map(|text| Quoted(text)).collect::<Vec<_>>(), ", ")?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Piece {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::One => f.write_str("_"),
            Self::Many => f.write_str("%"),
            Self::Text(text) => f.write_str(&escape(text).replace('_', "\\_").replace('%', "\\%")),
        }
    }
}

/// Text in single quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "'{}'", escape(self.0))
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '\\' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ => escaped.push(character),
        }
    }
    escaped
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::Time(time) => time.format("%H:%M:%S%.3fZ").fmt(f),
            Self::Moment(moment) => moment.format("%Y-%m-%dT%H:%M:%S%.fZ").fmt(f),
            Self::Relative(relative) => relative.fmt(f),
        }
    }
}

impl Display for Relative {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Today => f.write_str("TODAY"),
            Self::Yesterday => f.write_str("YESTERDAY"),
            Self::Tomorrow => f.write_str("TOMORROW"),
            Self::ThisMonth => f.write_str("THIS_MONTH"),
            Self::ThisYear => f.write_str("THIS_YEAR"),
            Self::LastNDays(days) => write!(f, "LAST_N_DAYS:{days}"),
            Self::NextNDays(days) => write!(f, "NEXT_N_DAYS:{days}"),
        }
    }
}

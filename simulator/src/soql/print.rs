//! Statement to text: what [`super::parse`] reads back as the same statement.

use std::fmt::{Display, Formatter, Result};

use super::{
    Condition, FieldGroup, Group, Item, Literal, Mode, Operand, Operator, Order, Path, Piece,
    Place, Purpose, Query, Select, Totals, Track, TypeOf, Unit,
};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("SELECT ")?;
        match &self.select {
            Select::Count => f.write_str("COUNT()")?,
            Select::Items(items) => separated(f, items, ", ")?,
        }
        write!(f, " FROM {}", self.from)?;
        if let Some(alias) = &self.alias {
            write!(f, " {alias}")?;
        }
        for (path, alias) in &self.parents {
            write!(f, ", {path} {alias}")?;
        }
        if let Some((scope, _)) = &self.scope {
            write!(f, " USING SCOPE {scope}")?;
        }
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if let Some(mode) = self.mode {
            write!(f, " WITH {mode}")?;
        }
        if let Some(group) = &self.group {
            write!(f, " GROUP BY {group}")?;
        }
        if let Some(having) = &self.having {
            write!(f, " HAVING {having}")?;
        }
        clause(f, " ORDER BY ", &self.order)?;
        if let Some(limit) = self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " OFFSET {offset}")?;
        }
        clause(f, " FOR ", &self.purposes)?;
        clause(f, " UPDATE ", &self.tracks)
    }
}

/// A clause of one or more elements; nothing when there are none.
fn clause(f: &mut Formatter<'_>, word: &str, items: &[impl Display]) -> Result {
    if items.is_empty() {
        return Ok(());
    }
    f.write_str(word)?;
    separated(f, items, ", ")
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
            Self::Value(operand, None) => operand.fmt(f),
            Self::Value(operand, Some(alias)) => write!(f, "{operand} {alias}"),
            Self::Fields(FieldGroup::Standard, _) => f.write_str("FIELDS(STANDARD)"),
            Self::Fields(FieldGroup::Custom, _) => f.write_str("FIELDS(CUSTOM)"),
            Self::Fields(FieldGroup::All, _) => f.write_str("FIELDS(ALL)"),
            Self::Children(query) => write!(f, "({query})"),
            Self::TypeOf(type_of) => type_of.fmt(f),
        }
    }
}

impl Display for TypeOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "TYPEOF {}", self.path)?;
        for (object, fields) in &self.branches {
            write!(f, " WHEN {object} THEN ")?;
            separated(f, fields, ", ")?;
        }
        if let Some(fields) = &self.otherwise {
            f.write_str(" ELSE ")?;
            separated(f, fields, ", ")?;
        }
        f.write_str(" END")
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Date(function, path, false) => write!(f, "{}({path})", function.name()),
            Self::Date(function, path, true) => {
                write!(f, "{}(convertTimezone({path}))", function.name())
            }
            Self::Label(path) => write!(f, "toLabel({path})"),
            Self::Currency(path) => write!(f, "convertCurrency({path})"),
            Self::Format(inner) => write!(f, "FORMAT({inner})"),
            Self::Aggregate(function, path) => write!(f, "{}({path})", function.name()),
            Self::Grouping(path) => write!(f, "GROUPING({path})"),
            Self::Distance(from, to, unit) => write!(f, "DISTANCE({from}, {to}, '{unit}')"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Field(path) => path.fmt(f),
            Self::Point(latitude, longitude) => write!(f, "GEOLOCATION({latitude}, {longitude})"),
        }
    }
}

impl Display for Unit {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Miles => "mi",
            Self::Kilometers => "km",
        })
    }
}

impl Display for Group {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.totals {
            Totals::None => return separated(f, &self.by, ", "),
            Totals::Rollup => f.write_str("ROLLUP(")?,
            Totals::Cube => f.write_str("CUBE(")?,
        }
        separated(f, &self.by, ", ")?;
        f.write_str(")")
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::SecurityEnforced => "SECURITY_ENFORCED",
            Self::UserMode => "USER_MODE",
            Self::SystemMode => "SYSTEM_MODE",
        })
    }
}

impl Display for Purpose {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::View => "VIEW",
            Self::Reference => "REFERENCE",
            Self::Update => "UPDATE",
        })
    }
}

impl Display for Track {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Tracking => "TRACKING",
            Self::ViewStat => "VIEWSTAT",
        })
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.names.join("."))
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.operand.fmt(f)?;
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
            Self::Compare { operand, operator, literal } => {
                write!(f, "{operand} {operator} {literal}")
            }
            Self::In { operand, negated, literals } => {
                write!(f, "{operand} {}(", if *negated { "NOT IN " } else { "IN " })?;
                separated(f, literals, ", ")?;
                f.write_str(")")
            }
            Self::Join { operand, negated, query } => {
                write!(f, "{operand} {}({query})", if *negated { "NOT IN " } else { "IN " })
            }
            Self::Like { operand, pattern } => {
                write!(f, "{operand} LIKE '")?;
                pattern.iter().try_for_each(|piece| piece.fmt(f))?;
                f.write_str("'")
            }
            Self::Includes { operand, negated, texts } => {
                write!(f, "{operand} {}(", if *negated { "EXCLUDES " } else { "INCLUDES " })?;
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

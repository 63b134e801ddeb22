//! Statement to text, so that what is built from parameters can be shown and read back.

use std::fmt;

use super::{Group, Returning, Search, Term};

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self.group {
            Group::All => "ALL",
            Group::Name => "NAME",
            Group::Email => "EMAIL",
            Group::Phone => "PHONE",
            Group::Sidebar => "SIDEBAR",
        };
        write!(f, "FIND {{{}}} IN {group} FIELDS", self.term)?;
        for (at, returning) in self.returning.iter().enumerate() {
            write!(f, "{}{returning}", if at == 0 { " RETURNING " } else { ", " })?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, " LIMIT {limit}"))
    }
}

impl fmt::Display for Returning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object)?;
        if self.fields.is_empty() {
            return Ok(());
        }
        write!(f, "({}", self.fields.join(", "))?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if let Some(order) = &self.order {
            write!(f, " ORDER BY {order}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " OFFSET {offset}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |f: &mut fmt::Formatter<'_>, terms: &[Self], operator: &str| {
            let texts: Vec<String> = terms.iter().map(ToString::to_string).collect();
            write!(f, "({})", texts.join(operator))
        };
        match self {
            Self::Word(word) => match word.as_str() {
                // A quoted operator is a word.
                "and" | "or" | "not" => write!(f, "\"{word}\""),
                word => f.write_str(word),
            },
            Self::Phrase(words) => write!(f, "\"{}\"", words.join(" ")),
            Self::And(terms) => all(f, terms, " AND "),
            Self::Or(terms) => all(f, terms, " OR "),
            Self::AndNot(wanted, unwanted) => write!(f, "({wanted} AND NOT {unwanted})"),
        }
    }
}

//! Dates that depend on today: `TODAY`, `LAST_WEEK`, `N_MONTHS_AGO:3` and the others.

use std::fmt::{Display, Formatter, Result};

/// A date literal that depends on today (in UTC, the time zone of our users).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relative {
    /// The span before the current one: `YESTERDAY`, `LAST_WEEK`.
    Last(Span),
    /// The current one: `TODAY`, `THIS_WEEK`.
    This(Span),
    /// The one after it: `TOMORROW`, `NEXT_WEEK`.
    Next(Span),
    /// `LAST_N_WEEKS:n`: this many spans before the current one; with days, the current one too.
    LastN(Span, u32),
    /// `NEXT_N_WEEKS:n`: this many spans after the current one.
    NextN(Span, u32),
    /// `N_WEEKS_AGO:n`: one span.
    Ago(Span, u32),
    /// `LAST_90_DAYS`.
    Last90Days,
    /// `NEXT_90_DAYS`.
    Next90Days,
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Span {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    FiscalQuarter,
    FiscalYear,
}

/// All spans with their names.
pub(super) const SPANS: [(Span, &str); 7] = [
    (Span::Day, "DAY"),
    (Span::Week, "WEEK"),
    (Span::Month, "MONTH"),
    (Span::Quarter, "QUARTER"),
    (Span::Year, "YEAR"),
    (Span::FiscalQuarter, "FISCAL_QUARTER"),
    (Span::FiscalYear, "FISCAL_YEAR"),
];

impl Relative {
    /// Reads a word, whatever its case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let upper = word.to_ascii_uppercase();
        let named = match upper.as_str() {
            "TODAY" => Some(Self::This(Span::Day)),
            "YESTERDAY" => Some(Self::Last(Span::Day)),
            "TOMORROW" => Some(Self::Next(Span::Day)),
            "LAST_90_DAYS" => Some(Self::Last90Days),
            "NEXT_90_DAYS" => Some(Self::Next90Days),
            _ => None,
        };
        named.or_else(|| numbered(&upper)).or_else(|| {
            let (which, span) = upper.split_once('_')?;
            let span = SPANS.iter().skip(1).find(|(_, name)| *name == span)?.0;
            match which {
                "LAST" => Some(Self::Last(span)),
                "THIS" => Some(Self::This(span)),
                "NEXT" => Some(Self::Next(span)),
                _ => None,
            }
        })
    }
}

/// `LAST_N_DAYS:7` and its kin.
fn numbered(upper: &str) -> Option<Relative> {
    let (word, number) = upper.split_once(':')?;
    let number = number.parse().ok()?;
    let span = |plural: &str| {
        let single = plural.strip_suffix('S')?;
        SPANS.iter().find(|(_, name)| *name == single).map(|(span, _)| *span)
    };
    if let Some(plural) = word.strip_prefix("LAST_N_") {
        return Some(Relative::LastN(span(plural)?, number));
    }
    if let Some(plural) = word.strip_prefix("NEXT_N_") {
        return Some(Relative::NextN(span(plural)?, number));
    }
    let plural = word.strip_prefix("N_")?.strip_suffix("_AGO")?;
    Some(Relative::Ago(span(plural)?, number))
}

impl Display for Relative {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::This(Span::Day) => f.write_str("TODAY"),
            Self::Last(Span::Day) => f.write_str("YESTERDAY"),
            Self::Next(Span::Day) => f.write_str("TOMORROW"),
            Self::Last90Days => f.write_str("LAST_90_DAYS"),
            Self::Next90Days => f.write_str("NEXT_90_DAYS"),
            Self::Last(span) => write!(f, "LAST_{span}"),
            Self::This(span) => write!(f, "THIS_{span}"),
            Self::Next(span) => write!(f, "NEXT_{span}"),
            Self::LastN(span, number) => write!(f, "LAST_N_{span}S:{number}"),
            Self::NextN(span, number) => write!(f, "NEXT_N_{span}S:{number}"),
            Self::Ago(span, number) => write!(f, "N_{span}S_AGO:{number}"),
        }
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(SPANS.iter().find(|(span, _)| span == self).map_or("", |(_, name)| name))
    }
}

//! The functions that have a name and one field.

/// A function over the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

/// All aggregate functions with their names.
pub(super) const AGGREGATES: [(Aggregate, &str); 6] = [
    (Aggregate::Count, "COUNT"),
    (Aggregate::CountDistinct, "COUNT_DISTINCT"),
    (Aggregate::Sum, "SUM"),
    (Aggregate::Avg, "AVG"),
    (Aggregate::Min, "MIN"),
    (Aggregate::Max, "MAX"),
];

impl Aggregate {
    /// The name, as SOQL writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        AGGREGATES.iter().find(|(function, _)| *function == self).map_or("", |(_, name)| name)
    }
}

/// A part of a date or datetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SOQL's words")]
pub enum DateFunction {
    CalendarMonth,
    CalendarQuarter,
    CalendarYear,
    DayInMonth,
    DayInWeek,
    DayInYear,
    DayOnly,
    FiscalMonth,
    FiscalQuarter,
    FiscalYear,
    HourInDay,
    WeekInMonth,
    WeekInYear,
}

/// All date functions with their names.
pub(super) const DATES: [(DateFunction, &str); 13] = [
    (DateFunction::CalendarMonth, "CALENDAR_MONTH"),
    (DateFunction::CalendarQuarter, "CALENDAR_QUARTER"),
    (DateFunction::CalendarYear, "CALENDAR_YEAR"),
    (DateFunction::DayInMonth, "DAY_IN_MONTH"),
    (DateFunction::DayInWeek, "DAY_IN_WEEK"),
    (DateFunction::DayInYear, "DAY_IN_YEAR"),
    (DateFunction::DayOnly, "DAY_ONLY"),
    (DateFunction::FiscalMonth, "FISCAL_MONTH"),
    (DateFunction::FiscalQuarter, "FISCAL_QUARTER"),
    (DateFunction::FiscalYear, "FISCAL_YEAR"),
    (DateFunction::HourInDay, "HOUR_IN_DAY"),
    (DateFunction::WeekInMonth, "WEEK_IN_MONTH"),
    (DateFunction::WeekInYear, "WEEK_IN_YEAR"),
];

impl DateFunction {
    /// The name, as SOQL writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        DATES.iter().find(|(function, _)| *function == self).map_or("", |(_, name)| name)
    }
}

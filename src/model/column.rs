//! The Postgres types that a mapped column may have.

use super::Decimal;

/// The type of a mapped column.
///
/// The choice per Salesforce field type follows Heroku Connect's tables, so that existing SQL keeps working, or
/// holds every value exactly, as the mapping says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `varchar(n)`; Postgres counts characters.
    Varchar(u32),
    /// `text`.
    Text,
    /// `boolean`.
    Boolean,
    /// `integer`.
    Integer,
    /// `bigint`.
    Bigint,
    /// `double precision`.
    Double,
    /// `numeric(precision, scale)`: all digits, and those after the point.
    Numeric(u16, u16),
    /// `numeric` without limits.
    AnyNumeric,
    /// `date`.
    Date,
    /// `timestamp without time zone`, holding UTC.
    Timestamp,
    /// `timestamp with time zone`.
    TimestampTz,
    /// `time without time zone`.
    Time,
}

/// The limits of `numeric` in Postgres.
const PRECISION_MAX: u16 = 1_000;
/// The limit of `varchar` in Postgres.
const LENGTH_MAX: u32 = 10_485_760;

impl ColumnType {
    /// The type as written in DDL and as `format_type` of `pg_attribute` prints it.
    #[must_use]
    pub fn sql(self) -> String {
        match self {
            Self::Varchar(length) => format!("character varying({length})"),
            Self::Text => "text".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Bigint => "bigint".to_owned(),
            Self::Double => "double precision".to_owned(),
            Self::Numeric(precision, scale) => format!("numeric({precision},{scale})"),
            Self::AnyNumeric => "numeric".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp without time zone".to_owned(),
            Self::TimestampTz => "timestamp with time zone".to_owned(),
            Self::Time => "time without time zone".to_owned(),
        }
    }

    /// Reads a type as a person or `format_type` writes it; `None` for types that no field can live in.
    #[must_use]
    pub fn parse(sql: &str) -> Option<Self> {
        let sql = sql.trim().to_ascii_lowercase();
        let Some((name, rest)) = sql.split_once('(') else { return Self::without_arguments(&sql) };
        let (arguments, after) = rest.split_once(')')?;
        let mut arguments =
            arguments.split(',').map(|argument| argument.trim().parse::<u32>().ok());
        let (first, second) = (arguments.next()??, arguments.next());
        if arguments.next().is_some() {
            return None;
        }
        let small = |number: u32| u16::try_from(number).ok();
        match (name.trim(), second, after.trim()) {
            ("varchar" | "character varying", None, "") => {
                (1..=LENGTH_MAX).contains(&first).then_some(Self::Varchar(first))
            }
            ("numeric" | "decimal", scale, "") => {
                let (precision, scale) = (small(first)?, small(scale.map_or(Some(0), |s| s)?)?);
                let is_sound = (1..=PRECISION_MAX).contains(&precision) && scale <= precision;
                is_sound.then_some(Self::Numeric(precision, scale))
            }
            // Salesforce's moments have milliseconds.
            (name, None, zone) if first >= 3 => {
                match Self::without_arguments(&format!("{name} {zone}"))? {
                    moment @ (Self::Timestamp | Self::TimestampTz | Self::Time) => Some(moment),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn without_arguments(name: &str) -> Option<Self> {
        Some(match name.trim() {
            "text" | "character varying" => Self::Text,
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" | "int4" => Self::Integer,
            "bigint" | "int8" => Self::Bigint,
            "double precision" | "float8" => Self::Double,
            "numeric" | "decimal" => Self::AnyNumeric,
            "date" => Self::Date,
            "timestamp" | "timestamp without time zone" => Self::Timestamp,
            "timestamptz" | "timestamp with time zone" => Self::TimestampTz,
            "time" | "time without time zone" => Self::Time,
            _ => return None,
        })
    }

    /// Whether the column holds a moment.
    #[must_use]
    pub fn is_moment(self) -> bool {
        matches!(self, Self::Timestamp | Self::TimestampTz)
    }

    /// The number as the column would hold it: rounded to its scale. `None` where it has too many digits.
    pub(super) fn decimal(self, number: Decimal) -> Option<Decimal> {
        let Self::Numeric(precision, scale) = self else { return Some(number) };
        let rounded = number.rounded(u32::from(scale));
        (rounded.whole_digits() <= u32::from(precision - scale)).then_some(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::ColumnType as C;

    #[test]
    fn types_are_read_as_people_and_postgres_spell_them() {
        #[rustfmt::skip]
        let table = [
            ("varchar(10)",                     Some(C::Varchar(10))),
            ("Character Varying (80)",          Some(C::Varchar(80))),
            ("character varying",               Some(C::Text)),
            ("double precision",                Some(C::Double)),
            ("timestamp",                       Some(C::Timestamp)),
            ("timestamp(3) without time zone",  Some(C::Timestamp)),
            ("timestamp(0) without time zone",  None),
            ("timestamp(6) with time zone",     Some(C::TimestampTz)),
            ("timestamptz",                     Some(C::TimestampTz)),
            ("time(6) without time zone",       Some(C::Time)),
            ("numeric(18,2)",                   Some(C::Numeric(18, 2))),
            ("decimal( 18 , 0 )",               Some(C::Numeric(18, 0))),
            ("numeric(18)",                     Some(C::Numeric(18, 0))),
            ("numeric",                         Some(C::AnyNumeric)),
            ("numeric(2,18)",                   None),
            ("numeric(0)",                      None),
            ("numeric(18,2,1)",                 None),
            ("bigint",                          Some(C::Bigint)),
            ("varchar(0)",                      None),
            ("varchar(x)",                      None),
            ("integer(4)",                      None),
            ("real",                            None),
            ("citext",                          None),
        ];
        for (text, expected) in table {
            assert_eq!(C::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for column in [
            C::Varchar(7),
            C::Text,
            C::Boolean,
            C::Integer,
            C::Bigint,
            C::Double,
            C::Numeric(18, 17),
            C::AnyNumeric,
            C::Date,
            C::Timestamp,
            C::TimestampTz,
            C::Time,
        ] {
            assert_eq!(C::parse(&column.sql()), Some(column));
        }
    }
}

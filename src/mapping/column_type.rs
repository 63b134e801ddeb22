//! Which column a Salesforce field lives in, and which other columns could hold it.

use super::validated::{ColumnTypes, Field, Limits};
use crate::model::{ColumnType, FieldDescribe, FieldType};

/// Text longer than this is kept in `text`.
const VARCHAR_MAX: u32 = 10_000;
const FORMULA_TEXT: u32 = 1300;
const SALESFORCE_ID: u32 = 18;
const WHOLE_DIGITS_OF_INTEGER: u16 = 9;
const WHOLE_DIGITS_OF_BIGINT: u16 = 18;
/// Every number of so many digits, and not every longer one, comes back from `double precision` as it was.
const DIGITS_OF_DOUBLE: u16 = 15;
/// The digits of the largest `int` and `long`.
const DIGITS_OF_INT: u16 = 10;
const DIGITS_OF_LONG: u16 = 19;

/// The type of the field's column where the mapping file names none; `None` where there can be no column.
pub(super) fn default_type(field: &FieldDescribe, types: ColumnTypes) -> Option<ColumnType> {
    let heroku = heroku_type(field)?;
    if types == ColumnTypes::Heroku {
        return Some(heroku);
    }
    Some(match heroku {
        _ if field.field_type == FieldType::Long => ColumnType::Bigint,
        ColumnType::Double => {
            let digits = limits_of(field).digits;
            digits.map_or(ColumnType::AnyNumeric, |(p, s)| ColumnType::Numeric(p.max(s), s))
        }
        ColumnType::Timestamp => ColumnType::TimestampTz,
        other => other,
    })
}

/// The type of the field's column, as Heroku Connect would make it.
fn heroku_type(field: &FieldDescribe) -> Option<ColumnType> {
    use FieldType as F;
    let sized = |length| match length {
        1..=VARCHAR_MAX => ColumnType::Varchar(length),
        _ => ColumnType::Text,
    };
    Some(match field.field_type {
        F::Id | F::Reference => ColumnType::Varchar(SALESFORCE_ID),
        F::String if field.calculated => ColumnType::Varchar(FORMULA_TEXT),
        F::String | F::Textarea | F::EncryptedString => sized(field.length),
        F::Picklist if field.name.eq_ignore_ascii_case("CurrencyIsoCode") => ColumnType::Varchar(3),
        F::Picklist | F::Combobox | F::Url => ColumnType::Varchar(255),
        F::Multipicklist => ColumnType::Varchar(4099),
        F::Email => ColumnType::Varchar(80),
        F::Phone => ColumnType::Varchar(40),
        F::Boolean => ColumnType::Boolean,
        F::Int => ColumnType::Integer,
        F::Long | F::Double | F::Currency | F::Percent => ColumnType::Double,
        F::Date => ColumnType::Date,
        F::Datetime => ColumnType::Timestamp,
        F::Time => ColumnType::Time,
        F::AnyType | F::Unknown => ColumnType::Text,
        F::Address | F::Location | F::Base64 => return None,
    })
}

/// How large the field's values may be. Salesforce tells zero where it tells nothing.
pub(super) fn limits_of(field: &FieldDescribe) -> Limits {
    use FieldType as F;
    let small = |number: u32| u16::try_from(number).ok();
    let has_digits = matches!(field.field_type, F::Double | F::Currency | F::Percent);
    Limits {
        length: (field.length > 0).then_some(field.length),
        digits: small(field.precision)
            .zip(small(field.scale))
            .filter(|(precision, _)| has_digits && *precision > 0),
    }
}

/// Why a column of the wished type cannot hold the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is text, but shorter than what Salesforce allows: this many characters.
    Short(u32),
    /// It is a number, with fewer digits than Salesforce allows: all digits, and those after the point.
    Digits(u16, u16),
    /// Its values are of another kind.
    Kind,
}

/// Whether a column of the wished type holds every value of the field. A double is taken at its word: Heroku Connect
/// keeps all numbers there, and a person who writes it wants it.
pub(super) fn check_type(field: &FieldDescribe, wished: ColumnType) -> Result<(), Misfit> {
    let default = heroku_type(field).ok_or(Misfit::Kind)?;
    holds(field.field_type, limits_of(field), default, wished)
}

impl Field {
    /// Whether a column of this type, found in a table that exists, holds every value of the field.
    ///
    /// Where the mapping file names the type, the column may be wider but not of another kind. Where it does not,
    /// any type will do that keeps every value as it is.
    #[must_use]
    pub fn fits(&self, found: ColumnType) -> bool {
        use ColumnType::{AnyNumeric, Bigint, Double, Numeric, Text, Varchar};
        if found == self.column_type {
            return true;
        }
        let is_number = |column| matches!(column, Numeric(..) | AnyNumeric);
        match (self.column_type, found) {
            (Varchar(wished), Varchar(found)) if self.is_typed => return found >= wished,
            (Varchar(_) | Text, _) => {}
            (wished, found) if self.is_typed && !(is_number(wished) && is_number(found)) => {
                return false;
            }
            // Exact types were asked for, or none: then what a double would lose is lost already.
            (Numeric(..) | AnyNumeric | Bigint, Double) => {
                return self.limits.digits.is_some_and(|(digits, _)| digits <= DIGITS_OF_DOUBLE);
            }
            _ => {}
        }
        holds(self.field_type, self.limits, self.column_type, found).is_ok()
    }
}

/// Whether every value of a field that lives in `default` also fits a column of the wished type.
fn holds(
    field_type: FieldType,
    limits: Limits,
    default: ColumnType,
    wished: ColumnType,
) -> Result<(), Misfit> {
    use ColumnType::{AnyNumeric, Bigint, Double, Integer, Numeric, Text, Varchar};
    let fits = |does: bool| if does { Ok(()) } else { Err(Misfit::Kind) };
    match (default, wished) {
        (default, wished) if default == wished => Ok(()),
        (Varchar(_) | Text, Text) => Ok(()),
        // Salesforce's own limit where it tells one, since some default columns are wider than their field.
        (Varchar(needed), Varchar(wished)) => {
            shorter(limits.length.map_or(needed, |length| length.min(needed)), wished)
        }
        (Text, Varchar(wished)) => shorter(limits.length.ok_or(Misfit::Kind)?, wished),
        (default, wished) if default.is_moment() => fits(wished.is_moment()),
        (Integer | Bigint | Double | Numeric(..) | AnyNumeric, wished) => {
            let digits = match field_type {
                FieldType::Int => Some((DIGITS_OF_INT, 0)),
                FieldType::Long => Some((DIGITS_OF_LONG, 0)),
                _ => limits.digits,
            };
            match (wished, digits) {
                (Double | AnyNumeric, _) => Ok(()),
                (Bigint, _) if matches!(field_type, FieldType::Int | FieldType::Long) => Ok(()),
                (Integer, _) if field_type == FieldType::Int => Ok(()),
                (Integer, Some((precision, 0))) => fits(precision <= WHOLE_DIGITS_OF_INTEGER),
                (Bigint, Some((precision, 0))) => fits(precision <= WHOLE_DIGITS_OF_BIGINT),
                (Numeric(precision, scale), Some((all, after))) => {
                    let is_enough =
                        scale >= after && precision - scale >= all.saturating_sub(after);
                    if is_enough { Ok(()) } else { Err(Misfit::Digits(all, after)) }
                }
                _ => Err(Misfit::Kind),
            }
        }
        _ => Err(Misfit::Kind),
    }
}

fn shorter(needed: u32, wished: u32) -> Result<(), Misfit> {
    if wished < needed { Err(Misfit::Short(needed)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Misfit, check_type, default_type, heroku_type, limits_of};
    use crate::mapping::{ColumnTypes, ConflictPolicy, Direction, Field};
    use crate::model::{ColumnType, FieldDescribe, FieldType};

    fn field(field_type: FieldType, length: u32) -> FieldDescribe {
        FieldDescribe { name: "X__c".into(), field_type, length, ..FieldDescribe::default() }
    }

    #[test]
    fn columns_are_those_of_heroku_connect() {
        use ColumnType as C;
        use FieldType as F;
        #[rustfmt::skip]
        let table = [
            (F::Reference,       18,      Some(C::Varchar(18))),
            (F::String,          255,     Some(C::Varchar(255))),
            (F::Textarea,        8000,    Some(C::Varchar(8000))),
            (F::Textarea,        10_000,  Some(C::Varchar(10_000))),
            (F::Textarea,        32_000,  Some(C::Text)),
            (F::EncryptedString, 175,     Some(C::Varchar(175))),
            (F::Picklist,        40,      Some(C::Varchar(255))),
            (F::Multipicklist,   4099,    Some(C::Varchar(4099))),
            (F::Email,           80,      Some(C::Varchar(80))),
            (F::Phone,           40,      Some(C::Varchar(40))),
            (F::Url,             255,     Some(C::Varchar(255))),
            (F::Boolean,         0,       Some(C::Boolean)),
            (F::Int,             0,       Some(C::Integer)),
            (F::Double,          0,       Some(C::Double)),
            (F::Currency,        0,       Some(C::Double)),
            (F::Percent,         0,       Some(C::Double)),
            (F::Date,            0,       Some(C::Date)),
            (F::Datetime,        0,       Some(C::Timestamp)),
            (F::Time,            0,       Some(C::Time)),
            (F::AnyType,         0,       Some(C::Text)),
            (F::Address,         0,       None),
            (F::Base64,          0,       None),
        ];
        for (field_type, length, expected) in table {
            assert_eq!(heroku_type(&field(field_type, length)), expected, "{field_type} {length}");
        }
        let formula = FieldDescribe { calculated: true, ..field(FieldType::String, 1300) };
        assert_eq!(heroku_type(&formula), Some(C::Varchar(1300)));
        let currency = FieldDescribe { name: "CurrencyIsoCode".into(), ..field(F::Picklist, 3) };
        assert_eq!(heroku_type(&currency), Some(C::Varchar(3)));
    }

    fn number(precision: u32, scale: u32) -> FieldDescribe {
        FieldDescribe { precision, scale, ..field(FieldType::Currency, 0) }
    }

    #[test]
    fn exact_columns_hold_every_digit_and_the_time_zone() {
        use ColumnType as C;
        use FieldType as F;
        #[rustfmt::skip]
        let table = [
            (number(18, 2),         Some(C::Numeric(18, 2))),
            (number(18, 15),        Some(C::Numeric(18, 15))),
            (number(2, 4),          Some(C::Numeric(4, 4))),
            (field(F::Percent, 0),  Some(C::AnyNumeric)),
            (field(F::Long, 0),     Some(C::Bigint)),
            (field(F::Int, 0),      Some(C::Integer)),
            (field(F::Datetime, 0), Some(C::TimestampTz)),
            (field(F::Date, 0),     Some(C::Date)),
            (field(F::String, 80),  Some(C::Varchar(80))),
            (field(F::Address, 0),  None),
        ];
        for (field, expected) in table {
            assert_eq!(default_type(&field, ColumnTypes::Exact), expected, "{field:?}");
        }
    }

    #[test]
    fn a_column_of_an_existing_table_may_be_of_any_type_that_holds_every_value() {
        use ColumnType as C;
        use FieldType as F;
        let picklist = field(F::Picklist, 40);
        let datetime = field(F::Datetime, 0);
        #[rustfmt::skip]
        let table = [
            (&number(18, 2), ColumnTypes::Heroku, None,                   C::Numeric(18, 2), true),
            (&number(18, 2), ColumnTypes::Heroku, None,                   C::AnyNumeric,     true),
            (&number(18, 2), ColumnTypes::Heroku, None,                   C::Numeric(10, 2), false),
            (&number(18, 2), ColumnTypes::Heroku, None,                   C::Integer,        false),
            (&number(8, 0),  ColumnTypes::Heroku, None,                   C::Integer,        true),
            (&number(18, 0), ColumnTypes::Heroku, None,                   C::Bigint,         true),
            (&number(18, 2), ColumnTypes::Heroku, None,                   C::Text,           false),
            (&number(18, 2), ColumnTypes::Exact,  None,                   C::Double,         false),
            (&number(15, 2), ColumnTypes::Exact,  None,                   C::Double,         true),
            (&number(15, 2), ColumnTypes::Exact,  Some(C::Numeric(15, 2)), C::Double,        false),
            (&number(15, 2), ColumnTypes::Exact,  Some(C::Numeric(15, 2)), C::Numeric(18, 2), true),
            (&number(18, 2), ColumnTypes::Heroku, Some(C::Double),        C::AnyNumeric,     false),
            (&picklist,      ColumnTypes::Heroku, None,                   C::Varchar(40),    true),
            (&picklist,      ColumnTypes::Heroku, None,                   C::Varchar(39),    false),
            (&picklist,      ColumnTypes::Heroku, Some(C::Varchar(50)),   C::Varchar(40),    false),
            (&picklist,      ColumnTypes::Heroku, Some(C::Varchar(50)),   C::Text,           true),
            (&datetime,      ColumnTypes::Heroku, None,                   C::TimestampTz,    true),
            (&datetime,      ColumnTypes::Exact,  None,                   C::Timestamp,      true),
            (&datetime,      ColumnTypes::Exact,  Some(C::TimestampTz),   C::Timestamp,      false),
        ];
        for (described, types, wished, found, expected) in table {
            let default = default_type(described, types).unwrap();
            let field = mapped(described, wished.unwrap_or(default), wished.is_some());
            assert_eq!(field.fits(found), expected, "{described:?} {types:?} {wished:?} {found:?}");
        }
    }

    fn mapped(described: &FieldDescribe, column_type: ColumnType, is_typed: bool) -> Field {
        Field {
            name: described.name.clone(),
            column: "x__c".to_owned(),
            column_type,
            is_typed,
            field_type: described.field_type,
            limits: limits_of(described),
            is_calculated: false,
            direction: Direction::Both,
            conflict: ConflictPolicy::SalesforceWins,
            createable: true,
            updateable: true,
            nillable: true,
            reference_to: Vec::new(),
            reference: None,
        }
    }

    #[test]
    fn a_wished_type_must_hold_every_value() {
        use ColumnType as C;
        use FieldType as F;
        let whole = FieldDescribe { precision: 6, ..field(F::Double, 0) };
        #[rustfmt::skip]
        let table = [
            (field(F::String, 255),  C::Text,         Ok(())),
            (field(F::String, 255),  C::Varchar(300), Ok(())),
            (field(F::String, 255),  C::Varchar(10),  Err(Misfit::Short(255))),
            (field(F::Picklist, 40), C::Varchar(40),  Ok(())),
            (field(F::Textarea, 32_000), C::Varchar(255), Err(Misfit::Short(32_000))),
            (field(F::String, 255),  C::Integer,      Err(Misfit::Kind)),
            (field(F::Double, 0),    C::Integer,      Err(Misfit::Kind)),
            (whole,                  C::Integer,      Ok(())),
            (field(F::Int, 0),       C::Double,       Ok(())),
            (field(F::Int, 0),       C::Bigint,       Ok(())),
            (field(F::Int, 0),       C::Numeric(10, 0), Ok(())),
            (field(F::Int, 0),       C::Numeric(9, 0), Err(Misfit::Digits(10, 0))),
            (number(18, 2),          C::Numeric(18, 2), Ok(())),
            (number(18, 2),          C::Numeric(20, 4), Ok(())),
            (number(18, 2),          C::Numeric(18, 4), Err(Misfit::Digits(18, 2))),
            (number(18, 2),          C::Numeric(18, 0), Err(Misfit::Digits(18, 2))),
            (number(18, 2),          C::AnyNumeric,   Ok(())),
            (number(18, 2),          C::Bigint,       Err(Misfit::Kind)),
            (number(18, 0),          C::Bigint,       Ok(())),
            (field(F::Double, 0),    C::Numeric(18, 2), Err(Misfit::Kind)),
            (field(F::Double, 0),    C::AnyNumeric,   Ok(())),
            (field(F::Datetime, 0),  C::TimestampTz,  Ok(())),
            (field(F::Date, 0),      C::TimestampTz,  Err(Misfit::Kind)),
            (field(F::Time, 0),      C::TimestampTz,  Err(Misfit::Kind)),
            (field(F::Boolean, 0),   C::Integer,      Err(Misfit::Kind)),
            (field(F::Date, 0),      C::Timestamp,    Err(Misfit::Kind)),
        ];
        for (field, wished, expected) in table {
            assert_eq!(check_type(&field, wished), expected, "{field:?} {wished:?}");
        }
    }
}

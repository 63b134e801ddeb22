//! Which column a Salesforce field lives in, and which other columns could hold it.

use crate::model::{ColumnType, FieldDescribe, FieldType};

/// Text longer than this is kept in `text`.
const VARCHAR_MAX: u32 = 10_000;
const FORMULA_TEXT: u32 = 1300;
const SALESFORCE_ID: u32 = 18;
const WHOLE_DIGITS_OF_INTEGER: u32 = 9;

/// The type of the field's column, as Heroku Connect would make it; `None` where there can be no column.
pub(super) fn default_type(field: &FieldDescribe) -> Option<ColumnType> {
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

/// Why a column of the wished type cannot hold the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is text, but shorter than what Salesforce allows: this many characters.
    Short(u32),
    /// Its values are of another kind.
    Kind,
}

/// Whether a column of the wished type holds every value of the field without change.
pub(super) fn check_type(field: &FieldDescribe, wished: ColumnType) -> Result<(), Misfit> {
    use ColumnType::{Double, Integer, Text, Varchar};
    let Some(default) = default_type(field) else { return Err(Misfit::Kind) };
    match (default, wished) {
        (default, wished) if default == wished => Ok(()),
        (Varchar(_) | Text, Text) | (Integer, Double) => Ok(()),
        (Varchar(needed), Varchar(wished)) => shorter(needed_length(field, needed), wished),
        (Text, Varchar(wished)) if field.length > 0 => shorter(field.length, wished),
        (Double, Integer) if is_small_and_whole(field) => Ok(()),
        _ => Err(Misfit::Kind),
    }
}

fn shorter(needed: u32, wished: u32) -> Result<(), Misfit> {
    if wished < needed { Err(Misfit::Short(needed)) } else { Ok(()) }
}

/// Salesforce's own limit where it tells one, since some default columns are wider than their field.
fn needed_length(field: &FieldDescribe, default: u32) -> u32 {
    match field.length {
        0 => default,
        length => length.min(default),
    }
}

fn is_small_and_whole(field: &FieldDescribe) -> bool {
    field.scale == 0 && (1..=WHOLE_DIGITS_OF_INTEGER).contains(&field.precision)
}

/// Reads a type as the mapping file writes it.
pub(super) fn parse_type(text: &str) -> Option<ColumnType> {
    let text = text.to_ascii_lowercase();
    let length = |name: &str| {
        let digits = text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
        digits.trim().parse().ok().filter(|length| (1..=10_485_760).contains(length))
    };
    if let Some(length) = length("varchar").or_else(|| length("character varying")) {
        return Some(ColumnType::Varchar(length));
    }
    Some(match text.as_str() {
        "text" => ColumnType::Text,
        "boolean" | "bool" => ColumnType::Boolean,
        "integer" | "int" | "int4" => ColumnType::Integer,
        "double precision" | "float8" => ColumnType::Double,
        "date" => ColumnType::Date,
        "timestamp" | "timestamp without time zone" => ColumnType::Timestamp,
        "time" | "time without time zone" => ColumnType::Time,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Misfit, check_type, default_type, parse_type};
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
            assert_eq!(default_type(&field(field_type, length)), expected, "{field_type} {length}");
        }
        let formula = FieldDescribe { calculated: true, ..field(FieldType::String, 1300) };
        assert_eq!(default_type(&formula), Some(C::Varchar(1300)));
        let currency = FieldDescribe { name: "CurrencyIsoCode".into(), ..field(F::Picklist, 3) };
        assert_eq!(default_type(&currency), Some(C::Varchar(3)));
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
            (field(F::Date, 0),      C::Timestamp,    Err(Misfit::Kind)),
        ];
        for (field, wished, expected) in table {
            assert_eq!(check_type(&field, wished), expected, "{field:?} {wished:?}");
        }
    }

    #[test]
    fn types_are_read_as_postgres_spells_them() {
        let table = [
            ("varchar(10)", Some(ColumnType::Varchar(10))),
            ("Character Varying (80)", Some(ColumnType::Varchar(80))),
            ("double precision", Some(ColumnType::Double)),
            ("timestamp", Some(ColumnType::Timestamp)),
            ("varchar", None),
            ("varchar(0)", None),
            ("numeric(18,2)", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_type(text), expected, "{text}");
        }
    }
}

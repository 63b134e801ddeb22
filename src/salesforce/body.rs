//! The fields of a record as they are sent.
//!
//! A decimal travels as a JSON number with all its digits. JSON values of Rust hold numbers in binary, which would
//! round some of them, so a decimal is kept as the text it is written as.

use crate::model::{Value, to_json};
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The fields of a record, in the form that JSON objects have.
pub type JsonMap = serde_json::Map<String, Json>;

/// The fields of a record as they are sent, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body(BTreeMap<String, BodyCell>);

/// One value on its way to Salesforce.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BodyCell {
    /// Anything that JSON holds exactly.
    Json(Json),
    /// A number, by its digits.
    Number(String),
}

impl Body {
    /// Sets a field.
    pub fn set(&mut self, field: &str, value: &Value) {
        let cell = match value {
            Value::Decimal(number) => BodyCell::Number(number.to_string()),
            value => BodyCell::Json(to_json(value)),
        };
        self.0.insert(field.to_owned(), cell);
    }

    pub(super) fn set_json(&mut self, field: &str, value: Json) {
        self.0.insert(field.to_owned(), BodyCell::Json(value));
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (&str, &BodyCell)> {
        self.0.iter().map(|(field, cell)| (field.as_str(), cell))
    }
}

impl<'a> FromIterator<(&'a str, &'a Value)> for Body {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a Value)>>(fields: T) -> Self {
        let mut body = Self::default();
        fields.into_iter().for_each(|(field, value)| body.set(field, value));
        body
    }
}

impl From<JsonMap> for Body {
    fn from(fields: JsonMap) -> Self {
        Self(fields.into_iter().map(|(field, json)| (field, BodyCell::Json(json))).collect())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (field, cell) in &self.0 {
            match cell {
                BodyCell::Json(json) => map.serialize_entry(field, json)?,
                BodyCell::Number(digits) => {
                    let raw = RawValue::from_string(digits.clone()).map_err(S::Error::custom)?;
                    map.serialize_entry(field, &raw)?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Body;
    use crate::model::{Decimal, Value};

    #[test]
    fn a_decimal_is_a_json_number_with_all_its_digits() {
        for digits in ["1234567890123456.78", "-0.12345678901234567", "123456789012345678", "0"] {
            let number = Value::Decimal(Decimal::parse(digits).unwrap());
            let body: Body = [("A", &number), ("B", &Value::Null)].into_iter().collect();

            let json = serde_json::to_string(&body).unwrap();

            assert_eq!(json, format!(r#"{{"A":{digits},"B":null}}"#));
        }
    }
}

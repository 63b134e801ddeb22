//! The form in which a field's values are compared with Salesforce's and sent to it.
//!
//! Salesforce keeps a number to the field's scale, a moment to the second, and every id with 18 characters. What the
//! application wrote beyond that is no difference: were it sent and compared as it stands, the record would read back
//! otherwise than it was sent, and look edited by somebody else.

use super::Field;
use crate::model::{Decimal, SalesforceId, Value};
use chrono::SubsecRound;

impl Field {
    /// The value as Salesforce would keep it. The normal form of a normal form is itself.
    #[must_use]
    pub fn normal(&self, value: Value) -> Value {
        match (value, self.limits.digits) {
            (Value::Decimal(number), Some((_, scale))) => {
                Value::Decimal(number.rounded(u32::from(scale)))
            }
            (Value::Double(number), Some((_, scale))) => Value::Double(rounded(number, scale)),
            (Value::DateTime(moment), _) => Value::DateTime(moment.trunc_subsecs(0)),
            (Value::Text(text), _) if !self.reference_to.is_empty() => Value::Text(whole_id(text)),
            (value, _) => value,
        }
    }
}

/// Rounds the digits that the number prints with, since a binary fraction is seldom the one that was meant.
fn rounded(number: f64, scale: u16) -> f64 {
    let digits = Decimal::parse(&number.to_string());
    let rounded = digits.ok().map(|digits| digits.rounded(u32::from(scale)).to_string());
    rounded.and_then(|digits| digits.parse().ok()).unwrap_or(number)
}

/// Salesforce answers with ids of 18 characters, whichever form was sent.
fn whole_id(text: String) -> String {
    SalesforceId::parse(&text).map_or(text, |id| id.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use crate::mapping::Limits;
    use crate::model::{ColumnType, Decimal, Value, parse_postgres};
    use crate::reconcile::samples::contact;
    use proptest::prelude::*;

    #[test]
    fn values_are_compared_as_salesforce_keeps_them() {
        let decimal = |text| Value::Decimal(Decimal::parse(text).unwrap());
        let moment = |text| parse_postgres(ColumnType::Timestamp, Some(text)).unwrap();
        let mut field = contact().fields[0].clone();
        field.limits = Limits { length: None, digits: Some((18, 2)) };
        #[rustfmt::skip]
        let table = [
            (Value::Double(0.1 + 0.2),             Value::Double(0.3)),
            (Value::Double(1.005),                 Value::Double(1.01)),
            (Value::Double(1e300),                 Value::Double(1e300)),
            (decimal("1.005"),                     decimal("1.01")),
            (decimal("1234567890123456.784"),      decimal("1234567890123456.78")),
            (moment("2024-01-02 03:04:05.678901"), moment("2024-01-02 03:04:05")),
            (Value::Int(7),                        Value::Int(7)),
            (Value::Null,                          Value::Null),
            (Value::Text("003D000000IqhSL".into()), Value::Text("003D000000IqhSL".into())),
        ];
        for (value, expected) in table {
            assert_eq!(field.normal(value.clone()), expected, "{value:?}");
        }
        field.reference_to = vec!["Account".to_owned()];
        let short = Value::Text("001D000000IqhSL".into());
        assert_eq!(field.normal(short), Value::Text("001D000000IqhSLIAZ".into()));
    }

    proptest! {
        #[test]
        fn the_normal_form_of_a_number_is_its_own_normal_form(number in any::<f64>(), scale in 0_u16..18) {
            prop_assume!(number.is_finite());
            let mut field = contact().fields[0].clone();
            field.limits = Limits { length: None, digits: Some((18, scale)) };

            let once = field.normal(Value::Double(number + 0.0));

            prop_assert_eq!(field.normal(once.clone()), once);
        }
    }
}

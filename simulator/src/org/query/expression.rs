//! What has a value for a row: a field, perhaps of a parent, or a function of one.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::dates;
use crate::{
    org::{Org, Row, shape::Column},
    schema::{Field, FieldType},
    soql::{DateFunction, Unit},
    value::Value,
};

/// Earth's mean radius.
const RADIUS_KM: f64 = 6371.0;
const KM_PER_MILE: f64 = 1.609_344;

/// A field or function, looked up.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::org) enum Expression {
    /// A field.
    Column(Column),
    /// The name of the object that the row with this column belongs to.
    TypeName(Column),
    /// A part of a date.
    Date(DateFunction, Column),
    /// The label of a picklist value.
    Label(Column),
    /// A value as people read it.
    Format(Box<Expression>, Style),
    /// The way between two points.
    Distance(Box<(Point, Point)>, Unit),
}

/// A point on earth.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::org) enum Point {
    /// Latitude and longitude.
    Fixed(f64, f64),
    /// Fields that have them.
    Fields(Column, Column),
}

/// How `FORMAT` shows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::org) enum Style {
    /// As money, with so many digits behind the point.
    Money(usize),
    /// As a number, with so many digits behind the point.
    Number(usize),
    /// By what the value is.
    Plain,
}

/// What the values of an expression are like, for literals to suit.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) kind: FieldType,
    /// The describe's `type`.
    pub(super) type_name: String,
    pub(super) scale: usize,
    pub(super) is_case_sensitive: bool,
}

impl Target {
    pub(super) fn of(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            kind: field.kind,
            type_name: field.type_name.clone(),
            scale: field.scale,
            is_case_sensitive: field.case_sensitive,
        }
    }

    /// The same name with values of another type.
    pub(super) fn with(&self, kind: FieldType, type_name: &str) -> Self {
        Self {
            name: self.name.clone(),
            kind,
            type_name: type_name.to_owned(),
            scale: self.scale,
            is_case_sensitive: false,
        }
    }

    /// How `FORMAT` shows such values.
    pub(super) fn style(&self) -> Style {
        match (self.kind, self.type_name.as_str()) {
            (FieldType::Number, "currency") => Style::Money(self.scale),
            (FieldType::Number, _) => Style::Number(self.scale),
            _ => Style::Plain,
        }
    }
}

impl Expression {
    /// The column that the value is made of, where it is one.
    pub(in crate::org) fn column(&self) -> Option<&Column> {
        match self {
            Self::Column(column)
            | Self::TypeName(column)
            | Self::Date(_, column)
            | Self::Label(column) => Some(column),
            Self::Format(inner, _) => inner.column(),
            Self::Distance(..) => None,
        }
    }

    /// The same with its column changed.
    pub(in crate::org) fn map(self, change: impl FnOnce(Column) -> Column) -> Self {
        match self {
            Self::Column(column) => Self::Column(change(column)),
            Self::TypeName(column) => Self::TypeName(change(column)),
            Self::Date(function, column) => Self::Date(function, change(column)),
            Self::Label(column) => Self::Label(change(column)),
            // Boxed, so that the compiler is not asked for a closure type without end.
            Self::Format(inner, style) => {
                let change: Box<dyn FnOnce(Column) -> Column> = Box::new(change);
                Self::Format(Box::new(inner.map(change)), style)
            }
            distance @ Self::Distance(..) => distance,
        }
    }
}

impl Org {
    /// The value of an expression for a row.
    pub(in crate::org) fn express<'a>(
        &'a self,
        object: usize,
        row: &'a Row,
        expression: &Expression,
    ) -> Cow<'a, Value> {
        match expression {
            Expression::Column(column) => self.column(object, row, column),
            Expression::TypeName(column) => {
                let parent = self.walk((object, row), &column.parents);
                let object = parent.and_then(|(number, _)| self.object(number));
                Cow::Owned(object.map_or(Value::Null, |object| Value::Text(object.name().into())))
            }
            Expression::Date(function, column) => {
                Cow::Owned(dates::part(*function, &self.column(object, row, column)))
            }
            Expression::Label(column) => {
                let value = self.column(object, row, column);
                let field = self.object(column.object).and_then(|found| found.field(column.field));
                match (field, value.as_text()) {
                    (Some(field), Some(text)) => Cow::Owned(Value::Text(label(field, text).into())),
                    _ => value,
                }
            }
            Expression::Format(inner, style) => {
                Cow::Owned(shown(&self.express(object, row, inner), *style))
            }
            Expression::Distance(ends, unit) => {
                let ends = (self.point(object, row, &ends.0), self.point(object, row, &ends.1));
                Cow::Owned(match ends {
                    (Some(from), Some(to)) => Value::Number(distance(from, to, *unit)),
                    _ => Value::Null,
                })
            }
        }
    }

    fn point(&self, object: usize, row: &Row, point: &Point) -> Option<(f64, f64)> {
        match point {
            Point::Fixed(latitude, longitude) => Some((*latitude, *longitude)),
            Point::Fields(latitude, longitude) => Some((
                self.column(object, row, latitude).as_number()?,
                self.column(object, row, longitude).as_number()?,
            )),
        }
    }
}

/// The labels of picklist values, which may be several; other text as it is.
fn label(field: &Field, text: &str) -> String {
    let values = field.described.get("picklistValues").and_then(Json::as_array);
    let label = |value: &str| {
        let entry = values?.iter().find(|entry| entry.get("value") == Some(&Json::from(value)))?;
        entry.get("label").and_then(Json::as_str)
    };
    let labels: Vec<&str> = match field.kind {
        FieldType::Multipicklist => {
            text.split(';').map(|value| label(value).unwrap_or(value)).collect()
        }
        _ => vec![label(text).unwrap_or(text)],
    };
    labels.join(";")
}

/// A value as an American reads it; null stays null.
pub(super) fn shown(value: &Value, style: Style) -> Value {
    let text = match (value, style) {
        (Value::Null, _) => return Value::Null,
        (Value::Date(day), _) => dates::shown_date(*day),
        (Value::Moment(moment), _) => dates::shown_moment(*moment),
        (_, Style::Plain) => match value.as_number() {
            Some(number) => grouped(number, 0),
            None => value.to_cell(),
        },
        (_, Style::Money(scale)) => {
            let number = value.as_number().unwrap_or_default();
            let sign = if number < 0.0 { "-" } else { "" };
            format!("{sign}${}", grouped(number.abs(), scale))
        }
        (_, Style::Number(scale)) => grouped(value.as_number().unwrap_or_default(), scale),
    };
    Value::Text(text.into())
}

/// A number with a comma before every three digits.
fn grouped(number: f64, scale: usize) -> String {
    let text = format!("{number:.scale$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// The great circle between two points.
fn distance(from: (f64, f64), to: (f64, f64), unit: Unit) -> f64 {
    let (latitude, other) = (from.0.to_radians(), to.0.to_radians());
    let north = (other - latitude) / 2.0;
    let east = (to.1 - from.1).to_radians() / 2.0;
    let chord = north.sin().powi(2) + latitude.cos() * other.cos() * east.sin().powi(2);
    let kilometers = 2.0 * RADIUS_KM * chord.sqrt().clamp(0.0, 1.0).asin();
    match unit {
        Unit::Kilometers => kilometers,
        Unit::Miles => kilometers / KM_PER_MILE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_read_them() {
        let table = [
            (Value::Number(1_234_567.5), Style::Money(2), "$1,234,567.50"),
            (Value::Number(-1234.0), Style::Money(0), "-$1,234"),
            (Value::Number(999.0), Style::Number(1), "999.0"),
            (Value::Int(1000), Style::Plain, "1,000"),
            (Value::Text("a".into()), Style::Plain, "a"),
        ];
        for (value, style, expected) in table {
            assert_eq!(shown(&value, style), Value::Text(expected.into()));
        }
    }

    #[test]
    fn distances_follow_the_globe() {
        let (lyon, paris) = ((45.76, 4.84), (48.86, 2.35));

        let kilometers = distance(lyon, paris, Unit::Kilometers);

        assert!((390.0..395.0).contains(&kilometers), "{kilometers}");
        assert!((distance(lyon, paris, Unit::Miles) * KM_PER_MILE - kilometers).abs() < 1e-9);
        assert!(distance(lyon, lyon, Unit::Miles).abs() < 1e-9);
    }
}

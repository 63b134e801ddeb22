//! A change event as an Avro datum, without a prefix: its schema travels by id.
//!
//! Only what events need is written: numbers, text, arrays of text, and optional values as a union
//! with null first.

use chrono::{NaiveDateTime, NaiveTime, Timelike};

use crate::{
    org::events::{Change, EventField, Place, bitmaps},
    value::Value,
};

/// The datum of an event, with the values that `may_see` lets pass (by the name of the object's
/// field).
pub(super) fn datum(change: &Change, may_see: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let mut out = Datum(Vec::with_capacity(512));
    let seen =
        |place: &Place| change.schema.field(*place).is_some_and(|field| may_see(&field.source));
    let bits = |places: Vec<Place>| {
        bitmaps(&places.into_iter().filter(|place| seen(place)).collect::<Vec<_>>())
    };
    let header = &change.header;
    out.text(&header.entity);
    out.texts(&header.record_ids);
    out.size(header.change_type.index());
    out.text(&header.origin);
    out.text(&header.transaction_key);
    out.long(i64::from(header.sequence));
    out.long(header.committed.timestamp_millis());
    out.long(i64::try_from(header.commit_number).unwrap_or(i64::MAX));
    out.text(&header.user.to_string());
    out.texts(&bits(change.nulled()));
    out.texts(&[]);
    out.texts(&bits(change.changed()));
    for (index, field) in change.schema.fields.iter().enumerate() {
        let at = Place { field: index + 1, part: None };
        if field.parts.is_empty() {
            out.optional(value(change, at, field, may_see));
            continue;
        }
        let part = |part| Place { part: Some(part), ..at };
        if !(0..field.parts.len()).any(|number| change.value(part(number)).is_some()) {
            out.size(0);
            continue;
        }
        out.size(1);
        for (number, field) in field.parts.iter().enumerate() {
            out.optional(value(change, part(number), field, may_see));
        }
    }
    out.0
}

fn value<'a>(
    change: &'a Change,
    at: Place,
    field: &EventField,
    may_see: &dyn Fn(&str) -> bool,
) -> Option<&'a Value> {
    change.value(at).filter(|value| !value.is_null() && may_see(&field.source))
}

struct Datum(Vec<u8>);

impl Datum {
    /// Zigzag, then seven bits a byte, lowest first.
    fn long(&mut self, number: i64) {
        let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
        while rest >= 0x80 {
            self.0.push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap_or_default());
    }

    fn size(&mut self, size: usize) {
        self.long(i64::try_from(size).unwrap_or(i64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.size(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        if !texts.is_empty() {
            self.size(texts.len());
            for text in texts {
                self.text(text);
            }
        }
        self.size(0);
    }

    fn optional(&mut self, value: Option<&Value>) {
        let Some(value) = value else {
            self.size(0);
            return;
        };
        self.size(1);
        match value {
            Value::Null => {}
            Value::Bool(value) => self.0.push(u8::from(*value)),
            Value::Int(number) => self.long(*number),
            Value::Number(_) | Value::Exact(_) => {
                self.0.extend_from_slice(&value.as_number().unwrap_or_default().to_le_bytes());
            }
            Value::Date(date) => {
                let midnight = NaiveDateTime::new(*date, NaiveTime::MIN);
                self.long(midnight.and_utc().timestamp_millis());
            }
            Value::Moment(moment) => self.long(moment.timestamp_millis()),
            Value::Time(time) => self.long(
                i64::from(time.num_seconds_from_midnight()) * 1_000
                    + i64::from(time.nanosecond() / 1_000_000),
            ),
            Value::Text(_) | Value::Id(_) => self.text(&value.to_cell()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_are_zigzag_and_variable() {
        #[rustfmt::skip]
        let table: [(i64, &[u8]); 8] = [
            (0, &[0]), (-1, &[1]), (1, &[2]), (-2, &[3]), (63, &[126]), (64, &[128, 1]),
            (-65, &[129, 1]), (i64::MIN, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ];
        for (number, expected) in table {
            let mut out = Datum(Vec::new());
            out.long(number);
            assert_eq!(out.0, expected, "{number}");
        }
    }
}

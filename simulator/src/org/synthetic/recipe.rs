//! How the value of a field is computed from the number of its row.

use std::borrow::Cow;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use compact_str::CompactString;

use super::Steps;
use crate::{Id, value::Value};

/// One row in so many has no value, where a field may be null.
const NULL_EVERY: u64 = 8;
/// One row in so many has a parent of its own object.
const OWN_EVERY: u64 = 10;

/// How the values of one field come about.
#[derive(Debug)]
pub(in crate::org) enum Recipe {
    /// There is none.
    Null,
    /// The row's id.
    Id,
    /// The row's stamp.
    Stamp,
    /// The same for all rows.
    Constant(Value),
    /// Text around the number of the row.
    Key(Affix),
    /// The number of the row, as a number of the kind that the field has.
    KeyNumber { is_whole: bool },
    /// A row of another object.
    Parent(Parents),
    /// An earlier row of the same object, for one row in ten.
    Own { salt: u64 },
    /// Something that many rows have.
    Usual { salt: u64, may_be_null: bool, what: Usual },
}

/// Text around a number that stands for the row.
#[derive(Debug)]
pub(in crate::org) struct Affix {
    pub(super) head: String,
    pub(super) width: usize,
    pub(super) tail: String,
    /// The number in the text of the first row.
    pub(super) offset: u64,
}

/// The rows that a reference may lead to.
#[derive(Debug)]
pub(in crate::org) struct Parents {
    pub(in crate::org) salt: u64,
    pub(in crate::org) may_be_null: bool,
    pub(in crate::org) rows: ParentRows,
}

/// Where parents are.
#[derive(Debug)]
pub(in crate::org) enum ParentRows {
    /// These.
    Listed(Vec<Id>),
    /// So many from this one on.
    Counted(Id, u64),
}

/// Values that are not unique.
#[derive(Debug)]
pub(in crate::org) enum Usual {
    /// One of these.
    Choice(Vec<Value>),
    /// A text with a number below `most` at its end.
    Numbered {
        head: String,
        most: u64,
    },
    Bool,
    Int {
        most: u64,
    },
    Number {
        most: u64,
        scale: u32,
    },
    Date,
    Moment,
    Time,
}

/// A number that looks random, the same for the same number and salt.
pub(super) fn mix(number: u64, salt: u64) -> u64 {
    let mut mixed = number.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn is_null(number: u64, salt: u64) -> bool {
    mix(number, !salt).is_multiple_of(NULL_EVERY)
}

/// The earlier row that a row has as its parent.
pub(super) fn earlier(number: u64, salt: u64) -> Option<u64> {
    let parent = number / OWN_EVERY;
    (number % OWN_EVERY == salt % OWN_EVERY && parent < number).then_some(parent)
}

/// The rows whose parent [`earlier`] says this row is.
pub(super) fn later(parent: u64, salt: u64) -> Steps {
    let child = parent.saturating_mul(OWN_EVERY).saturating_add(salt % OWN_EVERY);
    let is_later = u64::from(child > parent);
    Steps { next: child, step: 1, end: child.saturating_add(is_later) }
}

impl Recipe {
    /// The value of a row; the recipes that need to know all rows are the caller's.
    pub(super) fn value(&self, number: u64) -> Cow<'_, Value> {
        Cow::Owned(match self {
            Self::Null | Self::Id | Self::Stamp | Self::Own { .. } => Value::Null,
            Self::Constant(value) => return Cow::Borrowed(value),
            Self::Key(affix) => affix.value(number),
            Self::KeyNumber { is_whole: true } => {
                Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
            }
            Self::KeyNumber { is_whole: false } => Value::Number(float(number)),
            Self::Parent(parents) => parents.value(number),
            Self::Usual { salt, may_be_null: true, .. } if is_null(number, *salt) => Value::Null,
            Self::Usual { salt, what, .. } => return what.value(mix(number, *salt)),
        })
    }

    /// The rows that may have this value, which is how they are looked up.
    pub(super) fn steps(&self, value: &Value, count: u64) -> Option<Steps> {
        match self {
            Self::Key(affix) => affix.number(value.as_text()?).map(one),
            Self::KeyNumber { .. } => {
                let wanted = value.as_number()?;
                let is_sound = wanted >= 0.0 && wanted.fract() == 0.0 && wanted < float(count);
                is_sound.then(|| format!("{wanted:.0}").parse().ok().map(one))?
            }
            Self::Parent(parents) => parents.steps(value.as_id()?, count),
            // The field became a key later: whoever looks has to look at all rows.
            Self::Constant(_) | Self::Usual { .. } => Some(Steps { next: 0, step: 1, end: count }),
            Self::Null | Self::Id | Self::Stamp | Self::Own { .. } => None,
        }
    }
}

fn one(number: u64) -> Steps {
    Steps { next: number, step: 1, end: number.saturating_add(1) }
}

#[expect(clippy::cast_precision_loss, reason = "rows are fewer than a double can count")]
fn float(number: u64) -> f64 {
    number as f64
}

impl Affix {
    fn value(&self, number: u64) -> Value {
        let Self { head, width, tail, offset } = self;
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number.saturating_add(*offset));
        let length = head.len() + digits.len().max(*width) + tail.len();
        let mut text = CompactString::with_capacity(length);
        text.push_str(head);
        (digits.len()..*width).for_each(|_| text.push('0'));
        text.push_str(digits);
        text.push_str(tail);
        Value::Text(text)
    }

    /// The row that a text stands for, in any case.
    fn number(&self, text: &str) -> Option<u64> {
        let (head, rest) = text.split_at_checked(self.head.len())?;
        let (digits, tail) = rest.split_at_checked(rest.len().checked_sub(self.tail.len())?)?;
        let fits = head.eq_ignore_ascii_case(&self.head) && tail.eq_ignore_ascii_case(&self.tail);
        fits.then(|| digits.parse::<u64>().ok()?.checked_sub(self.offset))?
    }
}

impl Parents {
    fn count(&self) -> u64 {
        match &self.rows {
            ParentRows::Listed(ids) => ids.len() as u64,
            ParentRows::Counted(_, count) => *count,
        }
    }

    fn value(&self, number: u64) -> Value {
        if self.count() == 0 || (self.may_be_null && is_null(number, self.salt)) {
            return Value::Null;
        }
        let position = number % self.count();
        let parent = match &self.rows {
            ParentRows::Listed(ids) => {
                usize::try_from(position).ok().and_then(|position| ids.get(position)).copied()
            }
            ParentRows::Counted(first, _) => {
                let (stem, sequence) = first.split();
                Some(Id::of_stem(stem, sequence.saturating_add(position)))
            }
        };
        parent.map_or(Value::Null, Value::Id)
    }

    fn steps(&self, parent: Id, count: u64) -> Option<Steps> {
        let position = match &self.rows {
            ParentRows::Listed(ids) => ids.iter().position(|id| *id == parent)? as u64,
            ParentRows::Counted(first, count) => {
                let ((stem, first), (wanted, sequence)) = (first.split(), parent.split());
                let position = sequence.checked_sub(first)?;
                (stem == wanted && position < *count).then_some(position)?
            }
        };
        Some(Steps { next: position, step: self.count(), end: count })
    }
}

impl Usual {
    fn value(&self, mixed: u64) -> Cow<'_, Value> {
        let below = |most: u64| mixed % most.max(1);
        Cow::Owned(match self {
            Self::Choice(values) => {
                let position = usize::try_from(below(values.len() as u64)).unwrap_or_default();
                return values.get(position).map_or(Cow::Owned(Value::Null), Cow::Borrowed);
            }
            Self::Numbered { head, most } => {
                let mut digits = itoa::Buffer::new();
                let digits = digits.format(below(*most));
                let mut text = CompactString::with_capacity(head.len() + digits.len());
                text.push_str(head);
                text.push_str(digits);
                Value::Text(text)
            }
            Self::Bool => Value::Bool(mixed.is_multiple_of(2)),
            Self::Int { most } => Value::Int(i64::try_from(below(*most)).unwrap_or_default()),
            Self::Number { most, scale } => {
                let factor = 10_u64.saturating_pow(*scale);
                Value::Number(float(below(most.saturating_mul(factor))) / float(factor))
            }
            Self::Date => Value::Date(date(mixed)),
            Self::Moment => Value::Moment(DateTime::<Utc>::from_naive_utc_and_offset(
                date(mixed).and_time(time(mixed >> 20)),
                Utc,
            )),
            Self::Time => Value::Time(time(mixed)),
        })
    }
}

fn date(mixed: u64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap_or_default();
    first.checked_add_days(Days::new(mixed % 2_000)).unwrap_or(first)
}

fn time(mixed: u64) -> NaiveTime {
    let seconds = u32::try_from(mixed % 86_400).unwrap_or_default();
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default()
}

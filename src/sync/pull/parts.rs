//! Objects whose fields do not fit one statement are read in several, and put together again without a tear. Pure.
//!
//! Each part selects the stamp too. A record whose stamp differs between two parts, or that one of them lacks, changed
//! in between: its halves belong to different versions, and it is read again.

use crate::model::{RemoteRecord, SalesforceId};
use crate::salesforce::Shape;
use std::collections::{BTreeMap, BTreeSet};

/// The longest list of fields: half of the 100,000 characters of a statement, so that the ids of a page fit beside it.
const LIST_CHARS_MAX: usize = 50_000;

/// A statement follows at most so many lookups.
const LOOKUPS_MAX: usize = 55;

/// More parts than this cannot be what helps.
const PARTS_MAX: usize = 32;

/// The least number of parts in which a shape can be read, by the limits that Salesforce documents.
pub(super) fn parts_needed(shape: &Shape) -> usize {
    let fits = |part: &Shape| {
        part.select_list().chars().count() <= LIST_CHARS_MAX && lookups(part) <= LOOKUPS_MAX
    };
    (1..PARTS_MAX).find(|&count| split(shape, count).iter().all(fits)).unwrap_or(PARTS_MAX)
}

/// More parts, where Salesforce found a statement too complicated or too long; `None` where that cannot help.
pub(super) fn more_parts(shape: &Shape, count: usize) -> Option<usize> {
    let more = count * 2;
    (more <= PARTS_MAX && more <= shape.fields.len()).then_some(more)
}

fn lookups(shape: &Shape) -> usize {
    let parents = shape.fields.iter().filter_map(|(name, _)| name.rsplit_once('.'));
    parents.map(|(parent, _)| parent.to_ascii_lowercase()).collect::<BTreeSet<_>>().len()
}

/// Cuts a shape into `count` parts of neighbouring fields. All have the stamp; the first has what tells of deletion.
pub(super) fn split(shape: &Shape, count: usize) -> Vec<Shape> {
    let size = shape.fields.len().div_ceil(count.max(1)).max(1);
    let mut parts: Vec<Shape> = shape
        .fields
        .chunks(size)
        .map(|fields| Shape {
            fields: fields.to_vec(),
            has_is_deleted: false,
            has_master_record_id: false,
            stamp: shape.stamp,
        })
        .collect();
    match parts.first_mut() {
        Some(first) => {
            first.has_is_deleted = shape.has_is_deleted;
            first.has_master_record_id = shape.has_master_record_id;
        }
        None => parts.push(shape.clone()),
    }
    parts
}

/// Records put together from their parts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Joined {
    /// Those of one version, in the order of the first part.
    pub(super) whole: Vec<RemoteRecord>,
    /// Those that changed between the parts, as the first part has them.
    pub(super) torn: Vec<RemoteRecord>,
}

/// Puts the first part of each record together with its other parts, in the order of the parts.
pub(super) fn join(
    first: Vec<RemoteRecord>,
    mut others: Vec<BTreeMap<SalesforceId, RemoteRecord>>,
) -> Joined {
    let mut joined = Joined::default();
    for mut record in first {
        let parts: Vec<Option<RemoteRecord>> =
            others.iter_mut().map(|part| part.remove(&record.id)).collect();
        let fits = |part: &Option<RemoteRecord>| {
            part.as_ref().is_some_and(|part| part.system_modstamp == record.system_modstamp)
        };
        if parts.iter().all(fits) {
            record.values.extend(parts.into_iter().flatten().flat_map(|part| part.values));
            joined.whole.push(record);
        } else {
            joined.torn.push(record);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{join, more_parts, parts_needed, split};
    use crate::model::{ColumnType, RemoteRecord, SalesforceId, StampField, Value};
    use crate::reconcile::samples::{moment, sfid, text};
    use crate::salesforce::Shape;
    use std::collections::BTreeMap;

    fn shape(names: impl Iterator<Item = String>) -> Shape {
        Shape {
            fields: names.map(|name| (name, ColumnType::Text)).collect(),
            has_is_deleted: true,
            has_master_record_id: true,
            stamp: StampField::SystemModstamp,
        }
    }

    fn record(number: u32, second: i64, values: &[&str]) -> RemoteRecord {
        RemoteRecord {
            id: sfid(number),
            system_modstamp: Some(moment(second)),
            is_deleted: false,
            master_record_id: None,
            values: values.iter().map(|value| text(value)).collect(),
        }
    }

    #[test]
    fn eight_hundred_long_names_fit_one_statement_and_what_does_not_is_cut() {
        let named = |count: usize, length: usize| {
            shape((0..count).map(move |number| format!("f{number:0>length$}__c")))
        };
        let lookups = shape((0..120).map(|number| format!("Parent{number}__r.Name")));
        let table = [(named(800, 40), 1), (named(1_600, 40), 2), (named(0, 1), 1), (lookups, 3)];
        for (shape, expected) in table {
            assert_eq!(parts_needed(&shape), expected, "{} fields", shape.fields.len());
        }
    }

    #[test]
    fn parts_have_all_fields_once_and_the_stamp_each() {
        let whole = shape((0..10).map(|number| format!("F{number}__c")));
        let parts = split(&whole, 3);
        let sizes: Vec<_> = parts.iter().map(|part| part.fields.len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        let fields: Vec<_> = parts.iter().flat_map(|part| part.fields.clone()).collect();
        assert_eq!(fields, whole.fields);
        assert!(parts.iter().all(|part| part.stamp == StampField::SystemModstamp));
        let tell: Vec<_> = parts.iter().map(|part| part.has_is_deleted).collect();
        assert_eq!(tell, [true, false, false]);
    }

    #[test]
    fn parts_double_until_each_has_one_field() {
        let shape = shape((0..5).map(|number| format!("F{number}__c")));
        assert_eq!(
            (more_parts(&shape, 1), more_parts(&shape, 2), more_parts(&shape, 4)),
            (Some(2), Some(4), None)
        );
    }

    #[test]
    fn parts_of_one_version_are_joined_and_torn_ones_told() {
        let part = |records: &[RemoteRecord]| -> BTreeMap<SalesforceId, RemoteRecord> {
            records.iter().map(|record| (record.id.clone(), record.clone())).collect()
        };
        let first = vec![record(1, 1, &["a"]), record(2, 1, &["b"]), record(3, 1, &["c"])];
        let second = part(&[record(1, 1, &["A"]), record(2, 9, &["B"])]);
        let third = part(&[record(1, 1, &["x"]), record(2, 1, &["y"]), record(3, 1, &["z"])]);

        let joined = join(first, vec![second, third]);

        let whole: Vec<_> = joined.whole.iter().map(|record| &record.values).collect();
        assert_eq!(whole, [&vec![text("a"), text("A"), text("x")]]);
        let torn: Vec<_> = joined.torn.iter().map(|record| record.id.clone()).collect();
        assert_eq!(torn, [sfid(2), sfid(3)]);
        let _: &Vec<Value> = &joined.torn[0].values;
    }
}

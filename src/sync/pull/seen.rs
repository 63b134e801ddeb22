//! What has been applied lately, so that the overlap's repeats cost nothing.
//!
//! After a mass change the overlap reads the same records again for minutes. A bounded memory of digests lets those
//! that are unchanged end here instead of being staged and compared in Postgres. Nothing depends on it: it is
//! forgotten after any failure, with each change of the lease's holder, and whenever the database's watermark is not
//! the one that was saved last, as after a restore.
//!
//! A version is remembered only once its second is over. Until then it may be written over and come back with the very
//! same stamp: by us, say, with a value that automation in Salesforce turns into the one that was there.

use crate::model::{RemoteRecord, SalesforceId, Value};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// As many records as are remembered for a mapping: some 5 MB.
const RECORDS_MAX: usize = 100_000;

/// The digests of one mapping's records.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The lease's epoch and the watermark for which it holds.
    valid_for: Option<(i64, Option<DateTime<Utc>>)>,
    hasher: RandomState,
    /// Per record, by the digest of its id: the digest of its latest version and its stamp.
    records: HashMap<u64, (u64, i64)>,
}

/// A record's digest, to be noted once the record is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    record: u64,
    version: u64,
    stamp: i64,
}

impl Seen {
    /// The memory, if it is of this epoch and watermark; an empty one otherwise.
    pub(super) fn valid_for(mut self, epoch: i64, watermark: Option<DateTime<Utc>>) -> Self {
        if self.valid_for != Some((epoch, watermark)) {
            self.records.clear();
        }
        self
    }

    /// The record's digest, or `None` if this very version has been applied already. Records without stamp are never
    /// known: nothing would make the memory forget them.
    pub(super) fn news(&self, record: &RemoteRecord) -> Option<Digest> {
        let digest = self.digest(record);
        let known = self.records.get(&digest.record).is_some_and(|known| known.0 == digest.version);
        (!known || record.system_modstamp.is_none()).then_some(digest)
    }

    /// Remembers records that have been applied.
    pub(super) fn note(&mut self, digests: impl IntoIterator<Item = Digest>) {
        for digest in digests {
            if self.records.len() >= RECORDS_MAX && !self.records.contains_key(&digest.record) {
                continue;
            }
            self.records.insert(digest.record, (digest.version, digest.stamp));
        }
    }

    /// Forgets what no later window reads again and what is stamped later than `covered`, up to where seconds were over
    /// when it was read; and holds from now on for this epoch and watermark.
    pub(super) fn settle(
        mut self,
        epoch: i64,
        watermark: Option<DateTime<Utc>>,
        beginning: Option<DateTime<Utc>>,
        covered: Option<DateTime<Utc>>,
    ) -> Self {
        let beginning = beginning.map_or(i64::MAX, |beginning| beginning.timestamp());
        let covered = covered.map_or(i64::MIN, |covered| covered.timestamp());
        self.records.retain(|_, (_, stamp)| (beginning..=covered).contains(stamp));
        self.valid_for = Some((epoch, watermark));
        self
    }

    fn digest(&self, record: &RemoteRecord) -> Digest {
        let mut version = self.hasher.build_hasher();
        record.system_modstamp.hash(&mut version);
        record.is_deleted.hash(&mut version);
        record.master_record_id.as_ref().map(SalesforceId::as_str).hash(&mut version);
        for value in &record.values {
            hash_value(value, &mut version);
        }
        Digest {
            record: self.hasher.hash_one(record.id.as_str()),
            version: version.finish(),
            stamp: record.system_modstamp.map_or(0, |stamp| stamp.timestamp()),
        }
    }
}

fn hash_value(value: &Value, hasher: &mut impl Hasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Text(text) => text.hash(hasher),
        Value::Null => {}
        // Numbers and times are short.
        other => format!("{other:?}").hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORDS_MAX, Seen};
    use crate::model::{RemoteRecord, Value};
    use crate::reconcile::samples::{moment, sfid, text};

    fn record(number: u32, second: i64, name: &str) -> RemoteRecord {
        RemoteRecord {
            id: sfid(number),
            system_modstamp: Some(moment(second)),
            is_deleted: false,
            master_record_id: None,
            values: vec![text(name), Value::Double(1.5), Value::Null],
        }
    }

    fn seen(records: &[RemoteRecord]) -> Seen {
        let mut seen = Seen::default();
        let digests: Vec<_> = records.iter().filter_map(|record| seen.news(record)).collect();
        seen.note(digests);
        seen
    }

    #[test]
    fn only_the_very_same_version_of_a_record_is_known() {
        let known = record(1, 10, "a");
        let seen = seen(std::slice::from_ref(&known));
        let deleted = RemoteRecord { is_deleted: true, ..known.clone() };
        let merged = RemoteRecord { master_record_id: Some(sfid(2)), ..deleted.clone() };
        let number = RemoteRecord {
            values: vec![text("a"), Value::Double(2.5), Value::Null],
            ..known.clone()
        };
        let table = [
            (known, false),
            (record(2, 10, "a"), true),
            (record(1, 11, "a"), true),
            (record(1, 10, "b"), true),
            (deleted, true),
            (merged, true),
            (number, true),
        ];
        for (record, is_news) in table {
            assert_eq!(seen.news(&record).is_some(), is_news, "{record:?}");
        }
    }

    #[test]
    fn a_version_that_came_back_within_one_second_is_news_again() {
        let (one, other) = (record(1, 10, "a"), record(1, 10, "b"));
        let seen = seen(&[one.clone(), other]);
        assert!(seen.news(&one).is_some());
    }

    #[test]
    fn a_record_without_stamp_is_always_news() {
        let unstamped = RemoteRecord { system_modstamp: None, ..record(1, 0, "a") };
        assert!(seen(std::slice::from_ref(&unstamped)).news(&unstamped).is_some());
    }

    #[test]
    fn what_no_window_reads_again_is_forgotten() {
        let (old, young) = (record(1, 10, "a"), record(2, 20, "a"));
        let seen =
            seen(&[old.clone(), young.clone()]).settle(1, None, Some(moment(15)), Some(moment(30)));
        assert!(seen.news(&old).is_some() && seen.news(&young).is_none());
    }

    #[test]
    fn what_was_read_before_its_second_was_over_is_news_again() {
        let (over, under_way) = (record(1, 30, "a"), record(2, 31, "a"));
        let seen = || seen(&[over.clone(), under_way.clone()]);
        let told = seen().settle(1, None, Some(moment(0)), Some(moment(30)));
        let untold = seen().settle(1, None, Some(moment(0)), None);
        assert!(told.news(&over).is_none() && told.news(&under_way).is_some());
        assert!(untold.news(&over).is_some(), "nobody told the time");
    }

    #[test]
    fn a_change_of_holder_or_an_unexpected_watermark_forgets_everything() {
        let known = record(1, 10, "a");
        let watermark = Some(moment(30));
        #[rustfmt::skip]
        let table = [(1, watermark, true), (2, watermark, false), (1, Some(moment(29)), false), (1, None, false)];
        for (epoch, found, is_known) in table {
            let seen = seen(std::slice::from_ref(&known))
                .settle(1, watermark, Some(moment(0)), watermark)
                .valid_for(epoch, found);
            assert_eq!(seen.news(&known).is_none(), is_known, "{epoch} {found:?}");
        }
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut seen = Seen::default();
        let count = u32::try_from(RECORDS_MAX).unwrap() + 10;
        for number in 0..count {
            let digest = seen.news(&record(number, 10, "a"));
            seen.note(digest);
        }
        assert_eq!(seen.records.len(), RECORDS_MAX);
    }
}

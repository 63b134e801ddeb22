//! The recycle bin and the delete log: how long they remember, and how they are emptied.

use chrono::{DateTime, TimeDelta, Utc};

use super::Org;
use crate::Id;

/// How long the recycle bin keeps rows, and getDeleted knows of them.
pub(super) const KEPT: TimeDelta = TimeDelta::days(15);

/// The delete log's entries older than this may be trimmed.
const YOUNG: TimeDelta = TimeDelta::hours(2);

/// Most entries of purged rows per object: 5,000 for each of the org's two licences.
const LOG_MAX: usize = 10_000;

impl Org {
    /// Lets time do its work: rows that have been in the recycle bin for 15 days go for good, and
    /// the delete log forgets what is as old, and its oldest entries where there are too many.
    pub fn expire_bin(&mut self) {
        let now = self.now();
        for (number, id) in self.binned(kept_since(now)) {
            self.erase(number, id);
        }
        for (number, purged) in self.purged.iter_mut().enumerate() {
            purged.retain(|_, at| *at > kept_since(now));
            if purged.len() <= LOG_MAX {
                continue;
            }
            let mut times: Vec<DateTime<Utc>> = purged.values().copied().collect();
            times.sort_unstable();
            let excess = times.len() - LOG_MAX;
            let cut = times
                .get(excess - 1)
                .copied()
                .unwrap_or(now)
                .min(now.checked_sub_signed(YOUNG).unwrap_or(now));
            purged.retain(|_, at| *at > cut);
            self.log_starts.insert(number, cut);
        }
    }

    /// Empties the recycle bin; answers how many rows are gone. The delete log remembers them.
    pub fn empty_bin(&mut self) -> usize {
        let rows = self.binned(DateTime::<Utc>::MAX_UTC);
        for (number, id) in &rows {
            self.erase(*number, *id);
        }
        rows.len()
    }

    /// Makes the delete log of an object forget what was deleted up to `at`, as Salesforce does
    /// when it grows too long; answers whether there is such an object.
    pub fn trim_delete_log(&mut self, object: &str, at: DateTime<Utc>) -> bool {
        let Ok((number, _)) = self.object_named(object) else { return false };
        if let Some(purged) = self.purged.get_mut(number) {
            purged.retain(|_, gone| *gone > at);
        }
        let start = self.log_starts.entry(number).or_insert(at);
        *start = (*start).max(at);
        true
    }

    /// Since when the delete log of an object is complete.
    pub(super) fn log_start(&self, number: usize) -> DateTime<Utc> {
        let oldest = kept_since(self.now());
        self.log_starts.get(&number).map_or(oldest, |start| (*start).max(oldest))
    }

    /// The rows that went to the recycle bin at this time or before.
    fn binned(&self, until: DateTime<Utc>) -> Vec<(usize, Id)> {
        let mut rows = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            if table.count() == table.live_count() {
                continue;
            }
            let is_old = |at: DateTime<Utc>| at <= until;
            let old =
                table.iter().filter(|(_, row)| row.binned.as_ref().is_some_and(|b| is_old(b.at)));
            rows.extend(old.map(|(id, _)| (number, id)));
        }
        rows
    }
}

/// What was deleted before this is forgotten.
fn kept_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_signed(KEPT).unwrap_or(now)
}

//! The org behind its lock, and transactions that outlive one use of it.
//!
//! A resource locks the org for one step. A composite request is many resources in one transaction,
//! each of which locks the org again, and nobody else may write in between: what they wrote would be
//! taken back with the rest. So a transaction belongs to a thread; the org is lent to that thread
//! alone until the transaction ends.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use tokio::sync::watch;

use crate::Org;

/// An org that is used by one at a time.
pub(crate) struct OrgLock {
    held: Mutex<Held>,
    released: Condvar,
    /// The newest replay id, for those who wait for events.
    news: watch::Sender<u64>,
}

struct Held {
    org: Org,
    /// The thread with open transactions.
    owner: Option<ThreadId>,
    /// How many it has open, one inside the other.
    depth: usize,
}

/// The org, for as long as this lives. What is changed meanwhile outside a transaction is one
/// transaction of the change feed, told when this ends.
pub(crate) struct OrgGuard<'a> {
    held: MutexGuard<'a, Held>,
    news: &'a watch::Sender<u64>,
}

/// An open transaction; taken back unless it is committed.
pub(crate) struct Transaction<'a> {
    lock: &'a OrgLock,
    is_committed: bool,
}

impl OrgLock {
    pub(crate) fn new(org: Org) -> Self {
        Self {
            held: Mutex::new(Held { org, owner: None, depth: 0 }),
            released: Condvar::new(),
            news: watch::Sender::new(0),
        }
    }

    /// The org, once it is free for this thread.
    pub(crate) fn lock(&self) -> OrgGuard<'_> {
        let me = thread::current().id();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = |held: &mut Held| held.owner.is_some_and(|owner| owner != me);
        let held = self.released.wait_while(held, is_taken);
        OrgGuard { held: held.unwrap_or_else(PoisonError::into_inner), news: &self.news }
    }

    /// Tells of each new event by its replay id.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Opens a transaction of this thread, inside of the one that it may have open.
    pub(crate) fn begin(&self) -> Transaction<'_> {
        let mut guard = self.lock();
        guard.held.owner = Some(thread::current().id());
        guard.held.depth += 1;
        guard.begin();
        Transaction { lock: self, is_committed: false }
    }
}

impl Transaction<'_> {
    /// Keeps what was written.
    pub(crate) fn commit(mut self) {
        self.is_committed = true;
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let mut guard = self.lock.lock();
        if self.is_committed {
            guard.commit();
        } else {
            guard.rollback();
        }
        guard.held.depth -= 1;
        if guard.held.depth == 0 {
            guard.held.owner = None;
        }
        drop(guard);
        self.lock.released.notify_all();
    }
}

impl Deref for OrgGuard<'_> {
    type Target = Org;

    fn deref(&self) -> &Org {
        &self.held.org
    }
}

impl DerefMut for OrgGuard<'_> {
    fn deref_mut(&mut self) -> &mut Org {
        &mut self.held.org
    }
}

impl Drop for OrgGuard<'_> {
    fn drop(&mut self) {
        let is_within = self.held.owner.is_some();
        let org = &mut self.held.org;
        org.settle();
        // What a transaction wrote is told at its end, in the name of who wrote it.
        if !is_within {
            org.forget_author();
        }
        let latest = org.events().log().latest();
        self.news.send_if_modified(|known| std::mem::replace(known, latest) != latest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn lock() -> Arc<OrgLock> {
        let clock = Arc::new(|| chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        Arc::new(OrgLock::new(Org::new(Schema::sample(), clock)))
    }

    fn create(lock: &OrgLock, name: &str) {
        let body = json!({ "Name": name }).as_object().unwrap().clone();
        let mut org = lock.lock();
        let user = org.integration_user();
        org.create(user, "Account", &body).unwrap();
    }

    #[test]
    fn another_thread_waits_for_the_end_of_a_transaction_and_keeps_its_own_work() {
        let lock = lock();
        let transaction = lock.begin();
        create(&lock, "taken back");
        let other = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || create(&lock, "kept"))
        };

        assert_eq!(lock.lock().record_count("Account"), Some(1));
        drop(transaction);
        other.join().unwrap();

        assert_eq!(lock.lock().record_count("Account"), Some(1));
        let org = lock.lock();
        let soql = "SELECT Name FROM Account WHERE Name = 'kept'";
        let left = org.query(org.integration_user(), soql, crate::org::Scope::Live);
        assert_eq!(left.unwrap().total, 1);
    }

    #[test]
    fn a_committed_transaction_stays_and_an_inner_one_can_fail_alone() {
        let lock = lock();
        let transaction = lock.begin();
        create(&lock, "outer");

        lock.lock().begin();
        create(&lock, "inner");
        lock.lock().rollback();
        transaction.commit();

        assert_eq!(lock.lock().record_count("Account"), Some(1));
    }
}

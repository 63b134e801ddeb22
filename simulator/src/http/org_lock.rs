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

use crate::Org;

/// An org that is used by one at a time.
pub(crate) struct OrgLock {
    held: Mutex<Held>,
    released: Condvar,
}

struct Held {
    org: Org,
    /// The thread with an open transaction.
    owner: Option<ThreadId>,
}

/// The org, for as long as this lives.
pub(crate) struct OrgGuard<'a>(MutexGuard<'a, Held>);

/// An open transaction; taken back unless it is committed.
pub(crate) struct Transaction<'a> {
    lock: &'a OrgLock,
    is_committed: bool,
}

impl OrgLock {
    pub(crate) fn new(org: Org) -> Self {
        Self { held: Mutex::new(Held { org, owner: None }), released: Condvar::new() }
    }

    /// The org, once it is free for this thread.
    pub(crate) fn lock(&self) -> OrgGuard<'_> {
        let me = thread::current().id();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = |held: &mut Held| held.owner.is_some_and(|owner| owner != me);
        let held = self.released.wait_while(held, is_taken);
        OrgGuard(held.unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a transaction of this thread, which must not have one open.
    pub(crate) fn begin(&self) -> Transaction<'_> {
        let mut guard = self.lock();
        guard.0.owner = Some(thread::current().id());
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
        guard.0.owner = None;
        drop(guard);
        self.lock.released.notify_all();
    }
}

impl Deref for OrgGuard<'_> {
    type Target = Org;

    fn deref(&self) -> &Org {
        &self.0.org
    }
}

impl DerefMut for OrgGuard<'_> {
    fn deref_mut(&mut self) -> &mut Org {
        &mut self.0.org
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

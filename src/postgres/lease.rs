//! Leases: who works on what, by the database's clock.
//!
//! A worker that lost its lease may not know it yet. Every transaction that writes for a lease therefore proves in
//! the database that it still holds it, and nobody takes the lease over before that transaction has ended.

use super::connect::begin;
use super::{Database, Error};
use chrono::{DateTime, Utc};
use deadpool_postgres::{Object, Transaction};
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The right to work on something, as long as nobody else has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for: `group:<name>`, `backfill:<object>` or `sweep:<object>`.
    pub name: String,
    /// Grows with each new holder.
    pub epoch: i64,
    /// Marks the holder's own writes for the capture triggers. Not for logs.
    pub token: Uuid,
}

/// Takes the lease for `ttl`, unless another holds it.
///
/// Waits for a write of the previous holder that is under way. A lease is held until it runs out or is released,
/// even by a holder of the same name.
///
/// # Errors
/// When the database cannot be asked, or the previous holder's write takes too long.
pub async fn acquire(
    db: &Database,
    name: &str,
    holder: &str,
    ttl: Duration,
) -> Result<Option<Lease>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    transaction.query_typed(include_str!("sql/lock_lease.sql"), &[(&name, Type::TEXT)]).await?;
    let row = transaction
        .query_typed_opt(
            include_str!("sql/acquire_lease.sql"),
            &[(&name, Type::TEXT), (&holder, Type::TEXT), (&ttl.as_secs_f64(), Type::FLOAT8)],
        )
        .await?;
    let lease = match row {
        Some(row) => {
            Some(Lease { name: name.to_owned(), epoch: row.try_get(0)?, token: row.try_get(1)? })
        }
        None => None,
    };
    transaction.commit().await?;
    Ok(lease)
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The holder's name.
    pub name: String,
    /// The lease's epoch.
    pub epoch: i64,
    /// Until when, by the database's clock; moves with each renewal.
    pub expires_at: DateTime<Utc>,
    /// How long that is from now.
    pub left: Duration,
}

/// Who holds the lease now, if anybody does.
///
/// # Errors
/// When the database cannot be asked.
pub async fn holder(db: &Database, name: &str) -> Result<Option<Holder>, Error> {
    let client = db.client().await?;
    let statement = include_str!("sql/read_lease.sql");
    let rows = client.query_typed(statement, &[(&name, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Holder {
        name: row.try_get(0)?,
        epoch: row.try_get(1)?,
        expires_at: row.try_get(2)?,
        left: Duration::try_from_secs_f64(row.try_get(3)?).unwrap_or_default(),
    }))
}

/// Holds the lease for another `ttl` from now. False: another has taken it; stop at once.
///
/// Does not wait for the holder's own transactions.
///
/// # Errors
/// When the database cannot be asked; the lease may have been renewed or not.
pub async fn renew(db: &Database, lease: &Lease, ttl: Duration) -> Result<bool, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let renewed = transaction
        .execute_typed(
            include_str!("sql/renew_lease.sql"),
            &[
                (&lease.name.as_str(), Type::TEXT),
                (&lease.epoch, Type::INT8),
                (&ttl.as_secs_f64(), Type::FLOAT8),
                (&lease.token, Type::UUID),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(renewed == 1)
}

/// Gives the lease up, so that the next worker need not wait for it to run out. Does nothing if it is another's.
///
/// # Errors
/// When the database cannot be asked.
pub async fn release(db: &Database, lease: &Lease) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    transaction
        .execute_typed(
            include_str!("sql/release_lease.sql"),
            &[
                (&lease.name.as_str(), Type::TEXT),
                (&lease.epoch, Type::INT8),
                (&lease.token, Type::UUID),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Starts a transaction of the lease's holder: fenced, and with the marks of our own writes.
pub(super) async fn begin_fenced<'a>(
    client: &'a mut Object,
    lease: &Lease,
) -> Result<Transaction<'a>, Error> {
    let transaction = begin(client).await?;
    fence(&transaction, lease).await?;
    Ok(transaction)
}

/// Runs one statement in a transaction of the lease's holder.
pub(super) async fn fenced(
    db: &Database,
    lease: &Lease,
    statement: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    transaction.execute_typed(statement, parameters).await?;
    transaction.commit().await?;
    Ok(())
}

/// Makes the transaction one of the lease's holder.
pub(super) async fn fence(transaction: &Transaction<'_>, lease: &Lease) -> Result<(), Error> {
    fence_on(transaction.client(), lease).await
}

/// As [`fence`], on a connection outside the pool in whose transaction the statements that follow run.
pub(super) async fn fence_on(client: &Client, lease: &Lease) -> Result<(), Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&lease.name.as_str(), Type::TEXT),
        (&lease.epoch, Type::INT8),
        (&lease.token, Type::UUID),
    ];
    let held = client.query_typed(include_str!("sql/fence.sql"), &parameters).await?;
    if held.is_empty() { Err(Error::Fenced(lease.name.clone())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{acquire, begin_fenced, holder, release, renew};
    use crate::postgres::testing::{fresh_database, run};
    use crate::postgres::{Error, migrate};
    use std::time::Duration;

    const TTL: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_lease_has_one_holder_and_a_new_epoch_fences_the_old_one_off() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        let first = acquire(&db, "group:a", "one", TTL).await.unwrap().unwrap();
        assert_eq!(acquire(&db, "group:a", "two", TTL).await.unwrap(), None);
        let before = holder(&db, "group:a").await.unwrap().unwrap();
        assert!(renew(&db, &first, TTL).await.unwrap());
        let after = holder(&db, "group:a").await.unwrap().unwrap();
        assert_eq!((after.name.as_str(), after.epoch), ("one", first.epoch));
        assert!(after.expires_at > before.expires_at && after.left <= TTL);

        run(&db, "update lockstep.lease set expires_at = now() - interval '1 s'").await;
        let second = acquire(&db, "group:a", "two", TTL).await.unwrap().unwrap();
        assert!(second.epoch > first.epoch && second.token != first.token);
        assert!(!renew(&db, &first, TTL).await.unwrap());
        let mut client = db.client().await.unwrap();
        let refused = begin_fenced(&mut client, &first).await.map(|_| ()).unwrap_err();
        assert_eq!(refused, Error::Fenced("group:a".to_owned()));

        release(&db, &first).await.unwrap();
        assert!(renew(&db, &second, TTL).await.unwrap());
        release(&db, &second).await.unwrap();
        assert!(!renew(&db, &second, TTL).await.unwrap());
        assert!(acquire(&db, "group:a", "three", TTL).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_epoch_that_is_given_out_a_second_time_does_not_revive_its_first_holder() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        let first = acquire(&db, "group:a", "one", TTL).await.unwrap().unwrap();
        // As after a restore to the moment before: the same epoch, given to another.
        run(&db, "delete from lockstep.lease").await;
        let second = acquire(&db, "group:a", "two", TTL).await.unwrap().unwrap();
        assert_eq!(second.epoch, first.epoch);

        assert!(!renew(&db, &first, TTL).await.unwrap());
        let mut client = db.client().await.unwrap();
        let refused = begin_fenced(&mut client, &first).await.map(|_| ()).unwrap_err();
        assert_eq!(refused, Error::Fenced("group:a".to_owned()));
        release(&db, &first).await.unwrap();
        assert!(renew(&db, &second, TTL).await.unwrap());
    }

    #[tokio::test]
    async fn a_takeover_waits_for_the_write_under_way_and_a_renewal_does_not() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        let first = acquire(&db, "group:a", "one", TTL).await.unwrap().unwrap();
        let mut client = db.client().await.unwrap();
        let writing = begin_fenced(&mut client, &first).await.unwrap();
        assert!(renew(&db, &first, Duration::ZERO).await.unwrap());

        let mut takeover = Box::pin(acquire(&db, "group:a", "two", TTL));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut takeover).await;
        assert!(early.is_err(), "taken over while a fenced write was under way");
        writing.commit().await.unwrap();
        assert!(takeover.await.unwrap().is_some());
    }
}

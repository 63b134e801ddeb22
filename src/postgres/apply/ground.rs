//! What all steps of applying share, and the steps themselves for the page's live records.

use super::facts::Facts;
use super::statements::Statements;
use super::{Applied, ApplyError, Error, Staged, depart, orphans, references};
use crate::mapping::Mapping;
use crate::postgres::identifier::system_name;
use crate::postgres::statistics::{LARGE, refresh_grown, refresh_queues};
use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use std::collections::BTreeSet;
use tokio_postgres::types::{ToSql, Type};

/// From how many records on the page's rooms are indexed and looked at, so that no plan compares each with each.
const INDEXED_ABOVE: u64 = 100;

/// One transaction that applies to one table.
pub(super) struct Ground<'a> {
    pub transaction: &'a Transaction<'a>,
    pub schema: &'a str,
    pub mapping: &'a Mapping,
    /// The database's clock before what is applied was read.
    pub read_started: DateTime<Utc>,
    pub facts: Facts,
    pub statements: Statements,
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        schema: &'a str,
        mapping: &'a Mapping,
        read_started: DateTime<Utc>,
        facts: Facts,
    ) -> Self {
        let statements = Statements::of(mapping, schema, &facts);
        Self { transaction, schema, mapping, read_started, facts, statements }
    }

    /// Runs a statement without parameters and answers how many rows it touched.
    pub(super) async fn run(&self, statement: &str) -> Result<u64, Error> {
        Ok(self.transaction.execute_typed(statement, &[]).await?)
    }

    /// Runs a statement whose one parameter is the table's name.
    pub(super) async fn run_of_table(&self, statement: &str) -> Result<u64, Error> {
        let table = self.mapping.table.as_str();
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&table, Type::TEXT)];
        Ok(self.transaction.execute_typed(statement, &parameters).await?)
    }

    /// Applies what was staged.
    pub(super) async fn write<E>(
        &self,
        staged: &Staged,
        more: bool,
        applied: &mut Applied,
    ) -> Result<(), ApplyError<E>> {
        if staged.read > 1 {
            self.run(include_str!("../sql/apply_drop_repeats.sql")).await?;
        }
        if staged.read > LARGE as u64 {
            self.transaction.batch_execute("analyze pg_temp.lockstep_page").await?;
            refresh_grown(self.transaction, &self.statements.table).await?;
            refresh_queues(self.transaction, self.schema).await?;
        }
        if self.facts.has_departures {
            self.run_of_table(include_str!("../sql/depart_cancel.sql")).await?;
        }
        applied.deleted = depart::of_page(self, &staged.deleted, more).await?;
        let news = if staged.deleted.len() as u64 == staged.read {
            News::default()
        } else {
            self.news().await?
        };
        if news.has_new || news.has_changed {
            self.write_live(staged.read, news, applied).await?;
        } else if self.facts.has_orphans {
            orphans::forget_page(self).await?;
        }
        Ok(())
    }

    /// To be called after writing.
    ///
    /// # Errors
    /// [`Error::Uncaptured`] where a change of the application's may have been written over unseen.
    pub(super) async fn ensure_captured(&self) -> Result<(), Error> {
        let Mapping { table, object, .. } = self.mapping;
        let trigger = system_name("hc_", table, "_logtrigger");
        let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
            (&self.schema, Type::TEXT),
            (table, Type::TEXT),
            (&trigger, Type::TEXT),
            (object, Type::TEXT),
            (&self.read_started, Type::TIMESTAMPTZ),
        ];
        let asked = include_str!("../sql/apply_is_captured.sql");
        let row = self.transaction.query_typed_one(asked, &parameters).await?;
        if row.try_get(0)? { Ok(()) } else { Err(Error::Uncaptured(table.clone())) }
    }

    async fn news(&self) -> Result<News, Error> {
        let mut news = News::default();
        for statement in &self.statements.news {
            let row = self.transaction.query_typed_one(statement, &[]).await?;
            news.has_new |= row.try_get::<_, bool>(0)?;
            news.has_changed |= row.try_get::<_, bool>(1)?;
            if news.has_changed {
                break;
            }
        }
        Ok(news)
    }

    async fn write_live(&self, read: u64, news: News, applied: &mut Applied) -> Result<(), Error> {
        let statements = &self.statements;
        let table = self.mapping.table.as_str();
        self.run(&statements.matching).await?;
        if read > INDEXED_ABOVE {
            self.transaction.batch_execute(include_str!("../sql/apply_index_match.sql")).await?;
        }
        let mut locked: BTreeSet<i32> = BTreeSet::new();
        for lock in &statements.locks {
            for row in self.transaction.query_typed(lock, &[]).await? {
                locked.insert(row.try_get(0)?);
            }
        }
        let locked: Vec<i32> = locked.into_iter().collect();
        applied.deferred = self
            .transaction
            .execute_typed(
                include_str!("../sql/apply_defer.sql"),
                &[(&table, Type::TEXT), (&self.read_started, Type::TIMESTAMPTZ)],
            )
            .await?;
        if news.has_new {
            self.run_of_table(&statements.skip_deleted).await?;
        }
        if let Some(release_keys) = &statements.release_keys {
            applied.ambiguous = orphans::release_keys(self, release_keys).await?;
        }
        orphans::park(self).await?;
        if self.facts.has_orphans {
            orphans::forget_page(self).await?;
        }
        // New rows first, since changed ones may refer to them.
        if news.has_new && !self.mapping.is_part {
            for insert in &statements.inserts {
                applied.inserted += self.run_of_table(insert).await?;
            }
        }
        if !locked.is_empty() {
            let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                [(&table, Type::TEXT), (&locked, Type::INT4_ARRAY)];
            for update in &statements.updates {
                let updated = self.transaction.execute_typed(update, &parameters).await?;
                // A row that several of them write is one row.
                applied.updated = applied.updated.max(updated);
            }
        }
        if self.facts.rewrites && self.mapping.direction.pushes() {
            for rewritten in &statements.rewritten {
                self.run_of_table(rewritten).await?;
            }
        }
        if applied.inserted > 0 {
            self.run_of_table(&statements.forget_tombstones).await?;
        }
        if applied.inserted + applied.updated > 0 {
            references::fill_names(self).await?;
        }
        Ok(())
    }
}

/// What a page shows that the table does not.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    /// A record without row.
    has_new: bool,
    /// A record whose row differs.
    has_changed: bool,
}

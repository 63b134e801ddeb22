//! Rows that a pull made for records which other rows' inserts created. They go; what refers to one of them by its
//! `id` comes to refer to the row that was there first.

use super::Error;
use super::identifier::{fill, qualify, quote};
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// Repoints what refers to twins among the outcomes in `pg_temp.lockstep_recorded`: rows, and unsent changes. To be
/// called before the twins go. Costs one look where there are none, as nearly always.
pub(super) async fn repoint(
    transaction: &Transaction<'_>,
    schema: &str,
    table: &str,
    hstore: &str,
) -> Result<(), Error> {
    let own = qualify(schema, table);
    let find = fill(include_str!("sql/twins_find.sql"), &[("table", &own)]);
    let has_twins: bool = transaction.query_typed_one(&find, &[]).await?.try_get(0)?;
    if !has_twins {
        return Ok(());
    }
    let of_table: [(&(dyn ToSql + Sync), Type); 2] = [(&schema, Type::TEXT), (&table, Type::TEXT)];
    let references =
        transaction.query_typed(include_str!("sql/twins_references.sql"), &of_table).await?;
    for reference in references {
        let (child, name, column): (&str, &str, &str) =
            (reference.try_get(0)?, reference.try_get(1)?, reference.try_get(2)?);
        let parts = [("child", child), ("table", &own), ("column", &quote(column))];
        let repoint = fill(include_str!("sql/twins_repoint.sql"), &parts);
        transaction.execute_typed(&repoint, &[]).await?;
        let parts = [("schema", &*quote(schema)), ("hstore", &quote(hstore)), ("table", &own)];
        let unsent = fill(include_str!("sql/twins_repoint_unsent.sql"), &parts);
        let of_column: [(&(dyn ToSql + Sync), Type); 2] =
            [(&name, Type::TEXT), (&column, Type::TEXT)];
        transaction.execute_typed(&unsent, &of_column).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Direction, ROW_ID, Reference};
    use crate::model::ColumnType;
    use crate::model::SalesforceId;
    use crate::postgres::testing::{account, mapping, provisioned_database, rows, run};
    use crate::postgres::{Evidence, Outcome, Recorded, Share, acquire, claim, record};
    use std::time::Duration;

    const RECORD: &str = "001000000000001AAA";

    #[tokio::test]
    async fn what_refers_to_a_twin_by_its_id_refers_to_the_row_that_was_there_first() {
        // given an insert under way, the row that a pull made of its record, and rows that refer to the latter
        let mut contact = mapping("Contact", Direction::Both);
        contact.fields[1].reference_to = vec!["Account".to_owned()];
        contact.fields[1].reference = Some(Reference {
            object: "Account".to_owned(),
            table: "account".to_owned(),
            match_column: ROW_ID.to_owned(),
            column: "account_id".to_owned(),
            column_type: ColumnType::Integer,
        });
        let db = provisioned_database(&[account(), contact]).await;
        let ttl = Duration::from_mins(5);
        let lease = acquire(&db, "group:account", "test", ttl).await.unwrap().unwrap();
        run(&db, "insert into salesforce.account (name) values ('a')").await;
        let tables = ["account".to_owned()];
        claim(&db, &lease, &Share::of(&tables, 9)).await.unwrap();
        run(
            &db,
            &format!(
                "create table public.note (account integer references salesforce.account);
                 insert into salesforce.account (name, sfid) values ('a', '{RECORD}');
                 delete from salesforce._trigger_log where record_id = 2;
                 insert into public.note values (2);
                 insert into salesforce.contact (name, account_id) values ('c', 2)"
            ),
        )
        .await;

        // when the insert turns out to have made the record
        let sfid = SalesforceId::parse(RECORD).ok();
        let recorded = Recorded {
            table: "account".to_owned(),
            record_id: 1,
            log_ids: vec![1],
            journal: None,
            outcome: Outcome::Accepted { sfid, lastop: "INSERTED" },
            adopt: Vec::new(),
            conflicts: Vec::new(),
            restore: None,
            evidence: Evidence::default(),
        };
        record(&db, &lease, &account(), &[recorded]).await.unwrap();

        // then there is one row, and everything refers to it
        let accounts = "select id, sfid from salesforce.account";
        assert_eq!(rows(&db, accounts).await, [format!("1|{RECORD}")]);
        assert_eq!(rows(&db, "select account from public.note").await, ["1"]);
        assert_eq!(rows(&db, "select account_id from salesforce.contact").await, ["1"]);
        let unsent =
            "select \"values\"::hstore -> 'account_id', state from salesforce._trigger_log";
        assert_eq!(rows(&db, unsent).await, ["1|NEW"]);
    }
}

//! What the tests of this module share: one server per process, a fresh database per test.

use super::ephemeral::{EphemeralPostgres, Search};
use super::{Config, Database, migrate, provision};
use crate::config::environment;
use crate::mapping::{
    BulkThresholds, ColumnTypes, ConflictPolicy, DeleteRule, Deletes, Direction, Drift, Field, Key,
    Limits, Mapping, Poll, Sweep, WriteOrder,
};
use crate::model::{ColumnType, FieldType, StampField};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_postgres::{NoTls, SimpleQueryMessage};

static SERVER: LazyLock<EphemeralPostgres> = LazyLock::new(|| {
    let variable = |wanted| environment().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let search = Search {
        pg_bin_dir: variable("PG_BIN_DIR").map(Into::into),
        path: variable("PATH").map(Into::into),
        ..Search::default()
    };
    EphemeralPostgres::start(&search).unwrap()
});

/// The URL of a new, empty database.
pub(crate) async fn fresh_url() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    let server = SERVER.url();
    let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("create database {name}")).await.unwrap();
    format!("{}/{name}", server.trim_end_matches("/postgres"))
}

/// A new, empty database.
pub(crate) async fn fresh_database() -> Database {
    connect_to(&fresh_url().await).await
}

/// A pool to the database at `url`.
pub(crate) async fn connect_to(url: &str) -> Database {
    let url = url.to_owned().into();
    Database::connect(&Config {
        url,
        schema: "salesforce".to_owned(),
        max_connections: 4,
        root_cert: None,
    })
    .await
    .unwrap()
}

/// A mapping of `Account` with a key, some fields and both directions.
pub(crate) fn account() -> Mapping {
    mapping("Account", Direction::Both)
}

/// A mapping of `object` to the table of the same name in lower case.
pub(crate) fn mapping(object: &str, direction: Direction) -> Mapping {
    let field = |name: &str, column_type, field_type| Field {
        name: name.to_owned(),
        column: name.to_lowercase(),
        column_type,
        is_typed: false,
        field_type,
        limits: Limits::default(),
        direction,
        conflict: ConflictPolicy::SalesforceWins,
        createable: true,
        updateable: true,
        nillable: true,
        is_calculated: false,
        reference_to: Vec::new(),
        reference: None,
    };
    Mapping {
        object: object.to_owned(),
        table: object.to_lowercase(),
        direction,
        fields: vec![
            field("Name", ColumnType::Varchar(255), FieldType::String),
            field("Phone", ColumnType::Varchar(40), FieldType::Phone),
            field("AnnualRevenue", ColumnType::Double, FieldType::Currency),
            field("External_Id__c", ColumnType::Varchar(36), FieldType::String),
        ],
        key: Some(Key {
            field: "External_Id__c".to_owned(),
            column: "external_id__c".to_owned(),
            default: None,
        }),
        has_is_deleted: true,
        has_master_record_id: true,
        is_replicateable: true,
        stamp: StampField::SystemModstamp,
        indexes: vec!["name".to_owned()],
        poll: Poll { every: Duration::from_mins(10), ..Poll::default() },
        deletes: Deletes {
            in_salesforce: DeleteRule::Delete,
            in_postgres: DeleteRule::Delete,
            hold_above: None,
        },
        bulk: BulkThresholds { read_above: 10_000, write_above: 200 },
        types: ColumnTypes::Heroku,
        filter: None,
        sweep: Sweep::default(),
        write: WriteOrder::Merged,
        is_conditional: false,
        drift: Drift::default(),
        is_part: false,
        held_columns: Vec::new(),
        rehearsal: None,
    }
}

/// A new database with the control schema and the tables of the mappings.
pub(crate) async fn provisioned_database(mappings: &[Mapping]) -> Database {
    let db = fresh_database().await;
    migrate(&db).await.unwrap();
    provision(&db, mappings).await.unwrap();
    db
}

/// Runs statements as the application would.
pub(crate) async fn run(db: &Database, statements: &str) {
    db.client().await.unwrap().batch_execute(statements).await.unwrap();
}

/// Looks again and again until the query has a row.
///
/// # Panics
///
/// When there is none after half a minute.
pub(crate) async fn wait_for_row(db: &Database, query: &str) {
    let looks = async { while rows(db, query).await.is_empty() {} };
    let waited = tokio::time::timeout(Duration::from_secs(30), looks).await;
    assert!(waited.is_ok(), "still no row: {query}");
}

/// The rows of a query, each as its columns' texts joined by `|`; null is `-`.
pub(crate) async fn rows(db: &Database, query: &str) -> Vec<String> {
    let messages = db.client().await.unwrap().simple_query(query).await.unwrap();
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let cells: Vec<&str> =
                    (0..row.len()).map(|index| row.get(index).unwrap_or("-")).collect();
                Some(cells.join("|"))
            }
            _ => None,
        })
        .collect()
}

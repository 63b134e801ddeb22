//! An application's database, a simulated org, and the pusher between them.

use crate::inside::{client_of, fresh_url};
use crate::wait::wait_until;
use chrono::{DateTime, TimeDelta, Utc};
use lockstep::mapping::{
    BulkThresholds, ColumnTypes, ConflictPolicy, DeleteRule, Deletes, Direction, Drift, Field, Key,
    Limits, Mapping, MappingGroup, Poll, Reference, Sweep, WriteOrder,
};
use lockstep::model::{ColumnType, FieldType, RemoteRecord, SalesforceId, StampField, Value};
use lockstep::postgres::{self, Checkpoint, Console, Database, Lease};
use lockstep::salesforce::{Client, Scope, Shape};
use lockstep::sync::{Error, Pulled, Puller, Pushed, Pusher};
use salesforce_simulator::{Config as OrgConfig, Control, Fault, Simulator};
use serde_json::Value as Json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(40);

pub(super) struct World {
    pub(super) client: Client,
    pub(super) pusher: Pusher,
    pub(super) lease: Lease,
    puller: Puller,
    pub(super) db: Database,
    mappings: Vec<Mapping>,
    app: Console,
    url: String,
    org: Simulator,
}

fn field(name: &str, column_type: ColumnType, field_type: FieldType) -> Field {
    Field {
        name: name.to_owned(),
        column: name.to_lowercase(),
        column_type,
        is_typed: false,
        field_type,
        limits: Limits::default(),
        direction: Direction::Both,
        conflict: ConflictPolicy::SalesforceWins,
        createable: true,
        updateable: true,
        nillable: true,
        is_calculated: false,
        reference_to: Vec::new(),
        reference: None,
    }
}

fn text(name: &str, length: u32) -> Field {
    field(name, ColumnType::Varchar(length), FieldType::String)
}

fn key() -> Key {
    Key { field: "External_Id__c".to_owned(), column: "external_id__c".to_owned(), default: None }
}

fn mapping(object: &str, fields: Vec<Field>, key: Option<Key>) -> Mapping {
    Mapping {
        object: object.to_owned(),
        table: object.to_lowercase(),
        direction: Direction::Both,
        fields,
        key,
        has_is_deleted: true,
        has_master_record_id: false,
        is_replicateable: true,
        stamp: StampField::SystemModstamp,
        indexes: Vec::new(),
        poll: Poll { every: Duration::from_mins(2), ..Poll::default() },
        deletes: Deletes {
            in_salesforce: DeleteRule::Delete,
            in_postgres: DeleteRule::Delete,
            hold_above: None,
        },
        bulk: BulkThresholds { read_above: 10_000, write_above: 2_000 },
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

/// Accounts and contacts with external ids, the contacts naming their account by it, and leads without.
pub(super) fn mappings() -> Vec<Mapping> {
    let account = mapping(
        "Account",
        vec![
            text("Name", 255),
            text("External_Id__c", 36),
            text("Phone", 40),
            field("AnnualRevenue", ColumnType::Double, FieldType::Currency),
        ],
        Some(key()),
    );
    let mut parent = field("AccountId", ColumnType::Varchar(18), FieldType::Reference);
    parent.reference_to = vec!["Account".to_owned()];
    parent.reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: "external_id__c".to_owned(),
        column: "account_key".to_owned(),
        column_type: ColumnType::Varchar(36),
    });
    let contact = mapping(
        "Contact",
        vec![text("LastName", 80), text("External_Id__c", 36), text("Email", 80), parent],
        Some(key()),
    );
    let lead = mapping("Lead", vec![text("LastName", 80), text("Company", 255)], None);
    vec![account, contact, lead]
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(mappings()).await
    }

    pub(super) async fn with(mappings: Vec<Mapping>) -> Self {
        let url = fresh_url().await;
        let db = Database::connect(&postgres::Config {
            url: url.clone().into(),
            schema: "salesforce".to_owned(),
            max_connections: 4,
            root_cert: None,
        })
        .await
        .unwrap();
        postgres::migrate(&db).await.unwrap();
        postgres::provision(&db, &mappings).await.unwrap();
        let app = Console::connect(&url).await.unwrap();
        let bound = "insert into lockstep.connection (schema_name) values ('salesforce')";
        app.run(bound).await.unwrap();
        app.run("set search_path to salesforce; set statement_timeout = '60s'").await.unwrap();
        let org =
            Simulator::start(OrgConfig { empty: true, ..OrgConfig::default() }).await.unwrap();
        let client = client_of(&org);
        let ttl = Duration::from_mins(5);
        let lease = postgres::acquire(&db, "group:account", "test", ttl).await.unwrap().unwrap();
        let group = MappingGroup { name: "account".to_owned(), mappings: mappings.clone() };
        let pusher = Pusher::new(db.clone(), client.clone(), group);
        let puller = Puller::new(db.clone(), client.clone());
        Self { client, pusher, lease, puller, db, mappings, app, url, org }
    }

    /// Runs statements as the application.
    pub(super) async fn app(&self, sql: &str) {
        self.app.run(sql).await.unwrap();
    }

    /// Runs a statement of the application that must fail, and answers why.
    pub(super) async fn app_fails(&self, sql: &str) -> String {
        format!("{:?}", self.app.rows(sql).await.unwrap_err())
    }

    /// The address of the database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Why a statement of the application's is refused.
    pub(super) async fn refused(&self, sql: &str) -> String {
        self.app.run(sql).await.unwrap_err().to_string()
    }

    /// Polls the first mapping after some seconds, in which nobody did anything.
    pub(super) async fn poll_later(&self) -> Pulled {
        let now = self.control().advance_clock(5).await.unwrap();
        self.poll(now - TimeDelta::seconds(60)).await
    }

    /// One line per row, cells joined by `|`, null as `-`.
    pub(super) async fn rows(&self, sql: &str) -> Vec<String> {
        let rows = self.app.rows(sql).await.unwrap();
        let line = |row: Vec<Option<String>>| {
            let cells = row.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            cells.collect::<Vec<_>>().join("|")
        };
        rows.into_iter().map(line).collect()
    }

    pub(super) async fn run(&self) -> Result<Pushed, Error> {
        self.pusher.run_once(&self.lease, &CancellationToken::new()).await
    }

    /// Polls the first mapping as if everything up to `watermark` had been seen.
    pub(super) async fn poll(&self, watermark: DateTime<Utc>) -> Pulled {
        let mapping = self.mappings.first().unwrap();
        let checkpoint = Checkpoint::Watermark(watermark);
        postgres::save(&self.db, &self.lease, &mapping.object, checkpoint).await.unwrap();
        self.puller.run_once(&self.lease, mapping).await.unwrap()
    }

    pub(super) async fn resolve_open(&self) -> Result<(), Error> {
        self.pusher.resolve_open(&self.lease, &CancellationToken::new()).await
    }

    /// Runs until nothing waits in the trigger log; failures of Salesforce are taken as they come.
    pub(super) async fn settle(&self) {
        self.settle_within(DEADLINE).await;
    }

    /// As [`World::settle`], for trouble that takes its time.
    pub(super) async fn settle_within(&self, deadline: Duration) {
        wait_until("the trigger log is drained", deadline, async || {
            match self.run().await {
                Ok(_) | Err(Error::Salesforce(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
            let waiting = "select state from _trigger_log where state in ('NEW', 'PENDING')";
            self.rows(waiting).await.is_empty()
        })
        .await;
    }

    /// `state|count` of what the log and its archive hold.
    pub(super) async fn states(&self) -> Vec<String> {
        self.rows(
            "select state, count(*) from (select state from _trigger_log union all \
             select state from _trigger_log_archive) as log group by state order by state",
        )
        .await
    }

    /// The live records of a mapped object, in the order of their first field.
    pub(super) async fn records(&self, object: &str) -> Vec<RemoteRecord> {
        let mapping = self.mappings.iter().find(|mapping| mapping.object == object).unwrap();
        let shape = Shape::of(mapping);
        let first = &mapping.fields.first().unwrap().name;
        let soql = format!("SELECT {} FROM {object} ORDER BY {first}", shape.select_list());
        let mut page = self.client.query(&soql, Scope::Live, &shape).await.unwrap();
        let mut records = page.records;
        while let Some(next) = page.next {
            page = self.client.query_more(&next, &shape).await.unwrap();
            records.append(&mut page.records);
        }
        records
    }

    /// The first field of every live record.
    pub(super) async fn names(&self, object: &str) -> Vec<String> {
        let records = self.records(object).await;
        let name = |record: &RemoteRecord| {
            record.values.first().and_then(Value::as_text).unwrap_or("-").to_owned()
        };
        records.iter().map(name).collect()
    }

    pub(super) fn control(&self) -> Control {
        self.org.control().unwrap()
    }

    /// A person in Salesforce creates a record.
    pub(super) async fn person_creates(&self, object: &str, fields: Json) {
        self.control().create(object, &fields).await.unwrap();
    }

    /// A person in Salesforce changes a record.
    pub(super) async fn person_edits(&self, object: &str, id: &SalesforceId, fields: Json) {
        self.control().update(object, id.as_str(), &fields).await.unwrap();
    }

    /// A person in Salesforce deletes a record.
    pub(super) async fn person_deletes(&self, object: &str, id: &SalesforceId) {
        self.control().delete(object, id.as_str()).await.unwrap();
    }

    /// Orders trouble for the next matching request; answers its number.
    pub(super) async fn fault(&self, method: &str, route: &str, fault: impl Into<Fault>) -> u64 {
        let fault = fault.into().method(method).route(route);
        self.control().arm(fault).await.unwrap().id
    }

    /// Lets what a fault holds back be carried out.
    pub(super) async fn release(&self, fault: u64) {
        assert!(self.control().release(fault).await.unwrap() > 0, "nothing was held back");
    }

    /// Orders trouble.
    pub(super) async fn arm(&self, fault: Fault) {
        self.control().arm(fault).await.unwrap();
    }

    /// Of the records whose sending had this outcome, as many as were under way at the same time at most.
    pub(super) async fn most_at_once(&self, outcome: &str) -> String {
        let most = format!(
            "select max(under_way) from (
                 select sum(step) over (order by at, step) as under_way
                 from (
                     select opened_at as at, 1 as step from lockstep.journal where outcome = '{outcome}'
                     union all
                     select closed_at, -1 from lockstep.journal where outcome = '{outcome}'
                 ) as steps
             ) as sums"
        );
        self.rows(&most).await.remove(0)
    }

    /// `METHOD path` of the requests so far that write to records by Collections.
    pub(super) async fn writes(&self) -> Vec<String> {
        let mut requests = self.requests("composite/sobjects").await;
        requests.retain(|line| !line.starts_with("GET") && line.ends_with("/composite/sobjects"));
        requests
    }

    /// `METHOD path` of the requests so far whose path holds `part`.
    pub(super) async fn requests(&self, part: &str) -> Vec<String> {
        let requests = self.control().requests().await.unwrap();
        requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .filter(|line| line.contains(part))
            .collect()
    }
}

pub(super) fn value(text: &str) -> Value {
    Value::Text(text.to_owned())
}

//! A simulated org, a database, and the puller between them.

use crate::inside::{client_of, fresh_url};
use crate::wait::wait_until;
use chrono::{DateTime, Utc};
use lockstep::mapping::{Mapping, Org, Source, bind, load_sources};
use lockstep::postgres::{self, Checkpoint, Console, Database, Lease};
use lockstep::salesforce::Client;
use lockstep::sync::{Error, Pulled, Puller};
use salesforce_simulator::{Config as OrgConfig, Control, Fault, Simulator};
use serde_json::json;
use std::time::Duration;

pub(super) struct World {
    pub(super) client: Client,
    pub(super) lease: Lease,
    pub(super) db: Database,
    pub(super) mapping: Mapping,
    pub(super) puller: Puller,
    app: Console,
    org: Simulator,
}

impl World {
    /// An empty org whose clock stands, and an empty table that counts as loaded up to now.
    pub(super) async fn start(file: &str) -> Self {
        Self::of_org(OrgConfig { empty: true, ..OrgConfig::default() }, file).await
    }

    /// As [`World::start`], with an org that may have old records, which have no rows.
    pub(super) async fn of_org(org: OrgConfig, file: &str) -> Self {
        let org = Simulator::start(org).await.unwrap();
        org.control().unwrap().freeze_clock().await.unwrap();
        // What the org begins with is older than anything that polls look for.
        org.control().unwrap().advance_clock(2 * 86_400).await.unwrap();
        let client = client_of(&org);
        let mapping = bound(&client, file).await;
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
        postgres::provision(&db, std::slice::from_ref(&mapping)).await.unwrap();
        let app = Console::connect(&url).await.unwrap();
        app.run("set search_path to salesforce").await.unwrap();
        let ttl = Duration::from_mins(5);
        let lease = postgres::acquire(&db, "group:account", "test", ttl).await.unwrap().unwrap();
        let puller = Puller::new(db.clone(), client.clone());
        let world = Self { client, lease, db, mapping, puller, app, org };
        let now = world.control().clock().await.unwrap().now;
        world.set_watermark(now).await;
        // The first poll also asks what Salesforce covers.
        world.poll().await.unwrap();
        world.control().forget_requests().await.unwrap();
        world
    }

    /// The same world with another mapping of the same object, in place of its table.
    pub(super) async fn with_mapping(mut self, file: &str) -> Self {
        self.mapping = bound(&self.client, file).await;
        self.app.run("drop table account").await.unwrap();
        postgres::provision(&self.db, std::slice::from_ref(&self.mapping)).await.unwrap();
        self
    }

    /// Another worker's puller, which remembers nothing.
    pub(super) fn another_puller(&self) -> Puller {
        Puller::new(self.db.clone(), self.client.clone())
    }

    /// Polls while `meanwhile` is done during the one request that this fault delays.
    pub(super) async fn poll_and_meanwhile(
        &self,
        delayed: Fault,
        meanwhile: impl AsyncFnOnce(&Control),
    ) -> Result<Pulled, Error> {
        let control = self.control();
        let fault = control.arm(delayed).await.unwrap().id;
        let between = async {
            wait_until("the request is under way", Duration::from_secs(20), async || {
                !control.faults().await.unwrap().iter().any(|armed| armed.id == fault)
            })
            .await;
            meanwhile(&control).await;
        };
        tokio::join!(self.poll(), between).0
    }

    pub(super) async fn set_watermark(&self, to: DateTime<Utc>) {
        let checkpoint = Checkpoint::Watermark(to);
        postgres::save(&self.db, &self.lease, &self.mapping.object, checkpoint).await.unwrap();
    }

    pub(super) fn control(&self) -> Control {
        self.org.control().unwrap()
    }

    pub(super) async fn poll(&self) -> Result<Pulled, Error> {
        self.puller.run_once(&self.lease, &self.mapping).await
    }

    /// Creates so many accounts, named by their numbers, with one stamp.
    pub(super) async fn create_accounts(&self, count: usize) {
        for first in (0..count).step_by(200) {
            let record = |number: usize| {
                let name = json!(format!("a{number:05}"));
                serde_json::Map::from_iter([("Name".to_owned(), name)])
            };
            let records = (first..count.min(first + 200)).map(record).collect();
            for result in self.client.create("Account", records).await.unwrap() {
                result.unwrap();
            }
        }
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

    pub(super) async fn count(&self) -> usize {
        self.rows("select count(*) from account").await[0].parse().unwrap()
    }

    /// The requests since the last look whose path holds `part`: `METHOD path?query`.
    pub(super) async fn requests(&self, part: &str) -> Vec<String> {
        let requests = self.control().requests().await.unwrap();
        self.control().forget_requests().await.unwrap();
        requests
            .iter()
            .map(|request| {
                let query = request.query.as_deref().unwrap_or_default();
                format!("{} {}?{query}", request.method, request.path)
            })
            .filter(|line| line.contains(part))
            .collect()
    }
}

async fn bound(client: &Client, file: &str) -> Mapping {
    let files = load_sources(&[Source::new("mappings/a.toml", file)]).into_files().unwrap();
    let objects = vec![client.describe(files[0].object()).await.unwrap()];
    bind(&files, &Org { objects, names: Vec::new() }).unwrap().remove(0)
}

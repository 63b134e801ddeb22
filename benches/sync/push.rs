//! Pushing many changes at once: what it takes, ours and, beside it, the clients that users write today.
//!
//! The loads are the same for all: an INSERT of many rows, an UPDATE of all of them, and changes of parents and
//! children that alternate row by row.

use crate::bench_world::{ACCOUNT, BenchWorld, float};
use crate::capture;
use crate::clients::{self, Step};
use crate::process::{Process, cpu_of_tree};
use crate::report::{report, skipped};
use std::time::{Duration, Instant};

/// Changes of the mixed load, or as many as the other loads have rows.
const MIXED: usize = 10_000;

/// Kinds of change that alternate in the mixed load.
const KINDS: usize = 5;

/// Children, who name their parents by the application's own id.
const CONTACT: &str = r#"
object = "Contact"
direction = "both"
key = { external_id = "External_Id__c" }
[fields.LastName]
[fields.Phone]
[fields.External_Id__c]
[fields.AccountId]
ref = { mapping = "Account", match = "external_id__c", column = "account_external_id__c" }
"#;

/// Changes that are made at once.
struct Load {
    name: &'static str,
    changes: usize,
    /// What has to be there and sent before, if anything.
    before: Option<String>,
    sql: String,
    /// The same for a client that is told what changed.
    steps: Vec<Step>,
}

/// What sending a load took.
struct Sent {
    seconds: f64,
    /// CPU seconds of whoever sent: the engine, or a client with its children.
    cpu: f64,
    simulator_cpu: f64,
    postgres_cpu: f64,
    calls: f64,
    /// Of these, questions how far a Bulk job is.
    asked: f64,
    peak_mb: f64,
}

/// Runs the loads by us and by each client, by Collections and by Bulk jobs.
pub(crate) async fn push(rows: usize) {
    let chosen = crate::bench_world::variable("PUSH_BY");
    let is_chosen = |name: &str| chosen.as_deref().is_none_or(|chosen| chosen == name);
    if is_chosen("us") {
        by_us(rows, "bulk", 2_000).await;
        by_us(rows, "collections", 100_000_000).await;
    }
    for client in clients::ALL.into_iter().filter(|client| is_chosen(client.name)) {
        for api in ["bulk", "collections"] {
            if let Err(missing) = client.found() {
                skipped(&format!("push_{}_{api}", client.name), &missing);
                continue;
            }
            by_client(rows, &client, api).await;
        }
    }
}

async fn by_us(rows: usize, api: &str, write_above: usize) {
    let bulk = format!("bulk = {{ write_above = {write_above} }}\n");
    let world = world(&bulk).await;
    let worker = world.worker();
    world.loaded().await;
    for load in loads(rows) {
        if let Some(before) = &load.before {
            world.execute(before).await;
            until_sent(&world).await;
        }
        let meter = Meter::start(&world).await;
        let engine = cpu_of_tree(worker.id());
        worker.forget_peak();
        world.execute(&load.sql).await;
        let began = Instant::now();
        until_sent(&world).await;
        let seconds = began.elapsed().as_secs_f64();
        let cpu = cpu_of_tree(worker.id()) - engine;
        let peak_mb = worker.peak_memory_mb().unwrap_or_default();
        let sent = meter.stop(&world, seconds, cpu, peak_mb).await;
        sent.report(&format!("push_{}_{api}", load.name), &load);
        check(&world, &load).await;
    }
}

async fn by_client(rows: usize, client: &clients::Client, api: &str) {
    let world = world("").await;
    world.run_to_end(&["provision"]).await;
    for table in ["account", "contact"] {
        world.execute(&format!("alter table salesforce.{table} disable trigger user")).await;
    }
    for load in loads(rows) {
        if let Some(before) = &load.before {
            world.execute(before).await;
            let steps = [inserted_contacts()];
            Process::start(client.command(&world, api, &steps)).ended();
        }
        world.execute(&load.sql).await;
        let meter = Meter::start(&world).await;
        let command = client.command(&world, api, &load.steps);
        let ended = tokio::task::spawn_blocking(|| Process::start(command).ended()).await.unwrap();
        let sent = meter.stop(&world, ended.seconds, ended.cpu, ended.peak_mb).await;
        sent.report(&format!("push_{}_{}_{api}", load.name, client.name), &load);
        check(&world, &load).await;
    }
}

async fn world(lines: &str) -> BenchWorld {
    // Lines about the whole mapping come before its fields.
    let contact = CONTACT.replace("[fields.LastName]", &format!("{lines}[fields.LastName]"));
    BenchWorld::with_mappings(&[("account", &format!("{ACCOUNT}{lines}")), ("contact", &contact)])
        .await
}

/// Waits until no change is waiting.
async fn until_sent(world: &BenchWorld) {
    let sql = "select from salesforce._trigger_log where state in ('NEW', 'PENDING') limit 1";
    world.until_none(sql, Duration::from_mins(20)).await;
}

/// Every row must have been accepted, and each change must have been written once.
async fn check(world: &BenchWorld, load: &Load) {
    for table in ["account", "contact"] {
        let unsent = format!(
            "select count(*) from salesforce.{table} where sfid is null or _hc_err is not null"
        );
        assert!(world.number(&unsent).await < 0.5, "rows of {table} were not accepted");
    }
    let written = world.control().counters().await.unwrap().rows;
    let all: u64 =
        ["created", "updated", "deleted"].iter().filter_map(|kind| written.get(*kind)).sum();
    assert_eq!(all, load.changes as u64, "{}: the org wrote {written:?}", load.name);
}

/// What the org and the database had taken when a load began.
struct Meter {
    simulator_cpu: f64,
    postgres_cpu: f64,
    calls: f64,
}

impl Meter {
    async fn start(world: &BenchWorld) -> Self {
        world.control().forget_requests().await.unwrap();
        let postgres_cpu = world.postgres_cpu().await;
        let calls = world.calls().await;
        Self { simulator_cpu: world.simulator_cpu(), postgres_cpu, calls }
    }

    async fn stop(self, world: &BenchWorld, seconds: f64, cpu: f64, peak_mb: f64) -> Sent {
        let simulator_cpu = world.simulator_cpu() - self.simulator_cpu;
        let postgres_cpu = world.postgres_cpu().await - self.postgres_cpu;
        let calls = world.calls().await - self.calls;
        let asked = world.questions_about_jobs().await;
        Sent { seconds, cpu, simulator_cpu, postgres_cpu, calls, asked, peak_mb }
    }
}

impl Sent {
    fn report(&self, name: &str, load: &Load) {
        let changes = float(load.changes);
        report(
            name,
            &[
                ("changes", changes),
                ("seconds", self.seconds),
                ("changes_per_second", changes / self.seconds),
                ("api_calls_per_1000_changes", (self.calls - self.asked) / changes * 1000.0),
                ("questions_about_jobs", self.asked),
                ("sender_cpu_seconds", self.cpu),
                ("changes_per_sender_cpu_second", changes / self.cpu),
                ("simulator_cpu_seconds", self.simulator_cpu),
                ("postgres_cpu_seconds", self.postgres_cpu),
                ("peak_memory_mb", self.peak_mb),
            ],
        );
    }
}

fn loads(rows: usize) -> Vec<Load> {
    let each = rows.min(MIXED) / KINDS;
    vec![
        Load {
            name: "insert",
            changes: rows,
            before: None,
            sql: capture::insert(rows),
            steps: vec![inserted_accounts()],
        },
        Load {
            name: "update",
            changes: rows,
            before: None,
            sql: "update salesforce.account set phone = '+1 ' || id".to_owned(),
            steps: vec![updated("Account", "phone like '+1 %'")],
        },
        Load {
            name: "mixed",
            changes: each * KINDS,
            before: Some(format!(
                "insert into salesforce.contact (lastname, external_id__c, account_external_id__c) \
                 select 'Winter', 'CON-' || n, 'ACC-' || n from generate_series(1, {}) as n; \
                 create table public.gone as select 'CON-' || {each} + n as key from generate_series(1, {each}) as n",
                each * 2,
            )),
            sql: mixed(each),
            steps: vec![
                inserted_accounts(),
                inserted_contacts(),
                updated("Account", "phone like '+2 %'"),
                updated("Contact", "phone like '+2 %'"),
                Step {
                    operation: "delete",
                    object: "Contact",
                    rows: "select sfid as \"Id\" from public.gone".to_owned(),
                    note: None,
                },
            ],
        },
    ]
}

/// A parent, its child, changes of an older parent and of its child, and the end of another child; and again.
fn mixed(each: usize) -> String {
    format!(
        "alter table public.gone add sfid varchar(18); \
         update public.gone set sfid = contact.sfid from salesforce.contact as contact where key = external_id__c; \
         do $$ begin for n in 1 .. {each} loop \
         insert into salesforce.account (name, external_id__c) values ('Southern Lights ' || n, 'NEW-' || n); \
         insert into salesforce.contact (lastname, external_id__c, account_external_id__c) \
         values ('Summer', 'NEW-' || n, 'NEW-' || n); \
         update salesforce.account set phone = '+2 ' || n where external_id__c = 'ACC-' || n; \
         update salesforce.contact set phone = '+2 ' || n where external_id__c = 'CON-' || n; \
         delete from salesforce.contact where external_id__c = 'CON-' || {each} + n; \
         end loop; end $$"
    )
}

fn inserted_accounts() -> Step {
    Step {
        operation: "insert",
        object: "Account",
        rows: "select name as \"Name\", external_id__c as \"External_Id__c\", industry as \"Industry\", \
               annualrevenue as \"AnnualRevenue\", numberofemployees as \"NumberOfEmployees\", phone as \"Phone\", \
               website as \"Website\", billingstreet as \"BillingStreet\", billingcity as \"BillingCity\", \
               billingcountry as \"BillingCountry\", billingpostalcode as \"BillingPostalCode\", \
               description as \"Description\" from salesforce.account where sfid is null"
            .to_owned(),
        note: Some(noted("account")),
    }
}

/// New contacts of accounts that have their ids by now.
fn inserted_contacts() -> Step {
    Step {
        operation: "insert",
        object: "Contact",
        rows: "select lastname as \"LastName\", contact.external_id__c as \"External_Id__c\", \
               account.sfid as \"AccountId\" from salesforce.contact as contact join salesforce.account as account \
               on account.external_id__c = contact.account_external_id__c where contact.sfid is null"
            .to_owned(),
        note: Some(noted("contact")),
    }
}

fn noted(table: &str) -> String {
    format!(
        "update salesforce.{table} as row set sfid = done.sfid from done where row.external_id__c = done.key"
    )
}

/// The one changed column, as a client sends it that knows which: more than most do.
fn updated(object: &'static str, changed: &str) -> Step {
    let table = object.to_lowercase();
    Step {
        operation: "update",
        object,
        rows: format!(
            "select sfid as \"Id\", phone as \"Phone\" from salesforce.{table} where {changed}"
        ),
        note: None,
    }
}

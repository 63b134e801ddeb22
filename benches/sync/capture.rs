//! What capturing costs the application: the same writes without triggers, with ours, and with Heroku Connect's.

use crate::accounts;
use crate::bench_world::{BenchWorld, float, median, variable};
use crate::report::report;
use std::process::Command;
use std::time::Instant;

/// Repetitions; the median counts.
const ROUNDS: usize = 3;

/// Seconds of each run of single updates; `SECONDS` in the environment overrides it.
const SECONDS: u32 = 10;

/// Sessions that write at the same time.
const CLIENTS: [usize; 3] = [1, 4, 16];

/// An update of one row in a transaction of its own, as a script of pgbench.
const SINGLE: &str = "\\set n random(0, :rows - 1)\nupdate :form.account set phone = '+44 ' || random() where id = :least + :n;\n";

/// The schemas that the same table is in: one without triggers, ours, and one with those of Heroku Connect.
const FORMS: [&str; 3] = ["plain", "salesforce", "heroku"];

/// One figure of every form.
#[derive(Default)]
struct Samples([Vec<f64>; 3]);

impl Samples {
    fn medians(&mut self) -> [f64; 3] {
        self.0.each_mut().map(|samples| median(samples))
    }
}

/// Times every write with every form in turn, so that a slow moment of the machine meets all.
///
/// The database commits durably, to the disk of temporary files, as an application's does. A session listens as the
/// worker does; no bell hangs, since a worker that is kept busy hangs none.
pub(crate) async fn capture(rows: usize) {
    let world = BenchWorld::durable(&accounts::mapping()).await;
    world.run_to_end(&["provision"]).await;
    world.execute(&tables()).await;
    let _listening = world.listening(&["salesforce.hc_trigger_log", "heroku.hc_trigger_log"]).await;
    bulk(&world, rows).await;
    for clients in CLIENTS {
        singles(&world, rows, clients).await;
    }
}

/// Two more tables like the mapped one, one of them with Heroku Connect's triggers.
fn tables() -> String {
    format!(
        "alter table salesforce.account disable trigger hc_account_truncate; \
         create schema plain; create table plain.account (like salesforce.account including all); \
         create schema heroku; create table heroku.account (like salesforce.account including all); {}",
        include_str!("heroku_triggers.sql")
    )
}

/// One INSERT and one UPDATE of all rows.
async fn bulk(world: &BenchWorld, rows: usize) {
    let (mut inserts, mut updates) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        for (at, form) in FORMS.into_iter().enumerate() {
            world.execute(&format!("truncate {form}.account{}", log_of(form, ", "))).await;
            world.execute("checkpoint").await;
            inserts.0[at].push(seconds(world, &insert_into(form, rows)).await);
            world.execute(&format!("vacuum analyze {form}.account")).await;
            world.execute("checkpoint").await;
            let update =
                format!("update {form}.account set phone = '+1 ' || id, billingcity = 'Hamburg'");
            updates.0[at].push(seconds(world, &update).await);
            world.execute(&format!("vacuum analyze {form}.account")).await;
        }
    }
    for (name, samples) in [("insert", &mut inserts), ("update", &mut updates)] {
        let [plain, ours, heroku] = samples.medians();
        report(
            &format!("capture_{name}"),
            &[
                ("rows", float(rows)),
                ("seconds_without", plain),
                ("seconds_with_ours", ours),
                ("seconds_with_heroku_connects", heroku),
                ("ratio_to_without", ours / plain),
                ("heroku_connects_ratio_to_without", heroku / plain),
                ("added_to_what_heroku_connects_adds", (ours - plain) / (heroku - plain)),
            ],
        );
    }
}

/// Updates of single rows by so many sessions at once, each in a transaction of its own.
async fn singles(world: &BenchWorld, rows: usize, clients: usize) {
    let script = world.file("single.sql");
    std::fs::write(&script, SINGLE).unwrap();
    let (mut rates, mut costs) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        for (at, form) in FORMS.into_iter().enumerate() {
            let log = log_of(form, "truncate ");
            world.execute(&format!("{log}; vacuum {form}.account")).await;
            world.execute("checkpoint").await;
            let least = world.text(&format!("select min(id) from {form}.account")).await;
            let mut command = Command::new("pgbench");
            command
                .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string(), "-T"])
                .arg(variable("SECONDS").unwrap_or_else(|| SECONDS.to_string()))
                .args(["-D", &format!("form={form}"), "-D", &format!("least={least}")])
                .args(["-D", &format!("rows={rows}"), "-f"])
                .args([script.as_os_str(), world.url().as_ref()]);
            let before = world.postgres_cpu().await;
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
            let cpu = world.postgres_cpu().await - before;
            let output = output.expect("pgbench is needed, which comes with the server programs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let told = String::from_utf8(output.stdout).unwrap();
            let written = figure(&told, "number of transactions actually processed:");
            rates.0[at].push(figure(&told, "tps ="));
            costs.0[at].push(cpu / written * 1e6);
        }
    }
    let ([plain, ours, heroku], [plain_cpu, ours_cpu, heroku_cpu]) =
        (rates.medians(), costs.medians());
    report(
        &format!("capture_single_updates_{clients}"),
        &[
            ("per_second_without", plain),
            ("per_second_with_ours", ours),
            ("per_second_with_heroku_connects", heroku),
            ("share_of_the_rate_without", ours / plain),
            ("heroku_connects_share", heroku / plain),
            ("postgres_cpu_microseconds_without", plain_cpu),
            ("postgres_cpu_microseconds_added", ours_cpu - plain_cpu),
            ("heroku_connects_microseconds_added", heroku_cpu - plain_cpu),
        ],
    );
}

/// The form's trigger log behind these words; nothing where it has none.
fn log_of(form: &str, before: &str) -> String {
    if form == "plain" { String::new() } else { format!("{before}{form}._trigger_log") }
}

/// The number behind these words.
fn figure(told: &str, words: &str) -> f64 {
    let (_, rest) = told.split_once(words).unwrap();
    let number = rest.trim_start().split(|c: char| !c.is_ascii_digit() && c != '.').next();
    number.unwrap().parse().unwrap()
}

/// A statement that inserts rows with a dozen filled columns.
pub(crate) fn insert(rows: usize) -> String {
    insert_into("salesforce", rows)
}

fn insert_into(schema: &str, rows: usize) -> String {
    format!(
        "insert into {schema}.account (name, external_id__c, industry, annualrevenue, numberofemployees, phone, \
         website, billingstreet, billingcity, billingcountry, billingpostalcode, description) \
         select 'Northern Lights Trading ' || n, 'ACC-' || n, 'Manufacturing', n * 10.0, n % 9000, '+49 30 ' || n, \
         'https://example.com/' || n, 'Main Street ' || n % 200, 'Berlin', 'Germany', '10115', \
         'Met at the fair, wants an offer, call again' from generate_series(1, {rows}) as n"
    )
}

async fn seconds(world: &BenchWorld, sql: &str) -> f64 {
    let began = Instant::now();
    world.execute(sql).await;
    began.elapsed().as_secs_f64()
}

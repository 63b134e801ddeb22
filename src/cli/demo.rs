//! `lockstep demo`: a Postgres, a Salesforce org in a box and the real worker, telling a story.

use super::connect;
use super::report::{self, Exit, Failure};
use crate::demo::{Characters, Credentials, Playground, Storyteller};
use crate::mapping::{self, Mapping};
use crate::postgres::ephemeral::Search;
use crate::postgres::{self, Console, Database};
use crate::salesforce::{self, Auth, Client};
use crate::sync::Backfill;
use crate::worker::{Config, Health, Worker, keep_lease};
use secrecy::SecretString;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often the demo polls: often enough to watch.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// The mapping files of the playground: the repository's samples.
const SAMPLES: [(&str, &str); 4] = [
    ("mappings/account.toml", include_str!("../../mappings/account.toml")),
    ("mappings/contact.toml", include_str!("../../mappings/contact.toml")),
    ("mappings/opportunity.toml", include_str!("../../mappings/opportunity.toml")),
    ("mappings/invoice.toml", include_str!("../../mappings/invoice.toml")),
];

/// Options of `lockstep demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End by itself after this many seconds; the status is 0 only if every step of the story happened.
    #[arg(long, value_name = "SECONDS")]
    exit_after: Option<u64>,
    /// Print one line of JSON when ready, and the story on standard error.
    #[arg(long)]
    json: bool,
    /// The seed that the org's records grow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The org's size; 1 is a few thousand records.
    #[arg(long, default_value_t = 0.2)]
    scale: f64,
}

/// What stands once the playground is up.
struct Stage {
    playground: Playground,
    db: Database,
    client: Client,
    mappings: Vec<Mapping>,
}

/// Sets the stage, tells the story, and keeps running for the visitor.
pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let began = Instant::now();
    let stop = connect::stop_on_signals()?;
    let say = if args.json { say_aside } else { say_aloud };
    say("Lockstep demo: a real Postgres, a Salesforce org in a box, and the worker between them.");
    let stage = set_up(&args).await?;
    load(&stage).await?;
    let worker = Worker::new(
        stage.db.clone(),
        stage.client.clone(),
        &stage.mappings,
        Config {
            holder: "demo".to_owned(),
            lease_ttl: Duration::from_secs(15),
            grace: Duration::from_secs(10),
            describe_every: Duration::from_mins(5),
            limits_every: Duration::from_mins(5),
            keep_history: Duration::from_hours(24 * 30),
            long_snapshot: Duration::from_mins(15),
        },
        Health::default(),
    );
    let worker_stop = CancellationToken::new();
    let running = tokio::spawn(worker.run(worker_stop.clone()));
    if args.json {
        report::say(ready_line(&stage).to_string());
    }
    introduce(&stage, began, say);

    let deadline = args.exit_after.map(|seconds| began + Duration::from_secs(seconds));
    let story = tokio::select! {
        told = tell(&stage, &args, &say) => told,
        () = stop.cancelled() => Err(Failure::new(Exit::Interrupted, "interrupted before the story ended")),
        () = until(deadline) => Err(Failure::new(Exit::Failed, "the time was over before the story ended")),
    };
    if story.is_ok() {
        invite(&stage, say);
    }
    if story.is_ok() || args.exit_after.is_none() {
        if let Err(failure) = &story {
            report::fail(failure);
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = until(deadline) => {}
        }
    }
    worker_stop.cancel();
    if running.await.is_err() {
        return Err(Failure::new(Exit::Failed, "the worker ended unexpectedly"));
    }
    story.map(|()| Exit::Ok)
}

fn say_aloud(line: &str) {
    report::say(line);
}

fn say_aside(line: &str) {
    report::note(line);
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn set_up(args: &Args) -> Result<Stage, Failure> {
    let failed =
        |error: &dyn std::error::Error| Failure::new(Exit::Failed, report::with_causes(error));
    let playground =
        Playground::start(search(), args.seed, args.scale).await.map_err(|error| failed(&error))?;
    let db = Database::connect(&postgres::Config {
        url: SecretString::from(playground.database_url()),
        schema: "salesforce".to_owned(),
        max_connections: 8,
        root_cert: None,
    })
    .await
    .map_err(connect::postgres_failure)?;
    let client = log_in(&playground, &playground.credentials().username)?;
    let sources: Vec<_> = SAMPLES.map(|(path, text)| mapping::Source::new(path, text)).into();
    let files = mapping::load_sources(&sources)
        .into_files()
        .map_err(|problems| connect::mapping_failure(&problems))?;
    let mut mappings = connect::bind(&client, &files).await?;
    for mapping in &mut mappings {
        mapping.poll.every = POLL_EVERY;
    }
    postgres::migrate(&db).await.map_err(connect::postgres_failure)?;
    postgres::provision(&db, &mappings).await.map_err(connect::postgres_failure)?;
    Ok(Stage { playground, db, client, mappings })
}

/// Where Postgres' programs are looked for. `DATABASE_URL` is deliberately not: a demo must not write into a database
/// that somebody uses.
fn search() -> Search {
    let variable = |name: &str| {
        crate::config::environment().find(|(variable, _)| variable == name).map(|(_, value)| value)
    };
    Search {
        pg_bin_dir: variable("PG_BIN_DIR").map(Into::into),
        path: variable("PATH").map(Into::into),
        ..Search::default()
    }
}

/// A client for one of the org's users, by the JWT bearer flow.
fn log_in(playground: &Playground, username: &str) -> Result<Client, Failure> {
    let Credentials { client_id, private_key_pem, .. } = playground.credentials();
    let login_url = playground
        .salesforce_url()
        .parse()
        .map_err(|_| Failure::new(Exit::Failed, "the demo's org has no usable address"))?;
    Client::new(salesforce::Config {
        login_url,
        auth: Auth::JwtBearer {
            client_id,
            username: username.to_owned(),
            private_key: SecretString::from(private_key_pem),
            audience: None,
        },
        api_version: salesforce::DEFAULT_API_VERSION.to_owned(),
        timeout: Duration::from_secs(30),
    })
    .map_err(connect::salesforce_failure)
}

async fn load(stage: &Stage) -> Result<(), Failure> {
    let backfill = Backfill::new(stage.db.clone(), stage.client.clone());
    let ttl = Duration::from_secs(15);
    for mapping in &stage.mappings {
        let name = format!("backfill:{}", mapping.object);
        let lease = postgres::acquire(&stage.db, &name, "demo", ttl)
            .await
            .map_err(connect::postgres_failure)?
            .ok_or_else(|| Failure::new(Exit::Failed, "the demo's database is in use"))?;
        let steps = async {
            while !backfill.step(&lease, mapping).await.map_err(connect::sync_failure)?.finished {}
            Ok::<(), Failure>(())
        };
        tokio::select! {
            loaded = steps => loaded?,
            () = keep_lease(&stage.db, &lease, ttl) => {
                return Err(Failure::new(Exit::Failed, "the demo's load lost its lease"));
            }
        }
        postgres::release(&stage.db, &lease).await.map_err(connect::postgres_failure)?;
    }
    Ok(())
}

fn ready_line(stage: &Stage) -> serde_json::Value {
    serde_json::json!({
        "database_url": stage.playground.database_url(),
        "salesforce_url": stage.playground.salesforce_url(),
        "access_token": stage.playground.credentials().user_token,
        "schema": stage.db.schema(),
    })
}

fn introduce(stage: &Stage, began: Instant, say: fn(&str)) {
    say(&format!("Ready after {:.1} s.", began.elapsed().as_secs_f64()));
    say(&format!("  Postgres    {}", stage.playground.database_url()));
    say(&format!("  Salesforce  {}", stage.playground.salesforce_url()));
}

async fn tell(stage: &Stage, args: &Args, say: &fn(&str)) -> Result<(), Failure> {
    if args.json && args.exit_after.is_none() {
        return Ok(());
    }
    let broken = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, format!("the story broke off: {}", report::with_causes(error)))
    };
    let application =
        Console::connect(&stage.playground.database_url()).await.map_err(|error| broken(&error))?;
    let user = log_in(&stage.playground, &stage.playground.credentials().user_username)?;
    let characters = Characters { application, user, schema: stage.db.schema().to_owned() };
    let say = |line: &str| say(line);
    Storyteller::new(characters, &say).tell().await.map_err(|error| broken(&error))
}

fn invite(stage: &Stage, say: fn(&str)) {
    let credentials = stage.playground.credentials();
    say("");
    say("That was the story. Now it is yours; both sides stay in step until Ctrl-C:");
    say(&format!("  psql {}", stage.playground.database_url()));
    say(
        "    select sfid, name, _hc_lastop, _hc_err from salesforce.account order by id desc limit 5;",
    );
    say(&format!(
        "  curl -s '{}/services/data/v66.0/query?q=SELECT+Id,Name+FROM+Account+LIMIT+5' \\",
        stage.playground.salesforce_url()
    ));
    say(&format!("    -H 'Authorization: Bearer {}'", credentials.user_token));
}

//! Several loads at once, as far as their order allows, and what to say when they have ended.

use super::choose::Wanted;
use super::load::{Ended, Load};
use super::order::Order;
use super::progress::Reporter;
use crate::cli::connect::{self, Session};
use crate::cli::report::{Exit, Failure};
use crate::postgres;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Loads what is wanted, at most `parallel` mappings at once, and says how it ended.
pub(super) async fn all(
    session: &Session,
    wanted: Wanted<'_>,
    parallel: usize,
    (reporter, stop): (&Reporter, &CancellationToken),
) -> Exit {
    let resumes = wanted.resumes;
    let loads: Vec<Load<'_>> = wanted
        .loads
        .into_iter()
        .map(|(mapping, request)| Load { session, reporter, stop, mapping, request, resumes })
        .collect();
    let order = match order(session, &loads).await {
        Ok(order) => order,
        Err(failure) => {
            reporter.fail(&failure);
            return failure.exit;
        }
    };
    say_circles(reporter, &order, &loads);
    // Every load holds a connection for as long as a page takes; leases are renewed over the others.
    let most = session.settings.postgres.max_connections.saturating_sub(1).max(1);
    if parallel > most && loads.len() > most {
        reporter.note(&format!(
            "loading {most} at once, for postgres.max_connections is {}",
            session.settings.postgres.max_connections
        ));
    }
    let ended = side_by_side(&loads, &order, parallel.min(most)).await;
    conclude(reporter, &loads, ended)
}

async fn order(session: &Session, loads: &[Load<'_>]) -> Result<Order, Failure> {
    let keys = postgres::foreign_keys(&session.db).await.map_err(connect::postgres_failure)?;
    let tables: Vec<&str> = loads.iter().map(|load| load.mapping.table.as_str()).collect();
    Ok(Order::of(&tables, &keys))
}

fn say_circles(reporter: &Reporter, order: &Order, loads: &[Load<'_>]) {
    for circle in &order.circles {
        let members = circle.iter().filter_map(|index| loads.get(*index));
        let names: Vec<&str> = members.map(|load| load.mapping.object.as_str()).collect();
        reporter.note(&format!(
            "the tables of {} refer to each other in a circle; they are loaded in this order",
            names.join(", ")
        ));
    }
}

/// Runs the loads; answers how each ended, and what the summary says of it. `None`: it never began.
async fn side_by_side(
    loads: &[Load<'_>],
    order: &Order,
    parallel: usize,
) -> Vec<Option<(Ended, Value)>> {
    let mut results: Vec<Option<(Ended, Value)>> = loads.iter().map(|_| None).collect();
    let (mut begun, mut done) = (BTreeSet::new(), BTreeSet::new());
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < parallel
            && let Some(next) = order.next(&begun, &done)
            && let Some(load) = loads.get(next)
        {
            begun.insert(next);
            if !load.stop.is_cancelled() {
                running.push(async move { (next, Box::pin(load.run()).await) });
            }
        }
        let Some((index, (ended, summary))) = running.next().await else { return results };
        if matches!(ended, Ended::Loaded | Ended::NothingToResume) {
            done.insert(index);
        }
        if let Some(result) = results.get_mut(index) {
            *result = Some((ended, summary));
        }
    }
}

/// Says what there is to say of each load, sums up, and answers the exit status: of an interruption, else of the first
/// load that was not completed.
fn conclude(reporter: &Reporter, loads: &[Load<'_>], ended: Vec<Option<(Ended, Value)>>) -> Exit {
    let mut exits = Vec::new();
    let mut summaries = Vec::new();
    let mut interrupted = Vec::new();
    for (load, result) in loads.iter().zip(ended) {
        let object = &load.mapping.object;
        let Some((ended, summary)) = result else {
            if load.stop.is_cancelled() {
                continue;
            }
            exits.push(Exit::Failed);
            reporter.note(&format!("{object}: not loaded, for a table it refers to is not"));
            summaries.push(json!({ "mapping": object, "outcome": "parent_not_loaded" }));
            continue;
        };
        summaries.push(summary);
        match ended {
            Ended::Loaded => {}
            Ended::NothingToResume => reporter.note(&format!("{object}: no load to go on with")),
            Ended::Elsewhere(holder) => {
                reporter.note(&format!("{object}: {holder} goes on with the load"));
            }
            Ended::Paused => {
                exits.push(Exit::Temporary);
                let again = load.again();
                reporter.note(&format!("{object}: paused; go on with: {again}"));
            }
            Ended::Cancelled => {
                exits.push(Exit::Failed);
                reporter.note(&format!("{object}: cancelled; its rows stay"));
            }
            Ended::Interrupted => {
                exits.push(Exit::Interrupted);
                interrupted.push(object.as_str());
            }
            Ended::Failed(failure) => {
                exits.push(failure.exit);
                reporter.fail(&failure);
            }
        }
    }
    if !interrupted.is_empty() {
        reporter.note(&format!(
            "interrupted; run the same command again to go on where it stopped, or: lockstep backfill resume {}",
            interrupted.join(" ")
        ));
    }
    let is_interrupted = loads.first().is_some_and(|load| load.stop.is_cancelled());
    let exit = match exits.first() {
        Some(_) if exits.contains(&Exit::Interrupted) => Exit::Interrupted,
        Some(exit) => *exit,
        None if is_interrupted => Exit::Interrupted,
        None => Exit::Ok,
    };
    reporter.event(
        "summary",
        json!({
            "mappings": summaries,
            "exit_status": exit as u8,
            "seconds": reporter.elapsed().as_secs_f64(),
        }),
    );
    exit
}

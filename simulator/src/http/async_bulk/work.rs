//! What a batch does, behind its client's back.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    ApiError, Id,
    http::{
        async_bulk::{
            batch::{Batch, End, Outcome, State},
            body::Table,
            job::{Content, Job, State as JobState, Task},
            query,
        },
        connection::delay,
        faults::Trouble,
        world::World,
    },
    org::{Operation, events::Author},
};

/// Rows written before others get their turn with the org.
const TURN: usize = 200;

/// A batch at work, with all that it needs of its job.
pub(super) struct Shift {
    pub(super) job: Id,
    pub(super) batch: Id,
    pub(super) user: Id,
    pub(super) object: String,
    pub(super) key_field: Option<String>,
    pub(super) task: Task,
    pub(super) content: Content,
    pub(super) version: String,
    pub(super) body: Bytes,
    pub(super) range: Option<(Id, Id)>,
    pub(super) trouble: Trouble,
}

/// Sees to it that a batch of the job is worked on.
pub(super) fn start(world: &Arc<World>, job: Id) {
    world.spawn(run(Arc::downgrade(world), job, world.config().bulk_delay / 2));
}

/// Works on waiting batches, one after the other.
async fn run(world: Weak<World>, job: Id, half_delay: Duration) {
    delay(half_delay).await;
    while let Some(shift) = next(&world, job) {
        delay(half_delay).await;
        let (home, batch) = (Weak::clone(&world), shift.batch);
        let work = tokio::task::spawn_blocking(move || {
            if let Some(world) = home.upgrade() {
                work(&world, &shift);
            }
        });
        if let Err(error) = work.await {
            tracing::error!(%error, "a batch panicked");
            let Some(world) = world.upgrade() else { return };
            let now = world.now();
            with_batch(&world, job, batch, |batch| {
                batch.fail("Unknown : An unexpected error occurred".to_owned(), now);
            });
        }
    }
}

/// The next waiting batch of a job; none while another is at work in a serial one.
fn next(world: &Weak<World>, id: Id) -> Option<Shift> {
    let world = world.upgrade()?;
    let now = world.now();
    let mut jobs = world.async_jobs();
    let job = jobs.get(id)?;
    let is_busy = job.batches.iter().any(|batch| batch.state == State::InProgress);
    if job.state == JobState::Aborted || job.is_serial && is_busy {
        return None;
    }
    let place = job.batches.iter().position(|batch| batch.state == State::Queued)?;
    let batch = job.batches.get_mut(place)?;
    batch.enter(State::InProgress, now);
    let (batch, body) = (batch.id, batch.body.clone());
    let (range, trouble) =
        job.batches.get(place).map(|batch| (batch.range, batch.trouble.clone()))?;
    Some(Shift {
        job: id,
        batch,
        user: job.user,
        object: job.object.clone(),
        key_field: job.key_field.clone(),
        task: job.task,
        content: job.content,
        version: job.version.clone(),
        body,
        range,
        trouble,
    })
}

fn work(world: &Arc<World>, shift: &Shift) {
    let outcome = match shift.task {
        Task::Write(operation) => write(world, shift, operation),
        Task::Query(scope) => query::run(world, shift, scope),
    };
    if shift.trouble.stalls() {
        return;
    }
    let outcome = match shift.trouble.job_error() {
        Some(message) => Err(message),
        None => outcome,
    };
    let now = world.now();
    with_batch(world, shift.job, shift.batch, |batch| match outcome {
        Ok(outcome) => {
            batch.outcome = outcome;
            // A job that was aborted meanwhile keeps the batch as it was left.
            if batch.state == State::InProgress {
                batch.enter(State::Completed, now);
            }
        }
        Err(message) => batch.fail(message, now),
    });
}

/// Does something with a batch, if it is still there.
pub(super) fn with_batch(world: &World, job: Id, batch: Id, change: impl FnOnce(&mut Batch)) {
    let mut jobs = world.async_jobs();
    let found = jobs
        .get(job)
        .and_then(|job: &mut Job| job.batches.iter_mut().find(|known| known.id == batch));
    if let Some(found) = found {
        change(found);
    }
}

/// Writes the rows of a batch by the engine of ingest.
fn write(world: &World, shift: &Shift, operation: Operation) -> Result<Outcome, String> {
    let table = Table::read(shift.content, &shift.body)?;
    let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let key = shift.key_field.as_deref();
    let plan = world.org().plan_ingest(shift.user, &shift.object, (operation, key), &columns);
    let plan = plan.map_err(|error| format!("{} : {}", error.code, error.message))?;
    let mut ends: Vec<End> = Vec::with_capacity(table.rows.len());
    for rows in table.rows.chunks(TURN) {
        let mut is_aborted = true;
        with_batch(world, shift.job, shift.batch, |batch| {
            is_aborted = batch.state != State::InProgress;
        });
        if is_aborted {
            break;
        }
        let mut org = world.org();
        let origin = format!("com/salesforce/api/bulk/{}", shift.version);
        org.write_as(Author { origin, user: Some(shift.user) });
        for row in rows {
            if !shift.trouble.job_goes_on(ends.len()) {
                break;
            }
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            let trouble = shift.trouble.of_row(ends.len(), |field| table.cell(field, row));
            ends.push(match trouble {
                Some(error) => Err(error),
                None => match org.ingest(shift.user, &plan, &cells) {
                    Ok(saved) => Ok((saved.id, saved.created)),
                    Err(failure) => Err(failure.error),
                },
            });
        }
        drop(org);
        let failed = ends.iter().filter(|end| end.is_err()).count();
        with_batch(world, shift.job, shift.batch, |batch| {
            batch.processed = ends.len();
            batch.failed = failed;
        });
    }
    // The rows that were left alone have ends too: every row has its result.
    while ends.len() < table.rows.len() {
        ends.push(Err(ApiError::row("PROCESSING_HALTED", "the row was not processed", &[])));
    }
    count(world, operation, &ends);
    Ok(Outcome::Rows(ends))
}

/// Counts rows for the request log.
fn count(world: &World, operation: Operation, ends: &[End]) {
    let (mut created, mut changed, mut failed) = (0, 0, 0);
    for end in ends {
        match end {
            Ok((_, true)) => created += 1,
            Ok(_) => changed += 1,
            Err(_) => failed += 1,
        }
    }
    let is_deletion = matches!(operation, Operation::Delete | Operation::HardDelete);
    let mut log = world.log();
    log.count_rows("created", created);
    log.count_rows(if is_deletion { "deleted" } else { "updated" }, changed);
    log.count_rows("failed", failed);
}

//! Ingest jobs.

use std::{
    ops::Range,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;

use crate::{
    ApiError, Id, Org,
    http::{
        bulk::{
            job::{Ingest, Job, State, Work, operation_named, wrong_state},
            jobs::{self, Kind},
            one_shot,
            outcome::{End, File, Outcome, position},
            query::enter,
            sheet::{Delimiter, Ending, Format},
        },
        call::{Call, unsupported},
        connection::delay,
        events::bulk_origin,
        late::{self, Late},
        refusal::Refusal,
        reply::Reply,
        route::Resource,
        world::World,
    },
    org::{IngestPlan, Operation, Permission, events::Author},
};

/// Rows written before others get their turn with the org.
const TURN: usize = 200;

/// The body of a new job.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    object: String,
    operation: String,
    content_type: Option<String>,
    external_id_field_name: Option<String>,
    assignment_rule_id: Option<String>,
    #[serde(default)]
    column_delimiter: Delimiter,
    #[serde(default)]
    line_ending: Ending,
}

/// Whatever is asked below `/jobs/ingest`.
///
/// # Errors
/// What the state of the job does not allow.
pub(crate) fn answer(
    world: &Arc<World>,
    call: &Call,
    resource: &Resource,
) -> Result<Reply, Refusal> {
    match resource {
        Resource::IngestJobs if call.method == Method::POST => create(world, call),
        Resource::IngestJobs => jobs::list(world, call, Kind::Ingest),
        Resource::IngestUpload(id) => upload(world, call, id),
        Resource::IngestSuccessful(id) => file(world, id, File::Successful),
        Resource::IngestFailed(id) => file(world, id, File::Failed),
        Resource::IngestUnprocessed(id) => file(world, id, File::Unprocessed),
        Resource::IngestJob(id) if call.method == Method::DELETE => {
            jobs::delete(world, Kind::Ingest, id)
        }
        Resource::IngestJob(id) if call.method == Method::PATCH => order(world, call, id),
        Resource::IngestJob(id) => Ok(Reply::ok(&world.jobs().find(Kind::Ingest, id)?.report())),
        _ => Err(Refusal::not_found()),
    }
}

fn create(world: &Arc<World>, call: &Call) -> Result<Reply, Refusal> {
    let is_multipart = call.media_type().is_some_and(|kind| kind == "multipart/form-data");
    let (order, content): (Order, Option<Bytes>) = if is_multipart {
        let (job, content) = one_shot::parts(call)?;
        let order = serde_json::from_slice(&job);
        (order.map_err(|error| Refusal::malformed_json(&error))?, Some(content))
    } else {
        (call.json()?, None)
    };
    let ingest = understand(world, call, &order, content)?;
    let state = if ingest.upload.is_some() { State::UploadComplete } else { State::Open };
    let mut jobs = world.jobs();
    let id = jobs.next_id();
    let job = Job {
        id,
        user: call.user(),
        created: call.time,
        changed: call.time,
        state,
        version: call.version_digits().to_owned(),
        format: Format { delimiter: order.column_delimiter, ending: order.line_ending },
        error: None,
        processed: 0,
        failed: 0,
        work: Work::Ingest(ingest),
    };
    let summary = job.summary();
    jobs.add(job);
    drop(jobs);
    if state == State::UploadComplete {
        start(world, id);
    }
    Ok(Reply::ok(&summary))
}

fn understand(
    world: &World,
    call: &Call,
    order: &Order,
    upload: Option<Bytes>,
) -> Result<Ingest, Refusal> {
    let invalid = |message: String| Err(Refusal::bad_request("INVALIDJOB", message));
    let Some(operation) = operation_named(&order.operation) else {
        return invalid(format!("Operation {} is not supported", order.operation));
    };
    if order.content_type.as_ref().is_some_and(|content_type| content_type != "CSV") {
        return invalid("contentType must be CSV".to_owned());
    }
    if operation == Operation::Upsert && order.external_id_field_name.is_none() {
        return invalid("externalIdFieldName is required for upsert".to_owned());
    }
    let org = world.org();
    let object = org.visible_object(call.user(), &order.object);
    let Some(object) = object.and_then(|number| org.schema().objects().get(number)) else {
        let message = format!("Entity '{}' is not supported by the Bulk API.", order.object);
        return Err(Refusal::bad_request("INVALIDENTITY", message));
    };
    if operation == Operation::HardDelete && !org.may(call.user(), Permission::BulkApiHardDelete) {
        let message = "hardDelete operation requires special user profile permission, please \
                       contact your system administrator";
        return Err(Refusal::bad_request("FEATURENOTENABLED", message));
    }
    Ok(Ingest {
        object: object.name().to_owned(),
        operation,
        key_field: order.external_id_field_name.clone(),
        assignment_rule: order.assignment_rule_id.clone(),
        upload,
        trouble: call.trouble.clone(),
        origin: bulk_origin(call),
        outcome: None,
    })
}

fn upload(world: &World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    if let Some(media_type) = call.media_type()
        && media_type != "text/csv"
    {
        return Err(unsupported(&media_type));
    }
    let mut jobs = world.jobs();
    let job = jobs.find(Kind::Ingest, id)?;
    let state = job.state;
    let Work::Ingest(ingest) = &mut job.work else { return Err(Refusal::not_found()) };
    if state != State::Open || ingest.upload.is_some() {
        return Err(wrong_state("Found multiple contents for the job, or the job is not Open"));
    }
    ingest.upload = Some(call.body.clone());
    ingest.trouble.add(&call.trouble);
    job.changed = call.time;
    Ok(Reply::empty(StatusCode::CREATED))
}

/// `PATCH`: close or abort.
fn order(world: &Arc<World>, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let wanted = jobs::wanted_state(call)?;
    let mut jobs = world.jobs();
    let job = jobs.find(Kind::Ingest, id)?;
    let state = job.state.ordered(wanted)?;
    job.enter(state, call.time);
    if let Work::Ingest(ingest) = &mut job.work {
        ingest.trouble.add(&call.trouble);
    }
    let (id, summary) = (job.id, job.summary());
    drop(jobs);
    if state == State::UploadComplete {
        start(world, id);
    }
    Ok(Reply::ok(&summary))
}

fn start(world: &Arc<World>, id: Id) {
    world.spawn(run(Arc::downgrade(world), id, world.config().bulk_delay / 2));
}

/// Takes a job from its queue to its end.
async fn run(world: Weak<World>, id: Id, half_delay: Duration) {
    delay(half_delay).await;
    if !enter(&world, id, State::UploadComplete, State::InProgress) {
        return;
    }
    delay(half_delay).await;
    let home = Weak::clone(&world);
    let work = tokio::task::spawn_blocking(move || write(&*home.upgrade()?, id));
    let mut written = match work.await {
        Ok(Some(written)) => written,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(%error, "an ingest job panicked");
            return;
        }
    };
    if let Some((late, number)) = written.parked
        && let Err(error) = late::land(Weak::clone(&world), late, number).await
    {
        written.take_back(error);
    }
    if let Some(world) = world.upgrade() {
        written.tell(&world);
    }
}

/// A row and its place in the upload.
type PlacedRow = (Range<usize>, csv::StringRecord);

/// What a job needs while it is at work.
struct Shift {
    id: Id,
    user: Id,
    format: Format,
    ingest: Ingest,
    upload: Bytes,
}

/// What a job has done and not told yet.
struct Written {
    shift: Shift,
    outcome: Outcome,
    error: Option<String>,
    /// The transaction of its rows, where it lands late.
    parked: Option<(Late, u64)>,
}

impl Written {
    /// Its transaction did not land.
    fn take_back(&mut self, error: Option<ApiError>) {
        let reason = error.map(|error| format!("{} : {}", error.code, error.message));
        self.error = reason.or_else(|| Some("InternalServerError : rolled back".to_owned()));
        self.outcome = Outcome::nothing_done(self.shift.upload.clone(), self.shift.format);
    }

    /// Ends the job.
    fn tell(self, world: &World) {
        let now = world.now();
        let mut jobs = world.jobs();
        let Some(job) = jobs.get_mut(self.shift.id) else { return };
        if let Work::Ingest(ingest) = &mut job.work {
            ingest.outcome = Some(Arc::new(self.outcome));
        }
        if job.state == State::InProgress && !self.shift.ingest.trouble.stalls() {
            job.enter(if self.error.is_none() { State::JobComplete } else { State::Failed }, now);
            job.error = self.error;
        }
    }
}

fn write(world: &World, id: Id) -> Option<Written> {
    let shift = {
        let mut jobs = world.jobs();
        let job = jobs.get_mut(id)?;
        let Work::Ingest(ingest) = &job.work else { return None };
        let upload = ingest.upload.clone().unwrap_or_default();
        Shift { id, user: job.user, format: job.format, ingest: ingest.clone(), upload }
    };
    let late = shift.ingest.trouble.late;
    let parked = late.map(|late| (late, world.org().park_nothing()));
    let (outcome, error) = match write_all(world, &shift, parked.map(|(_, number)| number)) {
        Ok(ended) => ended,
        Err(message) => (Outcome::nothing_done(shift.upload.clone(), shift.format), Some(message)),
    };
    Some(Written { shift, outcome, error, parked })
}

/// Writes row after row. What is wrong with the header fails the job before any row; a row that
/// cannot be read fails it where it stands, and what was written stays written.
/// Into a `parked` transaction it writes unseen.
fn write_all(
    world: &World,
    shift: &Shift,
    parked: Option<u64>,
) -> Result<(Outcome, Option<String>), String> {
    let mut reader = shift.format.reader(&shift.upload);
    let mut record = csv::StringRecord::new();
    let has_header = reader.read_record(&mut record);
    if !has_header.unwrap_or(false) {
        return Err("InvalidBatch : Failed to parse CSV header".to_owned());
    }
    let header: Vec<String> = record.iter().map(str::to_owned).collect();
    let plan = plan(&world.org(), shift, &header)
        .map_err(|error| format!("{} : {}", error.code, error.message))?;
    let mut outcome = Outcome::new(shift.upload.clone(), shift.format, header);
    let mut index = 0;
    loop {
        let (rows, error) = next_rows(&mut reader);
        if rows.is_empty() {
            return Ok((outcome, error.or_else(|| shift.ingest.trouble.job_error())));
        }
        // Taken back at the end of the turn; what was written is kept aside.
        let unseen = parked.map(|number| {
            let transaction = world.transaction();
            world.org().resume(number);
            transaction
        });
        let mut org = world.org();
        let origin = shift.ingest.origin.clone();
        org.write_as(Author { origin, user: Some(shift.user) });
        let is_at_work = is_at_work(world, shift.id);
        let mut turn = Turn::default();
        for (bytes, cells) in rows {
            let end = if !is_at_work || !shift.ingest.trouble.job_goes_on(index) {
                End::Unprocessed
            } else if let Some(error) = outcome.trouble(&shift.ingest.trouble, index, &cells) {
                End::Refused { id: None, error: error.to_bulk_text().into() }
            } else {
                shift.write_row(&mut org, &plan, &cells)
            };
            turn.count(&end, shift.ingest.operation);
            outcome.push(bytes, end);
            index += 1;
        }
        if let Some(number) = parked {
            org.park_more(number);
        }
        drop(org);
        drop(unseen);
        turn.tell(world, shift.id);
        if error.is_some() {
            return Ok((outcome, error));
        }
    }
}

fn plan(org: &Org, shift: &Shift, header: &[String]) -> Result<IngestPlan, ApiError> {
    let Ingest { object, operation, key_field, .. } = &shift.ingest;
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    org.plan_ingest(shift.user, object, (*operation, key_field.as_deref()), &header)
}

/// The rows of one turn and where they are; fewer than a turn's when one cannot be read.
fn next_rows(reader: &mut csv::Reader<&[u8]>) -> (Vec<PlacedRow>, Option<String>) {
    let mut rows = Vec::new();
    while rows.len() < TURN {
        let start = position(reader);
        let mut record = csv::StringRecord::new();
        match reader.read_record(&mut record) {
            Ok(true) => rows.push((start..position(reader), record)),
            Ok(false) => break,
            Err(error) => {
                return (rows, Some(format!("InvalidBatch : Failed to parse CSV: {error}")));
            }
        }
    }
    (rows, None)
}

fn is_at_work(world: &World, id: Id) -> bool {
    world.jobs().get_mut(id).is_some_and(|job| job.state == State::InProgress)
}

impl Shift {
    fn write_row(&self, org: &mut Org, plan: &IngestPlan, cells: &csv::StringRecord) -> End {
        let cells: Vec<&str> = cells.iter().collect();
        match org.ingest(self.user, plan, &cells) {
            Ok(saved) => End::Saved { id: saved.id, is_new: saved.created },
            Err(failure) => {
                End::Refused { id: failure.id, error: failure.error.to_bulk_text().into() }
            }
        }
    }
}

/// What one turn did, for the job's figures and the request log.
#[derive(Default)]
struct Turn {
    created: u64,
    changed: u64,
    deleted: u64,
    failed: u64,
}

impl Turn {
    fn count(&mut self, end: &End, operation: Operation) {
        match end {
            End::Saved { is_new: true, .. } => self.created += 1,
            End::Saved { .. } if matches!(operation, Operation::Delete | Operation::HardDelete) => {
                self.deleted += 1;
            }
            End::Saved { .. } => self.changed += 1,
            End::Refused { .. } => self.failed += 1,
            End::Unprocessed => {}
        }
    }

    fn tell(&self, world: &World, id: Id) {
        if let Some(job) = world.jobs().get_mut(id) {
            job.processed += self.created + self.changed + self.deleted + self.failed;
            job.failed += self.failed;
        }
        let mut log = world.log();
        log.count_rows("created", self.created);
        log.count_rows("updated", self.changed);
        log.count_rows("deleted", self.deleted);
        log.count_rows("failed", self.failed);
    }
}

/// One of the three files of a finished job.
fn file(world: &World, id: &str, file: File) -> Result<Reply, Refusal> {
    let mut jobs = world.jobs();
    let job = jobs.find(Kind::Ingest, id)?;
    if !job.state.is_final() {
        return Err(wrong_state(format!(
            "The job is {}, results are available once it has ended",
            job.state.name()
        )));
    }
    let Work::Ingest(ingest) = &job.work else { return Err(Refusal::not_found()) };
    let outcome = ingest.outcome.clone().unwrap_or_else(|| {
        let upload = ingest.upload.clone().unwrap_or_default();
        Arc::new(Outcome::nothing_done(upload, job.format))
    });
    drop(jobs);
    let count = outcome.count(file);
    Ok(Reply::csv(outcome.file(file)).about(count))
}

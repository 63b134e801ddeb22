//! All jobs of the org.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    Id,
    http::{
        bulk::job::{Job, State, Work, wrong_state},
        call::Call,
        refusal::Refusal,
        reply::Reply,
        world::World,
    },
};

/// Jobs per page of the list.
const PAGE: usize = 1_000;

/// How many jobs are kept.
const JOBS_KEPT: usize = 5_000;

/// How much of uploads and results is kept, in bytes.
const BYTES_KEPT: usize = 1024 * 1024 * 1024;

/// The jobs, oldest first. Ids are never used twice, not even after a reset.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: BTreeMap<Id, Job>,
    made: u64,
}

/// Which of the two resources a request came to; a job is only seen by its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Query,
    Ingest,
}

impl Kind {
    fn holds(self, work: &Work) -> bool {
        match work {
            Work::Query(_) => self == Self::Query,
            Work::Ingest(_) => self == Self::Ingest,
        }
    }

    /// The part of the path that names the resource.
    fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Ingest => "ingest",
        }
    }
}

impl Jobs {
    /// The next job's id.
    pub(crate) fn next_id(&mut self) -> Id {
        self.made += 1;
        Id::generate("750", self.made)
    }

    /// Takes a job in.
    pub(crate) fn add(&mut self, job: Job) {
        self.jobs.insert(job.id, job);
        self.forget_old();
    }

    /// Salesforce forgets a job after a week; here the oldest go when there are many or when what
    /// they keep is large, those that are still at work last.
    fn forget_old(&mut self) {
        let mut kept: usize = self.jobs.values().map(|job| job.work.size()).sum();
        while self.jobs.len() > JOBS_KEPT || (kept > BYTES_KEPT && self.jobs.len() > 1) {
            let ended = self.jobs.values().find(|job| job.state.is_final());
            let Some(oldest) = ended.or_else(|| self.jobs.values().next()).map(|job| job.id) else {
                return;
            };
            kept -= self.jobs.remove(&oldest).map_or(0, |job| job.work.size());
        }
    }

    /// The newest jobs, newest first, as polling answers them.
    pub(crate) fn newest(&self, count: usize) -> Vec<Value> {
        self.jobs.values().rev().take(count).map(Job::report).collect()
    }

    /// The job with this id.
    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Job> {
        self.jobs.get_mut(&id)
    }

    /// The job of a path.
    ///
    /// # Errors
    /// 404 when there is none of this kind.
    pub(crate) fn find(&mut self, kind: Kind, id: &str) -> Result<&mut Job, Refusal> {
        Id::from_text(id)
            .and_then(|id| self.jobs.get_mut(&id))
            .filter(|job| kind.holds(&job.work))
            .ok_or_else(Refusal::not_found)
    }

    /// The object that a job is about.
    pub(crate) fn object_of(&self, id: &str) -> Option<String> {
        Some(match &self.jobs.get(&Id::from_text(id)?)?.work {
            Work::Query(query) => query.object.clone(),
            Work::Ingest(ingest) => ingest.object.clone(),
        })
    }

    /// Forgets all jobs.
    pub(crate) fn clear(&mut self) {
        self.jobs.clear();
    }
}

/// `GET /jobs/{kind}`: a page of the jobs of this kind.
pub(crate) fn list(world: &World, call: &Call, kind: Kind) -> Result<Reply, Refusal> {
    let offset = match call.parameter("queryLocator") {
        Some(locator) => read_locator(locator)?,
        None => 0,
    };
    let wanted = call.parameter("jobType");
    let jobs = world.jobs();
    let mut reports = jobs
        .jobs
        .values()
        .filter(|job| kind.holds(&job.work))
        .filter(|job| wanted.is_none_or(|wanted| wanted == job.work.job_type()))
        .skip(offset)
        .map(Job::report);
    let records: Vec<Value> = reports.by_ref().take(PAGE).collect();
    let next = reports.next().map(|_| {
        let locator = write_locator(offset + PAGE);
        call.path_of(&format!("jobs/{}?queryLocator={locator}", kind.name()))
    });
    Ok(Reply::ok(&json!({ "done": next.is_none(), "records": records, "nextRecordsUrl": next })))
}

/// `DELETE /jobs/{kind}/{id}`
///
/// # Errors
/// A job that is unknown or at work.
pub(crate) fn delete(world: &World, kind: Kind, id: &str) -> Result<Reply, Refusal> {
    let mut jobs = world.jobs();
    let job = jobs.find(kind, id)?;
    if !job.state.is_deletable() {
        let message = format!("A job that is {} cannot be deleted", job.state.name());
        return Err(wrong_state(message));
    }
    let id = job.id;
    jobs.jobs.remove(&id);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// The state that a PATCH asks for.
///
/// # Errors
/// A body that names no state.
pub(crate) fn wanted_state(call: &Call) -> Result<State, Refusal> {
    #[derive(serde::Deserialize)]
    struct Body {
        state: State,
    }
    call.json::<Body>().map(|body| body.state)
}

/// A position as clients see it: opaque.
pub(crate) fn write_locator(offset: usize) -> String {
    URL_SAFE_NO_PAD.encode(offset.to_string())
}

/// The position that a locator stands for.
///
/// # Errors
/// Text that is no locator.
pub(crate) fn read_locator(locator: &str) -> Result<usize, Refusal> {
    URL_SAFE_NO_PAD
        .decode(locator.trim_end_matches('='))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refusal::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_come_back_as_the_position_they_were_made_of() {
        assert_eq!(write_locator(10_000), "MTAwMDA");
        assert_eq!(read_locator("MTAwMDA").unwrap(), 10_000);
        for nonsense in ["", "null", "%%%", "LTE"] {
            assert!(read_locator(nonsense).is_err(), "{nonsense}");
        }
    }
}

//! The load of one mapping, from its beginning or where it stopped, until it is done or something is in the way.
//!
//! Failures that pass are waited out, with the lease given back meanwhile; what a load had reached is in the database,
//! so that another process, or this one later, goes on there.

use super::begin::{Begin, begin, in_words};
use super::progress::{Reporter, Track};
use crate::cli::connect::{self, Session};
use crate::cli::report::{Exit, Failure};
use crate::mapping::Mapping;
use crate::postgres::{self, BackfillStatus, Lease, Request, Took};
use crate::runtime::Retry;
use crate::sync::Error;
use crate::worker::{Loader, Turn, keep_lease, pause};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long failures that pass are waited out, from the last step that went well.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a load that waits shows that it is there.
const BEAT: Duration = Duration::from_secs(1);

/// How often a lease of a holder that may be gone is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How a load ended.
#[derive(Debug)]
pub(super) enum Ended {
    Loaded,
    Paused,
    Cancelled,
    Interrupted,
    /// Somebody else goes on with it, which is what was asked for.
    Elsewhere(String),
    NothingToResume,
    Failed(Failure),
}

impl Ended {
    /// The word for programs.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Elsewhere(_) => "elsewhere",
            Self::NothingToResume => "nothing_to_resume",
            Self::Failed(failure) if failure.exit == Exit::Temporary => "waits",
            Self::Failed(_) => "failed",
        }
    }
}

/// A load of one mapping by this process.
pub(super) struct Load<'a> {
    pub(super) session: &'a Session,
    pub(super) reporter: &'a Reporter,
    pub(super) stop: &'a CancellationToken,
    pub(super) mapping: &'a Mapping,
    pub(super) request: Request,
    pub(super) resumes: bool,
}

impl Load<'_> {
    /// Loads, and answers how it ended and what the summary says of it.
    pub(super) async fn run(&self) -> (Ended, serde_json::Value) {
        let loader = Loader::new(self.session.db.clone(), &self.session.client);
        let mut track = None;
        let mut trouble = Trouble::default();
        let ended = loop {
            let rows = track.as_ref().map_or(0, Track::rows);
            let error = match Box::pin(self.term(&loader, &mut track)).await {
                Ok(ended) => break ended,
                Err(error) => error,
            };
            if track.as_ref().map_or(0, Track::rows) != rows {
                trouble = Trouble::default();
            }
            if error.retry() != Retry::Soon || trouble.is_too_long() {
                break Ended::Failed(self.failure(error));
            }
            let wait = trouble.again();
            self.reporter.note(&format!(
                "{}: {error}; trying again in {} s",
                self.mapping.object,
                wait.as_secs()
            ));
            if self.stop.run_until_cancelled(pause(wait)).await.is_none() {
                break Ended::Interrupted;
            }
        };
        let outcome = ended.as_str();
        let summary = match &track {
            Some(track) => track.ended(outcome),
            None => serde_json::json!({ "mapping": self.mapping.object, "outcome": outcome }),
        };
        if let (Some(track), Ended::Loaded) = (&track, &ended) {
            self.reporter.note(&track.sum());
        }
        (ended, summary)
    }

    /// One term under the lease.
    async fn term<'a>(
        &'a self,
        loader: &Loader,
        track: &mut Option<Track<'a>>,
    ) -> Result<Ended, Error> {
        let lease = tokio::select! {
            () = self.stop.cancelled() => return Ok(Ended::Interrupted),
            lease = self.acquire() => match lease? {
                Ok(lease) => lease,
                Err(holder) => return Ok(self.is_held(holder)),
            },
        };
        let ttl = self.session.settings.worker.lease_ttl;
        let ended = tokio::select! {
            ended = self.turns(loader, &lease, track) => ended,
            () = keep_lease(&self.session.db, &lease, ttl) => Err(Error::Fenced { lease: lease.name.clone() }),
            () = self.stop.cancelled() => Ok(Ended::Interrupted),
        };
        if let Err(error) = postgres::release(&self.session.db, &lease).await {
            let name = &lease.name;
            self.reporter.note(&format!("the lease {name} runs out by itself: {error}"));
        }
        ended
    }

    /// Takes the lease, or answers who holds it. A holder that has died shows no sign of life: its lease is waited for.
    async fn acquire(&self) -> Result<Result<Lease, String>, Error> {
        let db = &self.session.db;
        let name = format!("backfill:{}", self.mapping.object);
        let holder = connect::holder(&self.session.settings);
        let ttl = self.session.settings.worker.lease_ttl;
        let mut seen: Option<postgres::Holder> = None;
        loop {
            if let Some(lease) = postgres::acquire(db, &name, &holder, ttl).await? {
                return Ok(Ok(lease));
            }
            let now = postgres::holder(db, &name).await?;
            match (&seen, &now) {
                (Some(before), Some(now))
                    if (before.epoch, before.expires_at) != (now.epoch, now.expires_at) =>
                {
                    return Ok(Err(now.name.clone()));
                }
                (None, Some(held)) => self.reporter.note(&format!(
                    "{}: waiting up to {} s for a sign of life of {}",
                    self.mapping.object,
                    held.left.as_secs() + 1,
                    held.name
                )),
                _ => {}
            }
            seen = seen.or(now);
            pause(LOOK_EVERY).await;
        }
    }

    fn is_held(&self, holder: String) -> Ended {
        if self.resumes {
            return Ended::Elsewhere(holder);
        }
        let object = &self.mapping.object;
        Ended::Failed(
            Failure::new(
                Exit::Temporary,
                format!("{object} is being loaded by another process, {holder}"),
            )
            .next(format!("watch it with: lockstep backfill status {object}")),
        )
    }

    /// Takes turns until the load has ended.
    async fn turns<'a>(
        &'a self,
        loader: &Loader,
        lease: &Lease,
        track: &mut Option<Track<'a>>,
    ) -> Result<Ended, Error> {
        let track = match track {
            Some(track) if self.is_done().await? => {
                // The last page was applied; only the answer to its commit was lost.
                track.beat();
                return Ok(Ended::Loaded);
            }
            Some(track) => track,
            None => match self.begin(loader, lease).await? {
                Ok(begun) => track.insert(begun),
                Err(ended) => return Ok(ended),
            },
        };
        loop {
            let turn = loader.turn(lease, self.mapping);
            tokio::pin!(turn);
            let turn = loop {
                tokio::select! {
                    turn = &mut turn => break turn?,
                    () = pause(BEAT) => track.beat(),
                }
            };
            match turn {
                Turn::Stepped { step, calls } => {
                    track.reached(&step, calls);
                    if step.finished {
                        return Ok(Ended::Loaded);
                    }
                }
                Turn::Wait(wait) => {
                    pause(wait.min(BEAT)).await;
                    track.beat();
                }
                Turn::Paused { .. } => return Ok(Ended::Paused),
                Turn::Cancelled { .. } => return Ok(Ended::Cancelled),
                Turn::OverBudget => return Ok(Ended::Failed(self.over_budget())),
            }
        }
    }

    /// Sees how the load stands, asks for it where it is not under way, and follows it; or says why not.
    async fn begin<'a>(
        &'a self,
        loader: &Loader,
        lease: &Lease,
    ) -> Result<Result<Track<'a>, Ended>, Error> {
        let (db, object) = (&self.session.db, self.mapping.object.as_str());
        let standing = self.standing().await?;
        let begin = begin(&standing, &self.request, self.resumes);
        let mut expected = standing.expected;
        match &begin {
            Begin::GoOn if !self.resumes => {
                let rate = self.request.rows_per_second;
                postgres::set_backfill_rate(db, lease, object, rate).await?;
            }
            Begin::GoOn => {}
            Begin::Anew => {
                if self.request.part.is_whole() && standing.loaded {
                    postgres::needs_load(db, lease, object).await?;
                    postgres::welcome_kept_away(db, object).await?;
                }
                postgres::ask_backfill(db, lease, object, &self.request).await?;
                expected = None;
            }
            Begin::NothingToResume => return Ok(Err(Ended::NothingToResume)),
            Begin::IsPaused => return Ok(Err(Ended::Failed(self.is_paused()))),
            Begin::OtherUnderWay => {
                return Ok(Err(Ended::Failed(self.other_under_way(&standing.request))));
            }
        }
        if expected.is_none() {
            let part = if begin == Begin::Anew { &self.request } else { &standing.request };
            let count = loader.expected(self.mapping, &part.part).await?;
            let took = Took { expected: Some(count), ..Took::default() };
            postgres::note_backfill(db, lease, object, took).await?;
            expected = Some(count);
        }
        Ok(Ok(self.reporter.track(object, standing.rows.unwrap_or_default(), expected)))
    }

    async fn standing(&self) -> Result<BackfillStatus, Error> {
        let all = postgres::backfills(&self.session.db).await?;
        let own = all.into_iter().find(|status| status.object == self.mapping.object);
        let missing = || format!("the mapping of {} was not applied", self.mapping.object);
        own.ok_or_else(|| Error::from(postgres::Error::Missing(missing())))
    }

    /// Whether nothing of what was asked for is left to do.
    async fn is_done(&self) -> Result<bool, Error> {
        let standing = self.standing().await?;
        let is_asked = !standing.loaded || !standing.request.part.is_whole();
        Ok(standing.rows.is_none() && !is_asked)
    }

    fn failure(&self, error: Error) -> Failure {
        let is_passing = error.retry() != Retry::Never;
        let mut failure = connect::sync_failure(error);
        failure.message = format!("{}: {}", self.mapping.object, failure.message);
        if is_passing {
            let again = self.again();
            failure.next = Some(match failure.next {
                Some(next) => format!("{next}; then go on with: {again}"),
                None => format!("go on with: {again}"),
            });
        }
        failure
    }

    /// The command that goes on with the load.
    pub(super) fn again(&self) -> String {
        format!("lockstep backfill resume {}", self.mapping.object)
    }

    fn is_paused(&self) -> Failure {
        let object = &self.mapping.object;
        Failure::new(Exit::Temporary, format!("the load of {object} is paused"))
            .next(format!("go on with: {}", self.again()))
    }

    fn other_under_way(&self, under_way: &Request) -> Failure {
        let object = &self.mapping.object;
        let what = in_words(under_way);
        Failure::new(Exit::Guarded, format!("{object}: the load{what} is under way")).next(format!(
            "finish it with: {}, or give it up with: lockstep backfill cancel {object}",
            self.again()
        ))
    }

    fn over_budget(&self) -> Failure {
        let level = self.session.client.budget().level();
        let message = format!(
            "{}: the API budget allows no more: {}",
            self.mapping.object,
            level.held_back()
        );
        Failure::new(Exit::Temporary, message)
            .next(format!("wait, the org's limit counts the last 24 hours; then: {}", self.again()))
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Instant>,
    times: u32,
}

impl Trouble {
    fn is_too_long(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() > PATIENCE)
    }

    /// One more failure: answers how long to wait before trying again.
    fn again(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        let wait = Duration::from_secs(1 << self.times.min(3));
        self.times += 1;
        wait
    }
}

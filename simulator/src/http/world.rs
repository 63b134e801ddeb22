//! Everything that requests share, each part behind its own lock.
//!
//! A lock is held for one step. Where two are needed the org's comes first. A panic while a lock is
//! held does not make the part unusable: a transaction changes the org only once it knows that it
//! will succeed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Config, Id, StartError,
    http::{
        app_usage::AppUsage,
        async_bulk,
        bulk::Jobs,
        cometd::Clients,
        cursors::Cursors,
        events::Bus,
        faults::Faults,
        org_lock::{OrgGuard, OrgLock, Transaction},
        passwords::Passwords,
        request_log::RequestLog,
        sessions::Sessions,
        steered_clock::SteeredClock,
        usage::{Progress, Usage},
        versions::Versions,
    },
    org::Clock,
};

/// The org and all that the HTTP side remembers about it.
pub(crate) struct World {
    url: String,
    config: Config,
    clock: SteeredClock,
    organization_id: String,
    org: OrgLock,
    sessions: Mutex<Sessions>,
    passwords: Mutex<Passwords>,
    faults: Mutex<Faults>,
    log: Mutex<RequestLog>,
    jobs: Mutex<Jobs>,
    async_jobs: Mutex<async_bulk::Jobs>,
    cursors: Mutex<Cursors>,
    usage: Usage,
    app_usage: AppUsage,
    bus: Bus,
    cometd: Mutex<Clients>,
    progress: Progress,
    versions: Mutex<Versions>,
    /// Jobs at work; they end with the world.
    tasks: Mutex<JoinSet<()>>,
}

/// A user, as far as logging in is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: Id,
    pub(crate) username: String,
}

impl World {
    /// A world around a new org, reachable at `url`.
    ///
    /// # Errors
    /// A schema or CSV file that does not fit.
    pub(crate) fn new(url: String, config: Config, clock: Clock) -> Result<Self, StartError> {
        let clock = SteeredClock::new(clock);
        let org = config.build(clock.as_clock())?;
        let organization_id = org.organization_id().to_string();
        let lifetime = TimeDelta::from_std(config.session_lifetime).unwrap_or(TimeDelta::MAX);
        Ok(Self {
            url,
            clock,
            sessions: Mutex::new(Sessions::new(organization_id.clone(), lifetime)),
            organization_id,
            org: OrgLock::new(org),
            passwords: Mutex::default(),
            faults: Mutex::default(),
            log: Mutex::default(),
            jobs: Mutex::default(),
            async_jobs: Mutex::default(),
            cursors: Mutex::default(),
            usage: Usage::new(config.daily_limit),
            app_usage: AppUsage::default(),
            bus: Bus::new(config.connect_timeout, config.pubsub_keepalive),
            cometd: Mutex::default(),
            progress: Progress::default(),
            versions: Mutex::default(),
            tasks: Mutex::default(),
            config,
        })
    }

    /// Base of all URLs, without a trailing slash.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What the simulator was started with.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The org's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The org's clock, to be moved.
    pub(crate) fn clock(&self) -> &SteeredClock {
        &self.clock
    }

    /// By how much the `Date` header is wrong.
    pub(crate) fn date_skew(&self) -> TimeDelta {
        self.clock.skew()
    }

    /// The requests under way.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The org's id with 18 characters.
    pub(crate) fn organization_id(&self) -> &str {
        &self.organization_id
    }

    /// Where a user's identity is told.
    pub(crate) fn identity_url(&self, user_id: Id) -> String {
        format!("{}/id/{}/{user_id}", self.url, self.organization_id)
    }

    /// The active user with this user name.
    pub(crate) fn person_named(&self, username: &str) -> Option<Person> {
        let org = self.org();
        let id = org.user(username)?;
        let username = org.username(id).unwrap_or_else(|| username.to_owned());
        Some(Person { id, username })
    }

    /// The user with this id.
    pub(crate) fn person(&self, id: Id) -> Option<Person> {
        Some(Person { username: self.org().username(id)?, id })
    }

    /// The user name that the connected app runs as.
    pub(crate) fn integration_username(&self) -> String {
        let org = self.org();
        org.username(org.integration_user()).unwrap_or_default()
    }

    /// The user name of the second user, who works as people do.
    pub(crate) fn human_username(&self) -> String {
        let org = self.org();
        org.username(org.human_user()).unwrap_or_default()
    }

    /// Makes the org what it was at the start; sessions and clock stay.
    ///
    /// # Errors
    /// As [`World::new`], for instance when a file has gone since.
    pub(crate) fn reset(&self) -> Result<(), StartError> {
        let org = self.config.build(self.clock.as_clock())?;
        lock(&self.tasks).abort_all();
        let mut old = self.org();
        let latest = old.events().log().latest();
        *old = org;
        old.events_mut().log_mut().continue_after(latest);
        self.jobs().clear();
        self.async_jobs().clear();
        drop(old);
        *self.passwords() = Passwords::default();
        self.cursors().clear();
        self.faults().remove(None);
        self.log().clear();
        self.usage.set(0, self.config.daily_limit);
        self.app_usage.set(Vec::new());
        *self.versions() = Versions::default();
        Ok(())
    }

    /// The org, as soon as nobody else uses it and no other thread has a transaction open.
    pub(crate) fn org(&self) -> OrgGuard<'_> {
        self.org.lock()
    }

    /// Changes whenever there are new events.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.org.news()
    }

    /// The clients that subscribe by CometD.
    pub(crate) fn cometd(&self) -> MutexGuard<'_, Clients> {
        lock(&self.cometd)
    }

    /// Settings and figures of event delivery.
    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Opens a transaction that spans every use of the org by this thread until it ends.
    pub(crate) fn transaction(&self) -> Transaction<'_> {
        self.org.begin()
    }

    /// Passwords that were set.
    pub(crate) fn passwords(&self) -> MutexGuard<'_, Passwords> {
        lock(&self.passwords)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        lock(&self.log)
    }

    pub(crate) fn jobs(&self) -> MutexGuard<'_, Jobs> {
        lock(&self.jobs)
    }

    pub(crate) fn async_jobs(&self) -> MutexGuard<'_, async_bulk::Jobs> {
        lock(&self.async_jobs)
    }

    pub(crate) fn cursors(&self) -> MutexGuard<'_, Cursors> {
        lock(&self.cursors)
    }

    pub(crate) fn versions(&self) -> MutexGuard<'_, Versions> {
        lock(&self.versions)
    }

    pub(crate) fn app_usage(&self) -> &AppUsage {
        &self.app_usage
    }

    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Work that outlives the request that ordered it, but not the world.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

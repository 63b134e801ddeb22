//! Watches what objects in Salesforce look like, and hands the groups another binding when one has changed.
//!
//! While nothing changes, a look costs one request for all mappings together, with an empty answer. Rights may change
//! without moving the stamp that such a request compares: what is out of order is described anew with every look, and
//! whatever Salesforce refuses in a way that smells of a change is looked at at once.

use crate::mapping::{self, Applied, DriftKind, Drifted, Mapping, MappingFile, Org, Rebound};
use crate::postgres::{self, Database, MappingState};
use crate::reconcile::Work;
use crate::salesforce::{self, Client};
use crate::sync::Error;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Stamps have a grain of a second, and the answer's own second is not over.
const GRAIN: TimeDelta = TimeDelta::seconds(2);

/// Objects were described when the worker started, some time before its first look.
const START_MARGIN: TimeDelta = TimeDelta::minutes(15);

/// How often every object is described whatever its stamp says.
const DESCRIBE_ALL_EVERY: Duration = Duration::from_hours(12);

/// Between two looks at what is suspected.
const SUSPECT_PAUSE: Duration = Duration::from_secs(2);

/// How one mapping is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    /// The mapping as it fits the object now.
    pub(super) mapping: Mapping,
    /// Whether nothing of it is to be run.
    pub(super) is_paused: bool,
    /// Counts the loads that have become necessary by changes of the binding.
    pub(super) loads: u64,
}

/// The bindings in force, by object.
pub(super) type Bindings = Arc<BTreeMap<String, Binding>>;

/// What groups hear of bindings, and how they ask for a look.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) bindings: watch::Receiver<Bindings>,
    suspects: Arc<Suspects>,
}

#[derive(Default)]
struct Suspects {
    objects: Mutex<BTreeSet<String>>,
    wake: Notify,
}

impl Watched {
    /// The object may not be what it was: it is described anew, soon.
    pub(super) fn suspect(&self, object: &str) {
        let mut objects = self.suspects.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(object.to_owned());
        self.suspects.wake.notify_one();
    }
}

/// What the worker was started with.
pub(super) struct Started {
    pub(super) files: Vec<MappingFile>,
    pub(super) org: Org,
    /// The mappings that differ from what was applied.
    pub(super) drifted: Vec<Rebound>,
    pub(super) applied: Vec<Applied>,
}

/// The task.
pub(super) struct Watch {
    db: Database,
    client: Client,
    files: Vec<MappingFile>,
    org: Org,
    /// The mappings that were out of order at the start. What was intended with them is not known; when they fit
    /// otherwise, the worker starts anew.
    set_aside: Vec<Rebound>,
    applied: Vec<Applied>,
    fits_otherwise: CancellationToken,
    /// The other mappings as first bound, with what was added and widened since.
    intended: Vec<Mapping>,
    current: BTreeMap<String, Rebound>,
    loads: BTreeMap<String, u64>,
    since: Option<DateTime<Utc>>,
    described_all: Instant,
    sender: watch::Sender<Bindings>,
    suspects: Arc<Suspects>,
}

impl Watch {
    /// A watch over mappings that were bound to `org` just now, and what it tells.
    pub(super) fn new(
        db: Database,
        client: Client,
        started: Started,
        mappings: &[Mapping],
        fits_otherwise: CancellationToken,
    ) -> (Self, Watched) {
        let Started { files, org, drifted: set_aside, applied } = started;
        let bound = |mapping: &Mapping| {
            let known = set_aside.iter().find(|known| known.mapping.object == mapping.object);
            let (drifted, pause) =
                known.map(|known| (known.drifted.clone(), known.pause.clone())).unwrap_or_default();
            (mapping.object.clone(), Rebound { mapping: mapping.clone(), drifted, pause })
        };
        let current: BTreeMap<String, Rebound> = mappings.iter().map(bound).collect();
        let is_intended = |mapping: &&Mapping| {
            !set_aside.iter().any(|known| known.mapping.object == mapping.object)
        };
        let intended = mappings.iter().filter(is_intended).cloned().collect();
        let loads = BTreeMap::new();
        let suspects = Arc::<Suspects>::default();
        let (sender, bindings) = watch::channel(bindings(&current, &loads));
        let watch = Self {
            db,
            client,
            files,
            org,
            set_aside,
            applied,
            fits_otherwise,
            intended,
            current,
            loads,
            since: None,
            described_all: Instant::now(),
            sender,
            suspects: Arc::clone(&suspects),
        };
        (watch, Watched { bindings, suspects })
    }

    /// Watches until `stop`.
    pub(super) async fn run(mut self, every: Duration, stop: CancellationToken) {
        if self.files.is_empty() {
            // The caller gave no files: the mappings stay as they are.
            stop.cancelled().await;
            return;
        }
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let suspects = Arc::clone(&self.suspects);
        let mut is_begun = false;
        loop {
            let is_urgent = tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => false,
                () = suspects.wake.notified() => true,
            };
            let looked = match is_begun {
                false => self.begin().await,
                true if !self.client.budget().allows(Work::Poll) => Ok(()),
                true if is_urgent => self.look_at_suspects().await,
                true => self.look().await,
            };
            match looked {
                Ok(()) => is_begun = true,
                Err(error) => {
                    tracing::warn!(%error, "the look at what objects are like has to wait");
                }
            }
            if is_urgent {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = super::pace::pause(SUSPECT_PAUSE.min(every)) => {}
                }
            }
        }
    }

    /// Settles what an earlier worker left: a field that was out and is back has to be read again. Says what is out of
    /// order from the beginning.
    async fn begin(&mut self) -> Result<(), Error> {
        let now = self.client.server_time().await?;
        self.since = Some(now - START_MARGIN);
        let notes = postgres::drifts(&self.db).await?;
        for note in &notes {
            let Some(rebound) = self.current.get(&note.object) else { continue };
            let is_bound = rebound.mapping.fields.iter().any(|field| field.name == note.field);
            if is_bound && is_out(&note.kind) {
                self.ask_load(&note.object).await?;
            }
        }
        for (object, rebound) in &self.current {
            let known: Vec<Drifted> = rebound
                .drifted
                .iter()
                .filter(|drifted| {
                    notes.iter().any(|note| {
                        note.object == *object
                            && note.field == drifted.field
                            && note.detail == drifted.detail
                    })
                })
                .cloned()
                .collect();
            self.say(object, &known, rebound).await?;
            if let Some(reason) = &rebound.pause {
                postgres::set_state(&self.db, object, MappingState::Paused, Some(reason)).await?;
            }
        }
        self.tell();
        Ok(())
    }

    /// Asks whether anything changed, and describes what did.
    async fn look(&mut self) -> Result<(), Error> {
        let is_full = self.described_all.elapsed() >= DESCRIBE_ALL_EVERY;
        let since = self.since.unwrap_or(DateTime::UNIX_EPOCH);
        let (has_changed, at) = self.client.anything_changed(since).await?;
        let objects: Vec<String> = self.files.iter().map(|file| file.object().to_owned()).collect();
        for object in objects {
            if is_full || self.is_out_of_order(&object) {
                self.describe(&object, None).await?;
            } else if has_changed {
                self.describe(&object, Some(since)).await?;
            }
        }
        if is_full {
            self.described_all = Instant::now();
        }
        self.adapt().await?;
        self.since = Some(at - GRAIN);
        Ok(())
    }

    async fn look_at_suspects(&mut self) -> Result<(), Error> {
        let objects = {
            let mut objects = self.suspects.objects.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *objects)
        };
        for object in objects {
            self.describe(&object, None).await?;
        }
        self.adapt().await
    }

    fn is_out_of_order(&self, object: &str) -> bool {
        self.current.values().any(|rebound| {
            rebound.mapping.object.eq_ignore_ascii_case(object) && !rebound.drifted.is_empty()
        })
    }

    /// Takes in what the object looks like, if it has changed `since` or whatever happened.
    async fn describe(&mut self, object: &str, since: Option<DateTime<Utc>>) -> Result<(), Error> {
        let described = match since {
            None => self.client.describe(object).await.map(Some),
            Some(since) => self.client.describe_changed(object, since).await,
        };
        let is_other =
            |known: &crate::model::ObjectDescribe| !known.name.eq_ignore_ascii_case(object);
        match described {
            Ok(None) => {}
            Ok(Some(described)) => {
                self.org.objects.retain(is_other);
                self.org.objects.push(described);
            }
            Err(salesforce::Error::NotFound(_)) => self.org.objects.retain(is_other),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Decides what is run of each mapping, prepares the database for it, and hands it to the groups.
    async fn adapt(&mut self) -> Result<(), Error> {
        if self.fits_otherwise_now() {
            self.fits_otherwise.cancel();
            return Ok(());
        }
        let fresh = mapping::bind_all(&self.files, &self.org).mappings;
        let mut changed = BTreeMap::new();
        for intended in &self.intended {
            let object = &intended.object;
            let described = self.org.object(object);
            let fresh = fresh.iter().find(|fresh| fresh.object.eq_ignore_ascii_case(object));
            let rebound = mapping::rebind(intended, fresh, described);
            if self.current.get(object) != Some(&rebound) {
                changed.insert(object.clone(), rebound);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let mappings = self.after(&changed);
        let provisioned = postgres::provision(&self.db, &mappings).await?;
        for step in &provisioned.done {
            tracing::info!(step, "provisioned");
            postgres::log_event(&self.db, "provisioned", None, step).await?;
        }
        for (object, rebound) in changed {
            let is_loaded_anew = provisioned.to_load.contains(&object);
            self.take(object, rebound, is_loaded_anew).await?;
        }
        self.tell();
        Ok(())
    }

    /// Whether one of the mappings that began out of order is in order now, or otherwise out of it.
    fn fits_otherwise_now(&self) -> bool {
        if self.set_aside.is_empty() {
            return false;
        }
        let Ok(judged) = mapping::bind_applied(&self.files, &self.org, &self.applied) else {
            return false;
        };
        self.set_aside.iter().any(|before| {
            let is_same = |now: &&Rebound| now.mapping.object == before.mapping.object;
            judged
                .iter()
                .find(is_same)
                .is_some_and(|now| (&now.drifted, &now.pause) != (&before.drifted, &before.pause))
        })
    }

    /// All mappings that are run once the changes are in force.
    fn after(&self, changed: &BTreeMap<String, Rebound>) -> Vec<Mapping> {
        let current = self.current.iter();
        current
            .map(|(object, rebound)| changed.get(object).unwrap_or(rebound))
            .filter(|rebound| rebound.pause.is_none())
            .map(|rebound| rebound.mapping.clone())
            .collect()
    }

    /// Puts one change in force.
    async fn take(
        &mut self,
        object: String,
        rebound: Rebound,
        is_loaded_anew: bool,
    ) -> Result<(), Error> {
        let before = self.current.get(&object).cloned();
        let before = before.as_ref();
        self.say(&object, before.map_or(&[][..], |before| &before.drifted), &rebound).await?;
        if let Some(reason) = &rebound.pause {
            let state = MappingState::Paused;
            postgres::set_state(&self.db, &object, state, Some(reason)).await?;
        } else if is_loaded_anew || self.needs_load(before, &rebound).await? {
            self.ask_load(&object).await?;
        }
        if rebound.pause.is_none()
            && let Some(intended) = self.intended.iter_mut().find(|known| known.object == object)
        {
            extend(intended, &rebound.mapping);
        }
        self.current.insert(object, rebound);
        Ok(())
    }

    /// Whether everything has to be read from the beginning: a field came, or came back, perhaps from another kind; or a
    /// load under way would go on with other fields than it began with.
    async fn needs_load(&self, before: Option<&Rebound>, now: &Rebound) -> Result<bool, Error> {
        let Some(before) = before else { return Ok(false) };
        let was_other = before.drifted.iter().any(|drifted| drifted.kind == DriftKind::OtherType);
        let (known, read) = (pulled(&before.mapping), pulled(&now.mapping));
        if was_other || !read.is_subset(&known) {
            return Ok(true);
        }
        let standing = postgres::progress(&self.db, &now.mapping.object).await?;
        Ok(standing.backfill.is_some() && read != known)
    }

    async fn say(&self, object: &str, before: &[Drifted], now: &Rebound) -> Result<(), Error> {
        for drifted in now.drifted.iter().filter(|drifted| !before.contains(drifted)) {
            let detail = &drifted.detail;
            tracing::warn!(mapping = %object, kind = drifted.kind.as_str(), "{detail}");
            postgres::log_event(&self.db, "drift", Some(object), detail).await?;
        }
        let is_over = |known: &&Drifted| {
            is_out(known.kind.as_str())
                && !now.drifted.iter().any(|drifted| drifted.field == known.field)
        };
        for known in before.iter().filter(is_over) {
            let detail = format!("{} is as it was", known.field);
            tracing::info!(mapping = %object, "{detail}");
            postgres::log_event(&self.db, "drift", Some(object), &detail).await?;
        }
        let noted: Vec<(&str, &str, &str)> = now
            .drifted
            .iter()
            .map(|drifted| (drifted.field.as_str(), drifted.kind.as_str(), drifted.detail.as_str()))
            .collect();
        postgres::note_drift(&self.db, object, &noted).await?;
        Ok(())
    }

    /// The mapping has to be loaded again. Its group asks once more when it takes the binding over, since a step that
    /// is under way may end later than this.
    async fn ask_load(&mut self, object: &str) -> Result<(), Error> {
        postgres::require_load(&self.db, object).await?;
        *self.loads.entry(object.to_owned()).or_default() += 1;
        Ok(())
    }

    fn tell(&self) {
        let bindings = bindings(&self.current, &self.loads);
        self.sender.send_if_modified(|known| {
            let is_news = **known != *bindings;
            *known = bindings;
            is_news
        });
    }
}

fn bindings(current: &BTreeMap<String, Rebound>, loads: &BTreeMap<String, u64>) -> Bindings {
    let binding = |(object, rebound): (&String, &Rebound)| {
        let binding = Binding {
            mapping: rebound.mapping.clone(),
            is_paused: rebound.pause.is_some(),
            loads: loads.get(object).copied().unwrap_or_default(),
        };
        (object.clone(), binding)
    };
    Arc::new(current.iter().map(binding).collect())
}

/// Whether the word is for something that keeps a field, or all of them, from being read.
fn is_out(kind: &str) -> bool {
    [DriftKind::RemovedField, DriftKind::OtherType, DriftKind::RemovedObject]
        .iter()
        .any(|out| out.as_str() == kind)
}

/// The fields that are read.
fn pulled(mapping: &Mapping) -> BTreeSet<&str> {
    let pulled = mapping.fields.iter().filter(|field| field.direction.pulls());
    pulled.map(|field| field.name.as_str()).collect()
}

/// What was added or widened stays.
fn extend(intended: &mut Mapping, now: &Mapping) {
    for field in &now.fields {
        match intended.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => {
                known.column_type = field.column_type;
                known.limits = field.limits;
            }
            None => intended.fields.push(field.clone()),
        }
    }
}

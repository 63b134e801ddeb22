//! A request that is ready to be worked on, and the fates that a fault can have for it.

use std::{sync::Arc, time::Duration};

use super::{Answered, unexpected};
use crate::{
    control::FaultKind,
    http::{
        call::Call,
        cometd::{self, Answer},
        connection::delay,
        dispatch::dispatch,
        faults::ordered,
        late::{self, Late},
        refusal::Refusal,
        reply::Reply,
        route::{Resource, Route},
        world::World,
    },
};
use axum::http::Method;

/// A request, understood and read.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) world: Arc<World>,
    pub(super) route: Route,
    pub(super) call: Call,
}

impl Work {
    /// Does the work as its fate wants it.
    pub(super) async fn under(self, fate: Option<(u64, FaultKind)>) -> Answered {
        let Some((fault, kind)) = fate else { return self.run().await };
        if let FaultKind::ApplyLate { millis, .. } = kind {
            self.clone().later(fault, millis);
        }
        if let Some(reply) = ordered(&kind, &self.route, Some(&self.call)) {
            return Answered::nobody(self.counted(&kind, reply));
        }
        match kind {
            FaultKind::ApplyTwice {} => {
                let first = self.clone().run().await;
                self.run().await;
                first
            }
            // It is the job that writes.
            FaultKind::LateCommit { .. } if self.is_of_job() => self.run().await,
            FaultKind::LateCommit { millis } => self.commit_late(fault, millis).await,
            _ => self.run().await,
        }
    }

    /// An error of the API itself counts as a request and tells how many there were; what stands
    /// before the org does neither.
    fn counted(&self, kind: &FaultKind, reply: Reply) -> Reply {
        let usage = self.world.usage();
        match (kind, &self.route) {
            (FaultKind::Error { .. }, Route::Api { .. }) => {
                usage.spend();
                reply.with(crate::http::dispatch::LIMIT_INFO, &usage.to_string())
            }
            // These two do not tell.
            (FaultKind::Error { .. }, Route::Soap { .. } | Route::AsyncBulk { .. }) => {
                usage.spend();
                reply
            }
            _ => reply,
        }
    }

    /// Does the work on a thread that may block; a panic there is an answer, not the end.
    async fn run(self) -> Answered {
        if let Route::Cometd(version) = &self.route
            && self.call.method == Method::POST
        {
            let answer = cometd::answer(&self.world, version, &self.call).await;
            let Answer { reply, is_cut, username } = answer;
            return Answered { reply, username, is_cut };
        }
        let work = tokio::task::spawn_blocking(move || self.done());
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a resource panicked");
            Answered::nobody(unexpected())
        })
    }

    fn done(mut self) -> Answered {
        let is_pretty = self.call.header("x-prettyprint").is_some_and(|value| value != "0");
        let reply = dispatch(&self.world, self.route, &mut self.call).unwrap_or_else(Reply::from);
        let username = self.call.session.map(|session| session.username);
        let reply = if is_pretty { reply.pretty() } else { reply };
        Answered { reply, username, is_cut: false }
    }

    /// Does the work after its client was answered.
    fn later(self, fault: u64, millis: Option<u64>) {
        let world = Arc::clone(&self.world);
        match millis {
            None => world.faults().hold(fault, Box::new(move || drop(self.done()))),
            Some(millis) => world.spawn(async move {
                delay(Duration::from_millis(millis)).await;
                drop(self.run().await);
            }),
        }
    }

    /// Does the work in a transaction that is committed later, and answers then.
    async fn commit_late(self, fault: u64, millis: Option<u64>) -> Answered {
        let world = Arc::clone(&self.world);
        let inner = Arc::clone(&world);
        let parked = tokio::task::spawn_blocking(move || {
            let world = inner;
            let transaction = world.transaction();
            let answered = self.done();
            let id = world.org().park();
            drop(transaction);
            (answered, id)
        });
        let Ok((answered, id)) = parked.await else { return Answered::nobody(unexpected()) };
        match late::land(Arc::downgrade(&world), Late { fault, millis }, id).await {
            Ok(()) => answered,
            Err(Some(error)) => Answered { reply: Refusal::from(error).into(), ..answered },
            Err(None) => Answered { reply: unexpected().into(), ..answered },
        }
    }

    /// Whether the request is about a job that writes after it was answered.
    fn is_of_job(&self) -> bool {
        let Route::Api { resource, .. } = &self.route else { return false };
        matches!(
            resource,
            Resource::IngestJobs | Resource::IngestJob(_) | Resource::IngestUpload(_)
        )
    }
}

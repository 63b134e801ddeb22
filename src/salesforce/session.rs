//! The current session, shared by every call and renewed once for all of them.
//!
//! Salesforce says only by refusing a call that a session has ended. Whoever notices first logs in again while
//! the others wait for the result. A login is never interrupted, even if its caller goes away: where refresh
//! tokens rotate, an answer that is thrown away would take the connection with it.

use super::LoginFailure;
use super::auth::{Grant, Login};
use super::host::PinnedHost;
use crate::model::SalesforceId;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// What a call needs to know: the token, and the only host that may see it.
pub(super) struct Session {
    pub(super) access_token: SecretString,
    pub(super) host: PinnedHost,
    pub(super) organization_id: SalesforceId,
    pub(super) user_id: SalesforceId,
    number: u64,
}

/// Hands out the current session.
pub(super) struct Sessions {
    login: Arc<Login>,
    state: Arc<Mutex<State>>,
    /// Logins that ended, well or badly.
    logins: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    /// How the last login failed, if it did.
    failure: Option<LoginFailure>,
    /// The newest refresh token, where they rotate. It is kept before the session that came with it is used.
    refresh_token: Option<SecretString>,
}

impl Sessions {
    pub(super) fn new(login: Login) -> Self {
        Self { login: Arc::new(login), state: Arc::default(), logins: Arc::default() }
    }

    /// The current session; logs in if there is none yet.
    pub(super) async fn current(&self) -> Result<Arc<Session>, LoginFailure> {
        let seen = self.logins.load(Ordering::Acquire);
        let state = Arc::clone(&self.state).lock_owned().await;
        match &state.session {
            Some(session) => Ok(Arc::clone(session)),
            None => self.log_in(state, seen).await,
        }
    }

    /// A session newer than `refused`.
    pub(super) async fn renewed(&self, refused: &Session) -> Result<Arc<Session>, LoginFailure> {
        let seen = self.logins.load(Ordering::Acquire);
        let state = Arc::clone(&self.state).lock_owned().await;
        match &state.session {
            Some(session) if session.number > refused.number => Ok(Arc::clone(session)),
            _ => self.log_in(state, seen).await,
        }
    }

    /// Logs in, unless a login that the caller waited for has just failed: then its failure is the answer.
    async fn log_in(
        &self,
        mut state: OwnedMutexGuard<State>,
        seen: u64,
    ) -> Result<Arc<Session>, LoginFailure> {
        if let Some(failure) = &state.failure
            && self.logins.load(Ordering::Acquire) > seen
        {
            return Err(failure.clone());
        }
        let (login, logins) = (Arc::clone(&self.login), Arc::clone(&self.logins));
        let attempt = tokio::spawn(async move {
            let outcome = login.perform(state.refresh_token.as_ref()).await;
            let number = logins.fetch_add(1, Ordering::AcqRel) + 1;
            state.take(outcome, number)
        });
        // The task can only be cut off by the end of the runtime.
        attempt.await.unwrap_or(Err(LoginFailure::Unreachable))
    }
}

impl State {
    fn take(
        &mut self,
        outcome: Result<Grant, LoginFailure>,
        number: u64,
    ) -> Result<Arc<Session>, LoginFailure> {
        match outcome {
            Err(failure) => {
                self.session = None;
                self.failure = Some(failure.clone());
                Err(failure)
            }
            Ok(grant) => {
                if grant.refresh_token.is_some() {
                    tracing::warn!(
                        "salesforce replaced the refresh token: the configured one will not work after a restart"
                    );
                    self.refresh_token = grant.refresh_token;
                }
                let session = Arc::new(Session {
                    access_token: grant.access_token,
                    host: grant.host,
                    organization_id: grant.organization_id,
                    user_id: grant.user_id,
                    number,
                });
                self.failure = None;
                self.session = Some(Arc::clone(&session));
                Ok(session)
            }
        }
    }
}

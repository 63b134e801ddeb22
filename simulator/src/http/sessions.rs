//! Access and refresh tokens, and how long they hold.
//!
//! An access token dies when it was not used for the session lifetime; Salesforce says nothing of
//! that in the token answer, so a client learns it from a 401.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, distr::Alphanumeric};

use crate::Id;

/// Length of the part of a token that is random.
const SECRET_LENGTH: usize = 96;

/// Length of an organisation's id as it appears inside its tokens.
const SHORT_ID_LENGTH: usize = 15;

/// All tokens that the org has given out.
#[derive(Debug)]
pub(crate) struct Sessions {
    organization_id: String,
    lifetime: TimeDelta,
    access: HashMap<String, Session>,
    refresh: HashMap<String, String>,
}

/// Who works with an access token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) user_id: Id,
    pub(crate) username: String,
    pub(crate) started: DateTime<Utc>,
    pub(crate) last_used: DateTime<Utc>,
}

impl Sessions {
    /// No sessions yet; each will last `lifetime` after its last use.
    pub(crate) fn new(organization_id: String, lifetime: TimeDelta) -> Self {
        Self { organization_id, lifetime, access: HashMap::new(), refresh: HashMap::new() }
    }

    /// Starts a session and answers its access token, `00D…!…`.
    pub(crate) fn open(&mut self, user_id: Id, username: &str, now: DateTime<Utc>) -> String {
        let organization: String = self.organization_id.chars().take(SHORT_ID_LENGTH).collect();
        let token = format!("{organization}!AQ{}", random());
        let session =
            Session { user_id, username: username.to_owned(), started: now, last_used: now };
        self.access.insert(token.clone(), session);
        token
    }

    /// Gives out a refresh token for a user.
    pub(crate) fn remember(&mut self, username: &str) -> String {
        let token = format!("5Aep861{}", random());
        self.refresh.insert(token.clone(), username.to_owned());
        token
    }

    /// The session of a token, whose life this use extends; `None` once it is over.
    pub(crate) fn touch(&mut self, token: &str, now: DateTime<Utc>) -> Option<Session> {
        let session = self.access.get_mut(token)?;
        if now - session.last_used >= self.lifetime {
            self.access.remove(token);
            return None;
        }
        session.last_used = session.last_used.max(now);
        Some(session.clone())
    }

    /// When a session ends if it is not used again.
    pub(crate) fn ends(&self, session: &Session) -> DateTime<Utc> {
        session.last_used + self.lifetime
    }

    /// The user a refresh token stands for.
    pub(crate) fn remembered(&self, refresh_token: &str) -> Option<String> {
        self.refresh.get(refresh_token).cloned()
    }

    /// Forgets a token of either kind; false when it was unknown. The end of a refresh token ends
    /// its user's sessions as well.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(username) = self.refresh.remove(token) {
            self.access.retain(|_, session| session.username != username);
            return true;
        }
        self.access.remove(token).is_some()
    }

    /// Ends every session and answers how many there were; refresh tokens stay.
    pub(crate) fn expire_all(&mut self) -> usize {
        let count = self.access.len();
        self.access.clear();
        count
    }

    /// Changes how long a session lasts after its last use.
    pub(crate) fn set_lifetime(&mut self, lifetime: TimeDelta) {
        self.lifetime = lifetime;
    }
}

fn random() -> String {
    rand::rng().sample_iter(Alphanumeric).take(SECRET_LENGTH).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn sessions() -> Sessions {
        Sessions::new("00D000000000001EAA".to_owned(), TimeDelta::seconds(10))
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_used() {
        let mut sessions = sessions();
        let token = sessions.open(Id::generate("005", 1), "ada", at(0));

        assert!(token.starts_with("00D000000000001!"));
        assert!(sessions.touch(&token, at(9)).is_some());
        assert!(sessions.touch(&token, at(18)).is_some());
        assert!(sessions.touch(&token, at(28)).is_none());
        assert!(sessions.touch(&token, at(20)).is_none(), "an ended session stays ended");
    }

    #[test]
    fn a_revoked_refresh_token_ends_its_users_sessions() {
        let mut sessions = sessions();
        let refresh = sessions.remember("ada");
        let hers = sessions.open(Id::generate("005", 1), "ada", at(0));
        let his = sessions.open(Id::generate("005", 2), "bob", at(0));

        assert!(sessions.revoke(&refresh));

        assert!(sessions.remembered(&refresh).is_none());
        assert!(sessions.touch(&hers, at(1)).is_none());
        assert!(sessions.touch(&his, at(1)).is_some());
        assert!(!sessions.revoke("unknown"));
    }
}

//! Access tokens, refresh tokens and authorization codes, and how long they hold.
//!
//! An access token dies when it was not used for the session lifetime; Salesforce says nothing of
//! that in the token answer, so a client learns it from a 401. A use extends the session only in the
//! second half of its lifetime, as in Salesforce.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, distr::Alphanumeric};

use crate::{
    Id,
    http::oauth::{self, Apps, Policy},
};

/// Length of the part of a token that is random.
const SECRET_LENGTH: usize = 96;

/// Length of an organisation's id as it appears inside its tokens.
const SHORT_ID_LENGTH: usize = 15;

/// How long an authorization code can be exchanged.
const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Approvals of one app by one user that live side by side; one more drops the oldest.
const APPROVALS_MAX: usize = 5;

/// Tokens of a kind that are kept; so many of them are rather a client that logs in for each call.
const TOKENS_KEPT: usize = 20_000;

/// Forgets the older half of too many tokens.
fn forget_half<T, K: Ord>(tokens: &mut HashMap<String, T>, age: impl Fn(&T) -> K) {
    if tokens.len() < TOKENS_KEPT {
        return;
    }
    let mut ages: Vec<(K, String)> =
        tokens.iter().map(|(token, known)| (age(known), token.clone())).collect();
    ages.sort_unstable();
    for (_, token) in ages.into_iter().take(TOKENS_KEPT / 2) {
        tokens.remove(&token);
    }
}

/// All tokens that the org has given out, and whom it gives them to.
#[derive(Debug)]
pub(crate) struct Sessions {
    organization_id: String,
    lifetime: TimeDelta,
    access: HashMap<String, Session>,
    refresh: HashMap<String, Refresh>,
    codes: HashMap<String, Code>,
    approvals: u64,
    /// The connected apps.
    pub(crate) apps: Apps,
    /// What the administrator allows.
    pub(crate) policy: Policy,
}

/// Who works with an access token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) user_id: Id,
    pub(crate) username: String,
    /// The connected app; empty for a SOAP login.
    pub(crate) client_id: String,
    /// What the token may be used for, separated by spaces.
    pub(crate) scope: String,
    pub(crate) started: DateTime<Utc>,
    pub(crate) last_used: DateTime<Utc>,
}

/// What a refresh token stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refresh {
    pub(crate) username: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    /// All tokens that came out of one approval by rotation.
    family: u64,
    /// Whether the token was given out by the control routes; those are never dropped for being many.
    is_standing: bool,
    is_superseded: bool,
}

/// What an authorization code stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) username: String,
    pub(crate) scope: String,
    /// The S256 challenge of PKCE.
    pub(crate) challenge: Option<String>,
    /// Comes back in the id token.
    pub(crate) nonce: Option<String>,
    pub(crate) issued: DateTime<Utc>,
}

impl Session {
    /// A session with every right of its user, as the control routes and the default app open it.
    pub(crate) fn full(user_id: Id, username: &str, now: DateTime<Utc>) -> Self {
        Self {
            user_id,
            username: username.to_owned(),
            client_id: oauth::CLIENT_ID.to_owned(),
            scope: oauth::ALL_SCOPES.to_owned(),
            started: now,
            last_used: now,
        }
    }

    /// Whether one of these scopes was granted; `full` stands for all but `refresh_token`.
    pub(crate) fn has_scope(&self, wanted: &str) -> bool {
        self.scope.split(' ').any(|scope| scope == wanted || scope == "full")
    }
}

impl Sessions {
    /// No sessions yet; each will last `lifetime` after its last use.
    pub(crate) fn new(organization_id: String, lifetime: TimeDelta) -> Self {
        Self {
            organization_id,
            lifetime,
            access: HashMap::new(),
            refresh: HashMap::new(),
            codes: HashMap::new(),
            approvals: 0,
            apps: Apps::default(),
            policy: Policy::default(),
        }
    }

    /// Starts a session with every right and answers its access token, `00D…!…`.
    pub(crate) fn open(&mut self, user_id: Id, username: &str, now: DateTime<Utc>) -> String {
        self.admit(Session::full(user_id, username, now))
    }

    /// Starts a session and answers its access token, `00D…!…`.
    pub(crate) fn admit(&mut self, session: Session) -> String {
        let organization: String = self.organization_id.chars().take(SHORT_ID_LENGTH).collect();
        let token = format!("{organization}!AQ{}", random());
        self.admit_as(token.clone(), session);
        token
    }

    /// Starts a session under a token that was made elsewhere.
    pub(crate) fn admit_as(&mut self, token: String, session: Session) {
        if self.access.len() >= TOKENS_KEPT {
            let (lifetime, now) = (self.lifetime, session.started);
            self.access.retain(|_, known| now - known.last_used < lifetime);
            forget_half(&mut self.access, |known| known.last_used);
        }
        self.access.insert(token, session);
    }

    /// How many sessions are open.
    pub(crate) fn count(&self) -> usize {
        self.access.len()
    }

    /// Gives out a refresh token for a user of the default app.
    pub(crate) fn remember(&mut self, username: &str) -> String {
        self.approvals += 1;
        let refresh = Refresh {
            username: username.to_owned(),
            client_id: oauth::CLIENT_ID.to_owned(),
            scope: oauth::ALL_SCOPES.to_owned(),
            family: self.approvals,
            is_standing: true,
            is_superseded: false,
        };
        self.keep(refresh)
    }

    /// Gives out a refresh token for a new approval; the user's oldest approvals of the app go when
    /// there are too many.
    pub(crate) fn approve(&mut self, username: &str, client_id: &str, scope: &str) -> String {
        self.approvals += 1;
        let mut families: Vec<u64> = self
            .refresh
            .values()
            .filter(|known| !known.is_standing && known.is_of(username, client_id))
            .map(|known| known.family)
            .collect();
        families.sort_unstable();
        families.dedup();
        let dropped = families.len().saturating_sub(APPROVALS_MAX - 1);
        for family in families.into_iter().take(dropped) {
            self.refresh.retain(|_, known| known.family != family);
        }
        let refresh = Refresh {
            username: username.to_owned(),
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            family: self.approvals,
            is_standing: false,
            is_superseded: false,
        };
        self.keep(refresh)
    }

    fn keep(&mut self, refresh: Refresh) -> String {
        let token = format!("5Aep861{}", random());
        if self.refresh.len() >= TOKENS_KEPT {
            forget_half(&mut self.refresh, |known| known.family);
        }
        self.refresh.insert(token.clone(), refresh);
        token
    }

    /// The successor of a refresh token, which itself is of no more use.
    pub(crate) fn rotate(&mut self, token: &str) -> Option<String> {
        let old = self.refresh.get_mut(token)?;
        let successor = old.clone();
        old.is_superseded = true;
        Some(self.keep(successor))
    }

    /// The session of a token, whose life this use may extend; `None` once it is over.
    pub(crate) fn touch(&mut self, token: &str, now: DateTime<Utc>) -> Option<Session> {
        let session = self.access.get_mut(token)?;
        let idle = now - session.last_used;
        if idle >= self.lifetime {
            self.access.remove(token);
            return None;
        }
        if idle >= self.lifetime / 2 {
            session.last_used = now;
        }
        Some(session.clone())
    }

    /// The session of a token, without using it.
    pub(crate) fn look(&self, token: &str, now: DateTime<Utc>) -> Option<Session> {
        let session = self.access.get(token)?;
        (now - session.last_used < self.lifetime).then(|| session.clone())
    }

    /// Ends the session of an access token.
    pub(crate) fn end(&mut self, token: &str) {
        self.access.remove(token);
    }

    /// When a session ends if it is not used again.
    pub(crate) fn ends(&self, session: &Session) -> DateTime<Utc> {
        session.last_used.checked_add_signed(self.lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// How long a session lasts after its last use.
    pub(crate) fn lifetime(&self) -> TimeDelta {
        self.lifetime
    }

    /// What a refresh token stands for. A token that was rotated away ends its whole family, for
    /// somebody else may have it.
    pub(crate) fn remembered(&mut self, token: &str) -> Option<Refresh> {
        let known = self.refresh.get(token)?.clone();
        if known.is_superseded {
            self.end_family(&known);
            return None;
        }
        Some(known)
    }

    /// What a refresh token stands for, without using it.
    pub(crate) fn look_at_refresh(&self, token: &str) -> Option<&Refresh> {
        self.refresh.get(token).filter(|known| !known.is_superseded)
    }

    fn end_family(&mut self, gone: &Refresh) {
        self.refresh.retain(|_, known| known.family != gone.family);
        self.access.retain(|_, session| !gone.is_of(&session.username, &session.client_id));
    }

    /// Gives out an authorization code; like Salesforce's it must be escaped in a URL.
    pub(crate) fn issue(&mut self, code: Code) -> String {
        let name: String = random().chars().take(60).collect();
        let name = format!("aPrx{name}==");
        self.codes.retain(|_, known| code.issued - known.issued < CODE_LIFETIME);
        self.codes.insert(name.clone(), code);
        name
    }

    /// What an authorization code stands for: once, and for a quarter of an hour.
    pub(crate) fn redeem(&mut self, code: &str, now: DateTime<Utc>) -> Option<Code> {
        self.codes.remove(code).filter(|code| now - code.issued < CODE_LIFETIME)
    }

    /// Forgets a token of either kind; false when it was unknown. The end of a refresh token ends
    /// the sessions of its user and app as well.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(known) = self.refresh.get(token).cloned() {
            self.end_family(&known);
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

impl Refresh {
    fn is_of(&self, username: &str, client_id: &str) -> bool {
        self.username == username && self.client_id == client_id
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
    fn a_use_in_the_first_half_of_its_life_does_not_extend_a_session() {
        let mut sessions = sessions();
        let token = sessions.open(Id::generate("005", 1), "ada", at(0));

        assert!(sessions.touch(&token, at(4)).is_some());
        assert!(sessions.touch(&token, at(10)).is_none());
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

    #[test]
    fn a_rotated_token_that_comes_again_ends_its_whole_family() {
        let mut sessions = sessions();
        let first = sessions.approve("ada", "app", "api");
        let second = sessions.rotate(&first).unwrap();
        assert!(sessions.remembered(&second).is_some());

        assert!(sessions.remembered(&first).is_none());

        assert!(sessions.remembered(&second).is_none());
    }

    #[test]
    fn the_sixth_approval_of_an_app_drops_the_oldest() {
        let mut sessions = sessions();
        let other = sessions.approve("bob", "app", "api");
        let tokens: Vec<String> = (0..6).map(|_| sessions.approve("ada", "app", "api")).collect();

        let alive: Vec<bool> =
            tokens.iter().map(|token| sessions.remembered(token).is_some()).collect();

        assert_eq!(alive, [false, true, true, true, true, true]);
        assert!(sessions.remembered(&other).is_some());
    }

    #[test]
    fn a_code_is_good_once_and_for_a_quarter_of_an_hour() {
        let mut sessions = sessions();
        let code = Code {
            client_id: "app".to_owned(),
            redirect_uri: "http://localhost".to_owned(),
            username: "ada".to_owned(),
            scope: "api".to_owned(),
            challenge: None,
            nonce: None,
            issued: at(0),
        };
        let (first, second) = (sessions.issue(code.clone()), sessions.issue(code));

        assert!(sessions.redeem(&first, at(899)).is_some());
        assert!(sessions.redeem(&first, at(899)).is_none());
        assert!(sessions.redeem(&second, at(900)).is_none());
    }
}

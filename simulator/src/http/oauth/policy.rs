//! What the administrator of the org allows at its door, and how often somebody came in.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::http::refusal::Refusal;

/// The rules of logging in, as the control routes show and set them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the setup")]
pub(crate) struct Rules {
    /// What the browser flow does with its user.
    pub(crate) consent: Consent,
    /// Whether the username-password flow is open.
    pub(crate) password_flow: bool,
    /// Whether SOAP `login()` is open.
    pub(crate) soap_login: bool,
    /// Whether a password must be followed by the security token.
    pub(crate) security_token_required: bool,
    /// Whether the caller's address is one that nobody may log in from.
    pub(crate) ip_restricted: bool,
    /// Whether the org is there at all.
    pub(crate) org_active: bool,
    /// Logins that one user may make in an hour.
    pub(crate) logins_per_hour: u64,
}

/// How the browser flow gets its user's yes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Consent {
    /// A page asks.
    #[default]
    Ask,
    /// The user of `login_hint`, or the integration user, says yes at once.
    Allow,
    /// Whoever it is says no at once.
    Deny,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            consent: Consent::Ask,
            password_flow: true,
            soap_login: true,
            security_token_required: false,
            ip_restricted: false,
            org_active: true,
            logins_per_hour: 3_600,
        }
    }
}

/// The rules, and who came in when.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(crate) rules: Rules,
    logins: HashMap<String, Logins>,
}

/// One user's logins of an hour.
#[derive(Clone, Copy, Debug)]
struct Logins {
    since: DateTime<Utc>,
    count: u64,
}

impl Policy {
    /// Lets a user in, or not: this is asked once everything else about a login is right.
    ///
    /// # Errors
    /// `inactive_org`, `invalid_grant` for the address, `rate_limit_exceeded`.
    pub(crate) fn let_in(&mut self, username: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        if !self.rules.org_active {
            return Err(Refusal::oauth("inactive_org", "organization is inactive"));
        }
        if self.rules.ip_restricted {
            return Err(Refusal::oauth("invalid_grant", "ip restricted"));
        }
        let logins = self
            .logins
            .entry(username.to_ascii_lowercase())
            .or_insert(Logins { since: now, count: 0 });
        if now - logins.since >= TimeDelta::hours(1) {
            *logins = Logins { since: now, count: 0 };
        }
        if logins.count >= self.rules.logins_per_hour {
            return Err(Refusal::oauth("rate_limit_exceeded", "login rate exceeded"));
        }
        logins.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_logins_is_counted_by_user_and_hour() {
        let mut policy = Policy::default();
        policy.rules.logins_per_hour = 2;
        let at = |minutes: i64| DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap();

        let let_in =
            |policy: &mut Policy, user: &str, minutes| policy.let_in(user, at(minutes)).is_ok();

        assert!(let_in(&mut policy, "ada", 0) && let_in(&mut policy, "Ada", 1));
        assert!(!let_in(&mut policy, "ada", 59));
        assert!(let_in(&mut policy, "bob", 59));
        assert!(let_in(&mut policy, "ada", 60));
    }
}

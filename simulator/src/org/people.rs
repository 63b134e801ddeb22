//! Users, as far as logging in asks about them.

use chrono::{DateTime, Utc};

use super::Org;
use crate::{Id, value::Value};

/// How a user is called and reached.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names {
    /// First and last name, as far as there are any.
    pub display: String,
    /// `FirstName`
    pub first: Option<String>,
    /// `LastName`
    pub last: Option<String>,
    /// `Email`
    pub email: Option<String>,
    /// When the user was last changed.
    pub changed: Option<DateTime<Utc>>,
}

impl Org {
    /// How a user is called; nothing is known of one who is not there.
    #[must_use]
    pub fn names(&self, user: Id) -> Names {
        let Ok((number, object)) = self.object_named("User") else { return Names::default() };
        let Some(row) = self.row(number, user) else { return Names::default() };
        let text = |field: &str| {
            let value = row.value(object.number(field)?);
            value.as_text().map(str::to_owned)
        };
        let (first, last) = (text("FirstName"), text("LastName"));
        let parts: Vec<&str> = [&first, &last].into_iter().filter_map(Option::as_deref).collect();
        let stamp = object.system().system_modstamp;
        Names {
            display: parts.join(" "),
            email: text("Email"),
            changed: stamp.and_then(|stamp| row.value(stamp).as_moment()),
            first,
            last,
        }
    }

    /// Whether there is a user with this user name, in any case, who may not log in.
    #[must_use]
    pub fn is_inactive_user(&self, username: &str) -> bool {
        let Ok((number, object)) = self.object_named("User") else { return false };
        let (Some(name), Some(active)) = (object.number("Username"), object.number("IsActive"))
        else {
            return false;
        };
        let Some(table) = self.table(number) else { return false };
        table.iter().any(|(_, row)| {
            let stored = row.value(name).as_text();
            *row.value(active) == Value::Bool(false)
                && stored.is_some_and(|stored| stored.eq_ignore_ascii_case(username))
        })
    }
}

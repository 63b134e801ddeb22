//! The three-way merge of one field.
//!
//! A remote value that one of our own attempts may have written is ours, not a foreign edit: without that rule a
//! lost answer makes our own write look like somebody else's, and a later local change loses against it.

use crate::mapping::ConflictPolicy;
use crate::model::Value;
use chrono::{DateTime, SubsecRound, Utc};

/// Which of our journalled attempts may have written a remote value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// None wrote this value.
    No,
    /// One that was accepted, some time ago, did.
    Settled,
    /// One whose answer never came may have.
    Unresolved,
}

/// All that the merge of a field depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the row held before the application's unsent changes; absent where that is not known.
    pub base: Option<&'a Value>,
    /// What the application wants.
    pub local: &'a Value,
    /// What Salesforce holds.
    pub remote: &'a Value,
    /// Whether the remote value is one we sent.
    pub ours: Ours,
    /// Whether an attempt of ours carried this field.
    pub was_sent: bool,
    /// When the application made its change.
    pub local_at: DateTime<Utc>,
    /// The record's `SystemModstamp`.
    pub remote_at: Option<DateTime<Utc>>,
    /// Whether an attempt on this record ended unknown: a foreign value may then have been set in its knowledge.
    pub after_unknown: bool,
    /// The field's policy.
    pub policy: ConflictPolicy,
    /// What a person has decided about this very conflict.
    pub decided: Option<Winner>,
}

/// The side whose value stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Winner {
    /// The row's.
    Postgres,
    /// The record's.
    Salesforce,
    /// No one's: each side keeps its own, as both of them keep undoing the other's.
    Neither,
    /// A person is to say.
    Undecided,
}

impl Winner {
    /// The word in the conflict log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Salesforce => "salesforce",
            Self::Neither => "neither",
            Self::Undecided => "undecided",
        }
    }
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Both sides hold the same.
    Equal,
    /// Only the application changed it: send.
    Push,
    /// Only Salesforce changed it: write the remote value into the row.
    Adopt,
    /// Both changed it: the winner's value goes to the other side, and the conflict is logged.
    Conflict(Winner),
}

/// Decides one field.
#[must_use]
pub fn merge_field(facts: &Facts<'_>) -> Resolution {
    let is_unchanged_locally = facts.base == Some(facts.local);
    let is_unchanged_remotely = match facts.base {
        Some(base) => base == facts.remote,
        // Nothing is known of the past: an empty field competes with nobody, unless we filled it and somebody
        // emptied it since.
        None => facts.remote.is_null() && !facts.was_sent,
    };
    if facts.remote == facts.local {
        Resolution::Equal
    } else if facts.ours == Ours::Unresolved {
        Resolution::Push
    } else if is_unchanged_locally {
        Resolution::Adopt
    } else if is_unchanged_remotely || facts.ours == Ours::Settled {
        Resolution::Push
    } else {
        Resolution::Conflict(winner(facts))
    }
}

fn winner(facts: &Facts<'_>) -> Winner {
    match facts.policy {
        ConflictPolicy::Manual => facts.decided.unwrap_or(Winner::Undecided),
        _ if facts.after_unknown => Winner::Salesforce,
        ConflictPolicy::SalesforceWins => Winner::Salesforce,
        ConflictPolicy::PostgresWins => Winner::Postgres,
        ConflictPolicy::Newest => newest(facts.local_at, facts.remote_at),
    }
}

/// `SystemModstamp` counts whole seconds, so the local moment is cut to them too before the two are compared.
fn newest(local_at: DateTime<Utc>, remote_at: Option<DateTime<Utc>>) -> Winner {
    match remote_at {
        Some(remote_at) if local_at.trunc_subsecs(0) > remote_at => Winner::Postgres,
        _ => Winner::Salesforce,
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, Ours, Resolution, Winner, merge_field};
    use crate::mapping::ConflictPolicy::{self, Manual, Newest, PostgresWins, SalesforceWins};
    use crate::model::Value;
    use crate::reconcile::samples::{moment, text};

    fn facts<'a>(base: Option<&'a Value>, local: &'a Value, remote: &'a Value) -> Facts<'a> {
        Facts {
            base,
            local,
            remote,
            ours: Ours::No,
            was_sent: false,
            local_at: moment(100),
            remote_at: Some(moment(100)),
            after_unknown: false,
            policy: SalesforceWins,
            decided: None,
        }
    }

    #[test]
    fn each_triple_has_one_resolution() {
        use Ours::{No, Settled, Unresolved};
        use Resolution::{Adopt, Conflict, Equal, Push};
        let values = [Value::Null, text("A"), text("B"), text("C")];
        let [null, a, b, c] = &values;
        let lost = Conflict(Winner::Salesforce);
        #[rustfmt::skip]
        let table = [
            // base     local  remote ours        resolution
            (Some(a),   b,     a,     No,         Push),
            (Some(a),   null,  a,     No,         Push),
            (Some(null), b,    null,  No,         Push),
            (Some(a),   b,     b,     No,         Equal),
            (Some(a),   a,     a,     No,         Equal),
            (Some(a),   a,     c,     No,         Adopt),
            (Some(a),   b,     c,     No,         lost),
            (Some(a),   b,     null,  No,         lost),
            (None,      b,     b,     No,         Equal),
            (None,      b,     null,  No,         Push),
            (None,      b,     c,     No,         lost),
            // an echo of ours is no foreign edit
            (Some(a),   b,     c,     Settled,    Push),
            (Some(a),   b,     c,     Unresolved, Push),
            (None,      b,     c,     Unresolved, Push),
            // taken back before the answer to the first attempt came
            (Some(a),   a,     b,     Unresolved, Push),
            // set by a person to what we once sent, while the row did not move
            (Some(a),   a,     b,     Settled,    Adopt),
        ];
        for (base, local, remote, ours, resolution) in table {
            let facts = Facts { ours, ..facts(base, local, remote) };
            assert_eq!(merge_field(&facts), resolution, "{facts:?}");
        }
    }

    #[test]
    fn the_policy_picks_the_winner() {
        use Winner::{Postgres, Salesforce};
        let (a, b, c) = (text("A"), text("B"), text("C"));
        #[rustfmt::skip]
        let table: [(ConflictPolicy, i64, Option<i64>, bool, Winner); 10] = [
            // policy       local at, remote at, after unknown
            (SalesforceWins, 200, Some(100), false, Salesforce),
            (PostgresWins,   100, Some(200), false, Postgres),
            (Newest,         200, Some(100), false, Postgres),
            (Newest,         100, Some(200), false, Salesforce),
            (Newest,         100, Some(100), false, Salesforce),
            (Newest,         100, None,      false, Salesforce),
            (SalesforceWins, 200, Some(100), true,  Salesforce),
            (PostgresWins,   200, Some(100), true,  Salesforce),
            (Newest,         200, Some(100), true,  Salesforce),
            (PostgresWins,   200, None,      false, Postgres),
        ];
        for (policy, local_at, remote_at, after_unknown, winner) in table {
            let facts = Facts {
                policy,
                after_unknown,
                local_at: moment(local_at),
                remote_at: remote_at.map(moment),
                ..facts(Some(&a), &b, &c)
            };
            assert_eq!(merge_field(&facts), Resolution::Conflict(winner), "{facts:?}");
        }
    }

    #[test]
    fn a_conflict_that_a_person_is_to_decide_has_no_winner_until_then() {
        let (a, b, c) = (text("A"), text("B"), text("C"));
        for after_unknown in [false, true] {
            for (decided, winner) in [
                (None, Winner::Undecided),
                (Some(Winner::Postgres), Winner::Postgres),
                (Some(Winner::Salesforce), Winner::Salesforce),
            ] {
                let facts =
                    Facts { policy: Manual, after_unknown, decided, ..facts(Some(&a), &b, &c) };
                assert_eq!(merge_field(&facts), Resolution::Conflict(winner), "{facts:?}");
            }
        }
    }

    #[test]
    fn an_empty_field_that_we_had_filled_was_emptied_by_somebody() {
        let (null, b) = (Value::Null, text("B"));
        let untouched = Facts { after_unknown: true, ..facts(None, &b, &null) };
        assert_eq!(merge_field(&untouched), Resolution::Push);
        let emptied = Facts { was_sent: true, ..untouched };
        assert_eq!(merge_field(&emptied), Resolution::Conflict(Winner::Salesforce));
    }

    #[test]
    fn a_part_of_a_second_does_not_make_the_row_newer() {
        let (a, b, c) = (text("A"), text("B"), text("C"));
        let facts = Facts {
            policy: Newest,
            local_at: moment(100) + chrono::TimeDelta::milliseconds(900),
            ..facts(Some(&a), &b, &c)
        };
        assert_eq!(merge_field(&facts), Resolution::Conflict(Winner::Salesforce));
    }
}

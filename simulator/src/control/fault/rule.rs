//! Which requests a fault strikes.

use serde::{Deserialize, Serialize};

/// Which requests a fault strikes.
///
/// A request matches when all that is said of it fits. Of the matching ones the first `after` pass,
/// then every `nth` is struck with a probability, until `times` were struck.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Pattern for the whole path; `*` stands for anything, slashes included.
    pub route: String,
    /// Only requests with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests of this kind, as the request log names it: `oauth`, `identity`, `versions`,
    /// `limits`, `count`, `describe`, `row`, `upsert`, `replication`, `query`, `collection`,
    /// `composite`, `cometd`, `bulk_query`, `bulk_ingest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only requests about this object, whether the path, the statement, the job or the first
    /// record names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Only requests of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only requests that bring at least so many rows.
    pub min_rows: u64,
    /// Matching requests that pass before the first is struck.
    pub after: u64,
    /// Every how many of the others are struck; 1 is all of them.
    pub nth: u64,
    /// Requests the fault strikes before it is spent; `null` is until it is taken back.
    pub times: Option<u64>,
    /// How likely a request that would be struck is struck, from 0 to 1.
    pub probability: f64,
    /// Seed of the dice for `probability`: the same seed strikes the same requests.
    pub seed: u64,
}

/// The members of a rule, by which the JSON of a fault is told apart.
pub(super) const MEMBERS: [&str; 11] = [
    "route",
    "method",
    "operation",
    "object",
    "user",
    "min_rows",
    "after",
    "nth",
    "times",
    "probability",
    "seed",
];

impl Default for Rule {
    /// The next request, whatever it is.
    fn default() -> Self {
        Self {
            route: "*".to_owned(),
            method: None,
            operation: None,
            object: None,
            user: None,
            min_rows: 0,
            after: 0,
            nth: 1,
            times: Some(1),
            probability: 1.0,
            seed: 0,
        }
    }
}

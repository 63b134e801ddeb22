//! Trouble on demand, as it is ordered: answers that fail, get lost or come late.
//!
//! A fault waits for requests that match its [`Rule`], lets the first `after` of them pass, strikes
//! the next `times` (1 unless said), and is spent. As JSON its rule and its kind lie side by side:
//!
//! ```json
//! {"route": "*/composite/sobjects*", "method": "PATCH", "after": 2, "times": 1, "kind": "cut_after"}
//! ```

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

/// A fault as it is ordered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Which requests it strikes.
    #[serde(flatten)]
    pub rule: Rule,
    /// What happens to them.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// Which requests a fault strikes.
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
    /// `composite`, `bulk_query`, `bulk_ingest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Matching requests that pass before the fault strikes.
    pub after: u64,
    /// Requests the fault strikes before it is spent.
    pub times: u64,
}

/// The members of a rule, by which the JSON of a fault is told apart.
const RULE_MEMBERS: [&str; 5] = ["route", "method", "operation", "after", "times"];

impl Default for Rule {
    /// The next request, whatever it is.
    fn default() -> Self {
        Self { route: "*".to_owned(), method: None, operation: None, after: 0, times: 1 }
    }
}

/// What happens to a request that a fault strikes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Nothing is done and this is answered; without a body, a maintenance page for 5xx.
    Status {
        /// The status.
        status: u16,
        /// A body of JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// A body of HTML.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        html: Option<String>,
    },
    /// Nothing is done and the connection closes without an answer.
    CutBefore {},
    /// Everything is done, then the connection closes without an answer.
    CutAfter {},
    /// The answer breaks off after this many bytes of its body.
    Truncate {
        /// How many.
        #[serde(default)]
        bytes: usize,
    },
    /// Everything is done, later.
    Latency {
        /// How much later.
        millis: u64,
    },
    /// Every `every`th row of a collection or bulk upload fails with this error.
    RowError {
        /// Every how many rows.
        every: usize,
        /// Salesforce's code.
        #[serde(default = "lock_code")]
        code: String,
        /// What is said.
        #[serde(default = "lock_message")]
        message: String,
    },
}

impl FaultKind {
    /// This status in place of the work; a maintenance page for 5xx.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, body: None, html: None }
    }

    /// This status and body of JSON in place of the work.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self::Status { status, body: Some(body), html: None }
    }
}

impl From<FaultKind> for Fault {
    /// Strikes the next request, whatever it is.
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

fn lock_code() -> String {
    "UNABLE_TO_LOCK_ROW".to_owned()
}

fn lock_message() -> String {
    "unable to obtain exclusive access to this record".to_owned()
}

impl Fault {
    /// A fault that strikes the next request, whatever it is.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { rule: Rule::default(), kind }
    }

    /// Strikes only requests whose whole path matches; `*` stands for anything, slashes included.
    #[must_use]
    pub fn route(mut self, pattern: impl Into<String>) -> Self {
        self.rule.route = pattern.into();
        self
    }

    /// Strikes only requests with this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.rule.method = Some(method.into());
        self
    }

    /// Strikes only requests of this kind; see [`Rule::operation`].
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.rule.operation = Some(operation.into());
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.rule.after = requests;
        self
    }

    /// Strikes so many requests.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.rule.times = requests;
        self
    }
}

impl<'de> Deserialize<'de> for Fault {
    /// Reads rule and kind from one object; a member that neither knows is refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        let is_of_rule = |(name, _): &(String, Value)| RULE_MEMBERS.contains(&name.as_str());
        let (rule, kind): (Vec<_>, Vec<_>) = members.into_iter().partition(is_of_rule);
        let rule = serde_json::from_value(Value::Object(rule.into_iter().collect()))
            .map_err(D::Error::custom)?;
        let kind =
            serde_json::from_value(Value::Object(kind.into_iter().collect())).map_err(|error| {
                let rule = RULE_MEMBERS.join("`, `");
                D::Error::custom(format!("{error} (every fault also knows `{rule}`)"))
            })?;
        Ok(Self { rule, kind })
    }
}

/// A fault as it is listed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ArmedFault {
    /// By which it can be taken back.
    pub id: u64,
    /// Requests struck so far.
    pub struck: u64,
    /// What was ordered.
    #[serde(flatten)]
    pub fault: Fault,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_member_is_refused_with_the_known_ones_named() {
        let read = |json: Value| serde_json::from_value::<Fault>(json).unwrap_err().to_string();

        let unknown = read(json!({ "kind": "latency", "milis": 3 }));
        assert!(unknown.contains("unknown field `milis`, expected `millis`"), "{unknown}");
        assert!(unknown.contains("`route`, `method`"), "{unknown}");
        let empty = read(json!({ "kind": "cut_after", "rout": "*" }));
        assert!(empty.contains("unknown field `rout`"), "{empty}");
        let kind = read(json!({ "kind": "nonsense" }));
        assert!(kind.contains("unknown variant `nonsense`, expected one of `status`"), "{kind}");
    }

    #[test]
    fn a_listed_fault_reads_back() {
        let fault = Fault::new(FaultKind::CutAfter {}).route("*/limits").method("GET").times(3);
        let armed = ArmedFault { id: 7, struck: 1, fault };

        let json = serde_json::to_value(&armed).unwrap();

        assert_eq!((&json["kind"], &json["route"]), (&json!("cut_after"), &json!("*/limits")));
        assert_eq!(serde_json::from_value::<ArmedFault>(json).unwrap(), armed);
    }
}

//! Trouble on demand, as it is ordered: answers that fail, get lost or come late.
//!
//! A fault waits for requests that match its [`Rule`], lets the first `after` of them pass, strikes
//! the next `times` (1 unless said), and is spent. As JSON its rule and its kind lie side by side:
//!
//! ```json
//! {"route": "*/composite/sobjects*", "method": "PATCH", "after": 2, "times": 1, "kind": "cut_after"}
//! ```

mod kind;
mod rule;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

pub use kind::{FaultKind, JobEnding, LateAnswer, Page, RowCondition};
pub use rule::Rule;

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

impl From<FaultKind> for Fault {
    /// Strikes the next request, whatever it is.
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
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

    /// Strikes only requests about this object.
    #[must_use]
    pub fn object(mut self, object: impl Into<String>) -> Self {
        self.rule.object = Some(object.into());
        self
    }

    /// Strikes only requests of this user.
    #[must_use]
    pub fn user(mut self, username: impl Into<String>) -> Self {
        self.rule.user = Some(username.into());
        self
    }

    /// Strikes only requests that bring at least so many rows.
    #[must_use]
    pub fn min_rows(mut self, rows: u64) -> Self {
        self.rule.min_rows = rows;
        self
    }

    /// Strikes every how manyth request, until it is taken back.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.rule.nth = nth;
        self.forever()
    }

    /// Strikes with this probability, by dice of this seed, until it is taken back.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.rule.probability = probability;
        self.rule.seed = seed;
        self.forever()
    }

    /// Strikes until it is taken back.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.rule.times = None;
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
        self.rule.times = Some(requests);
        self
    }
}

impl<'de> Deserialize<'de> for Fault {
    /// Reads rule and kind from one object; a member that neither knows is refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        let is_of_rule = |(name, _): &(String, Value)| rule::MEMBERS.contains(&name.as_str());
        let (rule, kind): (Vec<_>, Vec<_>) = members.into_iter().partition(is_of_rule);
        let rule = serde_json::from_value(Value::Object(rule.into_iter().collect()))
            .map_err(D::Error::custom)?;
        let kind =
            serde_json::from_value(Value::Object(kind.into_iter().collect())).map_err(|error| {
                let rule = rule::MEMBERS.join("`, `");
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
    /// Requests that matched so far.
    pub seen: u64,
    /// Requests struck so far.
    pub struck: u64,
    /// Pieces of work that wait to be released.
    pub held: u64,
    /// What was ordered.
    #[serde(flatten)]
    pub fault: Fault,
}

/// A request that was struck.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StruckRequest {
    /// The fault.
    pub fault: u64,
    /// What it did.
    pub kind: String,
    /// The org's clock.
    pub time: String,
    /// The verb.
    pub method: String,
    /// The path.
    pub path: String,
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
        assert!(kind.contains("unknown variant `nonsense`, expected one of `error`"), "{kind}");
    }

    #[test]
    fn a_listed_fault_reads_back() {
        let fault = Fault::new(FaultKind::CutAfter {}).route("*/limits").method("GET").times(3);
        let armed = ArmedFault { id: 7, seen: 2, struck: 1, held: 0, fault };

        let json = serde_json::to_value(&armed).unwrap();

        assert_eq!((&json["kind"], &json["route"]), (&json!("cut_after"), &json!("*/limits")));
        assert_eq!(serde_json::from_value::<ArmedFault>(json).unwrap(), armed);
    }
}

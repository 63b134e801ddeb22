//! What Salesforce does beside a write, and under which name it knows us: said by headers, and in Bulk jobs as far as those
//! take it.

use super::Error;
use super::call::Call;
use reqwest::header::{HeaderMap, HeaderValue};

/// Objects whose records assignment rules give an owner. A Bulk job names its rule only for these.
const ASSIGNED_OBJECTS: [&str; 2] = ["Lead", "Case"];

/// What requests ask for beside what they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOptions {
    /// What we are called in Salesforce's logs and as the origin of change events: letters, digits, `-`, `_`, `.`.
    pub client_name: String,
    /// Whether assignment rules choose the owner of what is written.
    pub assignment_rules: AssignmentRules,
    /// Whether records are saved that a duplicate rule would only warn of. Not told to Bulk jobs, which have no word
    /// for it.
    pub save_duplicates: bool,
    /// Whether what is written is among the integration user's recently viewed records.
    pub recently_viewed: bool,
}

/// Which assignment rules run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignmentRules {
    /// None: owners stay as they are written.
    Off,
    /// The active one. A Bulk job runs none, for it has to be told which.
    Active,
    /// The one with this id.
    Rule(String),
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            client_name: "lockstep".to_owned(),
            assignment_rules: AssignmentRules::Off,
            save_duplicates: false,
            recently_viewed: false,
        }
    }
}

/// The headers that follow from the options.
#[derive(Clone, Debug)]
pub(super) struct OptionHeaders {
    /// Of every request.
    every: HeaderMap,
    /// Of requests that write.
    writing: HeaderMap,
}

impl RequestOptions {
    /// # Errors
    /// [`Error::Settings`] when a value cannot be a header.
    pub(super) fn headers(&self) -> Result<OptionHeaders, Error> {
        let value = |text: &str| {
            let refused = |_| Error::Settings("the client's name cannot stand in a header".into());
            HeaderValue::from_str(text).map_err(refused)
        };
        let mut every = HeaderMap::new();
        every.insert("sforce-call-options", value(&format!("client={}", self.client_name))?);
        let recently_viewed = format!("updateMru={}", self.recently_viewed);
        every.insert("sforce-mru", value(&recently_viewed)?);
        let mut writing = HeaderMap::new();
        let assign = match &self.assignment_rules {
            AssignmentRules::Off => "FALSE",
            AssignmentRules::Active => "TRUE",
            AssignmentRules::Rule(id) => id,
        };
        writing.insert("sforce-auto-assign", value(assign)?);
        if self.save_duplicates {
            writing.insert("sforce-duplicate-rule-header", value("allowSave=true")?);
        }
        Ok(OptionHeaders { every, writing })
    }

    /// The rule that a Bulk job which writes to this object is told.
    pub(super) fn rule_of_job(&self, object: &str) -> Option<&str> {
        match &self.assignment_rules {
            AssignmentRules::Rule(id) if ASSIGNED_OBJECTS.contains(&object) => Some(id),
            _ => None,
        }
    }
}

impl OptionHeaders {
    /// The headers of this call.
    pub(super) fn of(&self, call: &Call) -> HeaderMap {
        let mut headers = self.every.clone();
        if !call.is_repeatable {
            headers.extend(self.writing.clone());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::{AssignmentRules, Call, RequestOptions};
    use reqwest::Method;

    fn headers(options: &RequestOptions, call: &Call) -> Vec<String> {
        let headers = options.headers().unwrap().of(call);
        let line =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                format!("{name}: {}", value.to_str().unwrap())
            };
        let mut lines: Vec<_> = headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn only_what_writes_says_how_it_is_to_be_written() {
        let options = RequestOptions {
            client_name: "crm-sync".to_owned(),
            assignment_rules: AssignmentRules::Rule("01Q000000000001AAA".to_owned()),
            save_duplicates: true,
            recently_viewed: true,
        };
        let [reading, writing] =
            [Call::reading(Method::GET, &["query"]), Call::writing(Method::POST, &["composite"])];
        let every = ["sforce-call-options: client=crm-sync", "sforce-mru: updateMru=true"];
        assert_eq!(headers(&options, &reading), every);
        let assign = "sforce-auto-assign: 01Q000000000001AAA";
        let save = "sforce-duplicate-rule-header: allowSave=true";
        assert_eq!(headers(&options, &writing), [assign, every[0], save, every[1]]);
        let default = headers(&RequestOptions::default(), &writing);
        let [named, mru] = ["sforce-call-options: client=lockstep", "sforce-mru: updateMru=false"];
        assert_eq!(default, ["sforce-auto-assign: FALSE", named, mru]);
    }

    #[test]
    fn a_bulk_job_is_told_a_rule_where_there_are_owners_to_assign() {
        let id = "01Q000000000001AAA";
        #[rustfmt::skip]
        let table = [
            (AssignmentRules::Rule(id.to_owned()), "Lead",    Some(id)),
            (AssignmentRules::Rule(id.to_owned()), "Case",    Some(id)),
            (AssignmentRules::Rule(id.to_owned()), "Contact", None),
            (AssignmentRules::Active,              "Lead",    None),
            (AssignmentRules::Off,                 "Lead",    None),
        ];
        for (assignment_rules, object, expected) in table {
            let options = RequestOptions { assignment_rules, ..RequestOptions::default() };
            assert_eq!(options.rule_of_job(object), expected, "{object}");
        }
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_header_is_refused() {
        let options =
            RequestOptions { client_name: "a\nb".to_owned(), ..RequestOptions::default() };
        assert!(options.headers().is_err());
    }
}

//! What the resources themselves see of a fault: rows to refuse, jobs to spoil.

use serde_json::Value;

use super::codes::{documented, lasting};
use crate::{
    ApiError,
    control::{FaultKind, JobEnding, RowCondition},
    http::late::Late,
    value::JsonMap,
};

/// Rows and jobs that are to go wrong in one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    /// Rows to refuse.
    pub(crate) rows: Vec<RowError>,
    /// How the job goes wrong.
    pub(crate) job: Option<JobFault>,
    /// When what a job writes becomes visible, if late.
    pub(crate) late: Option<Late>,
}

/// An error for some of the rows.
#[derive(Clone, Debug)]
pub(crate) struct RowError {
    every: usize,
    condition: Option<RowCondition>,
    error: ApiError,
}

/// How a Bulk job goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct JobFault {
    pub(crate) ending: JobEnding,
    /// Rows that are written first.
    pub(crate) after_rows: u64,
    pub(crate) message: String,
}

impl Trouble {
    /// Why the row at `index`, counted from 0, is refused; `value_of` tells its fields as text.
    pub(crate) fn of_row(
        &self,
        index: usize,
        value_of: impl Fn(&str) -> Option<String>,
    ) -> Option<ApiError> {
        let struck = self.rows.iter().find(|row| row.strikes(index, &value_of));
        struck.map(|row| row.error.clone())
    }

    /// Why a row with this JSON body is refused; an `id` outside of it counts as its field `Id`.
    pub(crate) fn of_json(&self, index: usize, id: &str, body: &JsonMap) -> Option<ApiError> {
        self.of_row(index, |field| {
            let found = body.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
            match found {
                Some((_, value)) => Some(text(value)),
                None => field.eq_ignore_ascii_case("id").then(|| id.to_owned()),
            }
        })
    }

    /// Whether a job still does the row at `index`, counted from 0.
    pub(crate) fn job_goes_on(&self, index: usize) -> bool {
        self.job.as_ref().is_none_or(|job| (index as u64) < job.after_rows)
    }

    /// How many rows a job does at most.
    pub(crate) fn rows_of_job(&self) -> usize {
        let most = self.job.as_ref().and_then(|job| usize::try_from(job.after_rows).ok());
        most.unwrap_or(usize::MAX)
    }

    /// Whether a job stays in progress for good.
    pub(crate) fn stalls(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.ending == JobEnding::Stall)
    }

    /// What a job that fails says.
    pub(crate) fn job_error(&self) -> Option<String> {
        let job = self.job.as_ref().filter(|job| job.ending == JobEnding::Fail)?;
        Some(job.message.clone())
    }

    /// Adds what a later request of the same job brings.
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows.extend(other.rows.iter().cloned());
        if other.job.is_some() {
            self.job.clone_from(&other.job);
        }
        self.late = other.late.or(self.late);
    }
}

impl RowError {
    /// The rows that a fault of this kind refuses; nothing for other kinds.
    pub(super) fn of(kind: &FaultKind) -> Option<Self> {
        let FaultKind::RowError { every, condition, code, message, fields } = kind else {
            return None;
        };
        let usual = || documented(code).map_or("refused by a fault", |known| known.message);
        let message = message.clone().unwrap_or_else(|| usual().to_owned());
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let error = ApiError::row(lasting(code), message, &fields);
        Some(Self { every: *every, condition: condition.clone(), error })
    }

    fn strikes(&self, index: usize, value_of: &impl Fn(&str) -> Option<String>) -> bool {
        let is_wanted = |condition: &RowCondition| {
            value_of(&condition.field).is_some_and(|value| value == text(&condition.equals))
        };
        (index + 1).is_multiple_of(self.every.max(1))
            && self.condition.as_ref().is_none_or(is_wanted)
    }
}

/// A value as text, by which JSON and CSV compare.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trouble(json: Value) -> Trouble {
        let kind = serde_json::from_value(json).unwrap();
        Trouble { rows: RowError::of(&kind).into_iter().collect(), ..Trouble::default() }
    }

    #[test]
    fn every_so_many_rows_or_those_with_a_value_are_refused() {
        let nothing = |_: &str| None;
        let named =
            |name: &'static str| move |field: &str| (field == "Name").then(|| name.to_owned());
        let second = trouble(json!({ "kind": "row_error", "every": 2 }));
        let poison = trouble(json!({
            "kind": "row_error", "code": "STRING_TOO_LONG", "where": { "field": "Name", "equals": "x" },
        }));

        let struck: Vec<bool> = (0..4).map(|row| second.of_row(row, nothing).is_some()).collect();

        assert_eq!(struck, [false, true, false, true]);
        assert_eq!(second.of_row(1, nothing).unwrap().code, "UNABLE_TO_LOCK_ROW");
        assert_eq!(poison.of_row(0, named("x")).unwrap().code, "STRING_TOO_LONG");
        assert!(poison.of_row(0, named("y")).is_none());
    }
}

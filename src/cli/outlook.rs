//! What a check foresees beyond single lines of the files: clocks that differ, polls that cost more than there is, and
//! secrets that whoever sees the settings file can read.

use super::connect;
use super::report::Failure;
use crate::config::{Effective, Origin, Settings};
use crate::mapping::{Code, ConflictPolicy, Diagnostic, Mapping, MappingFile};
use crate::postgres::Database;
use crate::salesforce::{Client, QUERIES_TOGETHER_MAX};
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::time::Duration;

/// Salesforce tells whole seconds, and the two clocks are not asked at the same moment.
const SKEW_MAX: TimeDelta = TimeDelta::seconds(3);

const DAY: Duration = Duration::from_hours(24);

/// Settings that are nobody's business but the program's.
const SECRETS: [&str; 3] =
    ["salesforce.client_secret", "salesforce.private_key", "salesforce.refresh_token"];

/// Asks both sides for their clocks, and holds what the polls need against what the org gives.
pub(super) async fn ask(
    client: &Client,
    db: &Database,
    settings: &Settings,
    (files, mappings): (&[MappingFile], &[Mapping]),
) -> Result<Vec<Diagnostic>, Failure> {
    let mut problems = Vec::new();
    if mappings.iter().any(compares_clocks) {
        let ours = db.now().await.map_err(connect::postgres_failure)?;
        let theirs = client.server_time().await.map_err(connect::salesforce_failure)?;
        problems.extend(skewed(files, mappings, ours - theirs));
    }
    if let Some(usage) = client.usage() {
        let budget = usage.limit.saturating_mul(settings.salesforce.api_budget) / 100;
        problems.extend(too_many_polls(files, mappings, budget));
    }
    Ok(problems)
}

fn compares_clocks(mapping: &Mapping) -> bool {
    mapping.fields.iter().any(|field| field.conflict == ConflictPolicy::Newest)
}

/// `ahead` is by how much the database's clock is before Salesforce's.
fn skewed(files: &[MappingFile], mappings: &[Mapping], ahead: TimeDelta) -> Option<Diagnostic> {
    if ahead.abs() < SKEW_MAX {
        return None;
    }
    let mapping = mappings.iter().find(|mapping| compares_clocks(mapping))?;
    let direction = if ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
    let message = format!(
        "`newest` compares clocks, and the database's is {} s {direction} Salesforce's",
        ahead.num_seconds().abs()
    );
    let problem = Diagnostic::warning(Code::ClockSkew, message)
        .with_help("have the database's server keep time (NTP), or choose another policy");
    Some(at_object(problem, files, mapping))
}

/// Mappings with one interval ask together, as many as a request can hold.
fn too_many_polls(files: &[MappingFile], mappings: &[Mapping], budget: u64) -> Option<Diagnostic> {
    let mut by_interval: BTreeMap<Duration, Vec<&Mapping>> = BTreeMap::new();
    for mapping in mappings.iter().filter(|mapping| mapping.direction.pulls()) {
        by_interval.entry(mapping.poll.every).or_default().push(mapping);
    }
    let calls_of = |every: Duration, members: usize| {
        let requests = u64::try_from(members.div_ceil(QUERIES_TOGETHER_MAX)).unwrap_or(u64::MAX);
        requests.saturating_mul(DAY.as_secs() / every.as_secs().max(1))
    };
    let calls: Vec<(u64, Duration, &[&Mapping])> = by_interval
        .iter()
        .map(|(every, members)| (calls_of(*every, members.len()), *every, members.as_slice()))
        .collect();
    let all = calls.iter().map(|(calls, ..)| calls).sum::<u64>();
    let (most, every, members) = calls.iter().max_by_key(|(calls, ..)| *calls)?;
    if all <= budget || budget == 0 {
        return None;
    }
    // What the others leave, as far as they leave anything.
    let left = budget.saturating_sub(all - most).max(budget / 10).max(1);
    let slower = Duration::from_secs(every.as_secs().max(1).saturating_mul(most.div_ceil(left)));
    let told = |time: Duration| humantime::format_duration(time).to_string();
    let message = format!("polls need about {all} API requests a day, and the budget is {budget}");
    let mut problem = Diagnostic::warning(Code::PollCost, message).with_help(format!(
        "set `poll = {{ every = \"{}\" }}` for what is polled every {}",
        told(slower).replace(' ', ""),
        told(*every)
    ));
    for (calls, every, members) in &calls {
        let count = members.len();
        let noun = if count == 1 { "mapping" } else { "mappings" };
        problem = problem.with_note(format!("{count} {noun} every {}: {calls}", told(*every)));
    }
    let first = members.first()?;
    Some(at_object(problem, files, first))
}

fn at_object(problem: Diagnostic, files: &[MappingFile], mapping: &Mapping) -> Diagnostic {
    let file = files.iter().find(|file| file.object().eq_ignore_ascii_case(&mapping.object));
    match file.map(MappingFile::object_place) {
        Some((source, span)) => problem.at(source, span, ""),
        None => problem,
    }
}

/// Secrets that stand in the settings file as they are.
pub(super) fn plain_secrets(settings: &[Effective]) -> Vec<Diagnostic> {
    let is_plain = |setting: &&Effective| {
        SECRETS.contains(&setting.key) && matches!(setting.origin, Origin::File { .. })
    };
    let told = |setting: &Effective| {
        let name = setting.key.rsplit('.').next().unwrap_or(setting.key);
        let variable = setting.key.replace('.', "_").to_ascii_uppercase();
        let message = format!("`{}` stands in {} for all to read", setting.key, setting.origin);
        Diagnostic::warning(Code::PlainSecret, message)
            .with_help(format!("set {variable}, or name a file that holds it alone: `{name}_file`"))
    };
    settings.iter().filter(is_plain).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::{Mapping, plain_secrets, skewed, too_many_polls};
    use crate::config::Settings;
    use crate::mapping::ConflictPolicy;
    use crate::reconcile::samples::contact;
    use chrono::TimeDelta;
    use std::time::Duration;

    fn polled(every: u64) -> Mapping {
        let mut mapping = contact();
        mapping.poll.every = Duration::from_secs(every);
        mapping
    }

    #[test]
    fn clocks_that_differ_are_told_where_they_decide() {
        let mut newest = contact();
        newest.fields[0].conflict = ConflictPolicy::Newest;
        let seconds = TimeDelta::seconds;
        #[rustfmt::skip]
        let table = [
            (&newest,    seconds(2),   None),
            (&newest,    seconds(4),   Some("4 s ahead of Salesforce's")),
            (&newest,    seconds(-90), Some("90 s behind Salesforce's")),
            (&contact(), seconds(90),  None),
        ];
        for (mapping, ahead, expected) in table {
            let found = skewed(&[], std::slice::from_ref(mapping), ahead);
            let message = found.as_ref().map(|problem| problem.message.as_str());
            assert_eq!(message.is_some(), expected.is_some(), "{ahead}");
            assert!(expected.is_none_or(|words| message.unwrap().ends_with(words)), "{message:?}");
        }
    }

    #[test]
    fn polls_beyond_the_budget_are_told_with_an_interval_that_fits() {
        let mut mappings: Vec<Mapping> = (0..12).map(|_| polled(10)).collect();
        mappings.push(polled(3_600));
        assert_eq!(too_many_polls(&[], &mappings, 30_000), None, "25,944 requests");

        let problem = too_many_polls(&[], &mappings, 10_000).unwrap();
        assert!(problem.message.contains("about 25944 ") && problem.message.contains("is 10000"));
        assert!(problem.help[0].contains("every = \"30s\""), "{:?}", problem.help);
        assert_eq!(problem.notes, ["12 mappings every 10s: 25920", "1 mapping every 1h: 24"]);
    }

    #[test]
    fn a_secret_in_the_settings_file_is_told_and_one_in_a_variable_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockstep.toml");
        std::fs::write(&path, "[salesforce]\nclient_secret = \"s\"\n").unwrap();
        let token = ("SALESFORCE_REFRESH_TOKEN".to_owned(), "t".to_owned());
        let settings = Settings::load(Some(&path), [token].into_iter()).unwrap();

        let problems = plain_secrets(settings.effective());

        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.starts_with("`salesforce.client_secret` stands in"));
        assert!(problems[0].help[0].contains("SALESFORCE_CLIENT_SECRET"));
    }
}

//! Inserts that may have a record already: reading tells whether they do.
//!
//! With an external id the record is found by it, whether an insert of ours whose answer never came made it or
//! somebody else did. Without one, only lost inserts are looked for: the records that our user created since are
//! compared with what was journalled: a match that no row holds yet is ours. Nothing is ever sent again before
//! it was looked for.

use super::breakers::may_pass;
use crate::mapping::Mapping;
use crate::model::{
    Action, RemoteRecord, SalesforceId, Value, parse_salesforce, to_csv, to_soql_literal,
};
use crate::postgres::{Database, JournalEntry, attempts, find_leaving, find_parents};
use crate::reconcile::{RecordRef, normal_record, value_of_json};
use crate::salesforce::{Client, Scope, Shape};
use crate::sync::Error;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Room for the keys in a query's address, in bytes as they are encoded there. With the field list, within what one
/// request takes: some 200 keys of 36 characters.
const KEYS_LENGTH_MAX: usize = 9_000;
/// Queries for keys under way at once.
const QUERIES_IN_FLIGHT_MAX: usize = 3;
/// How far Salesforce's clock and the database's may be apart.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);
/// Salesforce ends every request after ten minutes; nothing can appear later than this after the journal entry.
const REQUEST_LONGEST: TimeDelta = TimeDelta::minutes(15);
/// An insert that cannot be found may still be running for this long after it was journalled. Only inserts
/// without external id wait for it: the others may be repeated.
const INSERT_SETTLES: TimeDelta = TimeDelta::seconds(10);

/// An insert to look for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost<'a> {
    pub(super) record: &'a RecordRef,
    /// The row's external id as it is now.
    pub(super) key: Option<&'a str>,
    /// The attempts that may have made a record.
    pub(super) attempts: &'a [JournalEntry],
}

/// What looking found.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// This record is the one.
    Record(Box<RemoteRecord>),
    /// There is none.
    Nothing,
    /// There is none yet, and the request may still be running.
    NotYet,
    /// Another row has the record with this external id; the text is for people.
    Taken(String),
    /// It cannot be told which record it is; the text is for people.
    Undecidable(String),
}

/// Looks for the records of inserts of one mapping.
pub(super) async fn find(
    client: &Client,
    db: &Database,
    mapping: &Mapping,
    lost: &[Lost<'_>],
    now: DateTime<Utc>,
) -> Result<HashMap<RecordRef, Found>, Error> {
    let mut found = HashMap::new();
    let (keyed, unkeyed): (Vec<_>, Vec<_>) =
        lost.iter().copied().partition(|lost| !keys_of(lost).is_empty());
    if !keyed.is_empty() {
        found.extend(find_by_key(client, db, mapping, &keyed).await?);
    }
    if !unkeyed.is_empty() {
        found.extend(find_by_creation(client, db, mapping, &unkeyed, now).await?);
    }
    Ok(found)
}

fn keys_of(lost: &Lost<'_>) -> Vec<String> {
    let tried = lost.attempts.iter().filter_map(|entry| entry.intent.key.clone());
    let mut keys: Vec<String> = lost.key.map(str::to_owned).into_iter().chain(tried).collect();
    keys.dedup();
    keys
}

async fn find_by_key(
    client: &Client,
    db: &Database,
    mapping: &Mapping,
    lost: &[Lost<'_>],
) -> Result<HashMap<RecordRef, Found>, Error> {
    let keys: Vec<String> = lost.iter().flat_map(keys_of).collect();
    let (by_key, unasked) = records_by_key(client, mapping, &keys).await?;
    let ids: Vec<&SalesforceId> = by_key.values().flatten().map(|record| &record.id).collect();
    let mut takers = owners_of(db, mapping, &ids).await?;
    // A record that is about to be deleted would take the new row along.
    let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    if !ids.is_empty() {
        let leaving = find_leaving(db, &mapping.table, &ids).await?.into_iter();
        takers.extend(leaving.filter_map(|(id, row)| Some((SalesforceId::parse(&id).ok()?, row))));
    }
    let mut found = HashMap::new();
    for lost in lost {
        let keys = keys_of(lost);
        // Nobody answered for it; the others need not wait for that.
        if keys.iter().any(|key| unasked.contains(key)) {
            found.insert(lost.record.clone(), Found::NotYet);
            continue;
        }
        let records: BTreeMap<&str, &RemoteRecord> = keys
            .iter()
            .filter_map(|key| by_key.get(&key.to_lowercase()))
            .flatten()
            .map(|record| (record.id.as_str(), record))
            .collect();
        let answer = sole(&records.into_values().collect::<Vec<_>>(), lost.record, &takers);
        if let Found::Record(record) = &answer {
            takers.insert(record.id.clone(), lost.record.record_id);
        }
        found.insert(lost.record.clone(), answer);
    }
    Ok(found)
}

fn sole(
    records: &[&RemoteRecord],
    record: &RecordRef,
    owners: &HashMap<SalesforceId, i32>,
) -> Found {
    match records {
        [] => Found::Nothing,
        [only] => match owners.get(&only.id) {
            Some(owner) if *owner != record.record_id => Found::Taken(format!(
                "record {} holds the external id, and belongs to row {owner}",
                only.id
            )),
            _ => Found::Record(Box::new((*only).clone())),
        },
        several => Found::Undecidable(format!(
            "several records hold the external id: {}",
            listed(several.iter().map(|record| &record.id))
        )),
    }
}

fn listed<'a>(ids: impl Iterator<Item = &'a SalesforceId>) -> String {
    ids.take(10).map(SalesforceId::as_str).collect::<Vec<_>>().join(", ")
}

/// Live records by their external id in lower case: Salesforce compares it so unless told otherwise. And the keys for
/// which no answer came, where others had one.
async fn records_by_key(
    client: &Client,
    mapping: &Mapping,
    keys: &[String],
) -> Result<(HashMap<String, Vec<RemoteRecord>>, HashSet<String>), Error> {
    let Some((position, field)) = mapping.key.as_ref().and_then(|key| {
        mapping.fields.iter().enumerate().find(|(_, field)| field.name == key.field)
    }) else {
        return Ok((HashMap::new(), HashSet::new()));
    };
    let literals = keys.iter().filter_map(|key| {
        let value = parse_salesforce(field.column_type, Some(key)).ok()?;
        Some((key.clone(), to_soql_literal(&value)))
    });
    let lists = lists(literals);
    let all = lists.len();
    let mut answers = stream::iter(lists)
        .map(|list| async move {
            let (keys, literals): (Vec<String>, Vec<String>) = list.into_iter().unzip();
            let condition = format!("{} IN ({})", field.name, literals.join(","));
            (keys, select(client, mapping, &condition).await)
        })
        .buffered(QUERIES_IN_FLIGHT_MAX);
    let mut by_key: HashMap<String, Vec<RemoteRecord>> = HashMap::new();
    let (mut unasked, mut failures) = (HashSet::new(), 0);
    while let Some((keys, records)) = answers.next().await {
        match records {
            Ok(records) => {
                for record in records {
                    let key = record.values.get(position).map(to_csv).unwrap_or_default();
                    by_key.entry(key.to_lowercase()).or_default().push(record);
                }
            }
            Err(error) if may_pass(&error) && failures + 1 < all => {
                failures += 1;
                unasked.extend(keys);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((by_key, unasked))
}

/// Splits keys, each with its literal, into lists that are short enough for one request each.
fn lists(literals: impl Iterator<Item = (String, String)>) -> Vec<Vec<(String, String)>> {
    let mut lists: Vec<Vec<(String, String)>> = Vec::new();
    let mut room = 0;
    for (key, literal) in literals {
        // Unreserved characters travel as they are, all others as `%XX`.
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(byte);
        let length: usize = literal.bytes().map(|byte| if is_plain(&byte) { 1 } else { 3 }).sum();
        if let Some(list) = lists.last_mut().filter(|_| length + 3 <= room) {
            list.push((key, literal));
        } else {
            room = KEYS_LENGTH_MAX;
            lists.push(vec![(key, literal)]);
        }
        room = room.saturating_sub(length + 3);
    }
    lists
}

async fn find_by_creation(
    client: &Client,
    db: &Database,
    mapping: &Mapping,
    lost: &[Lost<'_>],
    now: DateTime<Utc>,
) -> Result<HashMap<RecordRef, Found>, Error> {
    let opened = || lost.iter().flat_map(|lost| lost.attempts).map(|entry| entry.opened_at);
    let (Some(earliest), Some(latest)) = (opened().min(), opened().max()) else {
        return Ok(HashMap::new());
    };
    let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let user = client.identity().await?.user_id;
    let condition = format!(
        "CreatedById = '{user}' AND CreatedDate >= {} AND CreatedDate <= {}",
        moment(earliest - CLOCK_SLACK),
        moment(latest + REQUEST_LONGEST + CLOCK_SLACK),
    );
    let mut records = select(client, mapping, &condition).await?;
    let ids: Vec<&SalesforceId> = records.iter().map(|record| &record.id).collect();
    let owners = owners_of(db, mapping, &ids).await?;
    let inserters = rows_we_inserted(db, mapping, &owners).await?;
    // A row that holds the record without us having inserted it was pulled in since: it is the record's twin.
    records.retain(|record| owners.get(&record.id).is_none_or(|row| !inserters.contains(row)));
    Ok(assign(mapping, lost, &records, now))
}

/// Gives the records that nobody holds to the inserts that may have made them.
///
/// Equal inserts are interchangeable, so each gets one of the matching records; only where there are more
/// records than such inserts does it stay open which of them are ours.
fn assign(
    mapping: &Mapping,
    lost: &[Lost<'_>],
    records: &[RemoteRecord],
    now: DateTime<Utc>,
) -> HashMap<RecordRef, Found> {
    let matching: Vec<Vec<&RemoteRecord>> = lost
        .iter()
        .map(|lost| {
            let is_match = |record: &&RemoteRecord| {
                lost.attempts.iter().any(|entry| made_by(mapping, entry, record))
            };
            records.iter().filter(is_match).collect()
        })
        .collect();
    let mut taken: HashSet<&SalesforceId> = HashSet::new();
    let mut found = HashMap::new();
    for (lost, candidates) in lost.iter().zip(&matching) {
        let rivals = matching.iter().filter(|other| *other == candidates).count();
        let free = candidates.iter().find(|record| !taken.contains(&record.id));
        let answer = match free {
            _ if candidates.len() > rivals => Found::Undecidable(format!(
                "several records match what was sent: {}",
                listed(candidates.iter().map(|record| &record.id))
            )),
            Some(record) => {
                taken.insert(&record.id);
                Found::Record(Box::new((*record).clone()))
            }
            None if is_settled(lost, now) => Found::Nothing,
            None => Found::NotYet,
        };
        found.insert(lost.record.clone(), answer);
    }
    found
}

fn is_settled(lost: &Lost<'_>, now: DateTime<Utc>) -> bool {
    lost.attempts.iter().all(|entry| entry.opened_at + INSERT_SETTLES <= now)
}

/// Whether the record holds everything that was sent.
fn made_by(mapping: &Mapping, entry: &JournalEntry, record: &RemoteRecord) -> bool {
    !entry.intent.values.is_empty()
        && entry.intent.values.iter().all(|(name, json)| {
            let position = mapping.fields.iter().position(|field| field.name == *name);
            let sent = position.and_then(|position| {
                let field = mapping.fields.get(position)?;
                value_of_json(field.column_type, json)
            });
            let held: Option<&Value> = position.and_then(|position| record.values.get(position));
            sent.as_ref() == held && held.is_some()
        })
}

/// The rows that hold these records already.
async fn owners_of(
    db: &Database,
    mapping: &Mapping,
    ids: &[&SalesforceId],
) -> Result<HashMap<SalesforceId, i32>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let values: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    let owners = find_parents(db, &mapping.table, "sfid", &values).await?;
    Ok(owners
        .into_iter()
        .filter_map(|(id, record_id, _)| Some((SalesforceId::parse(&id).ok()?, record_id)))
        .collect())
}

/// Those of the rows whose insert was sent by us.
async fn rows_we_inserted(
    db: &Database,
    mapping: &Mapping,
    owners: &HashMap<SalesforceId, i32>,
) -> Result<HashSet<i32>, Error> {
    let rows: Vec<i32> = owners.values().copied().collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let entries = attempts(db, &mapping.table, &rows).await?;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.intent.operation == Action::Insert)
        .map(|entry| entry.intent.record_id)
        .collect())
}

async fn select(
    client: &Client,
    mapping: &Mapping,
    condition: &str,
) -> Result<Vec<RemoteRecord>, Error> {
    let shape = Shape::of(mapping);
    let soql = format!("SELECT {} FROM {} WHERE {condition}", shape.select_list(), mapping.object);
    let mut page = client.query(&soql, Scope::Live, &shape).await?;
    let mut records = page.records;
    while let Some(next) = page.next {
        page = client.query_more(&next, &shape).await?;
        records.append(&mut page.records);
    }
    Ok(records.into_iter().map(|record| normal_record(mapping, record)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Found, KEYS_LENGTH_MAX, Lost, assign, lists};
    use crate::model::{Action, RemoteRecord, Value};
    use crate::postgres::{Intent, JournalEntry};
    use crate::reconcile::RecordRef;
    use crate::reconcile::samples::{contact, moment, remote, sfid, text};

    fn attempt(record_id: i32, last_name: &str, opened_at: i64) -> JournalEntry {
        let intent = Intent {
            table: "contact".to_owned(),
            record_id,
            operation: Action::Insert,
            sfid: None,
            key: None,
            values: [("LastName".to_owned(), last_name.into())].into_iter().collect(),
            log_ids: vec![record_id],
            is_part: false,
        };
        JournalEntry { id: 1, intent, opened_at: moment(opened_at), outcome: None, bulk_job: None }
    }

    fn created(number: u32, last_name: &str) -> RemoteRecord {
        RemoteRecord { id: sfid(number), ..remote(text(last_name), Value::Null) }
    }

    /// The ids found for lost inserts of these last names, journalled at second 0, looked for at second 60.
    fn search(lost: &[&str], records: &[RemoteRecord]) -> Vec<String> {
        let refs: Vec<RecordRef> = (1..)
            .zip(lost)
            .map(|(record_id, _)| RecordRef { table: "contact".to_owned(), record_id })
            .collect();
        let attempts: Vec<Vec<JournalEntry>> =
            refs.iter().zip(lost).map(|(r, name)| vec![attempt(r.record_id, name, 0)]).collect();
        let lost: Vec<Lost<'_>> = refs
            .iter()
            .zip(&attempts)
            .map(|(record, attempts)| Lost { record, key: None, attempts })
            .collect();
        let mut found = assign(&contact(), &lost, records, moment(60));
        let word = |found| match found {
            Some(Found::Record(record)) => record.id.to_string(),
            Some(Found::Nothing) => "nothing".to_owned(),
            Some(Found::NotYet) => "not yet".to_owned(),
            Some(Found::Taken(_)) => "taken".to_owned(),
            Some(Found::Undecidable(_)) => "undecidable".to_owned(),
            None => "absent".to_owned(),
        };
        refs.iter().map(|record| word(found.remove(record))).collect()
    }

    #[test]
    fn keys_are_split_into_queries_that_fit_into_an_address() {
        let keys = |count: usize| (0..count).map(|n| (n.to_string(), format!("'{n:036}'")));
        assert_eq!(lists(keys(0)).len(), 0);
        let sizes: Vec<usize> = lists(keys(401)).iter().map(Vec::len).collect();
        assert_eq!(sizes, [200, 200, 1]);
        let long = "é".repeat(KEYS_LENGTH_MAX);
        let long = (String::new(), long);
        assert_eq!(lists([long.clone(), long].into_iter()).len(), 2);
    }

    #[test]
    fn a_record_with_the_journalled_values_is_ours() {
        let records = [created(1, "Byron"), created(2, "Babbage")];
        let first = sfid(1).to_string();
        assert_eq!(search(&["Byron"], &records), [first.as_str()]);
        assert_eq!(search(&["Lovelace"], &records), ["nothing"]);
    }

    #[test]
    fn equal_inserts_share_the_matching_records_and_never_the_same_one() {
        let records = [created(1, "Byron"), created(2, "Byron")];
        let (first, second) = (sfid(1).to_string(), sfid(2).to_string());
        assert_eq!(search(&["Byron", "Byron"], &records), [first.clone(), second]);
        assert_eq!(search(&["Byron", "Byron"], &records[..1]), [first, "nothing".to_owned()]);
    }

    #[test]
    fn more_matches_than_inserts_are_left_to_a_person() {
        let records = [created(1, "Byron"), created(2, "Byron")];
        assert_eq!(search(&["Byron"], &records), ["undecidable"]);
    }

    #[test]
    fn an_insert_that_may_still_be_running_is_not_given_up() {
        let record = RecordRef { table: "contact".to_owned(), record_id: 1 };
        let attempts = [attempt(1, "Byron", 55)];
        let lost = [Lost { record: &record, key: None, attempts: &attempts }];
        let found = assign(&contact(), &lost, &[], moment(60));
        assert!(matches!(found.get(&record), Some(Found::NotYet)));
    }
}

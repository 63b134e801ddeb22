//! Parents that the application names by an identifier of its own.

use crate::mapping::Mapping;
use crate::model::{SalesforceId, Value};
use crate::postgres::{self, Database};
use crate::reconcile::{Local, Need, ParentKey, RecordRef, Resolved, Wish};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The parents looked up so far, and the records that gained their Salesforce id meanwhile.
#[derive(Debug, Default)]
pub(super) struct Parents {
    known: HashMap<ParentKey, Parent>,
    links: HashMap<RecordRef, SalesforceId>,
}

#[derive(Debug)]
struct Parent {
    record: RecordRef,
    sfid: Option<SalesforceId>,
    /// Whether changes of it are still to be sent.
    is_coming: bool,
}

/// Why a wish cannot be sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// No row has the value.
    Row(ParentKey),
    /// The row is not in Salesforce yet.
    Id(RecordRef),
    /// The row is not in Salesforce, and nothing of it is to be sent: a person gave it up, or it was never captured.
    Nothing(RecordRef),
}

impl Missing {
    /// For people; without the value.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Row(key) => {
                format!(
                    "no row of {} has the value of {} it refers to",
                    key.table, key.match_column
                )
            }
            Self::Id(record) => {
                format!("waits for row {} of {}", record.record_id, record.table)
            }
            Self::Nothing(record) => format!(
                "row {} of {}, which it refers to, is not in Salesforce, and no change of it waits to be sent",
                record.record_id, record.table
            ),
        }
    }
}

impl Parents {
    /// Looks up the parents that these wishes name, or named before, and that are not known yet: one query per table and
    /// column.
    pub(super) async fn load(
        &mut self,
        db: &Database,
        wishes: impl Iterator<Item = &Wish>,
    ) -> Result<(), postgres::Error> {
        let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let named = wishes.flat_map(|wish| parent_of(wish).into_iter().chain(wish.former_parent()));
        for key in named.filter(|key| !self.known.contains_key(key)) {
            let column = (key.table.clone(), key.match_column.clone());
            wanted.entry(column).or_default().insert(key.value.clone());
        }
        for ((table, match_column), values) in wanted {
            let values: Vec<String> = values.into_iter().collect();
            let found = postgres::find_parents(db, &table, &match_column, &values).await?;
            let unlinked: Vec<i32> = found
                .iter()
                .filter(|(_, _, sfid)| sfid.is_none())
                .map(|(_, record_id, _)| *record_id)
                .collect();
            let coming = postgres::find_unsent(db, &table, &unlinked).await?;
            for (value, record_id, sfid) in found {
                let key =
                    ParentKey { table: table.clone(), match_column: match_column.clone(), value };
                let record = RecordRef { table: table.clone(), record_id };
                let is_coming = coming.contains(&record_id);
                self.known.insert(key, Parent { record, sfid, is_coming });
            }
        }
        Ok(())
    }

    /// Remembers the id that Salesforce gave to a record.
    pub(super) fn link(&mut self, record: RecordRef, sfid: SalesforceId) {
        self.links.insert(record, sfid);
    }

    /// The id that Salesforce gave to a record meanwhile.
    pub(super) fn new_id(&self, record: &RecordRef) -> Option<&SalesforceId> {
        self.links.get(record)
    }

    /// The parents' rows that are not in Salesforce yet; a parent without row counts as missing at once. A reference
    /// can be set afterwards where the field may be empty and may be changed.
    pub(super) fn needs(&self, mapping: &Mapping, wishes: &[Wish]) -> Result<Vec<Need>, Missing> {
        let mut needs: BTreeMap<RecordRef, bool> = BTreeMap::new();
        for wish in wishes {
            let Some(key) = parent_of(wish) else { continue };
            match self.id_of(key) {
                Ok(_) => {}
                Err(Missing::Id(record)) => {
                    let field = mapping.fields.get(wish.field);
                    let can_wait = field.is_some_and(|field| field.nillable && field.updateable);
                    *needs.entry(record).or_insert(true) &= can_wait;
                }
                Err(missing) => return Err(missing),
            }
        }
        let need = |(record, can_wait)| Need { record, can_wait };
        Ok(needs.into_iter().map(need).collect())
    }

    /// Whether the wish names one of these parents.
    pub(super) fn is_one_of(&self, wish: &Wish, parents: &BTreeSet<RecordRef>) -> bool {
        let parent = parent_of(wish).and_then(|key| self.known.get(key));
        parent.is_some_and(|parent| parents.contains(&parent.record))
    }

    /// Puts the parents' ids in their place.
    pub(super) fn resolve(&self, wishes: &[Wish]) -> Result<Vec<Resolved>, Missing> {
        wishes
            .iter()
            .map(|wish| {
                let local = match &wish.local {
                    Local::Value(value) => value.clone(),
                    Local::Parent(key) => id_value(self.id_of(key)?),
                };
                let former = wish.former_parent().and_then(|key| self.id_of(key).ok());
                Ok(wish.resolved(local, former.map(id_value)))
            })
            .collect()
    }

    fn id_of(&self, key: &ParentKey) -> Result<&SalesforceId, Missing> {
        let parent = self.known.get(key).ok_or_else(|| Missing::Row(key.clone()))?;
        let sfid = parent.sfid.as_ref().or_else(|| self.links.get(&parent.record));
        let missing = if parent.is_coming { Missing::Id } else { Missing::Nothing };
        sfid.ok_or_else(|| missing(parent.record.clone()))
    }
}

fn id_value(id: &SalesforceId) -> Value {
    Value::Text(id.as_str().to_owned())
}

fn parent_of(wish: &Wish) -> Option<&ParentKey> {
    match &wish.local {
        Local::Parent(key) => Some(key),
        Local::Value(_) => None,
    }
}

//! Push topics: rows of `PushTopic`, each a statement whose rows are told of when they change.
//!
//! A message carries the statement's fields of the row. Whether an update is told depends on which
//! of its fields changed: those of the whole statement unless `NotifyForFields` says otherwise.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value as Json, json};

use super::{ChangeType, Matter};
use crate::{
    Id,
    org::{Org, Row, Scope, Table},
    soql::{self, Condition, Literal, Operand, Operator, Path, Query},
    value::Value,
};

/// The object whose rows are topics.
const OBJECT: &str = "PushTopic";

/// What a message weighs in memory, roughly.
const MESSAGE_BYTES: usize = 1_000;

/// A row that a transaction touched, with what it was before.
pub(super) type Touched = (usize, Id, Option<Row>);

/// An active topic.
struct Topic {
    name: String,
    /// The number of the object it is about.
    object: usize,
    query: Query,
    /// The fields whose change is told; all when absent.
    fields: Option<HashSet<usize>>,
    kinds: Vec<ChangeType>,
}

impl Org {
    /// The objects whose rows are to be noted: the selected ones, those of topics, and the topics.
    pub(super) fn watch(&mut self) {
        let mut watched = self.events.captured.clone();
        watched.extend(self.schema.number(OBJECT));
        watched.extend(self.topics().iter().map(|topic| topic.object));
        self.events.watched = watched;
    }

    /// Whether messages are published under this name.
    pub(crate) fn has_named_channel(&self, name: &str) -> bool {
        let topic = name.strip_prefix("/topic/");
        topic.is_some_and(|topic| self.topics().iter().any(|known| known.name == topic))
    }

    fn topics(&self) -> Vec<Topic> {
        let Ok((number, _)) = self.object_named(OBJECT) else { return Vec::new() };
        let rows = self.table(number).into_iter().flat_map(Table::iter);
        rows.filter(|(_, row)| row.is_live())
            .filter_map(|(_, row)| self.topic(number, &row))
            .collect()
    }

    /// The topic of a row; `None` when it is switched off or nothing that can be told of.
    fn topic(&self, number: usize, row: &Row) -> Option<Topic> {
        let described = self.object(number)?;
        let value = |name: &str| described.number(name).map(|field| row.value(field).clone());
        let text = |name: &str| value(name)?.as_text().map(str::to_owned);
        let is_on = |name: &str| value(name) != Some(Value::Bool(false));
        if !is_on("IsActive") {
            return None;
        }
        let query = soql::parse(&text("Query")?).ok()?;
        let object = self.schema.number(&query.from)?;
        let select = Query { condition: None, ..query.clone() }.to_string();
        let condition = query.condition.as_ref().map(ToString::to_string).unwrap_or_default();
        let fields = match text("NotifyForFields").as_deref() {
            Some("All") => None,
            Some("Select") => Some(self.named_in(object, &select)),
            Some("Where") => Some(self.named_in(object, &condition)),
            _ => Some(self.named_in(object, &format!("{select} {condition}"))),
        };
        let kinds = [
            ("NotifyForOperationCreate", ChangeType::Create),
            ("NotifyForOperationUpdate", ChangeType::Update),
            ("NotifyForOperationDelete", ChangeType::Delete),
            ("NotifyForOperationUndelete", ChangeType::Undelete),
        ];
        let kinds = kinds.into_iter().filter(|(name, _)| is_on(name)).map(|(_, kind)| kind);
        Some(Topic { name: text("Name")?, object, query, fields, kinds: kinds.collect() })
    }

    /// The object's fields that a text names.
    fn named_in(&self, object: usize, text: &str) -> HashSet<usize> {
        let words = text.split(|at: char| !at.is_alphanumeric() && at != '_');
        words.filter_map(|word| self.object(object)?.number(word)).collect()
    }

    /// Tells the topics of what a transaction did.
    pub(super) fn tell_topics(&mut self, touched: &[Touched]) {
        let topics = self.topics();
        let about = self.schema.number(OBJECT);
        if touched.iter().any(|(number, ..)| Some(*number) == about) {
            self.watch();
        }
        let now = self.now();
        for (number, id, before) in touched {
            for topic in topics.iter().filter(|topic| topic.object == *number) {
                let Some((kind, sobject)) = self.topic_message(topic, *id, before.as_ref()) else {
                    continue;
                };
                let created = now.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
                let event = json!({ "type": kind, "createdDate": created });
                let data = Arc::new(json!({ "event": event, "sobject": sobject }));
                let channel = format!("/topic/{}", topic.name);
                self.events.log.add(now, Matter::Message { channel, data }, MESSAGE_BYTES);
            }
        }
    }

    /// What a topic tells of a row that was touched, and the row as the topic shows it.
    fn topic_message(
        &self,
        topic: &Topic,
        id: Id,
        before: Option<&Row>,
    ) -> Option<(&'static str, Json)> {
        let after = self.row(topic.object, id);
        let kind = ChangeType::between(before, after.as_deref())?;
        if !topic.kinds.contains(&kind) {
            return None;
        }
        if let (ChangeType::Update, Some(fields)) = (kind, &topic.fields) {
            let value = |row: Option<&Row>, field: usize| row.map(|row| row.value(field).clone());
            let is_changed =
                |field: &usize| value(before, *field) != value(after.as_deref(), *field);
            if !fields.iter().any(is_changed) {
                return None;
            }
        }
        let sobject = self.as_topic_shows(topic, id)?;
        Some(match kind {
            ChangeType::Create => ("created", sobject),
            ChangeType::Update => ("updated", sobject),
            ChangeType::Undelete => ("undeleted", sobject),
            _ => ("deleted", json!({ "Id": id.to_string() })),
        })
    }

    /// The row's fields of the statement; `None` when the statement does not find it.
    fn as_topic_shows(&self, topic: &Topic, id: Id) -> Option<Json> {
        let name = Path { names: vec!["Id".to_owned()], at: soql::At::default() };
        let is_this = Condition::Compare {
            operand: Operand::Path(name),
            operator: Operator::Equal,
            literal: Literal::Text(id.to_string()),
        };
        let condition = match topic.query.condition.clone() {
            Some(condition) => Condition::And(vec![condition, is_this]),
            None => is_this,
        };
        let query = Query { condition: Some(condition), ..topic.query.clone() }.to_string();
        let found = self.query(self.integration_user(), &query, Scope::WithDeleted).ok()?;
        let row = found.rows.first()?;
        let mut text = String::new();
        self.write_json(&found.shape, row, "66.0", &mut text);
        let mut sobject: Json = serde_json::from_str(&text).ok()?;
        sobject.as_object_mut()?.remove("attributes");
        Some(sobject)
    }
}

//! `?columns=true`: what the columns of a statement are, without its rows.

use serde_json::{Value as Json, json};

use super::{expression::Target, group::Slot, resolve::Resolver};
use crate::{
    ApiError, Id,
    org::{
        Org, Scope,
        shape::{Node, Shape},
    },
    schema::{Field, FieldType, Object},
    soql::{self, Select},
};

impl Org {
    /// Describes the columns of a statement.
    ///
    /// # Errors
    /// As [`Org::query`].
    pub fn query_columns(&self, reader: Id, soql: &str) -> Result<Json, ApiError> {
        let query = soql::parse(soql)?;
        let resolver = self.resolver(reader, soql, &query, Scope::Live)?;
        let is_grouped = resolver.is_grouped();
        let columns = if is_grouped {
            group_columns(&resolver)?
        } else if query.select == Select::Count {
            Vec::new()
        } else {
            self.shape_columns(&resolver.shape()?)
        };
        let object = self.object(resolver.object);
        let is_id = |column: &Json| column.get("columnName") == Some(&json!("Id"));
        Ok(json!({
            "columnMetadata": columns,
            "entityName": object.map(Object::name),
            "groupBy": query.group.is_some(),
            "idSelected": !is_grouped && columns.iter().any(is_id),
            "keyPrefix": object.map(Object::prefix),
        }))
    }

    fn shape_columns(&self, shape: &Shape) -> Vec<Json> {
        let list = |node: &Node| self.column_of(node);
        shape.nodes.iter().map(list).collect()
    }

    fn column_of(&self, node: &Node) -> Json {
        let joined = |name: &str, is_children: bool, joined: Vec<Json>| {
            let mut column = column(name, name, None);
            set(&mut column, "aggregate", json!(is_children));
            set(&mut column, "joinColumns", json!(joined));
            column
        };
        match node {
            Node::Field { object, field } => {
                let field = self.object(*object).and_then(|object| object.field(*field));
                let name = field.map_or("", |field| &field.name);
                column(name, name, field.map(Kind::Field).as_ref())
            }
            Node::Value { name, .. } => column(name, name, None),
            Node::Parent { name, nodes, .. } => {
                joined(name, false, nodes.iter().map(|node| self.column_of(node)).collect())
            }
            Node::TypeOf { name, branches } => {
                joined(name, false, self.shape_columns(&branches.otherwise))
            }
            Node::Children(children) => {
                joined(&children.name, true, self.shape_columns(children.shape()))
            }
        }
    }
}

fn group_columns(resolver: &Resolver<'_>) -> Result<Vec<Json>, ApiError> {
    let grouping = resolver.grouping()?;
    let described = |found: &super::group::Column| {
        let target = match found.slot {
            Slot::Key(key) => grouping.keys.get(key).map(|(_, target)| target),
            Slot::Sum(sum) => grouping.sums.get(sum).map(|(_, target)| target),
            Slot::Grouping(_) => None,
        };
        let mut column = column(&found.name, &found.display, target.map(Kind::Target).as_ref());
        set(&mut column, "aggregate", json!(!matches!(found.slot, Slot::Key(_))));
        column
    };
    Ok(grouping.columns.iter().map(described).collect())
}

/// What a column's values are like.
enum Kind<'a> {
    Field(&'a Field),
    Target(&'a Target),
}

fn set(column: &mut Json, key: &str, value: Json) {
    if let Some(member) = column.get_mut(key) {
        *member = value;
    }
}

fn column(name: &str, display: &str, kind: Option<&Kind<'_>>) -> Json {
    let (kind, type_name, field) = match kind {
        Some(Kind::Field(field)) => (field.kind, field.type_name.as_str(), Some(field)),
        Some(Kind::Target(target)) => (target.kind, target.type_name.as_str(), None),
        None => (FieldType::Text, "string", None),
    };
    let is_number = matches!(kind, FieldType::Int | FieldType::Number);
    json!({
        "aggregate": false,
        "apexType": apex_type(kind, type_name),
        "booleanType": kind == FieldType::Boolean,
        "columnName": name,
        "custom": field.is_some_and(|field| field.custom),
        "displayName": display,
        "foreignKeyName": field.and_then(|field| field.relationship_name.clone()),
        "insertable": field.is_some_and(|field| field.createable),
        "joinColumns": [],
        "numberType": is_number,
        "textType": kind.is_text(),
        "updatable": field.is_some_and(|field| field.updateable),
    })
}

fn apex_type(kind: FieldType, type_name: &str) -> &'static str {
    match (kind, type_name) {
        (FieldType::Id | FieldType::Reference, _) => "Id",
        (FieldType::Boolean, _) => "Boolean",
        (FieldType::Int, "long") => "Long",
        (FieldType::Int, _) => "Integer",
        (FieldType::Number, "currency") => "Decimal",
        (FieldType::Number, _) => "Double",
        (FieldType::Date, _) => "Date",
        (FieldType::Datetime, _) => "Datetime",
        (FieldType::Time, _) => "Time",
        (FieldType::Base64, _) => "Blob",
        (FieldType::Address, _) => "Address",
        (FieldType::Location, _) => "Location",
        _ => "String",
    }
}

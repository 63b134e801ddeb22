//! Writing a row out: as REST's JSON and as the cells of Bulk's CSV.

use std::borrow::Cow;

use super::{Org, Row, RowRef};
use crate::{
    ApiError, Id,
    schema::{Field, FieldType, Object},
    value::{Value, write_json_text},
};

/// What a query or retrieve writes for each row: an object and the columns of the SELECT list.
#[derive(Debug, Clone)]
pub struct Shape {
    pub(super) object: usize,
    pub(super) columns: Vec<Column>,
    /// The same columns nested by parent, as JSON shows them.
    nodes: Vec<Node>,
}

/// A field, perhaps of a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// The references to follow, each with the number of the object it leads to.
    pub(super) parents: Vec<Step>,
    /// The object that has the field.
    pub(super) object: usize,
    /// The field.
    pub(super) field: usize,
    /// Canonical names, parents first.
    pub(super) names: Vec<String>,
}

/// One reference on the way to a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The reference field.
    pub(super) field: usize,
    /// The object that has the reference field.
    pub(super) from: usize,
    /// Whether rows of several objects may be referred to.
    pub(super) is_polymorphic: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Field { object: usize, field: usize },
    Parent { step: Step, name: String, nodes: Vec<Node> },
}

impl Shape {
    pub(super) fn new(object: usize, columns: Vec<Column>) -> Self {
        let mut nodes = Vec::new();
        for column in &columns {
            insert(&mut nodes, column, 0);
        }
        Self { object, columns, nodes }
    }
}

fn insert(nodes: &mut Vec<Node>, column: &Column, depth: usize) {
    let Some(step) = column.parents.get(depth) else {
        nodes.push(Node::Field { object: column.object, field: column.field });
        return;
    };
    let known = nodes.iter_mut().find_map(|node| match node {
        Node::Parent { step: known, nodes, .. } if known == step => Some(nodes),
        _ => None,
    });
    if let Some(children) = known {
        insert(children, column, depth + 1);
        return;
    }
    let mut children = Vec::new();
    insert(&mut children, column, depth + 1);
    let name = column.names.get(depth).cloned().unwrap_or_default();
    nodes.push(Node::Parent { step: *step, name, nodes: children });
}

impl Org {
    /// The shape of a retrieve: these fields and `Id`, or all fields that exist for the reader
    /// when `None`.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` for an object, `INVALID_FIELD` for a field that does not exist for the
    /// reader.
    pub fn shape(
        &self,
        reader: Id,
        object: &str,
        fields: Option<&[String]>,
    ) -> Result<Shape, ApiError> {
        let (number, object) = self.object_for(reader, object)?;
        let mut numbers = Vec::new();
        for name in fields.unwrap_or_default() {
            let Some(field) = self.visible_field(reader, number, name.trim()) else {
                let message =
                    format!("No such column '{name}' on sobject of type {}", object.name());
                return Err(ApiError::request("INVALID_FIELD", message));
            };
            if !numbers.contains(&field) {
                numbers.push(field);
            }
        }
        match (fields, object.system().id) {
            (None, _) => numbers = self.visible_fields(reader, number),
            (Some(_), Some(id)) if !numbers.contains(&id) => numbers.push(id),
            _ => {}
        }
        Ok(Shape::new(number, own_columns(number, object, &numbers)))
    }

    /// Appends one row as REST's JSON object: `attributes` first, then the columns in order.
    ///
    /// `version` is the number in the URLs, such as `66.0`. Answers `false`, writing nothing, when
    /// the row has been purged.
    pub fn write_json(&self, shape: &Shape, id: Id, version: &str, out: &mut String) -> bool {
        let Some(row) = self.row(shape.object, id) else { return false };
        self.write_nodes(&shape.nodes, (shape.object, id, &row), version, out);
        true
    }

    fn write_nodes(&self, nodes: &[Node], at: (usize, Id, &Row), version: &str, out: &mut String) {
        let name = self.object(at.0).map_or("", |object| object.name());
        self.write_object(nodes, at, (name, version), out);
    }

    fn write_object(
        &self,
        nodes: &[Node],
        (number, id, row): (usize, Id, &Row),
        (type_name, version): (&str, &str),
        out: &mut String,
    ) {
        let Some(object) = self.object(number) else { return };
        let url = format!("/services/data/v{version}/sobjects/{}/{id}", object.name());
        out.push_str("{\"attributes\":{\"type\":");
        write_json_text(type_name, out);
        out.push_str(",\"url\":");
        write_json_text(&url, out);
        out.push('}');
        for node in nodes {
            out.push(',');
            match node {
                Node::Field { object: expected, field } => {
                    let name = self.object(*expected).and_then(|object| object.field(*field));
                    let name = name.map_or("", |field| &field.name);
                    write_json_text(name, out);
                    out.push(':');
                    let field =
                        if *expected == number { Some(*field) } else { object.number(name) };
                    self.write_field((number, row), field, &url, out);
                }
                Node::Parent { step, name, nodes } => {
                    write_json_text(name, out);
                    out.push(':');
                    match self.follow(row, step.field) {
                        Some((number, id, parent)) if step.is_polymorphic => {
                            let at = (number, id, &*parent);
                            self.write_object(nodes, at, ("Name", version), out);
                        }
                        Some((number, id, parent)) => {
                            self.write_nodes(nodes, (number, id, &parent), version, out);
                        }
                        None => out.push_str("null"),
                    }
                }
            }
        }
        out.push('}');
    }

    fn write_field(
        &self,
        (number, row): (usize, &Row),
        at: Option<usize>,
        url: &str,
        out: &mut String,
    ) {
        let field = at.and_then(|at| Some((at, self.object(number)?.field(at)?)));
        let Some((at, field)) = field else {
            out.push_str("null");
            return;
        };
        match field.kind {
            FieldType::Address | FieldType::Location => {
                self.write_compound((number, row), field, out);
            }
            FieldType::Base64 if !row.value(at).is_null() => {
                write_json_text(&format!("{url}/{}", field.name), out);
            }
            _ => self.read(number, row, at).write_json(out),
        }
    }

    /// Writes a compound field as an object of its components, or null when they are.
    fn write_compound(&self, (number, row): (usize, &Row), field: &Field, out: &mut String) {
        let Some(object) = self.object(number) else { return };
        let components: Vec<(String, &Value)> = components(object, field)
            .into_iter()
            .map(|(name, number)| (name, number.map_or(&Value::Null, |number| row.value(number))))
            .collect();
        if components.iter().all(|(_, value)| value.is_null()) {
            out.push_str("null");
            return;
        }
        out.push('{');
        for (position, (name, value)) in components.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            write_json_text(name, out);
            out.push(':');
            value.write_json(out);
        }
        out.push('}');
    }

    /// The header of a Bulk query's CSV: field paths such as `Account.Name`.
    #[must_use]
    pub fn csv_header(&self, shape: &Shape) -> Vec<String> {
        shape.columns.iter().map(|column| column.names.join(".")).collect()
    }

    /// The cells of one row of a Bulk query's CSV; null is empty. `None` when it has been purged.
    #[must_use]
    pub fn csv_row(&self, shape: &Shape, id: Id) -> Option<Vec<String>> {
        let row = self.row(shape.object, id)?;
        Some(
            shape
                .columns
                .iter()
                .map(|column| self.column(shape.object, &row, column).to_cell())
                .collect(),
        )
    }

    /// The value of a column for a row; null where a parent is missing.
    pub(super) fn column<'a>(
        &'a self,
        mut number: usize,
        row: &'a Row,
        column: &Column,
    ) -> Cow<'a, Value> {
        let mut reached = RowRef::Stored(row);
        for step in &column.parents {
            match self.follow(&reached, step.field) {
                Some((parent, _, row)) => (number, reached) = (parent, row),
                None => return Cow::Owned(Value::Null),
            }
        }
        match reached {
            RowRef::Stored(row) => self.reached_column(number, row, column),
            RowRef::Computed(row) => {
                Cow::Owned(self.reached_column(number, &row, column).into_owned())
            }
        }
    }

    /// The value of a column for the row that its parents led to.
    fn reached_column<'a>(
        &'a self,
        number: usize,
        row: &'a Row,
        column: &Column,
    ) -> Cow<'a, Value> {
        if number == column.object {
            return self.read(number, row, column.field);
        }
        // A polymorphic reference led to another object than the one the names were resolved on.
        let field = column.names.last().and_then(|name| self.object(number)?.number(name));
        field.map_or(Cow::Owned(Value::Null), |field| self.read(number, row, field))
    }
}

/// Columns of an object's own fields.
pub(super) fn own_columns(number: usize, object: &Object, fields: &[usize]) -> Vec<Column> {
    let column = |&field: &usize| {
        let name = object.field(field)?.name.clone();
        Some(Column { parents: Vec::new(), object: number, field, names: vec![name] })
    };
    fields.iter().filter_map(column).collect()
}

/// The members of a compound field's JSON and the numbers of the fields they show.
fn components(object: &Object, field: &Field) -> Vec<(String, Option<usize>)> {
    if field.kind == FieldType::Location {
        let stem = field.name.trim_end_matches("__c");
        return ["Latitude", "Longitude"]
            .map(|part| (part.to_lowercase(), object.number(&format!("{stem}__{part}__s"))))
            .into();
    }
    // Old describes do not say which components belong together, so names decide.
    let stem = field.name.trim_end_matches("Address");
    let number = |part: &str| object.number(&format!("{stem}{part}"));
    let parts = [
        "City",
        "Country",
        "CountryCode",
        "GeocodeAccuracy",
        "Latitude",
        "Longitude",
        "PostalCode",
        "State",
        "StateCode",
        "Street",
    ];
    let is_shown =
        |part: &&str| !part.ends_with("Code") || *part == "PostalCode" || number(part).is_some();
    let member = |part: &str| {
        let mut name = part.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        (name, number(part))
    };
    parts.into_iter().filter(is_shown).map(member).collect()
}

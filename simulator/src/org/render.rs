//! Writing a row out: as REST's JSON and as the cells of Bulk's CSV.

use std::{borrow::Cow, cell::Cell, fmt::Write, ops::Range};

use super::{
    Org, QueryResult, Row, RowRef, Scope,
    query::{Branches, Children},
    shape::{Column, Node, Shape, Step, own_columns},
};
use crate::{
    ApiError, Id,
    schema::{Field, FieldType, Object},
    value::{Value, write_json_text},
};

/// Keeps a result of which so many records were shown, and answers the URL that continues there.
pub type Keep<'a> = dyn Fn(QueryResult, usize) -> String + 'a;

/// What a page of records is written with.
pub struct Paper<'a> {
    version: &'a str,
    /// How many children a parent shows at once, and what keeps the others and answers their URL.
    more: Option<(usize, &'a Keep<'a>)>,
    children: Cell<usize>,
}

impl<'a> Paper<'a> {
    /// Shows all children. `version` is the number in URLs, such as `66.0`.
    #[must_use]
    pub fn new(version: &'a str) -> Self {
        Self { version, more: None, children: Cell::new(0) }
    }

    /// Shows so many children of a parent at most; where there are more, `keep` gets all of them
    /// and the number shown, and answers the URL that continues there.
    #[must_use]
    pub fn with_batches(version: &'a str, size: usize, keep: &'a Keep<'a>) -> Self {
        Self { version, more: Some((size, keep)), children: Cell::new(0) }
    }

    /// How many children were written.
    #[must_use]
    pub fn children(&self) -> usize {
        self.children.get()
    }
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
        self.write_row(shape, id, &Paper::new(version), out)
    }

    /// Appends a record of a query's result, by its position. Answers `false`, writing nothing,
    /// when the row has been deleted since, or when there is no such record.
    pub fn write_record(
        &self,
        result: &QueryResult,
        position: usize,
        paper: &Paper<'_>,
        out: &mut String,
    ) -> bool {
        let Some(groups) = &result.groups else {
            let Some(id) = result.rows.get(position) else { return false };
            let is_gone = |row: RowRef<'_>| result.scope == Scope::Live && !row.is_live();
            if self.row(result.shape.object, id).is_none_or(is_gone) {
                return false;
            }
            return self.write_row(&result.shape, id, paper, out);
        };
        let Some(row) = groups.rows.get(position) else { return false };
        out.push_str("{\"attributes\":{\"type\":\"AggregateResult\"}");
        for (name, value) in groups.names.iter().zip(row) {
            out.push(',');
            write_json_text(name, out);
            out.push(':');
            value.write_json(out);
        }
        out.push('}');
        true
    }

    /// Appends records of a query's result, with commas between them; answers how many there were.
    pub fn write_records(
        &self,
        result: &QueryResult,
        positions: Range<usize>,
        paper: &Paper<'_>,
        out: &mut String,
    ) -> usize {
        let mut written = 0;
        for position in positions {
            let before = out.len();
            if written > 0 {
                out.push(',');
            }
            if self.write_record(result, position, paper, out) {
                written += 1;
            } else {
                out.truncate(before);
            }
        }
        written
    }

    fn write_row(&self, shape: &Shape, id: Id, paper: &Paper<'_>, out: &mut String) -> bool {
        let Some(row) = self.row(shape.object, id) else { return false };
        self.write_nodes(&shape.nodes, (shape.object, id, &row), paper, out);
        true
    }

    fn write_nodes(
        &self,
        nodes: &[Node],
        at: (usize, Id, &Row),
        paper: &Paper<'_>,
        out: &mut String,
    ) {
        let name = self.object(at.0).map_or("", |object| object.name());
        self.write_object(nodes, at, (name, paper), out);
    }

    fn write_object(
        &self,
        nodes: &[Node],
        (number, id, row): (usize, Id, &Row),
        (type_name, paper): (&str, &Paper<'_>),
        out: &mut String,
    ) {
        let Some(object) = self.object(number) else { return };
        let url = format!("/services/data/v{}/sobjects/{}/{id}", paper.version, object.name());
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
                Node::Value { name, expression } => {
                    write_json_text(name, out);
                    out.push(':');
                    self.express(number, row, expression).write_json(out);
                }
                Node::Parent { step, name, nodes } => {
                    write_json_text(name, out);
                    out.push(':');
                    match self.follow(row, step.field) {
                        Some((number, id, parent)) if step.is_polymorphic => {
                            let at = (number, id, &*parent);
                            self.write_object(nodes, at, ("Name", paper), out);
                        }
                        Some((number, id, parent)) => {
                            self.write_nodes(nodes, (number, id, &parent), paper, out);
                        }
                        None => out.push_str("null"),
                    }
                }
                Node::TypeOf { name, branches } => {
                    write_json_text(name, out);
                    out.push(':');
                    self.write_type_of(branches, row, paper, out);
                }
                Node::Children(children) => {
                    write_json_text(&children.name, out);
                    out.push(':');
                    self.write_children(children, id, paper, out);
                }
            }
        }
        out.push('}');
    }

    fn write_type_of(&self, branches: &Branches, row: &Row, paper: &Paper<'_>, out: &mut String) {
        match self.follow(row, branches.step.field) {
            Some((number, id, parent)) => {
                let branch = branches.known.iter().find(|(object, _)| *object == number);
                let shape = branch.map_or(&branches.otherwise, |(_, shape)| shape);
                self.write_nodes(&shape.nodes, (number, id, &parent), paper, out);
            }
            None => out.push_str("null"),
        }
    }

    /// Writes the result object of a child sub-select, or null when it has no rows.
    fn write_children(&self, children: &Children, parent: Id, paper: &Paper<'_>, out: &mut String) {
        let result = self.children_of(children, parent);
        let total = result.rows.len();
        if total == 0 {
            out.push_str("null");
            return;
        }
        let shown = paper.more.map_or(total, |(size, _)| size.min(total));
        paper.children.set(paper.children.get() + shown);
        let is_done = shown == total;
        // Writing to a string cannot fail.
        let _infallible = write!(out, "{{\"totalSize\":{total},\"done\":{is_done},");
        let mut records = String::new();
        self.write_records(&result, 0..shown, paper, &mut records);
        if let Some((_, keep)) = paper.more.filter(|_| !is_done) {
            out.push_str("\"nextRecordsUrl\":");
            write_json_text(&keep(result, shown), out);
            out.push(',');
        }
        out.push_str("\"records\":[");
        out.push_str(&records);
        out.push_str("]}");
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
        shape.cells.iter().map(|cell| cell.header.clone()).collect()
    }

    /// The row that references lead to, with its object.
    pub(super) fn walk<'a>(
        &'a self,
        (mut number, row): (usize, &'a Row),
        steps: &[Step],
    ) -> Option<(usize, RowRef<'a>)> {
        let mut reached = RowRef::Stored(row);
        for step in steps {
            let (parent, _, row) = self.follow(&reached, step.field)?;
            (number, reached) = (parent, row);
        }
        Some((number, reached))
    }

    /// The value of a column for a row; null where a parent is missing.
    pub(super) fn column<'a>(
        &'a self,
        number: usize,
        row: &'a Row,
        column: &Column,
    ) -> Cow<'a, Value> {
        match self.walk((number, row), &column.parents) {
            None => Cow::Owned(Value::Null),
            Some((number, RowRef::Stored(row))) => self.reached_column(number, row, column),
            Some((number, RowRef::Computed(row))) => {
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

//! What is written for each row: the columns of a SELECT list or retrieve, in their order, and
//! nested by parent as JSON shows them.

use std::sync::Arc;

use super::query::{Branches, Children, Expression};
use crate::schema::Object;

/// What a query or retrieve writes for each row.
#[derive(Debug, Clone)]
pub struct Shape {
    pub(super) object: usize,
    pub(super) cells: Vec<Cell>,
    pub(super) nodes: Vec<Node>,
}

/// A column of a table of rows.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Its name or path, such as `Account.Name`.
    pub(super) header: String,
    pub(super) expression: Expression,
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

/// A member of a row's JSON.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Field { object: usize, field: usize },
    Value { name: String, expression: Expression },
    Parent { step: Step, name: String, nodes: Vec<Node> },
    TypeOf { name: String, branches: Arc<Branches> },
    Children(Arc<Children>),
}

impl Shape {
    /// Rows of these columns.
    pub(super) fn new(object: usize, columns: Vec<Column>) -> Self {
        let mut shape = Self::empty(object);
        for column in columns {
            // A column named twice shows once.
            let _is_new = shape.add(Expression::Column(column), None).is_ok();
        }
        shape
    }

    /// Rows of no columns.
    pub(super) fn empty(object: usize) -> Self {
        Self { object, cells: Vec::new(), nodes: Vec::new() }
    }

    /// Adds a column, under a name of its own or that of its field.
    ///
    /// # Errors
    /// The name, when there is such a column already.
    pub(super) fn add(
        &mut self,
        expression: Expression,
        alias: Option<&str>,
    ) -> Result<(), String> {
        let column = expression.column().cloned();
        let header = match (alias, &column) {
            (Some(alias), _) => alias.to_owned(),
            (None, Some(column)) => column.names.join("."),
            (None, None) => self.next_unnamed(),
        };
        if self.cells.iter().any(|cell| cell.header.eq_ignore_ascii_case(&header)) {
            return Err(header);
        }
        match column.filter(|_| alias.is_none()) {
            Some(column) => insert(&mut self.nodes, &column, 0, leaf(expression.clone())),
            None => self
                .nodes
                .push(Node::Value { name: header.clone(), expression: expression.clone() }),
        }
        self.cells.push(Cell { header, expression });
        Ok(())
    }

    fn next_unnamed(&self) -> String {
        let is_unnamed = |cell: &&Cell| cell.header.starts_with("expr");
        format!("expr{}", self.cells.iter().filter(is_unnamed).count())
    }

    /// Adds a child sub-select; `false` when there is one of this name already.
    pub(super) fn add_children(&mut self, children: Children) -> bool {
        let is_known = self
            .nodes
            .iter()
            .any(|node| matches!(node, Node::Children(known) if known.name == children.name));
        if !is_known {
            self.nodes.push(Node::Children(Arc::new(children)));
        }
        !is_known
    }

    /// Adds a TYPEOF below the parents of a column; its last name is the relationship's.
    pub(super) fn add_type_of(&mut self, leading: &Column, branches: Branches) {
        let name = leading.names.last().cloned().unwrap_or_default();
        let node = Node::TypeOf { name, branches: Arc::new(branches) };
        insert(&mut self.nodes, leading, 0, node);
    }

    /// The fields that columns show as they are: object and field, by number.
    pub(super) fn own_fields(&self) -> impl Iterator<Item = (usize, usize)> {
        let columns = self.cells.iter().filter_map(|cell| cell.expression.column());
        columns.map(|column| (column.object, column.field))
    }
}

/// A column as a member of the row that has its field.
fn leaf(expression: Expression) -> Node {
    if let Expression::Column(column) = &expression {
        return Node::Field { object: column.object, field: column.field };
    }
    let mut name = String::new();
    let expression = expression.map(|mut column| {
        name = column.names.pop().unwrap_or_default();
        Column { parents: Vec::new(), names: vec![name.clone()], ..column }
    });
    Node::Value { name, expression }
}

fn insert(nodes: &mut Vec<Node>, column: &Column, depth: usize, leaf: Node) {
    let Some(step) = column.parents.get(depth) else {
        nodes.push(leaf);
        return;
    };
    let known = nodes.iter_mut().find_map(|node| match node {
        Node::Parent { step: known, nodes, .. } if known == step => Some(nodes),
        _ => None,
    });
    if let Some(children) = known {
        insert(children, column, depth + 1, leaf);
        return;
    }
    let mut children = Vec::new();
    insert(&mut children, column, depth + 1, leaf);
    let name = column.names.get(depth).cloned().unwrap_or_default();
    nodes.push(Node::Parent { step: *step, name, nodes: children });
}

/// Columns of an object's own fields.
pub(super) fn own_columns(number: usize, object: &Object, fields: &[usize]) -> Vec<Column> {
    let column = |&field: &usize| {
        let name = object.field(field)?.name.clone();
        Some(Column { parents: Vec::new(), object: number, field, names: vec![name] })
    };
    fields.iter().filter_map(column).collect()
}

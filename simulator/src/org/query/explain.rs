//! `?explain=`: the way by which the rows of a statement would be found.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{access::Access, expression::Expression, filter::Filter};
use crate::{
    ApiError, Id,
    org::{Org, Scope, table::Table},
    soql,
};

/// Below this cost Salesforce calls a plan selective.
const SELECTIVE: f64 = 1.0;

/// What looking at every row costs when there is nothing better.
const SCAN: f64 = 2.8;

impl Org {
    /// The plans of a statement, best first, as the REST API shows them.
    ///
    /// # Errors
    /// As [`Org::query`].
    pub fn explain(&self, reader: Id, soql: &str) -> Result<Json, ApiError> {
        let query = soql::parse(soql)?;
        let resolver = self.resolver(reader, soql, &query, Scope::Live)?;
        let plan = resolver.plan()?;
        let (Some(object), Some(table)) = (self.object(plan.object), self.table(plan.object))
        else {
            return Err(ApiError::unknown_object());
        };
        let total = table.live_count();
        let mut fields = BTreeSet::new();
        indexed(&plan.filter, table, object.system().id, &mut fields);
        let names = |fields: BTreeSet<usize>| -> Vec<String> {
            let fields = fields.into_iter().filter_map(|field| object.field(field));
            fields.map(|field| field.name.clone()).collect()
        };
        let (operation, fields, found) = match self.access(plan.object, &plan.filter, false) {
            Access::Rows(rows) => ("Index", names(fields), rows.len()),
            Access::Ids(range) if range == (Id::MIN..=Id::MAX) => ("TableScan", Vec::new(), total),
            access @ Access::Ids(_) => ("Index", vec!["Id".to_owned()], access.count(table)),
            access @ Access::Stamps(_) => {
                ("Index", vec!["SystemModstamp".to_owned()], access.count(table))
            }
        };
        let note = json!({
            "description": "Not considering filter for optimization because unindexed",
            "fields": ["IsDeleted"],
            "tableEnumOrId": object.name(),
        });
        let shown = |operation: &str, fields: Vec<String>, found: usize, cost: f64| {
            json!({
                "cardinality": found,
                "fields": fields,
                "leadingOperationType": operation,
                "notes": [note],
                "relativeCost": cost,
                "sobjectCardinality": total,
                "sobjectType": object.name(),
            })
        };
        let scan = shown("TableScan", Vec::new(), total, SCAN);
        let plans = if operation == "Index" {
            vec![shown(operation, fields, found, SELECTIVE * share(found, total)), scan]
        } else {
            vec![scan]
        };
        Ok(json!({ "plans": plans, "sourceQuery": soql }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are not so many rows")]
fn share(found: usize, total: usize) -> f64 {
    if total == 0 { 0.0 } else { (found as f64 / total as f64 * 1000.0).round() / 1000.0 }
}

/// The fields of a condition by which rows are found without looking at all of them.
fn indexed(filter: &Filter, table: &Table, id: Option<usize>, fields: &mut BTreeSet<usize>) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => {
            for part in parts {
                indexed(part, table, id, fields);
            }
        }
        Filter::Test { subject: Expression::Column(column), .. }
            if column.parents.is_empty()
                && (Some(column.field) == id || table.is_indexed(column.field)) =>
        {
            fields.insert(column.field);
        }
        Filter::Test { .. } | Filter::Not(_) => {}
    }
}

//! Bulk ingest: a CSV row becomes a write.
//!
//! An empty cell leaves its field alone, `#N/A` sets it to null, and a column such as
//! `Account.External_Id__c` finds a parent by its key.

use super::{
    Action, IngestFailure, Ingested, Operation, Org, Upserted, Writer,
    body::{Changes, Purpose, no_parent, refuse_read_only},
    convert::from_text,
};
use crate::{ApiError, Id, value::Value};

/// The cell that means null.
const NULL_CELL: &str = "#N/A";

/// A Bulk ingest job's header, understood: built once by [`Org::plan_ingest`].
#[derive(Debug, Clone)]
pub struct IngestPlan {
    object: usize,
    operation: Operation,
    /// The key field of an upsert.
    key: Option<usize>,
    columns: Vec<IngestColumn>,
}

#[derive(Debug, Clone)]
enum IngestColumn {
    Id,
    Key,
    Field(usize),
    /// A parent's key: the reference field, the parent object's name, the name of its key field.
    Parent {
        field: usize,
        target: String,
        key: String,
    },
}

impl Org {
    /// Understands the header of a Bulk ingest job. `key_field` is its `externalIdFieldName`.
    ///
    /// # Errors
    /// What fails the whole job, such as `InvalidBatch` "Field name not found : Foo"; the job's
    /// `errorMessage` is `"{code} : {message}"`. An unknown object is `INVALIDENTITY`.
    pub fn plan_ingest(
        &self,
        user: Id,
        object: &str,
        (operation, key_field): (Operation, Option<&str>),
        header: &[&str],
    ) -> Result<IngestPlan, ApiError> {
        let (number, _) = self.object_for(user, object).map_err(|_| {
            let message = format!("Entity '{object}' is not supported by the Bulk API.");
            ApiError::request("INVALIDENTITY", message)
        })?;
        let key = match (operation, key_field) {
            (Operation::Upsert, key_field) => {
                Some(self.upsert_key(user, number, key_field.unwrap_or_default())?)
            }
            _ => None,
        };
        let columns = header
            .iter()
            .map(|name| self.ingest_column(user, number, key, name))
            .collect::<Result<Vec<_>, _>>()?;
        let has = |wanted: fn(&IngestColumn) -> bool| columns.iter().any(wanted);
        let missing = match operation {
            Operation::Update | Operation::Delete | Operation::HardDelete => {
                (!has(|column| matches!(column, IngestColumn::Id))).then_some("Id")
            }
            Operation::Upsert => (!has(|column| matches!(column, IngestColumn::Key)))
                .then(|| key_field.unwrap_or("Id")),
            Operation::Insert => None,
        };
        match missing {
            Some(name) => Err(invalid_batch(format!("Required field missing : {name}"))),
            None => Ok(IngestPlan { object: number, operation, key, columns }),
        }
    }

    fn ingest_column(
        &self,
        user: Id,
        number: usize,
        key: Option<usize>,
        name: &str,
    ) -> Result<IngestColumn, ApiError> {
        let not_found = || invalid_batch(format!("Field name not found : {name}"));
        let object = self.object(number).ok_or_else(not_found)?;
        if let Some(field) = self.visible_field(user, number, name) {
            return Ok(match field {
                field if Some(field) == key => IngestColumn::Key,
                field if Some(field) == object.system().id => IngestColumn::Id,
                field if object.field(field).is_some_and(|field| field.kind.is_compound()) => {
                    return Err(not_found());
                }
                field => IngestColumn::Field(field),
            });
        }
        let (relation, key) = name.split_once('.').ok_or_else(not_found)?;
        let (target, relation) = match relation.split_once(':') {
            Some((target, relation)) => (Some(target), relation),
            None => (None, relation),
        };
        let field = object.relationship(relation);
        let field = field.filter(|field| self.can_read_field(user, number, *field));
        let field = field.ok_or_else(not_found)?;
        let targets =
            object.field(field).map(|field| field.reference_to.as_slice()).unwrap_or_default();
        let target = targets
            .iter()
            .find(|name| target.is_none_or(|target| name.eq_ignore_ascii_case(target)));
        let target = target.ok_or_else(not_found)?.clone();
        let parent = self.schema.object(&target).ok_or_else(not_found)?;
        let is_key = parent.field_named(key).is_some_and(crate::schema::Field::is_key);
        if !is_key {
            return Err(not_found());
        }
        Ok(IngestColumn::Parent { field, target, key: key.to_owned() })
    }

    fn upsert_key(&self, user: Id, number: usize, name: &str) -> Result<usize, ApiError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        let is_key = |at: &usize| object.field(*at).is_some_and(crate::schema::Field::is_key);
        self.visible_field(user, number, name).filter(is_key).ok_or_else(|| {
            let message =
                format!("Invalid external ID field '{name}' for entity '{}'", object.name());
            ApiError::request("InvalidJob", message)
        })
    }

    /// Carries out one row of a Bulk ingest job. `cells` are aligned with the header; a row that
    /// is shorter has empty cells at its end.
    ///
    /// # Errors
    /// Why this row failed; other rows are not affected.
    pub fn ingest(
        &mut self,
        writer: impl Into<Writer>,
        plan: &IngestPlan,
        cells: &[&str],
    ) -> Result<Ingested, IngestFailure> {
        let writer = writer.into();
        let cell = |wanted: fn(&IngestColumn) -> bool| {
            let at = plan.columns.iter().position(wanted);
            at.and_then(|at| cells.get(at)).copied().unwrap_or_default().trim()
        };
        let id = cell(|column| matches!(column, IngestColumn::Id));
        let key = cell(|column| matches!(column, IngestColumn::Key));
        let row = Id::from_text(id);
        let result = match plan.operation {
            Operation::Insert if !id.is_empty() => Err(ApiError::row(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                "cannot specify Id in an insert call",
                &["Id"],
            )),
            Operation::Insert => self.ingest_insert(writer, plan, cells),
            Operation::Upsert => self.ingest_upsert(writer, plan, key, cells),
            Operation::Update | Operation::Delete | Operation::HardDelete if id.is_empty() => {
                Err(ApiError::row("MISSING_ARGUMENT", "Id not specified in an update call", &[]))
            }
            Operation::Update => self.ingest_update(writer, plan, id, cells),
            Operation::Delete => {
                let name = self.object(plan.object).map(|object| object.name().to_owned());
                self.delete(writer, name.as_deref(), id).map(changed)
            }
            Operation::HardDelete => Id::parse(id).and_then(|id| {
                self.check_change(writer.user, plan.object, id, Action::Delete)?;
                self.purge_row(writer, plan.object, id).map(|()| changed(id))
            }),
        };
        result.map_err(|error| IngestFailure { id: row, error })
    }

    fn ingest_insert(
        &mut self,
        writer: Writer,
        plan: &IngestPlan,
        cells: &[&str],
    ) -> Result<Ingested, ApiError> {
        let changes = self.read_cells(writer.user, plan, cells, Purpose::Create)?;
        let id = self.create_row(writer, plan.object, changes)?;
        Ok(Upserted { id, created: true })
    }

    fn ingest_update(
        &mut self,
        writer: Writer,
        plan: &IngestPlan,
        id: &str,
        cells: &[&str],
    ) -> Result<Ingested, ApiError> {
        let id = Id::parse(id)?;
        self.live_row(plan.object, id)?;
        let changes = self.read_cells(writer.user, plan, cells, Purpose::Update)?;
        self.update_row(writer, plan.object, id, changes).map(changed)
    }

    fn ingest_upsert(
        &mut self,
        writer: Writer,
        plan: &IngestPlan,
        key: &str,
        cells: &[&str],
    ) -> Result<Ingested, ApiError> {
        let object = self.object(plan.object).ok_or_else(ApiError::unknown_object)?;
        let field = plan.key.and_then(|at| Some((at, object.field(at)?)));
        let (at, field) = field.ok_or_else(ApiError::unknown_object)?;
        let is_id = object.system().id == Some(at);
        if key.is_empty() && is_id {
            return self.ingest_insert(writer, plan, cells);
        }
        let value = if key == NULL_CELL { Value::Null } else { from_text(field, key)? };
        if value.is_null() {
            let message = format!("{} not specified", field.name);
            return Err(ApiError::row("MISSING_ARGUMENT", message, &[&field.name]));
        }
        let is_new = self.matches(plan.object, at, &value).is_empty();
        let purpose = if is_new { Purpose::Create } else { Purpose::Update };
        let changes = self.read_cells(writer.user, plan, cells, purpose)?;
        Ok(self.upsert_row(writer, plan.object, (at, value), changes)?)
    }

    fn read_cells(
        &self,
        user: Id,
        plan: &IngestPlan,
        cells: &[&str],
        purpose: Purpose,
    ) -> Result<Changes, ApiError> {
        let object = self.object(plan.object).ok_or_else(ApiError::unknown_object)?;
        let mut changes = Changes::new();
        let mut read_only = Vec::new();
        for (column, cell) in plan.columns.iter().zip(cells) {
            let (IngestColumn::Field(at) | IngestColumn::Parent { field: at, .. }) = column else {
                continue;
            };
            let Some(field) = object.field(*at).filter(|_| !cell.is_empty()) else { continue };
            if !self.is_writable(user, (plan.object, *at), purpose) {
                read_only.push(field.name.as_str());
                continue;
            }
            let value = match column {
                _ if *cell == NULL_CELL && field.kind != crate::schema::FieldType::Boolean => {
                    Value::Null
                }
                IngestColumn::Parent { target, key, .. } => {
                    let parent = self.parent_by_key(target, key, cell)?;
                    Value::Id(parent.ok_or_else(|| no_parent(cell, key, target))?)
                }
                _ => from_text(field, cell)?,
            };
            changes.push((*at, value));
        }
        refuse_read_only(&read_only)?;
        Ok(changes)
    }
}

fn changed(id: Id) -> Ingested {
    Upserted { id, created: false }
}

fn invalid_batch(message: String) -> ApiError {
    ApiError::request("InvalidBatch", message)
}

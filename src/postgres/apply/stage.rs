//! Copies records into a page's room, as they arrive.

use super::ApplyError;
use super::depart::Departed;
use super::ground::Ground;
use super::statements::pulled;
use crate::model::{RemoteRecord, SalesforceId, Value};
use crate::postgres::cell::{Cell, wire_type};
use crate::postgres::unreadable::Unreadables;
use chrono::NaiveDateTime;
use futures_util::{Stream, StreamExt};
use std::pin::{Pin, pin};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

/// What was read into the page's room.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// Records that are there to be applied.
    pub read: u64,
    /// The records that are deleted.
    pub deleted: Vec<Departed>,
    /// The records that are left out.
    pub unreadables: Unreadables,
}

/// Copies the records into the page's room.
pub(super) async fn stage<S, E>(
    ground: &Ground<'_>,
    first: RemoteRecord,
    mut rest: Pin<&mut S>,
) -> Result<Staged, ApplyError<E>>
where
    S: Stream<Item = Result<RemoteRecord, E>>,
{
    let mapping = ground.mapping;
    let mut types = vec![Type::INT8, Type::TEXT, Type::TIMESTAMP, Type::BOOL, Type::TEXT];
    types.extend(pulled(mapping).map(|(_, field)| wire_type(field.column_type)));
    let sink = ground.transaction.copy_in(&ground.statements.copy).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let mut position: i64 = 0;
    let mut staged = Staged::default();
    let mut next = Some(first);
    while let Some(record) = next {
        next = rest.next().await.transpose().map_err(ApplyError::Source)?;
        if staged.unreadables.takes(mapping, &record) {
            continue;
        }
        let stamp: Option<NaiveDateTime> = record.system_modstamp.map(|stamp| stamp.naive_utc());
        let id = record.id.as_str();
        let master = record.master_record_id.as_ref().map(SalesforceId::as_str);
        let cells: Vec<Cell<'_>> =
            pulled(mapping).map(|(index, _)| Cell(value_of(&record, index))).collect();
        let mut row: Vec<&(dyn ToSql + Sync)> =
            vec![&position, &id, &stamp, &record.is_deleted, &master];
        row.extend(cells.iter().map(|cell| cell as &(dyn ToSql + Sync)));
        writer.as_mut().write(&row).await?;
        position += 1;
        if record.is_deleted {
            staged.deleted.push(Departed::of(&record));
        }
    }
    staged.read = writer.finish().await?;
    Ok(staged)
}

/// The value to stage. Of a deleted record nothing but the id is used, so what cannot be held does not matter.
fn value_of(record: &RemoteRecord, index: usize) -> &Value {
    match record.values.get(index) {
        Some(Value::Unreadable(_)) | None => &Value::Null,
        Some(value) => value,
    }
}

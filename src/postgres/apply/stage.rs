//! Copies records into a page's room, as they arrive.

use super::ApplyError;
use super::depart::Departed;
use super::ground::Ground;
use crate::model::RowSource;
use crate::postgres::load::Rows;
use crate::postgres::unreadable::Unreadables;
use futures_util::SinkExt;
use std::pin::pin;

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
pub(super) async fn stage<R: RowSource>(
    ground: &Ground<'_>,
    mut rows: Rows<R>,
) -> Result<Staged, ApplyError<R::Error>> {
    let sink = ground.transaction.copy_in(&ground.statements.copy(rows.system())).await?;
    let mut sink = pin!(sink);
    while let Some(chunk) = rows.chunk().await.map_err(ApplyError::Source)? {
        sink.send(chunk).await?;
    }
    let read = sink.finish().await?;
    let (deleted, unreadables) = rows.into_left();
    Ok(Staged { read, deleted, unreadables })
}

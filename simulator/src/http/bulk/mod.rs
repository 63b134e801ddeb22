//! Bulk API 2.0.
use std::sync::Arc;

use crate::http::{call::Call, refusal::Refusal, reply::Reply, route::Resource, world::World};

#[derive(Debug, Default)]
pub(crate) struct Jobs;

pub(crate) fn query(_: &Arc<World>, _: &Call, _: &Resource) -> Result<Reply, Refusal> {
    Err(Refusal::not_found())
}

pub(crate) fn ingest(_: &Arc<World>, _: &Call, _: &Resource) -> Result<Reply, Refusal> {
    Err(Refusal::not_found())
}

//! Several requests in one: `/composite`, `/composite/batch`, `/composite/graph`, `/composite/tree`.
//!
//! A subrequest is dispatched as an outer request is; what differs is where it comes from (a member
//! of a body) and where its answer goes (into one). [`subrequest`] makes that crossing, [`mod@reference`]
//! puts the results of earlier subrequests into later ones, [`sequence`] runs subrequests in order and
//! in one transaction where that is asked for. The modules named after the resources read their
//! bodies and keep their limits.

mod batch;
mod graph;
mod plain;
mod reference;
mod sequence;
mod subrequest;
mod tree;

pub(crate) use batch::batch;
pub(crate) use graph::graph;
pub(crate) use plain::composite;
pub(crate) use tree::tree;

use serde_json::{Map, json};

use crate::http::{call::Call, reply::Reply};

/// Most subrequests of one request.
const SUBREQUESTS_MAX: usize = 25;

/// `GET /composite`: what lies below it.
pub(crate) fn resources(call: &Call) -> Reply {
    let mut all = Map::new();
    for name in ["batch", "graph", "sobjects", "tree"] {
        all.insert(name.to_owned(), json!(call.path_of(&format!("composite/{name}"))));
    }
    Reply::ok(&all)
}

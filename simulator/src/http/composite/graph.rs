//! `/composite/graph`: graphs of subrequests, each of which happens completely or not at all.
//!
//! The subrequests of a graph are its nodes, their references its edges. They run in an order that
//! lets every reference find its value, whatever the order they were written in.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    reference::ids_in,
    sequence::{self, Answer, Step},
    subrequest::Subrequest,
};
use crate::http::{call::Call, refusal::Refusal, reply::Reply, route::Resource, world::World};

/// Most graphs of one request.
const GRAPHS_MAX: usize = 75;

/// Most subrequests of one request, in all its graphs.
const NODES_MAX: usize = 500;

/// How long a chain of references may be, in subrequests.
const DEPTH_MAX: usize = 15;

/// Most different kinds of node (verb and object) in a graph.
const KINDS_MAX: usize = 15;

/// Once so many graphs have failed, the rest are not tried.
const FAILURES_MAX: usize = 14;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    graphs: Vec<Graph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Graph {
    graph_id: String,
    composite_request: Vec<Step>,
}

#[derive(Serialize)]
struct Answers {
    graphs: Vec<GraphAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GraphAnswer {
    graph_id: String,
    graph_response: Nodes,
    is_successful: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nodes {
    composite_response: Vec<Answer>,
}

/// `POST /composite/graph`
///
/// # Errors
/// A body that cannot be read, or whose graphs are too many, too large or no graphs at all.
pub(crate) fn graph(world: &Arc<World>, call: &Call) -> Result<Reply, Refusal> {
    let body: Body = call.json()?;
    let orders = check(&body.graphs)?;
    let mut answers = Answers { graphs: Vec::new() };
    let (mut failed, mut records) = (0, 0);
    for (graph, order) in body.graphs.into_iter().zip(orders) {
        let answer = if failed > FAILURES_MAX {
            halted(graph)
        } else {
            let (answer, written) = run(world, call, graph, &order);
            records += written;
            answer
        };
        failed += usize::from(!answer.is_successful);
        answers.graphs.push(answer);
    }
    let mut reply = Reply::ok(&answers);
    reply.records = records;
    Ok(reply)
}

/// Checks the graphs and answers the order in which the nodes of each run.
fn check(graphs: &[Graph]) -> Result<Vec<Vec<usize>>, Refusal> {
    let limit = |message: String| Refusal::bad_request("LIMIT_EXCEEDED", message);
    if graphs.len() > GRAPHS_MAX {
        return Err(limit(format!(
            "The request can\u{2019}t contain more than {GRAPHS_MAX} graphs."
        )));
    }
    if graphs.iter().map(|graph| graph.composite_request.len()).sum::<usize>() > NODES_MAX {
        return Err(limit(format!(
            "The request can\u{2019}t contain more than {NODES_MAX} nodes."
        )));
    }
    let mut seen = HashSet::new();
    let mut orders = Vec::new();
    for graph in graphs {
        let id = &graph.graph_id;
        if !sequence::is_reference_id(id) || !seen.insert(id) {
            let message = format!("The graphId '{id}' is malformed or not unique");
            return Err(Refusal::bad_request("INVALID_INPUT", message));
        }
        sequence::check(&graph.composite_request)?;
        check_nodes(&graph.composite_request)?;
        let (order, depth) = order(&graph.composite_request)?;
        if depth > DEPTH_MAX {
            return Err(limit(format!("The graph {id} is deeper than {DEPTH_MAX} nodes.")));
        }
        orders.push(order);
    }
    Ok(orders)
}

/// A node is a row or a create; there are only so many kinds.
fn check_nodes(steps: &[Step]) -> Result<(), Refusal> {
    let mut kinds = HashSet::new();
    for step in steps {
        // References stand for ids, which say nothing about the kind.
        let subrequest = Subrequest::new(&step.method, &step.url)?;
        let object = match &subrequest.resource {
            Resource::Object(object)
            | Resource::Row { object, .. }
            | Resource::Key { object, .. } => object.to_ascii_lowercase(),
            _ => {
                let message = format!("The url {} is not supported in a graph", step.url);
                return Err(Refusal::bad_request("INVALID_INPUT", message));
            }
        };
        kinds.insert((subrequest.method, object));
    }
    if kinds.len() > KINDS_MAX {
        let message =
            format!("A graph can\u{2019}t contain more than {KINDS_MAX} different nodes.");
        return Err(Refusal::bad_request("LIMIT_EXCEEDED", message));
    }
    Ok(())
}

/// An order in which every node comes after those it refers to, as near to the written one as can
/// be, and the length of the longest chain.
fn order(steps: &[Step]) -> Result<(Vec<usize>, usize), Refusal> {
    let ids: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(at, step)| (step.reference_id.as_str(), at)).collect();
    let needs: Vec<HashSet<usize>> = steps
        .iter()
        .map(|step| references(step).into_iter().filter_map(|id| ids.get(id).copied()).collect())
        .collect();
    let mut depths: HashMap<usize, usize> = HashMap::new();
    let mut order = Vec::new();
    while order.len() < steps.len() {
        let ready: Vec<(usize, usize)> = needs
            .iter()
            .enumerate()
            .filter(|(at, _)| !depths.contains_key(at))
            .filter_map(|(at, needs)| {
                let below = needs.iter().map(|need| depths.get(need).copied());
                let deepest = below.collect::<Option<Vec<usize>>>()?.into_iter().max();
                Some((at, deepest.unwrap_or_default() + 1))
            })
            .collect();
        if ready.is_empty() {
            let message = "The references of the graph form a circle";
            return Err(Refusal::bad_request("INVALID_INPUT", message));
        }
        order.extend(ready.iter().map(|(at, _)| *at));
        depths.extend(ready);
    }
    Ok((order, depths.values().copied().max().unwrap_or_default()))
}

/// The ids that a node refers to, in URL, headers and body.
fn references(step: &Step) -> Vec<&str> {
    let mut ids = ids_in(&step.url);
    for value in step.http_headers.iter().flat_map(|headers| headers.values()) {
        ids.extend(ids_in(value));
    }
    let mut waiting: Vec<&Value> = step.body.iter().collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => ids.extend(ids_in(text)),
            Value::Array(items) => waiting.extend(items),
            Value::Object(members) => waiting.extend(members.values()),
            _ => {}
        }
    }
    ids
}

/// Carries a graph out; the answers come in the order that the nodes were written in.
fn run(world: &Arc<World>, call: &Call, graph: Graph, order: &[usize]) -> (GraphAnswer, u64) {
    let mut steps: Vec<Option<Step>> = graph.composite_request.into_iter().map(Some).collect();
    let ordered = order.iter().filter_map(|at| steps.get_mut(*at)?.take()).collect();
    let finished = sequence::run(world, call, ordered, true);
    let mut answers: Vec<(usize, Answer)> = order.iter().copied().zip(finished.answers).collect();
    answers.sort_by_key(|(at, _)| *at);
    let answer = GraphAnswer {
        graph_id: graph.graph_id,
        graph_response: Nodes {
            composite_response: answers.into_iter().map(|(_, answer)| answer).collect(),
        },
        is_successful: finished.is_successful,
    };
    (answer, finished.records)
}

/// The answer for a graph that was not tried.
fn halted(graph: Graph) -> GraphAnswer {
    let message = "The graph was not processed because too many other graphs failed.";
    let node = |step: Step| {
        let refusal = Refusal::bad_request("PROCESSING_HALTED", message);
        Answer::new(refusal.into(), Some(step.reference_id))
    };
    GraphAnswer {
        graph_id: graph.graph_id,
        graph_response: Nodes {
            composite_response: graph.composite_request.into_iter().map(node).collect(),
        },
        is_successful: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn steps(edges: &[(&str, &[&str])]) -> Vec<Step> {
        let step = |(id, needs): &(&str, &[&str])| {
            let needs: Vec<String> = needs.iter().map(|need| format!("@{{{need}.id}}")).collect();
            serde_json::from_value(json!({
                "method": "POST", "url": "v66.0/sobjects/X", "referenceId": id, "body": { "n": needs },
            }))
            .unwrap()
        };
        edges.iter().map(step).collect()
    }

    #[test]
    fn nodes_run_after_what_they_need() {
        let order_of = |edges: &[(&str, &[&str])]| order(&steps(edges)).unwrap();

        assert_eq!(order_of(&[]), (vec![], 0));
        assert_eq!(order_of(&[("a", &[]), ("b", &["a"]), ("c", &[])]), (vec![0, 2, 1], 2));
        assert_eq!(order_of(&[("a", &["c"]), ("b", &["a"]), ("c", &[])]), (vec![2, 0, 1], 3));
        assert_eq!(order_of(&[("a", &["nobody"])]), (vec![0], 1));
        assert!(order(&steps(&[("a", &["b"]), ("b", &["a"])])).is_err());
        assert!(order(&steps(&[("a", &["a"])])).is_err());
    }
}

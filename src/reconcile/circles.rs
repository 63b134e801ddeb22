//! Breaks circles among records that need each other's Salesforce ids.
//!
//! Some of a circle's members are created without the reference that closes it; the reference follows once the
//! record it points to is there. All members of one table that can do without theirs are taken at once: a circle of
//! many rows then costs two steps, not one per row.

use super::schedule::{Node, RecordRef};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How a list of operations is freed of circles; positions are those in the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Broken {
    /// The needs that are left for later: who needs, and what.
    pub(super) later: BTreeMap<usize, BTreeSet<usize>>,
    /// Members of circles in which no reference can be left for later.
    pub(super) stuck: BTreeSet<usize>,
}

type Graph = BTreeMap<usize, BTreeSet<usize>>;

/// Finds the circles among the nodes and breaks them.
pub(super) fn break_circles(
    nodes: &[Node],
    positions: &HashMap<&RecordRef, usize>,
    left_out: &BTreeSet<usize>,
) -> Broken {
    let mut graph = Graph::new();
    let mut can_wait: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (from, node) in nodes.iter().enumerate().filter(|(from, _)| !left_out.contains(from)) {
        for need in &node.needs {
            let Some(&to) = positions.get(&need.record).filter(|to| !left_out.contains(*to)) else {
                continue;
            };
            graph.entry(from).or_default().insert(to);
            if need.can_wait {
                can_wait.insert((from, to));
            }
        }
    }
    let mut broken = Broken::default();
    loop {
        let circles = circles(&graph);
        if circles.is_empty() {
            return broken;
        }
        for circle in circles {
            let cut = cut(nodes, &graph, &can_wait, &circle);
            if cut.is_empty() {
                graph.retain(|from, _| !circle.contains(from));
                broken.stuck.extend(circle);
                continue;
            }
            for (from, to) in cut {
                if let Some(needs) = graph.get_mut(&from) {
                    needs.remove(&to);
                }
                broken.later.entry(from).or_default().insert(to);
            }
        }
    }
}

/// The needs to leave for later so that the circle comes apart, or none.
///
/// Members that can do without every other member go first, since only they are free at once.
fn cut(
    nodes: &[Node],
    graph: &Graph,
    can_wait: &BTreeSet<(usize, usize)>,
    circle: &BTreeSet<usize>,
) -> Vec<(usize, usize)> {
    let within = |from: usize| {
        let needs = graph.get(&from).into_iter().flatten();
        needs.filter(|to| circle.contains(to)).map(move |to| (from, *to))
    };
    let table = |from: usize| nodes.get(from).map(|node| node.record.table.as_str());
    let free = |from: &usize| within(*from).all(|need| can_wait.contains(&need));
    let some = |from: &usize| within(*from).any(|need| can_wait.contains(&need));
    let first = |is_candidate: &dyn Fn(&usize) -> bool| -> Vec<usize> {
        let candidates: Vec<usize> = circle.iter().copied().filter(is_candidate).collect();
        let chosen = candidates.iter().filter_map(|from| table(*from)).min();
        candidates.into_iter().filter(|from| table(*from) == chosen).collect()
    };
    let mut members = first(&free);
    if members.is_empty() {
        members = first(&some);
    }
    members.into_iter().flat_map(within).filter(|need| can_wait.contains(need)).collect()
}

/// The sets of nodes that all lead to each other; a node that leads to itself is one too.
fn circles(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let mut reversed = Graph::new();
    for (from, needs) in graph {
        for to in needs {
            reversed.entry(*to).or_default().insert(*from);
        }
    }
    let mut seen = BTreeSet::new();
    let mut by_end: Vec<usize> = Vec::new();
    for start in graph.keys() {
        walk(graph, *start, &mut seen, &mut by_end);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for start in by_end.iter().rev() {
        let mut members = Vec::new();
        walk(&reversed, *start, &mut seen, &mut members);
        let leads_to_itself = graph.get(start).is_some_and(|needs| needs.contains(start));
        if members.len() > 1 || leads_to_itself {
            found.push(members.into_iter().collect());
        }
    }
    found
}

/// Goes everywhere one can go from `start` without what was `seen`; `ended` gains each node after all behind it.
fn walk(graph: &Graph, start: usize, seen: &mut BTreeSet<usize>, ended: &mut Vec<usize>) {
    let next = |node: &usize| graph.get(node).into_iter().flatten().copied();
    if !seen.insert(start) {
        return;
    }
    let mut path = vec![(start, next(&start))];
    while let Some((node, needs)) = path.last_mut() {
        if let Some(to) = needs.find(|to| seen.insert(*to)) {
            path.push((to, next(&to)));
        } else {
            ended.push(*node);
            path.pop();
        }
    }
}

//! In which order operations go out.
//!
//! A record waits for the insert of a parent it refers to, since only the answer to that insert tells the
//! parent's Salesforce id. Everything free to go at the same time forms a wave, in which operations on one
//! object of one kind travel together.

use super::coalesce::Operation;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A row of a mapped table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef {
    /// The table, without schema.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
}

/// One operation to be put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The row.
    pub record: RecordRef,
    /// What is done to it.
    pub operation: Operation,
    /// Parents whose Salesforce id it needs and which have none yet.
    pub needs: Vec<RecordRef>,
    /// Rows that should go first where that is possible: children, before their parent is deleted.
    pub follows: Vec<RecordRef>,
}

/// Operations that travel together, as positions in the list that was scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The table.
    pub table: String,
    /// The operation.
    pub operation: Operation,
    /// The members, in their given order.
    pub members: Vec<usize>,
}

/// The order of a list of operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// One wave after the other; the batches of a wave do not depend on each other.
    pub waves: Vec<Vec<Batch>>,
    /// Operations that refer to each other in a circle, or to one that does.
    pub cycles: Vec<usize>,
    /// Operations that need a row which is not inserted here, directly or through another, and that row.
    pub blocked: Vec<(usize, RecordRef)>,
}

/// Puts operations in order.
#[must_use]
pub fn schedule(nodes: &[Node]) -> Schedule {
    let positions: HashMap<&RecordRef, usize> =
        nodes.iter().enumerate().map(|(position, node)| (&node.record, position)).collect();
    let mut schedule = Schedule { blocked: blocked(nodes, &positions), ..Schedule::default() };
    let mut waiting: BTreeSet<usize> = (0..nodes.len()).collect();
    for (position, _) in &schedule.blocked {
        waiting.remove(position);
    }
    while !waiting.is_empty() {
        let is_waiting = |record: &RecordRef| {
            positions.get(record).is_some_and(|position| waiting.contains(position))
        };
        let is_free = |node: &Node| !node.needs.iter().any(is_waiting);
        let is_polite = |node: &Node| {
            !node.follows.iter().any(|other| *other != node.record && is_waiting(other))
        };
        let of = |position: usize| nodes.get(position);
        let mut wave: Vec<usize> = waiting
            .iter()
            .copied()
            .filter(|&p| of(p).is_some_and(|node| is_free(node) && is_polite(node)))
            .collect();
        if wave.is_empty() {
            wave = waiting.iter().copied().filter(|&p| of(p).is_some_and(is_free)).collect();
        }
        if wave.is_empty() {
            schedule.cycles = waiting.into_iter().collect();
            break;
        }
        for position in &wave {
            waiting.remove(position);
        }
        schedule.waves.push(batches(nodes, &wave));
    }
    schedule
}

/// What needs a row that no insert here brings, spread to everything that needs those in turn.
fn blocked(nodes: &[Node], positions: &HashMap<&RecordRef, usize>) -> Vec<(usize, RecordRef)> {
    let brings_id = |record: &RecordRef| {
        positions
            .get(record)
            .and_then(|position| nodes.get(*position))
            .is_some_and(|node| node.operation == Operation::Insert)
    };
    let mut found: BTreeMap<usize, RecordRef> = BTreeMap::new();
    loop {
        let more: Vec<(usize, RecordRef)> = nodes
            .iter()
            .enumerate()
            .filter(|(position, _)| !found.contains_key(position))
            .filter_map(|(position, node)| {
                let missing = node.needs.iter().find(|need| {
                    let is_blocked = positions.get(need).is_some_and(|p| found.contains_key(p));
                    !brings_id(need) || is_blocked
                })?;
                Some((position, missing.clone()))
            })
            .collect();
        if more.is_empty() {
            return found.into_iter().collect();
        }
        found.extend(more);
    }
}

fn batches(nodes: &[Node], wave: &[usize]) -> Vec<Batch> {
    let mut batches: BTreeMap<(&str, Operation), Vec<usize>> = BTreeMap::new();
    for &position in wave {
        if let Some(node) = nodes.get(position) {
            batches.entry((&node.record.table, node.operation)).or_default().push(position);
        }
    }
    batches
        .into_iter()
        .map(|((table, operation), members)| Batch { table: table.to_owned(), operation, members })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Node, Operation, RecordRef, Schedule, schedule};
    use Operation::{Delete, Insert, Update};

    fn record(name: &str) -> RecordRef {
        let (table, id) = name.split_at(1);
        RecordRef { table: table.to_owned(), record_id: id.parse().unwrap() }
    }

    fn node(name: &str, operation: Operation, needs: &[&str]) -> Node {
        let needs = needs.iter().map(|need| record(need)).collect();
        Node { record: record(name), operation, needs, follows: Vec::new() }
    }

    /// `insert a1,a2 | update b1` per wave.
    fn written(schedule: &Schedule, nodes: &[Node]) -> Vec<String> {
        let name = |p: &usize| format!("{}{}", nodes[*p].record.table, nodes[*p].record.record_id);
        let batch = |batch: &super::Batch| {
            let members: Vec<_> = batch.members.iter().map(name).collect();
            format!("{:?} {}", batch.operation, members.join(",")).to_lowercase()
        };
        let wave =
            |wave: &Vec<super::Batch>| wave.iter().map(batch).collect::<Vec<_>>().join(" | ");
        schedule.waves.iter().map(wave).collect()
    }

    fn check(nodes: &[Node], waves: &[&str], cycles: &[usize], blocked: &[usize]) {
        let schedule = schedule(nodes);
        assert_eq!(written(&schedule, nodes), waves);
        assert_eq!(schedule.cycles, cycles);
        let found: Vec<usize> = schedule.blocked.iter().map(|(position, _)| *position).collect();
        assert_eq!(found, blocked);
    }

    #[test]
    fn what_depends_on_nothing_travels_together_by_object_and_operation() {
        check(
            &[
                node("a1", Insert, &[]),
                node("b1", Update, &[]),
                node("a2", Insert, &[]),
                node("b2", Delete, &[]),
            ],
            &["insert a1,a2 | update b1 | delete b2"],
            &[],
            &[],
        );
    }

    #[test]
    fn a_child_waits_for_its_parents_insert_whatever_the_log_order() {
        check(
            &[
                node("c1", Insert, &["b1"]),
                node("b1", Insert, &["a1"]),
                node("a1", Insert, &[]),
                node("b2", Update, &["a1"]),
                node("c2", Insert, &[]),
            ],
            &["insert a1 | insert c2", "insert b1 | update b2", "insert c1"],
            &[],
            &[],
        );
    }

    #[test]
    fn rows_of_one_table_may_refer_to_each_other() {
        check(
            &[node("a1", Insert, &["a2"]), node("a2", Insert, &[])],
            &["insert a2", "insert a1"],
            &[],
            &[],
        );
    }

    #[test]
    fn circles_are_reported_and_hold_up_only_what_hangs_on_them() {
        check(
            &[
                node("a1", Insert, &["a2"]),
                node("a2", Insert, &["a1"]),
                node("a3", Insert, &["a3"]),
                node("b1", Insert, &["a1"]),
                node("b2", Insert, &[]),
            ],
            &["insert b2"],
            &[0, 1, 2, 3],
            &[],
        );
    }

    #[test]
    fn a_parent_that_is_not_inserted_here_blocks_its_descendants() {
        check(
            &[
                node("b1", Insert, &["a9"]),
                node("c1", Insert, &["b1"]),
                node("a1", Delete, &[]),
                node("b2", Insert, &["a1"]),
                node("b3", Insert, &[]),
            ],
            &["delete a1 | insert b3"],
            &[],
            &[0, 1, 3],
        );
    }

    #[test]
    fn children_are_deleted_before_their_parent_where_possible() {
        let mut parent = node("a1", Delete, &[]);
        parent.follows = vec![record("b1")];
        let child = node("b1", Delete, &[]);
        check(&[parent.clone(), child.clone()], &["delete b1", "delete a1"], &[], &[]);

        let mut sibling = child;
        sibling.follows = vec![record("a1")];
        check(&[parent, sibling], &["delete a1 | delete b1"], &[], &[]);
    }
}

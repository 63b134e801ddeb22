//! In which order operations go out.
//!
//! A record waits for the insert of a parent it refers to, since only the answer to that insert tells the
//! parent's Salesforce id. Everything free to go at the same time forms a wave, in which operations on one
//! object of one kind travel together. Where records need each other, one goes out without the reference first.

use super::circles::break_circles;
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

/// A parent whose Salesforce id an operation needs and which has none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The parent.
    pub record: RecordRef,
    /// Whether the reference may be left empty at first and set afterwards.
    pub can_wait: bool,
}

/// One operation to be put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The row.
    pub record: RecordRef,
    /// What is done to it.
    pub operation: Operation,
    /// The parents it needs.
    pub needs: Vec<Need>,
    /// Rows that should go first where that is possible: children, before their parent is deleted; the former holder
    /// of an external id, before the next.
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
    /// Inserts that go out without these parents: the references follow once all waves are through.
    pub second_pass: Vec<(usize, BTreeSet<RecordRef>)>,
    /// Operations that refer to each other in a circle in which no reference can wait.
    pub cycles: Vec<usize>,
    /// Operations that need a row which is not inserted here, directly or through another, and that row.
    pub blocked: Vec<(usize, RecordRef)>,
}

/// Puts operations in order.
#[must_use]
pub fn schedule(nodes: &[Node]) -> Schedule {
    let positions: HashMap<&RecordRef, usize> =
        nodes.iter().enumerate().map(|(position, node)| (&node.record, position)).collect();
    let mut found: BTreeMap<usize, RecordRef> = BTreeMap::new();
    spread_blocks(nodes, &positions, &BTreeSet::new(), &mut found);
    let broken = break_circles(nodes, &positions, &found.keys().copied().collect());
    spread_blocks(nodes, &positions, &broken.stuck, &mut found);
    let mut waiting: BTreeSet<usize> = (0..nodes.len())
        .filter(|position| !found.contains_key(position) && !broken.stuck.contains(position))
        .collect();
    let second_pass = broken
        .later
        .iter()
        .filter(|(position, _)| waiting.contains(position))
        .map(|(position, later)| (*position, records(nodes, later)))
        .collect();
    let mut schedule = Schedule {
        waves: Vec::new(),
        second_pass,
        cycles: broken.stuck.into_iter().collect(),
        blocked: found.into_iter().collect(),
    };
    let comes_later = |from: usize, record: &RecordRef| {
        let later = broken.later.get(&from);
        later.zip(positions.get(record)).is_some_and(|(later, to)| later.contains(to))
    };
    while !waiting.is_empty() {
        let is_waiting = |record: &RecordRef| {
            positions.get(record).is_some_and(|position| waiting.contains(position))
        };
        let is_free = |position: usize, node: &Node| {
            node.needs
                .iter()
                .all(|need| !is_waiting(&need.record) || comes_later(position, &need.record))
        };
        let is_polite = |node: &Node| {
            !node.follows.iter().any(|other| *other != node.record && is_waiting(other))
        };
        let of = |position: usize| nodes.get(position);
        let free: Vec<usize> = waiting
            .iter()
            .copied()
            .filter(|&p| of(p).is_some_and(|node| is_free(p, node)))
            .collect();
        let polite: Vec<usize> =
            free.iter().copied().filter(|&p| of(p).is_some_and(is_polite)).collect();
        let wave = if polite.is_empty() { free } else { polite };
        if wave.is_empty() {
            // Unreachable: what needs what is free of circles now.
            break;
        }
        for position in &wave {
            waiting.remove(position);
        }
        schedule.waves.push(batches(nodes, &wave));
    }
    schedule
}

fn records(nodes: &[Node], positions: &BTreeSet<usize>) -> BTreeSet<RecordRef> {
    positions.iter().filter_map(|position| nodes.get(*position)).map(|n| n.record.clone()).collect()
}

/// What needs a row that no insert here brings, or one of those that are `stuck`; spread to everything that needs those
/// in turn.
fn spread_blocks(
    nodes: &[Node],
    positions: &HashMap<&RecordRef, usize>,
    stuck: &BTreeSet<usize>,
    found: &mut BTreeMap<usize, RecordRef>,
) {
    let brings_id = |record: &RecordRef| {
        positions.get(record).is_some_and(|position| {
            let is_insert = |node: &Node| node.operation == Operation::Insert;
            nodes.get(*position).is_some_and(is_insert) && !stuck.contains(position)
        })
    };
    loop {
        let more: Vec<(usize, RecordRef)> = nodes
            .iter()
            .enumerate()
            .filter(|(position, _)| !found.contains_key(position) && !stuck.contains(position))
            .filter_map(|(position, node)| {
                let missing = node.needs.iter().map(|need| &need.record).find(|need| {
                    let is_blocked = positions.get(need).is_some_and(|p| found.contains_key(p));
                    !brings_id(need) || is_blocked
                })?;
                Some((position, missing.clone()))
            })
            .collect();
        if more.is_empty() {
            return;
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
    use super::{Need, Node, Operation, RecordRef, Schedule, schedule};
    use Operation::{Delete, Insert, Update};

    fn record(name: &str) -> RecordRef {
        let (table, id) = name.split_at(1);
        RecordRef { table: table.to_owned(), record_id: id.parse().unwrap() }
    }

    /// A need that can wait has a `?` behind the name.
    fn node(name: &str, operation: Operation, needs: &[&str]) -> Node {
        let need = |name: &&str| Need {
            record: record(name.trim_end_matches('?')),
            can_wait: name.ends_with('?'),
        };
        let needs = needs.iter().map(need).collect();
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
    fn circles_that_cannot_be_broken_are_reported_and_hold_up_only_what_hangs_on_them() {
        check(
            &[
                node("a1", Insert, &["a2"]),
                node("a2", Insert, &["a1"]),
                node("a3", Insert, &["a3"]),
                node("b1", Insert, &["a1"]),
                node("b2", Insert, &[]),
            ],
            &["insert b2"],
            &[0, 1, 2],
            &[3],
        );
    }

    type Broken = (
        &'static str,
        Vec<Node>,
        &'static [&'static str],
        &'static [(usize, &'static [&'static str])],
    );

    #[test]
    fn circles_come_apart_where_a_reference_can_wait() {
        #[rustfmt::skip]
        let table: [Broken; 8] = [
            ("a row refers to itself",
                vec![node("a1", Insert, &["a1?"]), node("a2", Insert, &["a1?"])],
                &["insert a1", "insert a2"], &[(0, &["a1"])]),
            ("two refer to each other",
                vec![node("b1", Insert, &["a1?"]), node("a1", Insert, &["b1?"])],
                &["insert a1", "insert b1"], &[(1, &["b1"])]),
            ("only one of the two references can wait",
                vec![node("a1", Insert, &["b1"]), node("b1", Insert, &["a1?"])],
                &["insert b1", "insert a1"], &[(1, &["a1"])]),
            ("pairs travel together",
                vec![node("a1", Insert, &["b1?"]), node("b1", Insert, &["a1?"]),
                     node("a2", Insert, &["b2?"]), node("b2", Insert, &["a2?"])],
                &["insert a1,a2", "insert b1,b2"], &[(0, &["b1"]), (2, &["b2"])]),
            ("a ring of one table takes one wave",
                vec![node("a1", Insert, &["a2?"]), node("a2", Insert, &["a3?"]), node("a3", Insert, &["a1?"])],
                &["insert a1,a2,a3"], &[(0, &["a2"]), (1, &["a3"]), (2, &["a1"])]),
            ("what hangs on a circle waits for its member",
                vec![node("c1", Insert, &["a2?"]), node("a1", Insert, &["a2"]), node("a2", Insert, &["a1?"])],
                &["insert a2", "insert a1 | insert c1"], &[(2, &["a1"])]),
            ("of several references only the one that closes the circle waits",
                vec![node("a1", Insert, &["b1?", "c1?"]), node("b1", Insert, &["a1"]), node("c1", Insert, &[])],
                &["insert c1", "insert a1", "insert b1"], &[(0, &["b1"])]),
            ("two circles with one member in common",
                vec![node("a1", Insert, &["b1", "c1?"]), node("b1", Insert, &["a1?"]), node("c1", Insert, &["a1"])],
                &["insert b1", "insert a1", "insert c1"], &[(0, &["c1"]), (1, &["a1"])]),
        ];
        for (case, nodes, waves, later) in table {
            let schedule = schedule(&nodes);
            assert_eq!(written(&schedule, &nodes), waves, "{case}");
            let expected: Vec<_> = later
                .iter()
                .map(|(position, names)| {
                    (*position, names.iter().map(|name| record(name)).collect())
                })
                .collect();
            assert_eq!(schedule.second_pass, expected, "{case}");
            assert!(schedule.cycles.is_empty() && schedule.blocked.is_empty(), "{case}");
        }
    }

    #[test]
    fn parents_and_children_interleaved_row_by_row_take_one_batch_each() {
        let nodes: Vec<Node> = (0..400)
            .map(|row| match row % 2 {
                0 => node(&format!("a{row}"), Insert, &[]),
                _ => node(&format!("b{row}"), Insert, &[&format!("a{}", row - 1)]),
            })
            .collect();
        let schedule = schedule(&nodes);
        assert_eq!(schedule.waves.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
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

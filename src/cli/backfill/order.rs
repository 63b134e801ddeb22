//! Which mappings may be loaded when: parents before children where foreign keys tie their tables together. Pure.

use std::collections::BTreeSet;

/// What must be loaded before what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// Per mapping, those that come before it.
    parents: Vec<Vec<usize>>,
    /// Groups of mappings whose tables refer to each other in a circle; those are loaded in the order they have.
    pub(super) circles: Vec<Vec<usize>>,
}

impl Order {
    /// The order of these tables under foreign keys, each as (table that refers, table that is referred to).
    pub(super) fn of(tables: &[&str], foreign_keys: &[(String, String)]) -> Self {
        let place = |name: &str| tables.iter().position(|table| *table == name);
        let edges: BTreeSet<(usize, usize)> = foreign_keys
            .iter()
            .filter_map(|(child, parent)| Some((place(child)?, place(parent)?)))
            .filter(|(child, parent)| child != parent)
            .collect();
        let reaches = reachable(tables.len(), &edges);
        let in_circle = |one: usize, other: usize| {
            reaches.contains(&(one, other)) && reaches.contains(&(other, one))
        };
        let parents = (0..tables.len())
            .map(|child| {
                let own = edges.iter().filter(|(from, _)| *from == child);
                let before = own.map(|(_, parent)| *parent);
                before.filter(|parent| *parent < child || !in_circle(child, *parent)).collect()
            })
            .collect();
        let mut circles: Vec<Vec<usize>> = Vec::new();
        for index in 0..tables.len() {
            if in_circle(index, index) && !circles.iter().flatten().any(|known| *known == index) {
                circles.push((0..tables.len()).filter(|other| in_circle(index, *other)).collect());
            }
        }
        Self { parents, circles }
    }

    /// The first mapping that is not in `begun` and whose parents are all in `done`.
    pub(super) fn next(&self, begun: &BTreeSet<usize>, done: &BTreeSet<usize>) -> Option<usize> {
        let is_ready = |index: &usize| {
            let parents = self.parents.get(*index).map_or(&[][..], Vec::as_slice);
            !begun.contains(index) && parents.iter().all(|parent| done.contains(parent))
        };
        (0..self.parents.len()).find(is_ready)
    }
}

/// Which mapping leads to which, over any number of foreign keys.
fn reachable(count: usize, edges: &BTreeSet<(usize, usize)>) -> BTreeSet<(usize, usize)> {
    let mut reaches = edges.clone();
    for middle in 0..count {
        for from in 0..count {
            for to in 0..count {
                if reaches.contains(&(from, middle)) && reaches.contains(&(middle, to)) {
                    reaches.insert((from, to));
                }
            }
        }
    }
    reaches
}

#[cfg(test)]
mod tests {
    use super::Order;
    use std::collections::BTreeSet;

    /// Foreign keys, and the order that follows from them.
    type Case = (&'static [(&'static str, &'static str)], [&'static str; 4]);

    const TABLES: [&str; 4] = ["contact", "account", "invoice", "product"];

    fn order(keys: &[(&str, &str)]) -> Order {
        let keys: Vec<_> = keys
            .iter()
            .map(|(child, parent)| ((*child).to_owned(), (*parent).to_owned()))
            .collect();
        Order::of(&TABLES, &keys)
    }

    /// The order in which one after the other would be loaded.
    fn one_by_one(order: &Order) -> Vec<&'static str> {
        let mut done = BTreeSet::new();
        let mut names = Vec::new();
        while let Some(next) = order.next(&done, &done) {
            done.insert(next);
            names.push(TABLES[next]);
        }
        names
    }

    #[test]
    fn parents_come_before_children_and_the_rest_stays_as_it_is() {
        #[rustfmt::skip]
        let table: [Case; 5] = [
            (&[], ["contact", "account", "invoice", "product"]),
            (&[("contact", "account")], ["account", "contact", "invoice", "product"]),
            (&[("contact", "account"), ("account", "product")], ["invoice", "product", "account", "contact"]),
            // A table may refer to itself, and to one that is not loaded.
            (&[("account", "account"), ("contact", "other")], ["contact", "account", "invoice", "product"]),
            // A circle is loaded in the order it has, and what hangs on it after it.
            (&[("contact", "account"), ("account", "contact"), ("contact", "product")],
             ["invoice", "product", "contact", "account"]),
        ];
        for (keys, expected) in table {
            assert_eq!(one_by_one(&order(keys)), expected, "{keys:?}");
        }
    }

    #[test]
    fn a_child_waits_for_its_parent_and_others_do_not() {
        let order = order(&[("contact", "account")]);
        let account = BTreeSet::from([1]);
        assert_eq!(order.next(&account, &BTreeSet::new()), Some(2));
        assert_eq!(order.next(&BTreeSet::from([1, 2, 3]), &BTreeSet::new()), None);
        assert_eq!(order.next(&BTreeSet::from([1, 2, 3]), &account), Some(0));
    }

    #[test]
    fn circles_are_told() {
        let order =
            order(&[("contact", "account"), ("account", "invoice"), ("invoice", "contact")]);
        assert_eq!(order.circles, [[0, 1, 2]]);
        assert_eq!(one_by_one(&order), ["contact", "account", "invoice", "product"]);
    }
}

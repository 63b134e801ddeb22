//! Finding the rows of a plan and putting them in order.

use super::{
    access::{Access, is_monotone},
    expression::Expression,
    filter::Filter,
    plan::{Direction, Plan, SortKey, compare, sortable},
};
use crate::{
    Id,
    org::{
        IdList, Org, Row, RowRef, Scope,
        table::{Stretch, Table},
    },
    schema::Object,
    value::Value,
};

/// So many rows may be held before those past a LIMIT are let go.
const HELD_MIN: usize = 1_000;

/// What was found so far, between what is skipped and what is too much.
struct Found {
    skip: usize,
    left: usize,
    list: IdList,
}

impl Found {
    fn new(plan: &Plan) -> Self {
        Self { skip: plan.skip, left: plan.take, list: IdList::default() }
    }

    /// Adds a row; answers whether more are wanted.
    fn add(&mut self, id: Id) -> bool {
        self.add_run(id, 1)
    }

    /// Adds rows that follow each other; answers whether more are wanted.
    fn add_run(&mut self, first: Id, count: usize) -> bool {
        let skipped = self.skip.min(count);
        self.skip -= skipped;
        let taken = (count - skipped).min(self.left);
        self.left -= taken;
        let (stem, sequence) = first.split();
        let first = Id::of_stem(stem, sequence.saturating_add(skipped as u64));
        self.list.push_run(first, taken);
        self.left > 0
    }
}

/// A row and what it is sorted by.
type Keyed = (Vec<Value>, Id);

/// The order in which rows come anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Natural {
    Forward,
    Backward,
}

impl Org {
    /// The ids of a plan's rows, in order.
    pub(super) fn rows(&self, plan: &Plan) -> IdList {
        let mut found = Found::new(plan);
        let Some(search) = self.search(plan, &[]) else { return found.list };
        if plan.take == 0 {
            return found.list;
        }
        let by_stamp = by_stamp(plan, search.object);
        let access = self.access(plan.object, &plan.filter, by_stamp.is_some());
        let natural = match (&access, plan.sort.is_empty()) {
            (_, true) => Some(Natural::Forward),
            (Access::Stamps(_), _) => by_stamp,
            _ => by_id(plan, search.object),
        };
        match natural {
            Some(Natural::Forward) => {
                let mut stretches = access.stretches(search.table);
                let _enough = stretches.try_for_each(|stretch| search.add(stretch, &mut found));
            }
            Some(Natural::Backward) => {
                let stretches: Vec<Stretch> = access.stretches(search.table).collect();
                let ids = stretches.into_iter().rev();
                let mut ids = ids.flat_map(|stretch| search.table.expand(stretch).rev());
                let _enough =
                    ids.try_for_each(|id| (!search.is_wanted(id) || found.add(id)).then_some(()));
            }
            None => {
                let ids = access.ids(search.table).filter(|id| search.is_wanted(*id));
                return self.sorted(plan, ids);
            }
        }
        found.list.shrink();
        found.list
    }

    /// The rows of a plan among the children of a parent.
    pub(super) fn rows_of(&self, plan: &Plan, link: usize, parent: Id) -> IdList {
        let Some(search) = self.search(plan, &[]) else { return IdList::default() };
        let table = search.table;
        let parent = Value::Id(parent);
        if table.is_indexed(link) {
            let ids = table.with_value(link, &parent).filter(|id| search.is_wanted(*id));
            return self.sorted(plan, ids);
        }
        let is_child = |id: &Id| {
            table.get_part(*id, Some(&[link])).is_some_and(|row| *row.value(link) == parent)
        };
        let ids = table.ids(Id::MIN..=Id::MAX).filter(is_child);
        self.sorted(plan, ids.filter(|id| search.is_wanted(*id)))
    }

    /// How many rows a plan has.
    pub(super) fn count(&self, plan: &Plan) -> usize {
        let Some(search) = self.search(plan, &[]) else { return 0 };
        let is_everything = matches!(&plan.filter, Filter::All(parts) if parts.is_empty());
        let all = if is_everything && search.sees_all {
            match plan.scope {
                Scope::Live => search.table.live_count(),
                Scope::WithDeleted => search.table.count(),
            }
        } else {
            let mut found = Found { skip: 0, left: usize::MAX, list: IdList::default() };
            let access = self.access(plan.object, &plan.filter, false);
            for stretch in access.stretches(search.table) {
                let _more = search.add(stretch, &mut found);
            }
            found.list.len()
        };
        all.saturating_sub(plan.skip).min(plan.take)
    }

    /// Shows every row that satisfies a plan's condition, in no order, whatever its LIMIT, to
    /// somebody who looks at these expressions.
    pub(super) fn each_row(
        &self,
        plan: &Plan,
        looked_at: &[&Expression],
        show: &mut dyn FnMut(&Row),
    ) {
        let Some(search) = self.search(plan, looked_at) else { return };
        let access = self.access(plan.object, &plan.filter, false);
        for id in access.ids(search.table) {
            if let Some(row) = search.row(id).filter(|row| search.accepts(id, row)) {
                show(&row);
            }
        }
    }

    /// Looks for a plan's rows; what is found is also asked for these expressions.
    fn search<'a>(&'a self, plan: &'a Plan, looked_at: &[&Expression]) -> Option<Search<'a>> {
        let (table, object) = (self.table(plan.object)?, self.object(plan.object)?);
        let mut all: Vec<&Expression> = looked_at.to_vec();
        plan.filter.subjects(&mut all);
        let needs = self.needs(plan.object, all);
        let sees_all = self.sees_all_rows(plan.reader, plan.object);
        Some(Search { org: self, plan, table, object, needs, sees_all })
    }

    /// Rows in the order of a plan, and those of them that its OFFSET and LIMIT leave. With a LIMIT
    /// never many more are held than asked for.
    fn sorted(&self, plan: &Plan, ids: impl Iterator<Item = Id>) -> IdList {
        let most = plan.skip.saturating_add(plan.take);
        let needs = self.needs(plan.object, plan.sort.iter().map(|key| &key.expression));
        let keys = |id: Id| -> Vec<Value> {
            let table = self.table(plan.object);
            let row = table.and_then(|table| table.get_part(id, needs.as_deref()));
            let Some(row) = row.filter(|_| !plan.sort.is_empty()) else { return Vec::new() };
            let value = |key: &SortKey| self.express(plan.object, &row, &key.expression);
            plan.sort.iter().map(|key| sortable(value(key).into_owned())).collect()
        };
        let directions: Vec<Direction> = plan.sort.iter().map(|key| key.direction).collect();
        let order = |(a, one): &Keyed, (b, other): &Keyed| {
            compare(&directions, a, b).then_with(|| one.cmp(other))
        };
        let mut rows: Vec<Keyed> = Vec::new();
        for id in ids {
            rows.push((keys(id), id));
            if rows.len() >= most.saturating_mul(2).max(HELD_MIN) {
                rows.sort_unstable_by(order);
                rows.truncate(most);
            }
        }
        rows.sort_unstable_by(order);
        rows.into_iter().map(|(_, id)| id).skip(plan.skip).take(plan.take).collect()
    }
}

/// What a search goes by.
struct Search<'a> {
    org: &'a Org,
    plan: &'a Plan,
    table: &'a Table,
    object: &'a Object,
    /// The fields that anybody looks at; `None` for all.
    needs: Option<Vec<usize>>,
    sees_all: bool,
}

impl Search<'_> {
    fn row(&self, id: Id) -> Option<RowRef<'_>> {
        self.table.get_part(id, self.needs.as_deref())
    }

    fn is_wanted(&self, id: Id) -> bool {
        self.row(id).is_some_and(|row| self.accepts(id, &row))
    }

    fn accepts(&self, id: Id, row: &Row) -> bool {
        let Self { org, plan, .. } = self;
        (plan.scope == Scope::WithDeleted || row.is_live())
            && org.matches_filter(plan.object, row, &plan.filter)
            && (self.sees_all || org.can_see_row(plan.reader, plan.object, id))
    }

    /// Adds what is wanted of a stretch; `None` once there is enough.
    fn add(&self, stretch: Stretch, found: &mut Found) -> Option<()> {
        let (mut numbers, source) = match (stretch, self.table.synthetic()) {
            (Stretch::Computed(numbers), Some(source)) => (numbers, source),
            (Stretch::Stored(id), _) => {
                return (!self.is_wanted(id) || found.add(id)).then_some(());
            }
            (Stretch::Computed(_), None) => return Some(()),
        };
        let is_wanted = |number: u64| self.is_wanted(source.id(number));
        if !(self.sees_all && is_monotone(self.object, &self.plan.filter)) {
            let mut numbers = numbers.filter(|number| is_wanted(*number));
            return numbers.try_for_each(|number| found.add(source.id(number)).then_some(()));
        }
        // What is wanted is one piece of the stretch: only its ends need to be looked at.
        while !numbers.is_empty() && !is_wanted(numbers.start) {
            numbers.start += 1;
        }
        while !numbers.is_empty() && !is_wanted(numbers.end - 1) {
            numbers.end -= 1;
        }
        let count = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX);
        (count == 0 || found.add_run(source.id(numbers.start), count)).then_some(())
    }
}

/// Whether a key is this field of the object itself.
fn is_own(key: &SortKey, field: Option<usize>) -> bool {
    let Expression::Column(column) = &key.expression else { return false };
    column.parents.is_empty() && Some(column.field) == field
}

fn direction(key: &SortKey) -> Natural {
    if key.direction.descending { Natural::Backward } else { Natural::Forward }
}

/// How the rows come if they come by stamp and id.
fn by_stamp(plan: &Plan, object: &Object) -> Option<Natural> {
    let (id, stamp) = (object.system().id, object.system().system_modstamp);
    let natural = match plan.sort.as_slice() {
        [first] if is_own(first, stamp) => direction(first),
        [first, second]
            if is_own(first, stamp)
                && is_own(second, id)
                && first.direction.descending == second.direction.descending =>
        {
            direction(first)
        }
        _ => return None,
    };
    Some(natural)
}

/// How the rows come if they come by id.
fn by_id(plan: &Plan, object: &Object) -> Option<Natural> {
    match plan.sort.as_slice() {
        [only] if is_own(only, object.system().id) => Some(direction(only)),
        _ => None,
    }
}

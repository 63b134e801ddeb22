//! The cells of a Bulk query's CSV, looked up once for all rows of a result.

use std::{borrow::Cow, ops::Range, sync::Arc};

use super::{Org, Shape, query::Expression, shape::Cell, synthetic::Synthetic};
use crate::{Id, value::Value};

/// What is read of each row.
#[derive(Debug)]
pub struct Cells {
    object: usize,
    columns: Vec<Source>,
    /// The fields, where no cell is more than a stored field.
    fields: Option<Arc<[usize]>>,
}

/// Where the value of a cell comes from.
#[derive(Debug)]
enum Source {
    /// A stored field of the row itself.
    Stored(usize),
    Expression(Expression),
}

/// Computed rows that nobody had touched. They stay what they were whatever becomes of the org, so
/// they can be read later and without it.
#[derive(Debug)]
pub(crate) struct Untouched {
    source: Arc<Synthetic>,
    fields: Arc<[usize]>,
    /// The numbers of the rows, in their order.
    numbers: Vec<Range<u64>>,
}

impl Org {
    /// Looks up the cells of a shape.
    #[must_use]
    pub fn cells(&self, shape: &Shape) -> Cells {
        let columns: Vec<Source> =
            shape.cells.iter().map(|cell| self.source(shape.object, cell)).collect();
        let stored = |column: &Source| match column {
            Source::Stored(field) => Some(*field),
            Source::Expression(_) => None,
        };
        let fields = columns.iter().map(stored).collect();
        Cells { object: shape.object, columns, fields }
    }

    fn source(&self, number: usize, cell: &Cell) -> Source {
        if let Expression::Column(column) = &cell.expression
            && column.parents.is_empty()
            && column.object == number
            && self.is_stored(number, column.field)
        {
            return Source::Stored(column.field);
        }
        Source::Expression(cell.expression.clone())
    }

    /// Gives the values of one row's cells one after the other to `cell`. Answers `false`, giving
    /// none, when the row has been purged.
    pub fn each_cell(&self, cells: &Cells, id: Id, mut cell: impl FnMut(&Value)) -> bool {
        let Some(row) = self.row(cells.object, id) else { return false };
        for column in &cells.columns {
            match column {
                Source::Stored(field) => cell(row.value(*field)),
                Source::Expression(expression) => {
                    cell(&self.express(cells.object, &row, expression));
                }
            }
        }
        true
    }

    /// The rows of these ids, when all of them are computed, untouched, and read field by field.
    pub(crate) fn untouched(&self, cells: &Cells, ids: &[Id]) -> Option<Untouched> {
        let fields = Arc::clone(cells.fields.as_ref()?);
        let table = self.table(cells.object)?;
        let source = Arc::clone(table.synthetic()?);
        let mut numbers: Vec<Range<u64>> = Vec::new();
        for id in ids {
            let number = table.untouched_number(*id)?;
            match numbers.last_mut().filter(|last| last.end == number) {
                Some(last) => last.end += 1,
                None => numbers.push(number..number + 1),
            }
        }
        Some(Untouched { source, fields, numbers })
    }
}

impl Untouched {
    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.numbers.len() * size_of::<Range<u64>>()
    }

    /// The values of the rows' cells, row by row, for these positions.
    pub(crate) fn rows(
        &self,
        positions: Range<usize>,
    ) -> impl Iterator<Item = impl Iterator<Item = Cow<'_, Value>>> {
        let numbers = self.numbers.iter().flat_map(Clone::clone);
        let numbers = numbers.skip(positions.start).take(positions.len());
        numbers.map(move |number| {
            self.fields.iter().map(move |field| self.source.read(number, *field))
        })
    }
}

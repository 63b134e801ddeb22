//! The SELECT list of a query without groups.

use super::{children::SELECTS_MAX, expression::Expression, resolve::Resolver};
use crate::{
    ApiError,
    org::{Shape, shape::own_columns},
    schema::Field,
    soql::{At, FieldGroup, Item, Operand, Path, Select},
};

/// `FIELDS(ALL)` and `FIELDS(CUSTOM)` need a LIMIT of at most this.
const FIELDS_LIMIT_MAX: u64 = 200;

impl Resolver<'_> {
    /// What is written for each row.
    pub(super) fn shape(&self) -> Result<Shape, ApiError> {
        let mut shape = Shape::empty(self.object);
        let Select::Items(items) = &self.query.select else { return Ok(shape) };
        let selects = items.iter().filter(|item| matches!(item, Item::Children(_))).count();
        if selects > SELECTS_MAX {
            let message =
                format!("SOQL statements cannot have more than {SELECTS_MAX} sub-selects");
            return Err(ApiError::request("MALFORMED_QUERY", message));
        }
        for item in items {
            match item {
                Item::Value(operand, alias) => self.value(&mut shape, operand, alias.as_deref())?,
                Item::Fields(group, at) => {
                    for expression in self.field_group(*group, *at)? {
                        add(&mut shape, expression, None)?;
                    }
                }
                Item::Children(query) => {
                    let children = self.children(query)?;
                    if !shape.add_children(children) {
                        return Err(duplicate(&query.from));
                    }
                }
                Item::TypeOf(type_of) => self.type_of(&mut shape, type_of)?,
            }
        }
        Ok(shape)
    }

    fn value(
        &self,
        shape: &mut Shape,
        operand: &Operand,
        alias: Option<&str>,
    ) -> Result<(), ApiError> {
        if let (Operand::Path(path), Some(_)) = (operand, alias) {
            let message = "only aggregate expressions use field aliasing";
            return Err(self.malformed(path.at, message));
        }
        if let Operand::Date(_, path, _) = operand {
            return Err(self.ungrouped(path));
        }
        let (expression, _) = self.operand(operand)?;
        add(shape, expression, alias)
    }

    /// The error for a field that is neither grouped nor aggregated where it has to be.
    pub(super) fn ungrouped(&self, path: &Path) -> ApiError {
        let name = path.names.last().map_or("", String::as_str);
        self.malformed(path.at, &format!("Field must be grouped or aggregated: {name}"))
    }

    fn field_group(&self, group: FieldGroup, at: At) -> Result<Vec<Expression>, ApiError> {
        let limit = self.query.limit;
        if group != FieldGroup::Standard && limit.is_none_or(|limit| limit > FIELDS_LIMIT_MAX) {
            let message =
                format!("The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT_MAX}");
            return Err(self.malformed(at, &message));
        }
        let Some(object) = self.org.object(self.object) else { return Ok(Vec::new()) };
        let is_in = |field: &Field| match group {
            FieldGroup::All => true,
            FieldGroup::Custom => field.custom,
            FieldGroup::Standard => !field.custom,
        };
        let numbers = self.names.fields(self.object, is_in);
        let columns = own_columns(self.object, object, &numbers);
        Ok(columns.into_iter().map(Expression::Column).collect())
    }
}

fn add(shape: &mut Shape, expression: Expression, alias: Option<&str>) -> Result<(), ApiError> {
    match shape.add(expression, alias) {
        Ok(()) => Ok(()),
        Err(name) => Err(duplicate(&name)),
    }
}

fn duplicate(name: &str) -> ApiError {
    ApiError::request("MALFORMED_QUERY", format!("duplicate field selected: {name}"))
}

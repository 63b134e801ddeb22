//! Looks up the paths and functions of a statement.

use super::{
    expression::{Expression, Point, Target},
    lookup::Lookup,
};
use crate::{
    ApiError, Id,
    org::{
        Org, Scope,
        shape::{Column, Step},
    },
    schema::{Field, FieldType},
    soql::{At, DateFunction, Operand, Path, Place, Query, error_at},
};

/// How many relationships a path may follow.
const PARENTS_MAX: usize = 5;

/// Looks up the names of one SELECT.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'a> {
    pub(super) org: &'a Org,
    /// The names that the reader knows.
    pub(super) names: Lookup<'a>,
    /// The text, for errors.
    pub(super) soql: &'a str,
    /// Whether rows in the recycle bin are found, in joins and children too.
    pub(super) scope: Scope,
    /// The object queried.
    pub(super) object: usize,
    pub(super) query: &'a Query,
    /// How many SELECTs this one is in.
    pub(super) depth: usize,
    /// Whether this is the inner SELECT of a join.
    pub(super) is_join: bool,
}

impl<'a> Resolver<'a> {
    pub(super) fn reader(&self) -> Id {
        self.names.reader
    }

    /// The resolver of a sub-select over another object.
    pub(super) fn within<'b>(&self, object: usize, query: &'b Query) -> Resolver<'b>
    where
        'a: 'b,
    {
        Resolver { object, query, depth: self.depth + 1, ..*self }
    }

    /// Looks up a field or function that has a value for every row.
    pub(super) fn operand(&self, operand: &Operand) -> Result<(Expression, Target), ApiError> {
        match operand {
            Operand::Path(path) => self.path(path),
            Operand::Label(path) => {
                let (column, field) = self.field(path)?;
                Ok((Expression::Label(column), Target::of(field)))
            }
            // There is one currency only.
            Operand::Currency(path) => {
                let (column, field) = self.field(path)?;
                if field.type_name != "currency" {
                    let message = format!("field '{}' is not a currency field", field.name);
                    return Err(self.malformed(path.at, &message));
                }
                Ok((Expression::Column(column), Target::of(field)))
            }
            Operand::Date(function, path, is_converted) => {
                self.date(*function, path, *is_converted)
            }
            Operand::Format(inner) => {
                let (inner, target) = self.operand(inner)?;
                let style = target.style();
                let target = target.with(FieldType::Text, "string");
                Ok((Expression::Format(Box::new(inner), style), target))
            }
            Operand::Distance(from, to, unit) => {
                let (start, name) = self.location(from)?;
                let end = match to {
                    Place::Field(path) => self.location(path)?.0,
                    Place::Point(latitude, longitude) => Point::Fixed(*latitude, *longitude),
                };
                let target = Target {
                    name,
                    kind: FieldType::Number,
                    type_name: "double".to_owned(),
                    scale: 0,
                    is_case_sensitive: false,
                };
                Ok((Expression::Distance(Box::new((start, end)), *unit), target))
            }
            Operand::Aggregate(function, path) => {
                let message = format!("aggregate function {} is not allowed here", function.name());
                Err(self.malformed(path.at, &message))
            }
            Operand::Grouping(path) => {
                let message = "GROUPING needs a GROUP BY ROLLUP or GROUP BY CUBE";
                Err(self.malformed(path.at, message))
            }
        }
    }

    fn date(
        &self,
        function: DateFunction,
        path: &Path,
        is_converted: bool,
    ) -> Result<(Expression, Target), ApiError> {
        let (column, field) = self.field(path)?;
        let needs_time =
            is_converted || matches!(function, DateFunction::DayOnly | DateFunction::HourInDay);
        let fits =
            field.kind == FieldType::Datetime || (field.kind == FieldType::Date && !needs_time);
        if !fits {
            let message =
                format!("field {} does not support date function {}", field.name, function.name());
            return Err(self.malformed(path.at, &message));
        }
        let (kind, type_name) = if function == DateFunction::DayOnly {
            (FieldType::Date, "date")
        } else {
            (FieldType::Int, "int")
        };
        let target = Target::of(field).with(kind, type_name);
        Ok((Expression::Date(function, column), target))
    }

    /// The coordinates of a location or address field.
    fn location(&self, path: &Path) -> Result<(Point, String), ApiError> {
        let (column, field) = self.field(path)?;
        let (prefix, suffix) = match field.kind {
            FieldType::Location => (field.name.trim_end_matches("__c").to_owned() + "__", "__s"),
            FieldType::Address => (field.name.trim_end_matches("Address").to_owned(), ""),
            _ => {
                let message = format!("field '{}' is not a geolocation field", field.name);
                return Err(self.malformed(path.at, &message));
            }
        };
        let component = |part: &str| {
            let name = format!("{prefix}{part}{suffix}");
            let number = self.names.field(column.object, &name)?;
            Some(Column { field: number, ..column.clone() })
        };
        let coordinates = component("Latitude").zip(component("Longitude"));
        let (latitude, longitude) = coordinates.ok_or_else(|| {
            let message = format!("field '{}' has no coordinates", field.name);
            self.malformed(path.at, &message)
        })?;
        Ok((Point::Fields(latitude, longitude), field.name.clone()))
    }

    /// Looks up a path that may also be the type of a polymorphic parent.
    pub(super) fn path(&self, path: &Path) -> Result<(Expression, Target), ApiError> {
        if let Some((column, field)) = self.type_of_parent(path)? {
            let target = Target::of(field).with(FieldType::Text, "picklist");
            return Ok((
                Expression::TypeName(column),
                Target { name: "Type".to_owned(), ..target },
            ));
        }
        let (column, field) = self.field(path)?;
        Ok((Expression::Column(column), Target::of(field)))
    }

    /// `Owner.Type`, as a column that leads to the parent's id.
    fn type_of_parent(&self, path: &Path) -> Result<Option<(Column, &'a Field)>, ApiError> {
        let names = self.expanded(path);
        let [rest @ .., last] = names.as_slice() else { return Ok(None) };
        if rest.is_empty() || !last.eq_ignore_ascii_case("Type") {
            return Ok(None);
        }
        let mut column = self.parents(rest, "Id", path.at)?;
        if !column.parents.last().is_some_and(|step| step.is_polymorphic) {
            return Ok(None);
        }
        let id = self.names.field(column.object, "Id");
        let field = id.and_then(|id| self.org.object(column.object)?.field(id));
        Ok(id.zip(field).map(|(id, field)| {
            column.field = id;
            column.names.push("Type".to_owned());
            (column, field)
        }))
    }

    /// Looks up a path to a field.
    pub(super) fn field(&self, path: &Path) -> Result<(Column, &'a Field), ApiError> {
        let names = self.expanded(path);
        let unknown = ApiError::unknown_object;
        let (last, parents) = names.split_last().ok_or_else(unknown)?;
        let mut column = self.parents(parents, last, path.at)?;
        let object = self.org.object(column.object).ok_or_else(unknown)?;
        let number = self.names.field(column.object, last);
        let found = number.and_then(|number| Some((number, object.field(number)?)));
        let (number, field) =
            found.ok_or_else(|| self.no_such_column(path.at, last, object.name()))?;
        column.field = number;
        column.names.push(field.name.clone());
        Ok((column, field))
    }

    /// The names of a path with the object's name or an alias replaced.
    pub(super) fn expanded(&self, path: &Path) -> Vec<String> {
        let mut names = path.names.clone();
        // Aliases may be built on each other; each is replaced once.
        for (parent, alias) in self.query.parents.iter().rev() {
            if let [first, _, ..] = names.as_slice()
                && first.eq_ignore_ascii_case(alias)
            {
                names.splice(..1, parent.names.iter().cloned());
            }
        }
        let Some(root) = self.org.object(self.object) else { return names };
        if let [first, _, ..] = names.as_slice() {
            let is_alias =
                self.query.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(first));
            let is_root =
                first.eq_ignore_ascii_case(root.name()) && root.relationship(first).is_none();
            if is_alias || is_root {
                names.remove(0);
            }
        }
        names
    }

    /// Follows the relationships of a path whose field is to be `last`. The column has no field
    /// yet.
    pub(super) fn parents(
        &self,
        parents: &[String],
        last: &str,
        at: At,
    ) -> Result<Column, ApiError> {
        if parents.len() > PARENTS_MAX {
            let message =
                format!("SOQL relationship paths have at most {PARENTS_MAX} relationships");
            return Err(error_at(self.soql, at, "MALFORMED_QUERY", &message));
        }
        let mut column =
            Column { parents: Vec::new(), object: self.object, field: 0, names: Vec::new() };
        for (position, name) in parents.iter().enumerate() {
            let next = parents.get(position + 1).map(String::as_str);
            self.step(&mut column, name, (next, last), at)?;
        }
        Ok(column)
    }

    /// Follows one relationship; where it may lead to several objects, to one that knows what
    /// comes next: a relationship or, at the end, the field.
    fn step(
        &self,
        column: &mut Column,
        name: &str,
        (next, last): (Option<&str>, &str),
        at: At,
    ) -> Result<(), ApiError> {
        let found = self.names.relationship(column.object, name).and_then(|(number, field)| {
            let knows_next = |target: &usize| match next {
                Some(next) => self.names.relationship(*target, next).is_some(),
                None => self.names.field(*target, last).is_some(),
            };
            let mut targets = field.reference_to.iter().filter_map(|name| self.names.object(name));
            let target = targets.clone().find(knows_next).or_else(|| targets.next())?;
            Some((number, field, target))
        });
        let Some((number, field, target)) = found else {
            return Err(self.no_such_relationship(at, name));
        };
        let is_polymorphic = field.reference_to.len() > 1;
        column.parents.push(Step { field: number, from: column.object, is_polymorphic });
        column.names.push(field.relationship_name.clone().unwrap_or_default());
        column.object = target;
        Ok(())
    }
}

//! Which recipe fits which field.

use super::recipe::{Affix, ParentRows, Parents, Recipe, Usual};
use crate::{
    Id,
    schema::{Field, FieldType, Object},
    value::Value,
    words,
};

/// Texts are told apart by at most so many numbers.
const VARIETY: u64 = 1_000;

/// What the computed rows of an object are surrounded by.
pub(in crate::org) struct Surroundings<'a> {
    /// How many rows there will be.
    pub(in crate::org) count: u64,
    /// The last auto number that was given out before.
    pub(in crate::org) auto_number: u64,
    /// Who made the rows.
    pub(in crate::org) user: Id,
    /// The users that rows may belong to.
    pub(in crate::org) owners: Vec<Id>,
    /// The rows that an object has, to be referred to.
    pub(in crate::org) rows: &'a dyn Fn(&str) -> ParentRows,
}

/// The recipes of all fields of an object.
pub(in crate::org) fn recipes(object: &Object, around: &Surroundings<'_>) -> Vec<Recipe> {
    let recipe = |(number, field): (usize, &Field)| recipe(object, number, field, around);
    object.fields().iter().enumerate().map(recipe).collect()
}

fn recipe(object: &Object, number: usize, field: &Field, around: &Surroundings<'_>) -> Recipe {
    let system = object.system();
    let is = |numbers: &[Option<usize>]| numbers.contains(&Some(number));
    if is(&[system.id]) {
        return Recipe::Id;
    }
    if is(&[system.created_date, system.last_modified_date, system.system_modstamp]) {
        return Recipe::Stamp;
    }
    if is(&[system.created_by_id, system.last_modified_by_id]) {
        return Recipe::Constant(Value::Id(around.user));
    }
    if is(&[system.is_deleted]) {
        return Recipe::Constant(Value::Bool(false));
    }
    let salt = number as u64;
    if is(&[system.owner_id]) {
        let rows = ParentRows::Listed(around.owners.clone());
        return Recipe::Parent(Parents { salt, may_be_null: false, rows });
    }
    if field.auto_number {
        return Recipe::Key(counter(&field.display_format, around.auto_number + 1));
    }
    if field.calculated || !(field.createable || field.updateable) {
        // A checkbox is never null.
        let is_checkbox = field.kind == FieldType::Boolean && !field.calculated;
        return if is_checkbox { Recipe::Constant(Value::Bool(false)) } else { Recipe::Null };
    }
    if field.kind == FieldType::Reference {
        return reference(object, field, salt, around);
    }
    if field.unique || field.is_key() {
        return key(object, field, around.count);
    }
    if field.name_field {
        return key(object, field, around.count);
    }
    let may_be_null = field.nillable && field.kind != FieldType::Boolean;
    usual(field).map_or(Recipe::Null, |what| Recipe::Usual { salt, may_be_null, what })
}

/// The affix of an auto number's format.
fn counter(format: &str, offset: u64) -> Affix {
    let parts = format.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    let (head, (zeros, tail)) = parts.unwrap_or((format, ("", "")));
    Affix { head: head.to_owned(), width: zeros.len(), tail: tail.to_owned(), offset }
}

fn reference(object: &Object, field: &Field, salt: u64, around: &Surroundings<'_>) -> Recipe {
    let is_own = field.reference_to.iter().any(|target| target == object.name());
    if is_own && field.nillable {
        return Recipe::Own { salt };
    }
    let is_empty = |rows: &ParentRows| match rows {
        ParentRows::Listed(ids) => ids.is_empty(),
        ParentRows::Counted(_, count) => *count == 0,
    };
    let targets = field.reference_to.iter().map(|target| (around.rows)(target));
    match targets.into_iter().find(|rows| !is_empty(rows)) {
        Some(rows) => Recipe::Parent(Parents { salt, may_be_null: field.nillable, rows }),
        None => Recipe::Null,
    }
}

fn key(object: &Object, field: &Field, count: u64) -> Recipe {
    match field.kind {
        FieldType::Int => return Recipe::KeyNumber { is_whole: true },
        FieldType::Number => return Recipe::KeyNumber { is_whole: false },
        _ => {}
    }
    let digits = count.to_string().len();
    let is_email = field.kind == FieldType::Email || field.name == "Username";
    let (head, width, tail) = match is_email {
        true => (object.name().to_lowercase(), 1, "@example.com"),
        false if field.name_field => (format!("{} ", object.name()), digits, ""),
        false => (format!("{}-", object.name()), digits, ""),
    };
    let fits = |length: usize| field.length == 0 || length <= field.length;
    let affix = |head: String, width, tail: &str| {
        Recipe::Key(Affix { head, width, tail: tail.to_owned(), offset: 0 })
    };
    if fits(head.len() + digits + tail.len()) {
        return affix(head, width, tail);
    }
    if fits(digits) && !is_email { affix(String::new(), digits, "") } else { Recipe::Null }
}

/// What a field has that is not unique; `None` where nothing would fit.
fn usual(field: &Field) -> Option<Usual> {
    match field.kind {
        FieldType::Boolean => Some(Usual::Bool),
        FieldType::Int => {
            let digits = if field.digits == 0 { 5 } else { field.digits.min(5) };
            Some(Usual::Int { most: power(digits) })
        }
        FieldType::Number => {
            let whole =
                if field.precision == 0 { 6 } else { field.precision.saturating_sub(field.scale) };
            let whole = if is_about(field, &["latitude", "longitude"]) { 1 } else { whole.min(6) };
            let whole = if field.type_name == "percent" { whole.min(2) } else { whole };
            let scale = u32::try_from(field.scale.min(4)).unwrap_or_default();
            Some(Usual::Number { most: power(whole), scale })
        }
        FieldType::Date => Some(Usual::Date),
        FieldType::Datetime => Some(Usual::Moment),
        FieldType::Time => Some(Usual::Time),
        FieldType::Picklist => choice(field, field.picklist.iter().map(String::as_str)),
        FieldType::Multipicklist => {
            let pairs = field.picklist.windows(2).map(|pair| pair.join(";"));
            let values: Vec<String> = field.picklist.iter().cloned().chain(pairs).collect();
            choice(field, values.iter().map(String::as_str))
        }
        FieldType::Email => {
            choice(field, ["ada@example.com", "emre@example.com", "zoe@example.com"])
        }
        FieldType::Text => text(field),
        FieldType::Id
        | FieldType::Reference
        | FieldType::Address
        | FieldType::Location
        | FieldType::Base64 => None,
    }
}

fn text(field: &Field) -> Option<Usual> {
    if !field.picklist.is_empty() {
        return choice(field, field.picklist.iter().map(String::as_str));
    }
    let known = |words: &[&'static str]| choice(field, words.iter().copied());
    let numbered = |head: &str| {
        let is_short = field.length > 0 && head.len() + 3 > field.length;
        (!is_short).then(|| Usual::Numbered { head: head.to_owned(), most: VARIETY })
    };
    let place = |part: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        choice(field, words::PLACES.iter().map(part))
    };
    match field.type_name.as_str() {
        "encryptedstring" => known(&["********"]),
        _ if is_about(field, &["firstname"]) => known(&words::FIRST_NAMES),
        _ if is_about(field, &["lastname"]) => known(&words::LAST_NAMES),
        _ if is_about(field, &["company"]) => known(&words::COMPANIES),
        _ if is_about(field, &["city"]) => place(|place| place.0),
        _ if is_about(field, &["country"]) => place(|place| place.1),
        _ if is_about(field, &["postalcode"]) => place(|place| place.2),
        _ if is_about(field, &["street"]) => numbered("Main Street "),
        "phone" => numbered("+49 30 555 "),
        "url" => numbered("https://www.example.com/"),
        "textarea" => known(&words::REMARKS),
        _ => numbered(&format!("{} ", field.label)).or_else(|| known(&["x", "y", "z"])),
    }
}

fn is_about(field: &Field, words: &[&str]) -> bool {
    let name = field.name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

fn choice<'a>(field: &Field, values: impl IntoIterator<Item = &'a str>) -> Option<Usual> {
    let fits = |text: &&str| {
        !text.is_empty() && (field.length == 0 || text.chars().count() <= field.length)
    };
    let values: Vec<Value> =
        values.into_iter().filter(fits).map(|text| Value::Text(text.into())).collect();
    (!values.is_empty()).then_some(Usual::Choice(values))
}

fn power(digits: usize) -> u64 {
    10_u64.saturating_pow(u32::try_from(digits).unwrap_or(u32::MAX))
}

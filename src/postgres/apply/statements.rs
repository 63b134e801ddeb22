//! The statements that apply a page to one mapping's table.

use super::facts::Facts;
use crate::mapping::Mapping;
use crate::postgres::identifier::{fill, literal, qualify, quote};
use crate::postgres::load::{self, pulled};
use std::fmt::Write;

/// The statements of one mapping, ready to run. Those with `$1` take the table's name.
pub(in crate::postgres) struct Statements {
    /// The table's qualified name.
    pub table: String,
    pub create_page: String,
    staged_names: String,
    /// Adds rows for all of the page, where nothing else has to be reckoned with.
    pub load: String,
    /// Each looks at some of the columns.
    pub news: Vec<String>,
    pub matching: String,
    /// Each locks the rows that differ in some of the columns.
    pub locks: Vec<String>,
    pub skip_deleted: String,
    pub release_keys: Option<String>,
    /// Each writes some of the columns; together they write all.
    pub updates: Vec<String>,
    /// One statement, or two where the rows' numbers cannot be taken by ourselves.
    pub inserts: Vec<String>,
    pub forget_tombstones: String,
    /// Each looks at some of the columns whose changes are sent.
    pub rewritten: Vec<String>,
    pub depart: DepartStatements,
    pub count: String,
}

/// The statements that remove rows.
pub(in crate::postgres) struct DepartStatements {
    pub note_page: String,
    pub note: String,
    /// The rows to go, of those noted before.
    pub create_noted: String,
    /// The same, and those that the page deletes.
    pub create: String,
    pub hold: String,
    pub delete: String,
    pub mark: Option<String>,
}

/// Whether what was read is not older than the row.
const IS_CURRENT: &str = "(target.systemmodstamp is null or page.systemmodstamp is null \
     or page.systemmodstamp >= target.systemmodstamp)";

/// A row that a statement forms on its way has at most 1,664 columns, and one that compares has each twice. What is
/// left is for the columns that are not fields.
const COMPARED_MAX: usize = 1_500;

/// What varies with the mapping, as SQL text.
#[derive(Default)]
struct Parts {
    staged_columns: String,
    staged_names: String,
    parents: String,
    columns: String,
    values: String,
    /// At least one.
    groups: Vec<Group>,
}

/// As many columns as one statement can compare with the row's own.
#[derive(Default)]
struct Group {
    /// Columns that a row on the way has for it.
    width: usize,
    assignments: String,
    differs: String,
    differs_anyhow: String,
    parents: String,
    /// Per column whose changes are sent: its name, whether the row has another value, and Salesforce's.
    cells: Vec<String>,
}

impl Group {
    fn texts(&self) -> [(&str, &str); 4] {
        [
            ("parents", &self.parents),
            ("assignments", &self.assignments),
            ("differs", &self.differs),
            ("differs_anyhow", &self.differs_anyhow),
        ]
    }
}

impl Statements {
    /// The statement that takes in rows which begin with these columns.
    pub(in crate::postgres) fn copy(&self, system: load::System) -> String {
        let system: Vec<&str> = system.columns().into_iter().map(staged_name).collect();
        let columns = format!("{}{}", system.join(", "), self.staged_names);
        format!("copy pg_temp.lockstep_page ({columns}) from stdin (format binary)")
    }

    pub(in crate::postgres) fn of(mapping: &Mapping, schema: &str, facts: &Facts) -> Self {
        let parts = Parts::of(mapping, schema);
        let is_current = if mapping.has_system_modstamp() { IS_CURRENT } else { "true" };
        let system = System::of(mapping);
        let key = key(mapping);
        let (key_match, key_join) = match &key {
            Some((column, staged)) => (
                "by_key.id",
                format!(
                    "left join {} as by_key on by_id.id is null and by_key.sfid is null \
                     and not page.is_deleted and by_key.{column} = page.{staged}",
                    qualify(schema, &mapping.table)
                ),
            ),
            None => ("null", String::new()),
        };
        let (table, schema, hstore) =
            (qualify(schema, &mapping.table), quote(schema), quote(&facts.hstore));
        let key_name = literal(&key_constraint(mapping));
        let (key_column, staged_key) = key.clone().unwrap_or_default();
        let common = [
            ("table", table.as_str()),
            ("schema", &schema),
            ("hstore", &hstore),
            ("staged_columns", &parts.staged_columns),
            ("key_match", key_match),
            ("key_join", &key_join),
            ("key", &key_column),
            ("staged_key", &staged_key),
            ("key_name", &key_name),
            ("is_current", is_current),
            ("system_differs", &system.differs),
            ("stamp_differs", &system.stamp_differs),
            ("system_assignments", &system.assignments),
            ("system_columns", &system.columns),
            ("system_values", &system.values),
            ("columns", &parts.columns),
            ("values", &parts.values),
        ];
        let all_parents = [("parents", parts.parents.as_str())];
        let with = |template: &str, own: &[(&str, &str)]| {
            let texts: Vec<_> = common.iter().chain(own).copied().collect();
            fill(template, &texts)
        };
        let text = |template: &str| with(template, &all_parents);
        let of_groups = |template: &str| {
            parts.groups.iter().map(|group| with(template, &group.texts())).collect::<Vec<_>>()
        };
        Self {
            create_page: text(include_str!("../sql/apply_create_page.sql")),
            staged_names: parts.staged_names.clone(),
            load: text(include_str!("../sql/load_insert.sql")),
            news: of_groups(include_str!("../sql/apply_news.sql")),
            matching: text(include_str!("../sql/apply_match.sql")),
            locks: of_groups(include_str!("../sql/apply_lock.sql")),
            skip_deleted: text(include_str!("../sql/apply_skip_deleted.sql")),
            release_keys: key
                .is_some()
                .then(|| text(include_str!("../sql/apply_release_keys.sql"))),
            updates: of_groups(include_str!("../sql/apply_update.sql")),
            rewritten: rewritten(&parts.groups, &common),
            inserts: inserts(
                &[&common[..], &all_parents].concat(),
                &table,
                facts.sequence.as_deref(),
            ),
            forget_tombstones: text(include_str!("../sql/apply_forget_tombstones.sql")),
            depart: DepartStatements::of(mapping, &common),
            count: format!("select count(*) from {table}"),
            table: table.clone(),
        }
    }
}

impl DepartStatements {
    fn of(mapping: &Mapping, common: &[(&str, &str)]) -> Self {
        let (row_stamp, stamp_assignment) = if mapping.has_system_modstamp() {
            ("target.systemmodstamp", ", systemmodstamp = page.systemmodstamp")
        } else {
            ("null::timestamp", "")
        };
        let text = |template: &str, noted_only: &str| {
            let own = [
                ("row_stamp", row_stamp),
                ("stamp_assignment", stamp_assignment),
                ("noted_only", noted_only),
            ];
            let parts: Vec<_> = common.iter().chain(&own).copied().collect();
            fill(template, &parts)
        };
        // A utility statement takes no parameters.
        let create = |noted_only: &str| {
            text(include_str!("../sql/depart_create.sql"), noted_only)
                .replace("$1", &literal(&mapping.table))
        };
        Self {
            note_page: text(include_str!("../sql/depart_note_page.sql"), ""),
            note: text(include_str!("../sql/depart_note.sql"), ""),
            create_noted: create(""),
            create: create(include_str!("../sql/depart_of_page.sql")),
            hold: text(include_str!("../sql/depart_hold.sql"), ""),
            delete: text(include_str!("../sql/depart_delete.sql"), ""),
            mark: mapping.has_is_deleted.then(|| text(include_str!("../sql/depart_mark.sql"), "")),
        }
    }
}

/// The statements that look for what triggers of the application's made of the columns that are sent.
fn rewritten(groups: &[Group], common: &[(&str, &str)]) -> Vec<String> {
    let sent = groups.iter().filter(|group| !group.cells.is_empty());
    let statement = |group: &Group| {
        let cells = group.cells.join(", ");
        let own = [("parents", group.parents.as_str()), ("cells", cells.as_str())];
        let parts: Vec<_> = common.iter().chain(&own).copied().collect();
        fill(include_str!("../sql/apply_rewritten.sql"), &parts)
    };
    sent.map(statement).collect()
}

/// What stands for the key among the constraints that records wait for.
pub(super) fn key_constraint(mapping: &Mapping) -> String {
    mapping.key.as_ref().map_or_else(String::new, |key| format!("the key {}", key.column))
}

/// What a system column of the table is called in the page.
fn staged_name(column: &'static str) -> &'static str {
    if column == "isdeleted" { "is_deleted" } else { column }
}

/// The quoted key column and its staged twin, where the key's values come from Salesforce.
fn key(mapping: &Mapping) -> Option<(String, String)> {
    let key = mapping.key.as_ref()?;
    let (index, _) = pulled(mapping).find(|(_, field)| field.column == key.column)?;
    Some((quote(&key.column), format!("f{index}")))
}

/// A row that comes back gets its old number, a new one the next of the sequence.
fn inserts(common: &[(&str, &str)], table: &str, sequence: Option<&str>) -> Vec<String> {
    let is_free = format!(
        "(tombstone.record_id is not null and not exists \
         (select from {table} as taken where taken.id = tombstone.record_id))"
    );
    let is_not_free = format!("not {is_free}");
    let next = sequence.map(|sequence| {
        let sequence = literal(sequence);
        format!("case when {is_free} then tombstone.record_id else nextval({sequence}) end, ")
    });
    let form = |id_value: &str, is_form: &str| {
        let (id_column, overriding) =
            if id_value.is_empty() { ("", "") } else { ("id, ", "overriding system value") };
        let own = [
            ("restores", "one"),
            ("id_column", id_column),
            ("id_value", id_value),
            ("overriding", overriding),
            ("is_form", is_form),
        ];
        let parts: Vec<_> = common.iter().chain(&own).copied().collect();
        fill(include_str!("../sql/apply_insert.sql"), &parts)
    };
    match next {
        Some(next) => vec![form(&next, "true")],
        None => vec![form("tombstone.record_id, ", &is_free), form("", &is_not_free)],
    }
}

/// The columns of Salesforce's own that not every object has.
struct System {
    assignments: String,
    differs: String,
    stamp_differs: String,
    columns: String,
    values: String,
}

impl System {
    fn of(mapping: &Mapping) -> Self {
        let mut system = Self {
            assignments: String::new(),
            differs: "target._hc_lastop is distinct from 'SYNCED' or target._hc_err is not null"
                .to_owned(),
            stamp_differs: String::new(),
            columns: String::new(),
            values: String::new(),
        };
        let present = [
            (
                // The stamp speaks for the whole row.
                mapping.has_system_modstamp() && !mapping.is_part,
                "systemmodstamp",
                "page.systemmodstamp",
            ),
            (mapping.has_is_deleted, "isdeleted", "false"),
        ];
        for (_, column, value) in present.into_iter().filter(|(is_present, ..)| *is_present) {
            let differs = format!("or target.{column} is distinct from {value} ");
            append(&mut system.assignments, format_args!("{column} = {value}, "));
            system.differs += " ";
            system.differs += &differs;
            system.stamp_differs += &differs;
            append(&mut system.columns, format_args!(", {column}"));
            append(&mut system.values, format_args!(", {value}"));
        }
        system
    }
}

impl Parts {
    fn of(mapping: &Mapping, schema: &str) -> Self {
        let mut parts = Self::default();
        let mut group = Group::default();
        for (index, field) in pulled(mapping) {
            // A parent brings its number, its id and its name.
            let width = if field.reference.is_some() { 7 } else { 2 };
            if group.width + width > COMPARED_MAX {
                parts.groups.push(std::mem::take(&mut group));
            }
            group.width += width;
            let column = quote(&field.column);
            let staged = format!("f{index}");
            append(&mut parts.staged_columns, format_args!(", target.{column} as {staged}"));
            append(&mut parts.staged_names, format_args!(", {staged}"));
            let mut blockers = vec![field.column.as_str()];
            blockers.extend(field.reference.as_ref().map(|reference| reference.column.as_str()));
            let value = format!("page.{staged}");
            let is_sent = field.direction.pushes() && field.updateable;
            group.set(&column, &value, &blockers);
            if is_sent {
                group.cell(&field.column, &value, &blockers);
            }
            parts.insert(&column, &value);
            let Some(reference) = &field.reference else { continue };
            let parent = format!("p{index}");
            let join = format!(
                "left join {} as {parent} on {parent}.sfid = page.{staged} ",
                qualify(schema, &reference.table)
            );
            parts.parents += &join;
            group.parents += &join;
            let named = format!("{parent}.{}", quote(&reference.match_column));
            let reference_column = quote(&reference.column);
            // While the parent has no row here, what the application wrote is the best there is.
            let kept = format!(
                "case when page.{staged} is not null and {parent}.id is null \
                 and target.{column} is not distinct from page.{staged} \
                 then target.{reference_column} else {named} end"
            );
            group.set(&reference_column, &kept, &blockers);
            if is_sent {
                group.cell(&reference.column, &kept, &blockers);
            }
            parts.insert(&reference_column, &named);
        }
        parts.groups.push(group);
        parts
    }

    /// One column, and what a new row gets in it.
    fn insert(&mut self, column: &str, value: &str) {
        append(&mut self.columns, format_args!(", {column}"));
        append(&mut self.values, format_args!(", {value}"));
    }
}

impl Group {
    /// One column whose changes are sent: what an existing row was given in it, and the columns whose unsent change keeps
    /// it.
    fn cell(&mut self, column: &str, updated: &str, blockers: &[&str]) {
        let names: Vec<String> = blockers.iter().map(|name| literal(name)).collect();
        self.cells.push(format!(
            "({}, target.{} is distinct from {updated} \
             and not coalesce(unsent.columns && array[{}]::text[], false), ({updated})::text)",
            literal(column),
            quote(column),
            names.join(", ")
        ));
    }

    /// One column: what an existing row gets in it, and the columns whose unsent change keeps it.
    fn set(&mut self, column: &str, updated: &str, blockers: &[&str]) {
        let names: Vec<String> = blockers.iter().map(|name| literal(name)).collect();
        let is_blocked = format!("unsent.columns && array[{}]::text[]", names.join(", "));
        let differs = format!("target.{column} is distinct from {updated}");
        append(
            &mut self.assignments,
            format_args!(
                ", {column} = case when {is_blocked} then target.{column} else {updated} end"
            ),
        );
        append(
            &mut self.differs,
            format_args!(" or ({differs} and not coalesce({is_blocked}, false))"),
        );
        append(&mut self.differs_anyhow, format_args!(" or {differs}"));
    }
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(arguments).ok();
}

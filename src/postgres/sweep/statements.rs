//! The statements that compare one mapping's table with a scan.

use crate::mapping::{DeleteRule, Field, Mapping};
use crate::postgres::identifier::{fill, literal, qualify, quote};
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt::Write;

/// Arguments of one call, at most: Postgres takes 100.
const FIELDS_PER_OBJECT: usize = 40;

/// What bounds the judgement in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The database's clock before anything was read.
    pub read_started: DateTime<Utc>,
    /// Salesforce's clock before anything was read.
    pub started_at: DateTime<Utc>,
    /// Records with a later stamp are the poll's to bring.
    pub polled_to: DateTime<Utc>,
}

/// The statements of one mapping, ready to run.
pub(super) struct Statements {
    pub create: String,
    pub copy_scan: String,
    pub copy_values: String,
    pub keep_scanned: String,
    pub compare: String,
    pub compare_values: String,
    pub unlinked: String,
    pub next_sample: String,
}

/// The fields whose values Salesforce gives, with their places in a record.
pub(super) fn pulled(mapping: &Mapping) -> impl Iterator<Item = (usize, &Field)> {
    mapping.fields.iter().enumerate().filter(|(_, field)| field.direction.pulls())
}

/// What varies with the mapped fields, as SQL text.
#[derive(Default)]
struct Parts {
    staged_columns: String,
    staged_names: String,
    parents: String,
    /// Per column that is compared: the field's name, and the expressions of both sides.
    compared: Vec<(String, String, String)>,
}

impl Statements {
    /// `shows_values`: the differences carry both sides' values, not the names of the fields alone.
    pub(super) fn of(mapping: &Mapping, schema: &str, bounds: Bounds, shows_values: bool) -> Self {
        let parts = Parts::of(mapping, schema);
        let differs = any_differs(&parts.compared, mapping.has_system_modstamp());
        let detail = detail(&parts.compared, shows_values);
        let (table, quoted_schema) = (qualify(schema, &mapping.table), quote(schema));
        let stamp = if mapping.has_system_modstamp() { ", target.systemmodstamp" } else { "" };
        let stamp_name = if mapping.has_system_modstamp() { ", systemmodstamp" } else { "" };
        let settled = |record: &str| settled(mapping, bounds, record);
        let keeps = |rule: DeleteRule| if rule == DeleteRule::Ignore { "true" } else { "false" };
        let common = [
            ("table", table.as_str()),
            ("schema", &quoted_schema),
            ("name", &literal(&mapping.table)),
            ("stamp", stamp),
            ("staged_columns", &parts.staged_columns),
            ("parents", &parts.parents),
            ("differs", &differs),
            ("detail", &detail),
            ("stamp_differs", stamp_differs(mapping)),
            ("stamp_equal", stamp_equal(mapping)),
            ("settled", &settled("scan")),
            ("settled_page", &settled("page")),
            ("read_started", &moment(bounds.read_started)),
            ("keeps_extra", keeps(mapping.deletes.in_salesforce)),
            ("keeps_missing", keeps(mapping.deletes.in_postgres)),
        ];
        let text = |template: &str| fill(template, &common);
        Self {
            create: text(include_str!("../sql/scan_create.sql")),
            copy_scan: format!("copy pg_temp.lockstep_scan (sfid{stamp_name}) from stdin"),
            copy_values: format!(
                "copy pg_temp.lockstep_values (sfid{stamp_name}{}) from stdin (format binary)",
                parts.staged_names
            ),
            keep_scanned: format!(
                "insert into pg_temp.lockstep_scan (sfid{stamp_name}) \
                 select sfid{stamp_name} from pg_temp.lockstep_values"
            ),
            compare: text(include_str!("../sql/scan_compare.sql")),
            compare_values: text(include_str!("../sql/scan_compare_values.sql")),
            unlinked: text(include_str!("../sql/scan_unlinked.sql")),
            next_sample: format!(
                "select sfid::text from {table} \
                 where sfid > coalesce($1, '') order by sfid limit $2"
            ),
        }
    }
}

impl Parts {
    fn of(mapping: &Mapping, schema: &str) -> Self {
        let mut parts = Self::default();
        for (index, field) in pulled(mapping) {
            let column = format!("target.{}", quote(&field.column));
            let staged = format!("page.f{index}");
            append(&mut parts.staged_columns, format_args!(", {column} as f{index}"));
            append(&mut parts.staged_names, format_args!(", f{index}"));
            parts.compared.push((field.name.clone(), column.clone(), staged.clone()));
            let Some(reference) = &field.reference else { continue };
            let parent = format!("p{index}");
            append(
                &mut parts.parents,
                format_args!(
                    "left join {} as {parent} on {parent}.sfid = {staged} ",
                    qualify(schema, &reference.table)
                ),
            );
            let here = format!("target.{}", quote(&reference.column));
            // While the parent has no row here, what the application wrote is the best there is.
            let there = format!(
                "case when {staged} is not null and {parent}.id is null \
                 and {column} is not distinct from {staged} then {here} else {parent}.{} end",
                quote(&reference.match_column)
            );
            let name = format!("{} ({})", field.name, reference.column);
            parts.compared.push((name, here, there));
        }
        parts
    }
}

fn any_differs(compared: &[(String, String, String)], has_stamp: bool) -> String {
    let mut tests: Vec<String> = compared
        .iter()
        .map(|(_, here, there)| format!("{here} is distinct from {there}"))
        .collect();
    if has_stamp {
        tests.push("target.systemmodstamp is distinct from page.systemmodstamp".to_owned());
    }
    if tests.is_empty() { "false".to_owned() } else { tests.join(" or ") }
}

/// An expression for an object that has a member for each field that differs.
fn detail(compared: &[(String, String, String)], shows_values: bool) -> String {
    let member = |(name, here, there): &(String, String, String)| {
        let shown = if shows_values {
            format!("jsonb_build_array(({here})::text, ({there})::text)")
        } else {
            "to_jsonb(true)".to_owned()
        };
        format!("{}, case when {here} is distinct from {there} then {shown} end", literal(name))
    };
    let objects: Vec<String> = compared
        .chunks(FIELDS_PER_OBJECT)
        .map(|chunk| {
            let members: Vec<String> = chunk.iter().map(member).collect();
            format!("jsonb_build_object({})", members.join(", "))
        })
        .collect();
    if objects.is_empty() { "'{}'::jsonb".to_owned() } else { objects.join(" || ") }
}

fn stamp_differs(mapping: &Mapping) -> &'static str {
    if mapping.has_system_modstamp() {
        " or target.systemmodstamp is distinct from scan.systemmodstamp"
    } else {
        ""
    }
}

fn stamp_equal(mapping: &Mapping) -> &'static str {
    if mapping.has_system_modstamp() {
        "target.systemmodstamp is not distinct from page.systemmodstamp"
    } else {
        "true"
    }
}

/// The condition that neither side changed since the scan began, or since the last poll looked.
fn settled(mapping: &Mapping, bounds: Bounds, record: &str) -> String {
    if !mapping.has_system_modstamp() {
        return String::new();
    }
    let (polled, started) =
        (moment(bounds.polled_to.min(bounds.started_at)), moment(bounds.started_at));
    format!(
        "and ({record}.systemmodstamp is null or {record}.systemmodstamp <= {polled}) \
         and (target.systemmodstamp is null or target.systemmodstamp <= {started})"
    )
}

/// A literal that both timestamp types read as the same moment: the one without time zone leaves the zone out.
fn moment(at: DateTime<Utc>) -> String {
    format!("'{}'", at.to_rfc3339_opts(SecondsFormat::Micros, false))
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(arguments).ok();
}

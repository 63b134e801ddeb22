//! The functions and triggers that capture the application's changes, under Heroku Connect's names.

use super::catalog::{Catalog, Fires, Trigger};
use crate::mapping::Mapping;
use crate::model::ColumnType;
use crate::postgres::identifier::{fill, literal, qualify, quote, system_name};
use crate::postgres::listen::{CHANNEL_SUFFIX, bell};

/// `pg_trigger.tgtype` bits: row 1, before 2, insert 4, delete 8, update 16, truncate 32.
const AFTER_ANY_ROW: i32 = 1 | 4 | 8 | 16;
const BEFORE_ROW_WRITE: i32 = 1 | 2 | 4 | 16;
const BEFORE_TRUNCATE: i32 = 2 | 32;
const AFTER_ROW_INSERT: i32 = 1 | 4;

/// What the body of every version's capturing function calls.
const OWN_MARK: &str = "lockstep.own_write()";

/// How the catalog shows the settings of functions.
const SEARCH_PATH: &str = "search_path=pg_catalog, pg_temp";
const REFUSE_TRUNCATE: &str = "lockstep.refuse_truncate";

/// A function as it should be.
pub(super) struct FunctionPlan {
    pub name: String,
    arguments: &'static str,
    returns: &'static str,
    attributes: &'static str,
    body: String,
    /// Whether it runs for every write of the application: then its body is qualified throughout and it has no
    /// `set` clause, whose entering costs more than the rest.
    is_lean: bool,
}

/// A trigger as it should be.
pub(super) struct TriggerPlan {
    pub table: String,
    pub name: String,
    event: &'static str,
    kind: i32,
    function: String,
    /// The rows it is for; all where there is none.
    condition: Option<&'static str>,
    /// Whether it fires in every session, those of replication and of `session_replication_role = replica` too.
    is_always: bool,
}

/// What a trigger's state in the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TriggerState {
    Missing,
    Foreign,
    Disabled,
    /// It fires, but in ordinary sessions only: somebody disabled all triggers of the table and enabled them again, as
    /// `pg_restore --disable-triggers` does.
    Reset,
    Ours,
}

impl FunctionPlan {
    /// Whether the database has exactly this function.
    pub(super) fn is_present(&self, catalog: &Catalog, schema: &str) -> bool {
        catalog.functions.get(&(schema.to_owned(), self.name.clone())).is_some_and(|function| {
            let settings = if self.is_lean { "" } else { SEARCH_PATH };
            function.body == self.body && function.settings == settings
        })
    }

    /// Whether there is no such function, or one that no version of Lockstep made. While a new version takes over from an
    /// old one, the old leaves the new one's functions alone.
    pub(super) fn is_foreign(&self, catalog: &Catalog, schema: &str) -> bool {
        let found = catalog.functions.get(&(schema.to_owned(), self.name.clone()));
        found.is_none_or(|function| !function.body.contains(OWN_MARK))
    }

    pub(super) fn statement(&self, schema: &str, hstore: &str) -> String {
        let settings = if self.is_lean { "" } else { "set search_path = pg_catalog, pg_temp" };
        let Self { arguments, returns, attributes, body, .. } = self;
        let arguments = fill(arguments, &[("hstore", &quote(hstore))]);
        let name = qualify(schema, &self.name);
        // The body is ours and holds no such tag; a tag of its own keeps a `$$` in a name harmless.
        format!(
            "create or replace function {name}({arguments}) returns {returns} language plpgsql \
             {attributes} {settings} as $lockstep${body}$lockstep$"
        )
    }
}

impl TriggerPlan {
    pub(super) fn state(&self, catalog: &Catalog) -> TriggerState {
        let key = (self.table.clone(), self.name.clone());
        let Some(trigger) = catalog.triggers.get(&key) else { return TriggerState::Missing };
        let wanted = Trigger {
            fires: trigger.fires,
            has_condition: self.condition.is_some(),
            kind: self.kind,
            function: trigger.function.clone(),
        };
        let is_ours = *trigger == wanted && trigger.function.replace('"', "") == self.function;
        match (is_ours, trigger.fires) {
            (false, _) => TriggerState::Foreign,
            (true, Fires::Never) => TriggerState::Disabled,
            (true, Fires::Ordinarily) if self.is_always => TriggerState::Reset,
            (true, _) => TriggerState::Ours,
        }
    }

    /// Lets the trigger fire in every session again.
    pub(super) fn enable(&self, schema: &str) -> String {
        let (table, name) = (qualify(schema, &self.table), quote(&self.name));
        format!("alter table {table} enable always trigger {name}")
    }

    /// Replaces whatever has the name; Postgres 13 cannot do it in one statement.
    pub(super) fn statement(&self, schema: &str) -> String {
        let table = qualify(schema, &self.table);
        let name = quote(&self.name);
        let (function_schema, function) =
            self.function.split_once('.').unwrap_or((schema, &self.function));
        let function = qualify(function_schema, function);
        let event = self.event;
        let condition = self.condition.map(|rows| format!("when ({rows}) ")).unwrap_or_default();
        let enable =
            if self.is_always { format!("; {}", self.enable(schema)) } else { String::new() };
        format!(
            "drop trigger if exists {name} on {table}; \
             create trigger {name} {event} {condition}execute function {function}(){enable}"
        )
        .replace("{table}", &table)
    }
}

/// The functions of the schema itself.
pub(super) fn schema_functions(schema: &str, hstore: &str) -> Vec<FunctionPlan> {
    let channel = literal(&format!("{schema}{CHANNEL_SUFFIX}"));
    let parts = [("schema", quote(schema)), ("hstore", quote(hstore)), ("channel", channel)];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(key, text)| (*key, text.as_str())).collect();
    vec![
        FunctionPlan {
            name: "hc_capture_insert_from_row".to_owned(),
            arguments: "source_row {hstore}.hstore, table_name character varying, \
                        excluded_cols text[] default array[]::text[]",
            returns: "integer",
            attributes: "",
            body: fill(include_str!("../sql/body_capture_insert.sql"), &parts),
            is_lean: false,
        },
        FunctionPlan {
            name: "hc_capture_update_from_row".to_owned(),
            arguments: "source_row {hstore}.hstore, table_name character varying, \
                        columns_to_include text[] default array[]::text[]",
            returns: "integer",
            attributes: "",
            body: fill(include_str!("../sql/body_capture_update.sql"), &parts),
            is_lean: false,
        },
        FunctionPlan {
            name: "tlog_notify_trigger".to_owned(),
            arguments: "",
            returns: "trigger",
            attributes: "",
            body: fill(include_str!("../sql/body_notify.sql"), &parts),
            is_lean: false,
        },
    ]
}

/// The trigger on the log itself.
pub(super) fn log_trigger(schema: &str) -> TriggerPlan {
    TriggerPlan {
        table: "_trigger_log".to_owned(),
        name: "tlog_insert_trigger".to_owned(),
        // Not once per statement: those that turn out to capture nothing would wake the worker too, its own above all.
        event: "after insert on {table} for each row",
        // What the tables' triggers capture, and announce themselves, says of no update.
        condition: Some("new.updated_at is not null"),
        kind: AFTER_ROW_INSERT,
        function: format!("{schema}.tlog_notify_trigger"),
        is_always: false,
    }
}

/// The functions of one mapped table.
pub(super) fn table_functions(
    catalog: &Catalog,
    mapping: &Mapping,
    schema: &str,
    hstore: &str,
) -> Vec<FunctionPlan> {
    let state = if mapping.direction.pushes() { "'NEW'" } else { "'READONLY'" };
    let relation = catalog.relations.get(&mapping.table);
    let is_partitioned = relation.is_some_and(|relation| relation.is_partitioned);
    let is_zoned = mapping.fields.iter().any(|field| field.column_type == ColumnType::TimestampTz);
    let parts = [
        ("schema", quote(schema)),
        ("hstore", quote(hstore)),
        ("table", literal(&mapping.table)),
        ("sequence", literal(&qualify(schema, "_trigger_log_id_seq"))),
        ("channel", literal(&format!("{schema}{CHANNEL_SUFFIX}"))),
        ("bell", literal(&bell(schema, &mapping.table))),
        ("is_zoned", is_zoned.to_string()),
        ("is_partitioned", is_partitioned.to_string()),
    ];
    let mut parts: Vec<(&str, &str)> =
        parts.iter().map(|(key, text)| (*key, text.as_str())).collect();
    parts.push(("update_state", state));
    vec![
        FunctionPlan {
            name: system_name("hc_", &mapping.table, "_logger"),
            arguments: "",
            returns: "trigger",
            // The application's roles need no right to the log for their own writes to succeed.
            attributes: "security definer",
            body: fill(include_str!("../sql/body_logger.sql"), &parts),
            is_lean: true,
        },
        FunctionPlan {
            name: system_name("hc_", &mapping.table, "_status"),
            arguments: "",
            returns: "trigger",
            attributes: "",
            body: include_str!("../sql/body_status.sql").to_owned(),
            is_lean: true,
        },
    ]
}

/// The table, with its schema, that was the mapped one until it got another name, if there is one: the triggers go with a
/// table, and what they capture has the mapped name still.
pub(super) fn renamed_to(catalog: &Catalog, schema: &str, mapping: &Mapping) -> Option<String> {
    let users = catalog.users.get(&system_name("hc_", &mapping.table, "_logger"))?;
    users
        .iter()
        .find(|(owner, table)| owner != schema || *table != mapping.table)
        .map(|(owner, table)| format!("{owner}.{table}"))
}

/// Why changes of the mapping's table may not have been captured for a while, where they are to be sent: its trigger is
/// not there, is not ours, does not fire or did not, or its function is not one of Lockstep's, of whatever version.
/// What stands in the way of capturing nothing else, such as a trigger that refuses TRUNCATE, is not meant.
pub(super) fn lost(catalog: &Catalog, schema: &str, mapping: &Mapping) -> Option<String> {
    let table = &mapping.table;
    if !mapping.direction.pushes() || !catalog.relations.contains_key(table) {
        return None;
    }
    let wanted = system_name("hc_", table, "_logtrigger");
    let trigger = table_triggers(mapping, schema).into_iter().find(|plan| plan.name == wanted)?;
    match trigger.state(catalog) {
        TriggerState::Missing => return Some(format!("trigger {wanted} was dropped")),
        TriggerState::Foreign => return Some(format!("trigger {wanted} was replaced")),
        TriggerState::Reset => return Some(format!("trigger {wanted} was disabled for a while")),
        TriggerState::Disabled => return Some(format!("trigger {wanted} is disabled")),
        TriggerState::Ours => {}
    }
    let function = system_name("hc_", table, "_logger");
    let found = catalog.functions.get(&(schema.to_owned(), function.clone()))?;
    (!found.body.contains(OWN_MARK)).then(|| format!("function {function} was replaced"))
}

/// The triggers of one mapped table.
pub(super) fn table_triggers(mapping: &Mapping, schema: &str) -> Vec<TriggerPlan> {
    let table = &mapping.table;
    let plan = |suffix: &str, event, kind, function| TriggerPlan {
        table: table.clone(),
        name: system_name("hc_", table, suffix),
        event,
        kind,
        function,
        condition: None,
        is_always: true,
    };
    let own = |suffix: &str| format!("{schema}.{}", system_name("hc_", table, suffix));
    vec![
        plan(
            "_status_trigger",
            "before insert or update on {table} for each row",
            BEFORE_ROW_WRITE,
            own("_status"),
        ),
        plan(
            "_logtrigger",
            "after insert or delete or update on {table} for each row",
            AFTER_ANY_ROW,
            own("_logger"),
        ),
        plan(
            "_truncate",
            "before truncate on {table} for each statement",
            BEFORE_TRUNCATE,
            REFUSE_TRUNCATE.to_owned(),
        ),
    ]
}

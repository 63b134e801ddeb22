//! The functions and triggers that capture the application's changes, under Heroku Connect's names.

use super::catalog::{Catalog, Trigger};
use crate::mapping::Mapping;
use crate::postgres::identifier::{fill, literal, qualify, quote, system_name};
use crate::postgres::listen::CHANNEL_SUFFIX;

/// `pg_trigger.tgtype` bits: row 1, before 2, insert 4, delete 8, update 16, truncate 32.
const AFTER_ANY_ROW: i32 = 1 | 4 | 8 | 16;
const BEFORE_ROW_WRITE: i32 = 1 | 2 | 4 | 16;
const BEFORE_TRUNCATE: i32 = 2 | 32;
const AFTER_ROW_INSERT: i32 = 1 | 4;

/// How the catalog shows the settings of functions.
const SEARCH_PATH: &str = "search_path=pg_catalog, pg_temp";
/// The application's session may print dates, moments and numbers in its own way; the log has one form.
const FORMS: &str = "set datestyle = 'ISO, YMD' set timezone = 'UTC' set extra_float_digits = 1";
const FORMS_SHOWN: [&str; 3] = ["datestyle=iso, ymd", "timezone=utc", "extra_float_digits=1"];
const REFUSE_TRUNCATE: &str = "lockstep.refuse_truncate";

/// A function as it should be.
pub(super) struct FunctionPlan {
    pub name: String,
    arguments: &'static str,
    returns: &'static str,
    attributes: &'static str,
    body: String,
    /// Whether it turns rows into text.
    captures: bool,
}

/// A trigger as it should be.
pub(super) struct TriggerPlan {
    pub table: String,
    pub name: String,
    event: &'static str,
    kind: i32,
    function: String,
}

/// What a trigger's state in the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TriggerState {
    Missing,
    Foreign,
    Disabled,
    Ours,
}

impl FunctionPlan {
    /// Whether the database has exactly this function.
    pub(super) fn is_present(&self, catalog: &Catalog, schema: &str) -> bool {
        catalog.functions.get(&(schema.to_owned(), self.name.clone())).is_some_and(|function| {
            function.body == self.body && self.has_settings(&function.settings)
        })
    }

    fn has_settings(&self, shown: &str) -> bool {
        if !self.captures {
            return shown == SEARCH_PATH;
        }
        let shown = shown.to_ascii_lowercase();
        shown.contains(SEARCH_PATH) && FORMS_SHOWN.iter().all(|form| shown.contains(form))
    }

    pub(super) fn statement(&self, schema: &str, hstore: &str) -> String {
        let forms = if self.captures { FORMS } else { "" };
        let Self { arguments, returns, attributes, body, .. } = self;
        let arguments = fill(arguments, &[("hstore", &quote(hstore))]);
        let name = qualify(schema, &self.name);
        // The body is ours and holds no such tag; a tag of its own keeps a `$$` in a name harmless.
        format!(
            "create or replace function {name}({arguments}) returns {returns} language plpgsql \
             {attributes} set search_path = pg_catalog, pg_temp {forms} as $lockstep${body}$lockstep$"
        )
    }
}

impl TriggerPlan {
    pub(super) fn state(&self, catalog: &Catalog) -> TriggerState {
        let key = (self.table.clone(), self.name.clone());
        let Some(trigger) = catalog.triggers.get(&key) else { return TriggerState::Missing };
        let wanted = Trigger {
            is_enabled: trigger.is_enabled,
            has_condition: false,
            kind: self.kind,
            function: trigger.function.clone(),
        };
        let is_ours = *trigger == wanted && trigger.function.replace('"', "") == self.function;
        match (is_ours, trigger.is_enabled) {
            (false, _) => TriggerState::Foreign,
            (true, false) => TriggerState::Disabled,
            (true, true) => TriggerState::Ours,
        }
    }

    /// Replaces whatever has the name; Postgres 13 cannot do it in one statement.
    pub(super) fn statement(&self, schema: &str) -> String {
        let table = qualify(schema, &self.table);
        let name = quote(&self.name);
        let (function_schema, function) =
            self.function.split_once('.').unwrap_or((schema, &self.function));
        let function = qualify(function_schema, function);
        let event = self.event;
        format!(
            "drop trigger if exists {name} on {table}; \
             create trigger {name} {event} execute function {function}()"
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
            captures: false,
        },
        FunctionPlan {
            name: "hc_capture_update_from_row".to_owned(),
            arguments: "source_row {hstore}.hstore, table_name character varying, \
                        columns_to_include text[] default array[]::text[]",
            returns: "integer",
            attributes: "",
            body: fill(include_str!("../sql/body_capture_update.sql"), &parts),
            captures: false,
        },
        FunctionPlan {
            name: "tlog_notify_trigger".to_owned(),
            arguments: "",
            returns: "trigger",
            attributes: "",
            body: fill(include_str!("../sql/body_notify.sql"), &parts),
            captures: false,
        },
    ]
}

/// The trigger on the log itself.
pub(super) fn log_trigger(schema: &str) -> TriggerPlan {
    TriggerPlan {
        table: "_trigger_log".to_owned(),
        name: "tlog_insert_trigger".to_owned(),
        event: "after insert on {table} for each row",
        kind: AFTER_ROW_INSERT,
        function: format!("{schema}.tlog_notify_trigger"),
    }
}

/// The functions of one mapped table.
pub(super) fn table_functions(mapping: &Mapping, schema: &str, hstore: &str) -> Vec<FunctionPlan> {
    let state = if mapping.direction.pushes() { "'NEW'" } else { "'READONLY'" };
    let parts = [("schema", quote(schema)), ("hstore", quote(hstore))];
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
            captures: true,
        },
        FunctionPlan {
            name: system_name("hc_", &mapping.table, "_status"),
            arguments: "",
            returns: "trigger",
            attributes: "",
            body: include_str!("../sql/body_status.sql").to_owned(),
            captures: false,
        },
    ]
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

//! Running a trigger's script against the org.

use std::{
    mem,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, Map, Position, Scope};
use serde_json::Value as Json;

use super::{Change, TriggerEvent, values};
use crate::{
    ApiError, Id,
    org::{Org, Row, Scope as Rows, Writer},
    schema::Schema,
    value::JsonMap,
};

/// Most steps of a script; a loop without end stops here.
const OPERATIONS_MAX: u64 = 500_000;

/// The member of a thrown map that tells `add_error` from other errors.
const ADDED: &str = "$error";

type Thrown = Box<EvalAltResult>;

/// A trigger, its script understood.
pub(in crate::org) struct Trigger {
    pub(super) name: String,
    pub(super) events: Vec<TriggerEvent>,
    script: AST,
}

impl Trigger {
    pub(in crate::org) fn new(
        name: &str,
        events: &[TriggerEvent],
        script: &str,
    ) -> Result<Self, String> {
        let script = ENGINE.compile(script).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), events: events.to_vec(), script })
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = Engine::new();
    engine
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(16)
        .set_max_expr_depths(32, 16)
        .set_max_string_size(1 << 20)
        .set_max_array_size(20_000)
        .set_max_map_size(2_000)
        .disable_symbol("eval")
        .on_print(|text| tracing::info!(text, "a trigger prints"))
        .on_debug(|text, _, _| tracing::debug!(text, "a trigger prints"));
    engine
        .register_type_with_name::<Hand>("Org")
        .register_fn("create", Hand::create)
        .register_fn("update", Hand::update)
        .register_fn("delete", Hand::delete)
        .register_fn("undelete", Hand::undelete)
        .register_fn("get", Hand::get)
        .register_fn("query", Hand::query)
        .register_fn("now", Hand::now)
        .register_fn("today", Hand::today)
        .register_fn("add_error", |message: &str| add_error("", message))
        .register_fn("add_error", add_error);
    engine
});

fn add_error(field: &str, message: &str) -> Result<(), Thrown> {
    let error = Map::from([(ADDED.into(), message.into()), ("field".into(), field.into())]);
    throw(Dynamic::from_map(error))
}

fn throw<T>(value: Dynamic) -> Result<T, Thrown> {
    Err(Box::new(EvalAltResult::ErrorRuntime(value, Position::NONE)))
}

/// The org in the hands of a script.
#[derive(Clone)]
struct Hand {
    org: Arc<Mutex<Org>>,
    writer: Writer,
}

impl Hand {
    fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&mut self, object: &str, fields: Map) -> Result<String, Thrown> {
        let created = self.org().create(self.writer, object, &body(fields));
        created.map(|id| id.to_string()).or_else(|error| failed("Insert", &error))
    }

    fn update(&mut self, id: &str, fields: Map) -> Result<(), Thrown> {
        let mut org = self.org();
        let updated =
            org.named_by(id).and_then(|object| org.update(self.writer, &object, id, &body(fields)));
        updated.map(drop).or_else(|error| failed("Update", &error))
    }

    fn delete(&mut self, id: &str) -> Result<(), Thrown> {
        let deleted = self.org().delete(self.writer, None, id);
        deleted.map(drop).or_else(|error| failed("Delete", &error))
    }

    fn undelete(&mut self, id: &str) -> Result<(), Thrown> {
        let restored = self.org().undelete(self.writer, id);
        restored.map(drop).or_else(|error| failed("Undelete", &error))
    }

    /// A live row by its id; `()` when there is none.
    fn get(&mut self, id: &str) -> Dynamic {
        let org = self.org();
        let found = Id::from_text(id).and_then(|id| org.locate(id));
        let found = found.filter(|(_, row)| row.is_live());
        found.map_or(Dynamic::UNIT, |(number, row)| {
            Dynamic::from_map(values::map(&org, number, &row))
        })
    }

    /// The rows of a query as maps.
    fn query(&mut self, soql: &str) -> Result<Array, Thrown> {
        let org = self.org();
        let found = org
            .query(self.writer.user, soql, Rows::Live)
            .or_else(|error| throw(format!("System.QueryException: {}", error.message).into()))?;
        let row = |id: &Id| {
            let mut text = String::new();
            org.write_json(&found.shape, *id, "66.0", &mut text);
            values::from_any(serde_json::from_str(&text).unwrap_or_default())
        };
        Ok(found.rows.iter().map(|id| row(&id)).collect())
    }

    fn now(&mut self) -> String {
        self.org().now().format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
    }

    fn today(&mut self) -> String {
        self.org().now().date_naive().to_string()
    }
}

fn body(fields: Map) -> JsonMap {
    match values::to_json(&Dynamic::from_map(fields)) {
        Json::Object(members) => members,
        _ => JsonMap::new(),
    }
}

fn failed<T>(verb: &str, error: &ApiError) -> Result<T, Thrown> {
    let message = format!(
        "System.DmlException: {verb} failed. First exception on row 0; first error: {}, {}: [{}]",
        error.code,
        error.message,
        error.fields.as_deref().unwrap_or_default().join(", ")
    );
    throw(message.into())
}

/// Gives the org back, whatever happens to the script that has it.
struct Lent<'a> {
    org: &'a mut Org,
    shared: Arc<Mutex<Org>>,
}

impl<'a> Lent<'a> {
    fn new(org: &'a mut Org) -> Self {
        let empty = Org::new(Schema::default(), Arc::clone(&org.clock));
        let shared = Arc::new(Mutex::new(mem::replace(org, empty)));
        Self { org, shared }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        mem::swap(self.org, &mut shared);
    }
}

impl Org {
    /// The object that an id's prefix names.
    fn named_by(&self, id: &str) -> Result<String, ApiError> {
        let id = Id::parse(id)?;
        let number = self.schema.number_of_prefix(id.prefix());
        let object = number.and_then(|number| self.object(number));
        Ok(object.ok_or_else(ApiError::unknown_object)?.name().to_owned())
    }

    /// Runs one trigger; what it changes in the row is laid over `row`.
    pub(super) fn run_trigger(
        &mut self,
        trigger: &Trigger,
        writer: Writer,
        change: Change<'_>,
        row: Option<&mut Row>,
    ) -> Result<(), ApiError> {
        let shown = row.as_ref().map(|row| values::map(self, change.object, row));
        let old = change.old.map(|old| values::map(self, change.object, old));
        let dynamic = |map: Option<Map>| map.map_or(Dynamic::UNIT, Dynamic::from_map);
        let mut scope = Scope::new();
        scope.push_constant("event", event_name(change.event));
        scope.push_dynamic("row", dynamic(shown.clone()));
        scope.push_constant_dynamic("old", dynamic(old));
        let lent = Lent::new(self);
        scope.push("org", Hand { org: Arc::clone(&lent.shared), writer });
        let outcome = ENGINE.run_ast_with_scope(&mut scope, &trigger.script);
        drop(lent);
        outcome.map_err(|error| refusal(trigger, change.event, *error))?;
        let changed = scope.get_value::<Map>("row");
        if let (Some(row), Some(shown), Some(changed)) = (row, shown, changed)
            && is_before(change.event)
        {
            values::apply(self, change.object, row, (&shown, &changed))?;
        }
        Ok(())
    }
}

fn is_before(event: TriggerEvent) -> bool {
    matches!(event, TriggerEvent::BeforeInsert | TriggerEvent::BeforeUpdate)
}

fn event_name(event: TriggerEvent) -> String {
    serde_json::to_value(event)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The error of a row whose trigger threw.
fn refusal(trigger: &Trigger, event: TriggerEvent, error: EvalAltResult) -> ApiError {
    let place = error.position();
    let mut cause = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = cause {
        cause = *inner;
    }
    if let EvalAltResult::ErrorRuntime(thrown, _) = &cause {
        if let Some(added) = thrown.read_lock::<Map>()
            && let Some(message) = added.get(ADDED)
        {
            let field = added.get("field").map(ToString::to_string).unwrap_or_default();
            let fields: Vec<&str> =
                Some(field.as_str()).filter(|f| !f.is_empty()).into_iter().collect();
            let message = message.to_string();
            return ApiError::row("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, &fields);
        }
        cause = EvalAltResult::ErrorRuntime(thrown.to_string().into(), Position::NONE);
    }
    let what = match &cause {
        EvalAltResult::ErrorRuntime(thrown, _) => thrown.to_string(),
        EvalAltResult::ErrorTooManyOperations(_) => {
            "System.LimitException: Apex CPU time limit exceeded".to_owned()
        }
        other => other.to_string(),
    };
    let name = &trigger.name;
    let line = place.line().unwrap_or(1);
    let column = place.position().unwrap_or(1);
    let message = format!(
        "{name}: execution of {event:?}\n\ncaused by: {what}\n\nTrigger.{name}: line {line}, \
         column {column}"
    );
    ApiError::row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[])
}

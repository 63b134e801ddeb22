//! Operations that write rows: each is a collection of the REST API.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    http::{
        route::Resource,
        soap::{Answer, Operation, fault::Fault, ordered::Json},
        xml::Element,
    },
    schema::FieldType,
    value::JsonMap,
};

/// Most rows of one operation.
const ROWS_MAX: usize = 200;

impl Operation<'_> {
    pub(super) fn create(&mut self) -> Answer {
        let records = self.records()?;
        let results = self.write(Method::POST, &Resource::Collection, &records)?;
        Ok(results.items().iter().map(|result| saved(result, false)).collect())
    }

    pub(super) fn update(&mut self) -> Answer {
        let records = self.records()?;
        let results = self.write(Method::PATCH, &Resource::Collection, &records)?;
        Ok(results.items().iter().map(|result| saved(result, false)).collect())
    }

    pub(super) fn upsert(&mut self) -> Answer {
        let field = match self.request().text_of("externalIDFieldName") {
            "" => self.request().text_of("externalIdFieldName").to_owned(),
            field => field.to_owned(),
        };
        let records = self.records()?;
        if field.eq_ignore_ascii_case("id") {
            return self.upsert_by_id(records);
        }
        let object = records.first().and_then(type_of).unwrap_or_default();
        self.check_object(&object)?;
        let resource = Resource::CollectionUpsert { object, field };
        let results = self.write(Method::PATCH, &resource, &records)?;
        Ok(results.items().iter().map(|result| saved(result, true)).collect())
    }

    /// By their own id rows are created that have none, and changed that have one.
    fn upsert_by_id(&mut self, records: Vec<Value>) -> Answer {
        let mut results = Vec::new();
        for record in records {
            let is_new = record.get("Id").and_then(Value::as_str).is_none_or(str::is_empty);
            let method = if is_new { Method::POST } else { Method::PATCH };
            let outcome = self.write(method, &Resource::Collection, &[record])?;
            for result in outcome.items() {
                let mut element = saved(result, true);
                let created = (is_new && result.text("success") == "true").to_string();
                if let Some(said) =
                    element.children.iter_mut().find(|child| child.name == "created")
                {
                    said.text = created;
                }
                results.push(element);
            }
        }
        Ok(results)
    }

    pub(super) fn delete(&mut self) -> Answer {
        let ids = self.ids()?.join(",");
        let all_or_none = self.all_or_none();
        let query =
            [("ids", ids.as_str()), ("allOrNone", if all_or_none { "true" } else { "false" })];
        let results = self.ask(Method::DELETE, &Resource::Collection, &query, None)?;
        Ok(results.items().iter().map(|result| saved(result, false)).collect())
    }

    fn write(
        &mut self,
        method: Method,
        resource: &Resource,
        records: &[Value],
    ) -> Result<Json, Fault> {
        let body = json!({ "allOrNone": self.all_or_none(), "records": records });
        self.ask(method, resource, &[], Some(&body))
    }

    fn all_or_none(&self) -> bool {
        matches!(self.envelope.header("AllOrNoneHeader", "allOrNone"), "true" | "1")
    }

    /// The ids of an operation.
    pub(super) fn ids(&self) -> Result<Vec<String>, Fault> {
        let mut ids = self.texts("ids");
        ids.extend(self.texts("iDs"));
        check_count(ids.len())?;
        Ok(ids)
    }

    /// The records of an operation as REST takes them.
    fn records(&self) -> Result<Vec<Value>, Fault> {
        let records: Vec<&Element> = self.request().all("sObjects").collect();
        check_count(records.len())?;
        Ok(records.into_iter().map(|record| self.as_json(record)).collect())
    }

    /// A record with the types of its fields, which in XML are all text.
    pub(super) fn as_json(&self, record: &Element) -> Value {
        let named = type_of_record(record);
        let mut body = JsonMap::new();
        body.insert("attributes".to_owned(), json!({ "type": named }));
        let org = self.world.org();
        let object = org.schema().object(named);
        for child in &record.children {
            match child.name.as_str() {
                "type" => {}
                "fieldsToNull" => {
                    body.insert(child.text.trim().to_owned(), Value::Null);
                }
                name if child.is_nil() => {
                    body.insert(name.to_owned(), Value::Null);
                }
                name if !child.children.is_empty() => {
                    body.insert(name.to_owned(), nested(child));
                }
                name => {
                    let kind = object.and_then(|object| object.field_named(name)).map(|f| f.kind);
                    body.insert(name.to_owned(), typed(kind, &child.text));
                }
            }
        }
        Value::Object(body)
    }
}

/// The object of a record: a partner says it in an element, an enterprise in an attribute.
pub(super) fn type_of_record(record: &Element) -> &str {
    match record.text_of("type") {
        "" => {
            let kind = record.attribute("type").unwrap_or_default();
            kind.rsplit(':').next().unwrap_or_default()
        }
        name => name,
    }
}

fn check_count(count: usize) -> Result<(), Fault> {
    if count <= ROWS_MAX {
        return Ok(());
    }
    let text =
        format!("record limit reached. cannot submit more than {ROWS_MAX} records into this call");
    Err(Fault::new("EXCEEDED_ID_LIMIT", text))
}

fn type_of(record: &Value) -> Option<String> {
    record.get("attributes")?.get("type")?.as_str().map(str::to_owned)
}

/// A parent that is named by its key.
fn nested(element: &Element) -> Value {
    let mut body = JsonMap::new();
    for child in &element.children {
        let value = json!(child.text.trim());
        if child.name == "type" {
            body.insert("attributes".to_owned(), json!({ "type": child.text.trim() }));
        } else {
            body.insert(child.name.clone(), value);
        }
    }
    Value::Object(body)
}

/// Text as the JSON of a field; what does not fit stays text, for the org to refuse.
fn typed(kind: Option<FieldType>, text: &str) -> Value {
    let trimmed = text.trim();
    let number = || serde_json::from_str::<serde_json::Number>(trimmed).map(Value::Number).ok();
    let value = match kind {
        Some(FieldType::Boolean) => match trimmed {
            "true" | "1" => Some(json!(true)),
            "false" | "0" => Some(json!(false)),
            _ => None,
        },
        Some(FieldType::Int | FieldType::Number) => number(),
        Some(kind) if !kind.is_text() => Some(json!(trimmed)),
        _ => None,
    };
    value.unwrap_or_else(|| json!(text))
}

/// The result of a row.
pub(super) fn saved(result: &Json, is_upsert: bool) -> Element {
    let errors = result.get("errors").map(Json::items).unwrap_or_default();
    let mut element = Element::new("result");
    if is_upsert {
        let created = match result.text("created") {
            "" => "false",
            created => created,
        };
        element = element.holding([Element::of("created", created)]);
    }
    let id = match result.text("id") {
        "" => Element::nil("id"),
        id => Element::of("id", id),
    };
    element
        .holding(errors.iter().map(|error| {
            let fields = error.get("fields").map(Json::items).unwrap_or_default();
            let fields = fields.iter().filter_map(|field| match field {
                Json::Scalar(name) => Some(Element::of("fields", name.as_str())),
                _ => None,
            });
            Element::new("errors").holding(fields).holding([
                Element::of("message", error.text("message")),
                Element::of("statusCode", error.text("statusCode")),
            ])
        }))
        .holding([id, Element::of("success", result.text("success"))])
}

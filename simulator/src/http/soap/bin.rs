//! What only SOAP can do with rows: bring them back, remove them for good, make one of several.

use serde_json::Value;

use crate::{
    ApiError, Id, Org,
    http::{
        soap::{Answer, Operation, fault::Fault},
        xml::Element,
    },
    org::{Merged, Scope},
    value::JsonMap,
};

/// Most requests of one merge.
const MERGES_MAX: usize = 200;

/// One request of a merge.
struct Order {
    master: String,
    losers: Vec<String>,
    /// What the master gets.
    fields: JsonMap,
}

impl Operation<'_> {
    pub(super) fn undelete(&mut self) -> Answer {
        let writer = self.call.writer();
        self.each_id(|org, id| org.undelete(writer, id))
    }

    pub(super) fn empty_recycle_bin(&mut self) -> Answer {
        let user = self.call.user();
        self.each_id(|org, id| {
            let parsed = Id::parse(id)?;
            if !is_binned(org, user, parsed) {
                let text = "entity is not in the recycle bin";
                return Err(ApiError::row("ENTITY_NOT_IN_RECYCLE_BIN", text, &[]));
            }
            org.purge(id)
        })
    }

    pub(super) fn merge(&mut self) -> Answer {
        let request = self.request();
        let orders = request.all("request").chain(request.all("mergeRequests"));
        let orders: Vec<Order> = orders.map(|order| self.merge_order(order)).collect();
        if orders.len() > MERGES_MAX {
            let text = format!("no more than {MERGES_MAX} merge requests in one call");
            return Err(Fault::new("LIMIT_EXCEEDED", text));
        }
        let writer = self.call.writer();
        let mut org = self.world.org_for(self.call);
        let done = |order: &Order| {
            let merged = org.merge(writer, &order.master, &order.losers, &order.fields);
            merge_outcome(merged)
        };
        Ok(orders.iter().map(done).collect())
    }

    fn merge_order(&self, order: &Element) -> Order {
        let record = order.child("masterRecord").map(|record| self.as_json(record));
        let mut fields = match record {
            Some(Value::Object(fields)) => fields,
            _ => JsonMap::new(),
        };
        let key = fields.keys().find(|name| name.eq_ignore_ascii_case("id")).cloned();
        let master = key.and_then(|key| fields.remove(&key));
        let losers = order.all("recordToMergeIds").map(|id| id.text.trim().to_owned());
        Order {
            master: master.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
            losers: losers.collect(),
            fields,
        }
    }

    /// One result per id.
    fn each_id(&mut self, change: impl Fn(&mut Org, &str) -> Result<Id, ApiError>) -> Answer {
        let ids = self.ids()?;
        let mut org = self.world.org_for(self.call);
        Ok(ids.iter().map(|id| outcome(change(&mut org, id))).collect())
    }
}

/// Whether a row is in the recycle bin.
fn is_binned(org: &Org, user: Id, id: Id) -> bool {
    let object = org.schema().number_of_prefix(id.prefix());
    let Some(object) = object.and_then(|number| org.schema().objects().get(number)) else {
        return false;
    };
    let soql = format!("SELECT Id FROM {} WHERE Id = '{id}' AND IsDeleted = true", object.name());
    org.query(user, &soql, Scope::WithDeleted).is_ok_and(|found| found.total == 1)
}

fn outcome(result: Result<Id, ApiError>) -> Element {
    let (errors, id, success) = match result {
        Ok(id) => (None, Element::of("id", id.to_string()), "true"),
        Err(error) => (Some(errors(error)), Element::nil("id"), "false"),
    };
    Element::new("result").holding(errors).holding([id, Element::of("success", success)])
}

/// The members of a merge's result stand in the order of the WSDL.
fn merge_outcome(result: Result<Merged, ApiError>) -> Element {
    let list = |name: &str, ids: &[Id]| -> Vec<Element> {
        ids.iter().map(|id| Element::of(name, id.to_string())).collect()
    };
    match result {
        Ok(merged) => Element::new("result")
            .holding([Element::of("id", merged.id.to_string())])
            .holding(list("mergedRecordIds", &merged.merged))
            .holding([Element::of("success", "true")])
            .holding(list("updatedRelatedIds", &merged.updated)),
        Err(error) => Element::new("result").holding([
            errors(error),
            Element::nil("id"),
            Element::of("success", "false"),
        ]),
    }
}

fn errors(error: ApiError) -> Element {
    let fields = error.fields.iter().flatten().map(|field| Element::of("fields", field.as_str()));
    let fields: Vec<Element> = fields.collect();
    Element::new("errors")
        .holding(fields)
        .holding([Element::of("message", error.message), Element::of("statusCode", error.code)])
}

//! Queries, retrieve and describe.

use axum::http::Method;
use serde_json::json;

use crate::http::{
    route::Resource,
    soap::{Answer, Flavor, Operation, ordered::Json},
    xml::Element,
};

impl Operation<'_> {
    pub(super) fn query(&mut self, with_deleted: bool) -> Answer {
        let soql = self.request().text_of("queryString").to_owned();
        let resource = if with_deleted { Resource::QueryAll } else { Resource::Query };
        let page = self.ask(Method::GET, &resource, &[("q", &soql)], None)?;
        Ok(vec![self.page("result", &page)])
    }

    pub(super) fn query_more(&mut self) -> Answer {
        let locator = self.request().text_of("queryLocator").to_owned();
        let page = self.ask(Method::GET, &Resource::QueryMore(locator), &[], None)?;
        Ok(vec![self.page("result", &page)])
    }

    /// A page of records, as a result or inside another record.
    fn page(&self, name: &str, page: &Json) -> Element {
        let next = page.text("nextRecordsUrl").rsplit('/').next().unwrap_or_default();
        let locator = match next {
            "" => Element::nil("queryLocator"),
            locator => Element::of("queryLocator", locator),
        };
        let records = page.get("records").map(Json::items).unwrap_or_default();
        Element::new(name)
            .with("xsi:type", "QueryResult")
            .holding([Element::of("done", page.text("done")), locator])
            .holding(records.iter().map(|record| self.record("records", record)))
            .holding([Element::of("size", page.text("totalSize"))])
    }

    /// A record: generic for a partner, of its own type for an enterprise.
    pub(super) fn record(&self, name: &str, record: &Json) -> Element {
        let object = record.get("attributes").map_or("", |attributes| attributes.text("type"));
        let Json::Object(members) = record else { return Element::nil(name) };
        let fields = members.iter().filter(|(key, _)| key != "attributes");
        let fields = fields.map(|(key, value)| self.field(key, value));
        if self.flavor == Flavor::Enterprise {
            let element = Element::new(name).with("xsi:type", &format!("sf:{object}"));
            return element.holding(fields);
        }
        // The generic record says its type and its id before the fields, which may say the id again.
        let id = match record.text("Id") {
            "" => Element::nil("sf:Id"),
            id => Element::of("sf:Id", id),
        };
        Element::new(name)
            .with("xsi:type", "sf:sObject")
            .holding([Element::of("sf:type", object), id])
            .holding(fields)
    }

    fn field(&self, name: &str, value: &Json) -> Element {
        let name = format!("sf:{name}");
        match value {
            Json::Null => Element::nil(&name),
            Json::Scalar(text) => Element::of(&name, text.as_str()),
            Json::Object(_) if value.get("records").is_some() => self.page(&name, value),
            Json::Object(_) if value.get("attributes").is_some() => self.record(&name, value),
            Json::Object(_) | Json::List(_) => {
                let mut element = Element::new(&name);
                element.children =
                    plain("value", value).into_iter().flat_map(|e| e.children).collect();
                element
            }
        }
    }

    pub(super) fn retrieve(&mut self) -> Answer {
        let object = self.request().text_of("sObjectType").to_owned();
        self.check_object(&object)?;
        let fields: Vec<String> = self
            .request()
            .text_of("fieldList")
            .split(',')
            .map(|field| field.trim().to_owned())
            .filter(|field| !field.is_empty())
            .collect();
        let body = json!({ "ids": self.texts("ids"), "fields": fields });
        let resource = Resource::CollectionRetrieve(object);
        let found = self.ask(Method::POST, &resource, &[], Some(&body))?;
        Ok(found.items().iter().map(|record| self.record("result", record)).collect())
    }

    pub(super) fn describe_one(&mut self) -> Answer {
        let name = self.request().text_of("sObjectType").to_owned();
        Ok(self.described(&name)?.into_iter().collect())
    }

    pub(super) fn describe_several(&mut self) -> Answer {
        let mut all = Vec::new();
        for name in self.texts("sObjectType") {
            all.extend(self.described(&name)?);
        }
        Ok(all)
    }

    fn described(&mut self, name: &str) -> Answer {
        self.check_object(name)?;
        let resource = Resource::Describe(name.to_owned());
        Ok(plain("result", &self.ask(Method::GET, &resource, &[], None)?))
    }

    pub(super) fn describe_global(&mut self) -> Answer {
        Ok(plain("result", &self.ask(Method::GET, &Resource::Objects, &[], None)?))
    }
}

/// JSON as elements: lists repeat their element, and what has no value is left out, as is what only
/// REST tells.
pub(crate) fn plain(name: &str, value: &Json) -> Vec<Element> {
    match value {
        Json::Null => Vec::new(),
        Json::Scalar(text) => vec![Element::of(name, text.as_str())],
        Json::List(items) => items.iter().flat_map(|item| plain(name, item)).collect(),
        Json::Object(members) => {
            let members = members.iter().filter(|(key, _)| key != "urls");
            vec![Element::new(name).holding(members.flat_map(|(key, value)| plain(key, value)))]
        }
    }
}

//! What can be told of a request before it is done.

use crate::{
    Id,
    http::{soap::envelope::Envelope, world::World, xml::Element},
};

/// A request, read for those who only look at it.
pub(crate) struct Glance(Envelope);

impl Glance {
    /// Reads a request; `None` for what is no envelope.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        Envelope::read(body).ok().map(Self)
    }

    /// The session that it names.
    pub(crate) fn session(&self) -> Option<&str> {
        let session = self.0.header("SessionHeader", "sessionId").trim();
        Some(session).filter(|session| !session.is_empty())
    }

    /// The statement that it asks.
    pub(crate) fn statement(&self) -> Option<&str> {
        let text = self.0.operation.text_of("queryString");
        Some(text).filter(|text| !text.is_empty())
    }

    /// The object that it names otherwise.
    pub(crate) fn object(&self, world: &World) -> Option<String> {
        let operation = &self.0.operation;
        let record = operation.child("sObjects");
        let merge = operation.child("request").or_else(|| operation.child("mergeRequests"));
        let master = merge.and_then(|merge| merge.child("masterRecord"));
        if let Some(record) = record.or(master) {
            return Some(super::rows::type_of_record(record).to_owned());
        }
        match operation.text_of("sObjectType") {
            "" => {
                let id = self.ids().next()?;
                let id = Id::from_text(id.text.trim())?;
                let org = world.org();
                let number = org.schema().number_of_prefix(id.prefix())?;
                Some(org.schema().objects().get(number)?.name().to_owned())
            }
            named => Some(named.to_owned()),
        }
    }

    /// How many rows it brings or names.
    pub(crate) fn rows(&self) -> usize {
        let operation = &self.0.operation;
        let merges = operation.all("request").chain(operation.all("mergeRequests"));
        operation.all("sObjects").count() + self.ids().count() + merges.count()
    }

    fn ids(&self) -> impl Iterator<Item = &Element> {
        self.0.operation.all("ids").chain(self.0.operation.all("iDs"))
    }
}

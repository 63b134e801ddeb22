//! What is around an operation and around its answer.

use axum::http::StatusCode;

use crate::http::{
    reply::Reply,
    soap::{Flavor, fault::Fault},
    world::World,
    xml::{self, Element},
};

/// The namespace of SOAP 1.1.
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The namespace of `xsi:type` and `xsi:nil`.
pub(crate) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

impl Flavor {
    /// The namespace of the operations.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Partner => "urn:partner.soap.sforce.com",
            Self::Enterprise => "urn:enterprise.soap.sforce.com",
        }
    }

    /// The namespace of the records.
    fn records(self) -> &'static str {
        match self {
            Self::Partner => "urn:sobject.partner.soap.sforce.com",
            Self::Enterprise => "urn:sobject.enterprise.soap.sforce.com",
        }
    }

    /// The letter in the path.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Partner => 'u',
            Self::Enterprise => 'c',
        }
    }
}

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Envelope {
    header: Element,
    pub(crate) operation: Element,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// What is no envelope with one operation.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Fault> {
        let text =
            std::str::from_utf8(body).map_err(|error| Fault::of_envelope(error.to_string()))?;
        let mut root = xml::read(text).map_err(Fault::of_envelope)?;
        if root.name != "Envelope" {
            return Err(Fault::of_envelope("the root element is no Envelope"));
        }
        let mut take = |name: &str| {
            let place = root.children.iter().position(|child| child.name == name)?;
            Some(root.children.swap_remove(place))
        };
        let body = take("Body");
        let header = take("Header").unwrap_or_default();
        let operation = body.and_then(|body| body.children.into_iter().next());
        let operation = operation.ok_or_else(|| Fault::of_envelope("the Body has no operation"))?;
        Ok(Self { header, operation })
    }

    /// A member of one of the headers; empty when it is missing.
    pub(crate) fn header(&self, header: &str, member: &str) -> &str {
        self.header.child(header).map_or("", |header| header.text_of(member))
    }
}

/// The envelope of an answer, with the day's requests in its header.
pub(crate) fn reply(world: &World, flavor: Flavor, response: Element) -> Reply {
    let usage = world.usage();
    let limit = Element::new("limitInfo").holding([
        Element::of("current", usage.used().to_string()),
        Element::of("limit", usage.limit().to_string()),
        Element::of("type", "API REQUESTS"),
    ]);
    let header = Element::new("LimitInfoHeader").holding([limit]);
    let envelope = Element::new("soapenv:Envelope")
        .with("xmlns:soapenv", SOAP)
        .with("xmlns", flavor.namespace())
        .with("xmlns:sf", flavor.records())
        .with("xmlns:xsi", INSTANCE)
        .with("xmlns:xsd", "http://www.w3.org/2001/XMLSchema")
        .holding([
            Element::new("soapenv:Header").holding([header]),
            Element::new("soapenv:Body").holding([response]),
        ]);
    Reply::text(StatusCode::OK, "text/xml;charset=UTF-8", envelope.document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_the_clients_choice() {
        let text = "<x:Envelope xmlns:x='s' xmlns:u='p'><x:Header><u:SessionHeader><u:sessionId> a!b \
                    </u:sessionId></u:SessionHeader></x:Header><x:Body><u:query/></x:Body></x:Envelope>";

        let envelope = Envelope::read(text.as_bytes()).unwrap();

        assert_eq!(envelope.operation.name, "query");
        assert_eq!(envelope.header("SessionHeader", "sessionId"), "a!b");
        assert_eq!(envelope.header("CallOptions", "client"), "");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for text in ["", "{}", "<a/>", "<Envelope/>", "<Envelope><Body/></Envelope>"] {
            assert!(Envelope::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Envelope::read(&[0xff]).is_err());
    }
}

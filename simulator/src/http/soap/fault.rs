//! How SOAP says no: HTTP 500 and a fault with a code of its own.

use axum::http::StatusCode;

use crate::{
    ApiError,
    http::{reply::Reply, soap::Flavor, xml::Element},
};

/// Why an operation did nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// A code of Salesforce's, or of SOAP's when the envelope itself is wrong.
    code: String,
    message: String,
    is_of_envelope: bool,
}

impl Fault {
    /// A fault with one of Salesforce's codes.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), is_of_envelope: false }
    }

    /// What cannot be understood as a SOAP request.
    pub(crate) fn of_envelope(message: impl Into<String>) -> Self {
        let code = "soapenv:Client".to_owned();
        Self { code, message: message.into(), is_of_envelope: true }
    }

    /// An operation that there is not.
    pub(crate) fn no_operation(flavor: Flavor, name: &str) -> Self {
        Self::of_envelope(format!(
            "No operation available for request {{{}}}{name}, please check the WSDL for the service.",
            flavor.namespace()
        ))
    }

    /// The fault as an answer.
    pub(crate) fn reply(&self, flavor: Flavor) -> Reply {
        let prefixed = |name: &str| format!("sf:{name}");
        let mut fault = Element::new("soapenv:Fault");
        if self.is_of_envelope {
            fault = fault.holding([
                Element::of("faultcode", self.code.as_str()),
                Element::of("faultstring", self.message.as_str()),
            ]);
        } else {
            let kind = match self.code.as_str() {
                "INVALID_LOGIN" | "LOGIN_MUST_USE_SECURITY_TOKEN" => "LoginFault",
                "INVALID_SESSION_ID" | "REQUEST_LIMIT_EXCEEDED" => "UnexpectedErrorFault",
                "INVALID_FIELD" => "InvalidFieldFault",
                "MALFORMED_QUERY" => "MalformedQueryFault",
                "INVALID_TYPE" => "InvalidSObjectFault",
                "MALFORMED_ID" => "InvalidIdFault",
                "INVALID_QUERY_LOCATOR" => "InvalidQueryLocatorFault",
                _ => "ApiFault",
            };
            let detail = Element::new(&prefixed(kind)).with("xsi:type", &prefixed(kind)).holding([
                Element::of("sf:exceptionCode", self.code.as_str()),
                Element::of("sf:exceptionMessage", self.message.as_str()),
            ]);
            fault = fault.holding([
                Element::of("faultcode", prefixed(&self.code)),
                Element::of("faultstring", format!("{}: {}", self.code, self.message)),
                Element::new("detail").holding([detail]),
            ]);
        }
        let namespace = flavor.namespace().replacen("urn:", "urn:fault.", 1);
        let envelope = Element::new("soapenv:Envelope")
            .with("xmlns:soapenv", super::envelope::SOAP)
            .with("xmlns:sf", &namespace)
            .with("xmlns:xsi", super::envelope::INSTANCE)
            .holding([Element::new("soapenv:Body").holding([fault])]);
        Reply::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/xml;charset=UTF-8",
            envelope.document(),
        )
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self::new(error.code, error.message)
    }
}

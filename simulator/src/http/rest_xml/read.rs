//! A row in XML to the JSON it stands for.
//!
//! Elements are fields and their texts values; an element with elements below it is a parent given by
//! its key. Everything is text here: what is a number or a flag is known by the field.

use serde_json::{Value, json};

use crate::{
    http::{refusal::Refusal, xml},
    value::JsonMap,
};

/// Reads a body of one element as a row; what the element is called does not matter.
///
/// # Errors
/// 400 `XML_PARSER_ERROR` for what is no XML.
pub(crate) fn row(body: &[u8]) -> Result<JsonMap, Refusal> {
    let refused = |message: String| Refusal::bad_request("XML_PARSER_ERROR", message);
    let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
    Ok(members(xml::read(text).map_err(refused)?))
}

fn members(element: xml::Element) -> JsonMap {
    let mut members = JsonMap::new();
    if let Some(object) = element.attribute("type") {
        members.insert("attributes".to_owned(), json!({ "type": object }));
    }
    for child in element.children {
        members.insert(child.name.clone(), value(child));
    }
    members
}

fn value(element: xml::Element) -> Value {
    if element.is_nil() {
        Value::Null
    } else if element.children.is_empty() {
        Value::String(element.text)
    } else {
        Value::Object(members(element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_in_xml_is_the_row_in_json() {
        let xml = r#"<?xml version="1.0"?><Account xmlns:xsi="x">
            <Name>A &amp; B</Name>
            <Site xsi:nil="true"/><Fax></Fax>
            <Owner type="User"><Username>ada</Username></Owner>
        </Account>"#;

        let read = row(xml.as_bytes()).unwrap();

        let expected = json!({
            "Name": "A & B", "Site": null, "Fax": "",
            "Owner": { "attributes": { "type": "User" }, "Username": "ada" },
        });
        assert_eq!(Value::Object(read), expected);
        assert!(row(b"<a>\xff</a>").is_err());
        assert!(row(b"{}").is_err());
    }
}

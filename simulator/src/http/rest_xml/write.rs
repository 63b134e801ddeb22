//! JSON text to XML, member by member in its order.
//!
//! A list becomes an element for each of its items, null an element with `xsi:nil`, and the
//! `attributes` of a row the attributes of its element. Numbers are written as they stand in the JSON.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::http::xml::Element;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What the outermost elements are called.
pub(super) struct Roots {
    /// Around a list.
    pub(super) list: &'static str,
    /// Around an item of a list, and around anything else.
    pub(super) item: &'static str,
}

/// An object of JSON with its members in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

/// Rewrites an answer.
///
/// # Errors
/// Text that is no JSON.
pub(super) fn to_xml(json: &[u8], roots: &Roots) -> serde_json::Result<String> {
    let value: &RawValue = serde_json::from_slice(json)?;
    let root = if value.get().starts_with('[') {
        Element::new(roots.list).holding(elements(roots.item, value)?)
    } else {
        let own = type_of(value);
        let mut root = elements(own.as_deref().unwrap_or(roots.item), value)?;
        root.pop().unwrap_or_default()
    };
    Ok(root.with("xmlns:xsi", XSI).document())
}

/// The object of a row.
fn type_of(value: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Row {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        r#type: String,
    }
    serde_json::from_str::<Row>(value.get()).ok().map(|row| row.attributes.r#type)
}

/// A value as elements of this name: one, or one for each item of a list.
fn elements(name: &str, value: &RawValue) -> serde_json::Result<Vec<Element>> {
    let text = value.get();
    let name = element_name(name);
    Ok(match text.as_bytes().first() {
        Some(b'{') => vec![object(&name, text)?],
        Some(b'[') => {
            let mut all = Vec::new();
            for item in serde_json::from_str::<Vec<&RawValue>>(text)? {
                all.extend(elements(&name, item)?);
            }
            all
        }
        Some(b'n') => vec![Element::nil(&name)],
        Some(b'"') => {
            let text: String = serde_json::from_str(text)?;
            vec![Element::of(&name, allowed(&text))]
        }
        _ => vec![Element::of(&name, text)],
    })
}

fn object(name: &str, text: &str) -> serde_json::Result<Element> {
    let Members(members) = serde_json::from_str(text)?;
    let mut element = Element::new(name);
    for (name, value) in members {
        if name == "attributes" {
            let Members(attributes) = serde_json::from_str(value.get())?;
            for (name, value) in attributes {
                let value: String = serde_json::from_str(value.get()).unwrap_or_default();
                element = element.with(&name, &allowed(&value));
            }
        } else {
            element.children.extend(elements(&name, value)?);
        }
    }
    Ok(element)
}

/// A member's name as an element's.
fn element_name(name: &str) -> Cow<'_, str> {
    let is_fine = |char: char| char.is_alphanumeric() || "_-.".contains(char);
    let starts_well = name.starts_with(|char: char| char.is_alphabetic() || char == '_');
    if starts_well && name.chars().all(is_fine) {
        return name.into();
    }
    let rest: String = name.chars().map(|char| if is_fine(char) { char } else { '_' }).collect();
    format!("_{rest}").into()
}

/// Text without the characters that XML cannot carry.
fn allowed(text: &str) -> String {
    let is_fine = |char: &char| match char {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        char => !char.is_control(),
    };
    text.chars().filter(is_fine).collect()
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let roots = Roots { list: "Errors", item: "Error" };
        let xml = to_xml(json.as_bytes(), &roots).unwrap();
        xml.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "")
            .replace(&format!(" xmlns:xsi=\"{XSI}\""), "")
    }

    #[test]
    fn every_kind_of_value_has_its_element() {
        #[rustfmt::skip]
        let table = [
            (r#"[{"message":"a<b","errorCode":"X","fields":["A","B"]}]"#, "<Errors><Error><message>a&lt;b</message><errorCode>X</errorCode><fields>A</fields><fields>B</fields></Error></Errors>"),
            ("[]",                                         "<Errors/>"),
            (r#"{"b":3.5E8,"a":true,"n":null,"e":[]}"#,       r#"<Error><b>3.5E8</b><a>true</a><n xsi:nil="true"/></Error>"#),
            (r#"{"attributes":{"type":"Account","url":"/x"},"Owner":{"attributes":{"type":"User"},"Name":"A & B"}}"#,
             r#"<Account type="Account" url="/x"><Owner type="User"><Name>A &amp; B</Name></Owner></Account>"#),
            (r#"{"1 x":"\u0001y\n"}"#,                        "<Error><_1_x>y\n</_1_x></Error>"),
            (r#"{"x":{"records":[{"y":1},{"y":2}]}}"#,        "<Error><x><records><y>1</y></records><records><y>2</y></records></x></Error>"),
        ];
        for (json, expected) in table {
            assert_eq!(written(json), expected, "{json}");
        }
    }
}

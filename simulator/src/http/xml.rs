//! XML, small and whole: what SOAP and Bulk 1.0 read and write.
//!
//! Names are read without their prefixes, for which clients choose what they like. Document types and
//! entities of one's own are refused, and depth is bounded, so that a small body stays small.

use std::fmt::Write;

use quick_xml::{
    Reader,
    escape::{escape, resolve_predefined_entity},
    events::{BytesStart, Event},
};
use serde_json::Value;

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 40;

/// What every document begins with.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// An element, with everything in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Element {
    /// Read: without prefix. Written: as it stands.
    pub(crate) name: String,
    /// Read: without prefixes. Written: as they stand.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    /// The text between the children.
    pub(crate) text: String,
}

impl Element {
    /// An element without content.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element with text.
    pub(crate) fn of(name: &str, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::new(name) }
    }

    /// An element without value, as SOAP writes null.
    pub(crate) fn nil(name: &str) -> Self {
        Self::new(name).with("xsi:nil", "true")
    }

    /// The same element with one more attribute.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same element with these children after the others.
    pub(crate) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// A JSON value below an element of this name; lists repeat the element.
    pub(crate) fn all_of_json(name: &str, value: &Value) -> Vec<Self> {
        match value {
            Value::Array(items) => {
                items.iter().flat_map(|item| Self::all_of_json(name, item)).collect()
            }
            Value::Object(members) => {
                vec![Self::new(name).holding(
                    members.iter().flat_map(|(name, value)| Self::all_of_json(name, value)),
                )]
            }
            Value::String(text) => vec![Self::of(name, text.as_str())],
            Value::Null => vec![Self::new(name)],
            other => vec![Self::of(name, other.to_string())],
        }
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name, without space around it; empty when it is missing.
    pub(crate) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// An attribute's value.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the element says that it has no value.
    pub(crate) fn is_nil(&self) -> bool {
        matches!(self.attribute("nil"), Some("true" | "1"))
    }

    /// The element as a document.
    pub(crate) fn document(&self) -> String {
        let mut text = DECLARATION.to_owned();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _infallible = write!(out, "<{}", self.name);
        for (name, value) in &self.attributes {
            let _infallible = write!(out, " {name}=\"{}\"", escape(value.as_str()));
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escape(self.text.as_str()));
        for child in &self.children {
            child.write(out);
        }
        let _infallible = write!(out, "</{}>", self.name);
    }

    fn started(tag: &BytesStart<'_>) -> Result<Self, String> {
        let mut element = Self::new(tag.local_name().into_inner());
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = quick_xml::escape::unescape(&attribute.value);
            let value = value.map_err(|error| error.to_string())?.into_owned();
            let name = attribute.key;
            // Declarations of prefixes are of no interest once prefixes are gone.
            if name.as_namespace_binding().is_none() {
                element.attributes.push((name.local_name().into_inner().to_owned(), value));
            }
        }
        Ok(element)
    }
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                if open.len() == DEPTH_MAX {
                    return Err(format!("elements are nested deeper than {DEPTH_MAX}"));
                }
                open.push(Element::started(&tag)?);
            }
            Event::Empty(tag) => {
                let element = Element::started(&tag)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return rest_is_empty(&mut reader).map(|()| element),
                }
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { return Err("unexpected end".to_owned()) };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return rest_is_empty(&mut reader).map(|()| done),
                }
            }
            Event::Text(text) => add_text(&mut open, &text)?,
            Event::CData(text) => add_text(&mut open, &text)?,
            Event::GeneralRef(reference) => {
                let known = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => character.to_string(),
                    None => resolve_predefined_entity(&reference)
                        .ok_or_else(|| format!("unknown entity {}", &*reference))?
                        .to_owned(),
                };
                add_text(&mut open, &known)?;
            }
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return Err("unexpected end of file".to_owned()),
        }
    }
}

fn rest_is_empty(reader: &mut Reader<&[u8]>) -> Result<(), String> {
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Text(text) if text.trim().is_empty() => {}
            _ => return Err("content after the root element".to_owned()),
        }
    }
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
        None => return Err("text outside of the root element".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let element = Element::new("a").with("k", "<\"&'>").holding([
            Element::of("b", "x < y & \"z\""),
            Element::new("c"),
            Element::of("b", "ünï"),
        ]);

        assert_eq!(read(&element.document()), Ok(element));
    }

    #[test]
    fn prefixes_comments_and_sections_do_not_matter() {
        let text = "<?xml version='1.0'?><!-- x --><s:a xmlns:s='urn:s' xsi:type='t'>\
                    <s:b>1 &lt; <![CDATA[2 & 3]]>&#33;</s:b><c xsi:nil='true'/></s:a>\n";

        let read = read(text).unwrap();

        assert_eq!((read.name.as_str(), read.attribute("type")), ("a", Some("t")));
        assert_eq!(read.text_of("b"), "1 < 2 & 3!");
        assert!(read.child("c").unwrap().is_nil());
    }

    #[test]
    fn nonsense_bombs_and_towers_are_refused() {
        let tower = "<a>".repeat(100_000);
        let bomb = "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>";
        let table =
            ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a b='&no;'/>", "<a>&x;</a>", bomb, &tower];
        for text in table {
            assert!(read(text).is_err(), "{text:.40}");
        }
    }
}

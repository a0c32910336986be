//! A small XML document as a tree: what the TwiML reader reads its verbs from.
//!
//! Bounded in size and depth, without DTDs and own entities, since the answer of a server under
//! test is not to be trusted.

use std::collections::BTreeMap;

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

/// Twilio refuses documents above this size (error 11750), bytes.
const MAX_DOCUMENT: usize = 64 * 1024;
/// TwiML nests four deep at most; the rest is room for documents that are wrong.
const MAX_DEPTH: usize = 16;

/// A document that is not well-formed or not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the TwiML is not a usable XML document: {0}")]
pub struct XmlError(String);

/// One element with everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) children: Vec<Element>,
    /// The text directly inside, of all pieces, untrimmed.
    pub(super) text: String,
    /// The element as it was written.
    pub(super) raw: String,
}

impl Element {
    /// Reads the root element.
    pub(super) fn parse(document: &str) -> Result<Self, XmlError> {
        if document.len() > MAX_DOCUMENT {
            return Err(XmlError(format!("longer than {MAX_DOCUMENT} bytes")));
        }
        Builder { document, reader: Reader::from_str(document), open: Vec::new() }.run()
    }

    /// The attribute, if it was written.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

struct Builder<'a> {
    document: &'a str,
    reader: Reader<&'a [u8]>,
    /// The elements that are not closed yet, outermost first, each with where it starts.
    open: Vec<(usize, Element)>,
}

impl Builder<'_> {
    fn run(mut self) -> Result<Element, XmlError> {
        loop {
            let start = self.position();
            match self.reader.read_event().map_err(wrong)? {
                Event::Start(tag) => {
                    if self.open.len() >= MAX_DEPTH {
                        return Err(XmlError(format!("nested more than {MAX_DEPTH} deep")));
                    }
                    self.open.push((start, opened(&tag)?));
                }
                Event::Empty(tag) => {
                    let element = opened(&tag)?;
                    if let Some(root) = self.close(start, element) {
                        return Ok(root);
                    }
                }
                Event::End(_) => {
                    let Some((start, element)) = self.open.pop() else {
                        return Err(XmlError("a closing tag that nothing opened".to_owned()));
                    };
                    if let Some(root) = self.close(start, element) {
                        return Ok(root);
                    }
                }
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(entity) => self.text(&resolved(&entity)?)?,
                Event::DocType(_) => return Err(XmlError("it has a document type".to_owned())),
                Event::Eof => return Err(XmlError("it ends before its elements do".to_owned())),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Hangs a finished element below its parent, or returns it when it is the root.
    fn close(&mut self, start: usize, mut element: Element) -> Option<Element> {
        element.raw = self.document.get(start..self.position()).unwrap_or_default().to_owned();
        match self.open.last_mut() {
            Some((_, parent)) => {
                parent.children.push(element);
                None
            }
            None => Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some((_, element)) => element.text.push_str(text),
            None if text.trim().trim_start_matches('\u{feff}').is_empty() => {}
            None => return Err(XmlError("text outside of the root element".to_owned())),
        }
        Ok(())
    }
}

fn opened(tag: &BytesStart<'_>) -> Result<Element, XmlError> {
    let mut element = Element { name: tag.name().into_inner().to_owned(), ..Element::default() };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(wrong)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(wrong)?;
        element.attributes.insert(attribute.key.into_inner().to_owned(), value.into_owned());
    }
    Ok(element)
}

fn resolved(entity: &BytesRef<'_>) -> Result<String, XmlError> {
    if let Some(character) = entity.resolve_char_ref().map_err(wrong)? {
        return Ok(character.to_string());
    }
    resolve_predefined_entity(entity)
        .map(str::to_owned)
        .ok_or_else(|| XmlError(format!("unknown entity &{};", &**entity)))
}

fn wrong(error: impl std::fmt::Display) -> XmlError {
    XmlError(error.to_string())
}

//! TwiML: the XML that tells Twilio what to do with a call.
//!
//! The webhooks build a [`Response`] of typed verbs and send its text. Every value is escaped
//! here, once, so words of a caller or a persona cannot become markup.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
    writer::ElementWriter,
};

mod dial;
mod gather;
mod queue;
mod relay;
mod values;

pub use dial::Dial;
pub use gather::{Gather, Play};
pub use queue::{Enqueue, Task};
pub use relay::{Clash, ConversationRelay, Language, Parameter, RelayAttributes};
pub use values::{
    AttributeError, DebugMode, EotThreshold, Events, Interruptible, LanguageTag, Sensitivity,
    SpeechTimeout, Subscription, Text, TextNormalization, TranscriptionProvider, TtsProvider,
    Voice, Word,
};

/// How Twilio shall deliver a webhook. It reads this from the fragment of an address; the fragment
/// is neither sent nor signed.
///
/// `rc=2`: two retries (default 1). `rp=ct,rt,5xx`: after a connect timeout, a read timeout or a
/// server error (default connect timeouts alone). `ct=1000`, `rt=4000`: milliseconds to connect
/// and to read. `tt=15000`: milliseconds for all of it, the ceiling of a voice webhook. Three tries
/// fit, so a caller is not lost to an instance that stops in that moment.
const DELIVERY: &str = "#rc=2&rp=ct,rt,5xx&ct=1000&rt=4000&tt=15000";

/// The address of a webhook that decides about a call, with retries.
///
/// `public_url` is scheme, host and port; `path` begins with `/`.
#[must_use]
pub fn action_url(public_url: &str, path: &str) -> String {
    format!("{}{path}{DELIVERY}", public_url.trim_end_matches('/'))
}

/// Media type of a TwiML answer.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// A TwiML document. Without verbs it ends the call, or leaves a finished one alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    verbs: Vec<Verb>,
}

impl Response {
    /// A document without verbs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what Twilio does next.
    #[must_use]
    pub fn then(mut self, verb: impl Into<Verb>) -> Self {
        self.verbs.push(verb.into());
        self
    }

    /// The document as text.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::new(Vec::new());
        // Writing to memory does not fail, and what is written is UTF-8: no default is taken.
        self.write(&mut xml).unwrap_or_default();
        String::from_utf8(xml.into_inner()).unwrap_or_default()
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        element(xml, "Response", &[], &self.verbs, Verb::write)
    }
}

/// One instruction.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Hand the call to a ConversationRelay session.
    Connect(Box<Connect>),
    /// Put the call into the queue of a TaskRouter workflow.
    Enqueue(Box<Enqueue>),
    /// Take the call out of its queue: from a waiting caller's document back to the `action` of
    /// the [`Enqueue`].
    Leave,
    /// Call somebody and connect the two.
    Dial(Box<Dial>),
    /// Wait for keys.
    Gather(Gather),
    /// Speak.
    Say(Say),
    /// Play a recording.
    Play(Play),
    /// Be silent.
    Pause {
        /// For so many seconds.
        seconds: u32,
    },
    /// Go on with the TwiML of another address.
    Redirect {
        /// Where it is.
        url: String,
        /// How to ask for it.
        method: Method,
    },
    /// End the call.
    Hangup,
}

impl From<Say> for Verb {
    fn from(say: Say) -> Self {
        Self::Say(say)
    }
}

impl From<Connect> for Verb {
    fn from(connect: Connect) -> Self {
        Self::Connect(Box::new(connect))
    }
}

impl From<Enqueue> for Verb {
    fn from(enqueue: Enqueue) -> Self {
        Self::Enqueue(Box::new(enqueue))
    }
}

impl From<Dial> for Verb {
    fn from(dial: Dial) -> Self {
        Self::Dial(Box::new(dial))
    }
}

impl From<Gather> for Verb {
    fn from(gather: Gather) -> Self {
        Self::Gather(gather)
    }
}

impl From<Play> for Verb {
    fn from(play: Play) -> Self {
        Self::Play(play)
    }
}

impl Verb {
    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        match self {
            Self::Connect(connect) => connect.write(xml),
            Self::Enqueue(enqueue) => enqueue.write(xml),
            Self::Leave => empty(xml, "Leave", &[]),
            Self::Dial(dial) => dial.write(xml),
            Self::Gather(gather) => gather.write(xml),
            Self::Say(say) => say.write(xml),
            Self::Play(play) => play.write(xml),
            Self::Pause { seconds } => empty(xml, "Pause", &[("length", seconds.to_string())]),
            Self::Redirect { url, method } => {
                text(xml, "Redirect", &[("method", method.as_str().to_owned())], url)
            }
            Self::Hangup => empty(xml, "Hangup", &[]),
        }
    }
}

/// How Twilio asks for the next document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// With a form. What Twilio does when nothing is said.
    #[default]
    Post,
    /// With a query string.
    Get,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
        }
    }
}

/// `<Say>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Say {
    /// The words.
    pub text: String,
    /// The voice in the notation of this verb: `Polly.Joanna-Neural`, `Google.en-US-Journey-F`.
    pub voice: Option<String>,
    /// What it is spoken in.
    pub language: Option<LanguageTag>,
}

impl Say {
    /// Words in the account's own voice.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let language = self.language.as_ref().map(ToString::to_string);
        let all = [("voice", self.voice.clone()), ("language", language)];
        let given = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        text(xml, "Say", &given.collect::<Vec<_>>(), &self.text)
    }
}

/// `<Connect>` with a ConversationRelay session inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// Whom Twilio asks when the session has ended, see [`action_url`]. Without it there is neither
    /// reconnection nor hand-off.
    pub action: Option<String>,
    /// How it asks.
    pub method: Method,
    /// The session.
    pub relay: ConversationRelay,
}

impl Connect {
    /// A session whose end is posted to `action`.
    #[must_use]
    pub fn new(action: impl Into<String>, relay: ConversationRelay) -> Self {
        Self { action: Some(action.into()), method: Method::Post, relay }
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let attributes = match &self.action {
            Some(action) => {
                vec![("action", action.clone()), ("method", self.method.as_str().to_owned())]
            }
            None => Vec::new(),
        };
        element(xml, "Connect", &attributes, std::slice::from_ref(&self.relay), |relay, xml| {
            relay.write(xml)
        })
    }
}

/// Where a document is written: memory.
type Xml = Writer<Vec<u8>>;

/// Names and unescaped values.
type Attributes = [(&'static str, String)];

/// Writes an element around its children, or an empty one.
fn element<T>(
    xml: &mut Xml,
    name: &'static str,
    attributes: &Attributes,
    children: &[T],
    write: impl Fn(&T, &mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    if children.is_empty() {
        return empty(xml, name, attributes);
    }
    start(xml, name, attributes)
        .write_inner_content(|xml| children.iter().try_for_each(|child| write(child, xml)))?;
    Ok(())
}

fn empty(xml: &mut Xml, name: &'static str, attributes: &Attributes) -> io::Result<()> {
    start(xml, name, attributes).write_empty()?;
    Ok(())
}

fn text(xml: &mut Xml, name: &'static str, attributes: &Attributes, words: &str) -> io::Result<()> {
    start(xml, name, attributes).write_text_content(BytesText::new(&permitted(words)))?;
    Ok(())
}

/// Begins an element. This and [`text`] are the only places where text becomes XML.
fn start<'a>(
    xml: &'a mut Xml,
    name: &'static str,
    attributes: &Attributes,
) -> ElementWriter<'a, Vec<u8>> {
    let clean: Vec<(&str, String)> =
        attributes.iter().map(|(name, value)| (*name, permitted(value))).collect();
    xml.create_element(name)
        .with_attributes(clean.iter().map(|(name, value)| (*name, value.as_str())))
}

/// `text` without the characters that XML 1.0 has no way to write, escaped or not (section 2.2).
fn permitted(text: &str) -> String {
    let plane_0 = |c: char| matches!(c, ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}');
    let fits = |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{10000}'..) || plane_0(*c);
    text.chars().filter(fits).collect()
}

#[cfg(test)]
mod tests;

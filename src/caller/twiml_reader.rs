//! TwiML as the other side reads it: a document becomes a list of typed verbs.
//!
//! Source: <https://www.twilio.com/docs/voice/twiml/connect/conversationrelay>. What Twilio would
//! only warn about (an attribute it does not know) is a warning here as well; what it would end
//! the call for is an error.

pub use self::passing::{Dial, Enqueue, Gather, Task};
use super::{
    address::loopback_port,
    element::{Element, XmlError},
    relay::Relay,
};

mod passing;

/// How long a `<Pause>` without a length lasts, seconds.
const DEFAULT_PAUSE: u64 = 1;

/// A document that Twilio would not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// Not XML.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Another root than `<Response>`.
    #[error("the TwiML starts with <{0}> instead of <Response>")]
    Root(String),
    /// A verb that lacks what makes it useful, or says what it cannot say.
    #[error("<{verb}> {problem}")]
    Verb {
        /// The element.
        verb: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An `<Enqueue>` that Twilio refuses.
    #[error("<Enqueue> is refused with error {code}: {problem}")]
    Queue {
        /// Twilio's.
        code: u32,
        /// What is wrong with it.
        problem: String,
    },
}

/// One thing Twilio is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Words for the caller, spoken by Twilio.
    Say {
        /// What is said, trimmed.
        text: String,
    },
    /// An audio file.
    Play {
        /// Where it is.
        url: String,
    },
    /// Silence.
    Pause {
        /// How long.
        seconds: u64,
    },
    /// The call is over.
    Hangup,
    /// Another document goes on.
    Redirect {
        /// Where it is, as written; empty means the present one.
        url: String,
        /// `GET` or `POST`.
        method: String,
    },
    /// The ConversationRelay session.
    Connect(Box<Connect>),
    /// The caller waits for a person.
    Enqueue(Enqueue),
    /// Somebody else is dialled.
    Dial(Dial),
    /// Keys are awaited.
    Gather(Gather),
    /// The caller leaves the queue.
    Leave,
    /// A verb that only matters to real telephony.
    Other {
        /// Its name.
        name: String,
        /// The element as written.
        raw: String,
    },
}

/// `<Connect>` with its `<ConversationRelay>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connect {
    /// What is requested when the session ends, as written.
    pub action: Option<String>,
    /// How it is requested.
    pub method: String,
    /// The session's settings.
    pub relay: Relay,
}

/// Reads a document. An empty one, and an empty `<Response/>`, have no verbs.
///
/// # Errors
/// When it is not TwiML that Twilio would follow.
pub fn read(document: &str) -> Result<Vec<Verb>, TwimlError> {
    if document.trim().is_empty() {
        return Ok(Vec::new());
    }
    let root = Element::parse(document)?;
    if root.name != "Response" {
        return Err(TwimlError::Root(root.name));
    }
    root.children.iter().map(verb).collect()
}

fn verb(element: &Element) -> Result<Verb, TwimlError> {
    let text = element.text.trim().to_owned();
    Ok(match element.name.as_str() {
        "Say" => Verb::Say { text },
        "Play" => Verb::Play { url: text },
        "Pause" => Verb::Pause { seconds: pause(element)? },
        "Hangup" | "Reject" => Verb::Hangup,
        "Redirect" => Verb::Redirect { url: text, method: method(element, "method")? },
        "Connect" => Verb::Connect(Box::new(connect(element)?)),
        "Enqueue" => Verb::Enqueue(passing::enqueue(element)?),
        "Dial" => Verb::Dial(passing::dial(element)?),
        "Gather" => Verb::Gather(passing::gather(element)?),
        "Leave" => Verb::Leave,
        name => Verb::Other { name: name.to_owned(), raw: element.raw.clone() },
    })
}

fn pause(element: &Element) -> Result<u64, TwimlError> {
    element.attribute("length").map_or(Ok(DEFAULT_PAUSE), |length| {
        length.parse().map_err(|_| wrong(element, format!("has the length {length:?}")))
    })
}

fn method(element: &Element, name: &str) -> Result<String, TwimlError> {
    let method = element.attribute(name).unwrap_or("POST").to_ascii_uppercase();
    match method.as_str() {
        "GET" | "POST" => Ok(method),
        _ => Err(wrong(element, format!("has the {name} {method:?}"))),
    }
}

fn connect(element: &Element) -> Result<Connect, TwimlError> {
    let [session] = element.children.as_slice() else {
        let found = element.children.len();
        return Err(wrong(element, format!("has {found} children instead of one")));
    };
    if session.name != "ConversationRelay" {
        return Err(wrong(element, format!("connects to <{}>", session.name)));
    }
    let url = session.attribute("url").unwrap_or_default();
    // Twilio takes `wss://` alone; an engine on one's own machine has no certificate.
    let own = url.starts_with("ws://") && loopback_port(url).is_some();
    if !(url.starts_with("wss://") || own) {
        return Err(wrong(session, format!("has the url {url:?}, which is not wss://")));
    }
    Ok(Connect {
        action: element.attribute("action").map(str::to_owned),
        method: method(element, "method")?,
        relay: relay(session)?,
    })
}

fn relay(element: &Element) -> Result<Relay, TwimlError> {
    let mut relay = Relay { attributes: element.attributes.clone(), ..Relay::default() };
    for child in &element.children {
        match child.name.as_str() {
            "Language" if child.attribute("code").is_some() => {
                relay.languages.push(child.attributes.clone());
            }
            "Language" => return Err(wrong(child, "has no code".to_owned())),
            "Parameter" => {
                let (Some(name), Some(value)) = (child.attribute("name"), child.attribute("value"))
                else {
                    return Err(wrong(child, "lacks its name or value".to_owned()));
                };
                relay.parameters.insert(name.to_owned(), value.to_owned());
            }
            // `<Failover>` is documented, its attributes could not be read.
            "Failover" => {}
            name => return Err(wrong(element, format!("contains <{name}>"))),
        }
    }
    relay.check().map_err(|problem| wrong(element, problem))?;
    Ok(relay)
}

fn wrong(element: &Element, problem: String) -> TwimlError {
    TwimlError::Verb { verb: element.name.clone(), problem }
}

#[cfg(test)]
mod tests;

//! The body of a request. What all questions of a persona begin with is most of it: that is written
//! once and shared, and goes out in pieces, so that no answer keeps a copy while it is written.

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use awc::body::{BodySize, MessageBody};
use bytes::Bytes;
use serde_json::json;
use switchhook_actors::domain::prompt::{Message, Prompt, Tools};

use super::{message, tools};

/// How much awc is given at once, bytes. It copies what it is given and flushes at 8 KiB.
const PIECE: usize = 8 * 1024;

/// Writes bodies. It belongs to a thread, and so to one persona nearly always.
#[derive(Debug)]
pub(super) struct Bodies {
    /// What stands before the first message, as JSON.
    opening: Vec<u8>,
    /// The message that the last conversation began with, and the opening with it.
    shared: RefCell<Option<(Arc<str>, Bytes)>>,
    endings: Endings,
}

/// What stands behind the last message, as JSON: the tools are there so that the beginning, which
/// providers keep from question to question, is the same for all of them.
#[derive(Debug)]
struct Endings {
    plain: Bytes,
    /// With [`Tools::Escalate`] and with [`Tools::Stay`]; none for a server that takes no tools.
    offering: Option<[Bytes; 2]>,
}

impl Endings {
    fn new(with_tools: bool) -> Self {
        let ending = |tools| Bytes::from(format!("]{}}}", tools::fields(tools)));
        let offering = with_tools.then(|| [ending(Tools::Escalate), ending(Tools::Stay)]);
        Self { plain: ending(Tools::None), offering }
    }

    fn of(&self, tools: Tools) -> Bytes {
        let ending = match (tools, &self.offering) {
            (Tools::Escalate, Some([escalate, _])) => escalate,
            (Tools::Stay, Some([_, stay])) => stay,
            (Tools::None, _) | (_, None) => &self.plain,
        };
        ending.clone()
    }
}

impl Bodies {
    /// Bodies that say this besides the conversation,
    /// <https://platform.openai.com/docs/api-reference/chat/create>. Without `with_tools` they offer
    /// none, and tell of none that was called before.
    pub(super) fn new(model: &str, temperature: f64, max_tokens: u32, with_tools: bool) -> Self {
        let mut opening = json!({
            "model": model,
            "stream": true,
            "temperature": temperature,
            "max_tokens": max_tokens,
        })
        .to_string();
        opening.pop();
        opening.push_str(",\"messages\":[");
        let endings = Endings::new(with_tools);
        Self { opening: opening.into(), shared: RefCell::default(), endings }
    }

    /// The body that puts this conversation to the model.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    pub(super) fn write(&self, prompt: &Prompt) -> serde_json::Result<Body> {
        let (first, others) = match prompt.messages.split_first() {
            Some((first, others)) => (self.opened_with(first)?, others),
            None => (Bytes::from(self.opening.clone()), [].as_slice()),
        };
        let mut rest = Vec::new();
        let with_tools = self.endings.offering.is_some();
        for said in others.iter().filter(|said| message::is_told(said, with_tools)) {
            rest.push(b',');
            message::write(said, with_tools, &mut rest)?;
        }
        let parts = [first, rest.into(), self.endings.of(prompt.tools)];
        Ok(Body { parts: parts.into_iter().filter(|part| !part.is_empty()).collect() })
    }

    /// The opening and the first message, which is the persona's.
    fn opened_with(&self, message: &Message) -> serde_json::Result<Bytes> {
        let mut shared = self.shared.borrow_mut();
        if let Some((known, written)) = &*shared
            && Arc::ptr_eq(known, &message.content)
        {
            return Ok(written.clone());
        }
        let mut written = self.opening.clone();
        message::write(message, self.endings.offering.is_some(), &mut written)?;
        let written = Bytes::from(written);
        *shared = Some((Arc::clone(&message.content), written.clone()));
        Ok(written)
    }
}

/// A body on its way.
#[derive(Debug)]
pub(super) struct Body {
    parts: VecDeque<Bytes>,
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.parts.iter().map(|part| part.len() as u64).sum())
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let piece = self.parts.front_mut().map(|part| part.split_to(PIECE.min(part.len())));
        if self.parts.front().is_some_and(Bytes::is_empty) {
            self.parts.pop_front();
        }
        Poll::Ready(piece.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use switchhook_actors::domain::{answer::ToolCall, prompt::Speaker};

    use super::*;

    fn bodies() -> Bodies {
        Bodies::new("m", 0.7, 150, true)
    }

    fn message(role: Speaker, content: &Arc<str>) -> Message {
        Message::new(role, Arc::clone(content))
    }

    fn pieces(mut body: Body) -> Vec<Bytes> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let size = body.size();
        let next = || match Pin::new(&mut body).poll_next(&mut context) {
            Poll::Ready(piece) => piece.map(Result::unwrap),
            Poll::Pending => panic!("it never waits"),
        };
        let pieces: Vec<_> = std::iter::from_fn(next).collect();
        let length = pieces.iter().map(Bytes::len).sum::<usize>();
        assert_eq!(size, BodySize::Sized(length as u64));
        pieces
    }

    fn read(body: Body) -> Value {
        serde_json::from_slice(&pieces(body).concat()).unwrap()
    }

    #[test]
    fn a_body_is_the_settings_and_every_message_in_order() {
        let system: Arc<str> = "You are \"Owl\".\n".repeat(2_000).into();
        let words: Arc<str> = "ça \\ va?".into();
        let messages = vec![message(Speaker::System, &system), message(Speaker::User, &words)];
        let bodies = bodies();
        for prompt in [
            Prompt { messages: messages.clone(), tools: Tools::None },
            Prompt { messages, tools: Tools::None },
        ] {
            let expected = json!({
                "model": "m", "stream": true, "temperature": 0.7, "max_tokens": 150,
                "messages": [
                    {"role": "system", "content": &*system}, {"role": "user", "content": &*words},
                ],
            });
            assert_eq!(read(bodies.write(&prompt).unwrap()), expected);
        }
        assert_eq!(
            read(bodies.write(&Prompt { messages: vec![], tools: Tools::None }).unwrap())["messages"],
            json!([])
        );
    }

    #[test]
    fn the_persona_is_written_once_until_it_is_another() {
        let (one, other): (Arc<str>, Arc<str>) = ("One.".repeat(5_000).into(), "Other.".into());
        let ask = |content| Prompt {
            messages: vec![message(Speaker::System, content)],
            tools: Tools::None,
        };
        let bodies = bodies();
        let first = |prompt| pieces(bodies.write(&prompt).unwrap()).swap_remove(0);
        let before = first(ask(&one));
        assert_eq!(before.len(), PIECE, "it goes out in pieces");
        assert_eq!(first(ask(&one)).as_ptr(), before.as_ptr());
        assert_eq!(read(bodies.write(&ask(&other)).unwrap())["messages"][0]["content"], "Other.");
        assert_ne!(first(ask(&one)).as_ptr(), before.as_ptr());
    }

    /// What tools a body of that prompt offers.
    fn offered(bodies: &Bodies, prompt: &Prompt) -> Vec<String> {
        let body = read(bodies.write(prompt).unwrap());
        let names = body["tools"].as_array().into_iter().flatten();
        names.map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn all_sets_of_tools_share_one_beginning() {
        let system: Arc<str> = "One.".repeat(5_000).into();
        let bodies = bodies();
        let mut beginnings = Vec::new();
        for (tools, names) in [
            (Tools::None, vec![]),
            (Tools::Escalate, vec!["escalate_to_human"]),
            (Tools::Stay, vec!["stay"]),
        ] {
            let prompt = Prompt { messages: vec![message(Speaker::System, &system)], tools };
            assert_eq!(offered(&bodies, &prompt), names);
            beginnings.push(pieces(bodies.write(&prompt).unwrap()).swap_remove(0).as_ptr());
        }
        assert!(beginnings.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_server_that_takes_no_tools_is_told_of_none() {
        let bodies = Bodies::new("m", 0.7, 150, false);
        let call = ToolCall { id: "1".into(), name: "stay".into(), arguments: "{}".into() };
        let about = |role, words: &str| Message::about(role, words, call.clone());
        let messages = vec![
            message(Speaker::System, &"One.".into()),
            about(Speaker::Assistant, "One moment."),
            about(Speaker::Tool, "done"),
            about(Speaker::Assistant, ""),
            message(Speaker::User, &"And?".into()),
        ];
        for tools in [Tools::None, Tools::Escalate, Tools::Stay] {
            let prompt = Prompt { messages: messages.clone(), tools };
            let body = read(bodies.write(&prompt).unwrap());
            let expected = json!([
                {"role": "system", "content": "One."},
                {"role": "assistant", "content": "One moment."},
                {"role": "user", "content": "And?"},
            ]);
            assert_eq!((&body["messages"], body.get("tools")), (&expected, None));
        }
    }
}

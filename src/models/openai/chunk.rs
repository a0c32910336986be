//! The wire format of an answer, and the pure reader that makes events of it.
//!
//! Tolerant where providers differ (extra fields, nulls, empty choices, no `[DONE]`), strict where a
//! caller would hear the difference.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;
use switchhook_actors::domain::answer::{AnswerEvent, Finish, ModelFailure};

use super::failure::{self, Cause};

/// The data of the event that ends a stream.
const DONE: &str = "[DONE]";

/// `chat.completion.chunk` in a stream, `chat.completion` as a whole; or an error.
#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// In a stream.
    delta: Option<Words>,
    /// As a whole.
    message: Option<Words>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Words {
    content: Option<String>,
    /// What the model says instead when it declines; the caller shall hear it.
    refusal: Option<String>,
}

/// Reads the data of an event stream as an answer.
#[derive(Debug, Default)]
pub(super) struct AnswerParser {
    over: bool,
}

impl AnswerParser {
    /// Whether `Done` or `Failed` has come; nothing follows it.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Takes the data of one server-sent event.
    pub(super) fn take(&mut self, data: &str, events: &mut VecDeque<AnswerEvent>) {
        if self.over || data.trim_ascii().is_empty() {
            return;
        }
        if data.trim_ascii() == DONE {
            return self.finish(Finish::Stop, events);
        }
        match read(data.as_bytes()) {
            Ok(choice) => self.choice(choice, events),
            Err(failure) => self.fail(failure, events),
        }
    }

    /// Takes a whole answer from a server that does not stream.
    pub(super) fn take_whole(&mut self, body: &[u8], events: &mut VecDeque<AnswerEvent>) {
        match read(body) {
            Ok(Some(choice)) if choice.message.is_some() => {
                self.choice(Some(choice), events);
                self.finish(Finish::Stop, events);
            }
            Ok(_) => self.fail(failure::garbage("a JSON body without an answer"), events),
            Err(failure) => self.fail(failure, events),
        }
    }

    /// The body has ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<AnswerEvent>) {
        self.fail(failure::cut("the body ended before the answer"), events);
    }

    /// The answer will not come to its end.
    pub(super) fn fail(&mut self, failure: ModelFailure, events: &mut VecDeque<AnswerEvent>) {
        if !std::mem::replace(&mut self.over, true) {
            events.push_back(AnswerEvent::Failed(failure));
        }
    }

    fn finish(&mut self, finish: Finish, events: &mut VecDeque<AnswerEvent>) {
        if !std::mem::replace(&mut self.over, true) {
            events.push_back(AnswerEvent::Done(finish));
        }
    }

    fn choice(&mut self, choice: Option<Choice>, events: &mut VecDeque<AnswerEvent>) {
        let Some(choice) = choice else { return };
        let words = choice.delta.or(choice.message);
        let texts = words.map(|words| [words.content, words.refusal]);
        for text in texts.into_iter().flatten().flatten().filter(|text| !text.is_empty()) {
            if text.contains('\0') {
                return self.fail(failure::garbage("a NUL in the answer"), events);
            }
            events.push_back(AnswerEvent::Token(text));
        }
        match choice.finish_reason.as_deref() {
            // Some servers send an empty one with every chunk.
            None | Some("") => {}
            Some("length") => self.finish(Finish::Length, events),
            Some("content_filter") => self.finish(Finish::Filtered, events),
            Some(_) => self.finish(Finish::Stop, events),
        }
    }
}

/// The first choice of a chunk; none in the one that counts tokens (`choices: []`).
fn read(json: &[u8]) -> Result<Option<Choice>, ModelFailure> {
    let broken = |_| failure::garbage("an event that is not a chat completion");
    let chunk: Chunk = serde_json::from_slice(json).map_err(broken)?;
    if let Some(error) = chunk.error {
        return Err(failure::upstream(&Cause::of_error(&error)));
    }
    let Some(choices) = chunk.choices else {
        // vLLM before 0.10 sends the error object bare.
        let value: Value = serde_json::from_slice(json).map_err(broken)?;
        return match value.get("object").and_then(Value::as_str) {
            Some("error") => Err(failure::upstream(&Cause::of_error(&value))),
            _ => Ok(None),
        };
    };
    Ok(choices.into_iter().next())
}

#[cfg(test)]
mod tests;

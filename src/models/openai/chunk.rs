//! The wire format of an answer, and the pure reader that makes events of it.
//!
//! Tolerant where providers differ (extra fields, nulls, empty choices, no `[DONE]`), strict where a
//! caller would hear the difference.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;
use switchhook_actors::domain::answer::{AnswerEvent, Finish, ModelFailure};

use super::{
    calls::Calls,
    failure::{self, Cause},
    words::Words,
};

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
    delta: Option<Said>,
    /// As a whole.
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Said {
    content: Option<String>,
    /// What the model says instead when it declines; the caller shall hear it.
    refusal: Option<String>,
    /// Tools that the model calls, or fragments of that.
    tool_calls: Option<Value>,
    /// The same in the notation before: one call.
    function_call: Option<Value>,
}

/// Reads the data of an event stream as an answer.
#[derive(Debug, Default)]
pub(super) struct AnswerParser {
    over: bool,
    /// The model has declined, in words of its own.
    declined: bool,
    words: Words,
    calls: Calls,
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
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        events.extend(self.words.finish().map(AnswerEvent::Token));
        let finish = match finish {
            Finish::Stop if self.declined => Finish::Refused,
            other => other,
        };
        // Any other end may have come in the middle of a call: half a call is none.
        if finish == Finish::Stop {
            events.extend(self.calls.finish().into_iter().map(AnswerEvent::Called));
        }
        events.push_back(AnswerEvent::Done(finish));
    }

    fn choice(&mut self, choice: Option<Choice>, events: &mut VecDeque<AnswerEvent>) {
        let Some(choice) = choice else { return };
        let said = choice.delta.or(choice.message).unwrap_or_default();
        let Said { content, refusal, tool_calls, function_call } = said;
        tool_calls.iter().for_each(|list| self.calls.take(list));
        function_call.iter().for_each(|function| self.calls.take_legacy(function));
        self.declined |= refusal.as_ref().is_some_and(|text| !text.is_empty());
        let texts = [content, refusal].into_iter().flatten();
        events.extend(texts.filter_map(|text| self.words.push(text)).map(AnswerEvent::Token));
        match choice.finish_reason.as_deref() {
            // Some servers send an empty one with every chunk.
            None | Some("") => {}
            Some("length") => self.finish(Finish::Length, events),
            Some("content_filter") => self.finish(Finish::Filtered, events),
            // Claude's, which some bridges hand through.
            Some("refusal") => self.finish(Finish::Refused, events),
            Some(_) => self.finish(Finish::Stop, events),
        }
    }
}

/// The first choice of a chunk; none in the one that counts tokens (`choices: []`).
fn read(json: &[u8]) -> Result<Option<Choice>, ModelFailure> {
    let broken = |_: serde_json::Error| failure::garbage("an event that is not a chat completion");
    let chunk: Chunk = match serde_json::from_slice(json) {
        Ok(chunk) => chunk,
        // Some servers forget to escape the control characters of a token.
        Err(_) if json.iter().any(u8::is_ascii_control) => {
            serde_json::from_slice(&without_controls(json)).map_err(broken)?
        }
        Err(error) => return Err(broken(error)),
    };
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

/// The JSON with a space for each bare control character, which no voice speaks anyway.
fn without_controls(json: &[u8]) -> Vec<u8> {
    json.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect()
}

#[cfg(test)]
mod tests;

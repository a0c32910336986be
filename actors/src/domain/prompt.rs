//! What a model is asked: the persona, then as much of the conversation as fits.

use std::sync::Arc;

use serde::Serialize;

/// Who speaks in a prompt, in the words of the chat completions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The persona and the rules.
    System,
    /// The caller.
    User,
    /// The agent.
    Assistant,
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Speaker,
    /// The words. Shared, since the persona stands at the head of every prompt.
    pub content: Arc<str>,
}

/// A question to a model, with everything it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// In order: the system message, then the conversation, the caller's last words at the end.
    pub messages: Vec<Message>,
}

//! What a model is asked: the persona, then as much of the conversation as fits.
//!
//! A session keeps one [`PromptBuilder`] for its persona and asks it for a [`Prompt`] per turn. For a
//! person who takes over, [`summary_prompt`] asks what the call was about. How a prompt looks on a
//! wire is the adapter's affair.

use std::{collections::VecDeque, sync::Arc};

use super::{
    answer::ToolCall,
    persona::Persona,
    transcript::{Reason, Role, Transcript, Turn},
};

pub use self::summary::summary_prompt;

mod summary;
#[cfg(test)]
mod tests;

/// How the model shall speak and which marks the engine listens for.
///
/// They stand after the persona, so that nothing in it is the last word on them.
const RULES: &str = include_str!("prompt/rules.md");

/// Bytes per token, on the low side for English (about 4), so that the estimate errs on the safe
/// side for it and roughly holds for other languages.
const BYTES_PER_TOKEN: usize = 3;

/// Stands behind the words that were heard when the caller spoke over the rest.
const CUT_OFF: &str = " [cut off by the caller]";

/// Stands behind the words that were heard when the answer itself failed.
const BROKEN: &str = " [broke off here]";

/// Stands behind the words that were heard when the engine that spoke them died.
const LINE_FAILED: &str = " [the line failed here]";

/// Who speaks in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The persona and the rules.
    System,
    /// The caller.
    User,
    /// The agent.
    Assistant,
    /// The engine, on a tool that the agent called.
    Tool,
}

/// The tool with which a model hands the caller to a person.
pub const ESCALATE_TOOL: &str = "escalate_to_human";

/// The tool with which a model says that the caller would rather stay.
pub const STAY_TOOL: &str = "stay";

/// What a model may do besides speaking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tools {
    /// Nothing.
    None,
    /// Hand the caller to a person: [`ESCALATE_TOOL`].
    #[default]
    Escalate,
    /// Say that the caller takes the wish for a person back: [`STAY_TOOL`].
    Stay,
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Speaker,
    /// The words. Shared, since the persona stands at the head of every prompt.
    pub content: Arc<str>,
    /// The tool that the agent called with these words, or that they are the outcome of.
    pub call: Option<ToolCall>,
}

impl Message {
    /// Words alone.
    #[must_use]
    pub fn new(role: Speaker, content: impl Into<Arc<str>>) -> Self {
        Self { role, content: content.into(), call: None }
    }

    /// A tool that the agent called ([`Speaker::Assistant`]), or what came of it ([`Speaker::Tool`]).
    #[must_use]
    pub fn about(role: Speaker, content: impl Into<Arc<str>>, call: ToolCall) -> Self {
        Self { role, content: content.into(), call: Some(call) }
    }
}

/// A question to a model, with everything it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// In order: the system message, then the conversation, the caller's last words at the end.
    pub messages: Vec<Message>,
    /// What the model may do besides speaking.
    pub tools: Tools,
}

/// Writes the prompts of a persona. Its system message is built once and shared by all of them.
#[derive(Debug, Clone)]
pub struct PromptBuilder {
    system: Arc<str>,
}

impl PromptBuilder {
    /// The system message of that persona: who speaks, the body with its knowledge, the rules.
    #[must_use]
    pub fn new(persona: &Persona) -> Self {
        let mut system = format!(
            "You are the voice of {} on the telephone.\n\n{}\n\n{RULES}",
            persona.name, persona.body
        );
        if let Some(language) = &persona.language {
            system.push_str(&format!("- Speak the language with the tag {language}.\n"));
        }
        Self { system: system.into() }
    }

    /// The conversation, cut to a budget of tokens (see [`tokens`]); the system message comes on top
    /// of it.
    ///
    /// The oldest turns go first, each as a whole. The caller's last turn stays, whatever it costs.
    /// Turns without words are left out. Behind an answer that was cut short stands why, in square
    /// brackets: a note that only the model sees.
    #[must_use]
    pub fn window(&self, transcript: &Transcript, budget_tokens: usize) -> Prompt {
        let system = Message::new(Speaker::System, Arc::clone(&self.system));
        let turns = transcript.turns().iter().filter(|turn| !turn.text.trim().is_empty());
        let mut kept: VecDeque<Message> = turns.map(message).collect();
        let mut cost: usize = kept.iter().map(|said| tokens(&said.content)).sum();

        let last = kept.iter().rposition(|said| said.role == Speaker::User);
        let (mut dropped, mut asked) = (0, None);
        while cost > budget_tokens {
            let Some(oldest) = kept.pop_front() else { break };
            if Some(dropped) == last {
                asked = Some(oldest);
            } else {
                cost -= tokens(&oldest.content);
            }
            dropped += 1;
        }
        let messages = [system].into_iter().chain(asked).chain(kept).collect();
        Prompt { messages, tools: Tools::default() }
    }
}

/// What a text costs, estimated: a third of its bytes, rounded up.
#[must_use]
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}

fn message(turn: &Turn) -> Message {
    match turn.role {
        Role::Customer => Message::new(Speaker::User, turn.text.as_str()),
        Role::Agent => {
            let note = note(turn);
            let content = format!("{}{note}", turn.text.trim_end());
            Message::new(Speaker::Assistant, content)
        }
    }
}

/// What the model is told about an answer that is not whole.
fn note(turn: &Turn) -> &'static str {
    match turn.reason {
        Some(Reason::TakenOver) if turn.open || turn.interrupted => LINE_FAILED,
        Some(reason) if reason.is_failure() || reason == Reason::Length => BROKEN,
        _ if turn.interrupted => CUT_OFF,
        _ => "",
    }
}

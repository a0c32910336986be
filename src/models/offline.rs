//! A model without a network: it answers from the persona's own knowledge.
//!
//! The gateway uses it when no provider is configured, so that a fresh machine can hold a call. It
//! finds the sentences that answer a question (`knowledge`), streams them like a model does, and
//! writes the same marks. It says that it does not know rather than guess. Its own few words are
//! English; everything else is the persona's.

mod knowledge;
#[cfg(test)]
mod tests;
mod words;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream};
use switchhook_actors::{
    domain::{
        answer::{AnswerEvent, Finish, ModelFailure},
        persona::Persona,
        prompt::{Prompt, Speaker},
    },
    llm_gateway::model::{AnswerStream, Model},
};
use tokio::time::sleep;

use self::{
    knowledge::{Finding, Knowledge},
    words::Heard,
};

/// How many of the caller's earlier turns a follow-up may refer to.
const CONTEXT_TURNS: usize = 3;

/// What it says first when it does not know.
const UNKNOWN: &str = "I am sorry, I do not know that.";

/// What it says when the caller only confirms something.
const ANYTHING_ELSE: &str = "Is there anything else I can help you with?";

/// How fast words come, like those of a model behind a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From the question to the first word.
    pub first: Duration,
    /// From one word to the next.
    pub gap: Duration,
}

impl Default for Pace {
    /// About what a small hosted model does: 200 ms, then 50 words a second.
    fn default() -> Self {
        Self { first: Duration::from_millis(200), gap: Duration::from_millis(20) }
    }
}

/// The offline model of a persona.
pub struct Offline {
    persona: Arc<Persona>,
    knowledge: Knowledge,
    pace: Pace,
}

impl Offline {
    /// Indexes the persona's knowledge; about a millisecond for 40 sections.
    #[must_use]
    pub fn new(persona: Arc<Persona>, pace: Pace) -> Self {
        let knowledge = Knowledge::new(&persona.knowledge, persona.language.as_deref());
        Self { persona, knowledge, pace }
    }

    /// The whole answer, marks included.
    fn reply(&self, prompt: &Prompt) -> String {
        let (question, earlier) = asked(prompt);
        let heard = Heard::new(&question);
        if heard.contains_any(&self.persona.escalation_phrases) {
            return "ESCALATE: caller asked for a person".to_owned();
        }
        let bare = self.knowledge.is_idle(&question);
        let parting = heard.without_any(&self.persona.goodbye_phrases);
        if parting.is_some_and(|rest| !heard.asks() && self.knowledge.is_idle(&rest)) {
            return format!("{}\nEND_CALL", self.persona.goodbye);
        }
        if bare && !heard.refers_back() {
            return self.small_talk(&heard);
        }
        let context: &[String] = if bare || heard.refers_back() { &earlier } else { &[] };
        match self.knowledge.answer(&question, context) {
            Finding::Known { words, handoff: Some(reason) } if !heard.asks() => {
                format!("{words}\nESCALATE: {reason}")
            }
            Finding::Known { words, .. } => words,
            Finding::Unknown { near } => format!("{UNKNOWN} {}", offer(&near)),
        }
    }

    /// A reply to words that ask nothing: the persona's own opening question, or thanks returned.
    fn small_talk(&self, heard: &Heard) -> String {
        if heard.thanks() {
            return format!("You are welcome. {ANYTHING_ELSE}");
        }
        if heard.asks() && !heard.greets() {
            return self.persona.greeting.clone();
        }
        let opening = words::sentences(&self.persona.greeting).pop();
        opening.filter(|_| heard.greets()).unwrap_or_else(|| ANYTHING_ELSE.to_owned())
    }
}

impl Model for Offline {
    fn open(&self, prompt: Prompt) -> LocalBoxFuture<'static, Result<AnswerStream, ModelFailure>> {
        let Pace { first, gap } = self.pace;
        let answer = words::tokens(&self.reply(&prompt));
        async move {
            sleep(first).await;
            let words = stream::iter(answer).enumerate().then(move |(index, word)| async move {
                if index > 0 {
                    sleep(gap).await;
                }
                AnswerEvent::Token(word)
            });
            let done = stream::iter([AnswerEvent::Done(Finish::Stop)]);
            Ok(words.chain(done).boxed_local())
        }
        .boxed_local()
    }
}

/// What the caller asks, and what they said before it, the latest first.
///
/// A question that was said in two breaths is two messages without an answer between them.
fn asked(prompt: &Prompt) -> (String, Vec<String>) {
    let mut question: Vec<&str> = Vec::new();
    let mut earlier = Vec::new();
    let mut answered = false;
    for message in prompt.messages.iter().rev() {
        match message.role {
            Speaker::User if answered => earlier.push(message.content.to_string()),
            Speaker::User => question.push(&message.content),
            // An answer that broke off may stand behind the question it belongs to.
            Speaker::Assistant => answered = !question.is_empty(),
            Speaker::System => {}
        }
        if earlier.len() == CONTEXT_TURNS {
            break;
        }
    }
    question.reverse();
    (question.join(" "), earlier)
}

/// What it can tell instead.
fn offer(titles: &[String]) -> String {
    match titles {
        [one, other, ..] => {
            format!("I can tell you about {one} or {other}, or find a person for you.")
        }
        [one] => format!("I can tell you about {one}, or find a person for you."),
        [] => "I can find a person for you.".to_owned(),
    }
}

//! A model without a network: it answers from the persona's own knowledge.
//!
//! The gateway uses it when no provider is configured, so that a fresh machine can hold a call. It
//! finds the sentences that answer a question (`knowledge`), streams them like a model does, and
//! writes the same marks. It says that it does not know rather than guess. Asked for a summary it
//! gives an extract. Its own few words are English; everything else is the persona's.

mod extract;
mod heard;
mod knowledge;
#[cfg(test)]
mod tests;
mod unknown;
mod words;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream};
use switchhook_actors::{
    domain::{
        answer::{AnswerEvent, Finish, ModelFailure, ToolCall},
        persona::Persona,
        phrases,
        prompt::{Prompt, STAY_TOOL, Speaker, Tools},
    },
    llm_gateway::model::{AnswerStream, Model},
};
use tokio::time::sleep;

use self::{
    heard::Heard,
    knowledge::{Before, Finding, Knowledge},
};

/// How many of the caller's earlier turns a follow-up may refer to.
const CONTEXT_TURNS: usize = 3;

/// What it says when the caller only confirms something.
const ANYTHING_ELSE: &str = "Is there anything else I can help you with?";

/// What it says when the caller would rather not speak to a person.
const STAYING: &str = "All right, we go on without a colleague. What can I do for you?";

/// What it says while the caller goes on to a person.
const GOING: &str = "All right.";

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

/// The offline model of a persona. A copy shares its index, on any thread.
#[derive(Clone)]
pub struct Offline {
    persona: Arc<Persona>,
    knowledge: Arc<Knowledge>,
    pace: Pace,
}

impl Offline {
    /// Indexes the persona's knowledge: some milliseconds. Copy it rather than do it twice.
    #[must_use]
    pub fn new(persona: Arc<Persona>, pace: Pace) -> Self {
        let knowledge = Knowledge::new(&persona.knowledge, persona.language.as_deref());
        Self { persona, knowledge: Arc::new(knowledge), pace }
    }

    /// The whole answer, piece by piece, without its end.
    fn answer(&self, prompt: &Prompt) -> Vec<AnswerEvent> {
        let words = match prompt.tools {
            Tools::None => extract::extract(prompt, |words| self.says_something(words))
                .unwrap_or_else(|| unsaid(&self.reply(prompt), prompt)),
            Tools::Escalate => unsaid(&self.reply(prompt), prompt),
            Tools::Stay if self.wants_to_stay(&Asked::of(prompt).question) => {
                return vec![AnswerEvent::Called(ToolCall {
                    id: "offline-1".to_owned(),
                    name: STAY_TOOL.to_owned(),
                    arguments: "{}".to_owned(),
                })];
            }
            Tools::Stay => GOING.to_owned(),
        };
        words::tokens(&words).into_iter().map(AnswerEvent::Token).collect()
    }

    /// Whether a caller who is on the way to a person takes that back: who refuses one stays, too.
    fn wants_to_stay(&self, question: &str) -> bool {
        let Persona { stay_phrases, escalation_phrases, .. } = &*self.persona;
        let heard = Heard::new(question);
        phrases::refuses(question, stay_phrases) && !heard.wants_any(escalation_phrases)
            || heard.without_refused(escalation_phrases).is_some()
    }

    /// Whether a caller's words are about something, other than a person.
    fn says_something(&self, words: &str) -> bool {
        !self.knowledge.is_idle(words)
            && !Heard::new(words).wants_any(&self.persona.escalation_phrases)
    }

    /// What a caller hears, marks included.
    fn reply(&self, prompt: &Prompt) -> String {
        let Asked { question, before, turn } = Asked::of(prompt);
        let heard = Heard::new(&question);
        let offered = before.answer.as_deref().is_some_and(unknown::offers_colleague);
        let phrases = &self.persona.escalation_phrases;
        if heard.wants_any(phrases) || offered && heard.accepts() {
            return "ESCALATE: caller asked for a person".to_owned();
        }
        let refused = heard.without_refused(phrases);
        let question = match refused {
            Some(rest) if self.knowledge.is_idle(&rest) => return STAYING.to_owned(),
            Some(rest) => rest,
            None => question,
        };
        let parting = heard.without_any(&self.persona.goodbye_phrases);
        if parting.is_some_and(|rest| !heard.asks() && self.knowledge.is_idle(&rest)) {
            return format!("{}\nEND_CALL", self.persona.goodbye);
        }
        let again = heard.wants_it_again() && self.knowledge.is_idle(&question);
        if let Some(answer) = before.answer.as_ref().filter(|_| again) {
            return answer.clone();
        }
        match self.knowledge.answer(&question, &before) {
            Finding::Known { words, handoff: Some(reason) } if !heard.asks() => {
                format!("{words}\nESCALATE: {reason}")
            }
            Finding::Known { words, .. } => words,
            Finding::Unknown { .. } if self.is_small_talk(&heard, &question) => {
                self.small_talk(&heard)
            }
            Finding::Unknown { near } => unknown::unknown(turn, &near, &self.knowledge.topics()),
        }
    }

    /// Whether the words ask nothing, or nothing but how or who it is.
    fn is_small_talk(&self, heard: &Heard, question: &str) -> bool {
        let about_me = heard.asks_who() && self.knowledge.is_silent(question);
        self.knowledge.is_idle(question) && (!heard.asks() || about_me || heard.greets())
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
    fn open(
        &self,
        prompt: Prompt,
        _fresh: bool,
    ) -> LocalBoxFuture<'static, Result<AnswerStream, ModelFailure>> {
        let Pace { first, gap } = self.pace;
        let answer = self.answer(&prompt);
        async move {
            sleep(first).await;
            let pieces = stream::iter(answer).enumerate().then(move |(index, piece)| async move {
                if index > 0 {
                    sleep(gap).await;
                }
                piece
            });
            let done = stream::iter([AnswerEvent::Done(Finish::Stop)]);
            Ok(pieces.chain(done).boxed_local())
        }
        .boxed_local()
    }
}

/// What the caller asks, and what went before it.
struct Asked {
    /// A question that was said in two breaths is two messages without an answer between them.
    question: String,
    before: Before,
    /// How many messages the conversation has: the same words are not said at each.
    turn: usize,
}

impl Asked {
    fn of(prompt: &Prompt) -> Self {
        let mut question: Vec<&str> = Vec::new();
        let mut before = Before::default();
        for message in prompt.messages.iter().rev() {
            match message.role {
                Speaker::User if before.answer.is_some() => {
                    before.questions.push(message.content.to_string());
                }
                Speaker::User => question.push(&message.content),
                // A call of a tool, without words.
                Speaker::Assistant if message.content.is_empty() => {}
                // An answer that broke off may stand behind the question it belongs to.
                Speaker::Assistant if question.is_empty() || before.answer.is_some() => {}
                Speaker::Assistant => before.answer = Some(heard_of(&message.content).to_owned()),
                Speaker::System | Speaker::Tool => {}
            }
            if before.questions.len() == CONTEXT_TURNS {
                break;
            }
        }
        question.reverse();
        let turns = prompt.messages.iter().filter(|message| message.role == Speaker::User);
        Self { question: question.join(" "), before, turn: turns.count().saturating_sub(1) }
    }
}

/// An answer without what the caller has heard of it, before it broke off, since they asked.
fn unsaid(answer: &str, prompt: &Prompt) -> String {
    let said = prompt.messages.iter().rev().take_while(|message| message.role != Speaker::User);
    let heard = said.filter(|message| message.role == Speaker::Assistant);
    let heard = heard.map(|message| shared(answer, heard_of(&message.content))).max();
    answer.get(heard.unwrap_or_default()..).unwrap_or_default().trim_start().to_owned()
}

/// How much of an answer those words are the beginning of, to the end of a word and never all of it; one
/// word alone is none.
fn shared(answer: &str, heard: &str) -> usize {
    let same = answer.char_indices().zip(heard.chars());
    let same = same.take_while(|((_, said), heard)| said == heard);
    let reach = same.last().map_or(0, |((at, said), _)| at + said.len_utf8());
    let whole = |at: &usize| answer[*at..].starts_with(' ');
    let ends = (0..=reach).rev().filter(|at| answer.is_char_boundary(*at)).find(whole);
    ends.filter(|at| answer[..*at].contains(' ')).unwrap_or_default()
}

/// An answer without the engine's note in square brackets on why it broke off.
fn heard_of(answer: &str) -> &str {
    let noted = answer.strip_suffix(']').and_then(|answer| answer.rsplit_once(" ["));
    noted.map_or(answer, |(heard, _)| heard)
}

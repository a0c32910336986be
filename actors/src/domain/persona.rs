//! Who the agent is: one Markdown file with a TOML header, written by the people who run the line.
//!
//! ```text
//! +++
//! name = "OWL Bank"            # the keys are the fields of `Persona`, down to `goodbye_phrases`
//! +++
//! # Character                  # free headings: who the agent is, how it speaks, what it refuses
//! # Knowledge                  # the one heading that has to be there
//! ## Late payments             # a section of knowledge: complete in itself, as it is read aloud
//! The late fee is 29 dollars.
//! Callers say: I paid too late, forgot my bill
//! Hand off: a fee in dispute   # optional: what a caller states here is for a person
//! ```
//!
//! `Callers say:` names what stands above it in callers' own words, for retrieval alone: it is
//! never spoken, and a model that understands language does not get it (see [`Persona::body`]).
//! `serve` and `check` parse it at the start; prompts and the offline model read it.

mod body;
mod header;
mod parts;
mod passages;
mod problems;
mod rules;
#[cfg(test)]
mod tests;

use self::parts::Parts;
pub use self::{
    passages::Passage,
    problems::{PersonaProblems, Problem},
};
use super::escalation::Rule;

/// Bound on the file, bytes: more knowledge than this does not fit a prompt that is paid per call.
pub const FILE_MAX: usize = 256 * 1024;

/// Bound on a spoken phrase, characters: about 35 seconds of speech, longer than anybody listens.
pub const PHRASE_MAX: usize = 500;

/// Bound on a hint or on a phrase of the caller's, characters.
pub const WORDS_MAX: usize = 80;

/// The number of sentences about the wait: see [`Persona::waits`].
pub const WAITS: usize = 4;

/// The number of sentences about keys: see [`Persona::hold_keys`].
pub const HOLD_KEYS: usize = 2;

/// The least number of phrases for a caller who waits: one alone, again and again, is torture.
pub const HOLD_MIN: usize = 2;

/// Bound on each list of the header, entries.
pub const LIST_MAX: usize = 64;

/// The least number of fillers: one alone, said twice in a call, sounds like a machine.
pub const FILLERS_MIN: usize = 2;

/// The least number of silence phrases: one that asks, one that says that the call will end.
pub const SILENCE_MIN: usize = 2;

/// The persona of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// Name of the agent or the company, as the monitor shows it.
    pub name: String,
    /// What the caller hears first.
    pub greeting: String,
    /// Overrides `RELAY_VOICE`, same form.
    pub voice: Option<String>,
    /// Overrides `RELAY_LANGUAGE`, BCP-47.
    pub language: Option<String>,
    /// Spoken when an answer takes its time, never the same twice in a row.
    pub fillers: Vec<String>,
    /// Spoken when an answer failed. The caller is asked to say it again.
    pub apology: String,
    /// Spoken when the call cannot go on: an apology and a goodbye in one.
    pub unavailable: String,
    /// Spoken before hanging up.
    pub goodbye: String,
    /// Spoken after the line was lost and found again.
    pub resume: String,
    /// Spoken when nobody says anything, in order; the last one says that the call ends.
    pub silence: Vec<String>,
    /// Spoken when the caller cut in and then said nothing.
    pub interrupted: String,
    /// Spoken behind an answer that ran into the model's token limit: offers to go on.
    pub more: String,
    /// Spoken when the time or the turns of the call have run out: the reason, which is told in words
    /// that fit both, and a goodbye in one.
    pub limit: String,
    /// Words that the recogniser should expect.
    pub hints: Vec<String>,
    /// Spoken before the caller is handed to a person, and heard whole.
    pub bridge: String,
    /// How long the wait for a person is, as sentences: under a minute, under five, under ten, more.
    pub waits: Vec<String>,
    /// Spoken when a person is asked for and nobody takes calls: honest, and asks for a message.
    pub escalation: String,
    /// Spoken when nobody could take the call and the caller is back: asks for a message.
    pub unreached: String,
    /// Spoken when the caller has left a message.
    pub message_taken: String,
    /// Spoken when a hand-off was wished for but the caller stays with the agent.
    pub stay: String,
    /// Spoken in turn to a caller who waits for a person.
    pub hold: Vec<String>,
    /// Spoken before the caller's place in the queue, which is a number.
    pub position: String,
    /// Spoken to a caller who waits, where it is possible: 1 for a call-back, 2 to go back to the
    /// agent.
    pub hold_keys: Vec<String>,
    /// Spoken when a call-back is booked: says that the call ends.
    pub called_back: String,
    /// Spoken to a caller who waits when a call-back could not be booked: they are still in line.
    pub not_called_back: String,
    /// Caller's words that mean that a person is wanted, lower case: for rules and the offline model.
    pub escalation_phrases: Vec<String>,
    /// Caller's words that turn the meaning of those and of the rules when they stand before them in
    /// a sentence, lower case: then the model decides.
    pub escalation_unless: Vec<String>,
    /// What callers say that is for a person, whatever the model makes of it.
    pub escalation_rules: Vec<Rule>,
    /// Caller's words that take the wish for a person back, lower case: for the offline model, and
    /// for a message that is not left.
    pub stay_phrases: Vec<String>,
    /// Caller's words that only say that they listen, lower case: they do not end an answer.
    pub backchannel: Vec<String>,
    /// Caller's words that end the call, lower case: for the offline model.
    pub goodbye_phrases: Vec<String>,
    /// Character, boundaries, style and knowledge, for the system prompt: as written, without the
    /// `Callers say:` lines, whose tokens would be paid in every turn.
    pub body: String,
    /// The knowledge, section by section, for retrieval: never empty, titles differ.
    pub knowledge: Vec<Section>,
}

/// A piece of knowledge: a `##` heading below `# Knowledge`, and the text under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading, without `#`.
    pub title: String,
    /// Its text, as written, without the `Hand off:` line (see [`Section::passages`]).
    pub text: String,
    /// What stands behind `Hand off:`: what a caller states here is for a person, and why.
    pub handoff: Option<String>,
}

impl Persona {
    /// Reads a persona file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it at once, each with its line and with what was expected.
    pub fn parse(file: &str) -> Result<Self, PersonaProblems> {
        let mut problems = PersonaProblems::default();
        let persona = Parts::split(file, &mut problems).map(|parts| {
            let knowledge = body::sections(&parts, &mut problems);
            let body = passages::without_callers(parts.body.trim());
            Self { body, knowledge, ..header::read(&parts, &mut problems) }
        });
        persona.filter(|_| problems.0.is_empty()).ok_or_else(|| problems.in_order())
    }
}

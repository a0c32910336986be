//! What may never happen, whatever the order of events. Every chapter looks at one side of it after
//! every step; [`heard`] is told by the world what the caller really heard.

pub(crate) mod escalations;
pub(crate) mod heard;
pub(crate) mod record;
pub(crate) mod spoken;
pub(crate) mod waits;
pub(crate) mod words;

use std::{collections::BTreeSet, fmt};

use switchhook_actors::domain::{
    conversation::{Effect, Input, Observation, Rules},
    ids::Epoch,
    persona::Persona,
    relay::Inbound,
    time::Timestamp,
};

use super::machine::Machine;

/// Effects of one input at most: a cut may change as many turns as playback remembers, and an engine
/// that goes on with a call may have an answer, an order and a prompt before it at once.
const EFFECTS_MAX: usize = 20;

/// An event was told before.
const REPLAYED: Effect = Effect::Observe(Observation::Ignored("replay"));

/// The promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// No word of an old turn is spoken.
    Stale,
    /// Every talk cycle is closed exactly once.
    Cycle,
    /// The transcript is what was heard.
    Heard,
    /// What is known in memory is told to the store, and knowledge never shrinks.
    Recorded,
    /// Every caller turn has an answer or a reason.
    Answered,
    /// No wait exceeds its deadline.
    Deadline,
    /// The model's answer is spoken whole, and without its marks.
    Whole,
    /// One question at a time.
    Questions,
    /// One escalation at a time, and each comes to exactly one end; none is lost.
    Escalated,
    /// Who is handed over has heard so, or had their say, and does not wait for it.
    Bridged,
    /// Who is moved to another engine hears nothing of it.
    Moved,
    /// Nothing follows the end.
    Over,
    /// Effects and ticks stay bounded.
    Bounded,
    /// Nothing panics.
    Panic,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn of(invariant: Invariant, detail: impl Into<String>) -> Self {
        Self { invariant, detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.detail)
    }
}

/// Whether all is well.
pub(crate) type Verdict = Result<(), Violation>;

/// One step of the machine, as it is judged.
pub(crate) struct Seen<'a> {
    pub(crate) now: Timestamp,
    pub(crate) input: &'a Input,
    pub(crate) effects: &'a [Effect],
    pub(crate) machine: &'a dyn Machine,
    pub(crate) persona: &'a Persona,
    pub(crate) rules: &'a Rules,
    /// The voice has spoken all there was before this step; looked at when a caller is handed over.
    pub(crate) idle: bool,
    /// The claim of this engine.
    pub(crate) epoch: Epoch,
}

impl Seen<'_> {
    /// Whether the machine has learned that the session before failed.
    pub(crate) fn loses_session(&self) -> bool {
        is_failure(self.input, self.effects)
    }
}

/// The address of a line may tell of a failure that is known.
pub(crate) fn is_failure(input: &Input, effects: &[Effect]) -> bool {
    match input {
        Input::SessionFailed(_) => true,
        Input::FailedBefore(_) => effects.contains(&Effect::Silence),
        _ => false,
    }
}

/// All chapters that need nothing but the machine's own account.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) spoken: spoken::Spoken,
    pub(crate) waits: waits::Waits,
    pub(crate) record: record::Record,
    pub(crate) words: words::Words,
    pub(crate) escalations: escalations::Escalations,
    /// What the caller has said, to whichever engine.
    prompts: BTreeSet<String>,
}

impl Oracle {
    /// Only what was said before is taken for a repetition.
    fn knows(&mut self, seen: &Seen<'_>) -> Verdict {
        let Input::Relay(Inbound::Prompt(prompt)) = seen.input else { return Ok(()) };
        let new = self.prompts.insert(prompt.text.trim().to_owned());
        if new && seen.effects.contains(&REPLAYED) {
            return Err(Violation::of(Invariant::Answered, format!("dropped: {prompt:?}")));
        }
        Ok(())
    }

    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        if seen.effects.len() > EFFECTS_MAX {
            let detail = format!("{} effects of one input", seen.effects.len());
            return Err(Violation::of(Invariant::Bounded, detail));
        }
        self.knows(seen)?;
        let tick = Input::Tick;
        let replayed = seen.effects.contains(&REPLAYED);
        // What was dropped as an old event is nothing that happened.
        let seen = &Seen { input: if replayed { &tick } else { seen.input }, ..*seen };
        self.spoken.judge(seen)?;
        self.waits.judge(seen)?;
        self.words.judge(seen)?;
        self.escalations.judge(seen, self.waits.unfinished().is_some())?;
        self.record.judge(seen)
    }
}

/// The letters and digits of a text, in lower case: what is compared of words.
pub(crate) fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether it is a phrase that only covers a wait.
pub(crate) fn is_filler(persona: &Persona, text: &str) -> bool {
    persona.fillers.iter().any(|filler| filler == text.trim())
}

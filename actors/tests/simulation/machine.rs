//! What is simulated: the turn machine, or one that a test has broken on purpose.

use std::sync::Arc;

use switchhook_actors::domain::{
    conversation::{Conversation, Effect, Input, Rules},
    persona::{Persona, Section},
    prompt::PromptBuilder,
    record::CallRecord,
    time::Timestamp,
    transcript::Transcript,
};

/// What the caller hears first.
pub(crate) const GREETING: &str = "Hello, this is Owl Bank, good morning.";

/// A turn machine.
pub(crate) trait Machine {
    fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>);
    fn next_deadline(&self) -> Option<Timestamp>;
    fn transcript(&self) -> &Transcript;
}

impl Machine for Conversation {
    fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        Self::on(self, now, input, effects);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        Self::next_deadline(self)
    }

    fn transcript(&self) -> &Transcript {
        Self::transcript(self)
    }
}

/// Who speaks in all schedules, and which machine decides.
#[derive(Clone)]
pub(crate) struct Cast {
    pub(crate) persona: Arc<Persona>,
    prompts: Arc<PromptBuilder>,
    build: fn(Conversation) -> Box<dyn Machine>,
}

impl Cast {
    /// The machine as it is.
    pub(crate) fn sound() -> Self {
        Self::broken(|machine| Box::new(machine))
    }

    /// The machine behind something that breaks it.
    pub(crate) fn broken(build: fn(Conversation) -> Box<dyn Machine>) -> Self {
        let persona = Arc::new(persona());
        let prompts = Arc::new(PromptBuilder::new(&persona));
        Self { persona, prompts, build }
    }

    pub(crate) fn machine(&self, record: CallRecord, rules: Rules) -> Box<dyn Machine> {
        let (persona, prompts) = (Arc::clone(&self.persona), Arc::clone(&self.prompts));
        (self.build)(Conversation::new(record, persona, prompts, rules))
    }
}

/// Its phrases are made of words that the generator does not know.
fn persona() -> Persona {
    let phrases = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    Persona {
        name: "Owl".to_owned(),
        greeting: GREETING.to_owned(),
        voice: None,
        language: None,
        fillers: phrases(&["One moment.", "Let me see."]),
        apology: "Sorry, say that again?".to_owned(),
        unavailable: "Sorry, we cannot talk now. Goodbye.".to_owned(),
        goodbye: "Goodbye then.".to_owned(),
        resume: "Sorry, I lost you. Go on.".to_owned(),
        silence: phrases(&["Are you there?", "Hello? The line closes now."]),
        interrupted: "Please, I listen.".to_owned(),
        more: "Shall I go on?".to_owned(),
        limit: "That was long enough. Bye-bye.".to_owned(),
        hints: Vec::new(),
        escalation: "I cannot reach a colleague now.".to_owned(),
        stay: "Let us stay.".to_owned(),
        escalation_phrases: Vec::new(),
        backchannel: phrases(&["mm-hm", "i see", "yeah"]),
        goodbye_phrases: Vec::new(),
        body: "You are Owl.".to_owned(),
        knowledge: vec![Section { title: "T".to_owned(), text: "K.".to_owned(), handoff: None }],
    }
}

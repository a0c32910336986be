//! What is simulated: the turn machine, or one that a test has broken on purpose.

use std::sync::Arc;

use switchhook_actors::domain::{
    conversation::{Conversation, Effect, Input, Rules},
    escalation::{ReasonCode, Rule},
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
    /// What a machine is told of the call when it begins.
    recall: fn(CallRecord) -> CallRecord,
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
        Self { persona, prompts, recall: |record| record, build }
    }

    /// The machine as it is, of a record that says less than it holds.
    pub(crate) fn forgetful(recall: fn(CallRecord) -> CallRecord) -> Self {
        Self { recall, ..Self::sound() }
    }

    pub(crate) fn machine(&self, record: CallRecord, rules: Rules) -> Box<dyn Machine> {
        let (persona, prompts) = (Arc::clone(&self.persona), Arc::clone(&self.prompts));
        let record = (self.recall)(record);
        (self.build)(Conversation::new(record, persona, prompts, rules))
    }
}

fn rule(code: ReasonCode, phrase: &str, times: usize) -> Rule {
    let (reason, phrases) = ("by rule".to_owned(), vec![phrase.to_owned()]);
    Rule { code, reason, phrases, skill: None, urgent: true, times }
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
        bridge: "Then one of us takes the line over, hold on please.".to_owned(),
        waits: phrases(&["Soon.", "Within minutes.", "In ten minutes.", "Much later."]),
        escalation: "I cannot reach a colleague now. What shall we know?".to_owned(),
        unreached: "Everybody was busy. What may we be told?".to_owned(),
        message_taken: "That is written down.".to_owned(),
        stay: "Let us stay.".to_owned(),
        hold: phrases(&["Thank you.", "Still there."]),
        position: "Your place is".to_owned(),
        hold_keys: phrases(&["Press one.", "Press two."]),
        called_back: "We call you back.".to_owned(),
        not_called_back: "You wait on.".to_owned(),
        escalation_phrases: phrases(&["talk to a person", "operator"]),
        escalation_unless: phrases(&["don't want"]),
        escalation_rules: vec![
            rule(ReasonCode::Fraud, "money is gone", 1),
            rule(ReasonCode::Misunderstanding, "not what I meant", 2),
        ],
        stay_phrases: phrases(&["never mind"]),
        backchannel: phrases(&["mm-hm", "i see", "yeah"]),
        goodbye_phrases: Vec::new(),
        body: "You are Owl.".to_owned(),
        knowledge: vec![Section { title: "T".to_owned(), text: "K.".to_owned(), handoff: None }],
    }
}

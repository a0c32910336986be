//! Stories of the machine, one step at a time. [`Talk`] is the world around it: it keeps the time,
//! counts talk cycles, and refuses what no caller may ever hear.

mod barge_in;
mod endings;
mod failures;
mod handing_over;
mod keys;
mod limits;
mod losing;
mod moving;
mod openings;
mod quiet;
mod replaying;
mod resuming;
mod turns;

use std::sync::Arc;

use super::*;
use crate::domain::{
    answer::{FailureKind, Finish, ModelFailure},
    persona::Section,
    prompt::Speaker,
    record::NewCall,
    relay::{Info, Interrupted, Prompted, Setup},
};

const SID: &str = "CA0123456789abcdef0123456789abcdef";

const START: Timestamp = Timestamp(1_000_000);

fn persona() -> Persona {
    Persona {
        name: "Owl".to_owned(),
        greeting: "Hello, this is Owl.".to_owned(),
        voice: None,
        language: None,
        fillers: vec!["One moment.".to_owned(), "Let me see.".to_owned()],
        apology: "Sorry, say that again?".to_owned(),
        unavailable: "Sorry, we cannot talk now. Goodbye.".to_owned(),
        goodbye: "Goodbye.".to_owned(),
        resume: "Sorry, I lost you. Go on.".to_owned(),
        silence: vec!["Are you there?".to_owned(), "Hello?".to_owned()],
        interrupted: "Please go on.".to_owned(),
        more: "Shall I go on?".to_owned(),
        limit: "That was long enough. Goodbye.".to_owned(),
        hints: Vec::new(),
        bridge: "I connect you.".to_owned(),
        waits: ["Soon.", "Minutes.", "Ten minutes.", "Long."].map(str::to_owned).to_vec(),
        escalation: "I cannot reach a colleague. What shall I tell them?".to_owned(),
        unreached: "Nobody was free. What shall I tell them?".to_owned(),
        message_taken: "I have noted that.".to_owned(),
        stay: "Let us go on.".to_owned(),
        hold: vec!["Thank you.".to_owned(), "Still there.".to_owned()],
        position: "Your place is".to_owned(),
        hold_keys: ["Press 1.", "Press 2."].map(str::to_owned).to_vec(),
        called_back: "We call you back.".to_owned(),
        not_called_back: "Still in line.".to_owned(),
        escalation_phrases: vec!["talk to a person".to_owned()],
        escalation_unless: vec!["don't want".to_owned()],
        escalation_rules: Vec::new(),
        stay_phrases: vec!["never mind".to_owned()],
        backchannel: vec!["mm-hm".to_owned(), "i see".to_owned(), "yeah".to_owned()],
        goodbye_phrases: Vec::new(),
        body: "You are Owl.".to_owned(),
        knowledge: vec![Section { title: "T".to_owned(), text: "K.".to_owned(), handoff: None }],
    }
}

fn rules() -> Rules {
    Rules {
        first_token: 4_000,
        token_gap: 2_500,
        turn: 20_000,
        filler: 1_500,
        silence: 12_000,
        max_call: 3_600_000,
        max_turns: 200,
        line_grace: 30_000,
        history_tokens: 6_000,
        language: "en-US".to_owned(),
        has_people: true,
    }
}

fn record(greeting: Option<&str>) -> CallRecord {
    CallRecord::ringing(NewCall {
        sid: SID.parse().unwrap(),
        caller: "+14155550100".to_owned(),
        called: "+18005550199".to_owned(),
        greeting: greeting.map(str::to_owned),
        at: START,
    })
}

/// The world around the machine.
struct Talk {
    machine: Conversation,
    now: Timestamp,
    /// All effects so far.
    effects: Vec<Effect>,
    /// Where the last look at them ended.
    seen: usize,
    /// Whether a talk cycle is open.
    cycle_open: bool,
}

impl Talk {
    fn new(record: CallRecord) -> Self {
        let persona = Arc::new(persona());
        let prompts = Arc::new(PromptBuilder::new(&persona));
        let machine = Conversation::new(record, persona, prompts, rules());
        Self { machine, now: START, effects: Vec::new(), seen: 0, cycle_open: false }
    }

    /// A call that was greeted and has a line.
    fn greeted() -> Self {
        let mut talk = Self::new(record(Some("Hello, this is Owl.")));
        talk.attach();
        talk.wait(5_000);
        talk.look();
        talk
    }

    fn attach(&mut self) {
        self.on(Input::Attached);
        self.on(Input::Relay(Inbound::Setup(Box::default())));
    }

    fn on(&mut self, input: Input) {
        let from = self.effects.len();
        self.machine.on(self.now, input, &mut self.effects);
        for effect in self.effects.get(from..).unwrap_or_default() {
            if let Effect::Say { text, last, .. } = effect {
                assert!(self.cycle_open || !text.is_empty(), "an empty turn was spoken");
                self.cycle_open = !last;
            }
        }
    }

    /// Lets time pass, ticking at every deadline.
    fn wait(&mut self, millis: Millis) {
        let end = self.now + millis;
        while let Some(due) = self.machine.next_deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            let before = self.effects.len();
            self.on(Input::Tick);
            let moved = self.machine.next_deadline() != Some(due) || self.effects.len() > before;
            assert!(moved, "a deadline passed and nothing came of it");
        }
        self.now = end;
    }

    fn say(&mut self, words: &str) -> TurnId {
        self.on(Input::Relay(Inbound::Prompt(prompt(words))));
        self.machine.turn
    }

    /// The caller says something that is durable at once.
    fn ask(&mut self, words: &str) -> TurnId {
        let turn = self.say(words);
        self.on(Input::Saved(turn));
        turn
    }

    fn token(&mut self, turn: TurnId, token: &str) {
        self.on(Input::Answer(turn, AnswerEvent::Token(token.to_owned())));
    }

    fn tokens(&mut self, turn: TurnId, text: &str) {
        for word in text.split_inclusive(' ') {
            self.token(turn, word);
        }
    }

    fn answer(&mut self, turn: TurnId, event: AnswerEvent) {
        self.on(Input::Answer(turn, event));
    }

    fn done(&mut self, turn: TurnId) {
        self.finish(turn, Finish::Stop);
    }

    fn finish(&mut self, turn: TurnId, finish: Finish) {
        self.on(Input::Answer(turn, AnswerEvent::Done(finish)));
    }

    /// The model fails in a way that no second request helps.
    fn fail(&mut self, turn: TurnId) {
        self.fail_with(
            turn,
            ModelFailure { retryable: false, ..failure(FailureKind::Status(401)) },
        );
    }

    fn fail_with(&mut self, turn: TurnId, failure: ModelFailure) {
        self.on(Input::Answer(turn, AnswerEvent::Failed(failure)));
    }

    fn press(&mut self, key: char) {
        self.on(Input::Relay(Inbound::Dtmf(key)));
    }

    fn interrupt(&mut self, utterance: &str) {
        let cut = Interrupted { utterance: Some(utterance.to_owned()), after: None };
        self.on(Input::Relay(Inbound::Interrupt(cut)));
    }

    /// Whether the session was told to end.
    fn ended(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::End { .. }))
    }

    /// What happened since the last look.
    fn look(&mut self) -> Vec<Effect> {
        let new = self.effects.get(self.seen..).unwrap_or_default().to_vec();
        self.seen = self.effects.len();
        new
    }

    /// All that was spoken since the last look, and whether the cycle is closed.
    fn heard(&mut self) -> String {
        let said = self.look().into_iter().filter_map(|effect| match effect {
            Effect::Say { text, .. } => Some(text),
            _ => None,
        });
        said.collect()
    }

    fn turn(&self, id: TurnId, role: Role) -> Turn {
        self.machine.transcript().get(id, role).cloned().expect("the turn is noted")
    }

    fn agent(&self, id: TurnId) -> Turn {
        self.turn(id, Role::Agent)
    }

    fn questions(&self) -> Vec<(TurnId, Prompt)> {
        let asked = self.effects.iter().filter_map(|effect| match effect {
            Effect::Ask { turn, prompt, .. } => Some((*turn, prompt.clone())),
            _ => None,
        });
        asked.collect()
    }

    /// The conversation as the model was told it last, without the system message.
    fn told(&self) -> Vec<(Speaker, String)> {
        let (_, prompt) = self.questions().pop().expect("the model was asked");
        let said = prompt.messages.iter().skip(1);
        said.map(|message| (message.role, message.content.to_string())).collect()
    }
}

/// A failure that a second request may mend.
fn failure(kind: FailureKind) -> ModelFailure {
    ModelFailure { kind, detail: String::new(), retryable: true, after: None }
}

fn prompt(words: &str) -> Prompted {
    Prompted { text: words.to_owned(), lang: None, last: true }
}

/// The appends among effects, as (turn, role, text).
fn appended(effects: &[Effect]) -> Vec<(u32, Role, String)> {
    let turns = effects.iter().filter_map(|effect| match effect {
        Effect::Append(turn) => Some((turn.id.0, turn.role, turn.text.clone())),
        _ => None,
    });
    turns.collect()
}

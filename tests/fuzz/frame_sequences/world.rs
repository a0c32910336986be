//! The world around the turn machine: it keeps the time and the line's account of talk cycles, and
//! refuses what no order of events may bring about.

use std::sync::Arc;

use switchhook_actors::domain::{
    answer::AnswerEvent,
    conversation::{Conversation, Effect, Input, Rules},
    ids::{EscalationId, TurnId},
    persona::Persona,
    prompt::PromptBuilder,
    record::{CallRecord, NewCall},
    time::{Millis, Timestamp},
    transcript::{Role, Turn},
};

/// The call.
pub(super) const SID: &str = "CA0123456789abcdef0123456789abcdef";

const START: Timestamp = Timestamp(1_000_000);

/// A persona with short phrases: bounds on what is spoken are counted against them.
const PERSONA: &str = include_str!("../seeds/persona_file/owl.md");

/// What one input may bring about: a cut of every remembered utterance, and some.
const EFFECTS_MAX: usize = 40;

/// Bytes that one `Say` may add to the words it was given: a few phrases of the persona.
const PHRASES: usize = 1_000;

/// An address or a price grows when it is put into words, by less than this factor.
const GROWTH: usize = 16;

/// Deadlines that may pass at one moment without time going on.
const TICKS_MAX: usize = 20;

/// Deadlines until a call that nobody touches any more is over or waits for nothing.
const REST_MAX: usize = 1_000;

pub(super) struct World {
    machine: Conversation,
    pub(super) now: Timestamp,
    asked: TurnId,
    said: TurnId,
    /// All that was sent for speaking, for interrupts to quote.
    words: String,
    /// What happened so far, to be told when something is found wrong.
    story: Vec<(Timestamp, Input)>,
    /// Bytes that came in.
    given: usize,
    is_cycle_open: bool,
    has_line: bool,
    is_over: bool,
    /// The person asked for last.
    escalation: Option<EscalationId>,
}

impl World {
    pub(super) fn new(greeting: Option<&str>, before: &[&str]) -> Self {
        let persona = Persona::parse(PERSONA).unwrap_or_else(|problems| panic!("{problems}"));
        let persona = Arc::new(persona);
        let prompts = Arc::new(PromptBuilder::new(&persona));
        let record = record(greeting, before);
        let given = before.iter().map(|words| words.len()).sum::<usize>();
        Self {
            // The story decides by what was said before it whether people take calls.
            machine: Conversation::new(record, persona, prompts, rules(before.len() % 3 != 1)),
            now: START,
            asked: TurnId(0),
            said: TurnId(0),
            words: String::new(),
            story: Vec::new(),
            given: given + greeting.map_or(0, str::len),
            is_cycle_open: false,
            has_line: false,
            is_over: false,
            escalation: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The turn that the model was asked for last.
    pub(super) fn asked(&self) -> TurnId {
        self.asked
    }

    /// A piece of what was said: where it begins and ends, in 256ths.
    pub(super) fn piece(&self, (from, to): (u8, u8)) -> String {
        let count = self.words.chars().count();
        let place = |part: u8| count * usize::from(part) / 255;
        let (from, to) = (place(from.min(to)), place(from.max(to)));
        self.words.chars().skip(from).take(to - from).collect()
    }

    /// The person asked for last.
    pub(super) fn escalation(&self) -> Option<EscalationId> {
        self.escalation
    }

    pub(super) fn token(&mut self, turn: TurnId, words: &str) {
        self.given += words.len();
        self.on(Input::Answer(turn, AnswerEvent::Token(words.to_owned())));
    }

    pub(super) fn on(&mut self, input: Input) {
        let was_over = self.is_over;
        match &input {
            // Frames come on a line, and from a line that is there.
            Input::Relay(_) if !self.has_line => return,
            Input::Attached => self.has_line = true,
            // The same session may be back after a break.
            Input::LineLost { clean: false } => self.has_line = false,
            // The cycle is gone with its session.
            Input::LineLost { clean: true } | Input::SessionFailed(_) => {
                (self.has_line, self.is_cycle_open) = (false, false);
                // What its voice had not spoken may be said again, in order.
                self.said = TurnId(0);
            }
            _ => {}
        }
        self.story.push((self.now, input.clone()));
        let mut effects = Vec::new();
        self.machine.on(self.now, input, &mut effects);
        assert!(effects.len() <= EFFECTS_MAX, "{} effects at once", effects.len());
        assert!(!was_over || effects.is_empty(), "after the end: {effects:?}");
        for effect in effects {
            assert!(!self.is_over, "after the end: {effect:?}");
            self.judge(effect);
        }
    }

    fn judge(&mut self, effect: Effect) {
        match effect {
            Effect::Ask { turn, prompt, .. } => {
                assert!(turn >= self.asked, "turn {turn} was asked for after {}", self.asked);
                assert!(!prompt.messages.is_empty(), "an empty question");
                self.asked = turn;
            }
            Effect::Say { turn, text, last } => {
                assert!(turn >= self.said, "words of turn {turn} after those of {}", self.said);
                assert!(self.is_cycle_open || !text.is_empty(), "a cycle was closed twice");
                assert!(text.len() <= PHRASES + GROWTH * self.given, "{} bytes", text.len());
                (self.said, self.is_cycle_open) = (turn, !last);
                self.words.push_str(&text);
            }
            Effect::Escalate(escalation) => {
                let before = self.escalation.replace(escalation.id);
                assert!(before.is_none_or(|before| before.number < escalation.id.number));
            }
            Effect::RefuseLine => self.has_line = false,
            Effect::Finish => self.is_over = true,
            _ => {}
        }
    }

    /// Lets time pass; the machine hears of every deadline in it.
    pub(super) fn wait(&mut self, millis: Millis) {
        let end = self.now + millis;
        while let Some(due) = self.machine.next_deadline().filter(|due| *due <= end) {
            self.pass(due);
        }
        self.now = end;
    }

    /// Lets time pass; the machine hears of it afterwards.
    pub(super) fn stall(&mut self, millis: Millis) {
        self.now = self.now + millis;
        self.wait(0);
    }

    /// A deadline is due, and then others may be at the same moment.
    fn pass(&mut self, due: Timestamp) {
        self.now = self.now.max(due);
        for _ in 0..TICKS_MAX {
            self.on(Input::Tick);
            if self.machine.next_deadline().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("a deadline passes again and again at {:?}", self.now);
    }

    /// Nothing happens any more but time. Then no cycle stays open on a line that is there.
    pub(super) fn come_to_rest(&mut self) {
        for _ in 0..REST_MAX {
            let Some(due) = self.machine.next_deadline() else {
                let closed = !self.is_cycle_open || !self.has_line || self.is_over;
                assert!(closed, "a talk cycle stays open");
                return self.in_order();
            };
            self.pass(due);
        }
        panic!("the call never comes to rest");
    }

    /// The transcript holds each side of each exchange once, and no more than came in.
    fn in_order(&self) {
        let turns = self.machine.transcript().turns();
        let key = |turn: &Turn| (turn.id, turn.role);
        assert!(turns.windows(2).all(|pair| matches!(pair, [a, b] if key(a) < key(b))));
        let spoken = turns.iter().filter(|turn| turn.role == Role::Agent);
        let longest = spoken.map(|turn| turn.text.len()).max().unwrap_or_default();
        assert!(longest <= self.words.len() + self.given, "an agent's turn of {longest} bytes");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.story.iter().for_each(|(at, input)| eprintln!("{} {input:?}", at.0));
        }
    }
}

fn record(greeting: Option<&str>, before: &[&str]) -> CallRecord {
    let mut record = CallRecord::ringing(NewCall {
        sid: SID.parse().unwrap_or_else(|error| panic!("{error}")),
        caller: String::new(),
        called: String::new(),
        greeting: greeting.map(str::to_owned),
        at: START,
    });
    for (at, words) in (1_u32..).zip(before) {
        let role = if at % 2 == 1 { Role::Customer } else { Role::Agent };
        let mut turn = Turn::new(TurnId(at.div_ceil(2)), role, *words, START);
        turn.open = role == Role::Agent && at as usize == before.len();
        record.transcript.put(turn);
    }
    record
}

fn rules(has_people: bool) -> Rules {
    Rules {
        first_token: 4_000,
        token_gap: 2_500,
        turn: 20_000,
        filler: 1_500,
        silence: 12_000,
        max_call: 3_600_000,
        max_turns: 200,
        line_grace: 30_000,
        history_tokens: 2_000,
        language: "en-US".to_owned(),
        has_people,
    }
}

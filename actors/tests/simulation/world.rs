//! The world around a call: it plays a schedule and lets the oracle judge every step. Chapters:
//! [`line`] is what lies between the engine and Twilio's voice, [`happening`] what a step does,
//! [`people`] where a caller goes who is handed over, and how they come back.

mod happening;
mod line;
mod moving;
mod people;

use switchhook_actors::domain::{
    conversation::{Effect, Input, Rules},
    handoff::{HandoffKind, HandoffNote},
    ids::TurnId,
    record::{CallRecord, Change, Failure, NewCall, Status},
    relay::{Inbound, Info},
    time::{Millis, Timestamp},
    transcript::Role,
};

use self::{line::Line, people::Whereabouts};
use super::{
    machine::{Cast, GREETING, Machine},
    oracle::{Invariant, Oracle, Seen, Verdict, Violation, heard::Heard, is_failure},
    schedule::{Farewell, Greeting, Schedule, Setting},
    store::{Entry, Store},
};

pub(crate) const SID: &str = "CA0123456789abcdef0123456789abcdef";

const START: Timestamp = Timestamp(1_000_000);

/// A timer that rings more often at one moment without effect goes round in circles.
const IDLE_TICKS_MAX: u32 = 3;

/// How long a call that is left alone may last, ms: longer than every deadline together.
const PATIENCE: Millis = 150_000;

pub(crate) struct World<'a> {
    cast: &'a Cast,
    setting: &'a Setting,
    rules: Rules,
    now: Timestamp,
    machine: Box<dyn Machine>,
    oracle: Oracle,
    heard: Heard,
    line: Line,
    store: Store,
    /// The question that the model answers.
    question: Option<TurnId>,
    /// The last one that was stopped.
    stopped: Option<TurnId>,
    /// What the caller said last.
    prompted: String,
    /// When Twilio closes the line, after `end`.
    closes_at: Option<Timestamp>,
    /// Where the caller is.
    whereabouts: Whereabouts,
    /// Twilio has greeted, as far as it does.
    greeted: bool,
    /// When the first line came, as long as the engine has not noted what Twilio greets with.
    greeted_at: Option<Timestamp>,
    /// When the session failed behind which the lines that come were asked for: their address says so.
    address: Option<Failure>,
    /// The session failed, and no line has come since: the machine may learn of it.
    untold: bool,
    /// The engine before this one had no time to note the greeting: this one takes it for spoken now.
    greeting_lost: bool,
    /// The machine has let the call go, and another one shall have it.
    let_go: bool,
    /// The caller was moved here and the record says all of it: they hear nothing about that.
    unnoticed: bool,
    idle_ticks: u32,
    /// Since the last tick nothing was done.
    ticked_for_nothing: bool,
    effects: Vec<Effect>,
}

/// Plays a schedule to the end of its call.
pub(crate) fn play(cast: &Cast, schedule: &Schedule) -> Verdict {
    let mut world = World::new(cast, &schedule.setting)?;
    for step in &schedule.steps {
        world.step(step)?;
    }
    world.end()
}

impl<'a> World<'a> {
    fn new(cast: &'a Cast, setting: &'a Setting) -> Result<Self, Violation> {
        let rules = setting.rules();
        let Some(record) = record(setting) else {
            return Err(Violation::of(Invariant::Panic, "no call sid"));
        };
        let store = Store::new(setting.save_after, record.clone());
        Ok(Self {
            cast,
            setting,
            now: START,
            machine: cast.machine(record, rules.clone()),
            rules,
            oracle: Oracle::default(),
            heard: Heard::new(setting.pace, START),
            line: Line::new(setting, START),
            store,
            question: None,
            stopped: None,
            prompted: "Hello?".to_owned(),
            closes_at: None,
            whereabouts: Whereabouts::WithUs,
            greeted: setting.greeting != Greeting::Twilio,
            greeted_at: None,
            address: None,
            untold: false,
            greeting_lost: false,
            let_go: false,
            unnoticed: false,
            idle_ticks: 0,
            ticked_for_nothing: false,
            effects: Vec::new(),
        })
    }

    /// Tells the machine what happened, judges what it wants done, and does it.
    fn give(&mut self, input: Input) -> Verdict {
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.on(self.now, input.clone(), &mut effects);
        // What an engine before this one said is reported in the same words as ours, and news that
        // were kept for this line are told as if they were new.
        let misled = self.line.misleads() || self.heard.is_adrift();
        let idle = effects.iter().any(is_hand_over) && (misled || self.line.is_idle(self.now));
        let seen = Seen {
            now: self.now,
            input: &input,
            effects: &effects,
            machine: &*self.machine,
            persona: &self.cast.persona,
            rules: &self.rules,
            idle,
            epoch: self.store.durable.epoch,
        };
        self.oracle.judge(&seen)?;
        self.stays_unnoticed(&effects)?;
        self.ticked_for_nothing &= effects.is_empty();
        let failed = is_failure(&input, &effects);
        self.heeds_once(&input, failed, &effects)?;
        for effect in effects.drain(..) {
            self.perform(effect, &input, failed);
        }
        self.line.flush(self.now);
        self.effects = effects;
        Ok(())
    }

    /// A failure that an address tells once more is no reason to say anything again.
    fn heeds_once(&self, input: &Input, failed: bool, effects: &[Effect]) -> Verdict {
        let says_again = |effect: &Effect| {
            matches!(effect, Effect::Say { turn, text, .. }
                if !text.is_empty() && !self.heard.sent(*turn).is_empty())
        };
        let is_known = matches!(input, Input::FailedBefore(_)) && !self.untold;
        if failed && is_known && effects.iter().any(says_again) {
            return Err(Violation::of(Invariant::Heard, "said again for a failure that is known"));
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect, input: &Input, failed: bool) {
        match effect {
            Effect::Ask { turn, .. } => self.question = Some(turn),
            Effect::StopAsking => {
                self.stopped = self.question.take().or(self.stopped);
            }
            Effect::Silence => {
                if failed {
                    self.heard.session_failed();
                }
                for (turn, from) in self.line.silence() {
                    self.heard.dropped(self.now, turn, from);
                }
            }
            Effect::Say { turn, text, last } => {
                self.say(turn, &text, last, failed);
            }
            Effect::Escalate(escalation) => {
                if !self.setting.unrecorded {
                    let change = Change::Escalated { escalation };
                    self.store.write(self.now, Entry::Change(change));
                }
            }
            Effect::Advance { id, step } => {
                let change = Change::Escalation { id, step };
                self.store.write(self.now, Entry::Change(change));
            }
            Effect::End { handoff } => {
                if let Some(note) = to_person(&handoff) {
                    self.whereabouts = Whereabouts::Leaving(note);
                } else if moving::is_move(&handoff) {
                    self.whereabouts = Whereabouts::Moving;
                }
                let spoken = self.line.voice.ends_at().unwrap_or(self.now);
                let closes = self.setting.farewell != Farewell::Patience && self.line.is_up();
                self.closes_at = closes.then_some(spoken + 500);
            }
            Effect::RefuseLine => {
                self.unnoticed = false;
                self.line.refused(self.now);
                self.heard.line_lost(Some(self.now));
            }
            Effect::Append(turn) => {
                if let Some(at) = self.greeted_at.take_if(|_| turn.id == TurnId(0)) {
                    // The engine's count begins when it notes what Twilio speaks already.
                    self.heard.delayed(self.now.since(at));
                }
                if turn.id == TurnId(0) && std::mem::take(&mut self.greeting_lost) {
                    let chars = turn.text.chars().count() as u64;
                    self.heard.believed(self.now, &turn.text, chars);
                }
                self.store.write(self.now, Entry::Turn(turn));
            }
            Effect::Settle(change) => {
                if matches!(change, Change::Ended { .. }) {
                    self.fall_silent();
                    self.whereabouts = Whereabouts::Gone;
                }
                self.store.write(self.now, Entry::Change(change));
            }
            Effect::Summarize { .. } | Effect::Observe(_) => {}
            Effect::Finish => {
                if *input != Input::Fenced {
                    // None of us speaks any more, whether the call is over or not.
                    self.fall_silent();
                }
                self.let_go = self.whereabouts == Whereabouts::Moving || *input == Input::LetGo;
                self.question = None;
                self.closes_at = None;
            }
        }
    }

    /// The caller hears nothing more, or nothing more of this session.
    fn fall_silent(&mut self) {
        if self.line.is_foreign() {
            self.heard.cast_adrift();
        }
        let (at, reached) = self.line.fell_silent(self.now);
        self.heard.silenced(at, &reached);
    }

    /// Lets time pass and meets every deadline.
    fn wait(&mut self, millis: Millis) -> Verdict {
        let end = self.now + millis;
        self.tell_backlog()?;
        while let Some(next) = self.next_event().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            if !self.happens_by_itself()? {
                self.tick()?;
            }
        }
        self.now = end;
        Ok(())
    }

    fn next_event(&self) -> Option<Timestamp> {
        let tick = self.ticks_at();
        [self.store.due(), self.line.next_event(), self.closes_at, tick].into_iter().flatten().min()
    }

    fn ticks_at(&self) -> Option<Timestamp> {
        self.machine.next_deadline().map(|due| due + self.setting.late)
    }

    fn tick(&mut self) -> Verdict {
        let (now, due) = (self.now, self.machine.next_deadline());
        self.ticked_for_nothing = true;
        self.give(Input::Tick)?;
        let moved = self.machine.next_deadline() != due || !self.ticked_for_nothing;
        self.idle_ticks = if moved { 0 } else { self.idle_ticks + 1 };
        if self.idle_ticks > IDLE_TICKS_MAX {
            let detail = format!("the timer rings for nothing at {now:?}, due {due:?}");
            return Err(Violation::of(Invariant::Bounded, detail));
        }
        Ok(())
    }

    /// Whether something was due besides the timer; it has happened then.
    fn happens_by_itself(&mut self) -> Result<bool, Violation> {
        if let Some(entry) = self.store.written(self.now) {
            match entry {
                Entry::Turn(turn) if turn.role == Role::Customer => {
                    self.give(Input::Saved(turn.id))?;
                }
                Entry::Change(Change::Escalated { escalation }) => {
                    self.give(Input::Escalated(escalation.id))?;
                }
                Entry::Turn(_) | Entry::Change(_) => {}
            }
            return Ok(true);
        }
        if self.line.has_ended(self.now) {
            return Ok(true);
        }
        if let Some(info) = self.line.tells(self.now) {
            match info {
                // An engine that slept takes for the beginning what began a while ago.
                Info::AgentSpeaking(true) => {
                    self.heard.outrun(self.now, self.now.since(self.line.voice.starts_at()));
                }
                Info::AgentSpeaking(false) => self.heard.stopped(self.now),
                // And for the last words what is followed by more.
                Info::TokensPlayed(_) => {
                    self.heard.imagined(self.now, self.line.voice.unreported());
                }
                _ => {}
            }
            self.hear(Inbound::Info(info))?;
            return Ok(true);
        }
        if self.closes_at.is_some_and(|at| at <= self.now) {
            self.closes_at = None;
            if self.whereabouts == Whereabouts::Moving {
                self.move_on()?;
                return Ok(true);
            }
            if matches!(self.whereabouts, Whereabouts::Leaving(_)) {
                self.leave()?;
                return Ok(true);
            }
            self.lose_line(true)?;
            if self.setting.farewell == Farewell::Webhook {
                self.give(Input::Concluded(Status::Completed))?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The call ends, in one way or another, and everything is as it should be.
    fn end(&mut self) -> Verdict {
        if self.whereabouts == Whereabouts::Moving {
            self.wait(PATIENCE)?;
        }
        self.go_where_it_was_let_go()?;
        match self.setting.farewell {
            _ if !self.line.was_ever_up() => self.give(Input::Concluded(Status::Failed))?,
            Farewell::Webhook => self.give(Input::Concluded(Status::Completed))?,
            Farewell::Closed => self.lose_line(true)?,
            Farewell::Broken => self.lose_line(false)?,
            Farewell::Patience => {
                self.wait(PATIENCE)?;
                self.give(Input::Concluded(Status::Completed))?;
            }
        }
        self.wait(self.rules.line_grace + self.setting.late + 10_000)?;
        if self.greeted_at.is_some() {
            // The engine slept from the first moment to the last.
            self.heard.unnoted(TurnId(0));
        }
        self.compare(true)?;
        self.oracle.record.close()
    }

    fn compare(&self, at_end: bool) -> Verdict {
        self.heard.compare(self.machine.transcript(), self.oracle.waits.unfinished(), at_end)
    }
}

/// The note that goes with a caller to a person.
fn to_person(handoff: &str) -> Option<HandoffNote> {
    HandoffNote::parse(handoff).ok().filter(|note| note.kind == HandoffKind::Escalate)
}

fn is_hand_over(effect: &Effect) -> bool {
    matches!(effect, Effect::End { handoff } if to_person(handoff).is_some())
}

fn record(setting: &Setting) -> Option<CallRecord> {
    let greeting = match setting.greeting {
        Greeting::Twilio => Some(GREETING.to_owned()),
        Greeting::Engine => None,
        Greeting::Nobody => Some(String::new()),
    };
    Some(CallRecord::ringing(NewCall {
        sid: SID.parse().ok()?,
        caller: if setting.unknown { String::new() } else { "+14155550100".to_owned() },
        called: "+18005550199".to_owned(),
        greeting,
        at: START,
    }))
}

//! Callers who shall be with a person: one escalation at a time, and each comes to exactly one end;
//! they hear of it whole, or have their say, and wait for neither longer than was promised.

mod said;
mod under_way;

use std::collections::BTreeSet;

use switchhook_actors::domain::{
    answer::AnswerEvent,
    conversation::{Effect, Input},
    escalation::{Escalation, EscalationState, ReasonCode, Step, Unreached},
    handoff::{HandoffKind, HandoffNote},
    ids::{EscalationId, TurnId},
    persona::Persona,
    prompt::{STAY_TOOL, Tools},
    record::{CallRecord, Change},
    relay::{Inbound, Info},
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Turn},
};

use self::under_way::{BRIDGE_MAX, Sentence, UnderWay};
use super::{super::schedule::Return, Invariant, Seen, Verdict, Violation};

/// How long the first message of a line is waited for, ms.
const FIRST_FRAME: Millis = 500;

/// Characters a second of a usual voice.
const USUAL_PACE: u64 = 14;

/// Questions of one turn at most: the first, two repeats, and three rounds with a tool.
const ASKS_MAX: u32 = 6;

/// `end` was sent.
#[derive(Debug)]
struct Ended {
    note: String,
    at: Timestamp,
    /// On the line that there is, or within the same instant.
    here: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Escalations {
    /// How many there were.
    number: u32,
    under_way: Option<UnderWay>,
    /// `end` was sent.
    ended: Option<Ended>,
    /// What has to be said before anything else.
    owed: Option<Sentence>,
    /// Nothing durable says that the caller was told what became of it.
    untold: bool,
    /// Nobody said what became of it, and the caller is back.
    unsaid: Option<EscalationId>,
    /// The model is asked whether the caller stays.
    plea: Option<TurnId>,
    /// The answer to that came in this step, or is not waited for any more.
    plea_over: bool,
    /// What it said in this step.
    stays: Option<bool>,
    /// The caller's last words were plain enough without it.
    never_mind: bool,
    /// Since when there is a line.
    line_since: Option<Timestamp>,
    /// For which one the caller may leave a message.
    message_for: Option<u32>,
    messages: BTreeSet<u32>,
    /// Turns whose reason is that a person takes the call, or that none can be had.
    concerned: BTreeSet<(TurnId, Role)>,
    /// The turn that spoke last, and its words.
    said: (TurnId, String),
    asks: (TurnId, u32),
}

impl Escalations {
    /// Another engine begins with what is durable.
    pub(crate) fn taken_over(&mut self, record: &CallRecord, persona: &Persona) {
        // Who is back and was not told a word about it is told by this one.
        let owed = self.owed.filter(|it| matches!(it, Sentence::Unreached | Sentence::Welcome));
        *self = Self { owed, concerned: said::concerned(record), ..Self::default() };
        let Some(known) = &record.escalation else { return };
        self.number = known.id.number;
        self.untold = !record.transcript.turns().iter().any(|turn| {
            let bridge =
                turn.text.contains(&persona.bridge) || persona.bridge.starts_with(&turn.text);
            turn.role == Role::Agent && turn.at > known.at && !bridge
        });
        if known.message.is_some() {
            self.messages.insert(known.id.number);
        }
        if known.state == EscalationState::Requested {
            self.under_way = Some(UnderWay::of(known, true));
            self.owed = Some(Sentence::Bridge);
        } else if known.state == EscalationState::Failed {
            self.message_for = Some(known.id.number);
        } else if !known.state.is_final() {
            self.unsaid = Some(known.id);
            self.owed = Some(Sentence::Unreached);
        }
    }

    /// The caller is back from the queue, and has heard nothing about it.
    pub(crate) fn came_back(&mut self, how: Return) {
        self.owed = Some(match how {
            Return::Withdrawn => Sentence::Welcome,
            Return::Failed | Return::Unsaid => Sentence::Unreached,
        });
    }

    /// `answering`: an answer is being written or waits to be spoken.
    pub(crate) fn judge(&mut self, seen: &Seen<'_>, answering: bool) -> Verdict {
        self.hear(seen);
        for effect in seen.effects {
            self.effect(seen, effect)?;
        }
        if let Some(bridge) = self.under_way.as_mut().and_then(|it| it.bridge.as_mut()) {
            bridge.just_now = false;
        }
        if seen.effects.contains(&Effect::Finish) {
            return self.finished(seen);
        }
        self.overdue(seen, answering)
    }

    fn hear(&mut self, seen: &Seen<'_>) {
        (self.plea_over, self.stays) = (false, None);
        match seen.input {
            Input::Attached => {
                self.line_since = Some(seen.now);
                if let Some(ended) = &mut self.ended {
                    ended.here &= ended.at == seen.now;
                }
                self.asks.1 = 0;
            }
            Input::LineLost { clean } => self.lose_line(*clean),
            Input::Relay(Inbound::End) => self.lose_line(true),
            _ if seen.loses_session() => self.lose_line(false),
            Input::Escalated(id) => {
                if let Some(current) = self.under_way.as_mut().filter(|it| it.id == *id) {
                    current.recorded = true;
                }
            }
            Input::Relay(Inbound::Interrupt(_)) => self.hold(seen.now),
            Input::Relay(Inbound::Dtmf(_)) => {
                self.hold(seen.now);
                self.owed = self.owed.filter(|it| *it != Sentence::Honest);
            }
            Input::Relay(Inbound::Info(Info::AgentSpeaking(on))) => {
                let bridge = self.under_way.as_mut().and_then(|it| it.bridge.as_mut());
                if let Some(bridge) = bridge {
                    bridge.hear_of_voice(*on, self.line_since, seen.now);
                }
            }
            Input::Answer(turn, event) if self.plea == Some(*turn) => {
                self.stays = match event {
                    AnswerEvent::Called(call) => Some(call.name == STAY_TOOL),
                    AnswerEvent::Done(_) => Some(false),
                    _ => None,
                };
                self.plea_over = !matches!(event, AnswerEvent::Token(_));
            }
            _ => {}
        }
    }

    fn lose_line(&mut self, clean: bool) {
        self.line_since = None;
        if let Some(current) = &mut self.under_way {
            current.gone |= clean;
        }
        if clean && self.owed == Some(Sentence::Honest) {
            // It is in the record, and nobody is there to be told.
            self.owed = None;
        }
    }

    /// The caller has something to say.
    fn hold(&mut self, now: Timestamp) {
        if self.ended.is_some() {
            return;
        }
        if let Some(current) = &mut self.under_way {
            current.held_at.get_or_insert(now);
        }
        self.owed = self.owed.filter(|it| *it != Sentence::Bridge);
    }

    fn effect(&mut self, seen: &Seen<'_>, effect: &Effect) -> Verdict {
        match effect {
            Effect::Escalate(escalation) => self.begin(seen, escalation),
            Effect::Advance { id, step } => self.advance(*id, step),
            Effect::End { handoff } => self.end(seen, handoff),
            Effect::Ask { turn, prompt, .. } => self.ask(seen.now, *turn, prompt.tools),
            Effect::Say { turn, text, .. } => self.say(seen, *turn, text),
            Effect::StopAsking => {
                self.plea_over |= self.plea.take().is_some();
                Ok(())
            }
            Effect::RefuseLine => {
                self.line_since = None;
                Ok(())
            }
            Effect::Append(turn) => self.noted(seen, turn),
            _ => Ok(()),
        }
    }

    /// What the transcript says of it.
    fn noted(&mut self, seen: &Seen<'_>, turn: &Turn) -> Verdict {
        if turn.role == Role::Customer {
            self.never_mind = turn.text.to_lowercase().contains("never mind");
        }
        let begins = |effect: &Effect| matches!(effect, Effect::Escalate(_));
        let concerned = self.under_way.is_some()
            || self.ended.is_some()
            || self.owed.is_some()
            || self.untold
            || self.message_for.is_some()
            || seen.effects.iter().any(begins);
        // Less may be heard of a turn later: its reason stays.
        let concerns = matches!(turn.reason, Some(Reason::HandedOver | Reason::NoPerson));
        let new = concerns && self.concerned.insert((turn.id, turn.role));
        let of_caller = turn.reason == Some(Reason::NoPerson) && turn.role == Role::Customer;
        let wrong = of_caller || new && !concerned;
        if wrong {
            return broken(Invariant::Escalated, format!("not the reason of {turn:?}"));
        }
        if turn.role == Role::Customer && self.owed == Some(Sentence::Honest) {
            self.owed = None;
        }
        Ok(())
    }

    fn begin(&mut self, seen: &Seen<'_>, escalation: &Escalation) -> Verdict {
        let wrong = |what: &str| broken(Invariant::Escalated, format!("{what}: {escalation:?}"));
        if let Some(current) = &self.under_way {
            return wrong(&format!("a second one beside {:?}", current.id));
        }
        if self.ended.is_some() {
            return wrong("after the end");
        }
        self.number += 1;
        if escalation.id.number != self.number {
            return wrong("another number than the next");
        }
        let no_desk = escalation.state == EscalationState::Failed
            && escalation.unreached == Some(Unreached::NoDesk);
        if seen.rules.has_people {
            if escalation.state != EscalationState::Requested {
                return wrong("over before it began");
            }
            self.under_way = Some(UnderWay::of(escalation, false));
            self.owed = Some(Sentence::Bridge);
            let cuts_in =
                matches!(seen.input, Input::Relay(Inbound::Interrupt(_) | Inbound::Dtmf(_)));
            if cuts_in && escalation.grounds.code == ReasonCode::Supervisor {
                // The order waited for the line's first message, and the caller cuts in on it.
                self.hold(seen.now);
            }
        } else if no_desk {
            self.owed = Some(Sentence::Honest);
        } else {
            return wrong("nobody is there for it");
        }
        Ok(())
    }

    fn advance(&mut self, id: EscalationId, step: &Step) -> Verdict {
        let wrong = |what: &str| broken(Invariant::Escalated, format!("{what}: {id:?} {step:?}"));
        match step {
            Step::Withdrawn => {
                if self.ended.is_some() {
                    return wrong("after the end");
                }
                let asked = self.plea.is_some() || self.plea_over;
                if !self.stays.unwrap_or(asked && self.never_mind) {
                    return wrong("nobody said that the caller stays");
                }
                match self.under_way.take() {
                    Some(current) if current.id == id => {}
                    _ => return wrong("it is not under way"),
                }
                (self.plea, self.owed) = (None, Some(Sentence::Welcome));
            }
            Step::MessageLeft { .. } => {
                if self.message_for != Some(id.number) {
                    return wrong("nobody was asked for a message");
                }
                if !self.messages.insert(id.number) {
                    return wrong("a second message");
                }
            }
            Step::Failed { why: Unreached::Other } if self.unsaid == Some(id) => {
                self.unsaid = None;
            }
            _ => return wrong("that is not the session's to say"),
        }
        Ok(())
    }

    fn end(&mut self, seen: &Seen<'_>, handoff: &str) -> Verdict {
        let note = HandoffNote::parse(handoff).ok();
        if let Some(before) = &mut self.ended {
            (before.at, before.here) = (seen.now, true);
            if before.note != handoff {
                return broken(Invariant::Escalated, format!("{handoff} after {before:?}"));
            }
            return Ok(());
        }
        let hands_over = note.as_ref().is_some_and(|note| note.kind == HandoffKind::Escalate);
        let Some(current) = self.under_way else {
            if hands_over {
                return broken(Invariant::Escalated, format!("nothing is under way: {handoff}"));
            }
            return Ok(());
        };
        if note != Some(HandoffNote::escalate(current.id, seen.epoch, current.code)) {
            return broken(Invariant::Escalated, format!("{current:?} ends with {handoff}"));
        }
        let heard = current.bridge.is_some_and(|bridge| {
            // A character that has begun is spoken: nobody counts finer.
            let chars = seen.persona.bridge.chars().count() as u64 - 1;
            let by_clock = bridge.at + chars * 1_000 / USUAL_PACE;
            (seen.idle && !bridge.just_now) || seen.now >= by_clock.min(bridge.at + BRIDGE_MAX)
        });
        let may = current.held_until().map_or(heard, |until| self.plea_over || until <= seen.now);
        if !may {
            let detail = format!("{current:?} ends at {:?}", seen.now);
            return broken(Invariant::Bridged, detail);
        }
        (self.under_way, self.owed) = (None, None);
        self.ended = Some(Ended { note: handoff.to_owned(), at: seen.now, here: true });
        Ok(())
    }

    fn ask(&mut self, now: Timestamp, turn: TurnId, tools: Tools) -> Verdict {
        let expected = if self.under_way.is_some() { Tools::Stay } else { Tools::Escalate };
        if tools != expected {
            let detail = format!("turn {turn} is asked with {tools:?}, not {expected:?}");
            return broken(Invariant::Escalated, detail);
        }
        self.asks = (turn, if self.asks.0 == turn { self.asks.1 + 1 } else { 1 });
        if self.asks.1 > ASKS_MAX {
            let detail = format!("turn {turn} is asked {} times", self.asks.1);
            return broken(Invariant::Questions, detail);
        }
        // Who is back and has said something since the wish may be answered at once.
        self.owed = self.owed.filter(|it| *it != Sentence::Welcome);
        if let Some(current) = &mut self.under_way {
            self.plea = Some(turn);
            current.pleaded_at.get_or_insert(now);
            self.hold(now);
        }
        Ok(())
    }

    /// The session is over: whoever was promised a person is with one, or the call is over, or
    /// another engine has it.
    fn finished(&mut self, seen: &Seen<'_>) -> Verdict {
        let over = |effect: &Effect| matches!(effect, Effect::Settle(Change::Ended { .. }));
        let elsewhere = matches!(seen.input, Input::HandedOver | Input::Fenced | Input::LetGo)
            || seen.effects.iter().any(over);
        if let Some(current) = self.under_way.take_if(|_| !elsewhere) {
            return broken(Invariant::Escalated, format!("{current:?} is lost"));
        }
        // What a session that is fenced off, or let go, had to say is for the next one to say.
        self.owed = self.owed.filter(|_| matches!(seen.input, Input::Fenced | Input::LetGo));
        (self.plea, self.ended) = (None, None);
        (self.under_way, self.unsaid, self.line_since) = (None, None, None);
        Ok(())
    }

    /// Nobody waits longer than was promised, nor in silence.
    fn overdue(&self, seen: &Seen<'_>, answering: bool) -> Verdict {
        let Some(since) = self.line_since else { return Ok(()) };
        let due = match (&self.ended, &self.under_way) {
            (Some(ended), _) => (!ended.here).then(|| since + FIRST_FRAME),
            (None, Some(current)) => match current.due() {
                Some(due) => Some(due.max(since)),
                None => (!answering).then(|| since + FIRST_FRAME),
            },
            (None, None) if self.owed == Some(Sentence::Honest) => (!answering).then_some(since),
            (None, None) => (self.owed.is_some()).then(|| since + FIRST_FRAME),
        };
        let Some(due) = due else { return Ok(()) };
        let next = seen.machine.next_deadline();
        if due <= seen.now && since < seen.now || next.is_none_or(|next| next > due) {
            let detail = format!("due at {due:?}, now {:?}, next {next:?}: {self:?}", seen.now);
            return broken(Invariant::Bridged, detail);
        }
        Ok(())
    }
}

fn broken(invariant: Invariant, detail: String) -> Verdict {
    Err(Violation::of(invariant, detail))
}

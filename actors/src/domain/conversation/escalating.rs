//! On the way to a person: the wish, the bridge sentence, a caller who thinks again, and one who
//! comes back because nobody could be reached.
//!
//! All wishes come through [`Conversation::escalate`], whoever has them: a tool or a mark of the
//! model's, a rule of the persona's, an outage, a supervisor. One escalation is under way at a time.

mod known;
mod message;
mod ordered;

use super::{
    Conversation, Effect, Observation,
    closing::{Closing, Exit},
    ending::Then,
    opening::Opening,
};
use crate::domain::{
    answer::AnswerEvent,
    escalation::{Escalation, EscalationState, Grounds, ReasonCode, Step, Unreached},
    handoff::HandoffNote,
    ids::EscalationId,
    phrases::refuses,
    prompt::{STAY_TOOL, Tools, summary_prompt},
    time::{Millis, Timestamp},
    transcript::{Reason, Role},
};

/// How long after the last word of the bridge sentence was sent `end` waits for its voice at most,
/// ms. Twilio speaks what it has queued before it ends the session, so nothing is cut off by it.
const BRIDGE_MAX: Millis = 8_000;

/// How long a caller who speaks into the bridge sentence holds the hand-off up, ms.
const HOLD_MAX: Millis = 6_000;

/// How long `end` waits for the escalation to be recorded, ms. Without a record the note that goes
/// with it says enough, and the caller does not wait for a store that is away.
const RECORD_PATIENCE: Millis = 2_000;

/// The bounds of "under a minute", "under five", "under ten", ms: see `Persona::waits`.
const WAIT_BOUNDS: [Millis; 3] = [60_000, 300_000, 600_000];

/// What of the conversation a summary is made from, in tokens (bytes / 3).
const SUMMARY_TOKENS: usize = 4_000;

/// Where the hand-off stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bridge {
    /// The sentence is written, and not all of it was sent yet.
    Due,
    /// Its last word was sent at this moment.
    Spoken { at: Timestamp },
    /// The caller has something to say about it, until this moment.
    Held {
        until: Timestamp,
        /// The model was asked what they want.
        asked: bool,
    },
}

/// What the session knows of the call's escalations.
#[derive(Debug, Default)]
pub(super) struct Escalating {
    /// How many there were.
    count: u32,
    /// Nobody came for the last one.
    in_vain: bool,
    /// The one that is under way.
    current: Option<Current>,
    /// A supervisor's order that came before the caller could be told anything.
    ordered: Option<Grounds>,
    /// The one that came to nothing, for which the caller is asked to leave a message.
    message_for: Option<EscalationId>,
    /// The caller comes back from it, and has not been told a word about it.
    back_from: Option<(EscalationId, EscalationState)>,
    /// How long callers wait for a person now, ms, when that is known.
    pub(super) expected_wait: Option<Millis>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    id: EscalationId,
    code: ReasonCode,
    at: Timestamp,
    recorded: bool,
    /// It was asked for by a session before this one: the caller may not have heard about it.
    inherited: bool,
}

impl Escalating {
    /// The record has it.
    pub(super) fn recorded(&mut self, id: EscalationId) {
        if let Some(current) = self.current.as_mut().filter(|current| current.id == id) {
            current.recorded = true;
        }
    }

    /// Whether somebody was wanted before, and nobody came.
    pub(super) fn was_in_vain(&self) -> bool {
        self.in_vain
    }
}

impl Conversation {
    /// How long callers wait for a person now, ms, when that is known.
    pub fn expect_wait(&mut self, wait: Option<Millis>) {
        self.escalating.expected_wait = wait;
    }

    /// A person is wanted: has it recorded and returns what is to be said, and what follows. `None`
    /// when one is on the way already.
    pub(super) fn escalate(
        &mut self,
        now: Timestamp,
        grounds: Grounds,
        effects: &mut Vec<Effect>,
    ) -> Option<(String, Then)> {
        if self.escalating.current.is_some() {
            effects.push(Effect::Observe(Observation::Ignored("escalation")));
            return None;
        }
        self.escalating.count += 1;
        let (id, code) =
            (EscalationId { call: self.sid, number: self.escalating.count }, grounds.code);
        let summed_up = grounds.summary.is_some();
        let mut escalation = Escalation::new(id, grounds, now);
        effects.push(Effect::Observe(Observation::Escalated(code)));
        if !self.rules.has_people {
            escalation.apply(&Step::Failed { why: Unreached::NoDesk }, now);
            effects.push(Effect::Escalate(Box::new(escalation)));
            (self.escalating.in_vain, self.escalating.message_for) = (true, None);
            return Some((self.persona.escalation.clone(), Then::TakeMessage));
        }
        effects.push(Effect::Escalate(Box::new(escalation)));
        if !summed_up {
            let prompt = summary_prompt(&self.transcript, SUMMARY_TOKENS);
            effects.push(Effect::Summarize { id, prompt });
        }
        let current = Current { id, code, at: now, recorded: false, inherited: false };
        (self.escalating.current, self.escalating.in_vain) = (Some(current), false);
        self.escalating.message_for = None;
        self.closing = Closing::Bridge(Bridge::Due);
        Some((self.bridge_sentence(), Then::HandOver))
    }

    fn bridge_sentence(&self) -> String {
        let wait = self.escalating.expected_wait.and_then(|wait| {
            let band = WAIT_BOUNDS.iter().filter(|bound| wait >= **bound).count();
            self.persona.waits.get(band)
        });
        [Some(&self.persona.bridge), wait]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Says at once, as the agent's side of the turn that goes on, that a person takes over.
    pub(super) fn escalate_now(
        &mut self,
        now: Timestamp,
        grounds: Grounds,
        effects: &mut Vec<Effect>,
    ) {
        let Some((phrase, then)) = self.escalate(now, grounds, effects) else { return };
        let reason = (then == Then::TakeMessage).then_some(Reason::NoPerson);
        self.say_phrase(now, phrase, reason, effects);
        self.follow(now, then);
    }

    /// When the caller has heard the bridge sentence, or has said nothing more about it.
    pub(super) fn bridge_deadline(&self, bridge: Bridge) -> Option<Timestamp> {
        if self.line_lost.is_some() {
            return None;
        }
        match bridge {
            Bridge::Due => None,
            Bridge::Held { until, .. } => Some(until),
            Bridge::Spoken { at } => {
                let current = self.escalating.current.filter(|current| !current.recorded);
                let recorded = current.map_or(at, |current| current.at + RECORD_PATIENCE);
                Some(self.playback.surely_ends_at().min(at + BRIDGE_MAX).max(recorded))
            }
        }
    }

    /// The session ends, and Twilio asks where the caller goes.
    pub(super) fn hand_over(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.drop_plea(effects);
        // A bridge sentence that was held back for so long is not said behind the end.
        self.give_up_answer(Reason::HandedOver, effects);
        self.end_session(now, Exit::Person, effects);
    }

    /// The note that goes with it.
    pub(super) fn escalation_note(&self) -> Option<HandoffNote> {
        let current = self.escalating.current?;
        Some(HandoffNote::escalate(current.id, self.epoch, current.code))
    }

    /// The caller cuts in on the bridge sentence, or presses a key: the hand-off waits for what they
    /// have to say. False when there is no bridge to be held.
    pub(super) fn hold_bridge(&mut self, now: Timestamp) -> bool {
        let Closing::Bridge(bridge) = self.closing else { return false };
        if !matches!(bridge, Bridge::Held { .. }) {
            self.closing = Closing::Bridge(Bridge::Held { until: now + HOLD_MAX, asked: false });
        }
        true
    }

    /// The caller says something to the bridge sentence: whether they would rather stay is for the
    /// model to say.
    pub(super) fn plead(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        // Who talks on and on does so into the time that their first words were given.
        if !matches!(self.closing, Closing::Bridge(Bridge::Held { asked: true, .. })) {
            self.closing = Closing::Bridge(Bridge::Held { until: now + HOLD_MAX, asked: true });
        }
        self.ask_with(now, true, Tools::Stay, effects);
    }

    /// What the model makes of it.
    pub(super) fn pleaded(
        &mut self,
        now: Timestamp,
        event: AnswerEvent,
        effects: &mut Vec<Effect>,
    ) {
        match event {
            AnswerEvent::Token(_) => {}
            AnswerEvent::Called(call) if call.name == STAY_TOOL => self.stay(now, effects),
            AnswerEvent::Called(_) | AnswerEvent::Done(_) => self.hand_over(now, effects),
            AnswerEvent::Failed(_) => self.plead_in_vain(now, effects),
        }
    }

    /// The model does not say, or not in time: the persona's phrases do.
    pub(super) fn plead_in_vain(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let asked = self.answer.as_ref().is_some_and(|answer| answer.tools == Tools::Stay);
        let last = self.transcript.turns().iter().rfind(|turn| turn.role == Role::Customer);
        if asked && last.is_some_and(|turn| refuses(&turn.text, &self.persona.stay_phrases)) {
            self.stay(now, effects);
        } else {
            self.hand_over(now, effects);
        }
    }

    /// The caller stays with the agent.
    fn stay(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.answer = None;
        effects.extend([Effect::StopAsking, Effect::Observe(Observation::Stayed)]);
        if let Some(current) = self.escalating.current.take() {
            effects.push(Effect::Advance { id: current.id, step: Step::Withdrawn });
        }
        self.closing = Closing::No;
        let phrase = self.persona.stay.clone();
        self.say_phrase(now, phrase, None, effects);
    }

    /// The caller is gone before the bridge sentence was said: should they be back, it is said then.
    /// Whether somebody stays who hangs up is not asked again.
    pub(super) fn postpone_bridge(&mut self, effects: &mut Vec<Effect>) {
        self.drop_plea(effects);
        if self.answer.is_none() || !matches!(self.closing, Closing::Bridge(_)) {
            return;
        }
        self.give_up_answer(Reason::HandedOver, effects);
        self.opening = Opening::TakenOver;
        if let Some(current) = &mut self.escalating.current {
            current.inherited = true;
        }
    }

    /// The question whether the caller would rather stay is not waited for any more.
    pub(super) fn drop_plea(&mut self, effects: &mut Vec<Effect>) {
        let Some(answer) = self.answer.take_if(|answer| answer.tools == Tools::Stay) else {
            return;
        };
        effects.push(Effect::StopAsking);
        self.amend(answer.turn, Role::Customer, effects, |turn| {
            turn.reason = Some(Reason::HandedOver);
        });
    }

    /// What follows when the last word of an answer, or of a phrase, was sent.
    pub(super) fn follow(&mut self, now: Timestamp, then: Then) {
        match then {
            Then::GoOn => {}
            Then::TakeMessage => {
                let number = self.escalating.count;
                self.escalating.message_for = Some(EscalationId { call: self.sid, number });
            }
            Then::Goodbye { binding } => self.closing = Closing::Goodbye { binding },
            Then::HandOver if self.closing == Closing::Bridge(Bridge::Due) => {
                self.closing = Closing::Bridge(Bridge::Spoken { at: now });
            }
            Then::HandOver => {}
        }
    }

    /// What a caller hears whose escalation an earlier session began: the bridge sentence once more,
    /// or that nobody could be reached. False when there was none.
    pub(super) fn come_back(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        if let Some(current) = self.escalating.current.as_mut().filter(|it| it.inherited) {
            current.inherited = false;
            let phrase = self.bridge_sentence();
            self.close_last_turn(Reason::HandedOver, effects);
            self.closing = Closing::Bridge(Bridge::Due);
            self.say_aside(now, phrase, None, effects);
            self.follow(now, Then::HandOver);
            return true;
        }
        let Some((id, state)) = self.escalating.back_from.take() else { return false };
        self.close_last_turn(Reason::HandedOver, effects);
        if state == EscalationState::Withdrawn {
            let phrase = self.persona.stay.clone();
            self.say_aside(now, phrase, None, effects);
            return true;
        }
        if !state.is_final() {
            // Twilio has let go of the caller, and no webhook said so.
            let step = Step::Failed { why: Unreached::Other };
            effects.push(Effect::Advance { id, step });
        }
        self.escalating.message_for = Some(id);
        let phrase = self.persona.unreached.clone();
        self.say_aside(now, phrase, Some(Reason::NoPerson), effects);
        true
    }
}

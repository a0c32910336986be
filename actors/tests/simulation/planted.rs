//! The oracle on trial: machines that are broken on purpose. Each one has to be found within the
//! schedules of the normal run, and the broken promise named.

mod moving;
mod people;

use switchhook_actors::domain::{
    conversation::{Conversation, Effect, Input, Observation},
    escalation::Escalation,
    handoff::{HandoffKind, HandoffNote},
    ids::TurnId,
    prompt::Tools,
    relay::Inbound,
    time::{Millis, Timestamp},
    transcript::{Role, Transcript},
};

use super::{
    SCHEDULES,
    machine::{Cast, Machine},
    oracle::Invariant,
    search,
};

/// A machine with a fault.
struct Broken {
    machine: Conversation,
    /// What it would say that it knows.
    transcript: Transcript,
    /// The turn that spoke last, and its words.
    spoke: (TurnId, String),
    /// How often the caller has cut in.
    cuts: u32,
    /// The escalation that began last.
    wanted: Option<Escalation>,
    /// The question whether the caller stays.
    plea: Option<TurnId>,
    /// `end` was sent for an escalation.
    ended: bool,
    finished: bool,
    fault: Fault,
}

/// Changes what shall be done.
type Fault = fn(&mut Broken, &Input, &mut Vec<Effect>);

impl Broken {
    fn boxed(machine: Conversation, fault: Fault) -> Box<dyn Machine> {
        let (transcript, spoke) = (machine.transcript().clone(), Default::default());
        let (wanted, plea, ended, finished) = (None, None, false, false);
        Box::new(Self { machine, transcript, spoke, cuts: 0, wanted, plea, ended, finished, fault })
    }
}

impl Machine for Broken {
    fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        self.machine.on(now, input.clone(), effects);
        self.cuts += u32::from(matches!(input, Input::Relay(Inbound::Interrupt(_))));
        (self.fault)(self, &input, effects);
        for effect in effects {
            match effect {
                Effect::Say { turn, text, .. } if *turn == self.spoke.0 => self.spoke.1 += text,
                Effect::Say { turn, text, .. } => self.spoke = (*turn, text.clone()),
                Effect::Append(turn) => self.transcript.put(turn.clone()),
                Effect::Escalate(escalation) => self.wanted = Some((**escalation).clone()),
                Effect::Ask { turn, prompt, .. } => {
                    self.plea = (prompt.tools == Tools::Stay).then_some(*turn);
                }
                Effect::End { handoff } => {
                    let note = HandoffNote::parse(handoff).ok();
                    self.ended |= note.is_some_and(|note| note.kind == HandoffKind::Escalate);
                }
                Effect::Finish => self.finished = true,
                _ => {}
            }
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.machine.next_deadline()
    }

    fn transcript(&self) -> &Transcript {
        &self.transcript
    }
}

/// A timer that is set too late, or never moves.
struct Clock<const LATE: Millis>(Conversation, Timestamp);

impl<const LATE: Millis> Machine for Clock<LATE> {
    fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        self.1 = now;
        self.0.on(now, input, effects);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let due = self.0.next_deadline()?;
        Some(if LATE == 0 { due.min(self.1) } else { due + LATE })
    }

    fn transcript(&self) -> &Transcript {
        self.0.transcript()
    }
}

/// Looks for the broken promise; several, where it depends on the call which is noticed first.
fn found(name: &str, promises: &[Invariant], build: fn(Conversation) -> Box<dyn Machine>) {
    seen_through(name, promises, &Cast::broken(build));
}

fn seen_through(name: &str, promises: &[Invariant], cast: &Cast) {
    let found = search::first(cast, 0, SCHEDULES);
    let (seed, violation) = found.unwrap_or_else(|| panic!("nobody noticed: {name}"));
    assert!(promises.contains(&violation.invariant), "{name}, seed {seed}: {violation}");
    println!("{name}: seed {seed}, {violation}");
}

fn is_end(effect: &Effect) -> bool {
    matches!(effect, Effect::Say { text, last: true, .. } if text.is_empty())
}

#[test]
fn a_late_word_of_an_answer_that_was_given_up_is_noticed() {
    found("a late word", &[Invariant::Stale], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            if effects.contains(&Effect::StopAsking) && effects.iter().any(is_end) {
                let (turn, text) = (this.spoke.0, "late".to_owned());
                effects.push(Effect::Say { turn, text, last: true });
            }
        })
    });
}

#[test]
fn a_talk_cycle_that_is_never_closed_is_noticed() {
    found("a cycle left open", &[Invariant::Cycle], |machine| {
        Broken::boxed(machine, |_, _, effects| effects.retain(|effect| !is_end(effect)))
    });
}

#[test]
fn a_talk_cycle_that_is_closed_twice_is_noticed() {
    found("a cycle closed twice", &[Invariant::Cycle], |machine| {
        Broken::boxed(machine, |_, _, effects| {
            if let Some(end) = effects.iter().find(|effect| is_end(effect)).cloned() {
                effects.push(end);
            }
        })
    });
}

#[test]
fn an_interrupted_turn_that_is_noted_whole_is_noticed() {
    found("a cut ignored", &[Invariant::Heard], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            for effect in effects {
                if let Effect::Append(turn) = effect
                    && let Some(known) = this.transcript.get(turn.id, Role::Agent)
                    && turn.role == Role::Agent
                    && !known.open
                {
                    turn.text.clone_from(&known.text);
                }
            }
        })
    });
}

#[test]
fn a_word_too_few_in_a_turn_that_was_interrupted_is_noticed() {
    found("a cut one word early", &[Invariant::Heard], |machine| {
        Broken::boxed(machine, |_, _, effects| {
            for effect in effects {
                if let Effect::Append(turn) = effect
                    && turn.interrupted
                    && !turn.estimated
                    && turn.reason.is_none()
                {
                    let words = turn.text.rfind(' ').unwrap_or(0);
                    turn.text.truncate(words);
                }
            }
        })
    });
}

#[test]
fn an_interrupted_turn_that_the_store_is_not_told_of_is_noticed() {
    found("a cut not stored", &[Invariant::Recorded], |machine| Box::new(Forgetful(machine)));
}

/// Tells the store nothing of what was interrupted.
struct Forgetful(Conversation);

impl Machine for Forgetful {
    fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        self.0.on(now, input, effects);
        effects.retain(|effect| !matches!(effect, Effect::Append(turn) if turn.interrupted));
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.0.next_deadline()
    }

    fn transcript(&self) -> &Transcript {
        self.0.transcript()
    }
}

#[test]
fn a_caller_turn_without_answer_and_reason_is_noticed() {
    found("a reason forgotten", &[Invariant::Answered], |machine| {
        Broken::boxed(machine, |_, _, effects| {
            for effect in effects {
                if let Effect::Append(turn) = effect
                    && turn.role == Role::Customer
                {
                    turn.reason = None;
                }
            }
        })
    });
}

#[test]
fn a_caller_who_is_not_answered_at_all_is_noticed() {
    found("a question not put", &[Invariant::Answered], |machine| {
        Broken::boxed(machine, |_, _, effects| {
            effects.retain(|effect| !matches!(effect, Effect::Ask { .. }));
        })
    });
}

#[test]
fn a_model_that_is_not_stopped_is_noticed() {
    found("a question left open", &[Invariant::Questions, Invariant::Deadline], |machine| {
        Broken::boxed(machine, |_, _, effects| {
            effects.retain(|effect| *effect != Effect::StopAsking);
        })
    });
}

#[test]
fn a_word_that_is_swallowed_is_noticed() {
    found("a word swallowed", &[Invariant::Whole, Invariant::Heard], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            let spoke = &this.spoke;
            effects.retain(|effect| match effect {
                Effect::Say { turn, text, last: false } => {
                    *turn != spoke.0 || spoke.1.contains(' ') || !text.contains(' ')
                }
                _ => true,
            });
        })
    });
}

#[test]
fn a_word_after_the_end_is_noticed() {
    found("a word after the end", &[Invariant::Over], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            if this.finished {
                effects.push(Effect::StopAsking);
            }
        })
    });
}

#[test]
fn a_timer_that_is_set_too_late_is_noticed() {
    found("a late timer", &[Invariant::Deadline], |machine| {
        Box::new(Clock::<1_500>(machine, Timestamp(0)))
    });
}

#[test]
fn a_timer_that_rings_for_ever_is_noticed() {
    found("a busy timer", &[Invariant::Bounded], |machine| {
        Box::new(Clock::<0>(machine, Timestamp(0)))
    });
}

#[test]
fn a_machine_that_says_the_same_without_end_is_noticed() {
    found("effects without bound", &[Invariant::Bounded], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            let unsaved = Effect::Observe(Observation::Unsaved);
            let many = if effects.is_empty() { 0 } else { this.cuts * 8 };
            effects.splice(0..0, (0..many).map(|_| unsaved.clone()));
        })
    });
}

#[test]
fn a_panic_is_noticed() {
    found("a panic", &[Invariant::Panic], |machine| {
        Broken::boxed(machine, |this, _, _| assert!(this.cuts < 3, "three cuts"))
    });
}

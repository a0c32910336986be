//! Whether the schedules go everywhere: a promise that is never put to the test is none.

use std::sync::atomic::{AtomicU64, Ordering};

use switchhook_actors::domain::{
    conversation::{Conversation, Effect, Input, Observation},
    escalation::Step,
    prompt::Tools,
    record::{Change, Status},
    time::Timestamp,
    transcript::{Reason, Transcript, Turn},
};

use super::{
    generator,
    machine::{Cast, Machine},
    search::verdict,
};

/// Schedules that are looked at.
const LOOKED_AT: u64 = 3_000;

/// What has to happen in them.
const PLACES: [&str; 39] = [
    "asked",
    "asked again",
    "stopped",
    "silenced",
    "said",
    "an empty end",
    "end",
    "refused",
    "escalated",
    "completed",
    "failed",
    "located",
    "estimated",
    "unsaved",
    "filled",
    "followed up",
    "silence",
    "backchannel",
    "after the end",
    "superseded",
    "stalled",
    "taken over",
    "limit",
    "length",
    "open",
    "handed over",
    "goodbye",
    "summarized",
    "no desk",
    "withdrawn",
    "message",
    "unsaid",
    "asked to stay",
    "refused call",
    "second wish",
    "no person",
    "with a person",
    "moved",
    "replayed",
];

static SEEN: [AtomicU64; PLACES.len()] = [const { AtomicU64::new(0) }; PLACES.len()];

struct Watched(Conversation);

impl Machine for Watched {
    fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        self.0.on(now, input, effects);
        for place in effects.iter().flat_map(places) {
            if let Some(at) = PLACES.iter().position(|name| *name == place) {
                SEEN[at].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.0.next_deadline()
    }

    fn transcript(&self) -> &Transcript {
        self.0.transcript()
    }
}

fn places(effect: &Effect) -> Vec<&'static str> {
    match effect {
        Effect::Ask { prompt, .. } if prompt.tools == Tools::Stay => vec!["asked to stay"],
        Effect::Ask { again: false, .. } => vec!["asked"],
        Effect::Ask { again: true, .. } => vec!["asked again"],
        Effect::StopAsking => vec!["stopped"],
        Effect::Silence => vec!["silenced"],
        Effect::Say { text, .. } if text.is_empty() => vec!["an empty end"],
        Effect::Say { .. } => vec!["said"],
        Effect::End { handoff } if handoff.contains("escalate") => vec!["end", "handed over"],
        Effect::End { handoff } if handoff.contains("move") => vec!["end", "moved"],
        Effect::End { .. } => vec!["end", "goodbye"],
        Effect::Escalate(escalation) if escalation.is_under_way() => vec!["escalated"],
        Effect::Escalate(_) => vec!["no desk"],
        Effect::Summarize { .. } => vec!["summarized"],
        Effect::Advance { step: Step::Withdrawn, .. } => vec!["withdrawn"],
        Effect::Advance { step: Step::MessageLeft { .. }, .. } => vec!["message"],
        Effect::Advance { .. } => vec!["unsaid"],
        Effect::RefuseLine => vec!["refused"],
        Effect::Settle(Change::Ended { status: Status::Completed }) => vec!["completed"],
        Effect::Settle(Change::Ended { .. }) => vec!["failed"],
        Effect::Append(turn) => noted(turn),
        Effect::Observe(observation) => observed(*observation),
        Effect::Settle(_) | Effect::Finish => Vec::new(),
    }
}

fn noted(turn: &Turn) -> Vec<&'static str> {
    let reason = match turn.reason {
        Some(Reason::Superseded) => Some("superseded"),
        Some(Reason::Stalled) => Some("stalled"),
        Some(Reason::TakenOver) => Some("taken over"),
        Some(Reason::Limit) => Some("limit"),
        Some(Reason::Length) => Some("length"),
        Some(Reason::NoPerson) => Some("no person"),
        Some(Reason::HandedOver) => Some("with a person"),
        _ => None,
    };
    reason.into_iter().chain(turn.open.then_some("open")).collect()
}

fn observed(observation: Observation) -> Vec<&'static str> {
    match observation {
        Observation::Interrupted { located: true } => vec!["located"],
        Observation::Interrupted { located: false } => vec!["estimated"],
        Observation::Unsaved => vec!["unsaved"],
        Observation::Filled => vec!["filled"],
        Observation::Reprompted("interrupt") => vec!["followed up"],
        Observation::Reprompted(_) => vec!["silence"],
        Observation::Ignored("backchannel") => vec!["backchannel"],
        Observation::CallRefused(_) => vec!["refused call"],
        Observation::Ignored("escalation" | "order") => vec!["second wish"],
        Observation::Ignored("replay") => vec!["replayed"],
        Observation::Ignored("prompt_after_end") => vec!["after the end"],
        _ => Vec::new(),
    }
}

#[test]
fn the_schedules_go_everywhere() {
    let cast = Cast::broken(|machine| Box::new(Watched(machine)));
    for seed in 0..LOOKED_AT {
        let _ = verdict(&cast, &generator::schedule(seed));
    }
    let seen = SEEN.iter().map(|seen| seen.load(Ordering::Relaxed));
    let seen: Vec<_> = PLACES.iter().zip(seen).collect();
    let missed: Vec<_> = seen.iter().filter(|(_, times)| *times < 10).collect();
    assert!(missed.is_empty(), "hardly or never seen: {missed:?} of {seen:?}");
    println!("{seen:?}");
}

#[test]
fn a_seed_is_one_call() {
    for seed in 0..100 {
        assert_eq!(generator::schedule(seed), generator::schedule(seed));
    }
    assert_ne!(generator::schedule(1), generator::schedule(2));
}

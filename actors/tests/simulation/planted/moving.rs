//! Faults about calls that go from one engine to another.

use switchhook_actors::domain::{
    conversation::{Effect, Observation},
    ids::TurnId,
    transcript::{Role, Turn},
};

use super::{super::machine::Cast, Broken, Invariant, found, seen_through};

#[test]
fn a_move_that_the_caller_hears_of_is_noticed() {
    let forgets = Cast::forgetful(|mut record| {
        record.moved = None;
        record
    });
    seen_through("a move forgotten", &[Invariant::Moved], &forgets);
}

#[test]
fn new_words_that_are_taken_for_old_ones_are_noticed() {
    found("words dropped", &[Invariant::Answered, Invariant::Recorded], |machine| {
        Broken::boxed(machine, |_, input, effects| {
            let words = |effect: &Effect| match effect {
                Effect::Append(Turn { id, role: Role::Customer, .. }) => *id == TurnId(1),
                _ => false,
            };
            if format!("{input:?}").contains("Prompt") && effects.iter().any(words) {
                *effects = vec![Effect::Observe(Observation::Ignored("replay"))];
            }
        })
    });
}

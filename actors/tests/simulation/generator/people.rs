//! Callers who shall be with a person, and what may come between.

use fastrand::Rng;
use switchhook_actors::domain::answer::{FailureKind, Finish};

use super::{
    super::schedule::{Return, Step},
    any, interrupt, key, one_in, prompt, prose, tokens,
};

/// What callers say that is for a person.
const WISHES: [&str; 4] =
    ["I want to talk to a person", "Operator!", "My money is gone", "That is not what I meant"];

/// What callers say who think again, or who may mean the opposite.
const SECOND_THOUGHTS: [&str; 3] =
    ["Never mind.", "I don't want to talk to a person", "never mind, go on"];

/// Arguments that the tool takes. Their words are said by nobody.
const GOOD: [&str; 3] = [
    r#"{"reason":"quartz"}"#,
    r#"{"reason":"quartz","reason_code":"fraud","summary":"Quartzite.","urgent":true}"#,
    r#"{"reason":"quartz","reason_code":7,"skill":"quartz-card","new":[]}"#,
];

/// And that it does not.
const BAD: [&str; 4] = ["", "{", r#"{"reason":""}"#, r#"["quartz"]"#];

/// The marks that a model may write.
const MARKS: [&str; 5] = [
    "ESCALATE: xylophone",
    "**ESCALATE**: xylophone\nand more",
    "escalate: xylophone\n",
    "> ESCALATE: xylophone\nESCALATE: again",
    "ESCALATE:",
];

pub(super) fn call(name: &str, arguments: &str) -> Step {
    Step::Call { name: name.to_owned(), arguments: arguments.to_owned() }
}

fn say(words: &str) -> Step {
    Step::Prompt { words: words.to_owned(), last: true }
}

/// A tool that is called in a way that cannot be followed, and what the model makes of being told so.
pub(super) fn misuse(dice: &mut Rng, steps: &mut Vec<Step>) {
    for _ in 0..dice.usize(1..6) {
        steps.push(match dice.u32(0..3) {
            0 => call("dance", "{}"),
            1 => call("stay", "{}"),
            _ => call("escalate_to_human", any(dice, &BAD, "")),
        });
        steps.push(Step::Done(any(
            dice,
            &[Finish::Stop, Finish::Stop, Finish::Length],
            Finish::Stop,
        )));
        steps.push(Step::Wait(dice.u64(0..900)));
    }
}

/// Somebody wants a person for the caller, and then things happen.
pub(super) fn wish(dice: &mut Rng, steps: &mut Vec<Step>) {
    match dice.u32(0..8) {
        0..=2 => steps.push(say(any(dice, &WISHES, "Operator!"))),
        3 => steps.push(Step::Order),
        4 => failures(dice, steps),
        _ => by_model(dice, steps),
    }
    steps.push(Step::Wait(if one_in(dice, 3) { dice.u64(0..10_000) } else { dice.u64(0..3_000) }));
    match dice.u32(0..6) {
        0 => steps.push(interrupt(dice)),
        1 => steps.extend([interrupt(dice), Step::Wait(dice.u64(0..7_000)), plea(dice)]),
        2 => steps.push(plea(dice)),
        3 => steps.extend([key(dice), Step::Wait(dice.u64(0..4_000))]),
        _ => {}
    }
    if dice.bool() {
        steps.push(Step::Wait(dice.u64(0..2_000)));
        verdict(dice, steps);
    }
    if one_in(dice, 6) {
        steps.push(wish_again(dice));
    }
    if dice.bool() {
        steps.push(Step::Wait(dice.u64(0..20_000)));
        come_back(dice, steps);
    }
}

fn plea(dice: &mut Rng) -> Step {
    match dice.u32(0..4) {
        0 => prompt(dice),
        1 => say(any(dice, &WISHES, "Operator!")),
        _ => say(any(dice, &SECOND_THOUGHTS, "Never mind.")),
    }
}

fn wish_again(dice: &mut Rng) -> Step {
    if dice.bool() { Step::Order } else { say(any(dice, &WISHES, "Operator!")) }
}

/// So many failed answers that a person is asked for.
fn failures(dice: &mut Rng, steps: &mut Vec<Step>) {
    for _ in 0..dice.usize(3..7) {
        steps.extend([prompt(dice), Step::Wait(dice.u64(0..900))]);
        let kind = FailureKind::Status(401);
        steps.push(Step::Fail { kind, retryable: false, after: None });
        steps.push(Step::Wait(dice.u64(0..3_000)));
    }
}

/// The model writes the mark, or calls the tool.
fn by_model(dice: &mut Rng, steps: &mut Vec<Step>) {
    steps.extend([prompt(dice), Step::Wait(dice.u64(0..900))]);
    let words = match dice.u32(0..4) {
        0 => 0,
        1 => dice.usize(20..60),
        _ => dice.usize(1..10),
    };
    let mut text = prose(dice, words);
    let by_mark = dice.bool();
    if by_mark {
        text.push_str(any(dice, &["\n", ".\n", ". "], "\n"));
        text.push_str(any(dice, &MARKS, "ESCALATE:"));
    }
    for token in tokens(dice, &text) {
        steps.push(Step::Token(token));
        if one_in(dice, 4) {
            steps.push(Step::Wait(dice.u64(0..300)));
        }
    }
    if !by_mark {
        steps.push(call("escalate_to_human", any(dice, &GOOD, "")));
        if one_in(dice, 4) {
            steps.push(call("escalate_to_human", any(dice, &GOOD, "")));
        }
    }
    if one_in(dice, 8) {
        steps.push(Step::Wait(dice.u64(0..4_000)));
    }
    steps.push(if one_in(dice, 6) {
        let (kind, retryable) = (FailureKind::Cut, dice.bool());
        Step::Fail { kind, retryable, after: None }
    } else {
        Step::Done(Finish::Stop)
    });
}

/// What the model makes of a caller who has something to say before they are handed over.
fn verdict(dice: &mut Rng, steps: &mut Vec<Step>) {
    match dice.u32(0..6) {
        0..=2 => steps.extend([call("stay", "{}"), Step::Done(Finish::Stop)]),
        3 => steps.extend([Step::Token("All right, ".to_owned()), Step::Done(Finish::Stop)]),
        4 => steps.push(call("dance", "")),
        _ => {
            let (kind, retryable) = (FailureKind::Upstream, dice.bool());
            steps.push(Step::Fail { kind, retryable, after: None });
        }
    }
}

/// The caller leaves the queue, and mostly leaves a message.
fn come_back(dice: &mut Rng, steps: &mut Vec<Step>) {
    let how = any(dice, &[Return::Failed, Return::Withdrawn, Return::Unsaid], Return::Failed);
    steps.extend([Step::Return(how), Step::Wait(dice.u64(0..2_000)), Step::Attach]);
    if dice.bool() {
        steps.push(Step::Setup { foreign: false });
    }
    steps.push(Step::Wait(dice.u64(0..6_000)));
    match dice.u32(0..3) {
        0 => steps.push(say(any(dice, &SECOND_THOUGHTS, "Never mind."))),
        1 => {}
        _ => steps.push(prompt(dice)),
    }
}

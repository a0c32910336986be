//! Schedules from a seed: calls as they are, with what can go wrong sprinkled over them.

mod people;

use fastrand::Rng;
use switchhook_actors::domain::answer::{FailureKind, Finish};

use super::schedule::{Farewell, Greeting, Noise, Report, Schedule, Setting, Step};

/// What words are made of. Many different ones, since a place is found by its words.
const SYLLABLES: [&str; 24] = [
    "ba", "co", "du", "fe", "gi", "ho", "ju", "ka", "le", "mi", "no", "pa", "qui", "ro", "sa",
    "te", "u", "va", "wi", "xe", "yo", "zu", "tra", "plo",
];

/// Words that are hard to find again, or to speak.
const ODD_WORDS: [&str; 16] = [
    "don't",
    "naïve",
    "no no no",
    "東京です",
    "ÄÖÜ",
    "🦉",
    "...",
    "one-two",
    "e.g.",
    "'quoted'",
    "Straße",
    "ça",
    "(aside)",
    "नमस्ते",
    "a",
    "ESCAPE",
];

/// Writes the call of that seed.
pub(crate) fn schedule(seed: u64) -> Schedule {
    let mut dice = Rng::with_seed(seed);
    let setting = setting(&mut dice);
    let mut steps = Vec::new();
    opening(&mut dice, &mut steps);
    for _ in 0..dice.usize(0..6) {
        if one_in(&mut dice, 4) {
            people::wish(&mut dice, &mut steps);
        } else {
            exchange(&mut dice, &mut steps);
        }
    }
    for _ in 0..troubles(&mut dice) {
        let at = dice.usize(0..=steps.len());
        let trouble = trouble(&mut dice);
        steps.splice(at..at, trouble);
    }
    Schedule { setting, steps }
}

fn one_in(dice: &mut Rng, n: u32) -> bool {
    dice.u32(0..n) == 0
}

fn any<T: Copy>(dice: &mut Rng, of: &[T], otherwise: T) -> T {
    dice.choice(of).copied().unwrap_or(otherwise)
}

fn setting(dice: &mut Rng) -> Setting {
    let usual = Setting::default();
    Setting {
        pace: if dice.bool() { 14 } else { dice.u64(10..=20) },
        latency: if dice.bool() { 0 } else { dice.u64(0..600) },
        info: dice.bool(),
        played: if one_in(dice, 3) { dice.u64(1..60) } else { 0 },
        replay: dice.bool(),
        reports_all: one_in(dice, 3),
        greeting: any(
            dice,
            &[Greeting::Twilio, Greeting::Twilio, Greeting::Engine, Greeting::Nobody],
            usual.greeting,
        ),
        unknown: one_in(dice, 6),
        save_after: any(dice, &[0, 0, 3, 40, 300, 1_500, 10_000], 0),
        late: any(dice, &[0, 0, 0, 1, 20, 1_000, 5_000], 0),
        filler: any(dice, &[1_500, 1_500, 300, 100_000], usual.filler),
        silence: any(dice, &[12_000, 12_000, 3_000], usual.silence),
        max_call: any(dice, &[3_600_000, 3_600_000, 3_600_000, 15_000], usual.max_call),
        max_turns: any(dice, &[200, 200, 200, 2], usual.max_turns),
        farewell: any(
            dice,
            &[Farewell::Webhook, Farewell::Closed, Farewell::Broken, Farewell::Patience],
            usual.farewell,
        ),
        has_people: !one_in(dice, 4),
        unrecorded: one_in(dice, 8),
    }
}

fn opening(dice: &mut Rng, steps: &mut Vec<Step>) {
    steps.push(Step::Attach);
    if !one_in(dice, 8) {
        steps.push(Step::Setup { foreign: false });
    }
    steps.push(Step::Wait(dice.u64(0..4_000)));
}

/// The caller speaks and is answered, mostly.
fn exchange(dice: &mut Rng, steps: &mut Vec<Step>) {
    if one_in(dice, 12) {
        for _ in 0..dice.usize(1..5) {
            steps.push(key(dice));
            steps.push(Step::Wait(dice.u64(0..1_500)));
        }
    } else {
        steps.push(prompt(dice));
    }
    if !one_in(dice, 6) {
        answer(dice, steps);
    }
    match dice.u32(0..5) {
        0 => steps.extend([interrupt(dice), Step::Wait(dice.u64(0..4_000))]),
        1 => {}
        2 => steps.push(Step::Wait(dice.u64(0..20_000))),
        _ => steps.push(Step::Wait(dice.u64(0..4_000))),
    }
}

fn answer(dice: &mut Rng, steps: &mut Vec<Step>) {
    steps.push(Step::Wait(if one_in(dice, 6) { dice.u64(0..6_000) } else { dice.u64(0..900) }));
    if one_in(dice, 12) {
        people::misuse(dice, steps);
    }
    let failing = one_in(dice, 6);
    if failing && dice.bool() {
        steps.push(failure(dice));
        if dice.bool() {
            return;
        }
        steps.push(Step::Wait(dice.u64(0..2_000)));
    }
    let text = text(dice);
    for token in tokens(dice, &text) {
        steps.push(Step::Token(token));
        if dice.bool() {
            let pause = if one_in(dice, 40) { dice.u64(0..4_000) } else { dice.u64(0..120) };
            steps.push(Step::Wait(pause));
        }
    }
    steps.push(match (failing, one_in(dice, 6)) {
        (true, _) => failure(dice),
        (_, true) => Step::Done(any(
            dice,
            &[Finish::Length, Finish::Filtered, Finish::Refused],
            Finish::Stop,
        )),
        _ => Step::Done(Finish::Stop),
    });
}

fn failure(dice: &mut Rng) -> Step {
    let kinds = [
        FailureKind::Saturated,
        FailureKind::Unavailable,
        FailureKind::Connect,
        FailureKind::Dropped,
        FailureKind::Status(503),
        FailureKind::Garbage,
        FailureKind::Cut,
        FailureKind::Upstream,
        FailureKind::Timeout,
    ];
    Step::Fail {
        kind: any(dice, &kinds, FailureKind::Cut),
        retryable: dice.bool(),
        after: dice.bool().then(|| dice.u64(0..6_000)),
    }
}

fn word(dice: &mut Rng) -> String {
    if one_in(dice, 10) {
        return any(dice, &ODD_WORDS, "a").to_owned();
    }
    (0..dice.usize(1..4)).map(|_| any(dice, &SYLLABLES, "a")).collect()
}

fn prose(dice: &mut Rng, words: usize) -> String {
    let mut text = String::new();
    for at in 0..words {
        if at > 0 {
            text.push_str(any(dice, &[" ", " ", " ", " ", ", ", "\n", "  "], " "));
        }
        text.push_str(&word(dice));
        if one_in(dice, 8) {
            text.push_str(any(dice, &[".", "!", "?", "…"], "."));
        }
    }
    text
}

/// An answer, with the marks that a model may write.
fn text(dice: &mut Rng) -> String {
    let words = match dice.u32(0..10) {
        0 => 0,
        1 => dice.usize(20..60),
        _ => dice.usize(1..14),
    };
    let mut text = prose(dice, words);
    match dice.u32(0..14) {
        0 => text.push_str("\nESCALATE: xylophone"),
        1 => text.push_str("\nEND_CALL"),
        2 => text.push_str(" **ESCALATE**: xylophone\nEND_CALL"),
        3 => text.push_str(" \"ESCALATE: xylophone\" END_CALL"),
        4 => text.push_str(any(dice, &[" ", "\n\n", "\u{200b}", "E", "**", "END_"], " ")),
        _ => {}
    }
    text
}

/// Cuts a text anywhere.
fn tokens(dice: &mut Rng, text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let longest = any(dice, &[1, 4, 8, 30, 500], 8);
    let mut token = String::new();
    let mut left = dice.usize(1..=longest);
    for char in text.chars() {
        token.push(char);
        left -= 1;
        if left == 0 {
            tokens.push(std::mem::take(&mut token));
            left = dice.usize(1..=longest);
        }
    }
    if !token.is_empty() || one_in(dice, 10) {
        tokens.push(token);
    }
    tokens
}

fn prompt(dice: &mut Rng) -> Step {
    let words = match dice.u32(0..16) {
        0 => any(dice, &["", " ", "mm-hm", "Yeah.", "I see!", "Never mind."], "").to_owned(),
        _ => {
            let words = dice.usize(1..8);
            prose(dice, words)
        }
    };
    Step::Prompt { words, last: !one_in(dice, 12) }
}

fn key(dice: &mut Rng) -> Step {
    Step::Key(any(dice, &['1', '2', '3', '0', '*', '#'], '#'))
}

fn interrupt(dice: &mut Rng) -> Step {
    let reports = [
        Report::Exact,
        Report::Exact,
        Report::Normalised,
        Report::Reworded,
        Report::Empty,
        Report::Missing,
    ];
    Step::Interrupt {
        report: any(dice, &reports, Report::Exact),
        timed: dice.bool(),
        lag: if dice.bool() { 0 } else { dice.u64(0..400) },
    }
}

/// How often a call is troubled: many hardly, some all the time.
fn troubles(dice: &mut Rng) -> usize {
    match dice.u32(0..4) {
        0 => 0,
        1 => 1,
        2 => dice.usize(1..5),
        _ => dice.usize(3..14),
    }
}

fn trouble(dice: &mut Rng) -> Vec<Step> {
    match dice.u32(0..24) {
        0..=4 => vec![interrupt(dice)],
        5 => vec![interrupt(dice), prompt(dice)],
        6 | 7 => vec![prompt(dice)],
        8 => line_break(dice, Step::Drop { clean: false }),
        9 => {
            let told = dice.u64(0..4_000);
            let late = if dice.bool() { told } else { 0 };
            let told = Step::SessionFailedBefore(late);
            let how = if dice.bool() { told } else { Step::SessionFailedElsewhere(late) };
            line_break(dice, how)
        }
        10 => {
            let mut steps = vec![Step::Drop { clean: false }, Step::Wait(dice.u64(0..3_000))];
            steps.extend(line_break(dice, Step::SessionFailed));
            steps
        }
        11 => line_break(dice, Step::TakeOver { lost: true }),
        12 => line_break(dice, Step::TakeOver { lost: false }),
        13 => line_break(dice, Step::Drop { clean: true }),
        14 => {
            let how = if dice.bool() { Step::Fence } else { Step::Bye };
            line_break(dice, how)
        }
        15 => vec![key(dice)],
        16 => vec![Step::Jump(dice.u64(0..8_000))],
        17 => vec![Step::Wait(dice.u64(0..8_000))],
        18 => vec![Step::Stall],
        19 => vec![Step::Flow],
        20 => vec![Step::Stale(word(dice))],
        21 => vec![Step::PromptAgain],
        22 => rare(dice),
        _ => vec![Step::Noise(any(
            dice,
            &[
                Noise::Error,
                Noise::Unknown,
                Noise::OtherInfo,
                Noise::CallerSpeaks(true),
                Noise::CallerSpeaks(false),
                Noise::Tick,
                Noise::Saved,
            ],
            Noise::Tick,
        ))],
    }
}

fn rare(dice: &mut Rng) -> Vec<Step> {
    match dice.u32(0..12) {
        0 => vec![Step::Concluded { completed: dice.bool() }],
        1 => vec![Step::Setup { foreign: true }],
        2 => vec![Step::Attach, Step::Setup { foreign: false }],
        3 => vec![Step::SessionFailed, Step::SessionFailed],
        4 | 5 => vec![Step::Order],
        6..=9 => vec![Step::Move],
        10 => line_break(dice, Step::LetGo),
        _ => vec![Step::PlayedAgain, Step::Setup { foreign: false }],
    }
}

/// The line goes in that way and, mostly, comes back.
fn line_break(dice: &mut Rng, how: Step) -> Vec<Step> {
    let mut steps = vec![how];
    if one_in(dice, 4) {
        return steps;
    }
    let gone = if one_in(dice, 10) { dice.u64(0..40_000) } else { dice.u64(0..4_000) };
    steps.extend([Step::Wait(gone), Step::Attach]);
    if dice.bool() {
        steps.push(Step::Setup { foreign: false });
    }
    steps
}

//! The shortest schedule that still breaks the same promise.

use super::{
    machine::Cast,
    oracle::{Invariant, Violation},
    schedule::{Schedule, Setting, Step},
    search::verdict,
};

/// Shortens a failing schedule: drops runs of steps, longest first, then makes what is left plain.
pub(crate) fn shortest(cast: &Cast, schedule: Schedule, broken: Invariant) -> Schedule {
    let fails = |schedule: &Schedule| matches!(verdict(cast, schedule), Err(Violation { invariant, .. }) if invariant == broken);
    let mut schedule = schedule;
    loop {
        let before = schedule.clone();
        schedule = without_runs(schedule, &fails);
        schedule = with_waits_joined(schedule, &fails);
        schedule = with_plain_steps(schedule, &fails);
        schedule = with_usual_setting(schedule, &fails);
        if schedule == before {
            return schedule;
        }
    }
}

fn without_runs(mut schedule: Schedule, fails: &dyn Fn(&Schedule) -> bool) -> Schedule {
    let mut run = schedule.steps.len() / 2;
    while run > 0 {
        let mut at = 0;
        while at < schedule.steps.len() {
            let mut shorter = schedule.clone();
            let end = (at + run).min(shorter.steps.len());
            shorter.steps.drain(at..end);
            if fails(&shorter) {
                schedule = shorter;
            } else {
                at += run;
            }
        }
        run /= 2;
    }
    schedule
}

fn with_waits_joined(mut schedule: Schedule, fails: &dyn Fn(&Schedule) -> bool) -> Schedule {
    let mut at = 0;
    while let [first, second, ..] = schedule.steps.get(at..).unwrap_or_default() {
        if let (Step::Wait(first), Step::Wait(second)) = (first, second) {
            let mut shorter = schedule.clone();
            shorter.steps.splice(at..at + 2, [Step::Wait(first + second)]);
            if fails(&shorter) {
                schedule = shorter;
                continue;
            }
        }
        at += 1;
    }
    schedule
}

fn with_plain_steps(mut schedule: Schedule, fails: &dyn Fn(&Schedule) -> bool) -> Schedule {
    for at in 0..schedule.steps.len() {
        let Some(step) = schedule.steps.get(at).cloned() else { continue };
        for plainer in plainer(&step) {
            let mut simpler = schedule.clone();
            if let Some(step) = simpler.steps.get_mut(at) {
                *step = plainer;
            }
            if fails(&simpler) {
                schedule = simpler;
            }
        }
    }
    schedule
}

/// The same step with less in it, the least last.
fn plainer(step: &Step) -> Vec<Step> {
    match step {
        Step::Wait(millis) if *millis > 1 => {
            let round = [10, 100, 1_000].map(|unit| millis - millis % unit);
            let less = round.into_iter().filter(|new| new < millis && *new > 0);
            less.chain([millis / 2]).map(Step::Wait).collect()
        }
        Step::SessionFailedElsewhere(0) => vec![Step::SessionFailed],
        Step::SessionFailedElsewhere(told) => {
            let plain = Step::SessionFailedBefore(*told);
            vec![plain, Step::SessionFailedElsewhere(told / 2)]
        }
        Step::SessionFailedBefore(0) => vec![Step::SessionFailed],
        Step::SessionFailedBefore(told) => {
            vec![Step::SessionFailed, Step::SessionFailedBefore(told / 2)]
        }
        Step::Token(text) => halves(text).into_iter().map(Step::Token).collect(),
        Step::Prompt { words, last } if words != "Hello?" => {
            let half = halves(words).into_iter();
            half.chain(["Hello?".to_owned()])
                .map(|words| Step::Prompt { words, last: *last })
                .collect()
        }
        Step::Interrupt { report, timed, lag } => {
            let (report, timed, lag) = (*report, *timed, *lag);
            let mut plain = Vec::new();
            if lag > 0 {
                plain.push(Step::Interrupt { report, timed, lag: 0 });
            }
            if timed {
                plain.push(Step::Interrupt { report, timed: false, lag });
            }
            plain
        }
        _ => Vec::new(),
    }
}

fn halves(text: &str) -> Vec<String> {
    let middle = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at));
    match middle {
        Some(at) if at > 0 => {
            let (first, second) = text.split_at(at);
            vec![first.to_owned(), second.to_owned()]
        }
        _ => Vec::new(),
    }
}

fn with_usual_setting(mut schedule: Schedule, fails: &dyn Fn(&Schedule) -> bool) -> Schedule {
    let usual = Setting::default();
    macro_rules! usual {
        ($($field:ident),*) => {$(
            let mut simpler = schedule.clone();
            simpler.setting.$field = usual.$field;
            if simpler != schedule && fails(&simpler) {
                schedule = simpler;
            }
        )*};
    }
    usual!(pace, latency, info, played, replay, reports_all, greeting, unknown, save_after, late);
    usual!(filler, silence, max_call, max_turns, farewell, has_people, unrecorded);
    schedule
}

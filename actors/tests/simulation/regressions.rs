//! Schedules that broke a promise once, as they were found.

mod people;

use switchhook_actors::domain::answer::{FailureKind, Finish};

use super::{
    machine::Cast,
    schedule::{Farewell, Greeting, Noise, Report, Return, Schedule, Setting, Step},
    search::verdict,
};

#[track_caller]
fn keeps(setting: Setting, steps: Vec<Step>) {
    let verdict = verdict(&Cast::sound(), &Schedule { setting, steps });
    assert_eq!(verdict, Ok(()));
}

fn prompt() -> Step {
    Step::Prompt { words: "Hello?".to_owned(), last: true }
}

fn token(text: &str) -> Step {
    Step::Token(text.to_owned())
}

fn interrupt() -> Step {
    Step::Interrupt { report: Report::Missing, timed: false, lag: 0 }
}

#[test]
fn nothing_is_noted_after_a_call_that_ends_before_its_greeting_is() {
    keeps(
        Setting { late: 5_000, ..Setting::default() },
        vec![Step::Attach, Step::Wait(600), Step::Concluded { completed: true }],
    );
}

#[test]
fn an_answer_that_was_resumed_and_then_superseded_is_closed() {
    let resumed = [Step::Attach, prompt(), Step::Wait(1), token("w")];
    for gone in [Step::Drop { clean: true }, Step::Bye] {
        let mut steps = resumed.to_vec();
        steps.extend([gone, Step::Attach, prompt()]);
        keeps(Setting { farewell: Farewell::Patience, ..Setting::default() }, steps);
    }
}

#[test]
fn an_interrupt_of_a_resumed_answer_before_its_next_word_leaves_what_was_heard() {
    let cut_in = [Step::Attach, interrupt(), token("a"), Step::Done(Finish::Stop)];
    for gone in [Step::Drop { clean: true }, Step::TakeOver { lost: false }] {
        let mut steps = vec![Step::Attach, prompt(), Step::Wait(1), token("o"), gone];
        steps.extend(cut_in.clone());
        keeps(Setting::default(), steps);
    }
}

#[test]
fn a_session_that_fails_takes_older_turns_with_it_too() {
    keeps(
        Setting::default(),
        vec![Step::Attach, prompt(), Step::Wait(1), token("o"), Step::SessionFailed],
    );
}

#[test]
fn an_answer_whose_words_were_all_heard_does_not_end_a_cycle_that_the_new_session_never_had() {
    keeps(
        Setting { played: 31, ..Setting::default() },
        vec![
            Step::Attach,
            Step::Wait(3_000),
            prompt(),
            Step::Wait(1),
            token("o"),
            Step::SessionFailed,
            Step::Done(Finish::Stop),
        ],
    );
}

#[test]
fn a_call_whose_line_was_refused_ends_all_the_same() {
    keeps(
        Setting { farewell: Farewell::Broken, ..Setting::default() },
        vec![Step::Attach, Step::Setup { foreign: true }],
    );
}

#[test]
fn a_line_that_comes_after_the_end_is_not_talked_to() {
    keeps(
        Setting { greeting: Greeting::Nobody, farewell: Farewell::Closed, ..Setting::default() },
        vec![
            Step::Attach,
            prompt(),
            token("e\nEND_CALL"),
            Step::Done(Finish::Stop),
            Step::Wait(2_900),
            Step::Attach,
        ],
    );
}

#[test]
fn a_greeting_that_a_failed_session_cut_off_is_not_noted_as_heard() {
    keeps(
        Setting { farewell: Farewell::Patience, ..Setting::default() },
        vec![Step::Attach, Step::SessionFailed, Step::Attach],
    );
}

#[test]
fn a_filler_does_not_part_a_resumed_answer_in_two() {
    keeps(
        Setting { farewell: Farewell::Patience, ..Setting::default() },
        vec![Step::Attach, prompt(), Step::Wait(1), token("t"), Step::Bye, Step::Attach],
    );
}

#[test]
fn a_goodbye_is_not_repeated_behind_the_end_of_its_session() {
    keeps(
        Setting { max_turns: 2, ..Setting::default() },
        vec![
            Step::Attach,
            prompt(),
            prompt(),
            prompt(),
            Step::SessionFailed,
            Step::Wait(3_000),
            Step::SessionFailed,
        ],
    );
}

#[test]
fn keys_that_are_due_when_a_line_returns_are_asked_about_once() {
    keeps(
        Setting { late: 5_000, ..Setting::default() },
        vec![
            Step::Attach,
            Step::Setup { foreign: false },
            Step::Wait(1_800),
            Step::Key('3'),
            Step::Wait(1_000),
            Step::SessionFailed,
            Step::Wait(2_000),
            Step::Attach,
            Step::Setup { foreign: false },
        ],
    );
}

#[test]
fn what_is_said_while_a_line_is_down_takes_nothing_back_that_was_heard() {
    keeps(
        Setting { farewell: Farewell::Broken, ..Setting::default() },
        vec![Step::Attach, Step::Wait(4_000), Step::Key('*')],
    );
}

#[test]
fn an_answer_that_failed_is_not_asked_for_again_when_its_last_words_are_held_back() {
    let kind = FailureKind::Garbage;
    keeps(
        Setting::default(),
        vec![
            Step::Attach,
            prompt(),
            Step::Wait(2_180),
            Step::Fail { kind, retryable: true, after: None },
            interrupt(),
            Step::Jump(1_885),
            Step::Wait(1),
        ],
    );
}

#[test]
fn a_voice_that_starts_again_takes_nothing_back_that_was_heard() {
    keeps(
        Setting { info: true, filler: 300, ..Setting::default() },
        vec![
            Step::Attach,
            prompt(),
            token("e wanrso"),
            Step::Wait(5_000),
            prompt(),
            Step::Drop { clean: false },
            Step::Wait(276),
            Step::Attach,
            Step::Wait(24),
        ],
    );
}

#[test]
fn a_session_is_ended_once_on_a_line() {
    keeps(
        Setting { max_turns: 2, ..Setting::default() },
        vec![
            Step::Attach,
            Step::Setup { foreign: false },
            Step::Wait(480),
            prompt(),
            Step::Wait(800),
            prompt(),
            Step::Wait(1_450),
            prompt(),
            Step::Wait(1_928),
            Step::Drop { clean: false },
            Step::Wait(1_000),
            Step::SessionFailed,
            Step::Wait(1_000),
            Step::Attach,
            Step::Noise(Noise::OtherInfo),
        ],
    );
}

#[test]
fn a_greeting_that_twilio_speaks_waits_for_no_line_of_ours() {
    let mut steps = vec![Step::Attach, Step::Setup { foreign: true }, Step::Wait(3_300)];
    steps.extend([Step::Jump(7_809), Step::Wait(3_900), Step::Attach]);
    keeps(Setting { max_call: 15_000, ..Setting::default() }, steps);
}

#[test]
fn a_letter_that_was_played_after_a_break_proves_nothing() {
    let mut steps = vec![Step::Attach, prompt()];
    steps.push(token(
        "miva  noplo\nvajuco. duroka du feteco xe? xe saju tehou. xemiyo quimi (aside) .",
    ));
    steps.extend([Step::Wait(3), token(".. ba ju…, k"), Step::Wait(1_446)]);
    steps.extend([Step::Drop { clean: false }, Step::Wait(2_000), Step::Attach, Step::Wait(3_400)]);
    let greeting = Greeting::Nobody;
    keeps(Setting { latency: 377, played: 5, greeting, late: 5_000, ..Setting::default() }, steps);
}

#[test]
fn a_filler_between_the_end_of_the_voice_and_its_interrupt_makes_nothing_heard() {
    let long =
        "kaka  hoju gi ju? ba, sa le fetra nobaka va  yova! xeplo dusa ju tra? cowi gi. gi? ";
    let mut steps = vec![Step::Attach, prompt(), token(&long.repeat(4)), Step::Wait(1), prompt()];
    let timed = Step::Interrupt { report: Report::Missing, timed: true, lag: 0 };
    steps.extend([Step::Wait(500), timed]);
    keeps(Setting { info: true, filler: 300, ..Setting::default() }, steps);
}

#[test]
fn a_repeated_report_of_words_is_not_of_the_same_words_later() {
    let failed = Step::Fail { kind: FailureKind::Timeout, retryable: true, after: Some(99) };
    let mut steps = vec![Step::Attach, Step::Key('2'), Step::Wait(18_000), prompt()];
    steps.extend([token("ça\nzufepa"), Step::Wait(1), failed, Step::PlayedAgain]);
    keeps(Setting { played: 43, ..Setting::default() }, steps);
}

#[test]
fn a_question_that_failed_before_a_new_word_may_be_put_again_after_a_break() {
    let mut steps =
        vec![Step::Attach, prompt(), Step::Wait(1), token("o"), Step::Drop { clean: true }];
    steps.extend([Step::Attach, Step::Setup { foreign: false }]);
    steps.push(Step::Fail { kind: FailureKind::Unavailable, retryable: true, after: None });
    steps.extend([Step::SessionFailed, Step::Wait(400)]);
    keeps(Setting::default(), steps);
}

#[test]
fn an_answer_that_is_gone_on_with_in_an_open_cycle_gets_no_filler() {
    let mut steps = vec![Step::Attach, prompt(), token("uxe"), Step::Wait(1), Step::Bye];
    steps.extend([Step::Attach, Step::Wait(500), Step::SessionFailed, Step::Attach]);
    steps.push(Step::Interrupt { report: Report::Normalised, timed: false, lag: 0 });
    keeps(Setting { farewell: Farewell::Patience, ..Setting::default() }, steps);
}

#[test]
fn a_last_letter_proves_nothing_where_the_first_report_came_with_the_line() {
    let setting = Setting { info: true, played: 7, max_call: 15_000, ..Setting::default() };
    let operator = Step::Prompt { words: "Operator!".to_owned(), last: true };
    let back = [Step::Return(Return::Failed), Step::Attach, Step::Setup { foreign: false }];
    let mut steps = vec![Step::Attach, operator, Step::Wait(19_000)];
    steps.extend(back);
    steps.push(Step::Wait(6_000));
    keeps(setting, steps);
}

#[test]
fn an_answer_behind_what_was_owed_is_awaited_in_the_record_too() {
    let taken_over = [Step::Wait(1), Step::TakeOver { lost: true }, Step::Attach];
    let mut steps = vec![Step::Attach, prompt(), token("i")];
    steps.extend(taken_over.clone());
    steps.push(Step::Setup { foreign: false });
    steps.extend(taken_over);
    steps.push(Step::SessionFailed);
    keeps(Setting { farewell: Farewell::Closed, ..Setting::default() }, steps);
}

//! Of callers who shall be with a person.

use super::*;
use crate::schedule::Return;

fn say(words: &str) -> Step {
    Step::Prompt { words: words.to_owned(), last: true }
}

fn call(name: &str, arguments: &str) -> Step {
    Step::Call { name: name.to_owned(), arguments: arguments.to_owned() }
}

fn escalate() -> Step {
    call("escalate_to_human", r#"{"reason":"quartz"}"#)
}

#[test]
fn a_voice_that_an_interrupt_stops_does_not_end_the_bridge_sentence() {
    let timed = Step::Interrupt { report: Report::Exact, timed: true, lag: 0 };
    keeps(
        Setting { info: true, ..Setting::default() },
        vec![Step::Attach, say("Operator!"), Step::Wait(1), timed],
    );
}

#[test]
fn news_of_the_answer_before_it_does_not_end_the_bridge_sentence() {
    let mut steps = vec![Step::Attach, Step::Wait(5_000), prompt(), token("Well. ")];
    steps.extend([Step::Wait(650), escalate()]);
    steps.extend([Step::Done(Finish::Stop), Step::Wait(4_000)]);
    let setting = Setting { pace: 19, latency: 300, info: true, ..Setting::default() };
    keeps(setting, steps);
}

#[test]
fn who_is_gone_before_the_bridge_sentence_is_said_leaves_no_question_open() {
    let mut steps = vec![Step::Attach, say("Operator!"), Step::Key('2'), Step::Wait(8_000)];
    steps.extend([Step::Drop { clean: true }, Step::Attach, prompt()]);
    keeps(Setting { late: 5_000, ..Setting::default() }, steps);
    let mut steps = vec![Step::Attach, prompt(), escalate(), Step::Done(Finish::Stop), interrupt()];
    steps.extend([Step::Bye, Step::Attach]);
    keeps(Setting { farewell: Farewell::Patience, ..Setting::default() }, steps);
}

#[test]
fn a_message_that_was_left_is_not_asked_for_again() {
    let mut steps = vec![Step::Order, Step::Attach, Step::Stall, Step::Key('3')];
    steps.extend([Step::Wait(3_000), Step::SessionFailed, Step::TakeOver { lost: false }]);
    steps.extend([Step::Attach, say("o")]);
    keeps(Setting { has_people: false, ..Setting::default() }, steps);
}

#[test]
fn who_comes_back_twice_is_told_twice() {
    let wish = || say("That is not what I meant");
    let mut steps = vec![Step::Attach, wish(), say("Operator!"), Step::Wait(9_000)];
    steps.extend([Step::Return(Return::Unsaid), Step::Attach, wish(), interrupt()]);
    steps.extend([Step::Wait(9_000), Step::Return(Return::Failed), Step::Attach]);
    steps.push(Step::Wait(900));
    keeps(Setting { farewell: Farewell::Broken, ..Setting::default() }, steps);
}

#[test]
fn what_a_caller_asks_who_stayed_is_answered_by_a_successor() {
    let failed = Step::Fail { kind: FailureKind::Status(401), retryable: false, after: None };
    let mut steps = vec![Step::Attach, say("Operator!"), prompt(), call("stay", "{}"), prompt()];
    steps.extend([interrupt(), failed, Step::Wait(1_000), prompt(), Step::Wait(10_000)]);
    steps.extend([Step::Fence, Step::Attach, Step::Wait(600)]);
    keeps(Setting { save_after: 10_000, ..Setting::default() }, steps);
}

#[test]
fn an_end_is_repeated_on_a_line_that_follows_at_once() {
    let mut steps = vec![Step::Attach, prompt(), escalate(), Step::Done(Finish::Stop)];
    steps.extend([Step::Wait(7_000), Step::Drop { clean: true }, Step::Wait(2_000)]);
    steps.extend([Step::Attach, Step::Wait(1), Step::Attach, Step::Wait(1_000)]);
    keeps(Setting { late: 5_000, farewell: Farewell::Patience, ..Setting::default() }, steps);
}

#[test]
fn an_order_while_the_line_is_down_drops_no_word_that_waits_for_it() {
    let mut steps = vec![Step::Attach, prompt(), Step::Drop { clean: false }];
    steps.push(token("utexe yozu? felefe leju romino baduyo jucozu, gic"));
    steps.extend([Step::Wait(1), Step::Order]);
    keeps(Setting::default(), steps);
}

#[test]
fn news_of_the_voice_before_a_line_said_anything_are_not_about_its_bridge_sentence() {
    let setting =
        Setting { info: true, greeting: Greeting::Nobody, silence: 3_000, ..Setting::default() };
    let mut steps = vec![Step::Attach, Step::Wait(3_000), Step::Order, Step::Wait(1_600)];
    steps.extend([Step::TakeOver { lost: false }, Step::Wait(3_000), Step::Attach]);
    steps.push(Step::Wait(60));
    keeps(setting, steps);
}

use std::time::Duration;

use super::{
    super::voice::{Pace, Played},
    *,
};

fn history() -> History {
    History::new(Voice::new(Pace::Instant, Played::Sentence), 100)
}

fn text(token: &str, last: bool) -> Text {
    Text { token: token.to_owned(), last, ..Text::default() }
}

#[test]
fn an_answer_is_what_comes_between_a_prompt_and_last() {
    let mut history = history();
    let asked = Instant::now();
    let (first, second) = (asked + Duration::from_millis(200), asked + Duration::from_millis(300));
    history.ask(asked, "", true);
    history.text(asked + Duration::from_millis(100), &text("", false));
    history.text(first, &text("Hello", false));
    assert_eq!(history.take_answer(), None);
    assert_eq!(history.partial_answer().text, "Hello");
    history.text(second, &text(" there", true));
    let answer = history.take_answer().unwrap();
    assert_eq!(
        answer,
        Answer {
            text: "Hello there".to_owned(),
            first_token: Some(Duration::from_millis(200)),
            tokens: 2,
            complete: true,
            arrivals: vec![first, second],
        }
    );
    assert_eq!(history.take_answer(), None, "an answer is taken once");
}

#[test]
fn each_talk_cycle_is_an_answer() {
    let mut history = history();
    let now = Instant::now();
    history.ask(now, "", true);
    history.text(now, &text("One moment.", true));
    history.text(now, &text("It is 5.", true));
    let answers = [history.take_answer().unwrap().text, history.take_answer().unwrap().text];
    assert_eq!(answers, ["One moment.", "It is 5."]);
}

#[test]
fn the_terminator_of_an_interrupted_answer_is_not_the_next_answer() {
    let mut history = history();
    let now = Instant::now();
    history.ask(now, "", true);
    history.text(now, &text("Well", false));
    history.interrupt();
    history.ask(now, "", true);
    history.text(now, &text("", true));
    assert_eq!(history.take_answer(), None);
    history.text(now, &text("Yes.", true));
    assert_eq!(history.take_answer().unwrap().text, "Yes.");
}

#[test]
fn an_empty_answer_is_an_answer() {
    let mut history = history();
    history.ask(Instant::now(), "", true);
    history.text(Instant::now(), &text("", true));
    let answer = history.take_answer().unwrap();
    assert!(answer.complete && answer.text.is_empty() && answer.first_token.is_none());
}

#[test]
fn tokens_between_an_interrupt_and_the_next_prompt_are_stale() {
    let mut history = history();
    let now = Instant::now();
    history.ask(now, "", true);
    history.text(now, &text("fresh ", false));
    history.interrupt();
    let late = now + Duration::from_millis(30);
    history.text(late, &text("stale", false));
    history.text(late, &text("", true));
    history.ask(late, "", true);
    history.text(late, &text("fresh", true));
    let stale: Vec<_> =
        history.stale.iter().map(|token| (token.text.as_str(), token.is_terminator())).collect();
    assert_eq!(stale, [("stale", false), ("", true)]);
    assert_eq!(history.stale[0].at, late);
}

#[test]
fn what_was_heard_before_the_prompt_is_no_part_of_the_answer() {
    let mut history = history();
    let say = |history: &mut History, words: &str| {
        let now = history.clock(Instant::now());
        let piece =
            super::super::voice::Piece { text: words.to_owned(), last: true, ..Default::default() };
        history.voice.push(now, piece);
    };
    say(&mut history, "Welcome.");
    history.ask(Instant::now(), "", true);
    say(&mut history, "Your balance is 5.");
    assert_eq!(history.heard(), "Welcome.\nYour balance is 5.");
    assert_eq!(history.heard_since_prompt(), "Your balance is 5.");
}

#[test]
fn a_long_call_forgets_its_oldest_entries_and_a_reader_goes_on() {
    let mut history = History::new(Voice::default(), 3);
    for number in 0..5 {
        history.record(Happening::Note(number.to_string()));
    }
    let (next, entry) = history.entry(0, |_| true).unwrap();
    assert_eq!((next, entry.what), (3, Happening::Note("2".to_owned())));
    assert!(history.entry(5, |_| true).is_none());
    assert!(history.log().starts_with("(2 earlier entries were dropped)"));
}

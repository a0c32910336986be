use std::collections::HashSet;

use switchhook::caller::record::Account;

use super::*;
use crate::{
    callers::Story,
    checker::stories::{lost, opened, said, story},
    faults::Happened,
    hearing::Hearing,
    words::answer,
};

/// The times of waits: all, and the engine's share.
fn times(waits: &[Wait]) -> Vec<(u64, u64)> {
    waits.iter().map(|wait| (wait.ms, wait.engine_ms)).collect()
}

fn take(story: &Story, all: &Circumstances) -> (Latencies, Vec<String>) {
    let phrases = Phrases::of_the_line();
    let account = Account::of(&story.facts, &phrases.all());
    let (hearing, untold) = (Hearing::of(&story.facts), HashSet::new());
    let call = Call { story, account: &account, hearing: &hearing, untold: &untold };
    let mut latencies = Latencies::default();
    let silent = latencies.take(&call, all, &phrases);
    (latencies, silent)
}

/// Heard at that moment of the answer to the first question.
fn heard(ms: u64, words: &str) -> Vec<Fact> {
    said(ms - 100, "1x1", &[words]).split_off(1)
}

fn asked(ms: &[u64]) -> Circumstances {
    let asked = [("1x1".to_owned(), ms.to_vec())].into_iter().collect();
    Circumstances { asked, ..Circumstances::default() }
}

#[test]
fn the_models_time_is_taken_off_only_where_it_was_asked_in_the_gap() {
    let gap = |words: &str, model: &[u64]| {
        let talk = [said(500, "1x1", &[]), lost(600), opened(900), heard(1_030, words)];
        times(&take(&story(&["1x1"], &talk), &asked(model)).0.gaps)
    };
    assert_eq!(gap(&answer("1x1"), &[510, 920]), [(130, 30)]);
    assert_eq!(gap(&answer("1x1"), &[510]), [(130, 130)], "it came from the record");
    assert_eq!(gap(&answer("1x1"), &[850]), [(130, 80)], "asked before the socket was there");
    assert_eq!(gap("Sorry, I lost you for a moment.", &[920]), [(130, 130)]);
}

#[test]
fn a_word_is_due_until_the_end_of_the_answer_has_come() {
    let all = answer("1x1");
    let (begun, rest) = all.split_at(all.find("it is").unwrap());
    let calm = Circumstances::default();
    let half = [said(500, "1x1", &[begun]), lost(650), opened(900), heard(1_000, rest)];
    assert_eq!(times(&take(&story(&["1x1"], &half), &calm).0.gaps), [(100, 100)]);
    let whole = [said(500, "1x1", &[&all]), lost(650), opened(900), heard(1_000, "Yes.")];
    assert_eq!(times(&take(&story(&["1x1"], &whole), &calm).0.gaps), []);
}

#[test]
fn a_wait_that_is_broken_off_goes_on_and_one_that_never_ends_is_told() {
    let calm = Circumstances::default();
    let begin = [said(500, "1x1", &[]), lost(600), opened(900), lost(1_000)];
    let twice = [&begin[..], &[opened(2_000), heard(2_100, &answer("1x1"))]].concat();
    assert_eq!(times(&take(&story(&["1x1"], &twice), &calm).0.gaps), [(200, 200)]);
    for end in [vec![], vec![opened(2_000)]] {
        let (latencies, silent) = take(&story(&["1x1"], &[&begin[..], &end].concat()), &calm);
        assert_eq!(silent, ["CA1 lost its socket at 600 ms"]);
        assert_eq!(times(&latencies.gaps), []);
    }
}

#[test]
fn a_move_lasts_from_the_request_to_the_socket_and_to_the_word_that_was_due() {
    let told = r#"POST /over SessionStatus=ended HandoffData={"kind":"move"}"#.to_owned();
    let moved = vec![Fact { ms: 620, what: What::Webhook { told, status: 200, took_ms: 20 } }];
    let talk = [said(500, "1x1", &[]), moved, opened(640), heard(780, &answer("1x1"))];
    let (latencies, _) = take(&story(&["1x1"], &talk), &asked(&[650]));
    assert_eq!(times(&latencies.moves), [(40, 40)]);
    assert_eq!(times(&latencies.moved_words), [(180, 80)]);
}

#[test]
fn words_said_while_redis_is_away_are_counted_apart_and_long_waits_are_named() {
    let fault = Fault::Outage;
    let outage = Happened { fault, engine: None, from_ms: 1_000, until_ms: 2_000 };
    let all = Circumstances { happened: vec![outage], ..asked(&[510]) };
    let second = said(4_400, "1x2", &[&answer("1x2")]).split_off(1);
    let talk = [said(500, "1x1", &[&answer("1x1")]), said(1_500, "1x2", &[]), second];
    let (latencies, _) = take(&story(&["1x1", "1x2"], &talk), &all);
    assert_eq!(times(&latencies.first_words), [(100, 10)]);
    assert_eq!(times(&latencies.during_outages), [(3_000, 3_000)]);
    let slow: Vec<_> = latencies.slow().into_iter().map(|wait| wait.engine_ms).collect();
    assert_eq!(slow, [3_000]);
    assert!(told(&latencies.first_words).starts_with("n 1: p50 10 "));
}

use serde_json::json;
use switchhook::caller::record::Fact;

use super::{
    stories::{lost, said, story},
    *,
};
use crate::{
    faults::{Fault, Happened},
    words::{answer, end_of},
};

fn kept(transcript: &[&str], late: &[&str]) -> Value {
    let lines = |matters: &[&str]| {
        let line = |matter: &&str| json!({"role": "customer", "text": question(matter)});
        matters.iter().map(line).collect::<Vec<_>>()
    };
    json!({"transcript": lines(transcript), "late": lines(late)})
}

fn look(story: &Story, kept: &Value, happened: Vec<Happened>) -> Verdict {
    let lines = [("CA1".to_owned(), vec![(1, 0)])].into_iter().collect();
    let turns = kept["transcript"].as_array().map_or(0, Vec::len);
    let turns = (1..=turns).map(|nth| (format!("{nth}c"), (1, 0))).collect();
    let mut verdict = Verdict::new(Phrases::of_the_line());
    let all = Circumstances { happened, lines, ..Circumstances::default() };
    verdict.look(story, kept, &Lying { epoch: 1, turns }, &all);
    verdict
}

fn found(verdict: &Verdict) -> Vec<Finding> {
    verdict.findings.kinds()
}

/// One question and what was heard of its answer.
fn one(heard: &[&str]) -> Story {
    story(&["1x1"], &[said(1_000, "1x1", heard)])
}

#[test]
fn a_turn_that_nobody_kept_is_lost_unless_its_engine_was_dead() {
    let talk = [said(1_000, "1x1", &[]), said(5_000, "1x2", &[&answer("1x2")])];
    let story = story(&["1x1", "1x2"], &talk);
    let calm = look(&story, &kept(&["1x2"], &[]), Vec::new());
    assert_eq!(found(&calm), [Finding::Lost]);
    let killed = Happened { fault: Fault::Kill, engine: Some(0), from_ms: 1_100, until_ms: 3_000 };
    let excused = look(&story, &kept(&["1x2"], &[]), vec![killed]);
    assert_eq!((found(&excused), excused.to_the_dead), (vec![], 1));
}

#[test]
fn a_turn_whose_answer_was_heard_had_to_be_kept_whatever_happened() {
    let killed = Happened { fault: Fault::Kill, engine: Some(0), from_ms: 1_100, until_ms: 3_000 };
    let end = end_of("1x1");
    for heard in ["Matter1x1", &answer("1x1"), &end] {
        let lost = look(&one(&[heard]), &kept(&[], &[]), vec![killed]);
        assert_eq!(found(&lost), [Finding::Acknowledged], "{heard}");
    }
}

#[test]
fn a_kept_turn_needs_its_answer_and_the_answer_its_end() {
    let all = answer("1x1");
    let begun = &all[..all.find("it is").unwrap()];
    let look = |heard: &[&str]| found(&look(&one(heard), &kept(&["1x1"], &[]), Vec::new()));
    assert_eq!(look(&[]), [Finding::Unanswered]);
    assert_eq!(look(&["Sorry, I lost you for a moment."]), [Finding::Unanswered]);
    assert_eq!(look(&[begun]), [Finding::Unfinished]);
    assert_eq!(look(&[&all]), []);
    // Of an answer in two parts.
    let (first, rest) = all.split_at(all.find("it is").unwrap());
    assert_eq!(look(&[first, "Sorry, I lost you.", rest]), []);
}

#[test]
fn a_caller_who_waited_long_may_speak_into_the_answer() {
    let (first, second) = (answer("1x1"), answer("1x2"));
    let begun = &first[..first.find("seen").unwrap()];
    let late = said(45_500, "1x1", &[begun]).split_off(1);
    let facts = |again| [said(1_000, "1x1", &[]), late.clone(), said(again, "1x2", &[&second])];
    let look = |again| {
        let story = story(&["1x1", "1x2"], &facts(again));
        look(&story, &kept(&["1x1", "1x2"], &[]), Vec::new())
    };
    let over = look(46_100);
    assert_eq!((found(&over), over.findings.of(Finding::SpokenOver).len()), (vec![], 1));
    assert_eq!(found(&look(60_000)), [Finding::Unfinished]);
}

#[test]
fn what_is_kept_or_heard_twice_is_found() {
    let all = answer("1x1");
    let once = one(&[&all]);
    let look = |story: &Story, here: &[&str], beside: &[&str]| {
        look(story, &kept(here, beside), Vec::new())
    };
    let twice = look(&one(&[&all, &all]), &["1x1"], &[]);
    assert_eq!(found(&twice), [Finding::HeardTwice]);
    assert_eq!(found(&look(&once, &["1x1", "1x1"], &[])), [Finding::KeptTwice]);
    assert_eq!(found(&look(&once, &["1x1"], &["1x1", "1x1"])), [Finding::KeptTwice]);
    assert_eq!(found(&look(&once, &[], &["1x1", "1x1"])), [Finding::KeptTwice]);
    let beside = look(&once, &["1x1"], &["1x1"]);
    assert_eq!((found(&beside), beside.findings.of(Finding::Beside).len()), (vec![], 1));
    assert_eq!(found(&look(&once, &["1x1"], &[])), []);
}

#[test]
fn what_came_late_is_owed_no_answer_and_told() {
    let late = look(&one(&[]), &kept(&[], &["1x1"]), Vec::new());
    assert_eq!((found(&late), late.findings.of(Finding::LateAlone).len()), (vec![], 1));
}

#[test]
fn other_callers_affairs_and_lines_that_nobody_said_are_found() {
    let heard = [answer("1x1"), answer("2x1")];
    let foreign = look(&one(&[&heard[0], &heard[1]]), &kept(&["1x1"], &[]), Vec::new());
    assert_eq!(found(&foreign), [Finding::Foreign]);
    let unsaid = look(&one(&[&heard[0]]), &kept(&["1x1", "2x1"], &[]), Vec::new());
    assert_eq!(found(&unsaid), [Finding::Unsaid]);
}

#[test]
fn turns_without_an_epoch_prove_nothing() {
    let story = one(&[&answer("1x1")]);
    let mut verdict = Verdict::default();
    let all = Circumstances::default();
    verdict.look(&story, &kept(&["1x1"], &[]), &Lying::default(), &all);
    assert_eq!(found(&verdict), [Finding::EpochsMissing]);
    let back = Lying {
        epoch: 2,
        turns: [("1c".to_owned(), (2, 0)), ("2c".to_owned(), (1, 0))].into_iter().collect(),
    };
    let mut verdict = Verdict::default();
    verdict.look(&story, &kept(&["1x1"], &[]), &back, &all);
    assert_eq!(found(&verdict), [Finding::EpochsBack]);
}

#[test]
fn a_call_that_was_dropped_is_found_and_owes_its_last_words_no_answer() {
    let cut = |mut story: Story| {
        story.cut = Some("the engine ended the call".to_owned());
        story
    };
    for keeps in [kept(&["1x1"], &[]), kept(&[], &[])] {
        assert_eq!(found(&look(&cut(one(&[])), &keeps, Vec::new())), [Finding::Dropped]);
    }
}

#[test]
fn a_word_about_a_break_counts_and_is_wrong_where_engines_only_drain() {
    let phrases = Phrases::of_the_line();
    let heard = |phrase: &str| {
        let mut verdict = look(&one(&[phrase, &answer("1x1")]), &kept(&["1x1"], &[]), Vec::new());
        verdict.fence.asked = 1;
        verdict
    };
    let mut broken = heard(&phrases.resume);
    broken.conclude(false);
    assert_eq!((found(&broken), broken.breaks_told), (vec![], 1));
    for phrase in phrases.all() {
        let mut drained = heard(phrase);
        drained.conclude(true);
        assert_eq!(found(&drained), [Finding::Apologies], "{phrase}");
    }
}

#[test]
fn a_run_without_calls_answers_or_witnesses_has_proved_nothing() {
    let mut nobody = Verdict::default();
    nobody.fence.asked = 1;
    nobody.conclude(false);
    assert_eq!(found(&nobody), [Finding::Empty]);
    let mut unseen = look(&one(&[&answer("1x1")]), &kept(&["1x1"], &[]), Vec::new());
    (unseen.fence.asked, unseen.fence.kept, unseen.fence.unseen) = (1, 100, 3);
    unseen.conclude(false);
    assert_eq!(found(&unseen), [Finding::Unseen]);
}

#[test]
fn a_gap_without_the_answer_that_was_due_is_found_as_silent_and_as_stranded() {
    let facts: Vec<Vec<Fact>> = vec![said(1_000, "1x1", &[]), lost(1_050)];
    let verdict = look(&story(&["1x1"], &facts), &kept(&["1x1"], &[]), Vec::new());
    assert_eq!(found(&verdict), [Finding::Unanswered, Finding::Stranded, Finding::Silent]);
}

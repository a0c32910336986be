use super::*;

const T: Timestamp = Timestamp(1_000_000);

/// A voice speaks 14 characters a second: this many ms for them.
fn spoken(chars: u64) -> Millis {
    chars * 1_000 / 14
}

fn words(text: &str) -> Interrupted {
    Interrupted { utterance: Some(text.to_owned()), after: None }
}

fn queue(texts: &[&str]) -> Playback {
    let mut playback = Playback::default();
    for (turn, text) in (0..).zip(texts) {
        playback.speak(T, TurnId(turn), text);
    }
    playback
}

fn cut(turn: u32, heard: &str, estimated: bool) -> Cut {
    Cut { turn: TurnId(turn), heard: heard.to_owned(), estimated }
}

#[test]
fn the_voice_is_done_when_all_was_spoken() {
    let mut playback = queue(&["Fourteen chars"]);
    assert_eq!(playback.ends_at(), T + 1_000);
    playback.speak(T + 5_000, TurnId(0), " and fourteen.");
    assert_eq!(playback.ends_at(), T + 6_000, "the voice had been waiting for words");
    assert_eq!(playback.sent(TurnId(0)), "Fourteen chars and fourteen.");
    assert_eq!(playback.sent(TurnId(9)), "");
}

#[test]
fn an_interrupt_cuts_where_twilio_says() {
    let text = "The fee is $20, and <break/> the rate is 5%.";
    for (said, heard) in [
        ("The fee is", "The fee is"),
        ("the FEE   is $20", "The fee is $20"),
        ("The fee is 20 and the rate", "The fee is $20, and <break/> the rate"),
    ] {
        let (cuts, located) = queue(&[text]).interrupted(T + 500, &words(said));
        assert!(located, "{said}");
        assert_eq!(cuts, [cut(0, heard, false)], "{said}");
    }
}

#[test]
fn an_interrupt_after_the_last_word_cuts_nothing() {
    let (cuts, located) = queue(&["All is said."]).interrupted(T + 5_000, &words("All is said."));
    assert_eq!((cuts, located), (vec![], true));
    let (cuts, located) = queue(&["All is said."]).interrupted(T + 5_000, &Interrupted::default());
    assert_eq!((cuts, located), (vec![], false));
}

#[test]
fn words_that_cannot_be_found_are_estimated_by_time_at_a_word_boundary() {
    let text = "Fourteen chars and then some more of them.";
    let (cuts, located) = queue(&[text]).interrupted(T + spoken(20), &words("nothing like it"));
    assert_eq!((cuts, located), (vec![cut(0, "Fourteen chars and", true)], false));
    let lasted = Interrupted { utterance: None, after: Some(spoken(15)) };
    let (cuts, _) = queue(&[text]).interrupted(T + spoken(40), &lasted);
    assert_eq!(cuts, [cut(0, "Fourteen chars", true)], "twilio's own clock is nearer");
}

#[test]
fn a_phrase_that_occurs_twice_is_found_where_the_voice_was() {
    let text = "Yes. That is right. Yes. That is all there is to say about it.";
    let (cuts, _) = queue(&[text]).interrupted(T + spoken(24), &words("Yes."));
    assert_eq!(cuts, [cut(0, "Yes. That is right. Yes.", false)]);
    let (cuts, _) = queue(&[text]).interrupted(T + spoken(5), &words("Yes."));
    assert_eq!(cuts, [cut(0, "Yes.", false)]);
}

#[test]
fn an_interrupt_of_the_first_of_two_answers_leaves_the_second_unheard() {
    let mut playback = queue(&["A first answer of some length.", "A second one."]);
    let (cuts, _) = playback.interrupted(T + 700, &words("A first answer"));
    assert_eq!(cuts, [cut(0, "A first answer", false), cut(1, "", false)]);
    assert_eq!(playback.interrupted(T + 800, &words("A first")).0, [], "its queue is gone");
}

#[test]
fn words_that_were_played_count_whatever_the_clock_says() {
    let mut playback = queue(&["One two three. Four five six. Seven."]);
    playback.played(T + 600, "One two three.");
    playback.played(T + 650, "One two three.");
    playback.played(T + 660, "not ours at all");
    let cuts = playback.silenced(T + 700);
    assert_eq!(cuts, [cut(0, "One two three.", true)]);
}

#[test]
fn words_played_of_a_later_answer_prove_the_earlier_one() {
    let mut playback = queue(&["A first answer.", "A second answer."]);
    playback.played(T + 1_000, "A second answer.");
    assert_eq!(playback.silenced(T + 1_000), []);
}

#[test]
fn a_report_that_comes_again_is_not_of_the_same_words_further_on() {
    let mut playback = queue(&["We are closed.", "On Sundays, we are closed."]);
    playback.played(T + 800, "We are closed.");
    playback.played(T + 810, "We are closed.");
    assert_eq!(playback.silenced(T + 1_000), [cut(1, "On", true)], "by the clock alone");
}

#[test]
fn a_few_letters_prove_only_what_comes_next() {
    let mut playback = queue(&["A first answer.", "Please wait."]);
    playback.played(T + 500, "please");
    assert_eq!(playback.silenced(T + 500).first(), Some(&cut(0, "A first", true)));
}

#[test]
fn after_a_break_a_few_letters_prove_nothing() {
    let mut playback = queue(&["One two three four five six seven."]);
    playback.played(T + 300, "One");
    playback.pause(T + 300);
    playback.go_on(T + 310);
    playback.played(T + 900, "two three");
    playback.played(T + 1_000, " four");
    let cuts = playback.silenced(T + 1_000);
    assert_eq!(cuts, [cut(0, "One two three four", true)], "in step again after enough letters");
    let mut playback = queue(&["One two three four five six seven."]);
    playback.pause(T + 2_000);
    playback.go_on(T + 2_010);
    playback.played(T + 2_020, "one");
    assert_eq!(playback.silenced(T + 2_020), [cut(0, "One two three four five six", true)]);
}

#[test]
fn a_voice_that_starts_again_after_a_break_begins_with_what_was_said_since() {
    let mut playback = queue(&["Said and spoken before the line broke."]);
    playback.pause(T + 100);
    playback.speak(T + 4_000, TurnId(0), " And one more sentence.");
    playback.go_on(T + 5_000);
    playback.voice(T + 5_200, true);
    let cuts = playback.silenced(T + 5_200 + spoken(9));
    assert_eq!(cuts, [cut(0, "Said and spoken before the line broke. And one", true)]);
}

#[test]
fn a_voice_that_starts_again_begins_with_what_was_said_after_it_fell_silent() {
    let mut playback = queue(&["Said and spoken."]);
    playback.speak(T + 5_000, TurnId(0), " And one more sentence.");
    playback.voice(T + 5_200, true);
    let cuts = playback.silenced(T + 5_200 + spoken(9));
    assert_eq!(cuts, [cut(0, "Said and spoken. And one", true)]);
}

#[test]
fn twilio_s_own_count_is_of_the_utterance_that_it_cut() {
    let mut playback = queue(&["A first answer of some length.", "A second one, and longer."]);
    let by_time = |after| Interrupted { utterance: None, after: Some(after) };
    let (cuts, _) = playback.interrupted(T + spoken(28), &by_time(spoken(25)));
    assert_eq!(cuts, [cut(0, "A first answer of some", true), cut(1, "", true)]);
}

#[test]
fn words_that_leave_before_an_interrupt_explains_why_the_voice_stopped_change_nothing() {
    let mut playback = queue(&["Fourteen chars and some more words."]);
    playback.voice(T + spoken(15), false);
    playback.aside(T + spoken(15), TurnId(1), "One moment.");
    let (cuts, _) = playback.interrupted(T + spoken(15) + 50, &Interrupted::default());
    assert_eq!(cuts, [cut(0, "Fourteen chars", true)]);
}

#[test]
fn a_voice_that_starts_late_is_counted_from_then() {
    let mut playback = queue(&["Fourteen chars and some more words."]);
    playback.voice(T + 2_000, true);
    assert_eq!(playback.silenced(T + 2_000 + spoken(15)), [cut(0, "Fourteen chars", true)]);
}

#[test]
fn a_voice_that_stops_by_itself_has_spoken_all() {
    let mut playback = queue(&["A long answer, spoken by a very fast voice indeed."]);
    playback.voice(T + 550, false);
    assert_eq!(playback.ends_at(), T + 550);
    assert_eq!(playback.silenced(T + 5_000), []);
}

#[test]
fn words_that_pass_the_news_of_the_answer_before_them_are_still_to_be_spoken() {
    let mut playback = queue(&["Fourteen chars"]);
    playback.speak(T + 950, TurnId(1), "Fourteen more ");
    playback.voice(T + 1_000, false);
    playback.voice(T + 1_050, true);
    playback.speak(T + 1_100, TurnId(1), "and the last.");
    assert_eq!(playback.ends_at(), T + 1_050 + spoken(14) + spoken(13));
    assert_eq!(playback.silenced(T + 1_050 + spoken(14)), [cut(1, "Fourteen more", true)]);
}

#[test]
fn words_that_follow_in_the_same_turn_pass_such_news_as_well() {
    let mut playback = queue(&["Fourteen chars"]);
    playback.speak(T + 950, TurnId(0), " and fourteen.");
    playback.voice(T + 1_000, false);
    playback.voice(T + 1_200, true);
    assert_eq!(playback.ends_at(), T + 2_200);
    playback.voice(T + 2_100, false);
    assert_eq!(playback.ends_at(), T + 2_100);
}

#[test]
fn words_that_leave_in_one_go_pass_the_news_as_long_as_the_last_of_them() {
    let mut playback = queue(&["Fourteen chars"]);
    playback.speak(T + 1_000, TurnId(1), "One ");
    playback.speak(T + 1_040, TurnId(1), "and two.");
    playback.voice(T + 1_530, false);
    playback.voice(T + 1_600, true);
    assert_eq!(playback.ends_at(), T + 1_600 + spoken(12));
}

#[test]
fn words_that_waited_for_a_line_pass_the_news_from_then_on() {
    let mut playback = queue(&["Fourteen chars"]);
    playback.pause(T + 400);
    playback.speak(T + 500, TurnId(1), "Fourteen more.");
    playback.go_on(T + 1_200);
    playback.voice(T + 1_300, false);
    assert_eq!(playback.ends_at(), T + 1_300 + spoken(14));
}

#[test]
fn news_of_words_that_were_sent_before_they_were_known_is_believed_at_once() {
    let mut playback = Playback::default();
    playback.greeted(T, TurnId(0), "Hello, how can I help?");
    playback.voice(T + 100, false);
    assert_eq!(playback.ends_at(), T + 100);
    playback.resume_speaking(T + 200, TurnId(1), "It was", " said before.");
    playback.voice(T + 300, false);
    assert_eq!((playback.ends_at(), playback.silenced(T + 5_000)), (T + 300, vec![]));
}

/// As where a worker stood still between the words and the news.
#[test]
fn a_voice_that_starts_with_nothing_before_it_had_not_spoken_what_its_stop_seemed_to_prove() {
    let mut playback = queue(&["Fourteen chars"]);
    playback.voice(T + 50, true);
    playback.played(T + 600, "Fourteen");
    playback.speak(T + 700, TurnId(1), "Fourteen more.");
    playback.voice(T + 1_300, false);
    assert_eq!(playback.ends_at(), T + 1_300);
    playback.voice(T + 1_350, true);
    assert_eq!(playback.ends_at(), T + 2_135);
    assert_eq!(playback.silenced(T + 2_135 - spoken(5)), [cut(1, "Fourteen", true)]);
}

#[test]
fn a_voice_that_an_interrupt_stopped_has_not() {
    let mut playback = queue(&["Fourteen chars and some more words."]);
    playback.voice(T + spoken(15), false);
    let (cuts, _) = playback.interrupted(T + spoken(15) + 50, &Interrupted::default());
    assert_eq!(cuts, [cut(0, "Fourteen chars", true)]);
}

#[test]
fn what_another_session_had_spoken_stays_heard() {
    let mut playback = Playback::default();
    playback.resume(TurnId(3), "The fee is");
    playback.speak(T, TurnId(3), " twenty dollars.");
    let (cuts, _) = playback.interrupted(T, &Interrupted::default());
    assert_eq!(cuts, [cut(3, "The fee is", true)]);
}

proptest::proptest! {
    #[test]
    fn a_cut_is_always_a_beginning_of_what_was_sent(
        texts in proptest::collection::vec("[a-zA-Zäß ,.<>/字]{0,40}", 1..8),
        said in "[a-zA-Zäß ,.字]{0,20}",
        after in proptest::option::of(0u64..100_000),
        wait in 0u64..20_000,
    ) {
        let mut playback = Playback::default();
        for (turn, text) in (0..).zip(&texts) {
            playback.speak(T, TurnId(turn), text);
        }
        let (cuts, _) = playback.interrupted(T + wait, &Interrupted { utterance: Some(said), after });
        for cut in cuts {
            let sent = &texts[usize::try_from(cut.turn.0).unwrap()];
            proptest::prop_assert!(sent.starts_with(&cut.heard));
        }
    }
}

#[test]
fn a_word_that_has_just_been_given_to_the_voice_was_not_heard() {
    for gone in [0, 1, 15, 100] {
        let mut playback = queue(&["It"]);
        assert_eq!(playback.silenced(T + gone), [cut(0, "", true)], "after {gone} ms");
    }
    assert_eq!(queue(&["It"]).silenced(T + 150), []);
}

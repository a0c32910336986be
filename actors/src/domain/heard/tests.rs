use proptest::prelude::*;

use super::{closed, find_played, floor_word, head, letters, locate, played, tail};

/// What of `spoken` was heard.
fn heard<'a>(spoken: &'a str, utterance: &str, near: usize) -> Option<&'a str> {
    locate(spoken, utterance, near).map(|end| &spoken[..end])
}

#[test]
fn the_cut_lies_after_the_last_whole_word_that_was_heard() {
    let spoken =
        "Hello, Jane! Your card's limit is 1,234.50 dollars (for now). Straße 漢字です. कि ठीक.";
    let cases = [
        ("hello JANE", "Hello, Jane"),
        ("Hello, Jane!", "Hello, Jane!"),
        ("Hello,", "Hello,"),
        ("hello jane<break time=\"1s\"/>", "Hello, Jane"),
        ("Hello", "Hello"),
        (" your  cards limit", "Hello, Jane! Your card's limit"),
        ("limit i", "Hello, Jane! Your card's limit"),
        ("your card", "Hello, Jane! Your"),
        ("yo", "Hello, Jane"),
        ("Hello Jane you", "Hello, Jane"),
        ("He", ""),
        ("is 1", "Hello, Jane! Your card's limit is"),
        ("is 1234.50", "Hello, Jane! Your card's limit is 1,234.50"),
        ("<speak>Hello<break time=\"1s\"/> Jane</speak>.", "Hello, Jane!"),
        ("dollars for now.", "Hello, Jane! Your card's limit is 1,234.50 dollars (for now)."),
        ("for now", "Hello, Jane! Your card's limit is 1,234.50 dollars (for now"),
        ("now STRASSE", "Hello, Jane! Your card's limit is 1,234.50 dollars (for now). Straße"),
        ("漢字で", "Hello, Jane! Your card's limit is 1,234.50 dollars (for now). Straße 漢字で"),
        ("कि ठीक।", spoken),
    ];
    for (utterance, expected) in cases {
        assert_eq!(heard(spoken, utterance, 0), Some(expected), "of {utterance:?}");
    }
    for utterance in ["", " .,! ", "<b/>", "nobody", "ane", "ello Jane", "Hello you"] {
        assert_eq!(heard(spoken, utterance, 0), None, "of {utterance:?}");
    }
    assert_eq!(heard("", "hello", 3), None);
    assert_eq!(heard("hello", "hello", usize::MAX), Some("hello"));
}

#[test]
fn of_several_places_the_one_near_playback_is_meant() {
    let spoken = "One moment. One moment. One moment.";
    for (near, end) in [(0, 11), (20, 23), (22, 23), (40, 35), (usize::MAX, 35)] {
        assert_eq!(locate(spoken, "one moment.", near), Some(end), "near {near}");
    }
}

#[test]
fn an_utterance_that_began_earlier_is_found_by_its_end() {
    let spoken = "Your card is blocked. Please wait.";
    assert_eq!(heard(spoken, "Hello Jane. Your card is", 0), Some("Your card is"));
    assert_eq!(heard(spoken, "Hello Jane. Your card is bl", 0), Some("Your card is"));
    assert_eq!(heard(spoken, "Your name? Your", 0), Some("Your"));
    assert_eq!(heard(spoken, "So: your card is blocked. Please wait.", 0), Some(spoken));
    assert_eq!(heard(spoken, "Hello yo", 0), None);
    assert_eq!(heard(spoken, "Hello four", 0), None);
    assert_eq!(heard("no no yes", "oh no no", 0), Some("no no"));
    assert_eq!(heard("no no no yes", "no no yes", 0), Some("no no no yes"));
}

#[test]
fn markup_in_the_spoken_text_is_not_heard() {
    let spoken = "Wait <break time=\"2s\"/>please, 2 < 3 and a<b.";
    assert_eq!(heard(spoken, "wait please", 0), Some("Wait <break time=\"2s\"/>please"));
    assert_eq!(heard(spoken, "please 2 3 and a b.", 0), Some(spoken));
    assert_eq!(heard(spoken, "break", 0), None);
}

#[test]
fn a_cut_by_time_falls_back_to_the_end_of_a_word() {
    let text = "Hello, don't 漢字 e\u{301}t";
    for (at, expected) in [
        (0, ""),
        (4, ""),
        (5, "Hello"),
        (6, "Hello"),
        (11, "Hello"),
        (12, "Hello, don't"),
        (17, "Hello, don't 漢"),
        (20, "Hello, don't 漢字"),
        (22, "Hello, don't 漢字"),
        (99, text),
    ] {
        assert_eq!(&text[..floor_word(text, at)], expected, "at {at}");
    }
    assert_eq!(floor_word(" ... ", 3), 0);
}

#[test]
fn a_word_ends_after_its_marks_and_where_its_script_ends() {
    for (text, at, expected) in [
        ("cafe\u{301} noir", 5, ""),
        ("cafe\u{301} noir", 6, "cafe\u{301}"),
        ("on 5.and on", 4, "on 5"),
        ("on 5.5 and", 4, "on"),
        ("a.5", 1, "a"),
        ("OK漢字", 2, "OK"),
        ("漢OK", 3, "漢"),
    ] {
        assert_eq!(&text[..floor_word(text, at)], expected, "{text} at {at}");
    }
    assert_eq!(heard("A cafe\u{301}! Noir", "a cafe", 0), Some("A cafe\u{301}"));
}

#[test]
fn played_words_move_the_cursor_on_and_never_back() {
    let spoken = "One moment, one moment please.";
    assert_eq!(played(spoken, 0, "one moment,"), Some(11));
    assert_eq!(played(spoken, 11, "one moment"), Some(22));
    assert_eq!(played(spoken, 11, "mom"), None, "a few letters prove only what comes next");
    assert_eq!(played(spoken, 11, "one mom"), Some(19));
    assert_eq!(played(spoken, 0, "moment, one"), Some(15));
    assert_eq!(played(spoken, 19, "ent"), Some(22));
    assert_eq!(played(spoken, 22, "one"), None);
    assert_eq!(played(spoken, 22, "please."), Some(30));
    assert_eq!(played(spoken, 0, "ment"), None);
    assert_eq!(played(spoken, 0, " , "), None);
    assert_eq!(played(spoken, 500, "one"), None);
}

#[test]
fn a_long_repetitive_answer_is_searched_in_one_pass() {
    let spoken = "a".repeat(32 * 1024) + &"a ".repeat(16 * 1024);
    let utterance = "a".repeat(30 * 1024) + "b";
    assert_eq!(locate(&spoken, &utterance, 0), None);
    assert_eq!(locate(&spoken, &utterance[..30 * 1024], 0), Some(0));
    let open = "<a ".repeat(20 * 1024);
    assert_eq!(locate(&open, "a a", usize::MAX), Some(open.len() - 1));
}

const WORD: &str = "[a-zA-Zäßéςжабвαβγ漢字かなदहि한국ابجدไท่1-9]{1,8}";

/// The same words as a recogniser might write them.
fn retold(words: &[String], upper: bool, gap: &str) -> String {
    let text = words.join(gap);
    if upper { text.to_uppercase() } else { text.to_lowercase() }
}

proptest! {
    #[test]
    fn whatever_was_heard_is_found_at_its_own_word(
        words in prop::collection::vec(WORD, 1..20),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        upper in any::<bool>(),
        gaps in ("[ ,!]{0,2} ", prop::sample::select(vec![" ", "  ", ", ", " - ", " <b> ", "\n"])),
    ) {
        let to = to.index(words.len()) + 1;
        let from = from.index(to);
        // A word of marks alone has no letter to be found by.
        prop_assume!(words[from..to].iter().all(|word| !letters(word).is_empty()));
        let spoken = words.join(&gaps.0);
        let before = words[..to].join(&gaps.0);
        let end = letters(&before).last().map_or(0, |letter| letter.end);
        let utterance = retold(&words[from..to], upper, gaps.1);
        prop_assert_eq!(locate(&spoken, &utterance, end), Some(end), "{:?} in {:?}", utterance, spoken);
        prop_assert_eq!(floor_word(&spoken, before.len()), end);
    }

    #[test]
    fn a_cut_always_lies_between_characters(
        spoken in "[ab<>/'. é漢ß\u{301}İ]{0,30}",
        utterance in "[ab<>/'. é漢ßSi\u{301}]{0,8}",
        at in 0_usize..80,
    ) {
        for end in [locate(&spoken, &utterance, at), played(&spoken, at, &utterance), Some(floor_word(&spoken, at))] {
            prop_assert!(end.is_none_or(|end| spoken.is_char_boundary(end)), "{:?}", end);
        }
        prop_assert!(played(&spoken, at, &utterance).is_none_or(|end| end >= at));
        prop_assert!(floor_word(&spoken, at) <= at);
    }

    #[test]
    fn a_report_is_found_near_where_a_look_at_all_the_text_finds_it(
        spoken in "[ab<>/'. é漢ß\u{301}İ]{0,150}",
        words in "[ab<>/'. é漢ßSi\u{301}]{0,20}",
        at in 0_usize..40,
    ) {
        let at = head(&spoken, at).len();
        let found = find_played(tail(&spoken, at), &letters(&words));
        let end = found.map(|end| closed(&spoken, at + end, &words, &letters(&words)));
        prop_assert_eq!(played(&spoken, at, &words), end);
    }
}

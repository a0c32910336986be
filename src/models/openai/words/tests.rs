use proptest::prelude::*;

use super::*;

fn say<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = Words::default();
    let mut said: String =
        pieces.into_iter().filter_map(|piece| words.push(piece.to_owned())).collect();
    said.extend(words.finish());
    said
}

/// Whole, and character by character.
#[track_caller]
fn assert_said(text: &str, said: &str) {
    assert_eq!(say([text]), said, "{text:?}");
    let characters: Vec<String> = text.chars().map(String::from).collect();
    assert_eq!(say(characters.iter().map(String::as_str)), said, "by character: {text:?}");
}

#[test]
fn what_a_model_thinks_before_it_speaks_is_not_said() {
    assert_said("<think>The caller wants a card.</think>Yes.", "Yes.");
    assert_said("<think>\nHm.\n</think>\n\nYes, of course.", "Yes, of course.");
    assert_said("\n <thinking>Hm < 3 </think or so></thinking> Yes.", "Yes.");
    assert_said("<THINK>Hm.</Think>Yes.", "Yes.");
    assert_said("<think></think>\n<think>And again.</think>Yes.", "Yes.");
    assert_said("<think>Grüße 🦉</think>Schöne Grüße 🦉", "Schöne Grüße 🦉");
}

#[test]
fn a_thought_without_end_leaves_nothing_to_say() {
    assert_said("<think>And so on, and on", "");
    assert_said("<think>And </thin", "");
    assert_said("<thinking>", "");
    assert_said("<think>That was all.</think>\n", "");
}

#[test]
fn what_only_begins_like_a_thought_is_said() {
    for text in [
        "<",
        "<th",
        "<thinker>Rodin</thinker>",
        "<b>Yes</b>",
        "< think>",
        "I <think>so</think>.",
        "3 < 4",
        "</think>Yes.",
        " Yes.",
        "\n\nYes.",
        "  ",
        "",
    ] {
        assert_said(text, text);
    }
    let blank = " ".repeat(BLANK_MAX + 1);
    assert_said(&format!("{blank}Yes."), &format!("{blank}Yes."));
}

#[test]
fn a_word_is_said_as_soon_as_it_cannot_be_a_thought() {
    let mut words = Words::default();
    assert_eq!(words.push("Yes".to_owned()).as_deref(), Some("Yes"));
    assert_eq!(words.push(",".to_owned()).as_deref(), Some(","));
    let mut words = Words::default();
    assert_eq!(words.push("<th".to_owned()), None);
    assert_eq!(words.push("at>".to_owned()).as_deref(), Some("<that>"));
}

#[test]
fn an_endless_thought_is_not_kept() {
    let mut words = Words::default();
    words.push("<think>".to_owned());
    for _ in 0..10_000 {
        assert_eq!(words.push("and then I thought ü".to_owned()), None);
    }
    let Place::Thought { tail } = &words.0 else { panic!("{words:?}") };
    assert!(tail.capacity() < 200, "{}", tail.capacity());
}

#[test]
fn what_cannot_be_spoken_is_left_out() {
    assert_said("a\0b\u{7}c\u{1B}[1md\u{7F}e\u{9B}f", "abc[1mdef");
    assert_said("one\ttwo\nthree\r\nfour\u{85}five", "one two\nthree\r\nfour\nfive");
    assert_said("in\u{200B}vis\u{2060}ib\u{FEFF}le\u{AD}", "invisible");
    assert_said("\u{202E}abc\u{202C}\u{2066}d\u{2069}\u{200F}", "abcd");
    assert_said("Hi\u{E0001}\u{E0068}\u{E0069}\u{E007F}.\u{E0100}", "Hi.");
    assert_said("<\u{200B}think>Hm.</th\0ink>Yes.", "Yes.");
    // A letter with its joiner, an umlaut, a family.
    for text in ["می\u{200C}خواهم", "Grüße", "क्\u{200D}ष", "👨\u{200D}👩\u{200D}👧", "¿Qué?"]
    {
        assert_said(text, text);
    }
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => Just("<think>"), 1 => Just("<thinking>"), 3 => Just("</think>"), 1 => Just("</thinking>"),
        1 => Just("<"), 1 => Just("</"), 1 => Just("think"), 1 => Just(">"), 2 => Just(" \n"),
        3 => Just("Yes."), 1 => Just("ü🦉"), 1 => Just("\0"), 1 => Just("\u{200B}"),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_split_says_the_same(text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| bounds[cut.index(bounds.len())]).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let whole = say([text.as_str()]);
        prop_assert_eq!(&say(cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), &whole);
        let characters: Vec<String> = text.chars().map(String::from).collect();
        prop_assert_eq!(&say(characters.iter().map(String::as_str)), &whole);
        let hidden = whole.contains(['\0', '\u{200B}']);
        prop_assert!(!hidden);
    }
}

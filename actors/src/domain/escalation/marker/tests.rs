use proptest::prelude::*;

use super::{LINE_MAX, MarkerScanner, REASON_MAX, Wish};

fn scan<'a>(tokens: impl IntoIterator<Item = &'a str>) -> (String, Option<Wish>) {
    let (mut scanner, mut out) = (MarkerScanner::new(), String::new());
    tokens.into_iter().for_each(|token| scanner.push(token, &mut out));
    scanner.finish(&mut out);
    (out, scanner.wish())
}

fn escalate(reason: &str) -> Option<Wish> {
    Some(Wish::Escalate { reason: reason.to_owned() })
}

#[test]
fn a_marker_is_a_wish_and_never_spoken() {
    let cases = [
        ("ESCALATE: fraud", "", escalate("fraud")),
        ("One moment. ESCALATE: lost  card \nBye", "One moment. \nBye", escalate("lost  card")),
        ("One moment.\n\nESCALATE:fraud\n", "One moment.\n\n\n", escalate("fraud")),
        ("**ESCALATE: fraud**", "", escalate("fraud")),
        ("a `**ESCALATE:** _snake_case_`\nb", "a \nb", escalate("snake_case")),
        ("**ESCALATE**: **big** fraud", "", escalate("big fraud")),
        ("_ESCALATE: fraud_", "", escalate("fraud")),
        ("_ESCALATE_: fraud", "", escalate("fraud")),
        ("******ESCALATE: x", "", escalate("x")),
        ("ESCALATE:", "", escalate("unspecified")),
        ("ESCALATE:  ** \nGo on", "\nGo on", escalate("unspecified")),
        ("ESCALATE: see [card](x)\u{1} #4\r\nok", "\r\nok", escalate("see card #4")),
        ("ESCALATE: first\nESCALATE: second\nend", "\n\nend", escalate("first")),
        ("ESCALATE:\nESCALATE: second", "\n", escalate("unspecified")),
        ("Goodbye! END_CALL", "Goodbye! ", Some(Wish::EndCall)),
        ("END_CALL", "", Some(Wish::EndCall)),
        ("Bye.\n`END_CALL`.\n", "Bye.\n\n", Some(Wish::EndCall)),
        ("_END_CALL_ bye", " bye", Some(Wish::EndCall)),
        ("END_CALL, then", ", then", Some(Wish::EndCall)),
        ("END_CALL: bye", ": bye", Some(Wish::EndCall)),
        ("END_CALL ESCALATE: x", " ", escalate("x")),
        ("ESCALATE: x\nEND_CALL", "\n", escalate("x")),
        ("ESCALATE: x END_CALL", "", escalate("x END_CALL")),
        ("漢\u{3000}END_CALL", "漢\u{3000}", Some(Wish::EndCall)),
    ];
    for (text, spoken, wish) in cases {
        assert_eq!(scan([text]), (spoken.to_owned(), wish), "of {text:?}");
    }
}

#[test]
fn what_only_looks_like_a_marker_is_spoken() {
    let texts = [
        "say \"ESCALATE: x\" or 'END_CALL' or “ESCALATE: x”",
        "xESCALATE: x, (END_CALL), -END_CALL",
        "escalate: x, Escalate: x, end_call",
        "ESCALATED: x, ESCALATE x, ESCALATE",
        "ESCAPE, ENDING, END, END_CALLS, END_CALL_NOW, END_CALLé, E",
        "**ESCALATION**: *x* _y_ `z` ** 3 * 4 ******* E",
        "*******END_CALL",
        "**ESCALATE",
        "END CALL",
    ];
    for text in texts {
        assert_eq!(scan([text]), (text.to_owned(), None));
    }
}

#[test]
fn text_is_spoken_as_soon_as_it_is_no_marker() {
    let (mut scanner, mut out) = (MarkerScanner::new(), String::new());
    for (token, spoken) in [
        ("Hello", "Hello"),
        (", Eve", ", Eve"),
        (" ", " "),
        ("ESC", ""),
        ("APE", "ESCAPE"),
        (" EN", " "),
        ("D", ""),
        ("ING", "ENDING"),
        (" **", " "),
        ("ESCALATE", ""),
        ("**", ""),
        (" now", "**ESCALATE** now"),
        ("\nESC", "\n"),
        ("ALATE:", ""),
        (" lost", ""),
        (" card\nOne", "\nOne"),
    ] {
        out.clear();
        scanner.push(token, &mut out);
        assert_eq!(out, spoken, "after {token:?}");
    }
    assert_eq!(scanner.wish(), escalate("lost card"));
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let (out, wish) = scan([format!("ESCALATE: {}", "é漢".repeat(3_000)).as_str()]);
    let Some(Wish::Escalate { reason }) = wish else { panic!("no escalation") };
    assert_eq!(out, "");
    assert!(reason.len() <= REASON_MAX && reason.len() > REASON_MAX - 4, "{}", reason.len());
    assert!(reason.starts_with("é漢é漢"));
}

#[test]
fn what_follows_words_that_were_cut_off_is_no_reason() {
    let line = format!("ESCALATE: {}é", "*".repeat(LINE_MAX - 2));
    assert_eq!(scan([line.as_str(), "x"]), (String::new(), escalate("unspecified")));
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => prop::sample::select(vec![
            "ESCALATE", "ESCALATE:", "END_CALL", "ESC", "END", "E", "**", "`", "_", "*", "\"", "\n", " ", "\r", "fraud",
        ]).prop_map(str::to_owned),
        1 => "[EA_:*` \n.é漢\u{3000}\u{85}]{1,3}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn how_the_answer_was_cut_into_tokens_changes_neither_words_nor_wish(
        text in pieces(),
        cuts in prop::collection::vec(0_usize..80, 0..10),
    ) {
        let mut cuts: Vec<usize> =
            cuts.into_iter().filter(|cut| *cut <= text.len() && text.is_char_boundary(*cut)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let whole = scan([text.as_str()]);
        prop_assert_eq!(scan(cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), whole.clone());
        let single: Vec<String> = text.chars().map(String::from).collect();
        prop_assert_eq!(scan(single.iter().map(String::as_str)), whole);
    }

    #[test]
    fn a_marker_after_any_words_is_found_and_the_words_are_spoken(words in "[a-zA-D漢é,.!?'\n -]{0,40}") {
        let text = format!("{words} ESCALATE: lost card");
        prop_assert_eq!(scan([text.as_str()]), (format!("{words} "), escalate("lost card")));
    }
}

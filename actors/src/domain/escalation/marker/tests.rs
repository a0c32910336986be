use proptest::prelude::*;

use super::{LINE_MAX, MarkerScanner, REASON_MAX, Wish};

/// The longest that may be held, characters: a marker with its wrapping and all that may stand
/// before its colon.
const HELD_MAX: usize = 32;

/// What was spoken, what was wished, how many were quoted.
type Scanned = (String, Option<Wish>, u32);

fn scan<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Scanned {
    let (mut scanner, mut out) = (MarkerScanner::new(), String::new());
    for token in tokens {
        scanner.push(token, &mut out);
        assert!(scanner.held_chars() <= HELD_MAX, "{scanner:?} holds too much");
        assert!(!scanner.is_over() || scanner.held_chars() == 0, "{scanner:?} holds for nothing");
    }
    scanner.finish(&mut out);
    let over = matches!(scanner.wish(), Some(Wish::Escalate { .. }));
    assert_eq!(scanner.is_over(), over, "{scanner:?}");
    (out, scanner.wish(), scanner.quoted())
}

/// Scans as a whole, in every two parts, and character by character: nothing may differ.
fn scan_cut(text: &str) -> Scanned {
    let whole = scan([text]);
    for (at, _) in text.char_indices() {
        let (one, other) = text.split_at(at);
        assert_eq!(scan([one, other]), whole, "{one:?} then {other:?}");
    }
    let single: Vec<String> = text.chars().map(String::from).collect();
    assert_eq!(scan(single.iter().map(String::as_str)), whole, "each of {text:?}");
    whole
}

fn escalate(reason: &str) -> Option<Wish> {
    Some(Wish::Escalate { reason: reason.to_owned() })
}

#[test]
fn an_escalation_where_something_begins_counts_in_any_case() {
    for (before, marker, reason) in [
        ("", "ESCALATE: fraud", "fraud"),
        ("", "escalate:fraud", "fraud"),
        ("", "EsCaLaTe： fraud", "fraud"),
        ("", "**Escalate**: **big** fraud", "big fraud"),
        ("", "**ESCALATE: fraud**", "fraud"),
        ("", "_escalate: fraud_", "fraud"),
        ("", "> ## *`escalate` : _snake_case_", "snake_case"),
        ("", "`escalate: fraud` and on", "fraud and on"),
        ("", "``Escalate``: fraud", "fraud"),
        ("", "*******ESCALATE: x", "x"),
        ("****", "************ESCALATE: x", "x"),
        ("", "ESCALATE:", "unspecified"),
        ("", "escalate:  ** ", "unspecified"),
        ("", "Escalate \u{a0}\t: x", "x"),
        ("", "ESCALATE: see [card](x)\u{1} #4", "see card #4"),
        ("", "ESCALATE: lost  card ", "lost  card"),
        ("", "ESCALATE: one ESCALATE: two", "one ESCALATE: two"),
        ("  \t", "> escalate: x", "x"),
        ("One moment.\n\n", "escalate:fraud", "fraud"),
        ("One\r", "# escalate: fraud", "fraud"),
        ("One\u{2028}", "escalate: fraud", "fraud"),
        ("One moment. ", "escalate: fraud", "fraud"),
        ("Really?! ", "_Escalate_: fraud", "fraud"),
        ("Well… ", "**escalate: fraud**", "fraud"),
        ("This: ", "escalate: fraud", "fraud"),
        ("He said \"no.\" ", "escalate: fraud", "fraud"),
        ("(He said “no.”)\u{3000}", "escalate: fraud", "fraud"),
        ("**Done.** ", "escalate: fraud", "fraud"),
        ("好的。", "escalate：詐欺", "詐欺"),
        ("好的！」", "Escalate: 詐欺", "詐欺"),
        ("ठीक है। ", "escalate: धोखा", "धोखा"),
        ("حسنا؟ ", "escalate: احتيال", "احتيال"),
    ] {
        for after in ["", "\nBye", "\r\nescalate: again\n\"ESCALATE: x\" END_CALL\nEND_CALL"] {
            let text = [before, marker, after].concat();
            assert_eq!(scan_cut(&text), (before.to_owned(), escalate(reason), 0), "{text:?}");
        }
    }
}

#[test]
fn an_escalation_in_mid_sentence_counts_in_upper_case() {
    for (before, marker, reason) in [
        ("I will ", "ESCALATE: fraud", "fraud"),
        ("I will ", "**ESCALATE**: fraud", "fraud"),
        ("I will ", "**ESCALATE: fraud**", "fraud"),
        ("I will ", "_ESCALATE_ : fraud", "fraud"),
        ("I will ", "[ESCALATE: fraud] now", "fraud"),
        ("I will (", "ESCALATE: fraud)", "fraud)"),
        ("I will—", "ESCALATE: fraud", "fraud"),
        ("wait--", "ESCALATE: fraud", "fraud"),
        ("請稍等", "ESCALATE: 詐欺", "詐欺"),
        ("잠시만", "ESCALATE：사기", "사기"),
        ("I don't, I'd ", "ESCALATE: fraud", "fraud"),
        ("I don’t ", "ESCALATE: fraud", "fraud"),
        ("the callers' ", "ESCALATE: fraud", "fraud"),
        ("rock ' n roll ", "ESCALATE: fraud", "fraud"),
        ("'so' it's ", "ESCALATE: fraud", "fraud"),
        ("a \"b\" “c” „d“ «e» 'f' `g` ``h`` ", "ESCALATE: fraud", "fraud"),
        ("an open \"quote\n", "ESCALATE: fraud", "fraud"),
        ("an 'open\nand ", "ESCALATE: fraud", "fraud"),
        ("an `open\nand ", "ESCALATE: fraud", "fraud"),
        ("ESCALATED ", "ESCALATE: fraud", "fraud"),
        ("we ESCALATE ", "**ESCALATE: fraud", "fraud"),
        ("a **bold** ", "ESCALATE: fraud", "fraud"),
        ("a ** ", "**ESCALATE: fraud", "fraud"),
        ("' ", "ESCALATE: fraud'", "fraud'"),
    ] {
        for after in ["", "\nBye. ESCALATE: again"] {
            let text = [before, marker, after].concat();
            assert_eq!(scan_cut(&text), (before.to_owned(), escalate(reason), 0), "{text:?}");
        }
    }
}

#[test]
fn at_the_start_of_a_line_upper_case_needs_no_colon() {
    for (marker, reason) in [
        ("ESCALATE", "unspecified"),
        ("ESCALATE ", "unspecified"),
        ("ESCALATE.", "unspecified"),
        ("**ESCALATE**", "unspecified"),
        ("`ESCALATE`", "unspecified"),
        ("[ESCALATE]", "unspecified"),
        ("**[ESCALATE]** ", "unspecified"),
        ("[ESCALATE] lost card", "lost card"),
        ("[ESCALATE: lost card]", "lost card"),
        ("[ESCALATE: lost card] Bye", "lost card"),
        ("[ESCALATE lost card].", "lost card"),
        ("ESCALATE lost card", "lost card"),
        ("ESCALATE lost card: stolen", "lost card: stolen"),
        ("ESCALATE - lost card", "lost card"),
        ("ESCALATE – lost card", "lost card"),
        ("ESCALATE—lost card", "lost card"),
        ("**ESCALATE** lost card", "lost card"),
        ("> ESCALATE     : lost card", "lost card"),
    ] {
        for before in ["", "One moment.\n", "I will \r\n  "] {
            for after in ["", "\nESCALATE: again"] {
                let text = [before, marker, after].concat();
                assert_eq!(scan_cut(&text), (before.to_owned(), escalate(reason), 0), "{text:?}");
            }
        }
    }
}

#[test]
fn a_quoted_marker_is_dropped_to_the_end_of_its_quotation() {
    for (text, spoken, quoted) in [
        ("say \"ESCALATE: x\" now", "say  now", 1),
        ("\"ESCALATE: x\"", "", 1),
        ("say 'ESCALATE: x' now", "say  now", 1),
        ("say 'ESCALATE: don't', now", "say , now", 1),
        ("say ‘ESCALATE: don’t’ now", "say  now", 1),
        ("say “ESCALATE: x” now", "say  now", 1),
        ("say „ESCALATE: x“ now", "say  now", 1),
        ("say „ESCALATE: x” now", "say  now", 1),
        ("say «ESCALATE: x» now", "say  now", 1),
        ("say « ESCALATE: x » now", "say  now", 1),
        ("say »ESCALATE: x« now", "say  now", 1),
        ("說「ESCALATE：x」好", "說好", 1),
        ("say `ESCALATE: x` now", "say  now", 1),
        ("say `ESCALATE`: now \"and\"", "say ", 1),
        ("say **`ESCALATE: x`", "say **", 1),
        ("say \"**ESCALATE**: x\" now", "say  now", 1),
        ("say **\"ESCALATE: x\" now", "say ** now", 1),
        ("say \"[ESCALATE: x]\" now", "say  now", 1),
        ("You wrote \"please ESCALATE: x, ESCALATE: y\".", "You wrote \"please .", 1),
        ("You wrote \"it is. ESCALATE: x. escalate: y\".", "You wrote \"it is. .", 1),
        ("You wrote `a ESCALATE: x` now", "You wrote `a  now", 1),
        ("`a ESCALATE: x` now", "`a  now", 1),
        ("an open \"ESCALATE: x\nand on", "an open \nand on", 1),
        ("\"ESCALATE: x END_CALL\" or 'ESCALATE: y'!", " or !", 2),
        ("\"ESCALATE: x.\" escalate: y", " escalate: y", 1),
    ] {
        assert_eq!(scan_cut(text), (spoken.to_owned(), None, quoted), "{text:?}");
        let (text, spoken) = (format!("{text}\nEscalate: real"), format!("{spoken}\n"));
        assert_eq!(scan_cut(&text), (spoken, escalate("real"), quoted), "{text:?}");
    }
}

#[test]
fn an_end_of_the_call_is_never_spoken() {
    for (text, spoken, wish) in [
        ("Goodbye! END_CALL", "Goodbye! ", Some(Wish::EndCall)),
        ("END_CALL", "", Some(Wish::EndCall)),
        ("[END_CALL]", "", Some(Wish::EndCall)),
        ("Bye. **[END_CALL]**.\n", "Bye. \n", Some(Wish::EndCall)),
        ("Bye.\n`END_CALL`.\n", "Bye.\n\n", Some(Wish::EndCall)),
        ("say `END_CALL` or \"now END_CALL\"", "say  or \"now \"", Some(Wish::EndCall)),
        ("# END_CALL", "# ", Some(Wish::EndCall)),
        ("_END_CALL_ bye", " bye", Some(Wish::EndCall)),
        ("END_CALL, then", ", then", Some(Wish::EndCall)),
        ("END_CALL: bye", ": bye", Some(Wish::EndCall)),
        ("END_CALL ESCALATE: x", " ", escalate("x")),
        ("ESCALATE: x\nEND_CALL", "", escalate("x")),
        ("ESCALATE: x END_CALL", "", escalate("x END_CALL")),
        ("漢\u{3000}END_CALL", "漢\u{3000}", Some(Wish::EndCall)),
    ] {
        assert_eq!(scan_cut(text), (spoken.to_owned(), wish, 0), "of {text:?}");
    }
}

#[test]
fn what_only_looks_like_a_marker_is_spoken() {
    for text in [
        "we escalate: first, then Escalate: x, ESCALATe: x",
        "we `escalate: x` and \"escalate: x. Escalate: y\"",
        "xESCALATE: x, DEESCALATE: x, DE-ESCALATE: x, MUST_ESCALATE: x, éESCALATE: x, don'ESCALATE: x",
        "'so'ESCALATE: x",
        "done.escalate: x, (escalate: x)",
        "de-escalate: x",
        "- escalate: x",
        "[escalate: x]",
        "ESCALATED: x, I ESCALATE x, and ESCALATE",
        "ESCALATED lost card",
        "ESCALATION: lost card",
        "ESCALATE_NOW: lost card",
        "escalate lost card",
        "Escalate",
        "\"ESCALATE\" is a word, \"ESCALATE\": another",
        "I ESCALATE    : x",
        "escalate    : x",
        "ESCAPE, ENDING, END, END_CALLS, END_CALL_NOW, END_CALLé, E",
        "say 'END_CALL', (END_CALL), -END_CALL, end_call",
        "**ESCALATION**: *x* _y_ `z` ** 3 * 4 ******* E",
        "*******END_CALL",
        "END CALL",
        "#1 > 2 [x] 'x' \"y\" **",
        "I ESCALATE\n: x",
        "ESCALAT漢: and on for longer than a marker is",
        "END_CAL漢, and on for longer than a marker is",
    ] {
        assert_eq!(scan_cut(text), (text.to_owned(), None, 0));
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
        (" esc", " esc"),
        (". esc", ". "),
        ("ape", "escape"),
        (" **", " "),
        ("ESCALATE", ""),
        ("**", ""),
        (" now", "**ESCALATE** now"),
        (" \"", " "),
        ("so", "\"so"),
        (" ESCALATE", " "),
        (": x", ""),
        (" y\" on", " on"),
        ("\nESC", "\n"),
        ("ALATE", ""),
        (":", ""),
        (" lost", ""),
        (" card\nOne", ""),
        (" more", ""),
    ] {
        out.clear();
        assert!(!scanner.is_over() || spoken.is_empty());
        scanner.push(token, &mut out);
        assert_eq!(out, spoken, "after {token:?}");
    }
    assert_eq!((scanner.wish(), scanner.quoted()), (escalate("lost card"), 1));
}

#[test]
fn a_long_reason_is_cut_to_its_characters() {
    let (out, wish, _) = scan([format!("ESCALATE: {}", "é漢".repeat(3_000)).as_str()]);
    assert_eq!((out, wish), (String::new(), escalate(&"é漢".repeat(REASON_MAX / 2))));
}

#[test]
fn what_follows_words_that_were_cut_off_is_no_reason() {
    let line = format!("ESCALATE: {}é", "*".repeat(LINE_MAX - 2));
    assert_eq!(scan([line.as_str(), "x"]), (String::new(), escalate("unspecified"), 0));
}

/// Cuts a text at these of its characters.
fn cut<'a>(text: &'a str, cuts: &[usize]) -> Vec<&'a str> {
    let mut at: Vec<usize> =
        cuts.iter().filter_map(|cut| text.char_indices().nth(*cut)).map(|(at, _)| at).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "ESCALATE", "ESCALATE:", "escalate: x", "Escalate", "END_CALL", "ESC", "ESCALAT", "END_CAL", "END", "E", "e",
            "fraud", " ", " ", ". ", "\n", "**", "`", "_", "\"", "'", "[", "]", "。", "“", "”",
        ]).prop_map(str::to_owned),
        1 => "[EeA_:*` \n\r.!#>'\"’‘“”„«»「」\\[\\]é漢क।：…\u{3000}\u{85}\u{301}-]{1,3}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn how_the_answer_was_cut_into_tokens_changes_nothing(
        text in pieces(),
        cuts in prop::collection::vec(0_usize..80, 0..10),
    ) {
        let whole = scan_cut(&text);
        prop_assert_eq!(scan(cut(&text, &cuts)), whole);
    }

    #[test]
    fn what_is_held_can_still_become_a_marker(text in pieces()) {
        let (mut scanner, mut spoken) = (MarkerScanner::new(), String::new());
        scanner.push(&text, &mut spoken);
        let becomes = |rest: &str| scan([text.as_str(), rest]).0 == spoken;
        let may = (0..9).any(|at| becomes(&"ESCALATE:"[at..]))
            || (0..=8).any(|at| becomes(&"END_CALL"[at..]));
        prop_assert!(scanner.held_chars() == 0 || may, "{:?}", scanner);
    }

    #[test]
    fn nothing_of_a_marker_is_spoken(
        words in "[a-zA-D漢é,.!?:#>*'’\"`“”«» \n-]{0,40}",
        mark in "[*_`#>]{0,4}",
        behind in "[*`]{0,3}[ \u{a0}]{0,3}[:：]",
        after in "[a-z\"'` \n]{0,20}",
        cuts in prop::collection::vec(0_usize..120, 0..10),
    ) {
        let text = format!("{words} {mark}ESCALATE{behind} zebra{after}");
        let (spoken, wish, quoted) = scan(cut(&text, &cuts));
        prop_assert!(!spoken.contains("ESC") && !spoken.contains("zebra"), "{:?}", spoken);
        prop_assert_eq!(wish.is_some(), quoted == 0);
    }

    #[test]
    fn a_marker_after_any_words_is_found_and_the_words_are_spoken(
        words in "[a-zA-D漢é,.!?;:()\n -]{0,40}",
    ) {
        let text = format!("{words} ESCALATE: lost card");
        prop_assert_eq!(scan_cut(&text), (format!("{words} "), escalate("lost card"), 0));
    }
}

use proptest::prelude::*;

use super::Speech;

const ENGLISH: &str = "en-US";

fn check(language: &str, cases: &[(&str, &str)]) {
    for (text, spoken) in cases {
        assert_eq!(Speech::clean(language, text), *spoken, "of {text:?} in {language}");
    }
}

fn pushed(language: &str, tokens: &[&str]) -> String {
    let (mut speech, mut out) = (Speech::new(language), String::new());
    tokens.iter().for_each(|token| speech.push(token, &mut out));
    speech.finish(&mut out);
    out
}

#[test]
fn what_is_no_markup_is_spoken_as_it_is() {
    let texts = [
        " two  spaces, and one more ",
        "3 * 4 = 12, 5*3 = 15, 5 *3 is too, 2**3 = 8",
        "C++, C#, snake_case, a_b, _, *, **, x_y_z_",
        "2 < 3 > 1",
        "#1 of 3, item #2",
        "my_name_is@owl_bank.example or first._last@owlbank.example",
        "it's 100% of 1,234.50 on 2026-05-01 at 10:30",
        "1. first 2. second",
        "card **** **** **** 1234, or ****1234",
        "name: ____",
        "a | b || c",
        "-5 degrees - or so -",
        "[pause] [1] a[0] [x](",
        "price* without its star*",
        "hotel, HTTP, https, https:// and http:/x",
        "!important wow! ![x",
        "über ** ß 漢字 * कि\u{94d} مرحبا 👍🏽",
        "don\u{2019}t “quote” – dash\u{a0}gap",
        "~/path/*.txt",
    ];
    for text in texts {
        assert_eq!(Speech::clean(ENGLISH, text), text);
        assert_eq!(Speech::clean("fr-FR", text), text);
    }
}

#[test]
fn emphasis_is_heard_without_its_marks() {
    check(
        ENGLISH,
        &[
            ("**Fraud** is *bad*, __very__ _bad_.", "Fraud is bad, very bad."),
            ("***all*** of **_it_** and *__this__*", "all of it and this"),
            ("(**x**) \"*y*\" **\"z\"**: **a:** b", "(x) \"y\" \"z\": a: b"),
            ("`snake_case` and ``x``", "snake_case and x"),
            ("**2**3 = 8** done", "2**3 = 8 done"),
            ("**bold *and* more**", "bold and more"),
            ("see **https://owl.example/a_b**.", "see owl dot example slash a underscore b."),
            ("**Karte**n und **API**s", "Karten und APIs"),
            ("这是**重点**内容", "这是重点内容"),
            ("**중요**합니다", "중요합니다"),
            ("**😀 ok**", "😀 ok"),
            ("**never closed", "never closed"),
            ("*a\n\nb*", "a. b*"),
        ],
    );
}

#[test]
fn lines_are_heard_as_sentences() {
    check(
        ENGLISH,
        &[
            ("Hello\nworld", "Hello. world"),
            ("Hello.\n\n\nworld\r\n", "Hello. world. "),
            ("\n\nHello", "Hello"),
            ("a,\n  b", "a, b"),
            ("# Title\ntext", "Title. text"),
            ("###### Six\n####### seven", "Six. ####### seven"),
            ("Do:\n- one\n* two\n• three\n  - four", "Do: one. two. three. four"),
            ("- **x**: y", "x: y"),
            ("-\n- a", "a"),
            ("1. one\n2. two", "1. one. 2. two"),
            ("> quoted\n> > twice\n>5 more\n> # head", "quoted. twice. >5 more. head"),
            ("above\n---\nbelow\n* * *\nend\n___", "above. below. end. "),
            ("Title\n=====\nx", "Title. x"),
            ("```rust\nlet a = 1;\n```\nok", "let a = 1; ok"),
            ("```\nx\n```", "x. "),
            ("```let it be``` so", "let it be so"),
            ("a\u{2028}b\u{85}c\u{b}d", "a. b. c. d"),
            ("a\tb\u{0}c\u{9c}d\u{7f}", "a bcd"),
            ("हिन्दी\nठीक", "हिन्दी. ठीक"),
            ("-- no rule", "-- no rule"),
        ],
    );
}

#[test]
fn tables_are_heard_cell_by_cell() {
    check(
        ENGLISH,
        &[
            (
                "| Card | Fee |\n|:---|---:|\n| Gold   | **$20** |\n| Blue | |\nend",
                "Card, Fee. Gold, 20 dollars. Blue. end",
            ),
            ("| a || b |", "a, b"),
        ],
    );
}

#[test]
fn links_and_images_are_heard_by_their_text() {
    check(
        ENGLISH,
        &[
            ("See [the **rules**](https://owl.example/a_(b) \"t\").", "See the rules."),
            ("![an owl](owl.png) and [](x)", "an owl and "),
            ("[https://owl.example](https://owl.example) x", "owl dot example x"),
            ("- [a](b)\n- [c](d)", "a. c"),
            ("[a\n](b)", "[a. ](b)"),
        ],
    );
}

#[test]
fn addresses_are_heard_in_words() {
    check(
        ENGLISH,
        &[
            (
                "https://www.owlbank.example/disputes?x=1",
                "www dot owlbank dot example slash disputes",
            ),
            ("Go to http://owl.example/.", "Go to owl dot example."),
            ("(HTTPS://owl.example/a-b/)", "(owl dot example slash a dash b)"),
            ("https://owl.example:8080/?q=1. Then", "owl dot example colon 8080. Then"),
            ("Seen https://owl.example? Yes", "Seen owl dot example? Yes"),
            ("https://owl.example/#top, ok", "owl dot example, ok"),
            ("xhttps://owl.example", "xhttps://owl.example"),
            ("访问https://owl.example查看", "访问owl dot example查看"),
            ("www.owl.example", "www.owl.example"),
        ],
    );
    check("de-DE", &[("Siehe https://owl.example/a_b?x=1#y.", "Siehe owl.example/a_b?x=1#y.")]);
}

#[test]
fn prices_are_heard_in_english_words() {
    check(
        ENGLISH,
        &[
            ("$20 or $1, €1 or £2.50", "20 dollars or 1 dollar, 1 euro or 2 pounds and 50 pence"),
            ("$20.50. $0.99! £0.01?", "20 dollars and 50 cents. 99 cents! 1 penny?"),
            ("$1,234.00 and $1,234,567", "1,234 dollars and 1,234,567 dollars"),
            ("$1.00, $1.01, $0, $.05", "1 dollar, 1 dollar and 1 cent, 0 dollars, 5 cents"),
            ("$1.5 million, $2 millions", "1.5 million dollars, 2 dollars millions"),
            (
                "$20-$30, $20–30 or €1.50-€2",
                "20 to 30 dollars, 20 to 30 dollars or 1 euro and 50 cents to 2 euros",
            ),
            ("$1-$2 billion", "1 to 2 billion dollars"),
            ("$95/year, $5/yearly", "95 dollars per year, 5 dollars/yearly"),
            ("-$20 (**$5**)", "-20 dollars (5 dollars)"),
            ("US$20, CA$20-$30, A$5", "US$20, CA$20-$30, A$5"),
            ("$HOME $ $$ $5k €20,30 €1.234,50 20€", "$HOME $ $$ $5k €20,30 €1.234,50 20€"),
            ("$20", "20 dollars"),
            ("$20.", "20 dollars."),
        ],
    );
    check("es-ES", &[("$20 o £3", "$20 o £3")]);
    let long = format!("${}", "1".repeat(200));
    assert_eq!(Speech::clean(ENGLISH, &long), long);
}

#[test]
fn a_plain_token_is_spoken_in_the_same_push() {
    let mut speech = Speech::new(ENGLISH);
    for token in
        ["Hello", ",", " how", " are", " you", "?", " Ça", " va", " 5", "%", " -", "!", " 漢"]
    {
        let mut out = String::new();
        speech.push(token, &mut out);
        assert_eq!(out, token);
    }
}

#[test]
fn what_may_be_markup_is_held_until_it_is_decided() {
    let mut speech = Speech::new(ENGLISH);
    let mut step = |token: &str| {
        let mut out = String::new();
        speech.push(token, &mut out);
        out
    };
    assert_eq!(step("It costs $2"), "It costs ");
    assert_eq!(step("0"), "");
    assert_eq!(step(" m"), "");
    assert_eq!(step("ore "), "20 dollars more ");
    assert_eq!(step("**"), "");
    assert_eq!(step("now"), "now");
    assert_eq!(step("** h"), " ");
    assert_eq!(step("ttp"), "");
    assert_eq!(step("d"), "httpd");
}

#[test]
fn a_hold_has_an_end() {
    let long = "x".repeat(5_000);
    for opening in ["[", "[a](", "- -", "---", "$1", "$1,", "|", "```", "*", "___", "!["] {
        let (mut speech, mut out) = (Speech::new(ENGLISH), String::new());
        speech.push(opening, &mut out);
        for fill in ["-", "1", "*", " ", "x"] {
            (0..2_000).for_each(|_| speech.push(fill, &mut out));
        }
        assert!(speech.held.len() <= 1_400, "{opening:?} holds {}", speech.held.len());
        speech.push(&long, &mut out);
        assert!(out.ends_with("xx"), "{opening:?}");
    }
}

#[test]
fn the_next_answer_begins_anew() {
    let (mut speech, mut out) = (Speech::new(ENGLISH), String::new());
    speech.push("**a https://b.example", &mut out);
    speech.finish(&mut out);
    out.clear();
    speech.push("- b**", &mut out);
    speech.finish(&mut out);
    assert_eq!(out, "b**");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[*_`#>\\-|\\[\\]()!$€£•=.,:/?h0-9a \n\t]{1,4}",
        1 => prop::sample::select(vec![
            "https://", "http://a.example/b?c=1", "$20", "-$30", " million", "/year", "**", "```", "```rust\n",
            "[a](b)", "![", "](", "\r\n", "\u{2028}", "\u{1}", "\u{85}", "漢字", "é", "US$1,234.50", "---\n", "| a |",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn how_the_text_was_cut_into_tokens_is_not_heard(
        text in pieces(),
        cuts in prop::collection::vec(0_usize..120, 0..12),
        english in any::<bool>(),
    ) {
        let language = if english { ENGLISH } else { "de-DE" };
        let mut cuts: Vec<usize> =
            cuts.into_iter().filter(|cut| *cut <= text.len() && text.is_char_boundary(*cut)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let tokens: Vec<&str> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let whole = Speech::clean(language, &text);
        prop_assert_eq!(pushed(language, &tokens), whole.clone());
        let single: Vec<String> = text.chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        prop_assert_eq!(pushed(language, &single), whole);
    }

    #[test]
    fn no_line_break_and_no_control_character_reaches_the_voice(text in any::<String>(), more in pieces()) {
        for text in [text, more] {
            let spoken = Speech::clean(ENGLISH, &text);
            prop_assert!(
                !spoken.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')),
                "{:?}", spoken
            );
        }
    }

    #[test]
    fn words_of_any_script_are_unchanged(text in "[a-zA-Zäßéżабвαβγ漢字かな한국ابجदहि][a-zA-Zäßéżабвαβγ漢字かな한국ابجदहि ,.!?'-]{0,60}") {
        prop_assert_eq!(Speech::clean(ENGLISH, &text), text.clone());
        prop_assert_eq!(Speech::clean("ja-JP", &text), text);
    }
}

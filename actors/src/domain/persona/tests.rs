//! Persona files as their authors write them, and as they get them wrong.

use proptest::prelude::*;

use super::{FILE_MAX, Persona, Rule, Section};
use crate::domain::escalation::ReasonCode;

const HEADER: &str = r#"name = "OWL Bank"
greeting = "Hello, this is OWL Bank."
fillers = ["One moment.", "Let me see."]
apology = "Sorry, could you say that again?"
unavailable = "I am sorry, I cannot go on. Goodbye."
goodbye = "Goodbye."
resume = "We are back."
silence = ["Are you there?", "I will hang up now."]
bridge = "I connect you."
waits = ["Soon.", "Some minutes.", "Ten minutes.", "Long."]
escalation = "Nobody takes calls. What shall I pass on?"
unreached = "Nobody was free. What shall I pass on?"
message_taken = "I have noted that."
stay = "Then let us go on."
hold = ["Thank you for waiting.", "Still there."]
position = "Your place is"
hold_keys = ["Press 1.", "Press 2."]
called_back = "We call you. Goodbye."
not_called_back = "Still in line."
interrupted = "Please go on."
more = "Shall I go on?"
limit = "That was long. Goodbye."
"#;

const BODY: &str = "# Character\n\nWarm.\n\n# Knowledge\n\n## Fees\nThe late fee is 29 dollars.\n\n\
                    ## Lost cards\nFreeze it.\nHand off: a lost card\n\n# Style\nShort.\n";

fn file(header: &str, body: &str) -> String {
    format!("+++\n{header}+++\n{body}")
}

/// The problems of a file, one line each.
fn problems(file: &str) -> Vec<String> {
    let found = Persona::parse(file).expect_err("a problem").to_string();
    found.lines().map(str::to_owned).collect()
}

/// The header with the line of that key replaced.
fn with(key: &str, line: &str) -> String {
    let lines =
        HEADER.lines().map(|old| if old.starts_with(&format!("{key} =")) { line } else { old });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_file_with_everything_it_needs_is_a_persona() {
    let persona = Persona::parse(&file(HEADER, BODY)).unwrap();
    assert_eq!(persona.name, "OWL Bank");
    assert_eq!(persona.fillers, ["One moment.", "Let me see."]);
    assert_eq!(persona.voice, None);
    assert_eq!(persona.body, BODY.trim());
    let fees =
        Section { title: "Fees".into(), text: "The late fee is 29 dollars.".into(), handoff: None };
    let lost = Section {
        title: "Lost cards".into(),
        text: "Freeze it.".into(),
        handoff: Some("a lost card".into()),
    };
    assert_eq!(persona.knowledge, [fees, lost]);
}

#[test]
fn callers_words_name_what_stands_above_them_and_are_kept_from_the_prompt() {
    let body = "# Knowledge\n## Fees\nTwo fees.\nOne is late.\nCallers say: I paid late, , fined\n\
                \nThe other is a year's.\nCallers say: per year\nHand off: a fee\n";
    let persona = Persona::parse(&file(HEADER, body)).unwrap();
    let [fees] = &persona.knowledge[..] else { panic!("one section: {persona:?}") };
    assert_eq!(fees.handoff.as_deref(), Some("a fee"));
    let passages = fees.passages();
    let found: Vec<(&str, &[&str])> =
        passages.iter().map(|it| (it.text.trim(), &it.callers[..])).collect();
    let expected: [(&str, &[&str]); 2] = [
        ("Two fees.\nOne is late.", &["I paid late", "fined"]),
        ("The other is a year's.", &["per year"]),
    ];
    assert_eq!(found, expected);
    assert!(!persona.body.contains("Callers say") && persona.body.contains("The other"));
}

#[test]
fn optional_keys_are_taken_and_phrases_of_the_caller_are_lowered() {
    let header = format!(
        "{HEADER}voice = \"Google.en-US-Journey-F\"\nlanguage = \"en-US\"\nhints = [\"APR\"]\n\
         escalation_phrases = [\"A Real Person\"]\ngoodbye_phrases = [\"Bye\"]\nbackchannel = [\"Uh-huh\"]\n"
    );
    let persona = Persona::parse(&file(&header, BODY)).unwrap();
    assert_eq!(persona.voice.as_deref(), Some("Google.en-US-Journey-F"));
    assert_eq!(persona.language.as_deref(), Some("en-US"));
    assert_eq!(persona.hints, ["APR"]);
    assert_eq!(persona.escalation_phrases, ["a real person"]);
    assert_eq!(persona.goodbye_phrases, ["bye"]);
    assert_eq!(persona.backchannel, ["uh-huh"]);
}

#[test]
fn a_file_from_another_system_reads_the_same() {
    let unix = file(HEADER, BODY);
    let other = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    let (unix, other) = (Persona::parse(&unix).unwrap(), Persona::parse(&other).unwrap());
    assert_eq!(unix.greeting, other.greeting);
    assert_eq!(unix.knowledge, other.knowledge);
}

#[test]
fn every_wrong_header_is_explained_with_its_line() {
    let long = format!("goodbye = \"{}\"", "a".repeat(501));
    let cases = [
        ("name", "", "line 1: `name` is missing: expected text in quotes, the name of"),
        ("greeting", "greting = \"Hi\"", "unknown key `greting`: did you mean `greeting`?"),
        ("greeting", "sparkle_colour = 3", "unknown key `sparkle_colour`: expected one of name, "),
        ("greeting", "greeting = [\"Hi\"]", "line 3: `greeting` holds a list: expected text in"),
        ("greeting", "greeting = 7", "line 3: `greeting` holds a number: expected text in quotes"),
        ("greeting", "greeting = \" \"", "line 3: `greeting` is empty: expected what the caller"),
        ("greeting", "greeting = \"Hi {name}\"", "line 3: `greeting` holds `{`: expected plain"),
        ("greeting", "greeting = \"a\\nb\"", "line 3: `greeting` holds `\\n`: expected plain"),
        ("goodbye", &long, "line 7: `goodbye` has 501 characters: expected at most 500"),
        ("fillers", "fillers = [\"Hm.\"]", "line 4: `fillers` has 1 phrases: expected at least 2"),
        ("fillers", "fillers = \"Hm.\"", "line 4: `fillers` holds a text: expected a list"),
        ("fillers", "fillers = [\n\"Hm.\",\n3]", "line 6: `fillers` holds a number: expected text"),
        ("waits", "waits = [\"a\"]", "line 11: `waits` has 1 phrases: expected at least 4"),
        ("waits", "waits = [\"a\",\"b\",\"c\",\"d\",\"e\"]", "line 11: `waits` has more than 4"),
        ("silence", "", "line 1: `silence` is missing: expected a list of at least 2 phrases"),
        ("stay", "stay = \"x\"\nvoice = \"Journey\"", "line 16: `voice` is `Journey`: expected a"),
        ("stay", "stay = \"x\"\nlanguage = \"english!\"", "line 16: `language` is `english!`:"),
        ("resume", "resume = \"open", "line 8: the header is not TOML: "),
        ("resume", "resume = \"a\"\nresume = \"b\"", "line 9: the header is not TOML: duplicate"),
    ];
    for (key, line, expected) in cases {
        let found = problems(&file(&with(key, line), BODY));
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn rules_are_read_and_what_is_wrong_with_one_is_explained() {
    let rule = |rest: &str| file(&format!("{HEADER}[[escalation_rules]]\n{rest}"), BODY);
    let whole = rule(
        "code = \"fraud\"\nreason = \"a scam\"\nphrases = [\"Scammed\"]\nskill = \"s\"\nurgent = true\ntimes = 2\n",
    );
    let rules = Persona::parse(&whole).unwrap().escalation_rules;
    let expected = Rule {
        code: ReasonCode::Fraud,
        reason: "a scam".into(),
        phrases: vec!["scammed".into()],
        skill: Some("s".into()),
        urgent: true,
        times: 2,
    };
    assert_eq!(rules, [expected]);
    let cases = [
        ("reason = \"x\"\nphrases = [\"a\"]\n", "a rule has no `code`"),
        (
            "code = \"x\"\nreason = \"x\"\nphrases = [\"a\"]\n",
            "the code `x` is none: expected one of caller_asked",
        ),
        ("code = \"fraud\"\nreason = \"x\"\n", "a rule has no `phrases`"),
        (
            "code = \"fraud\"\nreason = \"x\"\nphrases = []\n",
            "`phrases` has 0 phrases: expected at least 1, what callers say",
        ),
        ("code = \"fraud\"\nreason = \"x\"\nphrases = [\"?!\"]\n", "one without a word"),
        (
            "code = \"fraud\"\nreason = \"x\"\nphrases = [\"a\"]\ntimes = 9\n",
            "`times` is not a number from 1 to 5",
        ),
        (
            "code = \"fraud\"\nreason = \"x\"\nphrases = [\"a\"]\nurgent = 1\n",
            "`urgent` holds a number",
        ),
        (
            "code = \"fraud\"\nreason = \"x\"\nphrases = [\"a\"]\nsince = 1\n",
            "unknown key `since` in a rule",
        ),
    ];
    for (rest, expected) in cases {
        let found = problems(&rule(rest));
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}\n{found:#?}");
    }
    let found = problems(&file(&format!("{HEADER}escalation_rules = 3\n"), BODY));
    assert!(found.iter().any(|problem| problem.contains("expected tables")), "{found:#?}");
}

#[test]
fn every_key_that_is_needed_is_missed() {
    let found = problems(&file("", BODY)).join("\n");
    for key in [
        "name",
        "greeting",
        "fillers",
        "apology",
        "unavailable",
        "goodbye",
        "resume",
        "silence",
        "escalation",
        "stay",
        "interrupted",
        "more",
        "limit",
    ] {
        assert!(found.contains(&format!("`{key}` is missing")), "{key} in\n{found}");
    }
    for key in
        ["voice", "language", "hints", "backchannel", "escalation_phrases", "goodbye_phrases"]
    {
        assert!(!found.contains(&format!("`{key}` is missing")), "{key} in\n{found}");
    }
}

#[test]
fn every_wrong_body_is_explained_with_its_line() {
    let cases = [
        ("", "line 25: the body is missing"),
        ("Warm.\n", "line 25: no knowledge: expected a heading `# Knowledge`"),
        ("Warm.\n# Knowledge\n", "line 26: no section of knowledge"),
        ("# Knowledge\nRates.\n## A\nb\n", "line 26: knowledge outside a section"),
        ("# Knowledge\n## A\n\n## B\nb\n", "line 26: the section `A` is empty"),
        (
            "# Knowledge\n## A\na\n## a\nb\n",
            "line 28: a second section `a`: expected one, the first is on line 26",
        ),
        ("# Knowledge\n## A\na\nHand off:\n", "line 28: `Hand off:` without a reason"),
        ("# Knowledge\n## A\na\nHand off: x\nHand off: y\n", "line 29: a second `Hand off:`"),
        ("# Knowledge\n## \na\n", "line 26: a section without a title"),
        ("# Knowledge\n## A\na\nCallers say: ,\n", "line 28: `Callers say:` without words"),
        ("# Knowledge\n## A\nCallers say: b\n", "line 26: the section `A` is empty"),
        ("# Knowledge\n## A\nCallers say: b\na\n", "line 27: `Callers say:` without text above"),
        (
            "# Knowledge\n## A\na\nCallers say: b\n\nCallers say: c\n",
            "line 30: `Callers say:` without text above it",
        ),
    ];
    for (body, expected) in cases {
        let found = problems(&file(HEADER, body));
        assert!(
            found.iter().any(|problem| problem.starts_with(expected)),
            "{expected}\n{found:#?}"
        );
    }
}

#[test]
fn a_file_without_its_fences_or_out_of_bounds_is_refused() {
    let cases = [
        (String::new(), "line 1: the file does not begin with a header: expected the line `+++`"),
        (HEADER.to_owned(), "line 1: the file does not begin with a header"),
        (format!("+++\n{HEADER}"), "line 1: the header that begins here has no end"),
        (file(HEADER, &"a".repeat(FILE_MAX)), "line 1: the file has "),
    ];
    for (file, expected) in cases {
        let found = problems(&file);
        assert!(matches!(&found[..], [one] if one.starts_with(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_lines() {
    let header =
        with("greeting", "greting = \"\"").replace("goodbye = \"Goodbye.\"", "goodbye = 1");
    let found = problems(&file(&header, "# Knowledge\n## A\n"));
    let lines: Vec<&str> = found.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(lines, ["line 1", "line 3", "line 7", "line 26"], "{found:#?}");
}

proptest! {
    #[test]
    fn no_file_makes_the_parser_fall(head in "[a-z=\"\\[\\]\n+#{} ]{0,80}", body in "[#a-zH:\r\n ]{0,80}") {
        for file in [head.clone(), file(&head, &body), file(HEADER, &body)] {
            if let Err(problems) = Persona::parse(&file) {
                prop_assert!(!problems.0.is_empty());
                let lines = file.lines().count() + 1;
                prop_assert!(problems.0.iter().all(|problem| (1..=lines).contains(&problem.line)));
            }
        }
    }
}

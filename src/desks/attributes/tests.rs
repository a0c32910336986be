use proptest::prelude::*;
use serde_json::Value;
use switchhook_actors::domain::{
    escalation::Grounds,
    ids::{EscalationId, TurnId},
    record::NewCall,
};

use super::*;

mod schema;

const SID: &str = "CA0123456789abcdef0123456789abcdef";
const STARTED: Timestamp = Timestamp(1_792_000_000_000);

/// A paragraph in four languages, the last with emoji and combining marks.
const LANGUAGES: [(&str, &str); 4] = [
    (
        "en-GB",
        "I have been waiting for my \"new\" card since Monday, and nobody tells me where it is.",
    ),
    (
        "de-DE",
        "Die Überweisung über 1.200 € ist zurückgegangen – wieso, weiß bei Ihnen anscheinend niemand.",
    ),
    ("ar-EG", "أُرِيدُ أَنْ أَعْرِفَ لِمَاذَا رُفِضَتْ بِطَاقَتِي فِي الْمَتْجَرِ أَمْسِ"),
    ("zh-Hans-CN", "我的信用卡昨天被盗刷了👩🏽\u{200d}💻，请马上帮我冻结！e\u{301}n\u{303} 🇸🇪"),
];

fn grounds() -> Grounds {
    Grounds::new(ReasonCode::CallerAsked, "the caller asked for a person")
}

fn record(texts: impl IntoIterator<Item = (Role, String)>) -> CallRecord {
    let mut record = CallRecord::ringing(NewCall {
        sid: SID.parse().unwrap(),
        caller: "+12025550142".into(),
        called: "+12025550100".into(),
        greeting: None,
        at: STARTED,
    });
    let turns = (1..).zip(texts).map(|(id, (role, text))| {
        Turn::new(TurnId(id), role, text, STARTED + u64::from(id) * 1_000)
    });
    record.transcript = turns.collect();
    record
}

fn with(record: &CallRecord, grounds: Grounds, language: &str, url: Option<&str>) -> String {
    let id = EscalationId { call: record.sid, number: 1 };
    let now = STARTED + 65_999;
    let escalation = Escalation::new(id, grounds, now);
    let transcript_url = url.map(str::to_owned);
    Briefing { record, escalation: &escalation, language, now, transcript_url, call_back: false }
        .attributes()
}

/// Holds what every task holds; the attributes as a value.
fn fits(json: &str) -> Value {
    assert!(json.encode_utf16().count() <= ATTRIBUTES_MAX, "{}", json.encode_utf16().count());
    let value: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert_eq!(schema::problems(&value), [""; 0], "{json}");
    value
}

/// Both sides take turns, so many of them.
fn dialogue(texts: &[&str], count: usize) -> Vec<(Role, String)> {
    let roles = [Role::Customer, Role::Agent].into_iter().cycle();
    let texts = texts.iter().cycle().zip(1..=count);
    roles.zip(texts).map(|(role, (text, at))| (role, format!("{at}: {text}"))).collect()
}

#[test]
fn a_short_call_goes_along_whole() {
    let turns = [
        (Role::Agent, "Welcome to OWL Bank.".to_owned()),
        (Role::Customer, "[keys] 4929123456789012#".to_owned()),
        (Role::Agent, "Thank you. What can I do?".to_owned()),
        (Role::Customer, "I want to talk to a person.".to_owned()),
    ];
    let record = record(turns);
    let written = Grounds { summary: Some("A caller.".into()), urgent: true, ..grounds() };
    let written = written.skilled(Some("Card-Security"));
    let value = fits(&with(&record, written, "en-GB", Some("https://host/x?exp=1")));
    let expected = serde_json::json!({
        "source": "ai", "type": "inbound", "name": "+12025550142", "direction": "inbound",
        "customer_number": "+12025550142", "called_number": "+12025550100",
        "reason": "the caller asked for a person", "reason_code": "caller_asked",
        "summary": "A caller.", "sentiment": "unknown", "skill": "card_security", "language": "en",
        "urgent": true, "escalation_id": format!("{SID}.e1"), "call_id": SID,
        "turns": 2, "seconds": 65, "started_at": "2026-10-14T17:46:40.000Z",
        "tried": "Thank you. What can I do?",
        "last_turns": [
            {"role": "agent", "text": "Welcome to OWL Bank."},
            {"role": "customer", "text": "[keys]"},
            {"role": "agent", "text": "Thank you. What can I do?"},
            {"role": "customer", "text": "I want to talk to a person."},
        ],
        "transcript_url": "https://host/x?exp=1",
        "conversations": {
            "conversation_id": SID, "communication_channel": "Call", "initiated_by": "Customer",
            "language": "en", "conversation_attribute_1": "caller_asked",
            "conversation_attribute_2": "card_security", "conversation_attribute_3": "unknown",
            "conversation_measure_1": 65, "conversation_measure_2": 2,
            "conversation_label_1": format!("{SID}.e1"),
        },
    });
    assert_eq!(value, expected);
}

#[test]
fn a_caller_of_whom_nothing_is_known_goes_to_a_person_too() {
    let record = CallRecord { caller: String::new(), called: String::new(), ..record([]) };
    let value = fits(&with(&record, Grounds::new(ReasonCode::Foreign, ""), "", None));
    assert_eq!((&value["name"], &value["customer_number"]), (&UNKNOWN_CALLER.into(), &"".into()));
    assert_eq!((&value["language"], &value["skill"]), (&"".into(), &"".into()));
    assert_eq!(value["last_turns"], serde_json::json!([]));
    assert_eq!(value.get("transcript_url"), None);
    assert!(value["summary"].as_str().unwrap().starts_with("What was said before is not known."));
}

#[test]
fn two_reasons_are_a_displeasure_put_into_words() {
    let record = record([]);
    for code in ReasonCode::FOR_MODELS {
        let value = fits(&with(&record, Grounds::new(code, "x"), "en", None));
        let negative = matches!(code, ReasonCode::Complaint | ReasonCode::Misunderstanding);
        assert_eq!(value["sentiment"] == "negative", negative, "{code:?}");
    }
}

#[test]
fn two_hundred_turns_in_four_languages_yield_the_newest_that_fit() {
    let all = LANGUAGES.map(|(_, text)| text);
    let calls = LANGUAGES.map(|(tag, text)| (tag, vec![text])).into_iter();
    for (tag, texts) in calls.chain([("en", all.to_vec())]) {
        for url in [None, Some("https://calls.example/api/transcript/CA1?exp=1&kid=a&sig=b")] {
            let turns = dialogue(&texts, 200);
            let json = with(&record(turns.clone()), grounds(), tag, url);
            let value = fits(&json);
            let last = value["last_turns"].as_array().unwrap();
            let newest = turns.iter().rev().zip(last.iter().rev());
            for ((_, said), kept) in newest {
                assert_eq!(kept["text"], **said, "whole, in order, without a gap");
            }
            let next = turns
                .iter()
                .rev()
                .nth(last.len())
                .map(|(role, text)| LastTurn { role: *role, text: text.clone() });
            let room = ATTRIBUTES_MAX - json.encode_utf16().count();
            let full = last.len() == TURNS_MAX || next.unwrap().cost() > room + 1;
            assert!(full && last.len() >= 5, "{tag}: {} turns, {room} left", last.len());
            assert_eq!((&value["turns"], &value["language"]), (&100.into(), &tag[..2].into()));
        }
    }
}

#[test]
fn a_huge_newest_turn_is_shortened_and_stays() {
    for text in
        LANGUAGES.map(|(_, text)| text.repeat(400)).into_iter().chain(["\u{1}".repeat(9_000)])
    {
        let turns = [(Role::Agent, "Hello.".to_owned()), (Role::Customer, format!("x{text}"))];
        let json = with(&record(turns), grounds(), "en", None);
        let value = fits(&json);
        let last = value["last_turns"].as_array().unwrap();
        let kept = last.last().unwrap()["text"].as_str().unwrap();
        let words = kept.strip_suffix('…').unwrap();
        assert!(last.len() == 1 && format!("x{text}").starts_with(words), "{kept}");
        assert!(json.encode_utf16().count() > ATTRIBUTES_MAX - 10, "the room is used");
    }
}

#[test]
fn turns_are_left_out_before_the_summary_is_shortened_and_that_before_the_reason() {
    let turns =
        dialogue(&["What was said, and that it was said at some length, as callers do."], 40);
    let summary = |text: &str| Grounds { summary: Some(text.repeat(1_000)), ..grounds() };
    let count = |value: &Value| value["last_turns"].as_array().unwrap().len();
    let short = fits(&with(&record(turns.clone()), grounds(), "en", None));
    let long = fits(&with(&record(turns.clone()), summary("a"), "en", None));
    assert!(count(&long) < count(&short));
    assert_eq!(long["summary"].as_str().map(str::len), Some(1_000));
    let huge = fits(&with(&record(turns), summary("👍"), "en", Some(&"u".repeat(500))));
    assert_eq!((count(&huge), &huge["reason"]), (1, &grounds().reason.into()));
    assert!(huge["summary"].as_str().unwrap().ends_with("👍…"));
}

#[test]
fn a_link_that_is_too_long_is_left_out_rather_than_cut() {
    let value = fits(&with(&record([]), grounds(), "en", Some(&"u".repeat(URL_MAX + 1))));
    assert_eq!(value.get("transcript_url"), None);
}

#[test]
fn only_a_primary_tag_is_a_language() {
    for (tag, expected) in [
        ("en", "en"),
        ("DE-at", "de"),
        ("zh_Hans", "zh"),
        ("multi", "multi"),
        ("", ""),
        ("'; x", ""),
        ("nonsense0", ""),
        ("é", ""),
    ] {
        assert_eq!(primary_tag(tag), expected);
    }
}

/// Words of any kind: also controls, quotes, astral characters, and far too many of them.
fn words() -> impl Strategy<Value = String> {
    let any_char = prop_oneof![
        any::<char>(),
        prop::sample::select(vec![
            '"', '\\', '\n', '\u{0}', '\u{1f}', '\u{7f}', '\u{301}', '👍', 'ß', '漢', ' '
        ]),
    ];
    let text = prop::collection::vec(any_char, 0..60).prop_map(String::from_iter);
    (text, prop_oneof![Just(1_usize), 1_usize..100]).prop_map(|(text, times)| text.repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_call_yields_attributes_that_parse_and_fit(
        texts in prop::collection::vec((any::<bool>(), words()), 0..40),
        numbers in (words(), words()),
        raw in (words(), prop::option::of(words()), prop::option::of(words())),
        link in (words(), prop::option::of(words())),
        code in prop::sample::select(ReasonCode::FOR_MODELS.to_vec()),
    ) {
        let role = |caller| if caller { Role::Customer } else { Role::Agent };
        let turns = texts.iter().map(|(caller, text)| (role(*caller), text.clone()));
        let mut record = record(turns);
        (record.caller, record.called) = numbers;
        // Straight into the fields: what an older or a newer engine has stored may be anything.
        let (reason, summary, skill) = raw;
        let summary = summary.map(|text| text.chars().take(1_000).collect());
        let grounds = Grounds { code, reason, summary, skill, urgent: false };
        let value = fits(&with(&record, grounds, &link.0, link.1.as_deref()));
        let newest = texts.iter().rev().map(|(_, text)| text.trim()).find(|text| !text.is_empty());
        let last = value["last_turns"].as_array().unwrap().last();
        let kept = last.map(|turn| turn["text"].as_str().unwrap());
        prop_assert_eq!(kept.is_some(), newest.is_some());
        if let (Some(kept), Some(newest)) = (kept, newest) {
            let cut = kept.strip_suffix('…').unwrap_or(kept);
            prop_assert!(kept == newest || newest.starts_with(cut) && kept.chars().count() > 15);
        }
    }
}

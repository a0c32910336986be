//! Messages of the relay: whatever a frame holds is read without a panic and is no larger than the
//! frame; whatever text goes out is one JSON object that says the same.

use serde_json::Value;
use switchhook_actors::domain::relay::{Inbound, Info, Outbound};

/// Takes any bytes.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Inbound::parse(&text) {
        Ok(message) => {
            assert!(size(&message) <= text.len(), "more came out than the frame held");
            assert!(!message.label().is_empty());
        }
        Err(error) => assert!(!error.label().is_empty() && !error.to_string().is_empty()),
    }
    let (one, other) = halves(&text);
    for message in outbound(one, other) {
        goes_out_whole(&message, one, other);
    }
}

/// Bytes of all texts in a message.
fn size(message: &Inbound) -> usize {
    match message {
        Inbound::Setup(setup) => {
            let names = [&setup.session_id, &setup.call_sid, &setup.from, &setup.to];
            let keys = setup.custom_parameters.keys().map(String::len);
            names.map(String::len).iter().sum::<usize>()
                + setup.direction.len()
                + keys.sum::<usize>()
        }
        Inbound::Prompt(said) => said.text.len() + said.lang.as_ref().map_or(0, String::len),
        Inbound::Interrupt(cut) => cut.utterance.as_ref().map_or(0, String::len),
        Inbound::Error { description: text }
        | Inbound::Unknown { kind: text }
        | Inbound::Info(Info::TokensPlayed(text) | Info::Other(text)) => text.len(),
        Inbound::Dtmf(key) => key.len_utf8(),
        _ => 0,
    }
}

/// Two texts of one.
fn halves(text: &str) -> (&str, &str) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    text.split_at(middle)
}

fn outbound<'a>(one: &'a str, other: &'a str) -> [Outbound<'a>; 6] {
    let flag = one.len().is_multiple_of(2);
    [
        Outbound::text(one, flag),
        Outbound::Text {
            token: one,
            last: flag,
            lang: Some(other),
            interruptible: Some(flag),
            preemptible: Some(!flag),
        },
        Outbound::Play {
            source: one,
            times: Some(1),
            preemptible: None,
            interruptible: Some(flag),
        },
        Outbound::SendDigits { digits: one },
        Outbound::Language { tts_language: Some(one), transcription_language: Some(other) },
        Outbound::End { handoff_data: Some(one) },
    ]
}

/// What Twilio documents for each type, and of which field the text must come back.
const FIELDS: [(&str, &[&str]); 5] = [
    ("text", &["token", "last", "lang", "interruptible", "preemptible"]),
    ("play", &["source", "loop", "preemptible", "interruptible"]),
    ("sendDigits", &["digits"]),
    ("language", &["ttsLanguage", "transcriptionLanguage"]),
    ("end", &["handoffData"]),
];

fn goes_out_whole(message: &Outbound<'_>, one: &str, other: &str) {
    let frame = message.encode();
    assert!(frame.bytes().all(|byte| byte >= b' '), "a bare control character in {frame:?}");
    let Ok(Value::Object(object)) = serde_json::from_str(&frame) else {
        panic!("not one JSON object: {frame:?}");
    };
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some((_, fields)) = FIELDS.iter().find(|(known, _)| *known == kind) else {
        panic!("an undocumented type: {frame:?}");
    };
    for (name, value) in object.iter().filter(|(name, _)| *name != "type") {
        assert!(fields.contains(&name.as_str()), "an undocumented field: {frame:?}");
        assert!(value.as_str().is_none_or(|text| text == one || text == other), "{frame:?}");
    }
    let first = fields.first().and_then(|first| object.get(*first));
    assert_eq!(first.and_then(Value::as_str), Some(one), "{frame:?}");
}

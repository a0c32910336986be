use proptest::prelude::*;
use quick_xml::{Reader, XmlVersion, escape::unescape};

use super::*;

mod handing_off;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// What a reader finds in the document: the elements' names, their attributes, all text.
#[derive(Debug, Default, PartialEq)]
struct Found {
    elements: Vec<String>,
    attributes: Vec<(String, String)>,
    text: String,
}

fn read(xml: &str) -> Found {
    let mut found = Found::default();
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                found.elements.push(tag.name().as_ref().to_owned());
                for attribute in tag.attributes() {
                    let attribute = attribute.unwrap();
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap();
                    found.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
                }
            }
            Event::Text(text) => found.text.push_str(&text),
            Event::GeneralRef(name) => {
                found.text.push_str(&unescape(&format!("&{};", &*name)).unwrap());
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn a_finished_call_is_left_alone() {
    assert_eq!(Response::new().to_xml(), format!("{HEAD}<Response/>"));
}

#[test]
fn an_apology_is_spoken_before_the_call_ends() {
    let say = Say {
        voice: Some("Polly.Joanna-Neural".into()),
        language: Some("en-US".parse().unwrap()),
        ..Say::new("We are sorry.")
    };
    let redirect = Verb::Redirect { url: "https://host/a?b=1&c=2".into(), method: Method::Get };
    let response = Response::new()
        .then(Say::new("One moment."))
        .then(Verb::Pause { seconds: 2 })
        .then(say)
        .then(redirect)
        .then(Verb::Hangup);
    let expected = [
        HEAD,
        "<Response>",
        "<Say>One moment.</Say>",
        r#"<Pause length="2"/>"#,
        r#"<Say voice="Polly.Joanna-Neural" language="en-US">We are sorry.</Say>"#,
        r#"<Redirect method="GET">https://host/a?b=1&amp;c=2</Redirect>"#,
        "<Hangup/>",
        "</Response>",
    ];
    assert_eq!(response.to_xml(), expected.concat());
}

#[test]
fn a_call_is_connected_with_the_defaults() {
    let relay = ConversationRelay::new("wss://host/conversation/CA1", RelayAttributes::default());
    let action = action_url("https://host", "/voice/handoff");
    let expected = [
        HEAD,
        r#"<Response><Connect action="https://host/voice/handoff#rc=2&amp;rp=ct,rt,5xx&amp;ct=1000&amp;rt=4000&amp;tt=15000" method="POST">"#,
        r#"<ConversationRelay url="wss://host/conversation/CA1" interruptible="any" reportInputDuringAgentSpeech="any" dtmfDetection="true""#,
        r#" applicationReconnect="true" events="speaker-events tokens-played"/>"#,
        "</Connect></Response>",
    ];
    assert_eq!(Response::new().then(Connect::new(action, relay)).to_xml(), expected.concat());
}

#[test]
fn the_least_a_connection_needs_is_a_url() {
    let relay = ConversationRelay::new("wss://host/relay", RelayAttributes::none());
    let connect = Connect { action: None, method: Method::Post, relay };
    let expected = format!(
        r#"{HEAD}<Response><Connect><ConversationRelay url="wss://host/relay"/></Connect></Response>"#
    );
    assert_eq!(Response::new().then(connect).to_xml(), expected);
}

/// Every attribute of the reference, in its order, as it is configured and as it is written.
#[rustfmt::skip]
const EVERYTHING: [(&str, &str); 29] = [
    ("welcomeGreetingInterruptible", "speech"), ("language", "sv-SE"), ("ttsLanguage", "en-GB"),
    ("ttsProvider", "ElevenLabs"), ("voice", "UgBBYS2sOqTuMpoF3BR0-flash_v2_5-0.8_0.8_0.6"),
    ("transcriptionLanguage", "multi"), ("transcriptionProvider", "Deepgram"), ("speechModel", "flux"),
    ("deepgramSmartFormat", "false"), ("eotThreshold", "0.7"), ("partialPrompts", "true"),
    ("speechTimeout", "1200"), ("interruptible", "dtmf"), ("interruptSensitivity", "low"),
    ("ignoreBackchannel", "true"), ("reportInputDuringAgentSpeech", "none"), ("dtmfDetection", "true"),
    ("preemptible", "true"), ("hints", "OWL Bank,overdraft"), ("profanityFilter", "false"),
    ("backgroundNoiseReduction", "krisp"), ("echoPromptFiltering", "true"), ("applicationReconnect", "true"),
    ("events", "speaker-events tokens-played config-updated"), ("debug", "debugging"),
    ("elevenlabsTextNormalization", "on"), ("intelligenceService", "GA1"),
    ("conversationConfiguration", "conf_1"), ("conversationId", "conv_1"),
];

#[test]
fn everything_that_can_be_said_is_said_in_twilios_spelling() {
    let mut attributes = RelayAttributes::none();
    for (name, value) in EVERYTHING {
        attributes.set(name, value).unwrap();
    }
    assert_eq!(EVERYTHING.map(|(name, _)| name), RelayAttributes::NAMES);
    let relay = ConversationRelay {
        welcome_greeting: Some("Hej & \"välkommen\" <du>".into()),
        languages: vec![
            Language {
                tts_provider: None,
                voice: Some("Amazon.Elin-Neural".parse().unwrap()),
                transcription_provider: Some(TranscriptionProvider::Google),
                speech_model: Some("long".parse().unwrap()),
                ..Language::new("sv-SE".parse().unwrap())
            },
            Language::new("en-GB".parse().unwrap()),
        ],
        parameters: vec![Parameter { name: "tenant".into(), value: "42".into() }],
        ..ConversationRelay::new("wss://host/conversation/CA1", attributes)
    };
    assert_eq!(relay.check(), Vec::<String>::new());
    let written: String =
        EVERYTHING.iter().map(|(name, value)| format!(r#" {name}="{value}""#)).collect();
    let expected = [
        HEAD,
        r#"<Response><Connect action="/done" method="POST">"#,
        r#"<ConversationRelay url="wss://host/conversation/CA1" welcomeGreeting="Hej &amp; &quot;välkommen&quot; &lt;du&gt;""#,
        &written,
        ">",
        r#"<Language code="sv-SE" ttsProvider="Amazon" voice="Elin-Neural" transcriptionProvider="Google" speechModel="long"/>"#,
        r#"<Language code="en-GB"/><Parameter name="tenant" value="42"/>"#,
        "</ConversationRelay></Connect></Response>",
    ];
    assert_eq!(Response::new().then(Connect::new("/done", relay)).to_xml(), expected.concat());
}

/// The text as a word, as an address and as three attributes.
fn everywhere(text: &str) -> Response {
    let relay = ConversationRelay {
        welcome_greeting: Some(text.into()),
        parameters: vec![Parameter { name: "p".into(), value: text.into() }],
        ..ConversationRelay::new("wss://host", RelayAttributes::none())
    };
    Response::new()
        .then(Say::new(text))
        .then(Connect { action: None, method: Method::Post, relay })
        .then(Verb::Redirect { url: text.into(), method: Method::Post })
}

fn assert_stays_text(text: &str, expected: &str) {
    let found = read(&everywhere(text).to_xml());
    let names = ["Response", "Say", "Connect", "ConversationRelay", "Parameter", "Redirect"];
    assert_eq!(found.elements, names, "{text:?}");
    let pairs = [
        ("url", "wss://host"),
        ("welcomeGreeting", expected),
        ("name", "p"),
        ("value", expected),
        ("method", "POST"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(found.attributes, pairs, "{text:?}");
    assert_eq!(found.text, expected.repeat(2), "{text:?}");
}

#[test]
fn what_a_caller_says_cannot_become_an_instruction() {
    for text in [
        "</Say><Dial>+15550100</Dial><Say>",
        r#"" onload="x' y='"#,
        "AT&T &amp; &lt;b&gt; &#60;",
        "]]><!-- --><![CDATA[<Hangup/>]]>",
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
        "tabs\tlines\nand\rreturns\r\n",
        "👩‍💻 åäö 漢字 \u{10FFFF}\u{FFFD}",
        "  spaces  ",
    ] {
        assert_stays_text(text, text);
    }
}

#[test]
fn what_xml_cannot_hold_is_dropped() {
    assert_stays_text("a\0b\u{1}c\u{8}d\u{B}e\u{1F}f\u{FFFE}g\u{FFFF}h", "abcdefgh");
}

proptest! {
    #[test]
    fn any_text_stays_text(text in any::<String>()) {
        assert_stays_text(&text, &permitted(&text));
    }
}

use super::{super::relay::By, *};

mod passing;

const CONNECT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <Connect action="https://bank.example/voice/handoff#rc=3&amp;rp=all">
    <ConversationRelay url="wss://bank.example/conversation/CA1" welcomeGreeting="Hi, it&apos;s Owl &amp; Co."
        interruptible="speech" dtmfDetection="true" events="speaker-events tokens-played">
      <Language code="sv-SE" voice="Elin-Neural"/>
      <Parameter name="tenant" value="42"/>
    </ConversationRelay>
  </Connect>
</Response>"#;

fn connect(document: &str) -> Box<Connect> {
    match read(document).unwrap().remove(0) {
        Verb::Connect(connect) => connect,
        other => panic!("not a <Connect>: {other:?}"),
    }
}

#[test]
fn a_connect_is_read_with_its_escapes_languages_and_parameters() {
    let connect = connect(CONNECT);
    let action = connect.action.as_deref();
    assert_eq!(action, Some("https://bank.example/voice/handoff#rc=3&rp=all"));
    assert_eq!(connect.method, "POST");
    assert_eq!(connect.relay.url(), "wss://bank.example/conversation/CA1");
    assert_eq!(connect.relay.greeting(), Some("Hi, it's Owl & Co."));
    assert_eq!(connect.relay.interruptible(), By::Speech);
    assert_eq!(connect.relay.greeting_interruptible(), By::Any);
    assert!(connect.relay.dtmf_detection() && !connect.relay.application_reconnect());
    assert!(connect.relay.subscribes("tokens-played"));
    assert!(!connect.relay.subscribes("config-updated"));
    assert_eq!(connect.relay.languages[0]["code"], "sv-SE");
    assert_eq!(connect.relay.parameters["tenant"], "42");
    assert_eq!(connect.relay.warnings(), Vec::<String>::new());
}

#[test]
fn the_verbs_keep_their_order_and_their_text() {
    let verbs = read(
        "<Response><Say voice='x'> Caf&#233; &lt;1&gt; <![CDATA[& more]]> </Say><Pause/>\
         <Pause length='3'/><Redirect method='get'>/next?a=1&amp;b=2</Redirect>\
         <Dial><Number>+1</Number></Dial><Hangup/></Response>",
    )
    .unwrap();
    let dial =
        Verb::Dial(Dial { number: "+1".to_owned(), method: "POST".to_owned(), ..Dial::default() });
    assert_eq!(
        verbs,
        [
            Verb::Say { text: "Café <1> & more".to_owned() },
            Verb::Pause { seconds: 1 },
            Verb::Pause { seconds: 3 },
            Verb::Redirect { url: "/next?a=1&b=2".to_owned(), method: "GET".to_owned() },
            dial,
            Verb::Hangup,
        ]
    );
}

#[test]
fn an_empty_response_has_nothing_to_do() {
    for document in ["", "  \n", "<Response/>", "<Response></Response>"] {
        assert_eq!(read(document), Ok(Vec::new()), "{document:?}");
    }
}

#[test]
fn a_document_that_ends_a_real_call_is_an_error() {
    let relay = |attributes: &str, children: &str| {
        format!(
            "<Response><Connect><ConversationRelay {attributes}>{children}\
             </ConversationRelay></Connect></Response>"
        )
    };
    let url = "url='wss://h/c'";
    for document in [
        "OK".to_owned(),
        "{}".to_owned(),
        "<Response><Say>hi</Response>".to_owned(),
        "<Html/>".to_owned(),
        "<Response><Say>&nope;</Say></Response>".to_owned(),
        "<!DOCTYPE a [<!ENTITY b 'c'>]><Response/>".to_owned(),
        "<Response><Connect/></Response>".to_owned(),
        "<Response><Connect><Stream url='wss://h'/></Connect></Response>".to_owned(),
        "<Response><Pause length='long'/></Response>".to_owned(),
        "<a>".repeat(40),
        "<Response><Dial/></Response>".to_owned(),
        relay("", ""),
        relay("url='https://h/c'", ""),
        relay("url='ws://bank.example/c'", ""),
        relay(&format!("{url} interruptible='sometimes'"), ""),
        relay(&format!("{url} ttsProvider='Parrot'"), ""),
        relay(&format!("{url} speechTimeout='9000'"), ""),
        relay(&format!("{url} eotThreshold='2'"), ""),
        relay(&format!("{url} events='everything'"), ""),
        relay(url, "<Language voice='x'/>"),
        relay(url, "<Parameter name='x'/>"),
        relay(url, "<Prompt/>"),
    ] {
        assert!(read(&document).is_err(), "{document}");
    }
}

#[test]
fn an_engine_on_ones_own_machine_may_do_without_a_certificate() {
    for host in ["127.0.0.1:3000", "localhost:1", "[::1]:3000"] {
        let document = format!(
            "<Response><Connect><ConversationRelay url='ws://{host}/c'/></Connect></Response>"
        );
        assert_eq!(connect(&document).relay.url(), format!("ws://{host}/c"));
    }
}

#[test]
fn an_unknown_attribute_is_a_warning() {
    let document = "<Response><Connect><ConversationRelay url='wss://h/c' interruptByDtmf='true'/>\
                    </Connect></Response>";
    let warnings = connect(document).relay.warnings();
    assert!(warnings[0].contains("interruptByDtmf"), "{warnings:?}");
}

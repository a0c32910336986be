//! The documents of a hand-off: to a queue, to a number, and while the caller waits.

use proptest::prelude::*;

use super::{HEAD, read};
use crate::twilio::twiml::{
    Dial, Enqueue, Gather, Method, Play, Response, Say, Task, Verb, permitted,
};

fn enqueue(attributes: &str) -> Enqueue {
    Enqueue {
        workflow_sid: "WW0123456789abcdef0123456789abcdef".into(),
        action: "https://host/voice/queued#rc=2&rp=5xx".into(),
        wait_url: "https://host/voice/wait".into(),
        task: Task { attributes: attributes.into(), priority: 100, timeout_s: 3_600 },
    }
}

#[test]
fn a_call_is_queued_with_a_task() {
    let json = r#"{"name":"A & B","reason":"it's <urgent>"}"#;
    let expected = [
        HEAD,
        r#"<Response><Enqueue workflowSid="WW0123456789abcdef0123456789abcdef""#,
        r#" action="https://host/voice/queued#rc=2&amp;rp=5xx" method="POST""#,
        r#" waitUrl="https://host/voice/wait" waitUrlMethod="POST">"#,
        r#"<Task priority="100" timeout="3600">"#,
        "{&quot;name&quot;:&quot;A &amp; B&quot;,&quot;reason&quot;:&quot;it&apos;s &lt;urgent&gt;&quot;}",
        "</Task></Enqueue></Response>",
    ];
    assert_eq!(Response::new().then(enqueue(json)).to_xml(), expected.concat());
}

#[test]
fn a_number_is_dialled() {
    let plain = Dial {
        number: "+12025550100".into(),
        action: "https://host/voice/dialled".into(),
        timeout_s: 20,
        caller_id: None,
        answered: None,
    };
    let expected = [
        HEAD,
        r#"<Response><Dial action="https://host/voice/dialled" method="POST" timeout="20">"#,
        "<Number>+12025550100</Number></Dial></Response>",
    ];
    assert_eq!(Response::new().then(plain.clone()).to_xml(), expected.concat());
    let told = Dial {
        caller_id: Some("+12025550142".into()),
        answered: Some("https://host/voice/answered?a=1&b=2".into()),
        ..plain
    };
    let expected = [
        HEAD,
        r#"<Response><Dial action="https://host/voice/dialled" method="POST" timeout="20""#,
        r#" callerId="+12025550142">"#,
        r#"<Number statusCallback="https://host/voice/answered?a=1&amp;b=2""#,
        r#" statusCallbackEvent="answered" statusCallbackMethod="POST">+12025550100</Number>"#,
        "</Dial></Response>",
    ];
    assert_eq!(Response::new().then(told).to_xml(), expected.concat());
}

#[test]
fn a_caller_who_waits_hears_words_and_music_and_may_press_a_key() {
    let gather = Gather {
        action: "https://host/voice/wait?key=1&x".into(),
        digits: 1,
        timeout_s: 2,
        children: vec![
            Say::new("You are next. Press 1 for a call-back.").into(),
            Verb::Pause { seconds: 1 },
            Play { url: "https://host/music.mp3?a=1&b=2".into(), times: 2 }.into(),
        ],
    };
    let again = Verb::Redirect { url: "https://host/voice/wait".into(), method: Method::Post };
    let expected = [
        HEAD,
        r#"<Response><Gather input="dtmf" action="https://host/voice/wait?key=1&amp;x" method="POST""#,
        r#" numDigits="1" timeout="2" actionOnEmptyResult="false">"#,
        r#"<Say>You are next. Press 1 for a call-back.</Say><Pause length="1"/>"#,
        r#"<Play loop="2">https://host/music.mp3?a=1&amp;b=2</Play></Gather>"#,
        r#"<Redirect method="POST">https://host/voice/wait</Redirect></Response>"#,
    ];
    assert_eq!(Response::new().then(gather.clone()).then(again).to_xml(), expected.concat());
    let silent = Gather { children: Vec::new(), ..gather };
    assert!(Response::new().then(silent).to_xml().contains(r#"actionOnEmptyResult="false"/>"#));
}

#[test]
fn a_caller_leaves_the_queue() {
    let expected = format!("{HEAD}<Response><Leave/></Response>");
    assert_eq!(Response::new().then(Verb::Leave).to_xml(), expected);
}

proptest! {
    #[test]
    fn any_text_stays_text_in_a_hand_off(text in any::<String>()) {
        let dial = Dial {
            number: text.clone(),
            action: text.clone(),
            timeout_s: 1,
            caller_id: Some(text.clone()),
            answered: Some(text.clone()),
        };
        let enqueue = Enqueue {
            workflow_sid: text.clone(),
            wait_url: text.clone(),
            ..enqueue(&text)
        };
        let xml = Response::new()
            .then(enqueue)
            .then(dial)
            .then(Play { url: text.clone(), times: 0 })
            .to_xml();
        let found = read(&xml);
        prop_assert_eq!(found.elements, ["Response", "Enqueue", "Task", "Dial", "Number", "Play"]);
        let clean = permitted(&text);
        prop_assert_eq!(found.text, clean.repeat(3));
        for (name, value) in found.attributes {
            let ours = ["workflowSid", "waitUrl", "callerId", "statusCallback"];
            prop_assert!(!ours.contains(&name.as_str()) || value == clean, "{}", name);
        }
    }
}

//! The mark of a wish for a person, in a model's answer, over real sockets: every row of its rules,
//! split at every character, and nothing of it is ever sent to the voice.

use serde_json::Value;
use switchhook::caller::Caller;

use crate::harness::{
    engine::{Engine, SOON},
    model::{ScriptedModel, Step},
};

/// What the caller hears behind the words before the mark, where nobody takes calls.
const HONEST: &str = "I am sorry, I cannot connect you with a colleague from here. Tell me in a \
                      sentence or two what it is about, and I will note it for them.";

/// An answer, what is spoken of it, and whether a person is asked for.
const ROWS: [(&str, &str, bool); 9] = [
    ("ESCALATE: zebra stolen\nBye.", "", true),
    ("One moment. escalate: zebra stolen\nBye.", "One moment.", true),
    ("One moment.\n**Escalate: zebra stolen**", "One moment.", true),
    ("> `ESCALATE`: zebra stolen", "", true),
    ("I will ESCALATE: zebra stolen", "I will –", true),
    ("ESCALATE: zebra stolen\nESCALATE: again", "", true),
    ("They say \"ESCALATE: zebra stolen\" here.", "They say  here.", false),
    ("If needed we escalate: first the fee.", "If needed we escalate: first the fee.", false),
    ("We de-escalate. It helps.", "We de-escalate. It helps.", false),
];

/// An answer cut in two at every character, and into characters.
fn cuts(text: &str) -> Vec<Vec<String>> {
    let twos = text.char_indices().map(|(at, _)| text.split_at(at));
    let twos = twos.map(|(one, other)| vec![one.to_owned(), other.to_owned()]);
    twos.chain([text.chars().map(String::from).collect()]).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn hear(caller: &Caller, row: usize, cut: usize) {
    let (text, spoken, wanted) = ROWS[row];
    caller.say(&format!("And what now, {row} {cut}?")).await.expect("a conversation");
    let answer = caller.answer(SOON).await;
    assert!(answer.complete, "{text:?} at {cut}: {}", caller.log());
    let honest = if wanted { HONEST } else { "" };
    let expected = squeezed(&format!("{spoken} {honest}"));
    assert_eq!(squeezed(&answer.text), expected, "{text:?} at {cut}");
}

#[actix_web::test]
async fn every_row_of_the_rules_at_every_split() {
    let model = ScriptedModel::start(move |request, _| {
        let words = request.last_words().trim_end_matches('?');
        let numbers: Vec<usize> = words.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [row, cut] = numbers[..] else { return Step::answer("A summary.") };
        let pieces = cuts(ROWS[row].0)[cut].clone();
        let tokens = pieces.into_iter().filter(|piece| !piece.is_empty()).map(Step::Token);
        tokens.chain([Step::Finish("stop".to_owned()), Step::Done]).collect()
    });
    let engine = Engine::with_model(&model, &[("SILENCE_SECONDS", "3600")]);
    for (row, (text, ..)) in ROWS.iter().enumerate() {
        let caller = engine.ring().await;
        for cut in 0..cuts(text).len() {
            hear(&caller, row, cut).await;
        }
        let sent = caller.heard();
        assert!(!sent.contains("ESCALATE") && !sent.contains("zebra"), "a mark was sent: {sent}");
        assert_eq!(caller.violations(), Vec::<String>::new());
    }
}

#[actix_web::test]
async fn what_a_caller_says_or_a_summary_holds_is_never_a_mark() {
    let model = ScriptedModel::saying("I heard you.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    for words in ["ESCALATE: billing", "escalate", "Escalate: now!", "\"ESCALATE\": x"] {
        caller.say(words).await.expect("a conversation");
        assert_eq!(caller.answer(SOON).await.text, "I heard you.", "{words}");
    }
    let call = engine.transcript(caller.call_sid()).await;
    assert_eq!(call["escalation"], Value::Null);
}

#[actix_web::test]
async fn a_tool_call_in_fragments_is_a_wish_with_all_that_it_says() {
    let arguments = r#"{"reason":"a zebra was stolen","reason_code":"fraud","summary":"The caller misses a zebra.","skill":"Zebras","urgent":true}"#;
    let model = ScriptedModel::start(move |request, _| {
        let words = request.messages().len();
        if words > 0 && request.tools() == ["escalate_to_human"] {
            return Step::calling("I am sorry to hear that.", "escalate_to_human", arguments);
        }
        Step::answer("Nothing.")
    });
    let workflow = ("TWILIO_WORKFLOW_SID", "WW0000000000000000000000000000000a");
    let engine = Engine::with_model(&model, &[workflow]);
    let caller = engine.ring().await;
    caller.say("My zebra is gone.").await.expect("a conversation");
    let answer = caller.answer(SOON).await.text;
    assert!(answer.starts_with("I am sorry to hear that. I am connecting you"), "{answer}");
    assert!(!answer.contains("zebra") && !answer.contains('{'), "{answer}");
    let call = engine
        .transcript_when(caller.call_sid(), |call| call["escalation"]["state"] != Value::Null)
        .await;
    let escalation = &call["escalation"];
    assert_eq!(escalation["reasonCode"], "fraud");
    assert_eq!(escalation["reason"], "a zebra was stolen");
    assert_eq!(escalation["summary"], "The caller misses a zebra.");
    assert_eq!((&escalation["skill"], &escalation["urgent"]), (&"zebras".into(), &true.into()));
}

#[actix_web::test]
async fn a_tool_that_is_called_wrongly_is_explained_and_then_something_safe_is_said() {
    let apology = "I am sorry, something went wrong";
    let nobody = "I am sorry, I cannot connect you with a colleague";
    let calls = [
        ("dance", "{}", apology),
        ("escalate_to_human", "{\"reason\":", nobody),
        ("", "", apology),
    ];
    for (name, arguments, safe) in calls {
        let model = ScriptedModel::start(move |_, _| Step::calling("", name, arguments));
        let engine = Engine::with_model(&model, &[]);
        let caller = engine.ring().await;
        caller.say("Hello there?").await.expect("a conversation");
        let answer = caller.answer(SOON).await.text;
        assert!(answer.starts_with(safe), "{answer} {}", caller.log());
        assert_eq!(model.requests().len(), 4, "three more rounds");
        let why = if name == "escalate_to_human" { "malformed" } else { "unknown" };
        let series = format!("switchhook_tool_calls_refused_total{{why=\"{why}\"}}");
        assert_eq!(engine.metric(&series).await, 4.0);
        let told = model.requests()[3].body["messages"].clone();
        let roles: Vec<_> =
            told.as_array().expect("messages").iter().map(|it| &it["role"]).collect();
        assert_eq!(roles[3..], ["assistant", "tool", "assistant", "tool", "assistant", "tool"]);
    }
}

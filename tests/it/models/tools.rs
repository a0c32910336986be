//! Tools: what a model is offered, and what it calls, whole or in fragments.

use serde_json::json;
use switchhook_actors::domain::answer::ToolCall;

use super::*;

const REASON: &str = r#"{"reason":"a \"lost\" card 🦉","urgent":true}"#;
const TOOL: &str = "escalate_to_human";

/// All that an answer of these steps brings, words joined.
async fn events(steps: Vec<Step>) -> Vec<AnswerEvent> {
    let server = ScriptedModel::start(move |_, _| steps.clone());
    let model = client(settings(&server.url()));
    let listening = async {
        let answer = model.open(prompt("A person, please."), false).await.expect("an answer");
        answer.collect::<Vec<_>>().await
    };
    let events = tokio::time::timeout(SOON, listening).await.expect("the answer hangs");
    let mut joined: Vec<AnswerEvent> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(AnswerEvent::Token(words)), AnswerEvent::Token(more)) => words.push_str(&more),
            (_, event) => joined.push(event),
        }
    }
    joined
}

fn said(words: &str) -> AnswerEvent {
    AnswerEvent::Token(words.to_owned())
}

fn called(at: usize, name: &str, arguments: &str) -> AnswerEvent {
    let (name, arguments) = (name.to_owned(), arguments.to_owned());
    AnswerEvent::Called(ToolCall { id: format!("call_{at}"), name, arguments })
}

const STOP: AnswerEvent = AnswerEvent::Done(Finish::Stop);

fn finish(reason: &str) -> Step {
    Step::Finish(reason.to_owned())
}

#[actix::test]
async fn a_call_is_heard_once_behind_the_words_and_before_the_end() {
    let heard = events(Step::calling("One moment, please.", TOOL, REASON)).await;
    assert_eq!(heard, [said("One moment, please."), called(0, TOOL, REASON), STOP]);
    let heard = events(Step::calling("", TOOL, REASON)).await;
    assert_eq!(heard, [called(0, TOOL, REASON), STOP]);
    let whole = vec![Step::whole_calls(&[(TOOL, REASON)]), finish("stop"), Step::Done];
    assert_eq!(events(whole).await, [called(0, TOOL, REASON), STOP]);
}

#[actix::test]
async fn several_calls_come_in_their_order() {
    let expected = [called(0, TOOL, REASON), called(1, "stay", "{}"), STOP];
    let fragments = [
        Step::call_in_fragments(0, TOOL, REASON),
        Step::call_in_fragments(1, "stay", "{}"),
        vec![finish("tool_calls"), Step::Done],
    ];
    assert_eq!(events(fragments.concat()).await, expected);
    let whole = vec![Step::whole_calls(&[(TOOL, REASON), ("stay", "{}")]), Step::Done];
    assert_eq!(events(whole).await, expected);
}

#[actix::test]
async fn what_a_model_makes_up_is_handed_on_as_it_wrote_it() {
    for (name, arguments) in [("hang_up", "{}"), ("", "{}"), (TOOL, "{\"reason\":"), (TOOL, "")] {
        let heard = events(Step::calling("", name, arguments)).await;
        assert_eq!(heard, [called(0, name, arguments), STOP]);
    }
    let long = "x".repeat(17 * 1024);
    assert_eq!(events(Step::calling("", TOOL, &long)).await, [called(0, TOOL, ""), STOP]);
}

#[actix::test]
async fn half_a_call_is_none() {
    let fragments = Step::call_in_fragments(0, TOOL, REASON);
    let begun = |end: Step| [vec![token("Well.")], fragments.clone(), vec![end]].concat();
    let heard = events(begun(finish("length"))).await;
    assert_eq!(heard, [said("Well."), AnswerEvent::Done(Finish::Length)]);
    for end in [Step::Cut, Step::error("server_error"), raw("data: {\n\n")] {
        let heard = events(begun(end)).await;
        assert!(matches!(&heard[..], [AnswerEvent::Token(_), AnswerEvent::Failed(_)]), "{heard:?}");
    }
}

#[actix::test]
async fn a_server_that_does_not_stream_calls_too() {
    let message = json!({"content": "One moment.", "tool_calls": [
        {"id": "call_0", "type": "function", "function": {"name": TOOL, "arguments": REASON}},
    ]});
    let body = json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]});
    let head = vec![("content-type".to_owned(), "application/json".to_owned())];
    let heard = events(vec![Step::Status(200, head, body.to_string())]).await;
    assert_eq!(heard, [said("One moment."), called(0, TOOL, REASON), STOP]);
}

#[actix::test]
async fn a_model_is_offered_what_the_prompt_allows_unless_its_server_takes_no_tools() {
    let server = ScriptedModel::saying("Yes.");
    for (tools, with_tools, offered) in [
        (Tools::Escalate, true, vec![TOOL]),
        (Tools::Stay, true, vec!["stay"]),
        (Tools::None, true, vec![]),
        (Tools::Escalate, false, vec![]),
    ] {
        let nth = server.requests().len();
        let model = client(OpenAiSettings { tools: with_tools, ..settings(&server.url()) });
        let question = Prompt { tools, ..prompt("Hello?") };
        let answer = model.open(question, false).await.expect("an answer");
        assert_eq!(answer.collect::<Vec<_>>().await.last(), Some(&STOP));
        let request = server.asked(nth, SOON).await.expect("a request");
        assert_eq!(request.tools(), offered, "{tools:?}");
        assert_eq!(request.body.get("tools").is_some(), !offered.is_empty());
        assert_eq!(request.last_words(), "Hello?");
    }
}

#[actix::test]
async fn a_model_is_told_what_came_of_its_call() {
    let server = ScriptedModel::saying("I am sorry.");
    let model = client(settings(&server.url()));
    let (id, name) = ("call_0".to_owned(), TOOL.to_owned());
    let call = ToolCall { id, name, arguments: REASON.to_owned() };
    let mut question = prompt("A person, please.");
    question.messages.extend([
        Message::about(Speaker::Assistant, "", call.clone()),
        Message::about(Speaker::Tool, "Nobody is there.", call),
    ]);
    let answer = model.open(question, false).await.expect("an answer");
    assert_eq!(answer.collect::<Vec<_>>().await.last(), Some(&STOP));
    let sent = &server.requests()[0].body["messages"];
    let function = json!({"name": TOOL, "arguments": REASON});
    let call = json!({"id": "call_0", "type": "function", "function": function});
    let expected = json!([
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "Nobody is there."},
    ]);
    assert_eq!((&sent[2], &sent[3]), (&expected[0], &expected[1]));
}

//! One message of a request, in the words of the chat completions API.

use serde::{Serialize, de::IgnoredAny};
use switchhook_actors::domain::{
    answer::ToolCall,
    prompt::{Message, Speaker},
};

/// Instead of a name that no server takes: the model is reminded of its own mistake, not of its
/// spelling.
const UNKNOWN: &str = "unknown";

/// The longest name of a function, characters.
const NAME_MAX: usize = 64;

/// Instead of arguments that are none: many servers parse them, and refuse the whole request.
const NO_ARGUMENTS: &str = "{}";

/// A message as it goes out, borrowed.
#[derive(Serialize)]
struct Written<'a> {
    role: &'static str,
    /// Null for a call without words.
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Called<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Called<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Whether the model is told of a message: of all, unless its server takes no tools.
pub(super) fn is_told(message: &Message, with_tools: bool) -> bool {
    let silent = message.call.is_some() && message.content.is_empty();
    with_tools || message.role != Speaker::Tool && !silent
}

/// Writes a message as JSON; `with_tools`, or only its words.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn write(
    message: &Message,
    with_tools: bool,
    to: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let content = Some(&*message.content);
    let call = message.call.as_ref().filter(|_| with_tools);
    let plain = |role| Written { role, content, tool_calls: None, tool_call_id: None };
    let written = match message.role {
        Speaker::System => plain("system"),
        Speaker::User => plain("user"),
        Speaker::Assistant => Written {
            content: content.filter(|words| call.is_none() || !words.is_empty()),
            tool_calls: call.map(|call| [called(call)]),
            ..plain("assistant")
        },
        Speaker::Tool => {
            Written { tool_call_id: call.map(|call| call.id.as_str()), ..plain("tool") }
        }
    };
    serde_json::to_writer(to, &written)
}

/// What the model wrote, made fit to be sent back.
fn called(call: &ToolCall) -> Called<'_> {
    let name = call.name.as_str();
    let fit = (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let object = call.arguments.trim_start().starts_with('{')
        && serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok();
    let function = Function {
        name: if fit { name } else { UNKNOWN },
        arguments: if object { &call.arguments } else { NO_ARGUMENTS },
    };
    Called { id: &call.id, kind: "function", function }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(message: &Message) -> Value {
        let mut json = Vec::new();
        write(message, true, &mut json).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: "call_7".into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn words_are_a_role_and_a_content() {
        for (role, name) in [
            (Speaker::System, "system"),
            (Speaker::User, "user"),
            (Speaker::Assistant, "assistant"),
        ] {
            let expected = json!({"role": name, "content": "ça \"va\"?\n"});
            assert_eq!(written(&Message::new(role, "ça \"va\"?\n")), expected);
        }
        let expected = json!({"role": "assistant", "content": ""});
        assert_eq!(written(&Message::new(Speaker::Assistant, "")), expected);
    }

    #[test]
    fn a_call_stands_with_its_words_and_its_outcome_behind_it() {
        let arguments = r#"{"reason":"a \"lost\" card"}"#;
        let call = call("escalate_to_human", arguments);
        for (words, content) in [("One moment.", json!("One moment.")), ("", json!(null))] {
            let message = Message::about(Speaker::Assistant, words, call.clone());
            let expected = json!({"role": "assistant", "content": content, "tool_calls": [{
                "id": "call_7", "type": "function",
                "function": {"name": "escalate_to_human", "arguments": arguments},
            }]});
            assert_eq!(written(&message), expected);
        }
        let outcome = Message::about(Speaker::Tool, "Nobody is there.", call);
        let expected =
            json!({"role": "tool", "tool_call_id": "call_7", "content": "Nobody is there."});
        assert_eq!(written(&outcome), expected);
    }

    #[test]
    fn a_call_that_was_no_good_is_sent_back_in_a_form_that_every_server_takes() {
        let long = "x".repeat(65);
        for (name, arguments, sent) in [
            ("", "{\"reason\"", ["unknown", "{}"]),
            ("hang up!", "", ["unknown", "{}"]),
            (long.as_str(), "[]", ["unknown", "{}"]),
            ("say-it_2", " {\"a\":1}", ["say-it_2", " {\"a\":1}"]),
        ] {
            let message = Message::about(Speaker::Assistant, "", call(name, arguments));
            let function = &written(&message)["tool_calls"][0]["function"];
            assert_eq!([&function["name"], &function["arguments"]], sent);
        }
    }
}

//! What a model may do besides speaking, in the words of the chat completions API:
//! <https://platform.openai.com/docs/guides/function-calling>.
//!
//! Without `strict` and `parallel_tool_calls`: not every server takes them, and what a model writes is
//! read with care anyway.

use serde_json::{Value, json};
use switchhook_actors::domain::{
    escalation::ReasonCode,
    prompt::{ESCALATE_TOOL, STAY_TOOL, Tools},
};

const ESCALATE: &str = "Hands the caller to a person. Call it when the caller asks for a person, or \
    when the caller's need is one that you cannot or must not deal with; not when they only ask how \
    that would work. Say one short sentence to the caller before it, and promise neither that \
    somebody will answer nor how soon.";

const REASON: &str = "Why a person is needed, for that person to read: one line of at most twelve \
    words, without card numbers.";

const CODE: &str = "The kind of reason: caller_asked (asked for a person, and nothing more is known), \
    no_answer (you do not know or cannot do what is asked), complaint, fraud (charges or messages that \
    the caller did not make), lost_card (lost or stolen), misunderstanding (you misunderstood each \
    other again and again), policy (your rules leave this to people), other.";

const SUMMARY: &str = "What the person should know, in two to four plain sentences: who calls about \
    what, what was tried, what is open. Only what was said; no card numbers.";

const SKILL: &str = "What the person should know about, if your knowledge names it: one or two words in \
    lower case, such as card_security.";

const URGENT: &str =
    "True only when waiting does harm, such as a stolen card or a fraud under way.";

const STAY: &str = "The caller is about to be handed to a person. Call this only when the caller takes \
    that back and wants to go on with you instead. Do not call it for other questions, for thanks, or \
    when you are not sure.";

/// The fields of a request body that offer these tools, each with a comma before it; nothing for
/// [`Tools::None`].
pub(super) fn fields(tools: Tools) -> String {
    match tools {
        Tools::None => String::new(),
        Tools::Escalate => format!(",\"tools\":{}", json!([escalate()])),
        Tools::Stay => format!(",\"tools\":{},\"tool_choice\":\"auto\"", json!([stay()])),
    }
}

fn escalate() -> Value {
    let codes = ReasonCode::FOR_MODELS.map(ReasonCode::label);
    let parameters = json!({
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": REASON},
            "reason_code": {"type": "string", "enum": codes, "description": CODE},
            "summary": {"type": "string", "description": SUMMARY},
            "skill": {"type": "string", "description": SKILL},
            "urgent": {"type": "boolean", "description": URGENT},
        },
        "required": ["reason"],
    });
    function(ESCALATE_TOOL, ESCALATE, &parameters)
}

fn stay() -> Value {
    function(STAY_TOOL, STAY, &json!({"type": "object", "properties": {}}))
}

fn function(name: &str, description: &str, parameters: &Value) -> Value {
    json!({
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(tools: Tools) -> Value {
        serde_json::from_str(&format!("{{\"messages\":[]{}}}", fields(tools))).unwrap()
    }

    #[test]
    fn a_model_may_escalate_with_every_field_that_is_read() {
        let offered = offered(Tools::Escalate);
        let function = &offered["tools"][0]["function"];
        assert_eq!(
            (&offered["tools"][0]["type"], &function["name"]),
            (&json!("function"), &json!(ESCALATE_TOOL))
        );
        let parameters = &function["parameters"];
        let fields: Vec<&str> =
            parameters["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["reason", "reason_code", "skill", "summary", "urgent"]);
        assert_eq!(parameters["required"], json!(["reason"]));
        assert_eq!(offered.as_object().unwrap().len(), 2, "no field that a server may refuse");
    }

    #[test]
    fn every_code_is_offered_and_explained() {
        let offered = offered(Tools::Escalate);
        let code = &offered["tools"][0]["function"]["parameters"]["properties"]["reason_code"];
        assert_eq!(code["enum"], json!(ReasonCode::FOR_MODELS));
        for known in ReasonCode::FOR_MODELS {
            assert!(CODE.contains(known.label()), "{known:?}");
        }
    }

    #[test]
    fn a_caller_on_the_way_to_a_person_may_be_kept_and_nothing_else() {
        let offered = offered(Tools::Stay);
        assert_eq!(offered["tools"].as_array().map(Vec::len), Some(1));
        assert_eq!(offered["tools"][0]["function"]["name"], STAY_TOOL);
        assert_eq!(offered["tool_choice"], "auto");
    }

    #[test]
    fn without_tools_nothing_is_said_about_them() {
        assert_eq!(fields(Tools::None), "");
    }
}

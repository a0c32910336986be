//! The attributes held against the schema that the writers of workflows read.
//!
//! The part of JSON Schema that the file uses, and no more: a keyword that is not known here is a
//! problem of the file, so that nothing in it goes unchecked.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../deploy/twilio/task_attributes.schema.json");

/// What Twilio adds to the attributes of a call's task.
const TWILIOS: [&str; 24] = [
    "call_sid",
    "account_sid",
    "from",
    "to",
    "caller",
    "called",
    "call_status",
    "api_version",
    "from_city",
    "from_state",
    "from_zip",
    "from_country",
    "to_city",
    "to_state",
    "to_zip",
    "to_country",
    "caller_city",
    "caller_state",
    "caller_zip",
    "caller_country",
    "called_city",
    "called_state",
    "called_zip",
    "called_country",
];

/// What the schema, and TaskRouter, have against the attributes.
pub(super) fn problems(attributes: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut problems = Vec::new();
    check("", &schema, attributes, &mut problems);
    for name in attributes.as_object().unwrap().keys() {
        if name.contains('-') || TWILIOS.contains(&name.as_str()) {
            problems.push(format!("{name}: not a name for us"));
        }
    }
    problems
}

fn check(at: &str, schema: &Value, value: &Value, problems: &mut Vec<String>) {
    let chars = value.as_str().map_or(0, |text| text.chars().count());
    let items = value.as_array().map_or(0, Vec::len);
    for (keyword, wanted) in schema.as_object().unwrap() {
        let most = usize::try_from(wanted.as_u64().unwrap_or_default()).unwrap();
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" => wanted.is_string(),
            "type" => is_of(wanted.as_str().unwrap(), value),
            "enum" => wanted.as_array().unwrap().contains(value),
            "maxLength" => chars <= most,
            "maxItems" => items <= most,
            "minimum" => value.as_u64() >= wanted.as_u64(),
            "required" => wanted
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(&format!("{at}.{name}"), schema, value, problems);
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(*wanted, false, "{at}: the only value that is understood here");
                let known = &schema["properties"];
                value.as_object().unwrap().keys().all(|name| known.get(name).is_some())
            }
            "items" => {
                let values = value.as_array().unwrap();
                values.iter().for_each(|value| check(&format!("{at}[]"), wanted, value, problems));
                true
            }
            _ => false,
        };
        if !holds {
            problems.push(format!("{at}: {keyword}"));
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        _ => false,
    }
}

#[test]
fn everything_in_the_schema_is_explained() {
    fn undescribed(at: &str, schema: &Value, found: &mut Vec<String>) {
        if schema.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
            found.push(at.to_owned());
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            undescribed(&format!("{at}.{name}"), schema, found);
        }
        if let Some(items) = schema.get("items") {
            undescribed(&format!("{at}[]"), items, found);
        }
    }
    let (schema, mut found) = (serde_json::from_str(SCHEMA).unwrap(), Vec::new());
    undescribed("", &schema, &mut found);
    assert_eq!(found, [""; 0]);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn what_is_not_as_described_is_found() {
    use super::{fits, grounds, record, with};

    let right = fits(&with(&record([]), grounds(), "en", None));
    let change: [(&str, Value); 6] = [
        ("source", "human".into()),
        ("urgent", "yes".into()),
        ("turns", (-1).into()),
        ("started_at", "x".repeat(25).into()),
        ("last_turns", serde_json::json!([{"role": "agent"}])),
        ("call_sid", "CA1".into()),
    ];
    for (name, value) in change {
        let mut wrong = right.clone();
        wrong[name] = value;
        assert_ne!(problems(&wrong), [""; 0], "{name}");
    }
    let mut wrong = right;
    wrong.as_object_mut().unwrap().remove("summary");
    assert_eq!(problems(&wrong), [": required"]);
}

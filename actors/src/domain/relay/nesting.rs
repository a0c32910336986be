//! How deep JSON is nested, before a parser goes down there.
//!
//! One pass over the bytes that knows brackets and strings and nothing else: of what is no JSON it
//! may say anything, the parser refuses that by itself.

/// Whether brackets open deeper than `max`. Allocates nothing and never looks at a byte twice.
pub(super) fn deeper_than(frame: &str, max: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in frame.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), "[\\[\\]{}\"\\\\a]{0,8}".prop_map(Value::from)];
        leaf.prop_recursive(6, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[\"\\\\{\\]a]{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn brackets_in_a_text_open_nothing() {
        for (frame, levels) in [
            ("", 0),
            ("7", 0),
            ("{}", 1),
            ("[{}]", 2),
            (r#"{"a":"[[[\"{"}"#, 1),
            (r#""\\"[[]]"#, 2),
        ] {
            assert!(!deeper_than(frame, levels), "{frame}");
            assert!(levels == 0 || deeper_than(frame, levels - 1), "{frame}");
        }
        assert!(deeper_than(&"[".repeat(33), 32) && !deeper_than(&"[".repeat(32), 32));
    }

    proptest! {
        #[test]
        fn the_depth_is_that_of_the_value(value in any_value()) {
            let (frame, depth) = (value.to_string(), depth(&value));
            prop_assert!(!deeper_than(&frame, depth));
            prop_assert!(depth == 0 || deeper_than(&frame, depth - 1));
        }

        #[test]
        fn what_is_no_json_is_no_trouble(frame in "\\PC{0,80}", max in 0_usize..40) {
            let _ = deeper_than(&frame, max);
        }
    }
}

//! Texts cut to a bound, between characters. The attributes of a task and the summary use it.

/// What stands where words were cut off.
const ELLIPSIS: char = '…';

/// UTF-16 code units of `text` within a JSON string, less the quotation marks: what Twilio counts.
/// Characters that JSON has to escape take two or six.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(units_of).sum()
}

fn units_of(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf16(),
    }
}

/// `text`, or as much of it as has `most` [`units`] with an ellipsis.
pub(super) fn to_units(text: &str, most: usize) -> String {
    shorten(text, most, units_of)
}

/// `text`, or as much of it as has `most` characters with an ellipsis.
pub(super) fn to_chars(text: &str, most: usize) -> String {
    shorten(text, most, |_| 1)
}

/// Reads no further than the bound: a text may be of any length.
fn shorten(text: &str, most: usize, weight: impl Fn(char) -> usize) -> String {
    let (mut taken, mut fits_cut) = (0, 0);
    let room = most.saturating_sub(weight(ELLIPSIS));
    for (at, c) in text.char_indices() {
        if taken <= room {
            fits_cut = at;
        }
        taken += weight(c);
        if taken > most {
            if most == 0 {
                return String::new();
            }
            let kept = text.get(..fits_cut).unwrap_or_default().trim_end();
            return format!("{kept}{ELLIPSIS}");
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, most, expected) in [
            ("", 0, ""),
            ("a", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ab cd", 4, "ab…"),
            ("👍👍", 4, "👍👍"),
            ("👍👍", 3, "👍…"),
            ("👍👍", 2, "…"),
            ("漢字", 1, "…"),
            ("\"\"", 3, "\"…"),
            ("\u{1}\u{1}", 8, "\u{1}…"),
        ] {
            assert_eq!(to_units(text, most), expected, "{text:?} {most}");
        }
        assert_eq!(to_chars("👍👍👍", 2), "👍…");
    }

    proptest! {
        #[test]
        fn any_text_is_whole_or_cut_within_the_bound(
            text in proptest::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
            most in 0_usize..60,
        ) {
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(units(&text) + 2, quoted.encode_utf16().count());
            let cut = to_units(&text, most);
            prop_assert!(units(&cut) <= most);
            prop_assert!(units(&text) > most || cut == text);
            prop_assert!(cut == text || text.starts_with(cut.trim_end_matches('…')));
        }
    }
}

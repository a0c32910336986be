//! What a letter belongs to: scripts without spaces, and marks that hang on the letter before.
//!
//! [`speech`](super::speech) asks where a word may end, [`heard`](super::heard) where one does,
//! [`escalation`](super::escalation) whether a phrase stands as words. The standard library knows
//! letters but no scripts, so the ranges are those of the Unicode block list.

/// A letter of a script that is written without spaces between words: each one may end a word.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' // Thai, Lao
        | '\u{1000}'..='\u{109F}' // Myanmar
        | '\u{1780}'..='\u{17FF}' // Khmer
        | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' // radicals, iteration marks
        | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9F}' // kana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}') // Han
}

/// A letter to which the next word may be glued: the unspaced scripts, and Hangul with its
/// particles.
pub(crate) fn is_glued(c: char) -> bool {
    is_unspaced(c)
        || matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7AF}')
}

/// A sign that is no letter of its own but part of the one before: accents, vowel signs, joiners.
pub(crate) fn is_mark(c: char) -> bool {
    if c.is_ascii() || c.is_alphanumeric() {
        return false;
    }
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}'
        | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}'..='\u{05C2}' | '\u{05C4}'..='\u{05C7}'
        | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06ED}'
        | '\u{0900}'..='\u{0963}' | '\u{0971}'..='\u{0DF3}' // Indic, without the dandas
        | '\u{0E31}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}' | '\u{0EB1}'..='\u{0EBC}'
        | '\u{0EC8}'..='\u{0ECE}' | '\u{102B}'..='\u{103E}' | '\u{1056}'..='\u{109D}'
        | '\u{17B4}'..='\u{17D3}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{200C}'..='\u{200D}' | '\u{20D0}'..='\u{20FF}' | '\u{3099}'..='\u{309A}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}')
}

/// A letter, a digit, or a mark on one.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// A character that ends a line, in any convention.
pub(crate) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The longest start of `text` of at most `bytes` bytes that ends between characters.
pub(crate) fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// What follows the first `bytes` bytes of `text`; nothing when that is past the end.
pub(crate) fn tail(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (bytes, start, rest) in [
            (0, "", "é漢x"),
            (1, "", ""),
            (2, "é", "漢x"),
            (4, "é", ""),
            (5, "é漢", "x"),
            (9, "é漢x", ""),
        ] {
            assert_eq!((head("é漢x", bytes), tail("é漢x", bytes)), (start, rest), "{bytes}");
        }
    }

    #[test]
    fn a_letter_is_known_by_its_script() {
        for (letters, unspaced, glued, mark) in [
            ("aZ7é字", "字", "字", ""),
            ("ไ漢カ々ລម", "ไ漢カ々ລម", "ไ漢カ々ລម", ""),
            ("한ᄀㄱ", "", "한ᄀㄱ", ""),
            (
                "क\u{301}\u{94d}\u{e48}\u{200d}'-",
                "\u{e48}",
                "\u{e48}",
                "\u{301}\u{94d}\u{e48}\u{200d}",
            ),
        ] {
            let of = |is: fn(char) -> bool| letters.chars().filter(|c| is(*c)).collect::<String>();
            assert_eq!(
                (of(is_unspaced), of(is_glued), of(is_mark)),
                (unspaced.into(), glued.into(), mark.into())
            );
            assert_eq!(of(is_word), of(|c| c.is_alphanumeric() || is_mark(c)));
        }
    }
}

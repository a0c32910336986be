//! What callers ask and what they are answered. Each word of an answer but a few tells what it is
//! about, so that whoever hears five in a row knows whose they are. Matters have no sign within that
//! is neither letter nor digit: a break may part words there.

/// Every so many answers is a long one, of one sentence: its drafts are stored while it is spoken.
const LONG_EVERY: usize = 5;

/// So many words in a row that come again were heard twice. No answer has so many that do not name
/// its matter, and none has them twice.
pub(crate) const SAID_AGAIN: usize = 5;

/// Told one by one in a long answer.
const PARTS: [&str; 10] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// What stands before the matter in the first word of an answer, and in the last.
pub(crate) const BEGINS: &str = "Matter";
const ENDS: &str = "over";

/// What stands behind it in the last: no other matter's last word has that one's in it.
const ENDED: &str = "now";

/// What comes behind that: six tenths of a second. An engine learns that a voice was cut off when Twilio
/// tells it, and takes for spoken what was due until then; for so much nobody waits.
const TAIL: &str = ", I think.";

/// What the caller says to be asked about that matter.
pub(crate) fn question(matter: &str) -> String {
    format!("Please look at matter {matter}.")
}

/// What is answered.
pub(crate) fn answer(matter: &str) -> String {
    let nth = matter.rsplit('x').next().and_then(|nth| nth.parse::<usize>().ok());
    let is_long = nth.is_some_and(|nth| nth % LONG_EVERY == 0);
    let parts = PARTS.map(|part| format!("{part} of {matter} is right, "));
    let parts = if is_long { parts.concat() } else { String::new() };
    let settled = format!("and {matter} is settled, it is {}{TAIL}", end_of(matter));
    format!("{BEGINS}{matter} was seen, {parts}{settled}")
}

/// The last word of the answer that counts: whoever has heard it has heard all. It is one word, so
/// that no break parts it.
pub(crate) fn end_of(matter: &str) -> String {
    format!("{ENDS}{matter}{ENDED}")
}

/// The matter that a word of an answer or a question names, if it does.
pub(crate) fn matter_of(word: &str) -> Option<&str> {
    let word = bare(word);
    let last = word.strip_prefix(ENDS).and_then(|word| word.strip_suffix(ENDED));
    let matter = word.strip_prefix(BEGINS).or(last).unwrap_or(word);
    let (caller, nth) = matter.split_once('x')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(caller) && is_number(nth)).then_some(matter)
}

/// Whether an answer ends with that word.
pub(crate) fn is_end(word: &str) -> bool {
    matter_of(word).is_some_and(|matter| bare(word) == end_of(matter))
}

/// A word without the signs around it.
pub(crate) fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_words_in_a_row_name_their_matter_and_come_once() {
        for matter in ["12x4", "12x5"] {
            let answer = answer(matter);
            let words: Vec<_> = answer.split_whitespace().collect();
            assert_eq!(words.len(), if matter == "12x5" { 62 } else { 12 });
            let runs: Vec<_> = words.windows(SAID_AGAIN).collect();
            for (nth, run) in runs.iter().enumerate() {
                assert!(run.iter().any(|word| matter_of(word) == Some(matter)), "{run:?}");
                assert!(!runs[nth + 1..].contains(run), "{run:?}");
            }
            let ends: Vec<_> = words.iter().filter(|word| is_end(word)).collect();
            assert_eq!(ends, [&format!("{},", end_of(matter))]);
            assert!(answer.ends_with(&format!("{}{TAIL}", end_of(matter))));
            for other in [format!("1{matter}"), format!("{matter}0")] {
                assert!(!end_of(&other).contains(&end_of(matter)), "{other}");
            }
        }
    }

    #[test]
    fn a_word_names_a_matter_or_none() {
        assert_eq!(matter_of("12x4."), Some("12x4"));
        assert_eq!(matter_of("Matter0x1"), Some("0x1"));
        assert_eq!(matter_of("over0x1now."), Some("0x1"));
        for word in ["over", "Matter", "12", "12x", "ax1", "1x2x3", "1-2", "over1x2", ""] {
            assert_eq!(matter_of(word), None, "{word}");
        }
        assert!(is_end("over3x1now.") && !is_end("3x1.") && !is_end("over3x1"));
    }
}

//! A summary without a model: what the caller wanted, and what was said last.

use switchhook_actors::domain::prompt::{Prompt, Speaker};

/// The most that is taken of either side's words, characters: a sentence or two.
const WORDS_MAX: usize = 240;

/// More digits than this in a row, blanks and hyphens between them or not, may be of a card.
const DIGITS_MAX: usize = 5;

/// Two sentences on the conversation in a prompt that asks for a summary (`summary_prompt`): the
/// caller's last words that say something, or else their last at all, and the agent's last. `None`
/// when the prompt holds no such conversation.
pub(super) fn extract(prompt: &Prompt, says_something: impl Fn(&str) -> bool) -> Option<String> {
    let call = prompt.messages.iter().rfind(|message| message.role == Speaker::User)?;
    let of = |who: &str| -> Vec<&str> {
        call.content.lines().filter_map(|line| line.strip_prefix(who)).collect()
    };
    let (asked, said) = (of("Caller: "), of("Agent: "));
    let telling = asked.iter().rev().find(|words| says_something(words)).or(asked.last());
    let asked = telling.map(|words| format!("The caller asked: {}", sentence(words)));
    let said = said.last().map(|words| format!("The assistant last said: {}", sentence(words)));
    let both: Vec<String> = asked.into_iter().chain(said).collect();
    (!both.is_empty()).then(|| both.join(" "))
}

/// The words as the end of a sentence, neither long nor with a long number in it.
fn sentence(words: &str) -> String {
    let words = without_numbers(words.trim());
    let mut kept: String = words.chars().take(WORDS_MAX).collect();
    if kept.len() < words.len() {
        let end = kept.rfind(' ').unwrap_or(kept.len());
        kept.truncate(end);
        kept.push('…');
    } else if !kept.ends_with(['.', '?', '!', '…']) {
        kept.push('.');
    }
    kept
}

/// The words with long numbers left out.
fn without_numbers(words: &str) -> String {
    let (mut kept, mut run) = (String::new(), String::new());
    for c in words.chars() {
        if c.is_ascii_digit() || !run.is_empty() && matches!(c, ' ' | '-') {
            run.push(c);
        } else {
            kept.push_str(&shown(&run));
            run.clear();
            kept.push(c);
        }
    }
    kept.push_str(&shown(&run));
    kept
}

/// A run of digits with what stands between and behind them, if it is short; else a sign that
/// something was there.
fn shown(run: &str) -> String {
    let digits = run.chars().filter(char::is_ascii_digit).count();
    if digits <= DIGITS_MAX {
        return run.to_owned();
    }
    let end = run.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
    format!("(number){}", run.get(end..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use switchhook_actors::domain::prompt::{Message, Tools};

    use super::*;

    fn extracted(lines: &str) -> Option<String> {
        let messages =
            vec![Message::new(Speaker::System, "Sum it up."), Message::new(Speaker::User, lines)];
        extract(&Prompt { messages, tools: Tools::None }, |words| words.contains("fee"))
    }

    #[test]
    fn an_extract_is_what_was_asked_and_what_was_said_last() {
        let call = "Agent: Hello.\nCaller: I wonder about the late fee\nAgent: It is 29 dollars.\n\
            Caller: A person, please.\n";
        let expected = "The caller asked: I wonder about the late fee. \
            The assistant last said: It is 29 dollars.";
        assert_eq!(extracted(call).as_deref(), Some(expected));
        assert_eq!(extracted("Caller: Hi?\n").as_deref(), Some("The caller asked: Hi?"));
        assert_eq!(
            extracted("Agent: Hello.\n").as_deref(),
            Some("The assistant last said: Hello.")
        );
        assert_eq!(extracted("What is the fee?"), None);
    }

    #[test]
    fn an_extract_is_short_and_holds_no_card_number() {
        let long = format!("Caller: {}\n", "fee ".repeat(200));
        let extract = extracted(&long).unwrap();
        assert!(extract.chars().count() < WORDS_MAX + 30 && extract.ends_with("fee…"), "{extract}");
        for (said, shown) in [
            ("my fee on 4111 1111-1111 1111 is 29", "my fee on (number) is 29."),
            ("fee 411111", "fee (number)."),
            ("fee of 29 - 35 dollars", "fee of 29 - 35 dollars."),
        ] {
            let expected = format!("The caller asked: {shown}");
            assert_eq!(extracted(&format!("Caller: {said}\n")), Some(expected));
        }
    }
}

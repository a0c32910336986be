//! A summary without a model: what a transcript says by itself.
//!
//! The attributes of a task have it where nobody has written a better one, so that the person knows
//! what it is about before the first word. Pure, and at once.

use switchhook_actors::domain::{
    escalation::{Grounds, REASON_UNSPECIFIED},
    transcript::{Role, Transcript, Turn},
};

use super::cut::to_chars;

/// Bound on an extract, characters: what one reads while the call rings.
pub const EXTRACT_MAX: usize = 600;

/// Of what was said so much is quoted, characters: three quotations and the reason leave room for
/// the words around them.
const QUOTE_MAX: usize = 125;

/// A greeting alone has fewer words: it is not what the caller asked.
const QUESTION: usize = 3;

/// What ends a sentence within its quotation marks.
const ENDS: [char; 8] = ['.', '!', '?', '…', '。', '！', '？', '؟'];

/// The turn of a caller who pressed keys begins so, and goes on with the keys.
const KEYS: &str = "[keys]";

/// Two to four sentences: what the caller first asked, what they last said, what the agent last
/// answered, and why a person takes over. At most [`EXTRACT_MAX`] characters, on one line.
#[must_use]
pub fn extract(transcript: &Transcript, grounds: &Grounds) -> String {
    let said =
        |role| transcript.turns().iter().filter(move |turn| turn.role == role && has_words(turn));
    let is_question = |turn: &&Turn| turn.text.split_whitespace().count() >= QUESTION;
    let first = said(Role::Customer).find(is_question).or_else(|| said(Role::Customer).next());
    let last = said(Role::Customer).next_back();
    let mut sentences = Vec::new();
    match first {
        Some(first) => sentences.push(format!("The caller first asked: {}", quote(first))),
        // Even a greeting is a turn.
        None if transcript.turns().is_empty() => {
            sentences.push("What was said before is not known.".to_owned());
        }
        None => sentences.push("The caller has not said anything yet.".to_owned()),
    }
    if let Some(last) = last.filter(|last| Some(last.id) != first.map(|first| first.id)) {
        sentences.push(format!("They last said: {}", quote(last)));
    }
    if let Some(answer) = said(Role::Agent).next_back() {
        sentences.push(format!("The agent last said: {}", quote(answer)));
    }
    sentences.push(handed_over(grounds));
    to_chars(&sentences.join(" "), EXTRACT_MAX)
}

fn handed_over(grounds: &Grounds) -> String {
    let reason = on_one_line(&grounds.reason);
    if reason.is_empty() || reason == REASON_UNSPECIFIED {
        return "Handed over without a reason.".to_owned();
    }
    let reason = to_chars(reason.trim_end_matches(['.', '!']), QUOTE_MAX);
    format!("Handed over: {reason}.")
}

fn has_words(turn: &Turn) -> bool {
    !turn.text.trim().is_empty()
}

fn quote(turn: &Turn) -> String {
    let words = to_chars(&on_one_line(without_keys(&turn.text)), QUOTE_MAX);
    let end = if words.ends_with(ENDS) { "" } else { "." };
    format!("“{words}”{end}")
}

fn on_one_line(text: &str) -> String {
    // More than is quoted need not be read.
    let words = text.split_whitespace().take(QUOTE_MAX + 1);
    words.collect::<Vec<_>>().join(" ")
}

/// The words of a turn, without keys that were pressed: a PIN or a card's number has no place in
/// a task, which others keep.
pub(super) fn without_keys(text: &str) -> &str {
    if text.starts_with(KEYS) { KEYS } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchhook_actors::domain::{escalation::ReasonCode, ids::TurnId, time::Timestamp};

    use super::*;

    fn of(turns: &[(Role, &str)]) -> String {
        let turns = (1..)
            .zip(turns)
            .map(|(id, (role, text))| Turn::new(TurnId(id), *role, *text, Timestamp(0)));
        let grounds = Grounds::new(ReasonCode::CallerAsked, "the caller asked for a person.");
        extract(&turns.collect(), &grounds)
    }

    #[test]
    fn a_call_is_told_in_two_to_four_sentences() {
        use Role::{Agent, Customer};
        let reason = "Handed over: the caller asked for a person.";
        for (turns, expected) in [
            (&[][..], format!("What was said before is not known. {reason}")),
            (&[(Agent, "")], format!("The caller has not said anything yet. {reason}")),
            (
                &[(Customer, "What is the late fee?")],
                format!("The caller first asked: “What is the late fee?” {reason}"),
            ),
            (
                &[
                    (Agent, "Welcome!"),
                    (Customer, "Hello."),
                    (Agent, "How can I help?"),
                    (Customer, "What is\n the late fee?"),
                    (Agent, "29 dollars."),
                    (Customer, "A person!"),
                    (Agent, " "),
                ],
                format!(
                    "The caller first asked: “What is the late fee?” They last said: “A person!” \
                     The agent last said: “29 dollars.” {reason}"
                ),
            ),
            (&[(Customer, "[keys] 1234#")], format!("The caller first asked: “[keys]”. {reason}")),
        ] {
            assert_eq!(of(turns), expected);
        }
        let unknown = Grounds::new(ReasonCode::Other, "");
        assert!(extract(&Transcript::default(), &unknown).ends_with("without a reason."));
    }

    #[test]
    fn long_words_leave_room_for_the_reason() {
        for word in ["word ", "漢", "👩‍💻 "] {
            let long = word.repeat(400);
            let turns = [(Role::Customer, &*long), (Role::Agent, &*long), (Role::Customer, &*long)];
            let found = of(&turns);
            assert!(found.chars().count() <= EXTRACT_MAX, "{found}");
            assert!(found.ends_with("Handed over: the caller asked for a person."), "{found}");
        }
    }

    proptest! {
        #[test]
        fn any_call_is_told_within_the_bound(
            texts in proptest::collection::vec(proptest::collection::vec(any::<char>(), 0..400), 0..4),
        ) {
            let texts: Vec<String> = texts.into_iter().map(String::from_iter).collect();
            let roles = [Role::Customer, Role::Agent].into_iter().cycle();
            let turns: Vec<_> = roles.zip(texts.iter().map(String::as_str)).collect();
            let found = of(&turns);
            prop_assert!(found.chars().count() <= EXTRACT_MAX && !found.contains('\n'));
        }
    }
}

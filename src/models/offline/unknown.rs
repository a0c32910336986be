//! How the offline model says that it does not know: never twice the same in a row, and with a way
//! on from there.

/// What stands before an offer of topics that are near to the question, and behind it.
const NEAR: [(&str, &str); 3] = [
    ("I am not sure what you mean. I know about ", ", for example. Would you like a colleague?"),
    ("I do not know exactly that. I can tell you about ", ", or would you like a colleague?"),
    ("I have no answer to that, only to questions about ", ". Would you like a colleague instead?"),
];

/// The same where nothing is near.
const FAR: [(&str, &str); 3] = [
    ("I am sorry, I do not know that. I can help you with ", ", or would you like a colleague?"),
    ("That is not something I know about. Ask me about ", ", or would you like a colleague?"),
    ("I cannot answer that one. What I know is ", ", for example. Would you like a colleague?"),
];

/// What ends each of them: a yes after it means a person.
const COLLEAGUE: [&str; 2] = ["would you like a colleague", "would you like a colleague instead"];

/// An honest answer for the caller's `turn`-th question: topics that are `near` it, or else two of
/// all `topics`, which change as well.
pub(super) fn unknown(turn: usize, near: &[String], topics: &[String]) -> String {
    let (openings, named) = if near.is_empty() {
        let from = turn * 2 % topics.len().max(1);
        (FAR, topics.iter().cycle().skip(from).take(topics.len().min(2)).cloned().collect())
    } else {
        (NEAR, near.to_vec())
    };
    let (opening, offer) = openings.get(turn % openings.len()).copied().unwrap_or_default();
    format!("{opening}{}{offer}", named.join(" or "))
}

/// Whether the agent's words offered a colleague at their end.
pub(super) fn offers_colleague(answer: &str) -> bool {
    let answer = answer.trim_end_matches(['?', ' ']).to_lowercase();
    COLLEAGUE.iter().any(|offer| answer.ends_with(offer))
}

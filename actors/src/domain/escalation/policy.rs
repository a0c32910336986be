//! The persona's rules: what a caller says that is for a person, whatever the model makes of it.
//!
//! They are few and plain on purpose. Where the words may mean the opposite the rules keep quiet,
//! and the model, which hears the whole sentence, decides.

use super::{Grounds, ReasonCode};
use crate::domain::{
    persona::Persona,
    phrases::{before, contains},
    transcript::{Role, Transcript},
};

/// A single word, "operator" say, asks for a person when it is nearly all that was said: words.
const CURT: usize = 3;

/// What the agent is told when the caller asked in so many words.
const ASKED: &str = "the caller asked for a person";

/// One rule of a persona: callers who say this are for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// For reports and routing.
    pub code: ReasonCode,
    /// For the agent.
    pub reason: String,
    /// What callers say, lower case.
    pub phrases: Vec<String>,
    /// What the person should know about.
    pub skill: Option<String>,
    /// Goes before all who wait.
    pub urgent: bool,
    /// In how many of the caller's turns one of the phrases has to be, this one included. A
    /// misunderstanding is one when it repeats.
    pub times: usize,
}

/// The grounds that the persona's rules see in the caller's `words`, the last of what was `said`.
#[must_use]
pub fn wanted_by_rule(persona: &Persona, said: &Transcript, words: &str) -> Option<Grounds> {
    let unless = &persona.escalation_unless;
    let rule = persona.escalation_rules.iter().find(|rule| applies(rule, unless, said, words));
    if let Some(rule) = rule {
        let grounds = Grounds::new(rule.code, &rule.reason).skilled(rule.skill.as_deref());
        return Some(Grounds { urgent: rule.urgent, ..grounds });
    }
    asks_for_person(persona, words).then(|| Grounds::new(ReasonCode::CallerAsked, ASKED))
}

fn applies(rule: &Rule, unless: &[String], said: &Transcript, words: &str) -> bool {
    if !means(words, &rule.phrases, unless) {
        return false;
    }
    let turns = said.turns().iter().filter(|turn| turn.role == Role::Customer);
    turns.filter(|turn| means(&turn.text, &rule.phrases, unless)).count() >= rule.times
}

/// Whether the caller asks for a person in so many words, by the persona's phrases.
#[must_use]
pub fn asks_for_person(persona: &Persona, words: &str) -> bool {
    let curt = words.split_whitespace().count() <= CURT;
    let (single, several): (Vec<String>, Vec<String>) = persona
        .escalation_phrases
        .iter()
        .cloned()
        .partition(|phrase| !phrase.trim().contains(char::is_whitespace));
    let unless = &persona.escalation_unless;
    means(words, &several, unless) || curt && means(words, &single, unless)
}

/// Whether one of the phrases is said and meant: nothing before it in its sentence turns its meaning.
fn means(words: &str, phrases: &[String], unless: &[String]) -> bool {
    before(words, phrases).iter().any(|said| !contains(said, unless))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ids::TurnId, time::Timestamp, transcript::Turn};

    fn persona() -> Persona {
        let file = include_str!("../../../../deploy/personas/owl-bank.md");
        Persona::parse(file).unwrap()
    }

    /// What comes of these words after the earlier ones.
    fn wanted(earlier: &[&str], words: &str) -> Option<Grounds> {
        let said = earlier.iter().chain([&words]);
        let turns = (1..)
            .zip(said)
            .map(|(id, text)| Turn::new(TurnId(id), Role::Customer, *text, Timestamp(0)));
        wanted_by_rule(&persona(), &turns.collect(), words)
    }

    fn code(earlier: &[&str], words: &str) -> Option<ReasonCode> {
        wanted(earlier, words).map(|grounds| grounds.code)
    }

    #[test]
    fn a_caller_who_asks_for_a_person_in_so_many_words_is_for_one() {
        for words in [
            "I want to talk to a person",
            "Operator!",
            "A representative, please.",
            "can I speak to a human?",
        ] {
            assert_eq!(code(&[], words), Some(ReasonCode::CallerAsked), "{words}");
        }
        for words in [
            "You are useless. I want a person!",
            "Are you there? I need to speak to somebody",
            "agent",
            "real human now",
        ] {
            assert_eq!(code(&[], words), Some(ReasonCode::CallerAsked), "{words}");
        }
        for words in [
            "Don't transfer me to anybody",
            "I am not a robot",
            "I am the manager of a shop, which card is best",
            "supervisor fee",
            "who is your boss",
            "What happens if I talk to a person?",
            "escalate",
            "Escalate.",
            "Please escalate this",
            "the cash machine operator took my card's fee",
            "I don't want to talk to a person",
            "are you a real person?",
            "ESCALATE: billing",
            "what is the late fee",
        ] {
            assert_eq!(code(&[], words), None, "{words}");
        }
    }

    #[test]
    fn fraud_and_a_lost_card_are_urgent_and_a_complaint_is_not() {
        let grounds = wanted(&[], "I lost my card").unwrap();
        assert_eq!((grounds.code, grounds.urgent), (ReasonCode::LostCard, true));
        let fraud = wanted(&[], "there are charges I did not make");
        assert_eq!(
            fraud.map(|grounds| (grounds.code, grounds.urgent)),
            Some((ReasonCode::Fraud, true))
        );
        let complaint = wanted(&[], "I want to make a complaint.");
        assert_eq!(
            complaint.map(|grounds| (grounds.code, grounds.urgent)),
            Some((ReasonCode::Complaint, false))
        );
        assert_eq!(code(&[], "what if I lost my card?"), None, "a question about it");
        for words in [
            "My card was stolen. What do I do?",
            "What do I do, my card was stolen",
            "I've lost my wallet and my card",
        ] {
            assert_eq!(code(&[], words), Some(ReasonCode::LostCard), "{words}");
        }
    }

    #[test]
    fn a_misunderstanding_is_one_when_it_repeats() {
        let again = ["You are not listening"];
        assert_eq!(code(&again, "you are not listening"), Some(ReasonCode::Misunderstanding));
        let words = "That's not what I asked.";
        assert_eq!(code(&[], words), None);
        assert_eq!(
            code(&["what is the fee", "that is not what I asked"], words),
            Some(ReasonCode::Misunderstanding)
        );
    }
}

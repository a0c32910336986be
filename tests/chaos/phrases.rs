//! What the engines say by themselves, by the persona that they speak for.

use switchhook_actors::domain::persona::Persona;

/// The phrases that tell a caller that something went wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phrases {
    /// After a break.
    pub(crate) resume: String,
    /// An answer has failed, or the call cannot go on.
    pub(crate) apologies: Vec<String>,
}

impl Phrases {
    /// Of the persona that answers when no other is configured.
    pub(crate) fn of_the_line() -> Self {
        let persona = Persona::parse(switchhook::app::OWL_BANK).expect("the engine starts with it");
        let apologies = vec![persona.apology, persona.unavailable];
        Self { resume: persona.resume, apologies }
    }

    /// All of them, the one after a break first.
    pub(crate) fn all(&self) -> Vec<&str> {
        let apologies = self.apologies.iter().map(String::as_str);
        [self.resume.as_str()].into_iter().chain(apologies).collect()
    }

    /// Whether these words begin one of them: no model was asked for them.
    pub(crate) fn begin_with(&self, words: &str) -> bool {
        let first = |text: &str| text.split_whitespace().next().map(str::to_owned);
        first(words)
            .is_some_and(|word| self.all().into_iter().any(|own| first(own) == Some(word.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phrases_are_those_of_the_persona_that_the_run_uses() {
        let phrases = Phrases::of_the_line();
        for phrase in phrases.all() {
            assert!(switchhook::app::OWL_BANK.contains(phrase) && !phrase.is_empty(), "{phrase}");
            assert!(phrases.begin_with(phrase));
        }
        assert!(!phrases.begin_with("Matter3x1 was seen") && !phrases.begin_with(""));
    }
}

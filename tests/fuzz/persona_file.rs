//! The persona file: whatever it holds, it is a persona within all bounds or a list of problems
//! that stand in its lines.

use std::collections::BTreeSet;

use switchhook_actors::domain::{
    persona::{
        FILLERS_MIN, LIST_MAX, PHRASE_MAX, Persona, PersonaProblems, SILENCE_MIN, WORDS_MAX,
    },
    prompt::PromptBuilder,
    transcript::Transcript,
};

/// Takes any bytes.
pub(crate) fn check(bytes: &[u8]) {
    let file = String::from_utf8_lossy(bytes);
    match Persona::parse(&file) {
        Ok(persona) => is_sound(&persona, &file),
        Err(problems) => are_told(&problems, &file),
    }
}

fn is_sound(persona: &Persona, file: &str) {
    let single = [
        &persona.name,
        &persona.greeting,
        &persona.apology,
        &persona.unavailable,
        &persona.goodbye,
        &persona.resume,
        &persona.interrupted,
        &persona.limit,
        &persona.escalation,
        &persona.stay,
    ];
    let phrases = single.into_iter().chain(&persona.fillers).chain(&persona.silence);
    for phrase in phrases {
        assert!(!phrase.trim().is_empty(), "an empty phrase");
        assert!(phrase.chars().count() <= PHRASE_MAX, "a phrase that nobody hears out");
    }
    assert!((FILLERS_MIN..=LIST_MAX).contains(&persona.fillers.len()));
    assert!((SILENCE_MIN..=LIST_MAX).contains(&persona.silence.len()));
    let lists = [&persona.hints, &persona.escalation_phrases, &persona.backchannel];
    for words in lists.into_iter().chain([&persona.goodbye_phrases]) {
        assert!(words.len() <= LIST_MAX, "a long list");
        assert!(words.iter().all(|words| words.chars().count() <= WORDS_MAX), "a long entry");
    }
    knows(persona, file);
}

fn knows(persona: &Persona, file: &str) {
    let titles: BTreeSet<_> = persona.knowledge.iter().map(|section| &section.title).collect();
    assert!(!titles.is_empty(), "no knowledge");
    assert_eq!(titles.len(), persona.knowledge.len(), "two sections of one title");
    for section in &persona.knowledge {
        assert!(section.text.len() <= file.len());
        let passages = section.passages();
        assert!(!passages.is_empty(), "a section that says nothing: {:?}", section.title);
    }
    assert!(persona.body.len() <= file.len());
    let prompt = PromptBuilder::new(persona).window(&Transcript::default(), 1_000);
    assert_eq!(prompt.messages.len(), 1, "the system message alone");
}

fn are_told(problems: &PersonaProblems, file: &str) {
    assert!(!problems.0.is_empty(), "refused without a reason");
    assert!(problems.0.is_sorted_by_key(|problem| problem.line), "out of order");
    let lines = file.lines().count() + 1;
    for problem in &problems.0 {
        assert!((1..=lines).contains(&problem.line), "{problem}: there are {lines} lines");
        assert!(problem.text.len() <= file.len() + 500, "a long problem");
    }
}

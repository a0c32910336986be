//! What the model gets to see of a call.

use proptest::prelude::*;

use super::*;
use crate::domain::{ids::TurnId, persona::Section, time::Timestamp};

fn persona() -> Persona {
    let phrase = || "Yes.".to_owned();
    Persona {
        name: "OWL Bank".into(),
        greeting: phrase(),
        voice: None,
        language: None,
        fillers: vec![phrase(), phrase()],
        apology: phrase(),
        unavailable: phrase(),
        goodbye: phrase(),
        resume: phrase(),
        silence: vec![phrase(), phrase()],
        hints: Vec::new(),
        bridge: phrase(),
        waits: vec![phrase(); 4],
        escalation: phrase(),
        unreached: phrase(),
        message_taken: phrase(),
        stay: phrase(),
        hold: vec![phrase(), phrase()],
        position: phrase(),
        hold_keys: vec![phrase(), phrase()],
        called_back: phrase(),
        not_called_back: phrase(),
        interrupted: phrase(),
        more: phrase(),
        limit: phrase(),
        backchannel: Vec::new(),
        escalation_phrases: Vec::new(),
        escalation_unless: Vec::new(),
        escalation_rules: Vec::new(),
        stay_phrases: Vec::new(),
        goodbye_phrases: Vec::new(),
        body: "# Knowledge\n## Fees\nThe late fee is 29 dollars.".into(),
        knowledge: vec![Section {
            title: "Fees".into(),
            text: "The late fee is 29 dollars.".into(),
            handoff: None,
        }],
    }
}

fn turn(id: u32, role: Role, text: &str) -> Turn {
    Turn::new(TurnId(id), role, text, Timestamp(u64::from(id)))
}

fn cut(text: &str, open: bool, reason: Option<Reason>) -> Turn {
    Turn { interrupted: !open, open, reason, ..turn(1, Role::Agent, text) }
}

/// The conversation of a prompt: who, and what.
fn said(prompt: &Prompt) -> Vec<(Speaker, &str)> {
    prompt.messages.iter().skip(1).map(|said| (said.role, &*said.content)).collect()
}

#[test]
fn the_model_is_told_who_it_is_what_it_knows_and_how_to_speak() {
    let builder = PromptBuilder::new(&persona());
    let prompt = builder.window(&Transcript::default(), 0);
    let [system] = &prompt.messages[..] else { panic!("one message: {prompt:?}") };
    assert_eq!(system.role, Speaker::System);
    for part in [
        "OWL Bank",
        "The late fee is 29 dollars.",
        ESCALATE_TOOL,
        "\nESCALATE: reason\n",
        "\nEND_CALL\n",
        STAY_TOOL,
    ] {
        assert!(system.content.contains(part), "{part}");
    }
    assert!(!system.content.contains("language with the tag"));
}

#[test]
fn a_persona_with_a_language_asks_the_model_to_speak_it() {
    let builder = PromptBuilder::new(&Persona { language: Some("de-DE".into()), ..persona() });
    let prompt = builder.window(&Transcript::default(), 0);
    assert!(prompt.messages[0].content.ends_with("- Speak the language with the tag de-DE.\n"));
}

#[test]
fn all_calls_share_one_system_message() {
    let builder = PromptBuilder::new(&persona());
    let one = builder.window(&Transcript::default(), 0);
    let other = builder.clone().window(&Transcript::default(), 0);
    assert!(Arc::ptr_eq(&one.messages[0].content, &other.messages[0].content));
}

#[test]
fn an_answer_that_is_not_whole_says_why_to_the_model_alone() {
    let cases = [
        (cut("The fee is", false, None), "The fee is [cut off by the caller]"),
        (cut("The fee is ", false, Some(Reason::Other)), "The fee is [cut off by the caller]"),
        (cut("The fee is", true, Some(Reason::TakenOver)), "The fee is [the line failed here]"),
        (cut("The fee is", false, Some(Reason::TakenOver)), "The fee is [the line failed here]"),
        (cut("The fee is", false, Some(Reason::Stalled)), "The fee is [broke off here]"),
        (cut("The fee is", true, Some(Reason::ModelFailed)), "The fee is [broke off here]"),
        (cut("The fee is", true, None), "The fee is"),
        (turn(1, Role::Agent, "The fee is nil."), "The fee is nil."),
        (
            Turn { reason: Some(Reason::TakenOver), ..turn(1, Role::Agent, "The fee is nil.") },
            "The fee is nil.",
        ),
    ];
    for (answer, expected) in cases {
        let transcript = Transcript::from_iter([answer]);
        let prompt = PromptBuilder::new(&persona()).window(&transcript, usize::MAX);
        assert_eq!(said(&prompt), [(Speaker::Assistant, expected)]);
    }
}

#[test]
fn turns_without_words_are_left_out_and_the_callers_may_follow_each_other() {
    let superseded = Turn { reason: Some(Reason::Superseded), ..turn(1, Role::Agent, "") };
    let transcript = Transcript::from_iter([
        turn(0, Role::Agent, "Hello."),
        turn(1, Role::Customer, "What is"),
        superseded,
        turn(2, Role::Customer, "the late fee?"),
        turn(2, Role::Agent, " \n"),
    ]);
    let prompt = PromptBuilder::new(&persona()).window(&transcript, usize::MAX);
    let expected = [
        (Speaker::Assistant, "Hello."),
        (Speaker::User, "What is"),
        (Speaker::User, "the late fee?"),
    ];
    assert_eq!(said(&prompt), expected);
}

#[test]
fn the_oldest_turns_go_first_and_the_callers_last_words_stay() {
    let builder = PromptBuilder::new(&persona());
    let transcript = Transcript::from_iter([
        turn(1, Role::Customer, "one one"),
        turn(1, Role::Agent, "two two"),
        turn(2, Role::Customer, "three three"),
        turn(2, Role::Agent, "four"),
    ]);
    let cases: [(usize, &[&str]); 6] = [
        (12, &["one one", "two two", "three three", "four"]),
        (11, &["two two", "three three", "four"]),
        (8, &["three three", "four"]),
        (6, &["three three", "four"]),
        (5, &["three three"]),
        (0, &["three three"]),
    ];
    for (budget, expected) in cases {
        let prompt = builder.window(&transcript, budget);
        let kept: Vec<&str> = said(&prompt).into_iter().map(|(_, words)| words).collect();
        assert_eq!(kept, expected, "{budget}");
    }
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let one = (0..12u32, any::<bool>(), "[a-zé ]{0,30}", any::<bool>()).prop_map(
        |(id, customer, words, interrupted)| {
            let role = if customer { Role::Customer } else { Role::Agent };
            // The name of the turn in its words: what is doubled or out of order can be told.
            let text =
                if words.trim().is_empty() { words } else { format!("{id}{role:?} {words}") };
            Turn { interrupted: interrupted && !customer, ..turn(id, role, &text) }
        },
    );
    prop::collection::vec(one, 0..24)
}

proptest! {
    #[test]
    fn a_window_is_in_order_holds_nothing_twice_and_keeps_its_budget(
        turns in turns(),
        budget in 0..300usize,
    ) {
        let builder = PromptBuilder::new(&persona());
        let transcript = Transcript::from_iter(turns);
        let prompt = builder.window(&transcript, budget);
        let whole = builder.window(&transcript, usize::MAX);

        // What was kept is a subsequence of the whole, so it is in order and nothing is doubled.
        let mut rest = whole.messages.iter();
        prop_assert!(prompt.messages.iter().all(|kept| rest.any(|said| said == kept)));
        let spoken = transcript.turns().iter().filter(|turn| !turn.text.trim().is_empty());
        prop_assert_eq!(whole.messages.len(), 1 + spoken.count());

        let last = whole.messages.iter().rfind(|said| said.role == Speaker::User);
        prop_assert!(last.is_none_or(|last| prompt.messages.contains(last)));
        let cost: usize = prompt.messages.iter().skip(1).map(|said| tokens(&said.content)).sum();
        prop_assert!(cost <= budget || prompt.messages.len() <= 1 + usize::from(last.is_some()));
    }
}

//! Callers of OWL Bank, in their own words, against the offline model.

use switchhook_actors::domain::{
    ids::TurnId,
    prompt::{Message, summary_prompt},
    time::Timestamp,
    transcript::{Role, Transcript, Turn},
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::*;

/// Instead of a fact: nothing is claimed.
const REFUSED: &str = "-";

/// Whether an answer claims nothing: it does not know, or says what it is not for.
fn refuses(answer: &str) -> bool {
    unknown::offers_colleague(answer)
        || answer.contains("OWL Bank's credit cards only")
        || answer.contains("nothing about the cards of other banks")
}

fn offline() -> Offline {
    let file = include_str!("../../../deploy/personas/owl-bank.md");
    let persona = Persona::parse(file).unwrap_or_else(|problems| panic!("{problems}"));
    Offline::new(Arc::new(persona), Pace::default())
}

/// A conversation: the caller begins, then they take turns.
fn prompt(turns: &[&str]) -> Prompt {
    let messages = turns.iter().enumerate().map(|(at, words)| {
        let role = if at % 2 == 0 { Speaker::User } else { Speaker::Assistant };
        Message::new(role, *words)
    });
    Prompt { messages: messages.collect(), tools: Tools::Escalate }
}

/// A call a line, see `tests/tuned.txt`. Fails with all that are answered wrong, not with the first.
fn assert_calls(calls: &str) {
    let offline = offline();
    let calls = calls.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let wrong: Vec<String> = calls
        .filter_map(|line| {
            let (turns, fact) = line.split_once(" => ").expect("a question and its fact");
            let turns: Vec<&str> = turns.split(" | ").collect();
            let answer = offline.reply(&prompt(&turns));
            let right = if fact == REFUSED { refuses(&answer) } else { answer.contains(fact) };
            (!right).then(|| format!("{line}\n  says: {answer}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn callers_are_answered_in_their_own_words() {
    assert_calls(include_str!("tests/tuned.txt"));
}

#[test]
fn callers_who_put_it_in_new_words_are_answered() {
    assert_calls(include_str!("tests/held_out.txt"));
}

#[test]
fn a_question_said_in_two_breaths_is_one_question() {
    let said = |words: &str| Message::new(Speaker::User, words);
    let prompt = Prompt {
        messages: vec![said("What is the fee"), said("for being late?")],
        tools: Tools::Escalate,
    };
    assert!(offline().reply(&prompt).contains("29 dollars"));
}

#[test]
fn not_knowing_offers_something_and_hands_nobody_off() {
    let answer = offline().reply(&prompt(&["Is there sushi in the lounge?"]));
    assert!(unknown::offers_colleague(&answer) && answer.contains("airport lounges"), "{answer}");
    assert!(!answer.contains("ESCALATE"), "{answer}");
}

#[test]
fn an_answer_is_one_to_three_sentences() {
    let offline = offline();
    for question in ["What is the late fee?", "What are your fees?", "How do I close my account?"] {
        let answer = offline.reply(&prompt(&[question]));
        assert!((1..=3).contains(&words::sentences(&answer).len()), "{answer}");
    }
}

#[test]
fn a_caller_who_wants_a_person_is_handed_off_without_another_word() {
    let offline = offline();
    for words in [
        "I want to speak to a real person",
        "Get me a human.",
        "Could you put me through, please?",
        "REPRESENTATIVE!",
        "no I want a human",
        "I don't want to talk to you I want a human",
        "I don't want a robot, give me a real person",
        "why can't I talk to a person",
        "don't you have a real person there",
    ] {
        let answer = offline.reply(&prompt(&[words]));
        assert_eq!(answer, "ESCALATE: caller asked for a person", "{words}");
    }
}

#[test]
fn a_caller_who_refuses_a_person_or_wonders_who_answers_stays() {
    let offline = offline();
    let cases = [
        ("I don't want to speak to a person", STAYING),
        ("not a human please", STAYING),
        ("no I do not need to talk to someone", STAYING),
        ("please don't transfer me", STAYING),
        ("I don't want you to put me through", STAYING),
        ("I'd rather not talk to a person, what is the late fee?", "29 dollars"),
        ("am I talking to a real person", "virtual assistant"),
        ("are you a human", "virtual assistant"),
    ];
    for (words, reply) in cases {
        let answer = offline.reply(&prompt(&[words]));
        assert!(answer.contains(reply) && !answer.contains("ESCALATE"), "{words}: {answer}");
    }
}

#[test]
fn a_caller_who_takes_the_offer_of_a_colleague_gets_one() {
    let offline = offline();
    let unknown = offline.reply(&prompt(&["How do I bake a cake?"]));
    let reply = |answer| offline.reply(&prompt(&["How do I bake a cake?", &unknown, answer]));
    for yes in ["yes please", "Yeah, okay.", "sure"] {
        assert_eq!(reply(yes), "ESCALATE: caller asked for a person", "{yes}");
    }
    for other in ["no thanks", "what is the late fee", "yes what is the late fee"] {
        assert!(!reply(other).contains("ESCALATE"), "{other}");
    }
    let after_a_fact = ["What is the late fee?", "29 dollars.", "yes please"];
    assert!(!offline.reply(&prompt(&after_a_fact)).contains("ESCALATE"));
}

#[test]
fn not_knowing_is_said_in_other_words_and_with_other_topics_each_time() {
    let offline = offline();
    let mut turns = vec!["How do I bake a cake?"];
    let mut said: Vec<String> = Vec::new();
    for _ in 0..4 {
        let answer = offline.reply(&prompt(&turns));
        assert!(refuses(&answer) && !said.contains(&answer), "{answer}");
        assert!(words::sentences(&answer).len() <= 3, "{answer}");
        said.push(answer);
        turns.extend(["I do not know.", "How do I bake a cake?"]);
    }
    assert_eq!(offline.reply(&prompt(&["How do I bake a cake?"])), said[0]);
}

#[test]
fn a_caller_who_did_not_hear_gets_the_answer_again() {
    let offline = offline();
    for words in ["Sorry?", "can you say that again please", "um what was that"] {
        let turns = ["What is the late fee?", "It is 29 dollars.", words];
        assert_eq!(offline.reply(&prompt(&turns)), "It is 29 dollars.", "{words}");
    }
    let cut_off = ["What is the late fee?", "It is 29 [cut off by the caller]", "Sorry?"];
    assert_eq!(offline.reply(&prompt(&cut_off)), "It is 29");
    let other = ["Hello", "Hello.", "I don't understand this charge on my bill"];
    assert_ne!(offline.reply(&prompt(&other)), "Hello.");
}

#[test]
fn what_callers_say_is_never_read_to_them() {
    let offline = offline();
    for passage in offline.persona.knowledge.iter().flat_map(|section| section.passages()) {
        let phrase = passage.callers.first().expect("each passage has callers' words");
        let answer = offline.reply(&prompt(&[phrase]));
        assert!(!answer.contains("Callers say"), "{phrase}: {answer}");
    }
}

#[test]
fn a_report_that_is_for_a_person_is_answered_and_handed_off_but_a_question_is_not() {
    let offline = offline();
    let cases = [
        ("I lost my card", Some("ESCALATE: lost or stolen card")),
        ("My wallet was stolen last night", Some("ESCALATE: lost or stolen card")),
        ("I want to dispute a charge", Some("ESCALATE: a charge to dispute")),
        ("I lost my job and cannot pay my bill", Some("ESCALATE: the caller cannot pay")),
        ("My husband passed away", Some("ESCALATE: a cardholder has died")),
        ("What do I do if my card is stolen?", None),
        ("I would like to know how a dispute works", None),
        ("I'd like to know what interest you charge on the Eagle card", None),
    ];
    for (words, mark) in cases {
        let answer = offline.reply(&prompt(&[words]));
        let last = answer.lines().next_back().filter(|line| line.starts_with("ESCALATE"));
        assert_eq!(last, mark, "{words}: {answer}");
        assert!(!answer.starts_with("ESCALATE"), "{words}: {answer}");
    }
}

#[test]
fn a_caller_who_is_done_hears_goodbye_and_the_call_ends() {
    let offline = offline();
    let parting = format!("{}\nEND_CALL", offline.persona.goodbye);
    for words in ["Goodbye.", "No, that's all, thank you, bye", "That’s all I wanted to know."] {
        assert_eq!(offline.reply(&prompt(&[words])), parting, "{words}");
    }
    for words in ["Is that all I have to pay?", "That's all wrong, what is the late fee?"] {
        assert!(!offline.reply(&prompt(&[words])).contains("END_CALL"), "{words}");
    }
}

#[test]
fn small_talk_gets_a_short_reply() {
    let offline = offline();
    let cases = [
        ("Hello", "How can I help you today?"),
        ("Hi, how are you?", "How can I help you today?"),
        ("Thank you very much", "You are welcome."),
        ("Okay", "Is there anything else"),
        ("Who are you?", "I am the virtual assistant"),
        ("", "Is there anything else"),
    ];
    for (words, reply) in cases {
        assert!(offline.reply(&prompt(&[words])).contains(reply), "{words}");
    }
}

#[test]
fn an_answer_is_cut_into_words_and_nothing_is_lost() {
    assert_eq!(words::tokens("The fee.\nEND_CALL"), ["The", " fee.", "\nEND_CALL"]);
    assert_eq!(words::tokens(""), Vec::<String>::new());
}

#[test]
fn sentences_end_where_a_voice_would_pause() {
    let cases: [(&str, &[&str]); 5] = [
        ("One. Two? Three!", &["One.", "Two?", "Three!"]),
        ("It is 22.9 percent. Yes.", &["It is 22.9 percent.", "Yes."]),
        ("Open at 8 a.m. Eastern time.", &["Open at 8 a.m. Eastern time."]),
        ("Broken\nlines. And\n\nparagraphs", &["Broken lines.", "And", "paragraphs"]),
        ("- **one**\n- two", &["one", "two"]),
    ];
    for (text, expected) in cases {
        assert_eq!(words::sentences(text), expected, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn words_come_one_by_one_at_the_pace_of_a_model() {
    let offline = offline();
    let question = prompt(&["How much is the late fee?"]);
    let whole = offline.reply(&question);
    let begin = Instant::now();
    let mut answer = offline.open(question, false).await.unwrap();
    let (mut said, mut times) = (String::new(), Vec::new());
    while let Some(event) = answer.next().await {
        match event {
            AnswerEvent::Token(word) => {
                said.push_str(&word);
                times.push(begin.elapsed().as_millis());
            }
            done => assert_eq!(done, AnswerEvent::Done(Finish::Stop)),
        }
    }
    assert_eq!(said, whole);
    assert_eq!(times.len(), whole.split_whitespace().count());
    assert_eq!(times.first().copied(), Some(200));
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 20), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_stops() {
    let offline = offline();
    let question = || prompt(&["How much is the late fee?"]);
    let early = timeout(Duration::from_millis(100), offline.open(question(), false)).await;
    assert!(early.is_err(), "the first word takes 200 ms");

    let mut answer = offline.open(question(), false).await.unwrap();
    assert!(matches!(answer.next().await, Some(AnswerEvent::Token(_))));
    drop(answer);
    // It lives in its stream alone: no task goes on writing what nobody reads.
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

fn with_tools(turns: &[&str], tools: Tools) -> Prompt {
    Prompt { tools, ..prompt(turns) }
}

#[test]
fn a_caller_on_the_way_to_a_person_is_kept_when_they_take_it_back_and_only_then() {
    let offline = offline();
    let asked = ["I want a real person", "One moment, please."];
    let stay = AnswerEvent::Called(ToolCall {
        id: "offline-1".to_owned(),
        name: STAY_TOOL.to_owned(),
        arguments: "{}".to_owned(),
    });
    for words in [
        "Never mind.",
        "wait, one more question",
        "I'd rather stay with you",
        "actually I don't want to talk to a person",
        "please don't transfer me",
    ] {
        let turns = [&asked[..], &[words]].concat();
        assert_eq!(
            offline.answer(&with_tools(&turns, Tools::Stay)),
            std::slice::from_ref(&stay),
            "{words}"
        );
    }
    for words in [
        "Okay.",
        "How long will it take?",
        "Thank you!",
        "I want a human",
        "never mind that, give me a real person",
        "",
    ] {
        let turns = [&asked[..], &[words]].concat();
        let said = ["All", " right."].map(|word| AnswerEvent::Token(word.to_owned()));
        assert_eq!(offline.answer(&with_tools(&turns, Tools::Stay)), said, "{words}");
    }
}

#[test]
fn a_summary_is_an_extract_of_the_call() {
    let turn = |id, role, text: &str| Turn::new(TurnId(id), role, text, Timestamp(0));
    let call = Transcript::from_iter([
        turn(0, Role::Agent, "Hello."),
        turn(1, Role::Customer, "What is the late fee?"),
        turn(1, Role::Agent, "The late fee is 29 dollars."),
        turn(2, Role::Customer, "Okay, I want to speak to a real person"),
    ]);
    let said: String = offline()
        .answer(&summary_prompt(&call, 1_000))
        .into_iter()
        .map(|event| match event {
            AnswerEvent::Token(word) => word,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = "The caller asked: What is the late fee? \
        The assistant last said: The late fee is 29 dollars.";
    assert_eq!(said, expected);
}

#[test]
fn without_a_tool_and_without_a_summary_to_write_it_answers_as_always() {
    let question = with_tools(&["What is the late fee?"], Tools::None);
    let answer = offline().answer(&question);
    assert_eq!(answer, offline().answer(&prompt(&["What is the late fee?"])));
    assert!(answer.len() > 3, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_tool_comes_when_a_first_word_would() {
    let begin = Instant::now();
    let prompt = with_tools(&["never mind"], Tools::Stay);
    let events: Vec<AnswerEvent> = offline().open(prompt, false).await.unwrap().collect().await;
    assert!(
        matches!(&events[..], [AnswerEvent::Called(_), AnswerEvent::Done(Finish::Stop)]),
        "{events:?}"
    );
    assert_eq!(begin.elapsed().as_millis(), 200);
}

#[test]
fn an_answer_that_broke_off_goes_on_behind_what_was_heard_of_it() {
    let question = "What is the late fee?";
    let whole = offline().reply(&prompt(&[question]));
    let words: Vec<_> = whole.split(' ').collect();
    let continued = |heard: String| {
        let broken = format!("{heard} [the line failed here]");
        let mut prompt = prompt(&[question, &broken]);
        let told = "Sorry, I lost you for a moment. I am here again.";
        prompt.messages.push(Message::new(Speaker::Assistant, told));
        unsaid(&whole, &prompt)
    };
    for heard in 2..words.len() {
        assert_eq!(continued(words[..heard].join(" ")), words[heard..].join(" "));
    }
    // Half a word is none; and an answer that only begins alike is another one.
    assert_eq!(continued(whole[..whole.len() - 2].to_owned()), words[words.len() - 1]);
    assert_eq!(continued(format!("{} else", words[0])), whole);
    assert_eq!(unsaid(&whole, &prompt(&[question])), whole);
}

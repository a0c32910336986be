//! Callers of OWL Bank, in their own words, against the offline model.

use switchhook_actors::domain::prompt::Message;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::*;

fn offline() -> Offline {
    let file = include_str!("../../../deploy/personas/owl-bank.md");
    let persona = Persona::parse(file).unwrap_or_else(|problems| panic!("{problems}"));
    Offline::new(Arc::new(persona), Pace::default())
}

/// A conversation: the caller begins, then they take turns.
fn prompt(turns: &[&str]) -> Prompt {
    let messages = turns.iter().enumerate().map(|(at, words)| Message {
        role: if at % 2 == 0 { Speaker::User } else { Speaker::Assistant },
        content: (*words).into(),
    });
    Prompt { messages: messages.collect() }
}

/// Fails with all cases whose answer lacks its fact, not only with the first.
fn assert_facts(cases: &[(&[&str], &str)]) {
    let offline = offline();
    let wrong: Vec<String> = cases
        .iter()
        .map(|(turns, fact)| (turns, fact, offline.reply(&prompt(turns))))
        .filter(|(_, fact, answer)| !answer.contains(**fact))
        .map(|(turns, fact, answer)| format!("{turns:?}\n  wants: {fact}\n  says: {answer}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_caller_hears_the_fact_that_was_asked_for() {
    assert_facts(&[
        (&["I think my card was stolen, what do I do?"], "freeze it right away"),
        (&["Do you charge a fee when I use my card abroad?"], "3 percent"),
        (&["What is the foreign transaction fee?"], "3 percent"),
        (&["Does Eagle have foreign fees?"], "Eagle has no foreign transaction fee"),
        (&["Can I use my card in Mexico?"], "in Mexico"),
        (&["Do I have to tell you before I go on vacation?"], "do not have to tell us"),
        (&["How much is the late fee?"], "29 dollars"),
        (&["I forgot to pay my bill, how much will that cost me?"], "29 dollars"),
        (&["My dog ate the bill. How much is the late fee now?"], "29 dollars"),
        (&["Can you waive my late fee?"], "waive the late fee once"),
        (&["Will a late payment show up on my credit report?"], "credit bureaus"),
        (&["How much cash back does the Tawny card give for groceries?"], "3 percent"),
        (&["How many points do I earn at restaurants?"], "2 points per dollar"),
        (&["Do my points expire?"], "24 months"),
        (&["What is the welcome bonus?"], "150 dollars"),
        (&["How long does a dispute take?"], "30 days"),
        (&["How long do I have to dispute a charge?"], "60 days"),
        (&["What is my minimum payment?"], "35 dollars"),
        (&["When is my payment due?"], "same day every month"),
        (&["Can I change my due date?"], "change the due date once a year"),
        (&["Can I set up automatic payments?"], "Autopay"),
        (&["By what time do I have to pay so it counts today?"], "five in the afternoon"),
        (&["How much is the fee for a cash advance?"], "5 percent"),
        (&["What does it cost to take out cash at an ATM?"], "5 percent"),
        (&["What is the interest on cash advances?"], "29.9 percent"),
        (&["Can I transfer a balance from another card and what does it cost?"], "3 percent"),
        (&["0% for how long?"], "15 months"),
        (&["How long does a balance transfer take?"], "5 to 10 business days"),
        (&["Do I get lounge access at the airport?"], "6 free airport lounge visits"),
        (&["Can I raise my credit limit?"], "open for 6 months"),
        (&["Does a limit increase affect my credit score?"], "does not affect"),
        (&["What credit limit will I get?"], "500 to 8,000 dollars"),
        (&["What income do I need for the Eagle card?"], "60,000 dollars for Eagle"),
        (&["How old do I have to be to apply?"], "18 years"),
        (&["How long does the application take?"], "60 seconds"),
        (&["Can I get an additional card for my wife?"], "up to 4 additional cardholders"),
        (&["What does an extra card for my son cost?"], "50 dollars a year"),
        (&["What's the APR on the Snowy card?"], "14.9 percent on Snowy"),
        (&["Which card is best for travelling?"], "Eagle is the best card"),
        (&["What cards do you have?"], "Barn, Snowy, Tawny and Eagle"),
        (&["What is the annual fee of the Tawny card?"], "95 dollars for Tawny"),
        (&["I forgot my PIN"], "face or fingerprint"),
        (&["I entered the wrong PIN three times"], "unblock it in the app"),
        (&["How much can I pay contactless?"], "200 dollars"),
        (&["How do I get my statement on paper?"], "2 dollars each"),
        (&["How do I cancel my card?"], "close or cancel"),
        (&["Are you open on Sunday?"], "closed on Sunday"),
        (&["Why was my card declined?"], "credit limit is reached"),
        (&["How long until a replacement card arrives?"], "5 to 7 business days"),
        (&["Somebody called and asked for my security code"], "never asks for"),
        (&["I moved to a new apartment, how do I change my address?"], "under profile"),
        (&["What's my balance?"], "in the OWL app"),
        (&["Are you a robot?"], "virtual assistant"),
    ]);
}

#[test]
fn a_follow_up_is_understood_from_what_was_asked_before() {
    assert_facts(&[
        (
            &["How do cash advances work?", "You take out cash.", "And how much is that?"],
            "5 percent",
        ),
        (&["What's the late fee?", "29 dollars.", "And the second time?"], "40 dollars"),
        (&["What is the annual fee for Tawny?", "95.", "And for Eagle?"], "195 dollars for Eagle"),
        (
            &["Annual fee for Snowy?", "25.", "And for Eagle?", "195.", "And Tawny?"],
            "95 dollars for Tawny",
        ),
        (
            &["What's the late fee?", "29.", "There is a charge that I do not recognize"],
            "freeze the card",
        ),
        (&["What's the late fee?", "29.", "What about the weather in Boston?"], UNKNOWN),
    ]);
}

#[test]
fn a_question_said_in_two_breaths_is_one_question() {
    let said = |words: &str| Message { role: Speaker::User, content: words.into() };
    let prompt = Prompt { messages: vec![said("What is the fee"), said("for being late?")] };
    assert!(offline().reply(&prompt).contains("29 dollars"));
}

#[test]
fn what_the_bank_does_not_tell_is_not_made_up() {
    assert_facts(&[
        (&["What is the weather like in Boston today?"], UNKNOWN),
        (&["What's your mortgage rate?"], UNKNOWN),
        (&["What is the annual fee on the Chase Sapphire card?"], UNKNOWN),
        (&["What does American Express charge for late payments?"], UNKNOWN),
        (&["What's the interest rate on a Wells Fargo card?"], UNKNOWN),
        (&["Who won the football match last night?"], UNKNOWN),
        (&["Can you recommend a good stock to buy?"], UNKNOWN),
        (&["Do you offer car loans?"], UNKNOWN),
        (&["How do I open a savings account?"], UNKNOWN),
        (&["Who is the president of the United States?"], UNKNOWN),
        (&["How do I bake a chocolate cake?"], UNKNOWN),
        (&["What's the exchange rate for Bitcoin?"], UNKNOWN),
        (&["How do I file my taxes?"], UNKNOWN),
        (&["Do you sell travel insurance?"], UNKNOWN),
        (&["Where can I watch the game tonight?"], UNKNOWN),
        (&["What time is it?"], UNKNOWN),
    ]);
}

#[test]
fn not_knowing_offers_something_and_hands_nobody_off() {
    let answer = offline().reply(&prompt(&["What's your mortgage rate?"]));
    assert!(answer.contains("I can tell you about interest rates and grace period"), "{answer}");
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
    ] {
        let answer = offline.reply(&prompt(&[words]));
        assert_eq!(answer, "ESCALATE: caller asked for a person", "{words}");
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
    let mut answer = offline.open(question).await.unwrap();
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
    let early = timeout(Duration::from_millis(100), offline.open(question())).await;
    assert!(early.is_err(), "the first word takes 200 ms");

    let mut answer = offline.open(question()).await.unwrap();
    assert!(matches!(answer.next().await, Some(AnswerEvent::Token(_))));
    drop(answer);
    // It lives in its stream alone: no task goes on writing what nobody reads.
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

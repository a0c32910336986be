//! An engine that dies in mid-call, in variants of how Twilio may bring the call back: each way with each
//! kind of session, replay, set-up and delay, and some at random.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::Value;
use switchhook::caller::{Caller, Played, Reconnect, Replay, RingOptions, Way};

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{Gate, ScriptedModel, Step, echo_of},
};

/// Twilio's ways, sessions, set-ups, replays, tails and delays: each with each of another kind at least
/// once.
const VARIANTS: [&str; 22] = [
    "socket",
    "socket,same-session,doubles",
    "socket,twice,after=600",
    "socket,tail=3",
    "socket,same-session,tail=5,doubles",
    "action",
    "action,after=600",
    "action-then-socket",
    "action-then-socket,same-session,tail=2,twice",
    "socket-then-action",
    "socket-then-action,same-session,after=300",
    "socket,attempts=20,every=100",
    "socket,no-setup",
    "socket,no-setup,no-replay",
    "action,doubles",
    "action,twice",
    "action,same-session,no-setup,no-replay,tail=3,after=300",
    "action-then-socket,no-setup,doubles,after=300",
    "action-then-socket,no-replay",
    "socket-then-action,doubles",
    "socket-then-action,no-replay",
    "socket-then-action,no-setup,twice,tail=3",
];

/// Random ones besides.
const SEEDS: std::ops::Range<u64> = 0..6;

const GREETED: &str = "thank you for calling";

fn variants(fits: fn(&Reconnect) -> bool) -> Vec<Reconnect> {
    let named = VARIANTS.iter().map(|variant| variant.parse().expect("a variant"));
    named.chain(SEEDS.map(Reconnect::random)).filter(fits).collect()
}

/// The engine is told once that the line is back, and nothing again that it had heard.
fn plain(variant: &Reconnect) -> bool {
    !has_tail(variant) && variant.way != Way::SocketThenAction
}

/// What the engine had heard is said to it again.
fn repeats(variant: &Reconnect) -> bool {
    has_tail(variant) && variant.way != Way::SocketThenAction
}

/// A socket comes back, and is given up for a new session while the engine speaks on it.
fn twice_back(variant: &Reconnect) -> bool {
    variant.way == Way::SocketThenAction
}

fn has_tail(variant: &Reconnect) -> bool {
    variant.tail > 0 && variant.replay != Replay::Never
}

/// What is said without a socket is said on the next one: the action's session begins with nothing.
fn keeps(variant: &Reconnect) -> bool {
    variant.way != Way::Action && variant.replay != Replay::Never
}

/// More patient than any restart: what is played is the variant, not the machine's speed.
fn patient(variant: Reconnect) -> Reconnect {
    Reconnect { attempts: 100, every: Some(Duration::from_millis(100)), ..variant }
}

async fn ring(engine: &Engine, variant: &Reconnect) -> Caller {
    // So that the engine knows what was heard when the line is lost.
    engine
        .ring_as(RingOptions {
            variant: patient(variant.clone()),
            played: Played::Frame,
            ..engine.caller()
        })
        .await
}

/// That the caller was answered once, greeted once, and has broken no rule.
fn heard_once(caller: &Caller, variant: &Reconnect, words: &[&str]) {
    let heard = caller.heard();
    for words in words.iter().chain([&GREETED]) {
        assert_eq!(heard.matches(words).count(), 1, "{variant}: {words}\n{}", caller.log());
    }
    assert_eq!(caller.violations(), Vec::<String>::new(), "{variant}");
}

#[test]
fn each_kind_of_a_reconnect_is_played_with_each_of_another_kind() {
    let of = |variant: &str| {
        let variant: Reconnect = variant.parse().expect("a variant");
        [
            format!("{:?}", variant.way),
            format!("keeps the session: {}", variant.keeps_session),
            format!("set-up: {}", variant.setup),
            format!("replay: {:?}", variant.replay),
            format!("tail: {}", variant.tail > 0),
            format!("delay: {}", !variant.after.is_zero()),
        ]
    };
    let played: Vec<_> = VARIANTS.into_iter().map(of).collect();
    let pairs = |one: usize, other: usize| {
        let both = |kinds: &[String; 6]| (kinds[one].clone(), kinds[other].clone());
        played.iter().map(both).collect::<HashSet<_>>().len()
    };
    let choices = [4, 2, 2, 4, 2, 2];
    for one in 0..choices.len() {
        for other in one + 1..choices.len() {
            assert_eq!(pairs(one, other), choices[one] * choices[other], "{:?}", played[0]);
        }
    }
}

async fn over_a_question(variant: Reconnect) {
    let model = ScriptedModel::start(|request, nth| match request.last_words() {
        "When is it due?" if nth == 1 => vec![Step::Hang],
        "When is it due?" => Step::answer("It is paid once a year."),
        "And then?" => Step::answer("Nothing more."),
        _ => Step::answer("The fee is 95 dollars."),
    });
    let mut engine = Engine::with_model(&model, &[]);
    let caller = ring(&engine, &variant).await;
    caller.say("What is the fee?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "The fee is 95 dollars.");
    caller.say("When is it due?").await.expect("a conversation");
    assert!(model.asked(1, SOON).await.is_some());
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 4).await;

    engine.kill();
    engine.restart();
    let answered = |heard: &str| heard.contains("It is paid once a year.");
    assert!(caller.heard_until(SOON, answered).await, "{variant}\n{}", caller.log());
    caller.say("And then?").await.expect("a conversation");
    let answered = |heard: &str| heard.contains("Nothing more.");
    assert!(caller.heard_until(SOON, answered).await, "{variant}\n{}", caller.log());
    heard_once(
        &caller,
        &variant,
        &["The fee is 95 dollars.", "It is paid once a year.", "Nothing more."],
    );
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) >= 7).await;
    let said: Vec<_> = words(&call).into_iter().filter(|(role, _)| role == "customer").collect();
    let said: Vec<_> = said.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(said, ["What is the fee?", "When is it due?", "And then?"], "{variant}");
}

#[actix_web::test]
async fn a_question_that_an_engine_died_over_is_answered_once_in_every_variant() {
    join_all(variants(plain).into_iter().map(over_a_question)).await;
}

#[actix_web::test]
async fn a_question_that_an_engine_died_over_is_answered_once_also_where_what_was_heard_is_replayed()
 {
    join_all(variants(repeats).into_iter().map(over_a_question)).await;
}

#[actix_web::test]
async fn a_question_that_an_engine_died_over_is_answered_once_also_where_the_action_is_asked_behind_the_socket()
 {
    join_all(variants(twice_back).into_iter().map(over_a_question)).await;
}

/// Where the action's session begins at once, what was said to the one before is nobody's.
async fn without_an_engine(variant: Reconnect) {
    let model = ScriptedModel::start(|request, _| match request.last_words() {
        "Two?" => Step::answer("This is the second."),
        "Three?" => Step::answer("This is the third."),
        _ => Step::answer("This is the first."),
    });
    let mut engine = Engine::with_model(&model, &[]);
    let caller = ring(&engine, &variant).await;
    caller.say("One?").await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    engine.kill();
    let gone = |entry: &str| entry.contains("##");
    while !gone(&caller.log()) {
        caller.next_entry(SOON).await.expect("the loss");
    }
    caller.say("Two?").await.expect("it is kept for later");
    engine.restart();
    let answered = |heard: &str| heard.contains("This is the second.");
    assert!(caller.heard_until(SOON, answered).await, "{variant}\n{}", caller.log());
    caller.say("Three?").await.expect("a conversation");
    let answered = |heard: &str| heard.contains("This is the third.");
    assert!(caller.heard_until(SOON, answered).await, "{variant}\n{}", caller.log());
    heard_once(
        &caller,
        &variant,
        &["This is the first.", "This is the second.", "This is the third."],
    );
}

#[actix_web::test]
async fn what_is_said_while_there_is_no_engine_is_answered_once_in_every_variant_that_keeps_it() {
    join_all(
        variants(|variant| plain(variant) && keeps(variant)).into_iter().map(without_an_engine),
    )
    .await;
}

#[actix_web::test]
async fn what_is_said_while_there_is_no_engine_is_answered_once_also_where_what_was_heard_is_replayed()
 {
    join_all(
        variants(|variant| repeats(variant) && keeps(variant)).into_iter().map(without_an_engine),
    )
    .await;
}

#[actix_web::test]
async fn who_said_something_that_nobody_passes_on_is_told_of_the_break_and_says_it_again() {
    for variant in ["socket,no-replay", "socket,no-setup,no-replay,same-session"] {
        let variant: Reconnect = variant.parse().expect("a variant");
        let model = ScriptedModel::echoing();
        let mut engine = Engine::with_model(&model, &[]);
        let caller = ring(&engine, &variant).await;
        caller.say("One?").await.expect("a conversation");
        assert!(caller.answer(SOON).await.complete);
        engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
        engine.kill();
        while !caller.log().contains("##") {
            caller.next_entry(SOON).await.expect("the loss");
        }
        caller.say("Two?").await.expect("it is kept for later, and thrown away");
        engine.restart();
        let told = |heard: &str| heard.contains("Sorry, I lost you");
        assert!(caller.heard_until(SOON, told).await, "{variant}\n{}", caller.log());
        caller.say("Two?").await.expect("a conversation");
        let answered = |heard: &str| heard.contains(&echo_of("Two?"));
        assert!(caller.heard_until(SOON, answered).await, "{variant}\n{}", caller.log());
        heard_once(&caller, &variant, &[&echo_of("One?"), &echo_of("Two?")]);
    }
}

async fn in_an_answer(variant: Reconnect) {
    const BEGUN: &str = "One is the first number. Two comes after it.";
    const REST: &str = " Three is the last of them.";
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => {
            let slowly = Step::Tokens(BEGUN.to_owned(), Duration::from_millis(400));
            vec![slowly, Step::WaitFor(Gate::new())]
        }
        _ => Step::answer(REST),
    });
    let mut engine = Engine::with_model(&model, &[]);
    let caller = ring(&engine, &variant).await;
    caller.say("Count.").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains(BEGUN)).await);
    let begun = |call: &Value| call["transcript"][2]["text"] == BEGUN;
    engine.transcript_when(caller.call_sid(), begun).await;
    engine.kill();
    engine.restart();
    let ended = |heard: &str| heard.contains(REST.trim());
    assert!(caller.heard_until(SOON, ended).await, "{variant}\n{}", caller.log());
    heard_once(&caller, &variant, &["One is the first", "Two comes after", REST.trim()]);
}

#[actix_web::test]
async fn an_answer_that_an_engine_died_in_goes_on_where_the_voice_was_in_every_variant() {
    join_all(variants(plain).into_iter().map(in_an_answer)).await;
}

#[actix_web::test]
async fn an_answer_that_an_engine_died_in_goes_on_where_the_voice_was_also_where_what_was_heard_is_replayed()
 {
    join_all(variants(repeats).into_iter().map(in_an_answer)).await;
}

#[actix_web::test]
async fn an_answer_that_an_engine_died_in_goes_on_where_the_voice_was_also_where_the_action_is_asked_behind_the_socket()
 {
    join_all(variants(twice_back).into_iter().map(in_an_answer)).await;
}

/// A model that says half an answer, and the rest when the gate is open.
fn in_two_halves(gate: &Gate) -> ScriptedModel {
    let halves = [Step::Token(BEGUN.to_owned()), Step::WaitFor(gate.clone())];
    let steps = [&halves[..], &Step::answer(&format!(" {REST}"))].concat();
    ScriptedModel::start(move |_, _| steps.clone())
}

const BEGUN: &str = "This was heard,";
const REST: &str = "and this was said while the line was gone.";

async fn by_the_network(variant: Reconnect) {
    let gate = Gate::new();
    let model = in_two_halves(&gate);
    let engine = Engine::with_model(&model, &[]);
    let caller = ring(&engine, &variant).await;
    caller.say("Tell me.").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains(BEGUN)).await);
    caller.lose_line().await.expect("a line");
    assert!(caller.session_after(1, SOON).await, "{variant}\n{}", caller.log());
    is_attached_again(&engine).await;
    gate.open();
    let ended = |heard: &str| heard.contains(REST);
    assert!(caller.heard_until(SOON, ended).await, "{variant}\n{}", caller.log());
    heard_once(&caller, &variant, &[BEGUN, REST]);
    assert_eq!(model.requests().len(), 1, "{variant}");
}

/// Waits until the engine speaks on the new socket.
async fn is_attached_again(engine: &Engine) {
    let begun = Instant::now();
    while engine.log().matches("a line is attached").count() < 2 {
        assert!(begun.elapsed() < SOON, "{}", engine.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn what_was_said_before_the_engine_has_noticed_the_loss_is_heard_on_the_next_socket() {
    let variant: Reconnect = "socket,early,after=500".parse().expect("a variant");
    let gate = Gate::new();
    let model = in_two_halves(&gate);
    let engine = Engine::with_model(&model, &[]);
    let caller = ring(&engine, &variant).await;
    caller.say("Tell me.").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains(BEGUN)).await);
    caller.lose_line().await.expect("a line");
    // What leaves at once behind the last ping that was answered may be lost.
    tokio::time::sleep(Duration::from_millis(50)).await;
    gate.open();
    let ended = |heard: &str| heard.contains(REST);
    assert!(caller.heard_until(SOON, ended).await, "{}", caller.log());
    heard_once(&caller, &variant, &[BEGUN, REST]);
}

#[actix_web::test]
async fn a_line_that_the_network_loses_goes_on_in_mid_answer_in_every_variant() {
    for early in [false, true] {
        let all = variants(plain).into_iter();
        join_all(all.map(|variant| by_the_network(Reconnect { early, ..variant }))).await;
    }
}

#[actix_web::test]
async fn a_line_that_the_network_loses_goes_on_also_where_what_was_heard_is_replayed() {
    join_all(variants(repeats).into_iter().map(by_the_network)).await;
}

#[actix_web::test]
async fn a_line_that_the_network_loses_goes_on_also_where_the_action_is_asked_behind_the_socket() {
    join_all(variants(twice_back).into_iter().map(by_the_network)).await;
}

#[actix_web::test]
async fn the_same_word_said_twice_is_two_turns_also_behind_a_replay() {
    for variant in ["tail=4", "tail=4,doubles,same-session", "twice,tail=2"] {
        let variant: Reconnect = variant.parse().expect("a variant");
        let model = ScriptedModel::start(|_, nth| Step::answer(&format!("Answer {nth}.")));
        let engine = Engine::with_model(&model, &[]);
        let caller = ring(&engine, &variant).await;
        caller.say("Yes.").await.expect("a conversation");
        assert_eq!(caller.answer(SOON).await.text, "Answer 0.");
        caller.lose_line().await.expect("a line");
        assert!(caller.session_after(1, SOON).await, "{}", caller.log());
        // A person takes longer than a replay.
        tokio::time::sleep(Duration::from_millis(600)).await;
        caller.say("Yes.").await.expect("a conversation");
        let answered = |heard: &str| heard.contains("Answer 1.");
        assert!(caller.heard_until(SOON, answered).await, "{variant}\n{}", caller.log());
        let call = engine.transcript_when(caller.call_sid(), |call| turns(call) >= 5).await;
        let said = words(&call).into_iter().filter(|(role, _)| role == "customer").count();
        assert_eq!((said, model.requests().len()), (2, 2), "{variant}\n{}", caller.log());
    }
}

#[actix_web::test]
async fn a_socket_without_a_setup_is_the_call_of_its_address() {
    let variant: Reconnect = "no-setup,same-session".parse().expect("a variant");
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = ring(&engine, &variant).await;
    caller.lose_line().await.expect("a line");
    assert!(caller.session_after(1, SOON).await, "{}", caller.log());
    caller.say("Hello?").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains("Yes.")).await, "{}", caller.log());
    heard_once(&caller, &variant, &["Yes."]);
}

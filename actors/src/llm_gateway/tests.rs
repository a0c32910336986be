//! A gateway, its breaker and a model that does what the test says.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
};

use actix::Addr;
use futures_util::{
    FutureExt, StreamExt,
    future::{self, LocalBoxFuture},
    stream,
};
use tracing::Span;

use super::{model::AnswerStream, *};
use crate::domain::{
    answer::{AnswerEvent, FailureKind, Finish, ModelFailure},
    prompt::{Prompt, Tools},
    time::{Millis, Timestamp},
};

/// What a model does with a question.
#[derive(Clone)]
enum Does {
    Refuses(ModelFailure),
    /// Writes these, and then nothing more.
    Writes(Vec<AnswerEvent>),
    /// Writes these and ends without a word about it.
    Breaks(Vec<AnswerEvent>),
    Hangs,
    Panics,
}

/// Does one thing after the other; tells which questions wanted a new connection.
#[derive(Default)]
struct Scripted {
    script: RefCell<VecDeque<Does>>,
    asked: RefCell<Vec<bool>>,
    rested: tokio::sync::Notify,
}

impl Model for Scripted {
    fn open(
        &self,
        _: Prompt,
        fresh: bool,
    ) -> LocalBoxFuture<'static, Result<AnswerStream, ModelFailure>> {
        self.asked.borrow_mut().push(fresh);
        match self.script.borrow_mut().pop_front().expect("a question too many") {
            Does::Refuses(failure) => future::ready(Err(failure)).boxed_local(),
            Does::Writes(events) => {
                let events = stream::iter(events).chain(stream::pending());
                future::ready(Ok(events.boxed_local())).boxed_local()
            }
            Does::Breaks(events) => {
                future::ready(Ok(stream::iter(events).boxed_local())).boxed_local()
            }
            Does::Hangs => future::pending().boxed_local(),
            Does::Panics => panic!("as the test says"),
        }
    }

    fn rest(&self) {
        self.rested.notify_one();
    }
}

/// The deadlines never pass, or always have.
const PATIENT: Patience =
    Patience { first_token: Millis::MAX / 10_000, token_gap: Millis::MAX / 10_000 };
const LATE: Patience = Patience { first_token: 0, token_gap: 0 };

struct House {
    gateway: Addr<LlmGateway>,
    model: Rc<Scripted>,
    policy: Arc<Policy>,
    time: Arc<AtomicU64>,
}

impl House {
    fn new(patience: Patience) -> Self {
        Self::with_pulse(patience, Pulse::start())
    }

    fn with_pulse(patience: Patience, pulse: Arc<Pulse>) -> Self {
        let time = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&time);
        let now = Box::new(move || Timestamp(clock.load(Ordering::Relaxed)));
        let policy = Arc::new(Policy::at(2, patience, now));
        let model = Rc::new(Scripted::default());
        let gateway =
            LlmGateway::new(Rc::clone(&model) as Rc<dyn Model>, Arc::clone(&policy), pulse);
        let gateway = gateway.start();
        Self { gateway, model, policy, time }
    }

    async fn ask(&self, does: Does) -> Result<Tokens, Refused> {
        self.model.script.borrow_mut().push_back(does);
        let question = Generate {
            prompt: Prompt { messages: Vec::new(), tools: Tools::None },
            fresh: false,
            span: Span::none(),
        };
        let answer = self.gateway.send(question).await.expect("a gateway");
        if answer.is_err() {
            self.model.script.borrow_mut().pop_back();
        }
        answer
    }

    /// Asks and hears all there is.
    async fn hear(&self, does: Does) -> Result<Vec<AnswerEvent>, Refused> {
        let mut tokens = self.ask(does).await?.0;
        let mut heard = Vec::new();
        while let Some(event) = tokens.recv().await {
            heard.push(event);
        }
        Ok(heard)
    }

    /// Asks, hears so many events, and goes.
    async fn abandon(&self, does: Does, after: usize) -> Result<(), Refused> {
        let mut tokens = self.ask(does).await?.0;
        for _ in 0..after {
            tokens.recv().await.expect("a token");
        }
        drop(tokens);
        // Until both places are free again, which is when the abandoned one was noticed.
        while self.policy.free() < 2 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn pass(&self, time: Millis) {
        self.time.fetch_add(time, Ordering::Relaxed);
    }

    async fn assert_open(&self) {
        assert!(self.policy.is_breaker_open());
        assert_eq!(self.hear(answer()).await, Err(Refused::Unavailable));
    }
}

fn token(text: &str) -> AnswerEvent {
    AnswerEvent::Token(text.to_owned())
}

fn answer() -> Does {
    Does::Breaks(vec![token("Hello."), AnswerEvent::Done(Finish::Stop)])
}

fn failure(kind: FailureKind) -> ModelFailure {
    ModelFailure { kind, detail: "as the test says".to_owned(), retryable: true, after: None }
}

#[actix::test]
async fn a_model_that_fails_five_times_is_not_asked_and_then_tried_by_one_caller() {
    let house = House::new(PATIENT);
    for _ in 0..5 {
        let heard = house.hear(Does::Refuses(failure(FailureKind::Status(500)))).await;
        assert!(matches!(heard.as_deref(), Ok([AnswerEvent::Failed(_)])), "{heard:?}");
    }
    house.assert_open().await;
    assert_eq!(house.model.asked.borrow().len(), 5, "the model was asked all the same");

    house.pass(5_000);
    let probe = house.ask(Does::Writes(vec![token("Well")])).await.expect("a probe");
    house.assert_open().await;
    drop(probe);
    while house.policy.free() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(house.policy.is_breaker_open(), "a caller who went proves nothing");
    assert_eq!(house.hear(answer()).await.expect("the next probe").len(), 2);
    assert!(!house.policy.is_breaker_open());
    assert_eq!(house.hear(answer()).await.expect("an answer").len(), 2);
    let fresh = [false, false, false, false, false, true, true, false];
    assert_eq!(*house.model.asked.borrow(), fresh, "a probe goes on a new connection");
}

#[actix::test]
async fn answers_that_begin_well_and_never_end_open_it() {
    let failed = |kind| AnswerEvent::Failed(failure(kind));
    for does in [
        Does::Breaks(vec![token("Well")]),
        Does::Breaks(vec![]),
        Does::Breaks(vec![token("Well"), failed(FailureKind::Garbage)]),
        Does::Breaks(vec![token("Well"), failed(FailureKind::Upstream)]),
    ] {
        let house = House::new(PATIENT);
        for _ in 0..5 {
            house.hear(does.clone()).await.expect("an admission");
        }
        house.assert_open().await;
    }
}

#[actix::test]
async fn a_silent_model_opens_it_by_the_callers_who_gave_up() {
    for (does, heard) in [(Does::Hangs, 0), (Does::Writes(vec![]), 0)] {
        let house = House::new(Patience { token_gap: PATIENT.token_gap, ..LATE });
        for _ in 0..5 {
            house.abandon(does.clone(), heard).await.expect("an admission");
        }
        house.assert_open().await;
    }
    let house = House::new(Patience { first_token: PATIENT.first_token, ..LATE });
    for _ in 0..5 {
        house.abandon(Does::Writes(vec![token("Well")]), 1).await.expect("an admission");
    }
    house.assert_open().await;
}

#[actix::test]
async fn callers_who_go_or_cut_in_say_nothing_about_the_model() {
    let house = House::new(PATIENT);
    for _ in 0..20 {
        house.abandon(Does::Hangs, 0).await.expect("an admission");
        house.abandon(Does::Writes(vec![token("Well")]), 1).await.expect("an admission");
    }
    assert!(!house.policy.is_breaker_open());
}

#[actix::test]
async fn a_question_at_fault_a_stale_connection_and_a_broken_task_say_nothing() {
    let house = House::new(PATIENT);
    for _ in 0..6 {
        for kind in [FailureKind::Status(400), FailureKind::Dropped] {
            house.hear(Does::Refuses(failure(kind))).await.expect("an admission");
        }
        assert_eq!(house.hear(Does::Panics).await, Ok(vec![]));
    }
    assert!(!house.policy.is_breaker_open());
    assert_eq!(house.policy.free(), 2, "what panicked keeps its place");
}

#[actix::test]
async fn as_many_are_answered_at_once_as_there_are_places() {
    let house = House::new(PATIENT);
    let first = house.ask(Does::Hangs).await.expect("a place");
    let second = house.ask(Does::Hangs).await.expect("a place");
    assert_eq!(house.hear(answer()).await, Err(Refused::Saturated));
    assert!(!house.policy.is_breaker_open());
    drop((first, second));
}

#[actix::test]
async fn a_model_that_nobody_asks_is_told_to_rest_once() {
    let House { model, policy, .. } = House::new(PATIENT);
    let (asked, pulse) = (Rc::clone(&model), Pulse::start());
    let gateway = || {
        let model = Rc::clone(&asked) as Rc<dyn Model>;
        LlmGateway::new(model, Arc::clone(&policy), Arc::clone(&pulse))
    };
    let mut looking = gateway();
    looking.look_every = std::time::Duration::from_millis(1);
    let _looking = looking.start();
    model.rested.notified().await;

    let (mut gateway, mut context) = (gateway(), Context::new());
    let mut rests = || {
        gateway.look(&mut context);
        model.rested.notified().now_or_never().is_some()
    };
    assert_eq!([(); 4].map(|()| rests()), [false, true, false, false]);
}

#[actix::test]
async fn a_model_is_not_to_blame_for_an_engine_that_stood_still() {
    for (pulse, blamed) in [(Pulse::woken(), false), (Pulse::start(), true)] {
        let house = House::with_pulse(LATE, pulse);
        for _ in 0..3 {
            house.abandon(Does::Hangs, 0).await.expect("an answer on its way");
        }
        for _ in 0..2 {
            let failed = Does::Refuses(failure(FailureKind::Dropped));
            house.hear(failed).await.expect("a failure");
            let failed = Does::Refuses(failure(FailureKind::Timeout));
            house.hear(failed).await.expect("a failure");
        }
        assert_eq!(house.policy.is_breaker_open(), blamed);
    }
}

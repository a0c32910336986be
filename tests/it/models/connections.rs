//! Connections to a model: kept for the next turn, replaced when they turn out to be dead.

use futures_util::future::join_all;

use super::*;

/// An answer in one piece: when it is heard, its connection waits for the next.
fn whole(text: &str) -> Step {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let body = serde_json::json!({"choices": [{"message": {"content": text}}]});
    Step::Status(200, vec![json], body.to_string())
}

/// Both places of a pool are taken and given back, so that two connections wait idle.
async fn warm_up(model: &OpenAi, server: &ScriptedModel, gate: &Gate) {
    let both = join_all([hear(model, "One."), hear(model, "Two.")]);
    let all_ask = async {
        server.asked(1, SOON).await.expect("two requests at once");
        gate.open();
    };
    let (answers, ()) = futures_util::future::join(both, all_ask).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[actix::test]
async fn a_request_that_meets_dead_connections_is_answered_on_a_new_one() {
    for death in [Step::Cut, Step::Reset] {
        let gate = Gate::new();
        // Both connections answer once, and are closed just as the next request comes.
        let server = ScriptedModel::start({
            let gate = gate.clone();
            move |request, nth| match nth {
                0 | 1 => vec![Step::WaitFor(gate.clone()), whole("Yes.")],
                _ if request.connection < 2 => vec![death.clone()],
                _ => Step::answer("Here again."),
            }
        });
        let model = client(settings(&server.url()));
        warm_up(&model, &server, &gate).await;

        let failure = hear(&model, "Still there?").await.expect_err("a dead connection");
        assert_eq!((failure.kind, failure.retryable), (FailureKind::Dropped, true), "{failure}");
        let again = hear_on(&model, "Still there?", true).await;
        assert_eq!(again.expect("an answer"), done("Here again."));

        let requests = server.requests();
        let [.., dropped, retried] = requests.as_slice() else { panic!("{requests:?}") };
        assert!(dropped.connection < 2, "the first attempt takes a connection that waits");
        assert_eq!(retried.connection, 2, "the second does not, though another waits");
        assert_eq!(retried.header("connection"), Some("close"));
    }
}

#[actix::test]
async fn every_new_connection_is_new() {
    const TURNS: usize = 5;
    let server = ScriptedModel::echoing();
    let model = client(settings(&server.url()));
    for turn in 0..TURNS {
        let words = format!("Question {turn}?");
        let heard = hear_on(&model, &words, true).await.expect("an answer");
        assert_eq!(heard, done(&echo_of(&words)));
        server.answered(turn, SOON).await.expect("a whole answer");
    }
    assert_eq!(server.connections(), TURNS);
}

#[actix::test]
async fn a_server_that_closes_what_is_idle_costs_one_new_connection_at_most() {
    const TURNS: usize = 20;
    let server = ScriptedModel::start(|request, _| {
        vec![
            Step::Token(echo_of(request.last_words())),
            Step::Finish("stop".to_owned()),
            Step::Close,
        ]
    });
    let model = client(settings(&server.url()));
    for turn in 0..TURNS {
        let words = format!("Question {turn}?");
        // Whether the end of the last connection is known by now is a race; its outcome is not.
        let heard = match hear(&model, &words).await {
            Err(failure) if failure.kind == FailureKind::Dropped => {
                hear_on(&model, &words, true).await
            }
            heard => heard,
        };
        assert_eq!(heard.expect("an answer"), done(&echo_of(&words)));
    }
}

#[actix::test]
async fn three_hundred_callers_do_not_wait_for_one_another() {
    const CALLERS: usize = 300;
    let gate = Gate::new();
    let server = ScriptedModel::start({
        let gate = gate.clone();
        move |request, _| {
            let mut steps = vec![Step::Head, Step::WaitFor(gate.clone())];
            steps.extend(Step::answer(&echo_of(request.last_words())));
            steps
        }
    });
    let model = client(OpenAiSettings { pool: CALLERS, ..settings(&server.url()) });
    let words: Vec<String> = (0..CALLERS).map(|caller| format!("I am caller {caller}.")).collect();
    let answers = join_all(words.iter().map(|words| hear(&model, words)));
    let all_ask = async {
        // Nobody has been answered when the last one asks: so nobody waited for another's end.
        assert!(server.asked(CALLERS - 1, SOON).await.is_some(), "some wait for the others");
        gate.open();
    };
    let (answers, ()) = futures_util::future::join(answers, all_ask).await;
    for (words, answer) in words.iter().zip(answers) {
        assert_eq!(answer.expect("an answer"), done(&echo_of(words)));
    }
}

#[actix::test]
async fn a_caller_beyond_the_pool_waits_no_longer_than_for_the_first_byte() {
    let server = ScriptedModel::start(|_, _| vec![Step::Head, Step::Hang]);
    let first_byte = Duration::from_millis(200);
    let model = client(OpenAiSettings { pool: 1, first_byte, ..settings(&server.url()) });
    let _talking = model.open(prompt("Hello?"), false).await.expect("a head");
    let failure = model.open(prompt("And me?"), false).await.err().expect("a second connection");
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(server.requests().len(), 1);
}

#[actix::test]
async fn callers_who_ask_one_after_the_other_share_a_connection() {
    const TURNS: usize = 10;
    let server = ScriptedModel::echoing();
    let model = client(settings(&server.url()));
    for turn in 0..TURNS {
        let words = format!("Question {turn}?");
        assert_eq!(hear(&model, &words).await.expect("an answer"), done(&echo_of(&words)));
        server.answered(turn, SOON).await.expect("a whole answer");
    }
    // The rest of a body is read in passing: a turn that comes very soon may find it unread.
    let connections = server.connections();
    assert!(connections < TURNS / 2, "{connections} connections for {TURNS} answers");
}

#[actix::test]
async fn a_model_that_rests_keeps_no_connection() {
    let gate = Gate::new();
    let server = ScriptedModel::start({
        let gate = gate.clone();
        move |_, nth| match nth {
            0 | 1 => vec![Step::WaitFor(gate.clone()), whole("Yes.")],
            _ => Step::answer("Good morning."),
        }
    });
    let model = client(settings(&server.url()));
    warm_up(&model, &server, &gate).await;
    model.rest();
    assert_eq!(hear(&model, "Awake?").await.expect("an answer"), done("Good morning."));
    let last = server.requests().last().map(|request| request.connection);
    assert_eq!(last, Some(2), "the ones before are gone");
}

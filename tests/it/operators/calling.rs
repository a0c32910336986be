//! `switchhook call`: an operator who is the caller, for a smoke test or in a pipeline.

use std::path::Path;

use tempfile::TempDir;

use super::{run, text};
use crate::harness::{
    engine::Engine,
    model::{ScriptedModel, echo_of},
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Calls the engine with these arguments: exit code, what was shown, what went wrong.
async fn call(engine: &Engine, home: &Path, more: &[&str]) -> (i32, String, String) {
    let arguments = [&["call", "--url", &engine.url, "--pace", "fast"], more].concat();
    let output = run(home, &arguments, &[]).await;
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

async fn perform(engine: &Engine, script: &str) -> (i32, String, String) {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("script.txt");
    std::fs::write(&file, script).expect("a file");
    call(engine, home.path(), &["--script", &file.display().to_string()]).await
}

#[actix_web::test]
async fn things_to_say_are_said_and_the_answers_are_shown() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &[]);
    let home = TempDir::new().expect("a directory");
    let (code, shown, wrong) = call(
        &engine,
        home.path(),
        &["--say", "What is the fee?", "--say", "And the rate?", "--from", "+12025550177"],
    )
    .await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    for question in ["What is the fee?", "And the rate?"] {
        assert!(shown.contains(&format!("caller: {question}\n")), "{shown}");
        assert!(shown.contains(&format!("agent: {}\n", echo_of(question))), "{shown}");
    }
    assert!(shown.contains("(first token "), "{shown}");
    assert!(shown.contains("(the caller hung up)"), "{shown}");
    assert_eq!(engine.metric(r#"switchhook_calls_ended_total{status="completed"}"#).await, 1.0);
    assert_eq!(model.requests().len(), 2);
    assert_eq!(model.requests()[1].last_words(), "And the rate?");
    engine.when("/monitor", |live| live.as_array().is_some_and(Vec::is_empty)).await;
}

#[actix_web::test]
async fn a_script_whose_expectations_hold_ends_with_code_0() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &[]);
    let (code, shown, wrong) = perform(
        &engine,
        "# a comment\n\nsay What is the fee?\nwithin 10000 ms\nexpect WHAT IS the fee\n\
         expect-not rosebud\nsay Thanks\nexpect i heard: thanks\ndrop\nreconnect\n\
         say Still there?\nexpect there\nhangup\n",
    )
    .await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    assert_eq!(model.requests().len(), 3);
}

#[actix_web::test]
async fn a_script_with_an_expectation_that_fails_names_its_line_and_ends_with_code_1() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &[]);
    let (code, shown, wrong) = perform(
        &engine,
        "# a comment\n\nsay One\nexpect One\nexpect-not heard\nsay Two\nexpect Two\n",
    )
    .await;
    assert_eq!(code, 1, "{shown}");
    assert!(wrong.starts_with("failed: line 5, expect-not heard: the answer was "), "{wrong}");
    assert_eq!(wrong.lines().count(), 1, "{wrong}");
    assert!(
        shown.contains("caller: Two"),
        "what comes after it is performed all the same: {shown}"
    );
}

#[actix_web::test]
async fn a_script_pauses_no_longer_than_the_call_lasts() {
    let engine = Engine::start(&[]);
    let script = "say Goodbye.\npause 600000 ms\nexpect goodbye\nexpect-end\n";
    let (code, shown, wrong) = perform(&engine, script).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    let (code, shown, wrong) = perform(
        &engine,
        "say Goodbye.\npause 600000 ms\nsay And the fee?\nwithin 900 ms\nexpect dollars\n\
         pause 600000 ms\nexpect-not sorry\nhangup\nexpect-end\n",
    )
    .await;
    assert_eq!(code, 1, "{shown}");
    let wrong: Vec<_> = wrong.lines().collect();
    assert_eq!(
        wrong,
        [
            "failed: line 3, say And the fee?: the call is over",
            "failed: line 4, within 900 ms: the call was over before",
            "failed: line 5, expect dollars: the call was over before",
            "failed: line 7, expect-not sorry: the call was over before",
        ],
        "{shown}"
    );
}

#[actix_web::test]
async fn a_script_that_cannot_be_read_makes_no_call() {
    let engine = Engine::start(&[]);
    let (code, _, wrong) = perform(&engine, "say Hello\n\nsing a song\n").await;
    assert_eq!(code, 1);
    assert!(wrong.contains("script.txt: line 3: \"sing\" is not a step"), "{wrong}");
    let home = TempDir::new().expect("a directory");
    let (code, _, wrong) = call(&engine, home.path(), &["--script", "nowhere.txt"]).await;
    assert_eq!(code, 1);
    assert!(wrong.contains("nowhere.txt cannot be read: No such file"), "{wrong}");
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
}

#[actix_web::test]
async fn an_engine_that_is_not_there_or_refuses_is_told_with_code_1() {
    let home = TempDir::new().expect("a directory");
    let engine = Engine::start(&[("TWILIO_AUTH_TOKEN", TOKEN)]);
    let (code, _, wrong) = call(&engine, home.path(), &["--say", "Hello"]).await;
    assert_eq!(code, 1);
    assert!(wrong.starts_with("error: ") && wrong.contains("403"), "{wrong}");
    let (code, ..) = call(&engine, home.path(), &["--say", "Hello", "--token", TOKEN]).await;
    assert_eq!(code, 0);
    let gone = engine.url.clone();
    drop(engine);
    let output = run(home.path(), &["call", "--url", &gone, "--say", "Hello"], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let wrong = text(&output.stderr);
    assert!(wrong.contains("cannot be reached") && wrong.contains(&gone), "{wrong}");
}

#[actix_web::test]
async fn an_operator_on_the_engines_own_machine_need_not_repeat_its_configuration() {
    const PUBLIC: &str = "https://bank.example";
    let access = "admin:admin-token-of-the-stories";
    let env = [
        ("PUBLIC_URL", PUBLIC),
        ("TWILIO_AUTH_TOKEN", TOKEN),
        ("ACCESS_TOKENS", access),
        ("OPENAI_API_KEY", "sk-test"),
    ];
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &env[..3]);
    let home = TempDir::new().expect("a directory");
    let arguments = ["call", "--url", &engine.url, "--pace", "fast", "--say", "Is it on?"];
    let output = run(home.path(), &arguments, &env).await;
    let (shown, wrong) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{shown}{wrong}");
    assert!(shown.contains("agent: Yes."), "{shown}");
    // A token that the engine does not know is refused, whatever the address.
    let output = run(home.path(), &[&arguments[..], &["--token", "x"]].concat(), &env).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("403"), "{}", text(&output.stderr));
}

#[actix_web::test]
async fn the_offline_model_holds_a_call_on_a_machine_without_anything() {
    let engine = Engine::start(&[]);
    let (code, shown, wrong) =
        perform(&engine, "say What is the annual fee of the Eagle Card?\nexpect dollars\n").await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    let (code, shown, wrong) = perform(&engine, "say Goodbye.\nexpect-end\n").await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    assert!(shown.contains("(the engine ended the call)"), "{shown}");
    let ended = engine.metric(r#"switchhook_calls_ended_total{status="completed"}"#).await;
    assert_eq!(ended, 2.0);
}

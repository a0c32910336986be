//! `switchhook check`, as an operator runs it.

use std::process::Output;

use crate::harness::{
    engine::{Engine, command},
    model::{ScriptedModel, Step, model_of_nobody},
};

/// Runs it in a directory with these variables.
fn check(home: &std::path::Path, env: &[(&str, &str)]) -> (Option<i32>, String) {
    let env: Vec<_> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let Output { status, stdout, .. } = command(home, &env).arg("check").output().expect("it runs");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned())
}

/// The line about something.
fn line<'a>(report: &'a str, what: &str) -> &'a str {
    report.lines().find(|line| line.split_whitespace().nth(1) == Some(what)).unwrap_or_default()
}

#[test]
fn a_fresh_machine_would_serve_and_is_told_what_is_missing_for_real_calls() {
    let home = tempfile::tempdir().expect("a directory");
    let (code, report) = check(home.path(), &[("PORT", "0")]);
    assert_eq!(code, Some(0), "{report}");
    assert!(line(&report, "model").contains("offline"), "{report}");
    assert!(line(&report, "store").starts_with("ok"), "{report}");
    assert!(report.contains("→ set TWILIO_AUTH_TOKEN"), "{report}");
}

#[actix_web::test]
async fn a_running_engine_is_asked_rather_than_its_store_opened() {
    let engine = Engine::start(&[]);
    let port = engine.url.rsplit(':').next().unwrap_or_default().to_owned();
    let (code, report) = check(engine.home(), &[("PORT", &port)]);
    assert_eq!(code, Some(0), "{report}");
    assert!(line(&report, "engine").contains("ready"), "{report}");
    assert_eq!(line(&report, "store"), "", "{report}");
}

#[test]
fn a_model_that_is_not_there_or_refuses_the_key_would_not_serve() {
    crate::harness::provider();
    let home = tempfile::tempdir().expect("a directory");
    let gone = model_of_nobody();
    let (code, report) = check(home.path(), &[("PORT", "0"), ("OPENAI_BASE_URL", &gone)]);
    assert_eq!(code, Some(1), "{report}");
    assert!(line(&report, "model").starts_with("BAD"), "{report}");

    let model = ScriptedModel::start(|_, _| vec![Step::refusal(401, &[], "invalid_api_key")]);
    let env = [("PORT", "0"), ("OPENAI_BASE_URL", &model.url()), ("OPENAI_API_KEY", "sk-canary")];
    let (code, report) = check(home.path(), &env);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("mend OPENAI_API_KEY") && !report.contains("canary"), "{report}");
}

#[test]
fn a_persona_that_is_not_right_is_explained_by_line() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("persona.md");
    std::fs::write(&file, "+++\nname = \"X\"\ngreetin = \"Hi\"\n+++\nbody\n").expect("a file");
    let path = file.display().to_string();
    let (code, report) = check(home.path(), &[("PORT", "0"), ("PERSONA_FILE", &path)]);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("line 3") && report.contains("greeting"), "{report}");
}

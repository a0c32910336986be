//! No secret is ever printed, logged, counted or answered.

use std::path::Path;

use tempfile::TempDir;

use super::{PUBLIC, at_bank};
use crate::harness::{
    door::Ask,
    engine::{Engine, SOON, command, finished},
    model::ScriptedModel,
};

/// A value for every variable that holds secrets, each with a word that stands nowhere else.
const SECRETS: [(&str, &str, &str); 6] = [
    ("TWILIO_AUTH_TOKEN", "canaryAuthOne,canaryAuthTwo", "canaryAuth"),
    ("TWILIO_API_KEY_SECRET", "canaryApiKeySecret", "canaryApi"),
    ("OPENAI_API_KEY", "canaryOpenAiKey", "canaryOpenAi"),
    ("ACCESS_TOKENS", "viewer:canaryViewerToken,admin:canaryAdminToken", "canaryViewer"),
    ("TRANSCRIPT_KEYS", "k1:Y2FuYXJ5VHJhbnNjcmlwdEtleUNhbmFyeUNhbmFyeTE=", "Y2FuYXJ5VHJhbnNj"),
    ("LINK_KEYS", "k1:Y2FuYXJ5TGlua0tleXNDYW5hcnlDYW5hcnlDYW5hcnk=", "Y2FuYXJ5TGlua0tl"),
];

/// Other words of theirs.
const MORE: [&str; 3] = ["canaryAdmin", "canaryTranscriptKey", "canaryLinkKeys"];

fn env<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let secrets = SECRETS.iter().map(|(name, value, _)| (*name, *value));
    let account = [
        ("PUBLIC_URL", PUBLIC),
        ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000000"),
        ("TWILIO_API_KEY_SID", "SK00000000000000000000000000000000"),
    ];
    secrets.chain(account).chain(more.iter().copied()).collect()
}

fn keeps_secrets(place: &str, text: &str) {
    let words = SECRETS.iter().map(|(.., word)| *word).chain(MORE);
    for word in words {
        if let Some(at) = text.find(word) {
            let shown = text.get(at.saturating_sub(300)..).unwrap_or(text);
            let shown: String = shown.chars().take(400).collect();
            panic!("{word} stands in {place}: {shown}");
        }
    }
}

async fn fails(home: &Path, env: &[(&str, &str)]) -> Vec<String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let env: Vec<_> = env.iter().map(own).collect();
    let output = finished(&mut command(home, &env)).await;
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "", "nothing was served");
    keeps_secrets("stderr", &err);
    err.lines().map(str::to_owned).collect()
}

#[actix_web::test]
async fn a_public_engine_without_its_tokens_refuses_to_start_and_says_why() {
    let home = TempDir::new().expect("a directory");
    let auth = ("TWILIO_AUTH_TOKEN", "canaryAuthOne");
    let access = ("ACCESS_TOKENS", "viewer:canaryViewerToken");
    for public in [("PUBLIC_URL", PUBLIC), ("BIND", "0.0.0.0"), ("BIND", "::")] {
        let said = fails(home.path(), &[public]).await;
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("ACCESS_TOKENS: required"), "{said:?}");
        assert!(said[1].starts_with("TWILIO_AUTH_TOKEN: required"), "{said:?}");
        let said = fails(home.path(), &[public, auth]).await;
        assert!(matches!(&said[..], [one] if one.starts_with("ACCESS_TOKENS: ")), "{said:?}");
        let said = fails(home.path(), &[public, access]).await;
        assert!(matches!(&said[..], [one] if one.starts_with("TWILIO_AUTH_TOKEN: ")), "{said:?}");
        let said = fails(home.path(), &[public, ("TWILIO_AUTH_TOKEN", " "), access]).await;
        assert!(matches!(&said[..], [one] if one.starts_with("TWILIO_AUTH_TOKEN: ")), "{said:?}");
    }
}

#[actix_web::test]
async fn wrong_values_of_secret_variables_are_told_without_the_values() {
    let home = TempDir::new().expect("a directory");
    let wrong = [
        ("TWILIO_AUTH_TOKEN", "canaryAuth One"),
        ("TWILIO_API_KEY_SECRET", "canaryApiKeySecret"),
        ("OPENAI_API_KEY", "canaryOpenAi Key"),
        ("OPENAI_BASE_URL", "https://canaryAdmin:canaryViewer@models.example"),
        ("ACCESS_TOKENS", "canaryViewer,king:canaryViewerToken,admin:canaryAdmin"),
        ("REDIS_URL", "redis://:canaryAuth@127.0.0.1/x"),
        ("TRANSCRIPT_KEYS", "canaryTranscriptKey"),
        ("LINK_KEYS", "k:canaryLinkKeys"),
        ("TWILIO_ACCOUNT_SID", "canaryAuthOne"),
        ("TWILIO_WORKFLOW_SID", "canaryApiKeySecret"),
    ];
    let said = fails(home.path(), &wrong).await;
    for (name, _) in wrong.iter().filter(|(name, _)| *name != "TWILIO_API_KEY_SECRET") {
        assert!(said.iter().any(|line| line.starts_with(&format!("{name}: "))), "{name}: {said:?}");
    }
    let own = "an engine that reads a file";
    std::fs::write(home.path().join(".env"), "OPENAI_API_KEY=canaryOpenAi Key\nPORT=x\n")
        .expect(own);
    let said = fails(home.path(), &[]).await;
    assert!(said.iter().any(|line| line.starts_with(".env line 1: ")), "{said:?}");
}

#[actix_web::test]
async fn a_running_engine_that_logs_everything_keeps_its_secrets() {
    let model = ScriptedModel::saying("Yes.");
    let url = model.url();
    let mut engine = Engine::start(&env(&[("LOG", "trace"), ("OPENAI_BASE_URL", &url)]));
    let options = at_bank(&engine, "canaryAuthOne");
    let caller = engine.ring_as(options).await;
    caller.say("Hello?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Yes.");
    assert_eq!(model.requests()[0].authorization(), Some("Bearer canaryOpenAiKey"));
    // Those who show a token to a route that refuses it are not to be read about either.
    Ask::get("/monitor").bearer("canaryViewerTokenWrong").at(&engine).await.problem(401);
    let erase = Ask::new("DELETE", &format!("/api/transcript/{}", caller.call_sid()));
    let refusal = erase.bearer("canaryViewerToken").at(&engine).await;
    refusal.problem(403);
    caller.hang_up().await.expect("a line");
    let call =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    let (status, metrics) = engine.get("/metrics").await;
    assert!(status == 200 && metrics.contains("switchhook_calls_opened_total 1"), "{metrics}");

    for path in ["/", "/livez", "/readyz", "/monitor"] {
        keeps_secrets(path, &engine.get(path).await.1);
    }
    keeps_secrets("/metrics", &metrics);
    keeps_secrets("a refusal", &format!("{refusal:?}"));
    keeps_secrets("a transcript", &call.to_string());
    engine.signal("TERM");
    assert_eq!(engine.exited().await.code(), Some(0));
    let log = engine.log();
    assert!(log.contains("TRACE") && log.contains("the call is over"), "{log}");
    keeps_secrets("the log", &log);
    let printed = engine.printed();
    assert!(printed.contains("webhooks at https://bank.example/voice/incoming"), "{printed}");
    keeps_secrets("what it prints", &printed);
}

//! `switchhook load`: an operator who wants to know what an engine carries.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{run, text};
use crate::harness::{
    engine::{Engine, PROGRAM},
    model::ScriptedModel,
};

/// `switchhook load --model-stub`, which is killed when it is dropped.
struct Stub {
    child: Child,
    url: String,
}

impl Stub {
    /// Five words an answer, one every `gap_ms`.
    fn start(gap_ms: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["load", "--model-stub", "--port", "0", "--tokens", "5"])
            .args(["--first-ms", "20", "--gap-ms", gap_ms])
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut said = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        stdout.read_line(&mut said).expect("a line");
        let (_, url) = said.trim().split_once("listens on ").expect("its address");
        Self { child, url: url.to_owned() }
    }

    fn engine(&self) -> Engine {
        Engine::start(&[("OPENAI_BASE_URL", &self.url), ("OPENAI_API_KEY", "none")])
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Loads the engine with these arguments, for a person: exit code, report.
async fn load_shown(engine: &Engine, more: &[&str]) -> (i32, String) {
    let home = TempDir::new().expect("a directory");
    let output = run(home.path(), &[&["load", "--url", &engine.url], more].concat(), &[]).await;
    assert_eq!(text(&output.stderr), "");
    (output.status.code().expect("an exit code"), text(&output.stdout))
}

/// Loads the engine with these arguments: exit code, report, what went wrong.
async fn load(engine: &Engine, more: &[&str]) -> (i32, Value, String) {
    let home = TempDir::new().expect("a directory");
    let arguments = [&["load", "--url", &engine.url, "--json", "-"], more].concat();
    let output = run(home.path(), &arguments, &[]).await;
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().expect("an exit code"), report, text(&output.stderr))
}

#[actix_web::test]
async fn twenty_callers_of_two_turns_lose_no_word_and_are_reported() {
    let stub = Stub::start("5");
    let engine = stub.engine();
    let pid = engine.pid().to_string();
    let callers = ["--calls", "20", "--turns", "2", "--every", "0.4", "--ramp", "0.2"];
    let more = [&callers[..], &["--engine-pid", &pid, "--threads", "2"]].concat();
    let (code, report, wrong) = load(&engine, &more).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{report:#}");
    assert_eq!(report["calls"]["served"], 20, "{report:#}");
    assert_eq!(report["turns"]["answered"], 40, "{report:#}");
    let tokens = &report["tokens"];
    assert_eq!((&tokens["received"], &tokens["stamped"]), (&200.into(), &200.into()), "{tokens}");
    for wrong in ["lost", "doubled", "foreign", "stale"] {
        assert_eq!(tokens[wrong], 0, "{wrong}");
    }
    assert_eq!(report["violations"], 0);
    let first = report["first_token_ms"]["p50"].as_f64().expect("a delay");
    assert!(first >= 20.0, "the model alone takes as long: {first}");
    assert_eq!(report["added_ms"]["count"], 200);
    assert_eq!(report["webhook_ms"]["count"], 40, "one at the ring, one at the end");
    assert_eq!(report["connect_ms"]["count"], 20);
    assert!(report["engine"]["rss_before_kib"].as_u64().expect("memory") > 1_000, "{report:#}");
    assert_eq!(engine.metric(r#"switchhook_calls_ended_total{status="completed"}"#).await, 20.0);
}

#[actix_web::test]
async fn a_threshold_that_does_not_hold_is_named_with_code_1() {
    let stub = Stub::start("1");
    let engine = stub.engine();
    let callers = ["--calls", "2", "--turns", "1", "--ramp", "0", "--max-first-token-ms", "1"];
    let (code, report, _) = load(&engine, &callers).await;
    assert_eq!(code, 1);
    let broken = report["broken"].as_array().expect("a list");
    let told = broken.first().and_then(Value::as_str).unwrap_or_default();
    assert!(broken.len() == 1 && told.starts_with("first token p99: "), "{broken:?}");
    assert_eq!(report["calls"]["served"], 2, "{report:#}");
}

const FEW: [&str; 6] = ["--calls", "2", "--turns", "1", "--ramp", "0"];

#[actix_web::test]
async fn an_engine_with_another_model_than_the_stub_was_not_measured_and_that_is_no_success() {
    let model = ScriptedModel::saying("It costs nothing.");
    let engine = Engine::with_model(&model, &[]);
    let (code, report, _) = load(&engine, &FEW).await;
    assert_eq!(code, 1, "{report:#}");
    assert_eq!(report["calls"]["served"], 2, "{report:#}");
    let broken = report["broken"].as_array().expect("a list");
    let told = broken.first().and_then(Value::as_str).unwrap_or_default();
    assert!(broken.len() == 1 && told.starts_with("stamps: none of 2 answers has one"), "{told}");
    assert!(told.contains("--model-stub") && told.contains("--say"), "{told}");
    let (code, shown) = load_shown(&engine, &FEW).await;
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("added a token   not measured: no word has a stamp\n"), "{shown}");
    assert!(shown.contains("lost, doubled, foreign, stale: not measured"), "{shown}");
    assert!(shown.contains("\nBROKEN          stamps: "), "{shown}");
}

#[actix_web::test]
async fn calls_that_a_real_model_answers_are_counted_and_what_it_adds_is_not_measured() {
    let model = ScriptedModel::saying("It costs nothing.");
    let engine = Engine::with_model(&model, &[]);
    let say = [&FEW[..], &["--say", "What is the fee?"]].concat();
    let (code, shown) = load_shown(&engine, &say).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("2 started, 2 served, 0 failed"), "{shown}");
    assert!(shown.contains("added a token   not measured: no word has a stamp\n"), "{shown}");
    let (code, shown) =
        load_shown(&engine, &[&say[..], &["--max-added-p99-ms", "20"]].concat()).await;
    assert_eq!(code, 1, "{shown}");
    let broken = "BROKEN          added p99: not measured, no word has a stamp; at most 20\n";
    assert!(shown.contains(broken), "{shown}");
}

#[actix_web::test]
async fn a_figure_that_could_not_be_measured_is_no_zero() {
    let stub = Stub::start("1");
    let engine = stub.engine();
    let pid = engine.pid().to_string();
    let (code, shown) = load_shown(&engine, &[&FEW[..], &["--engine-pid", &pid]].concat()).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("while all talk not measured\n"), "{shown}");
    assert!(!shown.contains("added a token   not measured"), "{shown}");
    let (code, shown) = load_shown(&engine, &["--calls", "1", "--turns", "0", "--ramp", "0"]).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("first token     not measured: no answer came\n"), "{shown}");
    assert!(shown.contains("CPU, a token not measured, on 1 threads"), "{shown}");
}

#[actix_web::test]
async fn callers_who_cut_in_hear_the_new_answer_and_not_the_old_one() {
    let stub = Stub::start("300");
    let engine = stub.engine();
    let callers = ["--calls", "6", "--turns", "1", "--ramp", "0", "--interrupt-rate", "1"];
    let (code, report, wrong) = load(&engine, &callers).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{report:#}");
    assert_eq!((&report["calls"]["served"], &report["turns"]["answered"]), (&6.into(), &6.into()));
    let cut = report["turns"]["interrupted"].as_u64().expect("a number");
    assert!(cut > 0, "{report:#}");
    assert_eq!(report["turns"]["asked"], 6 + cut);
    assert_eq!((&report["tokens"]["lost"], &report["tokens"]["stale"]), (&0.into(), &0.into()));
}

#[actix_web::test]
async fn an_engine_that_is_not_there_is_told_call_by_call() {
    let engine = Engine::start(&[]);
    let (code, report, _) = {
        let gone = engine.url.clone();
        drop(engine);
        let home = TempDir::new().expect("a directory");
        let arguments = ["load", "--url", &gone, "--calls", "3", "--ramp", "0", "--json", "-"];
        let output = run(home.path(), &arguments, &[]).await;
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        (output.status.code(), report, output.stderr)
    };
    assert_eq!(code, Some(1));
    assert_eq!((&report["calls"]["started"], &report["calls"]["failed"]), (&3.into(), &3.into()));
    let reasons = report["failures"].as_object().expect("reasons");
    assert!(reasons.keys().all(|reason| reason.contains("cannot be reached")), "{reasons:?}");
}

#[actix_web::test]
async fn another_process_than_the_engine_is_not_measured_in_its_place() {
    let stub = Stub::start("1");
    let engine = stub.engine();
    let port = engine.url.rsplit(':').next().expect("a port");
    let others = stub.child.id().to_string();
    let local = format!("http://localhost:{port}");
    let socket = format!("ws://127.0.0.1:{port}/conversation/CA1");
    for place in [["--url", &engine.url], ["--url", &local], ["--ws", &socket]] {
        let home = TempDir::new().expect("a directory");
        let arguments = [&["load", "--engine-pid", &others], &place[..], &FEW].concat();
        let output = run(home.path(), &arguments, &[]).await;
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
        let told = format!(
            "error: the process {others} (switchhook) does not listen on port {port}: \
             --engine-pid takes the engine's own\n"
        );
        assert_eq!(text(&output.stderr), told);
    }
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
}

#[actix_web::test]
async fn a_command_line_that_makes_no_sense_makes_no_call() {
    let home = TempDir::new().expect("a directory");
    for wrong in [&["--calls", "0"][..], &["--url", "bank"], &["--interrupt-rate", "2"]] {
        let output = run(home.path(), &[&["load"], wrong].concat(), &[]).await;
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

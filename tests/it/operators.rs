//! The program on the command line: what it says to operators, and with which exit code it goes.

mod calling;
mod following;
mod loading;
mod stopping;

use std::{net::TcpListener, path::Path, process::Output};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::engine::{Engine, command, finished};

/// The persona inside, to be spoiled.
const OWL_BANK: &str = include_str!("../../deploy/personas/owl-bank.md");

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program with these arguments and variables, and no others, to its end.
async fn run(home: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let env: Vec<_> = env.iter().map(own).collect();
    finished(command(home, &env).args(arguments)).await
}

/// Starts the engine, which must not start: the exit code and what it said.
async fn refused(home: &Path, env: &[(&str, &str)]) -> (i32, String) {
    let output = run(home, &["serve"], env).await;
    assert_eq!(text(&output.stdout), "", "it must not say that it listens");
    (output.status.code().expect("an exit code"), text(&output.stderr))
}

/// Why the engine did not start, out of its log.
fn reason(log: &str) -> String {
    let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut errors = lines.filter(|line: &serde_json::Value| line["level"] == "ERROR");
    let error = errors.next().unwrap_or_default();
    assert!(errors.next().is_none(), "one reason: {log}");
    error["message"].as_str().unwrap_or_default().to_owned()
}

#[actix_web::test]
async fn everything_that_is_wrong_with_the_variables_is_told_at_once() {
    let home = TempDir::new().expect("a directory");
    let wrong = [
        ("PORT", "70000"),
        ("BIND", "everywhere"),
        ("PUBLIC_URL", "https://bank.example/calls"),
        ("OPENAI_BASE_URL", "models.example"),
        ("OPENAI_TEMPERATURE", "warm"),
        ("FIRST_TOKEN_MS", "0"),
        ("RELAY_INTERRUPTIBLE", "maybe"),
        ("RELAY_LANGUAGES", "sv-SE"),
        ("MAX_CALLS", "none"),
        ("RETENTION_HOURS", "-1"),
        ("ESCALATION_NUMBER", "911"),
        ("CORS_ORIGINS", "*"),
        ("LOG_FORMAT", "xml"),
    ];
    let (code, said) = refused(home.path(), &wrong).await;
    assert_eq!(code, 64);
    assert_eq!(said.lines().count(), wrong.len(), "{said}");
    for (name, _) in wrong {
        let lines = said.lines().filter(|line| line.starts_with(&format!("{name}: ")));
        let lines: Vec<_> = lines.collect();
        assert!(matches!(lines[..], [line] if line.contains("expected ")), "{name}: {said}");
    }
    assert!(said.contains("found \"70000\""), "{said}");
    assert!(!home.path().join("data").exists(), "nothing was begun");
}

#[actix_web::test]
async fn a_file_beside_the_program_is_read_and_the_environment_goes_before_it() {
    let home = TempDir::new().expect("a directory");
    let file = "# limits\nMAX_TURNS=lots\nMAX_CALLS=many\nDRAIN_SECONDS\nMAX_TURNS=3\n";
    std::fs::write(home.path().join(".env"), file).expect("a file");
    let (code, said) = refused(home.path(), &[]).await;
    assert_eq!(code, 64);
    assert!(said.lines().any(|line| line.starts_with(".env line 4: ")), "{said}");
    assert!(said.lines().any(|line| line.starts_with("MAX_TURNS: stands in .env twice")), "{said}");
    std::fs::write(home.path().join(".env"), "MAX_TURNS=lots\nMAX_CALLS=many\n").expect("a file");
    let (code, said) = refused(home.path(), &[("MAX_TURNS", "3")]).await;
    assert_eq!(code, 64);
    assert!(said.starts_with("MAX_CALLS: ") && said.lines().count() == 1, "{said}");
}

#[actix_web::test]
async fn a_redis_address_that_is_none_is_refused_without_its_password() {
    let home = TempDir::new().expect("a directory");
    let (code, said) = refused(home.path(), &[("REDIS_URL", "redis://:sesame@127.0.0.1/x")]).await;
    assert_eq!(code, 64);
    assert!(said.starts_with("REDIS_URL: ") && said.contains("redis+sentinel://"), "{said}");
    assert!(said.lines().count() == 1 && !said.contains("sesame"), "{said}");
}

#[actix_web::test]
async fn what_is_wrong_with_a_persona_file_is_told_with_its_lines() {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("persona.md");
    let path = file.display().to_string();
    let line_of = |key: &str| {
        let line = OWL_BANK.lines().position(|line| line.starts_with(key)).expect("a key");
        line + 1
    };
    let spoiled = OWL_BANK
        .replace("goodbye = ", "goodbey = ")
        .replace("language = \"en-US\"", "language = \"plain English\"");
    assert_ne!(spoiled, OWL_BANK);
    std::fs::write(&file, spoiled).expect("a file");
    let (code, log) = refused(home.path(), &[("PERSONA_FILE", &path)]).await;
    assert_eq!(code, 78);
    let said = reason(&log);
    let misspelt =
        format!("line {}: unknown key `goodbey`: did you mean `goodbye`?", line_of("goodbye ="));
    assert!(said.contains("PERSONA_FILE: ") && said.contains(&misspelt), "{said}");
    assert!(said.contains("line 1: `goodbye` is missing"), "{said}");
    assert!(said.contains(&format!("line {}: `language`", line_of("language ="))), "{said}");
    assert_eq!(said.lines().count(), 3, "{said}");

    std::fs::write(&file, OWL_BANK.replace("greeting = \"", "greeting = ")).expect("a file");
    let (code, log) = refused(home.path(), &[("PERSONA_FILE", &path)]).await;
    assert_eq!(code, 78);
    let said = reason(&log);
    assert!(
        said.contains(&format!("line {}: the header is not TOML", line_of("greeting ="))),
        "{said}"
    );

    let nowhere = home.path().join("nowhere.md").display().to_string();
    let (code, log) = refused(home.path(), &[("PERSONA_FILE", &nowhere)]).await;
    assert_eq!(code, 78);
    assert!(reason(&log).contains("nowhere.md: No such file"), "{log}");
}

#[actix_web::test]
async fn a_port_that_is_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let home = TempDir::new().expect("a directory");
    let (code, log) = refused(home.path(), &[("PORT", &address.port().to_string())]).await;
    assert_eq!(code, 78);
    let said = reason(&log);
    let expected = format!("BIND, PORT: cannot listen on {address}: Address already in use");
    assert!(said.contains(&expected), "{said}");
}

#[actix_web::test]
async fn a_data_directory_that_cannot_be_written_is_named() {
    let home = TempDir::new().expect("a directory");
    std::fs::write(home.path().join("data"), "a file where a directory should be").expect("a file");
    let (code, log) = refused(home.path(), &[("PORT", "0")]).await;
    assert_eq!(code, 78);
    assert!(reason(&log).contains("DATA_DIR: "), "{log}");
}

#[actix_web::test]
async fn an_engine_says_where_it_listens_and_what_is_real() {
    let mut engine = Engine::start(&[("OPENAI_MODLE", "gpt"), ("MAX_CALLS", "5")]);
    engine.when("/readyz", |ready| ready["status"] == "ready").await;
    engine.signal("TERM");
    assert_eq!(engine.exited().await.code(), Some(0));
    let said = engine.printed();
    for words in [
        &format!("listens on {}", engine.url),
        "offline: answers from the persona's own knowledge",
        "OWL Bank (embedded",
        "signatures are not checked",
        "calls at most   5",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let log = engine.log();
    assert!(log.contains("OPENAI_MODLE") && log.contains("did you mean OPENAI_MODEL?"), "{log}");
}

#[actix_web::test]
async fn the_program_says_its_version_and_how_it_is_used_whatever_the_environment() {
    let home = TempDir::new().expect("a directory");
    let broken = [("PORT", "x")];
    let version = run(home.path(), &["--version"], &broken).await;
    assert_eq!(version.status.code(), Some(0));
    let expected = format!("switchhook {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&version.stdout), expected);
    let help = run(home.path(), &["--help"], &broken).await;
    assert_eq!(help.status.code(), Some(0));
    let said = text(&help.stdout);
    for command in ["serve", "call", "load", "check"] {
        assert!(said.lines().any(|line| line.trim_start().starts_with(command)), "{said}");
    }
    let help = run(home.path(), &["call", "--help"], &broken).await;
    assert!(text(&help.stdout).contains("expect TEXT"), "{}", text(&help.stdout));
    let help = run(home.path(), &["load", "--help"], &broken).await;
    for word in ["put late", "foreign", "stale", "ahead", "while all talk"] {
        assert!(text(&help.stdout).contains(&format!("\n  {word} ")), "{}", text(&help.stdout));
    }
    let unknown = run(home.path(), &["dance"], &[]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("'dance'"), "{}", text(&unknown.stderr));
}

/// Bytes that are no request of any protocol we speak.
const BAD_BYTES: [&[u8]; 4] = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
];

/// Says that to the engine's port: what it answers until it hangs up.
async fn stranger(engine: &Engine, bytes: &[u8]) -> String {
    let address = engine.url.strip_prefix("http://").expect("an address");
    let mut socket = TcpStream::connect(address).await.expect("a door");
    socket.write_all(bytes).await.expect("a door");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("an answer and an end");
    text(&answer)
}

#[actix_web::test]
async fn what_scanners_send_to_the_port_is_no_error_of_the_operator() {
    let all = BAD_BYTES.len();
    for (filter, told) in
        [("info", 0), ("warn,switchhook=debug", 0), ("info,actix_http=error", all), ("debug", all)]
    {
        let mut engine = Engine::start(&[("LOG", filter)]);
        for bytes in BAD_BYTES {
            let answer = stranger(&engine, bytes).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        engine.signal("TERM");
        assert!(engine.exited().await.success(), "{}", engine.log());
        let log = engine.log();
        let errors = log.lines().filter(|line| line.contains("\"level\":\"ERROR\""));
        assert_eq!(errors.count(), told, "{filter}: {log}");
    }
}

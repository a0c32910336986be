//! Every variable with values that do and values that do not, and no secret anywhere.

use std::collections::BTreeSet;

use super::*;

const SID: &str = "0123456789abcdef0123456789ABCDEF";

/// Of each variable: what it takes, and what it does not.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("BIND", &["127.0.0.1", "::1", " 127.0.0.2 "], &["localhost", "127.0.0.1:80", "999.1.1.1"]),
    ("PORT", &["0", "1", "65535"], &["-1", "65536", "http", "3000.0"]),
    ("PUBLIC_URL", &["http://127.0.0.1:3000", "http://localhost/", "https://localhost:8443"],
        &["calls.example.com", "http://calls.example.com", "ftp://localhost", "http://localhost/path", "http://localhost?",
          "http://localhost/#x", "http://user@localhost", "http://user:pw@localhost", "http://", "http://localhost:0", "ws://localhost"]),
    ("TWILIO_ACCOUNT_SID", &["AC$SID"], &["AC", "SK$SID", "AC$SID0", "ac$SID", "$SID"]),
    ("TWILIO_AUTH_TOKEN", &["12345", "a,b"], &["a,,b", "a,b,", "two words", "é"]),
    ("TWILIO_API_KEY_SID", &["SK$SID"], &["AC$SID", "SK"]),
    ("TWILIO_API_KEY_SECRET", &["anything"], &[]),
    ("TWILIO_WORKSPACE_SID", &["WS$SID"], &["WW$SID", "WS123"]),
    ("TWILIO_WORKFLOW_SID", &["WW$SID"], &["WS$SID", "anything"]),
    ("TWILIO_API_URL", &["https://host", "http://127.0.0.1:9/x/"], &["host", "https://u:p@host", "https://host?a", "wss://host"]),
    ("TWILIO_TASKROUTER_URL", &["https://host/v1"], &["host:80/v1", "https://host#a"]),
    ("ESCALATION_NUMBER", &["+15551234567", "+46123456789"], &["15551234567", "+05551234567", "+1 555 1234", "+1234567890123456", "+1", "+"]),
    ("ESCALATION_ALLOW", &["+15551234567", "+15551234567, +46123456789"], &["911", "+15551234567,", "+15551234567 +46123456789"]),
    ("ESCALATION_WAIT_SECONDS", &["30", "3500"], &["29", "3501", "soon"]),
    ("HOLD_MUSIC", &["https://a.example/1.mp3", "http://127.0.0.1/a.wav,https://b.example/2.mp3"], &["1.mp3", "ftp://a.example/1", "https://a.example/1.mp3,"]),
    ("OPENAI_API_KEY", &["sk-x"], &["sk x", "sk\nx", "é"]),
    ("OPENAI_BASE_URL", &["https://host/v1", "http://localhost:11434/v1/"], &["host", "https://u:p@host/v1", "https://host/v1?key=1", "file:///v1"]),
    ("OPENAI_MODEL", &["gpt-4o-mini", "a/b:c"], &["a\nb", "a\u{7}b"]),
    ("OPENAI_TEMPERATURE", &["0", "0.7", "2"], &["-0.1", "2.1", "NaN", "inf", "warm"]),
    ("OPENAI_MAX_TOKENS", &["1", "100000"], &["0", "-1", "1.5", "100001"]),
    ("OPENAI_HISTORY_TOKENS", &["1", "6000"], &["0", "many"]),
    ("OPENAI_TOOLS", &["true", "false", "False"], &["yes", "0"]),
    ("FIRST_TOKEN_MS", &["1", "20000"], &["0", "600001", "4s"]),
    ("TOKEN_GAP_MS", &["1", "600000"], &["0", "600001"]),
    ("TURN_MS", &["4000", "600000"], &["0", "1", "600001"]),
    ("FILLER_MS", &["1", "600000"], &["0", "600001", ""]),
    ("PERSONA_FILE", &["./bank.md"], &["a\nb"]),
    ("RELAY_VOICE", &["Google.en-US-Journey-F", "Joanna-Neural"], &["two words"]),
    ("RELAY_LANGUAGE", &["en-US", "sv", "zh-Hant-TW", "es-419", "multi"], &["english", "en_US", "en-", "e"]),
    ("RELAY_WELCOME_GREETING", &["Hello, you & \"you\""], &["a\nb"]),
    ("RELAY_WELCOME_GREETING_INTERRUPTIBLE", &["none", "dtmf", "speech", "any"], &["yes"]),
    ("RELAY_TTS_PROVIDER", &["Google", "amazon", "ElevenLabs"], &["Deepgram", "Polly"]),
    ("RELAY_TTS_LANGUAGE", &["en-GB"], &["british english"]),
    ("RELAY_TRANSCRIPTION_PROVIDER", &["Google", "Deepgram"], &["Amazon", "Whisper"]),
    ("RELAY_TRANSCRIPTION_LANGUAGE", &["en-GB", "multi"], &["!"]),
    ("RELAY_SPEECH_MODEL", &["telephony", "flux"], &["nova 3"]),
    ("RELAY_INTERRUPTIBLE", &["true", "false", "any"], &["on"]),
    ("RELAY_INTERRUPT_SENSITIVITY", &["low", "medium", "high"], &["max", "0.5"]),
    ("RELAY_REPORT_INPUT_DURING_AGENT_SPEECH", &["none", "any"], &["all"]),
    ("RELAY_DTMF_DETECTION", &["true", "false"], &["1", "yes"]),
    ("RELAY_HINTS", &["OWL Bank, savings account"], &["a\tb"]),
    ("RELAY_SPEECH_TIMEOUT", &["600", "5000", "auto"], &["599", "5001", "1s", "never"]),
    ("RELAY_EOT_THRESHOLD", &["0.5", "0.9"], &["0.4", "0.91", "NaN"]),
    ("RELAY_PARTIAL_PROMPTS", &["true"], &["2"]),
    ("RELAY_IGNORE_BACKCHANNEL", &["true"], &["2"]),
    ("RELAY_PREEMPTIBLE", &["false"], &["2"]),
    ("RELAY_PROFANITY_FILTER", &["false"], &["2"]),
    ("RELAY_DEEPGRAM_SMART_FORMAT", &["false"], &["2"]),
    ("RELAY_ELEVENLABS_TEXT_NORMALIZATION", &["on", "auto", "off"], &["true"]),
    ("RELAY_BACKGROUND_NOISE_REDUCTION", &["on"], &["a b"]),
    ("RELAY_ECHO_PROMPT_FILTERING", &["true"], &["a b"]),
    ("RELAY_APPLICATION_RECONNECT", &["true", "false"], &["always"]),
    ("RELAY_EVENTS", &["speaker-events", "speaker-events tokens-played", "tokens-played,config-updated"], &["all", "speaker-events all", ","]),
    ("RELAY_DEBUG", &["debugging"], &["true"]),
    ("RELAY_INTELLIGENCE_SERVICE", &["GA$SID"], &["a\nb"]),
    ("RELAY_CONVERSATION_CONFIGURATION", &["conv_configuration_1"], &["a b"]),
    ("RELAY_CONVERSATION_ID", &["conv_1"], &["a b"]),
    ("RELAY_LANGUAGES", &["[]", r#"[{"code":"sv-SE"}]"#], &["sv-SE", "{}", "[{}]"]),
    ("RELAY_PARAMETERS", &["{}", r#"{"a":"b"}"#], &["a=b", r#"{"a":1}"#]),
    ("SILENCE_SECONDS", &["1", "3600"], &["0", "3601"]),
    ("MAX_CALL_SECONDS", &["1", "86400"], &["0", "86401"]),
    ("MAX_TURNS", &["1"], &["0", "-1"]),
    ("LINE_GRACE_SECONDS", &["0", "3600"], &["3601", "soon"]),
    ("LINE_PING_SECONDS", &["1", "24"], &["0", "61", "often"]),
    ("LINE_SILENT_SECONDS", &["11", "600"], &["0", "10", "601"]),
    ("LINE_STALL_SECONDS", &["1", "600"], &["0", "601", "1.5"]),
    ("DRAIN_SECONDS", &["0", "86400"], &["86401"]),
    ("MAX_CALLS", &["1", "5000"], &["0", "1000001"]),
    ("REDIS_URL", &["redis://127.0.0.1", "redis+sentinel://h:26379/mymaster/0"], &["anything", "redis://a,b"]),
    ("REDIS_CA_FILE", &[], &["/etc/ca.pem"]),
    ("DATA_DIR", &["/var/lib/switchhook"], &["a\u{0}b"]),
    ("TRANSCRIPT_KEYS", &["k:$KEY", "a:$KEY,b:$KEY"], &["$KEY", "k:abc", "k:$KEY$KEY", ":$KEY", "k k:$KEY", "k:$KEY,k:$KEY", "k:!"]),
    ("LINK_KEYS", &["2026-11:$KEY"], &["k", "k:"]),
    ("RETENTION_HOURS", &["1", "87600"], &["0", "87601", "a day"]),
    ("ACCESS_TOKENS", &["viewer:$TOKEN", "viewer:$TOKEN,admin:$TOKEN2"],
        &["$TOKEN", "root:$TOKEN", "Viewer:$TOKEN", "viewer:short", "viewer:$TOKEN x", "viewer:$TOKEN,admin:$TOKEN", "viewer:$TOKEN,", "viewer:"]),
    ("CORS_ORIGINS", &["https://a.example", "https://a.example,http://localhost:5173"],
        &["*", "null", "https://a.example/", "https://a.example/x", "a.example", "https://A.example", "https://*.example", "https://a.example:443"]),
    ("LOG", &["debug", "info,switchhook=trace", "switchhook[call]=debug"], &["switchhook=loud", "info,a=b=c", "verbose", "inof"]),
    ("LOG_FORMAT", &["pretty", "json"], &["text", "JSON"]),
];

/// What else must be set beside a variable for it to be right.
fn beside(name: &str) -> Vec<(&'static str, String)> {
    let account = ("TWILIO_ACCOUNT_SID", format!("AC{SID}"));
    match name {
        "TWILIO_API_KEY_SID" => vec![account, ("TWILIO_API_KEY_SECRET", "secret".to_owned())],
        "TWILIO_API_KEY_SECRET" => vec![account, ("TWILIO_API_KEY_SID", format!("SK{SID}"))],
        "RELAY_TRANSCRIPTION_LANGUAGE" | "RELAY_EOT_THRESHOLD" | "RELAY_PARTIAL_PROMPTS" => vec![
            ("RELAY_TRANSCRIPTION_PROVIDER", "Deepgram".to_owned()),
            ("RELAY_SPEECH_MODEL", "flux".to_owned()),
        ],
        _ => Vec::new(),
    }
}

fn without(name: &str) -> Vec<(String, String)> {
    beside(name).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn with(name: &str, value: &str) -> Vec<(String, String)> {
    let value = value.replace("$SID", SID).replace("$KEY", KEY).replace("$TOKEN", TOKEN);
    without(name).into_iter().chain([(name.to_owned(), value)]).collect()
}

#[test]
fn the_table_names_every_variable() {
    let tested: BTreeSet<&str> = TABLE.iter().map(|(name, ..)| *name).collect();
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(tested, known);
}

#[test]
fn a_right_value_is_taken() {
    for (name, right, _) in TABLE {
        for value in *right {
            let read = Config::from_pairs(with(name, value));
            assert!(read.is_ok(), "{name}={value}: {}", read.map(drop).unwrap_err());
        }
    }
}

#[test]
fn a_right_value_is_not_ignored() {
    // Values that say what holds without them.
    let usual = ["BIND", "FILLER_MS", "RELAY_LANGUAGES", "RELAY_PARAMETERS"];
    for (name, right, _) in TABLE.iter().filter(|(name, ..)| !usual.contains(name)) {
        let read = |pairs| format!("{:?}", Config::from_pairs(pairs));
        let differ = right.iter().any(|value| read(with(name, value)) != read(without(name)));
        assert!(differ || right.is_empty(), "{name} changes nothing");
    }
}

#[test]
fn a_wrong_value_names_its_variable_and_nothing_else() {
    for (name, _, wrong) in TABLE {
        for value in wrong.iter().filter(|value| !value.is_empty()) {
            let problems = Config::from_pairs(with(name, value)).map(drop);
            let problems = problems.expect_err(&format!("{name}={value} is taken"));
            assert!(
                problems.0.iter().all(|problem| problem.variable == *name),
                "{value}: {problems}"
            );
            assert!(problems.0.iter().all(|problem| !problem.text.is_empty()));
        }
    }
}

#[test]
fn variables_that_need_each_other_say_so() {
    let key = format!("SK{SID}");
    for (given, missing) in [
        (("TWILIO_API_KEY_SID", key.as_str()), vec!["TWILIO_API_KEY_SECRET", "TWILIO_ACCOUNT_SID"]),
        (("TWILIO_API_KEY_SECRET", "secret"), vec!["TWILIO_API_KEY_SID"]),
    ] {
        assert_eq!(variables(&problems(&[given])), missing);
    }
    let number = ("ESCALATION_NUMBER", "+15551234567");
    let allowed = ("ESCALATION_ALLOW", "+15557654321,+15551234567");
    assert_eq!(config(&[number, allowed]).twilio.escalation_allow.len(), 2);
    let other = ("ESCALATION_ALLOW", "+15557654321");
    assert_eq!(variables(&problems(&[number, other])), ["ESCALATION_NUMBER"]);
}

/// Variables that hold secrets, or may.
const SECRET: [&str; 8] = [
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_KEY_SECRET",
    "OPENAI_API_KEY",
    "REDIS_URL",
    "TRANSCRIPT_KEYS",
    "LINK_KEYS",
    "ACCESS_TOKENS",
    "RELAY_PARAMETERS",
];

/// Variables whose value is not shown either, since secrets are easily mistaken for it or part of it.
const DISCREET: [&str; 7] = [
    "PUBLIC_URL",
    "OPENAI_BASE_URL",
    "TWILIO_API_URL",
    "TWILIO_TASKROUTER_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_KEY_SID",
    "TWILIO_WORKFLOW_SID",
];

#[test]
fn a_problem_shows_no_secret_in_whatever_form_it_is_wrong() {
    for name in SECRET.iter().chain(&DISCREET) {
        for wrong in [
            "canary",
            "canary,",
            ",canary",
            "canary canary",
            "canary:canary",
            "viewer:canary",
            "canary:0123456789abcdef",
            "k:canary",
            "k:canary!",
            "https://canary@host/?canary#canary",
            "https://u:canary@host",
            "http://canary",
            "{\"canary\":1}",
            "\"canary\"",
            "é,canary:",
            "canary\ncanary é",
        ] {
            let Err(problems) = Config::from_pairs(pairs(&[(name, wrong)])) else { continue };
            let said = format!("{problems}\n{problems:?}");
            assert!(!said.contains("canary"), "{name}={wrong}: {said}");
        }
    }
}

#[test]
fn a_config_full_of_secrets_shows_none() {
    let secrets = [
        ("TWILIO_AUTH_TOKEN", "canary-auth-1,canary-auth-2".to_owned()),
        ("TWILIO_ACCOUNT_SID", format!("AC{SID}")),
        ("TWILIO_API_KEY_SID", format!("SK{SID}")),
        ("TWILIO_API_KEY_SECRET", "canary-key-secret".to_owned()),
        ("OPENAI_API_KEY", "canary-openai".to_owned()),
        ("ACCESS_TOKENS", "viewer:canary-access-token-1,admin:canary-access-token-2".to_owned()),
        ("TRANSCRIPT_KEYS", format!("one:{KEY}")),
        ("LINK_KEYS", format!("two:{KEY}")),
        ("OPENAI_CANARY", "canary-of-an-unknown-variable".to_owned()),
    ];
    let config = Config::from_pairs(secrets.map(|(name, value)| (name.to_owned(), value))).unwrap();
    for said in [format!("{config:?}"), format!("{config:#?}"), format!("{:?}", config.clone())] {
        assert!(!said.contains("canary"), "{said}");
        assert!(!said.contains(&KEY[..8]) && !said.contains("0, 1, 2, 3"), "{said}");
        assert!(said.contains("REDACTED"), "{said}");
    }
}

proptest::proptest! {
    #[test]
    fn any_value_is_taken_or_refused(value in "(\\PC|[,:.+*/@?#\\[\\]{}\"]){0,24}") {
        let all = VARIABLES.iter().map(|variable| (variable.name.to_owned(), value.clone()));
        drop(Config::from_pairs(all));
    }
}

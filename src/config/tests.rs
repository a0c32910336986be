use secrecy::ExposeSecret;

use super::*;

mod tables;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TOKEN: &str = "0123456789abcdef";

fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn config(given: &[(&str, &str)]) -> Config {
    Config::from_pairs(pairs(given)).unwrap_or_else(|problems| panic!("{given:?}\n{problems}"))
}

fn problems(given: &[(&str, &str)]) -> Problems {
    Config::from_pairs(pairs(given)).map(drop).expect_err("expected problems")
}

fn variables(problems: &Problems) -> Vec<&str> {
    problems.0.iter().map(|problem| problem.variable.as_str()).collect()
}

#[test]
fn nothing_set_gives_the_defaults_of_the_contract() {
    let config = config(&[]);
    let voice = config.relay.attributes.voice.clone().unwrap();
    let default = |name: &str| {
        let variable = VARIABLES.iter().find(|variable| variable.name == name);
        variable.and_then(|variable| variable.default).unwrap_or_default().to_owned()
    };
    for (name, value) in [
        ("BIND", config.listen.bind.to_string()),
        ("PORT", config.listen.port.to_string()),
        ("PUBLIC_URL", config.public_url.origin().to_owned()),
        ("OPENAI_BASE_URL", config.model.base_url.clone()),
        ("OPENAI_MODEL", config.model.name.clone()),
        ("OPENAI_TEMPERATURE", config.model.temperature.to_string()),
        ("OPENAI_MAX_TOKENS", config.model.max_tokens.to_string()),
        ("OPENAI_HISTORY_TOKENS", config.model.history_tokens.to_string()),
        ("OPENAI_TOOLS", config.model.tools.to_string()),
        ("FIRST_TOKEN_MS", config.model.first_token_ms.to_string()),
        ("TOKEN_GAP_MS", config.model.token_gap_ms.to_string()),
        ("TURN_MS", config.model.turn_ms.to_string()),
        ("FILLER_MS", config.model.filler_ms.to_string()),
        ("ESCALATION_WAIT_SECONDS", config.twilio.escalation_wait_seconds.to_string()),
        ("RELAY_VOICE", format!("{}.{}", voice.provider.unwrap(), voice.name)),
        ("RELAY_LANGUAGE", config.relay.attributes.language.clone().unwrap().to_string()),
        ("SILENCE_SECONDS", config.limits.silence_seconds.to_string()),
        ("MAX_CALL_SECONDS", config.limits.max_call_seconds.to_string()),
        ("MAX_TURNS", config.limits.max_turns.to_string()),
        ("LINE_GRACE_SECONDS", config.limits.line_grace_seconds.to_string()),
        ("LINE_PING_SECONDS", config.limits.line_ping_seconds.to_string()),
        ("LINE_SILENT_SECONDS", config.limits.line_silent_seconds.to_string()),
        ("LINE_STALL_SECONDS", config.limits.line_stall_seconds.to_string()),
        ("DRAIN_SECONDS", config.limits.drain_seconds.to_string()),
        ("DATA_DIR", config.store.data_dir.display().to_string()),
        ("RETENTION_HOURS", config.store.retention_hours.to_string()),
        ("LOG", config.log.filter.clone()),
    ] {
        assert_eq!(value, default(name), "{name}");
    }
    let with_default = VARIABLES.iter().filter(|variable| variable.default.is_some()).count();
    assert_eq!(with_default, 27, "a default in the table that this test does not compare");
    assert!(config.model.offline && config.access.open && !config.is_public);
    assert!(config.twilio.auth_tokens.is_empty() && config.limits.max_calls.is_none());
    assert_eq!((config.log.format, config.warnings.len()), (None, 0));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let all: Vec<(&str, &str)> = VARIABLES.iter().map(|variable| (variable.name, "  ")).collect();
    let (empty, unset) = (config(&all), config(&[]));
    assert_eq!(format!("{empty:?}"), format!("{unset:?}"));
}

#[test]
fn all_problems_come_at_once_one_line_each() {
    let problems = problems(&[
        ("BIND", "everywhere"),
        ("PORT", "70000"),
        ("FIRST_TOKEN_MS", "0"),
        ("RELAY_INTERRUPTIBLE", "maybe"),
        ("REDIS_URL", "redis://127.0.0.1/zero"),
        ("LOG_FORMAT", "xml"),
    ]);
    let expected =
        ["BIND", "PORT", "RELAY_INTERRUPTIBLE", "FIRST_TOKEN_MS", "REDIS_URL", "LOG_FORMAT"];
    assert_eq!(variables(&problems), expected);
    let said = problems.to_string();
    assert_eq!(said.lines().count(), expected.len());
    assert!(said.lines().zip(expected).all(|(line, name)| line.starts_with(name)), "{said}");
    assert!(said.contains(r#"found "70000""#), "{said}");
}

#[test]
fn a_wrong_value_is_shown_on_one_line_and_cut() {
    let long = format!("x\n{}", "é".repeat(500));
    let said = problems(&[("PORT", &long)]).to_string();
    assert_eq!(said.lines().count(), 1);
    assert!(said.contains(r"x\né") && said.chars().count() < 200, "{said}");
}

#[test]
fn who_can_be_reached_from_outside_needs_tokens_and_signatures() {
    for public in [
        ("BIND", "0.0.0.0"),
        ("BIND", "::"),
        ("BIND", "192.0.2.1"),
        ("PUBLIC_URL", "https://calls.example.com"),
    ] {
        let problems = problems(&[public]);
        assert_eq!(variables(&problems), ["ACCESS_TOKENS", "TWILIO_AUTH_TOKEN"], "{public:?}");
        let tokens = format!("viewer:{TOKEN}");
        let config = config(&[public, ("ACCESS_TOKENS", &tokens), ("TWILIO_AUTH_TOKEN", "abc")]);
        assert!(config.is_public && !config.access.open, "{public:?}");
    }
    for private in [
        ("BIND", "::1"),
        ("BIND", "127.0.0.9"),
        ("BIND", "::ffff:127.0.0.1"),
        ("PUBLIC_URL", "http://localhost:8080"),
        ("PUBLIC_URL", "https://[::1]"),
    ] {
        assert!(!config(&[private]).is_public, "{private:?}");
    }
    let tokens = format!("viewer:{TOKEN}");
    assert!(!config(&[("ACCESS_TOKENS", &tokens)]).access.open);
}

#[test]
fn a_public_url_is_written_one_way() {
    for (given, origin, socket) in [
        ("https://Calls.Example.com/", "https://calls.example.com", "wss://calls.example.com"),
        ("https://calls.example.com:443", "https://calls.example.com", "wss://calls.example.com"),
        (
            "https://calls.example.com:8443",
            "https://calls.example.com:8443",
            "wss://calls.example.com:8443",
        ),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "ws://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000", "ws://[::1]:3000"),
    ] {
        let tokens = format!("admin:{TOKEN}");
        let given = [("PUBLIC_URL", given), ("ACCESS_TOKENS", &tokens), ("TWILIO_AUTH_TOKEN", "a")];
        let url = config(&given).public_url;
        assert_eq!((url.origin(), url.socket_origin()), (origin, socket));
    }
}

#[test]
fn the_public_url_follows_the_port_until_an_operator_writes_it() {
    let free = config(&[("PORT", "0")]);
    assert_eq!(free.public_url.on_port(&free.listen, 4321).origin(), "http://127.0.0.1:4321");
    let six = config(&[("BIND", "::1"), ("PORT", "8080")]);
    assert_eq!(six.public_url.origin(), "http://[::1]:8080");
    let written = config(&[("PORT", "0"), ("PUBLIC_URL", "http://127.0.0.1:9")]);
    assert_eq!(written.public_url.on_port(&written.listen, 4321).origin(), "http://127.0.0.1:9");
}

#[test]
fn the_readme_names_every_variable_with_its_default() {
    let readme = include_str!("../../README.md");
    for variable in VARIABLES {
        let default = variable.default.map_or("none".to_owned(), |text| format!("`{text}`"));
        let row = format!("| `{}` | {default} | ", variable.name);
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn a_peer_is_pinged_before_it_counts_as_silent() {
    assert_eq!(variables(&problems(&[("LINE_PING_SECONDS", "25")])), ["LINE_SILENT_SECONDS"]);
    let quick = config(&[("LINE_PING_SECONDS", "1"), ("LINE_SILENT_SECONDS", "2")]).limits;
    assert_eq!((quick.line_ping_seconds, quick.line_silent_seconds), (1, 2));
}

#[test]
fn a_turn_is_not_shorter_than_its_first_token() {
    assert_eq!(variables(&problems(&[("TURN_MS", "3999")])), ["TURN_MS"]);
    assert_eq!(config(&[("TURN_MS", "4000")]).model.turn_ms, 4000);
    let unfilled = config(&[("FILLER_MS", "600000")]);
    assert!(unfilled.model.filler_ms == 600_000);
}

#[test]
fn a_key_or_a_base_url_makes_the_model_real() {
    assert!(!config(&[("OPENAI_API_KEY", "sk-1")]).model.offline);
    let local = config(&[("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/")]);
    assert!(!local.model.offline && local.model.api_key.is_none());
    assert_eq!(local.model.base_url, "http://127.0.0.1:11434/v1");
}

#[test]
fn what_is_legal_and_probably_not_meant_is_a_warning() {
    let tokens = format!("admin:{TOKEN}");
    for (given, told) in [
        (vec![("RELAY_VOCIE", "x")], "did you mean RELAY_VOICE?"),
        (vec![("OPENAI_APIKEY", "x")], "did you mean OPENAI_API_KEY?"),
        (vec![("TWILIO_AUTHTOKEN", "x")], "did you mean TWILIO_AUTH_TOKEN?"),
        (vec![("SWITCHHOOK_PORT", "1")], "did you mean PORT?"),
        (vec![("OPENAI_ORGANIZATION_ID", "x")], "OPENAI_ORGANIZATION_ID is not a variable"),
        (vec![("OPENAI_MODEL", "gpt-4o")], "the offline model answers"),
        (vec![("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://model:80/v1")], "in the clear"),
        (vec![("TWILIO_API_URL", "http://twilio:8080")], "in the clear"),
        (vec![("TWILIO_AUTH_TOKEN", "short")], "32 hexadecimal digits"),
        (vec![("TWILIO_WORKSPACE_SID", "WS00000000000000000000000000000000")], "TaskRouter"),
        (
            vec![("BIND", "0.0.0.0"), ("ACCESS_TOKENS", &tokens), ("TWILIO_AUTH_TOKEN", "a")],
            "PUBLIC_URL",
        ),
    ] {
        let warnings = config(&given).warnings;
        assert!(warnings.iter().any(|warning| warning.contains(told)), "{told}: {warnings:?}");
    }
    for quiet in [("LOG", "warn,switchhook=debug,switchhook_actors=trace"), ("PATH", "/bin")] {
        assert_eq!(config(&[quiet]).warnings, Vec::<String>::new());
    }
}

#[test]
fn tokens_and_keys_are_read_in_the_order_written() {
    let tokens = format!("viewer:{TOKEN}, admin:{TOKEN}:2");
    let keys = format!("new:{KEY},old:{}", KEY.trim_end_matches('=').replace("AAEC", "__-_"));
    let config = config(&[
        ("ACCESS_TOKENS", &tokens),
        ("TRANSCRIPT_KEYS", &keys),
        ("TWILIO_AUTH_TOKEN", "new,old"),
    ]);
    let read: Vec<_> =
        config.access.tokens.iter().map(|(role, token)| (*role, token.expose_secret())).collect();
    assert_eq!(read, [(Role::Viewer, TOKEN), (Role::Admin, &format!("{TOKEN}:2"))]);
    assert!(Role::Admin > Role::Supervisor && Role::Supervisor > Role::Viewer);
    let auth: Vec<_> = config.twilio.auth_tokens.iter().map(|t| t.expose_secret()).collect();
    assert_eq!(auth, ["new", "old"]);
    let kids: Vec<_> = config.store.transcript_keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(kids, ["new", "old"]);
    let counted: Vec<u8> = (0..32).collect();
    assert_eq!(config.store.transcript_keys[0].expose().as_slice(), counted);
    assert_eq!(config.store.transcript_keys[1].expose()[..3], [0xff, 0xff, 0xbf]);
}

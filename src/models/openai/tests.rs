use super::*;

fn settings(base: &str) -> OpenAiSettings {
    OpenAiSettings {
        base_url: base.parse().unwrap(),
        api_key: Some(SecretString::from("sk-very-secret")),
        model: "gpt-4o-mini".to_owned(),
        temperature: 0.7,
        max_tokens: 150,
        tools: true,
        pool: 10,
        first_byte: Duration::from_secs(4),
    }
}

fn provider() {
    // A second test finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[test]
fn the_path_is_appended_to_whatever_base_the_operator_gives() {
    for (base, expected) in [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        ("http://localhost:11434", "http://localhost:11434/chat/completions"),
        ("http://[::1]:8000/a/b//", "http://[::1]:8000/a/b/chat/completions"),
        (
            "https://x.example/deployments/d?api-version=1#f",
            "https://x.example/deployments/d/chat/completions?api-version=1",
        ),
    ] {
        assert_eq!(uri(&base.parse().unwrap()).unwrap().to_string(), expected);
    }
}

#[actix::test]
async fn settings_that_cannot_work_are_refused_at_start() {
    provider();
    for base in ["ftp://x.example/v1", "https://user:pass@x.example/v1", "unix:/run/model"] {
        assert_eq!(Endpoint::new(settings(base)).unwrap_err(), OpenAiError::BaseUrl, "{base}");
    }
    let mut broken = settings("https://api.openai.com/v1");
    broken.api_key = Some(SecretString::from("sk-with\nnewline"));
    assert_eq!(Endpoint::new(broken).unwrap_err(), OpenAiError::ApiKey);
}

#[actix::test]
async fn the_api_key_is_in_no_debug_output() {
    provider();
    let settings = settings("https://api.openai.com/v1");
    let model = OpenAi::new(Endpoint::new(settings.clone()).unwrap());
    for shown in [
        format!("{settings:?}"),
        format!("{model:?}"),
        format!("{:?}", model.request(true).headers()),
    ] {
        assert!(!shown.contains("very-secret"), "{shown}");
    }
}

#[test]
fn only_a_page_is_refused_by_its_type() {
    let kind = |text: &'static str| body_kind(Some(&HeaderValue::from_static(text)));
    assert_eq!(kind("text/event-stream; charset=utf-8"), Ok(BodyKind::Events));
    assert_eq!(kind("text/plain"), Ok(BodyKind::Events));
    assert_eq!(kind("Application/JSON; charset=utf-8"), Ok(BodyKind::Json));
    assert_eq!(body_kind(None), Ok(BodyKind::Events));
    let failure = kind("text/html; charset=utf-8").unwrap_err();
    assert_eq!((failure.kind, failure.retryable), (FailureKind::Garbage, false));
}

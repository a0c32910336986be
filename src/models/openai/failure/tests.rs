use awc::http::header::{HeaderName, HeaderValue};

use super::*;

fn waits(headers: &[(&'static str, &'static str)]) -> Option<Millis> {
    // Sun, 06 Nov 1994 08:49:37 GMT
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    retry_after(&headers, now)
}

#[test]
fn the_wait_a_provider_asks_for_is_read_in_every_notation() {
    for (value, wait) in [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("60", Some(60_000)),
        (" 1.5 ", Some(1500)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
        ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
        ("Sunday, 06-Nov-94 08:49:38 GMT", Some(1000)),
        ("99999999999999999999", Some(LONGEST_WAIT)),
        ("Fri, 06 Nov 2150 08:49:37 GMT", Some(LONGEST_WAIT)),
        ("-1", None),
        ("inf", None),
        ("NaN", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(waits(&[("retry-after", value)]), wait, "{value}");
    }
    assert_eq!(waits(&[]), None);
}

#[test]
fn the_exact_wait_counts_more_than_the_rounded_one() {
    assert_eq!(waits(&[("retry-after-ms", "37"), ("retry-after", "1")]), Some(37));
    assert_eq!(waits(&[("retry-after-ms", "soon"), ("retry-after", "1")]), Some(1000));
}

#[test]
fn an_empty_purse_is_not_asked_again() {
    for code in ["insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted"] {
        for field in ["code", "type"] {
            let body = format!(r#"{{"error":{{"message":"You owe us.","{field}":"{code}"}}}}"#);
            let cause = Cause::of_body(body.as_bytes());
            assert!(!cause.is_retryable(Some(429)), "{body}");
            assert_eq!(cause.detail(), code);
        }
    }
}

#[test]
fn a_status_says_whether_asking_again_may_help() {
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        assert!(Cause::default().is_retryable(Some(status)), "{status}");
    }
    for status in [301, 400, 401, 402, 403, 404, 413, 422] {
        assert!(!Cause::default().is_retryable(Some(status)), "{status}");
    }
}

#[test]
fn a_failure_in_mid_stream_may_carry_its_status_as_a_code() {
    let cause = |json: &str| Cause::of_error(&serde_json::from_str(json).unwrap());
    assert!(cause(r#"{"code":502,"message":"bad gateway"}"#).is_retryable(None));
    assert!(!cause(r#"{"code":400,"message":"no"}"#).is_retryable(None));
    assert!(cause(r#"{"type":"server_error","code":null}"#).is_retryable(None));
    assert!(cause(r#""overloaded""#).is_retryable(None));
}

#[test]
fn the_log_gets_codes_and_never_the_message() {
    for (body, detail) in [
        (
            r#"{"error":{"message":"I said 'my pin is 1234'","type":"a_b","code":"c.d-e"}}"#,
            "a_b, c.d-e",
        ),
        (r#"{"error":{"message":"m","type":"same","code":"same"}}"#, "same"),
        (r#"{"error":{"message":"m","type":null,"code":429}}"#, "429"),
        (r#"[{"error":{"code":503,"status":"UNAVAILABLE"}}]"#, "503"),
        (
            r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
            "BadRequestError, 400",
        ),
        (r#"{"error":{"code":"my pin is 1234"}}"#, "no error code"),
        (r#"{"error":{"code":"sk-proj-abcdef"}}"#, "no error code"),
        (r#"{"error":"my pin is 1234"}"#, "no error code"),
        (r#"{"error":null}"#, "no error code"),
        (r#"{"detail":"my pin is 1234"}"#, "no error code"),
        ("<html>my pin is 1234</html>", "no error code"),
        ("", "no error code"),
    ] {
        assert_eq!(Cause::of_body(body.as_bytes()).detail(), detail, "{body}");
    }
}

#[test]
fn a_connection_that_was_closed_before_the_response_is_told_from_one_that_never_was() {
    use std::io::{Error, ErrorKind};
    let io = |kind: ErrorKind| Error::from(kind);
    for (error, kind) in [
        (SendRequestError::Connect(ConnectError::Disconnected), FailureKind::Dropped),
        (SendRequestError::Send(io(ErrorKind::BrokenPipe)), FailureKind::Dropped),
        (SendRequestError::Send(io(ErrorKind::ConnectionReset)), FailureKind::Dropped),
        (
            SendRequestError::Response(ParseError::Io(io(ErrorKind::ConnectionReset))),
            FailureKind::Dropped,
        ),
        // TLS without its farewell.
        (
            SendRequestError::Response(ParseError::Io(io(ErrorKind::UnexpectedEof))),
            FailureKind::Dropped,
        ),
        // Half a head.
        (SendRequestError::Response(ParseError::Io(io(ErrorKind::Other))), FailureKind::Connect),
        (
            SendRequestError::Connect(ConnectError::Io(io(ErrorKind::ConnectionRefused))),
            FailureKind::Connect,
        ),
        (
            SendRequestError::Connect(ConnectError::Io(io(ErrorKind::ConnectionReset))),
            FailureKind::Connect,
        ),
        (SendRequestError::Connect(ConnectError::NoRecords), FailureKind::Connect),
        (SendRequestError::Connect(ConnectError::Timeout), FailureKind::Connect),
        (SendRequestError::Timeout, FailureKind::Timeout),
        (SendRequestError::Response(ParseError::Version), FailureKind::Garbage),
    ] {
        let failure = unsent(&error);
        assert_eq!((failure.kind, failure.retryable), (kind, true), "{error:?}");
    }
}

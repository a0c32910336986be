use super::*;

#[test]
fn a_failure_is_counted_by_its_kind_and_logged_with_its_cause() {
    for (kind, label, text) in [
        (FailureKind::Saturated, "saturated", "saturated: why"),
        (FailureKind::Unavailable, "unavailable", "unavailable: why"),
        (FailureKind::Connect, "connect", "connect: why"),
        (FailureKind::Dropped, "dropped", "dropped: why"),
        (FailureKind::Status(503), "status", "status 503: why"),
        (FailureKind::Garbage, "garbage", "garbage: why"),
        (FailureKind::Cut, "cut", "cut: why"),
        (FailureKind::Upstream, "upstream", "upstream: why"),
        (FailureKind::Timeout, "timeout", "timeout: why"),
    ] {
        let detail = "why".to_owned();
        let failure = ModelFailure { kind, detail, retryable: false, after: None };
        assert_eq!((kind.label(), failure.to_string().as_str()), (label, text));
    }
}

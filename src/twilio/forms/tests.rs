use proptest::prelude::*;

use super::*;

const SID: &str = "CA0123456789abcdef0123456789abcdef";

fn form(text: &str) -> Form {
    Form::parse(text.as_bytes()).unwrap()
}

/// A form of a call that rings, with `extra` at its end.
fn ringing(extra: &str) -> Form {
    form(&format!("CallSid={SID}&From=%2B14158675309&To=%2B18005551212&CallStatus=ringing{extra}"))
}

#[test]
fn fields_are_decoded_once_and_keep_their_order() {
    #[rustfmt::skip]
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
        ("From=%2B1415&Body=It%27s+me", &[("From", "+1415"), ("Body", "It's me")]),
        ("a=&b&=c&&d==e", &[("a", ""), ("b", ""), ("", "c"), ("d", "=e")]),
        ("a=%2541&b=%zz&c= x ", &[("a", "%41"), ("b", "%zz"), ("c", " x ")]),
        ("City=G%C3%B6teborg&x=\u{1f989}", &[("City", "Göteborg"), ("x", "\u{1f989}")]),
        ("a=%EF%BF%BD", &[("a", "\u{FFFD}")]),
    ];
    for (text, expected) in cases {
        let form = form(text);
        let pairs: Vec<_> = form.pairs().iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(pairs, *expected, "{text}");
    }
}

#[test]
fn an_absent_field_is_not_an_empty_one() {
    let form = form("a=&b=1&b=2");
    assert_eq!([form.get("a"), form.get("b"), form.get("A")], [Some(""), Some("1"), None]);
}

#[test]
fn a_form_that_is_not_text_is_refused() {
    for wrong in [&b"a=%FF"[..], b"a=\xFF", b"%C3=1", b"a=%C3&b=%B6", b"a=%C3+%B6"] {
        assert_eq!(Form::parse(wrong), Err(FormError::NotUtf8), "{wrong:?}");
    }
}

#[test]
fn a_form_has_at_most_200_fields() {
    assert_eq!(Form::parse("a=1&".repeat(200).as_bytes()).map(|form| form.0.len()), Ok(200));
    assert_eq!(Form::parse("a=1&".repeat(201).as_bytes()), Err(FormError::TooMany));
}

#[test]
fn a_ringing_call_says_who_and_whom() {
    let incoming = Incoming::read(&ringing("&Direction=inbound&FromCity="), Some("token-1"));
    let expected = Incoming {
        sid: SID.parse().unwrap(),
        from: Phone::new("+14158675309"),
        to: Phone::new("+18005551212"),
        call_status: CallStatus::Ringing,
        direction: Some("inbound".to_owned()),
        idempotency_token: Some("token-1".to_owned()),
    };
    assert_eq!(incoming, Ok(expected));
    let plain = Incoming::read(&ringing(""), None);
    assert_eq!(plain.map(|call| (call.direction, call.idempotency_token)), Ok((None, None)));
}

#[test]
fn a_webhook_that_cannot_be_read_names_the_field() {
    let whole = format!("CallSid={SID}&From=a&To=b&CallStatus=ringing");
    #[rustfmt::skip]
    let cases = [
        (whole.replace("CallSid", "Callsid"), "the form has no CallSid"),
        (whole.replace("From", "Caller"), "the form has no From"),
        (whole.replace("To", "Called"), "the form has no To"),
        (whole.replace("CallStatus", "Status"), "the form has no CallStatus"),
        (whole.replace("CA0", "CB0"), "CallSid is not CA followed by 32 hexadecimal digits"),
        (whole.replace(SID, ""), "CallSid is not CA followed by 32 hexadecimal digits"),
        (format!("{whole}&CallSid={SID}"), "the form has CallSid more than once"),
        (format!("{whole}&From=c"), "the form has From more than once"),
        (format!("{whole}&CallStatus=completed"), "the form has CallStatus more than once"),
    ];
    for (text, expected) in cases {
        let error = Incoming::read(&form(&text), None).map_err(|error| error.to_string());
        assert_eq!(error, Err(expected.to_owned()), "{text}");
    }
}

fn ended(session_status: SessionStatus, call_status: CallStatus) -> SessionEnd {
    SessionEnd {
        sid: SID.parse().unwrap(),
        call_status,
        session_status: Some(session_status),
        handoff_data: None,
        error_code: None,
        error_message: None,
        session_duration: Some(Duration::from_secs(25)),
    }
}

#[test]
fn the_end_of_a_session_says_why() {
    let note = r#"{"v":1,"kind":"escalate"}"#;
    let handed_off = SessionEnd {
        handoff_data: Some(note.to_owned()),
        ..ended(SessionStatus::Ended, CallStatus::InProgress)
    };
    let lost = SessionEnd {
        error_code: Some(39001),
        error_message: Some("Network connection to WebSocket server failed.".to_owned()),
        ..ended(SessionStatus::Failed, CallStatus::InProgress)
    };
    let silent = SessionEnd {
        session_status: None,
        session_duration: None,
        ..ended(SessionStatus::Other, CallStatus::Completed)
    };
    let escaped = form_urlencoded::byte_serialize(note.as_bytes()).collect::<String>();
    #[rustfmt::skip]
    let cases = [
        (format!("in-progress&SessionStatus=ended&SessionDuration=25&HandoffData={escaped}"), handed_off),
        ("in-progress&SessionStatus=ended&SessionDuration=25".to_owned(),
         ended(SessionStatus::Ended, CallStatus::InProgress)),
        ("in-progress&SessionStatus=failed&SessionDuration=25&ErrorCode=39001\
          &ErrorMessage=Network+connection+to+WebSocket+server+failed.".to_owned(), lost),
        ("completed&SessionStatus=completed&SessionDuration=25&ErrorCode=".to_owned(),
         ended(SessionStatus::Completed, CallStatus::Completed)),
        ("completed".to_owned(), silent),
    ];
    for (rest, expected) in cases {
        let read = SessionEnd::read(&form(&format!("CallSid={SID}&CallStatus={rest}")));
        assert_eq!(read, Ok(expected), "{rest}");
    }
}

#[test]
fn an_end_that_cannot_be_read_names_the_field() {
    #[rustfmt::skip]
    let cases = [
        ("ErrorCode=1&ErrorCode=2", "the form has ErrorCode more than once"),
        ("HandoffData=a&HandoffData=b", "the form has HandoffData more than once"),
        ("CallStatus=completed", "the form has CallStatus more than once"),
    ];
    for (extra, expected) in cases {
        let form = form(&format!("CallSid={SID}&CallStatus=in-progress&{extra}"));
        let error = SessionEnd::read(&form).map_err(|error| error.to_string());
        assert_eq!(error, Err(expected.to_owned()), "{extra}");
    }
}

#[test]
fn a_figure_that_cannot_be_read_is_unknown_and_costs_no_call() {
    for figure in ["soon", "-1", "4294967296", "1.5", "0x10", "NaN", "%20", "25;"] {
        let extra = format!("ErrorCode={figure}&SessionDuration={figure}&CallDuration={figure}");
        let form = form(&format!("CallSid={SID}&CallStatus=in-progress&{extra}"));
        let end = SessionEnd::read(&form).unwrap();
        // That there was an error is known.
        assert_eq!((end.error_code, end.session_duration), (Some(0), None), "{figure}");
        assert!(StatusCallback::read(&form).is_ok());
    }
}

#[test]
fn who_calls_is_legible_and_not_endless() {
    assert_eq!(Phone::new("sip:\u{202e}eve\u{e0041}\u{0}@x").as_str(), "sip:eve@x");
    assert_eq!(Phone::new(&"9".repeat(20_000)).as_str().len(), 256);
}

#[test]
fn a_status_says_whether_the_call_is_over() {
    for (text, status, over) in [
        ("queued", CallStatus::Queued, false),
        ("ringing", CallStatus::Ringing, false),
        ("RINGING", CallStatus::Ringing, false),
        ("in-progress", CallStatus::InProgress, false),
        ("completed", CallStatus::Completed, true),
        ("busy", CallStatus::Busy, true),
        ("failed", CallStatus::Failed, true),
        ("no-answer", CallStatus::NoAnswer, true),
        ("canceled", CallStatus::Canceled, true),
        ("initiated", CallStatus::Other, false),
        ("", CallStatus::Other, false),
    ] {
        let read = StatusCallback::read(&form(&format!("CallSid={SID}&CallStatus={text}")));
        assert_eq!(
            read.map(|call| (call.call_status, call.call_status.is_over())),
            Ok((status, over)),
            "{text}"
        );
    }
}

#[test]
fn a_phone_number_is_not_logged() {
    for (text, shown) in [
        ("+14158675309", "…09"),
        ("sip:anna@example.com", "…"),
        ("client:åäö", "…"),
        ("123", "…"),
        ("", "…"),
        ("+", "…"),
    ] {
        assert_eq!(format!("{:?}", Phone::new(text)), shown, "{text}");
    }
    let logged = format!("{:?} {:?}", ringing(""), Incoming::read(&ringing(""), None));
    assert!(!logged.contains("8675309") && !logged.contains("5551212"), "{logged}");
}

proptest! {
    #[test]
    fn what_was_encoded_is_read(pairs in prop::collection::vec(any::<(String, String)>(), 0..20)) {
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let read = form(&encoded);
        // A pair of nothing and nothing is written as `=`, and read as such.
        prop_assert_eq!(read.pairs(), pairs.as_slice());
    }

    #[test]
    fn no_body_breaks_the_reader(body in any::<Vec<u8>>()) {
        if let Ok(form) = Form::parse(&body) {
            prop_assert!(SessionEnd::read(&form).is_err());
        }
    }
}

use proptest::prelude::*;

use super::*;

const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const U_PORT: &str = "https://mycompany.com:1234/myapp.php?foo=1&bar=2";
const U_443: &str = "https://mycompany.com:443/myapp.php?foo=1&bar=2";
const U_HTTP: &str = "http://mycompany.com/myapp.php?foo=1&bar=2";
const U_HTTP_80: &str = "http://mycompany.com:80/myapp.php?foo=1&bar=2";
const U_HTTP_1234: &str = "http://mycompany.com:1234/myapp.php?foo=1&bar=2";
const U_USER_PASS: &str = "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2";
const U_USER_PASS_443: &str = "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2";
const U_USER: &str = "https://user@mycompany.com/myapp.php?foo=1&bar=2";
const U_USER_443: &str = "https://user@mycompany.com:443/myapp.php?foo=1&bar=2";
const U_QUOTE: &str = "https://mycompany.com/myapp.php?foo=1&bar=2&Body=It%27s+amazing";
const U_BODY: &str = "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const BODY_ALONE: &str = "https://mycompany.com/myapp.php?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const U_443_EMPTY: &str = "https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const U_EMPTY: &str = "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

const CALL: &[(&str, &str)] = &[
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
];
const CONFERENCE: &[(&str, &str)] = &[
    ("To", "+18005551212"),
    ("ReasonConferenceEnded", "test"),
    ("Reason", "Participant"),
    ("From", "+14158675309"),
    ("Digits", "1234"),
    ("Caller", "+14158675309"),
    ("CallSid", "CA1234567890ABCDE"),
];
const ADDRESSES: &[(&str, &str)] = &[
    ("MessagingBinding.Address", "+1415xxxxxxx"),
    ("MessagingBinding.Address", "+1325xxxxxxx"),
    ("MessagingBinding.Address", "+1415xxxxxxx"),
];
const REPEATED: &[(&str, &str)] = &[
    ("Sid", "CA123"),
    ("SidAccount", "AC123"),
    ("Digits", "5678"),
    ("Digits", "1234"),
    ("Digits", "1234"),
];
const FORM_BODY: &[(&str, &str)] = &[("property", "value"), ("boolean", "true")];
const JSON: &[u8] = br#"{"property": "value", "boolean": true}"#;

/// What was signed.
enum Content {
    Form(&'static [(&'static str, &'static str)]),
    Json(&'static [u8]),
}
use Content::{Form, Json};

/// Name, address hashed, other spellings a checker must take, content, signature. Token `12345`.
/// From the tests of twilio-node 45d3d65, twilio-python 306691e and twilio-go d858acd.
type Vector = (&'static str, &'static str, &'static [&'static str], Content, &'static str);

#[rustfmt::skip]
const VECTORS: [Vector; 16] = [
    ("1 a form", U, &[U_PORT, U_443], Form(CALL), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("2 https with its port", U_443, &[U], Form(CALL), "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("3 http with its port", U_HTTP_80, &[U_HTTP], Form(CALL), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ("4 http with another port", U_HTTP_1234, &[], Form(CALL), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    ("5 user and password", U_USER_PASS, &[U_USER_PASS_443], Form(CALL), "CukzLTc1tT5dXEDIHm/tKBanW10="),
    ("6 user alone", U_USER, &[U_USER_443], Form(CALL), "2YRLlVAflCqxaNicjMpJcSTgzSs="),
    ("7 user, password and port", U_USER_PASS_443, &[U_USER_PASS], Form(CALL), "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
    ("8 a quote in the query", U_QUOTE, &[], Form(CALL), "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
    ("9 one name, two values", U, &[], Form(ADDRESSES), "83O6e2vORAoJHUNzJjDWN1jz+BA="),
    ("10 a value twice", U, &[], Form(REPEATED), "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ("11 a JSON body", U_BODY, &[], Json(JSON), "a9nBmqA0ju/hNViExpshrM61xv4="),
    ("12 a body hash alone in the query", BODY_ALONE, &[], Json(JSON), "y77kIzt2vzLz71DgmJGsen2scGs="),
    ("13 an empty JSON body, signed with port", U_443_EMPTY, &[U_EMPTY], Json(b"{}"), "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
    ("14 a name that begins another", U, &[], Form(CONFERENCE), "vOEb5UThFn24KEfnOFLQY2AE5FY="),
    ("15 the same over http", U_HTTP, &[U_HTTP_80], Form(CONFERENCE), "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
    ("16 a small form", U, &[], Form(FORM_BODY), "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
];

/// Token `12345`; computed from the algorithm, since Twilio publishes none for sockets.
const SOCKET: [(&str, &[&str], &str); 3] = [
    ("wss://mycompany.com/ws", &["wss://mycompany.com:443/ws"], "xnoJwxy0CIpoyz+WdcmZOMrycSk="),
    ("wss://mycompany.com:443/ws", &["wss://mycompany.com/ws"], "hF4cJxNqRXxKyzTP/4pRSQtRPLI="),
    ("wss://mycompany.com/ws?t=abc&u=1", &[], "jpsmZrwg6O/KFPnWFEuPgutEIAo="),
];
const SOCKET_QUERY_AS_FORM: &str = "5resoCU6i6iQMAEPqEKWoTQlvQw=";

fn signatures(tokens: &[&str]) -> Signatures {
    Signatures::new(tokens.iter().map(|token| SecretString::from(*token))).unwrap()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn verify(url: &str, content: &Content, header: Option<&str>) -> Result<(), Refused> {
    match content {
        Form(params) => signatures(&["12345"]).verify_form(url, &owned(params), header),
        Json(body) => signatures(&["12345"]).verify_json(url, body, header),
    }
}

#[test]
fn twilios_published_signatures_are_made_and_taken() {
    for (name, url, others, content, signature) in &VECTORS {
        let signed = match content {
            Form(params) => signatures(&["12345"]).sign_form(url, &owned(params)),
            Json(_) => signatures(&["12345"]).sign_url(url),
        };
        assert_eq!(&signed, signature, "{name}");
        for url in std::iter::once(url).chain(*others) {
            assert_eq!(verify(url, content, Some(signature)), Ok(()), "{name}: {url}");
        }
    }
}

#[test]
fn the_order_of_the_fields_does_not_matter() {
    for (name, url, _, content, signature) in &VECTORS {
        let Form(params) = content else { continue };
        let mut params = owned(params);
        params.reverse();
        let verdict = signatures(&["12345"]).verify_form(url, &params, Some(signature));
        assert_eq!(verdict, Ok(()), "{name}");
    }
}

#[test]
fn a_stranger_is_refused_with_the_reason() {
    for (name, url, _, content, signature) in &VECTORS {
        assert_eq!(verify(url, content, None), Err(Refused::Missing), "{name}");
        for malformed in ["", "WRONG_SIGNATURE", "d3Jvbmc=", &signature[1..]] {
            let verdict = verify(url, content, Some(malformed));
            assert_eq!(verdict, Err(Refused::Malformed), "{name}: {malformed}");
        }
        let wrong = verify(url, content, Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        assert_eq!(wrong, Err(Refused::Wrong), "{name}");
        let swapped = url.replacen("my", "your", 1);
        assert_eq!(verify(&swapped, content, Some(signature)), Err(Refused::Wrong), "{name}");
    }
}

#[test]
fn a_signature_over_whole_pairs_in_order_is_refused() {
    let verdict = verify(U, &Form(CONFERENCE), Some("95+Bu0JVPi0r/SsESZCVf0dWAjw="));
    assert_eq!(verdict, Err(Refused::Wrong));
}

#[test]
fn a_json_body_must_be_the_one_that_was_signed() {
    let signature = Some("a9nBmqA0ju/hNViExpshrM61xv4=");
    assert_eq!(verify(U_BODY, &Json(b"{}"), signature), Err(Refused::WrongBodyHash));
    assert_eq!(verify(U_BODY, &Json(b""), signature), Err(Refused::WrongBodyHash));
    let unhashed = signatures(&["12345"]).sign_url(U);
    assert_eq!(verify(U, &Json(JSON), Some(&unhashed)), Err(Refused::NoBodyHash));
    let other_hash = U_BODY.replace("0a1ff", "0a1fe");
    assert_eq!(verify(&other_hash, &Json(JSON), signature), Err(Refused::Wrong));
    let upper = U_BODY.replace("0a1ff7634d9ab", "0A1FF7634D9AB");
    let signed = signatures(&["12345"]).sign_url(&upper);
    assert_eq!(verify(&upper, &Json(JSON), Some(&signed)), Err(Refused::WrongBodyHash));
}

#[test]
fn a_socket_is_signed_over_its_wss_address() {
    let ours = signatures(&["12345"]);
    for (url, others, signature) in SOCKET {
        assert_eq!(ours.sign_url(url), signature, "{url}");
        for url in std::iter::once(&url).chain(others) {
            assert_eq!(ours.verify_upgrade(url, Some(signature)), Ok(()), "{url}");
        }
        let https = url.replacen("wss", "https", 1);
        assert_eq!(ours.verify_upgrade(&https, Some(signature)), Err(Refused::Wrong), "{url}");
        let slash = url.replacen("/ws", "/ws/", 1);
        assert_eq!(ours.verify_upgrade(&slash, Some(signature)), Err(Refused::Wrong), "{url}");
        assert_eq!(ours.verify_upgrade(url, None), Err(Refused::Missing), "{url}");
    }
}

#[test]
fn the_query_of_a_socket_may_be_signed_as_a_form() {
    let ours = signatures(&["12345"]);
    for url in ["wss://mycompany.com/ws?t=abc&u=1", "wss://mycompany.com:443/ws?u=1&t=abc"] {
        assert_eq!(ours.verify_upgrade(url, Some(SOCKET_QUERY_AS_FORM)), Ok(()), "{url}");
    }
    let other = "wss://mycompany.com/ws?t=abd&u=1";
    assert_eq!(ours.verify_upgrade(other, Some(SOCKET_QUERY_AS_FORM)), Err(Refused::Wrong));
}

#[test]
fn the_fragment_is_not_signed() {
    let ours = signatures(&["12345"]);
    let tuned = format!("{U}#rc=2&rp=ct,rt,5xx");
    assert_eq!(ours.sign_form(&tuned, &owned(CALL)), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    let verdict = ours.verify_form(&tuned, &owned(CALL), Some("RSOYDt4T1cUTdK1PDd93/VVr8B8="));
    assert_eq!(verdict, Ok(()));
}

#[test]
fn during_a_rotation_the_old_token_and_the_new_are_taken() {
    let rotating = signatures(&["new", "12345"]);
    for token in ["new", "12345"] {
        let signature = signatures(&[token]).sign_url(U);
        assert_eq!(rotating.clone().verify_form(U, &[], Some(&signature)), Ok(()), "{token}");
    }
    assert_eq!(rotating.sign_url(U), signatures(&["new"]).sign_url(U));
    let gone = signatures(&["gone"]).sign_url(U);
    assert_eq!(rotating.verify_form(U, &[], Some(&gone)), Err(Refused::Wrong));
}

#[test]
fn tokens_that_check_nothing_are_refused() {
    let refused = |tokens: &[&str]| {
        Signatures::new(tokens.iter().map(|token| SecretString::from(*token))).err()
    };
    assert_eq!(refused(&[]), Some(TokenError::None));
    assert_eq!(refused(&[""]), Some(TokenError::Empty));
    assert_eq!(refused(&["12345", ""]), Some(TokenError::Empty));
}

#[test]
fn the_port_is_found_where_it_is_and_nowhere_else() {
    for (url, expected) in [
        ("https://host/a:1/b", vec!["https://host/a:1/b", "https://host:443/a:1/b"]),
        (
            "https://host?a=http://x:1",
            vec!["https://host?a=http://x:1", "https://host:443?a=http://x:1"],
        ),
        ("https://u:1@host/p", vec!["https://u:1@host/p", "https://u:1@host:443/p"]),
        ("https://[::1]/p", vec!["https://[::1]/p", "https://[::1]:443/p"]),
        ("https://[::1]:8/p", vec!["https://[::1]:8/p", "https://[::1]/p"]),
        ("ws://127.0.0.1:3000/p", vec!["ws://127.0.0.1:3000/p", "ws://127.0.0.1/p"]),
        ("wss://host", vec!["wss://host", "wss://host:443"]),
        ("gopher://host/p", vec!["gopher://host/p"]),
        ("/p", vec!["/p"]),
        ("", vec![""]),
    ] {
        assert_eq!(spellings(url).collect::<Vec<_>>(), expected, "{url}");
    }
}

/// `text` with one bit of one byte turned, ASCII staying ASCII.
fn flipped(text: &str, at: prop::sample::Index, bit: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn one_wrong_bit_anywhere_is_refused(
        path in "[ -\"$-~]{0,20}",
        params in prop::collection::vec(("[ -~]{1,8}", "[ -~]{1,8}"), 1..6),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..7,
    ) {
        let ours = signatures(&["12345", "54321"]);
        let url = format!("https://host.example/{path}");
        let signature = ours.sign_form(&url, &params);
        prop_assert_eq!(ours.verify_form(&url, &params, Some(&signature)), Ok(()));

        let wrong_url = flipped(&url, at, bit);
        prop_assert!(ours.verify_form(&wrong_url, &params, Some(&signature)).is_err());
        let wrong_signature = flipped(&signature, at, bit);
        prop_assert!(ours.verify_form(&url, &params, Some(&wrong_signature)).is_err());

        let mut distinct = params.clone();
        distinct.sort();
        distinct.dedup();
        let signature = ours.sign_form(&url, &distinct);
        let chosen = which.index(distinct.len());
        let (name, value) = distinct[chosen].clone();
        distinct[chosen] = (flipped(&name, at, bit), value.clone());
        prop_assert!(ours.verify_form(&url, &distinct, Some(&signature)).is_err());
        distinct[chosen] = (name, flipped(&value, at, bit));
        prop_assert!(ours.verify_form(&url, &distinct, Some(&signature)).is_err());
    }

    #[test]
    fn no_request_breaks_the_check(url in ".*", header in ".*", body in any::<Vec<u8>>()) {
        let ours = signatures(&["12345"]);
        prop_assert!(ours.verify_form(&url, &[], Some(&header)).is_err());
        prop_assert!(ours.verify_json(&url, &body, Some(&header)).is_err());
        prop_assert!(ours.verify_upgrade(&url, Some(&header)).is_err());
    }
}

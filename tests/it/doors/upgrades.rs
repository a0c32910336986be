//! The upgrade to a socket is signed as well, and nothing begins before the signature is checked.

use super::{ADMIN, FOREIGN, NEW, OLD, PUBLIC, bank, refused};
use crate::harness::{
    door::{Ask, counted, sid, signer},
    engine::Engine,
};

const ROUTE: &str = "/conversation/{call_sid}";

async fn nothing_began(engine: &Engine, sid: &str) {
    assert_eq!(engine.metric("switchhook_calls_live").await, 0.0);
    let (status, _) = engine.get(&format!("/api/transcript/{sid}")).await;
    assert_eq!(status, 404);
    assert_eq!(engine.json("/monitor").await, serde_json::json!([]));
    assert!(!engine.log().contains("is held by this session"), "{}", engine.log());
}

#[actix_web::test]
async fn a_socket_that_twilio_did_not_sign_is_refused_and_starts_nothing() {
    let engine = bank(None, &[]);
    let (ours, foreign) = (signer(NEW), signer(FOREIGN));
    let (sid, other) = (sid(1), sid(2));
    let path = format!("/conversation/{sid}");
    let upgrade = || Ask::upgrade(&path);
    let url = format!("wss://bank.example{path}");
    let wrong = [
        upgrade().signed(&ours, &format!("{PUBLIC}{path}")),
        upgrade().signed(&ours, &format!("wss://bank.example/conversation/{other}")),
        upgrade().signed(&ours, &format!("ws://bank.example{path}")),
        upgrade().signed(&ours, &format!("wss://bank.example:8443{path}")),
        upgrade().signed(&ours, &format!("{}{path}", engine.url.replacen("http", "ws", 1))),
        upgrade().signed(&ours, &format!("{url}?callSid={sid}")),
        upgrade().signed(&foreign, &url),
        // A token for people is none for sockets.
        upgrade().signed(&foreign, &url).bearer(ADMIN),
    ];
    for ask in &wrong {
        ask.at(&engine).await.problem(403);
    }
    upgrade().at(&engine).await.problem(403);
    upgrade().header("X-Twilio-Signature", "c2hvcnQ=").at(&engine).await.problem(403);
    nothing_began(&engine, &sid).await;
    assert_eq!(refused(&engine, ROUTE, "wrong").await, 8.0);
    assert_eq!(refused(&engine, ROUTE, "missing").await, 1.0);
    assert_eq!(refused(&engine, ROUTE, "malformed").await, 1.0);
    // The same bytes with the right signature are a socket.
    assert_eq!(upgrade().signed(&ours, &url).at(&engine).await.status, 101);
}

#[actix_web::test]
async fn a_socket_may_be_signed_with_the_port_of_wss_or_with_the_old_token() {
    let engine = bank(None, &[]);
    let spellings = [
        ("wss://bank.example", NEW),
        ("wss://bank.example:443", NEW),
        ("wss://bank.example", OLD),
        ("wss://bank.example:443", OLD),
    ];
    for (number, (origin, token)) in (1..).zip(spellings) {
        let path = format!("/conversation/{}", sid(number));
        let upgrade = Ask::upgrade(&path).signed(&signer(token), &format!("{origin}{path}"));
        let answer = upgrade.at(&engine).await;
        assert_eq!(answer.status, 101, "{origin}: {answer:?}");
        // RFC 6455, 1.3: the answer to the key of all examples.
        assert_eq!(answer.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
    counted(&engine, "switchhook_lines_total{event=\"attached\"}", 4.0).await;
}

#[actix_web::test]
async fn a_socket_for_something_that_is_no_call_is_not_found() {
    let engine = bank(None, &[]);
    let ours = signer(NEW);
    for name in
        ["CA0", "MZ0123456789abcdef0123456789abcdef", "CA0123456789abcdef0123456789abcdeg", "..%2f"]
    {
        let path = format!("/conversation/{name}");
        let ask = Ask::upgrade(&path).signed(&ours, &format!("wss://bank.example{path}"));
        let detail = ask.at(&engine).await.problem(404);
        assert!(!detail.contains(name), "{detail}");
        Ask::upgrade(&path).at(&engine).await.problem(403);
    }
    assert_eq!(engine.metric("switchhook_calls_live").await, 0.0);
}

#[actix_web::test]
async fn a_signed_request_that_is_no_upgrade_starts_nothing() {
    let engine = bank(None, &[]);
    let ours = signer(NEW);
    let sid = sid(1);
    let path = format!("/conversation/{sid}");
    let url = format!("wss://bank.example{path}");
    let halves = [
        Ask::get(&path),
        Ask::get(&path).header("Connection", "Upgrade").header("Upgrade", "websocket"),
        Ask::get(&path)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "8")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        Ask::get(&path).header("Connection", "Upgrade").header("Upgrade", "h2c"),
    ];
    for ask in halves {
        ask.signed(&ours, &url).at(&engine).await.problem(400);
    }
    nothing_began(&engine, &sid).await;
}

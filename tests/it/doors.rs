//! Who gets in: what Twilio signed, and people with a token.

mod access;
mod at_rest;
mod secrets;
mod upgrades;

use switchhook::{
    caller::{Ending, RingOptions, Verb},
    twilio::signature::Signatures,
};

use crate::harness::{
    door::{Ask, call, counted, form, sid, signer},
    engine::{Engine, SOON, words},
    model::{ScriptedModel, Step},
};

const PUBLIC: &str = "https://bank.example";
const NEW: &str = "0123456789abcdef0123456789abcdef";
const OLD: &str = "fedcba9876543210fedcba9876543210";
const FOREIGN: &str = "00000000000000000000000000000001";
const VIEWER: &str = "viewer-token-of-the-stories";
const SUPERVISOR: &str = "supervisor-token-of-the-stories";
const ADMIN: &str = "admin-token-of-the-stories";

/// A public engine in the middle of a rotation of its auth token.
fn bank(model: Option<&ScriptedModel>, more: &[(&str, &str)]) -> Engine {
    let auth = format!("{NEW},{OLD}");
    let access = format!("viewer:{VIEWER},supervisor:{SUPERVISOR},admin:{ADMIN}");
    let mut env = vec![
        ("PUBLIC_URL", PUBLIC),
        ("TWILIO_AUTH_TOKEN", auth.as_str()),
        ("ACCESS_TOKENS", access.as_str()),
    ];
    env.extend(more);
    match model {
        Some(model) => Engine::with_model(model, &env),
        None => Engine::start(&env),
    }
}

fn at_bank(engine: &Engine, token: &str) -> RingOptions {
    RingOptions {
        public_url: Some(PUBLIC.to_owned()),
        signatures: Some(signer(token)),
        ..engine.caller()
    }
}

/// The webhook of a call that rings, unsigned.
fn ring(number: u32) -> Ask {
    Ask::post("/voice/incoming", &call(&sid(number), "ringing"))
}

async fn refused(engine: &Engine, route: &str, reason: &str) -> f64 {
    let labels = format!("{{route=\"{route}\",reason=\"{reason}\"}}");
    engine.metric(&format!("switchhook_signatures_refused_total{labels}")).await
}

async fn is_connected(engine: &Engine, ask: Ask) -> bool {
    matches!(ask.at(engine).await.verbs().as_slice(), [Verb::Connect(_)])
}

async fn hold_a_call_signed_with(token: &str) {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => Step::answer("It costs nothing."),
        _ => Step::answer("Goodbye.\nEND_CALL"),
    });
    let engine = bank(Some(&model), &[]);
    let caller = engine.ring_as(at_bank(&engine, token)).await;
    caller.say("What does it cost?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "It costs nothing.");
    caller.drop_line().await.expect("a line");
    caller.fail(64105).await.expect("the signed action leads to a new session");
    assert_eq!(caller.sessions(), 2);
    caller.say("Goodbye.").await.expect("a conversation");
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    let done = caller.webhook("/voice/status", "completed", &[]).await.expect("an answer");
    assert_eq!(done.status, 204);
    assert_eq!(caller.violations(), Vec::<String>::new());
    let call =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    assert_eq!(words(&call)[1], ("customer".to_owned(), "What does it cost?".to_owned()));
    let (_, metrics) = engine.get("/metrics").await;
    assert!(!metrics.contains("switchhook_signatures_refused_total{"), "{metrics}");
}

#[actix_web::test]
async fn a_signed_call_works_from_the_ring_over_a_new_session_to_the_goodbye() {
    hold_a_call_signed_with(NEW).await;
}

#[actix_web::test]
async fn a_call_signed_with_the_old_token_works_during_a_rotation() {
    hold_a_call_signed_with(OLD).await;
}

#[actix_web::test]
async fn every_webhook_is_refused_unless_twilio_signed_it() {
    let engine = bank(None, &[]);
    let (ours, foreign) = (signer(NEW), signer(FOREIGN));
    for (number, path) in ["/voice/incoming", "/voice/handoff", "/voice/status"].iter().enumerate()
    {
        let sid = sid(u32::try_from(number).expect("a number"));
        let ask = || Ask::post(path, &call(&sid, "completed"));
        let url = format!("{PUBLIC}{path}");
        let signed_at = |url: &str| ask().signed(&ours, url);
        let wrong = [
            ask().signed(&foreign, &url),
            signed_at(&format!("{PUBLIC}/voice/other")),
            signed_at(&format!("{url}/")),
            signed_at(&format!("{url}?tenant=1")),
            signed_at(&format!("https://bank.example:8443{path}")),
            signed_at(&format!("http://bank.example{path}")),
            signed_at(&format!("https://bank.example.evil.example{path}")),
            signed_at(&format!("{}{path}", engine.url)),
            ask().header("X-Twilio-Signature", &ours.sign_url(&url)),
        ];
        for ask in &wrong {
            ask.at(&engine).await.problem(403);
        }
        assert_eq!(refused(&engine, path, "wrong").await, 9.0);
        ask().at(&engine).await.problem(403);
        assert_eq!(refused(&engine, path, "missing").await, 1.0);
        let malformed = ["", "signature", "AAAA", "Bearer x"];
        for signature in malformed {
            ask().header("X-Twilio-Signature", signature).at(&engine).await.problem(403);
        }
        assert_eq!(refused(&engine, path, "malformed").await, 4.0);
        let (status, _) = engine.get(&format!("/api/transcript/{sid}")).await;
        assert_eq!(status, 404, "{path}");
        let right = signed_at(&url).at(&engine).await;
        assert!(matches!(right.status, 200 | 204), "{right:?}");
    }
}

#[actix_web::test]
async fn a_form_that_was_changed_on_its_way_is_refused() {
    let engine = bank(None, &[]);
    let ours = signer(NEW);
    let sid = sid(1);
    let signed = call(&sid, "ringing");
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let pairs: Vec<_> = signed.iter().map(own).collect();
    let signature = ours.sign_form(&format!("{PUBLIC}/voice/incoming"), &pairs);
    let send = |fields: &[(&str, &str)]| {
        Ask::post("/voice/incoming", fields).header("X-Twilio-Signature", &signature)
    };
    let replaced = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        signed.iter().map(|pair| if pair.0 == name { (pair.0, value) } else { *pair }).collect()
    };
    let changed = [
        replaced("From", "+12025550143"),
        replaced("CallSid", "CAffffffffffffffffffffffffffffffff"),
        replaced("To", ""),
        signed.iter().copied().chain([("Digits", "1")]).collect(),
        signed.iter().copied().filter(|(name, _)| *name != "AccountSid").collect(),
        signed.iter().copied().chain([("CallSid", "CAffffffffffffffffffffffffffffffff")]).collect(),
    ];
    for fields in &changed {
        send(fields).at(&engine).await.problem(403);
    }
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
    // The order of the fields is not signed, and neither is how they are escaped.
    let backwards: Vec<_> = signed.iter().rev().copied().collect();
    assert!(is_connected(&engine, send(&backwards)).await);
    let spaced = form(&signed).replace("%2B", "%2b");
    let spaced = Ask::bytes("/voice/incoming", spaced.as_bytes());
    assert!(is_connected(&engine, spaced.header("X-Twilio-Signature", &signature)).await);
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 1.0);
}

#[actix_web::test]
async fn a_signature_may_name_the_port_of_https_and_belong_to_a_query() {
    let engine = bank(None, &[]);
    let ours = signer(NEW);
    let with_port = ring(1).signed(&ours, "https://bank.example:443/voice/incoming");
    assert!(is_connected(&engine, with_port).await);
    let path = "/voice/incoming?tenant=4%202&x";
    let ask = || Ask::post(path, &call("CA00000000000000000000000000000002", "ringing"));
    assert!(is_connected(&engine, ask().signed(&ours, &format!("{PUBLIC}{path}"))).await);
    let without_query = ask().signed(&ours, &format!("{PUBLIC}/voice/incoming"));
    without_query.at(&engine).await.problem(403);
    let other_escape = ask().signed(&ours, &format!("{PUBLIC}/voice/incoming?tenant=4+2&x"));
    other_escape.at(&engine).await.problem(403);
}

#[actix_web::test]
async fn a_webhook_by_get_is_signed_over_its_query() {
    let engine = bank(None, &[]);
    let ours = signer(NEW);
    let sid = sid(7);
    let query = form(&call(&sid, "ringing"));
    let path = format!("/voice/incoming?{query}");
    let signature = ours.sign_url(&format!("{PUBLIC}{path}"));
    let send = |path: &str| Ask::get(path).header("X-Twilio-Signature", &signature);
    let other = path.replace("0142", "0143");
    assert_ne!(other, path);
    send(&other).at(&engine).await.problem(403);
    send(&format!("{path}&Digits=1")).at(&engine).await.problem(403);
    Ask::get(&path).at(&engine).await.problem(403);
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
    assert!(is_connected(&engine, send(&path)).await);
    assert_eq!(engine.transcript(&sid).await["callerPhone"], "+12025550142");
}

#[actix_web::test]
async fn a_form_of_more_than_64_kib_is_refused_whoever_signed_it() {
    const MAX: usize = 64 * 1024;
    let engine = bank(None, &[]);
    let ours = signer(NEW);
    let sid = sid(1);
    let padded = |length: usize| {
        let mut fields = call(&sid, "ringing");
        fields.push(("SipHeader_X", ""));
        let padding = "x".repeat(length - form(&fields).len());
        fields.pop();
        fields.push(("SipHeader_X", &padding));
        assert_eq!(form(&fields).len(), length);
        let ask = Ask::post("/voice/incoming", &fields);
        ask.signed(&ours, &format!("{PUBLIC}/voice/incoming"))
    };
    let detail = padded(MAX + 1).at(&engine).await.problem(413);
    assert!(detail.contains("65536"), "{detail}");
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
    assert!(is_connected(&engine, padded(MAX)).await);
    // Nobody needs to name the length: it is counted.
    let mut chunked = format!("{:x}\r\n{}\r\n", MAX + 1, "x".repeat(MAX + 1));
    chunked.push_str("0\r\n\r\n");
    let ask = Ask::unmeasured("/voice/incoming", chunked.as_bytes());
    ask.at(&engine).await.problem(413);
}

#[actix_web::test]
async fn what_a_proxy_claims_changes_neither_signature_nor_twiml() {
    let engine = bank(None, &[]);
    let ours: Signatures = signer(NEW);
    let claimed = |ask: Ask| {
        ask.header("Host", "evil.example")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "http")
            .header("Forwarded", "host=evil.example;proto=http")
            .header("X-Original-URL", "/livez")
    };
    let answer = claimed(ring(1).signed(&ours, &format!("{PUBLIC}/voice/incoming")));
    let answer = answer.at(&engine).await;
    let [Verb::Connect(connect)] = &answer.verbs()[..] else { panic!("{answer:?}") };
    assert_eq!(connect.relay.url(), format!("wss://bank.example/conversation/{}", sid(1)));
    assert!(!answer.body.contains("evil"), "{}", answer.body);
    let theirs = claimed(ring(2).signed(&ours, "http://evil.example/voice/incoming"));
    theirs.at(&engine).await.problem(403);
    counted(&engine, "switchhook_calls_opened_total", 1.0).await;
}

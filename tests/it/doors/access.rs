//! Which route takes which token, and how a refusal looks.

use std::collections::BTreeSet;

use super::{ADMIN, SUPERVISOR, VIEWER, bank};
use crate::harness::{
    door::{Ask, call, sid},
    engine::Engine,
};

/// The file that holds the map of all routes.
const MAP: &str = include_str!("../../../src/http.rs");

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq)]
enum For {
    /// Everybody, always.
    All,
    /// Twilio alone: a token is of no use.
    Twilio,
    Viewer,
    Supervisor,
    Admin,
}

/// Every route, and what is answered to those who may ask: of a call that nobody knows.
const ROUTES: [(&str, &str, For, u16); 18] = [
    ("GET", "/", For::All, 200),
    ("GET", "/livez", For::All, 200),
    ("GET", "/readyz", For::All, 200),
    ("GET", "/metrics", For::Viewer, 200),
    ("GET", "/monitor", For::Viewer, 200),
    ("GET", "/api/transcript/{id}", For::Viewer, 404),
    ("DELETE", "/api/transcript/{id}", For::Admin, 404),
    ("DELETE", "/api/callers/{number}", For::Admin, 200),
    ("POST", "/voice/incoming", For::Twilio, 200),
    ("GET", "/voice/incoming", For::Twilio, 400),
    ("POST", "/voice/handoff", For::Twilio, 200),
    ("POST", "/voice/status", For::Twilio, 204),
    ("POST", "/voice/wait", For::Twilio, 200),
    ("POST", "/voice/queued", For::Twilio, 200),
    ("POST", "/taskrouter/events", For::Twilio, 204),
    ("POST", "/api/calls/{call_sid}/escalate", For::Supervisor, 400),
    ("GET", "/conversation/{call_sid}", For::Twilio, 400),
    ("GET", "/conversation/{call_sid}/after/{ended}/{failed_at}", For::Twilio, 400),
];

const TOKENS: [(&str, Option<&str>); 5] = [
    ("no token", None),
    ("an unknown token", Some("token-that-nobody-was-given")),
    ("a viewer", Some(VIEWER)),
    ("a supervisor", Some(SUPERVISOR)),
    ("an admin", Some(ADMIN)),
];

/// What that route says to the one with that token, given that it would answer `fine`.
fn expected(who: For, token: Option<&str>, fine: u16) -> u16 {
    match (who, token) {
        (For::All, _) => fine,
        (For::Twilio, _) => 403,
        (For::Viewer, Some(VIEWER | SUPERVISOR | ADMIN)) => fine,
        (For::Supervisor, Some(SUPERVISOR | ADMIN)) => fine,
        (For::Supervisor, Some(VIEWER)) => 403,
        (For::Admin, Some(ADMIN)) => fine,
        (For::Admin, Some(VIEWER | SUPERVISOR)) => 403,
        _ => 401,
    }
}

/// Each route asks of a call of its own.
fn ask(number: u32, method: &str, route: &str) -> Ask {
    let sid = sid(number);
    let path = route.replace("{id}", &sid).replace("{call_sid}", &sid);
    let path = path.replace("{number}", "+15550009999").replace("{ended}", "1764000000000");
    let path = path.replace("{failed_at}", "1764000000900");
    if method == "POST" {
        Ask::post(&path, &call(&sid, "completed"))
    } else {
        Ask::new(method, &path)
    }
}

#[test]
fn every_route_of_the_map_is_in_the_table_of_these_stories() {
    let code = MAP.lines().filter(|line| !line.trim_start().starts_with("//"));
    let quoted: Vec<String> = code
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| text.starts_with('/'))
        .map(str::to_owned)
        .collect();
    let map: BTreeSet<&str> = quoted.iter().map(String::as_str).collect();
    let table: BTreeSet<&str> = ROUTES.iter().map(|(_, route, ..)| *route).collect();
    assert_eq!(map, table, "a route without a story about who may ask, or one that is gone");
}

#[actix_web::test]
async fn every_route_lets_those_in_who_may_ask_and_nobody_else() {
    let engine = bank(None, &[]);
    for (number, (method, route, who, fine)) in (0..).zip(ROUTES) {
        for (name, token) in TOKENS {
            let ask = ask(number, method, route);
            let ask = if let Some(token) = token { ask.bearer(token) } else { ask };
            let answer = ask.at(&engine).await;
            let wanted = expected(who, token, fine);
            assert_eq!(answer.status, wanted, "{method} {route} with {name}: {answer:?}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, if wanted == 401 { "Bearer" } else { "" }, "{route}");
            if wanted >= 400 {
                answer.problem(wanted);
            }
        }
    }
    let counted = |route: &str| format!("switchhook_access_refused_total{{route=\"{route}\"}}");
    // Two without a known token at each of three; at the fourth two more with too low a one.
    for (route, times) in [("/metrics", 2.0), ("/monitor", 2.0), ("/api/transcript/{id}", 6.0)] {
        assert_eq!(engine.metric(&counted(route)).await, times, "{route}");
    }
}

#[actix_web::test]
async fn an_engine_of_ones_own_without_tokens_is_open_to_everybody() {
    let engine = Engine::start(&[]);
    for (number, (method, route, _, fine)) in (0..).zip(ROUTES) {
        let answer = ask(number, method, route).at(&engine).await;
        assert_eq!(answer.status, fine, "{method} {route}: {answer:?}");
    }
    Ask::post("/voice/incoming", &call(&sid(99), "ringing")).at(&engine).await.verbs();
    let erase = Ask::new("DELETE", &format!("/api/transcript/{}", sid(99)));
    assert_eq!(erase.at(&engine).await.status, 204);
}

#[actix_web::test]
async fn tokens_on_an_engine_that_is_not_public_count_as_well() {
    let tokens = format!("viewer:{VIEWER}");
    let engine = Engine::start(&[("ACCESS_TOKENS", &tokens)]);
    Ask::get("/monitor").at(&engine).await.problem(401);
    assert_eq!(Ask::get("/monitor").bearer(VIEWER).at(&engine).await.status, 200);
    // Nobody has the role: nobody erases.
    let erase = Ask::new("DELETE", &format!("/api/transcript/{}", sid(1)));
    erase.bearer(VIEWER).at(&engine).await.problem(403);
}

#[actix_web::test]
async fn a_token_counts_as_a_whole_and_in_its_own_header_alone() {
    let engine = bank(None, &[]);
    let monitor = || Ask::get("/monitor");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let ask = monitor().header("Authorization", &format!("{scheme} {VIEWER}"));
        assert_eq!(ask.at(&engine).await.status, 200, "{scheme}");
    }
    let basic = "Basic dmlld2VyOnZpZXdlci10b2tlbi1vZi10aGUtc3Rvcmllcw==";
    let wrong = [
        VIEWER.to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {}", &VIEWER[..VIEWER.len() - 1]),
        format!("Bearer {VIEWER}x"),
        format!("Bearer {}", VIEWER.to_uppercase()),
        format!("Bearer viewer:{VIEWER}"),
        format!("Bearer {VIEWER},{ADMIN}"),
        format!("Token {VIEWER}"),
        basic.to_owned(),
    ];
    for given in &wrong {
        monitor().header("Authorization", given).at(&engine).await.problem(401);
    }
    Ask::get(&format!("/monitor?access_token={VIEWER}")).at(&engine).await.problem(401);
    monitor().header("Cookie", &format!("token={VIEWER}")).at(&engine).await.problem(401);
}

#[actix_web::test]
async fn everything_that_goes_wrong_is_told_in_the_same_form() {
    let engine = Engine::start(&[]);
    let sid = sid(1);
    Ask::post("/voice/incoming", &call(&sid, "ringing")).at(&engine).await.verbs();
    let transcript = format!("/api/transcript/{sid}");
    let after = |moments: &str| format!("/conversation/{sid}/after/{moments}");
    let cases = [
        (Ask::get("/nowhere"), 404),
        (Ask::get("/monitor/"), 404),
        (Ask::get("//monitor"), 404),
        (Ask::get("/api/transcript/"), 404),
        (Ask::get("/api/transcript/..%2f..%2fetc"), 404),
        (Ask::get("/api/transcript/%FF"), 404),
        (Ask::get("/%00"), 404),
        (Ask::get(&format!("{transcript}?since=yesterday")), 400),
        (Ask::get(&format!("{transcript}?since=-1")), 400),
        (Ask::get(&format!("{transcript}?since=1&since=2")), 400),
        (Ask::get(&format!("/conversation/{sid}")), 400),
        (Ask::get("/conversation/CA"), 404),
        (Ask::get(&after("1764000000000/1764000000900")), 400),
        (Ask::get(&after("1764000000000")), 404),
        (Ask::get(&after("yesterday/1764000000000")), 404),
        (Ask::get(&after("1764000000000/-1")), 404),
        // A moment that has not come yet.
        (Ask::get(&after("1764000000000/18446744073709551615")), 404),
        (Ask::get(&after("9000000000000/1764000000000")), 404),
        (Ask::post("/monitor", &[]), 405),
        (Ask::post("/", &[]), 405),
        (Ask::post(&transcript, &[]), 405),
        (Ask::new("PUT", "/voice/incoming"), 405),
        (Ask::new("DELETE", "/metrics"), 405),
        (Ask::post(&format!("/conversation/{sid}"), &[]), 405),
        (Ask::new("BREW", "/"), 405),
    ];
    for (ask, status) in cases {
        let answer = ask.at(&engine).await;
        let detail = answer.problem(status);
        assert!(!detail.contains("src/") && detail.len() < 200, "{ask:?}: {detail}");
        assert_eq!(answer.header("allow").contains("GET"), status == 405, "{ask:?}: {answer:?}");
    }
    // It answers who asks well, still.
    assert_eq!(Ask::get(&transcript).at(&engine).await.status, 200);
}

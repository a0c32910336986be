//! HAProxy before engines that are well, drain, freeze and die.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    parts::{Haproxy, free_port, wait_for},
    upstream::{FROZEN, Line, NOTICED_WITHIN, Upstream, request},
};

/// How many requests are refused at most, one behind another, until dead engines are out.
const REFUSED_MAX: usize = 1_000;

fn house() -> ([Upstream; 3], Haproxy) {
    let engines = [Upstream::start(), Upstream::start(), Upstream::start()];
    let balancer = Haproxy::before([0, 1, 2].map(|number: usize| engines[number].port));
    (engines, balancer)
}

/// Which one has got the only socket.
fn holder(engines: &[Upstream; 3]) -> usize {
    engines.iter().position(|engine| engine.sockets() == 1).expect("one has it")
}

#[test]
fn the_file_of_the_balancer_is_valid_without_a_warning() {
    let said = Haproxy::check().expect("it is valid");
    assert!(said.contains("valid") && !said.contains("WARNING"), "{said}");
}

#[test]
fn a_new_caller_hears_a_sentence_when_no_engine_is_up() {
    let balancer = Haproxy::before([free_port(), free_port(), free_port()]);
    let answer = wait_for("the sentence", NOTICED_WITHIN, || {
        let answer = request(balancer.port, "POST", "/voice/incoming");
        answer.starts_with("HTTP/1.1 200 ").then_some(answer)
    });
    assert!(answer.to_lowercase().contains("content-type: text/xml"), "{answer}");
    assert!(answer.ends_with(include_str!("../../../deploy/sorry.xml")), "{answer}");
    // Nobody but Twilio understands TwiML.
    assert!(request(balancer.port, "GET", "/monitor").starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_call_that_is_held_is_not_hung_up_on_when_no_engine_is_up_for_a_moment() {
    let balancer = Haproxy::before([free_port(), free_port(), free_port()]);
    wait_for("it is noticed", NOTICED_WITHIN, || {
        request(balancer.port, "POST", "/voice/incoming").starts_with("HTTP/1.1 200 ").then_some(())
    });
    for path in ["/voice/handoff", "/voice/queued", "/voice/wait", "/voice/status"] {
        let asked = Instant::now();
        let answer = request(balancer.port, "POST", path);
        // Twilio tries again; at once it would have no more tries a moment later.
        assert!(answer.starts_with("HTTP/1.1 503 "), "{path}: {answer}");
        let took = asked.elapsed();
        assert!(took > Duration::from_secs(2) && took < Duration::from_secs(4), "{path}: {took:?}");
    }
}

#[test]
fn an_engine_that_drains_keeps_its_socket_and_gets_no_new_one() {
    let (engines, balancer) = house();
    let mut line = Line::open(balancer.port);
    let holder = holder(&engines);
    engines[holder].be(404);
    let gone = format!("engine{} is stopping", holder + 1);
    wait_for("it is out", NOTICED_WITHIN, || balancer.log().contains(&gone).then_some(()));

    let more: Vec<_> = (0..6).map(|_| Line::open(balancer.port)).collect();
    assert_eq!(engines[holder].sockets(), 1);
    assert_eq!(engines.iter().map(Upstream::sockets).sum::<usize>(), 1 + more.len());
    assert!(line.is_open(), "the call it had was cut");

    engines[holder].be(200);
    let back = format!("engine{} is UP", holder + 1);
    wait_for("it is back", NOTICED_WITHIN, || balancer.log().contains(&back).then_some(()));
    assert!(line.is_open(), "the call it had was cut");
}

#[test]
fn an_engine_that_freezes_loses_its_sockets_and_the_others_keep_theirs() {
    let (engines, balancer) = house();
    let mut line = Line::open(balancer.port);
    let holder = holder(&engines);
    // The others have fewer.
    let mut others = [Line::open(balancer.port), Line::open(balancer.port)];
    engines[holder].be(FROZEN);

    assert!(line.is_cut(), "the caller waits for ever");
    assert_eq!(engines[holder].sockets(), 1);
    assert!(others.iter_mut().all(Line::is_open));
    assert!(Line::open(balancer.port).is_open(), "the caller is not taken up by another");
}

#[test]
fn a_webhook_that_an_engine_died_of_is_answered_by_another() {
    let (engines, balancer) = house();
    engines[0].die_of_every_request();
    for _ in 0..6 {
        let answer = request(balancer.port, "POST", "/voice/incoming");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert!(engines[0].requests() > 0, "it was never asked");
}

#[test]
fn when_two_of_three_engines_die_together_requests_are_refused_for_an_instant_and_then_none_is() {
    let (engines, balancer) = house();
    let [one, two, three] = &engines;
    let noted = |what: &str| {
        wait_for(what, NOTICED_WITHIN, || balancer.log().contains(what).then_some(()));
    };
    // The third has all the connections: the balancer would rather take the others.
    [one, two].iter().for_each(|engine| engine.be(404));
    ["engine1 is stopping", "engine2 is stopping"].into_iter().for_each(noted);
    let _lines: Vec<_> = (0..4).map(|_| Line::open(balancer.port)).collect();
    [one, two].iter().for_each(|engine| engine.be(200));
    ["engine1 is UP", "engine2 is UP"].into_iter().for_each(noted);
    [one, two].iter().for_each(|engine| engine.kill());

    // One behind another, as fast as they are answered: some hundred come between two checks.
    let is_served =
        || request(balancer.port, "POST", "/voice/handoff").starts_with("HTTP/1.1 200 ");
    let refused = (0..REFUSED_MAX).take_while(|_| !is_served()).count();
    assert!(refused < REFUSED_MAX, "nobody was served\n{}", balancer.log());
    ["engine1 is DOWN", "engine2 is DOWN"].into_iter().for_each(noted);
    assert!((0..100).all(|_| is_served()), "{}", balancer.log());
    assert_eq!(three.sockets(), 4);
}

#[test]
fn an_order_of_a_supervisor_is_never_given_twice() {
    let (engines, balancer) = house();
    engines.iter().for_each(Upstream::die_of_every_request);
    let answer = request(balancer.port, "POST", "/api/calls/CA1/say");
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(engines.iter().map(Upstream::requests).sum::<usize>(), 1);
}

#[test]
fn the_public_finds_behind_tls_what_twilio_needs_and_nothing_else() {
    let (engines, balancer) = house();
    for path in ["/voice/incoming", "/taskrouter/events", "/api/transcript/CA1?sig=1"] {
        let answer = over_tls(&balancer, path);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("engine"), "{answer}");
    }
    let asked: usize = engines.iter().map(Upstream::requests).sum();
    for path in ["/monitor", "/metrics", "/readyz", "/console", "/api/transcript/CA1"] {
        let answer = over_tls(&balancer, path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    assert_eq!(engines.iter().map(Upstream::requests).sum::<usize>(), asked);
}

/// As a client that trusts the certificate of the file and no other.
fn over_tls(balancer: &Haproxy, path: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, balancer.certificate()).expect("a file");
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1"])
        .args(["-connect", &format!("127.0.0.1:{}", balancer.tls_port)])
        .arg("-CAfile")
        .arg(&authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl");
    let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    client.stdin.take().expect("its input").write_all(ask.as_bytes()).expect("it reads");
    let answer = client.wait_with_output().expect("an answer").stdout;
    String::from_utf8_lossy(&answer).into_owned()
}

//! Frames that Twilio never sends, from whoever sends them: at worst one socket closes, with the
//! right code, and its call goes on over the next; nobody else notices.

mod tolerated;

use std::time::Duration;

use switchhook::caller::{Caller, Verb};

use crate::harness::{
    door::{Ask, call, counted, sid},
    engine::{Engine, SOON},
    model::{ScriptedModel, echo_of},
    raw::{BINARY, CLOSE, PING, PONG, RawLine, TEXT, frame, head, prompt, text, unannounced},
};

/// An engine with a call that somebody else holds all the while.
struct Bank {
    engine: Engine,
    neighbour: Caller,
    // Dropped after those who ask it.
    model: ScriptedModel,
}

impl Bank {
    async fn open(env: &[(&str, &str)]) -> Self {
        let model = ScriptedModel::echoing();
        let engine = Engine::with_model(&model, env);
        let neighbour = engine.ring().await;
        let bank = Self { engine, neighbour, model };
        bank.neighbour_notices_nothing().await;
        bank
    }

    async fn neighbour_notices_nothing(&self) {
        let neighbour = &self.neighbour;
        neighbour.say("How are you?").await.expect("a conversation");
        let answer = neighbour.answer(SOON).await;
        assert!(answer.complete && answer.text == echo_of("How are you?"), "{}", neighbour.log());
        assert_eq!((neighbour.sessions(), neighbour.violations().len()), (1, 0));
        assert_eq!(self.engine.metric("switchhook_panics_total").await, 0.0);
    }

    /// A call that has talked already.
    async fn talking(&self, sid: &str) -> RawLine {
        let mut line = RawLine::of_call(&self.engine, sid).await;
        assert!(line.send(&prompt("First question.")).await);
        line.hears(&echo_of("First question.")).await;
        line
    }

    /// That a call goes on: over another socket, and in the same transcript.
    async fn resumes(&self, sid: &str) {
        let again = self.engine.ring_as(unannounced(&self.engine, sid)).await;
        again.say("Second question.").await.expect("a conversation");
        let answered = |heard: &str| heard.contains(&echo_of("Second question."));
        assert!(again.heard_until(SOON, answered).await, "{}\n{}", again.log(), self.engine.log());
        let kept = self.engine.transcript_when(sid, |call| {
            let kept = call.to_string();
            kept.contains("First question.") && kept.contains("Second question.")
        });
        assert_eq!(kept.await["status"], "active");
        // Twilio may give the session up instead, and ask the action URL.
        let failed = [
            call(sid, "in-progress"),
            vec![("SessionId", "VX1"), ("SessionStatus", "failed"), ("ErrorCode", "64105")],
        ];
        let answer = Ask::post("/voice/handoff", &failed.concat()).at(&self.engine).await;
        assert!(matches!(answer.verbs()[..], [Verb::Connect(_)]), "{answer:?}");
    }

    async fn rejected(&self, reason: &str) -> f64 {
        let series = format!("switchhook_relay_frames_rejected_total{{reason=\"{reason}\"}}");
        self.engine.metric(&series).await
    }
}

/// Sends bytes on a call that talks, and expects its socket to be closed for this reason, with
/// this code.
async fn closes(bank: &Bank, number: u32, bytes: &[u8], reason: &str, code: u16) {
    let before = bank.rejected(reason).await;
    let sid = sid(number);
    let mut line = bank.talking(&sid).await;
    // The engine may be gone before it has read everything.
    line.send(bytes).await;
    assert_eq!(line.closed().await, Some(code), "{reason}\n{}", bank.engine.log());
    let series = format!("switchhook_relay_frames_rejected_total{{reason=\"{reason}\"}}");
    counted(&bank.engine, &series, before + 1.0).await;
    bank.neighbour_notices_nothing().await;
    bank.resumes(&sid).await;
}

#[actix_web::test]
async fn a_binary_message_closes_the_socket_with_1003() {
    let bank = Bank::open(&[]).await;
    closes(&bank, 1, &frame(true, BINARY, b"audio?"), "binary", 1003).await;
    closes(&bank, 2, &frame(false, BINARY, b"au"), "binary", 1003).await;
}

#[actix_web::test]
async fn a_message_over_64_kib_closes_the_socket_with_1009() {
    let bank = Bank::open(&[]).await;
    let half = vec![b' '; 32 * 1024];
    let joined = [frame(false, TEXT, &half), frame(false, 0, &half), frame(true, 0, b" ")].concat();
    closes(&bank, 1, &frame(true, TEXT, &[b' '; 64 * 1024 + 1]), "oversize", 1009).await;
    closes(&bank, 2, &joined, "oversize", 1009).await;
}

#[actix_web::test]
async fn a_frame_that_announces_a_gigabyte_is_not_waited_for_and_takes_no_memory() {
    let bank = Bank::open(&[]).await;
    closes(&bank, 1, &head(true, TEXT, 1 << 30), "oversize", 1009).await;
    let sid = sid(2);
    let mut line = bank.talking(&sid).await;
    let before = bank.engine.peak_memory();
    line.send(&head(true, TEXT, 1 << 30)).await;
    let megabyte = vec![0; 1024 * 1024];
    for _ in 0..64 {
        if !line.send(&megabyte).await {
            break;
        }
    }
    // What was on its way when the engine closed may have torn the connection.
    drop(line);
    let grown = bank.engine.peak_memory() - before;
    assert!(grown < 8 * 1024, "{grown} KiB");
    bank.neighbour_notices_nothing().await;
    bank.resumes(&sid).await;
}

#[actix_web::test]
async fn text_that_is_not_utf_8_closes_the_socket_with_1007() {
    let bank = Bank::open(&[]).await;
    let whole = frame(true, TEXT, b"{\"type\":\"prompt\",\"voicePrompt\":\"caf\xe9\"}");
    let parts = [frame(false, TEXT, b"{\"a\":\"\xc3"), frame(true, 0, b"(\"}")].concat();
    closes(&bank, 1, &whole, "not_utf8", 1007).await;
    closes(&bank, 2, &parts, "not_utf8", 1007).await;
}

#[actix_web::test]
async fn frames_that_the_protocol_does_not_have_close_the_socket_with_1002() {
    let bank = Bank::open(&[]).await;
    let unmasked = b"\x81\x02{}".to_vec();
    let reserved = [vec![0xf1], head(true, TEXT, 2)[1..].to_vec(), b"{}".to_vec()].concat();
    let unknown = frame(true, 3, b"{}");
    let long_ping = frame(true, PING, &[0; 126]);
    let torn_ping = frame(false, PING, b"");
    let nothing_before = frame(true, 0, b"and so on");
    let interleaved = [frame(false, TEXT, b"{"), frame(true, TEXT, b"{}")].concat();
    let all = [unmasked, reserved, unknown, long_ping, torn_ping, nothing_before, interleaved];
    for (number, bytes) in (1..).zip(all) {
        closes(&bank, number, &bytes, "protocol", 1002).await;
    }
}

#[actix_web::test]
async fn ten_frames_in_a_row_that_are_no_messages_close_the_socket_with_1007() {
    let bank = Bank::open(&[]).await;
    let deep = format!("{{\"type\":\"info\",\"value\":{}{}}}", "[".repeat(32), "]".repeat(32));
    let deepest = "[".repeat(60_000);
    let garbage = [
        ("json", "hello"),
        ("json", ""),
        ("json", "{\"type\":\"prompt\",\"voicePrompt\":\"cut o"),
        ("json", "{\"type\":7}"),
        ("not_object", "null"),
        ("not_object", "[\"prompt\",\"an ordered list\"]"),
        ("untyped", "{}"),
        ("incomplete", "{\"type\":\"dtmf\",\"digit\":\"12\"}"),
        ("nested", &deep),
        ("nested", &deepest),
    ];
    for (number, (reason, frame)) in (1..).zip(garbage) {
        let sid = sid(number);
        let before = bank.rejected(reason).await;
        let mut line = bank.talking(&sid).await;
        line.send(&text(frame).repeat(10)).await;
        assert_eq!(line.closed().await, Some(1007), "{reason} {frame:.40}");
        assert_eq!(bank.rejected(reason).await, before + 10.0, "{reason}");
        bank.resumes(&sid).await;
    }
    bank.neighbour_notices_nothing().await;
}

#[actix_web::test]
async fn a_flood_of_frames_closes_the_socket_with_1008() {
    let bank = Bank::open(&[]).await;
    let partial = text(r#"{"type":"prompt","voicePrompt":"What","last":false}"#);
    let floods = [
        text(r#"{"type":"hologram"}"#),
        partial,
        text(r#"{"type":"info","name":"tokensPlayed","value":"a"}"#),
        frame(true, PING, b"are you there"),
        frame(true, PONG, b""),
    ];
    for (number, one) in (1..).zip(floods) {
        closes(&bank, number, &one.repeat(2_000), "flood", 1008).await;
    }
}

#[actix_web::test]
async fn a_frame_that_trickles_in_for_ever_closes_the_socket() {
    let bank = Bank::open(&[("LINE_PING_SECONDS", "1"), ("LINE_SILENT_SECONDS", "2")]).await;
    let sid = sid(1);
    let mut line = bank.talking(&sid).await;
    assert!(line.send(&head(true, TEXT, 60_000)).await);
    // It does give signs of life: a byte of the frame is none, an answered ping between two
    // fragments would be.
    let mut trickled = 0;
    while line.send(b" ").await {
        trickled += 1;
        assert!(trickled < 1_000, "it goes on");
        match tokio::time::timeout(Duration::from_millis(50), line.next()).await {
            Ok(None) | Ok(Some((CLOSE, _))) => break,
            Ok(Some(_)) | Err(_) => {}
        }
    }
    counted(&bank.engine, "switchhook_relay_frames_rejected_total{reason=\"unfinished\"}", 1.0)
        .await;
    bank.neighbour_notices_nothing().await;
    bank.resumes(&sid).await;
}

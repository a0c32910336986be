//! Ends of sessions, and what becomes of the caller.

use super::*;
use crate::domain::{
    escalation::{Step, Unreached},
    ids::TurnId,
    record::{Change, Failure, NewCall},
    transcript::{Role, Turn},
};

fn record() -> CallRecord {
    let sid = "CA0123456789abcdef0123456789abcdef".parse().unwrap();
    let (caller, called) = (String::new(), String::new());
    let new = NewCall { sid, caller, called, greeting: None, at: Timestamp(0) };
    let mut record = CallRecord::ringing(new);
    record.transcript.put(Turn::new(TurnId(0), Role::Agent, "Hello.", Timestamp(0)));
    record
}

/// Twilio gave a session up at that moment.
fn rejoined(at: Timestamp) -> Change {
    Change::Rejoined { failure: Failure::new(at) }
}

fn seek_person() -> Next {
    let grounds = Grounds::new(ReasonCode::EngineFailed, KEEPS_FAILING);
    Next::SeekPerson(Box::new(Wanted { id: None, grounds }))
}

#[test]
fn a_caller_whose_session_failed_is_connected_again_five_times_a_minute() {
    let failed = SessionOver::Failed { lasted: Some(2_000), failures: 0 };
    let mut record = record();
    for second in 0..5 {
        let now = Timestamp(second * 1_000);
        assert_eq!(failed.next(Some(&record), now), Next::Rejoin { greet: false, failures: 0 });
        record.apply(&rejoined(now), now);
    }
    let person = failed.next(Some(&record), Timestamp(59_000));
    assert_eq!(person, seek_person());
    assert_eq!(
        failed.next(Some(&record), Timestamp(60_000)),
        Next::Rejoin { greet: false, failures: 0 }
    );
}

#[test]
fn a_caller_who_heard_no_greeting_yet_hears_it_on_the_next_line() {
    let mut record = record();
    record.transcript = crate::domain::transcript::Transcript::default();
    let failed = SessionOver::Failed { lasted: Some(0), failures: 0 };
    assert_eq!(failed.next(Some(&record), Timestamp(0)), Next::Rejoin { greet: true, failures: 0 });
}

#[test]
fn a_call_of_which_nothing_is_known_is_connected_again_until_five_sessions_failed_early() {
    let next = |lasted, failures| SessionOver::Failed { lasted, failures }.next(None, Timestamp(0));
    let rejoin = |failures| Next::Rejoin { greet: false, failures };
    assert_eq!(next(Some(9_999), 0), rejoin(1));
    assert_eq!(next(None, 1), rejoin(2));
    assert_eq!(next(Some(0), 4), rejoin(5));
    assert_eq!(next(Some(0), 5), Next::GiveUp);
    assert_eq!(next(None, u32::MAX), Next::GiveUp);
    // One that held for a while begins a new row.
    assert_eq!(next(Some(10_000), 5), rejoin(0));
}

#[test]
fn a_caller_whose_sessions_keep_failing_is_sent_to_a_person_once() {
    let failed = SessionOver::Failed { lasted: Some(2_000), failures: 0 };
    let mut record = record();
    (0..5).for_each(|at| record.apply(&rejoined(Timestamp(at)), Timestamp(at)));
    let next = |record: &CallRecord| failed.next(Some(record), Timestamp(1_000));
    let Next::SeekPerson(wanted) = next(&record) else { panic!("no person is sought") };
    let id = record.next_escalation();
    let escalation = Box::new(Escalation::new(id, wanted.grounds.clone(), Timestamp(0)));
    record.apply(&Change::Escalated { escalation }, Timestamp(0));
    // On the way there they are not connected to us again.
    assert_eq!(next(&record), hand_over(Some(id), wanted.grounds));
    let step = Step::Failed { why: Unreached::QueueFull };
    record.apply(&Change::Escalation { id, step }, Timestamp(1));
    assert_eq!(next(&record), Next::GiveUp);
}

#[test]
fn a_session_that_we_ended_ends_the_call_or_moves_it() {
    let ended = |kind| SessionOver::EndedByUs(Some(HandoffNote::new(kind)));
    let record = record();
    let next = |over: SessionOver| over.next(Some(&record), Timestamp(0));
    assert_eq!(next(ended(HandoffKind::Goodbye)), Next::HangUp);
    assert_eq!(next(SessionOver::EndedByUs(None)), Next::HangUp);
    assert_eq!(next(ended(HandoffKind::Move)), Next::Move);
}

#[test]
fn a_call_that_is_moved_goes_to_a_person_or_nowhere_if_that_was_settled_meanwhile() {
    let moved = SessionOver::EndedByUs(Some(HandoffNote::new(HandoffKind::Move)));
    assert_eq!(moved.next(None, Timestamp(0)), Next::Move, "a record is not needed for it");
    let mut record = record();
    let grounds = Grounds::new(ReasonCode::Supervisor, "by order");
    let id = record.next_escalation();
    let escalation = Box::new(Escalation::new(id, grounds.clone(), Timestamp(0)));
    record.apply(&Change::Escalated { escalation }, Timestamp(0));
    assert_eq!(moved.next(Some(&record), Timestamp(1)), hand_over(Some(id), grounds));
    record.apply(&Change::Ended { status: Status::Completed }, Timestamp(1));
    assert_eq!(moved.next(Some(&record), Timestamp(2)), Next::HangUp);
}

#[test]
fn a_caller_who_shall_speak_with_a_person_is_handed_over_whoever_wrote_the_data() {
    let next = |data: &str| SessionOver::ended(Some(data)).next(Some(&record()), Timestamp(0));
    let cases = [
        (r#"{"v":1,"kind":"escalate","reasonCode":"fraud"}"#, ReasonCode::Fraud, "fraud"),
        (
            r#"{"reasonCode":"live-agent-handoff","reason":"wants\nJo"}"#,
            ReasonCode::Foreign,
            "live-agent-handoff: wants Jo",
        ),
        (r#"{"v":1,"reason":"no kind"}"#, ReasonCode::Foreign, "no kind"),
        ("to a person", ReasonCode::Foreign, FOREIGN),
        ("[1]", ReasonCode::Foreign, FOREIGN),
    ];
    for (data, code, reason) in cases {
        let grounds = Grounds::new(code, reason);
        assert_eq!(next(data), hand_over(None, grounds), "{data}");
    }
    assert_eq!(SessionOver::ended(Some(" ")), SessionOver::EndedByUs(None));
}

#[test]
fn a_caller_who_was_promised_a_person_gets_one_though_the_line_broke() {
    let mut record = record();
    let grounds = Grounds::new(ReasonCode::LostCard, "lost");
    let id = record.next_escalation();
    let escalation = Box::new(Escalation::new(id, grounds.clone(), Timestamp(0)));
    record.apply(&Change::Escalated { escalation }, Timestamp(0));
    let failed = SessionOver::Failed { lasted: Some(0), failures: 0 };
    assert_eq!(failed.next(Some(&record), Timestamp(1)), hand_over(Some(id), grounds));
    record.apply(&Change::Escalation { id, step: Step::Withdrawn }, Timestamp(2));
    assert_eq!(
        failed.next(Some(&record), Timestamp(3)),
        Next::Rejoin { greet: false, failures: 0 }
    );
}

#[test]
fn a_call_that_is_over_is_not_connected_again() {
    let mut record = record();
    record.apply(&Change::Ended { status: Status::Completed }, Timestamp(1));
    let failed = SessionOver::Failed { lasted: None, failures: 0 };
    assert_eq!(failed.next(Some(&record), Timestamp(2)), Next::HangUp);
    let over = SessionOver::CallOver { completed: true };
    assert_eq!(over.next(Some(&record), Timestamp(2)), Next::Nothing(Status::Completed));
}

#[test]
fn a_note_survives_the_trip_through_twilio_and_newer_engines() {
    let note = HandoffNote::new(HandoffKind::Goodbye);
    assert_eq!(note.encode(), r#"{"v":1,"kind":"goodbye"}"#);
    let id: EscalationId = "CA0123456789abcdef0123456789abcdef.e2".parse().unwrap();
    let escalate = HandoffNote::escalate(id, Epoch(3), ReasonCode::Fraud);
    let text = r#"{"v":1,"kind":"escalate","call":"CA0123456789abcdef0123456789abcdef","escalation":"CA0123456789abcdef0123456789abcdef.e2","epoch":3,"reasonCode":"fraud"}"#;
    assert_eq!(escalate.encode(), text);
    assert_eq!(HandoffNote::parse(text).ok(), Some(escalate));
    let odd = r#"{"v":2,"kind":"escalate","call":7,"escalation":"x","epoch":"y","reasonCode":[]}"#;
    let expected = HandoffNote { v: 2, ..HandoffNote::new(HandoffKind::Escalate) };
    assert_eq!(HandoffNote::parse(odd).ok(), Some(expected));
    let newer = r#"{"v":9,"kind":"move","since":"2031","to":["x"]}"#;
    assert_eq!(HandoffNote::parse(newer).map(|note| note.kind).ok(), Some(HandoffKind::Move));
    let unknown = r#"{"v":9,"kind":"teleport"}"#;
    assert_eq!(HandoffNote::parse(unknown).map(|note| note.kind).ok(), Some(HandoffKind::Goodbye));
    for wrong in ["", "null", "[]", "{}", "bye", r#"{"kind":"escalate"}"#] {
        assert!(HandoffNote::parse(wrong).is_err(), "{wrong}");
    }
}

use serde_json::json;
use switchhook_actors::domain::{
    escalation::{Grounds, Step},
    record::{Change, NewCall},
    time::Timestamp,
};

use super::*;

const SID: &str = "CA0123456789abcdef0123456789abcdef";
const AT: Timestamp = Timestamp(1_792_000_000_123);

fn ringing() -> CallRecord {
    let sid = SID.parse().unwrap();
    let (caller, called) = ("+12025550142".into(), "+12025550100".into());
    CallRecord::ringing(NewCall { sid, caller, called, greeting: None, at: AT })
}

#[test]
fn a_call_that_nobody_took_over_has_no_escalation() {
    let shown = serde_json::to_value(view(&ringing(), None)).unwrap();
    assert_eq!((shown.get("escalation"), &shown["escalationReason"]), (None, &json!(null)));
}

#[test]
fn an_escalation_is_shown_as_it_stands() {
    let mut record = ringing();
    let id = record.next_escalation();
    let grounds = Grounds { urgent: true, ..Grounds::new(ReasonCode::Fraud, "charges") };
    let escalation = Box::new(Escalation::new(id, grounds.skilled(Some("cards")), AT));
    record.apply(&Change::Escalated { escalation }, AT);
    let expected = json!({
        "id": format!("{SID}.e1"), "state": "requested", "reasonCode": "fraud",
        "reason": "charges", "summary": null, "skill": "cards", "urgent": true,
        "since": "2026-10-14T17:46:40.123Z", "taskSid": null, "worker": null, "unreached": null,
        "callBack": null, "message": null,
    });
    assert_eq!(serde_json::to_value(view(&record, None)).unwrap()["escalation"], expected);
    for step in [
        Step::Summarized { summary: "Two charges.".into() },
        Step::Queued { task: Some("WT1".into()) },
        Step::Reserved { reservation: "WR1".into(), worker: Some("Ada".into()) },
        Step::MessageLeft { text: "Call me.".into() },
        Step::CallBackAsked,
        Step::Failed { why: Unreached::TimedOut },
    ] {
        record.apply(&Change::Escalation { id, step }, AT + 1_000);
    }
    let expected = json!({
        "id": format!("{SID}.e1"), "state": "failed", "reasonCode": "fraud",
        "reason": "charges", "summary": "Two charges.", "skill": "cards", "urgent": true,
        "since": "2026-10-14T17:46:41.123Z", "taskSid": "WT1", "worker": null,
        "unreached": "timed_out",
        "callBack": {"at": "2026-10-14T17:46:41.123Z", "booked": false, "taskSid": null}, "message": "Call me.",
    });
    assert_eq!(serde_json::to_value(view(&record, None)).unwrap()["escalation"], expected);
}

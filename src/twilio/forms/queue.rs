//! What Twilio tells of a caller who waits for a person: `waitUrl`, the `action` of `<Enqueue>` and
//! of `<Dial>`.

use std::time::Duration;

use switchhook_actors::domain::{escalation::Unreached, ids::CallSid};

use super::{CallStatus, Figure, Form, FormError};

/// `POST /voice/wait`: what shall the caller hear now?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which call.
    pub sid: CallSid,
    /// Whether somebody is still on the line, when said.
    pub call_status: CallStatus,
    /// Its place, 1 for the next one.
    pub position: Option<u32>,
    /// How long it has waited.
    pub waited: Duration,
    /// How long those before it have waited on average; none while Twilio knows of nobody.
    pub average: Option<Duration>,
    /// The key that was pressed meanwhile.
    pub key: Option<char>,
}

impl Waiting {
    /// Reads the form. Only the call has to be there: no figure is worth a caller in silence.
    ///
    /// # Errors
    /// When the CallSid is missing, doubled or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let number = |field| match form.number(field) {
            Ok(Some(Figure::Known(number))) => Some(number),
            Ok(Some(Figure::Unreadable) | None) | Err(_) => None,
        };
        let seconds = |field| number(field).map(|seconds| Duration::from_secs(seconds.into()));
        Ok(Self {
            sid: form.call()?,
            call_status: form.get("CallStatus").map_or(CallStatus::Other, CallStatus::from),
            position: number("QueuePosition").filter(|position| *position > 0),
            waited: seconds("QueueTime").unwrap_or_default(),
            average: seconds("AvgQueueTime").filter(|average| !average.is_zero()),
            key: form.get("Digits").and_then(|keys| keys.chars().next()),
        })
    }
}

/// How a caller left the queue, or the telephone that was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// They have talked with a person, and that is over.
    Talked,
    /// A person is about to take the call.
    Bridging,
    /// The caller hung up.
    HungUp,
    /// Our own `<Leave>`.
    Stepped,
    /// Somebody redirected the call: another document controls it.
    Redirected,
    /// No person could be had.
    Unreached(Unreached),
}

/// `POST /voice/queued`: the caller has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEnd {
    /// Which call.
    pub sid: CallSid,
    /// Whether somebody is still on the line.
    pub call_status: CallStatus,
    /// How.
    pub left: Left,
}

impl QueueEnd {
    /// Reads the form: `QueueResult` of `<Enqueue>`, `DialCallStatus` of `<Dial>`.
    ///
    /// # Errors
    /// When the CallSid or the CallStatus is missing, doubled or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let left = match (form.only("QueueResult")?, form.only("DialCallStatus")?) {
            (Some(result), _) => of_queue(result),
            (None, Some(status)) => of_dial(status),
            (None, None) => Left::Unreached(Unreached::Other),
        };
        Ok(Self { sid: form.call()?, call_status: form.call_status()?, left })
    }
}

/// <https://www.twilio.com/docs/voice/twiml/enqueue>, `QueueResult`.
fn of_queue(result: &str) -> Left {
    match result.to_ascii_lowercase().as_str() {
        "bridged" | "redirected-from-bridged" => Left::Talked,
        "bridging-in-process" => Left::Bridging,
        "hangup" => Left::HungUp,
        "leave" => Left::Stepped,
        "redirected" => Left::Redirected,
        "queue-full" => Left::Unreached(Unreached::QueueFull),
        "error" | "system-error" => Left::Unreached(Unreached::QueueError),
        _ => Left::Unreached(Unreached::Other),
    }
}

/// <https://www.twilio.com/docs/voice/twiml/dial>, `DialCallStatus`.
fn of_dial(status: &str) -> Left {
    match status.to_ascii_lowercase().as_str() {
        "completed" | "answered" => Left::Talked,
        _ => Left::Unreached(Unreached::NotAnswered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "CallSid=CA0123456789abcdef0123456789abcdef&CallStatus=in-progress";

    fn form(rest: &str) -> Form {
        Form::parse(format!("{SID}&{rest}").as_bytes()).unwrap()
    }

    #[test]
    fn a_wait_is_read_as_far_as_it_can_be() {
        let waiting =
            Waiting::read(&form("QueuePosition=3&QueueTime=65&AvgQueueTime=120&Digits=1"));
        let waiting = waiting.unwrap();
        assert_eq!((waiting.position, waiting.key), (Some(3), Some('1')));
        assert_eq!(waiting.waited, Duration::from_secs(65));
        assert_eq!(waiting.average, Some(Duration::from_secs(120)));
        let odd =
            Waiting::read(&form("QueuePosition=x&QueueTime=-1&AvgQueueTime=0&Digits=")).unwrap();
        assert_eq!((odd.position, odd.key, odd.average), (None, None, None));
        assert_eq!(odd.waited, Duration::ZERO);
        assert!(Waiting::read(&Form::parse(b"QueueTime=1").unwrap()).is_err());
    }

    #[test]
    fn every_end_of_a_queue_and_of_a_dial_is_known() {
        let cases = [
            ("QueueResult=bridged", Left::Talked),
            ("QueueResult=redirected-from-bridged", Left::Talked),
            ("QueueResult=bridging-in-process", Left::Bridging),
            ("QueueResult=hangup", Left::HungUp),
            ("QueueResult=leave", Left::Stepped),
            ("QueueResult=redirected", Left::Redirected),
            ("QueueResult=queue-full", Left::Unreached(Unreached::QueueFull)),
            ("QueueResult=error", Left::Unreached(Unreached::QueueError)),
            ("QueueResult=system-error", Left::Unreached(Unreached::QueueError)),
            ("QueueResult=teleported", Left::Unreached(Unreached::Other)),
            ("DialCallStatus=completed", Left::Talked),
            ("DialCallStatus=no-answer", Left::Unreached(Unreached::NotAnswered)),
            ("DialCallStatus=busy", Left::Unreached(Unreached::NotAnswered)),
            ("x=y", Left::Unreached(Unreached::Other)),
        ];
        for (rest, left) in cases {
            assert_eq!(QueueEnd::read(&form(rest)).unwrap().left, left, "{rest}");
        }
    }
}

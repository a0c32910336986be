//! Which new calls are taken: by the number of calls, and by what descriptors are left for them.
//!
//! Webhooks and sockets ask. A call that is held already is never asked about: whatever comes for
//! it is taken, and what is kept free is kept for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use switchhook_actors::{clock::Stopwatch, domain::ids::CallSid};

use crate::limits::Descriptors;

/// How long a call that was taken may take to come with its socket. Twilio connects it as soon as
/// it has read the TwiML; later than that it has hung up.
const EXPECTED_FOR: Duration = Duration::from_secs(20);

/// What an engine has left for new calls.
#[derive(Debug)]
pub struct Admission {
    max_calls: usize,
    descriptors: Arc<Descriptors>,
    /// Calls that were taken and have no session yet: they count as if they had.
    expected: Mutex<HashMap<CallSid, Stopwatch>>,
}

impl Admission {
    /// At most that many calls at once, as long as there are descriptors for them.
    #[must_use]
    pub fn new(max_calls: usize, descriptors: Arc<Descriptors>) -> Self {
        Self { max_calls, descriptors, expected: Mutex::default() }
    }

    /// How many calls are taken at once.
    #[must_use]
    pub fn max_calls(&self) -> usize {
        self.max_calls
    }

    /// Takes a new call beside `live` ones, or says why not. A call that was taken already is.
    pub(super) fn take(&self, sid: CallSid, live: usize) -> Result<(), &'static str> {
        let mut expected = self.expected();
        expected.retain(|_, since| since.elapsed() < EXPECTED_FOR);
        if expected.contains_key(&sid) {
            return Ok(());
        }
        if live + expected.len() >= self.max_calls {
            return Err("full");
        }
        if self.descriptors.room() <= expected.len() {
            return Err("descriptors");
        }
        expected.insert(sid, Stopwatch::start());
        Ok(())
    }

    /// The call has its session, or will never come.
    pub(super) fn arrived(&self, sid: CallSid) {
        self.expected().remove(&sid);
    }

    /// Whether new calls are refused for want of descriptors.
    pub(super) fn is_short_of_descriptors(&self) -> bool {
        self.descriptors.room() == 0
    }

    fn expected(&self) -> MutexGuard<'_, HashMap<CallSid, Stopwatch>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(number: u32) -> CallSid {
        format!("CA{number:032x}").parse().unwrap()
    }

    #[test]
    fn a_call_that_was_told_to_connect_has_its_place_before_its_socket_is_there() {
        let admission = Admission::new(2, Arc::default());
        assert_eq!(admission.take(sid(1), 0), Ok(()));
        assert_eq!(admission.take(sid(1), 0), Ok(()), "a repeated webhook is the same call");
        assert_eq!(admission.take(sid(2), 0), Ok(()));
        assert_eq!(admission.take(sid(3), 0), Err("full"));
        // One of them is a session now, which makes no difference.
        admission.arrived(sid(1));
        assert_eq!(admission.take(sid(3), 1), Err("full"));
        // The other hung up before it came.
        admission.arrived(sid(2));
        assert_eq!(admission.take(sid(3), 1), Ok(()));
    }

    #[test]
    fn calls_that_are_expected_need_descriptors_too() {
        let descriptors = Arc::new(Descriptors::new(1_024, 384));
        let admission = Admission::new(384, Arc::clone(&descriptors));
        descriptors.share_among(1);
        let others: Vec<_> = (0..495).map(|_| descriptors.accepted(0)).collect();
        assert_eq!(admission.take(sid(1), 0), Ok(()));
        assert_eq!(admission.take(sid(2), 0), Err("descriptors"));
        assert!(!admission.is_short_of_descriptors());
        drop(others);
        assert_eq!(admission.take(sid(2), 0), Ok(()));
    }
}

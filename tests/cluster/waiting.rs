//! Waiting for another process: it is asked again and again until a deadline.

use std::time::{Duration, Instant};

/// How long any part may take to start on a busy machine.
pub(crate) const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Waits until the question has an answer, and fails when it has none by then; tells the answer.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, within: Duration, ask: impl FnMut() -> Option<T>) -> T {
    answer(within, ask).unwrap_or_else(|| panic!("after {within:?} still not: {what}"))
}

/// The same for those who have something to say when there is no answer.
pub(super) fn answer<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if began.elapsed() > within {
            return None;
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "there are no calls on this thread")]
fn pause() {
    std::thread::sleep(ASK_EVERY);
}

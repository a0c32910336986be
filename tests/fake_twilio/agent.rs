//! The person at the other end: takes, refuses or misses every call by itself.

use std::{sync::Arc, time::Duration};

use actix_web::rt::{spawn, time::sleep};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Shared;

/// What the agent does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// Nothing: steps are played one by one.
    None,
    /// Answers after a while and talks for a while.
    Accepts {
        /// From the call to the answer.
        answer_after: Duration,
        /// How long they talk.
        talk: Duration,
    },
    /// Refuses every offer.
    Rejects {
        /// From an offer to the refusal, and to the next.
        answer_after: Duration,
    },
    /// Lets every offer pass.
    TimesOut {
        /// From an offer to its end, and to the next.
        answer_after: Duration,
    },
}

/// Lets the agent take every call that is enqueued.
pub(super) async fn take_calls(shared: Arc<Shared>, mut calls: UnboundedReceiver<String>) {
    while let Some(call) = calls.recv().await {
        spawn(take(Arc::clone(&shared), call));
    }
}

/// Ends when a step cannot be played: the caller has gone, or somebody else plays.
async fn take(shared: Arc<Shared>, call: String) {
    let agent = shared.state().options.agent;
    let (answer_after, talk) = match agent {
        Agent::None => return,
        Agent::Accepts { answer_after, talk } => (answer_after, talk),
        Agent::Rejects { answer_after } | Agent::TimesOut { answer_after } => {
            (answer_after, Duration::ZERO)
        }
    };
    loop {
        // It rings for the second half.
        sleep(answer_after / 2).await;
        if shared.write(|state| state.reserve(&call)).is_err() {
            return;
        }
        sleep(answer_after / 2).await;
        let played = shared.write(|state| match agent {
            Agent::Rejects { .. } => state.give_back(&call, "reservation.rejected"),
            Agent::TimesOut { .. } => state.give_back(&call, "reservation.timeout"),
            _ => state.accept(&call),
        });
        if played.is_err() {
            return;
        }
        if talk > Duration::ZERO || matches!(agent, Agent::Accepts { .. }) {
            sleep(talk).await;
            // The caller may have ended it.
            let _ = shared.write(|state| state.finish(&call));
            return;
        }
    }
}

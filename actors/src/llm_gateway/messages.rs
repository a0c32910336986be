//! What a gateway is asked, and what it answers.

use actix::Message;
use tokio::sync::mpsc;
use tracing::Span;

use crate::domain::{answer::AnswerEvent, prompt::Prompt};

/// Answer this.
#[derive(Message)]
#[rtype(result = "Result<Tokens, Refused>")]
pub struct Generate {
    /// What the model is told.
    pub prompt: Prompt,
    /// On a new connection: the last one was closed before a byte of the response
    /// ([`FailureKind::Dropped`](crate::domain::answer::FailureKind::Dropped)), and others that wait
    /// idle may be as dead.
    pub fresh: bool,
    /// The call's span: what the gateway logs belongs to the call.
    pub span: Span,
}

/// One answer as it is being written: tokens, then `Done` or `Failed`. Drop it to stop the writing.
#[derive(Debug)]
pub struct Tokens(pub mpsc::Receiver<AnswerEvent>);

/// The gateway did not take the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many answers are being written as the engine is made for.
    #[error("too many answers are being written at once")]
    Saturated,
    /// The breaker is open.
    #[error("the model failed so often of late that it is not asked")]
    Unavailable,
}

impl Refused {
    /// A bounded label for metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Saturated => "saturated",
            Self::Unavailable => "unavailable",
        }
    }
}

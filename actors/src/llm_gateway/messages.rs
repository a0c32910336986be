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
}

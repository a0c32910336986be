//! An answer as the model writes it, piece by piece.

use super::time::Millis;

/// What comes from a model, in order: tokens and calls, then exactly one of `Done` and `Failed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerEvent {
    /// A piece of text, spaces and all.
    Token(String),
    /// The model calls a tool. Its fragments were joined: it comes once, whole.
    Called(ToolCall),
    /// The answer is whole.
    Done(Finish),
    /// The answer will not come, or not to its end.
    Failed(ModelFailure),
}

/// A call of one of the tools that the model was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The provider's name of it, which its result carries.
    pub id: String,
    /// The name of the tool, as the model wrote it.
    pub name: String,
    /// JSON, as the model wrote it; bounded by the adapter.
    pub arguments: String,
}

/// Why the model stopped writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It had said all.
    Stop,
    /// It ran into its token limit.
    Length,
    /// A content filter stopped it.
    Filtered,
    /// It declined, in words of its own, which came as tokens.
    Refused,
}

/// A failed request to a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct ModelFailure {
    /// What failed.
    pub kind: FailureKind,
    /// The cause in words, for the log: never a secret, never the caller's words.
    pub detail: String,
    /// Whether asking again may help. The decision is the conversation's.
    pub retryable: bool,
    /// How long the provider asks us to wait, ms.
    pub after: Option<Millis>,
}

/// What failed about a request to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The engine itself is at its limit.
    Saturated,
    /// The breaker is open: the model failed so often of late that it is not asked.
    Unavailable,
    /// No connection.
    Connect,
    /// The connection was closed before a byte of the response: an idle one of the pool may have
    /// been closed by its other end just then.
    Dropped,
    /// The provider refused: the HTTP status.
    Status(u16),
    /// The body was not an event stream, or an event was not what it should be.
    Garbage,
    /// The stream ended before the answer did.
    Cut,
    /// An error object in mid-stream.
    Upstream,
    /// A deadline passed.
    Timeout,
}

impl FailureKind {
    /// A bounded label for metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Saturated => "saturated",
            Self::Unavailable => "unavailable",
            Self::Connect => "connect",
            Self::Dropped => "dropped",
            Self::Status(_) => "status",
            Self::Garbage => "garbage",
            Self::Cut => "cut",
            Self::Upstream => "upstream",
            Self::Timeout => "timeout",
        }
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            other => f.write_str(other.label()),
        }
    }
}

#[cfg(test)]
mod tests;

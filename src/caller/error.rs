//! What can go wrong on the caller's side, in words for the person who rings.

use super::{address::AddressError, twiml_reader::TwimlError, wire::WireError};

/// What keeps a caller from doing something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallerError {
    /// An address in the options or in the TwiML.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The engine cannot be reached or refuses.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The engine's TwiML is unusable.
    #[error(transparent)]
    Twiml(#[from] TwimlError),
    /// The TwiML never comes to an end.
    #[error("the call was passed from document to document {0} times")]
    Circles(u32),
    /// The call never got as far as a conversation.
    #[error("the call was not answered: {0}")]
    NotAnswered(String),
    /// There is no conversation now.
    #[error("there is no open socket")]
    NoLine,
    /// The caller is in no session, and no keys are awaited.
    #[error("nobody is listening now")]
    Unheard,
    /// The engine does not want keys.
    #[error("keys are not reported: the TwiML lacks dtmfDetection=\"true\"")]
    NoDtmf,
    /// No telephone has it.
    #[error("{0:?} is not a key of a telephone")]
    NoSuchKey(char),
    /// Nothing to press.
    #[error("no key to press")]
    NoKey,
    /// The engine did not take the call back.
    #[error("the call could not be connected again: {0}")]
    NotReconnected(String),
    /// The call has ended.
    #[error("the call is over")]
    Over,
    /// Something that should be immediate was not.
    #[error("the call did not react in time")]
    Stuck,
}

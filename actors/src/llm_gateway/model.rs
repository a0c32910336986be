//! The port to a language model.

use futures_util::{future::LocalBoxFuture, stream::LocalBoxStream};

use crate::domain::{
    answer::{AnswerEvent, ModelFailure},
    prompt::Prompt,
};

/// The events of one answer; ends after `Done` or `Failed`. Dropping it aborts the request.
pub type AnswerStream = LocalBoxStream<'static, AnswerEvent>;

/// Something that answers prompts. It lives on one thread, so it may hold what cannot move.
pub trait Model: 'static {
    /// Asks; resolves when the model has begun to answer (or has refused).
    ///
    /// The caller bounds the wait; dropping the future aborts the request. `fresh`: not on a
    /// connection that was used before.
    fn open(
        &self,
        prompt: Prompt,
        fresh: bool,
    ) -> LocalBoxFuture<'static, Result<AnswerStream, ModelFailure>>;

    /// Nobody has asked for a while: lets go of what is kept for the next question only.
    fn rest(&self) {}
}

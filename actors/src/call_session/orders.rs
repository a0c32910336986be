//! Orders to a call from outside it: of this engine's console, or of another engine's.

use actix::{Context, Handler, MailboxError};

use super::{CallSession, messages::Obey};
use crate::{
    clock::Deadline,
    directory::Directory,
    domain::{
        conversation::Input,
        ids::CallSid,
        order::{Order, Ordered},
    },
};

/// Has the session of that call carry out the order, if it is here. It is not carried out any more
/// when this answers [`Ordered::Silent`].
pub async fn hand_on(
    directory: &Directory<CallSession>,
    sid: CallSid,
    order: Order,
    by: Deadline,
) -> Ordered {
    let Some(session) = directory.find(sid) else { return Ordered::NotHere };
    match session.send(Obey { order, by }).timeout(by.left()).await {
        Ok(ordered) => ordered,
        Err(MailboxError::Timeout) => Ordered::Silent,
        Err(MailboxError::Closed) => Ordered::NotHere,
    }
}

impl Handler<Obey> for CallSession {
    type Result = actix::MessageResult<Obey>;

    fn handle(&mut self, Obey { order, by }: Obey, ctx: &mut Self::Context) -> Self::Result {
        let _in = self.span.clone().entered();
        actix::MessageResult(self.obey(order, by, ctx))
    }
}

impl CallSession {
    fn obey(&mut self, order: Order, by: Deadline, ctx: &mut Context<Self>) -> Ordered {
        if by.is_over() {
            tracing::warn!("an order came too late and is not carried out");
            return Ordered::Silent;
        }
        if self.broken {
            return Ordered::NotHere;
        }
        let answer = match &self.talk {
            Some(talk) => talk.answer_to(&order),
            // A call that is being claimed hears of it when it is.
            None if self.early.has_order() => Ordered::UnderWay,
            None => Ordered::Taken,
        };
        if answer == Ordered::Taken {
            match order {
                Order::Escalate(grounds) => self.happen(Input::Ordered(grounds), ctx),
            }
        }
        answer
    }
}

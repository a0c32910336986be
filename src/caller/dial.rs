//! A telephone that is dialled: there is none here, so it does what the options say.

use std::time::Duration;

use super::{
    CallerError,
    happening::{Ending, Happening, Place},
    options::{Dialled, new_sid},
    phone::{Phone, Waited},
    twiml_reader::Dial,
};

/// How long it rings, and how long they talk.
const MOMENT: Duration = Duration::from_millis(500);

impl Phone {
    /// Dials, and tells what the action is to be told; None: the caller hung up.
    pub(super) async fn dial(
        &mut self,
        dial: &Dial,
        document: &str,
    ) -> Result<(Vec<(String, String)>, Option<Ending>), CallerError> {
        self.shared.change(|history| {
            history.place = Place::Dial;
            history.record(Happening::Dialled(dial.clone()));
        });
        let child = new_sid("CA");
        let mut hung_up = self.wait(MOMENT).await? == Waited::HungUp;
        let answered = self.options.dialled == Dialled::Completed && !hung_up;
        if answered {
            self.tell_answered(dial, &child, document).await?;
            self.shared.change(|history| {
                let worker = dial.number.clone();
                history.place = Place::Talk { worker: worker.clone() };
                history.record(Happening::Talking { worker });
            });
            hung_up = self.wait(MOMENT).await? == Waited::HungUp;
        }
        let status = if hung_up && !answered { "canceled" } else { self.options.dialled.status() };
        self.shared.change(|history| {
            history.place = Place::Between;
            history.record(Happening::Left { result: status.to_owned() });
        });
        let mut fields = self.fields(if hung_up { "completed" } else { "in-progress" });
        fields.push(("DialCallStatus".to_owned(), status.to_owned()));
        fields.push(("DialCallSid".to_owned(), child));
        if answered {
            fields.push(("DialCallDuration".to_owned(), "1".to_owned()));
        }
        Ok((fields, hung_up.then_some(Ending::HungUp)))
    }

    /// The status callback of `<Number>`: about the call to it, below that of the caller.
    async fn tell_answered(
        &self,
        dial: &Dial,
        child: &str,
        document: &str,
    ) -> Result<(), CallerError> {
        let Some(address) = &dial.answered else { return Ok(()) };
        let mut fields = self.fields("in-progress");
        for (name, value) in &mut fields {
            match name.as_str() {
                "CallSid" => child.clone_into(value),
                "To" | "Called" => dial.number.clone_into(value),
                "Direction" => "outbound-dial".clone_into(value),
                _ => {}
            }
        }
        fields.push(("ParentCallSid".to_owned(), self.call_sid.clone()));
        let target = self.route.target(address, Some(document))?;
        let reply = self.wire.request(&target, "POST", &fields).await?;
        self.note(format!("POST {address} CallStatus=in-progress: {}", reply.status));
        Ok(())
    }
}

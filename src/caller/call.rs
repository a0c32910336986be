//! The call itself: announces it, follows the TwiML from document to document, reports its end.
//!
//! One task a call, on its phone; the line below it owns the socket while there is a conversation.

use std::time::{Duration, Instant};

use super::{
    CallerError,
    address::Target,
    history::{Ending, Happening},
    line::{Line, Outcome},
    options::new_sid,
    phone::{Ask, Phone},
    relay::Relay,
    twiml_reader::{self, Connect, Verb},
    wire::Reply,
};

/// A call that gets more documents than this goes round in circles.
const MAX_DOCUMENTS: u32 = 50;

/// TwiML, and where it came from.
struct Document {
    url: String,
    body: String,
}

enum Next {
    Document(Document),
    End(Ending),
}

impl Phone {
    pub(super) async fn run(mut self) {
        let began = Instant::now();
        let result = match self.options.ws_url.clone() {
            Some(url) => self.direct(&url).await,
            None => self.follow().await,
        };
        let ending = result.unwrap_or_else(|error| Ending::Failed { reason: error.to_string() });
        if self.options.ws_url.is_none() {
            self.report_end(began).await;
        }
        self.shared.change(|history| history.end(ending));
    }

    /// A session without TwiML around it.
    async fn direct(&mut self, url: &str) -> Result<Ending, CallerError> {
        let target = Target { written: url.to_owned(), connect: url.to_owned() };
        let relay = self.options.direct.clone();
        Ok(match self.session(&target, &relay).await.outcome {
            Outcome::HungUp => Ending::HungUp,
            Outcome::Ended { .. } => Ending::Finished,
            Outcome::Failed { code, reason } => {
                Ending::Failed { reason: format!("{code}: {reason}") }
            }
        })
    }

    async fn follow(&mut self) -> Result<Ending, CallerError> {
        let target = self.route.path(&self.options.incoming_path)?;
        let fields = self.fields("ringing");
        let mut document = self.fetch(&target, "POST", &fields).await?;
        for _ in 0..MAX_DOCUMENTS {
            match self.perform(&document).await? {
                Next::Document(next) => document = next,
                Next::End(ending) => return Ok(ending),
            }
        }
        Err(CallerError::Circles(MAX_DOCUMENTS))
    }

    async fn perform(&mut self, document: &Document) -> Result<Next, CallerError> {
        for verb in twiml_reader::read(&document.body)? {
            match verb {
                Verb::Say { text } => {
                    let length = self.options.pace.length(text.chars().count());
                    self.shared.change(|history| history.record(Happening::Said(text)));
                    if self.wait(length).await? {
                        return Ok(Next::End(Ending::HungUp));
                    }
                }
                Verb::Pause { seconds } => {
                    self.note(format!("<Pause> of {seconds} s"));
                    if self.wait(Duration::from_secs(seconds)).await? {
                        return Ok(Next::End(Ending::HungUp));
                    }
                }
                Verb::Play { url } => self.note(format!("<Play> {url}")),
                Verb::Other { name, .. } => self.note(format!("<{name}> was passed over")),
                Verb::Hangup => return Ok(Next::End(Ending::Finished)),
                Verb::Enqueue(enqueue) => return Ok(Next::End(Ending::Queued(enqueue))),
                Verb::Dial { raw } => return Ok(Next::End(Ending::Dialled { raw })),
                Verb::Redirect { url, method } => {
                    let target = self.route.target(&url, Some(&document.url))?;
                    let fields = self.fields("in-progress");
                    return Ok(Next::Document(self.fetch(&target, &method, &fields).await?));
                }
                Verb::Connect(connect) => {
                    if let Some(next) = self.connect(&connect, &document.url).await? {
                        return Ok(next);
                    }
                }
            }
        }
        Ok(Next::End(Ending::Finished))
    }

    /// A session and what its action says. None: no action, the next verb is due.
    async fn connect(
        &mut self,
        connect: &Connect,
        document: &str,
    ) -> Result<Option<Next>, CallerError> {
        for warning in connect.relay.warnings() {
            self.shared.change(|history| history.violation(warning));
        }
        let target = self.route.target(connect.relay.url(), Some(document))?;
        let ended = self.session(&target, &connect.relay).await;
        let Some(action) = &connect.action else {
            return Ok(match ended.outcome {
                Outcome::HungUp => Some(Next::End(Ending::HungUp)),
                Outcome::Ended { .. } => None,
                Outcome::Failed { code, reason } => {
                    Some(Next::End(Ending::Failed { reason: format!("{code}: {reason}") }))
                }
            });
        };
        let action = self.route.target(action, Some(document))?;
        let fields = self.action_fields(&ended);
        let next = self.fetch(&action, &connect.method, &fields).await;
        if matches!(ended.outcome, Outcome::HungUp) {
            // Nobody is left to hear an error or to follow the answer.
            if let Err(error) = next {
                self.shared.change(|history| history.violation(error.to_string()));
            }
            return Ok(Some(Next::End(Ending::HungUp)));
        }
        Ok(Some(Next::Document(next?)))
    }

    async fn session(&mut self, target: &Target, relay: &Relay) -> Ended {
        let session_id = new_sid("VX");
        let began = Instant::now();
        let mut line = Line::new(self, target, relay, session_id);
        let outcome = line.run().await;
        let session_id = line.into_session_id();
        let seconds = began.elapsed().as_secs();
        Ended { session_id, seconds, outcome }
    }

    fn action_fields(&self, ended: &Ended) -> Vec<(String, String)> {
        let (status, call_status) = match ended.outcome {
            Outcome::HungUp => ("completed", "completed"),
            Outcome::Ended { .. } => ("ended", "in-progress"),
            Outcome::Failed { .. } => ("failed", "in-progress"),
        };
        let mut fields = self.fields(call_status);
        let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
        add("SessionId", ended.session_id.clone());
        add("SessionStatus", status.to_owned());
        add("SessionDuration", ended.seconds.to_string());
        match &ended.outcome {
            Outcome::Ended { handoff: Some(handoff) } => add("HandoffData", handoff.clone()),
            Outcome::Failed { code, reason } => {
                add("ErrorCode", code.to_string());
                add("ErrorMessage", reason.clone());
            }
            Outcome::HungUp | Outcome::Ended { handoff: None } => {}
        }
        fields
    }

    async fn fetch(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
    ) -> Result<Document, CallerError> {
        let asked = Instant::now();
        let reply = self.wire.request(target, method, fields).await?;
        self.shared.with(|history| history.webhooks.push(asked.elapsed()));
        let Reply { status, content_type, body } = reply;
        let url = target.written.clone();
        self.note(format!("{method} {url} {}: {status} {body}", told(fields)));
        if !(200..300).contains(&status) {
            return Err(super::WireError::Refused { url, status, body }.into());
        }
        if !body.trim().is_empty() && !content_type.contains("xml") {
            let problem = format!("{url} answered TwiML as {content_type:?}, not as XML");
            self.shared.change(|history| history.violation(problem));
        }
        Ok(Document { url, body })
    }

    async fn report_end(&self, began: Instant) {
        let Some(path) = &self.options.status_path else { return };
        let mut fields = self.fields("completed");
        fields.push(("CallDuration".to_owned(), began.elapsed().as_secs().to_string()));
        let sent = match self.route.path(path) {
            Ok(target) => self
                .wire
                .request(&target, "POST", &fields)
                .await
                .map(|reply| reply.status)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.note(format!("POST {path} CallStatus=completed: {sent:?}"));
    }

    /// Lets Twilio speak or be silent by itself. True when the caller hung up meanwhile.
    async fn wait(&mut self, length: Duration) -> Result<bool, CallerError> {
        let mut over = std::pin::pin!(tokio::time::sleep(length));
        loop {
            tokio::select! {
                () = &mut over => return Ok(false),
                order = self.orders.recv() => match order {
                    None => return Err(CallerError::Over),
                    Some(order) if matches!(order.ask, Ask::HangUp) => {
                        order.answer(Ok(None));
                        return Ok(true);
                    }
                    Some(order) => order.answer(Err(CallerError::NoLine)),
                },
            }
        }
    }
}

/// A session that is over.
struct Ended {
    session_id: String,
    seconds: u64,
    outcome: Outcome,
}

/// The fields that tell one webhook of a call from another.
fn told(fields: &[(String, String)]) -> String {
    let telling = ["CallStatus", "SessionStatus", "ErrorCode", "HandoffData", "SessionId"];
    let told: Vec<_> = fields
        .iter()
        .filter(|(name, _)| telling.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.join(" ")
}

//! The call itself: announces it, follows the TwiML from document to document, reports its end.
//!
//! One task a call, on its phone; the line below it owns the socket while there is a conversation.

use std::time::{Duration, Instant};

use super::{
    CallerError,
    address::{Retries, Target},
    documents::Document,
    happening::{Ending, Happening, Place},
    line::{Action, Ended, Line, Outcome},
    options::new_sid,
    phone::{Phone, Waited},
    queue::Queue,
    relay::Relay,
    twiml_reader::{self, Connect, Enqueue, Verb},
};

/// A call that gets more documents than this goes round in circles.
const MAX_DOCUMENTS: u32 = 50;

enum Next {
    Document(Document),
    End(Ending),
}

impl Phone {
    pub(super) async fn run(mut self) {
        let began = Instant::now();
        let result = match self.options.ws_url.clone() {
            Some(url) => self.direct(&url).await,
            None => self.ring().await,
        };
        let ending = result.unwrap_or_else(|error| Ending::Failed { reason: error.to_string() });
        if self.options.ws_url.is_none() {
            self.report_end(began).await;
        }
        self.shared.change(|history| history.end(ending));
    }

    /// A session without TwiML around it.
    async fn direct(&mut self, url: &str) -> Result<Ending, CallerError> {
        let target = Target {
            written: url.to_owned(),
            connect: url.to_owned(),
            retries: Retries::default(),
        };
        let relay = self.options.direct.clone();
        Ok(match self.session(&target, &relay, None).await.outcome {
            Outcome::HungUp => Ending::HungUp,
            Outcome::Ended { .. } | Outcome::Answered(_) => Ending::Finished,
            Outcome::Failed { code, reason } => {
                Ending::Failed { reason: format!("{code}: {reason}") }
            }
        })
    }

    async fn ring(&mut self) -> Result<Ending, CallerError> {
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
                    if self.speak(&text).await? == Waited::HungUp {
                        return Ok(Next::End(Ending::HungUp));
                    }
                }
                Verb::Pause { seconds } => {
                    self.note(format!("<Pause> of {seconds} s"));
                    if self.wait(Duration::from_secs(seconds)).await? == Waited::HungUp {
                        return Ok(Next::End(Ending::HungUp));
                    }
                }
                Verb::Play { url } => {
                    self.shared.change(|history| history.record(Happening::Plays(url)));
                }
                Verb::Gather(_) => self.note("<Gather> was passed over".to_owned()),
                Verb::Other { name, .. } => self.note(format!("<{name}> was passed over")),
                Verb::Leave => {
                    let problem = "<Leave> outside of a queue".to_owned();
                    self.shared.change(|history| history.violation(problem));
                }
                Verb::Hangup => return Ok(Next::End(Ending::Finished)),
                Verb::Redirect { url, method } => {
                    let fields = self.fields("in-progress");
                    let next = self.follow(&url, &document.url, &method, &fields).await?;
                    return Ok(Next::Document(next));
                }
                Verb::Enqueue(enqueue) => {
                    if let Some(next) = self.queue(&enqueue, &document.url).await? {
                        return Ok(next);
                    }
                }
                Verb::Dial(dial) => {
                    let (fields, ending) = self.dial(&dial, &document.url).await?;
                    let action = (dial.action.as_deref(), dial.method.as_str());
                    if let Some(next) = self.act(action, &document.url, &fields, ending).await? {
                        return Ok(next);
                    }
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
        let method = connect.method.as_str();
        let told = connect.action.as_deref().map(|url| Action { url, method, document });
        let ended = self.session(&target, &connect.relay, told).await;
        if let Outcome::Answered(next) = ended.outcome {
            return Ok(Some(Next::Document(next)));
        }
        let Some(action) = &connect.action else {
            return Ok(match ended.outcome {
                Outcome::HungUp => Some(Next::End(Ending::HungUp)),
                Outcome::Ended { .. } | Outcome::Answered(_) => None,
                Outcome::Failed { code, reason } => {
                    Some(Next::End(Ending::Failed { reason: format!("{code}: {reason}") }))
                }
            });
        };
        let fields = ended.told(self);
        let ending = matches!(ended.outcome, Outcome::HungUp).then_some(Ending::HungUp);
        self.act((Some(action), method), document, &fields, ending).await
    }

    /// A queue and what its action says.
    async fn queue(
        &mut self,
        enqueue: &Enqueue,
        document: &str,
    ) -> Result<Option<Next>, CallerError> {
        let left = Queue::new(self, enqueue, document).run().await?;
        let mut fields =
            self.fields(if left.ending.is_some() { "completed" } else { "in-progress" });
        for (name, value) in [
            ("QueueResult", left.result),
            ("QueueSid", left.queue_sid),
            ("QueueTime", left.seconds.to_string()),
        ] {
            fields.push((name.to_owned(), value));
        }
        let action = (enqueue.action.as_deref(), enqueue.method.as_str());
        let next = self.act(action, document, &fields, left.ending).await?;
        Ok(match left.redirect {
            None => next,
            // What the action answers is for nobody: the call has another document.
            Some(twiml) if twiml.trim_start().starts_with('<') => {
                Some(Next::Document(Document { url: document.to_owned(), body: twiml }))
            }
            Some(url) => {
                let fields = self.fields("in-progress");
                Some(Next::Document(self.follow(&url, document, "POST", &fields).await?))
            }
        })
    }

    /// Tells the action how something ended, and goes on with its answer, or with the next verb
    /// where there is no action. With `ending` nobody is left to hear it.
    async fn act(
        &mut self,
        (action, method): (Option<&str>, &str),
        document: &str,
        fields: &[(String, String)],
        ending: Option<Ending>,
    ) -> Result<Option<Next>, CallerError> {
        let next = match action {
            Some(action) => Some(self.follow(action, document, method, fields).await),
            None => None,
        };
        let Some(ending) = ending else { return Ok(next.transpose()?.map(Next::Document)) };
        if let Some(Err(error)) = next {
            self.shared.change(|history| history.violation(error.to_string()));
        }
        Ok(Some(Next::End(ending)))
    }

    async fn session(
        &mut self,
        target: &Target,
        relay: &Relay,
        action: Option<Action<'_>>,
    ) -> Ended {
        let session_id = new_sid("VX");
        let began = Instant::now();
        self.shared.with(|history| history.place = Place::Session);
        let mut line = Line::new(self, target, relay, session_id, action);
        let outcome = line.run().await;
        let session_id = line.into_session_id();
        self.shared.change(|history| {
            history.place = Place::Between;
            if matches!(outcome, Outcome::Failed { .. }) {
                history.fail_session();
            }
        });
        let seconds = began.elapsed().as_secs();
        Ended { session_id, seconds, outcome }
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
}

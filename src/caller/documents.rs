//! Documents: what the engine answers to the webhooks of a call.

use std::time::{Duration, Instant};

use super::{
    CallerError, WireError,
    address::Target,
    hiccups::Hiccup,
    phone::Phone,
    record::{What, millis},
    wire::Reply,
};

/// TwiML, and where it came from.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) url: String,
    pub(super) body: String,
}

/// What an engine can tell from no delay at all by the duration of a session.
const LATE_BY_SECONDS: Duration = Duration::from_millis(1_300);

impl Phone {
    /// Requests what a document names.
    pub(super) async fn follow(
        &self,
        address: &str,
        document: &str,
        method: &str,
        fields: &[(String, String)],
    ) -> Result<Document, CallerError> {
        let target = self.route.target(address, Some(document))?;
        self.fetch(&target, method, fields).await
    }

    /// Asks again, at once, as often as the address says, under that token.
    async fn insist(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
        token: &str,
    ) -> Result<Reply, WireError> {
        let retries = target.retries;
        let mut left = retries.count;
        loop {
            let reply = self.wire.request_as(target, method, fields, token).await;
            let again = match &reply {
                Err(WireError::Unconnected { .. }) => retries.unconnected,
                Err(_) => retries.unanswered,
                Ok(reply) => retries.failed && reply.status >= 500,
            };
            let Some(fewer) = left.checked_sub(1).filter(|_| again) else { return reply };
            left = fewer;
            self.note(match reply {
                Ok(reply) => format!("{} answered {}: asked again", target.written, reply.status),
                Err(error) => format!("{error}: asked again"),
            });
        }
    }

    /// What the options do to the next webhook before it is sent: it waits, or is sent once more.
    async fn hiccup(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
        token: &str,
    ) {
        let number = self.shared.with(|history| history.webhooks.len());
        // When the voice of a session that failed fell silent an engine knows by this webhook, and by
        // whole seconds.
        let failed = fields.iter().any(|field| field.0 == "SessionStatus" && field.1 == "failed");
        match self.options.hiccups.at(number) {
            Hiccup::None => {}
            Hiccup::Late(by) if failed && by < LATE_BY_SECONDS => {}
            Hiccup::Late(by) => {
                self.note(format!("{} is sent {} ms late", target.written, by.as_millis()));
                tokio::time::sleep(by).await;
            }
            Hiccup::Twice(by) => {
                self.note(format!("{} is sent again {} ms on", target.written, by.as_millis()));
                let (wire, target) = (self.wire.clone(), target.clone());
                let (method, fields, token) =
                    (method.to_owned(), fields.to_vec(), token.to_owned());
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(by).await;
                    // Whatever is answered, nobody asked for it.
                    let _ = wire.request_as(&target, &method, &fields, &token).await;
                });
            }
        }
    }

    pub(super) async fn fetch(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
    ) -> Result<Document, CallerError> {
        let token = uuid::Uuid::now_v7().to_string();
        self.hiccup(target, method, fields, &token).await;
        let asked = Instant::now();
        let reply = self.insist(target, method, fields, &token).await?;
        let took = asked.elapsed();
        let Reply { status, content_type, body } = reply;
        self.shared.with(|history| {
            history.webhooks.push(took);
            history.fact(|_| What::Webhook {
                told: format!("{method} {} {}", target.written, told(fields)),
                status,
                took_ms: millis(took),
            });
        });
        let url = target.written.clone();
        self.note(format!("{method} {url} {}: {status} {body}", told(fields)));
        if !(200..300).contains(&status) {
            return Err(WireError::Refused { url, status, body }.into());
        }
        if !body.trim().is_empty() && !content_type.contains("xml") {
            let problem = format!("{url} answered TwiML as {content_type:?}, not as XML");
            self.shared.change(|history| history.violation(problem));
        }
        Ok(Document { url, body })
    }
}

/// The fields that tell one webhook of a call from another.
fn told(fields: &[(String, String)]) -> String {
    let telling = [
        "CallStatus",
        "SessionStatus",
        "ErrorCode",
        "HandoffData",
        "SessionId",
        "QueueResult",
        "QueuePosition",
        "QueueTime",
        "Digits",
        "DialCallStatus",
    ];
    let told: Vec<_> = fields
        .iter()
        .filter(|(name, _)| telling.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.join(" ")
}

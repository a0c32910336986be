//! Documents: what the engine answers to the webhooks of a call.

use std::time::Instant;

use super::{
    CallerError, WireError,
    address::Target,
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

    /// Asks again, at once, as often as the address says, under one token.
    async fn insist(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
    ) -> Result<Reply, WireError> {
        let retries = target.retries;
        let token = uuid::Uuid::now_v7().to_string();
        let mut left = retries.count;
        loop {
            let reply = self.wire.request_as(target, method, fields, &token).await;
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

    pub(super) async fn fetch(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
    ) -> Result<Document, CallerError> {
        let asked = Instant::now();
        let reply = self.insist(target, method, fields).await?;
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

//! Documents: what the engine answers to the webhooks of a call.

use std::time::Instant;

use super::{CallerError, WireError, address::Target, phone::Phone, wire::Reply};

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

    pub(super) async fn fetch(
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

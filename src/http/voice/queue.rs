//! `POST /voice/wait` and `POST /voice/queued`: what a caller hears who waits for a person, and what
//! becomes of one who has waited.
//!
//! The wait is a loop of Twilio's: each document plays for a while and is asked for again. A caller
//! is told what is known (their place, and Twilio's own figures), and may leave by a key.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use switchhook_actors::{
    domain::{
        escalation::{Step, Unreached},
        ids::CallSid,
        persona::Persona,
        record::{CallRecord, Status},
        time::Millis,
    },
    escalation_manager::messages::{BookCallBack, Booked},
};

use super::{
    REPLY_TTL, Web, bad, conclude, connect, farewell, look_up, once, progress, reply_key, say,
};
use crate::{
    http::{error::HttpError, signed::Signed},
    twilio::{
        forms::{Left, QueueEnd, Waiting},
        twiml::{Gather, Play, Response, Verb, action_url},
    },
};

/// How long a piece of the wait is kept for its repetitions, ms: they come within seconds. Whether
/// Twilio tells a second key from the first by `QueueTime` is not documented.
const WAIT_TTL: Millis = 10_000;

/// The key for a call-back.
const CALL_BACK: char = '1';

/// The key to go back to the agent.
const RETURN: char = '2';

/// Between two pieces of hold talk without music, s: longer is silence.
const PAUSE_S: u32 = 5;

/// Which talk comes next changes this often, s: shorter than one document plays, so
/// that no two in a row say the same.
const TALK_EVERY: u64 = 7;

/// Place and wait are told about this often, s; in between comes talk alone.
const NEWS_EVERY: u64 = 60;

/// For so long of each round they are told, s: longer than one document plays.
const NEWS_FOR: u64 = 15;

/// How long a key is waited for behind the last sound, s.
const KEY_S: u32 = 1;

/// How long a call-back may take to be booked: the desk's own deadlines and a wait for another
/// instance that books it. Twilio waits 15 s in all.
const BOOKING_PATIENCE: Duration = Duration::from_secs(9);

/// The bounds of "under a minute", "under five", "under ten", s: see `Persona::waits`.
const WAIT_BOUNDS: [u64; 3] = [60, 300, 600];

pub(in crate::http) async fn wait(
    signed: Signed,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let waiting = Waiting::read(&signed.form).map_err(bad)?;
    let which = escalation(&web, waiting.sid).await;
    let part = format!("{which}:{}:{:?}", waiting.waited.as_secs(), waiting.key);
    let key = reply_key("wait", &signed, waiting.sid, &part);
    Ok(once(&web, "wait", waiting.sid, key.clone(), WAIT_TTL, hold(&web, &waiting, &key)).await)
}

async fn hold(web: &web::Data<Web>, waiting: &Waiting, asking: &str) -> Response {
    let sid = waiting.sid;
    if waiting.call_status.is_over() {
        let record = look_up(web, sid).await;
        conclude(web, sid, record, Status::Completed).await;
        return Response::new();
    }
    let record = progress(web, sid, Step::Queued { task: None }).await;
    let escalation = record.as_ref().and_then(|record| record.escalation.as_ref());
    if escalation.is_some_and(|escalation| !escalation.is_under_way()) {
        // Its task is gone: nobody will come.
        return leave();
    }
    if waiting.waited >= web.hold.wait_max {
        progress(web, sid, Step::Failed { why: Unreached::TimedOut }).await;
        return leave();
    }
    match waiting.key {
        Some(CALL_BACK) if web.hold.call_backs => call_back(web, waiting, asking).await,
        Some(RETURN) => {
            progress(web, sid, Step::Withdrawn).await;
            leave()
        }
        _ => talk(web, waiting, Vec::new()),
    }
}

/// What is behind the queue decides: the action of `<Enqueue>`.
fn leave() -> Response {
    Response::new().then(Verb::Leave)
}

/// The caller is told that it is booked only when it is.
async fn call_back(web: &Web, waiting: &Waiting, asking: &str) -> Response {
    let order = BookCallBack { sid: waiting.sid, asking: asking.to_owned() };
    match web.escalations.send(order).timeout(BOOKING_PATIENCE).await {
        Ok(Ok(Booked::Booked)) => {
            Response::new().then(say(web, &web.persona.called_back)).then(Verb::Hangup)
        }
        Ok(Ok(Booked::Impossible)) => talk(web, waiting, Vec::new()),
        failed => {
            let cause = super::cause(&failed);
            tracing::error!(call.sid = %waiting.sid, "a call-back is not booked: {cause}");
            talk(web, waiting, vec![Verb::from(say(web, &web.persona.not_called_back))])
        }
    }
}

/// A piece of the wait: talk, what is known, the keys, and music.
fn talk(web: &Web, waiting: &Waiting, first: Vec<Verb>) -> Response {
    let waited = waiting.waited.as_secs();
    let mut children = first;
    children.extend(
        words(&web.persona, waiting, web.hold.call_backs)
            .iter()
            .map(|words| Verb::from(say(web, words))),
    );
    let turn = waited / TALK_EVERY;
    children.push(match pick(&web.hold.music, turn) {
        Some(url) => Verb::from(Play { url: url.clone(), times: 1 }),
        None => Verb::Pause { seconds: PAUSE_S },
    });
    let action = action_url(web.public_url.origin(), "/voice/wait");
    Response::new().then(Gather { action, digits: 1, timeout_s: KEY_S, children })
}

/// What a caller is told now, in the persona's words.
fn words(persona: &Persona, waiting: &Waiting, call_backs: bool) -> Vec<String> {
    let waited = waiting.waited.as_secs();
    let mut words: Vec<String> =
        pick(&persona.hold, waited / TALK_EVERY).into_iter().cloned().collect();
    if waited % NEWS_EVERY >= NEWS_FOR {
        return words;
    }
    words.extend(waiting.position.map(|position| format!("{} {position}.", persona.position)));
    words.extend(expected(persona, waiting));
    let [call_back, back] = [0, 1].map(|at| persona.hold_keys.get(at).cloned());
    words.extend(call_back.filter(|_| call_backs));
    words.extend(back);
    words
}

/// The rest of an average wait; nothing once the caller has waited longer than that: any figure
/// would be made up.
fn expected(persona: &Persona, waiting: &Waiting) -> Option<String> {
    let left = waiting.average?.checked_sub(waiting.waited)?.as_secs();
    let band = WAIT_BOUNDS.iter().filter(|bound| left >= **bound).count();
    persona.waits.get(band).cloned()
}

fn pick<T>(all: &[T], turn: u64) -> Option<&T> {
    let at = usize::try_from(turn).unwrap_or_default().checked_rem(all.len())?;
    all.get(at)
}

pub(in crate::http) async fn queued(
    signed: Signed,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let end = QueueEnd::read(&signed.form).map_err(bad)?;
    let field = |name| signed.form.get(name).unwrap_or_default();
    let which = escalation(&web, end.sid).await;
    let [queue, dial, time] = ["QueueResult", "DialCallStatus", "QueueTime"].map(field);
    let part = format!("{which}:{queue}{dial}:{time}");
    let key = reply_key("queued", &signed, end.sid, &part);
    Ok(once(&web, "queued", end.sid, key, REPLY_TTL, after_queue(&web, &end)).await)
}

/// Which of the call's escalations it is about: two of them may end alike within a minute.
async fn escalation(web: &Web, sid: CallSid) -> u32 {
    let record = look_up(web, sid).await;
    record.and_then(|record| record.escalation).map_or(0, |escalation| escalation.id.number)
}

async fn after_queue(web: &web::Data<Web>, end: &QueueEnd) -> Response {
    let sid = end.sid;
    tracing::info!(call.sid = %sid, left = ?end.left, "a caller has left the queue");
    match end.left {
        Left::Talked => {
            let record = progress(web, sid, Step::Finished).await;
            if record.as_ref().is_none_or(|record| !record.status.is_final()) {
                // Where the step did not end it (another escalation, an erased call), its end does.
                conclude(web, sid, record, Status::Completed).await;
            }
            Response::new().then(Verb::Hangup)
        }
        Left::HungUp => {
            let record = look_up(web, sid).await;
            conclude(web, sid, record, Status::Completed).await;
            Response::new()
        }
        _ if end.call_status.is_over() => {
            let record = look_up(web, sid).await;
            conclude(web, sid, record, Status::Completed).await;
            Response::new()
        }
        // Another document has the call, or a person is about to.
        Left::Redirected | Left::Bridging => Response::new(),
        Left::Stepped => {
            let record = look_up(web, sid).await;
            let open =
                record.as_ref().is_some_and(|record| record.escalation_under_way().is_some());
            if open {
                // Our own <Leave> has a reason that was recorded before, unless the store was away.
                progress(web, sid, Step::Withdrawn).await;
            }
            back_to_agent(web, sid, record)
        }
        Left::Unreached(why) => {
            let record = progress(web, sid, Step::Failed { why }).await;
            back_to_agent(web, sid, record)
        }
    }
}

/// A new session of the same call, which knows what happened. A call that is over by its record gets
/// none: whoever is still there hears a goodbye.
fn back_to_agent(web: &Web, sid: CallSid, record: Option<CallRecord>) -> Response {
    if record.is_some_and(|record| record.status.is_final()) {
        return farewell(web);
    }
    connect(web, sid, false)
}

#[cfg(test)]
mod tests;

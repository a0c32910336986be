//! The control interface, `/fake/…`: whoever plays Twilio's telephone side tells here what the call
//! does, and asks how it stands.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Shared,
    calls::{Enqueue, NotEnqueued},
    state::{Fault, Misbehaviour, State},
};

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/fake/calls/{sid}", web::get().to(call))
        .route("/fake/calls/{sid}", web::post().to(begin))
        .route("/fake/calls/{sid}/enqueue", web::post().to(enqueue))
        .route("/fake/calls/{sid}/leave", web::post().to(leave))
        .route("/fake/calls/{sid}/{step}", web::post().to(step))
        .route("/fake/misbehave", web::post().to(misbehave))
        .route("/fake/queue-full", web::post().to(queue_full))
        .route("/fake/events", web::post().to(order_events))
        .route("/fake/events", web::get().to(events))
        .route("/fake/things/{segment}", web::get().to(things));
}

type Sid = web::Path<String>;

fn told(result: Result<(), String>, state: Option<Value>) -> HttpResponse {
    match result {
        Ok(()) => HttpResponse::Ok().json(state),
        Err(why) => HttpResponse::Conflict().json(json!({"error": why})),
    }
}

async fn call(shared: web::Data<Shared>, sid: Sid) -> HttpResponse {
    match shared.state().call_json(&sid) {
        Some(call) => HttpResponse::Ok().json(call),
        None => HttpResponse::NotFound().json(json!({"error": "no such call"})),
    }
}

async fn begin(shared: web::Data<Shared>, sid: Sid) -> HttpResponse {
    shared.write(|state| state.begin(&sid));
    HttpResponse::NoContent().finish()
}

/// Twilio's names.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EnqueueForm {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    workflow_sid: String,
    task: String,
    #[serde(default)]
    priority: u32,
    timeout: Option<u32>,
}

async fn enqueue(
    shared: web::Data<Shared>,
    sid: Sid,
    form: web::Form<EnqueueForm>,
) -> HttpResponse {
    let EnqueueForm { from, to, workflow_sid, task, priority, timeout } = form.into_inner();
    let enqueue = Enqueue { from, to, workflow_sid, task, priority, timeout };
    match shared.write(|state| state.enqueue(&sid, &enqueue)) {
        Ok((task, queue)) => {
            // Nobody listens only when the fake is about to end.
            let _ = shared.ring.send(sid.into_inner());
            HttpResponse::Ok().json(json!({"task_sid": task, "queue_sid": queue}))
        }
        Err(NotEnqueued::Wrong(code, message)) => {
            HttpResponse::BadRequest().json(json!({"code": code, "message": message}))
        }
        Err(NotEnqueued::Full) => {
            HttpResponse::Conflict().json(json!({"queue_result": "queue-full"}))
        }
    }
}

async fn leave(
    shared: web::Data<Shared>,
    sid: Sid,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    let reason = match form.get("reason").map(String::as_str) {
        Some("hangup") => "hangup",
        Some("leave") => "leave",
        _ => {
            let body = json!({"error": "reason is hangup or leave"});
            return HttpResponse::BadRequest().json(body);
        }
    };
    let result = shared.write(|state| state.leave(&sid, reason));
    told(result, shared.state().call_json(&sid))
}

/// Plays one step of the agent.
async fn step(shared: web::Data<Shared>, path: web::Path<(String, String)>) -> HttpResponse {
    let (sid, step) = path.into_inner();
    let result = shared.write(|state| match step.as_str() {
        "reserve" => state.reserve(&sid).map(|_| ()),
        "accept" => state.accept(&sid),
        "reject" => state.give_back(&sid, "reservation.rejected"),
        "time-out" => state.give_back(&sid, "reservation.timeout"),
        "cancel" => state.leave(&sid, "system-error"),
        "finish" => state.finish(&sid),
        _ => Err(format!("{step} is no step")),
    });
    told(result, shared.state().call_json(&sid))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Misbehave {
    #[serde(default)]
    method: String,
    #[serde(default)]
    path_contains: String,
    answer: Value,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

async fn misbehave(shared: web::Data<Shared>, order: web::Json<Misbehave>) -> HttpResponse {
    let Misbehave { method, path_contains, answer, times } = order.into_inner();
    let status = answer.as_u64().and_then(|status| u16::try_from(status).ok());
    let answer = match (answer.as_str(), status) {
        (Some("hang"), _) => Misbehaviour::Hang,
        (Some("forget"), _) => Misbehaviour::Forget,
        (None, Some(status @ 400..=599)) => Misbehaviour::Status(status),
        _ => {
            let body = json!({"error": "answer is a status from 400, hang or forget"});
            return HttpResponse::BadRequest().json(body);
        }
    };
    let fault = Fault { method, path_contains, answer, times };
    shared.write(|state| state.faults.push(fault));
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
struct Switch {
    on: bool,
}

async fn queue_full(shared: web::Data<Shared>, order: web::Json<Switch>) -> HttpResponse {
    shared.write(|state| state.queue_full = order.on);
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Delivery {
    copies: u32,
    hold: bool,
    reverse: bool,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { copies: 1, hold: false, reverse: false }
    }
}

/// How often events are sent, and whether they wait; `reverse` turns round those that wait.
async fn order_events(shared: web::Data<Shared>, order: web::Json<Delivery>) -> HttpResponse {
    shared.write(|state| state.order_events(order.copies, order.hold, order.reverse));
    HttpResponse::NoContent().finish()
}

async fn events(shared: web::Data<Shared>) -> HttpResponse {
    let state = shared.state();
    let fields = |event: &super::Event| event.fields.iter().cloned().collect::<HashMap<_, _>>();
    HttpResponse::Ok().json(state.events.iter().map(fields).collect::<Vec<_>>())
}

async fn things(shared: web::Data<Shared>, segment: web::Path<String>) -> HttpResponse {
    let state = shared.state();
    let of_it = state.things.iter().filter(|thing| thing.kind.segment == segment.as_str());
    HttpResponse::Ok().json(of_it.map(super::state::Thing::json).collect::<Vec<_>>())
}

impl State {
    pub(super) fn order_events(&mut self, copies: u32, hold: bool, reverse: bool) {
        self.copies = copies.max(1);
        self.held = hold;
        if reverse {
            self.outbox.make_contiguous().reverse();
        }
    }
}

//! The handle of a fake: what a story orders and asks. Steps that cannot be played fail the story.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::{
    Agent, Options, Shared,
    calls::{Enqueue, NotEnqueued, Stage},
    seeds,
    state::{Event, Fault, Misbehaviour, Seen, State},
};

/// A Twilio that runs. Dropping it closes the port.
#[derive(Debug)]
pub struct FakeTwilio {
    shared: Arc<Shared>,
    url: String,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeTwilio {
    /// Starts one, as a fresh account with Flex unless it shall be empty.
    pub async fn start(options: Options) -> Self {
        Self::listen(options).expect("a free port")
    }

    /// The same for a program that says why it cannot.
    pub fn listen(options: Options) -> std::io::Result<Self> {
        switchhook::tls::install_provider();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let url = format!("http://{}", listener.local_addr()?);
        let empty = options.empty;
        let mut state = State::new(options, url.clone());
        if !empty {
            seeds::plant(&mut state);
        }
        let (ring, calls) = mpsc::unbounded_channel();
        let news = watch::Sender::new(0);
        let shared = Arc::new(Shared { state: Mutex::new(state), news, ring });
        let (stop, stopped) = watch::channel(());
        let serving = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("fake-twilio".to_owned()).spawn(move || {
                let served = super::serve(serving, listener, calls, stopped);
                actix_web::rt::System::new().block_on(served).expect("it serves");
            })?;
        Ok(Self { shared, url, stop: Some(stop), thread: Some(thread) })
    }

    /// Scheme, host and port: for `TWILIO_API_URL` and `TWILIO_TASKROUTER_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The variables with which an engine or the set-up finds this fake, with its auth token.
    pub fn env(&self) -> Vec<(String, String)> {
        let options = &self.shared.state().options;
        [
            ("TWILIO_API_URL", &self.url),
            ("TWILIO_TASKROUTER_URL", &self.url),
            ("TWILIO_ACCOUNT_SID", &options.account_sid),
            ("TWILIO_AUTH_TOKEN", &options.auth_token),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into()
    }

    /// The SID of something new.
    pub fn new_sid(&self, prefix: &str) -> String {
        self.shared.write(|state| state.new_sid(prefix))
    }

    /// Puts a thing there without a request, such as `("Queues", account, sid, fields)`.
    pub fn put(&self, segment: &str, parent: &str, sid: &str, fields: &[(&str, &str)]) {
        self.shared.write(|state| state.put(segment, parent, sid, fields));
    }

    /// Takes one away without a request.
    pub fn remove(&self, sid: &str) {
        self.shared.write(|state| state.things.retain(|thing| thing.sid != sid));
    }

    /// Changes a field of a thing without a request, by the name that it has in JSON.
    pub fn set(&self, sid: &str, field: &str, value: Value) {
        self.shared.write(|state| {
            let thing = state.thing_mut(sid).expect("a thing");
            thing.body.insert(field.to_owned(), value);
        });
    }

    /// The things of a kind, such as `Workflows`.
    pub fn things(&self, segment: &str) -> Vec<Value> {
        let state = self.shared.state();
        let of_it = state.things.iter().filter(|thing| thing.kind.segment == segment);
        of_it.map(super::state::Thing::json).collect()
    }

    /// What the REST interface was asked so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// The requests among them that would change something.
    pub fn changes(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(Seen::is_change).collect()
    }

    /// Forgets what it was asked.
    pub fn forget_requests(&self) {
        self.shared.write(|state| state.seen.clear());
    }

    /// Misbehaves for the next `times` requests that fit; an empty method is any.
    pub fn misbehave(&self, method: &str, path_contains: &str, answer: Misbehaviour, times: u32) {
        let (method, path_contains) = (method.to_owned(), path_contains.to_owned());
        let fault = Fault { method, path_contains, answer, times };
        self.shared.write(|state| state.faults.push(fault));
    }

    /// Does this many changing requests more, and `then` this with each that follows; after one
    /// answer that was forgotten, 403. None: as many as come.
    pub fn allow_changes(&self, allowance: Option<(usize, Misbehaviour)>) {
        self.shared.write(|state| state.allowance = allowance);
    }

    /// Whether every queue is full from now on.
    pub fn set_queue_full(&self, full: bool) {
        self.shared.write(|state| state.queue_full = full);
    }

    /// What the agent does with calls that are enqueued from now on.
    pub fn set_agent(&self, agent: Agent) {
        self.shared.write(|state| state.options.agent = agent);
    }

    /// Puts the clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.write(|state| state.advance(by));
    }

    /// Lets a call be up, so that the REST interface knows it.
    pub fn begin(&self, call: &str) {
        self.shared.write(|state| state.begin(call));
    }

    /// Does what `<Enqueue>` says; tells the task and the queue.
    pub fn enqueue(&self, call: &str, enqueue: &Enqueue) -> Result<(String, String), NotEnqueued> {
        let result = self.shared.write(|state| state.enqueue(call, enqueue));
        if result.is_ok() {
            // The thread listens as long as this handle is there.
            let _ = self.shared.ring.send(call.to_owned());
        }
        result
    }

    /// How far a call is.
    pub fn stage(&self, call: &str) -> Option<Stage> {
        self.shared.state().calls.get(call).map(|call| call.stage)
    }

    /// What the control interface says of a call.
    pub fn call(&self, call: &str) -> Value {
        self.shared.state().call_json(call).expect("a call")
    }

    /// Offers the call to a worker; tells the reservation.
    pub fn reserve(&self, call: &str) -> String {
        self.shared.write(|state| state.reserve(call)).expect("it waits")
    }

    /// The worker takes it.
    pub fn accept(&self, call: &str) {
        self.shared.write(|state| state.accept(call)).expect("it is reserved");
    }

    /// The worker does not want it.
    pub fn reject(&self, call: &str) {
        let step = |state: &mut State| state.give_back(call, "reservation.rejected");
        self.shared.write(step).expect("it is reserved");
    }

    /// The worker does not answer.
    pub fn time_out(&self, call: &str) {
        let step = |state: &mut State| state.give_back(call, "reservation.timeout");
        self.shared.write(step).expect("it is reserved");
    }

    /// The workflow gives up: the task is cancelled and the call leaves with `system-error`.
    pub fn cancel_task(&self, call: &str) {
        self.shared.write(|state| state.leave(call, "system-error")).expect("it waits");
    }

    /// The caller hangs up.
    pub fn hang_up(&self, call: &str) {
        self.shared.write(|state| state.leave(call, "hangup")).expect("it is in the queue");
    }

    /// `<Leave>`.
    pub fn leave(&self, call: &str) {
        self.shared.write(|state| state.leave(call, "leave")).expect("it waits");
    }

    /// The worker has done all that was to do.
    pub fn finish(&self, call: &str) {
        self.shared.write(|state| state.finish(call)).expect("it is bridged");
    }

    /// The events so far, sent or not.
    pub fn events(&self) -> Vec<Event> {
        self.shared.state().events.clone()
    }

    /// Sends every event so often from now on.
    pub fn repeat_events(&self, copies: u32) {
        self.shared.write(|state| state.copies = copies.max(1));
    }

    /// Keeps events back until [`Self::release_events`].
    pub fn hold_events(&self) {
        self.shared.write(|state| state.held = true);
    }

    /// Sends those that were kept back, the last one first if so wanted.
    pub fn release_events(&self, reverse: bool) {
        self.shared.write(|state| {
            let copies = state.copies;
            state.order_events(copies, false, reverse);
        });
    }

    /// Waits until every event was delivered or has failed.
    pub async fn settled(&self) {
        self.until(|state| state.outbox.is_empty()).await;
    }

    /// Waits until there were so many changing requests.
    pub async fn changed(&self, count: usize) {
        self.until(|state| state.seen.iter().filter(|seen| seen.is_change()).count() >= count)
            .await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let mut news = self.shared.news.subscribe();
        loop {
            news.borrow_and_update();
            if is_so(&self.shared.state()) {
                return;
            }
            news.changed().await.expect("the fake runs");
        }
    }
}

impl Drop for FakeTwilio {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(
            std::thread::panicking() || !matches!(ended, Some(Err(_))),
            "the fake Twilio panicked"
        );
    }
}

//! Two engines in this process over one store, and a Twilio behind them: every webhook goes to both,
//! several times at once, as balancers and retries would have it in the worst case.

use std::sync::{Arc, OnceLock};

use futures_util::future::join_all;
use serde_json::Value;
use switchhook::{
    app::{self, Engine},
    caller::{Enqueue as Waits, Verb},
    clock,
    config::Config,
    limits::Descriptors,
    stores::{Store, embedded::Embedded, sealed::Vault},
    telemetry::Metrics,
};
use tempfile::TempDir;

use super::{
    door::{Answer, Ask, Fields, call, sid},
    provider,
};
use crate::fake_twilio::{
    API_KEY_SECRET, API_KEY_SID, Enqueue, FakeTwilio, NotEnqueued, Options, WORKFLOW_SID,
    WORKSPACE_SID,
};

/// Both engines, and Twilio.
pub(crate) struct Pair {
    urls: [String; 2],
    pub(crate) twilio: FakeTwilio,
    _home: TempDir,
}

/// One recorder for the process, whichever story is first.
pub(crate) fn metrics() -> Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::install().expect("a recorder")).clone()
}

impl Pair {
    /// Starts them. Events of TaskRouter's go to the first of them.
    pub(crate) async fn start(env: &[(&str, &str)]) -> Self {
        provider();
        let home = TempDir::new().expect("a directory");
        let store = Embedded::open(home.path(), Vault::new(&[]), clock::now()).expect("a store");
        let store = Store::Own(Arc::new(store));
        // Where the events go is known only when an engine listens, and that only when there is a Twilio.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let events = format!("http://127.0.0.1:{port}/taskrouter/events");
        let twilio =
            FakeTwilio::start(Options { event_callback_url: events, ..Options::default() }).await;
        drop(listener);
        let engine = |port: u16| {
            let mut pairs = twilio.env();
            pairs.retain(|(name, _)| name != "TWILIO_AUTH_TOKEN");
            pairs.extend(env.iter().map(|(name, value)| ((*name).into(), (*value).into())));
            // With an API key, and without the auth token: these stories do not sign.
            pairs.push(("TWILIO_API_KEY_SID".into(), API_KEY_SID.into()));
            pairs.push(("TWILIO_API_KEY_SECRET".into(), API_KEY_SECRET.into()));
            pairs.push(("TWILIO_WORKSPACE_SID".into(), WORKSPACE_SID.into()));
            pairs.push(("TWILIO_WORKFLOW_SID".into(), WORKFLOW_SID.into()));
            pairs.push(("PORT".into(), port.to_string()));
            let config = Config::from_pairs(pairs).expect("a configuration");
            let store = store.clone();
            app::start_on(
                move |_| Ok(store),
                &config,
                metrics(),
                100,
                Arc::new(Descriptors::default()),
            )
            .expect("an engine")
        };
        let urls = [engine(port), engine(0)].map(|Engine { address, server, .. }| {
            // It runs for as long as the story's system does.
            actix_web::rt::spawn(server);
            format!("http://{address}")
        });
        Self { urls, twilio, _home: home }
    }

    /// Sends a webhook so many times at once, to one engine and the other in turn; all answers are
    /// the same, byte by byte.
    pub(crate) async fn post(&self, copies: usize, path: &str, fields: &[(&str, &str)]) -> Answer {
        let asks = (0..copies).map(|copy| {
            let url = &self.urls[copy % 2];
            async move { Ask::post(path, fields).to(url).await }
        });
        let answers = join_all(asks).await;
        for answer in &answers {
            assert_eq!(answer.body, answers[0].body, "{path} {fields:?}");
        }
        answers[0].clone()
    }

    /// A call that rings, and whose session is ended for a person.
    pub(crate) async fn handed_over(&self, number: u32, copies: usize) -> (String, Answer) {
        let sid = sid(number);
        self.post(copies, "/voice/incoming", &call(&sid, "ringing")).await;
        let note = r#"{"v":1,"kind":"escalate","reasonCode":"complaint"}"#;
        let mut fields = call(&sid, "in-progress");
        fields.extend([("SessionId", "VX1"), ("SessionStatus", "ended"), ("HandoffData", note)]);
        let answer = self.post(copies, "/voice/handoff", &fields).await;
        (sid, answer)
    }

    /// As [`Self::handed_over`], and Twilio has put the caller into the queue.
    pub(crate) async fn queued(&self, number: u32, copies: usize) -> String {
        let (sid, answer) = self.handed_over(number, copies).await;
        self.enqueue(&sid, &answer).expect("a place in the queue");
        self.twilio.settled().await;
        sid
    }

    /// Twilio follows one of the answers.
    pub(crate) fn enqueue(
        &self,
        sid: &str,
        answer: &Answer,
    ) -> Result<(String, String), NotEnqueued> {
        let [Verb::Enqueue(Waits { workflow_sid, task: Some(task), .. })] = &answer.verbs()[..]
        else {
            panic!("no <Enqueue>: {}", answer.body)
        };
        let enqueue = Enqueue {
            from: "+12025550142".to_owned(),
            to: "+12025550100".to_owned(),
            workflow_sid: workflow_sid.clone().expect("a workflow"),
            task: task.attributes.clone(),
            ..Enqueue::default()
        };
        self.twilio.enqueue(sid, &enqueue)
    }

    /// What a caller hears who has waited for so many seconds, and has pressed this key.
    pub(crate) async fn wait(&self, sid: &str, copies: usize, seconds: &str, key: &str) -> Answer {
        let mut fields = call(sid, "in-progress");
        fields.extend([("QueuePosition", "1"), ("QueueTime", seconds), ("AvgQueueTime", "0")]);
        if !key.is_empty() {
            fields.push(("Digits", key));
        }
        self.post(copies, "/voice/wait", &fields).await
    }

    /// The caller has left the queue in this way.
    pub(crate) async fn left(
        &self,
        sid: &str,
        copies: usize,
        result: &str,
        status: &str,
    ) -> Answer {
        let mut fields: Fields<'_> = call(sid, status);
        fields.extend([("QueueResult", result), ("QueueTime", "5")]);
        self.post(copies, "/voice/queued", &fields).await
    }

    /// The transcript as both engines show it.
    pub(crate) async fn transcript(&self, id: &str) -> Value {
        let path = format!("/api/transcript/{id}");
        let one = Ask::get(&path).to(&self.urls[0]).await;
        let other = Ask::get(&path).to(&self.urls[1]).await;
        assert_eq!(one.body, other.body);
        assert_eq!(one.status, 200, "{one:?}");
        one.json()
    }

    /// Where the call and its escalation stand.
    pub(crate) async fn stands(&self, sid: &str) -> (String, String) {
        let call = self.transcript(sid).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&call["status"]), text(&call["escalation"]["state"]))
    }

    /// The live calls as the monitor of the second engine shows them.
    pub(crate) async fn monitor(&self) -> Value {
        Ask::get("/monitor").to(&self.urls[1]).await.json()
    }

    /// The tasks that Twilio has, by their attributes.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let attributes = |thing: &Value| {
            let text = thing["attributes"].as_str().expect("attributes");
            serde_json::from_str(text).expect("JSON")
        };
        self.twilio.things("Tasks").iter().map(attributes).collect()
    }
}

//! Two engines in this process that share their calls, and a Twilio behind them: every webhook goes to
//! both, several times at once, as balancers and retries would have it in the worst case.
//!
//! Each story is told [`Over`] one embedded store, and over a Redis with a store of its own for each
//! engine, as the app builds it: [`on_both`] makes a test of either.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

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
    engine::SOON,
    provider,
};
use crate::{
    cluster::parts::{PASSWORD, Redis},
    fake_twilio::{
        API_KEY_SECRET, API_KEY_SID, Enqueue, FakeTwilio, NotEnqueued, Options, WORKFLOW_SID,
        WORKSPACE_SID,
    },
};

/// What the two engines share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// One embedded store, in their process.
    Embedded,
    /// A Redis.
    Redis,
}

/// Makes two tests of each story, one over each.
macro_rules! on_both {
    ($($story:ident)*) => {
        mod embedded {
            $(#[actix_web::test]
            async fn $story() {
                super::$story($crate::harness::pair::Over::Embedded).await;
            })*
        }
        mod redis {
            $(#[actix_web::test]
            async fn $story() {
                super::$story($crate::harness::pair::Over::Redis).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// Databases of the Redis that all pairs share; each pair has one to itself.
const DATABASES: &str = "256";

/// For `REDIS_URL`: a database that nobody has used.
fn database() -> String {
    static SHARED: OnceLock<Redis> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let port = SHARED.get_or_init(|| Redis::single(&[("databases", DATABASES)])).port;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("redis://switchhook:{PASSWORD}@127.0.0.1:{port}/{number}")
}

/// Both engines, and Twilio.
pub(crate) struct Pair {
    urls: [String; 2],
    pub(crate) twilio: FakeTwilio,
    _homes: [TempDir; 2],
}

/// One recorder for the process, whichever story is first.
pub(crate) fn metrics() -> Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::install().expect("a recorder")).clone()
}

/// The store that both engines use.
fn embedded(home: &TempDir) -> Store {
    let store = Embedded::open(home.path(), Vault::new(&[]), clock::now()).expect("a store");
    Store::Own(Arc::new(store))
}

/// What both engines are told, and this on top.
fn settings(twilio: &FakeTwilio, env: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs = twilio.env();
    pairs.retain(|(name, _)| name != "TWILIO_AUTH_TOKEN");
    // With an API key, and without the auth token: these stories do not sign.
    let own = [
        ("TWILIO_API_KEY_SID", API_KEY_SID),
        ("TWILIO_API_KEY_SECRET", API_KEY_SECRET),
        ("TWILIO_WORKSPACE_SID", WORKSPACE_SID),
        ("TWILIO_WORKFLOW_SID", WORKFLOW_SID),
    ];
    let all = env.iter().chain(&own);
    pairs.extend(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    pairs
}

/// Waits until that engine takes calls.
async fn ready(url: &str) {
    let begun = Instant::now();
    while Ask::get("/readyz").to(url).await.status != 200 {
        assert!(begun.elapsed() < SOON, "{url} takes no calls");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Pair {
    /// Starts them, and they take calls. Events of TaskRouter's go to the first of them.
    pub(crate) async fn start(over: Over, env: &[(&str, &str)]) -> Self {
        provider();
        let homes = [0, 1].map(|_| TempDir::new().expect("a directory"));
        // Where the events go is known only when an engine listens, and that only when there is a Twilio.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let events = format!("http://127.0.0.1:{port}/taskrouter/events");
        let twilio =
            FakeTwilio::start(Options { event_callback_url: events, ..Options::default() }).await;
        drop(listener);
        let redis = (over == Over::Redis).then(database);
        let shared = redis.is_none().then(|| embedded(&homes[0]));
        let engines = [(&homes[0], port), (&homes[1], 0)].map(|(home, port)| {
            let mut pairs = settings(&twilio, env);
            pairs.push(("PORT".into(), port.to_string()));
            pairs.push(("DATA_DIR".into(), home.path().display().to_string()));
            pairs.extend(redis.clone().map(|url| ("REDIS_URL".into(), url)));
            let config = Config::from_pairs(pairs).expect("a configuration");
            let descriptors = Arc::new(Descriptors::default());
            match shared.clone() {
                Some(store) => {
                    app::start_on(move |_| Ok(store), &config, metrics(), 100, descriptors)
                }
                None => app::start(&config, metrics(), 100, descriptors),
            }
            .expect("an engine")
        });
        let urls = engines.map(|Engine { address, servers, store, web, .. }| {
            // They run for as long as the story's system does.
            actix_web::rt::spawn(servers.serve());
            actix_web::rt::spawn(app::open_doors(store, move || web.readiness.ready()));
            format!("http://{address}")
        });
        for url in &urls {
            ready(url).await;
        }
        Self { urls, twilio, _homes: homes }
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

    /// The live calls as the monitor of the second engine shows them, once they fit: what the first
    /// did reaches it a moment later.
    pub(crate) async fn monitor_when(&self, fits: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let live = Ask::get("/monitor").to(&self.urls[1]).await.json();
            if fits(&live) {
                return;
            }
            assert!(begun.elapsed() < SOON, "{live:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
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

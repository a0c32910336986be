//! What a caller hears when the registry is broken. Everything else about the routes is told by
//! the stories in `tests/it`, against the real program.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use actix::Actor;
use actix_web::{App, test};
use futures_util::FutureExt;
use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, Epoch},
        record::{Change, NewCall, Position},
        time::{Millis, Timestamp},
        transcript::{LateTurn, Turn},
    },
    llm_gateway::Patience,
    registry::store::{
        Appended, CallStore, Claimed, Feed, Key, Opened, Restored, Settled, StoreError, Stored,
        Sweep, Swept,
    },
};

use super::*;
use crate::{config::Config, desks::Phone, twilio::session};

/// A store that is broken: it fails at once, or never answers.
#[derive(Clone, Copy)]
enum Broken {
    Failing,
    Hanging,
}

impl Broken {
    fn answer<T: Send + 'static>(self) -> Stored<T> {
        match self {
            Self::Failing => {
                let error = StoreError::Unavailable("it is broken".to_owned());
                std::future::ready(Err(error)).boxed()
            }
            Self::Hanging => std::future::pending().boxed(),
        }
    }
}

impl CallStore for Broken {
    fn open(&self, _: NewCall) -> Stored<Opened> {
        self.answer()
    }
    fn claim(&self, _: CallSid, _: InstanceId, _: Timestamp) -> Stored<Claimed> {
        self.answer()
    }
    fn append(&self, _: CallSid, _: Epoch, _: u64, _: Turn) -> Stored<Appended> {
        self.answer()
    }
    fn settle(&self, _: CallSid, _: Epoch, _: Change, _: Timestamp) -> Stored<Settled> {
        self.answer()
    }
    fn restore(&self, _: switchhook_actors::domain::record::CallRecord) -> Stored<Restored> {
        self.answer()
    }
    fn add_late(&self, _: CallSid, _: Vec<LateTurn>) -> Stored<bool> {
        self.answer()
    }
    fn remember(
        &self,
        _: CallSid,
        _: String,
        _: String,
        _: Timestamp,
        _: Millis,
    ) -> Stored<String> {
        self.answer()
    }
    fn answered(&self, _: CallSid, _: String, _: Timestamp) -> Stored<Option<String>> {
        self.answer()
    }
    fn link(&self, _: Alias, _: CallSid) -> Stored<bool> {
        self.answer()
    }
    fn find(&self, _: Key) -> Stored<Option<switchhook_actors::domain::record::CallRecord>> {
        self.answer()
    }
    fn live(&self) -> Stored<Vec<switchhook_actors::domain::record::CallSummary>> {
        self.answer()
    }
    fn follow(&self, _: Option<Position>) -> Stored<Feed> {
        self.answer()
    }
    fn erase(&self, _: CallSid) -> Stored<bool> {
        self.answer()
    }
    fn erase_caller(&self, _: String) -> Stored<usize> {
        self.answer()
    }
    fn sweep(&self, _: Sweep) -> Stored<Swept> {
        self.answer()
    }
    fn flush(&self) -> Stored<()> {
        self.answer()
    }
}

fn web(store: Broken) -> Web {
    let key = ("LINK_KEYS".to_owned(), format!("k:{}=", "A".repeat(43)));
    let config = Config::from_pairs([key]).unwrap();
    let persona =
        Arc::new(Persona::parse(include_str!("../../deploy/personas/owl-bank.md")).unwrap());
    let registry = Arc::new(Keeper::new("registry", move || {
        Registry::new(Arc::new(store), Box::new(Vec::new), Box::new(crate::clock::now), 0).start()
    }));
    let (_, metrics) = Metrics::record().unwrap();
    let escalations = escalations(&registry);
    Web {
        registry,
        escalations,
        hold: Hold { music: Vec::new(), wait_max: Duration::from_secs(60), call_backs: false },
        store_alive: Box::new(|| true),
        policy: Arc::new(Policy::new(1, Patience { first_token: 1, token_gap: 1 })),
        store_failing: Box::new(|| false),
        directory: Arc::default(),
        alone: false,
        instance: InstanceId("test".to_owned()),
        public_url: config.public_url.clone(),
        signatures: None,
        access: Access::new(&[], true),
        links: Links::new(&config.store.link_keys, config.public_url.origin()).into(),
        relay: session::relay(&config.relay, &persona).unwrap(),
        greeting: persona.greeting.clone(),
        persona,
        pings: Pings { ping: Duration::from_secs(10), silent: Duration::from_secs(25) },
        admission: Admission::new(10, Arc::default()),
        under_way: UnderWay::default(),
        readiness: Readiness::default(),
        metrics,
    }
}

/// A manager whose desk is a telephone.
fn escalations(registry: &Arc<Keeper<Registry>>) -> Arc<Keeper<EscalationManager>> {
    let registry = Arc::clone(registry);
    Arc::new(Keeper::new("escalations", move || {
        let desk = Rc::new(Phone { number: "+12025550177".to_owned() });
        let now = Rc::new(crate::clock::now);
        EscalationManager::new(Arc::clone(&registry), desk, now, Arc::default()).start()
    }))
}

/// What a webhook answers, and how soon.
async fn post(store: Broken, path: &str, fields: &[(&str, &str)]) -> (String, Duration) {
    let app = App::new().app_data(web::Data::new(web(store))).configure(routes);
    let app = test::init_service(app).await;
    let sid = ("CallSid", "CA0123456789abcdef0123456789abcdef");
    let form = [&[sid, ("From", "+12025550142"), ("To", "+12025550100")], fields].concat();
    let request = test::TestRequest::post().uri(path).set_form(form).to_request();
    let begun = Instant::now();
    let answer = test::call_and_read_body(&app, request).await;
    (String::from_utf8(answer.to_vec()).unwrap(), begun.elapsed())
}

#[actix_web::test]
async fn a_caller_is_connected_within_a_second_though_the_registry_is_broken() {
    for store in [Broken::Failing, Broken::Hanging] {
        let (twiml, took) = post(store, "/voice/incoming", &[("CallStatus", "ringing")]).await;
        assert!(
            twiml.contains("<ConversationRelay ") && twiml.contains("welcomeGreeting"),
            "{twiml}"
        );
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[actix_web::test]
async fn a_caller_whose_session_failed_is_not_left_though_the_registry_is_broken() {
    let failed = |lasted| {
        [
            ("CallStatus", "in-progress"),
            ("SessionStatus", "failed"),
            ("ErrorCode", "64105"),
            ("SessionDuration", lasted),
        ]
    };
    for store in [Broken::Failing, Broken::Hanging] {
        let (twiml, took) = post(store, "/voice/handoff", &failed("60")).await;
        assert!(
            twiml.contains("<ConversationRelay ") && !twiml.contains("welcomeGreeting"),
            "{twiml}"
        );
        assert!(took < Duration::from_secs(1), "{took:?}");
        // Nobody but the address counts how often.
        let (twiml, _) = post(store, "/voice/handoff", &failed("1")).await;
        assert!(twiml.contains("&amp;failures=1#"), "{twiml}");
        let (twiml, _) = post(store, "/voice/handoff?failures=4", &failed("1")).await;
        assert!(twiml.contains("&amp;failures=5#"), "{twiml}");
        let (twiml, _) = post(store, "/voice/handoff?failures=5", &failed("60")).await;
        assert!(!twiml.contains("failures"), "{twiml}");
        let (twiml, _) = post(store, "/voice/handoff?failures=5", &failed("1")).await;
        assert!(twiml.contains("<Say") && twiml.contains("<Hangup"), "{twiml}");
    }
}

#[actix_web::test]
async fn a_signed_link_stands_in_for_a_token_where_it_reads_and_nowhere_else() {
    let closed = Web { access: Access::new(&[], false), ..web(Broken::Failing) };
    let sid: CallSid = "CA0123456789abcdef0123456789abcdef".parse().unwrap();
    let link = closed.links.link(sid, crate::clock::now()).unwrap();
    let link = link.strip_prefix(closed.public_url.origin()).unwrap().to_owned();
    let other = link.replacen("CA0", "CA1", 1);
    let alias = link.replacen("/CA", "/WT", 1);
    let app = App::new().app_data(web::Data::new(closed)).configure(routes);
    let app = test::init_service(app).await;
    let (bare, _) = link.split_once('?').unwrap();
    // Whoever is let in learns that the registry is broken.
    for (method, uri, status) in [
        ("GET", link.clone(), 503),
        ("GET", format!("{link}&since=3"), 503),
        ("GET", bare.to_owned(), 401),
        ("GET", format!("{link}A"), 403),
        ("GET", other, 403),
        ("GET", alias, 403),
        ("DELETE", link.clone(), 401),
    ] {
        let method = method.parse().unwrap();
        let request = test::TestRequest::default().method(method).uri(&uri).to_request();
        assert_eq!(test::call_service(&app, request).await.status(), status, "{uri}");
    }
}

#[actix_web::test]
async fn a_caller_is_handed_over_within_three_seconds_though_the_registry_is_broken() {
    let note = r#"{"v":1,"kind":"escalate","reasonCode":"fraud"}"#;
    for store in [Broken::Failing, Broken::Hanging] {
        let ended =
            [("CallStatus", "in-progress"), ("SessionStatus", "ended"), ("HandoffData", note)];
        let (twiml, took) = post(store, "/voice/handoff", &ended).await;
        assert!(twiml.contains(">+12025550177</Number></Dial>"), "{twiml}");
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}

#[actix_web::test]
async fn a_caller_who_waits_hears_something_though_the_registry_is_broken() {
    for store in [Broken::Failing, Broken::Hanging] {
        let (twiml, took) = post(store, "/voice/wait", &[("CallStatus", "in-progress")]).await;
        assert!(twiml.contains("<Gather ") && twiml.contains("<Say"), "{twiml}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        let full = [("CallStatus", "in-progress"), ("QueueResult", "queue-full")];
        let (twiml, _) = post(store, "/voice/queued", &full).await;
        assert!(twiml.contains("<ConversationRelay "), "{twiml}");
    }
}

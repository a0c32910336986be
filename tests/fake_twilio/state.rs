//! What the fake holds: things by their SID, calls, events, and what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use super::{
    Options,
    calls::Call,
    kinds::{Kind, kind, read, snake},
};

/// A thing that Twilio keeps.
#[derive(Debug, Clone)]
pub struct Thing {
    /// What it is.
    pub kind: &'static Kind,
    /// Its workspace, or its account.
    pub parent: String,
    /// Its SID.
    pub sid: String,
    /// What its JSON says besides.
    pub body: Map<String, Value>,
    /// Counts its changes, for `ETag`.
    pub version: u32,
    /// When it was made, s of the fake's clock.
    pub made: u64,
}

impl Thing {
    /// A field as text; empty when it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its JSON.
    pub fn json(&self) -> Value {
        let mut body = self.body.clone();
        body.insert("sid".to_owned(), json!(self.sid));
        if self.kind.in_workspace {
            body.insert("workspace_sid".to_owned(), json!(self.parent));
        }
        Value::Object(body)
    }
}

/// A request that came to the REST interface.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The decoded form.
    pub form: Vec<(String, String)>,
    /// What was answered; 0 for nothing.
    pub status: u16,
}

impl Seen {
    /// Whether it would change something.
    pub fn is_change(&self) -> bool {
        self.method != "GET"
    }
}

/// How the fake misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Answers this instead of doing it.
    Status(u16),
    /// Never answers, and does nothing.
    Hang,
    /// Does it, and cuts the connection before its answer.
    Forget,
}

/// A misbehaviour on order.
#[derive(Debug, Clone)]
pub struct Fault {
    /// For which method; empty for any.
    pub method: String,
    /// For which addresses.
    pub path_contains: String,
    /// What it does.
    pub answer: Misbehaviour,
    /// How often.
    pub times: u32,
}

/// An event for the workspace's callback.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where it goes; none when the workspace wants no such event.
    pub url: Option<String>,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

impl Event {
    /// A field; empty when it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Everything the fake knows.
#[derive(Debug)]
pub struct State {
    pub(super) options: Options,
    /// Its own address, for the next page of a list.
    pub(super) origin: String,
    pub(super) things: Vec<Thing>,
    pub(super) calls: BTreeMap<String, Call>,
    pub(super) seen: Vec<Seen>,
    pub(super) faults: Vec<Fault>,
    /// Changes that are still allowed, and what is done with the next.
    pub(super) allowance: Option<(usize, Misbehaviour)>,
    pub(super) outbox: VecDeque<Event>,
    pub(super) events: Vec<Event>,
    /// Whether events wait until they are let go.
    pub(super) held: bool,
    /// How often each is sent.
    pub(super) copies: u32,
    pub(super) queue_full: bool,
    /// Seconds that callers of a workflow waited before they were accepted.
    pub(super) accepted: Vec<(String, u64)>,
    begun: Instant,
    ahead: Duration,
    counter: u64,
}

impl State {
    pub(super) fn new(options: Options, origin: String) -> Self {
        Self {
            options,
            origin,
            things: Vec::new(),
            calls: BTreeMap::new(),
            seen: Vec::new(),
            faults: Vec::new(),
            allowance: None,
            outbox: VecDeque::new(),
            events: Vec::new(),
            held: false,
            copies: 1,
            queue_full: false,
            accepted: Vec::new(),
            begun: Instant::now(),
            ahead: Duration::ZERO,
            counter: 0x100,
        }
    }

    /// Seconds of the fake's clock.
    pub(super) fn now(&self) -> u64 {
        (self.begun.elapsed() + self.ahead).as_secs()
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// A SID that was never used before.
    pub(super) fn new_sid(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{:032x}", self.counter)
    }

    pub(super) fn thing(&self, sid: &str) -> Option<&Thing> {
        self.things.iter().find(|thing| thing.sid == sid)
    }

    pub(super) fn thing_mut(&mut self, sid: &str) -> Option<&mut Thing> {
        self.things.iter_mut().find(|thing| thing.sid == sid)
    }

    /// The things of a kind below a workspace or the account.
    pub(super) fn of<'a>(
        &'a self,
        segment: &'a str,
        parent: &'a str,
    ) -> impl Iterator<Item = &'a Thing> {
        let fits = move |thing: &&Thing| thing.kind.segment == segment && thing.parent == parent;
        self.things.iter().filter(fits)
    }

    /// Puts a thing there without a request, with the defaults of its kind.
    pub(super) fn put(&mut self, segment: &str, parent: &str, sid: &str, fields: &[(&str, &str)]) {
        let kind = kind(segment).expect("a kind");
        let mut body = Map::new();
        for field in kind.fields {
            let given = fields.iter().find(|(name, _)| *name == field.form);
            if let Some(text) = given.map(|(_, value)| *value).or(field.default) {
                let queues = self.queues(parent);
                let value = read(field.check, text, &queues).expect(field.form);
                body.insert(snake(field.form), value);
            }
        }
        let phone = fields.iter().find(|(name, _)| *name == "PhoneNumber");
        if let Some((_, number)) = phone {
            body.insert("phone_number".to_owned(), json!(number));
        }
        self.keep(kind, parent, sid, body);
    }

    pub(super) fn keep(
        &mut self,
        kind: &'static Kind,
        parent: &str,
        sid: &str,
        mut body: Map<String, Value>,
    ) {
        let account = self.options.account_sid.clone();
        body.insert("account_sid".to_owned(), json!(account));
        if kind.segment == "Tasks" {
            body.entry("assignment_status").or_insert(json!("pending"));
            body.insert("age".to_owned(), json!(0));
        }
        let thing = Thing {
            kind,
            parent: parent.to_owned(),
            sid: sid.to_owned(),
            body,
            version: 0,
            made: self.now(),
        };
        self.things.push(thing);
        if kind.segment == "Workflows" {
            // The queue in which callers of the workflow wait.
            let queue = self.new_sid("QU");
            self.put("Queues", &account, &queue, &[("FriendlyName", sid)]);
        }
    }

    pub(super) fn queues(&self, workspace: &str) -> Vec<String> {
        self.of("TaskQueues", workspace).map(|queue| queue.sid.clone()).collect()
    }

    /// Notes an event, and sends it if the workspace wants it.
    pub(super) fn tell(&mut self, workspace: &str, fields: Vec<(String, String)>) {
        let kind = fields.iter().find(|(name, _)| name == "EventType");
        let kind = kind.map(|(_, kind)| kind.clone()).unwrap_or_default();
        let url = self.thing(workspace).and_then(|workspace| {
            let filter = workspace.text("events_filter");
            let wanted = filter.is_empty() || filter.split(',').any(|name| name.trim() == kind);
            let url = workspace.text("event_callback_url");
            (wanted && !url.is_empty()).then(|| url.to_owned())
        });
        let event = Event { url, fields };
        self.events.push(event.clone());
        if event.url.is_some() {
            for _ in 0..self.copies {
                self.outbox.push_back(event.clone());
            }
        }
    }
}

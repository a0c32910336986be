//! A language model that says what a story wants, and misbehaves when it should.
//!
//! Speaks the chat completions API over plain HTTP/1.1 with the exact bytes of the wire, on a thread
//! of its own, and tells what it was asked and when a caller hung up on it.
#![allow(dead_code, reason = "not every story uses every misbehaviour")]
#![expect(clippy::expect_used, reason = "a model that cannot serve fails its story")]

mod serve;
mod wire;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::cluster::parts::free_port;

/// Characters of a fragment of arguments: about a token.
const FRAGMENT: usize = 5;

/// One request for an answer.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Which of all, from 0.
    pub(crate) nth: usize,
    /// Which connection it came on, from 0: two requests with the same number shared one.
    pub(crate) connection: usize,
    /// Such as `/v1/chat/completions`.
    pub(crate) path: String,
    /// The headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body; null when it was no JSON.
    pub(crate) body: Value,
    /// When it was there in full.
    pub(crate) arrived: Instant,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// The messages: role and words.
    pub(crate) fn messages<'a>(&'a self) -> Vec<(&'a str, &'a str)> {
        let messages = self.body.get("messages").and_then(Value::as_array);
        let pair = |message: &'a Value| {
            Some((message.get("role")?.as_str()?, message.get("content")?.as_str()?))
        };
        messages.into_iter().flatten().filter_map(pair).collect()
    }

    /// The names of the tools that are offered.
    pub(crate) fn tools<'a>(&'a self) -> Vec<&'a str> {
        let tools = self.body.get("tools").and_then(Value::as_array);
        let name = |tool: &'a Value| tool.pointer("/function/name")?.as_str();
        tools.into_iter().flatten().filter_map(name).collect()
    }

    /// What the caller said last.
    pub(crate) fn last_words(&self) -> &str {
        self.messages().iter().rfind(|(role, _)| *role == "user").map_or("", |(_, words)| words)
    }
}

/// What the model does next. The head of the response goes out with the first step that writes.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One piece of text in an event of its own.
    Token(String),
    /// A text word by word, each but the first with its leading space, with a pause before each.
    Tokens(String, Duration),
    /// Nothing for a while.
    Pause(Duration),
    /// Nothing until the gate opens.
    WaitFor(Gate),
    /// The head of the response, before anything is said.
    Head,
    /// A whole response of another kind instead: status, headers, body.
    Status(u16, Vec<(String, String)>, String),
    /// The head of the response with another content type.
    Labelled(String),
    /// A response whose body has neither length nor chunks and ends with the connection.
    Unframed(String),
    /// These bytes as the next piece of the body.
    Raw(Vec<u8>),
    /// These bytes instead of a response, or in the middle of one, as they are.
    Wire(Vec<u8>),
    /// One piece of the words in which the model declines.
    Decline(String),
    /// A chunk that adds something else than words.
    Delta(Value),
    /// The chunk that says why the answer ends.
    Finish(String),
    /// The chunk that counts the tokens.
    Usage,
    /// `data: [DONE]`
    Done,
    /// Closes the connection in the middle of the body, or before the head.
    Cut,
    /// Resets the connection, likewise.
    Reset,
    /// The end of the body, and then the connection is closed.
    Close,
    /// Nothing more until the other side goes.
    Hang,
}

impl Step {
    /// A text word by word without pauses, and the regular end of an answer.
    pub(crate) fn answer(text: &str) -> Vec<Self> {
        Self::answer_slowly(text, Duration::ZERO)
    }

    /// A text word by word with a pause before each, and the regular end of an answer.
    pub(crate) fn answer_slowly(text: &str, gap: Duration) -> Vec<Self> {
        let mut steps = vec![Self::Tokens(text.to_owned(), gap)];
        steps.extend([Self::Finish("stop".to_owned()), Self::Usage, Self::Done]);
        steps
    }

    /// These words, if any, then a call of a tool in fragments, and the regular end of such an answer.
    pub(crate) fn calling(text: &str, name: &str, arguments: &str) -> Vec<Self> {
        let mut steps = vec![Self::Tokens(text.to_owned(), Duration::ZERO)];
        steps.extend(Self::call_in_fragments(0, name, arguments));
        steps.extend([Self::Finish("tool_calls".to_owned()), Self::Usage, Self::Done]);
        steps
    }

    /// The call of a tool as OpenAI writes it: id and name, then the arguments a few characters at a
    /// time. Its id is `call_` and the index.
    pub(crate) fn call_in_fragments(index: usize, name: &str, arguments: &str) -> Vec<Self> {
        let add = |call: Value| Self::Delta(json!({"tool_calls": [call]}));
        let begun = add(json!({
            "index": index, "id": format!("call_{index}"), "type": "function",
            "function": {"name": name, "arguments": ""},
        }));
        let characters: Vec<char> = arguments.chars().collect();
        let pieces = characters.chunks(FRAGMENT).map(|piece| {
            let piece: String = piece.iter().collect();
            add(json!({"index": index, "function": {"arguments": piece}}))
        });
        [begun].into_iter().chain(pieces).collect()
    }

    /// The calls of tools in one chunk, each a name and arguments, with ids and without an index.
    pub(crate) fn whole_calls(calls: &[(&str, &str)]) -> Self {
        let whole = |(at, (name, arguments)): (usize, &(&str, &str))| {
            let function = json!({"name": name, "arguments": arguments});
            json!({"id": format!("call_{at}"), "type": "function", "function": function})
        };
        let calls: Vec<Value> = calls.iter().enumerate().map(whole).collect();
        Self::Delta(json!({"role": "assistant", "content": null, "tool_calls": calls}))
    }

    /// These bytes one by one, a piece of the body each.
    pub(crate) fn trickle(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|byte| Self::Raw(vec![*byte])).collect()
    }

    /// An error object in the stream.
    pub(crate) fn error(code: &str) -> Self {
        let error = json!({"error": {"message": "You said something.", "code": code}});
        Self::Raw(format!("data: {error}\n\n").into_bytes())
    }

    /// A web page instead of an answer.
    pub(crate) fn page() -> Self {
        let html = ("content-type".to_owned(), "text/html".to_owned());
        Self::Status(200, vec![html], "<!doctype html><title>Please log in</title>".to_owned())
    }

    /// A refusal with an error object of that code.
    pub(crate) fn refusal(status: u16, headers: &[(&str, &str)], code: &str) -> Self {
        let error = json!({"error": {
            "message": "You said something.", "type": code, "param": null, "code": code,
        }});
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut headers: Vec<_> = headers.iter().map(own).collect();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        Self::Status(status, headers, error.to_string())
    }
}

/// Something a model waits for until the story lets it go on.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everyone through, from now on.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        let mut open = self.0.subscribe();
        open.wait_for(|open| *open).await.expect("the gate holds its own sender");
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All steps were done and written.
    Answered,
    /// The other side closed the connection before.
    Aborted,
}

#[derive(Debug, Default)]
struct Book {
    requests: Vec<Request>,
    ends: Vec<(usize, End, Instant)>,
    connections: usize,
}

type Script = dyn Fn(&Request, usize) -> Vec<Step> + Send + Sync;

/// What the server's thread shares with the story.
struct Shared {
    script: Box<Script>,
    book: Mutex<Book>,
    /// Counts the entries of the book, for those who wait for one.
    news: watch::Sender<u64>,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, entry: impl FnOnce(&mut Book) -> T) -> T {
        let result = entry(&mut self.book());
        self.news.send_modify(|count| *count += 1);
        result
    }
}

/// The base URL of a model that is not there, nor will be.
pub(crate) fn model_of_nobody() -> String {
    format!("http://127.0.0.1:{}/v1", free_port())
}

/// The server. Dropping it closes the port and all connections.
pub(crate) struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedModel {
    /// Starts on a free port of 127.0.0.1; `script` says what to do with a request, from its content
    /// or its number.
    pub(crate) fn start(
        script: impl Fn(&Request, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no free port");
        listener.set_nonblocking(true).expect("a socket that blocks");
        let address = listener.local_addr().expect("a socket without address");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            book: Mutex::default(),
            news: watch::Sender::new(0),
        });
        let (stop, stopped) = watch::channel(());
        let thread = std::thread::Builder::new()
            .name("scripted-model".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || serve::run(listener, shared, stopped)
            })
            .expect("no thread");
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// A model that always says this.
    pub(crate) fn saying(text: &str) -> Self {
        let steps = Step::answer(text);
        Self::start(move |_, _| steps.clone())
    }

    /// A model that repeats what the caller said last, so that foreign words are noticed: see
    /// [`echo_of`].
    pub(crate) fn echoing() -> Self {
        Self::start(|request, _| Step::answer(&echo_of(request.last_words())))
    }

    /// The base URL, ending with `/v1`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it was asked so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.book().requests.clone()
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.shared.book().connections
    }

    /// Waits until request `nth` is there.
    pub(crate) async fn asked(&self, nth: usize, within: Duration) -> Option<Request> {
        self.until(within, |book| book.requests.get(nth).cloned()).await
    }

    /// Waits until the answer to request `nth` was written in full; tells when.
    pub(crate) async fn answered(&self, nth: usize, within: Duration) -> Option<Instant> {
        self.ended(nth, End::Answered, within).await
    }

    /// Waits until the other side has closed the connection of request `nth` before its answer was
    /// whole; tells when that was noticed.
    pub(crate) async fn aborted(&self, nth: usize, within: Duration) -> Option<Instant> {
        self.ended(nth, End::Aborted, within).await
    }

    async fn ended(&self, nth: usize, how: End, within: Duration) -> Option<Instant> {
        let found = self.until(within, |book| {
            book.ends.iter().find(|(known, ..)| *known == nth).map(|(_, end, at)| (*end, *at))
        });
        found.await.filter(|(end, _)| *end == how).map(|(_, at)| at)
    }

    async fn until<T>(&self, within: Duration, look: impl Fn(&Book) -> Option<T>) -> Option<T> {
        let mut news = self.shared.news.subscribe();
        let found = async {
            loop {
                news.borrow_and_update();
                if let Some(found) = look(&self.shared.book()) {
                    return Some(found);
                }
                news.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, found).await.ok().flatten()
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(
            std::thread::panicking() || !matches!(ended, Some(Err(_))),
            "the scripted model panicked"
        );
    }
}

/// What [`ScriptedModel::echoing`] answers to these words.
pub(crate) fn echo_of(words: &str) -> String {
    format!("I heard: {words} That is what I heard.")
}

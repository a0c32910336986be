//! A server for the caller's own tests: answers webhooks with what it was given, and hands each
//! WebSocket to the test, which plays the engine frame by frame.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use url::form_urlencoded;

/// An HTTP request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    headers: Vec<(String, String)>,
    pub(super) form: Vec<(String, String)>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.form.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut request = Self { path, headers, form: Vec::new() };
        let length = request.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        request.form = form_urlencoded::parse(&body).into_owned().collect();
        Some(request)
    }
}

pub(super) struct Engine {
    pub(super) url: String,
    peers: mpsc::UnboundedReceiver<Peer>,
    posted: mpsc::UnboundedReceiver<Request>,
    /// How many upgrades are still answered with 503.
    refusals: Rc<Cell<u32>>,
}

impl Engine {
    /// Answers the webhooks with these documents, then with 403. "503" is none but that status.
    pub(super) async fn start(documents: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let documents: VecDeque<String> = documents.iter().map(|text| (*text).to_owned()).collect();
        let documents = Rc::new(RefCell::new(documents));
        let refusals = Rc::new(Cell::new(0));
        let refused = Rc::clone(&refusals);
        let (new_peers, peers) = mpsc::unbounded_channel();
        let (new_posted, posted) = mpsc::unbounded_channel();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let documents = (Rc::clone(&documents), Rc::clone(&refused));
                let serve = serve(stream, documents, new_peers.clone(), new_posted.clone());
                tokio::task::spawn_local(serve);
            }
        });
        Self { url, peers, posted, refusals }
    }

    /// Answers the next so many upgrades with 503.
    pub(super) fn refuse(&self, upgrades: u32) {
        self.refusals.set(upgrades);
    }

    pub(super) async fn peer(&mut self) -> Peer {
        tokio::time::timeout(super::SOON, self.peers.recv()).await.unwrap().unwrap()
    }

    pub(super) async fn posted(&mut self) -> Request {
        tokio::time::timeout(super::SOON, self.posted.recv()).await.unwrap().unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    (documents, refusals): (Rc<RefCell<VecDeque<String>>>, Rc<Cell<u32>>),
    peers: mpsc::UnboundedSender<Peer>,
    posted: mpsc::UnboundedSender<Request>,
) -> Option<()> {
    let request = Request::read(&mut stream).await?;
    if request.header("upgrade").is_empty() {
        let _ = posted.send(request);
        let document = documents.borrow_mut().pop_front();
        let status = match document.as_deref() {
            Some("503") => "503 Service Unavailable",
            Some(_) => "200 OK",
            None => "403 Forbidden",
        };
        let body = document.unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        return stream.write_all(answer.as_bytes()).await.ok();
    }
    if let Some(left) = refusals.get().checked_sub(1) {
        refusals.set(left);
        let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(answer.as_bytes()).await.ok();
    }
    let accept = actix_http::ws::hash_key(request.header("sec-websocket-key").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        std::str::from_utf8(&accept).unwrap()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    let _ = peers.send(Peer { stream, upgrade: request });
    Some(())
}

/// What the caller sent.
#[derive(Debug)]
pub(super) enum Message {
    Text(Value),
    /// With this code; None when the line was cut.
    Closed(Option<u16>),
}

/// The engine's end of a WebSocket, written by hand so that it can do anything.
pub(super) struct Peer {
    stream: TcpStream,
    pub(super) upgrade: Request,
}

impl Peer {
    pub(super) async fn text(&mut self, token: &str, last: bool) {
        self.send(&json!({"type": "text", "token": token, "last": last}).to_string()).await;
    }

    pub(super) async fn send(&mut self, text: &str) {
        self.write(0x81, text.as_bytes()).await;
    }

    /// Closes with this code, and reads the answer.
    pub(super) async fn close(&mut self, code: u16) {
        self.write(0x88, &code.to_be_bytes()).await;
        self.closed().await;
    }

    async fn write(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![opcode];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(length),
            _ => {
                frame.push(126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next message, which must be text.
    pub(super) async fn message(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => text,
            Message::Closed(code) => panic!("closed with {code:?}"),
        }
    }

    /// Reads until the caller closes.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Message::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    pub(super) async fn next(&mut self) -> Message {
        tokio::time::timeout(super::SOON, self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Message {
        let Ok(opcode) = self.stream.read_u8().await else { return Message::Closed(None) };
        let length = match self.stream.read_u8().await.unwrap() & 0x7f {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await.unwrap();
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        if opcode & 0x0f == 8 {
            // The caller may be the one who answers, and gone.
            let _ = self.stream.write_all(&[0x88, 0]).await;
            return Message::Closed(payload.first_chunk().copied().map(u16::from_be_bytes));
        }
        Message::Text(serde_json::from_slice(&payload).unwrap())
    }
}

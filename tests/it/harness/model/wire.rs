//! The bytes of the wire: HTTP/1.1 requests in, chunked event streams out.

use std::{
    io,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

use super::Request;

/// The content type of an answer, as OpenAI writes it.
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// The reading half of a connection.
pub(super) struct Ear {
    socket: OwnedReadHalf,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

impl Ear {
    pub(super) fn new(socket: OwnedReadHalf) -> Self {
        Self { socket, buffer: Vec::new() }
    }

    /// The next request; `None` when the other side is gone.
    pub(super) async fn request(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            self.more().await?;
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(Some(0), |(_, value)| value.parse::<usize>().ok())?;
        while self.buffer.len() < length {
            self.more().await?;
        }
        let body: Vec<u8> = self.buffer.drain(..length).collect();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Some(Request { nth: 0, connection: 0, path, headers, body, arrived: Instant::now() })
    }

    /// Resolves when the other side is gone.
    pub(super) async fn gone(&mut self) {
        while self.more().await.is_some() {}
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.socket.read_buf(&mut self.buffer).await.ok()?;
        (read > 0).then_some(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The writing half of a connection.
pub(super) struct Mouth {
    socket: OwnedWriteHalf,
    /// The head of the present response is out.
    begun: bool,
}

impl Mouth {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, begun: false }
    }

    pub(super) async fn head(&mut self) -> io::Result<()> {
        self.head_of(EVENTS).await
    }

    /// The head with that content type, unless it is out.
    pub(super) async fn head_of(&mut self, kind: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncache-control: no-cache\r\n\
            transfer-encoding: chunked\r\n\r\n"
        );
        self.socket.write_all(head.as_bytes()).await
    }

    /// A response whose end is that of the connection.
    pub(super) async fn unframed(&mut self, body: &str) -> io::Result<()> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {EVENTS}\r\nconnection: close");
        self.wire(format!("{head}\r\n\r\n{body}").as_bytes()).await
    }

    /// Bytes as they are; nothing else of a response goes out before them.
    pub(super) async fn wire(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun = true;
        self.socket.write_all(bytes).await
    }

    /// The connection will be reset when it is dropped.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        socket2::SockRef::from(self.socket.as_ref()).set_linger(Some(Duration::ZERO))
    }

    /// A piece of the body, in one chunk and one write.
    pub(super) async fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.head().await?;
        if bytes.is_empty() {
            return Ok(()); // An empty chunk would be the end.
        }
        let size = format!("{:x}\r\n", bytes.len());
        self.socket.write_all(&[size.as_bytes(), bytes, b"\r\n"].concat()).await
    }

    /// A chunk of an answer: what its one choice adds, and why it ends.
    pub(super) async fn choice(&mut self, delta: Value, finish: Option<&str>) -> io::Result<()> {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        self.completion(json!([choice]), Value::Null).await
    }

    pub(super) async fn usage(&mut self) -> io::Result<()> {
        let usage = json!({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12});
        self.completion(json!([]), usage).await
    }

    async fn completion(&mut self, choices: Value, usage: Value) -> io::Result<()> {
        let chunk = json!({
            "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-4o-mini-2024-07-18", "system_fingerprint": null,
            "choices": choices, "usage": usage,
        });
        self.piece(format!("data: {chunk}\n\n").as_bytes()).await
    }

    /// The end of a chunked body; a response that has not begun begins and ends.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.head().await?;
        self.begun = false;
        self.socket.write_all(b"0\r\n\r\n").await
    }

    /// A whole response of another kind; not so whole when its headers promise a longer body.
    pub(super) async fn status(
        &mut self,
        status: u16,
        headers: &[(String, String)],
        body: &str,
    ) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !headers.iter().any(|(name, _)| name == "content-length") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        self.socket.write_all(format!("{head}\r\n{body}").as_bytes()).await
    }
}

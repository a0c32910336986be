//! A socket of a call, frame by frame as anybody might send them: right or not, answered or not.

use serde_json::Value;
use switchhook::caller::RingOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::engine::{Engine, SOON};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Room for what the engine sends and nobody reads: as little as the system allows.
pub(crate) const UNREAD: u32 = 4_096;

/// The socket of a call that no webhook announces, for an ordinary caller.
pub(crate) fn unannounced(engine: &Engine, sid: &str) -> RingOptions {
    let url = engine.url.replacen("http", "ws", 1);
    RingOptions {
        ws_url: Some(format!("{url}/conversation/{sid}")),
        call_sid: Some(sid.to_owned()),
        reconnect: false,
        ..engine.caller()
    }
}

/// A frame, masked as clients must.
pub(crate) fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(fin, opcode, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of a frame that announces so many bytes; its mask changes nothing.
pub(crate) fn head(fin: bool, opcode: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode, 0x80 | 127];
    match u8::try_from(length) {
        Ok(short @ 0..=125) => bytes[1] = 0x80 | short,
        _ => bytes.extend_from_slice(&length.to_be_bytes()),
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// A message of text in one frame.
pub(crate) fn text(message: &str) -> Vec<u8> {
    frame(true, TEXT, message.as_bytes())
}

/// A final prompt.
pub(crate) fn prompt(words: &str) -> Vec<u8> {
    text(&serde_json::json!({"type": "prompt", "voicePrompt": words, "last": true}).to_string())
}

/// An open socket.
pub(crate) struct RawLine {
    socket: TcpStream,
    /// What was read and not used.
    buffer: Vec<u8>,
    /// The tokens that were spoken so far.
    pub(crate) heard: String,
}

impl RawLine {
    /// Upgrades and says nothing.
    pub(crate) async fn open(engine: &Engine, sid: &str) -> Self {
        let address = engine.url.strip_prefix("http://").expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(UNREAD).expect("a small buffer");
        let mut socket =
            socket.connect(address.parse().expect("an address")).await.expect("a line");
        let request = format!(
            "GET /conversation/{sid} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.expect("a line");
        let mut line = Self { socket, buffer: Vec::new(), heard: String::new() };
        let end = loop {
            let end = line.buffer.windows(4).position(|window| window == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None => assert!(line.read().await, "no answer to the upgrade"),
            }
        };
        let answer: Vec<u8> = line.buffer.drain(..end).collect();
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
        line
    }

    /// Upgrades, and introduces the call as Twilio does.
    pub(crate) async fn of_call(engine: &Engine, sid: &str) -> Self {
        let mut line = Self::open(engine, sid).await;
        let setup = serde_json::json!({"type": "setup", "callSid": sid, "from": "+12025550142"});
        assert!(line.send(&text(&setup.to_string())).await);
        line
    }

    /// Writes these bytes; false when nobody takes them any more.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        matches!(tokio::time::timeout(SOON, self.socket.write_all(bytes)).await, Ok(Ok(())))
    }

    /// The next frame: its opcode and payload. None when the connection is over, which with every
    /// other frame must come [`SOON`].
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, payload, length)) = whole(&self.buffer) {
                self.buffer.drain(..length);
                if let Ok(message) = serde_json::from_slice::<Value>(&payload) {
                    self.heard.push_str(message["token"].as_str().unwrap_or_default());
                }
                return Some((opcode, payload));
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// Listens until the voice has said this.
    pub(crate) async fn hears(&mut self, words: &str) {
        while !self.heard.contains(words) {
            let next = self.next().await;
            assert!(
                next.as_ref().is_some_and(|(opcode, _)| *opcode != CLOSE),
                "{next:?} instead of {words:?} after {:?}",
                self.heard
            );
        }
    }

    /// Waits for the next ping.
    pub(crate) async fn pinged(&mut self) {
        while self.next().await.expect("a line that lives").0 != PING {}
    }

    /// Reads to the end, which must come [`SOON`]; gives the code with which the engine closed, if
    /// it said one.
    pub(crate) async fn closed(mut self) -> Option<u16> {
        let mut code = None;
        let read = async {
            while let Some((opcode, payload)) = self.next().await {
                assert!(code.is_none(), "a frame after the close: {opcode} {payload:?}");
                if opcode == CLOSE {
                    code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                }
            }
        };
        tokio::time::timeout(SOON, read).await.expect("the line stays open");
        code
    }

    async fn read(&mut self) -> bool {
        let read = tokio::time::timeout(SOON, self.socket.read_buf(&mut self.buffer)).await;
        matches!(read.expect("something soon"), Ok(1..))
    }
}

/// The first frame of these bytes, if it is whole: opcode, payload, and its length altogether.
fn whole(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (opcode, short) = (bytes.first()? & 0x0f, usize::from(bytes.get(1)? & 0x7f));
    let digits = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let long = bytes.get(2..2 + digits)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let length = if digits > 0 { long } else { short };
    let payload = bytes.get(2 + digits..2 + digits + length)?;
    Some((opcode, payload.to_vec(), 2 + digits + length))
}

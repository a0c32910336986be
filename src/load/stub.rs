//! A model that costs nothing and tells when it wrote: an OpenAI-compatible stream of stamped words.
//!
//! Every answer has the same number of words at the same pace. It reads HTTP/1.1 just as far as an
//! engine's client writes it, and puts each word on the wire with one write.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until, timeout},
};

use super::words::{Moment, Tag, Word};

/// A head of a request is not longer, bytes.
const HEAD_MAX: usize = 64 * 1024;

/// A body is not longer: personas have some ten KB.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// A connection without a question for so long is closed. Engines keep theirs a minute or two.
const IDLE: Duration = Duration::from_secs(180);

/// A peer that takes no word for so long is gone.
const STALLED: Duration = Duration::from_secs(30);

/// Words of a sentence.
const SENTENCE: u32 = 12;

/// Pause before the next connection is accepted when the system refuses one.
const REFUSED: Duration = Duration::from_millis(50);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
/// What comes before and after the words in the data of an event, with a provider's usual fields.
const BEFORE: &str = "data: {\"id\":\"chatcmpl-stub\",\"object\":\"chat.completion.chunk\",\
    \"created\":1700000000,\"model\":\"stub\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
const AFTER: &str = "\"},\"finish_reason\":null}]}\n\n";
const LAST: &str = "data: {\"id\":\"chatcmpl-stub\",\"object\":\"chat.completion.chunk\",\
    \"created\":1700000000,\"model\":\"stub\",\"choices\":[{\"index\":0,\"delta\":{},\
    \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const MODELS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Content-Length: 77\r\n\r\n\
    {\"object\":\"list\",\"data\":[{\"id\":\"stub\",\"object\":\"model\",\"owned_by\":\"nobody\"}]}";

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Words of an answer, 1 to [`super::words::MOST`].
    pub tokens: u32,
    /// From the question to the first of them.
    pub first: Duration,
    /// From one to the next.
    pub gap: Duration,
}

/// A stub that listens.
#[derive(Debug)]
pub struct Stub {
    listener: TcpListener,
    pace: Pace,
}

impl Stub {
    /// Listens.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr, pace: Pace) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, pace })
    }

    /// Where.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers for ever, on a thread that runs a `LocalSet`.
    pub async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // The engine may leave in the middle of an answer; that is all it can do wrong.
                    tokio::task::spawn_local(converse(stream, self.pace));
                }
                Err(_) => tokio::time::sleep(REFUSED).await,
            }
        }
    }
}

/// One connection, question by question.
async fn converse(mut stream: TcpStream, pace: Pace) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let Some(question) = question(&mut stream, &mut buffer).await? else { return Ok(()) };
        match question.tag {
            Some(tag) => answer(&mut stream, &mut buffer, tag, pace).await?,
            None => stream.write_all(MODELS).await?,
        }
        if question.closes {
            return Ok(());
        }
    }
}

/// What of a request matters.
struct Question {
    /// None: it asks which models there are.
    tag: Option<Tag>,
    /// Whether the connection ends after it.
    closes: bool,
}

/// Reads the next request; None at the end of the connection.
async fn question(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Question>> {
    buffer.clear();
    let mut whole = None;
    loop {
        if whole.is_none()
            && let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = buffer.get(..end).unwrap_or_default();
            let length = field(head, "content-length").and_then(|length| length.parse().ok());
            let length = length.unwrap_or(0);
            if length > BODY_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            whole = Some((end, end + 4 + length));
        }
        if let Some((head, whole)) = whole
            && buffer.len() >= whole
        {
            return Ok(Some(read(buffer, head)));
        }
        if whole.is_none() && buffer.len() > HEAD_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match timeout(IDLE, stream.read_buf(buffer)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) | Err(_) => return Ok(None),
            Ok(Err(error)) => return Err(error),
        }
    }
}

fn read(request: &[u8], head: usize) -> Question {
    let (head, body) = request.split_at_checked(head).unwrap_or_default();
    let closes = field(head, "connection").is_some_and(|value| value.contains("close"));
    let asks = head.starts_with(b"POST ");
    Question { tag: asks.then(|| Tag::last_in(body).unwrap_or_default()), closes }
}

/// The value of a header, in lower case.
fn field(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key == name).then(|| value.trim().to_owned())
    })
}

async fn answer(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    tag: Tag,
    pace: Pace,
) -> io::Result<()> {
    let asked = Instant::now();
    *buffer = Vec::with_capacity(512);
    buffer.extend_from_slice(HEAD);
    write(stream, buffer).await?;
    for number in 0..pace.tokens {
        sleep_until(asked + pace.first + pace.gap * number).await;
        let left = pace.tokens - number - 1;
        buffer.clear();
        let end = if left == 0 || (number + 1) % SENTENCE == 0 { ". " } else { " " };
        chunk(buffer, BEFORE.len() + 15 + end.len() + AFTER.len(), |buffer| {
            buffer.extend_from_slice(BEFORE.as_bytes());
            Word { tag, left, written: Moment::now() }.write(buffer);
            buffer.extend_from_slice(end.as_bytes());
            buffer.extend_from_slice(AFTER.as_bytes());
        });
        write(stream, buffer).await?;
    }
    buffer.clear();
    chunk(buffer, LAST.len(), |buffer| buffer.extend_from_slice(LAST.as_bytes()));
    buffer.extend_from_slice(b"0\r\n\r\n");
    write(stream, buffer).await
}

fn chunk(buffer: &mut Vec<u8>, length: usize, content: impl FnOnce(&mut Vec<u8>)) {
    buffer.extend_from_slice(format!("{length:x}\r\n").as_bytes());
    content(buffer);
    buffer.extend_from_slice(b"\r\n");
}

/// Writes at once, as nearly always can be; only a full socket is waited for.
async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let written = match stream.try_write(bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        written => written.unwrap_or(0),
    };
    match bytes.get(written..) {
        None | Some([]) => Ok(()),
        Some(rest) => timeout(STALLED, stream.write_all(rest)).await?,
    }
}

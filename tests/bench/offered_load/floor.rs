//! The floor: the thinnest relay there can be, to tell what of the engine's cost is its own.
//!
//! One thread, one task a call, one connection to the model each. It answers webhooks with fixed
//! TwiML, passes the question on and each word back, and does nothing else: no persona, no
//! transcript, no speech, no store, no deadlines.

use std::{io, rc::Rc};

use base64::Engine as _;
use sha1::{Digest as _, Sha1};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// RFC 6455, 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Listens on a free port, says where, and relays for ever.
pub(crate) fn serve(model: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let model: Rc<str> = model.trim_start_matches("http://").trim_end_matches("/v1").into();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        println!("the floor listens on http://{address}");
        let host: Rc<str> = address.to_string().into();
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let (host, model) = (Rc::clone(&host), Rc::clone(&model));
            tokio::task::spawn_local(async move { take(stream, &host, &model).await });
        }
    });
}

/// A webhook or a call.
async fn take(mut stream: TcpStream, host: &str, model: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::with_capacity(1024);
    let end = loop {
        if let Some(end) = find(&read, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(read.get(..end).unwrap_or_default()).into_owned();
    let Some(key) = field(&head, "sec-websocket-key") else {
        return answer_webhook(stream, read, end, &head, host).await;
    };
    let key = base64::engine::general_purpose::STANDARD.encode(Sha1::digest(key + GUID));
    let upgraded = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(upgraded.as_bytes()).await?;
    read.drain(..end);
    Call { stream, read, model, upstream: None, words: Vec::new() }.relay().await
}

async fn answer_webhook(
    mut stream: TcpStream,
    mut read: Vec<u8>,
    end: usize,
    head: &str,
    host: &str,
) -> io::Result<()> {
    let length = field(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while read.len() < end + length && stream.read_buf(&mut read).await? > 0 {}
    let body = if head.starts_with("POST /voice/incoming") {
        format!(
            "<Response><Connect action=\"/voice/handoff\"><ConversationRelay \
             url=\"ws://{host}/conversation/x\" events=\"speaker-events tokens-played\"/>\
             </Connect></Response>"
        )
    } else {
        "<Response/>".to_owned()
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await
}

struct Call<'a> {
    stream: TcpStream,
    read: Vec<u8>,
    model: &'a str,
    upstream: Option<TcpStream>,
    words: Vec<u8>,
}

impl Call<'_> {
    /// Question by question, until the caller hangs up.
    async fn relay(mut self) -> io::Result<()> {
        loop {
            while let Some((opcode, text)) = frame(&mut self.read) {
                match opcode {
                    8 => return self.stream.write_all(&[0x88, 2, 3, 0xe8]).await,
                    1 if find(&text, b"\"type\":\"prompt\"").is_some() => self.ask(&text).await?,
                    _ => {}
                }
            }
            let Self { stream, read, upstream, words, .. } = &mut self;
            match upstream {
                None => closed(stream.read_buf(read).await)?,
                Some(upstream) => tokio::select! {
                    read = stream.read_buf(read) => closed(read)?,
                    read = upstream.read_buf(words) => {
                        closed(read)?;
                        speak(words, stream).await?;
                    }
                },
            }
        }
    }

    async fn ask(&mut self, prompt: &[u8]) -> io::Result<()> {
        let said = between(prompt, b"\"voicePrompt\":\"").unwrap_or_default();
        let body = format!(
            "{{\"model\":\"x\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\
             \"{}\"}}]}}",
            String::from_utf8_lossy(said)
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.model,
            body.len()
        );
        let upstream = match self.upstream.take() {
            Some(upstream) => upstream,
            None => {
                let upstream = TcpStream::connect(self.model).await?;
                upstream.set_nodelay(true)?;
                upstream
            }
        };
        self.upstream.insert(upstream).write_all(request.as_bytes()).await
    }
}

/// Passes on the words of whole lines: what is not an event with content is passed over.
async fn speak(words: &mut Vec<u8>, stream: &mut TcpStream) -> io::Result<()> {
    let mut taken = 0;
    while let Some(end) = find(words.get(taken..).unwrap_or_default(), b"\n") {
        let line = words.get(taken..taken + end).unwrap_or_default();
        taken += end + 1;
        let mut text = Vec::with_capacity(96);
        if let Some(token) = between(line, b"\"content\":\"") {
            text.extend_from_slice(b"{\"type\":\"text\",\"token\":\"");
            text.extend_from_slice(token);
            text.extend_from_slice(b"\",\"last\":false}");
        } else if line.starts_with(b"data: [DONE]") {
            text.extend_from_slice(b"{\"type\":\"text\",\"token\":\"\",\"last\":true}");
        } else {
            continue;
        }
        // No token is longer than the short form of a frame tells.
        let length = u8::try_from(text.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        text.splice(0..0, [0x81, length]);
        stream.write_all(&text).await?;
    }
    words.drain(..taken);
    Ok(())
}

/// The next frame of the caller, unmasked: its opcode and its text.
fn frame(read: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [first, second, rest @ ..] = read.as_slice() else { return None };
    let opcode = first & 0x0f;
    let (length, rest, before) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest, 4)
        }
        short => (usize::from(short), rest, 2),
    };
    let (mask, rest) = rest.split_first_chunk::<4>()?;
    let text = rest.get(..length)?;
    let text = text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    read.drain(..before + 4 + length);
    Some((opcode, text))
}

fn closed(read: io::Result<usize>) -> io::Result<()> {
    if read? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// What stands between a mark and the next quotation mark.
fn between<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let text = text.get(find(text, mark)? + mark.len()..)?;
    text.get(..find(text, b"\"")?)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The value of a header.
fn field(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

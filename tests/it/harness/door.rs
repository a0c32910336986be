//! One request at the engine's door, byte by byte as anybody might send it: signed or not, with a
//! token or not, in good form or not.

use std::time::Duration;

use serde_json::Value;
use switchhook::{
    caller::{Verb, read_twiml},
    twilio::signature::Signatures,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::form_urlencoded::Serializer;

use super::engine::{Engine, SOON};

/// A request that is sent once, on a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    fields: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Names and values of a form.
pub(crate) type Fields<'a> = Vec<(&'a str, &'a str)>;

/// What Twilio says of a call in every voice webhook.
pub(crate) fn call<'a>(sid: &'a str, status: &'a str) -> Fields<'a> {
    vec![
        ("CallSid", sid),
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("From", "+12025550142"),
        ("To", "+12025550100"),
        ("CallStatus", status),
    ]
}

/// A CallSid that ends with this number.
pub(crate) fn sid(number: u32) -> String {
    format!("CA{number:032x}")
}

/// Signs with this auth token.
pub(crate) fn signer(token: &str) -> Signatures {
    Signatures::new([token.into()]).expect("a token")
}

/// A form as it is sent.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A form.
    pub(crate) fn post(path: &str, fields: &[(&str, &str)]) -> Self {
        let mut ask = Self::bytes(path, form(fields).as_bytes());
        ask.fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        ask
    }

    /// What claims to be a form.
    pub(crate) fn bytes(path: &str, body: &[u8]) -> Self {
        let ask = Self { body: body.to_vec(), ..Self::new("POST", path) };
        ask.header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
    }

    /// The same without a length: `body` is in chunks already.
    pub(crate) fn unmeasured(path: &str, body: &[u8]) -> Self {
        Self::bytes(path, body).header("Transfer-Encoding", "chunked")
    }

    /// The upgrade to a socket.
    pub(crate) fn upgrade(path: &str) -> Self {
        Self::get(path)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Signed as Twilio signs this form, or this address without one.
    pub(crate) fn signed(self, by: &Signatures, url: &str) -> Self {
        let signature = by.sign_form(url, &self.fields);
        self.header("X-Twilio-Signature", &signature)
    }

    /// Sends it, and reads the answer or the head of a socket.
    pub(crate) async fn at(&self, engine: &Engine) -> Answer {
        let exchange = tokio::time::timeout(SOON, self.exchange(&engine.url));
        exchange.await.unwrap_or_else(|_| panic!("no answer to {self:?}\n{}", engine.log()))
    }

    /// Sends it to the engine at that address.
    pub(crate) async fn to(&self, url: &str) -> Answer {
        let exchange = tokio::time::timeout(SOON, self.exchange(url));
        exchange.await.unwrap_or_else(|_| panic!("no answer to {self:?}"))
    }

    async fn exchange(&self, url: &str) -> Answer {
        let address = url.strip_prefix("http://").expect("an address");
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let given = |name: &str| self.headers.iter().any(|(known, _)| known == name);
        if !given("Host") {
            head.push_str(&format!("Host: {address}\r\n"));
        }
        if !given("Connection") {
            head.push_str("Connection: close\r\n");
        }
        if !self.body.is_empty() && !given("Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        socket.write_all(head.as_bytes()).await.expect("a connection");
        // An engine may answer, and go, before it has read everything.
        let _ = socket.write_all(&self.body).await;
        let mut bytes = Vec::new();
        while !is_whole(&bytes) {
            match socket.read_buf(&mut bytes).await {
                Ok(1..) => {}
                _ => break,
            }
        }
        Answer::parse(&bytes).unwrap_or_else(|| panic!("no HTTP answers {self:?}: {bytes:?}"))
    }
}

/// Whether a head and the length of body that it names have come.
fn is_whole(bytes: &[u8]) -> bool {
    Answer::parse(bytes).is_some_and(|answer| {
        let length = answer.header("content-length").parse();
        answer.status == 101 || length.is_ok_and(|length: usize| answer.body.len() >= length)
    })
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { status, headers: lines.filter_map(pair).collect(), body: body.to_owned() })
    }

    /// A header by its name in lower case; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// That it is an error of this status in the form of RFC 9457; gives its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for name in ["type", "title", "detail"] {
            assert!(problem[name].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// That it is TwiML that Twilio would follow; gives its verbs.
    pub(crate) fn verbs(&self) -> Vec<Verb> {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), "text/xml; charset=utf-8", "{self:?}");
        read_twiml(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Waits until a series of `/metrics` is at this value, which must be [`SOON`].
pub(crate) async fn counted(engine: &Engine, series: &str, wanted: f64) {
    let begun = std::time::Instant::now();
    loop {
        let found = engine.metric(series).await;
        if found == wanted {
            return;
        }
        assert!(begun.elapsed() < SOON, "{series} is {found}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

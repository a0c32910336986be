//! Where the engine listens, and where the world finds it.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;
use url::Url;

use super::{
    problems::{Problems, found},
    values::{is_loopback, unfit, whole},
};

/// `BIND` when it is not set: nobody else's machine can connect.
const BIND: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// `PORT` when it is not set.
const PORT: u16 = 3000;

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    bind: Option<String>,
    port: Option<String>,
    public_url: Option<String>,
}

/// Where the engine listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// `BIND`.
    pub bind: IpAddr,
    /// `PORT`; 0 takes any free one, see [`PublicUrl::on_port`].
    pub port: u16,
}

impl Listen {
    /// Whether other machines can connect.
    pub(super) fn is_public(&self) -> bool {
        !self.bind.to_canonical().is_loopback()
    }
}

/// `PUBLIC_URL`: scheme, host and port, as Twilio sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    socket_origin: String,
    loopback: bool,
    /// Whether an operator wrote it: only then it stays when the port turns out to be another.
    given: bool,
}

impl PublicUrl {
    /// `https://host[:port]`, never with a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The origin, when an operator wrote it.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        self.given.then_some(self.origin.as_str())
    }

    /// The same for sockets: `wss://host[:port]`.
    #[must_use]
    pub fn socket_origin(&self) -> &str {
        &self.socket_origin
    }

    /// Whether it leads to this machine alone, so Twilio cannot call it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The URL once the port is known: with `PORT=0` the system chooses it. A URL that an operator
    /// wrote stays as it is.
    #[must_use]
    pub fn on_port(&self, listen: &Listen, port: u16) -> Self {
        if self.given { self.clone() } else { Self::local(&Listen { port, ..*listen }) }
    }

    fn local(listen: &Listen) -> Self {
        let host = if listen.bind.is_loopback() { listen.bind } else { BIND };
        let address = std::net::SocketAddr::new(host, listen.port);
        Self {
            origin: format!("http://{address}"),
            socket_origin: format!("ws://{address}"),
            loopback: true,
            given: false,
        }
    }

    fn parse(raw: &str) -> Result<Self, &'static str> {
        let url =
            Url::parse(raw).map_err(|_| "expected a URL such as https://calls.example.com")?;
        if let Some(text) = unfit(&url) {
            return Err(text);
        }
        if !matches!(url.path(), "" | "/") {
            return Err("expected scheme, host and port alone, without a path");
        }
        let loopback = is_loopback(&url);
        if url.scheme() == "http" && !loopback {
            return Err("expected https://; http:// is for 127.0.0.1, ::1 and localhost alone");
        }
        let origin = url.origin().ascii_serialization();
        let socket_origin = origin.replacen("http", "ws", 1);
        Ok(Self { origin, socket_origin, loopback, given: true })
    }
}

pub(super) fn parse(raw: Raw, problems: &mut Problems) -> (Listen, PublicUrl) {
    let bind = raw.bind.and_then(|raw| {
        let address = raw.parse().ok();
        if address.is_none() {
            let expected = "expected an IP address such as 127.0.0.1 or 0.0.0.0";
            problems.add("BIND", format!("{expected}, {}", found(&raw)));
        }
        address
    });
    let port = whole("PORT", raw.port, 0..=u16::MAX, problems);
    let listen = Listen { bind: bind.unwrap_or(BIND), port: port.unwrap_or(PORT) };
    let public_url = raw.public_url.map(|raw| PublicUrl::parse(&raw)).transpose();
    let public_url = public_url.unwrap_or_else(|text| {
        problems.add("PUBLIC_URL", text);
        None
    });
    (listen, public_url.unwrap_or_else(|| PublicUrl::local(&listen)))
}

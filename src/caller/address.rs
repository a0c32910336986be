//! Where the engine says it is, and where it really listens.
//!
//! TwiML speaks of the public address; a test, a load or a developer connects to another one. The
//! signature is always over the address as it was written, without its fragment.

use url::{Host, Url};

/// An address nobody can connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address:?} is not an address to connect to: {problem}")]
pub struct AddressError {
    address: String,
    problem: String,
}

/// An address in its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// What is signed: as written, absolute, without the fragment.
    pub(super) written: String,
    /// What is connected to.
    pub(super) connect: String,
    /// How it is retried, as its fragment says.
    pub(super) retries: Retries,
}

/// How often a webhook is tried again, and after what. Twilio's default is once, when there was no
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retries {
    /// `rc`, 0 to 5.
    pub(super) count: u32,
    /// `ct`: no connection.
    pub(super) unconnected: bool,
    /// `rt`: no answer.
    pub(super) unanswered: bool,
    /// `5xx`.
    pub(super) failed: bool,
}

impl Default for Retries {
    fn default() -> Self {
        Self { count: 1, unconnected: true, unanswered: false, failed: false }
    }
}

impl Retries {
    /// What a fragment such as `rc=2&rp=ct,rt,5xx` asks for; what it does not say stays.
    pub(super) fn read(fragment: &str) -> Self {
        let mut retries = Self::default();
        for (name, value) in fragment.split('&').filter_map(|part| part.split_once('=')) {
            match name {
                "rc" => retries.count = value.parse().map_or(1, |count: u32| count.min(5)),
                "rp" => {
                    let has = |what: &str| value.split(',').any(|one| one == what || one == "all");
                    retries.unconnected = has("ct");
                    retries.unanswered = has("rt");
                    retries.failed = has("5xx");
                }
                _ => {}
            }
        }
        retries
    }
}

/// Whether calls can be made to this base address.
///
/// # Errors
/// When it is not scheme, host and perhaps a port of the web.
pub fn check_base(address: &str) -> Result<(), AddressError> {
    base(address).map(drop)
}

/// The port of an address that leads to this machine, whatever it runs; None: it leads elsewhere.
#[must_use]
pub fn loopback_port(address: &str) -> Option<u16> {
    let url = Url::parse(address).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.to_canonical().is_loopback(),
    };
    url.port_or_known_default().filter(|_| is_loopback)
}

/// The two bases.
#[derive(Debug, Clone)]
pub(super) struct Route {
    public: Url,
    /// Without a slash at the end.
    public_text: String,
    connect: Url,
}

impl Route {
    /// Takes the base addresses: scheme, host and port; a path is refused.
    pub(super) fn new(connect: &str, public: &str) -> Result<Self, AddressError> {
        Ok(Self {
            public: base(public)?,
            public_text: public.trim_end_matches('/').to_owned(),
            connect: base(connect)?,
        })
    }

    /// A path below the public address.
    pub(super) fn path(&self, path: &str) -> Result<Target, AddressError> {
        self.target(&format!("{}{path}", self.public_text), None)
    }

    /// An address found in a document that came from `document`.
    pub(super) fn target(
        &self,
        address: &str,
        document: Option<&str>,
    ) -> Result<Target, AddressError> {
        let (address, fragment) = address.split_once('#').unwrap_or((address, ""));
        let (address, retries) = (address.trim(), Retries::read(fragment));
        let (written, url) = match (Url::parse(address), document) {
            (Ok(url), _) => (address.to_owned(), url),
            (Err(_), Some(document)) => {
                let url = parse(document)?.join(address).map_err(|error| wrong(address, error))?;
                (url.to_string(), url)
            }
            (Err(error), None) => return Err(wrong(address, error)),
        };
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(wrong(address, "the scheme is not http, https, ws or wss"));
        }
        let connect =
            if self.is_public(&url) { self.rebased(&written, &url) } else { written.clone() };
        Ok(Target { written, connect, retries })
    }

    fn is_public(&self, url: &Url) -> bool {
        is_secure(url) == is_secure(&self.public)
            && url.host() == self.public.host()
            && url.port_or_known_default() == self.public.port_or_known_default()
    }

    /// The path and query stay letter by letter: another escape would be another route.
    fn rebased(&self, written: &str, url: &Url) -> String {
        let rest = written.split_once("://").map_or(written, |(_, rest)| rest);
        let path = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/");
        let scheme = match (url.scheme().starts_with("ws"), is_secure(&self.connect)) {
            (true, true) => "wss",
            (true, false) => "ws",
            (false, true) => "https",
            (false, false) => "http",
        };
        let host = self.connect.host_str().unwrap_or_default();
        match self.connect.port() {
            Some(port) => format!("{scheme}://{host}:{port}{path}"),
            None => format!("{scheme}://{host}{path}"),
        }
    }
}

fn is_secure(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
}

fn parse(address: &str) -> Result<Url, AddressError> {
    Url::parse(address).map_err(|error| wrong(address, error))
}

fn base(address: &str) -> Result<Url, AddressError> {
    let url = parse(address)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(address, "it must start with http:// or https://"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(address, "a base address has no path"));
    }
    Ok(url)
}

fn wrong(address: &str, problem: impl std::fmt::Display) -> AddressError {
    AddressError { address: address.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        Route::new("http://127.0.0.1:3000", "https://bank.example/").unwrap()
    }

    #[test]
    fn a_fragment_says_how_a_webhook_is_retried() {
        let read = |fragment| route().target(&format!("https://bank.example/x{fragment}"), None);
        assert_eq!(read("").unwrap().retries, Retries::default());
        let often = read("#rc=9&rp=rt,5xx&ct=1000").unwrap().retries;
        let expected = Retries { count: 5, unconnected: false, unanswered: true, failed: true };
        assert_eq!(often, expected);
        assert_eq!(read("#rc=0").unwrap().retries.count, 0);
        assert!(read("#rp=all").unwrap().retries.failed);
    }

    #[test]
    fn what_is_public_is_reached_locally_and_signed_as_written() {
        for (written, connect) in [
            ("https://bank.example/voice/handoff", "http://127.0.0.1:3000/voice/handoff"),
            ("https://bank.example:443/a%2Fb?c=%27", "http://127.0.0.1:3000/a%2Fb?c=%27"),
            ("wss://bank.example/conversation/CA1", "ws://127.0.0.1:3000/conversation/CA1"),
            ("https://bank.example", "http://127.0.0.1:3000/"),
            ("https://bank.example?x=1", "http://127.0.0.1:3000?x=1"),
        ] {
            let target = route().target(written, None).unwrap();
            assert_eq!((target.written.as_str(), target.connect.as_str()), (written, connect));
        }
    }

    #[test]
    fn the_fragment_is_neither_signed_nor_requested() {
        let target = route().target("https://bank.example/a#rc=3&rp=all", None).unwrap();
        assert_eq!(target.written, "https://bank.example/a");
        assert_eq!(target.connect, "http://127.0.0.1:3000/a");
    }

    #[test]
    fn an_address_elsewhere_is_left_alone() {
        for elsewhere in
            ["https://other.example/a", "http://bank.example/a", "wss://bank.example:444/a"]
        {
            assert_eq!(route().target(elsewhere, None).unwrap().connect, elsewhere);
        }
    }

    #[test]
    fn a_relative_action_belongs_to_its_document() {
        let document = "https://bank.example/voice/incoming";
        let target = route().target("/voice/handoff", Some(document)).unwrap();
        assert_eq!(target.written, "https://bank.example/voice/handoff");
        assert_eq!(target.connect, "http://127.0.0.1:3000/voice/handoff");
    }

    #[test]
    fn ones_own_machine_is_known_by_its_addresses() {
        for (address, port) in [
            ("http://127.0.0.1:3000", Some(3000)),
            ("http://127.8.0.1", Some(80)),
            ("https://localhost", Some(443)),
            ("ws://[::1]:3000/conversation/CA1", Some(3000)),
            ("http://[::ffff:127.0.0.1]:3000", Some(3000)),
            ("http://10.0.0.1:3000", None),
            ("https://bank.example", None),
            ("https://localhost.bank.example", None),
            ("bank", None),
        ] {
            assert_eq!(loopback_port(address), port, "{address}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for address in ["", "bank", "ftp://bank.example/a"] {
            assert!(route().target(address, None).is_err(), "{address:?}");
        }
        for base in ["bank", "ws://bank.example", "https://bank.example/path", "http://h/?a"] {
            assert!(Route::new(base, "https://bank.example").is_err(), "{base:?}");
        }
    }
}

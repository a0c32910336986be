//! `X-Twilio-Signature`: is this request from Twilio, and does it mean this address?
//!
//! The web handlers check with it; whoever plays Twilio signs with it. The rules are those of
//! Twilio's own libraries: an HMAC-SHA1 under the account's auth token over the address as Twilio
//! wrote it and the decoded form. Addresses are cut as strings and never parsed and put together
//! again, since one escape written differently is another signature.

use std::{borrow::Cow, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use url::form_urlencoded;

/// Bytes of an HMAC-SHA1.
const SIGNATURE_LEN: usize = 20;

/// The query parameter that carries the hash of a JSON body.
const BODY_HASH: &str = "bodySHA256";

/// Why a request is not taken for Twilio's. The texts hold nothing that the request said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no signature.
    #[error("the X-Twilio-Signature header is missing")]
    Missing,
    /// The header cannot be a signature.
    #[error("the X-Twilio-Signature header is not the base64 of 20 bytes")]
    Malformed,
    /// No auth token gives this signature for any spelling of the address.
    #[error("the X-Twilio-Signature header does not match the address and the form")]
    Wrong,
    /// A JSON body that the signature does not cover.
    #[error("the address of a JSON request has no bodySHA256")]
    NoBodyHash,
    /// Another body than the one that was signed.
    #[error("the body does not match bodySHA256")]
    WrongBodyHash,
}

impl Refused {
    /// A bounded label for metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::NoBodyHash => "no_body_hash",
            Self::WrongBodyHash => "wrong_body_hash",
        }
    }
}

/// Auth tokens that cannot check anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The list is empty.
    #[error("no auth token to check signatures with")]
    None,
    /// One of them is empty, so that anybody could sign.
    #[error("an auth token is empty")]
    Empty,
}

/// The auth tokens, ready to sign and to check. A clone shares them.
#[derive(Clone)]
pub struct Signatures {
    /// Signs, and is checked like the others.
    first: Hmac<Sha1>,
    /// Tokens that are valid during a rotation.
    others: Arc<[Hmac<Sha1>]>,
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures").field("others", &self.others.len()).finish_non_exhaustive()
    }
}

impl Signatures {
    /// Takes the auth tokens that are valid now, the one to sign with first.
    ///
    /// # Errors
    /// When there is none, or one is empty.
    pub fn new(tokens: impl IntoIterator<Item = SecretString>) -> Result<Self, TokenError> {
        let mut keys = tokens.into_iter().map(|token| keyed(&token));
        let first = keys.next().ok_or(TokenError::None)??;
        Ok(Self { first, others: keys.collect::<Result<_, _>>()? })
    }

    /// The signature of a form POST; `params` are decoded.
    #[must_use]
    pub fn sign_form(&self, url: &str, params: &[(String, String)]) -> String {
        BASE64.encode(code(&self.first, &signed_text(without_fragment(url), params)))
    }

    /// The signature of everything without a form: GET, JSON (the address carries `bodySHA256`)
    /// and the WebSocket upgrade.
    #[must_use]
    pub fn sign_url(&self, url: &str) -> String {
        self.sign_form(url, &[])
    }

    /// Checks a form POST, or a GET with no `params` (they are in its address).
    ///
    /// # Errors
    /// When the header is missing, malformed or wrong.
    pub fn verify_form(
        &self,
        url: &str,
        params: &[(String, String)],
        header: Option<&str>,
    ) -> Result<(), Refused> {
        self.verify(spellings(url).map(|url| signed_text(&url, params)), header)
    }

    /// Checks a JSON request: its address is signed, and names the hash of its body.
    ///
    /// # Errors
    /// As [`Self::verify_form`], and when the hash is missing or of another body.
    pub fn verify_json(&self, url: &str, body: &[u8], header: Option<&str>) -> Result<(), Refused> {
        let (_, query) = split_query(without_fragment(url));
        let named = form_urlencoded::parse(query.as_bytes())
            .find_map(|(name, value)| (name == BODY_HASH).then_some(value))
            .ok_or(Refused::NoBodyHash)?;
        self.verify_form(url, &[], header)?;
        let actual = format!("{:x}", HexOf(&Sha256::digest(body)));
        match bool::from(actual.as_bytes().ct_eq(named.as_bytes())) {
            true => Ok(()),
            false => Err(Refused::WrongBodyHash),
        }
    }

    /// Checks a WebSocket upgrade; `url` is the `wss` address of the TwiML.
    ///
    /// Twilio's sources disagree on a query string: part of the address, or signed like a form.
    /// Both are taken. Ours has none.
    ///
    /// # Errors
    /// When the header is missing, malformed or wrong.
    pub fn verify_upgrade(&self, url: &str, header: Option<&str>) -> Result<(), Refused> {
        let (bare, query) = split_query(without_fragment(url));
        let params: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let whole = spellings(url).map(|url| signed_text(&url, &[]));
        let as_form = spellings(bare).map(|url| signed_text(&url, &params));
        self.verify(whole.chain(as_form), header)
    }

    /// Compares with every text under every token, without stopping at the first that fits: the
    /// time tells nothing about which one did.
    fn verify(
        &self,
        texts: impl Iterator<Item = String>,
        header: Option<&str>,
    ) -> Result<(), Refused> {
        let claimed = BASE64
            .decode(header.ok_or(Refused::Missing)?)
            .ok()
            .filter(|bytes| bytes.len() == SIGNATURE_LEN)
            .ok_or(Refused::Malformed)?;
        let mut fits = Choice::from(0);
        for text in texts {
            for key in std::iter::once(&self.first).chain(self.others.iter()) {
                fits |= code(key, &text).as_slice().ct_eq(&claimed);
            }
        }
        if bool::from(fits) { Ok(()) } else { Err(Refused::Wrong) }
    }
}

fn keyed(token: &SecretString) -> Result<Hmac<Sha1>, TokenError> {
    match token.expose_secret() {
        "" => Err(TokenError::Empty),
        // HMAC takes a key of any length, so the error is never made.
        text => Hmac::new_from_slice(text.as_bytes()).map_err(|_| TokenError::Empty),
    }
}

fn code(key: &Hmac<Sha1>, text: &str) -> [u8; SIGNATURE_LEN] {
    key.clone().chain_update(text).finalize().into_bytes().into()
}

/// What is signed: the address, then each name and value in the order of the names as bytes.
/// Of a repeated name the distinct values are taken, in their order.
fn signed_text(url: &str, params: &[(String, String)]) -> String {
    let mut pairs: Vec<&(String, String)> = params.iter().collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut text = url.to_owned();
    for (name, value) in pairs {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

/// Twilio's own request leaves the fragment out: it holds settings for Twilio alone.
fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

fn split_query(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

/// The ways in which Twilio may have written the address when it signed: as it is, without its
/// port, or with the port of its scheme. Its signer is inconsistent, so its own libraries take
/// these too.
fn spellings(url: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let url = without_fragment(url);
    let other = Address::cut(url).and_then(|address| match address.port {
        Some(_) => Some(address.without_port()),
        None => address.with_default_port(),
    });
    std::iter::once(Cow::Borrowed(url)).chain(other.map(Cow::Owned))
}

/// An address cut around its port, each part as it was written.
struct Address<'a> {
    scheme: &'a str,
    /// Userinfo, if any, and host.
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

impl<'a> Address<'a> {
    fn cut(url: &'a str) -> Option<Self> {
        let (scheme, after) = url.split_once("://")?;
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        // The password of a userinfo and an IPv6 host hold colons too: those are followed by
        // `@` or `]`, a port is followed by nothing.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, Some(port))
            }
            _ => (authority, None),
        };
        Some(Self { scheme, host, port, rest })
    }

    fn without_port(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.rest)
    }

    fn with_default_port(&self) -> Option<String> {
        let port = match self.scheme {
            "https" | "wss" => 443,
            "http" | "ws" => 80,
            _ => return None,
        };
        Some(format!("{}://{}:{port}{}", self.scheme, self.host, self.rest))
    }
}

/// Bytes written as lower-case hexadecimal digits.
struct HexOf<'a>(&'a [u8]);

impl fmt::LowerHex for HexOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;

//! Named keys of 32 bytes: `kid:base64key`, comma-separated, so that they can be rotated.

use std::fmt;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{CloneableSecret, ExposeSecret, SecretBox, SecretString, zeroize::Zeroize};

use super::{problems::Problems, values::secret_entries};

/// Bytes of a key: XChaCha20-Poly1305 and HMAC-SHA256 both take as many.
pub const KEY_BYTES: usize = 32;

/// Length of a key's name: it is stored beside everything that the key has touched.
const KID_MAX: usize = 32;

/// `openssl rand -base64 32` pads, some tools do not: both are read.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The alphabets of RFC 4648, sections 4 and 5.
const READERS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// One key and its name.
#[derive(Clone)]
pub struct Key {
    /// Its name: letters, digits, `_`, `-` and `.`.
    pub kid: String,
    bytes: SecretBox<Bytes>,
}

impl Key {
    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.bytes.expose_secret().0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Bytes([u8; KEY_BYTES]);

impl Zeroize for Bytes {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl CloneableSecret for Bytes {}

/// Reads a list of keys. No problem shows any part of an entry: a name may be a key misplaced.
pub(super) fn keys(
    variable: &str,
    raw: Option<&SecretString>,
    problems: &mut Problems,
) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for (number, entry) in secret_entries(variable, raw, problems) {
        match key(entry) {
            Err(text) => problems.add(variable, format!("entry {number}: {text}")),
            Ok(key) if keys.iter().any(|other| other.kid == key.kid) => {
                problems
                    .add(variable, format!("entry {number}: the name stands in the list twice"));
            }
            Ok(key) => keys.push(key),
        }
    }
    keys
}

fn key(entry: &str) -> Result<Key, &'static str> {
    let (kid, text) = entry.split_once(':').ok_or("expected kid:base64key")?;
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !(1..=KID_MAX).contains(&kid.len()) || !kid.bytes().all(of_a_name) {
        return Err("expected a name of 1 to 32 letters, digits, `_`, `-` or `.` before the colon");
    }
    let mut read = READERS.iter().filter_map(|reader| reader.decode(text).ok());
    let mut bytes = read.next().ok_or("expected base64 after the colon")?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice());
    bytes.zeroize();
    let key = key.map_err(|_| "expected 32 bytes in base64, as `openssl rand -base64 32` makes")?;
    Ok(Key { kid: kid.to_owned(), bytes: SecretBox::new(Box::new(Bytes(key))) })
}

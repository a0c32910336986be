//! The kinds of values that variables hold, each read in one place.
//!
//! A reader answers nothing for an unset variable and for a wrong one; of a wrong one it also
//! writes a problem, so what its section puts in its place is never used.

use std::{
    fmt::Display,
    net::IpAddr,
    ops::{Range, RangeInclusive},
    str::FromStr,
};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use super::problems::{Problems, found};

/// Digits of an E.164 number after the `+`.
const PHONE_DIGITS: RangeInclusive<usize> = 2..=15;

/// Hexadecimal digits of a Twilio SID after its two letters.
const SID_DIGITS: usize = 32;

/// Characters of a name, path or sentence: a bound against a file pasted by mistake.
const TEXT_MAX: usize = 4096;

/// Reads a raw secret for `#[serde(deserialize_with)]`: nothing unwraps it by accident from there.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}

/// A whole number.
pub(super) fn whole<T>(
    variable: &str,
    raw: Option<String>,
    range: RangeInclusive<T>,
    problems: &mut Problems,
) -> Option<T>
where
    T: FromStr + PartialOrd + Display,
{
    in_range("whole number", variable, raw, range, problems)
}

/// A number with a fraction.
pub(super) fn decimal(
    variable: &str,
    raw: Option<String>,
    range: RangeInclusive<f64>,
    problems: &mut Problems,
) -> Option<f64> {
    in_range("number", variable, raw, range, problems)
}

/// `true` or `false`.
pub(super) fn truth(variable: &str, raw: Option<String>, problems: &mut Problems) -> Option<bool> {
    let raw = raw?;
    let truth = raw.to_ascii_lowercase().parse().ok();
    if truth.is_none() {
        problems.add(variable, format!("expected true or false, {}", found(&raw)));
    }
    truth
}

fn in_range<T>(
    kind: &str,
    variable: &str,
    raw: Option<String>,
    range: RangeInclusive<T>,
    problems: &mut Problems,
) -> Option<T>
where
    T: FromStr + PartialOrd + Display,
{
    let raw = raw?;
    let number = raw.parse().ok().filter(|number| range.contains(number));
    if number.is_none() {
        let (low, high) = (range.start(), range.end());
        problems.add(variable, format!("expected a {kind} from {low} to {high}, {}", found(&raw)));
    }
    number
}

/// Words without control characters. What is wrong is not shown: it may be long or private.
pub(super) fn words(
    variable: &str,
    raw: Option<String>,
    problems: &mut Problems,
) -> Option<String> {
    let raw = raw?;
    if raw.chars().any(char::is_control) || raw.chars().count() > TEXT_MAX {
        let text =
            format!("expected at most {TEXT_MAX} characters, none of them a control character");
        problems.add(variable, text);
        return None;
    }
    Some(raw)
}

/// The entries of a comma-separated list with their numbers, from 1. An empty entry is a problem.
pub(super) fn entries<'a>(
    variable: &str,
    raw: &'a str,
    problems: &mut Problems,
) -> Vec<(usize, &'a str)> {
    let mut entries = Vec::new();
    for (at, entry) in raw.split(',').map(str::trim).enumerate() {
        if entry.is_empty() {
            problems.add(variable, format!("entry {} of the list is empty", at + 1));
        } else {
            entries.push((at + 1, entry));
        }
    }
    entries
}

/// The same for a list of secrets.
pub(super) fn secret_entries<'a>(
    variable: &str,
    raw: Option<&'a SecretString>,
    problems: &mut Problems,
) -> Vec<(usize, &'a str)> {
    raw.map(|raw| entries(variable, raw.expose_secret(), problems)).unwrap_or_default()
}

/// A Twilio SID: its two letters and 32 hexadecimal digits. A wrong one is not shown, since tokens
/// and keys lie beside the SIDs in Twilio's console and are swapped easily.
pub(super) fn sid(
    variable: &str,
    letters: &str,
    raw: Option<String>,
    problems: &mut Problems,
) -> Option<String> {
    let raw = raw?;
    let right = raw.strip_prefix(letters).is_some_and(|digits| {
        digits.len() == SID_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    if !right {
        let text = format!("expected {letters} followed by {SID_DIGITS} hexadecimal digits");
        problems.add(variable, text);
    }
    right.then_some(raw)
}

/// Whether it is a number in E.164, as Twilio reads it.
pub(crate) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        PHONE_DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// Why a URL is not one that paths can be added to.
pub(super) fn unfit(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        Some("expected a URL with http:// or https:// and a host")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("expected a URL without user name and password")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("expected a URL without `?` and `#`")
    } else if url.port() == Some(0) {
        Some("expected a URL with a port other than 0")
    } else {
        None
    }
}

/// The address of a service, without the last slash, and whether secrets sent to it travel in the
/// clear. A wrong one is not shown: it may hold a password.
pub(super) fn service(
    variable: &str,
    raw: Option<String>,
    problems: &mut Problems,
) -> Option<(String, bool)> {
    match Url::parse(&raw?) {
        Err(_) => {
            problems.add(variable, "expected a URL such as https://host/path");
            None
        }
        Ok(url) => match unfit(&url) {
            Some(text) => {
                problems.add(variable, text);
                None
            }
            None => {
                let clear = url.scheme() == "http" && !is_loopback(&url);
                Some((url.as_str().trim_end_matches('/').to_owned(), clear))
            }
        },
    }
}

/// Whether a URL leads to this machine alone.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Whether a text is one word of visible ASCII, of a length in `range`.
pub(super) fn is_word(text: &str, range: Range<usize>) -> bool {
    range.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

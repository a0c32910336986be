//! What a Redis server did with the calls, read from the lines of its `MONITOR`: who asked for what,
//! and which of it changed anything. Lines of a function stand behind the order that called it, and a
//! replica shows what its master sends.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
};

/// One line that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// By the server's clock, µs.
    pub(crate) at_us: u64,
    /// Whether a function did it, so that this server was the one that decided.
    pub(crate) decided: bool,
    pub(crate) deed: Deed,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Whoever reads the lines came anew; what the server holds may be something else now.
    Joined,
    /// All of it was thrown away.
    Flushed,
    /// An engine asked for a write under that epoch, which may be refused.
    Asked { sid: String, epoch: u64 },
    /// A call has that epoch and that owner from now on.
    Owned { sid: String, epoch: u64, owner: String },
    /// A turn was written. Its value is another one each time: it is sealed anew.
    Wrote { sid: String, print: u64 },
    /// The record was written, besides its turns.
    Changed { sid: String },
    /// A mark of whoever wants to know that all before it has been read.
    Marked(String),
}

/// Short for a value that was written, to know it again.
pub(crate) fn print(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Reads a line; most of them do not matter.
pub(crate) fn read(line: &[u8]) -> Option<Event> {
    let line = line.strip_prefix(b"+").unwrap_or(line);
    let head = line.iter().position(|&byte| byte == b']')?;
    let (head, words) = line.split_at(head + 1);
    let matters =
        [&b" \"FCALL\" \"sh1_"[..], b" \"HSET\" \"sh:{", b" \"FLUSHALL\"", b" \"PING\" \""];
    if !matters.iter().any(|start| words.starts_with(start)) {
        return None;
    }
    let head = std::str::from_utf8(head).ok()?;
    let (at, whose) = head.split_once(" [")?;
    let (seconds, micros) = at.split_once('.')?;
    let at_us = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
    let deed = deed(&split(words))?;
    Some(Event { at_us, decided: whose.ends_with(" lua]"), deed })
}

fn deed(words: &[Vec<u8>]) -> Option<Deed> {
    let text = |nth: usize| std::str::from_utf8(words.get(nth)?).ok();
    match text(0)? {
        "FLUSHALL" => Some(Deed::Flushed),
        "PING" => Some(Deed::Marked(text(1)?.to_owned())),
        "FCALL" => {
            let asks = ["sh1_append", "sh1_settle", "sh1_restore"];
            let keys: usize = text(2)?.parse().ok()?;
            let (sid, _) = place(text(3)?)?;
            let epoch = text(3 + keys)?.parse().ok()?;
            asks.contains(&text(1)?).then_some(Deed::Asked { sid, epoch })
        }
        _ => {
            let (sid, turns) = place(text(1)?)?;
            if turns {
                return Some(Deed::Wrote { sid, print: print(words.get(3)?) });
            }
            let field = |name: &str| {
                let mut pairs = words.get(2..)?.chunks(2);
                let pair = pairs.find(|pair| pair.first().is_some_and(|n| n == name.as_bytes()))?;
                std::str::from_utf8(pair.get(1)?).ok().map(str::to_owned)
            };
            let owned = field("e").and_then(|epoch| epoch.parse().ok()).zip(field("o"));
            match owned {
                Some((0, _)) => None,
                Some((epoch, owner)) => Some(Deed::Owned { sid, epoch, owner }),
                None => field("r").map(|_| Deed::Changed { sid }),
            }
        }
    }
}

/// Whose key it is, and whether it holds the turns. Others do not matter.
fn place(key: &str) -> Option<(String, bool)> {
    let (sid, rest) = key.strip_prefix("sh:{")?.split_once('}')?;
    matches!(rest, "" | ":t").then(|| (sid.to_owned(), rest == ":t"))
}

/// The words of an order, each in quotes and with escapes.
fn split(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match (&mut word, byte) {
            (None, b'"') => word = Some(Vec::new()),
            (None, _) => {}
            (Some(_), b'"') => words.extend(word.take()),
            (Some(word), b'\\') => {
                let escaped = match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'a') => 7,
                    Some(b'b') => 8,
                    Some(b'x') => {
                        let mut digit =
                            || char::from(bytes.next().unwrap_or_default()).to_digit(16);
                        let byte = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                        u8::try_from(byte.unwrap_or_default()).unwrap_or_default()
                    }
                    other => other.unwrap_or_default(),
                };
                word.push(escaped);
            }
            (Some(word), byte) => word.push(byte),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(line: &str) -> Option<Deed> {
        read(line.as_bytes()).map(|event| event.deed)
    }

    #[test]
    fn a_claim_an_order_and_a_written_turn_are_read_as_the_server_shows_them() {
        let sid = || "CA1".to_owned();
        let claim = r#"+17.000325 [0 lua] "HSET" "sh:{CA1}" "e" "26325" "o" "own""#;
        let owned = Deed::Owned { sid: sid(), epoch: 26_325, owner: "own".to_owned() };
        assert_eq!(
            read(claim.as_bytes()),
            Some(Event { at_us: 17_000_325, decided: true, deed: owned })
        );
        let order =
            r#"17.1 [0 127.0.0.1:5] "FCALL" "sh1_append" "2" "sh:{CA1}" "sh:{CA1}:t" "26" "1""#;
        assert_eq!(deed(order), Some(Deed::Asked { sid: sid(), epoch: 26 }));
        let turn = r#"17.1 [0 lua] "HSET" "sh:{CA1}:t" "1c" "26:1:a\"\n\x0f\\""#;
        let wrote = Deed::Wrote { sid: sid(), print: print(b"26:1:a\"\n\x0f\\") };
        assert_eq!(deed(turn), Some(wrote));
        let settled = r#"17.1 [0 lua] "HSET" "sh:{CA1}" "st" "active" "end" "" "r" "x""#;
        assert_eq!(deed(settled), Some(Deed::Changed { sid: sid() }));
    }

    #[test]
    fn what_changes_no_epoch_and_no_turn_is_passed_over() {
        for line in [
            "OK",
            r#"17.1 [0 lua] "HSET" "sh:{CA1}" "s" "2""#,
            r#"17.1 [0 lua] "HGETALL" "sh:{CA1}:t""#,
            r#"17.1 [0 lua] "HSET" "sh:{CA1}" "v" "1" "e" "0" "o" "" "r" "x""#,
            r#"17.1 [0 127.0.0.1:5] "FCALL" "sh1_open" "4" "sh:{CA1}" "a" "b" "c" "5""#,
        ] {
            assert_eq!(deed(line), None, "{line}");
        }
    }
}

//! Joins the fragments of a text message.

use actix_http::ws::Item;
use bytes::BytesMut;

use super::wire::MESSAGE_MAX;

/// What has come of a message so far.
#[derive(Default)]
pub(super) struct Fragments {
    joined: BytesMut,
    /// False while the fragments of a binary message come in.
    text: bool,
}

/// A fragmented message that is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Oversize,
    NotText,
    NotUtf8,
}

impl Fragments {
    /// Takes a part; returns the message when it was the last one.
    pub(super) fn push(&mut self, part: Item) -> Result<Option<String>, Unfit> {
        let (bytes, last) = match part {
            Item::FirstText(bytes) => {
                self.joined.clear();
                self.text = true;
                (bytes, false)
            }
            Item::FirstBinary(_) => {
                self.text = false;
                return Err(Unfit::NotText);
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if !self.text {
            return Err(Unfit::NotText);
        }
        if self.joined.len() + bytes.len() > MESSAGE_MAX {
            self.joined.clear();
            return Err(Unfit::Oversize);
        }
        self.joined.extend_from_slice(&bytes);
        if !last {
            return Ok(None);
        }
        let text = String::from_utf8(self.joined.split().to_vec()).map_err(|_| Unfit::NotUtf8)?;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn part(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn a_message_in_fragments_is_one_message() {
        let mut fragments = Fragments::default();
        let (head, tail) = "über".as_bytes().split_at(1);
        assert_eq!(fragments.push(Item::FirstText(Bytes::copy_from_slice(head))), Ok(None));
        assert_eq!(fragments.push(Item::Continue(Bytes::copy_from_slice(tail))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("!"))), Ok(Some("über!".to_owned())));
        assert_eq!(fragments.push(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("b"))), Ok(Some("ab".to_owned())));
    }

    #[test]
    fn fragments_are_bounded_together() {
        let mut fragments = Fragments::default();
        let half = "x".repeat(MESSAGE_MAX / 2);
        assert_eq!(fragments.push(Item::FirstText(part(&half))), Ok(None));
        assert_eq!(fragments.push(Item::Continue(part(&half))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("x"))), Err(Unfit::Oversize));
    }

    #[test]
    fn binary_and_broken_text_are_refused() {
        let mut fragments = Fragments::default();
        assert_eq!(fragments.push(Item::FirstBinary(part("x"))), Err(Unfit::NotText));
        assert_eq!(fragments.push(Item::Last(part("x"))), Err(Unfit::NotText));
        assert_eq!(fragments.push(Item::FirstText(Bytes::from_static(b"\xff"))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("x"))), Err(Unfit::NotUtf8));
    }
}

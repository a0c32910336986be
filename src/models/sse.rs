//! Server-sent events, as a pure push parser: bytes in, the data of whole events out.
//!
//! Follows the WHATWG "event stream" format. Only `data` matters to a model's answer: `event`, `id`,
//! `retry`, comments and unknown fields are passed over. Fed by `openai`; knows nothing of it.

/// The longest line taken, bytes. A token is a few hundred; more is a broken or hostile peer.
pub const MAX_LINE: usize = 64 * 1024;

/// The longest event taken, bytes, all its `data` lines together.
pub const MAX_EVENT: usize = 256 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why bytes are not an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line without end.
    #[error("a line of the event stream is longer than {MAX_LINE} bytes")]
    LineTooLong,
    /// An event without end.
    #[error("an event of the event stream is longer than {MAX_EVENT} bytes")]
    EventTooLong,
    /// Not text.
    #[error("the event stream is not UTF-8")]
    NotUtf8,
}

/// Takes an event stream in pieces of any size.
///
/// A line that lies whole in a piece is read where it lies; only what spans pieces is copied.
#[derive(Debug, Default)]
pub struct SseParser {
    /// The beginning of a line that has not ended.
    line: Vec<u8>,
    /// The data of an event that has not ended.
    data: Option<String>,
    /// The last byte was a CR: an LF now is the second half of that line end.
    after_cr: bool,
    /// The first line, which alone may open with a byte order mark, is over.
    begun: bool,
}

enum Field<'a> {
    /// A blank line: the event is whole.
    End,
    Data(&'a str),
    Other,
}

impl SseParser {
    /// A parser at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and hands over the data of each event that they complete.
    ///
    /// # Errors
    ///
    /// When the bytes are no event stream or break a bound. Events before the fault have been handed
    /// over; the parser is of no use afterwards.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        on_event: &mut dyn FnMut(&str),
    ) -> Result<(), SseError> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        // The one data line of an event, as long as it has only one and that lies in `bytes`.
        let mut fresh: Option<&str> = None;
        while let Some((line, rest)) = self.split_line(bytes) {
            bytes = rest;
            if !self.line.is_empty() {
                self.end_held_line(line)?;
                continue;
            }
            match self.field(line)? {
                Field::End => match (fresh.take(), self.data.take()) {
                    (Some(data), _) => on_event(data),
                    (None, Some(data)) => on_event(&data),
                    (None, None) => {}
                },
                Field::Data(data) if fresh.is_none() && self.data.is_none() => fresh = Some(data),
                Field::Data(data) => {
                    self.hold(fresh.take())?;
                    self.hold(Some(data))?;
                }
                Field::Other => {}
            }
        }
        self.hold(fresh)?;
        self.extend_line(bytes)
    }

    /// The stream has ended: hands over an event whose lines are whole but whose blank line is missing.
    ///
    /// The format says to drop such an event; servers that save the last line end are too common.
    pub fn end(&mut self, on_event: &mut dyn FnMut(&str)) {
        if let Some(data) = self.data.take() {
            on_event(&data);
        }
    }

    /// The bytes before and after the first line end; `None` when there is none.
    fn split_line<'a>(&mut self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let (line, rest) = bytes.split_at_checked(end)?;
        let rest = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [b'\r'] => {
                self.after_cr = true;
                &[]
            }
            [_, rest @ ..] => rest,
            [] => &[],
        };
        Some((line, rest))
    }

    /// Ends the line that began in an earlier piece. It has bytes, so it is no blank line.
    fn end_held_line(&mut self, tail: &[u8]) -> Result<(), SseError> {
        self.extend_line(tail)?;
        let line = std::mem::take(&mut self.line);
        match self.field(&line)? {
            Field::Data(data) => self.hold(Some(data)),
            Field::End | Field::Other => Ok(()),
        }
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if self.line.len() + bytes.len() > MAX_LINE {
            return Err(SseError::LineTooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Keeps a data line for the end of its event.
    fn hold(&mut self, data: Option<&str>) -> Result<(), SseError> {
        let Some(data) = data else { return Ok(()) };
        let Some(held) = &mut self.data else {
            self.data = Some(data.to_owned());
            return Ok(());
        };
        if held.len() + 1 + data.len() > MAX_EVENT {
            return Err(SseError::EventTooLong);
        }
        held.push('\n');
        held.push_str(data);
        Ok(())
    }

    fn field<'a>(&mut self, mut line: &'a [u8]) -> Result<Field<'a>, SseError> {
        if line.len() > MAX_LINE {
            return Err(SseError::LineTooLong);
        }
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        let line = std::str::from_utf8(line).map_err(|_| SseError::NotUtf8)?;
        if line.is_empty() {
            return Ok(Field::End);
        }
        Ok(match line.split_once(':').unwrap_or((line, "")) {
            ("data", value) => Field::Data(value.strip_prefix(' ').unwrap_or(value)),
            _ => Field::Other,
        })
    }
}

#[cfg(test)]
mod tests;

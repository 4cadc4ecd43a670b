//! Cuts a byte stream into messages by Content-Length (RFC 3261 §18.3), with the keep-alives of RFC 5626 §4.4.1.

use super::lex::{Unreadable, parse_length};
use super::name::HeaderName;
use super::{MAX_MESSAGE, Message};

/// What came next on the stream.
#[derive(Clone, Debug)]
pub enum StreamItem {
    Message(Message),
    /// Two line ends between messages: answer with one.
    Ping,
}

/// The stream cannot be cut any further: answer the part that is there where it is a request, then close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// 413 is due where the body is too long, 400 where the headers never end.
    #[error("message is longer than {MAX_MESSAGE} bytes")]
    TooLong,
    /// Without one Content-Length nobody knows where the next message begins; 400 is due.
    #[error("Content-Length is missing, repeated or no number")]
    Length,
    #[error("bytes are not SIP")]
    Unreadable(#[from] Unreadable),
}

/// Bytes of one connection; holds at most one message of [`MAX_MESSAGE`] and what came with its end.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    buffer: Vec<u8>,
    /// Bytes already handed out.
    taken: usize,
    /// Where to go on looking for the head's end.
    searched: usize,
}

impl StreamDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the socket; call [`StreamDecoder::poll_item`] until it gives `None`.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.searched = self.searched.saturating_sub(self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// What is buffered of a message that could not be cut: [`Message::parse`] may make an answerable request of it.
    pub fn rest(&self) -> &[u8] {
        let rest = &self.buffer[self.taken..];
        &rest[..rest.len().min(MAX_MESSAGE)]
    }

    /// The next whole message; `None` until more bytes come. After an error the connection is to be closed.
    pub fn poll_item(&mut self) -> Option<Result<StreamItem, StreamError>> {
        let rest = &self.buffer[self.taken..];
        if rest.starts_with(b"\r\n\r\n") {
            self.take(4);
            return Some(Ok(StreamItem::Ping));
        }
        let line_ends = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if line_ends == rest.len() {
            // A single line end is a pong, or half a ping whose rest is to come.
            if line_ends > 4 {
                self.take(line_ends);
            }
            return None;
        }
        if line_ends > 0 {
            self.take(line_ends);
        }
        let begin = self.searched.max(self.taken).saturating_sub(3).max(self.taken);
        let Some(found) = self.buffer[begin..].windows(4).position(|w| w == b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            return (self.buffer.len() - self.taken > MAX_MESSAGE).then_some(Err(StreamError::TooLong));
        };
        let head_end = begin + found + 4;
        let length = match content_length(&self.buffer[self.taken..head_end]) {
            Some(length) => length,
            None => return Some(Err(StreamError::Length)),
        };
        let end = head_end.saturating_add(length);
        if end - self.taken > MAX_MESSAGE {
            return Some(Err(StreamError::TooLong));
        }
        if self.buffer.len() < end {
            self.searched = head_end - 4;
            return None;
        }
        let message = Message::parse(&self.buffer[self.taken..end]);
        self.taken = end;
        self.searched = end;
        Some(message.map(StreamItem::Message).map_err(StreamError::from))
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        self.searched = self.searched.max(self.taken);
    }
}

/// `None` where it is repeated with another value or is no number; a missing one counts as zero, as many peers leave it out.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut length = None;
    for line in head.split(|b| *b == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        if HeaderName::from_bytes(line[..colon].trim_ascii_end()) == HeaderName::ContentLength {
            let number = parse_length(line[colon + 1..].trim_ascii())?;
            if length.is_some_and(|other| other != number) {
                return None;
            }
            length = Some(number);
        }
    }
    Some(length.unwrap_or(0))
}

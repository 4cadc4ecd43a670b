//! What the observer is told.

use std::time::Duration;

use plugboard_sip::message::NameAddr;
use plugboard_sip::{Message, Method};

use super::Engine;
use crate::observe::{Direction, LadderEvent};

impl Engine {
    /// Tells of one message. Whose phone it is, From and To say: a request of ours has us in From, and so has its response.
    pub(super) fn watch_message(&self, at: Duration, direction: Direction, bytes: &[u8]) {
        let Some(observer) = &self.config.observer else { return };
        let Ok(message) = Message::parse(bytes) else { return };
        let is_ours = message.is_request() == (direction == Direction::Sent);
        let (mine, theirs) = if is_ours { (message.from(), message.to()) } else { (message.to(), message.from()) };
        let (text, detail) = match message.status() {
            None => (message.method().map_or("", Method::as_str).to_owned(), detail_of(&message, theirs.as_ref())),
            Some(status) => {
                let phrase = message.phrase();
                let phrase = if phrase.is_empty() { status.reason().into() } else { phrase };
                let method = message.cseq().map(|cseq| cseq.method.as_str().to_owned());
                (format!("{} {phrase}", status.code()), method.unwrap_or_default())
            }
        };
        observer(&LadderEvent { at, phone: user_of(mine.as_ref()), direction, text, detail });
    }

    /// Tells of something that is no message.
    pub(super) fn watch_local(&self, phone: &str, text: impl Into<String>) {
        if let Some(observer) = &self.config.observer {
            let (phone, text) = (phone.to_owned(), text.into());
            let at = self.clock.now();
            observer(&LadderEvent { at, phone, direction: Direction::Local, text, detail: String::new() });
        }
    }
}

/// Whom an INVITE calls, or what one within a call changes; whereto a REFER sends.
fn detail_of(request: &Message, theirs: Option<&NameAddr<'_>>) -> String {
    let is_within = request.to().is_some_and(|to| to.tag().is_some());
    match request.method() {
        Some(&Method::INVITE) if is_within => direction_of(request.body()).into(),
        Some(&Method::INVITE) => user_of(theirs),
        Some(&Method::REFER) => {
            let to = request.value(plugboard_sip::message::HeaderName::ReferTo);
            user_of(to.and_then(|to| NameAddr::parse(to).ok()).as_ref())
        }
        Some(&Method::NOTIFY) => {
            let body = String::from_utf8_lossy(request.body());
            body.trim().strip_prefix("SIP/2.0 ").unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// `sendonly` and the like, of the first description that says so.
fn direction_of(body: &[u8]) -> &'static str {
    let body = String::from_utf8_lossy(body);
    ["sendonly", "recvonly", "inactive", "sendrecv"]
        .into_iter()
        .find(|direction| body.lines().any(|line| line.strip_prefix("a=") == Some(direction)))
        .unwrap_or("")
}

fn user_of(address: Option<&NameAddr<'_>>) -> String {
    let uri = address.and_then(|address| address.uri().ok());
    uri.and_then(|uri| uri.user_decoded().map(|user| user.into_owned())).unwrap_or_default()
}

//! Messages that were accepted, as letters of the outbox: in several parts where the platform takes no long texts, each told once it went.

use std::sync::Arc;

use plugboard_model::{Event, EventKind, TenantId, Timestamp, channel::Outgoing};
use serde::{Deserialize, Serialize};

use crate::connectors::letter::Letter;

/// How much of a message the platform has, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// The platform's id of each part that it took.
    pub(crate) receipts: Vec<String>,
    /// Bytes of the text that it took.
    pub(crate) bytes: usize,
    /// The letter only waits until this is told.
    pub(crate) end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    Sent,
    /// Why it is tried no more.
    Failed(String),
}

impl Posted {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Whose letters they are: no connector has such a name.
pub(crate) fn letterbox(channel: &str) -> Arc<str> {
    format!("@{channel}").into()
}

pub(crate) fn is_for(event: &EventKind, letterbox: &str) -> bool {
    let channel = match event {
        EventKind::MessageAccepted { channel, .. } => channel,
        _ => return false,
    };
    letterbox.strip_prefix('@') == Some(&**channel)
}

/// The letter of an accepted message: what the fact holds is what the rules let pass. `None`: the fact is another.
pub(crate) fn letter(tenant: &TenantId, event: &Event) -> Option<Letter> {
    let EventKind::MessageAccepted { channel, message, to, thread, text, template, choices, attachments, .. } =
        &event.kind
    else {
        return None;
    };
    let outgoing = Outgoing {
        id: message.to_string(),
        to: to.to_string(),
        thread: thread.as_deref().map(str::to_owned),
        text: text.to_string(),
        template: template.as_deref().map(str::to_owned),
        choices: choices.iter().map(ToString::to_string).collect(),
        attachments: attachments.clone(),
        at: event.at,
    };
    let conversation = format!("{to} {}", thread.as_deref().unwrap_or_default());
    Letter::of_message(tenant, letterbox(channel), event, conversation, &outgoing)
}

/// What goes next, and how far the text is then sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) outgoing: Outgoing,
    pub(crate) bytes: usize,
    pub(crate) is_last: bool,
}

/// `None`: nothing is left to be sent. Files and buttons go with the last part; the values of a template are never cut.
pub(crate) fn part(whole: Outgoing, posted: &Posted, text_max: u32, now: Timestamp) -> Option<Part> {
    if posted.end.is_some() {
        return None;
    }
    let number = posted.receipts.len() + 1;
    let rest = whole.text.get(posted.bytes..).unwrap_or_default();
    let most = usize::try_from(text_max).unwrap_or(usize::MAX);
    let length = if whole.template.is_some() { rest.len() } else { cut(rest, most) };
    let (bytes, is_last) = (posted.bytes + length, length == rest.len());
    let text = rest[..length].to_owned();
    // The same at each attempt of the same part.
    let id = if number == 1 { whole.id } else { format!("{}-{number}", whole.id) };
    let outgoing = match is_last {
        true => Outgoing { id, text, at: now, ..whole },
        false => Outgoing { id, text, at: now, choices: Vec::new(), attachments: Vec::new(), ..whole },
    };
    Some(Part { outgoing, bytes, is_last })
}

/// Bytes of the first part: between two words where that is not too early, and never within a letter.
fn cut(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    let end = text.floor_char_boundary(most).max(first);
    let space =
        text[..end].rfind(char::is_whitespace).map(|at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    space.filter(|space| *space > end / 2).unwrap_or(end)
}

/// What is told of a letter that ended.
pub(crate) fn fact(letterbox: &str, message: &str, posted: &Posted) -> Option<EventKind> {
    let (channel, message) = (letterbox.strip_prefix('@')?.into(), message.into());
    Some(match posted.end.as_ref()? {
        End::Sent => {
            let receipts = posted.receipts.iter().map(|receipt| receipt.as_str().into()).collect();
            EventKind::MessageSent { channel, message, receipts }
        }
        End::Failed(reason) => EventKind::MessageFailed { channel, message, reason: reason.as_str().into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Outgoing {
        Outgoing {
            id: "o1".into(),
            to: "+4930".into(),
            thread: None,
            text: text.into(),
            template: None,
            choices: vec!["yes".into()],
            attachments: Vec::new(),
            at: Timestamp::EPOCH,
        }
    }

    fn parts(text: &str, text_max: u32) -> Vec<(String, String, usize)> {
        let (mut posted, mut parts) = (Posted::default(), Vec::new());
        while let Some(Part { outgoing, bytes, is_last }) = part(whole(text), &posted, text_max, Timestamp::EPOCH) {
            parts.push((outgoing.id, outgoing.text, outgoing.choices.len()));
            posted.receipts.push("p".into());
            posted.bytes = bytes;
            posted.end = is_last.then_some(End::Sent);
        }
        parts
    }

    #[test]
    fn text_that_is_too_long_for_the_platform_goes_in_parts_between_words_with_the_buttons_last() {
        let part = |id: &str, text: &str, choices| (id.to_owned(), text.to_owned(), choices);
        assert_eq!(
            parts("your parcel comes today", 12),
            [part("o1", "your parcel ", 0), part("o1-2", "comes today", 1)]
        );
        assert_eq!(parts("hello", 160), [part("o1", "hello", 1)]);
    }

    #[test]
    fn no_letter_is_ever_cut_in_two() {
        assert_eq!(parts("您好您好", 7).into_iter().map(|(_, text, _)| text).collect::<Vec<_>>(), ["您好", "您好"]);
        assert_eq!(parts("您好", 1).len(), 2);
    }
}

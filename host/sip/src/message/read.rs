//! The headers that every element reads, ready to use.

use super::Message;
use super::header::{CSeq, Contact, NameAddr, Reason, Replaces, Via};
use super::name::HeaderName;
use super::text::{Params, saturating_number, split_list, trim};
use crate::endpoint::Body;

impl Message {
    pub fn from(&self) -> Option<NameAddr<'_>> {
        NameAddr::parse(self.value(HeaderName::From)?).ok()
    }

    pub fn to(&self) -> Option<NameAddr<'_>> {
        NameAddr::parse(self.value(HeaderName::To)?).ok()
    }

    pub fn call_id(&self) -> Option<&str> {
        self.value(HeaderName::CallId)
    }

    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.value(HeaderName::CSeq)?).ok()
    }

    /// The hop that sent the message.
    pub fn top_via(&self) -> Option<Via<'_>> {
        Via::parse(split_list(self.value(HeaderName::Via)?).next()?).ok()
    }

    /// Every hop, the last sender first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> {
        self.list(HeaderName::Via).filter_map(|via| Via::parse(via).ok())
    }

    pub fn contacts(&self) -> impl Iterator<Item = Contact<'_>> {
        self.list(HeaderName::Contact).filter_map(|contact| Contact::parse(contact).ok())
    }

    /// The first Contact that is an address: the remote target of a dialog.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.contacts().find_map(|contact| match contact {
            Contact::Address(address) => Some(address),
            Contact::All => None,
        })
    }

    /// Seconds; more than fits is the largest. `None` where there is no such header or it is no number.
    pub fn expires(&self) -> Option<u32> {
        saturating_number(self.value(HeaderName::Expires)?)
    }

    pub fn max_forwards(&self) -> Option<u32> {
        saturating_number(self.value(HeaderName::MaxForwards)?)
    }

    /// Hops that the request may still take. Without the header as many as a request has at first (RFC 3261 §16.6).
    pub(crate) fn hops(&self) -> u8 {
        self.max_forwards().map_or(super::MAX_FORWARDS, |hops| u8::try_from(hops).unwrap_or(u8::MAX))
    }

    /// Seconds; a comment or parameters after the number are left out.
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.value(HeaderName::RetryAfter)?;
        saturating_number(value.split(|c: char| !c.is_ascii_digit()).next()?)
    }

    pub fn reason(&self) -> Option<Reason> {
        Reason::parse(self.list(HeaderName::Reason).next()?).ok()
    }

    pub fn replaces(&self) -> Option<Replaces> {
        Replaces::parse(self.value(HeaderName::Replaces)?).ok()
    }

    /// `type/subtype` without parameters.
    pub fn content_type(&self) -> Option<&str> {
        Some(trim(self.value(HeaderName::ContentType)?.split(';').next()?))
    }

    /// The session description: the body, or its part in a `multipart` (RFC 5621).
    pub fn sdp(&self) -> Option<Body> {
        let body = self.body();
        let content_type = self.content_type()?;
        if body.is_empty() {
            return None;
        }
        if content_type.eq_ignore_ascii_case("application/sdp") {
            return Some(Body { content_type: "application/sdp".into(), bytes: body.into() });
        }
        if !content_type.get(..10).is_some_and(|t| t.eq_ignore_ascii_case("multipart/")) {
            return None;
        }
        let value = self.value(HeaderName::ContentType)?;
        let params = Params::from_text(value.find(';').map_or("", |at| &value[at..]));
        let boundary = params.get("boundary")?.trim_matches('"');
        let part = sdp_part(body, boundary)?;
        Some(Body { content_type: "application/sdp".into(), bytes: part.into() })
    }
}

/// The first `application/sdp` part, without the line end before the next delimiter (RFC 2046 §5.1.1).
fn sdp_part<'a>(body: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    if boundary.is_empty() {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes())?;
    loop {
        let begin = at + delimiter.len();
        let rest = body.get(begin..)?;
        if rest.starts_with(b"--") {
            return None;
        }
        let length = find(rest, delimiter.as_bytes())?;
        let part = &rest[..length];
        let head_end = find(part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[..head_end]).to_ascii_lowercase();
        if head.lines().any(|line| line.starts_with("content-type") && line.contains("application/sdp")) {
            let content = &part[head_end + 4..];
            return Some(content.strip_suffix(b"\r\n").unwrap_or(content));
        }
        at = begin + length;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

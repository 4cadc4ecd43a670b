//! What makes a readable message a bad one, and the answer that it earns (RFC 3261 §8.2, RFC 4475).

use super::header::{CSeq, Contact, NameAddr, Via};
use super::name::HeaderName;
use super::text::{is_space, saturating_number};
use super::uri::{Scheme, Uri};
use super::{Message, Start};
use crate::status::Status;

/// Why a message is not processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("Malformed Request-Line")]
    RequestLine,
    #[error("Version Not Supported")]
    Version,
    #[error("Malformed Request-URI")]
    RequestUri,
    #[error("Request-URI Too Long")]
    UriTooLong,
    #[error("Unsupported URI Scheme")]
    Scheme,
    #[error("Malformed Header Line")]
    Line,
    /// The bytes end before the empty line after the headers.
    #[error("Headers Do Not End")]
    Unfinished,
    #[error("Content-Length Does Not Fit")]
    ContentLength,
    /// Content-Length names more than a message may hold, so the body never came.
    #[error("Request Entity Too Large")]
    TooLarge,
    #[error("Missing {} Header", .0.as_str())]
    Missing(HeaderName),
    #[error("Repeated {} Header", .0.as_str())]
    Repeated(HeaderName),
    #[error("Malformed {} Header", .0.as_str())]
    Malformed(HeaderName),
    #[error("CSeq Method Mismatch")]
    CSeqMethod,
}

impl Fault {
    /// The response this earns; its phrase is the fault's own text.
    pub fn status(self) -> Status {
        match self {
            Self::Version => Status::VERSION_NOT_SUPPORTED,
            Self::Scheme => Status::UNSUPPORTED_URI_SCHEME,
            Self::UriTooLong => Status::URI_TOO_LONG,
            Self::TooLarge => Status::REQUEST_ENTITY_TOO_LARGE,
            _ => Status::BAD_REQUEST,
        }
    }
}

/// Longest Request-URI that is read. A number with its parameters takes tens of bytes, one with an embedded GRUU some hundreds.
const MAX_URI: usize = 2_048;

/// At most one of each (RFC 3261 §7.3.1); more than one with different sense is how messages are smuggled past a proxy.
const SINGLE: [HeaderName; 6] = [
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::From,
    HeaderName::To,
    HeaderName::MaxForwards,
    HeaderName::ContentType,
];

impl Message {
    /// The first fault that forbids processing. A response with one is dropped, a request answered.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        for name in SINGLE {
            let mut lines = self.lines.iter().filter(|line| line.name == name);
            match (lines.next(), lines.next(), name) {
                (_, Some(_), _) => return Err(Fault::Repeated(name)),
                (None, None, HeaderName::CallId | HeaderName::CSeq | HeaderName::From | HeaderName::To) => {
                    return Err(Fault::Missing(name));
                }
                _ => {}
            }
        }
        let mut vias = self.list(HeaderName::Via).peekable();
        if vias.peek().is_none() {
            return Err(Fault::Missing(HeaderName::Via));
        }
        for via in vias {
            Via::parse(via).map_err(|_| Fault::Malformed(HeaderName::Via))?;
        }
        for name in [HeaderName::From, HeaderName::To] {
            let address = self.value(name).and_then(|v| NameAddr::parse(v).ok()).ok_or(Fault::Malformed(name))?;
            address.uri().map_err(|_| Fault::Malformed(name))?;
        }
        let call_id = self.value(HeaderName::CallId).unwrap_or_default();
        if call_id.is_empty() || call_id.bytes().any(is_space) {
            return Err(Fault::Malformed(HeaderName::CallId));
        }
        let cseq =
            self.value(HeaderName::CSeq).and_then(|v| CSeq::parse(v).ok()).ok_or(Fault::Malformed(HeaderName::CSeq))?;
        for name in [HeaderName::Contact, HeaderName::Route, HeaderName::RecordRoute] {
            for element in self.list(name) {
                let sound = match Contact::parse(element) {
                    Ok(Contact::All) => name == HeaderName::Contact,
                    Ok(Contact::Address(address)) => address.uri().is_ok(),
                    Err(_) => false,
                };
                if !sound {
                    return Err(Fault::Malformed(name));
                }
            }
        }
        match &self.start {
            Start::Response { .. } => Ok(()),
            Start::Request { method, .. } => {
                if cseq.method != *method {
                    return Err(Fault::CSeqMethod);
                }
                let hops = self.value(HeaderName::MaxForwards).map(saturating_number);
                if hops.is_some_and(|hops| hops.is_none_or(|hops| hops > 255)) {
                    return Err(Fault::Malformed(HeaderName::MaxForwards));
                }
                if self.uri_text().len() > MAX_URI {
                    return Err(Fault::UriTooLong);
                }
                let uri = Uri::parse(self.uri_text()).map_err(|_| Fault::RequestUri)?;
                match uri.scheme() {
                    Scheme::Other => Err(Fault::Scheme),
                    // A Request-URI carries no headers (RFC 3261 §19.1.1).
                    _ if !uri.headers().is_empty() => Err(Fault::RequestUri),
                    _ => Ok(()),
                }
            }
        }
    }
}

//! Another network than the real one, for tests and for the conformance kit: requests are judged as ever, and only then answered by a function.

use ureq::{
    Body,
    http::{HeaderName, HeaderValue, Response, StatusCode},
};

use super::{Sent, failure, timed_out};
use crate::bindings::http::{Failure, FailureCode};

/// A request as it would go out: granted, with its secrets put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireRequest {
    pub method: String,
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What comes back. What no header can hold is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireResponse {
    /// 100 to 999; another one is 500.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why nothing comes back. No time passes, whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFailure {
    NoSuchHost,
    Unreachable,
    TimedOut,
    Tls,
    Protocol,
}

/// Stands for every host that is granted.
pub type Wire = dyn Fn(WireRequest) -> Result<WireResponse, WireFailure> + Send + Sync;

pub(super) fn send(wire: &Wire, method: &str, sent: &Sent, body: &[u8]) -> Result<Response<Body>, Failure> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = sent.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let request = WireRequest { method: method.to_owned(), url: sent.uri.to_string(), headers, body: body.to_vec() };
    let answer = wire(request).map_err(refused)?;
    let mut response = Response::new(Body::builder().data(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

fn refused(why: WireFailure) -> Failure {
    let (code, message, retryable) = match why {
        WireFailure::TimedOut => return timed_out(),
        WireFailure::NoSuchHost => (FailureCode::NoSuchHost, "there is no such name", true),
        WireFailure::Unreachable => (FailureCode::Unreachable, "nobody answers there", true),
        WireFailure::Tls => (FailureCode::Tls, "the certificate is of another name", false),
        WireFailure::Protocol => (FailureCode::Protocol, "that is no HTTP", false),
    };
    failure(code, message.to_owned(), retryable)
}

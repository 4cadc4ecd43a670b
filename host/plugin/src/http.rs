//! The interface `http`: one request towards a granted host, and everything that could go wrong with it.
//!
//! ```text
//!   request ─> is it one? ─> is its origin granted? ─> secrets put in ─> name resolved ─> each address judged ─> connected to one of just those
//!                 ▲                                                                                                   │
//!                 └──────────────────────────────── a redirect, at most five times ◄──────────────────────────────────┘
//! ```
//!
//! A response is cleaned of the secrets that went out with its request: a server that echoes what it was sent gives none away.

mod address;
mod agent;
mod authorities;
mod redact;
mod request;
mod wire;

use std::time::{Duration, Instant};

use ureq::http::{Method, Request, Response, StatusCode, header};

use self::request::{Hop, Sent};
use crate::{
    access::Access,
    bindings::http::{Failure, FailureCode, Header, Request as Asked, Response as Answered},
};

pub(crate) use agent::Agents;
pub use authorities::{Authorities, AuthoritiesError};
pub(crate) use request::placeholder;
pub use wire::{Wire, WireFailure, WireRequest, WireResponse};

/// Most redirects that are followed.
const REDIRECTS: usize = 5;
/// Bytes of a response's body.
const RESPONSE: u64 = 4 << 20;
/// Requests of one question.
const REQUESTS: u32 = 16;

/// Sends requests of one question.
pub(crate) struct Fetcher {
    left: u32,
    /// Beside the public ones.
    authorities: Option<Authorities>,
}

impl Fetcher {
    pub(crate) fn believing(authorities: Option<Authorities>) -> Self {
        Self { left: REQUESTS, authorities }
    }

    /// `until`: when the plugin has to have its answer.
    pub(crate) fn fetch(&mut self, access: &Access, asked: Asked, until: Instant) -> Result<Answered, Failure> {
        if self.left == 0 {
            return Err(failure(FailureCode::Limit, format!("at most {REQUESTS} requests a question"), false));
        }
        self.left -= 1;
        let timeout = Duration::from_millis(u64::from(asked.timeout_ms.clamp(1, 30_000)));
        let until = until.min(Instant::now() + timeout);
        let mut hop = Hop::first(asked)?;
        let mut secrets = Vec::new();
        for _ in 0..=REDIRECTS {
            let sent = hop.with_secrets(access)?;
            secrets.extend(sent.secrets.iter().cloned());
            let response = send((access, self.authorities.as_ref()), &hop, sent, until)?;
            match redirect(&response) {
                Some(to) => hop = hop.follow(response.status().as_u16(), to)?,
                None => return answered(response, &hop).map(|answered| redact::clean(answered, &secrets)),
            }
        }
        let why = format!("more than {REDIRECTS} redirects");
        Err(failure(FailureCode::TooManyRedirects, why, false))
    }
}

fn send(
    (access, authorities): (&Access, Option<&Authorities>),
    hop: &Hop,
    sent: Sent,
    until: Instant,
) -> Result<Response<ureq::Body>, Failure> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(timed_out());
    }
    if let Some(wire) = access.wire() {
        return wire::send(wire, hop.method.as_str(), &sent, &hop.body);
    }
    let mut request = Request::builder().method(hop.method.clone()).uri(sent.uri);
    for (name, value) in sent.headers {
        request = request.header(name, value);
    }
    let bad = |error: ureq::http::Error| failure(FailureCode::BadRequest, error.to_string(), false);
    let agent = access.agents().reaching(hop.networks(access)?, authorities);
    let sent = if matches!(hop.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        let request = request.body(()).map_err(bad)?;
        agent.run(agent.configure_request(request).timeout_global(Some(left)).build())
    } else {
        let request = request.body(hop.body.clone()).map_err(bad)?;
        agent.run(agent.configure_request(request).timeout_global(Some(left)).build())
    };
    sent.map_err(|error| agent::refused(&error))
}

/// Where the response sends us, if it does.
fn redirect(response: &Response<ureq::Body>) -> Option<String> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(header::LOCATION).filter(|_| is_redirect)?;
    location.to_str().ok().map(str::to_owned)
}

fn answered(mut response: Response<ureq::Body>, hop: &Hop) -> Result<Answered, Failure> {
    let status = response.status().as_u16();
    let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    let headers = response.headers().iter().map(header).collect();
    let body = response.body_mut().with_config().limit(RESPONSE).read_to_vec();
    let body = body.map_err(|error| agent::refused(&error))?;
    Ok(Answered { status, headers, body, url: hop.url(), extra: Vec::new() })
}

fn timed_out() -> Failure {
    failure(FailureCode::TimedOut, "the time is over".to_owned(), true)
}

pub(crate) fn failure(code: FailureCode, message: String, retryable: bool) -> Failure {
    Failure { code, message, retryable }
}

#[cfg(test)]
mod tests;

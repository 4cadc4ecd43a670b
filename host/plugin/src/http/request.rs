//! A request of a plugin: whether it is one, where it may go, and with which secrets.

use plugboard_pack::{Host, Origin, permissions::Addresses};
use ureq::http::{HeaderName, HeaderValue, Method, Uri, header, uri::Authority};

use super::{
    address::{Network, network},
    failure,
    redact::Put,
};
use crate::{
    access::Access,
    bindings::http::{Failure, FailureCode, Request},
};

const URL: usize = 8 * 1024;
const BODY: usize = 1 << 20;
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 32 * 1024;
const BEGIN: &str = "{{secret:";
const END: &str = "}}";

/// What a plugin writes where a secret belongs.
pub(crate) fn placeholder(name: &str) -> String {
    format!("{BEGIN}{name}{END}")
}

/// One request on its way, secrets not put in.
pub(super) struct Hop {
    pub(super) method: Method,
    uri: Uri,
    origin: Origin,
    headers: Vec<(HeaderName, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the plugin wrote the URL: only then are placeholders in it the plugin's own.
    is_the_plugins: bool,
}

/// A request as it goes out.
pub(super) struct Sent {
    pub(super) uri: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// What was put in.
    pub(super) secrets: Vec<Put>,
}

fn bad(message: impl Into<String>) -> Failure {
    failure(FailureCode::BadRequest, message.into(), false)
}

impl Hop {
    pub(super) fn first(request: Request) -> Result<Self, Failure> {
        let methods =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let method = methods.into_iter().find(|method| method.as_str() == request.method);
        let method = method.ok_or_else(|| bad(format!("method {:?} is not sent", shown(&request.method))))?;
        if request.body.len() > BODY {
            return Err(bad(format!("the body has more than {BODY} bytes")));
        }
        if request.headers.len() > HEADERS {
            return Err(bad(format!("more than {HEADERS} headers")));
        }
        let bytes: usize = request.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        if bytes > HEADER_BYTES {
            return Err(bad(format!("headers of more than {HEADER_BYTES} bytes")));
        }
        let header = |header: crate::bindings::http::Header| {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let name = name.map_err(|_| bad(format!("{:?} is no header's name", shown(&header.name))))?;
            if is_ours(&name) {
                return Err(bad(format!("the header {name} is the host's to write")));
            }
            // CR, LF and their like would be further headers.
            HeaderValue::from_str(&header.value).map_err(|_| bad(format!("value of the header {name}")))?;
            Ok((name, header.value))
        };
        let headers = request.headers.into_iter().map(header).collect::<Result<_, _>>()?;
        let (uri, origin) = uri(&request.url)?;
        Ok(Self { method, uri, origin, headers, body: request.body, is_the_plugins: true })
    }

    /// RFC 9110 §15.4: 303 asks with GET, and so in practice do 301 and 302 after a POST.
    pub(super) fn follow(mut self, status: u16, location: String) -> Result<Self, Failure> {
        let target = if location.contains("://") {
            location
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{}://{rest}", self.uri.scheme_str().unwrap_or("https"))
        } else {
            let (scheme, authority) = (self.uri.scheme_str().unwrap_or("https"), authority(&self.uri));
            let folder = self.uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = if location.starts_with('/') { location } else { format!("{folder}/{location}") };
            format!("{scheme}://{authority}{path}")
        };
        let target = target.split('#').next().unwrap_or_default().to_owned();
        let (uri, origin) = uri(&target)?;
        if origin != self.origin {
            // What proves who asks is for whom it was written to (RFC 9110 §15.4).
            self.headers.retain(|(name, _)| *name != header::AUTHORIZATION && *name != header::COOKIE);
        }
        (self.uri, self.origin, self.is_the_plugins) = (uri, origin, false);
        if status == 303 || (matches!(status, 301 | 302) && self.method == Method::POST) {
            self.method = if self.method == Method::HEAD { Method::HEAD } else { Method::GET };
            self.body.clear();
            self.headers.retain(|(name, _)| *name != header::CONTENT_TYPE);
        }
        Ok(self)
    }

    /// Which networks it may reach: what its origin is granted.
    pub(super) fn networks(&self, access: &Access) -> Result<Network, Failure> {
        let not_granted = || failure(FailureCode::NotGranted, format!("{} is not granted", self.origin), false);
        match access.granted().addresses(&self.origin).ok_or_else(not_granted)? {
            Addresses::Public => Ok(Network::Public),
            // This machine is reached by its own name only: another one that leads here was not what somebody granted.
            Addresses::AlsoPrivate if is_this_machine(self.origin.host()) => Ok(Network::Loopback),
            Addresses::AlsoPrivate => Ok(Network::Private),
        }
    }

    /// As the plugin knows it.
    pub(super) fn url(&self) -> String {
        self.uri.to_string()
    }

    /// With its secrets, if it may be sent at all. After a redirect a header whose secret is not bound to the new origin stays behind.
    pub(super) fn with_secrets(&self, access: &Access) -> Result<Sent, Failure> {
        self.networks(access)?;
        let mut secrets = Vec::new();
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let value = match self.put_in(access, value, str::to_owned, &mut secrets) {
                Ok(value) => value,
                Err(_) if !self.is_the_plugins => continue,
                Err(failure) => return Err(failure),
            };
            let mut value = HeaderValue::from_str(&value).map_err(|_| bad(format!("value of the header {name}")))?;
            value.set_sensitive(true);
            headers.push((name.clone(), value));
        }
        let uri = match self.uri.query() {
            Some(query) if self.is_the_plugins && query.contains(BEGIN) => {
                let query = self.put_in(access, query, percent, &mut secrets)?;
                let scheme = self.uri.scheme_str().unwrap_or("https");
                uri(&format!("{scheme}://{}{}?{query}", authority(&self.uri), self.uri.path()))?.0
            }
            _ => self.uri.clone(),
        };
        Ok(Sent { uri, headers, secrets })
    }

    fn put_in(
        &self,
        access: &Access,
        text: &str,
        write: fn(&str) -> String,
        secrets: &mut Vec<Put>,
    ) -> Result<String, Failure> {
        let (mut done, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once(BEGIN) {
            let Some((name, after)) = after.split_once(END) else { break };
            let secret = access.secret_for(name, &self.origin).ok_or_else(|| {
                let message = format!("there is no secret {:?} for {}", shown(name), self.origin);
                failure(FailureCode::SecretNotBound, message, false)
            })?;
            let written = write(secret);
            done += before;
            done += &written;
            for written in [written, secret.to_owned()] {
                let put = Put { written, placeholder: placeholder(name) };
                if !secrets.contains(&put) {
                    secrets.push(put);
                }
            }
            rest = after;
        }
        done += rest;
        Ok(done)
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Name(name) => name == "localhost",
        Host::Address(address) => network(*address) == Network::Loopback,
        Host::Below(_) => false,
    }
}

fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", Authority::as_str)
}

/// Absolute, of one of the two schemes, with nobody's name in it.
fn uri(text: &str) -> Result<(Uri, Origin), Failure> {
    if text.len() > URL {
        return Err(bad(format!("a URL of more than {URL} bytes")));
    }
    let uri: Uri = text.parse().map_err(|_| bad(format!("{:?} is no URL", shown(text))))?;
    let authority = authority(&uri);
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.is_empty() {
        return Err(bad(format!("{:?} is no absolute URL of https", shown(text))));
    }
    if authority.contains('@') || authority.contains('{') {
        return Err(bad("a URL may hold neither user nor password"));
    }
    if uri.path().contains(BEGIN) {
        return Err(bad("a secret belongs in a header or in the query"));
    }
    let origin = format!("{}://{authority}", uri.scheme_str().unwrap_or("https")).parse::<Origin>();
    match origin {
        Ok(origin) if !matches!(origin.host(), Host::Below(_)) => Ok((uri, origin)),
        _ => Err(bad(format!("{:?} is no host", shown(authority)))),
    }
}

/// What frames a message is for whoever frames it.
fn is_ours(name: &HeaderName) -> bool {
    const OURS: [&str; 11] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ];
    OURS.contains(&name.as_str())
}

/// RFC 3986 §2.1: everything but the unreserved characters.
fn percent(text: &str) -> String {
    use std::fmt::Write;
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            written.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

fn shown(text: &str) -> String {
    crate::door::shown(80, text)
}

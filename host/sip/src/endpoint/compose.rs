//! Writes the requests and responses of the endpoint.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use super::command::Response;
use super::dialog::Dialog;
use super::event::Body;
use super::{Config, Endpoint};
use crate::message::{HeaderName, Message, Via, WriteError, Writer, find_outside, split_list};
use crate::method::Method;
use crate::network::{HostPort, Source, Target};
use crate::status::Status;

/// Header texts that never change.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) allow: String,
    pub(super) supported: String,
}

impl Texts {
    pub(super) fn new(config: &Config) -> Self {
        let methods: Vec<&str> = config.allow.iter().map(Method::as_str).collect();
        Self { allow: methods.join(", "), supported: config.supported.join(", ") }
    }
}

/// What makes one request of a dialog different from another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content<'a> {
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Option<(&'a str, &'a [u8])>,
}

/// What makes one response different from another.
#[derive(Debug, Default)]
pub(super) struct ResponseParts<'a> {
    pub(super) phrase: Option<&'a str>,
    /// For To where it has none yet.
    pub(super) tag: Option<&'a str>,
    /// Creates or refreshes a dialog: Contact and Record-Route go in.
    pub(super) contact: Option<Target>,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: Option<(&'a str, &'a [u8])>,
}

impl Endpoint {
    /// Who we are in Via and Contact on this way.
    fn our_host(&self, target: &Target) -> HostPort {
        let advertised = self.config.advertised.iter().find(|(transport, _)| *transport == target.transport);
        match (advertised, target.local) {
            (Some((_, host)), _) => host.clone(),
            (None, Some(local)) => local.into(),
            (None, None) => HostPort { host: "0.0.0.0".into(), port: None },
        }
    }

    pub(super) fn our_contact(&self, target: &Target) -> String {
        let host = self.our_host(target);
        let token = &self.config.token;
        match target.transport {
            crate::Transport::Udp => format!("<sip:{token}@{host}>"),
            other => format!("<sip:{token}@{host};transport={}>", other.name().to_ascii_lowercase()),
        }
    }

    /// The start of every request of ours.
    pub(super) fn begin_request(&self, method: &Method, uri: &str, target: &Target, branch: &str, hops: u8) -> Writer {
        let mut writer = Writer::request(method, uri);
        let host = self.our_host(target);
        writer.format("Via", format_args!("SIP/2.0/{} {host};branch={branch};rport", target.transport.name()));
        writer.format("Max-Forwards", format_args!("{hops}"));
        writer
    }

    /// A request within a dialog; CSeq is given because ACK repeats that of its INVITE.
    pub(super) fn in_dialog(
        &self,
        dialog: &Dialog,
        method: &Method,
        cseq: u32,
        target: &Target,
        branch: &str,
        content: Content<'_>,
    ) -> Result<Arc<[u8]>, WriteError> {
        let (uri, routes) = dialog.route();
        let mut writer = self.begin_request(method, uri, target, branch, dialog.hops);
        for route in routes {
            writer.header("Route", route);
        }
        if dialog.is_strictly_routed() {
            writer.format("Route", format_args!("<{}>", dialog.remote_target));
        }
        writer.header("From", &dialog.local).header("To", &dialog.remote).header("Call-ID", &dialog.call_id);
        writer.format("CSeq", format_args!("{cseq} {method}"));
        if matches!(*method, Method::INVITE | Method::REFER | Method::NOTIFY) {
            writer.header("Contact", &self.our_contact(target));
        }
        if *method == Method::INVITE {
            writer.header("Allow", &self.texts.allow).header("Supported", &self.texts.supported);
        }
        for (name, value) in content.headers {
            writer.header(name, value);
        }
        writer.header("User-Agent", &self.config.user_agent);
        writer.finish(content.body)
    }

    /// ACK to a final response other than 2xx, hop by hop (RFC 3261 §17.1.1.3), or CANCEL (§9.1): both carry the branch,
    /// the Request-URI and the routes of their INVITE.
    pub(super) fn beside_invite(
        &self,
        invite: &Message,
        method: &Method,
        response: Option<&Message>,
        reason: Option<String>,
    ) -> Result<Arc<[u8]>, WriteError> {
        let mut writer = Writer::request(method, invite.uri_text());
        writer.copy(invite, HeaderName::Via).copy(invite, HeaderName::MaxForwards);
        writer.copy(invite, HeaderName::Route).copy(invite, HeaderName::From);
        writer.copy(response.unwrap_or(invite), HeaderName::To).copy(invite, HeaderName::CallId);
        let number = invite.cseq().map_or(1, |cseq| cseq.number);
        writer.format("CSeq", format_args!("{number} {method}"));
        if let Some(reason) = reason {
            writer.header("Reason", &reason);
        }
        writer.finish(None)
    }

    pub(super) fn write_response(
        &self,
        request: &Message,
        seen: SocketAddr,
        status: Status,
        parts: &ResponseParts<'_>,
    ) -> Result<Arc<[u8]>, WriteError> {
        let mut writer = Writer::response(status, parts.phrase);
        let mut is_top = true;
        for value in request.raw_values(HeaderName::Via) {
            match std::str::from_utf8(value).ok().filter(|_| std::mem::take(&mut is_top)) {
                Some(value) => writer.echo("Via", stamp(value, seen).as_bytes(), ""),
                None => writer.echo("Via", value, ""),
            };
        }
        if parts.contact.is_some() {
            writer.copy(request, HeaderName::RecordRoute);
        }
        writer.copy(request, HeaderName::From);
        let has_tag = request.to().is_some_and(|to| to.tag().is_some());
        for to in request.raw_values(HeaderName::To).take(1) {
            match parts.tag.filter(|_| !has_tag) {
                Some(tag) => writer.echo("To", to, &format!(";tag={tag}")),
                None => writer.echo("To", to, ""),
            };
        }
        writer.copy(request, HeaderName::CallId).copy(request, HeaderName::CSeq);
        if let Some(target) = &parts.contact {
            writer.header("Contact", &self.our_contact(target));
            writer.header("Allow", &self.texts.allow).header("Supported", &self.texts.supported);
        }
        // RFC 3261 §21.4.6 wants it in each 405, whoever decides on it.
        let names_allowed =
            parts.contact.is_some() || parts.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("Allow"));
        if status == Status::METHOD_NOT_ALLOWED && !names_allowed {
            writer.header("Allow", &self.texts.allow);
        }
        for (name, value) in parts.headers {
            writer.header(name, value);
        }
        writer.header("Server", &self.config.user_agent);
        writer.finish(parts.body)
    }

    /// A response that leaves no trace: the same request gets the same one again.
    pub(super) fn respond_statelessly(&mut self, request: &Message, source: Source, response: &Response) {
        let tag = self.stateless_tag(request);
        let parts = ResponseParts {
            phrase: response.phrase.as_deref(),
            tag: Some(&tag),
            headers: &response.headers,
            ..ResponseParts::default()
        };
        // Only what the peer wrote is echoed, so the writer has nothing to refuse; if it does, silence is safer.
        if let Ok(bytes) = self.write_response(request, source.remote, response.status, &parts) {
            self.send(reply_target(request, source), bytes);
        }
    }

    /// A tag without a dialog behind it; the same for copies of the same request.
    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        let branch = request.top_via().and_then(|via| via.branch());
        let hash = self.chance.hash(("tag", request.call_id(), request.value(HeaderName::From), branch));
        format!("{}.0.{hash:x}", self.config.token)
    }
}

/// Our mark on the topmost Via: where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
fn stamp(value: &str, seen: SocketAddr) -> String {
    let Some(Ok(via)) = split_list(value).next().map(Via::parse) else { return value.into() };
    let first_end = find_outside(value, b',').unwrap_or(value.len());
    let (first, rest) = value.split_at(first_end);
    let asked = via.rport().is_some();
    if via.ip() == Some(seen.ip()) && !asked {
        return value.into();
    }
    let head = first.split(';').next().unwrap_or_default().trim_end();
    let mut stamped = String::with_capacity(value.len() + 40);
    stamped.push_str(head);
    for (name, param) in via.params.iter() {
        if name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport") {
            continue;
        }
        let _ = match param {
            Some(param) => write!(stamped, ";{name}={param}"),
            None => write!(stamped, ";{name}"),
        };
    }
    // Writing to a String cannot fail.
    let _ = write!(stamped, ";received={}", seen.ip());
    if asked {
        let _ = write!(stamped, ";rport={}", seen.port());
    }
    stamped.push_str(rest);
    stamped
}

/// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4).
pub(super) fn reply_target(request: &Message, source: Source) -> Target {
    let back = Target::from(source);
    let Some(via) = request.top_via().filter(|_| !source.transport.is_reliable()) else { return back };
    if via.rport().is_some() {
        return back;
    }
    let port = via.port.unwrap_or_else(|| source.transport.default_port());
    // `maddr` is not followed: it would let anybody point our responses at a third party.
    Target { remote: SocketAddr::new(source.remote.ip(), port), ..back }
}

pub(super) fn body_parts(body: Option<&Body>) -> Option<(&str, &[u8])> {
    body.map(|body| (&*body.content_type, &*body.bytes))
}

pub(super) fn sdp_parts(sdp: Option<&str>) -> Option<(&str, &[u8])> {
    sdp.map(|sdp| ("application/sdp", sdp.as_bytes()))
}

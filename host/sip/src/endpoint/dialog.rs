//! What both sides remember of each other (RFC 3261 §12), and where the next request goes.

use std::net::{IpAddr, SocketAddr};

use crate::message::{HeaderName, MAX_FORWARDS, Message, Scheme, Uri, trim};
use crate::network::{Source, Target, Transport};

#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) call_id: Box<str>,
    pub(super) local_tag: Box<str>,
    /// Empty until the peer gave one; stays empty with an RFC 2543 peer.
    pub(super) remote_tag: Box<str>,
    /// From of our requests, tag included.
    pub(super) local: Box<str>,
    /// To of our requests, tag included once there is one.
    pub(super) remote: Box<str>,
    pub(super) local_cseq: u32,
    pub(super) remote_cseq: Option<u32>,
    /// Request-URI of our requests: the peer's Contact.
    pub(super) remote_target: Box<str>,
    /// Route set in the order in which we write it.
    pub(super) routes: Vec<Box<str>>,
    /// Where the peer's messages came from, or where our INVITE went.
    pub(super) flow: Target,
    /// The caller's address in its Via and Contact is not the one its packets come from: only the flow leads back.
    pub(super) is_translated: bool,
    pub(super) we_called: bool,
    /// Max-Forwards of our requests.
    pub(super) hops: u8,
}

impl Dialog {
    /// The callee's side (RFC 3261 §12.1.1).
    pub(super) fn from_invite(request: &Message, source: Source, local_tag: String) -> Self {
        let to = single_line(request, HeaderName::To);
        let from = single_line(request, HeaderName::From);
        let remote_target = contact_uri(request)
            // RFC 2543 callers may leave Contact out; then From is all we have.
            .or_else(|| request.from().map(|from| from.uri_text.into()))
            .unwrap_or_default();
        Self {
            call_id: request.call_id().unwrap_or_default().into(),
            local: format!("{to};tag={local_tag}").into(),
            local_tag: local_tag.into(),
            remote_tag: request.from().and_then(|from| from.tag()).unwrap_or_default().into(),
            remote: from.into(),
            local_cseq: 0,
            remote_cseq: request.cseq().map(|cseq| cseq.number),
            remote_target,
            routes: request.list(HeaderName::RecordRoute).map(one_line).map(Box::from).collect(),
            flow: source.into(),
            is_translated: is_translated(request, source),
            we_called: false,
            hops: MAX_FORWARDS,
        }
    }

    /// A request within the dialog that may move the peer: its target, and the way to it where that is a flow.
    pub(super) fn refresh(&mut self, request: &Message, source: Source) {
        self.refresh_target(request);
        self.flow = source.into();
        self.is_translated = is_translated(request, source);
    }

    /// What a response to our INVITE tells: tag, target and route set (RFC 3261 §12.1.2).
    pub(super) fn learn(&mut self, response: &Message) {
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        if tag != &*self.remote_tag || self.remote_tag.is_empty() {
            self.remote_tag = tag.into();
            self.remote = single_line(response, HeaderName::To).into();
        }
        self.routes = response.list(HeaderName::RecordRoute).map(one_line).map(Box::from).collect();
        self.routes.reverse();
        self.refresh_target(response);
    }

    /// Target refresh (RFC 3261 §12.2).
    pub(super) fn refresh_target(&mut self, message: &Message) {
        if let Some(uri) = contact_uri(message) {
            self.remote_target = uri;
        }
    }

    /// Request-URI and Route values of the next request (RFC 3261 §12.2.1.1).
    pub(super) fn route(&self) -> (&str, Vec<&str>) {
        let Some(first) = self.routes.first() else { return (&self.remote_target, Vec::new()) };
        let uri = route_uri(first);
        if uri.as_ref().is_some_and(|uri| uri.params().has("lr")) {
            return (&self.remote_target, self.routes.iter().map(|r| &**r).collect());
        }
        // A strict router: its URI is the Request-URI, the target goes to the end of the routes.
        let inner = first.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(&**first, |(uri, _)| uri);
        let routes = self.routes[1..].iter().map(|r| &**r).collect();
        (inner, routes)
    }

    /// True where [`Dialog::route`] put the remote target aside for the last Route.
    pub(super) fn is_strictly_routed(&self) -> bool {
        self.routes.first().is_some_and(|first| !route_uri(first).is_some_and(|uri| uri.params().has("lr")))
    }

    /// Without DNS: addresses are followed, names mean the way that the dialog's messages already take.
    pub(super) fn next_hop(&self) -> Target {
        let uri = match self.routes.first() {
            Some(first) => route_uri(first),
            None => Uri::parse(&self.remote_target).ok(),
        };
        let Some(uri) = uri else { return self.flow };
        let Some(ip) = uri.ip() else { return self.flow };
        // An open stream stays in use: behind NAT there is no other way back (RFC 5923).
        if self.flow.connection.is_some() || self.is_translated || is_behind_nat(ip, self.flow.remote.ip()) {
            return self.flow;
        }
        let transport = match uri.transport() {
            // Peers on a stream seldom write so into their Contact.
            Transport::Udp if !uri.params().has("transport") => self.flow.transport,
            named @ (Transport::Udp | Transport::Tcp) => named,
            // The peer came here in the clear; the way that its messages take is the one that works.
            Transport::Tls | Transport::Ws | Transport::Wss => return self.flow,
        };
        let remote = SocketAddr::new(ip, uri.port().unwrap_or_else(|| transport.default_port()));
        Target { transport, remote, ..self.flow }
    }
}

/// A request straight from the caller (one Via) whose own idea of its address, in Via and Contact alike, is not where it came from.
fn is_translated(request: &Message, source: Source) -> bool {
    let mut vias = request.vias();
    let (Some(via), None) = (vias.next(), vias.next()) else { return false };
    let contact = request.contact().and_then(|contact| contact.uri().ok()).and_then(|uri| uri.ip());
    via.ip().is_some_and(|own| own != source.remote.ip() && contact == Some(own))
}

/// The peer writes an address that cannot be reached from where its packets come from.
fn is_behind_nat(written: IpAddr, seen: IpAddr) -> bool {
    fn is_local(ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_unspecified() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local(),
        }
    }
    written != seen && is_local(written) && (!is_local(seen) || written.is_loopback() || written.is_unspecified())
}

fn route_uri(route: &str) -> Option<Uri> {
    let inner = route.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(route, |(uri, _)| uri);
    Uri::parse(trim(inner)).ok()
}

/// The first Contact's URI without headers, which nobody may smuggle into our requests.
fn contact_uri(message: &Message) -> Option<Box<str>> {
    let uri = message.contact()?.uri().ok()?;
    matches!(uri.scheme(), Scheme::Sip | Scheme::Sips).then(|| uri.without_headers().into())
}

/// A header's text with folds replaced, fit to be written again.
pub(super) fn single_line(message: &Message, name: HeaderName) -> String {
    one_line(message.value(name).unwrap_or_default())
}

fn one_line(value: &str) -> String {
    let pieces = value.split(['\r', '\n']).map(trim).filter(|piece| !piece.is_empty());
    pieces.fold(
        String::with_capacity(value.len()),
        |line, piece| if line.is_empty() { piece.into() } else { line + " " + piece },
    )
}

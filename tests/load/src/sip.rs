//! As much SIP as a load needs: reading what a B2BUA sends to its own phones, and writing what they say.
//!
//! Written apart from the host's stack on purpose, so that an instrument never agrees with a mistake of what it measures.
//! It follows no Record-Route and knows one peer, because there is no proxy on loopback.

use std::{fmt::Write as _, net::SocketAddrV4};

/// A message as it arrived, looked at only where it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a>(&'a str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    Request { method: &'a str, uri: &'a str },
    Status(u16),
}

impl<'a> Heard<'a> {
    /// `None` for what is not text.
    pub fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Self)
    }

    pub fn start(self) -> Option<Start<'a>> {
        let line = self.0.split("\r\n").next()?;
        if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
            return rest.get(..3)?.parse().ok().map(Start::Status);
        }
        let (method, rest) = line.split_once(' ')?;
        Some(Start::Request { method, uri: rest.split(' ').next()? })
    }

    /// The values of a header, by its full and its compact name (RFC 3261 §7.3.3), in order.
    pub fn all(self, name: &'static str, compact: &'static str) -> impl Iterator<Item = &'a str> {
        let lines = self.0.split("\r\n").skip(1).take_while(|line| !line.is_empty());
        lines.filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            let key = key.trim_end();
            (key.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(compact)).then(|| value.trim())
        })
    }

    pub fn text(self) -> &'a str {
        self.0
    }

    pub fn call_id(self) -> &'a str {
        self.all("Call-ID", "i").next().unwrap_or_default()
    }

    pub fn from(self) -> &'a str {
        self.all("From", "f").next().unwrap_or_default()
    }

    pub fn to(self) -> &'a str {
        self.all("To", "t").next().unwrap_or_default()
    }

    /// Number and method.
    pub fn cseq(self) -> (&'a str, &'a str) {
        self.all("CSeq", "CSeq").next().and_then(|value| value.split_once(' ')).unwrap_or_default()
    }

    /// Where requests within the dialog go.
    pub fn contact(self) -> &'a str {
        self.all("Contact", "m").next().map(uri_of).unwrap_or_default()
    }

    /// Where the peer wants its audio: the session's `c=` and the first `m=audio`.
    pub fn audio(self) -> Option<SocketAddrV4> {
        let (_, body) = self.0.split_once("\r\n\r\n")?;
        let mut lines = body.lines();
        let ip = lines.find_map(|line| line.strip_prefix("c=IN IP4 "))?.trim().parse().ok()?;
        let media = body.lines().find_map(|line| line.strip_prefix("m=audio "))?;
        Some(SocketAddrV4::new(ip, media.split(' ').next()?.parse().ok()?))
    }
}

/// The URI in a name-addr or addr-spec.
pub fn uri_of(value: &str) -> &str {
    let inner = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri);
    inner.unwrap_or_else(|| value.split(';').next().unwrap_or_default().trim())
}

pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split(['@', ';', '>']).next().unwrap_or_default()
}

/// A request to be written.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    /// Our address, for Via and Contact.
    pub local: SocketAddrV4,
    pub branch: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    /// User part of our Contact; none is sent without it.
    pub contact: Option<&'a str>,
    /// Whole lines, each with its CR LF.
    pub more: &'a str,
    pub sdp: Option<&'a str>,
}

impl Request<'_> {
    pub fn text(&self) -> String {
        let Self { method, uri, local, branch, from, to, call_id, cseq, more, .. } = self;
        let mut text = String::with_capacity(800);
        let _ = write!(
            text,
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{more}"
        );
        if let Some(user) = self.contact {
            let _ = write!(text, "Contact: <sip:{user}@{local}>\r\n");
        }
        body(&mut text, self.sdp);
        text
    }
}

/// What goes into a reply beside what is copied from the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply<'a> {
    pub to_tag: Option<&'a str>,
    pub contact: Option<(&'a str, SocketAddrV4)>,
    pub sdp: Option<&'a str>,
}

impl Reply<'_> {
    /// `status` with its phrase: `180 Ringing`.
    pub fn text(&self, request: Heard<'_>, status: &str) -> String {
        let mut text = String::with_capacity(700);
        let _ = write!(text, "SIP/2.0 {status}\r\n");
        for via in request.all("Via", "v") {
            let _ = write!(text, "Via: {via}\r\n");
        }
        let to = request.to();
        let tag = self.to_tag.filter(|_| !to.contains(";tag=")).map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let (number, method) = request.cseq();
        let (from, call_id) = (request.from(), request.call_id());
        let _ = write!(text, "From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n");
        if let Some((user, local)) = self.contact {
            let _ = write!(text, "Contact: <sip:{user}@{local}>\r\n");
        }
        body(&mut text, self.sdp);
        text
    }
}

fn body(text: &mut String, sdp: Option<&str>) {
    let _ = match sdp {
        Some(sdp) => write!(text, "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()),
        None => write!(text, "Content-Length: 0\r\n\r\n"),
    };
}

/// Where a phone without audio says it has it: the discard port (RFC 863).
pub const NO_AUDIO: u16 = 9;

/// µ-law at 20 ms with telephone-events; inactive for a phone without audio, so that nobody plays it hold music.
pub fn sdp(audio: SocketAddrV4) -> String {
    let (ip, port) = (audio.ip(), audio.port());
    let direction = if port == NO_AUDIO { "inactive" } else { "sendrecv" };
    format!(
        "v=0\r\no=load 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_copies_what_ties_it_to_its_request_and_adds_a_tag_once() {
        let request = "INVITE sip:a1@127.0.0.3:6070 SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\n\
                       f: <sip:7@pb>;tag=1\r\nt: <sip:a1@pb>\r\ni: abc\r\nCSeq: 3 INVITE\r\nm: <sip:pb@127.0.0.1>\r\n\r\n\
                       v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 16384 RTP/AVP 0\r\n";
        let heard = Heard::from_bytes(request.as_bytes()).unwrap();
        assert_eq!(heard.start(), Some(Start::Request { method: "INVITE", uri: "sip:a1@127.0.0.3:6070" }));
        assert_eq!((heard.contact(), user_of("sip:a1@127.0.0.3:6070")), ("sip:pb@127.0.0.1", "a1"));
        assert_eq!(heard.audio(), Some("127.0.0.1:16384".parse().unwrap()));
        assert_eq!(
            Reply { to_tag: Some("u"), ..Reply::default() }.text(heard, "180 Ringing"),
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:7@pb>;tag=1\r\n\
             To: <sip:a1@pb>;tag=u\r\nCall-ID: abc\r\nCSeq: 3 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
    }
}

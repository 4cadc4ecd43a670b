//! A session description as lines: those we read are fields, all others are kept in place (RFC 8866 §5).

use std::fmt;
use std::net::IpAddr;

use crate::codec::Codec;
use crate::crypto;

/// Where a description stops being one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    pub problem: &'static str,
}

/// `o=`: who made the description, and which version of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub user: String,
    pub session: u64,
    /// Rises by one with each change (RFC 3264 §8).
    pub version: u64,
    pub address: Connection,
}

/// `IN IP4 192.0.2.1`: the address of `c=` and `o=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Address or name, without a multicast's `/ttl`.
    pub host: String,
    pub is_ipv6: bool,
}

impl Connection {
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `None` where it is no `IN IP4` or `IN IP6`.
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let is_ipv6 = match (words.next()?, words.next()?) {
            ("IN", "IP4") => false,
            ("IN", "IP6") => true,
            _ => return None,
        };
        let host = words.next()?.split('/').next().filter(|host| !host.is_empty())?;
        Some(Self { host: host.into(), is_ipv6 })
    }
}

impl From<IpAddr> for Connection {
    fn from(ip: IpAddr) -> Self {
        Self { host: ip.to_string(), is_ipv6: ip.is_ipv6() }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IN {} {}", if self.is_ipv6 { "IP6" } else { "IP4" }, self.host)
    }
}

/// Who sends, seen from the description's author (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    #[default]
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendReceive => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn from_attribute(attribute: &str) -> Option<Self> {
        [Self::SendReceive, Self::SendOnly, Self::ReceiveOnly, Self::Inactive]
            .into_iter()
            .find(|d| d.as_str() == attribute)
    }

    pub fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }

    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendReceive,
            (true, false) => Self::SendOnly,
            (false, true) => Self::ReceiveOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same seen from the other side.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self::new(self.receives(), self.sends())
    }
}

/// A whole description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub origin: Origin,
    /// `c=` for all media without their own.
    pub connection: Option<Connection>,
    /// Every other line before the first `m=`, as `(type, value)` in order; `v=` and `o=` left out.
    pub lines: Vec<(char, String)>,
    pub media: Vec<Media>,
}

/// One `m=` and the lines below it. Its `Debug` withholds keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `application`…
    pub kind: String,
    /// 0 where the stream is refused or over.
    pub port: u16,
    /// `/2` after the port, kept as written.
    pub port_count: Option<String>,
    /// `RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF`…
    pub protocol: String,
    /// Payload types for RTP, in order of preference; other words for other protocols.
    pub formats: Vec<String>,
    pub connection: Option<Connection>,
    /// `i=`, `b=`, `k=` and unknown lines.
    pub lines: Vec<(char, String)>,
    /// `a=` without the letter, in order: `rtpmap:8 PCMA/8000`.
    pub attributes: Vec<String>,
}

impl Session {
    /// Tolerates missing `s=` and `t=`, lone LF, blank lines at the end and any unknown line.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut origin = None;
        let mut session =
            Self { origin: Origin::placeholder(), connection: None, lines: Vec::new(), media: Vec::new() };
        let mut has_version = false;
        for (index, line) in text.split('\n').enumerate() {
            let problem = |problem| SyntaxError { line: index + 1, problem };
            let line = line.trim_end_matches(['\r', ' ']);
            if line.is_empty() {
                continue;
            }
            let mut characters = line.chars();
            let (Some(kind), Some('=')) = (characters.next(), characters.next()) else {
                return Err(problem("not of the form x=value"));
            };
            let value = characters.as_str();
            if !has_version {
                if (kind, value.trim()) != ('v', "0") {
                    return Err(problem("description does not begin with v=0"));
                }
                has_version = true;
                continue;
            }
            if session.media.len() == MAX_MEDIA && kind == 'm' {
                return Err(problem("more media than anybody needs"));
            }
            if index >= MAX_LINES {
                return Err(problem("more lines than anybody needs"));
            }
            match (kind, session.media.last_mut()) {
                ('m', _) => session.media.push(Media::parse(value).ok_or_else(|| problem("not a media line"))?),
                ('o', None) => {
                    origin = Some(Origin::parse(value).ok_or_else(|| problem("not an origin"))?);
                }
                ('c', None) => {
                    session.connection =
                        Some(Connection::parse(value).ok_or_else(|| problem("not an internet address"))?);
                }
                ('c', Some(media)) => {
                    media.connection =
                        Some(Connection::parse(value).ok_or_else(|| problem("not an internet address"))?);
                }
                ('a', Some(media)) => media.attributes.push(value.into()),
                (_, Some(media)) => media.lines.push((kind, value.into())),
                (_, None) => session.lines.push((kind, value.into())),
            }
        }
        if !has_version {
            return Err(SyntaxError { line: 1, problem: "description does not begin with v=0" });
        }
        session.origin = origin.ok_or(SyntaxError { line: 1, problem: "no o= line" })?;
        Ok(session)
    }

    /// Where to send to for this media; `None` where neither level says.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The media's own direction, else the session's, else both ways.
    pub fn direction_of(&self, media: &Media) -> Direction {
        let own = media.attributes.iter().find_map(|a| Direction::from_attribute(a));
        let session = || {
            self.lines.iter().filter(|(kind, _)| *kind == 'a').find_map(|(_, value)| Direction::from_attribute(value))
        };
        own.or_else(session).unwrap_or_default()
    }

    /// Nothing changed but the origin's version.
    pub fn is_same_but_version(&self, other: &Self) -> bool {
        self.connection == other.connection && self.lines == other.lines && self.media == other.media
    }
}

/// More `m=` lines than this are an attack, not a call.
const MAX_MEDIA: usize = 32;
/// A browser with its candidates writes some hundreds.
const MAX_LINES: usize = 2_048;

impl Origin {
    fn placeholder() -> Self {
        Self {
            user: "-".into(),
            session: 0,
            version: 0,
            address: Connection { host: "0.0.0.0".into(), is_ipv6: false },
        }
    }

    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let user = words.next()?.into();
        // Some peers write more digits than fit; only equality matters to us.
        let number = |word: &str| {
            word.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| word.bytes().fold(0_u64, |n, b| n.wrapping_mul(10).wrapping_add(u64::from(b - b'0'))))
        };
        let session = number(words.next()?)?;
        let version = number(words.next()?)?;
        let rest: Vec<&str> = words.collect();
        let address = Connection::parse(&rest.join(" "))?;
        Some(Self { user, session, version, address })
    }
}

impl Media {
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let kind = words.next()?.into();
        let port = words.next()?;
        let (port, port_count) = match port.split_once('/') {
            Some((port, count)) => (port, Some(count.to_owned())),
            None => (port, None),
        };
        let port = port.parse().ok()?;
        let protocol = words.next()?.into();
        Some(Self {
            kind,
            port,
            port_count,
            protocol,
            formats: words.map(str::to_owned).collect(),
            connection: None,
            lines: Vec::new(),
            attributes: Vec::new(),
        })
    }

    /// The value of the first `a=name:value`; `Some("")` for a bare `a=name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| match attribute.split_once(':') {
            Some((n, value)) => (n == name).then_some(value),
            None => (attribute == name).then_some(""),
        })
    }

    /// The formats of the `m=` line that we can name, in order: by `a=rtpmap`, else by RFC 3551.
    pub fn codecs(&self) -> Vec<Codec> {
        // Each number once: it means one thing, and the same written ten thousand times must not cost as many searches.
        let mut seen = [false; 128];
        self.formats
            .iter()
            .filter_map(|format| format.parse::<u8>().ok().filter(|number| *number < 128))
            .filter(|number| !std::mem::replace(&mut seen[usize::from(*number)], true))
            .filter_map(|number| {
                let of = |name: &str| {
                    self.attributes.iter().find_map(|attribute| {
                        let (word, rest) = attribute.strip_prefix(name)?.strip_prefix(':')?.trim().split_once(' ')?;
                        (word.parse() == Ok(number)).then_some(rest.trim())
                    })
                };
                let mut codec = match of("rtpmap") {
                    Some(map) => Codec::from_rtpmap(number, map),
                    None => Codec::of_static(number),
                }?;
                codec.fmtp = of("fmtp").map(str::to_owned);
                Some(codec)
            })
            .collect()
    }
}

impl fmt::Display for Session {
    /// With CR LF, and with `s=` and `t=` where they were missing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { user, session, version, address } = &self.origin;
        write!(f, "v=0\r\no={user} {session} {version} {address}\r\n")?;
        let first = |kind: char| self.lines.iter().filter(move |(k, _)| *k == kind);
        match first('s').next() {
            Some((_, name)) => write!(f, "s={name}\r\n")?,
            None => f.write_str("s=-\r\n")?,
        }
        // RFC 8866 §5 fixes the order; unknown letters go last before the attributes.
        for kind in ['i', 'u', 'e', 'p'] {
            write_lines(f, first(kind))?;
        }
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        write_lines(f, first('b'))?;
        if first('t').next().is_none() {
            f.write_str("t=0 0\r\n")?;
        }
        write_lines(f, self.lines.iter().filter(|(k, _)| matches!(k, 't' | 'r')))?;
        write_lines(f, self.lines.iter().filter(|(k, _)| !"siuepbtra".contains(*k)))?;
        write_lines(f, first('a'))?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

fn write_lines<'a>(f: &mut fmt::Formatter<'_>, lines: impl Iterator<Item = &'a (char, String)>) -> fmt::Result {
    for (kind, value) in lines {
        write!(f, "{kind}={value}\r\n")?;
    }
    Ok(())
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, port, port_count, protocol, formats, connection, lines, attributes } = self;
        // `k=` held a key before there was `a=crypto` (RFC 4566 §5.12).
        let lines: Vec<_> = lines.iter().filter(|(kind, _)| *kind != 'k').collect();
        let attributes: Vec<_> = attributes.iter().map(|attribute| crypto::without_key(attribute)).collect();
        f.debug_struct("Media")
            .field("kind", kind)
            .field("port", port)
            .field("port_count", port_count)
            .field("protocol", protocol)
            .field("formats", formats)
            .field("connection", connection)
            .field("lines", &lines)
            .field("attributes", &attributes)
            .finish()
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind, self.port)?;
        if let Some(count) = &self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.protocol)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        write_lines(f, self.lines.iter().filter(|(k, _)| *k == 'i'))?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        write_lines(f, self.lines.iter().filter(|(k, _)| *k != 'i'))?;
        for attribute in &self.attributes {
            write!(f, "a={attribute}\r\n")?;
        }
        Ok(())
    }
}

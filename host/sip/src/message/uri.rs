//! URIs: sip, sips and tel read, all others kept (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::text::{Params, unescape};
use crate::network::Transport;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// `isbn:`, `http:`…: kept as it came.
    Other,
}

/// A URI as it was written, with its parts marked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri {
    text: Box<str>,
    scheme: Scheme,
    /// End of the user part within the text, without password; for `tel` of the number. Zero where there is none.
    user_end: u32,
    /// Begin and end of the host; equal where there is none.
    host: (u32, u32),
    port: Option<u16>,
    /// Where `;…` begins; headers begin at `?`.
    params: u32,
    headers: u32,
}

/// Why a text is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    #[error("no scheme before a colon")]
    Scheme,
    #[error("a character that no URI may hold at byte {0}")]
    Character(usize),
    #[error("no host, or one that is neither name nor address")]
    Host,
    #[error("port is not a number up to 65535")]
    Port,
}

impl Uri {
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let colon = text.find(':').ok_or(UriError::Scheme)?;
        let name = &text[..colon];
        let is_scheme = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme || text.len() > 65_535 {
            return Err(UriError::Scheme);
        }
        if let Some(at) = text.bytes().position(|b| b <= b' ' || b == 0x7f || matches!(b, b'<' | b'>' | b'"')) {
            return Err(UriError::Character(at));
        }
        let scheme = match name {
            _ if name.eq_ignore_ascii_case("sip") => Scheme::Sip,
            _ if name.eq_ignore_ascii_case("sips") => Scheme::Sips,
            _ if name.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => Scheme::Other,
        };
        let begin = colon + 1;
        let end = text.len();
        let at = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        match scheme {
            Scheme::Other => Ok(Self {
                text: text.into(),
                scheme,
                user_end: 0,
                host: (0, 0),
                port: None,
                params: at(end),
                headers: at(end),
            }),
            Scheme::Tel => {
                let params = text.find(';').unwrap_or(end);
                if params == begin {
                    return Err(UriError::Host);
                }
                Ok(Self {
                    text: text.into(),
                    scheme,
                    user_end: at(params),
                    host: (0, 0),
                    port: None,
                    params: at(params),
                    headers: at(end),
                })
            }
            Scheme::Sip | Scheme::Sips => {
                let (user_end, host_begin) = match text[begin..].find('@') {
                    Some(sign) => {
                        let user = &text[begin..begin + sign];
                        (begin + user.find(':').unwrap_or(sign), begin + sign + 1)
                    }
                    None => (0, begin),
                };
                let rest = &text[host_begin..];
                let host_port_end = host_begin + rest.find([';', '?']).unwrap_or(rest.len());
                let (host, port) = split_host_port(&text[host_begin..host_port_end])?;
                let headers = text[host_port_end..].find('?').map_or(end, |at| host_port_end + at);
                Ok(Self {
                    scheme,
                    user_end: at(user_end),
                    host: (at(host_begin), at(host_begin + host.len())),
                    port,
                    params: at(host_port_end),
                    headers: at(headers),
                    text: text.into(),
                })
            }
        }
    }

    fn slice(&self, begin: u32, end: u32) -> &str {
        &self.text[begin as usize..end as usize]
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Before the first colon, as written.
    pub fn scheme_name(&self) -> &str {
        self.text.split(':').next().unwrap_or_default()
    }

    /// The user part with its escapes, or the number of a `tel`.
    pub fn user(&self) -> Option<&str> {
        let begin = self.scheme_name().len() + 1;
        (self.user_end as usize >= begin).then(|| &self.text[begin..self.user_end as usize])
    }

    /// The user part with its escapes undone.
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user().map(unescape)
    }

    /// Name or address, IPv6 in brackets; empty for `tel` and unknown schemes.
    pub fn host(&self) -> &str {
        self.slice(self.host.0, self.host.1)
    }

    /// The host where it is an address.
    pub fn ip(&self) -> Option<IpAddr> {
        parse_ip(self.host())
    }

    pub fn port(&self) -> Option<u16> {
        self.port
    }

    pub fn params(&self) -> Params<'_> {
        Params::from_text(self.slice(self.params, self.headers))
    }

    /// `?name=value&…` without the question mark, escapes kept.
    pub fn headers(&self) -> &str {
        self.slice(self.headers, self.text.len() as u32).trim_start_matches('?')
    }

    /// One header of the URI, escapes undone.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(n, _)| unescape(n).eq_ignore_ascii_case(name))
            .map(|(_, value)| unescape(value))
    }

    /// The URI without its headers, as it stands in a Request-URI.
    pub fn without_headers(&self) -> &str {
        self.slice(0, self.headers)
    }

    /// As the transport parameter says; TLS for `sips`, else UDP (RFC 3263 §4.1 without DNS).
    pub fn transport(&self) -> Transport {
        let named = self.params().get("transport").and_then(Transport::from_name);
        match (self.scheme, named) {
            (Scheme::Sips, None | Some(Transport::Tcp)) => Transport::Tls,
            (Scheme::Sips, Some(Transport::Ws)) => Transport::Wss,
            (_, Some(transport)) => transport,
            (_, None) => Transport::Udp,
        }
    }

    /// Same resource by RFC 3261 §19.1.4: user with case, host without, same port, and the parameters that both or that count.
    pub fn is_same_as(&self, other: &Self) -> bool {
        if matches!(self.scheme, Scheme::Other | Scheme::Tel) {
            return self.text == other.text;
        }
        let counting = ["user", "ttl", "method", "maddr", "transport"];
        let agrees = |a: &Self, b: &Self| {
            a.params().iter().all(|(name, value)| match b.params().get(name) {
                Some(theirs) => value.unwrap_or_default().eq_ignore_ascii_case(theirs),
                None => !counting.iter().any(|c| c.eq_ignore_ascii_case(name)),
            })
        };
        self.scheme == other.scheme
            && self.user_decoded() == other.user_decoded()
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port == other.port
            && agrees(self, other)
            && agrees(other, self)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address with or without brackets.
pub(crate) fn parse_ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// `host`, `host:5060`, `[2001:db8::1]:5060`.
pub(crate) fn split_host_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let host_end = match text.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or(UriError::Host)? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(host_end);
    let is_name =
        |h: &str| h.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_') || b >= 0x80);
    if host.is_empty() || !(if host.starts_with('[') { parse_ip(host).is_some() } else { is_name(host) }) {
        return Err(UriError::Host);
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((host, Some(digits.parse().map_err(|_| UriError::Port)?)))
        }
        _ => Err(UriError::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, String, Option<IpAddr>, Option<u16>, String) {
        let uri = Uri::parse(text).unwrap();
        let params = uri.params().as_str().to_owned();
        (uri.user().map(str::to_owned), uri.host().to_owned(), uri.ip(), uri.port(), params)
    }

    #[test]
    fn address_in_brackets_keeps_its_colons_to_itself() {
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let wanted = (Some("a".into()), "[2001:db8::1]".into(), Some(ip), Some(5_070), ";x".into());
        assert_eq!(parts("sip:a@[2001:db8::1]:5070;x"), wanted);
        let refused = ["sip:a@2001:db8::1", "sip:a@[2001:db8::1", "sip:a@[2001:db8::g]", "sip:a@[2001:db8::1]5070"];
        assert!(refused.into_iter().all(|text| Uri::parse(text).is_err()));
    }

    /// RFC 3966 §3.
    #[test]
    fn telephone_number_is_the_user_and_has_no_host() {
        assert_eq!(parts("tel:+4930;ext=2"), (Some("+4930".into()), String::new(), None, None, ";ext=2".into()));
        assert_eq!(Uri::parse("tel:+4930;ext=2").unwrap().params().get("ext"), Some("2"));
    }
}

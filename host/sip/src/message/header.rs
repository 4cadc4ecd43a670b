//! Typed readers of single header values. They borrow, and never change what was written.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::text::{Params, find_outside, is_space, is_token, saturating_number, trim, unquote};
use super::uri::{Uri, parse_ip, split_host_port};
use crate::method::Method;
use crate::network::Transport;

/// A value that its header's grammar does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header value breaks its grammar")]
pub struct ValueError;

/// `"Name" <uri>;params` as in From, To, Contact, Route and Refer-To (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Without quotes and escapes; empty where there is none.
    pub display: Cow<'a, str>,
    /// Between the angle brackets, not read yet.
    pub uri_text: &'a str,
    /// The header's parameters, not the URI's.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    pub fn parse(value: &'a str) -> Result<Self, ValueError> {
        let value = trim(value);
        let (display, rest) = match value.strip_prefix('"') {
            Some(after) => {
                let close = closing_quote(after).ok_or(ValueError)?;
                (unquote(&value[..close + 2]), trim(&after[close + 1..]))
            }
            None => match value.find('<') {
                Some(open) if !value[..open].contains(['"', ',', ';']) => {
                    (Cow::Borrowed(trim(&value[..open])), &value[open..])
                }
                Some(_) => return Err(ValueError),
                None => return Self::parse_bare(value),
            },
        };
        let inner = rest.strip_prefix('<').ok_or(ValueError)?;
        let close = inner.find('>').ok_or(ValueError)?;
        let uri_text = &inner[..close];
        let params = Params::from_text(trim(&inner[close + 1..]));
        if uri_text.is_empty() || uri_text.bytes().any(is_space) || !params_begin_well(params) {
            return Err(ValueError);
        }
        Ok(Self { display, uri_text, params })
    }

    /// Without angle brackets every parameter is the header's, and `?` or `,` may not occur (RFC 3261 §20).
    fn parse_bare(value: &'a str) -> Result<Self, ValueError> {
        let (uri, params) = value.split_at(value.find(';').unwrap_or(value.len()));
        let uri_text = trim(uri);
        let params = Params::from_text(params);
        if uri_text.is_empty()
            || uri_text.contains(['?', ','])
            || uri_text.bytes().any(is_space)
            || !params_begin_well(params)
        {
            return Err(ValueError);
        }
        Ok(Self { display: Cow::Borrowed(""), uri_text, params })
    }

    pub fn uri(&self) -> Result<Uri, ValueError> {
        Uri::parse(self.uri_text).map_err(|_| ValueError)
    }

    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

fn params_begin_well(params: Params<'_>) -> bool {
    (params.as_str().is_empty() || params.as_str().starts_with(';')) && params.are_well_formed()
}

fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// One hop of a Via header (RFC 3261 §20.42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `SCTP`…, as written.
    pub transport_name: &'a str,
    /// Name or address; IPv6 in brackets.
    pub host: &'a str,
    pub port: Option<u16>,
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    pub fn parse(value: &'a str) -> Result<Self, ValueError> {
        let value = trim(value);
        let (name, rest) = value.split_once('/').ok_or(ValueError)?;
        let (version, rest) = rest.split_once('/').ok_or(ValueError)?;
        let rest = trim(rest);
        let (transport_name, rest) = rest.split_once([' ', '\t', '\r', '\n']).ok_or(ValueError)?;
        if !trim(name).eq_ignore_ascii_case("SIP") || !is_token(trim(version)) || !is_token(transport_name) {
            return Err(ValueError);
        }
        let (sent_by, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let sent_by = trim(sent_by);
        let params = Params::from_text(params);
        // White space may stand around the colon of the port.
        let (host, port) = match split_host_port(sent_by) {
            Ok(parts) => parts,
            Err(_) => {
                let (host, port) = sent_by.rsplit_once(':').ok_or(ValueError)?;
                let (host, none) = split_host_port(trim(host)).map_err(|_| ValueError)?;
                let port = trim(port).parse().map_err(|_| ValueError)?;
                if none.is_some() {
                    return Err(ValueError);
                }
                (host, Some(port))
            }
        };
        let empty_is_fine = |name: &str| name.eq_ignore_ascii_case("rport");
        let well_formed =
            params.iter().all(|(name, value)| is_token(name) && (value != Some("") || empty_is_fine(name)));
        if !params.as_str().is_empty() && !well_formed {
            return Err(ValueError);
        }
        Ok(Self { transport_name, host, port, params })
    }

    /// `None` for a transport that we do not speak.
    pub fn transport(&self) -> Option<Transport> {
        Transport::from_name(self.transport_name)
    }

    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch")
    }

    /// The branch where it is unique as RFC 3261 §8.1.1.7 promises; `None` for RFC 2543 and a bare cookie.
    pub fn unique_branch(&self) -> Option<&'a str> {
        self.branch().filter(|b| b.len() > 7 && b.get(..7).is_some_and(|c| c.eq_ignore_ascii_case("z9hG4bK")))
    }

    pub fn received(&self) -> Option<IpAddr> {
        self.params.get("received").and_then(parse_ip)
    }

    /// `Some(None)` asks for it, `Some(Some(port))` holds it (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|port| port.parse().ok())
    }

    pub fn ip(&self) -> Option<IpAddr> {
        parse_ip(self.host)
    }
}

/// CSeq: a number below 2³¹ and the method (RFC 3261 §8.1.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

impl CSeq {
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = trim(value);
        let (digits, method) = value.split_once([' ', '\t', '\r', '\n']).ok_or(ValueError)?;
        let method = trim(method);
        let number = saturating_number(digits).filter(|n| *n < 1 << 31).ok_or(ValueError)?;
        if !is_token(method) {
            return Err(ValueError);
        }
        Ok(Self { number, method: Method::from_token(method) })
    }
}

/// Contact: one address, or `*` to remove all (RFC 3261 §10.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    All,
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    pub fn parse(value: &'a str) -> Result<Self, ValueError> {
        if trim(value) == "*" {
            return Ok(Self::All);
        }
        NameAddr::parse(value).map(Self::Address)
    }
}

/// Preference in thousandths, 1000 where none is written; `None` where it is no qvalue.
pub(crate) fn q_thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = format!("{part:0<3}").parse::<u16>().ok()?;
    match (whole, part) {
        ("0" | "", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// A dialog named by Replaces (RFC 3891), as the receiver sees it: `to_tag` is the receiver's own tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: String,
    pub to_tag: String,
    pub from_tag: String,
    pub early_only: bool,
}

impl Replaces {
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = trim(value);
        let (call_id, params) = value.split_at(value.find(';').ok_or(ValueError)?);
        let params = Params::from_text(params);
        let tag = |name| params.get(name).filter(|t| !t.is_empty()).map(str::to_owned).ok_or(ValueError);
        let call_id = trim(call_id);
        if call_id.is_empty() {
            return Err(ValueError);
        }
        Ok(Self {
            call_id: call_id.into(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

/// Why a request was sent (RFC 3326): `Q.850;cause=16;text="Normal"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub protocol: String,
    pub cause: Option<u16>,
    pub text: Option<String>,
}

impl Reason {
    /// A cause of ITU-T Q.850: 16 normal clearing, 17 busy, 19 no answer…
    pub fn q850(cause: u16) -> Self {
        Self { protocol: "Q.850".into(), cause: Some(cause), text: None }
    }

    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let value = trim(value);
        let (protocol, params) = value.split_at(find_outside(value, b';').unwrap_or(value.len()));
        let params = Params::from_text(params);
        let protocol = trim(protocol);
        if !is_token(protocol) {
            return Err(ValueError);
        }
        Ok(Self {
            protocol: protocol.into(),
            cause: params.get("cause").and_then(|c| c.parse().ok()),
            text: params.get("text").map(|t| unquote(t).into_owned()),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            f.write_str(";text=\"")?;
            for character in text.chars() {
                if matches!(character, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{character}")?;
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}

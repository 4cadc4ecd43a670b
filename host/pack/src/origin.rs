//! Where a component may send requests: scheme, host and port, as RFC 6454 §4 has it, with `*.` for all names below a domain.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `https://crm.example.com`, `https://*.example.com:8443`, `http://10.0.0.5:8080`.
///
/// Host names are ASCII in lower case; others are written as IDNA has them (`xn--…`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Https,
    /// Not encrypted.
    Http,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    Name(String),
    /// Every name below this one, at any depth, and not the name itself.
    Below(String),
    Address(IpAddr),
}

/// Why this is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("it begins with neither https:// nor http://")]
    Scheme,
    #[error("it has a path, a user or a query; an origin ends with its host or port")]
    More,
    #[error("its host is no name and no address")]
    Host,
    #[error("`*` stands for whole labels at the begin, with at least two labels behind it")]
    Wildcard,
    #[error("its port is no number from 1 to 65535")]
    Port,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

impl Origin {
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether all that `other` stands for is meant by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        let hosts = match (&self.host, &other.host) {
            (Host::Below(domain), Host::Name(name)) => is_below(name, domain),
            (Host::Below(domain), Host::Below(name)) => name == domain || is_below(name, domain),
            (ours, theirs) => ours == theirs,
        };
        hosts && self.scheme == other.scheme && self.port == other.port
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|before| before.ends_with('.'))
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Scheme::Https, rest),
            (None, Some(rest)) => (Scheme::Http, rest),
            (None, None) => return Err(OriginError::Scheme),
        };
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(OriginError::More);
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or(OriginError::Host)?;
                let address = address.parse().map(IpAddr::V6).map_err(|_| OriginError::Host)?;
                (Host::Address(address), port(after, scheme)?)
            }
            None => {
                let (name, after) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
                (host(name)?, port(after, scheme)?)
            }
        };
        Ok(Self { scheme, host, port })
    }
}

/// `after`: empty or `:8443`.
fn port(after: &str, scheme: Scheme) -> Result<u16, OriginError> {
    if after.is_empty() {
        return Ok(scheme.default_port());
    }
    let digits = after.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let port = digits.and_then(|digits| digits.parse().ok());
    port.filter(|port| *port > 0).ok_or(OriginError::Port)
}

fn host(text: &str) -> Result<Host, OriginError> {
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let name = text.to_ascii_lowercase();
    let (below, name) = name.strip_prefix("*.").map_or((false, name.as_str()), |name| (true, name));
    if name.contains('*') {
        return Err(OriginError::Wildcard);
    }
    let label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(OriginError::Host);
    }
    // Resolvers read `127.1` and `0x7f000001` as addresses; a name of DNS never ends like that.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(OriginError::Host);
    }
    match below {
        true if !name.contains('.') => Err(OriginError::Wildcard),
        true => Ok(Host::Below(name.to_owned())),
        false => Ok(Host::Name(name.to_owned())),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scheme {
            Scheme::Https => "https://",
            Scheme::Http => "http://",
        })?;
        match &self.host {
            Host::Name(name) => f.write_str(name),
            Host::Below(name) => write!(f, "*.{name}"),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_that_a_resolver_reads_otherwise() {
        let texts = [
            "https://CRM.example.com",
            "https://crm.example.com:443",
            "http://crm.lan:8080",
            "https://*.example.com",
            "https://*.com",
            "https://*",
            "https://a.*.com",
            "https://10.0.0.5",
            "https://[2001:db8::1]:8443",
            "https://[::1",
            "https://127.1",
            "https://0x7f000001",
            "https://2130706433",
            "https://a b",
            "https://crm.example.com/",
            "https://user@crm.example.com",
            "https://crm.example.com:",
            "https://crm.example.com:0",
            "https://crm.example.com:99999",
            "https://crm.example.com:+80",
            "https://crm.example.com.",
            "https://客服.example.com",
            "https://",
            "ftp://crm.example.com",
            "crm.example.com",
        ];
        let shown = |text: &&str| match text.parse::<Origin>() {
            Ok(origin) => format!("{text} is {origin}\n"),
            Err(error) => format!("{text}: {error}\n"),
        };
        expect![[r#"
            https://CRM.example.com is https://crm.example.com
            https://crm.example.com:443 is https://crm.example.com
            http://crm.lan:8080 is http://crm.lan:8080
            https://*.example.com is https://*.example.com
            https://*.com: `*` stands for whole labels at the begin, with at least two labels behind it
            https://*: `*` stands for whole labels at the begin, with at least two labels behind it
            https://a.*.com: `*` stands for whole labels at the begin, with at least two labels behind it
            https://10.0.0.5 is https://10.0.0.5
            https://[2001:db8::1]:8443 is https://[2001:db8::1]:8443
            https://[::1: its host is no name and no address
            https://127.1: its host is no name and no address
            https://0x7f000001: its host is no name and no address
            https://2130706433: its host is no name and no address
            https://a b: its host is no name and no address
            https://crm.example.com/: it has a path, a user or a query; an origin ends with its host or port
            https://user@crm.example.com: it has a path, a user or a query; an origin ends with its host or port
            https://crm.example.com:: its port is no number from 1 to 65535
            https://crm.example.com:0: its port is no number from 1 to 65535
            https://crm.example.com:99999: its port is no number from 1 to 65535
            https://crm.example.com:+80: its port is no number from 1 to 65535
            https://crm.example.com.: its host is no name and no address
            https://客服.example.com: its host is no name and no address
            https://: its host is no name and no address
            ftp://crm.example.com: it begins with neither https:// nor http://
            crm.example.com: it begins with neither https:// nor http://
        "#]]
        .assert_eq(&texts.iter().map(shown).collect::<String>());
    }

    #[test]
    fn a_wildcard_covers_names_below_its_domain_on_the_same_scheme_and_port() {
        let all: Origin = "https://*.example.com".parse().unwrap();
        let covered = [
            "https://crm.example.com",
            "https://a.b.example.com",
            "https://*.example.com",
            "https://*.b.example.com",
            "https://example.com",
            "https://badexample.com",
            "https://crm.example.com:8443",
            "http://crm.example.com",
        ]
        .map(|text| all.covers(&text.parse().unwrap()));
        assert_eq!(covered, [true, true, true, true, false, false, false, false]);
    }
}

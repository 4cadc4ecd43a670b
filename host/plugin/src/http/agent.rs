//! Connections: only to addresses that were judged, and only for one plugin in one tenant.

use std::{io, sync::OnceLock, time::Duration};

use ureq::{
    Agent,
    config::Config,
    http::Uri,
    tls::{RootCerts, TlsConfig},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use super::{
    Authorities,
    address::{Network, network},
    authorities, failure, timed_out,
};
use crate::bindings::http::{Failure, FailureCode};

/// Bytes of a response's head.
const RESPONSE_HEAD: usize = 64 * 1024;

/// One for each kind of network that may be reached: they share no connection.
#[derive(Default)]
pub(crate) struct Agents([OnceLock<Agent>; 3]);

impl Agents {
    /// One that connects to addresses of `most` and of what is less close.
    pub(crate) fn reaching(&self, most: Network, authorities: Option<&Authorities>) -> &Agent {
        let place = match most {
            Network::Public | Network::Never => 0,
            Network::Private => 1,
            Network::Loopback => 2,
        };
        self.0[place].get_or_init(|| agent(most, authorities))
    }
}

fn agent(most: Network, authorities: Option<&Authorities>) -> Agent {
    let roots = match authorities {
        Some(authorities) if matches!(most, Network::Private | Network::Loopback) => authorities.roots(),
        _ => RootCerts::WebPki,
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Each hop is judged by us.
        .max_redirects(0)
        .max_redirects_will_error(false)
        // The environment of this process is not the tenant's.
        .proxy(None)
        .user_agent(concat!("plugboard/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(RESPONSE_HEAD)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .max_idle_age(Duration::from_secs(10))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Judged { most })
}

#[derive(Debug, thiserror::Error)]
#[error("an address that is not granted")]
struct AddressNotGranted;

/// Resolves a name and refuses all of it where one address is not granted: what is connected to is what was judged.
#[derive(Debug)]
struct Judged {
    most: Network,
}

impl Resolver for Judged {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout).map_err(|error| match error {
            // The operating system resolves; its reasons are of no use to a plugin.
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            other => other,
        })?;
        if found.iter().any(|address| network(address.ip()) > self.most || network(address.ip()) == Network::Never) {
            return Err(ureq::Error::Other(Box::new(AddressNotGranted)));
        }
        Ok(found)
    }
}

/// The library's reasons in the contract's words. No address of the host's own network gets into a message.
pub(super) fn refused(error: &ureq::Error) -> Failure {
    use ureq::Error;
    let (code, message, retryable) = match error {
        Error::Other(why) if why.is::<AddressNotGranted>() => {
            let message = "the name stands for an address that is not on the open internet".to_owned();
            (FailureCode::PrivateAddress, message, false)
        }
        Error::HostNotFound => (FailureCode::NoSuchHost, "there is no such name".to_owned(), true),
        Error::Timeout(_) => return timed_out(),
        Error::BodyExceedsLimit(most) => (FailureCode::TooLarge, format!("more than {most} bytes"), false),
        Error::LargeResponseHeader(..) => {
            (FailureCode::TooLarge, "the head of the response is too long".to_owned(), false)
        }
        Error::Tls(why) => (FailureCode::Tls, (*why).to_owned(), false),
        Error::Rustls(why) => {
            (FailureCode::Tls, authorities::told(why).map_or_else(|| why.to_string(), Into::into), false)
        }
        // How a handshake that fails comes through the stream.
        Error::Io(why) if why.kind() == io::ErrorKind::InvalidData => {
            (FailureCode::Tls, authorities::told_by(why).map_or_else(|| why.to_string(), Into::into), false)
        }
        Error::Io(why) if why.kind() == io::ErrorKind::TimedOut => return timed_out(),
        Error::Io(_) | Error::ConnectionFailed => (FailureCode::Unreachable, "nobody answers there".to_owned(), true),
        Error::BadUri(why) => (FailureCode::BadRequest, why.clone(), false),
        Error::Http(why) => (FailureCode::BadRequest, why.to_string(), false),
        other => (FailureCode::Protocol, other.to_string(), false),
    };
    failure(code, message, retryable)
}

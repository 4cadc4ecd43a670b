//! What all exchanges of the process share, and what is said of it to others.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use plugboard_config::{Digest, ProcessConfig};
use plugboard_exchange::{Exchange, Memory, Settings};
use plugboard_model::{Configuration, TenantId, Timestamp};
use plugboard_sip as sip;
use plugboard_transport::sip_sockets::Listeners;

use super::{Folders, StartError};
use crate::{host::TenantParts, signalling::Tenant};

/// What all exchanges of the process share.
pub(super) struct Base {
    recordings: PathBuf,
    host: String,
    advertised: Vec<(sip::Transport, sip::HostPort)>,
    digest: Vec<sip::digest::Algorithm>,
}

impl Base {
    pub(super) fn new(config: &ProcessConfig, folders: &Folders, bound: &Listeners) -> Result<Self, StartError> {
        let mut named = Vec::new();
        for (transport, listeners) in by_transport(bound) {
            if let Some(listener) = listeners.first() {
                let address = SocketAddr::new(advertised(config, Some(listener)), listener.port());
                named.push((transport, sip::HostPort::from(address)));
            }
        }
        let host = named.first().map_or_else(|| "localhost".to_owned(), |(_, host)| host.to_string());
        let algorithm = |name: &Digest| match name {
            Digest::Sha256 => sip::digest::Algorithm::Sha256,
            Digest::Md5 => sip::digest::Algorithm::Md5,
        };
        let digest = config.sip.digest.iter().map(algorithm).collect();
        Ok(Self { recordings: folders.recordings.clone(), host, advertised: named, digest })
    }

    pub(super) fn listeners(bound: &Listeners) -> Vec<plugboard_api::Listener> {
        let all = by_transport(bound).into_iter();
        all.flat_map(|(transport, addresses)| addresses.iter().map(move |address| (transport, *address)))
            .map(|(transport, address)| {
                let ip = if address.ip().is_unspecified() { own_address() } else { address.ip() };
                let transport = transport.name().to_ascii_lowercase();
                plugboard_api::Listener { transport, address: SocketAddr::new(ip, address.port()) }
            })
            .collect()
    }

    pub(super) fn tenant(
        &self,
        now: Timestamp,
        configuration: &Arc<Configuration>,
        parts: &TenantParts,
        (last_id, memory): (u64, Memory),
        index: usize,
    ) -> Result<Tenant, StartError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| StartError::Random)?;
        let tenant: &TenantId = &configuration.tenant;
        let settings = Settings {
            tenant: tenant.clone(),
            token: format!("pb{index}x"),
            host: configuration.domains.first().cloned().unwrap_or_else(|| self.host.clone()),
            advertised: self.advertised.clone(),
            recordings: self.recordings.join(tenant.as_str()),
            hold_music: None,
            last_id,
            last_seq: parts.durable().seq(),
            seed: random_seed()?,
            secret,
            digest: self.digest.clone(),
        };
        let exchange = Exchange::new(now, settings, Arc::clone(configuration)).remembering(memory);
        Ok(Tenant::new(exchange, tenant.clone(), Arc::clone(parts.durable()), parts.events().clone()))
    }
}

fn by_transport(bound: &Listeners) -> [(sip::Transport, &[SocketAddr]); 5] {
    let Listeners { udp, tcp, tls, ws, wss } = bound;
    [
        (sip::Transport::Udp, udp),
        (sip::Transport::Tcp, tcp),
        (sip::Transport::Tls, tls),
        (sip::Transport::Ws, ws),
        (sip::Transport::Wss, wss),
    ]
}

/// What is said of ourselves to others.
pub(super) fn advertised(config: &ProcessConfig, listener: Option<&SocketAddr>) -> IpAddr {
    let bound = listener.map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
    config.sip.advertised.or(bound).unwrap_or_else(own_address)
}

/// The address that a packet to elsewhere would leave from; no packet is sent to find it.
fn own_address() -> IpAddr {
    let probe = || {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
        // TEST-NET-1 (RFC 5737): only the routing table is asked.
        socket.connect("192.0.2.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    probe().unwrap_or_else(|| IpAddr::from([127, 0, 0, 1]))
}

pub(crate) fn random_seed() -> Result<u64, StartError> {
    getrandom::u64().map_err(|_| StartError::Random)
}

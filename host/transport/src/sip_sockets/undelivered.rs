//! Datagrams that arrived nowhere: ICMP errors from the socket's error queue, each with where the datagram was sent to (ip(7), IP_RECVERR).
//!
//! A socket without a peer is told of none of them otherwise, and a call to a phone that is off would ring until its time is over.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
};
use tokio::{io::Interest, net::UdpSocket};

/// ICMP's destination unreachable and parameter problem (RFC 792), and those of ICMPv6 (RFC 4443).
const UNREACHABLE: u8 = 3;
const PARAMETER: u8 = 12;
const UNREACHABLE_V6: u8 = 1;
const PARAMETER_V6: u8 = 4;
/// Too long for the way, not for the peer (RFC 792): the kernel learns and sends the next in pieces.
const FRAGMENTATION_NEEDED: u8 = 4;

/// Opens the error queue of a socket.
pub(super) fn watch(socket: &impl AsFd, is_ipv4: bool) -> io::Result<()> {
    if is_ipv4 {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    }
    Ok(())
}

/// Where requests went that arrived nowhere, at most `most` of them at once, each address once.
pub(super) fn read(socket: &UdpSocket, most: usize) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for _ in 0..most {
        match socket.try_io(Interest::ERROR, || read_one(socket)) {
            Ok(Some(address)) if !addresses.contains(&address) => addresses.push(address),
            Ok(_) => {}
            // Nothing left; another error would be one of the queue itself, and the next wake-up reads on.
            Err(_) => break,
        }
    }
    addresses
}

/// `None` for what is no failure of a request: other ICMP messages, and responses, whose senders ask again if they still want one.
fn read_one(socket: &UdpSocket) -> io::Result<Option<SocketAddr>> {
    // What was sent, as far as the ICMP message quotes it.
    let mut quoted = [0; 4];
    let mut parts = [IoSliceMut::new(&mut quoted)];
    let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let is_failure = message.cmsgs()?.any(|part| match part {
        ControlMessageOwned::Ipv4RecvErr(error, _) => {
            error.ee_origin == libc::SO_EE_ORIGIN_ICMP
                && (error.ee_type == UNREACHABLE && error.ee_code != FRAGMENTATION_NEEDED || error.ee_type == PARAMETER)
        }
        ControlMessageOwned::Ipv6RecvErr(error, _) => {
            error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 && matches!(error.ee_type, UNREACHABLE_V6 | PARAMETER_V6)
        }
        _ => false,
    });
    let address = message.address.and_then(address_of);
    Ok(address.filter(|_| is_failure && quoted != *b"SIP/"))
}

fn address_of(storage: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = || storage.as_sockaddr_in().map(|address| SocketAddr::V4(SocketAddrV4::from(*address)));
    let v6 = || storage.as_sockaddr_in6().map(|address| SocketAddr::V6(SocketAddrV6::from(*address)));
    v4().or_else(v6)
}

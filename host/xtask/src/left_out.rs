//! What this machine does not let the tests prove. They pass there without trying, so somebody has to say it.

use std::{
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    process::{Command, Stdio},
};

use crate::run::say;

/// Says each test that could not try, with what it needs.
pub(crate) fn tell() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        say("NOT tested: media over IPv6 (the loopback has no ::1; sysctl -w net.ipv6.conf.lo.disable_ipv6=0)");
    }
    if !has_network() {
        say("NOT tested: an agent with baresip (it refuses the loopback, and there is no other network interface)");
    }
    if !may_mount() {
        say(
            "NOT tested: a full disk (only root, or users with namespaces, can make a small one; sysctl -w kernel.unprivileged_userns_clone=1)",
        );
    }
}

fn has_network() -> bool {
    // TEST-NET-3 (RFC 5737): only the routing table is asked.
    let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect("203.0.113.1:9")?;
        socket.local_addr()
    });
    routed.is_ok_and(|address| !address.ip().is_loopback())
}

fn may_mount() -> bool {
    let mount = ["--", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    let may = |namespace: &str| {
        let mut probe = Command::new("unshare");
        probe.arg(namespace).args(mount).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    may("-m") || may("-rm")
}

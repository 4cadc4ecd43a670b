//! What others reach, to read our own figures beside.
//!
//! All measured on one machine (2 virtual cores of 2.5 GHz, Debian 12, loopback, otherwise idle), the server pinned to one core and the load to
//! the other, by a generator of the same method as this one, which SIPp 3.6.1 confirmed (5.18 against 5.15 ms a call). Processor time ± 10 %.
//! Asterisk 22.10.1 with pjproject 2.17, minimal modules, µ-law, no direct media; RustPBX 0.5.0-rc.1 community edition; rtpengine 10.5.3.5
//! in user space.

/// One row beside ours.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub name: &'static str,
    /// In the order of the benchmark's columns; "-" where nothing was measured.
    pub figures: &'static [&'static str],
}

/// CPU ms a call, clean calls/s, INVITE→200 p50 / p99 ms.
pub const IVR: &[Peer] = &[
    Peer { name: "Asterisk, 100/s", figures: &["5.6", "160", "1.74 / 8.6"] },
    Peer { name: "Asterisk, 180/s", figures: &["6.0", "saturated", "663 / 1516"] },
];

/// CPU % of a core per 100 bridged, KiB a call, relay p50 / p99 ms, INVITE → agent p50 / p99 ms (not measured with any).
pub const BRIDGE: &[Peer] = &[
    Peer { name: "Asterisk Dial, 300 calls", figures: &["25.0", "about 170", "0.29 / 0.76", "-"] },
    Peer { name: "RustPBX, 300 calls", figures: &["25.4", "500-900", "0.34 / 0.79", "-"] },
    Peer { name: "rtpengine (relay only), 200", figures: &["12.4", "-", "0.08 / 0.17", "-"] },
];

pub const RECORD: &[Peer] =
    &[Peer { name: "Asterisk Dial + MixMonitor, 150", figures: &["55.2", "-", "0.54 / 2.4", "-"] }];

/// Agent free → ring p50 / p99 ms with 0, about 1,040 and about 2,825 waiting; KiB a waiting caller. 500 agents who talk for 20-30 s.
pub const QUEUE: &[Peer] =
    &[Peer { name: "Asterisk app_queue", figures: &["205 / 1287", "2494 / 8734", "14835 / 28725", "about 170"] }];

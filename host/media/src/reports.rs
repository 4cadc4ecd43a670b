//! RTCP of one leg (RFC 3550 §6): when it reports, to where, and what the far end says of us.

use std::net::SocketAddr;
use std::time::Duration;

use plugboard_codec::LinkReport;
use plugboard_rtp::Reception;
use plugboard_rtp::rtcp::{self, Rtcp};

use crate::Port;
use crate::chance::Chance;
use crate::command::Stream;
use crate::latch::Latch;
use crate::outbox::{Channel, Outbox};
use crate::outgoing::Outgoing;
use crate::protection::Protection;
use crate::settings::Settings;

#[derive(Debug)]
pub(crate) struct Reports {
    pub(crate) next: Duration,
    chance: Chance,
    /// Where the far end's RTCP comes from: behind NAT only that can be answered (RFC 4961).
    source: Option<SocketAddr>,
    /// Middle of the NTP time of the newest SR, and when it came.
    last_sr: Option<(u32, Duration)>,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) lost_by_remote: u64,
    pub(crate) jitter_max: Duration,
    /// Packets sent until the last two reports, newest first.
    sent: [u64; 2],
}

impl Reports {
    pub(crate) fn new(now: Duration, chance: Chance, settings: &Settings) -> Self {
        let mut reports = Self {
            next: now,
            chance,
            source: None,
            last_sr: None,
            round_trip: None,
            lost_by_remote: 0,
            jitter_max: Duration::ZERO,
            sent: [0; 2],
        };
        // The first one comes after half the time (RFC 3550 §6.2).
        reports.next = now + reports.interval(settings) / 2;
        reports
    }

    /// Between half and one and a half of the usual, so that no two sides fall into step (RFC 3550 §6.3.1).
    fn interval(&mut self, settings: &Settings) -> Duration {
        settings.report_interval.mul_f64(0.5 + self.chance.share())
    }

    /// Another far end: what was known of the one before does not hold.
    pub(crate) fn forget_source(&mut self) {
        self.source = None;
        self.last_sr = None;
    }

    /// Another sender behind the same address: its reports are not those of the one before.
    pub(crate) fn forget_sender(&mut self) {
        self.last_sr = None;
    }

    /// Takes RTCP of the far end, and tells what it says of our packets. `ours` is the SSRC that we send, at `clock` ticks a second, `theirs` the one that
    /// we hear.
    pub(crate) fn handle(
        &mut self,
        now: Duration,
        (channel, source): (Channel, SocketAddr),
        bytes: &[u8],
        (ours, clock, theirs): (u32, u32, Option<u32>),
        settings: &Settings,
    ) -> Option<LinkReport> {
        let mut told = None;
        for packet in Rtcp::parse(bytes) {
            let reports = match packet {
                Rtcp::SenderReport { ssrc, ntp, reports, .. } => {
                    if Some(ssrc) == theirs {
                        self.last_sr = Some((rtcp::middle(ntp), now));
                    }
                    reports
                }
                Rtcp::ReceiverReport { reports, .. } => reports,
                // The end of a call is signalling's to tell.
                Rtcp::SourceDescription { .. } | Rtcp::Goodbye { .. } => continue,
            };
            if channel == Channel::Rtcp {
                self.source = Some(source);
            }
            for block in reports.iter().filter(|block| block.ssrc == ours) {
                let jitter = Duration::from_micros(u64::from(block.jitter) * 1_000_000 / u64::from(clock.max(1)));
                told = Some(LinkReport { lost: f32::from(block.fraction_lost) / 256.0, jitter });
                self.lost_by_remote = u64::try_from(block.lost).unwrap_or(0);
                if let Some(round_trip) = block.round_trip(settings.ntp(now)) {
                    self.round_trip = Some(round_trip);
                }
            }
        }
        told
    }

    /// Where reports go, and by which of our sockets.
    fn destination(&self, latch: &Latch, stream: &Stream) -> Option<(Channel, SocketAddr)> {
        let rtp = latch.destination()?;
        if stream.rtcp_mux {
            return Some((Channel::Rtp, rtp));
        }
        let beside = || rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
        let signalled = || (rtp == stream.remote && stream.remote_rtcp.port() != 0).then_some(stream.remote_rtcp);
        let destination = self.source.or_else(signalled).or_else(beside)?;
        Some((Channel::Rtcp, destination))
    }

    /// Sends SR or RR, and BYE at the end (RFC 3550 §6.1).
    pub(crate) fn send(
        &mut self,
        now: Duration,
        (port, stream, latch): (Port, &Stream, &Latch),
        (out, incoming): (&Outgoing, Option<&mut Reception>),
        settings: &Settings,
        goodbye: bool,
        (outbox, protection): (&mut Outbox, Option<&mut Protection>),
    ) {
        self.next = now + self.interval(settings);
        let mut reports = Vec::new();
        if let Some(incoming) = incoming {
            self.jitter_max = self.jitter_max.max(incoming.jitter());
            if incoming.heard_since_report() {
                reports.push(incoming.report(self.last_sr.map(|(middle, at)| (middle, now.saturating_sub(at)))));
            }
        }
        // Who sent nothing since the report before the last is a receiver only (RFC 3550 §6.4).
        let sends = out.packets > self.sent[1];
        self.sent = [out.packets, self.sent[0]];
        if out.packets == 0 && reports.is_empty() {
            return;
        }
        let Some((channel, destination)) = self.destination(latch, stream) else { return };
        let ssrc = out.ssrc;
        let report = if sends {
            Rtcp::SenderReport {
                ssrc,
                ntp: settings.ntp(now),
                timestamp: out.timestamp_at(now),
                packets: out.packets as u32,
                bytes: out.bytes as u32,
                reports,
            }
        } else {
            Rtcp::ReceiverReport { ssrc, reports }
        };
        outbox.transmit_rtcp((port, channel, destination), protection, |bytes| {
            report.write(bytes);
            Rtcp::SourceDescription { ssrc, cname: settings.cname.clone() }.write(bytes);
            if goodbye {
                Rtcp::Goodbye { ssrc }.write(bytes);
            }
        });
    }
}

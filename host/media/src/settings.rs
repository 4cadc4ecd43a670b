use std::time::Duration;

use plugboard_rtp::rtcp;

/// What an operator may set, and what only the edge knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Silence that is told as `RtpTimeout`.
    pub rtp_timeout: Duration,
    /// Silence after which another source may be locked.
    pub relatch_after: Duration,
    /// How long a port rests after a call, until late packets are gone.
    pub port_rest: Duration,
    /// Ports bound ahead of need: so many at the start, and more whenever fewer are left.
    pub ports_ahead: usize,
    /// Between RTCP reports of a leg.
    pub report_interval: Duration,
    /// The time since 1900 at which `now` is zero, for the NTP times of RTCP.
    pub started: Duration,
    /// Our name in RTCP (RFC 3550 §6.5.1). Tells nothing of the caller.
    pub cname: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rtp_timeout: Duration::from_secs(30),
            relatch_after: Duration::from_secs(2),
            port_rest: Duration::from_secs(3),
            ports_ahead: 64,
            report_interval: Duration::from_secs(5),
            started: Duration::ZERO,
            cname: "media@plugboard.invalid".into(),
        }
    }
}

impl Settings {
    pub(crate) fn ntp(&self, now: Duration) -> u64 {
        rtcp::ntp(self.started + now)
    }
}

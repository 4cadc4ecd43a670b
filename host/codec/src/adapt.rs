//! How an encoder that can (Opus) follows what the far end says of the way there.
//!
//! Loss alone is met by sending the voice twice (in-band FEC), which needs bits; loss with a queue in front of it, which shows as jitter, is met by sending
//! less. Protection is raised by the first report that asks for it, so within the 5 s of an RTCP interval (TEL-07), and taken back a step at a time after
//! a while without need, so that a line that comes and goes does not make the voice come and go.

use std::time::Duration;

/// What an encoder aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// In bits a second, of payload.
    pub bitrate: u32,
    /// Packets in a hundred that are expected to be lost. Above 0 each packet repeats the one before, the better the more are lost.
    pub expected_loss: u8,
}

/// What the far end says of our packets by RTCP (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkReport {
    /// Share lost since the report before, 0.0–1.0.
    pub lost: f32,
    pub jitter: Duration,
}

/// One step of protection.
struct Step {
    /// Share lost from which on it is wanted, and below which it is no longer.
    from: f32,
    until: f32,
    expected_loss: u8,
    /// With a queue in front of the loss, and without.
    congested: u32,
    free: u32,
}

const STEPS: [Step; 4] = [
    Step { from: 0.0, until: 0.0, expected_loss: 0, congested: 24_000, free: 24_000 },
    Step { from: 0.01, until: 0.005, expected_loss: 5, congested: 20_000, free: 28_000 },
    Step { from: 0.04, until: 0.02, expected_loss: 12, congested: 18_000, free: 32_000 },
    Step { from: 0.09, until: 0.05, expected_loss: 25, congested: 16_000, free: 32_000 },
];

/// Jitter above this is a queue; it is gone below the other.
const QUEUED: Duration = Duration::from_millis(60);
const CALM: Duration = Duration::from_millis(30);
/// So long must a step not have been needed before it is taken back.
const PATIENCE: Duration = Duration::from_secs(12);

/// Follows the reports of one far end.
#[derive(Clone, Debug)]
pub struct Adaptation {
    /// What the far end takes at most: `maxaveragebitrate` (RFC 7587 §6.1).
    max_bitrate: u32,
    /// Whether the far end uses what is sent twice: `useinbandfec`.
    repeats: bool,
    step: usize,
    congested: bool,
    /// Since when less protection would do.
    eased: Option<Duration>,
    target: Target,
}

impl Adaptation {
    /// Starts as on a line without loss. `repeats` says whether the far end takes in-band FEC.
    pub fn new(max_bitrate: u32, repeats: bool) -> Self {
        let mut adaptation = Self {
            max_bitrate: max_bitrate.max(6_000),
            repeats,
            step: 0,
            congested: false,
            eased: None,
            target: Target { bitrate: 0, expected_loss: 0 },
        };
        adaptation.target = adaptation.aim();
        adaptation
    }

    pub fn target(&self) -> Target {
        self.target
    }

    /// Takes one report; the new target, if it is another than before.
    pub fn handle_report(&mut self, now: Duration, report: LinkReport) -> Option<Target> {
        let wanted = STEPS.iter().rposition(|step| report.lost >= step.from).unwrap_or(0);
        let was_congested = self.congested;
        self.congested = report.jitter > if was_congested { CALM } else { QUEUED };
        if wanted > self.step {
            (self.step, self.eased) = (wanted, None);
        } else if report.lost >= STEPS[self.step].until {
            self.eased = None;
        } else if now.saturating_sub(*self.eased.get_or_insert(now)) >= PATIENCE {
            self.step = self.step.saturating_sub(1);
            // The next step down is waited for as long.
            self.eased = Some(now);
        }
        let target = self.aim();
        (std::mem::replace(&mut self.target, target) != target).then_some(target)
    }

    fn aim(&self) -> Target {
        let Step { expected_loss, congested, free, .. } = STEPS[self.step];
        let bitrate = match (self.congested, self.repeats) {
            (true, _) => congested,
            (false, true) => free,
            // Without copies more bits only meet more loss.
            (false, false) => free.min(STEPS[0].free),
        };
        Target { bitrate: bitrate.min(self.max_bitrate), expected_loss: if self.repeats { expected_loss } else { 0 } }
    }
}

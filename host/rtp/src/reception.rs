use std::time::Duration;

use crate::rtcp::ReportBlock;

/// A jump forward of more than this is another stream (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3_000;
/// A packet this late still belongs to the stream.
const MAX_MISORDER: u16 = 100;

/// What one receiver knows of one sender: order, loss and jitter (RFC 3550 appendix A.1, A.3, A.8).
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: u32,
    /// Ticks of the RTP timestamp per second.
    clock_rate: u32,
    base: u32,
    /// Highest sequence number seen, with its cycles.
    highest: u32,
    received: u64,
    /// What earlier runs of sequence numbers expected, before the sender restarted.
    expected_before: u64,
    /// The sequence number that would confirm that the sender restarted.
    restart: Option<u16>,
    /// Timestamp of the last packet, and its arrival minus timestamp in ticks; `None` before the first.
    transit: Option<(u32, i32)>,
    /// In ticks, times 16.
    jitter: u32,
    at_last_report: (u64, u64),
}

/// How a packet stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one after a gap.
    Newer,
    /// Overtaken on the way, or a copy.
    Older,
    /// Far outside: counted only if the next one goes on from it.
    Stray,
    /// The sender has restarted its numbers.
    Restart,
}

impl Reception {
    /// Starts with the first packet of a sender.
    pub fn new(ssrc: u32, sequence: u16, clock_rate: u32) -> Self {
        let base = u32::from(sequence);
        Self {
            ssrc,
            clock_rate,
            base,
            highest: base.wrapping_sub(1),
            received: 0,
            expected_before: 0,
            restart: None,
            transit: None,
            jitter: 0,
            at_last_report: (0, 0),
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Counts one packet that arrived at `now`.
    #[inline]
    pub fn handle(&mut self, now: Duration, sequence: u16, timestamp: u32) -> Arrival {
        let step = sequence.wrapping_sub(self.highest as u16);
        let arrival = if step == 0 && self.received > 0 {
            Arrival::Older
        } else if step < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(step));
            Arrival::Newer
        } else if step > u16::MAX - MAX_MISORDER {
            Arrival::Older
        } else if self.restart == Some(sequence) {
            // Two in a row: the other side restarted without telling.
            self.expected_before = self.expected();
            self.base = u32::from(sequence.wrapping_sub(1));
            self.highest = u32::from(sequence);
            if sequence == 0 {
                (self.base, self.highest) = (0xffff, 0x1_0000);
            }
            self.transit = None;
            // The stray before it did arrive.
            self.received += 1;
            Arrival::Restart
        } else {
            self.restart = Some(sequence.wrapping_add(1));
            return Arrival::Stray;
        };
        self.restart = None;
        self.received += 1;
        self.measure_jitter(now, timestamp);
        arrival
    }

    /// RFC 3550 appendix A.8.
    fn measure_jitter(&mut self, now: Duration, timestamp: u32) {
        // Packets of one key press share its timestamp, so their spacing at the sender is not known: only the first counts.
        if self.transit.is_some_and(|(before, _)| before == timestamp) {
            return;
        }
        // 64 bits hold the product for longer than a machine runs, and the wrap to 32 bits is that of the timestamp.
        let ticks = now.as_micros() as u64 * u64::from(self.clock_rate) / 1_000_000;
        let transit = (ticks as u32).wrapping_sub(timestamp) as i32;
        if let Some((_, before)) = self.transit.replace((timestamp, transit)) {
            let difference = transit.wrapping_sub(before).unsigned_abs();
            // A jump is no jitter: beyond a second it would only poison the mean.
            if difference < self.clock_rate {
                self.jitter = self.jitter.wrapping_add(difference).wrapping_sub((self.jitter + 8) >> 4);
            }
        }
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    fn expected(&self) -> u64 {
        self.expected_before + u64::from(self.highest.wrapping_sub(self.base).wrapping_add(1))
    }

    /// Expected by number and never received; copies cannot make it negative.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Mean deviation of the spacing at arrival from the spacing at the sender.
    pub fn jitter(&self) -> Duration {
        Duration::from_micros(u64::from(self.jitter >> 4) * 1_000_000 / u64::from(self.clock_rate.max(1)))
    }

    /// Whether anything came since the last [`Reception::report`]: a source that is silent is not reported (RFC 3550 §6.4).
    pub fn heard_since_report(&self) -> bool {
        self.received > self.at_last_report.1
    }

    /// The block of the next SR or RR, counting loss since the last one. `last_sender_report` is the middle of the NTP time of the
    /// newest SR received and how long ago that was.
    pub fn report(&mut self, last_sender_report: Option<(u32, Duration)>) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received);
        let (expected_before, received_before) = std::mem::replace(&mut self.at_last_report, (expected, received));
        let expected_now = expected - expected_before;
        let lost_now = expected_now.saturating_sub(received - received_before);
        let fraction_lost = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8;
        let (last_sr, since) = last_sender_report.unwrap_or_default();
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost,
            // Copies make it negative (RFC 3550 §6.4.1).
            lost: (expected as i64 - received as i64).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest,
            jitter: self.jitter >> 4,
            last_sr,
            delay_since_last_sr: (since.as_micros() * 65_536 / 1_000_000) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds packets of 20 ms in the given order of sequence numbers, each on time.
    fn hear(order: impl IntoIterator<Item = u16>) -> Reception {
        let mut order = order.into_iter().peekable();
        let mut reception = Reception::new(1, *order.peek().unwrap(), 8_000);
        for (at, sequence) in order.enumerate() {
            let now = Duration::from_millis(20 * at as u64);
            reception.handle(now, sequence, 160 * at as u32);
        }
        reception
    }

    #[test]
    fn loss_is_counted_across_the_wrap_of_the_sequence_number() {
        let reception = hear([65_533, 65_534, 1, 2, 3]);
        assert_eq!((reception.received(), reception.lost()), (5, 2));
    }

    #[test]
    fn overtaken_packets_are_not_lost() {
        let reception = hear([10, 12, 11, 13]);
        assert_eq!((reception.received(), reception.lost()), (4, 0));
    }

    #[test]
    fn the_first_packet_may_be_overtaken() {
        let reception = hear([10, 9, 11]);
        assert_eq!((reception.received(), reception.lost()), (3, 0));
    }

    #[test]
    fn one_stray_changes_nothing_and_two_in_a_row_are_a_restart() {
        let stray = hear([10, 11, 40_000, 12]);
        let restart = hear([10, 11, 40_000, 40_001, 40_002]);
        assert_eq!((stray.received(), stray.lost(), restart.received(), restart.lost()), (3, 0, 5, 0));
    }

    #[test]
    fn a_restart_at_number_zero_loses_nothing() {
        let restart = hear([30_000, 30_001, 65_535, 0, 1]);
        assert_eq!((restart.received(), restart.lost()), (5, 0));
    }

    #[test]
    fn even_spacing_has_no_jitter_and_ten_milliseconds_to_and_fro_has_about_ten() {
        let mut reception = Reception::new(1, 0, 8_000);
        for at in 0..200_u16 {
            let late = if at % 2 == 0 { 0 } else { 10 };
            reception.handle(Duration::from_millis(20 * u64::from(at) + late), at, 160 * u32::from(at));
        }
        assert_eq!((hear(0..200).jitter(), reception.jitter().as_millis()), (Duration::ZERO, 9));
    }

    /// RFC 4733: all packets of a press have the timestamp of its beginning.
    #[test]
    fn a_key_press_on_an_even_line_is_no_jitter() {
        let mut reception = hear(0..50);
        for packet in 50..60_u16 {
            reception.handle(Duration::from_millis(20 * u64::from(packet)), packet, 160 * 50);
        }
        for packet in 60..70_u16 {
            reception.handle(Duration::from_millis(20 * u64::from(packet)), packet, 160 * u32::from(packet));
        }
        assert_eq!(reception.jitter(), Duration::ZERO);
    }

    #[test]
    fn copies_are_reported_as_negative_loss() {
        let mut reception = hear([1, 2, 2, 2, 3]);
        assert_eq!((reception.lost(), reception.report(None).lost), (0, -2));
    }

    #[test]
    fn a_source_is_reported_only_if_it_was_heard_since() {
        let mut reception = hear([1, 2]);
        let before = reception.heard_since_report();
        reception.report(None);
        let after = reception.heard_since_report();
        reception.handle(Duration::from_secs(1), 3, 320);
        assert_eq!((before, after, reception.heard_since_report()), (true, false, true));
    }

    #[test]
    fn a_report_counts_loss_since_the_one_before() {
        let mut reception = hear([0, 1, 2, 4]);
        let first = reception.report(None);
        for sequence in 5..9 {
            reception.handle(Duration::from_secs(1), sequence, 0);
        }
        let second = reception.report(Some((7, Duration::from_millis(500))));
        assert_eq!(
            (first.fraction_lost, first.lost, second.fraction_lost, second.lost, second.delay_since_last_sr),
            (51, 1, 0, 1, 32_768)
        );
    }
}

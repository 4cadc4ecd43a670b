//! Keys as RTP packets of their own (RFC 4733).

use crate::Digit;

/// The payload of one packet (RFC 4733 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Keys are 0–15; others (flash, modem tones) are no digits.
    pub code: u8,
    pub end: bool,
    /// In dB below the reference, 0–63.
    pub volume: u8,
    /// Ticks since the packet's timestamp.
    pub duration: u16,
}

impl TelephoneEvent {
    /// The first event of the payload; `None` if it is cut short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low, ..] = *payload else { return None };
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration: u16::from_be_bytes([high, low]) })
    }

    pub fn write(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, (u8::from(self.end) << 7) | (self.volume & 0x3f), high, low]
    }
}

/// Turns packets into presses: one for each press, however many packets it has and whichever are lost.
///
/// A press is told at its end packet, at the first packet of the next press, or when [`Presses::handle_silence`] finds that it
/// stopped without an end.
#[derive(Clone, Debug, Default)]
pub struct Presses {
    current: Option<Press>,
    /// The newest press told, so that copies of its end are not a second press.
    told: Option<Press>,
}

/// A key that was pressed, for so many ticks as the sender said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    pub digit: Digit,
    pub ticks: u32,
    /// Of `ticks`, those of segments before the newest: only a press longer than a duration can say has several.
    earlier: u32,
    /// Of the newest segment.
    timestamp: u32,
}

impl Press {
    /// Whether a segment of this timestamp goes on with this press, which was held longer than a duration can say: the new timestamp is
    /// the old plus the full duration (RFC 4733 §2.5.1.3).
    fn goes_on(&self, digit: Digit, timestamp: u32) -> bool {
        self.digit == digit && timestamp == self.timestamp.wrapping_add(LONGEST)
    }
}

/// The longest that one segment can say.
const LONGEST: u32 = 0xffff;

impl Presses {
    /// Takes one packet. The first result is a press whose end was lost, the second the press that this packet ends.
    pub fn handle(&mut self, timestamp: u32, event: TelephoneEvent) -> [Option<Press>; 2] {
        let Some(digit) = Digit::from_code(event.code) else { return [None, None] };
        // Packets of one press share its timestamp; one with an older timestamp was overtaken by the next press.
        if let Some(told) = &mut self.told {
            // It was told too early, because packets in the middle were lost: what is left of it is not another press.
            if self.current.is_none() && told.goes_on(digit, timestamp) {
                told.timestamp = timestamp;
            }
            if (timestamp.wrapping_sub(told.timestamp) as i32) <= 0 {
                return [None, None];
            }
        }
        let ticks = u32::from(event.duration);
        let mut before = None;
        match &mut self.current {
            Some(press) if press.timestamp == timestamp => {
                press.ticks = press.ticks.max(press.earlier.saturating_add(ticks));
            }
            Some(press) if press.goes_on(digit, timestamp) => {
                press.earlier = press.earlier.saturating_add(LONGEST);
                press.ticks = press.earlier.saturating_add(ticks);
                press.timestamp = timestamp;
            }
            Some(press) if (timestamp.wrapping_sub(press.timestamp) as i32) < 0 => return [None, None],
            _ => before = self.current.replace(Press { digit, ticks, earlier: 0, timestamp }),
        }
        if before.is_some() {
            self.told = before;
        }
        let ended = if event.end { self.take() } else { None };
        [before, ended]
    }

    /// Call when no packet of this kind came for some time (50 to 200 ms): the press that stays open has lost its end.
    pub fn handle_silence(&mut self) -> Option<Press> {
        self.take()
    }

    /// Whether a key is down.
    pub fn pressed(&self) -> bool {
        self.current.is_some()
    }

    /// Forgets everything: another sender, or one that pressed nothing for so long that its timestamps may have nothing to do with those
    /// before.
    pub fn reset(&mut self) -> Option<Press> {
        let last = self.take();
        self.told = None;
        last
    }

    fn take(&mut self) -> Option<Press> {
        let press = self.current.take()?;
        self.told = Some(press);
        Some(press)
    }
}

/// One press on its way out: packets every tick with growing duration, then the end three times (RFC 4733 §2.5.1).
#[derive(Clone, Copy, Debug)]
pub struct Pressing {
    digit: Digit,
    /// Ticks of one packet interval: 160 for 20 ms at 8 kHz.
    interval: u16,
    total: u16,
    sent: u16,
    ends: u8,
}

/// The volume that phones send: 10 dB below the reference.
const VOLUME: u8 = 10;

impl Pressing {
    /// `total` ticks long, at least one interval.
    pub fn new(digit: Digit, interval: u16, total: u16) -> Self {
        Self { digit, interval, total: total.max(interval), sent: 0, ends: 0 }
    }

    /// The payload of the next packet and whether it is the first, which carries the marker. All have the timestamp of the first.
    /// `None` when the press is over.
    pub fn next_packet(&mut self) -> Option<(TelephoneEvent, bool)> {
        let first = self.sent == 0;
        if self.sent < self.total {
            self.sent = self.sent.saturating_add(self.interval).min(self.total);
        }
        let end = self.sent == self.total;
        if end {
            if self.ends == 3 {
                return None;
            }
            self.ends += 1;
        }
        Some((TelephoneEvent { code: self.digit.code(), end, volume: VOLUME, duration: self.sent }, first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(key: char) -> Digit {
        Digit::from_char(key).unwrap()
    }

    /// The packets of one press of `key` that starts at `timestamp`.
    fn packets(key: char, timestamp: u32) -> Vec<(u32, TelephoneEvent)> {
        let mut pressing = Pressing::new(digit(key), 160, 800);
        std::iter::from_fn(|| pressing.next_packet()).map(|(event, _)| (timestamp, event)).collect()
    }

    /// What is told: key and ticks of each press.
    fn told(packets: impl IntoIterator<Item = (u32, TelephoneEvent)>) -> String {
        let mut presses = Presses::default();
        let mut told: Vec<Press> =
            packets.into_iter().flat_map(|(timestamp, event)| presses.handle(timestamp, event)).flatten().collect();
        told.extend(presses.handle_silence());
        told.iter().map(|press| format!("{}/{} ", press.digit.as_char(), press.ticks)).collect()
    }

    #[test]
    fn a_press_is_sent_with_growing_duration_and_three_ends() {
        let mut pressing = Pressing::new(digit('7'), 160, 480);
        let sent: Vec<String> = std::iter::from_fn(|| pressing.next_packet())
            .map(|(event, first)| {
                format!("{}{}{}", event.duration, if event.end { "e" } else { "" }, if first { "m" } else { "" })
            })
            .collect();
        assert_eq!(sent, ["160m", "320", "480e", "480e", "480e"]);
    }

    #[test]
    fn payload_reads_back_the_same() {
        let event = TelephoneEvent { code: 11, end: true, volume: 10, duration: 1_120 };
        assert_eq!(TelephoneEvent::parse(&event.write()), Some(event));
    }

    #[test]
    fn three_ends_are_one_press() {
        assert_eq!(told(packets('5', 1_000)), "5/800 ");
    }

    #[test]
    fn the_same_key_twice_is_two_presses() {
        assert_eq!(told([packets('5', 1_000), packets('5', 3_000)].concat()), "5/800 5/800 ");
    }

    #[test]
    fn any_one_packet_of_a_press_is_enough() {
        for keep in 0..packets('5', 0).len() {
            let told = told([packets('5', 9)[keep]]);
            assert!(told.starts_with("5/") && told.len() < 8, "{keep}: {told}");
        }
    }

    #[test]
    fn a_press_whose_ends_were_lost_is_told_when_the_next_begins() {
        let mut cut = packets('1', 1_000);
        cut.retain(|(_, event)| !event.end);
        assert_eq!(told([cut, packets('2', 3_000)].concat()), "1/640 2/800 ");
    }

    #[test]
    fn packets_that_overtake_or_repeat_make_no_press_of_their_own() {
        let (one, two) = (packets('1', 1_000), packets('2', 3_000));
        let mixed = [&one[..4], &two[..2], &one[4..], &two[2..], &one[..1]].concat();
        assert_eq!(told(mixed), "1/640 2/800 ");
    }

    #[test]
    fn a_key_held_beyond_what_a_duration_can_say_is_one_press() {
        let first = TelephoneEvent { code: 5, end: false, volume: 10, duration: 0xffff };
        let rest = TelephoneEvent { code: 5, end: true, volume: 10, duration: 1_000 };
        assert_eq!(told([(10, first), (10 + 0xffff, rest)]), "5/66535 ");
    }

    /// RFC 4733 §2.5.1.3: the durations of each segment begin at zero again.
    #[test]
    fn a_key_held_for_three_segments_counts_every_packet_of_each() {
        let segment = |number: u32, durations: &[u16], end: bool| -> Vec<(u32, TelephoneEvent)> {
            let event = |duration| TelephoneEvent { code: 5, end, volume: 10, duration };
            durations.iter().map(|duration| (7 + number * 0xffff, event(*duration))).collect()
        };
        let whole = [
            segment(0, &[160, 65_440, 0xffff], false),
            segment(1, &[160, 320, 0xffff], false),
            segment(2, &[160, 800], false),
            segment(2, &[800; 3], true),
        ]
        .concat();
        assert_eq!(told(whole), "5/131870 ");
    }

    #[test]
    fn what_follows_of_a_long_press_that_was_told_too_early_is_no_second_press() {
        let mut presses = Presses::default();
        let event = |end, duration| TelephoneEvent { code: 5, end, volume: 10, duration };
        presses.handle(7, event(false, 60_000));
        let early = presses.handle_silence().map(|press| press.ticks);
        let later = [(false, 160), (false, 320), (true, 320)]
            .map(|(end, duration)| presses.handle(7 + 0xffff, event(end, duration)));
        assert_eq!((early, later), (Some(60_000), [[None; 2]; 3]));
    }

    #[test]
    fn timestamps_may_wrap_between_two_presses() {
        assert_eq!(told([packets('1', u32::MAX - 100), packets('2', 2_000)].concat()), "1/800 2/800 ");
    }

    #[test]
    fn flash_and_modem_tones_are_no_digits() {
        let flash = TelephoneEvent { code: 16, end: true, volume: 10, duration: 800 };
        assert_eq!(told([(1, flash)]), "");
    }
}

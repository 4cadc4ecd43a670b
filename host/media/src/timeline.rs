//! One recording's audio on its way to the writer: both sides placed by their RTP timestamps on one clock.

use std::time::Duration;

use crate::tone::samples;

/// Kept back from the writer for packets that come late or out of order, in frames: 300 ms.
const HOLD_BACK: u64 = 2_400;
/// A side whose timestamps disagree by more with the time of arrival is placed anew, in frames: 200 ms.
const MAX_DRIFT: i64 = 1_600;
/// Unless it is late by less than this, in frames, 1 s, ...
const MAX_LATE: i64 = 8_000;
/// ... and only for this long: then it is the rush behind an outage, whose packets belong where they were spoken.
const RUSH: Duration = Duration::from_millis(300);
/// Room in front, in frames: 3 s. What would come behind it is dropped.
const ROOM: u64 = 24_000;

/// Which channel of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

#[derive(Debug)]
pub(crate) struct Timeline {
    started: Duration,
    /// Frames that were handed over.
    base: u64,
    /// Left and right in turn, from `base` on.
    frames: Vec<i16>,
    anchors: [Option<Anchor>; 2],
    /// Since when audio is left out.
    paused_since: Option<Duration>,
    paused: Duration,
}

/// Where a sender's timestamps are on our clock.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    position: u64,
    /// Since when its packets are late.
    late: Option<Duration>,
}

impl Anchor {
    /// Where a packet belongs by its timestamp, if that fits the time at which it arrived.
    ///
    /// However timestamps jump (another SSRC, a re-INVITE, a clock set anew), nothing is placed further from its arrival than 1 s.
    fn follow(&self, now: Duration, timestamp: u32, arrived: u64) -> Option<Self> {
        let step = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        let position = self.position.checked_add_signed(step)?;
        let lateness = arrived as i64 - position as i64;
        let late = (lateness > MAX_DRIFT).then(|| self.late.unwrap_or(now));
        let fits = match late {
            Some(since) => lateness <= MAX_LATE && now.saturating_sub(since) < RUSH,
            None => lateness >= -MAX_DRIFT,
        };
        fits.then_some(Self { ssrc: self.ssrc, timestamp, position, late })
    }
}

impl Timeline {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            started: now,
            base: 0,
            frames: Vec::new(),
            anchors: [None; 2],
            paused_since: None,
            paused: Duration::ZERO,
        }
    }

    fn position(&self, now: Duration) -> u64 {
        samples(now.saturating_sub(self.started))
    }

    /// Places the samples of one packet of a side; `timestamp` is of 8,000 ticks a second.
    pub(crate) fn place(&mut self, now: Duration, side: Side, (ssrc, timestamp): (u32, u32), samples: &[i16]) {
        if self.paused_since.is_some() {
            return;
        }
        let length = samples.len() as u64;
        // A packet is sent when its last sample is spoken.
        let arrived = self.position(now).saturating_sub(length);
        let anchor = &mut self.anchors[side as usize];
        let placed = anchor
            .filter(|anchor| anchor.ssrc == ssrc)
            .and_then(|anchor| anchor.follow(now, timestamp, arrived))
            .unwrap_or(Anchor { ssrc, timestamp, position: arrived, late: None });
        let position = anchor.insert(placed).position;
        let skip = self.base.saturating_sub(position).min(length);
        let start = position.max(self.base) - self.base;
        let end = start + length - skip;
        if end > ROOM {
            return;
        }
        if self.frames.len() < 2 * end as usize {
            self.frames.resize(2 * end as usize, 0);
        }
        let (frames, _) = self.frames[2 * start as usize..2 * end as usize].as_chunks_mut::<2>();
        for (frame, sample) in frames.iter_mut().zip(&samples[skip as usize..]) {
            frame[side as usize] = *sample;
        }
    }

    /// Another leg speaks on this side from now on.
    pub(crate) fn attach(&mut self, side: Side) {
        self.anchors[side as usize] = None;
    }

    pub(crate) fn pause(&mut self, now: Duration) {
        self.paused_since.get_or_insert(now);
    }

    pub(crate) fn resume(&mut self, now: Duration) {
        if let Some(since) = self.paused_since.take() {
            self.paused += now.saturating_sub(since);
        }
    }

    pub(crate) fn paused(&self, now: Duration) -> Duration {
        self.paused + self.paused_since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// What no late packet can change any more: position of the first frame, and the frames.
    pub(crate) fn take_settled(&mut self, now: Duration) -> (u64, Vec<i16>) {
        self.take_until(self.position(now).saturating_sub(HOLD_BACK))
    }

    /// All that is left, silence up to `now` included.
    pub(crate) fn take_rest(&mut self, now: Duration) -> (u64, Vec<i16>) {
        self.take_until(self.position(now))
    }

    fn take_until(&mut self, end: u64) -> (u64, Vec<i16>) {
        let start = self.base;
        // The worker may have stood still: more than there is room for becomes a gap that the writer fills.
        let count = 2 * end.saturating_sub(start).min(ROOM) as usize;
        let mut settled: Vec<i16> = Vec::with_capacity(count);
        let there = count.min(self.frames.len());
        settled.extend_from_slice(&self.frames[..there]);
        settled.resize(count, 0);
        self.frames.copy_within(there.., 0);
        self.frames.truncate(self.frames.len() - there);
        self.base = start.max(end);
        (start, settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A packet of 20 ms of the loudest sample from `ssrc`.
    fn speak(timeline: &mut Timeline, now: u64, side: Side, timestamp: u32) {
        timeline.place(ms(now), side, (side as u32, timestamp), &[32_256; 160]);
    }

    /// One character for 20 ms: who is heard in it.
    fn drawn(frames: &[i16]) -> String {
        frames
            .chunks(320)
            .map(|tick| {
                let heard = |side: usize| tick.iter().skip(side).step_by(2).filter(|sample| **sample != 0).count();
                match (heard(0), heard(1)) {
                    (0, 0) => '.',
                    (160, 0) => 'L',
                    (0, 160) => 'R',
                    (160, 160) => 'B',
                    _ => '?',
                }
            })
            .collect()
    }

    #[test]
    fn each_side_is_where_it_was_spoken_and_silence_where_nothing_came() {
        let mut timeline = Timeline::new(ms(1_000));
        for at in 0..3 {
            speak(&mut timeline, 1_020 + 20 * at, Side::Left, 160 * at as u32);
        }
        speak(&mut timeline, 1_060, Side::Right, 99_000);
        speak(&mut timeline, 1_120, Side::Right, 99_480);
        assert_eq!(drawn(&timeline.take_rest(ms(1_160)).1), "LLB..R..");
    }

    #[test]
    fn late_and_overtaken_packets_go_where_their_timestamps_say() {
        let mut timeline = Timeline::new(ms(0));
        speak(&mut timeline, 20, Side::Left, 0);
        speak(&mut timeline, 100, Side::Left, 480);
        speak(&mut timeline, 101, Side::Left, 160);
        speak(&mut timeline, 102, Side::Left, 320);
        assert_eq!(drawn(&timeline.take_rest(ms(100)).1), "LLLL.");
    }

    #[test]
    fn a_sender_whose_timestamps_jump_is_placed_by_arrival() {
        let mut timeline = Timeline::new(ms(0));
        speak(&mut timeline, 20, Side::Left, 0);
        speak(&mut timeline, 60, Side::Left, 3_000_000_000);
        speak(&mut timeline, 80, Side::Left, 3_000_000_160);
        assert_eq!(drawn(&timeline.take_rest(ms(80)).1), "L.LL");
    }

    /// 240 ms in which nothing came, and then all of it at once: it belongs where it was spoken.
    #[test]
    fn the_rush_behind_an_outage_is_placed_where_it_was_spoken() {
        let mut timeline = Timeline::new(ms(0));
        for at in 0..20_u64 {
            let arrival = if (4..16).contains(&at) { 320 } else { 20 * (at + 1) };
            speak(&mut timeline, arrival, Side::Left, 160 * at as u32);
        }
        assert_eq!(drawn(&timeline.take_rest(ms(400)).1), "LLLLLLLLLLLLLLLLLLLL");
    }

    /// A jump of any size, either way, with or without another SSRC: nothing is written far from when it came.
    #[test]
    fn no_jump_of_the_timestamps_makes_the_recording_longer_than_the_call() {
        for jump in [160, 1_601, 9_000, 80_000, 0x7fff_ffff, 0x8000_0001, 0xffff_0000, 0xffff_e000_u32] {
            let mut timeline = Timeline::new(ms(0));
            let mut frames = Vec::new();
            for at in 0..100_u64 {
                let jumped = if (30..60).contains(&at) { jump } else { 0 };
                speak(&mut timeline, 20 * (at + 1), Side::Left, (160 * at as u32).wrapping_add(jumped));
                frames.extend(timeline.take_settled(ms(20 * (at + 1))).1);
            }
            frames.extend(timeline.take_rest(ms(2_000)).1);
            let heard = frames.iter().step_by(2).filter(|sample| **sample != 0).count();
            // At most what comes twice to the same place for 300 ms after each jump.
            assert!(frames.len() == 2 * 16_000 && heard >= 16_000 - 2 * 2_400, "{jump}: {} {heard}", frames.len());
        }
    }

    #[test]
    fn a_sender_whose_clock_is_slow_stays_within_a_fifth_of_a_second() {
        let mut timeline = Timeline::new(ms(0));
        let mut frames = Vec::new();
        // 1 % slow: after 60 s it would be 600 ms behind.
        for at in 0..3_000_u64 {
            let now = Duration::from_micros(20_200 * (at + 1));
            timeline.place(now, Side::Left, (1, 160 * at as u32), &[32_256; 160]);
            frames.extend(timeline.take_settled(now).1);
        }
        let end = ms(60_600);
        frames.extend(timeline.take_rest(end).1);
        let silent = frames.iter().step_by(2).filter(|sample| **sample == 0).count();
        assert!(frames.len() == 2 * 484_800 && (4_000..8_000).contains(&silent), "{} {silent}", frames.len());
    }

    #[test]
    fn a_pause_is_silence_of_the_same_length() {
        let mut timeline = Timeline::new(ms(0));
        for at in 0..10 {
            if at == 3 {
                timeline.pause(ms(60));
            }
            if at == 6 {
                timeline.resume(ms(120));
            }
            speak(&mut timeline, 20 * (at + 1), Side::Right, 160 * at as u32);
        }
        let drawn = drawn(&timeline.take_rest(ms(200)).1);
        assert_eq!((drawn.as_str(), timeline.paused(ms(200))), ("RRR...RRRR", ms(60)));
    }

    #[test]
    fn what_was_handed_over_is_not_changed_and_nothing_grows_without_end() {
        let mut timeline = Timeline::new(ms(0));
        speak(&mut timeline, 20, Side::Left, 0);
        let (start, settled) = timeline.take_settled(ms(1_000));
        speak(&mut timeline, 1_001, Side::Left, 4_000);
        for at in 0..1_000 {
            speak(&mut timeline, 1_020 + 20 * at, Side::Right, 160 * at as u32);
        }
        let (next, rest) = timeline.take_settled(ms(21_000));
        assert_eq!((start, settled.len(), next, rest.len()), (0, 2 * 5_600, 5_600, 2 * ROOM as usize));
    }
}

//! One recording's audio on its way to the writer: both sides placed by their RTP timestamps on one clock.

use std::time::Duration;

use crate::g711::Codec;
use crate::tone::samples;

/// Kept back from the writer for packets that come late or out of order, in frames: 300 ms.
const HOLD_BACK: u64 = 2_400;
/// A side whose timestamps disagree by more with the time of arrival is placed anew, in frames: 200 ms.
const MAX_DRIFT: u64 = 1_600;
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

    /// Places one packet of a side.
    pub(crate) fn place(
        &mut self,
        now: Duration,
        side: Side,
        (ssrc, timestamp): (u32, u32),
        codec: Codec,
        payload: &[u8],
    ) {
        if self.paused_since.is_some() {
            return;
        }
        let length = payload.len() as u64;
        // A packet is sent when its last sample is spoken.
        let arrived = self.position(now).saturating_sub(length);
        let anchor = &mut self.anchors[side as usize];
        let position = anchor
            .filter(|anchor| anchor.ssrc == ssrc)
            .and_then(|anchor| {
                let step = i64::from(timestamp.wrapping_sub(anchor.timestamp) as i32);
                anchor.position.checked_add_signed(step)
            })
            .filter(|position| position.abs_diff(arrived) <= MAX_DRIFT)
            .unwrap_or(arrived);
        *anchor = Some(Anchor { ssrc, timestamp, position });
        let skip = self.base.saturating_sub(position).min(length);
        let start = position.max(self.base) - self.base;
        let end = start + length - skip;
        if end > ROOM {
            return;
        }
        if self.frames.len() < 2 * end as usize {
            self.frames.resize(2 * end as usize, 0);
        }
        let table = codec.linear();
        let (frames, _) = self.frames[2 * start as usize..2 * end as usize].as_chunks_mut::<2>();
        for (frame, byte) in frames.iter_mut().zip(&payload[skip as usize..]) {
            frame[side as usize] = table[usize::from(*byte)];
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
        timeline.place(ms(now), side, (side as u32, timestamp), Codec::Pcma, &[0xaa; 160]);
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

    #[test]
    fn a_sender_whose_clock_is_slow_stays_within_a_fifth_of_a_second() {
        let mut timeline = Timeline::new(ms(0));
        let mut frames = Vec::new();
        // 1 % slow: after 60 s it would be 600 ms behind.
        for at in 0..3_000_u64 {
            let now = Duration::from_micros(20_200 * (at + 1));
            timeline.place(now, Side::Left, (1, 160 * at as u32), Codec::Pcma, &[0xaa; 160]);
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

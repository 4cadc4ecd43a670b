//! Who listens for keys in the audio of a leg: packets in order and without gaps, as the detector needs them.

use std::time::Duration;

use plugboard_codec::Law;
use plugboard_rtp::{Digit, JitterBuffer, Packet, Playout};

use crate::RATE;
use crate::dtmf::Detector;

/// What waits for a packet that was overtaken. Nobody hears the delay but in how soon a key is told.
const LEAST_DELAY: Duration = Duration::from_millis(20);
const MOST_DELAY: Duration = Duration::from_millis(200);
/// A sender that leaves out silence jumps its timestamp by more than this: the key is up, though no packet says so. 40 ms.
const PAUSE: i32 = 320;

#[derive(Debug)]
pub(crate) struct Listener {
    buffer: JitterBuffer,
    detector: Detector,
    /// Of what is in the buffer.
    law: Law,
    /// The packet played last, to fill in for one that is missing.
    last: Vec<u8>,
    /// Number and timestamp that would follow the newest packet without a pause.
    next: Option<(u16, u32)>,
}

impl Listener {
    pub(crate) fn new(law: Law) -> Self {
        Self {
            buffer: JitterBuffer::new(RATE, LEAST_DELAY, MOST_DELAY),
            detector: Detector::new(),
            law,
            last: Vec::new(),
            next: None,
        }
    }

    /// Takes one packet of audio and tells the presses that ended by now.
    pub(crate) fn handle(
        &mut self,
        now: Duration,
        law: Law,
        packet: &Packet<'_>,
        mut told: impl FnMut(Digit, Duration),
    ) {
        let paused = self.next.is_some_and(|(number, timestamp)| {
            packet.sequence == number && packet.timestamp.wrapping_sub(timestamp) as i32 >= PAUSE
        });
        if paused {
            self.handle_silence(&mut told);
        }
        self.next = Some((packet.sequence.wrapping_add(1), packet.timestamp.wrapping_add(packet.payload.len() as u32)));
        match law.translation(self.law) {
            None => self.buffer.handle(now, packet),
            Some(table) => {
                let payload: Vec<u8> = packet.payload.iter().map(|byte| table[usize::from(*byte)]).collect();
                self.buffer.handle(now, &Packet { payload: &payload, ..*packet })
            }
        };
        self.listen(now, told);
    }

    /// Takes samples at 8 kHz that somebody else has put in order. Those that do not follow the ones before end a press.
    pub(crate) fn hear(&mut self, samples: &[i16], follows: bool, mut told: impl FnMut(Digit, Duration)) {
        if !follows {
            self.handle_silence(&mut told);
        }
        self.detector.hear(samples.iter().copied(), told);
    }

    /// Listens to what is due by now.
    pub(crate) fn listen(&mut self, now: Duration, mut told: impl FnMut(Digit, Duration)) {
        loop {
            match self.buffer.poll(now) {
                Playout::Payload(payload) => self.last = payload,
                // The packet before goes on: silence would cut a key in two.
                Playout::Lost => {}
                Playout::Wait => return,
            }
            self.detector.handle(self.law, &self.last, &mut told);
        }
    }

    /// No more audio comes: listens to what is left, and a key that is down is up.
    pub(crate) fn handle_silence(&mut self, mut told: impl FnMut(Digit, Duration)) {
        self.listen(Duration::MAX, &mut told);
        self.last.clear();
        self.next = None;
        if let Some((digit, length)) = self.detector.handle_silence() {
            told(digit, length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{EncodedTone, Tone};

    /// Packets of `key`, pressed for 100 ms after 100 ms of silence and before as much, from this number on.
    fn press(key: char, first: u16) -> Vec<(u16, Vec<u8>)> {
        let tone = EncodedTone::new(&Tone { off: Duration::ZERO, ..Tone::dtmf(Digit::from_char(key).unwrap()) }, None);
        let mut audio = vec![Law::A.silence(); 2_400];
        tone.fill(Law::A, 0, &mut audio[800..1_600]);
        (first..).zip(audio.chunks(160).map(<[u8]>::to_vec)).collect()
    }

    /// The keys told of `(arrival in ms, number, payload)`.
    fn told(packets: impl IntoIterator<Item = (u64, u16, Vec<u8>)>) -> String {
        let mut packets: Vec<_> = packets.into_iter().collect();
        packets.sort_by_key(|(arrival, ..)| *arrival);
        let mut listener = Listener::new(Law::A);
        let mut told = String::new();
        for (arrival, sequence, payload) in &packets {
            let timestamp = u32::from(*sequence) * 160;
            let packet = Packet { marker: false, payload_type: 8, sequence: *sequence, timestamp, ssrc: 1, payload };
            let now = Duration::from_millis(*arrival);
            listener.handle(now, Law::A, &packet, |digit, _| told.push(digit.as_char()));
        }
        listener.handle_silence(|digit, _| told.push(digit.as_char()));
        told
    }

    fn on_time(packets: Vec<(u16, Vec<u8>)>) -> impl Iterator<Item = (u64, u16, Vec<u8>)> {
        packets.into_iter().map(|(number, payload)| (20 * u64::from(number), number, payload))
    }

    #[test]
    fn a_key_whose_packets_overtake_each_other_is_one_press() {
        let swapped = on_time(press('5', 0)).map(|(arrival, number, payload)| match number {
            // Each even one arrives just after the odd one behind it.
            number if number % 2 == 0 => (arrival + 25, number, payload),
            number => (arrival, number, payload),
        });
        assert_eq!(told(swapped), "5");
    }

    #[test]
    fn a_key_that_lost_a_packet_in_its_middle_is_one_press() {
        assert_eq!(told(on_time(press('8', 0)).filter(|(_, number, _)| *number != 7)), "8");
    }

    #[test]
    fn two_presses_of_a_sender_that_leaves_out_silence_are_two() {
        let sounding = |(number, _): &(u16, Vec<u8>)| (5..10).contains(&(number % 15));
        let first: Vec<_> = press('3', 0).into_iter().filter(sounding).collect();
        let second: Vec<_> = press('3', 15).into_iter().filter(sounding).collect();
        let mut listener = Listener::new(Law::A);
        let mut keys = String::new();
        for (sequence, (spoken, payload)) in first.iter().chain(&second).enumerate() {
            let (sequence, timestamp) = (sequence as u16, u32::from(*spoken) * 160);
            let packet = Packet { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1, payload };
            let now = Duration::from_millis(20 * u64::from(*spoken));
            listener.handle(now, Law::A, &packet, |digit, _| keys.push(digit.as_char()));
        }
        listener.handle_silence(|digit, _| keys.push(digit.as_char()));
        assert_eq!(keys, "33");
    }

    #[test]
    fn jitter_of_60_ms_loses_no_key() {
        let rough = on_time([press('1', 0), press('2', 15), press('3', 30)].concat())
            .map(|(arrival, number, payload)| (arrival + u64::from(number * 7 % 4) * 20, number, payload));
        assert_eq!(told(rough), "123");
    }
}

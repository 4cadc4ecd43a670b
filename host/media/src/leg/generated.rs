//! What a leg is sent that nobody said: keys, prompts, tones.

use std::time::Duration;

use plugboard_rtp::Pressing;

use super::{Leg, MAX_PACKET, PAUSE_TICKS, PRESS_TICKS, Sending};
use crate::command::PayloadType;
use crate::outbox::Outbox;
use crate::tone::{EncodedTone, Tone};
use crate::{Digit, FRAME};

impl Leg {
    /// Sends what is due every 20 ms. False if there is nothing to generate any more.
    pub(crate) fn handle_tick(&mut self, now: Duration, outbox: &mut Outbox) -> bool {
        let codec = self.stream.codec;
        let ticks = codec.frame_ticks();
        if self.sending.is_none()
            && let Some(digit) = self.digits.pop_front()
        {
            self.sending = Some(match self.stream.telephone_event {
                Some(_) => Sending::Event {
                    pressing: pressing(digit, self.stream.telephone_event_clock),
                    timestamp: self.out.timestamp_at(now),
                },
                None => Sending::Tone { tone: Box::new(EncodedTone::new(&Tone::dtmf(digit), Some(codec))), at: 0 },
            });
            self.marker = true;
        }
        match &mut self.sending {
            Some(Sending::Event { pressing, timestamp }) => {
                // A re-INVITE may take the events away in the middle of a key.
                let timestamp = *timestamp;
                match self.stream.telephone_event.and_then(|kind| Some((kind, pressing.next_packet()?))) {
                    Some((PayloadType { send, .. }, (event, first))) => {
                        self.send_own(now, send, first, (timestamp, ticks), &event.write(), outbox);
                    }
                    None => self.sending = Some(Sending::Pause { ticks: PAUSE_TICKS }),
                }
            }
            Some(Sending::Tone { tone, at }) => {
                let mut frame = std::mem::take(&mut self.frame);
                frame.clear();
                match codec.law() {
                    Some(law) => {
                        frame.resize(FRAME, 0);
                        tone.fill(law, *at, &mut frame);
                    }
                    None => frame.extend_from_slice(tone.frame(codec, *at)),
                }
                *at += FRAME as u64;
                let over = *at >= tone.samples();
                self.send_audio(now, ticks, &frame, outbox);
                self.frame = frame;
                if over {
                    self.sending = None;
                }
            }
            Some(Sending::Pause { ticks }) => {
                *ticks -= 1;
                if *ticks == 0 {
                    self.sending = None;
                    self.marker = true;
                }
            }
            None if self.playing.is_some() => self.play(now, outbox),
            None => self.murmur(now, outbox),
        }
        self.wants_ticks()
    }

    fn murmur(&mut self, now: Duration, outbox: &mut Outbox) {
        let codec = self.stream.codec;
        let Some(murmur) = &mut self.murmur else { return };
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        if murmur.frame(codec, &mut frame) {
            self.send_audio(now, codec.frame_ticks(), &frame, outbox);
        } else {
            self.murmur = None;
        }
        self.frame = frame;
    }

    fn play(&mut self, now: Duration, outbox: &mut Outbox) {
        let Some(playing) = &mut self.playing else { return };
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let codec = self.stream.codec;
        let Some(law) = codec.law() else {
            let mut frame = std::mem::take(&mut self.frame);
            frame.clear();
            if playing.next_frame(codec, &mut frame) {
                self.send_audio(now, codec.frame_ticks(), &frame, outbox);
            } else {
                self.end_play(true, outbox);
            }
            self.frame = frame;
            return;
        };
        let packet_ticks = (self.stream.packet_time.as_millis() / 20).clamp(1, 10) as u8;
        let mut frame = [0; MAX_PACKET];
        let frame = &mut frame[..FRAME * usize::from(packet_ticks)];
        if playing.fill(law, frame) {
            self.skip = packet_ticks - 1;
            self.send_audio(now, frame.len() as u32, frame, outbox);
        } else {
            self.end_play(true, outbox);
        }
    }
}

fn pressing(digit: Digit, clock: u32) -> Pressing {
    // Of 20 ms; no clock of RTP is so fast that a key is longer than 16 bits say.
    let ticks = u16::try_from(clock / 50).unwrap_or(u16::MAX / PRESS_TICKS);
    Pressing::new(digit, ticks, PRESS_TICKS.saturating_mul(ticks))
}

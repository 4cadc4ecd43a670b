//! What a leg is told by another that speaks another codec: frames of 20 ms, encoded anew.

use plugboard_codec::{Codec, Encode, Rate, Target};
use plugboard_rtp::Packet;

use crate::ears::Said;

#[derive(Debug)]
pub(crate) struct Mouth {
    codec: Codec,
    encoder: Box<dyn Encode>,
    /// What does not fill a frame yet.
    pending: Vec<i16>,
    payload: Vec<u8>,
    /// Whom it repeats, and the timestamp behind what was said last, in that one's ticks.
    source: Option<(u32, u32)>,
    /// Of the next frame, in the ticks of `codec`.
    sequence: u16,
    timestamp: u32,
}

impl Mouth {
    pub(crate) fn new(codec: Codec, rate: Rate, target: Option<Target>) -> Box<Self> {
        let mut encoder = codec.encoder(rate);
        if let Some(target) = target {
            encoder.aim(target);
        }
        Box::new(Self {
            codec,
            encoder,
            pending: Vec::new(),
            payload: Vec::new(),
            source: None,
            sequence: 0,
            timestamp: 0,
        })
    }

    /// Whether this speaks this codec from samples of this rate.
    pub(crate) fn fits(&self, codec: Codec, rate: Rate) -> bool {
        self.codec == codec && self.encoder.rate() == rate
    }

    pub(crate) fn aim(&mut self, target: Target) {
        self.encoder.aim(target);
    }

    /// Says these samples, which came by this codec. Each frame that is full is sent: a packet as if it came from a far end of our codec.
    pub(crate) fn say(&mut self, said: &Said, from: Codec, samples: &[i16], mut send: impl FnMut(&Packet<'_>)) {
        let frame = self.encoder.rate().frame();
        let mut marker = false;
        if let Some((ssrc, end)) = self.source
            && ssrc == said.ssrc
        {
            let pause = i64::from(said.timestamp.wrapping_sub(end) as i32);
            if pause != 0 {
                // What was left over before the pause is no part of what comes after it.
                marker = true;
                self.pending.clear();
                let ticks = pause * i64::from(self.codec.clock_rate()) / i64::from(from.clock_rate());
                self.timestamp = self.timestamp.wrapping_add_signed(ticks as i32);
            }
        } else {
            self.pending.clear();
        }
        let ticks = samples.len() as u64 * u64::from(from.clock_rate()) / u64::from(self.encoder.rate().hertz());
        self.source = Some((said.ssrc, said.timestamp.wrapping_add(ticks as u32)));
        self.pending.extend_from_slice(samples);
        let whole = self.pending.len() / frame * frame;
        for frame in self.pending[..whole].chunks_exact(frame) {
            self.payload.clear();
            self.encoder.encode(frame, &mut self.payload);
            let Self { sequence, timestamp, .. } = *self;
            send(&Packet { marker, payload_type: 0, sequence, timestamp, ssrc: said.ssrc, payload: &self.payload });
            marker = false;
            self.sequence = sequence.wrapping_add(1);
            self.timestamp = timestamp.wrapping_add(self.codec.frame_ticks());
        }
        self.pending.copy_within(whole.., 0);
        self.pending.truncate(self.pending.len() - whole);
    }
}

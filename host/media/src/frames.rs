//! Sound encoded once in frames of 20 ms, for codecs whose payloads are not cut and joined: playing is copying one after another.

use plugboard_codec::{Codec, Rate};

#[derive(Debug)]
pub(crate) struct Frames {
    bytes: Box<[u8]>,
    /// Where each frame ends.
    ends: Box<[u32]>,
}

impl Frames {
    /// The last frame is filled with silence.
    pub(crate) fn encode(codec: Codec, rate: Rate, samples: &[i16]) -> Self {
        let mut encoder = codec.encoder(rate);
        let mut bytes = Vec::new();
        let ends = samples.chunks(rate.frame()).map(|frame| {
            encoder.encode(frame, &mut bytes);
            bytes.len() as u32
        });
        let ends = ends.collect();
        Self { bytes: bytes.into(), ends }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Empty behind the last.
    #[inline]
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends.get(before).map_or(0, |end| *end as usize));
        let end = self.ends.get(number).map_or(start, |end| *end as usize);
        &self.bytes[start..end]
    }

    /// Memory that it holds.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len()
    }
}

//! Comfort noise for a leg that takes no descriptions of it (RFC 3389): the other leg is silent, and says what its silence sounds like.

use plugboard_codec::{Codec, ComfortNoise, Encode, NoiseDescription, Rate};

#[derive(Debug)]
pub(crate) struct Murmur {
    codec: Codec,
    noise: ComfortNoise,
    encoder: Box<dyn Encode>,
    samples: Vec<i16>,
}

impl Murmur {
    pub(crate) fn new(codec: Codec, description: &NoiseDescription, seed: u32) -> Box<Self> {
        let noise = ComfortNoise::new(description, seed);
        Box::new(Self { codec, noise, encoder: codec.encoder(Rate::Narrow), samples: Vec::new() })
    }

    /// Another sound from here on.
    pub(crate) fn describe(&mut self, description: &NoiseDescription) {
        self.noise.describe(description);
    }

    /// Appends 20 ms. False if the leg has another codec by now.
    pub(crate) fn frame(&mut self, codec: Codec, out: &mut Vec<u8>) -> bool {
        if codec != self.codec {
            return false;
        }
        self.samples.clear();
        self.noise.frame(Rate::Narrow, &mut self.samples);
        self.encoder.encode(&self.samples, out);
        true
    }
}

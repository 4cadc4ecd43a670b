//! G.711: 8,000 samples a second, one byte each.

use crate::conceal::Concealing;
use crate::resample::{Resampled, ResampledEncoder};
use crate::voice::{Decode, Encode, Malformed};
use crate::{Codec, Rate};

/// How G.711 puts a sample into a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// North America and Japan.
    Mu,
    /// Everywhere else.
    A,
}

static PCMU_TO_LINEAR: [i16; 256] = table(Law::Mu);
static PCMA_TO_LINEAR: [i16; 256] = table(Law::A);
static PCMU_TO_PCMA: [u8; 256] = translation(Law::Mu, Law::A);
static PCMA_TO_PCMU: [u8; 256] = translation(Law::A, Law::Mu);

impl Law {
    /// The codec of this law.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Mu => Codec::Pcmu,
            Self::A => Codec::Pcma,
        }
    }

    /// The byte that stands for zero.
    pub const fn silence(self) -> u8 {
        self.encode(0)
    }

    /// One byte to a 16-bit sample.
    #[inline]
    pub fn decode(self, byte: u8) -> i16 {
        self.linear()[usize::from(byte)]
    }

    /// The decoding table, for loops that decode many bytes.
    #[inline]
    pub fn linear(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &PCMU_TO_LINEAR,
            Self::A => &PCMA_TO_LINEAR,
        }
    }

    /// One 16-bit sample to a byte, to the nearest step that the law has (ITU-T G.711).
    #[inline]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_pcmu(sample),
            Self::A => encode_pcma(sample),
        }
    }

    /// Byte for byte from this law to another; `None` if both are the same, so that the caller can leave the bytes alone.
    #[inline]
    pub fn translation(self, to: Self) -> Option<&'static [u8; 256]> {
        match (self, to) {
            (Self::Mu, Self::A) => Some(&PCMU_TO_PCMA),
            (Self::A, Self::Mu) => Some(&PCMA_TO_PCMU),
            (Self::Mu, Self::Mu) | (Self::A, Self::A) => None,
        }
    }
}

/// More than 120 ms is nobody's packet.
const MAX_PAYLOAD: usize = 960;

/// Hears one law.
#[derive(Debug)]
struct Expand(Law);

impl Decode for Expand {
    fn rate(&self) -> Rate {
        Rate::Narrow
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Err(Malformed);
        }
        let table = self.0.linear();
        out.extend(payload.iter().map(|byte| table[usize::from(*byte)]));
        Ok(())
    }

    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, out: &mut Vec<i16>) {
        out.resize(out.len() + samples, 0);
    }
}

/// Speaks one law.
#[derive(Debug)]
struct Compress(Law);

impl Encode for Compress {
    fn rate(&self) -> Rate {
        Rate::Narrow
    }

    fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        let end = out.len() + Rate::Narrow.frame();
        let law = self.0;
        out.extend(frame.iter().take(Rate::Narrow.frame()).map(|sample| law.encode(*sample)));
        out.resize(end, law.silence());
    }
}

pub(crate) fn decoder(law: Law, rate: Rate) -> Box<dyn Decode> {
    Resampled::to(rate, Concealing::new(Expand(law)))
}

pub(crate) fn encoder(law: Law, rate: Rate) -> Box<dyn Encode> {
    ResampledEncoder::from(rate, Compress(law))
}

/// µ-law: 14 bits, bias 33 of 8,192, inverted on the wire.
const fn encode_pcmu(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const CLIP: i32 = 32_635;
    let mut magnitude = sample as i32;
    let sign = if magnitude < 0 { 0x80 } else { 0 };
    if magnitude < 0 {
        magnitude = -magnitude;
    }
    if magnitude > CLIP {
        magnitude = CLIP;
    }
    magnitude += BIAS;
    let exponent = 31 - (magnitude as u32 >> 7).leading_zeros() as i32;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) | mantissa) as u8
}

const fn decode_pcmu(byte: u8) -> i16 {
    let code = !byte as i32;
    let magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
    if code & 0x80 != 0 { -magnitude as i16 } else { magnitude as i16 }
}

/// A-law: 13 bits, every other bit inverted on the wire.
const fn encode_pcma(sample: i16) -> u8 {
    // One's complement of negative samples keeps both halves the same size, as the reference of ITU-T G.191 does.
    let (sign, magnitude) = if sample >= 0 { (0x80, sample as i32) } else { (0, !(sample as i32)) };
    let steps = magnitude >> 4;
    let code = if steps < 16 {
        steps
    } else {
        let exponent = 32 - (steps as u32 >> 4).leading_zeros() as i32;
        (exponent << 4) | ((steps >> (exponent - 1)) & 0x0f)
    };
    ((sign | code) ^ 0x55) as u8
}

const fn decode_pcma(byte: u8) -> i16 {
    let code = (byte ^ 0x55) as i32;
    let exponent = (code >> 4) & 7;
    let mantissa = code & 0x0f;
    let magnitude = if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
    if code & 0x80 != 0 { magnitude as i16 } else { -magnitude as i16 }
}

const fn table(law: Law) -> [i16; 256] {
    let mut out = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = match law {
            Law::Mu => decode_pcmu(byte as u8),
            Law::A => decode_pcma(byte as u8),
        };
        byte += 1;
    }
    out
}

const fn translation(from: Law, to: Law) -> [u8; 256] {
    let linear = table(from);
    let mut out = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = to.encode(linear[byte]);
        byte += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for law in [Law::Mu, Law::A] {
            for byte in 0..=255 {
                // µ-law has two zeros; the negative one may come back as the positive one.
                let expected = if law == Law::Mu && byte == 0x7f { 0xff } else { byte };
                assert_eq!(law.encode(law.decode(byte)), expected, "{law:?} {byte:#x}");
            }
        }
    }

    /// Values of ITU-T G.711, tables 1a and 2a, scaled to 16 bits.
    #[test]
    fn known_bytes_are_the_samples_of_the_standard() {
        let pcmu = [0x00, 0x80, 0xff, 0x7f, 0xf0].map(|byte| Law::Mu.decode(byte));
        let pcma = [0xd5, 0x55, 0xaa, 0x2a, 0x80].map(|byte| Law::A.decode(byte));
        assert_eq!((pcmu, pcma), ([-32_124, 32_124, 0, 0, 120], [8, -8, 32_256, -32_256, 5_504]));
    }

    #[test]
    fn no_sample_is_further_off_than_half_a_step_of_its_segment() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let heard = i32::from(law.decode(law.encode(sample)));
                let off = (heard - i32::from(sample)).abs();
                let half_step = (i32::from(sample).abs() / 32).max(8) + 8;
                // Beyond the last step everything clips.
                assert!(off <= half_step || i32::from(sample).abs() > 32_124, "{law:?} {sample} heard as {heard}");
            }
        }
    }

    #[test]
    fn silence_is_the_byte_that_phones_send() {
        assert_eq!((Law::Mu.silence(), Law::A.silence()), (0xff, 0xd5));
    }

    #[test]
    fn translation_keeps_the_loudness() {
        let to_pcma = Law::Mu.translation(Law::A).unwrap();
        for byte in 0..=255_u8 {
            let (before, after) = (Law::Mu.decode(byte), Law::A.decode(to_pcma[usize::from(byte)]));
            let off = (i32::from(before) - i32::from(after)).abs();
            assert!(off <= i32::from(before).abs() / 24 + 16, "{before} became {after}");
        }
    }
}

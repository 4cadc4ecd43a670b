//! G.711: 8,000 samples a second, one byte each.

/// What a G.711 leg speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// µ-law.
    Pcmu,
    /// A-law.
    Pcma,
}

/// Samples, bytes and RTP ticks per second: all the same for G.711 (RFC 3551 §4.5.14).
pub const RATE: u32 = 8_000;

/// 20 ms, the tick of generated audio: samples, bytes and RTP ticks.
pub const FRAME: usize = 160;

static PCMU_TO_LINEAR: [i16; 256] = table(Codec::Pcmu);
static PCMA_TO_LINEAR: [i16; 256] = table(Codec::Pcma);
static PCMU_TO_PCMA: [u8; 256] = translation(Codec::Pcmu, Codec::Pcma);
static PCMA_TO_PCMU: [u8; 256] = translation(Codec::Pcma, Codec::Pcmu);

impl Codec {
    /// RFC 3551 §6, table 4.
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The encoding name of `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
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
            Self::Pcmu => &PCMU_TO_LINEAR,
            Self::Pcma => &PCMA_TO_LINEAR,
        }
    }

    /// One 16-bit sample to a byte, to the nearest step that the law has (ITU-T G.711).
    #[inline]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => encode_pcmu(sample),
            Self::Pcma => encode_pcma(sample),
        }
    }

    /// Byte for byte from this law to another; `None` if both are the same, so that the caller can leave the bytes alone.
    #[inline]
    pub fn translation(self, to: Self) -> Option<&'static [u8; 256]> {
        match (self, to) {
            (Self::Pcmu, Self::Pcma) => Some(&PCMU_TO_PCMA),
            (Self::Pcma, Self::Pcmu) => Some(&PCMA_TO_PCMU),
            (Self::Pcmu, Self::Pcmu) | (Self::Pcma, Self::Pcma) => None,
        }
    }
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

const fn table(codec: Codec) -> [i16; 256] {
    let mut out = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = match codec {
            Codec::Pcmu => decode_pcmu(byte as u8),
            Codec::Pcma => decode_pcma(byte as u8),
        };
        byte += 1;
    }
    out
}

const fn translation(from: Codec, to: Codec) -> [u8; 256] {
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
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for byte in 0..=255 {
                // µ-law has two zeros; the negative one may come back as the positive one.
                let expected = if codec == Codec::Pcmu && byte == 0x7f { 0xff } else { byte };
                assert_eq!(codec.encode(codec.decode(byte)), expected, "{codec:?} {byte:#x}");
            }
        }
    }

    /// Values of ITU-T G.711, tables 1a and 2a, scaled to 16 bits.
    #[test]
    fn known_bytes_are_the_samples_of_the_standard() {
        let pcmu = [0x00, 0x80, 0xff, 0x7f, 0xf0].map(|byte| Codec::Pcmu.decode(byte));
        let pcma = [0xd5, 0x55, 0xaa, 0x2a, 0x80].map(|byte| Codec::Pcma.decode(byte));
        assert_eq!((pcmu, pcma), ([-32_124, 32_124, 0, 0, 120], [8, -8, 32_256, -32_256, 5_504]));
    }

    #[test]
    fn no_sample_is_further_off_than_half_a_step_of_its_segment() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for sample in i16::MIN..=i16::MAX {
                let heard = i32::from(codec.decode(codec.encode(sample)));
                let off = (heard - i32::from(sample)).abs();
                let half_step = (i32::from(sample).abs() / 32).max(8) + 8;
                // Beyond the last step everything clips.
                assert!(off <= half_step || i32::from(sample).abs() > 32_124, "{codec:?} {sample} heard as {heard}");
            }
        }
    }

    #[test]
    fn silence_is_the_byte_that_phones_send() {
        assert_eq!((Codec::Pcmu.silence(), Codec::Pcma.silence()), (0xff, 0xd5));
    }

    #[test]
    fn translation_keeps_the_loudness() {
        let to_pcma = Codec::Pcmu.translation(Codec::Pcma).unwrap();
        for byte in 0..=255_u8 {
            let (before, after) = (Codec::Pcmu.decode(byte), Codec::Pcma.decode(to_pcma[usize::from(byte)]));
            let off = (i32::from(before) - i32::from(after)).abs();
            assert!(off <= i32::from(before).abs() / 24 + 16, "{before} became {after}");
        }
    }
}

//! G.722 at 64 kbit/s (ITU-T G.722): two bands of 8,000 samples a second, ADPCM of 6 and of 2 bits, a byte for both.
//!
//! Fixed point as in the recommendation, so that it is the same bits as every other implementation. At [`Rate::Narrow`] only the lower band is worked
//! on: it is the telephone's band already, which is cheaper than to put the bands together and filter the upper one away again.

mod band;

use band::{Band, saturate};

use crate::Rate;
use crate::conceal::Concealing;
use crate::resample::{Resampled, ResampledEncoder};
use crate::voice::{Decode, Encode, Malformed};

/// More than 120 ms is nobody's packet.
const MAX_PAYLOAD: usize = 960;

/// The quadrature mirror filter's even taps; the odd ones are the same backwards (table 4/G.722).
const TAPS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

#[derive(Debug)]
struct Decoder {
    rate: Rate,
    low: Band,
    high: Band,
    filter: Filter,
}

#[derive(Debug)]
struct Encoder {
    rate: Rate,
    low: Band,
    high: Band,
    filter: Filter,
}

/// The last 24 samples of both bands in turn, twice in a row, so that they always lie in one piece.
#[derive(Debug)]
struct Filter {
    samples: [i32; 48],
    at: usize,
}

impl Filter {
    fn new() -> Self {
        Self { samples: [0; 48], at: 0 }
    }

    /// Takes two samples and gives the sums of the even taps over the even samples and of the odd taps over the odd ones.
    #[inline]
    fn handle(&mut self, first: i32, second: i32) -> (i32, i32) {
        for sample in [first, second] {
            self.samples[self.at] = sample;
            self.samples[self.at + 24] = sample;
            self.at += 1;
        }
        self.at %= 24;
        let (mut even, mut odd) = (0, 0);
        let window = &self.samples[self.at..self.at + 24];
        for (tap, pair) in window.as_chunks::<2>().0.iter().enumerate() {
            even += pair[0] * TAPS[tap];
            odd += pair[1] * TAPS[11 - tap];
        }
        (even, odd)
    }
}

impl Decode for Decoder {
    fn rate(&self) -> Rate {
        self.rate
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Err(Malformed);
        }
        for byte in payload {
            let low = self.low.decode_low(byte & 0x3f);
            if self.rate == Rate::Narrow {
                out.push(saturate(low << 1) as i16);
                continue;
            }
            let high = self.high.decode_high(byte >> 6);
            let (even, odd) = self.filter.handle(low + high, low - high);
            out.extend([saturate(odd >> 11) as i16, saturate(even >> 11) as i16]);
        }
        Ok(())
    }

    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, out: &mut Vec<i16>) {
        out.resize(out.len() + samples, 0);
    }
}

impl Encode for Encoder {
    fn rate(&self) -> Rate {
        self.rate
    }

    fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        let mut samples = frame.iter().copied().map(i32::from).chain(std::iter::repeat(0));
        for _ in 0..Rate::Narrow.frame() {
            let Some(first) = samples.next() else { return };
            if self.rate == Rate::Narrow {
                out.push(0xc0 | self.low.encode_low(first >> 1));
                continue;
            }
            let Some(second) = samples.next() else { return };
            let (even, odd) = self.filter.handle(first, second);
            let low = self.low.encode_low((even + odd) >> 14);
            let high = self.high.encode_high((odd - even) >> 14);
            out.push((high << 6) | low);
        }
    }
}

pub(crate) fn decoder(rate: Rate) -> Box<dyn Decode> {
    let own = if rate == Rate::Narrow { Rate::Narrow } else { Rate::Wide };
    let decoder = Decoder { rate: own, low: Band::low(), high: Band::high(), filter: Filter::new() };
    Resampled::to(rate, Concealing::new(decoder))
}

pub(crate) fn encoder(rate: Rate) -> Box<dyn Encode> {
    let own = if rate == Rate::Narrow { Rate::Narrow } else { Rate::Wide };
    let encoder = Encoder { rate: own, low: Band::low(), high: Band::high(), filter: Filter::new() };
    ResampledEncoder::from(rate, encoder)
}

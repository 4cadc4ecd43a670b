//! Opus (RFC 6716) in RTP (RFC 7587): mono, 20 ms a packet.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_rs::{Application, OpusDecoder, OpusEncoder};

use crate::voice::{Decode, Encode, Malformed};
use crate::{Rate, Target};

/// A packet holds 120 ms at most (RFC 6716 §2.1.4).
const MAX_PACKET_MS: usize = 120;
/// The largest that we take: what a datagram holds.
const MAX_PAYLOAD: usize = 1_500;
/// The largest frame (RFC 6716 §3.2.1).
const MAX_FRAME: usize = 1_276;
/// How hard the encoder tries, 0–10.
const COMPLEXITY: i32 = 4;

/// What a far end says of Opus that it receives: `a=fmtp` (RFC 7587 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusParameters {
    /// In bits a second, 6,000–510,000.
    pub max_average_bitrate: u32,
    /// It makes use of what is sent twice.
    pub inband_fec: bool,
}

impl OpusParameters {
    /// What counts where nothing is said, but for the bit rate, which is what mono voice is worth.
    pub const DEFAULT: Self = Self { max_average_bitrate: 40_000, inband_fec: false };

    /// Reads `maxaveragebitrate` and `useinbandfec`; whatever else is said, or said wrongly, changes nothing.
    pub fn from_fmtp(fmtp: &str) -> Self {
        let mut parameters = Self::DEFAULT;
        for (name, value) in fmtp.split(';').filter_map(|parameter| parameter.split_once('=')) {
            match (name.trim(), value.trim()) {
                (name, "1") if name.eq_ignore_ascii_case("useinbandfec") => parameters.inband_fec = true,
                (name, value) if name.eq_ignore_ascii_case("maxaveragebitrate") => {
                    if let Ok(bitrate) = value.parse::<u32>() {
                        parameters.max_average_bitrate = bitrate.clamp(6_000, 510_000);
                    }
                }
                _ => {}
            }
        }
        parameters
    }
}

struct Decoder {
    rate: Rate,
    opus: OpusDecoder,
    /// The longest packet's samples.
    samples: Box<[f32]>,
}

struct Encoder {
    rate: Rate,
    opus: OpusEncoder,
    /// A frame that came too short.
    frame: Vec<i16>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opus").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opus").field("rate", &self.rate).finish_non_exhaustive()
    }
}

fn new_decoder(rate: Rate) -> OpusDecoder {
    OpusDecoder::new(rate.hertz() as i32, 1).expect("Opus knows all our rates")
}

impl Decoder {
    /// Runs the decoder and appends what it made. A panic in it must not end the calls of others: that one stream begins anew.
    fn run(
        &mut self,
        out: &mut Vec<i16>,
        decode: impl FnOnce(&mut OpusDecoder, &mut [f32]) -> Result<usize, &'static str>,
    ) -> Result<(), Malformed> {
        let (opus, samples) = (&mut self.opus, &mut self.samples);
        match catch_unwind(AssertUnwindSafe(|| decode(opus, samples))) {
            Ok(Ok(count)) => {
                let heard = samples.get(..count).ok_or(Malformed)?;
                // A cast of a float saturates, and makes 0 of what is no number.
                out.extend(heard.iter().map(|sample| (sample * 32_768.0).round() as i16));
                Ok(())
            }
            Ok(Err(_)) => Err(Malformed),
            Err(_) => {
                self.opus = new_decoder(self.rate);
                Err(Malformed)
            }
        }
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
        let most = self.samples.len();
        self.run(out, |opus, samples| opus.decode(payload, most, samples))
    }

    fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        let end = out.len() + samples;
        // It works in steps of 2.5 ms.
        let step = self.rate.hertz() as usize / 400;
        let frame = self.rate.frame();
        let next = next.filter(|next| next.len() <= MAX_PAYLOAD);
        while end - out.len() >= step {
            let left = end - out.len();
            let made = match next {
                // The next packet repeats the one before it, at the end of the gap.
                Some(next) if left <= frame => {
                    let length = left - left % step;
                    self.run(out, |opus, samples| opus.decode_fec(next, length, &mut samples[..length]))
                }
                _ => {
                    let length = if next.is_some() && left < 2 * frame { left - frame } else { left.min(frame) };
                    let length = (length - length % step).max(step);
                    self.run(out, |opus, samples| opus.decode(&[], length, &mut samples[..length]))
                }
            };
            if made.is_err() {
                break;
            }
        }
        out.resize(end, 0);
    }
}

impl Encode for Encoder {
    fn rate(&self) -> Rate {
        self.rate
    }

    fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        let length = self.rate.frame();
        let frame = match frame.get(..length) {
            Some(whole) => whole,
            None => {
                self.frame.clear();
                self.frame.extend_from_slice(frame);
                self.frame.resize(length, 0);
                &self.frame
            }
        };
        let start = out.len();
        out.resize(start + MAX_FRAME, 0);
        let opus = &mut self.opus;
        let written = catch_unwind(AssertUnwindSafe(|| opus.encode_i16(frame, length, &mut out[start..])));
        if written.is_err() {
            let target =
                Target { bitrate: self.opus.bitrate_bps as u32, expected_loss: self.opus.packet_loss_perc as u8 };
            self.opus = new_encoder(self.rate, target);
        }
        // What cannot be encoded is an empty frame, which the far end conceals.
        let written = written.ok().and_then(Result::ok).unwrap_or(0);
        out.truncate(start + written.min(MAX_FRAME));
    }

    fn aim(&mut self, target: Target) {
        set(&mut self.opus, target);
    }
}

fn set(opus: &mut OpusEncoder, target: Target) {
    opus.bitrate_bps = target.bitrate.clamp(6_000, 510_000) as i32;
    opus.packet_loss_perc = i32::from(target.expected_loss.min(100));
    opus.use_inband_fec = target.expected_loss > 0;
}

fn new_encoder(rate: Rate, target: Target) -> OpusEncoder {
    let mut opus = OpusEncoder::new(rate.hertz() as i32, 1, Application::Voip).expect("Opus knows all our rates");
    opus.complexity = COMPLEXITY;
    set(&mut opus, target);
    opus
}

/// Whether a packet has a copy of the one before it: the flag stands behind those of voice activity, one for each 20 ms (RFC 6716 §4.2.3).
/// Packets of several frames are not looked into: nobody sends them with copies.
pub(crate) fn repeats(payload: &[u8]) -> bool {
    let &[toc, first, ..] = payload else { return false };
    let (config, is_stereo, frames) = (toc >> 3, toc & 4 != 0, toc & 3);
    // Above are CELT's, which knows no copies.
    if config >= 16 || frames != 0 {
        return false;
    }
    let spans = match config {
        0..12 if config & 3 == 2 => 2,
        0..12 if config & 3 == 3 => 3,
        _ => 1,
    };
    let at = |bit: u8| first >> bit & 1 == 1;
    at(7 - spans) || (is_stereo && at(6 - 2 * spans))
}

pub(crate) fn decoder(rate: Rate) -> Box<dyn Decode> {
    let longest = rate.hertz() as usize / 1_000 * MAX_PACKET_MS;
    Box::new(Decoder { rate, opus: new_decoder(rate), samples: vec![0.0; longest].into() })
}

pub(crate) fn encoder(rate: Rate) -> Box<dyn Encode> {
    let bitrate = match rate {
        Rate::Narrow => 16_000,
        Rate::Wide => 24_000,
        Rate::Full => 32_000,
    };
    Box::new(Encoder { rate, opus: new_encoder(rate, Target { bitrate, expected_loss: 0 }), frame: Vec::new() })
}

use std::fmt;

use crate::{Rate, Target};

/// A payload that is none of this codec's. What the decoder knew before, it still knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload is not of its codec")]
pub struct Malformed;

/// Payloads of one sender to samples, in the order in which they were sent.
pub trait Decode: fmt::Debug + Send {
    /// Of the samples that come out.
    fn rate(&self) -> Rate;

    /// Appends the samples of one payload: at most 120 ms, whatever is in it.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed>;

    /// Appends this many samples in place of packets that are lost. `next` is the packet behind the gap, if it is there: Opus may find the last of those
    /// that are lost in it (RFC 6716 §2.1.7). It is decoded afterwards all the same.
    fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>);
}

/// Samples to payloads for one receiver.
pub trait Encode: fmt::Debug + Send {
    /// Of the samples that go in.
    fn rate(&self) -> Rate;

    /// Appends the payload of one frame, which is 20 ms long: [`Rate::frame`] samples. A shorter one is filled with silence, of a longer one the rest is
    /// left out.
    fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>);

    /// Aims at another bit rate and loss from the next frame on, if the codec can.
    fn aim(&mut self, _target: Target) {}
}

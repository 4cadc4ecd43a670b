//! Voice codecs: payloads of RTP to samples and back, and what fills the place of those that never came.
//!
//! [`Codec`] says what a codec is on the wire. [`Codec::decoder`] and [`Codec::encoder`] give one direction of one stream: samples are mono, 16 bit, at
//! the [`Rate`] that the caller wants, in frames of 20 ms. Nothing here knows a packet, a call or a clock. What arrives from the network is samples or
//! [`Malformed`], never a panic. After the first frames nothing allocates, if the caller reuses its buffers.

mod adapt;
mod codec;
mod comfort_noise;
mod conceal;
mod g711;
mod g722;
mod opus;
mod rate;
mod resample;
mod voice;

pub use adapt::{Adaptation, LinkReport, Target};
pub use codec::Codec;
pub use comfort_noise::{ComfortNoise, NoiseDescription};
pub use conceal::Concealer;
pub use g711::Law;
pub use opus::OpusParameters;
pub use rate::{FRAME_MS, Rate};
pub use resample::Resampler;
pub use voice::{Decode, Encode, Malformed};

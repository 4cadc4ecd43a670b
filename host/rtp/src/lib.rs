//! RTP and RTCP (RFC 3550) and telephone events (RFC 4733): bytes to values and back.
//!
//! Nothing here knows a call, a codec or a clock. Whatever arrives from the network is either a value or `None`; nothing panics.

mod digit;

pub use digit::Digit;

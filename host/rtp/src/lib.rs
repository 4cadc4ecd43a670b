//! RTP and RTCP (RFC 3550) and telephone events (RFC 4733): bytes to values and back.
//!
//! Nothing here knows a call, a codec or a clock. Whatever arrives from the network is either a value or `None`; nothing panics.

mod digit;
mod jitter;
mod packet;
mod reception;
pub mod rtcp;
mod telephone_event;

pub use digit::Digit;
pub use jitter::{Buffered, JitterBuffer, Playout};
pub use packet::{HEADER, Packet};
pub use reception::{Arrival, Reception};
pub use rtcp::Rtcp;
pub use telephone_event::{Press, Presses, Pressing, TelephoneEvent};

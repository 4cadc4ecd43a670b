//! SRTP and SRTCP (RFC 3711, RFC 7714): packets are protected and unprotected where they lie.
//!
//! A session has one [`Keys`] for each direction. [`SendContext`] takes those that we chose, [`ReceiveContext`] those of the far end; both
//! keep what is to be remembered of each sender (SSRC): how often its numbers rolled over, and which of its last packets came already.
//! There is no clock, no chance and no negotiation here; keys come from outside, by SDP (RFC 4568) or from DTLS (RFC 5764).
//!
//! Bytes of the network never panic: a packet is what its author protected, or a [`Refusal`], and is counted as that.

mod cipher;
mod keys;
mod receive;
mod send;
mod sources;

pub use keys::{Keys, MasterKeys, Suite};
pub use receive::{ReceiveContext, Refusal, Refused};
pub use send::{ProtectError, SendContext};

/// Bytes of an RTP header that every packet has (RFC 3550 §5.1).
const RTP_HEADER: usize = 12;
/// Bytes of an RTCP packet that stay legible: the first header and its SSRC (RFC 3711 §3.4).
const RTCP_HEADER: usize = 8;
/// The E flag of the word behind an SRTCP packet: it is encrypted. The rest is its index (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// How long the legible head of an RTP packet is: contributing sources and extension included. `None` if it is not RTP version 2 or is cut.
///
/// Padding is not looked at: until it is decrypted, it says nothing.
#[inline]
fn rtp_header(packet: &[u8]) -> Option<usize> {
    let first = *packet.first().filter(|_| packet.len() >= RTP_HEADER)?;
    if first >> 6 != 2 {
        return None;
    }
    let mut length = RTP_HEADER + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = u16::from_be_bytes([*packet.get(length + 2)?, *packet.get(length + 3)?]);
        length += 4 + 4 * usize::from(words);
    }
    (length <= packet.len()).then_some(length)
}

#[inline]
fn word(packet: &[u8], at: usize) -> u32 {
    packet.get(at..at + 4).map_or(0, |bytes| bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}

//! The packets of our side.

use std::fmt;

use crate::cipher::{Cipher, Kind};
use crate::keys::{Keys, Suite};
use crate::sources::{Place, Source, Sources};
use crate::{ENCRYPTED, RTCP_HEADER, rtp_header, word};

/// Why a packet is not to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectError {
    #[error("not a whole packet")]
    Malformed,
    /// Two packets of one index give away what both say (RFC 3711 §9.1).
    #[error("sent already, or so late that nobody can tell")]
    Reused,
    /// 2³¹ control packets: the far end must be given another key.
    #[error("the key is used up")]
    Exhausted,
    #[error("more senders than one session has")]
    TooManySources,
}

/// Protects what we send with the keys that we chose.
pub struct SendContext {
    suite: Suite,
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    /// Of the next control packet.
    rtcp_index: u32,
}

impl SendContext {
    /// The most that a packet grows by.
    pub const OVERHEAD: usize = 20;

    pub fn new(keys: &Keys) -> Self {
        Self {
            suite: keys.suite(),
            rtp: Cipher::new(keys, Kind::Rtp),
            rtcp: Cipher::new(keys, Kind::Rtcp),
            sources: Sources::default(),
            rtcp_index: 0,
        }
    }

    /// Protects the RTP packet that is everything in `out` from `start` on. In case of an error it is as it was, and must not be sent.
    ///
    /// Packets may come out of order, up to 127 behind the newest. A sender's first sequence number should be below 2¹⁵ (RFC 3711 §3.3.1).
    #[inline]
    pub fn protect_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let packet = out.get_mut(start..).ok_or(ProtectError::Malformed)?;
        let header = rtp_header(packet).ok_or(ProtectError::Malformed)?;
        let sequence = word(packet, 0) as u16;
        let ssrc = word(packet, 8);
        let index = match self.sources.place(ssrc) {
            Place::Known(source) => {
                let index =
                    source.index_of(sequence).filter(|index| source.is_new(*index)).ok_or(ProtectError::Reused)?;
                source.note(index);
                index
            }
            Place::Full => return Err(ProtectError::TooManySources),
            Place::Free => {
                self.sources.add(Source::new(ssrc, sequence.into()));
                sequence.into()
            }
        };
        let (header, body) = packet.split_at_mut(header);
        let roll_over = (index >> 16) as u32;
        let tag = self.rtp.seal((ssrc, index), header, body, roll_over.to_be_bytes());
        out.extend_from_slice(&tag[..self.rtp.tag]);
        Ok(())
    }

    /// Protects the RTCP packet that is everything in `out` from `start` on.
    pub fn protect_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let packet = out.get_mut(start..).ok_or(ProtectError::Malformed)?;
        let (header, body) = packet.split_at_mut_checked(RTCP_HEADER).ok_or(ProtectError::Malformed)?;
        if self.rtcp_index >= ENCRYPTED {
            return Err(ProtectError::Exhausted);
        }
        let index = self.rtcp_index;
        self.rtcp_index += 1;
        let trailer = (ENCRYPTED | index).to_be_bytes();
        let tag = self.rtcp.seal((word(header, 4), index.into()), header, body, trailer);
        let tag = &tag[..self.rtcp.tag];
        let (first, second) = if self.rtcp.tag_comes_first() { (tag, &trailer[..]) } else { (&trailer[..], tag) };
        out.extend_from_slice(first);
        out.extend_from_slice(second);
        Ok(())
    }
}

impl fmt::Debug for SendContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendContext").field("suite", &self.suite).finish_non_exhaustive()
    }
}

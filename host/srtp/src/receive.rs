//! The packets of the far end.

use std::fmt;

use crate::cipher::{Cipher, Kind};
use crate::keys::{Keys, Suite};
use crate::sources::{Place, Source, Sources};
use crate::{ENCRYPTED, RTCP_HEADER, rtp_header, word};

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("not a whole packet")]
    Malformed,
    /// Not of who has the keys, or altered on its way: plain RTP is that too.
    #[error("the tag is not that of its author")]
    Forged,
    #[error("came already, or so late that nobody can tell")]
    Replayed,
    #[error("more senders than one session has")]
    TooManySources,
}

/// How many packets were not taken, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Cut, not of this protocol, or of too many senders.
    pub malformed: u64,
    pub forged: u64,
    pub replayed: u64,
}

/// Unprotects what we receive with the keys that the far end chose.
pub struct ReceiveContext {
    suite: Suite,
    rtp: Cipher,
    rtcp: Cipher,
    rtp_sources: Sources,
    rtcp_sources: Sources,
    key_name: usize,
    refused: Refused,
}

impl ReceiveContext {
    /// `key_name` as in [`MasterKeys`](crate::MasterKeys). There is one key, so which name stands there does not matter.
    pub fn new(keys: &Keys, key_name: u8) -> Self {
        Self {
            suite: keys.suite(),
            rtp: Cipher::new(keys, Kind::Rtp),
            rtcp: Cipher::new(keys, Kind::Rtcp),
            rtp_sources: Sources::default(),
            rtcp_sources: Sources::default(),
            key_name: key_name.into(),
            refused: Refused::default(),
        }
    }

    /// The RTP packet that its author protected, at the start of `packet`. One that is refused is left as it was.
    #[inline]
    pub fn unprotect_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], Refusal> {
        let length = self.open_rtp(packet).inspect_err(|refusal| self.refused.count(*refusal))?;
        Ok(&mut packet[..length])
    }

    /// The same of RTCP.
    pub fn unprotect_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], Refusal> {
        let length = self.open_rtcp(packet).inspect_err(|refusal| self.refused.count(*refusal))?;
        Ok(&mut packet[..length])
    }

    pub fn refused(&self) -> Refused {
        self.refused
    }

    #[inline]
    fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        let header = rtp_header(packet).ok_or(Refusal::Malformed)?;
        let behind = self.rtp.tag + self.key_name;
        let length = packet.len().checked_sub(behind).filter(|length| *length >= header).ok_or(Refusal::Malformed)?;
        let (sequence, ssrc) = (word(packet, 0) as u16, word(packet, 8));
        let (packet, behind) = packet.split_at_mut(length);
        let tag = if self.rtp.tag_comes_first() { &behind[..self.rtp.tag] } else { &behind[self.key_name..] };
        let (header, body) = packet.split_at_mut(header);
        let cipher = &self.rtp;
        let mut open = |index: u64| cipher.open((ssrc, index), header, body, ((index >> 16) as u32).to_be_bytes(), tag);
        match self.rtp_sources.place(ssrc) {
            Place::Known(source) => {
                let index = source.index_of(sequence).filter(|index| source.is_new(*index)).ok_or(Refusal::Replayed)?;
                if !open(index) {
                    return Err(Refusal::Forged);
                }
                source.note(index);
            }
            Place::Full => return Err(Refusal::TooManySources),
            Place::Free => {
                // A sender that began right before its numbers turned may have lost every packet of before.
                let turned = 1 << 16 | u64::from(sequence);
                let index = [sequence.into(), turned].into_iter().find(|index| open(*index));
                self.rtp_sources.add(Source::new(ssrc, index.ok_or(Refusal::Forged)?));
            }
        }
        Ok(length)
    }

    fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        let behind = self.rtcp.tag + self.key_name + 4;
        let length =
            packet.len().checked_sub(behind).filter(|length| *length >= RTCP_HEADER).ok_or(Refusal::Malformed)?;
        if packet[0] >> 6 != 2 {
            return Err(Refusal::Malformed);
        }
        let ssrc = word(packet, 4);
        let (packet, behind) = packet.split_at_mut(length);
        let (tag, number) = if self.rtcp.tag_comes_first() {
            (&behind[..self.rtcp.tag], word(behind, self.rtcp.tag))
        } else {
            (&behind[4 + self.key_name..], word(behind, 0))
        };
        // That control packets go unencrypted is to be agreed (RFC 4568 §6.3.2), and we never do.
        if number & ENCRYPTED == 0 {
            return Err(Refusal::Forged);
        }
        let index = u64::from(number & !ENCRYPTED);
        match self.rtcp_sources.place(ssrc) {
            Place::Known(source) if !source.is_new(index) => return Err(Refusal::Replayed),
            Place::Full => return Err(Refusal::TooManySources),
            Place::Known(_) | Place::Free => {}
        }
        let (header, body) = packet.split_at_mut(RTCP_HEADER);
        if !self.rtcp.open((ssrc, index), header, body, number.to_be_bytes(), tag) {
            return Err(Refusal::Forged);
        }
        match self.rtcp_sources.place(ssrc) {
            Place::Known(source) => source.note(index),
            _ => self.rtcp_sources.add(Source::new(ssrc, index)),
        }
        Ok(length)
    }
}

impl std::ops::Add for Refused {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            malformed: self.malformed + other.malformed,
            forged: self.forged + other.forged,
            replayed: self.replayed + other.replayed,
        }
    }
}

impl Refused {
    pub fn total(&self) -> u64 {
        self.malformed + self.forged + self.replayed
    }

    fn count(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Malformed | Refusal::TooManySources => self.malformed += 1,
            Refusal::Forged => self.forged += 1,
            Refusal::Replayed => self.replayed += 1,
        }
    }
}

impl fmt::Debug for ReceiveContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveContext")
            .field("suite", &self.suite)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

use crate::g711::{self, Law};
use crate::g722;
use crate::opus;
use crate::rate::{FRAME_MS, Rate};
use crate::voice::{Decode, Encode};

/// A voice codec as RTP names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Wideband in the 64 kbit/s of G.711 (ITU-T G.722).
    G722,
    /// RFC 6716, in RTP by RFC 7587.
    Opus,
}

impl Codec {
    pub const ALL: [Self; 4] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];

    /// The encoding name of `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// By its encoding name; case does not matter (RFC 4855 §3).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// RFC 3551 §6, table 4; `None` for what is always negotiated.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }

    /// RTP timestamp ticks a second.
    ///
    /// Not the sampling rate: G.722 samples at 16,000 Hz and counts 8,000 ticks (RFC 3551 §4.5.2), Opus counts 48,000 whatever it samples
    /// (RFC 7587 §4.1).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// RTP timestamp ticks of a frame of 20 ms: 160 or 960.
    pub const fn frame_ticks(self) -> u32 {
        self.clock_rate() / 1_000 * FRAME_MS
    }

    /// Channels that `a=rtpmap` names. Opus always says two (RFC 7587 §7); what we send is mono.
    pub const fn channels(self) -> u8 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 1,
            Self::Opus => 2,
        }
    }

    /// The rate at which all is heard that this codec carries of a voice.
    pub const fn rate(self) -> Rate {
        match self {
            Self::Pcmu | Self::Pcma => Rate::Narrow,
            Self::G722 | Self::Opus => Rate::Wide,
        }
    }

    /// The law of G.711, whose bytes stand for themselves: they can be translated, cut and joined.
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            Self::G722 | Self::Opus => None,
        }
    }

    /// Whether the packet before this one can be found in it, should it be lost (RFC 6716 §2.1.7).
    pub fn repeats(self, payload: &[u8]) -> bool {
        self == Self::Opus && opus::repeats(payload)
    }

    /// What hears one sender, at this rate whatever the codec's own is.
    pub fn decoder(self, rate: Rate) -> Box<dyn Decode> {
        match self {
            Self::Pcmu => g711::decoder(Law::Mu, rate),
            Self::Pcma => g711::decoder(Law::A, rate),
            Self::G722 => g722::decoder(rate),
            Self::Opus => opus::decoder(rate),
        }
    }

    /// What speaks to one receiver.
    pub fn encoder(self, rate: Rate) -> Box<dyn Encode> {
        match self {
            Self::Pcmu => g711::encoder(Law::Mu, rate),
            Self::Pcma => g711::encoder(Law::A, rate),
            Self::G722 => g722::encoder(rate),
            Self::Opus => opus::encoder(rate),
        }
    }
}

//! Suites, and the secret that one side of a session chose.

use std::fmt;

/// How packets are encrypted and authenticated: the crypto suites of RFC 4568 §6.2 and RFC 7714 §14.2 that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// AES in counter mode with an 80-bit tag: what everybody speaks.
    AesCm128HmacSha1_80,
    /// The same with a tag of 32 bits on RTP; RTCP keeps 80 (RFC 4568 §6.2.2). Spares six bytes a packet and is weaker for it.
    AesCm128HmacSha1_32,
    /// AES-GCM with its tag of 128 bits.
    AeadAes128Gcm,
}

impl Suite {
    /// The order in which we offer them.
    pub const ALL: [Self; 3] = [Self::AeadAes128Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The name in SDP.
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }

    /// `None` for a suite that we do not speak. Case counts (RFC 4568 §9.2).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Bytes of a master key and its salt together.
    pub fn key_length(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 30,
            Self::AeadAes128Gcm => 28,
        }
    }
}

/// Bytes of a master key of every suite; its salt follows.
pub(crate) const MASTER_KEY: usize = 16;
/// The longest master key and salt.
const LONGEST: usize = 30;

/// The master key and salt of one direction: who has them can listen and speak. Its `Debug` shows the suite alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    suite: Suite,
    /// Key, salt, and zeros where the salt is shorter than 14 bytes (RFC 7714 §11 reads it so).
    bytes: [u8; LONGEST],
}

impl Keys {
    /// Master key and salt one behind the other, as in SDP. `None` if they are not as long as the suite has them.
    pub fn from_bytes(suite: Suite, secret: &[u8]) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..suite.key_length()).filter(|bytes| bytes.len() == secret.len())?.copy_from_slice(secret);
        Some(Self { suite, bytes })
    }

    /// Keys of these bytes, which nobody can guess. A shorter suite leaves out the last ones.
    pub fn drawn(suite: Suite, chance: [u8; LONGEST]) -> Self {
        let mut bytes = chance;
        bytes[suite.key_length()..].fill(0);
        Self { suite, bytes }
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The secret itself, for SDP.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.suite.key_length()]
    }

    pub(crate) fn master(&self) -> (&[u8; MASTER_KEY], &[u8; 14]) {
        let (key, salt) = self.bytes.split_first_chunk().expect("the bytes are longer than a key");
        (key, salt.first_chunk().expect("30 bytes are a key of 16 and a salt of 14"))
    }
}

/// What both sides of a session chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKeys {
    /// Ours.
    pub send: Keys,
    /// The far end's.
    pub receive: Keys,
    /// Bytes by which the far end names its key in each packet, 0 for none (MKI, RFC 3711 §3.1).
    pub key_name: u8,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({}, withheld)", self.suite.name())
    }
}

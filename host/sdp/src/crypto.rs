//! Keys of SRTP in a description: `a=crypto` (RFC 4568), and what one wants of it.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use plugboard_srtp::{Keys, MasterKeys, Suite};

use crate::session::Media;

/// One `a=crypto` that can be used: the key with which its author protects what they send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Tells the lines of one media apart; an answer names the one that it takes.
    pub tag: u32,
    pub keys: Keys,
    /// Bytes by which each packet names its key, 0 for none (MKI).
    pub key_name: u8,
}

/// What we want of SRTP.
///
/// With keys, which may stand only in descriptions that nobody else can read: over SIP that is encrypted (RFC 4568 §7), or where the operator
/// says that the way is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Plain RTP only.
    #[default]
    Off,
    /// Encrypted if the peer does it as well. We offer it on plain RTP's profile, whose peers leave out what they do not know.
    Offered(OurKeys),
    /// Encrypted or not at all.
    Required(OurKeys),
}

/// Keys of ours, one of each suite, for the life of a session: a key that is dropped and taken up again would protect two packets alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurKeys([Keys; 3]);

/// How the peer protects one media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Plain,
    Encrypted(Crypto),
}

/// More lines than this are not looked at.
const MAX_LINES: usize = 32;
/// The longest key in base64.
const LONGEST_KEY: usize = 40;
/// RFC 4568 §9.2: an MKI has at most 128 bytes.
const LONGEST_KEY_NAME: u8 = 128;
const INLINE: &str = "inline:";

/// Some peers leave out the padding, which is not needed to read it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Crypto {
    /// Reads what stands behind `a=crypto:`. `None` for a suite that we do not speak, several keys, and what would weaken the suite.
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= 9 && tag.bytes().all(|byte| byte.is_ascii_digit()))?;
        let tag = tag.parse().ok()?;
        let suite = Suite::from_name(words.next()?)?;
        let key = words.next()?;
        let is_inline = key.get(..INLINE.len()).is_some_and(|method| method.eq_ignore_ascii_case(INLINE));
        let mut parts = key.get(INLINE.len()..).filter(|_| is_inline)?.split('|');
        let secret = parts.next().filter(|secret| secret.len() <= LONGEST_KEY)?;
        let keys = Keys::from_bytes(suite, &BASE64.decode(secret).ok()?)?;
        let mut key_name = 0;
        for part in parts {
            match part.split_once(':') {
                Some((_, length)) => {
                    key_name = length.parse().ok().filter(|length| (1..=LONGEST_KEY_NAME).contains(length))?;
                }
                // A lifetime: a call is over long before 2⁴⁸ packets, or before the 2³¹ that many write.
                None => {
                    let digits = part.strip_prefix("2^").unwrap_or(part);
                    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        return None;
                    }
                }
            }
        }
        words.all(is_harmless).then_some(Self { tag, keys, key_name })
    }

    /// As an attribute of a media, the secret included.
    pub fn attribute(&self) -> String {
        debug_assert_eq!(self.key_name, 0, "we name no keys");
        format!("crypto:{} {} {INLINE}{}", self.tag, self.keys.suite().name(), BASE64.encode(self.keys.as_bytes()))
    }

    /// The lines of a media that we can use, in the author's order of preference.
    fn lines_of(media: &Media) -> impl Iterator<Item = Self> {
        values(media).filter_map(Self::parse)
    }
}

/// Session parameters (RFC 4568 §6.3) that change nothing for us. One that is unknown must be understood unless it begins with `-`.
fn is_harmless(parameter: &str) -> bool {
    parameter.starts_with('-') || parameter.starts_with("WSH=") || parameter == "KDR=0"
}

fn values(media: &Media) -> impl Iterator<Item = &str> {
    media.attributes.iter().filter_map(|attribute| attribute.strip_prefix("crypto:")).take(MAX_LINES)
}

/// An attribute as it may be shown: a key may be written in ways that we do not know, so nothing of its line is.
pub(crate) fn without_key(attribute: &str) -> &str {
    if attribute.starts_with("crypto") { "crypto:withheld" } else { attribute }
}

/// Names of the suites of a media, for an error.
pub(crate) fn suites_of(media: &Media) -> String {
    let names: Vec<&str> = values(media).filter_map(|value| value.split_ascii_whitespace().nth(1)).collect();
    if names.is_empty() { media.protocol.clone() } else { names.join(", ") }
}

/// RTP/SAVP and RTP/SAVPF: nothing of it goes plain.
pub(crate) fn is_secure_profile(protocol: &str) -> bool {
    ["RTP/SAVP", "RTP/SAVPF"].iter().any(|profile| protocol.eq_ignore_ascii_case(profile))
}

impl OurKeys {
    /// `chance` gives bytes that nobody can guess, others each time.
    pub fn drawn(mut chance: impl FnMut() -> [u8; 30]) -> Self {
        Self(Suite::ALL.map(|suite| Keys::drawn(suite, chance())))
    }

    fn of(&self, suite: Suite) -> Keys {
        let [first, rest @ ..] = &self.0;
        *rest.iter().find(|keys| keys.suite() == suite).unwrap_or(first)
    }

    fn offer(&self) -> impl Iterator<Item = Crypto> {
        (1..).zip(self.0).map(|(tag, keys)| Crypto { tag, keys, key_name: 0 })
    }
}

impl Security {
    /// Once encrypted, a session stays so: whoever changes it may not take that back.
    #[must_use]
    pub fn insisting(self) -> Self {
        match self {
            Self::Offered(keys) => Self::Required(keys),
            Self::Off | Self::Required(_) => self,
        }
    }

    /// What is left of it where keys may not be said: plain RTP, or `None` where that is not enough.
    pub fn unsaid(&self) -> Option<Self> {
        (!matches!(self, Self::Required(_))).then_some(Self::Off)
    }

    fn keys(&self) -> Option<&OurKeys> {
        match self {
            Self::Off => None,
            Self::Offered(keys) | Self::Required(keys) => Some(keys),
        }
    }

    /// The profile of our offer, and the attributes that it needs.
    pub(crate) fn offer(&self) -> (&'static str, Vec<String>) {
        let lines = self.keys().into_iter().flat_map(OurKeys::offer).map(|crypto| crypto.attribute()).collect();
        (if matches!(self, Self::Required(_)) { "RTP/SAVP" } else { "RTP/AVP" }, lines)
    }

    /// How a stream of the peer's offer would be protected. `None` if not as we want it.
    pub(crate) fn of_offer(&self, media: &Media) -> Option<Protection> {
        let usable = self.keys().and_then(|_| Crypto::lines_of(media).next());
        match usable {
            Some(crypto) => Some(Protection::Encrypted(crypto)),
            None if is_secure_profile(&media.protocol) || matches!(self, Self::Required(_)) => None,
            None => Some(Protection::Plain),
        }
    }

    /// What both do, once their line is taken, and the attribute that says so in our answer.
    pub(crate) fn take(&self, protection: &Protection) -> Option<(MasterKeys, String)> {
        let Protection::Encrypted(Crypto { tag, keys, key_name }) = protection else { return None };
        let ours = self.keys()?.of(keys.suite());
        let line = Crypto { tag: *tag, keys: ours, key_name: 0 };
        Some((MasterKeys { send: ours, receive: *keys, key_name: *key_name }, line.attribute()))
    }

    /// How the answer to our offer has it: encrypted with these keys, or plain. An error where that is not as we offered it.
    pub(crate) fn of_answer(&self, media: &Media) -> Result<Option<MasterKeys>, NotAsOffered> {
        let is_encrypted = is_secure_profile(&media.protocol) || values(media).next().is_some();
        let Some(ours) = self.keys().filter(|_| is_encrypted) else {
            let is_wanted = is_secure_profile(&media.protocol) == matches!(self, Self::Required(_));
            return if is_wanted { Ok(None) } else { Err(NotAsOffered) };
        };
        let taken = Crypto::lines_of(media).find_map(|theirs| {
            let ours = ours.offer().find(|ours| ours.tag == theirs.tag && ours.keys.suite() == theirs.keys.suite())?;
            Some(MasterKeys { send: ours.keys, receive: theirs.keys, key_name: theirs.key_name })
        });
        taken.map(Some).ok_or(NotAsOffered)
    }
}

/// An answer that is plain though it must not be, or that takes none of our lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAsOffered;

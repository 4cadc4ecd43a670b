//! Keys of signers, and what exactly is signed.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::archive::{Digest, NotHex, hex, unhex};

/// Stands before the digest in the message that is signed, so that a signature for anything else is none for a pack.
const CONTEXT: &[u8] = b"plugboard pack signature 1\n";

/// A key's fingerprint: the first 16 bytes of the SHA-256 of its 32 bytes, as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 16]);

/// Who may be trusted. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Who signs. Never shown.
pub struct SecretKey(SigningKey);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    NotHex(#[from] NotHex),
    /// No point of the curve, or one of the few for which a signature says nothing (RFC 8032 §8.7 leaves them to the verifier).
    #[error("these bytes are no key of ed25519")]
    NotAKey,
}

fn message(digest: &Digest) -> Vec<u8> {
    [CONTEXT, &digest.0].concat()
}

impl SecretKey {
    /// From the 32 bytes of RFC 8032 §5.1.5, which the caller drew from a source of true chance.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, digest: &Digest) -> [u8; 64] {
        self.0.sign(&message(digest)).to_bytes()
    }
}

impl PublicKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAKey)?;
        if key.is_weak() { Err(KeyError::NotAKey) } else { Ok(Self(key)) }
    }

    pub fn id(&self) -> KeyId {
        let Digest(hash) = Digest::of(self.0.as_bytes());
        KeyId(*hash.first_chunk().expect("32 bytes begin with 16"))
    }

    /// Strict: one encoding of a signature only, no point of small order.
    pub(super) fn accepts(&self, digest: &Digest, signature: &[u8; 64]) -> bool {
        self.0.verify_strict(&message(digest), &Signature::from_bytes(signature)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&unhex(text)?)
    }
}

impl FromStr for KeyId {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        unhex(text).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public().id())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 §7.1, TEST 1 to 3: secret key, public key, message, signature.
    const KNOWN: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    #[test]
    fn keys_and_signatures_are_those_of_rfc_8032() {
        let ours = KNOWN.map(|[seed, _, message, signature]| {
            let key = SecretKey::from_seed(&unhex(seed).unwrap());
            let message: Vec<u8> = message
                .as_bytes()
                .chunks(2)
                .map(|pair| unhex::<1>(std::str::from_utf8(pair).unwrap()).unwrap()[0])
                .collect();
            let signed = key.0.sign(&message);
            let accepted = key.public().0.verify_strict(&message, &Signature::from_bytes(&unhex(signature).unwrap()));
            (key.public().to_string(), hex(&signed.to_bytes()), accepted.is_ok())
        });
        assert_eq!(ours, KNOWN.map(|[_, public, _, signature]| (public.to_owned(), signature.to_owned(), true)));
    }

    /// The order of the group, L, little-endian (RFC 8032 §5.1): S + L satisfies the equation too.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    #[test]
    fn a_signature_has_one_encoding_and_belongs_to_one_digest() {
        let key = SecretKey::from_seed(&[7; 32]);
        let (digest, other) = (Digest::of(b"a"), Digest::of(b"b"));
        let signature = key.sign(&digest);
        let mut second = signature;
        let mut carry = 0u16;
        for (byte, more) in second[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        let without_context = key.0.sign(&digest.0).to_bytes();
        let accepts = |digest, signature| key.public().accepts(digest, signature);
        assert_eq!(
            [
                accepts(&digest, &signature),
                accepts(&digest, &second),
                accepts(&other, &signature),
                accepts(&digest, &without_context),
                accepts(&digest, &[0; 64]),
            ],
            [true, false, false, false, false]
        );
    }

    #[test]
    fn a_key_for_which_every_signature_is_good_is_no_key() {
        // The neutral element and the point of order two; then no point at all.
        let one = "01".to_owned() + &"0".repeat(62);
        let two = "ec".to_owned() + &"f".repeat(60) + "7f";
        let none = "02".to_owned() + &"0".repeat(62);
        assert_eq!(
            [one, two, none, "ab".into(), "D".repeat(64)].map(|text| text.parse::<PublicKey>().err()),
            [
                Some(KeyError::NotAKey),
                Some(KeyError::NotAKey),
                Some(KeyError::NotAKey),
                Some(KeyError::NotHex(NotHex { bytes: 32 })),
                Some(KeyError::NotHex(NotHex { bytes: 32 }))
            ]
        );
    }

    #[test]
    fn a_secret_key_is_not_shown() {
        let key = SecretKey::from_seed(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("SecretKey(of {})", key.public().id()));
    }
}

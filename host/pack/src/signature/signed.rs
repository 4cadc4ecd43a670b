//! `signature.json`: what was signed, and by whom.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{KeyId, SecretKey};
use crate::archive::{Archive, ArchiveError, Listing, SIGNATURE, hex, unhex};

/// Most signers of a pack.
pub const MOST_SIGNERS: usize = 8;
/// Most bytes of `signature.json` that are read.
const MOST_BYTES: usize = 1 << 20;

/// The content of `signature.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatures {
    /// What each of them signed.
    pub files: Listing,
    /// 1 to [`MOST_SIGNERS`], each key once.
    pub signers: Vec<Signed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub key: KeyId,
    pub algorithm: Algorithm,
    /// 128 hexadecimal digits.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub signature: [u8; 64],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Ed25519,
}

/// Why a pack is not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("{MOST_SIGNERS} have signed already")]
    TooManySigners,
    #[error("the signature does not fit into the pack")]
    NoRoom(#[source] ArchiveError),
}

impl Signatures {
    /// `Ok(None)` where nobody signed; the reason where what stands there cannot be read.
    pub fn of(archive: &Archive) -> Result<Option<Self>, String> {
        let Some(bytes) = archive.get(SIGNATURE) else { return Ok(None) };
        if bytes.len() > MOST_BYTES {
            return Err(format!("it is longer than {MOST_BYTES} bytes"));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if !(1..=MOST_SIGNERS).contains(&read.signers.len()) {
            return Err(format!("it names {} signers, not 1 to {MOST_SIGNERS}", read.signers.len()));
        }
        let twice = |at: usize| read.signers[..at].iter().any(|before| before.key == read.signers[at].key);
        if (0..read.signers.len()).any(twice) {
            return Err("it names a signer twice".to_owned());
        }
        Ok(Some(read))
    }
}

impl Archive {
    /// Signs the content as it is now. Others who signed the same content stay; those who signed another content are dropped, since their word
    /// was for something else.
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), SignError> {
        let files = self.listing();
        let kept = Signatures::of(self).ok().flatten().filter(|before| before.files == files);
        let mut signers = kept.map(|before| before.signers).unwrap_or_default();
        let id = key.public().id();
        signers.retain(|signed| signed.key != id);
        if signers.len() >= MOST_SIGNERS {
            return Err(SignError::TooManySigners);
        }
        let signature = key.sign(&files.digest());
        signers.push(Signed { key: id, algorithm: Algorithm::Ed25519, signature });
        let text = serde_json::to_vec_pretty(&Signatures { files, signers });
        self.set_signature(text.expect("names, numbers and digits are JSON")).map_err(SignError::NoRoom)
    }
}

fn to_hex<S: Serializer>(signature: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(signature))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
    unhex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

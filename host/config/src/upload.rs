//! How a configuration travels to a host: JSON, and only those prompts that the host lacks.
//!
//! A client asks first with all hashes ([`Digests`] to `prompts:missing`), sends what is missing (`PUT …/prompts/{sha256}`, raw bytes), then the
//! [`Upload`]. A client that wants one request puts the bytes into the upload.

use std::path::Path;

use plugboard_model::Configuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Changes, Finding};

/// Body of `PUT /v1/tenants/{tenant}/configuration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Paths of prompts are empty here: the host fills in where it keeps the file of that hash.
    pub configuration: Configuration,
    #[serde(default)]
    pub prompts: Vec<PromptBytes>,
}

impl Upload {
    /// Without the bytes of any prompt, and without the paths of this machine.
    pub fn of(configuration: &Configuration) -> Self {
        let mut configuration = configuration.clone();
        for prompt in configuration.prompts.values_mut() {
            prompt.path = Path::new("").into();
        }
        Self { configuration, prompts: Vec::new() }
    }
}

/// The bytes of one prompt, base64 (RFC 4648 §4) in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptBytes {
    pub name: String,
    pub sha256: String,
    #[serde(with = "base64_text")]
    pub bytes: Vec<u8>,
}

impl PromptBytes {
    /// Whether the bytes are those that the hash names.
    pub fn is_genuine(&self) -> bool {
        sha256_hex(&self.bytes) == self.sha256
    }
}

/// Body and reply of `POST /v1/tenants/{tenant}/prompts:missing`: SHA-256 in lower-case hex, at most 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    pub sha256: Vec<String>,
}

/// Reply to an upload. A dry run answers the same with the revision that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub revision: u64,
    #[serde(flatten)]
    pub changes: Changes,
    #[serde(default)]
    pub warnings: Vec<Finding>,
}

/// SHA-256 (FIPS 180-4) in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

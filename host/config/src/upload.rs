//! How a configuration travels to a host and back: JSON, prompts by their hash, secrets in one direction only.
//!
//! A client asks first which hashes the host lacks ([`Digests`] to `POST …/prompts:missing`), sends those sounds (`PUT …/prompts/{sha256}`, raw
//! bytes), then the [`Upload`]; so the configuration never names a sound that is not there.

use plugboard_model::Configuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Changes;

/// Body of `PUT /v1/tenants/{tenant}/configuration`: the configuration, with `{ "sha256": … }` for each prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Upload(Value);

impl Upload {
    /// Secrets are in it, paths of this machine are not.
    pub fn of(configuration: &Configuration) -> Self {
        let mut body = serde_json::to_value(configuration).expect("the model's values are JSON");
        for prompt in objects(&mut body, "prompts") {
            // The host finds both by the hash.
            prompt.remove("path");
            prompt.remove("length_ms");
        }
        Self(body)
    }
}

/// The configuration that a host shows: secrets are empty texts, lists of numbers are left out, prompts have no path. For comparing with
/// [`without_secrets`].
pub fn read_shown(mut shown: Value) -> Result<Configuration, serde_json::Error> {
    for agent in objects(&mut shown, "agents") {
        agent.insert("password".to_owned(), json!(""));
    }
    for prompt in objects(&mut shown, "prompts") {
        prompt.insert("path".to_owned(), json!(""));
    }
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("lists");
    }
    serde_json::from_value(shown)
}

/// As a host would show it, for [`crate::diff`].
pub fn without_secrets(configuration: &Configuration) -> Configuration {
    let mut shown = configuration.clone();
    for agent in shown.agents.values_mut() {
        agent.password.clear();
    }
    for trunk in shown.trunks.values_mut() {
        trunk.password = None;
    }
    shown.lists.clear();
    shown
}

fn objects<'a>(body: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut serde_json::Map<String, Value>> {
    body.get_mut(name)
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|all| all.values_mut())
        .filter_map(Value::as_object_mut)
}

/// Body and reply of `POST /v1/tenants/{tenant}/prompts:missing`: SHA-256 in lower-case hex, at most 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    pub sha256: Vec<String>,
}

/// Reply to an upload, dry or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The revision that holds now; a dry run does not move it.
    pub revision: u64,
    #[serde(flatten)]
    pub changes: Changes,
}

/// SHA-256 (FIPS 180-4) in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use plugboard_model::Prompt;

    use super::*;

    #[test]
    fn an_upload_names_a_prompt_by_hash_and_tells_no_path_of_this_machine() {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        let path = Path::new("/home/amy/welcome.wav").into();
        let prompt = Prompt { path, sha256: sha256_hex(b""), length: Prompt::LONGEST };
        configuration.prompts.insert("welcome".into(), prompt);
        let body = serde_json::to_value(Upload::of(&configuration)).unwrap();
        assert_eq!(
            body["prompts"],
            json!({ "welcome": { "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" } })
        );
    }
}

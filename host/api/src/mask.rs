//! Masks what may be the number of a person wherever it stands in JSON.

use plugboard_model::{Timestamp, masked_numbers};
use serde_json::Value;

/// Fields that name something of ours, and no person.
const OURS: [&str; 21] = [
    "agent",
    "dialled_by",
    "digest",
    "domain",
    "flow",
    "id",
    "node",
    "overflow_to",
    "pack",
    "path",
    "plugin",
    "policy",
    "prompt",
    "queue",
    "recording",
    "revision",
    "rule",
    "seq",
    "sha256",
    "type",
    "version",
];

/// Masks what may be the number of a person in every text of it, wherever it stands.
pub fn json(value: &mut Value) {
    match value {
        Value::String(text) => {
            if Timestamp::from_rfc3339(text).is_none()
                && let Some(masked) = masked_numbers(text)
            {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(json),
        Value::Object(fields) => {
            fields.iter_mut().filter(|(name, _)| !OURS.contains(&name.as_str())).for_each(|(_, value)| json(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_ids_and_hashes_of_ours_are_no_numbers_of_persons() {
        let mut value = json!({
            "at": "2026-11-23T08:00:01.000001Z", "agent": "10086001", "sha256": "12345678", "from": "13800138000",
            "tags": [{ "name": "card", "value": "6222021234567890" }], "interaction": 12_345_678
        });
        json(&mut value);
        assert_eq!(
            value,
            json!({
                "at": "2026-11-23T08:00:01.000001Z", "agent": "10086001", "sha256": "12345678", "from": "138****8000",
                "tags": [{ "name": "card", "value": "622*********7890" }], "interaction": 12_345_678
            })
        );
    }
}

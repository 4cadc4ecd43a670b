//! Who sent a request: HMAC-SHA256 over its time, a dot and its body.

use crate::{
    World,
    contract::exports::plugboard::plugin::channel::{Failure, FailureCode, Webhook},
    failure,
    settings::Settings,
};

/// `sha256=` and 64 hex digits.
pub(crate) fn of(world: &dyn World, secret: &str, at_ms: u64, body: &[u8]) -> Result<String, Failure> {
    Ok(format!("sha256={}", hex(&mac(world, secret, at_ms, body)?)))
}

pub(crate) fn is_genuine(world: &dyn World, settings: &Settings, webhook: &Webhook) -> Result<bool, Failure> {
    let header = |wanted: &str| webhook.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.trim());
    let at_ms = header(&settings.time_header).and_then(|value| value.parse::<u64>().ok());
    let (Some(said), Some(at_ms)) = (header(&settings.signature_header), at_ms) else { return Ok(false) };
    if webhook.at_ms.abs_diff(at_ms) > settings.age_ms {
        return Ok(false);
    }
    let said = said.strip_prefix("sha256=").unwrap_or(said).to_ascii_lowercase();
    let due = hex(&mac(world, &settings.incoming_secret, at_ms, &webhook.body)?);
    // To the end, wherever the two differ: else one could be found byte by byte.
    let differs = said.bytes().zip(due.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    Ok(said.len() == due.len() && differs == 0)
}

fn mac(world: &dyn World, secret: &str, at_ms: u64, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let signed = [format!("{at_ms}.").as_bytes(), body].concat();
    let missing = || failure(FailureCode::BadSettings, format!("the secret {secret:?} is not granted"), None);
    world.sign(secret, &signed).ok_or_else(missing)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

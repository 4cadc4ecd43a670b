//! Any message platform that sends and takes JSON by signed webhooks: a bot framework, a gateway for SMS, a shop's own chat. See `FORMAT.md`.
//!
//! A request counts only with a signature (HMAC-SHA256) over its time and its body; what goes out is signed the same way.

mod incoming;
mod outgoing;
mod settings;
mod signature;

#[allow(unsafe_code, unreachable_pub, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "channel-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(ByWebhook);

    #[cfg(target_arch = "wasm32")]
    use super::ByWebhook;
}

use contract::{
    exports::plugboard::plugin::{
        channel::{Description, Failure, FailureCode, Guest, Outgoing, Receipt, Received, Reply, Verified, Webhook},
        common::{Problem, Setting},
    },
    plugboard::plugin::{config, http},
};
use settings::Settings;

/// What the channel needs of the host.
pub(crate) trait World {
    fn setting(&self, name: &str) -> Option<String>;
    fn fetch(&self, request: &http::Request) -> Result<http::Response, http::Failure>;
    /// HMAC-SHA256 with a secret that nobody here sees; `None`: it is not granted.
    fn sign(&self, secret: &str, data: &[u8]) -> Option<Vec<u8>>;
}

struct TheHost;

impl World for TheHost {
    fn setting(&self, name: &str) -> Option<String> {
        config::get(name)
    }

    fn fetch(&self, request: &http::Request) -> Result<http::Response, http::Failure> {
        http::fetch(request)
    }

    fn sign(&self, secret: &str, data: &[u8]) -> Option<Vec<u8>> {
        config::sign(secret, "hmac-sha256", data).ok()
    }
}

/// The component's exports.
pub struct ByWebhook;

impl Guest for ByWebhook {
    fn describe() -> Description {
        Description {
            name: "channel-webhook".into(),
            kind: "message".into(),
            text_max: 16 * 1024,
            attachments: vec!["*/*".into()],
            session_ms: None,
            needs: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let named =
            |name: &str| settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.clone());
        let mut problems = Settings::read(named).err().unwrap_or_default();
        problems.extend(settings::unknown(settings.iter().map(|setting| setting.name.as_str())));
        problems
    }

    fn verify(webhook: Webhook) -> Result<Verified, Failure> {
        verify(&TheHost, &webhook)
    }

    fn receive(webhook: Webhook) -> Result<Received, Failure> {
        incoming::received(&webhook)
    }

    fn send(message: Outgoing) -> Result<Receipt, Failure> {
        outgoing::send(&TheHost, &configured(&TheHost)?, message)
    }
}

/// Longest word that a platform may want back.
const CHALLENGE: usize = 256;

fn verify(world: &dyn World, webhook: &Webhook) -> Result<Verified, Failure> {
    let settings = configured(world)?;
    if webhook.method == "GET" {
        let query = webhook.path.split_once('?').map_or("", |(_, query)| query);
        let challenge = query.split('&').find_map(|pair| pair.strip_prefix("challenge="));
        let is_plain = |word: &&str| {
            (1..=CHALLENGE).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        return Ok(match challenge.filter(is_plain) {
            Some(word) => Verified::Answer(Reply { status: 200, kind: "text/plain".into(), body: word.into() }),
            None => Verified::Forged,
        });
    }
    signature::is_genuine(world, &settings, webhook).map(|genuine| match genuine {
        true => Verified::Genuine,
        false => Verified::Forged,
    })
}

fn configured(world: &dyn World) -> Result<Settings, Failure> {
    Settings::read(|name| world.setting(name)).map_err(|problems| {
        let first = problems.into_iter().next().map(|problem| problem.message).unwrap_or_default();
        failure(FailureCode::BadSettings, first, None)
    })
}

fn failure(code: FailureCode, message: impl Into<String>, retry_ms: Option<u32>) -> Failure {
    Failure { code, message: message.into(), retry_ms, extra: Vec::new() }
}

#[cfg(test)]
mod tests;

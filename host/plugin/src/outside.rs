//! The imports of worlds that reach out: `http`, `kv` and `config`, as far as they were granted.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{
    Kv, KvCondition, KvError, KvPlace, KvWrite,
    access::Access,
    bindings::{config, http, kv},
    door,
    http::{Authorities, Fetcher, failure, placeholder},
    room::Room,
    traces::Spent,
};

/// Bytes of a key and of a value.
const KEY: usize = 256;
const VALUE: usize = 64 * 1024;
/// Keys in one list.
const KEYS: u32 = 1_000;
/// Bytes that are signed at once.
const SIGNED: usize = 1 << 20;

/// What one question may reach.
pub(crate) struct Outside {
    access: Arc<Access>,
    fetcher: Fetcher,
    /// What it called of the host.
    pub(crate) spent: Spent,
}

impl Outside {
    /// `authorities`: whom it believes of certificates, beside the public ones.
    pub(crate) fn new(access: Arc<Access>, authorities: Option<Authorities>) -> Self {
        Self { access, fetcher: Fetcher::believing(authorities), spent: Spent::default() }
    }
}

impl http::Host for Room {
    fn fetch(&mut self, request: http::Request) -> Result<http::Response, http::Failure> {
        let until = self.turn.until_it_must_know();
        let Some(outside) = &mut self.outside else {
            return Err(failure(http::FailureCode::NotGranted, "nothing is granted yet".into(), false));
        };
        let about = addressed(&request);
        let span = tracing::debug_span!(target: "plugboard::question", "http", about = about.as_str());
        let (begun, entered) = (Instant::now(), span.enter());
        let answered = outside.fetcher.fetch(&outside.access, request, until);
        drop(entered);
        let ended = match &answered {
            Ok(response) => response.status.to_string(),
            Err(failure) => word(&failure.code),
        };
        outside.spent.call("http", &about, begun.elapsed(), ended);
        answered
    }
}

/// Its method and whom it goes to. The rest may name a customer.
fn addressed(request: &http::Request) -> String {
    let after = request.url.split_once("://").map_or("", |(_, after)| after);
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{} {host}", door::shown(16, &request.method))
}

/// `NotGranted` as the contract has it: `not-granted`.
fn word(code: &impl fmt::Debug) -> String {
    let name = format!("{code:?}");
    let name = name.split(['(', ' ', '{']).next().unwrap_or_default();
    let name = name.rsplit_once("::").map_or(name, |(_, name)| name);
    let mut word = String::with_capacity(name.len() + 2);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

impl Room {
    /// Does what is asked of the store, and notes how long it took.
    fn noted<T>(
        &mut self,
        what: &'static str,
        ask: impl FnOnce(&mut Self) -> Result<T, kv::Failure>,
    ) -> Result<T, kv::Failure> {
        let span = tracing::debug_span!(target: "plugboard::question", "kv", what);
        let (begun, entered) = (Instant::now(), span.enter());
        let answered = ask(self);
        drop(entered);
        if let Some(outside) = &mut self.outside {
            let ended = answered.as_ref().map_or_else(word, |_| "done".to_owned());
            outside.spent.call(what, "", begun.elapsed(), ended);
        }
        answered
    }

    /// The plugin's store, its place there, and how many bytes it may hold.
    fn kv(&self, key: &str) -> Result<(&dyn Kv, &KvPlace, u64), kv::Failure> {
        let granted = self.outside.as_ref().and_then(|outside| outside.access.kv());
        granted.filter(|_| (1..=KEY).contains(&key.len())).ok_or(kv::Failure::Denied)
    }
}

fn kv_failure(error: KvError) -> kv::Failure {
    match error {
        KvError::Quota { used, granted } => kv::Failure::Quota((used, granted)),
        KvError::Changed => kv::Failure::Changed,
        KvError::Unavailable => kv::Failure::Unavailable,
    }
}

impl kv::Host for Room {
    fn get(&mut self, key: String) -> Result<Option<kv::Entry>, kv::Failure> {
        self.noted("kv.get", |room| {
            let (store, place, _) = room.kv(&key)?;
            let entry = store.get(place, &key).map_err(kv_failure)?;
            Ok(entry.map(|entry| kv::Entry { value: entry.value, revision: entry.revision }))
        })
    }

    fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        condition: kv::Condition,
        expires_ms: Option<u64>,
    ) -> Result<u64, kv::Failure> {
        self.noted("kv.set", |room| {
            let (store, place, quota) = room.kv(&key)?;
            if value.len() > VALUE {
                return Err(kv::Failure::TooLarge(u32::try_from(VALUE).unwrap_or(u32::MAX)));
            }
            let condition = match condition {
                kv::Condition::Always => KvCondition::Always,
                kv::Condition::Absent => KvCondition::Absent,
                kv::Condition::Unchanged(revision) => KvCondition::Unchanged(revision),
            };
            let write = KvWrite { value, condition, expires: expires_ms.map(Duration::from_millis) };
            store.set(place, &key, write, quota).map_err(kv_failure)
        })
    }

    fn delete(&mut self, key: String) -> Result<(), kv::Failure> {
        self.noted("kv.delete", |room| {
            let (store, place, _) = room.kv(&key)?;
            store.delete(place, &key).map_err(kv_failure)
        })
    }

    fn list(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Vec<String>, kv::Failure> {
        self.noted("kv.list", |room| {
            // A prefix may be empty, where a key may not.
            let (store, place, _) = room.kv(if prefix.is_empty() { "-" } else { &prefix })?;
            let limit = usize::try_from(limit.min(KEYS)).unwrap_or_default();
            store.list(place, &prefix, after.as_deref(), limit).map_err(kv_failure)
        })
    }
}

impl config::Host for Room {
    fn get(&mut self, name: String) -> Option<String> {
        self.outside.as_ref()?.access.settings().get(&name).cloned()
    }

    fn all(&mut self) -> Vec<(String, String)> {
        let settings = self.outside.as_ref().map(|outside| outside.access.settings());
        settings.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn secret(&mut self, name: String) -> Option<String> {
        let outside = self.outside.as_ref()?;
        outside.access.secret(&name).map(|_| placeholder(&name))
    }

    fn sign(&mut self, secret: String, algorithm: String, data: Vec<u8>) -> Result<Vec<u8>, config::SignFailure> {
        let secret = self.outside.as_ref().and_then(|outside| outside.access.secret(&secret));
        let secret = secret.ok_or(config::SignFailure::UnknownSecret)?;
        if algorithm != "hmac-sha256" {
            return Err(config::SignFailure::UnknownAlgorithm);
        }
        if data.len() > SIGNED {
            return Err(config::SignFailure::Other("too-large".into()));
        }
        let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        hmac.update(&data);
        Ok(hmac.finalize().into_bytes().to_vec())
    }
}

//! A token that the other system gives for a while: asked for, kept, and renewed when it is no longer taken.

use serde_json::Value;

use crate::{
    contract::{
        exports::plugboard::plugin::connector::{Failure, FailureCode},
        plugboard::plugin::http::Response,
    },
    exchange::{Exchange, Facts},
    failure,
    mapping::{Mapping, Shared},
    read::{Faults, Object},
};

/// Bytes of a token.
const LONGEST: usize = 8 * 1024;

/// How a token is asked for, and where it stands in the response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    exchange: Exchange,
    at: String,
    /// Seconds for which it is good.
    expires: Option<String>,
}

impl Token {
    pub(crate) fn read(object: &mut Object<'_>, shared: &Shared, faults: &mut Faults) -> Self {
        // What proves who asks is its own, not what the token is for.
        let Shared { base, timeout_ms, words, .. } = shared;
        let shared = Shared { base: base.clone(), headers: Vec::new(), timeout_ms: *timeout_ms, words: words.clone() };
        let exchange = Exchange::read("/token", object, &shared, faults);
        if exchange.names_a_token() {
            faults.add("/token", "the token is asked for with itself", "prove who asks by {secret.NAME}");
        }
        let at = object.text("at", faults).unwrap_or_else(|| "/access_token".to_owned());
        let expires = object.text("expires", faults);
        for pointer in [Some(&at), expires.as_ref()].into_iter().flatten() {
            if !pointer.starts_with('/') {
                faults.add("/token", format!("{pointer:?} is no JSON Pointer"), "begin with /: /access_token");
            }
        }
        Self { exchange, at, expires }
    }

    /// A new one, kept for as long as it is good.
    fn ask(&self, facts: &Facts<'_>, most_ms: Option<u32>) -> Result<String, Failure> {
        let response = self.exchange.run(facts, &[], most_ms)?;
        let bad = || failure(FailureCode::BadAnswer, "the other system gave no token", None);
        let body: Value = serde_json::from_slice(&response.body).map_err(|_| bad())?;
        let token = body.pointer(&self.at).and_then(Value::as_str);
        // It becomes part of a header.
        let is_fit =
            |token: &&str| (1..=LONGEST).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        let token = token.filter(is_fit).ok_or_else(bad)?;
        let seconds = self.expires.as_ref().and_then(|at| body.pointer(at)).and_then(Value::as_u64);
        // A little sooner than it ends over there.
        facts.world.keep(Some(token), seconds.map(|seconds| seconds.saturating_mul(900)));
        Ok(token.to_owned())
    }
}

impl Mapping {
    /// With a token where the request names one: the one that is kept, and a new one where that is refused, once.
    pub(crate) fn send(
        &self,
        exchange: &Exchange,
        mut facts: Facts<'_>,
        not_found: &[u16],
        most_ms: Option<u32>,
    ) -> Result<Response, Failure> {
        let Some(token) = self.token.as_ref().filter(|_| exchange.names_a_token()) else {
            return exchange.run(&facts, not_found, most_ms);
        };
        facts.token = facts.world.kept();
        if facts.token.is_some() {
            match exchange.run(&facts, not_found, most_ms) {
                Err(refused) if refused.code == FailureCode::Denied => facts.world.keep(None, None),
                done => return done,
            }
        }
        facts.token = Some(token.ask(&facts, most_ms)?);
        exchange.run(&facts, not_found, most_ms)
    }
}

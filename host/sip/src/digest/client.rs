//! Answers challenges, and sends credentials along unasked once a realm is known.

use super::{Account, Algorithm, DigestParams, quoted, response};
use crate::message::{HeaderName, Message};
use crate::status::Status;

/// An account in use: what it was challenged with, so that later requests of the same dialog need no challenge of their own
/// (RFC 3261 §22.3, RFC 7616 §3.6).
#[derive(Clone, Debug)]
pub(crate) struct Login {
    account: Account,
    challenges: Vec<Challenge>,
}

#[derive(Clone, Debug)]
struct Challenge {
    /// Authorization or Proxy-Authorization.
    answers: HeaderName,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    with_auth: bool,
    /// Credentials made of this nonce so far (RFC 7616 §3.4, nc).
    count: u32,
}

/// More realms than this on one way are nobody's network; more would be a peer that makes us grow.
const MAX_REALMS: usize = 8;

impl Login {
    pub(crate) fn new(account: Account) -> Self {
        Self { account, challenges: Vec::new() }
    }

    /// Takes the challenges of a 401 or 407 to `request`; false where a new try would be no better: nothing in it that we compute,
    /// or our answer was refused already. A nonce that is only too old is no refusal (`stale`).
    pub(crate) fn learn(&mut self, challenge: &Message, request: &Message) -> bool {
        let (asks, answers) = match challenge.status() {
            Some(Status::UNAUTHORIZED) => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
            _ => (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
        };
        let texts = |message: &Message, name| -> Vec<String> {
            message.raw_values(name).filter_map(|value| std::str::from_utf8(value).ok()).map(str::to_owned).collect()
        };
        let tried: Vec<String> =
            texts(request, answers).iter().filter_map(|value| DigestParams::parse(value)?.get("realm")).collect();
        let mut learned: Vec<String> = Vec::new();
        for value in texts(challenge, asks) {
            let Some(params) = DigestParams::parse(&value) else { continue };
            let Some(new) = Challenge::from_params(params, answers) else { continue };
            // The topmost of a realm that is understood counts (RFC 8760 §2.4).
            if learned.contains(&new.realm) {
                continue;
            }
            let is_stale = params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
            if tried.contains(&new.realm) && !is_stale {
                return false;
            }
            learned.push(new.realm.clone());
            self.challenges.retain(|old| (old.answers, &old.realm) != (answers, &new.realm));
            if self.challenges.len() < MAX_REALMS {
                self.challenges.push(new);
            }
        }
        !learned.is_empty()
    }

    /// A header for each realm that is known.
    pub(crate) fn credentials(&mut self, method: &str, uri: &str, cnonce: &str) -> Vec<(&'static str, String)> {
        let Self { account, challenges } = self;
        challenges
            .iter_mut()
            .map(|known| (known.answers.as_str(), known.answer(account, method, uri, cnonce)))
            .collect()
    }
}

impl Challenge {
    fn from_params(params: DigestParams<'_>, answers: HeaderName) -> Option<Self> {
        let algorithm = match params.get("algorithm") {
            Some(name) => Algorithm::from_name(&name)?,
            None => Algorithm::Md5,
        };
        let with_auth = match params.get("qop") {
            None => false,
            Some(offered) if offered.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        Some(Self {
            answers,
            realm: params.get("realm")?,
            nonce: params.get("nonce")?,
            opaque: params.get("opaque"),
            algorithm,
            with_auth,
            count: 0,
        })
    }

    fn answer(&mut self, account: &Account, method: &str, uri: &str, cnonce: &str) -> String {
        self.count += 1;
        let Self { realm, nonce, opaque, algorithm, with_auth, count, .. } = self;
        let nc = format!("{count:08x}");
        let ha1 = algorithm.ha1(&account.user, realm, &account.password);
        let digest = response(*algorithm, &ha1, nonce, with_auth.then_some((&*nc, cnonce)), method, uri);
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{digest}\", algorithm={}",
            quoted(&account.user),
            quoted(realm),
            quoted(nonce),
            algorithm.as_str()
        );
        if *with_auth {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = opaque {
            value.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
        }
        value
    }
}

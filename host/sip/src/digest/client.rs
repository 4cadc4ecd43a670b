//! Answers a challenge.

use super::{Account, Algorithm, DigestParams, quoted, response};
use crate::message::{HeaderName, Message};
use crate::status::Status;

/// The header and value that answer a 401 or 407: its first challenge whose algorithm and quality we compute
/// (RFC 8760 §2.4: the topmost that is understood).
pub(crate) fn answer(
    challenge: &Message,
    account: &Account,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<(&'static str, String)> {
    let (asks, answers) = match challenge.status()? {
        Status::UNAUTHORIZED => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
        _ => (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
    };
    challenge
        .raw_values(asks)
        .filter_map(|value| std::str::from_utf8(value).ok())
        .filter_map(DigestParams::parse)
        .find_map(|params| credentials(params, account, method, uri, cnonce))
        .map(|value| (answers.as_str(), value))
}

fn credentials(params: DigestParams<'_>, account: &Account, method: &str, uri: &str, cnonce: &str) -> Option<String> {
    let algorithm = match params.get("algorithm") {
        Some(name) => Algorithm::from_name(&name)?,
        None => Algorithm::Md5,
    };
    let realm = params.get("realm")?;
    let nonce = params.get("nonce")?;
    let with_auth = match params.get("qop") {
        None => false,
        Some(offered) if offered.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
        Some(_) => return None,
    };
    // Each answer takes a nonce of its own from a fresh challenge, so the count is always the first.
    let count = with_auth.then_some(("00000001", cnonce));
    let ha1 = algorithm.ha1(&account.user, &realm, &account.password);
    let digest = response(algorithm, &ha1, &nonce, count, method, uri);
    let mut value = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{digest}\", algorithm={}",
        quoted(&account.user),
        quoted(&realm),
        quoted(&nonce),
        algorithm.as_str()
    );
    if let Some((nc, cnonce)) = count {
        value.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = params.get("opaque") {
        value.push_str(&format!(", opaque=\"{}\"", quoted(&opaque)));
    }
    Some(value)
}

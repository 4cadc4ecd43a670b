//! Ways to and from the public network, and numbers of the emergency services.

use std::collections::{BTreeMap, BTreeSet};

use plugboard_model::{
    Configuration, Trunk,
    trunk::{LEAST_PING, MOST_PING, Rewrite},
};

use super::Findings;

/// Rules of one trunk in one direction, and numbers of emergency services.
const MOST: usize = 1_000;

pub(super) fn check(configuration: &Configuration, findings: &mut Findings) {
    let mut users = BTreeMap::new();
    for (name, trunk) in &configuration.trunks {
        let at = format!("/trunks/{name}");
        one(&at, trunk, findings);
        if let Some(user) = trunk.user.as_ref().filter(|_| trunk.by_account)
            && let Some(other) = users.insert(user, name)
        {
            let message = format!("calls that prove the account {user:?} are those of the trunk {other} too");
            findings.error(format!("{at}/by_account"), "account-taken", message, "give each trunk a user of its own");
        }
    }
    emergency(configuration, findings);
}

fn one(at: &str, trunk: &Trunk, findings: &mut Findings) {
    if trunk.allow.is_empty() && trunk.peers.is_empty() && trunk.certificates.is_empty() && !trunk.by_account {
        let message = "no call can come or go by this trunk".to_owned();
        let remedy = "give `allow`, `certificates` or `by_account` for calls in, `peers` for calls out";
        findings.warn(at.to_owned(), "idle-trunk", message, remedy);
    }
    if trunk.user.is_some() != trunk.password.is_some() {
        let message = "an account needs both `user` and a password".to_owned();
        findings.error(at.to_owned(), "half-account", message, "give both, or neither");
    }
    if trunk.by_account && trunk.user.is_none() {
        let message = "calls are to prove an account that there is not".to_owned();
        findings.error(format!("{at}/by_account"), "no-account", message, "give `user` and a password");
    }
    for (index, domain) in trunk.certificates.iter().enumerate() {
        if !is_domain(domain) {
            let message = format!("{domain:?} is no name that a certificate could show");
            let remedy = "write the whole domain: \"sip.carrier.example\"";
            findings.error(format!("{at}/certificates/{index}"), "bad-domain", message, remedy);
        }
    }
    for (index, prefix) in trunk.takes.iter().enumerate() {
        dialled(format!("{at}/takes/{index}"), prefix, findings);
    }
    if !trunk.ping.is_zero() && !(LEAST_PING..=MOST_PING).contains(&trunk.ping) {
        let message = format!("its peers would be looked at every {} ms", trunk.ping.as_millis());
        findings.error(format!("{at}/ping"), "out-of-range", message, "give 1 second to 1 hour, or 0 for never");
    }
    rewrites(&format!("{at}/outgoing"), &trunk.outgoing, findings);
    rewrites(&format!("{at}/incoming"), &trunk.incoming, findings);
}

fn rewrites(at: &str, rules: &[Rewrite], findings: &mut Findings) {
    if rules.len() > MOST {
        let message = format!("there are {} rules", rules.len());
        findings.error(at.to_owned(), "too-many", message, format!("keep at most {MOST} rules in one direction"));
        return;
    }
    let mut seen = BTreeSet::new();
    for Rewrite { prefix, to } in rules {
        dialled(format!("{at}/{prefix}"), prefix, findings);
        dialled(format!("{at}/{prefix}"), to, findings);
        if !seen.insert(prefix) {
            let message = format!("there are two rules for numbers that begin with {prefix:?}");
            findings.error(at.to_owned(), "two-rules", message, "keep one of them");
        }
    }
}

fn emergency(configuration: &Configuration, findings: &mut Findings) {
    let numbers = &configuration.dialling.emergency;
    let at = "/dialling/emergency";
    if numbers.len() > MOST {
        let message = format!("{} numbers of emergency services", numbers.len());
        return findings.error(at.to_owned(), "too-many", message, format!("keep at most {MOST} of them"));
    }
    for (index, number) in numbers.iter().enumerate() {
        if number.is_empty() {
            let message = "\"\" is no number".to_owned();
            findings.error(format!("{at}/{index}"), "bad-number", message, "write it as it is dialled: \"110\"");
        }
        dialled(format!("{at}/{index}"), number, findings);
        // Whoever dials it in need would reach a colleague.
        let is_extension = configuration.agents.values().any(|agent| agent.extension.as_str() == number);
        if is_extension || configuration.numbers.contains_key(number.as_str()) {
            let message = format!("{number} calls for help, and is a number or extension of the tenant too");
            let remedy = "give the number or extension another name";
            findings.error(format!("{at}/{index}"), "emergency-taken", message, remedy);
        }
    }
}

/// What can be dialled, or begins it: digits, a leading plus, and what services are called by.
fn dialled(at: String, text: &str, findings: &mut Findings) {
    let rest = text.strip_prefix('+').unwrap_or(text);
    if rest.len() > 32 || !rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'#')) {
        let shown: String = text.chars().take(40).collect();
        let message = format!("{shown:?} is no part of a number");
        findings.error(at, "bad-number", message, "write digits only, with + before a country code");
    }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

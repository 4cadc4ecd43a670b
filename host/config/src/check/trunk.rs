//! Ways to and from the public network, and numbers of the emergency services.

use std::collections::BTreeSet;

use plugboard_model::{
    Configuration, Trunk,
    trunk::{LEAST_PING, MOST_PING, Rewrite},
};

use super::Findings;

/// Rules of one trunk in one direction, and numbers of emergency services.
const MOST: usize = 1_000;

pub(super) fn check(configuration: &Configuration, findings: &mut Findings) {
    for (name, trunk) in &configuration.trunks {
        one(&format!("/trunks/{name}"), trunk, findings);
    }
    emergency(configuration, findings);
}

fn one(at: &str, trunk: &Trunk, findings: &mut Findings) {
    let without = not_in_force(trunk);
    if !without.is_empty() {
        unheeded(at, &without.join(", "), findings);
    }
    if trunk.allow.is_empty() && trunk.peers.is_empty() && trunk.certificates.is_empty() {
        let message = "no call can come or go by this trunk".to_owned();
        let remedy = "give `allow` or `certificates` for calls in, `peers` for calls out";
        findings.warn(at.to_owned(), "idle-trunk", message, remedy);
    }
    if trunk.user.is_some() != trunk.password.is_some() {
        let message = "an account needs both `user` and a password".to_owned();
        findings.error(at.to_owned(), "half-account", message, "give both, or neither");
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

fn unheeded(at: &str, names: &str, findings: &mut Findings) {
    let message = format!("calls do not heed {names} yet: they go to the first peer of the first trunk");
    findings.warn(at.to_owned(), "not-in-force", message, "do not count on it, or leave it out");
}

/// What is read and checked, and waits for the host to choose among trunks.
fn not_in_force(trunk: &Trunk) -> Vec<&'static str> {
    let usual = Trunk::default();
    let set = [
        ("order", trunk.order != usual.order),
        ("weight", trunk.weight != usual.weight),
        ("takes", !trunk.takes.is_empty()),
        ("channels", trunk.channels.is_some()),
        ("calls_per_second", trunk.calls_per_second.is_some()),
        ("emergency", trunk.emergency.is_some()),
        ("ping", trunk.ping != usual.ping),
        ("outgoing", !trunk.outgoing.is_empty()),
        ("incoming", !trunk.incoming.is_empty()),
    ];
    set.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
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
    if !numbers.is_empty() {
        unheeded(at, "emergency", findings);
    }
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

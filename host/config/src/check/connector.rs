//! Connectors and channels: what the host holds them to, what their components say, and which operations flows may name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use plugboard_model::{
    Configuration,
    channel::Channel,
    connector::{Connector, Secret, SecretSource},
    flow::Problem,
};
use plugboard_pack::{
    Origin, SecretName,
    permissions::{MOST_KV, MOST_ORIGINS, MOST_SECRETS},
};

use super::{CheckChannel, CheckConnector, Findings};
use crate::suggest::instead;

const NAMES: &str = "use 1 to 64 bytes of letters, digits, '-', '_', '.' and '+'";
const ORIGINS: &str = "write the scheme and the host, and a port where it is another: https://crm.example.com";
const ENVIRONMENT: &str = "a name that begins with PLUGBOARD_SECRET_, of A-Z, 0-9 and _";

/// What the component says of a connector.
#[derive(Clone, Debug, Default)]
pub struct ConnectorSays {
    /// A problem's field names a setting.
    pub problems: Vec<Problem>,
    /// Names of what it can do with these settings; `None` where nobody could ask.
    pub operations: Option<BTreeSet<String>>,
}

/// Operations of each connector, as far as they are known.
pub(super) type Operations = BTreeMap<Arc<str>, Option<BTreeSet<String>>>;

pub(super) fn check(
    configuration: &Configuration,
    check_connector: &CheckConnector<'_>,
    findings: &mut Findings,
) -> Operations {
    let connectors = &configuration.connectors;
    if connectors.len() > Connector::MOST {
        let message = format!("{} connectors, at most {} are allowed", connectors.len(), Connector::MOST);
        findings.error("/connectors".to_owned(), "too-many", message, "take out those that no flow asks");
    }
    let mut operations = Operations::new();
    for (name, connector) in connectors {
        let root = format!("/connectors/{name}");
        let mut known = None;
        if is_sound(&root, ("a connector", name), connector, findings) {
            let said = check_connector(connector);
            known = said.operations;
            findings.of_component(&root, said.problems);
        }
        operations.insert(Arc::clone(name), known);
    }
    operations
}

/// Channels are held to what connectors are.
pub(super) fn channels(configuration: &Configuration, check_channel: &CheckChannel<'_>, findings: &mut Findings) {
    let channels = &configuration.channels;
    if channels.len() > Channel::MOST {
        let message = format!("{} channels, at most {} are allowed", channels.len(), Channel::MOST);
        findings.error("/channels".to_owned(), "too-many", message, "take out those that nobody writes by");
    }
    let mut of_callers = channels.iter().filter(|(_, channel)| channel.callers).map(|(name, _)| name);
    let first = of_callers.next();
    for (other, first) in of_callers.zip(first.into_iter().cycle()) {
        let message = format!("{other} and {first} are both for those who call");
        let remedy = "let one of them be: a flow writes to a caller by one channel";
        findings.error(format!("/channels/{other}/callers"), "two-for-callers", message, remedy);
    }
    for (name, channel) in channels {
        let root = format!("/channels/{name}");
        if is_sound(&root, ("a channel", name), &channel.component, findings) {
            findings.of_component(&root, check_channel(channel));
        }
    }
}

/// Whether nothing is wrong that the host itself looks at: a component sees nothing that the host does not take.
fn is_sound(root: &str, (what, name): (&str, &str), component: &Connector, findings: &mut Findings) -> bool {
    let before = findings.0.len();
    if !is_name(name) {
        findings.error(root.to_owned(), "bad-name", format!("{name:?} is no name for {what}"), NAMES);
    }
    if component.plugin.is_empty() {
        let (kind, message) = (what.trim_start_matches("a "), format!("{what} names its component"));
        findings.error(root.to_owned(), &format!("unknown-{kind}"), message, format!("name a {kind} plugin"));
    }
    let granted = origins(root, component, findings);
    secrets(root, component, &granted, findings);
    limits(root, component, findings);
    settings(root, component, findings);
    findings.0.len() == before
}

/// What a flow's node asks of a connector.
pub(super) fn asked(
    pointer: &str,
    connector: &str,
    operation: Option<&str>,
    known: &Operations,
    findings: &mut Findings,
) {
    let Some(operations) = known.get(connector) else {
        let remedy = instead(connector, known.keys().map(|name| &**name));
        let message = format!("no connector is called {connector:?}");
        return findings.error(format!("{pointer}/connector"), "unknown-connector", message, remedy);
    };
    if let (Some(operations), Some(operation)) = (operations, operation)
        && !operations.contains(operation)
    {
        let remedy = instead(operation, operations.iter().map(String::as_str));
        let message = format!("{connector} does nothing that is called {operation:?}");
        findings.error(format!("{pointer}/operation"), "unknown-operation", message, remedy);
    }
}

fn origins(root: &str, connector: &Connector, findings: &mut Findings) -> Vec<Origin> {
    let lists = [("allow", &connector.allow), ("allow_private", &connector.allow_private)];
    let mut granted = Vec::new();
    for (key, origins) in lists {
        for text in origins {
            match text.parse::<Origin>() {
                Ok(origin) => granted.push(origin),
                Err(error) => {
                    let message = format!("{text:?} is no place to send requests to: {error}");
                    findings.error(format!("{root}/{key}"), "bad-origin", message, ORIGINS);
                }
            }
        }
    }
    if granted.len() > MOST_ORIGINS {
        let message = format!("{} hosts, at most {MOST_ORIGINS} are allowed", granted.len());
        findings.error(format!("{root}/allow"), "too-many", message, "make two connectors of it");
    }
    granted
}

fn secrets(root: &str, connector: &Connector, granted: &[Origin], findings: &mut Findings) {
    if connector.secrets.len() > MOST_SECRETS {
        let message = format!("{} secrets, at most {MOST_SECRETS} are allowed", connector.secrets.len());
        findings.error(format!("{root}/secrets"), "too-many", message, "take out those that nothing uses");
    }
    for (name, Secret { from, to }) in &connector.secrets {
        let at = format!("{root}/secrets/{name}");
        if name.parse::<SecretName>().is_err() {
            let remedy = "use a-z, 0-9 and -, at most 64 of them";
            findings.error(at.clone(), "bad-name", format!("{name:?} is no name of a secret"), remedy);
        }
        match from {
            SecretSource::Env(variable) if !is_variable(variable) => {
                let message = format!("the environment variable {variable:?} is not one for secrets");
                findings.error(at.clone(), "bad-secret", message, format!("take {ENVIRONMENT}"));
            }
            SecretSource::File(file) if !is_plain(file) => {
                let message = format!("{file:?} is no plain file name");
                let remedy = "name a file of the folder secrets/TENANT in the host's data folder, without a path";
                findings.error(at.clone(), "bad-secret", message, remedy);
            }
            SecretSource::Env(_) | SecretSource::File(_) => {}
        }
        for origin in to {
            let may = origin.parse::<Origin>().is_ok_and(|to| granted.iter().any(|granted| granted.covers(&to)));
            if !may {
                let message = format!("the secret {name} would go to {origin}, where the connector may not");
                findings.error(at.clone(), "bad-origin", message, "allow that host too, or take it out here");
            }
        }
    }
}

fn limits(root: &str, connector: &Connector, findings: &mut Findings) {
    let Connector { timeout, concurrent, per_second, kv_bytes, .. } = connector;
    let mut within = |key: &str, fits: bool, value: String, remedy: String| {
        if !fits {
            findings.error(format!("{root}/{key}"), "out-of-range", format!("`{key}` is {value}"), remedy);
        }
    };
    let fits = !timeout.is_zero() && *timeout <= Connector::LONGEST;
    within("timeout", fits, format!("{timeout:?}"), "give at most 10s, and more than nothing".to_owned());
    let most = Connector::MOST_CALLS;
    let remedy = format!("give a whole number from 1 to {most}");
    within("concurrent", (1..=most).contains(concurrent), concurrent.to_string(), remedy);
    if let Some(rate) = per_second {
        let most = Connector::MOST_PER_SECOND;
        let remedy = format!("give a whole number from 1 to {most}");
        within("per_second", (1..=most).contains(rate), rate.to_string(), remedy);
    }
    let remedy = format!("give at most {} bytes", MOST_KV.0);
    within("kv_bytes", *kv_bytes <= MOST_KV.0, kv_bytes.to_string(), remedy);
}

fn settings(root: &str, connector: &Connector, findings: &mut Findings) {
    if connector.settings.len() > Connector::MOST_SETTINGS {
        let most = Connector::MOST_SETTINGS;
        let message = format!("{} settings, at most {most} are allowed", connector.settings.len());
        findings.error(format!("{root}/settings"), "too-many", message, "keep those that the connector reads");
    }
    for name in connector.settings.keys().filter(|name| !is_setting(name)) {
        let remedy = "use 1 to 64 bytes and no line break";
        let pointer = format!("{root}/settings/{name}");
        findings.error(pointer, "bad-name", format!("{name:?} is no name of a setting"), remedy);
    }
    let bytes: usize = connector.settings.values().map(String::len).sum();
    if bytes > Connector::LONGEST_SETTINGS {
        let message = format!("the settings have {bytes} bytes");
        let remedy = format!("give at most {} bytes", Connector::LONGEST_SETTINGS);
        findings.error(format!("{root}/settings"), "out-of-range", message, remedy);
    }
}

fn is_name(text: &str) -> bool {
    let of = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    (1..=Connector::LONGEST_NAME).contains(&text.len()) && text.chars().all(of)
}

fn is_setting(text: &str) -> bool {
    (1..=Connector::LONGEST_NAME).contains(&text.len()) && !text.contains(char::is_control)
}

fn is_variable(text: &str) -> bool {
    let rest = text.strip_prefix(SecretSource::PREFIX);
    rest.is_some_and(|rest| {
        (1..=100).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

fn is_plain(text: &str) -> bool {
    let of = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=100).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(of)
}

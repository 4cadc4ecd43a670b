//! A queue's routing policy: what the host holds it to, and what its component says.

use std::collections::BTreeSet;

use plugboard_model::{
    Configuration, Policy, QueueId,
    routing::{LAST_AGENT, Tables, VALUE},
};

use super::{CheckPolicy, Finding, Findings};

pub(super) fn check(
    id: &QueueId,
    policy: &Policy,
    configuration: &Configuration,
    check_policy: &CheckPolicy<'_>,
    findings: &mut Findings,
) {
    let root = format!("/queues/{id}/policy");
    if policy.plugin.is_empty() {
        findings.error(root, "unknown-policy", "a policy names its component".to_owned(), "name a routing plugin");
        return;
    }
    let before = findings.0.len();
    attributes(&root, policy, findings);
    settings(&root, policy, findings);
    if findings.0.len() > before {
        return;
    }
    for problem in check_policy(&policy.plugin, &Tables::of(configuration, policy)) {
        // The component says what is wrong in words; where it names a setting, that is the place.
        let named = || policy.settings.keys().find(|name| problem.message.contains(name.as_str()));
        let field = problem.field.clone().or_else(|| named().map(|name| format!("/settings/{name}")));
        findings.0.push(Finding {
            severity: problem.severity,
            code: problem.code,
            pointer: root.clone() + field.as_deref().unwrap_or_default(),
            node: None,
            message: problem.message,
            remedy: problem.remedy,
        });
    }
}

fn attributes(root: &str, policy: &Policy, findings: &mut Findings) {
    if policy.attributes.len() > Policy::MOST_ATTRIBUTES {
        let message =
            format!("{} attributes, at most {} are allowed", policy.attributes.len(), Policy::MOST_ATTRIBUTES);
        findings.error(format!("{root}/attributes"), "too-many", message, "keep those that the policy looks at");
    }
    let mut seen = BTreeSet::new();
    for (attribute, number) in policy.attributes.iter().zip(0..) {
        let pointer = format!("{root}/attributes/{number}");
        if attribute == LAST_AGENT || attribute == VALUE {
            let message = format!("every policy gets {attribute:?} anyway");
            findings.error(pointer, "duplicate-attribute", message, "take it out");
        } else if !seen.insert(attribute) {
            let message = format!("the attribute {attribute:?} stands here twice");
            findings.error(pointer, "duplicate-attribute", message, "take one out");
        } else if !is_name(attribute) {
            findings.error(pointer, "bad-name", format!("{attribute:?} is no name of a tag"), NAMES);
        }
    }
}

const NAMES: &str = "use 1 to 64 bytes and no line break";

fn is_name(text: &str) -> bool {
    (1..=Policy::LONGEST_NAME).contains(&text.len()) && !text.contains(char::is_control)
}

fn settings(root: &str, policy: &Policy, findings: &mut Findings) {
    if policy.settings.len() > Policy::MOST_SETTINGS {
        let message = format!("{} settings, at most {} are allowed", policy.settings.len(), Policy::MOST_SETTINGS);
        findings.error(format!("{root}/settings"), "too-many", message, "keep those that the policy reads");
    }
    for (name, value) in &policy.settings {
        let pointer = format!("{root}/settings/{name}");
        if !is_name(name) {
            findings.error(pointer, "bad-name", format!("{name:?} is no name of a setting"), NAMES);
        } else if value.len() > Policy::LONGEST_SETTING {
            let message = format!("the setting {name:?} has {} bytes", value.len());
            findings.error(pointer, "out-of-range", message, format!("give at most {} bytes", Policy::LONGEST_SETTING));
        } else if name == Policy::RELAX_FIRST && policy.relax_first().is_none() {
            let (least, most) = Policy::RELAX_FIRST_RANGE;
            let message = format!("`{name}` is {value:?}");
            findings.error(pointer, "out-of-range", message, format!("give milliseconds from {least} to {most}"));
        }
    }
}

//! Compliance rules: what the host holds them to, and what their components say.

use plugboard_model::{Configuration, compliance::Rule};

use super::{CheckRule, Findings};

const NAMES: &str = "use 1 to 64 bytes and no line break";

pub(super) fn check(configuration: &Configuration, check_rule: &CheckRule<'_>, findings: &mut Findings) {
    let rules = &configuration.rules;
    if rules.len() > Rule::MOST {
        let message = format!("{} rules, at most {} are allowed", rules.len(), Rule::MOST);
        findings.error("/rules".to_owned(), "too-many", message, "each of them is asked before each call: join some");
    }
    for (name, rule) in rules {
        let root = format!("/rules/{name}");
        if !is_name(name) {
            findings.error(root, "bad-name", format!("{name:?} is no name for a rule"), NAMES);
            continue;
        }
        if rule.plugin.is_empty() {
            let message = "a rule names its component".to_owned();
            findings.error(root, "unknown-rule", message, "name a compliance plugin");
            continue;
        }
        if settings(&root, rule, findings) {
            findings.of_component(&root, check_rule(rule));
        }
    }
}

/// Whether they are such that the component may see them.
fn settings(root: &str, rule: &Rule, findings: &mut Findings) -> bool {
    let before = findings.0.len();
    if rule.settings.len() > Rule::MOST_SETTINGS {
        let message = format!("{} settings, at most {} are allowed", rule.settings.len(), Rule::MOST_SETTINGS);
        findings.error(format!("{root}/settings"), "too-many", message, "keep those that the rule reads");
    }
    for (name, value) in rule.settings.iter() {
        let pointer = format!("{root}/settings/{name}");
        if !is_name(name) {
            findings.error(pointer, "bad-name", format!("{name:?} is no name of a setting"), NAMES);
        } else if value.len() > Rule::LONGEST_SETTING {
            let message = format!("the setting {name:?} has {} bytes", value.len());
            findings.error(pointer, "out-of-range", message, format!("give at most {} bytes", Rule::LONGEST_SETTING));
        }
    }
    findings.0.len() == before
}

fn is_name(text: &str) -> bool {
    (1..=Rule::LONGEST_NAME).contains(&text.len()) && !text.contains(char::is_control)
}

//! What the settings of any flow name of the tenant's, as its component says.

use plugboard_model::{
    Configuration, FlowId,
    flow::{Reference, ReferenceKind},
};

use super::{Finding, Findings};
use crate::suggest::instead;

/// Says which of `references` the tenant does not have. What a later contract may refer to is not looked up.
pub fn check_references(configuration: &Configuration, flow: &FlowId, references: &[Reference]) -> Vec<Finding> {
    let mut findings = Findings::default();
    for Reference { kind, name, node, field } in references {
        let at = format!("/flows/{flow}{}", field.as_deref().unwrap_or_default());
        let before = findings.0.len();
        match kind {
            ReferenceKind::Queue => findings.queue(at, name, configuration),
            ReferenceKind::Agent => findings.agent(at, name, configuration),
            ReferenceKind::Flow => findings.flow(at, name, configuration),
            ReferenceKind::Skill => findings.skill(at, name, configuration),
            ReferenceKind::Prompt => findings.prompt(&at, name, &[&configuration.language], configuration),
            ReferenceKind::Connector if !configuration.connectors.contains_key(&**name) => {
                let remedy = instead(name, configuration.connectors.keys().map(|name| &**name));
                findings.error(at, "unknown-connector", format!("no connector is called {name:?}"), remedy);
            }
            ReferenceKind::Connector | ReferenceKind::Other(_) => {}
        }
        for finding in &mut findings.0[before..] {
            finding.node.clone_from(node);
        }
    }
    findings.0
}

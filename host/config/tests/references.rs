//! What the component of a flow says that its settings name.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use plugboard_config::check_references;
use plugboard_model::{
    Configuration, Queue,
    flow::{Reference, ReferenceKind},
};

#[test]
fn what_the_tenant_does_not_have_is_told_at_its_field_and_node() {
    let mut shop = Configuration::empty("shop".parse().unwrap());
    shop.queues.insert("sales".parse().unwrap(), Queue::named("Sales"));
    let named = |kind, name: &str| Reference {
        kind,
        name: name.into(),
        node: Some("wait".into()),
        field: Some("/nodes/wait".into()),
    };
    let references = [
        named(ReferenceKind::Queue, "sales"),
        named(ReferenceKind::Queue, "salse"),
        named(ReferenceKind::Agent, "amy"),
        named(ReferenceKind::Flow, "menu"),
        named(ReferenceKind::Skill, "german"),
        named(ReferenceKind::Prompt, "welcome"),
        named(ReferenceKind::Connector, "crm"),
        named(ReferenceKind::Other("calendar".into()), "holidays"),
    ];
    let findings = check_references(&shop, &"night".parse().unwrap(), &references);
    let told: Vec<&str> = findings.iter().map(|finding| &*finding.code).collect();
    assert_eq!(
        told,
        ["unknown-queue", "unknown-agent", "unknown-flow", "unknown-skill", "prompt-missing", "unknown-connector"]
    );
    assert!(findings.iter().all(|finding| finding.node.as_deref() == Some("wait")));
    assert!(findings.iter().all(|finding| finding.pointer == "/flows/night/nodes/wait"));
    assert_eq!(findings[0].remedy, "did you mean `sales`?");
}

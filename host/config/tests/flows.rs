//! Flows that a component of a pack runs.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::path::Path;

use expect_test::expect;
use plugboard_config::{Bundle, Fault, Judges, Style, load_tenant, render};

/// A tenant in a folder of its own, with this `flows.toml` and a document `menu`.
fn with_flows(name: &str, flows: &str) -> Result<Bundle, Vec<Fault>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(folder.join("flows")).unwrap();
    std::fs::write(folder.join("tenant.toml"), "id = \"shop\"\nname = \"Shop\"\n").unwrap();
    std::fs::write(folder.join("flows.toml"), flows).unwrap();
    std::fs::write(folder.join("flows/menu.json"), "{ \"greeting\": 1 }").unwrap();
    let judges = Judges {
        flow: &|_, _| Vec::new(),
        policy: &|_, _| Vec::new(),
        rule: &|_| Vec::new(),
        connector: &|_| Default::default(),
        channel: &|_| Vec::new(),
    };
    load_tenant(&folder, judges)
}

#[test]
fn a_flow_names_the_component_that_runs_it_and_may_have_a_document() {
    let flows = "[menu]\nplugin = \"acme.ivr/menu\"\n[night]\nplugin = \"acme.ivr/night\"\n";
    let configuration = with_flows("flows-named", flows).unwrap().configuration;
    let told: Vec<_> = configuration
        .flows
        .iter()
        .map(|(id, flow)| (id.as_str(), flow.plugin.as_str(), flow.document.to_string()))
        .collect();
    assert_eq!(
        told,
        [("menu", "acme.ivr/menu", "{ \"greeting\": 1 }".to_owned()), ("night", "acme.ivr/night", "{}".to_owned())]
    );
}

#[test]
fn a_flow_without_a_component_is_refused_where_it_stands() {
    let faults = with_flows("flows-unnamed", "[menu]\nplugins = \"acme.ivr/menu\"\n").unwrap_err();
    expect![[r#"
        flows.toml:1:2: error[missing-key]: a flow needs `plugin`
          1 | [menu]
            |  ^^^^
          remedy: name the component that runs it: plugin = "acme.ivr/menu"

        flows.toml:2:1: error[unknown-key]: a flow has no `plugins`
          2 | plugins = "acme.ivr/menu"
            | ^^^^^^^
          remedy: did you mean `plugin`?

        2 errors, 0 warnings
    "#]]
    .assert_eq(&render(&faults, Style::Plain));
}

//! What a tenant names of packs: looked up where it is known which packs there are.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::{path::Path, sync::Arc};

use expect_test::expect;
use plugboard_config::{Bundle, Fault, Judges, Style, check, load_tenant, render};
use plugboard_model::{Brought, Prompt};

const JUDGES: Judges<'static> = Judges {
    flow: &|_, _| Vec::new(),
    policy: &|_, _| Vec::new(),
    rule: &|_| Vec::new(),
    connector: &|_| Default::default(),
    channel: &|_| Vec::new(),
};

fn tenant(name: &str, flows: &str, queues: &str, menu: &str) -> Result<Bundle, Vec<Fault>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("packs-{name}"));
    std::fs::create_dir_all(folder.join("flows")).unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
    write("tenant.toml", "id = \"shop\"\n");
    write("flows.toml", flows);
    write("queues.toml", queues);
    write("agents.toml", "[ada]\nextension = \"1001\"\npassword = \"long enough\"\nqueues = [\"sales\"]\n");
    write("flows/own.json", menu);
    load_tenant(&folder, JUDGES)
}

/// As a host with the pack `acme.ivr` finds it.
fn found(mut bundle: Bundle) -> String {
    let prompt = Prompt { path: Path::new("").into(), sha256: String::new(), length: Prompt::LONGEST };
    let document = r#"{ "nodes": { "sorry": { "kind": "play", "prompt": "acme.ivr/sorry" } } }"#;
    bundle.configuration.brought = Some(Arc::new(Brought {
        prompts: [("acme.ivr/welcome".to_owned(), prompt)].into(),
        flows: [("acme.ivr/menu".to_owned(), document.into())].into(),
    }));
    let faults: Vec<Fault> =
        check(&bundle.configuration, JUDGES).into_iter().map(|finding| bundle.origin.locate(finding)).collect();
    render(&faults, Style::Plain)
}

#[test]
fn names_of_packs_are_told_with_file_and_line_where_no_pack_brings_them_and_not_before_packs_are_known() {
    let menu =
        "{ \"nodes\": { \"hello\": { \"kind\": \"play\", \"prompt\": [\"acme.ivr/welcome\", \"acme.ivr/welcom\"] } } }";
    let flows = "[ivr]\ndocument = \"acme.ivr/menu\"\n[late]\ndocument = \"acme.ivr/menue\"\n";
    let bundle = tenant("names", flows, "[sales]\nhold_music = \"acme.tunes/jazz\"\n", menu).unwrap();
    assert_eq!(bundle.warnings, []);
    expect![[r#"
        flows/own.json:1:72: error[prompt-missing]: node hello: no pack brings the prompt "acme.ivr/welcom"
          1 | { "nodes": { "hello": { "kind": "play", "prompt": ["acme.ivr/welcome", "acme.ivr/welcom"] } } }
            |                                                                        ^^^^^^^^^^^^^^^^^
          remedy: did you mean `acme.ivr/welcome`?

        flows.toml:1:2: error[prompt-missing]: node sorry: no pack brings the prompt "acme.ivr/sorry"
          1 | [ivr]
            |  ^^^
          remedy: use one of: acme.ivr/welcome

        flows.toml:4:12: error[unknown-document]: no pack brings the flow "acme.ivr/menue"
          4 | document = "acme.ivr/menue"
            |            ^^^^^^^^^^^^^^^^
          remedy: did you mean `acme.ivr/menu`?

        queues.toml:2:14: error[prompt-missing]: no pack brings the prompt "acme.tunes/jazz"
          2 | hold_music = "acme.tunes/jazz"
            |              ^^^^^^^^^^^^^^^^^
          remedy: use one of: acme.ivr/welcome

        4 errors, 0 warnings
    "#]]
    .assert_eq(&found(bundle));
}

#[test]
fn a_flow_has_one_document_and_a_pack_s_is_named_in_full() {
    let faults =
        tenant("twice", "[own]\ndocument = \"acme.ivr/menu\"\n[ivr]\ndocument = \"menu\"\n", "[sales]\n", "{}")
            .unwrap_err();
    expect![[r#"
        flows/own.json: error[two-documents]: flows.toml has the flow own run the document acme.ivr/menu of a pack
          remedy: take this file away, or the `document` there

        flows.toml:4:12: error[bad-name]: "menu" is no document of a pack
          4 | document = "menu"
            |            ^^^^^^
          remedy: name the pack and its document, as "acme.ivr/menu"; a document of yours lies in flows/

        2 errors, 0 warnings
    "#]]
    .assert_eq(&render(&faults, Style::Plain));
}

//! What a tenant says of encrypted sound.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::path::{Path, PathBuf};

use expect_test::expect;
use plugboard_config::{Fault, Judges, Style, load_tenant, render};
use plugboard_model::{Configuration, Encryption, Srtp};

const AGENTS: &str = "[amy]\nextension = \"1001\"\npassword = \"password-of-amy\"\n";
const TRUNKS: &str = "[carrier]\nallow = [\"192.0.2.0/24\"]\n";

const JUDGES: Judges<'static> = Judges {
    flow: &|_, _| Vec::new(),
    policy: &|_, _| Vec::new(),
    rule: &|_| Vec::new(),
    connector: &|_| Default::default(),
    channel: &|_| Vec::new(),
};

fn tenant(name: &str, encryption: &str) -> Result<Configuration, Vec<Fault>> {
    load_tenant(&written(name, encryption), JUDGES).map(|bundle| bundle.configuration)
}

fn written(name: &str, encryption: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("encryption").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tenant.toml"), format!("id = \"shop\"\n{encryption}")).unwrap();
    std::fs::write(folder.join("agents.toml"), AGENTS).unwrap();
    std::fs::write(folder.join("trunks.toml"), TRUNKS).unwrap();
    folder
}

#[test]
fn a_tenant_has_one_policy_and_others_for_single_trunks_and_agents() {
    let written = "[encryption]\nsrtp = \"required\"\nkeys_in_clear = true\ntrunks = { carrier = \"off\" }\n\
                   [encryption.agents]\namy = \"offered\"\n";
    let encryption = tenant("good", written).unwrap().encryption;
    let amy = "amy".parse().unwrap();
    assert_eq!(
        (encryption.srtp, encryption.keys_in_clear, encryption.of_trunk("carrier"), encryption.of_agent(&amy)),
        (Srtp::Required, true, Srtp::Off, Srtp::Offered)
    );
    assert_eq!(encryption.of_trunk("another"), Srtp::Required);
    assert_eq!(tenant("silent", "").unwrap().encryption, Encryption::default());
}

#[test]
fn a_trunk_whose_calls_out_could_only_be_refused_is_told_of() {
    let folder = written("mute", "[encryption]\nsrtp = \"required\"\n");
    std::fs::write(folder.join("trunks.toml"), "[carrier]\npeers = [\"192.0.2.9:5060\"]\n").unwrap();
    expect![[r#"
        agents.toml:1:2: warning[agent-without-queue]: this agent serves no queue and gets direct calls only
          1 | [amy]
            |  ^^^
          remedy: add queues = ["…"] if that is not meant

        trunks.toml:2:9: warning[keys-in-clear]: no call goes out by this trunk: SRTP is required, and its keys would go by UDP, where they are legible
          2 | peers = ["192.0.2.9:5060"]
            |         ^^^^^^^^^^^^^^^^^^
          remedy: set `keys_in_clear` if nobody else listens on the way, or give the trunk another word under [encryption]

        0 errors, 2 warnings
    "#]].assert_eq(&render(&load_tenant(&folder, JUDGES).unwrap().warnings, Style::Plain));
}

#[test]
fn what_is_no_policy_or_for_nobody_is_shown_where_it_stands() {
    let mistaken = "[encryption]\nsrtp = \"on\"\nkeys = true\ntrunks = \"off\"\nagents = { amy = \"requierd\" }\n";
    let nobody = "[encryption]\ntrunks = { carier = \"off\" }\nagents = { bob = \"required\" }\n";
    let told = [("mistaken", mistaken), ("nobody", nobody)]
        .map(|(name, text)| render(&tenant(name, text).unwrap_err(), Style::Plain));
    expect![[r#"
        tenant.toml:3:8: error[unknown-word]: `srtp` cannot be "on"
          3 | srtp = "on"
            |        ^^^^
          remedy: use one of: off, offered, required

        tenant.toml:4:1: error[unknown-key]: [encryption] has no `keys`
          4 | keys = true
            | ^^^^
          remedy: use one of: agents, keys_in_clear, srtp, trunks

        tenant.toml:5:10: error[wrong-type]: `trunks` is text; it takes a word for each name
          5 | trunks = "off"
            |          ^^^^^
          remedy: write a word for each: { carrier = "off" }

        tenant.toml:6:18: error[unknown-word]: `amy` cannot be requierd
          6 | agents = { amy = "requierd" }
            |                  ^^^^^^^^^^
          remedy: did you mean `required`?

        agents.toml:1:2: warning[agent-without-queue]: this agent serves no queue and gets direct calls only
          1 | [amy]
            |  ^^^
          remedy: add queues = ["…"] if that is not meant

        4 errors, 1 warning

        tenant.toml:3:21: error[unknown-trunk]: no trunk is called "carier"
          3 | trunks = { carier = "off" }
            |                     ^^^^^
          remedy: did you mean `carrier`?

        tenant.toml:4:18: error[unknown-agent]: no agent is called "bob"
          4 | agents = { bob = "required" }
            |                  ^^^^^^^^^^
          remedy: use one of: amy

        agents.toml:1:2: warning[agent-without-queue]: this agent serves no queue and gets direct calls only
          1 | [amy]
            |  ^^^
          remedy: add queues = ["…"] if that is not meant

        2 errors, 1 warning
    "#]]
    .assert_eq(&told.join("\n"));
}

//! Packs looked at before they are in force, by whoever sits at a terminal: the real program on both sides.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;

use desk::{Desk, FLOW, Making, QUEUES_WITH_POLICY, says};
use expect_test::expect;

const ASKS: &str = "[components.lines.asks]\neffects = [\"record\", \"dial\"]\n";

fn flows(version: &'static str, asks: &'static str) -> Making<'static> {
    Making { id: "acme.flows", version, world: "flow", component: FLOW, asks, ..Making::default() }
}

#[test]
fn a_dry_run_tells_what_a_pack_is_and_would_do_and_changes_nothing() {
    let desk = Desk::open("look");
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.put("1.1.0.pbpack", &Making { version: "1.1.0", ..Making::default() }.bytes());
    desk.put("flows.pbpack", &flows("1.0.0", "").bytes());
    desk.put("more.pbpack", &flows("1.1.0", ASKS).bytes());
    let before = desk.state();
    let mut said = desk.session(&["pack install 1.0.0.pbpack --dry-run"]);
    assert_eq!(desk.state(), before, "an install that is only tried");
    desk.session(&["pack install 1.0.0.pbpack", "pack install flows.pbpack"]);
    assert_ne!(desk.state(), before, "an install");
    let before = desk.state();
    said += &desk.session(&[
        "pack upgrade 1.1.0.pbpack --shadow --dry-run",
        "pack upgrade more.pbpack --dry-run",
        "--lang zh pack upgrade more.pbpack --dry-run",
    ]);
    assert_eq!(desk.state(), before, "upgrades that are only tried");
    says(
        &said,
        &expect![[r#"
        $ plugboard pack install 1.0.0.pbpack --dry-run
        acme.lines 1.0.0
          Lines
          Longest wait first
          by Acme Ltd, licence MIT
          contract 0.1.0
          digest 8ad3e1045e3b4d96fb0b773726a103c33cb66464785fe1905ec36dcee6b31870

        component lines: world routing, lines.wasm, 31.4 KiB
          imports nothing: it sees what it is asked, and no more
          asks for nothing
          takes 1 setting
            again_ms (integer, may be left out)

        signed by Acme

        acme.lines 1.0.0 would serve
        nothing was changed
        $ plugboard pack upgrade 1.1.0.pbpack --shadow --dry-run
        acme.lines 1.1.0
          Lines
          Longest wait first
          by Acme Ltd, licence MIT
          contract 0.1.0
          digest 61d21d07147ddd7a4f524c7e4eb8549204e48570633d105665107c58b61fa286

        component lines: world routing, lines.wasm, 31.4 KiB
          imports nothing: it sees what it is asked, and no more
          asks for nothing
          takes 1 setting
            again_ms (integer, may be left out)

        signed by Acme

        acme.lines 1.1.0 would be tried
          1.0.0 -> 1.1.0
          lines (routing)
        nothing was changed
        $ plugboard pack upgrade more.pbpack --dry-run
        acme.flows 1.1.0
          Lines
          Longest wait first
          by Acme Ltd, licence MIT
          contract 0.1.0
          digest 28d6dc7183ec88d1932b17db79ce3ee7ca484a1c40cefb7373a0cfe9d0d0b813

        component lines: world flow, lines.wasm, 69.4 KiB
          imports nothing: it sees what it is asked, and no more
          may ask for numbers to be dialled
          may ask for calls to be recorded
          takes 1 setting
            again_ms (integer, may be left out)

        signed by Acme

        acme.flows 1.1.0 would wait: somebody would have to grant what it asks for
          1.0.0 -> 1.1.0
          lines (flow)
            + may ask for numbers to be dialled
            + may ask for calls to be recorded
          acme.flows/lines: may ask for numbers to be dialled
          acme.flows/lines: may ask for calls to be recorded
        nothing was changed
        $ plugboard --lang zh pack upgrade more.pbpack --dry-run
        acme.flows 1.1.0
          线路
          Longest wait first
          供应商 Acme Ltd，许可证 MIT
          合约版本 0.1.0
          摘要 28d6dc7183ec88d1932b17db79ce3ee7ca484a1c40cefb7373a0cfe9d0d0b813

        组件 lines：world flow，lines.wasm，69.4 KiB
          不导入任何接口：只能看到所询问的内容
          可以请求拨打号码
          可以请求对通话录音
          有 1 个设置项
            again_ms (integer, 可省略)

        由 Acme 签名

        acme.flows 1.1.0 将会等待：需要有人授权其请求
          1.0.0 -> 1.1.0
          lines（flow）
            + 可以请求拨打号码
            + 可以请求对通话录音
          acme.flows/lines: 可以请求拨打号码
          acme.flows/lines: 可以请求对通话录音
        未做任何更改
    "#]],
    );
}

/// The same words with and without `--dry-run`.
#[test]
fn a_dry_run_is_refused_as_the_change_itself_would_be() {
    let desk = Desk::open("look-refused");
    let newer = || Making { version: "2.0.0", ..Making::default() };
    let strict = r#"{ "type": "object", "properties": { "again_ms": { "type": "integer", "maximum": 100 } }, "required": ["first"] }"#;
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.put("none.pbpack", b"#!/bin/sh");
    desk.put("unsigned.pbpack", &Making { signed: None, ..newer() }.bytes());
    desk.put("nobody.pbpack", &Making { signed: Some(2), ..newer() }.bytes());
    desk.put("world.pbpack", &Making { component: FLOW, ..newer() }.bytes());
    desk.put("schema.pbpack", &Making { schema: r#"{ "type": "text" }"#, ..newer() }.bytes());
    desk.put("strict.pbpack", &Making { schema: strict, ..newer() }.bytes());
    desk.run("pack install 1.0.0.pbpack");
    desk.put("shop/queues.toml", QUEUES_WITH_POLICY.as_bytes());
    desk.run("apply shop");
    let before = desk.state();
    let orders = [
        "pack install 1.0.0.pbpack",
        "pack install none.pbpack",
        "pack upgrade 1.0.0.pbpack",
        "pack upgrade unsigned.pbpack",
        "pack upgrade nobody.pbpack",
        "pack upgrade world.pbpack",
        "pack upgrade schema.pbpack",
        "pack upgrade strict.pbpack",
        "pack upgrade strict.pbpack --canary 500%",
    ];
    let said = |end: &str| orders.map(|order| desk.run(&format!("{order}{end}")));
    let (dry, real) = (said(" --dry-run"), said(""));
    assert_eq!(dry, real);
    assert!(dry.iter().all(|said| said.contains("exit 1")), "{dry:#?}");
    assert_eq!(desk.state(), before);
}

#[test]
fn what_is_installed_is_shown_with_its_permissions_its_signer_and_what_waits() {
    let desk = Desk::open("look-shown");
    desk.put("flows.pbpack", &flows("1.0.0", "").bytes());
    desk.put("more.pbpack", &flows("1.1.0", ASKS).bytes());
    desk.session(&["pack install flows.pbpack", "pack upgrade more.pbpack"]);
    let said = desk.session(&["pack show acme.flows", "pack show acme.none"]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack show acme.flows
        acme.flows  Lines  Acme Ltd
          serves 1.0.0 (signed by Acme)
            component acme.flows/lines (flow)
          waits for a grant 1.1.0 (signed by Acme)
            component acme.flows/lines (flow)
              may ask for numbers to be dialled
              may ask for calls to be recorded
          1.0.0 -> 1.1.0
          lines (flow)
            + may ask for numbers to be dialled
            + may ask for calls to be recorded

        acme.flows 1.0.0
          Lines
          Longest wait first
          by Acme Ltd, licence MIT
          contract 0.1.0
          digest 021b0e5d3f21511d8fc4e7e8625a0d3c1a2e28c2048c1cd4f2c3ccaf2d030fe4

        component lines: world flow, lines.wasm, 69.4 KiB
          asks for nothing
          takes 1 setting
            again_ms (integer, may be left out)

        signed by Acme

        acme.flows 1.1.0
          Lines
          Longest wait first
          by Acme Ltd, licence MIT
          contract 0.1.0
          digest 28d6dc7183ec88d1932b17db79ce3ee7ca484a1c40cefb7373a0cfe9d0d0b813

        component lines: world flow, lines.wasm, 69.4 KiB
          may ask for numbers to be dialled
          may ask for calls to be recorded
          takes 1 setting
            again_ms (integer, may be left out)

        signed by Acme
        $ plugboard pack show acme.none
        error: Not found: no pack "acme.none"
          remedy: list them with `plugboard pack list`
        exit 1
    "#]],
    );
}

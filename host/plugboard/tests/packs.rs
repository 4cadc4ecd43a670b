//! Packs of a tenant at a running host, as a person types it: the real program on both sides, in a folder of its own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;

use desk::{CONFIG, Desk, FLOW, Making, QUEUES, QUEUES_WITH_POLICY, ROUTING, says};
use expect_test::expect;
use plugboard_pack::archive::{Archive, Bounds};

#[test]
fn a_pack_comes_serves_is_upgraded_granted_taken_back_and_removed_while_the_host_runs() {
    let desk = Desk::open("life");
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.put("1.1.0.pbpack", &Making { version: "1.1.0", ..Making::default() }.bytes());
    let asks = "[components.lines.asks]\neffects = [\"record\", \"dial\"]\n";
    desk.put(
        "flows.pbpack",
        &Making {
            id: "acme.flows",
            world: "flow",
            component: FLOW,
            schema: "{ \"type\": \"object\" }",
            asks,
            ..Making::default()
        }
        .bytes(),
    );
    let mut said = desk.session(&[
        "pack list",
        "pack install 1.0.0.pbpack",
        "pack install 1.0.0.pbpack",
        "pack upgrade 1.1.0.pbpack",
        "pack upgrade 1.0.0.pbpack",
        "pack install flows.pbpack",
        "--lang zh pack list",
        "pack grant acme.flows 1.1.0",
        "pack grant acme.flows 1.0.0",
        "pack grant acme.flows 1.0.0",
        "pack logs acme.flows",
        "pack logs acme.none",
    ]);
    desk.put("shop/queues.toml", QUEUES_WITH_POLICY.as_bytes());
    said += &desk.session(&[
        "apply shop",
        "pack remove acme.lines",
        "pack rollback acme.lines",
        "pack rollback acme.lines",
    ]);
    desk.put("shop/queues.toml", QUEUES.as_bytes());
    said += &desk.session(&["apply shop", "pack remove acme.lines", "pack remove acme.lines", "pack list"]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack list
        the tenant has no packs
        $ plugboard pack install 1.0.0.pbpack
        acme.lines 1.0.0 serves
          component acme.lines/lines (routing)
        $ plugboard pack install 1.0.0.pbpack
        error: Not possible now: acme.lines is installed already, as 1.0.0
          remedy: upgrade it with `plugboard pack upgrade`
        exit 1
        $ plugboard pack upgrade 1.1.0.pbpack
        acme.lines 1.1.0 serves
          1.0.0 -> 1.1.0
          lines (routing)
        $ plugboard pack upgrade 1.0.0.pbpack
        error: Not possible now: acme.lines 1.0.0 does not come after 1.1.0, which serves
          remedy: go back with `plugboard pack rollback`, or give the pack a higher version
        exit 1
        $ plugboard pack install flows.pbpack
        acme.flows 1.0.0 waits: somebody has to grant what it asks for
          acme.flows/lines: may ask for numbers to be dialled
          acme.flows/lines: may ask for calls to be recorded
          next: plugboard pack grant acme.flows 1.0.0
        $ plugboard --lang zh pack list
        acme.flows  线路  Acme Ltd
          等待授权 1.0.0 (由 Acme 签名)
            组件 acme.flows/lines（flow）
              可以请求拨打号码
              可以请求对通话录音
        acme.lines  线路  Acme Ltd
          使用中 1.1.0 (由 Acme 签名)
            组件 acme.lines/lines（routing）
          上一版本 1.0.0 (由 Acme 签名)
        $ plugboard pack grant acme.flows 1.1.0
        error: Not possible now: what waits is 1.0.0 (1b90db2db09f), not what you have looked at
          remedy: look at what waits with `plugboard pack list`, and grant that
        exit 1
        $ plugboard pack grant acme.flows 1.0.0
        acme.flows 1.0.0 serves
          component acme.flows/lines (flow)
        $ plugboard pack grant acme.flows 1.0.0
        error: Not possible now: no version of acme.flows waits for a grant
          remedy: nothing is to be done
        exit 1
        $ plugboard pack logs acme.flows
        $ plugboard pack logs acme.none
        error: Not found: no pack "acme.none"
          remedy: list them with `plugboard pack list`
        exit 1
        $ plugboard apply shop
        ~ queue sales changed
            policy.plugin: not set → acme.lines/lines
            policy.settings: not set → {"again_ms":"500"}
        shop is at revision 2
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard pack remove acme.lines
        error: Not possible now: acme.lines is named by queue sales
          remedy: name something else there first, or nothing
        exit 1
        $ plugboard pack rollback acme.lines
        acme.lines 1.0.0 serves
          1.1.0 -> 1.0.0
          lines (routing)
        $ plugboard pack rollback acme.lines
        error: Not possible now: there is no version of acme.lines to go back to
          remedy: send the version that you want with `plugboard pack upgrade`
        exit 1
        $ plugboard apply shop
        ~ queue sales changed
            policy.plugin: acme.lines/lines → not set
            policy.settings: {"again_ms":"500"} → not set
        shop is at revision 3
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard pack remove acme.lines
        acme.lines is removed; calls that live keep it to their end
        $ plugboard pack remove acme.lines
        error: Not found: no pack "acme.lines"
          remedy: list them with `plugboard pack list`
        exit 1
        $ plugboard pack list
        acme.flows  Lines  Acme Ltd
          serves 1.0.0 (signed by Acme)
            component acme.flows/lines (flow)
              may ask for numbers to be dialled
              may ask for calls to be recorded
    "#]],
    );
}

#[test]
fn what_was_acknowledged_is_there_after_a_power_cut_and_serves() {
    let mut desk = Desk::open("cut");
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.run("pack install 1.0.0.pbpack");
    desk.put("shop/queues.toml", QUEUES_WITH_POLICY.as_bytes());
    let before = desk.run("apply shop") + &desk.run("pack list");
    desk.kill();
    desk.start();
    // A policy that could not be asked would not be accepted again.
    desk.put("shop/queues.toml", QUEUES_WITH_POLICY.replace("500", "600").as_bytes());
    let after = desk.run("apply shop") + &desk.run("pack list");
    says(
        &(before + &after),
        &expect![[r#"
        ~ queue sales changed
            policy.plugin: not set → acme.lines/lines
            policy.settings: not set → {"again_ms":"500"}
        shop is at revision 2
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        acme.lines  Lines  Acme Ltd
          serves 1.0.0 (signed by Acme)
            component acme.lines/lines (routing)
        ~ queue sales changed
            policy.settings: {"again_ms":"500"} → {"again_ms":"600"}
        shop is at revision 3
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        acme.lines  Lines  Acme Ltd
          serves 1.0.0 (signed by Acme)
            component acme.lines/lines (routing)
    "#]],
    );
    let events = desk.run("events --json");
    let packs = events.lines().filter(|line| line.contains("\"type\":\"pack-")).count();
    assert_eq!(packs, 1, "{events}");
}

/// Names only: types and functions are told by the load.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
    let exports: String = exports.iter().map(|name| format!("(export \"{name}\" (instance $none))")).collect();
    wat::parse_str(format!("(component {imports} (instance $none) {exports})")).unwrap()
}

#[test]
fn each_pack_that_must_not_run_is_refused_with_a_remedy_and_what_serves_goes_on() {
    let desk = Desk::open("bad");
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.run("pack install 1.0.0.pbpack");
    desk.put("shop/queues.toml", QUEUES_WITH_POLICY.as_bytes());
    desk.run("apply shop");
    let before = desk.run("pack list");
    let newer = || Making { version: "2.0.0", ..Making::default() };
    let altered = {
        let whole = newer().archive();
        let mut altered = Archive::new(Bounds::default());
        for (name, bytes) in whole.files() {
            let bytes = if name.as_str() == "lines.schema.json" { br#"{ "type": "object" }"# } else { bytes };
            altered.insert(name.clone(), bytes.to_vec()).unwrap();
        }
        altered.write()
    };
    let strict = r#"{ "type": "object", "properties": { "again_ms": { "type": "integer", "maximum": 100 } }, "required": ["first"] }"#;
    let http = component(&["plugboard:plugin/http@0.1.1"], &["plugboard:plugin/connector@0.1.1"]);
    let assistant = component(&["plugboard:plugin/http@0.1.1"], &["plugboard:plugin/assistant@0.1.1"]);
    let routing = component(&[], &["plugboard:plugin/routing@0.1.1"]);
    let contract = component(&[], &["plugboard:plugin/routing@0.2.0"]);
    let nothing = component(&[], &[]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no pack", b"#!/bin/sh".to_vec()),
        ("no component", Making { component: b"#!/bin/sh", ..newer() }.bytes()),
        ("a damaged component", Making { component: &ROUTING[..1_000], ..newer() }.bytes()),
        ("another world", Making { component: FLOW, ..newer() }.bytes()),
        ("right names, wrong types", Making { component: &routing, ..newer() }.bytes()),
        ("a component of a newer contract", Making { component: &contract, ..newer() }.bytes()),
        ("a manifest of a newer contract", Making { contract: "0.9.0", ..newer() }.bytes()),
        ("unsigned", Making { signed: None, ..newer() }.bytes()),
        ("altered", altered),
        ("signed by nobody whom we trust", Making { signed: Some(2), ..newer() }.bytes()),
        ("exports nothing", Making { component: &nothing, ..newer() }.bytes()),
        ("http without an ask", Making { component: &http, world: "connector", ..newer() }.bytes()),
        (
            "a world that is not run",
            Making {
                component: &assistant,
                world: "assistant",
                asks: "[components.lines.asks]\nhttp = [\"https://crm.example.com\"]\n",
                ..newer()
            }
            .bytes(),
        ),
        ("settings that miss the schema", Making { schema: strict, ..newer() }.bytes()),
        ("another pack", Making { id: "acme.other", ..newer() }.bytes()),
        (
            "asks for more than was granted",
            Making {
                component: FLOW,
                world: "flow",
                asks: "[components.lines.asks]\neffects = [\"dial\"]\n",
                ..newer()
            }
            .bytes(),
        ),
    ];
    let mut said = String::new();
    for (name, bytes) in cases {
        desk.put("bad.pbpack", &bytes);
        said += &format!("{name}\n");
        for language in ["en", "zh"] {
            said += &desk.run(&format!("--lang {language} pack upgrade bad.pbpack"));
        }
        let after = desk.run("pack list");
        let serving =
            |text: &str| text.lines().filter(|line| line.starts_with("  serves")).collect::<Vec<_>>().join("\n");
        assert_eq!(serving(&after), serving(&before), "{name}");
    }
    says(
        &said,
        &expect![[r#"
        no pack
        error: Understood, but not valid: this is no pack: it is too short
          -: this is no pack: it is too short [not-a-pack]
            remedy: build the pack with `plugboard pack build`
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: 这不是插件包：内容太短
          -: 这不是插件包：内容太短 [not-a-pack]
            办法： 请用 `plugboard pack build` 生成插件包
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        no component
        error: Understood, but not valid: lines.wasm is no WebAssembly component
          plugin.toml: lines.wasm is no WebAssembly component [not-a-component]
            remedy: build it again with `plugboard pack build`
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 不是 WebAssembly 组件
          plugin.toml: lines.wasm 不是 WebAssembly 组件 [not-a-component]
            办法： 请用 `plugboard pack build` 重新生成
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        a damaged component
        error: Understood, but not valid: lines.wasm is no valid component: it ends too early
          plugin.toml: lines.wasm is no valid component: it ends too early [not-a-component]
            remedy: build it again; the compiler's output is damaged or of another version
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 不是有效的组件：内容不完整
          plugin.toml: lines.wasm 不是有效的组件：内容不完整 [not-a-component]
            办法： 请重新构建；编译结果已损坏或版本不符
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        another world
        error: Understood, but not valid: lines.wasm exports flow, not routing
          plugin.toml: lines.wasm exports flow, not routing [wrong-world]
            remedy: write world = "flow", or build it for the other world
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 导出的是 flow，而不是 routing
          plugin.toml: lines.wasm 导出的是 flow，而不是 routing [wrong-world]
            办法： 请写 world = "flow"，或按另一个 world 构建
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        right names, wrong types
        error: Understood, but not valid: lines.wasm does not fit the world routing: instance export `plugboard:plugin/routing@0.1.1` does not have export `configure`
          plugin.toml: lines.wasm does not fit the world routing: instance export `plugboard:plugin/routing@0.1.1` does not have export `configure` [wrong-world]
            remedy: build it against wit/ of contract 0.1.1, unchanged
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 不符合 world routing：导出的接口 `plugboard:plugin/routing@0.1.1` 缺少 `configure`
          plugin.toml: lines.wasm 不符合 world routing：导出的接口 `plugboard:plugin/routing@0.1.1` 缺少 `configure` [wrong-world]
            办法： 请针对未改动的合约 0.1.1 的 wit/ 构建
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        a component of a newer contract
        error: Understood, but not valid: lines.wasm needs contract 0.2.0, this host speaks 0.1.1
          plugin.toml: lines.wasm needs contract 0.2.0, this host speaks 0.1.1 [newer-contract]
            remedy: build it against contract 0.1.1, or upgrade the host
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 需要合约 0.2.0，本主机支持 0.1.1
          plugin.toml: lines.wasm 需要合约 0.2.0，本主机支持 0.1.1 [newer-contract]
            办法： 请针对合约 0.1.1 构建，或升级主机
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        a manifest of a newer contract
        error: Understood, but not valid: acme.lines needs contract 0.9.0, this host speaks 0.1.1
          plugin.toml: acme.lines needs contract 0.9.0, this host speaks 0.1.1 [newer-contract]
            remedy: build it against contract 0.1.1, or upgrade the host
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: acme.lines 需要合约 0.9.0，本主机支持 0.1.1
          plugin.toml: acme.lines 需要合约 0.9.0，本主机支持 0.1.1 [newer-contract]
            办法： 请针对合约 0.1.1 构建，或升级主机
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        unsigned
        error: Understood, but not valid: nobody has signed it
          signature.json: nobody has signed it [unsigned]
            remedy: sign it with `plugboard pack sign`, or set the tenant to development mode
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: 没有签名
          signature.json: 没有签名 [unsigned]
            办法： 用 `plugboard pack sign` 签名，或将租户设为开发模式
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        altered
        error: Understood, but not valid: since it was signed, lines.schema.json was changed
          signature.json: since it was signed, lines.schema.json was changed [altered]
            remedy: fetch the pack again from its vendor
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: 签名之后 lines.schema.json 被改动
          signature.json: 签名之后 lines.schema.json 被改动 [altered]
            办法： 请从供应商处重新获取插件包
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        signed by nobody whom we trust
        error: Understood, but not valid: nobody whom you trust has signed it, only 6a3803d5f059902a1c6dafbc9ba47292
          signature.json: nobody whom you trust has signed it, only 6a3803d5f059902a1c6dafbc9ba47292 [unknown-key]
            remedy: compare the key with what its vendor publishes, then add it to those you trust
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: 签名者不在信任列表中：6a3803d5f059902a1c6dafbc9ba47292
          signature.json: 签名者不在信任列表中：6a3803d5f059902a1c6dafbc9ba47292 [unknown-key]
            办法： 请与供应商公布的密钥核对，然后加入信任列表
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        exports nothing
        error: Understood, but not valid: lines.wasm exports nothing of the contract
          plugin.toml: lines.wasm exports nothing of the contract [exports-nothing]
            remedy: export the interface of its world; in Rust, `export!` must not be left out for wasm32
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 没有导出合约中的任何接口
          plugin.toml: lines.wasm 没有导出合约中的任何接口 [exports-nothing]
            办法： 请导出其 world 的接口；在 Rust 中，wasm32 构建不能缺少 `export!`
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        http without an ask
        error: Understood, but not valid: lines.wasm imports plugboard:plugin/http@0.1.1, but its manifest asks for none of it
          plugin.toml: lines.wasm imports plugboard:plugin/http@0.1.1, but its manifest asks for none of it [import-not-asked]
            remedy: write http = ["https://crm.example.com"] below the component's asks
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 导入了 plugboard:plugin/http@0.1.1，但清单没有要求该权限
          plugin.toml: lines.wasm 导入了 plugboard:plugin/http@0.1.1，但清单没有要求该权限 [import-not-asked]
            办法： 请在组件的 asks 下写 http = ["https://crm.example.com"]
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        a world that is not run
        error: Understood, but not valid: lines.wasm is of the world assistant, which this host does not run yet
          plugin.toml: lines.wasm is of the world assistant, which this host does not run yet [host-lacks]
            remedy: leave the component out, or upgrade the host
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: lines.wasm 属于 assistant 世界，本主机尚不运行
          plugin.toml: lines.wasm 属于 assistant 世界，本主机尚不运行 [host-lacks]
            办法： 请去掉该组件，或升级主机
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        settings that miss the schema
        error: Understood, but not valid: 2 faults
          /queues/sales/policy/settings: `first` is missing [settings-miss-schema]
            remedy: set `first`
          /queues/sales/policy/settings/again_ms: it takes at most 100 [settings-miss-schema]
            remedy: change the value
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        错误: 已理解，但内容无效: 2 处错误
          /queues/sales/policy/settings: 缺少 `first` [settings-miss-schema]
            办法： 请设置 `first`
          /queues/sales/policy/settings/again_ms: 最大为 100 [settings-miss-schema]
            办法： 请修改该值
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        another pack
        error: Not found: no pack "acme.other"
          remedy: list them with `plugboard pack list`
        exit 1
        错误: 未找到: 没有插件包 "acme.other"
          办法： 请用 `plugboard pack list` 查看
        exit 1
        asks for more than was granted
        acme.lines 2.0.0 waits: somebody has to grant what it asks for
          1.0.0 -> 2.0.0
          lines (flow), was routing
            + may ask for numbers to be dialled
          acme.lines/lines: may ask for numbers to be dialled
          1.0.0 goes on serving
          next: plugboard pack grant acme.lines 2.0.0
        acme.lines 2.0.0 等待中：需要有人授权其请求
          1.0.0 -> 2.0.0
          lines（flow），原为 routing
            + 可以请求拨打号码
          acme.lines/lines: 可以请求拨打号码
          1.0.0 继续生效
          下一步：plugboard pack grant acme.lines 2.0.0
    "#]],
    );
}

#[test]
fn scripts_read_json() {
    let desk = Desk::open("json");
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.put("bad.pbpack", b"nothing");
    let read =
        |line: &str| -> serde_json::Value { serde_json::from_str(desk.run(line).lines().next().unwrap()).unwrap() };
    let installed = read("pack install 1.0.0.pbpack --json");
    let refused = read("pack install bad.pbpack --json");
    let listed = read("pack list --json");
    let picked = [
        &installed["ok"],
        &installed["outcome"],
        &installed["pack"]["serving"]["signed_by"],
        &refused["ok"],
        &refused["errors"][0]["code"],
        &listed["items"][0]["serving"]["components"][0]["name"],
    ];
    says(
        &picked.map(|value| format!("{value}\n")).concat(),
        &expect![[r#"
        true
        "serves"
        ["Acme"]
        false
        "not-a-pack"
        "acme.lines/lines"
    "#]],
    );
}

#[test]
fn in_development_packs_of_nobody_are_taken_over_and_over_under_one_version() {
    let mut desk = Desk::open("development");
    desk.kill();
    desk.put("plugboard.toml", format!("{CONFIG}[packs]\ndevelopment_of = [\"shop\"]\n").replace("[[packs.trust]]\nname = \"Acme\"\nkey = \"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\"\npacks = [\"acme.*\"]\n", "").as_bytes());
    desk.start();
    desk.put("one.pbpack", &Making { signed: None, ..Making::default() }.bytes());
    desk.put("two.pbpack", &Making { signed: None, schema: "{ \"type\": \"object\" }", ..Making::default() }.bytes());
    let said = desk.session(&["pack install one.pbpack", "pack upgrade two.pbpack", "pack list"]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack install one.pbpack
        acme.lines 1.0.0 serves
          component acme.lines/lines (routing)
        $ plugboard pack upgrade two.pbpack
        acme.lines 1.0.0 serves
          1.0.0 -> 1.0.0
          lines (routing)
        $ plugboard pack list
        acme.lines  Lines  Acme Ltd
          serves 1.0.0 (nobody has signed it)
            component acme.lines/lines (routing)
          before 1.0.0 (nobody has signed it)
    "#]],
    );
}

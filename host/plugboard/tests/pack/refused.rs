//! What no host would take, told to its author at once and with its place.

use std::{fs, os::unix::fs::symlink};

use expect_test::expect;
use plugboard_pack::archive::{Archive, Bounds};

use super::{Desk, MANIFEST, ROUTING, component, says};

/// Of another world than the manifest says.
const FLOW: &[u8] = include_bytes!("../../../plugin/tests/released/0.1.0/flow.wasm");

#[test]
fn all_that_is_wrong_with_a_folder_is_told_at_once_with_its_place() {
    let desk = Desk::with_lines("faults");
    desk.manifest("version = \"1.2.0\"", "version = \"1.2\"\ncolour = \"red\"");
    desk.put("lines/lines.schema.json", b"{ \"type\": ");
    fs::remove_file(desk.0.join("lines/lines.wasm")).unwrap();
    symlink("/etc/passwd", desk.0.join("lines/prompts/passwd.wav")).unwrap();
    let said = desk.session(&["pack build lines", "--lang zh pack build lines", "pack build nowhere"]);
    assert_eq!(fs::read_dir(&desk.0).unwrap().count(), 2, "nothing was built");
    says(
        &said,
        &expect![[r#"
        $ plugboard pack build lines
        lines/lines.schema.json:1:10: error[not-json]: lines.schema.json is not JSON: EOF while parsing a value
          1 | { "type": 
            |          ^
          remedy: mend the JSON

        lines/plugin.toml:3:11: error[bad-version]: `version` is "1.2": unexpected end of input while parsing minor version number
          3 | version = "1.2"
            |           ^^^^^
          remedy: give three numbers, like "1.0.0"

        lines/plugin.toml:4:1: error[unknown-key]: [pack] has no `colour`
          4 | colour = "red"
            | ^^^^^^
          remedy: use one of: id, version, contract, licence, vendor, name, description

        lines/plugin.toml:16:8: error[no-such-file]: the pack holds no lines.wasm
          16 | file = "lines.wasm"
             |        ^^^^^^^^^^^^
          remedy: put the file into the pack, or mend its name here

        lines/prompts/passwd.wav: error[link]: prompts/passwd.wav is a link
          remedy: put the file itself into the pack

        5 errors, 0 warnings
        exit 1
        $ plugboard --lang zh pack build lines
        lines/lines.schema.json:1:10: 错误[not-json]: lines.schema.json 不是 JSON：内容提前结束
          1 | { "type": 
            |          ^
          办法： 请改正 JSON

        lines/plugin.toml:3:11: 错误[bad-version]: `version` 为 "1.2"：缺少次版本号
          3 | version = "1.2"
            |           ^^^^^
          办法： 请给出三个数字，例如 "1.0.0"

        lines/plugin.toml:4:1: 错误[unknown-key]: [pack]没有 `colour` 这一项
          4 | colour = "red"
            | ^^^^^^
          办法： 可用：id, version, contract, licence, vendor, name, description

        lines/plugin.toml:16:8: 错误[no-such-file]: 插件包中没有 lines.wasm
          16 | file = "lines.wasm"
             |        ^^^^^^^^^^^^
          办法： 请将文件放入插件包，或改正此处的名称

        lines/prompts/passwd.wav: 错误[link]: prompts/passwd.wav 是链接
          办法： 请将文件本身放入插件包

        5 处错误，0 处警告
        exit 1
        $ plugboard pack build nowhere
        error[unreadable]: nowhere cannot be read: No such file or directory (os error 2)
          remedy: see whether the name is right and the file is yours to read
        exit 1
    "#]],
    );
}

#[test]
fn each_component_that_no_host_would_take_is_refused_with_a_remedy() {
    let connector = "plugboard:plugin/connector@0.1.1";
    let routing = "plugboard:plugin/routing@0.1.1";
    let http = "plugboard:plugin/http@0.1.1";
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("no component", "routing", b"#!/bin/sh".to_vec()),
        ("a damaged component", "routing", ROUTING[..1_000].to_vec()),
        ("a core module of nothing", "routing", wat::parse_str("(module)").unwrap()),
        (
            "a core module for WASI",
            "routing",
            wat::parse_str(
                "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32))))",
            )
            .unwrap(),
        ),
        ("exports nothing", "routing", component(&[], &[])),
        ("of another world", "routing", FLOW.to_vec()),
        ("of two worlds", "routing", component(&[], &[routing, connector])),
        ("of a newer contract", "routing", component(&[], &["plugboard:plugin/routing@0.2.0"])),
        ("of an older contract", "routing", component(&[], &["plugboard:plugin/routing@0.0.9"])),
        ("right names, wrong types", "routing", component(&[], &[routing])),
        ("a connector by name, not by type", "connector", component(&[], &[connector])),
        ("http without an ask", "connector", component(&[http], &[connector])),
        ("http in a pure world", "routing", component(&[http], &[routing])),
        ("something unknown", "connector", component(&["acme:tools/gpu@1.0.0"], &[connector])),
    ];
    let mut said = String::new();
    for (name, world, bytes) in cases {
        let desk = Desk::with_lines(&format!("unfit-{}", name.replace(' ', "-")));
        desk.manifest("world = \"routing\"", &format!("world = \"{world}\""));
        desk.put("lines/lines.wasm", &bytes);
        for language in ["en", "zh"] {
            let told = desk.run(&format!("--lang {language} pack build lines"));
            let short = |line: &&str| {
                !line.contains(" | ") && !line.is_empty() && !line.contains("warnings") && !line.contains("警告")
            };
            said += &told.lines().filter(short).map(|line| format!("{line}\n")).collect::<String>();
        }
        assert_eq!(fs::read_dir(&desk.0).unwrap().count(), 2, "{name}: nothing was built");
    }
    says(
        &said,
        &expect![[r#"
        lines/plugin.toml:15:8: error[not-a-component]: lines.wasm is no WebAssembly component
          remedy: build it again with `plugboard pack build`
        exit 1
        lines/plugin.toml:15:8: 错误[not-a-component]: lines.wasm 不是 WebAssembly 组件
          办法： 请用 `plugboard pack build` 重新生成
        exit 1
        lines/plugin.toml:15:8: error[not-a-component]: lines.wasm is no valid component: it ends too early
          remedy: build it again; the compiler's output is damaged or of another version
        exit 1
        lines/plugin.toml:15:8: 错误[not-a-component]: lines.wasm 不是有效的组件：内容不完整
          办法： 请重新构建；编译结果已损坏或版本不符
        exit 1
        lines/plugin.toml:15:8: error[exports-nothing]: lines.wasm exports nothing of the contract
          remedy: export the interface of its world; in Rust, `export!` must not be left out for wasm32
        exit 1
        lines/plugin.toml:15:8: 错误[exports-nothing]: lines.wasm 没有导出合约中的任何接口
          办法： 请导出其 world 的接口；在 Rust 中，wasm32 构建不能缺少 `export!`
        exit 1
        lines/lines.wasm: error[not-wrapped]: the core module cannot be made a component: failed to decode world from module: module was not valid: failed to resolve import `wasi_snapshot_preview1::fd_write`: module requires an import interface named `wasi_snapshot_preview1`
          remedy: build it for wasm32-unknown-unknown, which needs no WASI, or hand in a component
        exit 1
        lines/lines.wasm: 错误[not-wrapped]: 核心模块无法封装为组件：模块要求导入项 `wasi_snapshot_preview1::fd_write`，而合约中没有接口 `wasi_snapshot_preview1`
          办法： 请为 wasm32-unknown-unknown 构建（不需要 WASI），或直接提供组件
        exit 1
        lines/plugin.toml:15:8: error[exports-nothing]: lines.wasm exports nothing of the contract
          remedy: export the interface of its world; in Rust, `export!` must not be left out for wasm32
        exit 1
        lines/plugin.toml:15:8: 错误[exports-nothing]: lines.wasm 没有导出合约中的任何接口
          办法： 请导出其 world 的接口；在 Rust 中，wasm32 构建不能缺少 `export!`
        exit 1
        lines/plugin.toml:14:9: error[wrong-world]: lines.wasm exports flow, not routing
          remedy: write world = "flow", or build it for the other world
        exit 1
        lines/plugin.toml:14:9: 错误[wrong-world]: lines.wasm 导出的是 flow，而不是 routing
          办法： 请写 world = "flow"，或按另一个 world 构建
        exit 1
        lines/plugin.toml:14:9: error[wrong-world]: lines.wasm exports routing and connector, not routing
          remedy: name one world, and build the component for that one
        exit 1
        lines/plugin.toml:14:9: 错误[wrong-world]: lines.wasm 导出的是 routing and connector，而不是 routing
          办法： 请只写一个 world，并按它构建组件
        exit 1
        lines/plugin.toml:15:8: error[newer-contract]: lines.wasm needs contract 0.2.0, this host speaks 0.1.1
          remedy: build it against contract 0.1.1, or upgrade the host
        exit 1
        lines/plugin.toml:15:8: 错误[newer-contract]: lines.wasm 需要合约 0.2.0，本主机支持 0.1.1
          办法： 请针对合约 0.1.1 构建，或升级主机
        exit 1
        lines/plugin.toml:15:8: error[older-contract]: lines.wasm was built against contract 0.0.9, which this host no longer speaks
          remedy: build it against contract 0.1.1
        exit 1
        lines/plugin.toml:15:8: 错误[older-contract]: lines.wasm 针对合约 0.0.9 构建，本主机已不再支持
          办法： 请针对合约 0.1.1 构建
        exit 1
        lines/plugin.toml:15:8: error[wrong-world]: lines.wasm does not fit the world routing: instance export `plugboard:plugin/routing@0.1.1` does not have export `configure`
          remedy: build it against wit/ of contract 0.1.1, unchanged
        exit 1
        lines/plugin.toml:15:8: 错误[wrong-world]: lines.wasm 不符合 world routing：导出的接口 `plugboard:plugin/routing@0.1.1` 缺少 `configure`
          办法： 请针对未改动的合约 0.1.1 的 wit/ 构建
        exit 1
        lines/plugin.toml:15:8: error[wrong-world]: lines.wasm does not fit the world connector: instance export `plugboard:plugin/connector@0.1.1` does not have export `describe`
          remedy: build it against wit/ of contract 0.1.1, unchanged
        exit 1
        lines/plugin.toml:15:8: 错误[wrong-world]: lines.wasm 不符合 world connector：导出的接口 `plugboard:plugin/connector@0.1.1` 缺少 `describe`
          办法： 请针对未改动的合约 0.1.1 的 wit/ 构建
        exit 1
        lines/plugin.toml:15:8: error[import-not-asked]: lines.wasm imports plugboard:plugin/http@0.1.1, but its manifest asks for none of it
          remedy: write http = ["https://crm.example.com"] below the component's asks
        exit 1
        lines/plugin.toml:15:8: 错误[import-not-asked]: lines.wasm 导入了 plugboard:plugin/http@0.1.1，但清单没有要求该权限
          办法： 请在组件的 asks 下写 http = ["https://crm.example.com"]
        exit 1
        lines/plugin.toml:15:8: error[import-not-in-world]: lines.wasm imports plugboard:plugin/http@0.1.1, which a component of the world routing may not reach
          remedy: take what it needs from the question's arguments, or move it to a connector
        exit 1
        lines/plugin.toml:15:8: 错误[import-not-in-world]: lines.wasm 导入了 plugboard:plugin/http@0.1.1，world routing 的组件不允许使用
          办法： 请从询问的参数中获取所需内容，或改为连接器组件
        exit 1
        lines/plugin.toml:15:8: error[import-unknown]: lines.wasm imports acme:tools/gpu@1.0.0, which this host does not have
          remedy: build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
        exit 1
        lines/plugin.toml:15:8: 错误[import-unknown]: lines.wasm 导入了本主机没有的 acme:tools/gpu@1.0.0
          办法： 请仅针对 plugboard:plugin 构建，或使用不含 wasi:http 的 WASI 0.2
        exit 1
    "#]],
    );
}

#[test]
fn a_pack_that_needs_a_newer_host_or_has_no_right_schema_is_refused() {
    let desk = Desk::with_lines("newer");
    desk.manifest("contract = \"0.1.0\"", "contract = \"0.9.0\"");
    desk.put(
        "lines/lines.schema.json",
        br##"{ "type": "object", "properties": { "a": { "type": "text" }, "b": { "$ref": "#" } } }"##,
    );
    says(
        &desk.session(&["pack build lines", "--lang zh pack build lines"]),
        &expect![[r##"
        $ plugboard pack build lines
        lines/plugin.toml:4:12: error[newer-contract]: acme.lines needs contract 0.9.0, this host speaks 0.1.1
          4 | contract = "0.9.0"
            |            ^^^^^^^
          remedy: build it against contract 0.1.1, or upgrade the host

        lines/plugin.toml:16:12: error[not-a-schema]: the schema lines.schema.json at /properties/b: "#" refers to itself
          16 | settings = "lines.schema.json"
             |            ^^^^^^^^^^^^^^^^^^^
          remedy: write out as many levels as a person fills in

        lines/plugin.toml:16:12: error[not-a-schema]: the schema lines.schema.json at /properties/a/type: it takes one of string, integer, number, boolean, object, array, null, or a list of them
          16 | settings = "lines.schema.json"
             |            ^^^^^^^^^^^^^^^^^^^
          remedy: mend it as JSON Schema 2020-12 has it

        3 errors, 0 warnings
        exit 1
        $ plugboard --lang zh pack build lines
        lines/plugin.toml:4:12: 错误[newer-contract]: acme.lines 需要合约 0.9.0，本主机支持 0.1.1
          4 | contract = "0.9.0"
            |            ^^^^^^^
          办法： 请针对合约 0.1.1 构建，或升级主机

        lines/plugin.toml:16:12: 错误[not-a-schema]: schema lines.schema.json 的 /properties/b 处："#" 引用了自身
          16 | settings = "lines.schema.json"
             |            ^^^^^^^^^^^^^^^^^^^
          办法： 请按实际填写的层数展开

        lines/plugin.toml:16:12: 错误[not-a-schema]: schema lines.schema.json 的 /properties/a/type 处：应为下列之一：string, integer, number, boolean, object, array, null, or a list of them
          16 | settings = "lines.schema.json"
             |            ^^^^^^^^^^^^^^^^^^^
          办法： 请按 JSON Schema 2020-12 改正

        3 处错误，0 处警告
        exit 1
    "##]],
    );
}

#[test]
fn an_operator_is_told_what_no_host_would_take() {
    let desk = Desk::with_lines("inspect-unfit");
    // Not built by `pack build`, which would refuse it.
    let mut archive = Archive::new(Bounds::default());
    let manifest =
        MANIFEST.replace("[folders]\nprompts = \"prompts\"\n", "").replace("settings = \"lines.schema.json\"\n", "");
    archive.insert("plugin.toml".parse().unwrap(), manifest.into_bytes()).unwrap();
    let http = component(&["plugboard:plugin/http@0.1.1"], &["plugboard:plugin/routing@0.1.1"]);
    archive.insert("lines.wasm".parse().unwrap(), http).unwrap();
    desk.put("lines.pbpack", &archive.write());
    says(
        &desk.session(&["pack inspect lines.pbpack"]),
        &expect![[r#"
        $ plugboard pack inspect lines.pbpack
        acme.lines 1.2.0
          Lines
          Longest wait first
          by Acme Ltd, licence Apache-2.0
          contract 0.1.0
          digest 947903803c6598c9f251a35459c121c2737fea9b587d30831e04532a49fefe86

        component lines: world routing, lines.wasm, 117 B
          sends requests to other systems
          asks for nothing
          takes no settings

        nobody has signed it
          a host takes it in development mode only
        lines.pbpack: error[import-not-in-world]: lines.wasm imports plugboard:plugin/http@0.1.1, which a component of the world routing may not reach
          remedy: take what it needs from the question's arguments, or move it to a connector

        1 error, 0 warnings
        exit 1
    "#]],
    );
}

/// It is right, so it is built; and no host would take it.
#[test]
fn an_author_is_told_which_worlds_no_host_asks_yet_and_what_to_do() {
    let desk = Desk::with_lines("unasked");
    desk.manifest("world = \"routing\"", "world = \"dialer\"");
    desk.put("lines/lines.wasm", include_bytes!("../../../plugin/tests/released/0.1.1/dialer.wasm"));
    let said = desk.session(&[
        "pack build lines",
        "--lang zh pack build lines --dry-run",
        "pack inspect acme.lines-1.2.0.pbpack",
        "pack new bot --world assistant",
    ]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack build lines
        acme.lines-1.2.0.pbpack is built: acme.lines 1.2.0, 4 files, 9.2 KiB
          digest: e1beeb699ab38601b51e09e604f0d0d35a2e8ac40f4b48a3362e2930569845ba
          next: plugboard pack sign acme.lines-1.2.0.pbpack --key NAME.key
        lines/plugin.toml:14:9: warning[not-asked-yet]: no host asks a component of the world dialer yet; every host refuses to install lines.wasm
          14 | world = "dialer"
             |         ^^^^^^^^
          remedy: go on with `plugboard pack test` and keep it for a host that asks it; what a flow can ask today is a connector

        0 errors, 1 warning
        $ plugboard --lang zh pack build lines --dry-run
        将生成 acme.lines-1.2.0.pbpack：acme.lines 1.2.0，4 个文件，9.2 KiB
          摘要：e1beeb699ab38601b51e09e604f0d0d35a2e8ac40f4b48a3362e2930569845ba
        lines/plugin.toml:14:9: 警告[not-asked-yet]: 目前还没有主机会使用 dialer 世界的组件；所有主机都会拒绝安装 lines.wasm
          14 | world = "dialer"
             |         ^^^^^^^^
          办法： 请继续用 `plugboard pack test` 测试，留待支持它的主机；目前流程可以询问的是 connector

        0 处错误，1 处警告
        $ plugboard pack inspect acme.lines-1.2.0.pbpack
        acme.lines 1.2.0
          Lines
          Longest wait first
          by Acme Ltd, licence Apache-2.0
          contract 0.1.0
          digest e1beeb699ab38601b51e09e604f0d0d35a2e8ac40f4b48a3362e2930569845ba

        component lines: world dialer, lines.wasm, 21.8 KiB
          imports nothing: it sees what it is asked, and no more
          asks for nothing
          takes 1 setting
            patience_s (integer, default 20): How long a caller waits

        prompts: 1 file in prompts, 364 B
        nobody has signed it
          a host takes it in development mode only
        acme.lines-1.2.0.pbpack: error[host-lacks]: lines.wasm is of the world dialer, which this host does not run yet
          remedy: leave the component out, or upgrade the host

        1 error, 0 warnings
        exit 1
        $ plugboard pack new bot --world assistant
        bot is there: a plugin of the world assistant. Next:
          cd bot
          rustup target add wasm32-unknown-unknown
          cargo test --target-dir target
          cargo build --release --target wasm32-unknown-unknown --target-dir target
          plugboard pack build . --file bot.wasm=target/wasm32-unknown-unknown/release/bot.wasm
          plugboard pack test example.bot-0.1.0.pbpack
          plugboard pack key new mine
          plugboard pack sign example.bot-0.1.0.pbpack --key mine.key
          plugboard pack verify example.bot-0.1.0.pbpack --trust mine.pub
        README.md says the same; what installs is needed once
        bot: warning[not-asked-yet]: no host asks a component of the world assistant yet; every host refuses to install bot.wasm
          remedy: go on with `plugboard pack test` and keep it for a host that asks it; what a flow can ask today is a connector

        0 errors, 1 warning
    "#]],
    );
    let json = |line: &str| desk.run(line).lines().next().unwrap_or_default().to_owned();
    let codes = ["pack build lines --json", "pack new bot2 --world dialer --json", "pack new ivr --world flow --json"]
        .map(|line| serde_json::from_str::<serde_json::Value>(&json(line)).unwrap()["warnings"].to_string())
        .map(|warnings| warnings.matches("not-asked-yet").count());
    assert_eq!(codes, [1, 1, 0]);
}

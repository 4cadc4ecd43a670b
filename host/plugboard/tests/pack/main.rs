//! `plugboard pack` as a person types it, with the real program in a folder of its own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs a program")]

#[path = "../desk/mod.rs"]
mod desk;
mod refused;
#[path = "../desk/silence.rs"]
mod sound;

use std::{fs, os::unix::fs::PermissionsExt as _};

use desk::Desk;
use expect_test::{Expect, expect};
use plugboard_pack::archive::{Archive, Bounds, SIGNATURE};
use sound::silence;

/// A component of the contract 0.1.0, kept for ever.
const ROUTING: &[u8] = include_bytes!("../../../plugin/tests/released/0.1.0/routing.wasm");
/// Known to this file alone: the keys of seeds of ones and of twos.
const ACME: &str = "plugboard-pack-private-key 0101010101010101010101010101010101010101010101010101010101010101 acme\n";
const ACME_PUBLIC: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
const OTHER_PUBLIC: &str = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394";

const MANIFEST: &str = r#"[pack]
id = "acme.lines"
version = "1.2.0"
contract = "0.1.0"
licence = "Apache-2.0"
vendor = "Acme Ltd"
name = { en = "Lines", zh-CN = "线路" }
description = { en = "Longest wait first", zh-CN = "等待最久者优先" }

[folders]
prompts = "prompts"

[components.lines]
world = "routing"
file = "lines.wasm"
settings = "lines.schema.json"
"#;

impl Desk {
    /// With a pack's folder `lines` and a private key `acme.key`.
    fn with_lines(name: &str) -> Self {
        let desk = Self::new(name);
        desk.put("lines/plugin.toml", MANIFEST.as_bytes());
        desk.put("lines/lines.wasm", ROUTING);
        desk.put(
            "lines/lines.schema.json",
            br#"{ "type": "object", "properties": { "patience_s": { "type": "integer", "default": 20, "description": "How long a caller waits" } } }"#,
        );
        desk.put("lines/prompts/welcome.wav", &silence());
        desk.put("lines/prompts/.DS_Store", b"the system's own");
        desk.put("lines/notes.txt", b"nobody else's");
        desk.put("acme.key", ACME.as_bytes());
        fs::set_permissions(desk.0.join("acme.key"), fs::Permissions::from_mode(0o600)).unwrap();
        desk
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn manifest(&self, from: &str, to: &str) {
        assert!(MANIFEST.contains(from), "{from}");
        self.put("lines/plugin.toml", MANIFEST.replacen(from, to, 1).as_bytes());
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

fn says(said: &str, expected: &Expect) {
    expected.assert_eq(said);
}

#[test]
fn a_folder_becomes_a_pack_that_its_vendor_vouches_for() {
    let desk = Desk::with_lines("whole");
    let said = desk.session(&[
        "pack build lines --dry-run",
        "pack build lines",
        "pack verify acme.lines-1.2.0.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        "pack sign acme.lines-1.2.0.pbpack --key acme.key",
        "pack verify acme.lines-1.2.0.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        "pack inspect acme.lines-1.2.0.pbpack",
    ]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack build lines --dry-run
        acme.lines-1.2.0.pbpack would be built: acme.lines 1.2.0, 4 files, 13.5 KiB
          digest: 30b15593c843780d0f472231c4b8cf7d35a73d01973316648f46dcfd730aba00
        $ plugboard pack build lines
        acme.lines-1.2.0.pbpack is built: acme.lines 1.2.0, 4 files, 13.5 KiB
          digest: 30b15593c843780d0f472231c4b8cf7d35a73d01973316648f46dcfd730aba00
          next: plugboard pack sign acme.lines-1.2.0.pbpack --key NAME.key
        $ plugboard pack verify acme.lines-1.2.0.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        error[unsigned]: acme.lines-1.2.0.pbpack: nobody has signed it
          remedy: sign it with `plugboard pack sign`, or set the tenant to development mode
        exit 1
        $ plugboard pack sign acme.lines-1.2.0.pbpack --key acme.key
        acme.lines 1.2.0 (30b15593c843) is signed with the key 34750f98bd59fcfc946da45aaabe933b
          next: plugboard pack verify acme.lines-1.2.0.pbpack --trust NAME.pub
        $ plugboard pack verify acme.lines-1.2.0.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        acme.lines 1.2.0 (30b15593c843): signed by 34750f98bd59fcfc946da45aaabe933b
        $ plugboard pack inspect acme.lines-1.2.0.pbpack
        acme.lines 1.2.0
          Lines
          Longest wait first
          by Acme Ltd, licence Apache-2.0
          contract 0.1.0
          digest 30b15593c843780d0f472231c4b8cf7d35a73d01973316648f46dcfd730aba00

        component lines: world routing, lines.wasm, 31.4 KiB
          imports nothing: it sees what it is asked, and no more
          asks for nothing
          takes 1 setting
            patience_s (integer, default 20): How long a caller waits

        prompts: 1 file in prompts, 364 B
        signed with the key 34750f98bd59fcfc946da45aaabe933b, not verified here
          verify with: plugboard pack verify FILE --trust KEY
    "#]],
    );
}

#[test]
fn the_same_is_told_in_chinese() {
    let desk = Desk::with_lines("chinese");
    let said = desk.session(&[
        "--lang zh pack build lines",
        "--lang zh pack sign acme.lines-1.2.0.pbpack --key acme.key",
        "--lang zh pack verify acme.lines-1.2.0.pbpack --trust 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
        "--lang zh pack inspect acme.lines-1.2.0.pbpack",
        "pack new ivr --lang zh --world flow --lang rust",
    ]);
    says(
        &said,
        &expect![[r#"
        $ plugboard --lang zh pack build lines
        acme.lines-1.2.0.pbpack 已生成：acme.lines 1.2.0，4 个文件，13.5 KiB
          摘要：30b15593c843780d0f472231c4b8cf7d35a73d01973316648f46dcfd730aba00
          下一步：plugboard pack sign acme.lines-1.2.0.pbpack --key NAME.key
        $ plugboard --lang zh pack sign acme.lines-1.2.0.pbpack --key acme.key
        acme.lines 1.2.0 (30b15593c843) 已用密钥 34750f98bd59fcfc946da45aaabe933b 签名
          下一步：plugboard pack verify acme.lines-1.2.0.pbpack --trust NAME.pub
        $ plugboard --lang zh pack verify acme.lines-1.2.0.pbpack --trust 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394
        错误[unknown-key]: acme.lines-1.2.0.pbpack：签名者不在信任列表中：34750f98bd59fcfc946da45aaabe933b
          办法： 请与供应商公布的密钥核对，然后加入信任列表
        exit 1
        $ plugboard --lang zh pack inspect acme.lines-1.2.0.pbpack
        acme.lines 1.2.0
          线路
          等待最久者优先
          供应商 Acme Ltd，许可证 Apache-2.0
          合约版本 0.1.0
          摘要 30b15593c843780d0f472231c4b8cf7d35a73d01973316648f46dcfd730aba00

        组件 lines：world routing，lines.wasm，31.4 KiB
          不导入任何接口：只能看到所询问的内容
          不要求任何权限
          有 1 个设置项
            patience_s (integer, 默认 20): How long a caller waits

        提示音：1 个文件，位于 prompts，364 B
        由密钥 34750f98bd59fcfc946da45aaabe933b 签名，此处未验证
          验证方法：plugboard pack verify FILE --trust KEY
        $ plugboard pack new ivr --lang zh --world flow --lang rust
        ivr 已生成：world 为 flow 的插件。接下来：
          cd ivr
          rustup target add wasm32-unknown-unknown
          cargo test --target-dir target
          cargo build --release --target wasm32-unknown-unknown --target-dir target
          plugboard pack build . --file ivr.wasm=target/wasm32-unknown-unknown/release/ivr.wasm
          plugboard pack test example.ivr-0.1.0.pbpack
          plugboard pack key new mine
          plugboard pack sign example.ivr-0.1.0.pbpack --key mine.key
          plugboard pack verify example.ivr-0.1.0.pbpack --trust mine.pub
        README.md 中有同样的说明；安装工具的命令只需执行一次
    "#]],
    );
}

#[test]
fn scripts_read_json() {
    let desk = Desk::with_lines("json");
    desk.run("pack build lines");
    desk.run("pack sign acme.lines-1.2.0.pbpack --key acme.key");
    let read =
        |line: &str| -> serde_json::Value { serde_json::from_str(desk.run(line).lines().next().unwrap()).unwrap() };
    let inspected = read("pack inspect acme.lines-1.2.0.pbpack --json");
    let verified = read(&format!("pack verify acme.lines-1.2.0.pbpack --json --trust {ACME_PUBLIC}"));
    let refused = read(&format!("pack verify acme.lines-1.2.0.pbpack --json --trust {OTHER_PUBLIC}"));
    let picked = [
        &inspected["components"][0]["imports"],
        &inspected["components"][0]["built_against"],
        &inspected["signature"]["code"],
        &verified["ok"],
        &verified["by"],
        &refused["ok"],
        &refused["code"],
        &refused["remedy"],
    ];
    says(
        &picked.map(|value| format!("{value}\n")).concat(),
        &expect![[r#"
        []
        ["0.1.0"]
        "not-verified"
        true
        ["34750f98bd59fcfc946da45aaabe933b"]
        false
        "unknown-key"
        "compare the key with what its vendor publishes, then add it to those you trust"
    "#]],
    );
}

#[test]
fn a_pack_is_trusted_only_as_it_was_signed_and_by_those_who_are_named() {
    let desk = Desk::with_lines("verdicts");
    desk.run("pack build lines -o plain.pbpack");
    desk.run("pack sign plain.pbpack --key acme.key -o signed.pbpack");
    let signed = Archive::read(&desk.bytes("signed.pbpack"), Bounds::default()).unwrap();
    let altered = |change: &dyn Fn(&str, Vec<u8>) -> Vec<u8>| {
        let mut altered = Archive::new(Bounds::default());
        for (name, bytes) in signed.files() {
            altered.insert(name.clone(), change(name.as_str(), bytes.to_vec())).unwrap();
        }
        altered.write()
    };
    desk.put("altered.pbpack", &altered(&|name, bytes| if name.ends_with(".wav") { b"RIFX".to_vec() } else { bytes }));
    desk.put(
        "forged.pbpack",
        &altered(&|name, bytes| {
            if name != SIGNATURE {
                return bytes;
            }
            let text = String::from_utf8(bytes).unwrap();
            let at = text.find("\"signature\": \"").unwrap() + 14;
            [&text[..at], &"0".repeat(8), &text[at + 8..]].concat().into_bytes()
        }),
    );
    desk.put("cut.pbpack", &desk.bytes("signed.pbpack")[..100]);
    let trust = format!("--trust {ACME_PUBLIC}");
    let said = desk.session(&[
        &format!("pack verify plain.pbpack {trust}"),
        &format!("pack verify altered.pbpack {trust}"),
        &format!("pack verify forged.pbpack {trust}"),
        &format!("pack verify cut.pbpack {trust}"),
        &format!("pack verify signed.pbpack --trust {OTHER_PUBLIC}"),
        &format!("pack verify signed.pbpack --trust {OTHER_PUBLIC} {ACME_PUBLIC}"),
        "pack verify signed.pbpack --trust acme.key",
        "pack verify signed.pbpack --trust lines/plugin.toml",
        "pack verify nowhere.pbpack --trust nowhere.pub",
    ]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack verify plain.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        error[unsigned]: plain.pbpack: nobody has signed it
          remedy: sign it with `plugboard pack sign`, or set the tenant to development mode
        exit 1
        $ plugboard pack verify altered.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        error[altered]: altered.pbpack: since it was signed, prompts/welcome.wav was changed
          remedy: fetch the pack again from its vendor
        exit 1
        $ plugboard pack verify forged.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        error[forged]: forged.pbpack: the signature is not by 34750f98bd59fcfc946da45aaabe933b
          remedy: fetch the pack again from its vendor
        exit 1
        $ plugboard pack verify cut.pbpack --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        error[not-a-pack]: cut.pbpack: this is no pack: it does not end as a zip container without a comment does
          remedy: build the pack with `plugboard pack build`
        exit 1
        $ plugboard pack verify signed.pbpack --trust 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394
        error[unknown-key]: signed.pbpack: nobody whom you trust has signed it, only 34750f98bd59fcfc946da45aaabe933b
          remedy: compare the key with what its vendor publishes, then add it to those you trust
        exit 1
        $ plugboard pack verify signed.pbpack --trust 8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
        acme.lines 1.2.0 (30b15593c843): signed by 34750f98bd59fcfc946da45aaabe933b
        $ plugboard pack verify signed.pbpack --trust acme.key
        error[private-key]: acme.key holds a private key
          remedy: name the public one beside it, NAME.pub; the private one is for signing
        exit 1
        $ plugboard pack verify signed.pbpack --trust lines/plugin.toml
        error[no-public-key]: lines/plugin.toml holds no public key
          remedy: name a file NAME.pub, or give the 64 hexadecimal digits of the key
        exit 1
        $ plugboard pack verify nowhere.pbpack --trust nowhere.pub
        error[unreadable]: nowhere.pub cannot be read: No such file or directory (os error 2)
          remedy: see whether the name is right and the file is yours to read
        exit 1
    "#]],
    );
}

#[test]
fn a_private_key_is_its_owners_alone_and_never_written_over() {
    let desk = Desk::new("keys");
    let made = desk.run("pack key new acme");
    let mode = |name: &str| fs::metadata(desk.0.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("acme.key"), made.lines().count()), (0o600, 4));
    let before = desk.bytes("acme.key");
    let again = desk.run("pack key new acme");
    fs::remove_file(desk.0.join("acme.pub")).unwrap();
    let and_again = desk.run("pack key new acme");
    assert_eq!(desk.bytes("acme.key"), before);
    fs::set_permissions(desk.0.join("acme.key"), fs::Permissions::from_mode(0o640)).unwrap();
    desk.put("lines.pbpack", b"");
    let open = desk.run("pack sign lines.pbpack --key acme.key");
    says(
        &[again, and_again, open].concat(),
        &expect![[r#"
        error[exists]: acme.pub is there already
          remedy: choose another name; what is there is not written over
        exit 1
        error[exists]: acme.key is there already
          remedy: choose another name; what is there is not written over
        exit 1
        error[key-for-all]: others than you may read the private key acme.key
          remedy: chmod 600 acme.key; make a new one if somebody may have read it
        exit 1
    "#]],
    );
}

#[test]
fn a_key_that_was_made_signs_and_its_other_half_verifies() {
    let desk = Desk::with_lines("pair");
    desk.run("pack key new mine");
    desk.run("pack build lines");
    desk.run("pack sign acme.lines-1.2.0.pbpack --key mine.key");
    let verified = desk.run("pack verify acme.lines-1.2.0.pbpack --trust mine.pub");
    assert!(verified.ends_with(": signed by mine\n"), "{verified}");
}

#[test]
fn the_same_files_make_the_same_bytes() {
    let (one, other) = (Desk::with_lines("same-1"), Desk::with_lines("same-2"));
    other.put("elsewhere.wasm", ROUTING);
    fs::remove_file(other.0.join("lines/lines.wasm")).unwrap();
    one.run("pack build lines -o a.pbpack");
    other.run("pack build lines -o a.pbpack --file lines.wasm=elsewhere.wasm");
    assert_eq!(one.bytes("a.pbpack"), other.bytes("a.pbpack"));
}

/// Names only: types and functions are told by the load.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
    let exports: String = exports.iter().map(|name| format!("(export \"{name}\" (instance $none))")).collect();
    wat::parse_str(format!("(component {imports} (instance $none) {exports})")).unwrap()
}

#[test]
fn an_upgrade_says_what_it_asks_for_more() {
    let desk = Desk::with_lines("diff");
    let connector = component(&["plugboard:plugin/http@0.1.1"], &["plugboard:plugin/connector@0.1.1"]);
    // It has the names and not the types: `pack build` would refuse it.
    let asks = |version: &str, asks: &str| {
        let manifest = MANIFEST.replace("1.2.0", version).replace("\"routing\"", "\"connector\"");
        let mut archive = Archive::new(Bounds::default());
        let files = [
            ("plugin.toml", format!("{manifest}\n[components.lines.asks]\n{asks}").into_bytes()),
            ("lines.wasm", connector.clone()),
            ("lines.schema.json", br#"{ "type": "object" }"#.to_vec()),
            ("prompts/welcome.wav", silence()),
        ];
        for (name, bytes) in files {
            archive.insert(name.parse().unwrap(), bytes).unwrap();
        }
        desk.put(&format!("{version}.pbpack"), &archive.write());
    };
    asks("1.2.0", "http = [\"https://a.example.com\", \"https://b.example.com\"]\nkv = \"1MiB\"\n");
    asks(
        "1.3.0",
        "http = [\"https://a.example.com\", \"https://c.example.com\"]\nkv = \"64KiB\"\neffects = [\"unmask\"]\n",
    );
    desk.manifest("acme.lines", "other.lines");
    desk.put("lines/lines.wasm", ROUTING);
    desk.run("pack build lines -o other.pbpack");
    let said = desk.session(&[
        "pack diff 1.2.0.pbpack 1.3.0.pbpack",
        "--lang zh pack diff 1.3.0.pbpack 1.2.0.pbpack",
        "pack diff 1.3.0.pbpack 1.3.0.pbpack",
        "pack diff 1.3.0.pbpack other.pbpack",
    ]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack diff 1.2.0.pbpack 1.3.0.pbpack
        1.2.0 -> 1.3.0
        lines (connector)
          + may reach https://c.example.com
          + may ask for masked data in full
          - may reach https://b.example.com
          - keeps up to 1 MiB of its own state
          = may reach https://a.example.com
          = keeps up to 64 KiB of its own state
        it asks for more: each tenant has to grant it first
        $ plugboard --lang zh pack diff 1.3.0.pbpack 1.2.0.pbpack
        1.3.0 -> 1.2.0
        lines（connector）
          + 可以访问 https://b.example.com
          + 最多保存 1 MiB 自己的数据
          - 可以访问 https://c.example.com
          - 可以请求查看未脱敏的数据
          = 可以访问 https://a.example.com
        权限要求有所增加：须先由各租户授权
        1.2.0 不晚于 1.3.0：主机不会视为升级
        $ plugboard pack diff 1.3.0.pbpack 1.3.0.pbpack
        1.3.0 -> 1.3.0
        lines (connector)
          = may reach https://a.example.com
          = may reach https://c.example.com
          = keeps up to 64 KiB of its own state
          = may ask for masked data in full
        it asks for nothing more
        both have the same content
        $ plugboard pack diff 1.3.0.pbpack other.pbpack
        error[two-packs]: these are two packs, acme.lines and other.lines
          remedy: name two versions of one pack
        exit 1
    "#]],
    );
}

#[test]
fn words_of_settings_come_in_the_language_that_is_spoken_where_the_pack_has_them() {
    let desk = Desk::with_lines("words");
    desk.manifest("prompts = \"prompts\"", "prompts = \"prompts\"\ntranslations = \"translations\"");
    desk.put("lines/translations/zh-CN.json", r#"{ "How long a caller waits": "来电者等待多久" }"#.as_bytes());
    desk.run("pack build lines");
    let told = |language: &str| {
        let said = desk.run(&format!("--lang {language} pack inspect acme.lines-1.2.0.pbpack"));
        said.lines().find(|line| line.contains("patience_s")).unwrap().trim().to_owned()
    };
    assert_eq!(
        [told("en"), told("zh")],
        ["patience_s (integer, default 20): How long a caller waits", "patience_s (integer, 默认 20): 来电者等待多久"]
    );
    desk.put("lines/translations/zh-CN.json", b"[]");
    assert!(desk.run("pack build lines --dry-run").contains("error[bad-translation]"));
}

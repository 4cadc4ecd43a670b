//! What is asked, granted and asked for more, in words.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::collections::BTreeSet;

use expect_test::expect;
use plugboard_pack::{
    Grant, Manifest, World,
    permissions::{Asks, Changes, EffectKind, Import, check_imports},
};

/// A pack of one connector, which asks for `asks` (lines of TOML).
fn pack(version: &str, asks: &str) -> Manifest {
    let text = format!(
        "[pack]\nid = \"acme.crm\"\nversion = \"{version}\"\ncontract = \"0.1.0\"\nlicence = \"MIT\"\nvendor = \"Acme\"\n\
         name = \"Acme\"\ndescription = \"Finds the caller\"\n\
         [components.lookup]\nworld = \"connector\"\nfile = \"lookup.wasm\"\n[components.lookup.asks]\n{asks}"
    );
    Manifest::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn asks(toml: &str) -> Asks {
    pack("1.0.0", toml).components[0].asks.clone()
}

#[test]
fn each_ask_is_said_in_both_languages() {
    let asks = asks(
        r#"
        http = ["https://crm.example.com", "https://*.example.org:8443"]
        http-private = ["http://10.0.0.5:8080"]
        secrets = { crm-token = ["https://crm.example.com"] }
        kv = "64KiB"
        effects = ["unmask", "export"]
        "#,
    );
    let mut said: Vec<_> =
        asks.each().iter().map(|ask| ask.words()).map(|words| words.en + "\n" + &words.zh_cn).collect();
    let others = EffectKind::ALL.into_iter().filter(|effect| !asks.effects.contains(effect));
    let others = Asks { effects: others.collect(), ..Asks::default() };
    said.extend(others.each().iter().map(|ask| ask.words()).map(|words| words.en + "\n" + &words.zh_cn));
    expect![[r#"
        may reach https://crm.example.com
        可以访问 https://crm.example.com
        may reach https://*.example.org:8443
        可以访问 https://*.example.org:8443
        may reach http://10.0.0.5:8080, not encrypted, also in your own network
        可以访问 http://10.0.0.5:8080（未加密），包括您的内部网络
        may have the secret `crm-token` sent to https://crm.example.com; it never sees it
        可以让密钥“crm-token”随请求发往 https://crm.example.com；组件本身看不到密钥
        keeps up to 64 KiB of its own state
        最多保存 64 KiB 自己的数据
        may ask for masked data in full
        可以请求查看未脱敏的数据
        may ask for records to be exported
        可以请求导出记录
        may ask for calls to be answered
        可以请求接听来电
        may ask for numbers to be dialled
        可以请求拨打号码
        may ask for calls to be recorded
        可以请求对通话录音
        may ask for messages to be sent
        可以请求发送消息"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn an_upgrade_shows_what_it_asks_more_less_and_the_same() {
    let old = asks(
        r#"
        http = ["https://*.example.com", "https://old.example.org"]
        secrets = { crm-token = ["https://crm.example.com"] }
        kv = "64KiB"
        "#,
    );
    let new = asks(
        r#"
        http = ["https://crm.example.com", "https://mail.example.net"]
        http-private = ["https://db.example.com"]
        secrets = { crm-token = ["https://crm.example.com", "https://mail.example.net"] }
        kv = "128KiB"
        effects = ["unmask"]
        "#,
    );
    let lines = old.difference(&new).lines();
    expect![[r#"
        + may reach https://db.example.com, also in your own network
        + 可以访问 https://db.example.com，包括您的内部网络
        + may reach https://mail.example.net
        + 可以访问 https://mail.example.net
        + may have the secret `crm-token` sent to https://mail.example.net; it never sees it
        + 可以让密钥“crm-token”随请求发往 https://mail.example.net；组件本身看不到密钥
        + keeps up to 128 KiB of its own state
        + 最多保存 128 KiB 自己的数据
        + may ask for masked data in full
        + 可以请求查看未脱敏的数据
        - may reach https://old.example.org
        - 可以访问 https://old.example.org
        - may reach https://*.example.com
        - 可以访问 https://*.example.com
        = may reach https://crm.example.com
        = 可以访问 https://crm.example.com
        = may have the secret `crm-token` sent to https://crm.example.com; it never sees it
        = 可以让密钥“crm-token”随请求发往 https://crm.example.com；组件本身看不到密钥
    "#]]
    .assert_eq(&lines.iter().map(|line| format!("{}\n{}\n", line.en, line.zh_cn)).collect::<String>());
}

#[test]
fn an_upgrade_that_asks_for_more_waits_and_one_that_asks_for_less_does_not() {
    let http = "http = [\"https://crm.example.com\"]\n";
    let first = pack("1.0.0", &format!("{http}kv = \"64KiB\""));
    let grant = Grant::of("acme".parse().unwrap(), &first);
    let verdict = |manifest: &Manifest, grant: Option<&Grant>| match manifest.judge(grant) {
        Ok(()) => format!("{} runs", manifest.version),
        Err(wanting) => wanting.to_string(),
    };
    let ladder = [
        verdict(&first, None),
        verdict(&first, Some(&grant)),
        verdict(&pack("1.1.0", http), Some(&grant)),
        verdict(&pack("1.2.0", &format!("{http}kv = \"65KiB\"")), Some(&grant)),
        verdict(&pack("1.2.0", &format!("{http}kv = \"65KiB\"\neffects = [\"unmask\"]")), Some(&grant)),
        verdict(&pack("2.0.0", http), Some(&grant)),
        verdict(&pack("1.3.0-rc.1", http), Some(&grant)),
        verdict(&pack("0.9.0", http), Some(&grant)),
        verdict(&pack("2.0.0", ""), Some(&grant)),
        verdict(&pack("2.0.0", ""), None),
    ];
    expect![[r#"
        acme.crm 1.0.0 asks for 2 things that nobody granted
        1.0.0 runs
        1.1.0 runs
        acme.crm 1.2.0 asks for 1 thing that nobody granted
        acme.crm 1.2.0 asks for 2 things that nobody granted
        what was granted to acme.crm is for ^1.0.0, this is 2.0.0
        what was granted to acme.crm is for ^1.0.0, this is 1.3.0-rc.1
        what was granted to acme.crm is for ^1.0.0, this is 0.9.0
        2.0.0 runs
        2.0.0 runs"#]]
    .assert_eq(&ladder.join("\n"));
}

#[test]
fn a_grant_to_another_pack_grants_nothing() {
    let manifest = pack("1.0.0", "kv = \"64KiB\"");
    let grant = Grant { pack: "acme.other".parse().unwrap(), ..Grant::of("acme".parse().unwrap(), &manifest) };
    assert_eq!(manifest.judge(Some(&grant)), manifest.judge(None));
}

#[test]
fn a_grant_reads_back_as_it_was_kept() {
    let manifest = pack("1.0.0", "http = [\"https://crm.example.com\"]\nkv = \"64KiB\"\neffects = [\"export\"]");
    let grant = Grant::of("acme".parse().unwrap(), &manifest);
    let kept = serde_json::to_string(&grant).unwrap();
    assert_eq!(serde_json::from_str::<Grant>(&kept).unwrap(), grant, "{kept}");
}

#[test]
fn an_import_needs_the_world_that_has_it_and_the_ask_that_goes_with_it() {
    let imports = [
        "plugboard:plugin/flow-types@0.1.0",
        "plugboard:plugin/log@0.1.0",
        "plugboard:plugin/config@0.1.0",
        "plugboard:plugin/kv@0.1.0",
        "plugboard:plugin/http@0.1.0",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:clocks/wall-clock@0.2.6",
        "acme:private/door",
    ];
    let full = asks("http = [\"https://crm.example.com\"]\nkv = \"1KiB\"");
    let nothing = Asks::default();
    let mut table = String::new();
    for (world, asks) in
        [(World::Flow, &nothing), (World::Routing, &nothing), (World::Connector, &nothing), (World::Connector, &full)]
    {
        table += &format!("{world}{}\n", if asks.is_empty() { "" } else { " that asks for http and kv" });
        for import in imports {
            let faults = check_imports(world, asks, [import]);
            let line =
                faults.first().map_or_else(|| format!("ok: {import}"), |fault| format!("{fault}; {}", fault.remedy()));
            table += &format!("  {line}\n");
        }
    }
    expect![[r#"
        flow
          ok: plugboard:plugin/flow-types@0.1.0
          ok: plugboard:plugin/log@0.1.0
          imports plugboard:plugin/config@0.1.0, which a component of the world flow may not reach; take what it needs from the question's arguments, or move it to a connector
          imports plugboard:plugin/kv@0.1.0, which a component of the world flow may not reach; take what it needs from the question's arguments, or move it to a connector
          imports plugboard:plugin/http@0.1.0, which a component of the world flow may not reach; take what it needs from the question's arguments, or move it to a connector
          imports wasi:http/outgoing-handler@0.2.6, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
          ok: wasi:clocks/wall-clock@0.2.6
          imports acme:private/door, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
        routing
          ok: plugboard:plugin/flow-types@0.1.0
          ok: plugboard:plugin/log@0.1.0
          imports plugboard:plugin/config@0.1.0, which a component of the world routing may not reach; take what it needs from the question's arguments, or move it to a connector
          imports plugboard:plugin/kv@0.1.0, which a component of the world routing may not reach; take what it needs from the question's arguments, or move it to a connector
          imports plugboard:plugin/http@0.1.0, which a component of the world routing may not reach; take what it needs from the question's arguments, or move it to a connector
          imports wasi:http/outgoing-handler@0.2.6, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
          ok: wasi:clocks/wall-clock@0.2.6
          imports acme:private/door, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
        connector
          ok: plugboard:plugin/flow-types@0.1.0
          ok: plugboard:plugin/log@0.1.0
          ok: plugboard:plugin/config@0.1.0
          imports plugboard:plugin/kv@0.1.0, but its manifest asks for none of it; write kv = "64KiB" below the component's asks
          imports plugboard:plugin/http@0.1.0, but its manifest asks for none of it; write http = ["https://crm.example.com"] below the component's asks
          imports wasi:http/outgoing-handler@0.2.6, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
          ok: wasi:clocks/wall-clock@0.2.6
          imports acme:private/door, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
        connector that asks for http and kv
          ok: plugboard:plugin/flow-types@0.1.0
          ok: plugboard:plugin/log@0.1.0
          ok: plugboard:plugin/config@0.1.0
          ok: plugboard:plugin/kv@0.1.0
          ok: plugboard:plugin/http@0.1.0
          imports wasi:http/outgoing-handler@0.2.6, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
          ok: wasi:clocks/wall-clock@0.2.6
          imports acme:private/door, which this host does not have; build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http
    "#]].assert_eq(&table);
}

#[test]
fn what_a_component_imports_is_said_in_words() {
    let said: BTreeSet<String> = [
        "plugboard:plugin/common",
        "plugboard:plugin/log",
        "plugboard:plugin/config",
        "plugboard:plugin/kv",
        "plugboard:plugin/http",
        "wasi:io/streams",
        "env",
    ]
    .map(|name| Import::of(name).words())
    .map(|words| format!("{}, {}\n", words.en, words.zh_cn))
    .into();
    expect![[r#"
        keeps state of its own, 保存自己的数据
        reads its own settings, 读取自己的设置
        sends requests to other systems, 向其他系统发送请求
        something that this host does not have, 本主机没有的接口
        uses WASI, which is empty here: no files, no network, 使用 WASI，此处为空：无文件、无网络
        words of the contract, 合约中的类型定义
        writes to the host's log, 写入主机日志
    "#]]
    .assert_eq(&said.into_iter().collect::<String>());
}

#[test]
fn two_versions_of_a_pack_are_compared_component_by_component() {
    let mut old = pack("1.0.0", "http = [\"https://crm.example.com\"]");
    let mut new = pack("1.1.0", "http = [\"https://crm.example.com\"]\nkv = \"1KiB\"");
    let named = |name: &str, world| {
        let like = pack("1.0.0", "effects = [\"export\"]").components.remove(0);
        plugboard_pack::manifest::Component { name: name.parse().unwrap(), world, ..like }
    };
    old.components.extend([named("sync", World::Connector), named("rules", World::Compliance)]);
    new.components.extend([named("rules", World::Connector), named("bot", World::Assistant)]);
    let lines = Changes::between(&old, &new).lines();
    expect![[r#"
        1.0.0 -> 1.1.0
        1.0.0 -> 1.1.0
        lookup (connector)
        lookup（connector）
          + keeps up to 1 KiB of its own state
          + 最多保存 1 KiB 自己的数据
          = may reach https://crm.example.com
          = 可以访问 https://crm.example.com
        rules (connector), was compliance
        rules（connector），原为 compliance
          = may ask for records to be exported
          = 可以请求导出记录
        bot (assistant), new
        bot（assistant），新增
          + may ask for records to be exported
          + 可以请求导出记录
        sync (connector), gone
        sync（connector），已移除
          - may ask for records to be exported
          - 可以请求导出记录
    "#]]
    .assert_eq(&lines.iter().map(|line| format!("{}\n{}\n", line.en, line.zh_cn)).collect::<String>());
}

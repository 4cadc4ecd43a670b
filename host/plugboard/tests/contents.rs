//! Prompts and flows of a pack, named by a tenant at a running host: the real program on both sides, in a folder of its own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;
#[path = "desk/silence.rs"]
mod sound;

use desk::{Desk, FLOW, Making, QUEUES, says};
use expect_test::expect;
use sound::silence;

fn ivr<'a>(version: &'a str, asks: &'a str, more: &'a [(&'a str, &'a [u8])]) -> Making<'a> {
    let schema = "{ \"type\": \"object\" }";
    Making { id: "acme.ivr", version, world: "flow", component: FLOW, schema, asks, more, ..Making::default() }
}

#[test]
fn what_a_pack_brings_is_named_in_full_checked_with_file_and_line_and_holds_the_pack() {
    let desk = Desk::open("contents");
    let silence = silence();
    let (both, flows) = ("[folders]\nprompts = \"prompts\"\nflows = \"flows\"\n", "[folders]\nflows = \"flows\"\n");
    let welcome: (&str, &[u8]) = ("prompts/welcome.wav", &silence);
    let menu: (&str, &[u8]) = ("flows/menu.json", b"{}");
    desk.put("1.0.0.pbpack", &ivr("1.0.0", both, &[welcome, menu]).bytes());
    desk.put("1.1.0.pbpack", &ivr("1.1.0", flows, &[menu]).bytes());
    desk.put(
        "bad.pbpack",
        &ivr("1.2.0", both, &[("prompts/welcome.wav", &b"RIFF"[..]), ("flows/menu.json", &b"{"[..])]).bytes(),
    );
    let mut said =
        desk.session(&["pack install bad.pbpack", "--lang zh pack install bad.pbpack", "pack install 1.0.0.pbpack"]);
    desk.put("shop/flows.toml", b"[ivr]\nplugin = \"acme.ivr/lines\"\ndocument = \"acme.ivr/menue\"\n");
    desk.put("shop/queues.toml", format!("{QUEUES}hold_music = \"acme.ivr/welcom\"\n").as_bytes());
    said += &desk.session(&["check shop", "check shop --pack 1.0.0.pbpack", "apply shop", "--lang zh apply shop"]);
    desk.put("shop/flows.toml", b"");
    desk.put("shop/queues.toml", format!("{QUEUES}hold_music = \"acme.ivr/welcome\"\n").as_bytes());
    said += &desk.session(&[
        "check shop --pack 1.0.0.pbpack",
        "apply shop",
        "pack upgrade 1.1.0.pbpack",
        "pack remove acme.ivr",
    ]);
    desk.put("shop/queues.toml", QUEUES.as_bytes());
    said += &desk.session(&["apply shop", "pack remove acme.ivr"]);
    says(
        &said,
        &expect![[r#"
        $ plugboard pack install bad.pbpack
        error: Understood, but not valid: 2 faults
          plugin.toml: prompts/welcome.wav cannot be played: the file is no RIFF WAVE file [unplayable-prompt]
            remedy: make it PCM, mono, 8,000 to 48,000 Hz: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav
          plugin.toml: flows/menu.json is no document of a flow: EOF while parsing an object at line 1 column 1 [bad-document]
            remedy: let it be JSON, in a file called like the flow: menu.json
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard --lang zh pack install bad.pbpack
        错误: 已理解，但内容无效: 2 处错误
          plugin.toml: prompts/welcome.wav 无法播放：文件不是 RIFF WAVE 格式 [unplayable-prompt]
            办法： 请转换为 PCM 单声道 8,000 至 48,000 Hz：ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav
          plugin.toml: flows/menu.json 不是流程文档：EOF while parsing an object at line 1 column 1 [bad-document]
            办法： 请写成 JSON，文件名与流程同名：menu.json
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        $ plugboard pack install 1.0.0.pbpack
        acme.ivr 1.0.0 serves
          component acme.ivr/lines (flow)
        $ plugboard check shop
        shop is right: 1 queues, 0 agents, 0 numbers, 1 flows, 0 prompts
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard check shop --pack 1.0.0.pbpack
        flows.toml:3:12: error[unknown-document]: no pack brings the flow "acme.ivr/menue"
          3 | document = "acme.ivr/menue"
            |            ^^^^^^^^^^^^^^^^
          remedy: did you mean `acme.ivr/menu`?

        queues.toml:3:14: error[prompt-missing]: no pack brings the prompt "acme.ivr/welcom"
          3 | hold_music = "acme.ivr/welcom"
            |              ^^^^^^^^^^^^^^^^^
          remedy: did you mean `acme.ivr/welcome`?

        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        2 errors, 1 warning
        exit 1
        $ plugboard apply shop
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        error: Understood, but not valid: 2 faults
          queues.toml:3:14: no pack brings the prompt "acme.ivr/welcom" [prompt-missing]
            remedy: did you mean `acme.ivr/welcome`?
          flows.toml:3:12: no pack brings the flow "acme.ivr/menue" [unknown-document]
            remedy: did you mean `acme.ivr/menu`?
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard --lang zh apply shop
        queues.toml:1:2: 警告[queue-without-agents]: 没有座席服务于此队列
          1 | [sales]
            |  ^^^^^
          办法： 请写入某座席的 `queues = ["sales"]`

        0 处错误，1 处警告
        错误: 已理解，但内容无效: 2 处错误
          queues.toml:3:14: 没有插件包提供提示音 "acme.ivr/welcom" [prompt-missing]
            办法： 是否想写 `acme.ivr/welcome`？
          flows.toml:3:12: 没有插件包提供流程 "acme.ivr/menue" [unknown-document]
            办法： 是否想写 `acme.ivr/menu`？
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        $ plugboard check shop --pack 1.0.0.pbpack
        shop is right: 1 queues, 0 agents, 0 numbers, 0 flows, 0 prompts
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard apply shop
        ~ queue sales changed
            hold_music: not set → acme.ivr/welcome
        shop is at revision 2
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard pack upgrade 1.1.0.pbpack
        error: Understood, but not valid: no pack brings the prompt "acme.ivr/welcome"
          /queues/sales/hold_music: no pack brings the prompt "acme.ivr/welcome" [prompt-missing]
            remedy: install a pack that brings it
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard pack remove acme.ivr
        error: Not possible now: acme.ivr is named by /queues/sales/hold_music
          remedy: name something else there first, or nothing
        exit 1
        $ plugboard apply shop
        ~ queue sales changed
            hold_music: acme.ivr/welcome → not set
        shop is at revision 3
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard pack remove acme.ivr
        acme.ivr is removed; calls that live keep it to their end
    "#]],
    );
}

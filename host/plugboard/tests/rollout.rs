//! A new version beside the one that serves, as a person types it: the real program on both sides. Calls meet versions in the live tests.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;

use desk::{Desk, FLOW, Making, says};
use expect_test::expect;

fn desk(name: &str) -> Desk {
    let desk = Desk::open(name);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        desk.put(&format!("{version}.pbpack"), &Making { version, ..Making::default() }.bytes());
    }
    desk.run("pack install 1.0.0.pbpack");
    desk
}

#[test]
fn a_version_goes_from_shadow_over_canary_to_all_and_back() {
    let desk = desk("rollout");
    desk.put("testers.txt", b"# who volunteered\n+8613800138000\n+8613900139000\n");
    let said = desk.session(&[
        "pack rollout acme.lines",
        "pack promote acme.lines",
        "pack upgrade 1.1.0.pbpack --shadow --budget minimum=20,watch=10m",
        "pack rollout acme.lines",
        "pack upgrade 1.2.0.pbpack",
        "pack promote acme.lines --numbers testers.txt",
        "pack promote acme.lines --canary 20%",
        "--lang zh pack list",
        "--lang zh pack rollout acme.lines",
        "pack rollback acme.lines",
        "pack upgrade 1.1.0.pbpack --tag tier=gold",
        "pack promote acme.lines",
        "pack rollback acme.lines",
        "pack rollout acme.lines",
    ]);
    says(
        &said,
        &expect![[r#"
            $ plugboard pack rollout acme.lines
            acme.lines: the stable version serves all
            budget failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h
            VERSION  ROLE    LIVE  ENDED  ASKED  TRAPPED  LATE  BAD ANSWERS  DECLINED  HUNG UP IN FLOW  QUEUED  WAITED TOO LONG
            1.0.0    stable  0     0      0      0        0     0            0         0                0       0
            $ plugboard pack promote acme.lines
            error: Not possible now: no version is on trial
              remedy: bring one with `plugboard pack upgrade --shadow` or `--canary 5%`
            exit 1
            $ plugboard pack upgrade 1.1.0.pbpack --shadow --budget minimum=20,watch=10m
            acme.lines 1.1.0 is tried
              1.0.0 -> 1.1.0
              lines (routing)
              next: plugboard pack rollout acme.lines
            $ plugboard pack rollout acme.lines
            acme.lines: the candidate is asked beside, without effect
            budget failures=1%,hang-ups=5%,service-level=10%,minimum=20,window=10m,watch=10m
            VERSION  ROLE       LIVE  ENDED  ASKED  TRAPPED  LATE  BAD ANSWERS  DECLINED  HUNG UP IN FLOW  QUEUED  WAITED TOO LONG  SAME  DIFFERENT  DROPPED
            1.0.0    stable     0     0      0      0        0     0            0         0                0       0                0     0          0
            1.1.0    candidate  0     0      0      0        0     0            0         0                0       0                0     0          0
            $ plugboard pack upgrade 1.2.0.pbpack
            error: Not possible now: 1.1.0 (61d21d07147d) is on trial; promote it or roll it back first
              remedy: use `plugboard pack promote` or `plugboard pack rollback`, then send this one again
            exit 1
            $ plugboard pack promote acme.lines --numbers testers.txt
            acme.lines 1.1.0 is tried
              1.0.0 -> 1.1.0
              lines (routing)
              next: plugboard pack rollout acme.lines
            $ plugboard pack promote acme.lines --canary 20%
            acme.lines 1.1.0 is tried
              1.0.0 -> 1.1.0
              lines (routing)
              next: plugboard pack rollout acme.lines
            $ plugboard --lang zh pack list
            acme.lines  线路  Acme Ltd
              使用中 1.0.0 (由 Acme 签名)
                组件 acme.lines/lines（routing）
              试用中 1.1.0 (由 Acme 签名)
                组件 acme.lines/lines（routing）
            $ plugboard --lang zh pack rollout acme.lines
            acme.lines: 新版本服务于 share=20%
            预算 failures=1%,hang-ups=5%,service-level=10%,minimum=20,window=10m,watch=10m
            版本   角色      进行中  已结束  询问  崩溃  超时  无效应答  拒答  流程中挂机  进入队列  等待过久
            1.0.0  当前版本  0       0       0     0     0     0         0     0           0         0
            1.1.0  新版本    0       0       0     0     0     0         0     0           0         0
            $ plugboard pack rollback acme.lines
            acme.lines 1.0.0 serves
              1.0.0 -> 1.0.0
              lines (routing)
            $ plugboard pack upgrade 1.1.0.pbpack --tag tier=gold
            acme.lines 1.1.0 is tried
              1.0.0 -> 1.1.0
              lines (routing)
              next: plugboard pack rollout acme.lines
            $ plugboard pack promote acme.lines
            acme.lines 1.1.0 serves
              1.0.0 -> 1.1.0
              lines (routing)
            $ plugboard pack rollback acme.lines
            acme.lines 1.0.0 serves
              1.1.0 -> 1.0.0
              lines (routing)
            $ plugboard pack rollout acme.lines
            acme.lines: the stable version serves all
            budget failures=1%,hang-ups=5%,service-level=10%,minimum=20,window=10m,watch=10m
            VERSION  ROLE    LIVE  ENDED  ASKED  TRAPPED  LATE  BAD ANSWERS  DECLINED  HUNG UP IN FLOW  QUEUED  WAITED TOO LONG
            1.0.0    stable  0     0      0      0        0     0            0         0                0       0
        "#]],
    );
}

#[test]
fn what_cannot_be_tried_is_refused_with_a_remedy_in_both_languages() {
    let desk = desk("rollout-refused");
    let mut said = String::new();
    for language in ["en", "zh"] {
        said += &desk.session(
            &[
                "pack upgrade 1.1.0.pbpack --canary 200%",
                "pack upgrade 1.1.0.pbpack --numbers ,",
                "pack upgrade 1.1.0.pbpack --tag gold",
                "pack upgrade 1.1.0.pbpack --shadow --budget failures=often",
                "pack promote acme.lines",
                "pack promote acme.none",
            ]
            .map(|line| format!("--lang {language} {line}"))
            .each_ref()
            .map(String::as_str),
        );
    }
    says(
        &said,
        &expect![[r#"
        $ plugboard --lang en pack upgrade 1.1.0.pbpack --canary 200%
        error: Understood, but not valid: a share is a percentage of 0 to 100, with two decimals at most
          /trial: a share is a percentage of 0 to 100, with two decimals at most [bad-trial]
            remedy: name at least one caller, number or tag, and at most as many as are allowed
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard --lang en pack upgrade 1.1.0.pbpack --numbers ,
        error: Understood, but not valid: the list names nobody
          /trial: the list names nobody [bad-trial]
            remedy: name at least one caller, number or tag, and at most as many as are allowed
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard --lang en pack upgrade 1.1.0.pbpack --tag gold
        error: Understood, but not valid: "tag=gold" is no way to try a version
          /trial: "tag=gold" is no way to try a version [bad-trial]
            remedy: write shadow, share=5%, callers=+8613800138000, dialled=8001 or tag=tier=gold
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard --lang en pack upgrade 1.1.0.pbpack --shadow --budget failures=often
        error: Understood, but not valid: "failures=often" is no part of a budget
          /budget: "failures=often" is no part of a budget [bad-budget]
            remedy: write it as failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h, and leave out what stays
          remedy: mend each of `errors` and send it again; nothing was changed
        exit 1
        $ plugboard --lang en pack promote acme.lines
        error: Not possible now: no version is on trial
          remedy: bring one with `plugboard pack upgrade --shadow` or `--canary 5%`
        exit 1
        $ plugboard --lang en pack promote acme.none
        error: Not found: no pack "acme.none"
          remedy: list them with `plugboard pack list`
        exit 1
        $ plugboard --lang zh pack upgrade 1.1.0.pbpack --canary 200%
        错误: 已理解，但内容无效: 比例为 0 到 100 的百分数，最多两位小数
          /trial: 比例为 0 到 100 的百分数，最多两位小数 [bad-trial]
            办法： 请至少指定一个主叫、号码或标签，且不超过允许的数量
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        $ plugboard --lang zh pack upgrade 1.1.0.pbpack --numbers ,
        错误: 已理解，但内容无效: 列表中没有任何号码
          /trial: 列表中没有任何号码 [bad-trial]
            办法： 请至少指定一个主叫、号码或标签，且不超过允许的数量
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        $ plugboard --lang zh pack upgrade 1.1.0.pbpack --tag gold
        错误: 已理解，但内容无效: "tag=gold" 不是有效的试用方式
          /trial: "tag=gold" 不是有效的试用方式 [bad-trial]
            办法： 请写 shadow、share=5%、callers=+8613800138000、dialled=8001 或 tag=tier=gold
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        $ plugboard --lang zh pack upgrade 1.1.0.pbpack --shadow --budget failures=often
        错误: 已理解，但内容无效: "failures=often" 不是预算的组成部分
          /budget: "failures=often" 不是预算的组成部分 [bad-budget]
            办法： 请写成 failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h，不变的部分可省略
          办法： 请逐条修正 `errors` 后重发；未做任何更改
        exit 1
        $ plugboard --lang zh pack promote acme.lines
        错误: 现在无法执行: 没有正在试用的版本
          办法： 请用 `plugboard pack upgrade --shadow` 或 `--canary 5%` 引入新版本
        exit 1
        $ plugboard --lang zh pack promote acme.none
        错误: 未找到: 没有插件包 "acme.none"
          办法： 请用 `plugboard pack list` 查看
        exit 1
    "#]],
    );
}

#[test]
fn a_plan_and_its_events_outlive_a_power_cut_and_a_grant_begins_the_trial_that_was_asked_for() {
    let mut desk = Desk::open("rollout-cut");
    let asks = "[components.lines.asks]\neffects = [\"record\"]\n";
    for (version, asks) in [("1.0.0", ""), ("1.3.0", asks)] {
        let (id, schema) = ("acme.flows", "{ \"type\": \"object\" }");
        let flows = Making { id, version, asks, schema, world: "flow", component: FLOW, ..Making::default() };
        desk.put(&format!("{version}.pbpack"), &flows.bytes());
    }
    let mut said = desk.session(&[
        "pack install 1.0.0.pbpack",
        "pack upgrade 1.3.0.pbpack --canary 5%",
        "pack grant acme.flows 1.3.0",
    ]);
    desk.kill();
    desk.start();
    let read = |desk: &Desk| {
        let plan: serde_json::Value = serde_json::from_str(&desk.run("pack rollout acme.flows --json")).unwrap();
        let role = |version: &serde_json::Value| format!("{} {}", version["role"], version["version"]);
        let roles: Vec<String> = plan["versions"].as_array().unwrap().iter().map(role).collect();
        format!("{} {} {}\n", plan["stage"], plan["audience"], roles.join(", "))
    };
    said += &read(&desk);
    said += &desk.run("pack promote acme.flows");
    desk.kill();
    desk.start();
    said += &read(&desk);
    let told = desk.run("events --json");
    let told = told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told = told.filter(|event| event["pack"] == "acme.flows");
    let told = told.map(|event| format!("{} {} {}\n", event["type"], event["version"], event["audience"]));
    said += &told.collect::<String>();
    says(
        &said,
        &expect![[r#"
        $ plugboard pack install 1.0.0.pbpack
        acme.flows 1.0.0 serves
          component acme.flows/lines (flow)
        $ plugboard pack upgrade 1.3.0.pbpack --canary 5%
        acme.flows 1.3.0 waits: somebody has to grant what it asks for
          1.0.0 -> 1.3.0
          lines (flow)
            + may ask for calls to be recorded
          acme.flows/lines: may ask for calls to be recorded
          1.0.0 goes on serving
          next: plugboard pack grant acme.flows 1.3.0
        $ plugboard pack grant acme.flows 1.3.0
        acme.flows 1.3.0 is tried
          1.0.0 -> 1.3.0
          lines (flow)
            + may ask for calls to be recorded
          next: plugboard pack rollout acme.flows
        "canary" "share=5%" "stable" "1.0.0", "candidate" "1.3.0"
        acme.flows 1.3.0 serves
          1.0.0 -> 1.3.0
          lines (flow)
            + may ask for calls to be recorded
        "watched" null "stable" "1.3.0", "before" "1.0.0"
        "pack-installed" "1.0.0" null
        "pack-upgraded" "1.3.0" null
        "pack-granted" "1.3.0" null
        "rollout-canary" "1.3.0" "share=5%"
        "rollout-promoted" "1.3.0" null
    "#]],
    );
}

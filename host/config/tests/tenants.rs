//! Tenants as folders: the demo is right, and a broken one says all that is wrong with it.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::path::{Path, PathBuf};

use expect_test::expect;
use plugboard_config::{ConnectorSays, Fault, Finding, Judges, Style, check, load_tenant, render};
use plugboard_model::{
    Configuration, Limits, Policy, Queue,
    channel::Channel,
    compliance::Rule,
    connector::{Connector, Secret, SecretSource},
    flow::{Problem, Setting, Severity},
    routing::Tables,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Stands for the flow's own check, which knows one fault: an exit to a node called `ghost`.
fn no_ghosts(document: &str, _: &Limits) -> Vec<Problem> {
    let haunted = document.contains(r#""ghost""#);
    let problem = || Problem {
        severity: Severity::Error,
        code: "dangling-exit".to_owned(),
        node: Some("menu".to_owned()),
        field: Some("/nodes/menu/exits/1".to_owned()),
        message: "the exit \"1\" leads to \"ghost\", which is no node".to_owned(),
        remedy: "name one of the nodes".to_owned(),
    };
    haunted.then(problem).into_iter().collect()
}

/// Stands for a policy's own check: `route-skills` is there, and its `overflow` must be a queue.
fn known_policies(plugin: &str, tables: &Tables) -> Vec<Problem> {
    let problem = |code: &str, message: String, remedy: &str| Problem {
        severity: Severity::Error,
        code: code.to_owned(),
        node: None,
        field: None,
        message,
        remedy: remedy.to_owned(),
    };
    if plugin != "route-skills" {
        let message = format!("there is no routing plugin {plugin}");
        let remedy = "install it, or leave `policy` out to use the queue's strategy";
        return vec![problem("unknown-policy", message, remedy)];
    }
    let lost = |setting: &&Setting| setting.name == "overflow-to" && !tables.queues.contains(&setting.value);
    let told = |setting: &Setting| format!("overflow-to: there is no queue {:?}", setting.value);
    let problems = tables.settings.iter().filter(lost).map(told);
    problems.map(|message| problem("bad-settings", message, "mend the policy's settings")).collect()
}

/// Stands for a rule's own check: `rule-calling-hours` is there, and knows `from`.
fn known_rules(rule: &Rule) -> Vec<Problem> {
    let problem = |code: &str, field: Option<&str>, message: String, remedy: &str| Problem {
        severity: Severity::Error,
        code: code.to_owned(),
        node: None,
        field: field.map(str::to_owned),
        message,
        remedy: remedy.to_owned(),
    };
    if &*rule.plugin != "rule-calling-hours" {
        let message = format!("there is no compliance plugin {}", rule.plugin);
        return vec![problem("unknown-rule", None, message, "install it, or take the rule out")];
    }
    let unknown = rule.settings.keys().filter(|name| *name != "from");
    let told =
        |name: &String| problem("unknown-setting", Some(name), format!("there is no setting {name:?}"), "take it out");
    unknown.map(told).collect()
}

/// Stands for a connector's own check: `connector-rest` finds customers.
fn known_connectors(connector: &Connector) -> ConnectorSays {
    if &*connector.plugin != "connector-rest" {
        let problem = Problem {
            severity: Severity::Error,
            code: "unknown-connector".to_owned(),
            node: None,
            field: None,
            message: format!("there is no connector plugin {}", connector.plugin),
            remedy: "install it, or take the connector out".to_owned(),
        };
        return ConnectorSays { problems: vec![problem], operations: None };
    }
    ConnectorSays { problems: Vec::new(), operations: Some(["find-customer".to_owned()].into()) }
}

/// Stands for a channel's own check: `channel-webhook` wants an address.
fn known_channels(channel: &Channel) -> Vec<Problem> {
    let component = &channel.component;
    let problem = |code: &str, field: Option<&str>, message: String| {
        let (code, field, remedy) = (code.to_owned(), field.map(str::to_owned), "write it".to_owned());
        vec![Problem { severity: Severity::Error, code, node: None, field, message, remedy }]
    };
    match (&*component.plugin, component.settings.get("send-url").map(String::as_str)) {
        ("channel-webhook", Some(url)) if url.starts_with("http") => Vec::new(),
        ("channel-webhook", _) => problem("bad-setting", Some("/send-url"), "send-url is no address".to_owned()),
        (other, _) => problem("unknown-channel", None, format!("there is no channel plugin {other}")),
    }
}

const JUDGES: Judges<'static> = Judges {
    flow: &no_ghosts,
    policy: &known_policies,
    rule: &known_rules,
    connector: &known_connectors,
    channel: &known_channels,
};

/// How deep menus may go is the tenant's own: the flow component is asked with it.
#[test]
fn flow_component_hears_how_deep_menus_may_go() {
    let heard = std::cell::RefCell::new(Vec::new());
    let hear = |_: &str, limits: &Limits| {
        heard.borrow_mut().push(limits.menu_depth);
        Vec::new()
    };
    load_tenant(&folder("../../examples/demo"), Judges { flow: &hear, ..JUDGES }).unwrap();
    assert_eq!(heard.into_inner(), [2, 2]);
}

#[test]
fn the_demo_tenant_has_no_fault() {
    let demo = load_tenant(&folder("../../examples/demo"), JUDGES);
    let bundle = demo.unwrap_or_else(|faults| panic!("{}", render(&faults, Style::Plain)));
    assert_eq!(render(&bundle.warnings, Style::Plain), "0 errors, 0 warnings\n");
    let configuration = bundle.configuration;
    let parts = (
        configuration.queues.len(),
        configuration.agents.len(),
        configuration.numbers.len(),
        configuration.flows.len(),
    );
    assert_eq!(parts, (2, 4, 3, 2));
}

#[test]
fn a_broken_tenant_says_everything_at_once_with_line_and_remedy() {
    let faults = load_tenant(&folder("tests/broken"), JUDGES).unwrap_err();
    expect![[r#"
        agents.toml:4:20: error[unknown-queue]: no queue is called "sale"
          4 | queues = ["sales", "sale"]
            |                    ^^^^^^
          remedy: did you mean `sales`?

        agents.toml:8:13: error[duplicate-extension]: 1001 is the extension of amy already
          8 | extension = "1001"
            |             ^^^^^^
          remedy: give each agent an extension of their own

        agents.toml:9:16: error[no-secret]: the environment variable PLUGBOARD_TEST_NEVER_SET is not set
          9 | password_env = "PLUGBOARD_TEST_NEVER_SET"
            |                ^^^^^^^^^^^^^^^^^^^^^^^^^^
          remedy: set PLUGBOARD_TEST_NEVER_SET where the program starts

        agents.toml:12:13: error[extension-is-number]: 8000 is one of the tenant's numbers too, and the number would win
          12 | extension = "8000"
             |             ^^^^^^
          remedy: choose another extension

        flows/main.json:6:17: error[prompt-missing]: node menu: there is no prompt "welcom"
          6 |       "prompt": "welcom",
            |                 ^^^^^^^^
          remedy: did you mean `welcome`?

        flows/main.json:7:23: error[dangling-exit]: node menu: the exit "1" leads to "ghost", which is no node
          7 |       "exits": { "1": "ghost", "2": "wait" }
            |                       ^^^^^^^
          remedy: name one of the nodes

        flows/main.json:9:72: error[unknown-skill]: node wait: no agent has the skill "suport", so nobody could take the call
          9 |     "wait": { "kind": "queue", "queue": "sales", "skills": { "suport": 3 }, "announce": { "prompt": [{ "position": true }] } },
            |                                                                        ^
          remedy: did you mean `support`?

        flows/main.json:9:102: error[prompt-missing]: node wait: there is no prompt "digits/0"
          9 |     "wait": { "kind": "queue", "queue": "sales", "skills": { "suport": 3 }, "announce": { "prompt": [{ "position": true }] } },
            |                                                                                                      ^
          remedy: record prompts/zh-CN/digits/0.wav

        flows/main.json:10:53: error[prompt-missing]: node voicemail: the prompt "welcome" is missing in en
          10 |     "voicemail": { "kind": "voicemail", "greeting": "welcome", "mailbox": { "agent": "amie" } },
             |                                                     ^^^^^^^^^
          remedy: record prompts/en/welcome.wav

        flows/main.json:10:86: error[unknown-agent]: node voicemail: no agent is called "amie"
          10 |     "voicemail": { "kind": "voicemail", "greeting": "welcome", "mailbox": { "agent": "amie" } },
             |                                                                                      ^^^^^^
          remedy: use one of: amy, ben, lee

        flows/main.json:11:53: error[unknown-flow]: node elsewhere: no flow is called "main-en"
          11 |     "elsewhere": { "kind": "transfer-flow", "flow": "main-en" }
             |                                                     ^^^^^^^^^
          remedy: use one of: main

        numbers.toml:1:17: error[unknown-flow]: no flow is called "mian"
          1 | 8000 = { flow = "mian" }
            |                 ^^^^^^
          remedy: did you mean `main`?

        numbers.toml:2:1: error[two-targets]: the number leads to more than one place
          2 | 8001 = { queue = "sales", flow = "main" }
            | ^^^^
          remedy: keep one of `flow`, `queue` and `agent`

        numbers.toml:3:1: error[missing-key]: a number needs `flow`
          3 | 8002 = {}
            | ^^^^
          remedy: say where it leads: { flow = "main" }, { queue = … } or { agent = … }

        prompts/noise.wav: error[unplayable-prompt]: cannot be played: the file is no RIFF WAVE file
          remedy: make it PCM, mono, 8,000 to 48,000 Hz: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav

        queues.toml:3:16: error[bad-duration]: `ring_timeout` is 20, which is no duration
          3 | ring_timeout = 20
            |                ^^
          remedy: write the unit: ring_timeout = "20s"

        queues.toml:4:11: error[bad-duration]: `wrap_up` is half a minute, which is no duration
          4 | wrap_up = "half a minute"
            |           ^^^^^^^^^^^^^^^
          remedy: write numbers with their units, like wrap_up = "20s", "1m30s", "500ms" or "2h"

        queues.toml:5:12: error[out-of-range]: `max_wait` is 400d
          5 | max_wait = "400d"
            |            ^^^^^^
          remedy: give at most 1d

        queues.toml:6:12: error[unknown-word]: `strategy` cannot be "longest_idle"
          6 | strategy = "longest_idle"
            |            ^^^^^^^^^^^^^^
          remedy: did you mean `longest-idle`?

        queues.toml:7:22: error[out-of-range]: the level of `selling` is 11
          7 | skills = { selling = 11 }
            |                      ^^
          remedy: write a level from 1 to 10 for each skill: { english = 5 }

        queues.toml:8:15: error[unknown-queue]: no queue is called "suport"
          8 | overflow_to = "suport"
            |               ^^^^^^^^
          remedy: did you mean `support`?

        queues.toml:12:1: error[unknown-key]: a queue has no `说明`
          12 | "说明" = "客人"
             | ^^^^^^
          remedy: use one of: alarm_average_wait, alarm_longest_wait, hold_music, max_wait, max_waiting, missed_limit, name, overflow_after, overflow_to, policy, priority, record, refuse_when_unstaffed, ring_timeout, service_level, skills, strategy, wrap_up

        queues.toml:13:21: error[unknown-skill]: no agent has the skill "suport", so nobody could take the call
          13 | skills = { suport = 2 }
             |                     ^
          remedy: did you mean `support`?

        queues.toml:14:14: error[prompt-missing]: there is no prompt "musik"
          14 | hold_music = "musik"
             |              ^^^^^^^
          remedy: record prompts/en/musik.wav

        queues.toml:15:12: error[out-of-range]: `priority` is 5000
          15 | priority = 5000
             |            ^^^^
          remedy: give a whole number from -1000 to 1000

        tenant.toml:3:1: error[unknown-key]: a tenant has no `langauge`
          3 | langauge = "zh-CN"
            | ^^^^^^^^
          remedy: did you mean `language`?

        tenant.toml:4:13: error[unknown-time-zone]: no time zone is called "Asia/Shanghia"
          4 | time_zone = "Asia/Shanghia"
            |             ^^^^^^^^^^^^^^^
          remedy: did you mean `Asia/Shanghai`?

        tenant.toml:7:9: error[unknown-queue]: no queue is called "suport"
          7 | queue = "suport"
            |         ^^^^^^^^
          remedy: did you mean `support`?

        trunks.toml:1:2: error[half-account]: an account needs both `user` and a password
          1 | [carrier]
            |  ^^^^^^^
          remedy: give both, or neither

        trunks.toml:2:10: error[bad-value]: "192.0.2.0/33" is no address block; write one like 192.0.2.0/24 or 192.0.2.7
          2 | allow = ["192.0.2.0/33"]
            |          ^^^^^^^^^^^^^^
          remedy: write blocks of addresses: ["192.0.2.0/24"]

        trunks.toml:3:10: error[bad-value]: `peers` is "sip.example:5060": invalid socket address syntax
          3 | peers = ["sip.example:5060"]
            |          ^^^^^^^^^^^^^^^^^^
          remedy: write addresses with ports: ["192.0.2.1:5060"]

        agents.toml:3:12: warning[weak-password]: the password of amy has fewer than 8 characters
          3 | password = "1234"
            |            ^^^^^^
          remedy: make a longer one: openssl rand -base64 15

        agents.toml:7:2: warning[agent-without-queue]: this agent serves no queue and gets direct calls only
          7 | [ben]
            |  ^^^
          remedy: add queues = ["…"] if that is not meant

        agents.toml:11:2: warning[agent-without-queue]: this agent serves no queue and gets direct calls only
          11 | [lee]
             |  ^^^
          remedy: add queues = ["…"] if that is not meant

        prompts/tune.mp3: warning[not-played]: only files called *.wav are played
          remedy: convert it: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav

        queue.toml: warning[unknown-file]: nothing reads this file
          remedy: did you mean `queues.toml`?

        queues.toml:8:15: warning[half-overflow]: `overflow_to` has no effect without `overflow_after`
          8 | overflow_to = "suport"
            |               ^^^^^^^^
          remedy: give `overflow_after` as well, or take `overflow_to` out

        queues.toml:10:2: warning[queue-without-agents]: no agent serves this queue
          10 | [support]
             |  ^^^^^^^
          remedy: name it in an agent's `queues = ["support"]`

        queues.toml:17:2: warning[queue-without-agents]: no agent serves this queue
          17 | [empty]
             |  ^^^^^
          remedy: name it in an agent's `queues = ["empty"]`

        trunks.toml:1:2: warning[idle-trunk]: no call can come or go by this trunk
          1 | [carrier]
            |  ^^^^^^^
          remedy: give `allow`, `certificates` or `by_account` for calls in, `peers` for calls out

        31 errors, 9 warnings
    "#]].assert_eq(&render(&faults, Style::Plain));
}

/// Except what the parsers of TOML and JSON say, which know English only.
#[test]
fn every_fault_has_its_words_in_chinese_too() {
    let faults = load_tenant(&folder("tests/broken"), JUDGES).unwrap_err();
    let told = faults.iter().flat_map(|fault| [&fault.message, &fault.remedy]);
    let missing: Vec<_> = told.filter(|text| plugboard_phrases::in_chinese(text).is_none()).collect();
    assert_eq!(missing, Vec::<&String>::new());
    let first = faults.iter().find(|fault| fault.code == "duplicate-extension").unwrap();
    expect![[r#"
        agents.toml:8:13: 错误[duplicate-extension]: 1001 已是 amy 的分机
          8 | extension = "1001"
            |             ^^^^^^
          办法： 请给每位座席各自的分机
    "#]]
    .assert_eq(&first.render(Style::Plain, plugboard_phrases::Language::Chinese));
}

/// What one file names may stand in a file that cannot be read, so nothing is said about references then.
#[test]
fn files_that_cannot_be_read_are_reported_by_themselves() {
    let faults = load_tenant(&folder("tests/unreadable"), JUDGES).unwrap_err();
    expect![[r#"
        flows/main.json:2:42: error[not-json]: EOF while parsing an object at line 3 column 0
          2 |   "nodes": { "menu": { "kind": "menu" } }
            |                                          ^
          remedy: mend the JSON here; the fault is often one character before

        numbers.toml:2:1: error[not-toml]: duplicate key
          2 | 8000 = { flow = "gone" }
            | ^^^^
          remedy: give each name once; join the two or rename one

        queues.toml:1:2: error[not-toml]: invalid unquoted key, expected letters, numbers, `-`, `_`
          1 | [客服]
            |  ^^^^
          remedy: put a name with other letters than a-z in double quotes: "客服"

        tenant.toml:2:13: error[not-toml]: invalid basic string, expected `"`
          2 | name = "Shop
            |             ^
          remedy: mend the TOML here; texts stand in double quotes, lists in brackets

        4 errors, 0 warnings
    "#]]
    .assert_eq(&render(&faults, Style::Plain));
}

#[test]
fn a_folder_that_is_none_is_one_fault() {
    let faults = load_tenant(Path::new("no-such-folder"), JUDGES).unwrap_err();
    let codes: Vec<_> = faults.iter().map(|fault| fault.code.as_ref()).collect();
    assert_eq!(codes, ["unreadable"]);
}

#[test]
fn a_fault_as_json_says_where_in_numbers() {
    let faults = load_tenant(&folder("tests/broken"), JUDGES).unwrap_err();
    let fault = faults.iter().find(|fault| fault.code == "dangling-exit").unwrap();
    expect![[r#"
        {
          "severity": "error",
          "code": "dangling-exit",
          "file": "flows/main.json",
          "line": 7,
          "column": 23,
          "length": 7,
          "text": "      \"exits\": { \"1\": \"ghost\", \"2\": \"wait\" }",
          "node": "menu",
          "message": "the exit \"1\" leads to \"ghost\", which is no node",
          "remedy": "name one of the nodes"
        }
    "#]]
    .assert_eq(&(serde_json::to_string_pretty(fault).unwrap() + "\n"));
}

/// A tenant in a folder of its own, with these queues and one agent who serves them all.
fn with_queues(name: &str, queues: &str) -> Result<Configuration, Vec<Fault>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tenant.toml"), "id = \"shop\"\nname = \"Shop\"\n").unwrap();
    std::fs::write(folder.join("queues.toml"), queues).unwrap();
    let agents =
        "[amy]\nextension = \"1001\"\npassword = \"long enough\"\nqueues = [\"sales\"]\nskills = { english = 5 }\n";
    std::fs::write(folder.join("agents.toml"), agents).unwrap();
    load_tenant(&folder, JUDGES).map(|bundle| bundle.configuration)
}

#[test]
fn a_policy_is_a_name_or_a_table_with_settings() {
    let named = with_queues("policy-name", "[sales]\npolicy = \"route-skills\"\n").unwrap();
    assert_eq!(named.queues["sales"].policy, Some(Policy::named("route-skills")));
    let table = r#"
        [sales.policy]
        plugin = "route-skills"
        attributes = ["emotion"]
        settings = { relax-first-ms = 40000, overflow-to = "sales", strict = true }
    "#;
    let told = with_queues("policy-table", &format!("[sales]\n{table}")).unwrap();
    let policy = told.queues["sales"].policy.clone().unwrap();
    let settings: Vec<_> = policy.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        (policy.plugin.as_str(), policy.attributes, settings),
        (
            "route-skills",
            vec!["emotion".to_owned()],
            vec![("overflow-to", "sales"), ("relax-first-ms", "40000"), ("strict", "true")]
        )
    );
}

#[test]
fn a_policy_that_cannot_work_is_refused_with_line_and_remedy() {
    let queues = r#"[sales]
policy = { plugin = "route-skills", settings = { overflow-to = "nobody" } }
[quick]
policy = { plugin = "route-skills", settings = { relax-first-ms = 5 } }
[odd]
policy = { plugin = "route-skills", attributes = ["mood", "mood", "last-agent"] }
[list]
policy = { plugin = "route-skills", settings = { to = ["a"] } }
[typo]
policy = "route-skils"
[nameless]
policy = { setting = 1 }
[number]
policy = 7
"#;
    let mut faults = with_queues("policy-faults", queues).unwrap_err();
    let missing: Vec<_> = faults
        .iter()
        .flat_map(|fault| [&fault.message, &fault.remedy])
        .filter(|text| plugboard_phrases::in_chinese(text).is_none())
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
    faults.retain(Fault::is_error);
    expect![[r#"
        queues.toml:2:64: error[bad-settings]: overflow-to: there is no queue "nobody"
          2 | policy = { plugin = "route-skills", settings = { overflow-to = "nobody" } }
            |                                                                ^^^^^^^^
          remedy: mend the policy's settings

        queues.toml:4:67: error[out-of-range]: `relax-first-ms` is "5"
          4 | policy = { plugin = "route-skills", settings = { relax-first-ms = 5 } }
            |                                                                   ^
          remedy: give milliseconds from 100 to 86400000

        queues.toml:6:59: error[duplicate-attribute]: the attribute "mood" stands here twice
          6 | policy = { plugin = "route-skills", attributes = ["mood", "mood", "last-agent"] }
            |                                                           ^^^^^^
          remedy: take one out

        queues.toml:6:67: error[duplicate-attribute]: every policy gets "last-agent" anyway
          6 | policy = { plugin = "route-skills", attributes = ["mood", "mood", "last-agent"] }
            |                                                                   ^^^^^^^^^^^^
          remedy: take it out

        queues.toml:8:55: error[wrong-type]: `to` is a list; it takes one value
          8 | policy = { plugin = "route-skills", settings = { to = ["a"] } }
            |                                                       ^^^^^
          remedy: write one text or number: to = "…"

        queues.toml:10:10: error[unknown-policy]: there is no routing plugin route-skils
          10 | policy = "route-skils"
             |          ^^^^^^^^^^^^^
          remedy: install it, or leave `policy` out to use the queue's strategy

        queues.toml:12:10: error[missing-key]: a policy needs `plugin`
          12 | policy = { setting = 1 }
             |          ^^^^^^^^^^^^^^^
          remedy: name the component: plugin = "route-skills"

        queues.toml:12:12: error[unknown-key]: a policy has no `setting`
          12 | policy = { setting = 1 }
             |            ^^^^^^^
          remedy: did you mean `settings`?

        queues.toml:14:10: error[wrong-type]: `policy` is a number; it takes text
          14 | policy = 7
             |          ^
          remedy: put it in double quotes: policy = "7"

        9 errors, 0 warnings
    "#]]
    .assert_eq(&render(&faults, Style::Plain));
}

#[test]
fn queues_that_overflow_in_a_circle_are_told_once() {
    let mut configuration = Configuration::empty("shop".parse().unwrap());
    for (id, to) in [("a", "b"), ("b", "c"), ("c", "b"), ("d", "d")] {
        let mut queue = Queue::named(id);
        queue.overflow_to = Some(to.parse().unwrap());
        queue.overflow_after = Some(std::time::Duration::from_secs(1));
        configuration.queues.insert(id.parse().unwrap(), queue);
    }
    let circles: Vec<_> = check(&configuration, JUDGES)
        .into_iter()
        .filter(|finding| finding.code.starts_with("overflow"))
        .map(|finding| (finding.pointer, finding.message))
        .collect();
    let told = |pointer: &str, message: &str| (pointer.to_owned(), message.to_owned());
    assert_eq!(
        circles,
        [
            told("/queues/b/overflow_to", "calls that overflow come round again: b → c → b"),
            told("/queues/d/overflow_to", "the queue \"d\" overflows to itself"),
        ]
    );
}

/// The API checks uploads by the same rules; there a pointer stands in the place of a line.
#[test]
fn a_configuration_without_files_is_held_to_the_same_rules() {
    let mut configuration = Configuration::empty("shop".parse().unwrap());
    let mut sales = Queue::named("Sales");
    sales.overflow_to = Some("support".parse().unwrap());
    sales.overflow_after = Some(std::time::Duration::from_secs(1));
    configuration.queues.insert("sales".parse().unwrap(), sales);
    let findings = check(&configuration, JUDGES);
    let pointers: Vec<_> =
        findings.iter().map(|Finding { code, pointer, .. }| (code.as_str(), pointer.as_str())).collect();
    assert_eq!(pointers, [("unknown-queue", "/queues/sales/overflow_to"), ("queue-without-agents", "/queues/sales")]);
}

fn with_connectors(name: &str, connectors: &str) -> Result<Configuration, Vec<Fault>> {
    let folder = std::env::temp_dir().join(format!("plugboard-connectors-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("flows")).unwrap();
    std::fs::write(folder.join("tenant.toml"), "id = \"shop\"\nname = \"Shop\"\n").unwrap();
    std::fs::write(folder.join("crm.json"), "{}").unwrap();
    std::fs::write(folder.join("connectors.toml"), connectors).unwrap();
    std::fs::write(folder.join("flows/main.json"), LOOKUPS).unwrap();
    let loaded = load_tenant(&folder, JUDGES).map(|bundle| bundle.configuration);
    std::fs::remove_dir_all(folder).unwrap();
    loaded
}

const LOOKUPS: &str = r#"{ "nodes": {
  "a": { "kind": "connector", "connector": "crm", "operation": "find-customer" },
  "b": { "kind": "connector", "connector": "crm", "operation": "find-customers" },
  "c": { "kind": "connector", "connector": "cmr", "operation": "find-customer" }
} }"#;

#[test]
fn a_connector_and_the_nodes_that_ask_it_are_refused_with_file_line_and_remedy() {
    let faults = with_connectors(
        "wrong",
        r#"
[crm]
plugin = "connector-rest"
allow = ["https://crm.example.com"]
settings = { mapping = { file = "crm.json" } }
concurrent = 4
per_second = 20
timeout = "2s"
[crm.secrets.token]
env = "PLUGBOARD_SECRET_CRM"

[erp]
plugin = "connector-rest"
allow = ["https://erp.example.com/api"]
settings = { mapping = { file = "erp.json" } }
concurrent = 400
timeout = "20s"
[erp.secrets.Token]
env = "HOME"
[erp.secrets.key]
file = "../other/key"
to = ["https://elsewhere.example.com"]
[erp.secrets.none]

[sap]
plugin = "connector-sap"
"#,
    )
    .unwrap_err();
    let text = render(&faults, Style::Plain);
    let wanted = [
        ("bad-name", 1),
        ("bad-origin", 2),
        ("bad-secret", 2),
        ("missing-key", 1),
        ("out-of-range", 2),
        ("unknown-connector", 2),
        ("unknown-operation", 1),
        ("unreadable", 1),
    ];
    let found = wanted.map(|(code, _)| (code, text.matches(&format!("error[{code}]")).count()));
    assert_eq!(found, wanted, "{text}");
    assert!(text.contains("did you mean `crm`?"), "{text}");
}

#[test]
fn a_connector_is_read_with_its_files_and_without_its_secrets() {
    let connectors = "[crm]\nplugin = \"connector-rest\"\nallow_private = [\"http://10.0.0.5:8080\"]\nkv_bytes = 4096\n\
         settings = { mapping = { file = \"crm.json\" }, region = 7 }\n[crm.secrets.token]\nfile = \"crm-token\"\n";
    let folder = std::env::temp_dir().join(format!("plugboard-connector-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tenant.toml"), "id = \"shop\"\nname = \"Shop\"\n").unwrap();
    std::fs::write(folder.join("crm.json"), "{}").unwrap();
    std::fs::write(folder.join("connectors.toml"), connectors).unwrap();
    let loaded = load_tenant(&folder, JUDGES);
    std::fs::remove_dir_all(&folder).unwrap();
    let configuration = loaded.unwrap_or_else(|faults| panic!("{}", render(&faults, Style::Plain))).configuration;
    let settings = [("mapping", "{}"), ("region", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wanted = Connector {
        settings: settings.into(),
        allow_private: ["http://10.0.0.5:8080".into()].into(),
        secrets: [("token".into(), Secret { from: SecretSource::File("crm-token".into()), to: [].into() })].into(),
        kv_bytes: 4_096,
        ..Connector::new("connector-rest")
    };
    assert_eq!(*configuration.connectors["crm"], wanted);
}

/// What is wrong with a channel is said where it stands: by the host, and by the component.
#[test]
fn channels_are_held_to_what_connectors_are_and_one_alone_reaches_callers() {
    let write = |name: &str, channels: &str| {
        let folder = std::env::temp_dir().join(format!("plugboard-channels-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("tenant.toml"), "id = \"shop\"\n").unwrap();
        std::fs::write(folder.join("channels.toml"), channels).unwrap();
        let loaded = load_tenant(&folder, JUDGES);
        std::fs::remove_dir_all(&folder).unwrap();
        loaded
    };
    let faults = write(
        "broken",
        "[sms]\nplugin = \"channel-webhook\"\ncallers = true\nsettings = { send-url = \"ftp\" }\n\
         [chat]\nplugin = \"channel-webhook\"\ncallers = true\nallow = [\"nowhere\"]\n\
         [pigeon]\nplugin = \"post\"\n",
    )
    .unwrap_err();
    let mut said: Vec<_> = faults
        .iter()
        .map(|fault| (fault.place.as_ref().map_or(0, |place| place.line), fault.code.to_string()))
        .collect();
    said.sort();
    let wanted = [(3, "two-for-callers"), (4, "bad-setting"), (8, "bad-origin"), (9, "unknown-channel")];
    assert_eq!(said, wanted.map(|(line, code)| (line, code.to_owned())));
    let sound = "[sms]\nplugin = \"channel-webhook\"\ncallers = true\nsettings = { send-url = \"http://a\" }\n";
    let configuration = write("sound", sound).unwrap().configuration;
    assert_eq!(configuration.channel_of_callers().map(|name| &**name), Some("sms"));
    let json = serde_json::to_string(&configuration).unwrap();
    assert_eq!(serde_json::from_str::<Configuration>(&json).unwrap().channels, configuration.channels);
}
